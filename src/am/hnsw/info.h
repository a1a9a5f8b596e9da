// What is in an hnsw index, in numbers, for vecx_index_info: one pass over the pages of nodes.

#pragma once

#include "am/hnsw/graph.h"

#include "pg/pg.h"

namespace vecx::hnsw {

struct IndexCounts {
    int64 rows;   // that nodes and duplicates hold
    int64 nodes;  // live ones of level 0
    int64 upper_nodes;
    int64 duplicates;  // rows that share the vector of a node
    int64 tombstones;
    int64 unlinked;
    int64 free_slots;
    int64 edges;  // of live nodes of level 0
    BlockNumber node_pages;
    BlockNumber total_pages;
    int levels;  // with a live node
};

IndexCounts CountIndex(Relation index, const Graph &graph);

}  // namespace vecx::hnsw

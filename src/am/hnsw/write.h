// From a graph in memory to the pages of an index: the order of the nodes, and one pass of writing.

#pragma once

#include "am/hnsw/graph.h"
#include "core/graph_builder.h"

#include "pg/pg.h"
#include "pg/temporary_memory.h"

namespace vecx::hnsw {

// Writes the whole fork, which exists and is empty.
void WriteGraph(Relation index, ForkNumber fork, const Graph &graph, uint64_t seed,
                const GraphBuilder &builder, pg::TemporaryMemory *memory);

void WriteEmptyGraph(Relation index, ForkNumber fork, const Graph &graph, uint64_t seed);

}  // namespace vecx::hnsw

// An open hnsw index: what its metapage says, checked and made ready for use. Kept with the
// relation's cache entry, so that it is read once by a backend and goes when the file changes.
//
// That entry can be flushed whenever PostgreSQL takes a lock on some relation, and detoasting a
// value does. So: read the value first, then open the graph, and hold it within one call only.

#pragma once

#include "am/copy.h"
#include "am/hnsw/format.h"
#include "am/opclass.h"
#include "core/edge_code.h"
#include "core/rotation.h"

#include "pg/pg.h"

namespace vecx::hnsw {

// For the inner product of dense vectors, points have one coordinate more than the values: what
// makes all of them as long as the longest. Then who has the largest product with a query is also
// who is nearest to it, and a graph of near points serves (Bachrach et al. 2014, "Speeding up the
// Xbox recommender system using a Euclidean transformation for inner-product spaces"). Queries have
// 0 there. A value that is longer still has 0, too: searches find it, with more trouble.
struct Graph {
    uint64_t build_id;
    OperatorClass opclass;
    int m;
    int ef_construction;
    CopyKind copies;
    int dimensions;  // of the values
    RecordShape shape;
    Layout layout;
    Rotation rotation;
    const float *centre;           // shape.dimensions; what is subtracted before the rotation
    mutable uint64_t known_nodes;  // at least so many ids have a page

    int CopyElementBytes() const { return vecx::CopyElementBytes(copies); }
    CopyFormat Copies() const { return {opclass, dimensions, copies}; }
    // Where in the copy its header stands: behind the own vector, if that is there.
    int CopyHeaderOffset() const { return shape.own_inside ? 0 : shape.own_bytes; }
    // With node codes the own vector is all that there is of the value.
    bool HasCopies() const { return shape.HasEdgeCodes(); }
    char *RecordAt(char *content, NodeId id) const {
        return content + static_cast<size_t>(layout.NodeSlot(id)) * shape.size;
    }
};

// Where a search starts.
struct Entry {
    NodeLink link;
    int level;
};

// The index as this backend knows it; reads the metapage, and `entry` from it if that is asked for.
// Raises an error for an index that is damaged, of another version or of pgvector.
const Graph &OpenGraph(Relation index, Entry *entry = nullptr);

// The graph that an index with these options and dimensions has, in memory of the current context:
// for the build. `centre`, `longest` and the seed belong to the metapage that MetaPageOf then
// makes; a graph of node codes has none. `compact`: node codes where edge codes would do.
const Graph *MakeGraph(const OperatorClass &opclass, int dimensions, int m, int ef_construction,
                       CopyKind copies, bool compact, int inline_elements, uint64_t build_id,
                       uint64_t seed, const float *centre, float longest);
MetaPage MetaPageOf(const Graph &graph, uint64_t seed, const Entry &entry);

// With node codes: what is wrong with the measures in a metapage, or nullptr.
const char *FindNodeFault(const MetaPage &meta);

// Makes a node the entry if its level is higher than that of the present one, and returns what the
// entry is then.
Entry RaiseEntry(Relation index, NodeLink link, int level);

// The metapage's last_stamp.
uint64_t ReadLastStamp(Relation index);
void WriteLastStamp(Relation index, uint64_t stamp);

// True of a graph for the inner product that was made over no rows, until the first is inserted.
inline bool LacksLongest(const Graph &graph) {
    return IsAugmented(graph.shape) && graph.shape.longest == 0;
}

// Says for an empty graph how long its augmented vectors are, by the first of them, before that is
// made a point. What has been said, or built, stays. OpenGraph then tells.
void SettleLongest(Relation index, float length);

// How the distance of an operator class is compared inside the graph.
inline bool IsInnerProduct(const OperatorClass &opclass) {
    return opclass.metric == Metric::kInnerProduct;
}

}  // namespace vecx::hnsw

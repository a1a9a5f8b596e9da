// Node codes: graphs in which a distance is computed from the two nodes' own vectors, for metrics
// and types that codes of edges do not serve, and for indexes that are to be small.
//
// The own vector is the value itself or, for dense vectors, its full-precision copy. Functions take
// it as Sq8View: `codes` points to it, `norm` is its OwnNorm, the rest is not used. Distances are
// what the operator gives, but L2 squared. By inner product, vectors are linked by the squared
// distance and only searched for by its negative; sparse ones are augmented for that.
//
// A link's length is kept in one byte, a logarithm: lengths are only held against each other.

#pragma once

#include "core/edge_code.h"
#include "core/node_record.h"
#include "core/sparse.h"

namespace vecx {

// Leads each dense copy; the elements of the vector follow, `dimensions` halves or floats.
struct CopyHeader {
    float scale;  // a power of two by which the elements are to be multiplied
    float error;  // length (L1: sum) of what the copy lost, rounded up; 0: the copy is exact
    // Of the value, or 0 where the copy is exact: values that differ are not to have equal copies,
    // since rows of equal copies share a node and go out without being compared.
    uint32_t hash;
};
static_assert(sizeof(CopyHeader) == 12);

// Leads a sparse vector; `count` indices follow, then as many values. What has no room in the
// record goes on in other slots.
struct SparseHeader {
    int32_t count;
    int32_t reserved;
};
constexpr int SparseBytes(int count) { return static_cast<int>(sizeof(SparseHeader)) + count * 8; }
constexpr int SparseCapacity(int bytes) {
    return (bytes - static_cast<int>(sizeof(SparseHeader))) / 8;
}
constexpr int kMaxSparseElements = 1000;  // of a value in an index
SparseList SparseListOf(const RecordShape &shape, const void *own) noexcept;

// The size of this own vector, and of the largest.
int OwnBytesOf(const RecordShape &shape, const void *own) noexcept;
int MostOwnBytes(const RecordShape &shape) noexcept;

// Whether the record's own vector ends within it, or goes on elsewhere: what a page says is not
// trusted.
bool HasSoundOwn(const NodeRecord &record) noexcept;

// Squared length of an own vector where distances are computed with it, else 0.
float OwnNorm(const RecordShape &shape, const void *own) noexcept;

// Whether nodes are linked as if each had one coordinate more, which makes all of them as long as
// shape.longest: then the nearest are those of the largest products. (Longer ones have a 0 there.)
// With edge codes the coordinate is in the codes; of sparse vectors it follows from their norm.
inline bool IsAugmented(const RecordShape &shape) {
    return shape.has_excesses ||
           (shape.codec == Codec::kSparse && shape.metric == Metric::kInnerProduct);
}

// Never NaN, never infinite: the order of candidates must survive whatever a page holds.
float NodeDistance(const RecordShape &shape, const Sq8View &a, const Sq8View &b) noexcept;

// The graph's distance between two nodes, whichever codes it has.
inline float LinkDistance(const RecordShape &shape, const Sq8View &a, const Sq8View &b) noexcept {
    return shape.HasEdgeCodes() ? Sq8Distance(a, b, shape.padded) : NodeDistance(shape, a, b);
}

// A query is a node of its own. What is measured from one vector to many goes by a query: sparse
// vectors are then looked up, not merged. `memory` has NodeQueryBytes, aligned to 64.
constexpr size_t kMostNodeQueryBytes = 4096 * 8;
size_t NodeQueryBytes(const RecordShape &shape) noexcept;
GraphQuery PrepareNodeQuery(const RecordShape &shape, const Sq8View &vector, bool inner_product,
                            void *memory) noexcept;
float NodeDistanceFrom(const RecordShape &shape, const GraphQuery &query,
                       const Sq8View &node) noexcept;

void SetNodeEdge(const NodeRecord &record, int slot, NodeLink neighbor, float length) noexcept;
float NodeEdgeLength(const NodeRecord &record, int slot) noexcept;

}  // namespace vecx

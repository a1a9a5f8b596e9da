// Quantization codes of edges, and estimates of distances by them.
//
// For node y and neighbour x the residual r = x - y is coded by signs, or by two bits a dimension:
// c. A query q then has
//     |q - x|^2 = |q - y|^2 + |r|^2 - 2 <q - y, r>,   <q - y, r> ~ |r|^2 / <c, r> * <c, q - y>,
// RaBitQ's unbiased estimator (Gao & Long 2024) with the node as the centre, as in SymphonyQG. All
// that does not depend on the query goes into an addend and a factor per edge:
//     estimate = |q - y|^2 + addend + factor * <c, q>.
// <c, q> comes from look-up tables of the query, 16 entries for each 4 dimensions (Andre et al.
// 2015, "fast scan"). One table serves all nodes, since all share one rotation.
//
// For the largest inner product, vectors come with one coordinate more, which makes most of them of
// one length M; by how much |x|^2 exceeds M^2 stands beside the codes. Keys are |q - x|^2 less that
// excess, which orders as -<q, x> does, while edges are chosen by distance.

#pragma once

#include <cstddef>
#include <cstdint>

#include "core/node_record.h"

namespace vecx {

// A sparse vector to be looked up by index. Of few dimensions a value for each of them; else open
// addressing, of so many slots that nearly every index is in its first.
struct SparseTable {
    const int32_t *indices;  // -1: unused; nullptr: values are in the places of their indices
    const float *values;     // of unused slots 0
    uint32_t mask;           // the number of slots, a power of two, less one
    float absolute;          // sum of the values' sizes
};

// A query as searches use it. Points into memory of the caller.
struct GraphQuery {
    const float *rotated;  // shape.padded coordinates
    Sq8Query sq8;
    CodeTable table;
    bool inner_product;  // keys order by it; else by distance
    // With node codes instead of all of the above, see node_codec.h.
    Sq8View vector = {};
    SparseTable sparse = {};
};

// Bytes that PrepareQuery needs, aligned to 64.
size_t QueryBytes(const RecordShape &shape);

GraphQuery PrepareQuery(const RecordShape &shape, const float *rotated, bool inner_product,
                        void *memory) noexcept;

// Squared distance between the query and a quantized vector.
inline float QueryDistance(const RecordShape &shape, const GraphQuery &query,
                           const Sq8View &vector) noexcept {
    const float distance =
        query.sq8.norm + vector.norm - 2 * Sq8InnerProduct(query.sq8, vector, shape.padded);
    return distance < 0 ? 0 : distance;
}

// What a node at that squared distance is sorted by; smaller is nearer.
inline float KeyOf(const GraphQuery &query, float distance, float excess) {
    return query.inner_product ? distance - excess : distance;
}

// Estimated keys of the neighbours in one batch of a record whose node lies at `distance` from the
// query; a bit is set for each that is less than `bound`.
inline uint32_t EstimateBatch(const NodeRecord &record, int batch, const GraphQuery &query,
                              float distance, float bound, float *estimates) noexcept {
    return ActiveKernels().codes.estimate(record.Batch(batch, query.inner_product), query.table,
                                          distance, bound, estimates);
}

// One end of an edge.
struct EdgeTarget {
    NodeLink link;
    const float *rotated;
    float excess;
};

// Writes an edge into a slot: from the record's node, whose own vector is `node` (rotated, as
// dequantized from the record), to a neighbour at squared distance `length`.
void SetEdge(const NodeRecord &record, int slot, const EdgeTarget &neighbor, const float *node,
             float length) noexcept;

// Squared length of the edge in a slot, as stored.
float EdgeLength(const NodeRecord &record, int slot) noexcept;

}  // namespace vecx

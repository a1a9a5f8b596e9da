// From a value of the indexed column to what a node keeps of it, and back to distances: the
// coordinates that are rotated and quantized, and the full-precision copy that decides the order.

#pragma once

#include "am/copy.h"
#include "am/hnsw/graph.h"

#include "pg/pg.h"

namespace vecx::hnsw {

// A value in the forms that an index stores. All memory is of the context that was current.
struct NodeVector {
    // shape.dimensions: of unit length for the cosine, augmented for the inner product, less the
    // centre.
    float *coordinates;
    bool shortened;  // too long for squares of floats, or what the operator gives is not to be
                     // foretold
    float excess;    // for the inner product, see Sq8View
    char *copy;      // a CopyHeader and the elements; with node codes the own vector
    int copy_bytes;
};

// Makes a NodeVector of `dimensions` elements, to be filled again and again.
NodeVector NewNodeVector(const Graph &graph);

// False if the value is not indexed: zero vectors have no cosine distance. Raises an error if it
// has not the dimensions of the index.
bool ReadNodeVector(const Graph &graph, Datum value, NodeVector *out);

// Length of a dense value, as far as an index can tell lengths apart. The same errors.
float IndexedLength(const Graph &graph, Datum value);

// The coordinate that augments a point of length `norm`: 0 where that is no less than `longest`.
float AugmentingCoordinate(double longest, double norm);

// The query of a scan.
struct QueryVector : CopyQuery {
    float *rotated;  // shape.padded; of unit length for the cosine
    double factor;   // for the inner product: of `rotated` against the query as it came
    bool is_zero;
    void *table_memory;  // for PrepareQuery

    // With node codes.
    NodeVector own;  // as a node would have it
};

QueryVector NewQueryVector(const Graph &graph);
void ReadQueryVector(const Graph &graph, Datum value, QueryVector *out);
// Distance 0 from everything, as for a NULL query.
void ReadNullQuery(const Graph &graph, QueryVector *out);

// What a search of the graph takes; points into `query`.
GraphQuery GraphQueryOf(const Graph &graph, const QueryVector &query);

// From what a search knows of a node: almost certain. `distance` and `error` as in Expansion.
DistanceRange RangeOfExpansion(const Graph &graph, const QueryVector &query,
                               const Sq8Query &quantized, float distance, float key, float error);

// From the node's copy, or with node codes its own vector: certain, and a single number, the very
// one that the operator gives, where the copy is exact.
DistanceRange RangeOfCopy(const Graph &graph, const QueryVector &query, const char *copy);

}  // namespace vecx::hnsw

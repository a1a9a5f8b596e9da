// Which edges a graph keeps: the choice of a new node's neighbours, and whether a node takes a
// newcomer as its neighbour.
//
// The rule is that of relative neighbourhoods (Toussaint 1980; Malkov & Yashunin 2016, algorithm
// 4, with the factor of Subramanya et al. 2019, DiskANN): an edge is superfluous if a kept
// neighbour is nearer to its end than its start is. Superfluous edges fill what room is left, since
// a batch of estimates costs the same for 14 edges and for 32, and a mask in the record remembers
// which edges were kept by the rule: without it, late edges push out the bridges between clusters.

#pragma once

#include "core/edge_code.h"

namespace vecx {

// A factor on squared distances: above 1, more edges are kept.
constexpr float kPruneFactor = 1.2f;

struct LinkCandidate {
    NodeLink link;
    float distance;  // squared, to the new node
    Sq8View vector;
    bool kept;  // out: by the rule, not as filling
};

// Reorders `candidates`, which are sorted by distance: the chosen ones first, kept ones before
// filling. Returns how many were chosen, at most shape.edges.
int SelectNeighbors(const RecordShape &shape, LinkCandidate *candidates, int count) noexcept;

// Writes the chosen candidates as the edges of an empty record whose own vector, dequantized, is
// `node`. `scratch` holds shape.padded floats.
void WriteEdges(const NodeRecord &record, const float *node, const LinkCandidate *chosen, int count,
                float *scratch) noexcept;

enum class EdgeResult { kRefused, kPresent, kAdded };

// An ordinary offer is taken if it improves the neighbourhood. Outliers would then be refused by
// all, and no search could find them: so each node is anchored at one neighbour, which takes it in
// any case and never gives it up. A node anchors at most half as many as it has edges.
enum class OfferKind { kOrdinary, kAnchor };

// Offers `newcomer` to the node of `record`, whose dequantized vector is `node`. `query` was
// prepared from the newcomer's rotated vector, for distances; `distance` lies between the two. Only
// kAdded has changed the record; an edge that was there and is an anchor now counts as added.
EdgeResult OfferEdge(const NodeRecord &record, const float *node, const EdgeTarget &newcomer,
                     const GraphQuery &query, float distance, OfferKind kind) noexcept;

}  // namespace vecx

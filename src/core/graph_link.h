// Which edges a graph keeps: the choice of a new node's neighbours, and whether a node takes a
// newcomer as its neighbour.
//
// The rule is that of relative neighbourhoods (Toussaint 1980; Malkov & Yashunin 2016, algorithm
// 4, with the factor of Subramanya et al. 2019, DiskANN): an edge is superfluous if a kept
// neighbour is nearer to its end than its start is. Superfluous edges fill what room is left, since
// a batch of estimates costs the same for 14 edges and for 32, and a mask in the record remembers
// which edges were kept by the rule: without it, late edges push out the bridges between clusters.
//
// A late edge that is only filling takes free slots only, and a kept one takes the place of the
// nearest filling. What is near can be reached by a kept edge; the farther filling leads to
// outliers, which lose other edges to them as the graph grows, and which are what the largest inner
// products are found at.

#pragma once

#include <limits>

#include "core/edge_code.h"
#include "core/node_codec.h"

namespace vecx {

// A factor on squared distances, and with node codes on whatever they are: above 1, more edges are
// kept.
constexpr float kPruneFactor = 1.2f;

// Whether a neighbour at `distance` from here is so near to another that the edge to it is
// superfluous.
inline bool IsPassedBy(const RecordShape &shape, float between, float distance) {
    return kPruneFactor * between < distance;
}

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
// `node`. `scratch` holds shape.padded floats. With node codes neither is looked at.
void WriteEdges(const NodeRecord &record, const float *node, const LinkCandidate *chosen, int count,
                float *scratch) noexcept;

enum class EdgeResult { kRefused, kPresent, kAdded };

// An ordinary offer is taken if the rule keeps it, or there is room. Outliers would then be refused
// by all, and no search could find them: so each node is anchored at one neighbour, which takes it
// in any case and never gives it up. A node has at most half as many anchors as edges, or three:
// two nodes that hang on it, so that the tree has branches.
enum class OfferKind { kOrdinary, kAnchor };

// The other end of an anchor: the node keeps an edge to where it is anchored, in place of its
// farthest other one if there is none yet. Anchors lead both ways, so all nodes hang together.
// `node` is the record's dequantized vector.
void HoldEdge(const NodeRecord &record, const float *node, const EdgeTarget &anchorage,
              float distance) noexcept;

// How far down to look for a node that can still hold an anchor.
constexpr int kAnchorSteps = 64;

// One of the nodes that are anchored at this one, or where it is anchored itself, but not `except`,
// from where the walk came: so it ends at one that has room. `choice` says which, modulo their
// number.
NodeLink AnchoredLink(const NodeRecord &record, NodeLink except, uint32_t choice) noexcept;

// The choices of a walk: no two nodes walk the same way.
inline uint32_t AnchorChoice(NodeId newcomer, int step) noexcept {
    return ((newcomer + static_cast<uint32_t>(step)) * 0x9e3779b1u) >> 16;
}

// With edge codes: offers `newcomer` to the node of `record`, whose dequantized vector is `node`.
// `query` was prepared from the newcomer's rotated vector, for distances; `distance` lies between
// the two. Only kAdded has changed the record; an edge that was there and is an anchor now counts
// as added.
EdgeResult OfferEdge(const NodeRecord &record, const float *node, const EdgeTarget &newcomer,
                     const GraphQuery &query, float distance, OfferKind kind) noexcept;

// The same where the node's vector is not dequantized yet: that is needed only if the newcomer is
// taken, and then put into `node`.
EdgeResult OfferEdge(const NodeRecord &record, const Sq8View &own, float *node,
                     const EdgeTarget &newcomer, const GraphQuery &query, float distance,
                     OfferKind kind) noexcept;

// Whether a query at `distance` from the node of `record`, the nearest that a search has found,
// lies much farther away than most of the node's neighbours: then the search may have ended in a
// wrong cluster. Where clusters are tight, all edges of a node stay within its own, and only the
// levels above lead from one to another.
bool IsFar(const NodeRecord &record, float distance) noexcept;

// The slot of an edge, or -1.
int FindLink(const NodeRecord &record, NodeLink link) noexcept;

// With node codes: fills `distances`, from a newcomer at `distance` from the node to the node's
// neighbours, by slot, by asking distance_to(slot) for those that OfferNodeEdge will look at. False
// if it will refuse whatever they are.
template <class DistanceTo>
bool MeasureForOffer(const NodeRecord &record, NodeLink newcomer, float distance, OfferKind kind,
                     DistanceTo distance_to, float *distances) {
    const RecordShape &shape = record.shape();
    if (FindLink(record, newcomer) >= 0) return true;
    bool has_room = kind == OfferKind::kAnchor;
    for (int slot = 0; slot < shape.edges; slot++) {
        distances[slot] = std::numeric_limits<float>::infinity();
        has_room = has_room || !record.IsKept(slot) || distance < EdgeLength(record, slot);
    }
    if (!has_room) return false;
    for (int slot = 0; slot < shape.edges; slot++) {
        if (!record.IsKept(slot) || !(EdgeLength(record, slot) < distance)) continue;
        distances[slot] = distance_to(slot);
        if (IsPassedBy(shape, distances[slot], distance))
            return true;  // superfluous: that is enough
    }
    for (int slot = 0; slot < shape.edges; slot++)
        if (record.IsKept(slot) && EdgeLength(record, slot) > distance)
            distances[slot] = distance_to(slot);
    return true;
}

// The same as OfferEdge with node codes.
EdgeResult OfferNodeEdge(const NodeRecord &record, NodeLink newcomer, float distance,
                         const float *distances, OfferKind kind) noexcept;

}  // namespace vecx

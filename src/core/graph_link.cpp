// Which edges a graph keeps; see the header.

#include "core/graph_link.h"

#include <algorithm>

#include "core/graph_search.h"

namespace vecx {

int SelectNeighbors(const RecordShape &shape, LinkCandidate *candidates, int count) noexcept {
    int kept = 0;
    for (int i = 0; i < count && kept < shape.edges; i++) {
        const LinkCandidate candidate = candidates[i];
        bool superfluous = false;
        for (int j = 0; j < kept && !superfluous; j++)
            superfluous =
                kPruneFactor * Sq8Distance(candidate.vector, candidates[j].vector, shape.padded) <
                candidate.distance;
        candidates[i].kept = !superfluous;
        // Kept ones to the front; those passed over stay in order behind them.
        if (!superfluous) std::rotate(candidates + kept++, candidates + i, candidates + i + 1);
    }
    return std::min(count, shape.edges);
}

void WriteEdges(const NodeRecord &record, const float *node, const LinkCandidate *chosen, int count,
                float *scratch) noexcept {
    const RecordShape &shape = record.shape();
    for (int slot = 0; slot < count; slot++) {
        const Sq8View &vector = chosen[slot].vector;
        ActiveKernels().codes.decode_u8(vector.codes, vector.scale, vector.offset, scratch,
                                        shape.padded);
        SetEdge(record, slot, {chosen[slot].link, scratch, vector.norm}, node,
                chosen[slot].distance);
        record.SetKept(slot, chosen[slot].kept);
    }
}

namespace {

// The edges of a record as a newcomer meets them.
struct Neighborhood {
    float lengths[kMaxEdges];
    float estimates[kMaxEdges];  // from the newcomer to the neighbours
    bool kept[kMaxEdges];
};

void ReadNeighborhood(const NodeRecord &record, const GraphQuery &query, float distance,
                      Neighborhood *edges) noexcept {
    const RecordShape &shape = record.shape();
    for (int batch = 0; batch < shape.Batches(); batch++)
        EstimateBatch(record, batch, query, distance, 0, edges->estimates + batch * kEdgeBatch);
    ActiveKernels().half_to_float(record.Lengths(), edges->lengths, shape.edges);
    const float scale = record.header().addend_scale;
    for (int slot = 0; slot < shape.edges; slot++) {
        edges->lengths[slot] *= scale;
        edges->kept[slot] = record.IsKept(slot);
    }
}

int FindLink(const NodeRecord &record, NodeLink link) noexcept {
    const NodeId *ids = record.Ids();
    for (int slot = 0; slot < record.shape().edges; slot++)
        if (ids[slot] == link.id && record.Generations()[slot] == link.generation) return slot;
    return -1;
}

int CountAnchored(const NodeRecord &record) noexcept {
    int count = 0;
    for (int batch = 0; batch < record.shape().Batches(); batch++)
        count += std::popcount(record.Anchored()[batch]);
    return count;
}

// Does a kept edge lead past the newcomer, making this one superfluous? If not, kept edges that are
// longer and lead past it become filling.
bool JudgeNewcomer(const RecordShape &shape, float distance, Neighborhood *edges) noexcept {
    for (int slot = 0; slot < shape.edges; slot++)
        if (edges->kept[slot] && edges->lengths[slot] < distance &&
            kPruneFactor * edges->estimates[slot] < distance)
            return false;
    for (int slot = 0; slot < shape.edges; slot++)
        if (edges->lengths[slot] > distance &&
            kPruneFactor * edges->estimates[slot] < edges->lengths[slot])
            edges->kept[slot] = false;
    return true;
}

// The slot for the newcomer: a free one; else the farthest filling; else, if it is kept itself, the
// farthest kept. -1 if there is none.
int ChooseSlot(const NodeRecord &record, const Neighborhood &edges, float distance, bool kept,
               OfferKind kind) noexcept {
    int filling = -1, farthest = -1;
    for (int slot = 0; slot < record.shape().edges; slot++) {
        if (record.Ids()[slot] == kNoNode) return slot;
        if (record.IsAnchored(slot)) continue;
        int &victim = edges.kept[slot] ? farthest : filling;
        if (victim < 0 || edges.lengths[slot] > edges.lengths[victim]) victim = slot;
    }
    if (kind == OfferKind::kAnchor) return filling >= 0 ? filling : farthest;
    if (filling >= 0) return kept || distance < edges.lengths[filling] ? filling : -1;
    return kept && farthest >= 0 && distance < edges.lengths[farthest] ? farthest : -1;
}

}  // namespace

EdgeResult OfferEdge(const NodeRecord &record, const float *node, const EdgeTarget &newcomer,
                     const GraphQuery &query, float distance, OfferKind kind) noexcept {
    const RecordShape &shape = record.shape();
    const bool anchor = kind == OfferKind::kAnchor;
    if (anchor && CountAnchored(record) * 2 >= shape.edges) return EdgeResult::kRefused;
    const int present = FindLink(record, newcomer.link);
    if (present >= 0) {
        if (!anchor || record.IsAnchored(present)) return EdgeResult::kPresent;
        record.SetAnchored(present, true);
        return EdgeResult::kAdded;
    }
    Neighborhood edges;
    ReadNeighborhood(record, query, distance, &edges);
    const bool kept = JudgeNewcomer(shape, distance, &edges);
    const int slot = ChooseSlot(record, edges, distance, kept, kind);
    if (slot < 0) return EdgeResult::kRefused;
    edges.kept[slot] = kept;
    for (int other = 0; other < shape.edges; other++) record.SetKept(other, edges.kept[other]);
    SetEdge(record, slot, newcomer, node, distance);
    record.SetAnchored(slot, anchor);
    return EdgeResult::kAdded;
}

}  // namespace vecx

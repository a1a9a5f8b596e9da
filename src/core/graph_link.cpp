// Which edges a graph keeps; see the header.

#include "core/graph_link.h"

#include <algorithm>
#include <optional>

#include "core/graph_search.h"

namespace vecx {

int SelectNeighbors(const RecordShape &shape, LinkCandidate *candidates, int count) noexcept {
    // Sparse vectors are looked up rather than merged.
    const bool sparse = shape.codec == Codec::kSparse;
    alignas(64) char memory[kMostNodeQueryBytes];
    GraphQuery from = {};
    int kept = 0;
    for (int i = 0; i < count && kept < shape.edges; i++) {
        const LinkCandidate candidate = candidates[i];
        if (sparse) from = PrepareNodeQuery(shape, candidate.vector, false, memory);
        bool superfluous = false;
        for (int j = 0; j < kept && !superfluous; j++)
            superfluous =
                IsPassedBy(shape,
                           sparse ? NodeDistanceFrom(shape, from, candidates[j].vector)
                                  : LinkDistance(shape, candidate.vector, candidates[j].vector),
                           candidate.distance);
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
        if (!shape.HasEdgeCodes()) {
            SetNodeEdge(record, slot, chosen[slot].link, chosen[slot].distance);
            record.SetKept(slot, chosen[slot].kept);
            continue;
        }
        ActiveKernels().codes.decode_u8(vector.codes, vector.scale, vector.offset, scratch,
                                        shape.padded);
        SetEdge(record, slot, {chosen[slot].link, scratch, vector.excess}, node,
                chosen[slot].distance);
        record.SetKept(slot, chosen[slot].kept);
    }
}

bool IsFar(const NodeRecord &record, float distance) noexcept {
    constexpr float kFarFactor = 4;  // of squares: twice as far
    const RecordShape &shape = record.shape();
    if (LinksByProduct(shape)) return false;
    // Rows that differ by less than what quantization loses seem to be at no distance at all.
    const float lost = record.header().error;
    if (!(distance > kFarFactor * lost * lost)) return false;
    int count = 0, near = 0;
    for (int slot = 0; slot < shape.edges; slot++) {
        if (!record.Link(slot)) continue;
        count++;
        near += distance > kFarFactor * EdgeLength(record, slot);
    }
    return count * 2 >= shape.edges && near * 2 > count;
}

int FindLink(const NodeRecord &record, NodeLink link) noexcept {
    const NodeId *ids = record.Ids();
    for (int slot = 0; slot < record.shape().edges; slot++)
        if (ids[slot] == link.id && record.Generations()[slot] == link.generation) return slot;
    return -1;
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

int CountAnchored(const NodeRecord &record) noexcept {
    int count = 0;
    for (int word = 0; word < record.shape().MaskWords(); word++)
        count += std::popcount(record.Anchored()[word]);
    return count;
}

// Does a kept edge lead past the newcomer, making this one superfluous? If not, kept edges that are
// longer and lead past it become filling.
bool JudgeNewcomer(const RecordShape &shape, float distance, Neighborhood *edges) noexcept {
    // Without branches: registers at a time.
    bool superfluous = false;
    for (int slot = 0; slot < shape.edges; slot++)
        superfluous |= static_cast<int>(edges->kept[slot]) & (edges->lengths[slot] < distance) &
                       IsPassedBy(shape, edges->estimates[slot], distance);
    if (superfluous) return false;
    for (int slot = 0; slot < shape.edges; slot++)
        edges->kept[slot] &= !((edges->lengths[slot] > distance) &
                               IsPassedBy(shape, edges->estimates[slot], edges->lengths[slot]));
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

// Where the offer leads before any distance is looked at; no value: they decide.
std::optional<EdgeResult> AnswerAtOnce(const NodeRecord &record, NodeLink newcomer,
                                       OfferKind kind) noexcept {
    const bool anchor = kind == OfferKind::kAnchor;
    if (anchor && CountAnchored(record) * 2 >= record.shape().edges) return EdgeResult::kRefused;
    const int present = FindLink(record, newcomer);
    if (present < 0) return std::nullopt;
    if (!anchor || record.IsAnchored(present)) return EdgeResult::kPresent;
    record.SetAnchored(present, true);
    return EdgeResult::kAdded;
}

// The slot that the newcomer is to be written to, or -1; then nothing has changed.
int MakePlace(const NodeRecord &record, float distance, OfferKind kind,
              Neighborhood *edges) noexcept {
    const RecordShape &shape = record.shape();
    const bool kept = JudgeNewcomer(shape, distance, edges);
    const int slot = ChooseSlot(record, *edges, distance, kept, kind);
    if (slot < 0) return -1;
    edges->kept[slot] = kept;
    for (int other = 0; other < shape.edges; other++) record.SetKept(other, edges->kept[other]);
    return slot;
}

}  // namespace

EdgeResult OfferEdge(const NodeRecord &record, const float *node, const EdgeTarget &newcomer,
                     const GraphQuery &query, float distance, OfferKind kind) noexcept {
    if (const auto answer = AnswerAtOnce(record, newcomer.link, kind)) return *answer;
    Neighborhood edges;
    ReadNeighborhood(record, query, distance, &edges);
    const int slot = MakePlace(record, distance, kind, &edges);
    if (slot < 0) return EdgeResult::kRefused;
    SetEdge(record, slot, newcomer, node, distance);
    record.SetAnchored(slot, kind == OfferKind::kAnchor);
    return EdgeResult::kAdded;
}

EdgeResult OfferNodeEdge(const NodeRecord &record, NodeLink newcomer, float distance,
                         const float *distances, OfferKind kind) noexcept {
    if (const auto answer = AnswerAtOnce(record, newcomer, kind)) return *answer;
    Neighborhood edges;
    for (int slot = 0; slot < record.shape().edges; slot++) {
        edges.lengths[slot] = EdgeLength(record, slot);
        edges.estimates[slot] = distances[slot];
        edges.kept[slot] = record.IsKept(slot);
    }
    const int slot = MakePlace(record, distance, kind, &edges);
    if (slot < 0) return EdgeResult::kRefused;
    SetNodeEdge(record, slot, newcomer, distance);
    record.SetAnchored(slot, kind == OfferKind::kAnchor);
    return EdgeResult::kAdded;
}

void HoldEdge(const NodeRecord &record, const float *node, const EdgeTarget &anchorage,
              float distance) noexcept {
    int slot = FindLink(record, anchorage.link);
    if (slot < 0) {
        for (int other = 0; other < record.shape().edges; other++) {
            if (record.IsAnchored(other)) continue;
            if (slot < 0 || !record.Link(other) ||
                (record.Link(slot) && EdgeLength(record, other) > EdgeLength(record, slot)))
                slot = other;
        }
        if (slot < 0) return;
        if (record.shape().HasEdgeCodes())
            SetEdge(record, slot, anchorage, node, distance);
        else
            SetNodeEdge(record, slot, anchorage.link, distance);
        record.SetKept(slot, false);
    }
    record.SetAnchored(slot, true);
}

NodeLink AnchoredLink(const NodeRecord &record, uint32_t choice) noexcept {
    uint32_t count = 0;
    for (int slot = 0; slot < record.shape().edges; slot++) count += record.IsAnchored(slot);
    if (count == 0) return kNoLink;
    choice %= count;
    for (int slot = 0;; slot++)
        if (record.IsAnchored(slot) && choice-- == 0) return record.Link(slot);
}

}  // namespace vecx

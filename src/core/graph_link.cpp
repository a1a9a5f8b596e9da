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
    Sq8View vectors[kMaxEdges];  // of the kept ones
    int kept = 0, looked_at = 0;
    for (; looked_at < count && kept < shape.edges; looked_at++) {
        LinkCandidate &candidate = candidates[looked_at];
        if (sparse) from = PrepareNodeQuery(shape, candidate.vector, false, memory);
        bool superfluous = false;
        for (int j = 0; j < kept && !superfluous; j++)
            superfluous = IsPassedBy(shape,
                                     sparse ? NodeDistanceFrom(shape, from, vectors[j])
                                            : LinkDistance(shape, candidate.vector, vectors[j]),
                                     candidate.distance);
        candidate.kept = !superfluous;
        if (!superfluous) vectors[kept++] = candidate.vector;
    }
    // Kept ones to the front; those passed over stay in order behind them.
    LinkCandidate front[kMaxEdges];
    int to = looked_at, left = kept;
    for (int i = looked_at - 1; left > 0; i--) {
        if (candidates[i].kept)
            front[--left] = candidates[i];
        else
            candidates[--to] = candidates[i];
    }
    std::copy_n(front, kept, candidates + to - kept);
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

constexpr int kBatch = static_cast<int>(kEdgeBatch);
static_assert(kMaxEdges % kBatch == 0 && kBatch == 32);

// The edges of a record as a newcomer meets them. Behind the last slot no bit is set.
struct Neighborhood {
    float lengths[kMaxEdges];
    float estimates[kMaxEdges];  // from the newcomer to the neighbours
    uint32_t kept[kMaxEdges / kBatch];
};

void ReadNeighborhood(const NodeRecord &record, const GraphQuery &query, float distance,
                      Neighborhood *edges) noexcept {
    const RecordShape &shape = record.shape();
    for (int batch = 0; batch < shape.Batches(); batch++)
        EstimateBatch(record, batch, query, distance, 0, edges->estimates + batch * kEdgeBatch);
    ActiveKernels().half_to_float(record.Lengths(), edges->lengths, shape.edges);
    const float scale = record.header().addend_scale;
    for (int slot = 0; slot < shape.edges; slot++) edges->lengths[slot] *= scale;
    std::copy_n(record.Kept(), shape.MaskWords(), edges->kept);
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
    const int words = shape.MaskWords();
    uint32_t longer[kMaxEdges / kBatch];
    for (int word = 0; word < words; word++) {
        const PassedEdges passed = ActiveKernels().codes.compare_edges(
            edges->lengths + word * kBatch, edges->estimates + word * kBatch, distance,
            kPruneFactor);
        if (passed.shorter & edges->kept[word]) return false;
        longer[word] = passed.longer;
    }
    for (int word = 0; word < words; word++) edges->kept[word] &= ~longer[word];
    return true;
}

// The slot of the longest of those edges, or with `sign` -1 of the shortest, the first of them if
// several are; -1 if there is none.
int ExtremeOf(const Neighborhood &edges, const uint32_t *set, int words, float sign) noexcept {
    int extreme = -1;
    float length = 0;
    for (int word = 0; word < words; word++)
        for (uint32_t left = set[word]; left != 0; left &= left - 1) {
            const int slot = word * kBatch + std::countr_zero(left);
            if (extreme >= 0 && !(sign * edges.lengths[slot] > length)) continue;
            extreme = slot;
            length = sign * edges.lengths[slot];
        }
    return extreme;
}

// The slot for the newcomer: a free one; else, if it is kept itself, the nearest filling, which
// says least that the kept ones do not, or else the farthest kept. -1 if there is none.
int ChooseSlot(const NodeRecord &record, const Neighborhood &edges, float distance, bool kept,
               OfferKind kind) noexcept {
    const RecordShape &shape = record.shape();
    for (int slot = 0; slot < shape.edges; slot++)
        if (record.Ids()[slot] == kNoNode) return slot;
    const bool anchor = kind == OfferKind::kAnchor;
    if (!kept && !anchor) return -1;
    uint32_t choice[kMaxEdges / kBatch];
    const auto extreme_of = [&](bool of_kept, float sign) {
        for (int word = 0; word < shape.MaskWords(); word++) {
            const int slots = std::min(shape.edges - word * kBatch, kBatch);
            const uint32_t all = 0xffffffff >> (kBatch - slots);
            choice[word] =
                (of_kept ? edges.kept[word] : ~edges.kept[word]) & ~record.Anchored()[word] & all;
        }
        return ExtremeOf(edges, choice, shape.MaskWords(), sign);
    };
    const int filling = extreme_of(false, -1);
    if (filling >= 0) return filling;
    const int farthest = extreme_of(true, 1);
    return farthest >= 0 && (anchor || distance < edges.lengths[farthest]) ? farthest : -1;
}

int MostAnchored(const RecordShape &shape) noexcept { return std::max(shape.edges / 2, 3); }

// Where the offer leads before any distance is looked at; no value: they decide.
std::optional<EdgeResult> AnswerAtOnce(const NodeRecord &record, NodeLink newcomer,
                                       OfferKind kind) noexcept {
    const bool anchor = kind == OfferKind::kAnchor;
    if (anchor && CountAnchored(record) >= MostAnchored(record.shape()))
        return EdgeResult::kRefused;
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
    std::copy_n(edges->kept, shape.MaskWords(), record.Kept());
    record.SetKept(slot, kept);
    return slot;
}

// OfferEdge, with node() for the dequantized vector.
template <class Node>
EdgeResult OfferTo(const NodeRecord &record, const EdgeTarget &newcomer, const GraphQuery &query,
                   float distance, OfferKind kind, Node node) noexcept {
    if (const auto answer = AnswerAtOnce(record, newcomer.link, kind)) return *answer;
    Neighborhood edges;
    ReadNeighborhood(record, query, distance, &edges);
    const int slot = MakePlace(record, distance, kind, &edges);
    if (slot < 0) return EdgeResult::kRefused;
    SetEdge(record, slot, newcomer, node(), distance);
    record.SetAnchored(slot, kind == OfferKind::kAnchor);
    return EdgeResult::kAdded;
}

}  // namespace

EdgeResult OfferEdge(const NodeRecord &record, const float *node, const EdgeTarget &newcomer,
                     const GraphQuery &query, float distance, OfferKind kind) noexcept {
    return OfferTo(record, newcomer, query, distance, kind, [=] { return node; });
}

EdgeResult OfferEdge(const NodeRecord &record, const Sq8View &own, float *node,
                     const EdgeTarget &newcomer, const GraphQuery &query, float distance,
                     OfferKind kind) noexcept {
    return OfferTo(record, newcomer, query, distance, kind, [&]() -> const float * {
        ActiveKernels().codes.decode_u8(own.codes, own.scale, own.offset, node,
                                        record.shape().padded);
        return node;
    });
}

EdgeResult OfferNodeEdge(const NodeRecord &record, NodeLink newcomer, float distance,
                         const float *distances, OfferKind kind) noexcept {
    if (const auto answer = AnswerAtOnce(record, newcomer, kind)) return *answer;
    Neighborhood edges;
    for (int slot = 0; slot < record.shape().edges; slot++) {
        edges.lengths[slot] = EdgeLength(record, slot);
        edges.estimates[slot] = distances[slot];
    }
    // Registers at a time are compared, so that none is undefined.
    const int slots = record.shape().MaskWords() * kBatch;
    std::fill(edges.lengths + record.shape().edges, edges.lengths + slots, 0.0f);
    std::fill(edges.estimates + record.shape().edges, edges.estimates + slots, 0.0f);
    std::copy_n(record.Kept(), record.shape().MaskWords(), edges.kept);
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

NodeLink AnchoredLink(const NodeRecord &record, NodeLink except, uint32_t choice) noexcept {
    const auto counts = [&](int slot) {
        return record.IsAnchored(slot) && record.Link(slot) != except;
    };
    uint32_t count = 0;
    for (int slot = 0; slot < record.shape().edges; slot++) count += counts(slot);
    if (count == 0) return kNoLink;
    choice %= count;
    for (int slot = 0;; slot++)
        if (counts(slot) && choice-- == 0) return record.Link(slot);
}

}  // namespace vecx

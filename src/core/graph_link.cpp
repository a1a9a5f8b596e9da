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

EdgeResult OfferEdge(const NodeRecord &record, const float *node, const EdgeTarget &newcomer,
                     const GraphQuery &query, float distance) noexcept {
    const RecordShape &shape = record.shape();
    float estimates[kMaxEdges];
    for (int batch = 0; batch < shape.Batches(); batch++)
        EstimateBatch(record, batch, query, distance, 0, estimates + batch * kEdgeBatch);

    // Does a kept edge lead past the newcomer, making this one superfluous? Else, which of the
    // longer kept ones does it make superfluous?
    bool kept = true;
    for (int slot = 0; slot < shape.edges; slot++) {
        if (record.Link(slot) == newcomer.link) return EdgeResult::kPresent;
        if (record.IsKept(slot) && EdgeLength(record, slot) < distance &&
            kPruneFactor * estimates[slot] < distance)
            kept = false;
    }
    int free_slot = -1, farthest_filling = -1, farthest_kept = -1;
    float filling_length = -1, kept_length = -1;
    for (int slot = 0; slot < shape.edges; slot++) {
        if (!record.Link(slot)) {
            if (free_slot < 0) free_slot = slot;
            continue;
        }
        const float length = EdgeLength(record, slot);
        if (kept && record.IsKept(slot) && length > distance &&
            kPruneFactor * estimates[slot] < length)
            record.SetKept(slot, false);
        float &longest = record.IsKept(slot) ? kept_length : filling_length;
        if (length > longest) {
            longest = length;
            (record.IsKept(slot) ? farthest_kept : farthest_filling) = slot;
        }
    }
    // A refusal has changed nothing: an edge that lost its mark above is filling now and gives way.
    int slot = free_slot;
    if (slot < 0 && farthest_filling >= 0) {
        if (kept || distance < filling_length) slot = farthest_filling;
    } else if (slot < 0 && kept && distance < kept_length) {
        slot = farthest_kept;
    }
    if (slot < 0) return EdgeResult::kRefused;
    SetEdge(record, slot, newcomer, node, distance);
    record.SetKept(slot, kept);
    return EdgeResult::kAdded;
}

}  // namespace vecx

// The edges of one record as newcomers meet them; see the header.

#include "core/neighborhood.h"

#include <algorithm>

namespace vecx {

Neighborhood::Neighborhood(const NodeRecord &record) noexcept : record_(record) {
    for (int slot = 0; slot < record.shape().edges; slot++) {
        kept_[slot] = record.Link(slot) && record.IsKept(slot);
        lengths_[slot] = record.Link(slot) ? EdgeLength(record, slot) : 0;
    }
}

int Neighborhood::ChooseSlot(float distance) const noexcept {
    int filling = -1, farthest = -1;
    // Said for compilers that cannot know it.
    const int edges = std::min(record_.shape().edges, kMaxEdges);
    for (int slot = 0; slot < edges; slot++) {
        if (!record_.Link(slot)) return slot;
        if (!kept_newcomer_ || record_.IsAnchored(slot)) continue;
        const bool passed =
            std::find(passed_, passed_ + passed_count_, slot) != passed_ + passed_count_;
        if (!kept_[slot] || passed) {
            if (filling < 0 || lengths_[slot] < lengths_[filling]) filling = slot;
        } else if (farthest < 0 || lengths_[slot] > lengths_[farthest]) {
            farthest = slot;
        }
    }
    if (filling >= 0) return filling;
    return farthest >= 0 && distance < lengths_[farthest] ? farthest : -1;
}

void Neighborhood::Put(int slot, float distance) noexcept {
    for (int i = 0; i < passed_count_; i++) {
        kept_[passed_[i]] = false;
        record_.SetKept(passed_[i], false);
    }
    lengths_[slot] = distance;
    kept_[slot] = kept_newcomer_;
    record_.SetKept(slot, kept_newcomer_);
    record_.SetAnchored(slot, false);
}

}  // namespace vecx

// The nodes that may take the places of lost edges of one record: each once, the best of them. For
// the second pass of VACUUM.

#pragma once

#include <algorithm>

#include "core/node_record.h"

#include "pg/pg.h"

namespace vecx::hnsw {

// A neighbour of a neighbour that died.
struct Replacement {
    NodeLink link;
    float distance;
    bool kept;  // by the one that died, not as filling
};

class Replacements {
  public:
    // Of records with so many edges; memory from the current context.
    explicit Replacements(int edges) {
        const auto most = static_cast<Size>(edges) * (edges + 1);
        const Size slots = std::bit_ceil(4 * most);
        mask_ = static_cast<uint32_t>(slots - 1);
        places_ = static_cast<Place *>(MemoryContextAllocExtended(
            CurrentMemoryContext, slots * sizeof(Place), MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO));
        items_ = static_cast<Replacement *>(
            MemoryContextAllocHuge(CurrentMemoryContext, most * sizeof(Replacement)));
    }

    void Clear() {
        round_++;
        count_ = 0;
    }

    // A neighbour already, or the node itself, or one that died. False if it was excluded before.
    bool Exclude(NodeId id) {
        Place *place = Find(id);
        const bool before = place->round == round_ && place->item == kExcluded;
        *place = {id, round_, kExcluded};
        return !before;
    }

    // The same node comes from several of those that died, each with an estimate of its own.
    void Add(NodeLink link, float distance, bool kept) {
        Place *place = Find(link.id);
        if (place->round != round_) {
            *place = {link.id, round_, count_};
            items_[count_++] = {link, distance, kept};
        } else if (place->item != kExcluded) {
            Replacement &item = items_[place->item];
            item.distance = std::min(item.distance, distance);
            item.kept |= kept;
        }
    }

    // Gives up all but the `most` best: those that were kept, then the nearest. What the dead kept
    // leads to where it led; its filling is near to one of those.
    void Choose(int64 most) {
        if (count_ <= most) return;
        std::nth_element(items_, items_ + most, items_ + count_,
                         [](const Replacement &a, const Replacement &b) {
                             return a.kept != b.kept ? a.kept : IsNearer(a, b);
                         });
        count_ = static_cast<uint32_t>(most);
    }

    void Sort() { std::sort(begin(), end(), IsNearer); }

    // No Exclude or Add after changes to these.
    Replacement *begin() { return items_; }
    Replacement *end() { return items_ + count_; }
    uint32_t count() const { return count_; }

  private:
    static constexpr uint32_t kExcluded = 0xffffffff;

    static bool IsNearer(const Replacement &a, const Replacement &b) {
        return a.distance != b.distance ? a.distance < b.distance : a.link.id < b.link.id;
    }

    struct Place {
        NodeId id;
        uint32_t round;  // that of Clear; else it is unused
        uint32_t item;
    };
    Place *Find(NodeId id) {
        uint32_t at = (id * 0x9e3779b1u) >> 7 & mask_;
        while (places_[at].round == round_ && places_[at].id != id) at = (at + 1) & mask_;
        return &places_[at];
    }

    Place *places_;  // open addressing
    uint32_t mask_;
    uint32_t round_ = 1;
    Replacement *items_;
    uint32_t count_ = 0;
};

}  // namespace vecx::hnsw

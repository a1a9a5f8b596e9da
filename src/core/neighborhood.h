// The edges of one record, for who offers it several newcomers and can tell distances between any
// of them: VACUUM, which replaces edges that a node has lost. The rule is that of graph_link.h;
// what OfferEdge estimates from codes comes here from vectors, and only where the rule asks for it.

#pragma once

#include "core/graph_link.h"

namespace vecx {

class Neighborhood {
  public:
    explicit Neighborhood(const NodeRecord &record) noexcept;

    // The slot for a newcomer at `distance` from the node, or -1 if it is not wanted. What the rule
    // keeps takes the place of filling; what it does not keep fills free slots only.
    // distance_to(slot) is how far the newcomer is from a neighbour. Who gets a slot must be Put
    // there.
    template <class DistanceTo>
    int PlaceFor(float distance, DistanceTo distance_to) {
        kept_newcomer_ = Keeps(distance, distance_to);
        return ChooseSlot(distance);
    }

    // The newcomer's edge has been written into that slot of the record.
    void Put(int slot, float distance) noexcept;

  private:
    // Does no kept edge lead past the newcomer? Then those that lead past it are noted.
    template <class DistanceTo>
    bool Keeps(float distance, DistanceTo distance_to) {
        const RecordShape &shape = record_.shape();
        passed_count_ = 0;
        for (int slot = 0; slot < shape.edges; slot++)
            if (kept_[slot] && lengths_[slot] < distance &&
                IsPassedBy(shape, distance_to(slot), distance))
                return false;
        for (int slot = 0; slot < shape.edges; slot++)
            if (kept_[slot] && lengths_[slot] > distance &&
                IsPassedBy(shape, distance_to(slot), lengths_[slot]))
                passed_[passed_count_++] = static_cast<uint8_t>(slot);
        return true;
    }
    int ChooseSlot(float distance) const noexcept;

    NodeRecord record_;
    bool kept_newcomer_ = false;
    int passed_count_ = 0;
    uint8_t passed_[kMaxEdges];  // kept edges that lead past the newcomer
    float lengths_[kMaxEdges];
    bool kept_[kMaxEdges];
};
static_assert(kMaxEdges <= 256);

}  // namespace vecx

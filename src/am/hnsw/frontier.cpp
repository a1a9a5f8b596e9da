// The candidates of a scan that goes on; see the header.

#include "am/hnsw/frontier.h"

namespace vecx::hnsw {

void Frontier::Reserve(List *list, int64 capacity) const {
    constexpr int64 kLeast = 256;
    capacity = std::max(capacity, kLeast);
    if (capacity <= list->capacity) return;
    const Size bytes = static_cast<Size>(capacity) * sizeof(Candidate);
    list->items =
        static_cast<Candidate *>(list->items == nullptr ? MemoryContextAllocHuge(context_, bytes)
                                                        : repalloc_huge(list->items, bytes));
    list->capacity = capacity;
}

// Puts so many of the nearest in front of the others.
void Frontier::Part(List *list, int64 nearest) {
    std::nth_element(list->items, list->items + nearest, list->items + list->count, IsNearer);
}

// Moves the farther half of the heap away.
void Frontier::Split() {
    const int64 half = near_.count / 2, rest = near_.count - half;
    Part(&near_, half);
    horizon_ = near_.items[half].key;
    Reserve(&far_, std::max(far_.count + rest, std::min(far_.capacity * 2, limit_)));
    memcpy(far_.items + far_.count, near_.items + half, rest * sizeof(Candidate));
    far_.count += rest;
    near_.count = half;
    std::make_heap(near_.items, near_.items + half, IsLater);
}

// A part of the others large enough for what this costs to be little for each.
void Frontier::Refill() {
    constexpr int64 kPart = 16;
    const int64 taken = std::min(far_.count, std::max(kMostNear / 2, far_.count / kPart));
    horizon_ = std::numeric_limits<float>::infinity();
    if (taken < far_.count) {
        Part(&far_, taken);
        horizon_ = far_.items[taken].key;
    }
    Reserve(&near_, taken);
    memcpy(near_.items, far_.items, taken * sizeof(Candidate));
    near_.count = taken;
    std::make_heap(near_.items, near_.items + taken, IsLater);
    most_near_ = std::max(kMostNear, 2 * taken);
    // The last ones take the places of those that left.
    const int64 moved = std::min(taken, far_.count - taken);
    far_.count -= taken;
    memcpy(far_.items, far_.items + taken + (far_.count - moved), moved * sizeof(Candidate));
}

// Gives up the farther half of all.
void Frontier::Forget() {
    const int64 half = limit_ / 2;
    if (near_.count > half) {
        Part(&near_, half);
        near_.count = half;
        std::make_heap(near_.items, near_.items + half, IsLater);
        horizon_ = std::numeric_limits<float>::infinity();
    }
    const int64 kept = half - near_.count;
    if (kept < far_.count) {
        if (kept > 0) Part(&far_, kept);
        far_.count = kept;
    }
}

}  // namespace vecx::hnsw

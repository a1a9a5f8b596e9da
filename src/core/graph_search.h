// Best-first search of a graph whose records estimate the distances of their neighbours.
//
// One loop for all who keep a graph: records in memory while an index is built, pages of a
// relation. It asks its store for one node at a time, takes the node's own distance, which is
// nearly exact, and the estimates of the neighbours, and goes on with the most promising.
//
// All types here live in memory that the caller gives and have no destructor: a store may leave by
// longjmp in the middle of a search.

#pragma once

#include <algorithm>
#include <cmath>
#include <concepts>
#include <cstring>
#include <limits>
#include <type_traits>

#include "core/edge_code.h"
#include "core/node_codec.h"

namespace vecx {

struct Candidate {
    float key;
    NodeId id;
    uint8_t generation;
    bool reserved;

    NodeLink Link() const { return {id, generation}; }
};

// The most promising nodes seen so far. A search is over when the `width` smallest keys that it has
// seen are all taken. One node may be among them several times, by estimates made at different
// neighbours; what many neighbours lead to is likely to be near.
//
// The next few are kept sorted, the rest in a heap of no order that is sifted now and then: most
// candidates are never taken, and sorting them in costs more than estimating them.
class Pool {
  public:
    // `memory` has room for PoolSlots(width) candidates.
    static constexpr int Slots(int width) { return kFirst + FarCapacity(width) + width; }

    Pool(Candidate *memory, int width)
        : first_(memory),
          far_(memory + kFirst),
          taken_(reinterpret_cast<float *>(far_ + FarCapacity(width))),
          taken_capacity_(width * static_cast<int>(sizeof(Candidate) / sizeof(float))),
          width_(width) {}

    int width() const { return width_; }

    // Only smaller keys can still be taken.
    float Bound() const { return bound_; }

    void Push(float key, NodeLink link) {
        if (!(key < bound_)) return;
        if (key < counted_at_) nearer_ = 0;
        const Candidate candidate = {key, link.id, link.generation, false};
        const bool narrow = width_ <= kFirst / 2;
        if (narrow && first_end_ - first_begin_ >= width_) return Replace(candidate);
        if (first_end_ == kFirst) MakeRoom();
        if (narrow ||
            (first_end_ > first_begin_ ? key < first_[first_end_ - 1].key : far_count_ == 0)) {
            int place = first_end_++;
            for (; place > first_begin_ && first_[place - 1].key > key; place--)
                first_[place] = first_[place - 1];
            first_[place] = candidate;
            return;
        }
        AddFar(candidate);
    }

    // The nearest that was not taken yet; false if the search is over.
    bool Take(Candidate *candidate) {
        if (first_begin_ == first_end_ && !Refill()) return false;
        *candidate = first_[first_begin_];
        // The keys taken first, on the way to the query, may be among the large ones.
        nearer_ = 0;
        counted_at_ = candidate->key;
        if (taken_count_ >= width_) {
            for (int i = 0; i < taken_count_; i++) nearer_ += taken_[i] <= candidate->key;
            if (nearer_ >= width_) return false;
        }
        first_begin_++;
        if (taken_count_ == taken_capacity_) ForgetFarTaken();
        taken_[taken_count_++] = candidate->key;
        return true;
    }

  private:
    static constexpr int kFirst = 32;
    static constexpr int FarCapacity(int width) { return width + width / 2 + kFirst; }

    // An object, not a function: the algorithms below then compare in line.
    struct Nearer {
        bool operator()(const Candidate &a, const Candidate &b) const { return a.key < b.key; }
    };

    // The sorted part is full: to its front if there is room, else its last half becomes far.
    void MakeRoom() {
        if (first_begin_ > 0) {
            memmove(first_, first_ + first_begin_, (first_end_ - first_begin_) * sizeof(Candidate));
            first_end_ -= first_begin_;
            first_begin_ = 0;
            return;
        }
        first_end_ = kFirst / 2;
        for (int i = kFirst / 2; i < kFirst; i++) AddFar(first_[i]);
    }

    // Of a narrow pool no more than its width is kept: the farthest gives way.
    void Replace(const Candidate &candidate) {
        int place = first_end_ - 1;
        if (candidate.key < first_[place].key) {
            for (; place > first_begin_ && first_[place - 1].key > candidate.key; place--)
                first_[place] = first_[place - 1];
            first_[place] = candidate;
        }
        bound_ = first_[first_end_ - 1].key;
    }

    void AddFar(const Candidate &candidate) {
        if (far_count_ == FarCapacity(width_)) Sift();
        far_[far_count_++] = candidate;
    }

    // Keeps as many of the far ones as may still be taken.
    void Sift() {
        const int keep = std::max(width_ - nearer_, kFirst / 2);
        if (far_count_ <= keep) return;
        std::nth_element(far_, far_ + keep - 1, far_ + far_count_, Nearer());
        far_count_ = keep;
        bound_ = far_[keep - 1].key;
    }

    // The nearest of the far ones become the sorted ones.
    bool Refill() {
        if (far_count_ == 0) return false;
        const int count = std::min(far_count_, kFirst / 2);
        if (count < far_count_) std::nth_element(far_, far_ + count, far_ + far_count_, Nearer());
        std::sort(far_, far_ + count, Nearer());
        std::copy_n(far_, count, first_);
        first_begin_ = 0;
        first_end_ = count;
        // The holes at the front are filled from the end.
        const int moved = std::min(count, far_count_ - count);
        std::copy_n(far_ + far_count_ - moved, moved, far_);
        far_count_ -= count;
        return true;
    }

    // Keys larger than `width` others never count again.
    void ForgetFarTaken() {
        std::nth_element(taken_, taken_ + width_, taken_ + taken_count_);
        taken_count_ = width_;
    }

    Candidate *first_;  // [first_begin_, first_end_) is sorted, and no far one is nearer
    Candidate *far_;
    float *taken_;  // keys
    int taken_capacity_;
    int width_;
    int first_begin_ = 0, first_end_ = 0;
    int far_count_ = 0;
    int taken_count_ = 0;
    int nearer_ = 0;        // taken ones that are nearer than all that are left, or 0
    float counted_at_ = 0;  // the key that nearer_ was counted for
    float bound_ = std::numeric_limits<float>::infinity();
};

// A set of node ids, open addressing in memory of the caller.
class VisitedSet {
  public:
    // `slots` is a power of two.
    VisitedSet(NodeId *memory, size_t slots) : slots_(memory), mask_(slots - 1) { Clear(); }
    // One that was filled before with `count` ids.
    VisitedSet(NodeId *memory, size_t slots, size_t count)
        : slots_(memory), mask_(slots - 1), count_(count) {}

    void Clear() {
        memset(slots_, 0xff, (mask_ + 1) * sizeof(NodeId));
        count_ = 0;
    }
    size_t capacity() const { return mask_ + 1; }
    size_t count() const { return count_; }
    bool IsCrowded() const { return count_ * 2 > mask_; }

    bool Contains(NodeId id) const {
        size_t at = Hash(id);
        while (slots_[at] != kNoNode && slots_[at] != id) at = (at + 1) & mask_;
        return slots_[at] == id;
    }

    // False if it was there. The set must not be full.
    bool Add(NodeId id) {
        size_t at = Hash(id);
        for (; slots_[at] != kNoNode; at = (at + 1) & mask_)
            if (slots_[at] == id) return false;
        slots_[at] = id;
        count_++;
        return true;
    }

    // Goes on in a larger memory.
    void MoveTo(NodeId *memory, size_t slots) {
        const VisitedSet old = *this;
        *this = VisitedSet(memory, slots);
        for (size_t i = 0; i <= old.mask_; i++)
            if (old.slots_[i] != kNoNode) Add(old.slots_[i]);
    }

  private:
    size_t Hash(NodeId id) const { return (id * 0x9e3779b1u) >> 7 & mask_; }

    NodeId *slots_;
    size_t mask_;
    size_t count_;
};

// What a search learns from one record.
struct Expansion {
    NodeLink link;
    float distance;  // squared, from the query to the node's own vector
    float key;
    float error;  // length of what quantization lost of the node's vector
    bool live;
    RowId row;
    NodeLink next;     // duplicates, or the node one level below
    double low, high;  // bounds of the operator's distance, from stores that know them
    int count;         // of neighbours with estimates below the bound
    Candidate neighbors[kMaxEdges];
};

// What a header says of its node.
inline void ReadHeader(const NodeHeader &header, Expansion *expansion) noexcept {
    expansion->error = header.error;
    expansion->live = header.IsLive();
    expansion->row = header.row;
    expansion->next = header.Next();
    expansion->count = 0;
}

// With node codes: all but the link and the neighbours, whose vectors the store has to look up.
inline void ExpandNode(const NodeRecord &record, const Sq8View &own, const GraphQuery &query,
                       Expansion *expansion) noexcept {
    ReadHeader(record.header(), expansion);
    expansion->key = NodeDistanceFrom(record.shape(), query, own);
    expansion->distance = expansion->key;
}

// With edge codes: fills all of `expansion` but the link. `own` is the node's vector.
inline void ExpandRecord(const NodeRecord &record, const Sq8View &own, const GraphQuery &query,
                         float bound, Expansion *expansion) noexcept {
    const RecordShape &shape = record.shape();
    ReadHeader(record.header(), expansion);
    // Damaged numbers must not come out as NaN, which no order survives.
    constexpr float kInfinity = std::numeric_limits<float>::infinity();
    const float distance = QueryDistance(shape, query, own);
    const float key = KeyOf(query, distance, own.excess);
    expansion->distance = std::isnan(distance) ? kInfinity : distance;
    expansion->key = std::isnan(key) ? kInfinity : key;
    for (int batch = 0; batch < shape.Batches(); batch++) {
        float estimates[kEdgeBatch];
        uint32_t near = EstimateBatch(record, batch, query, expansion->distance, bound, estimates);
        for (; near != 0; near &= near - 1) {
            const int lane = std::countr_zero(near), slot = batch * kEdgeBatch + lane;
            expansion->neighbors[expansion->count++] = {estimates[lane], record.Ids()[slot],
                                                        record.Generations()[slot], false};
        }
    }
}

template <class Store>
concept GraphStore = std::is_trivially_destructible_v<Store> &&
    requires(Store &store, NodeLink link, float bound, Expansion *expansion) {
    // False if the slot no longer holds that node.
    { store.Expand(link, bound, expansion) } -> std::same_as<bool>;
    store.Prefetch(link);
};

// Expands the pool until all of it is expanded, or `visited` is crowded. Calls visit(expansion) for
// each node.
//
// A record takes longer to come from memory than to be worked on. So the next node is chosen, and
// asked for, before the current one is expanded: what that one brings competes for the node after.
// A search then expands a few nodes more, and waits for hardly any.
template <GraphStore Store, class Visit>
void SearchGraph(Store &store, Pool &pool, VisitedSet &visited, Expansion *expansion, Visit visit) {
    const auto choose = [&]() -> NodeLink {
        Candidate candidate;
        while (!visited.IsCrowded() && pool.Take(&candidate)) {
            if (!visited.Add(candidate.id)) continue;
            store.Prefetch(candidate.Link());
            return candidate.Link();
        }
        return kNoLink;
    };
    NodeLink next = choose();
    while (next) {
        const NodeLink link = next;
        next = choose();
        const bool expanded = store.Expand(link, pool.Bound(), expansion);
        if (expanded) {
            expansion->link = link;
            visit(*expansion);
            for (int i = 0; i < expansion->count; i++) {
                const Candidate &neighbor = expansion->neighbors[i];
                if (!visited.Contains(neighbor.id)) pool.Push(neighbor.key, neighbor.Link());
            }
        }
        if (!next) next = choose();
    }
}

}  // namespace vecx

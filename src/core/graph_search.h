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

namespace vecx {

struct Candidate {
    float key;
    NodeId id;
    uint8_t generation;
    bool expanded;

    NodeLink Link() const { return {id, generation}; }
};

// The most promising nodes seen so far, sorted by key, and how far they have been expanded. One
// node may be in it several times, with estimates made at different neighbours.
class Pool {
  public:
    // `memory` has room for `width` candidates.
    Pool(Candidate *memory, int width) : candidates_(memory), width_(width) {}

    void Clear() { size_ = next_ = 0; }
    int width() const { return width_; }

    // Only smaller keys can still enter.
    float Bound() const {
        return size_ < width_ ? std::numeric_limits<float>::infinity() : candidates_[size_ - 1].key;
    }

    // False if there was no room for so large a key.
    bool Push(float key, NodeLink link) {
        if (!(key < Bound())) return false;
        const Candidate *after = std::upper_bound(
            candidates_, candidates_ + size_, key,
            [](float of, const Candidate &candidate) { return of < candidate.key; });
        const int place = static_cast<int>(after - candidates_);
        if (size_ < width_) size_++;
        memmove(candidates_ + place + 1, candidates_ + place,
                (size_ - 1 - place) * sizeof(Candidate));
        candidates_[place] = {key, link.id, link.generation, false};
        if (place < next_) next_ = place;
        return true;
    }

    // The nearest that was not expanded yet, or nullptr; Take() marks it as expanded.
    const Candidate *Next() {
        while (next_ < size_ && candidates_[next_].expanded) next_++;
        return next_ < size_ ? &candidates_[next_] : nullptr;
    }
    Candidate Take() {
        Candidate &taken = candidates_[next_++];
        taken.expanded = true;
        return taken;
    }

  private:
    Candidate *candidates_;
    int width_;
    int size_ = 0;
    int next_ = 0;  // all before it are expanded
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
    NodeLink next;  // duplicates, or the node one level below
    int count;      // of neighbours with estimates below the bound
    Candidate neighbors[kMaxEdges];
};

// Fills all of `expansion` but the link. `own` is the node's vector.
inline void ExpandRecord(const NodeRecord &record, const Sq8View &own, const GraphQuery &query,
                         float bound, Expansion *expansion) noexcept {
    const NodeHeader &header = record.header();
    const RecordShape &shape = record.shape();
    // Damaged numbers must not come out as NaN, which no order survives.
    constexpr float kInfinity = std::numeric_limits<float>::infinity();
    const float distance = QueryDistance(shape, query, own);
    const float key = KeyOf(query, distance, own.norm);
    expansion->distance = std::isnan(distance) ? kInfinity : distance;
    expansion->key = std::isnan(key) ? kInfinity : key;
    expansion->error = header.error;
    expansion->live = header.IsLive();
    expansion->row = header.row;
    expansion->next = header.Next();
    expansion->count = 0;
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
template <GraphStore Store, class Visit>
void SearchGraph(Store &store, Pool &pool, VisitedSet &visited, Expansion *expansion, Visit visit) {
    while (pool.Next() != nullptr && !visited.IsCrowded()) {
        const NodeLink link = pool.Take().Link();
        if (const Candidate *next = pool.Next()) store.Prefetch(next->Link());
        if (!visited.Add(link.id)) continue;
        if (!store.Expand(link, pool.Bound(), expansion)) continue;
        expansion->link = link;
        visit(*expansion);
        for (int i = 0; i < expansion->count; i++) {
            const Candidate &neighbor = expansion->neighbors[i];
            if (!visited.Contains(neighbor.id)) pool.Push(neighbor.key, neighbor.Link());
        }
    }
}

}  // namespace vecx

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
// They are in no order: most candidates are never taken, and looking through all keys for the
// smallest, registers at a time, costs less than any order that has to be kept.
class Pool {
  public:
    // `memory` has room for Slots(width) candidates.
    static constexpr int Slots(int width) { return Capacity(width) * 4 / 3 + 1 + width; }

    Pool(Candidate *memory, int width)
        : keys_(reinterpret_cast<float *>(memory)),
          links_(reinterpret_cast<NodeLink *>(keys_ + Capacity(width))),
          sifted_(reinterpret_cast<float *>(links_ + Capacity(width))),
          taken_(sifted_ + Capacity(width)),
          taken_capacity_(width * static_cast<int>(sizeof(Candidate) / sizeof(float))),
          width_(width) {
        std::fill_n(keys_, Capacity(width), kNone);
    }

    int width() const { return width_; }

    // After a search: whether it was given all that there is.
    bool HasTakenAll() const { return count_ == 0 && bound_ == kNone; }

    // Only smaller keys can still be taken.
    float Bound() const { return bound_; }

    void Push(float key, NodeLink link) {
        if (!(key < bound_)) return;
        if (key < counted_at_) nearer_ = 0;
        if (width_ <= kNarrow && count_ >= width_) return Replace(key, link);
        if (count_ == Capacity(width_)) {
            Sift();
            if (!(key < bound_)) return;
        }
        keys_[count_] = key;
        links_[count_++] = link;
    }

    // The nearest that was not taken yet; false if the search is over.
    bool Take(Candidate *candidate) {
        if (count_ == 0) return false;
        const size_t blocks = (count_ + kKeyBlock - 1) / kKeyBlock;
        const size_t at = ActiveKernels().codes.smallest(keys_, blocks * kKeyBlock);
        const float key = keys_[at];
        // The keys taken first, on the way to the query, may be among the large ones.
        nearer_ = 0;
        counted_at_ = key;
        if (taken_count_ >= width_) {
            for (int i = 0; i < taken_count_; i++) nearer_ += taken_[i] <= key;
            if (nearer_ >= width_) return false;
        }
        *candidate = {key, links_[at].id, links_[at].generation, false};
        count_--;
        keys_[at] = keys_[count_];
        links_[at] = links_[count_];
        keys_[count_] = kNone;
        if (taken_count_ == taken_capacity_) ForgetFarTaken();
        taken_[taken_count_++] = key;
        return true;
    }

  private:
    static constexpr int kNarrow = 16;
    static constexpr float kNone = std::numeric_limits<float>::infinity();
    static constexpr int Capacity(int width) {
        constexpr int kBlock = kKeyBlock;
        return (width + width / 2 + kBlock / 2 + kBlock - 1) / kBlock * kBlock;
    }

    // Of a narrow pool no more than its width is kept: the farthest gives way.
    void Replace(float key, NodeLink link) {
        float *farthest = std::max_element(keys_, keys_ + count_);
        if (key < *farthest) {
            *farthest = key;
            links_[farthest - keys_] = link;
        }
        bound_ = *std::max_element(keys_, keys_ + count_);
    }

    // Gives up those that can no longer be taken, most of them at least.
    void Sift() {
        const int keep = std::max(width_ - nearer_, kNarrow);
        bound_ = std::min(bound_, RoughBound(keep));
        Compact();
        if (count_ * 8 <= Capacity(width_) * 7) return;
        // The keys are spread too unevenly for that.
        std::copy_n(keys_, count_, sifted_);
        std::nth_element(sifted_, sifted_ + keep - 1, sifted_ + count_);
        const float farthest = sifted_[keep - 1];
        int equal = keep - static_cast<int>(std::count_if(
                               keys_, keys_ + count_, [=](float key) { return key < farthest; }));
        int kept = 0;
        for (int i = 0; i < count_; i++) {
            if (keys_[i] > farthest || (keys_[i] == farthest && equal-- <= 0)) continue;
            keys_[kept] = keys_[i];
            links_[kept++] = links_[i];
        }
        std::fill(keys_ + kept, keys_ + count_, kNone);
        count_ = kept;
        bound_ = farthest;
    }

    // Above at least `keep` of the keys: by counting them in equal steps from the smallest to the
    // largest.
    float RoughBound(int keep) const {
        constexpr int kSteps = 64;
        const auto [least, most] = std::minmax_element(keys_, keys_ + count_);
        const float low = *least, step = (*most - low) / kSteps;
        if (!(step > 0 && step < kNone)) return kNone;
        int counts[kSteps + 1] = {};
        for (int i = 0; i < count_; i++)
            counts[std::min(static_cast<int>((keys_[i] - low) / step), kSteps)]++;
        int at = 0;
        for (int below = counts[0]; below < keep && at < kSteps; below += counts[++at]) continue;
        const float bound = low + step * static_cast<float>(at + 1);
        return std::nextafter(bound, kNone);
    }

    void Compact() {
        int kept = 0;
        for (int i = 0; i < count_; i++) {
            keys_[kept] = keys_[i];
            links_[kept] = links_[i];
            kept += keys_[i] < bound_;
        }
        std::fill(keys_ + kept, keys_ + count_, kNone);
        count_ = kept;
    }

    // Keys larger than `width` others never count again.
    void ForgetFarTaken() {
        std::nth_element(taken_, taken_ + width_, taken_ + taken_count_);
        taken_count_ = width_;
    }

    float *keys_;      // of the candidates; then kNone up to the capacity
    NodeLink *links_;  // beside them
    float *sifted_;    // for Sift
    float *taken_;     // keys
    int taken_capacity_;
    int width_;
    int count_ = 0;
    int taken_count_ = 0;
    int nearer_ = 0;        // taken ones that are nearer than all that are left, or 0
    float counted_at_ = 0;  // the key that nearer_ was counted for
    float bound_ = kNone;
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
        old.ForEach([this](NodeId id) { Add(id); });
    }

    template <class Use>
    void ForEach(Use use) const {
        for (size_t i = 0; i <= mask_; i++)
            if (slots_[i] != kNoNode) use(slots_[i]);
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

// Estimates that are no numbers: where no bound is set, who asks wants all neighbours, and an edge
// may be the only one to its end. Those come last. `near` has a bit for each of the others.
inline uint32_t EstimateLost(const NodeRecord &record, int batch, uint32_t near,
                             float *estimates) noexcept {
    for (uint32_t rest = ~near; rest != 0; rest &= rest - 1) {
        const int lane = std::countr_zero(rest);
        if (record.Ids()[batch * static_cast<int>(kEdgeBatch) + lane] == kNoNode) continue;
        estimates[lane] = std::numeric_limits<float>::max();
        near |= 1u << lane;
    }
    return near;
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
        if (bound == kInfinity) near = EstimateLost(record, batch, near, estimates);
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
// A search then expands a few nodes more, and waits for hardly any. Where nearly all of a wide pool
// is expanded in the end, kAhead nodes may be chosen in advance at no loss.
template <int kAhead = 1, GraphStore Store, class Visit>
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
    NodeLink coming[kAhead] = {};
    int count = 0;
    const auto look_ahead = [&] {
        while (count < kAhead) {
            const NodeLink link = choose();
            if (!link) return;
            coming[count++] = link;
        }
    };
    for (look_ahead(); count > 0;) {
        const NodeLink link = coming[0];
        for (int i = 1; i < kAhead; i++) coming[i - 1] = coming[i];
        count--;
        look_ahead();
        const bool expanded = store.Expand(link, pool.Bound(), expansion);
        if (expanded) {
            expansion->link = link;
            visit(*expansion);
            for (int i = 0; i < expansion->count; i++) {
                const Candidate &neighbor = expansion->neighbors[i];
                if (!visited.Contains(neighbor.id)) pool.Push(neighbor.key, neighbor.Link());
            }
        }
        if (count == 0) look_ahead();
    }
}

}  // namespace vecx

// The candidates that a scan which goes on has met and not expanded yet. Most of them are never
// expanded: only the nearest are a heap, small enough for the CPU's caches, and the others lie in
// no order until the heap is empty.

#pragma once

#include "core/graph_search.h"

#include "pg/pg.h"

namespace vecx::hnsw {

class Frontier {
  public:
    // All zeroes is an empty one, of `context` and `limit` candidates, beyond which the farthest
    // are given up.
    void Open(MemoryContext context, int64 limit) {
        context_ = context;
        limit_ = limit;
        horizon_ = std::numeric_limits<float>::infinity();
        most_near_ = kMostNear;
    }

    bool IsEmpty() const { return near_.count + far_.count == 0; }

    void Push(const Candidate &candidate) {
        if (candidate.key < horizon_) {
            Append(&near_, candidate);
            std::push_heap(near_.items, near_.items + near_.count, IsLater);
            if (near_.count > most_near_) Split();
        } else {
            Append(&far_, candidate);
        }
        if (near_.count + far_.count > limit_) Forget();
    }

    // The nearest, of a frontier that is not empty.
    Candidate Pop() {
        if (near_.count == 0) Refill();
        std::pop_heap(near_.items, near_.items + near_.count, IsLater);
        return near_.items[--near_.count];
    }

    // What comes next if nothing nearer is met, where that is known.
    NodeLink Next() const { return near_.count > 0 ? near_.items[0].Link() : kNoLink; }

  private:
    static constexpr int64 kMostNear = 4096;

    struct List {
        Candidate *items;
        int64 count, capacity;
    };

    static bool IsNearer(const Candidate &a, const Candidate &b) { return a.key < b.key; }
    static bool IsLater(const Candidate &a, const Candidate &b) { return a.key > b.key; }

    void Reserve(List *list, int64 capacity) const;
    void Append(List *list, const Candidate &candidate) const {
        if (list->count == list->capacity) Reserve(list, list->count * 2);
        list->items[list->count++] = candidate;
    }
    static void Part(List *list, int64 nearest);
    void Split();
    void Refill();
    void Forget();

    MemoryContext context_;
    List near_;      // a heap, the nearest on top
    List far_;       // none of them nearer than horizon_
    float horizon_;  // what is nearer is in near_
    int64 most_near_;
    int64 limit_;
};

}  // namespace vecx::hnsw

// Work in slices: a loop over many pieces that is left and taken up again, some 40 ms at a time, so
// that whoever drives it can look for interrupts. What a piece does must not depend on the slice.
// A slice is one region of threads: on a busy machine, where threads wait long for each other at
// its end, its length is what counts.

#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>

#include "core/parallel.h"

namespace vecx {

class Slices {
  public:
    explicit Slices(int threads) : threads_(threads) {}

    // To be called before the first slice of each loop.
    void Begin(size_t total) {
        at_ = 0;
        total_ = total;
    }

    // Runs body(i, thread) for the next pieces; false once all are done.
    template <class Body>
    bool Run(Body body) {
        using Clock = std::chrono::steady_clock;
        constexpr auto kSlice = std::chrono::milliseconds(40);
        const Clock::time_point end = Clock::now() + kSlice;
        std::atomic<size_t> next = at_;
        const size_t lanes = std::min(static_cast<size_t>(threads_), total_ - at_);
        ParallelFor(static_cast<ptrdiff_t>(lanes), threads_, [&](ptrdiff_t, int thread) noexcept {
            do {
                const size_t i = next.fetch_add(1, std::memory_order_relaxed);
                if (i >= total_) return;
                body(i, thread);
            } while (Clock::now() < end);
        });
        at_ = std::min(next.load(), total_);
        return at_ < total_;
    }

    double Done() const {
        return total_ == 0 ? 1 : static_cast<double>(at_) / static_cast<double>(total_);
    }

  private:
    int threads_;
    size_t at_ = 0;
    size_t total_ = 0;
};

}  // namespace vecx

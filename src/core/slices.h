// Work in slices: a loop over many pieces that is left and taken up again, some 20 ms at a time, so
// that whoever drives it can look for interrupts. What a piece does must not depend on the slice.

#pragma once

#include <algorithm>
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
        slice_ = static_cast<size_t>(threads_);
    }

    // Runs body(i, thread) for the next pieces; false once all are done.
    template <class Body>
    bool Run(Body body) {
        using Clock = std::chrono::steady_clock;
        constexpr auto kShort = std::chrono::milliseconds(10),
                       kLong = std::chrono::milliseconds(25);
        const Clock::time_point begin = Clock::now();
        const size_t first = at_, count = std::min(slice_, total_ - at_);
        ParallelFor(static_cast<ptrdiff_t>(count), threads_, [&](ptrdiff_t i, int thread) noexcept {
            body(first + static_cast<size_t>(i), thread);
        });
        at_ += count;
        const Clock::duration took = Clock::now() - begin;
        if (took < kShort) slice_ *= 2;
        if (took > kLong) slice_ = std::max(slice_ / 2, static_cast<size_t>(threads_));
        return at_ < total_;
    }

    double Done() const {
        return total_ == 0 ? 1 : static_cast<double>(at_) / static_cast<double>(total_);
    }

  private:
    int threads_;
    size_t at_ = 0;
    size_t total_ = 0;
    size_t slice_ = 1;
};

}  // namespace vecx

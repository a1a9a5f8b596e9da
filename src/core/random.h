// A small seeded generator: the same seed gives the same numbers on every machine.

#pragma once

#include <cstdint>

namespace vecx {

// SplitMix64 (Steele, Lea, Flood 2014): good enough to choose levels, signs and samples.
class Random {
  public:
    explicit constexpr Random(uint64_t seed) : state_(seed) {}

    constexpr uint64_t Next() {
        state_ += 0x9e3779b97f4a7c15;
        uint64_t mixed = state_;
        mixed = (mixed ^ mixed >> 30) * 0xbf58476d1ce4e5b9;
        mixed = (mixed ^ mixed >> 27) * 0x94d049bb133111eb;
        return mixed ^ mixed >> 31;
    }

    // Evenly from 0 to n - 1.
    constexpr uint32_t Below(uint32_t n) { return static_cast<uint32_t>((Next() >> 32) * n >> 32); }

  private:
    uint64_t state_;
};

}  // namespace vecx

// A seeded random rotation of vectors, so that a sign or a byte says as much of one coordinate as
// of any other: quantization then behaves alike whatever the data.
//
// Rounds of random signs and a Walsh-Hadamard transform of the largest power of two that fits, at
// the front and at the back in turn, and after the back a step of Kac's walk that mixes the halves
// (the RaBitQ authors' library does so after each): orthonormal, n log n. Lengths and inner
// products stay as they are.

#pragma once

#include <cstddef>
#include <cstdint>

namespace vecx {

// Rotated vectors have so many coordinates: `dimensions` rounded up to a multiple of 16.
constexpr int PaddedDimensions(int dimensions) { return (dimensions + 15) / 16 * 16; }

class Rotation {
  public:
    // Floats of memory that a rotation of vectors of `dimensions` needs.
    static size_t FactorCount(int dimensions);

    // Fills `factors` (FactorCount floats, which must outlive the rotation) from the seed.
    Rotation(int dimensions, uint64_t seed, float *factors);

    int padded() const { return padded_; }

    // out = R (in - centre); `centre` may be nullptr. in and centre have `dimensions` floats, out
    // PaddedDimensions(dimensions).
    void Apply(const float *in, const float *centre, float *out) const noexcept;

  private:
    static constexpr int kRounds = 4;

    int dimensions_;
    int padded_;
    int block_;             // of the transform: the largest power of two within padded_
    const float *factors_;  // kRounds * padded_: a sign, times what makes the round orthonormal
};

}  // namespace vecx

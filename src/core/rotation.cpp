// The seeded rotation; see the header.

#include "core/rotation.h"

#include <bit>
#include <cmath>

#include "core/kernels.h"
#include "core/random.h"

namespace vecx {

size_t Rotation::FactorCount(int dimensions) {
    return static_cast<size_t>(kRounds) * PaddedDimensions(dimensions);
}

Rotation::Rotation(int dimensions, uint64_t seed, float *factors)
    : dimensions_(dimensions),
      padded_(PaddedDimensions(dimensions)),
      block_(static_cast<int>(std::bit_floor(static_cast<unsigned>(padded_)))),
      factors_(factors) {
    Random random(seed);
    const float in_block = 1 / std::sqrt(static_cast<float>(block_));
    for (int round = 0; round < kRounds; round++) {
        const int first = round % 2 == 0 ? 0 : padded_ - block_;
        for (int i = 0; i < padded_; i++) {
            const float size = i >= first && i < first + block_ ? in_block : 1;
            *factors++ = random.Next() >> 63 ? size : -size;
        }
    }
}

void Rotation::Apply(const float *in, const float *centre, float *out) const noexcept {
    if (centre == nullptr)
        for (int i = 0; i < dimensions_; i++) out[i] = in[i];
    else
        for (int i = 0; i < dimensions_; i++) out[i] = in[i] - centre[i];
    for (int i = dimensions_; i < padded_; i++) out[i] = 0;

    const auto hadamard = ActiveKernels().codes.hadamard;
    const float *factors = factors_;
    for (int round = 0; round < kRounds; round++) {
        const int first = round % 2 == 0 ? 0 : padded_ - block_;
        hadamard(out + first, factors + first, block_);
        const int rest = round % 2 == 0 ? block_ : 0;
        for (int i = rest; i < rest + padded_ - block_; i++) out[i] *= factors[i];
        factors += padded_;
        // Not between front and back: one behind the front block would stay in two coordinates.
        if (block_ == padded_ || round % 2 == 0) continue;
        constexpr float kHalfTurn = 0.70710678118654752f;
        const int half = padded_ / 2;
        for (int i = 0; i < half; i++) {
            const float a = out[i], b = out[half + i];
            out[i] = (a + b) * kHalfTurn;
            out[half + i] = (a - b) * kHalfTurn;
        }
    }
}

}  // namespace vecx

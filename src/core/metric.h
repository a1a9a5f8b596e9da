// The metrics, and the way from the sums of a kernel to the distance that SQL shows. Called by
// types/distance.cpp and the indexes; the formulas hold for every element type.

#pragma once

#include <cmath>
#include <cstdint>

#include "core/kernels.h"

namespace vecx {

// What an index orders by. Written to disk: a number once given keeps its meaning.
enum class Metric : uint8_t { kL2, kInnerProduct, kCosine, kL1, kHamming, kJaccard };

// A similarity that rounding may have pushed over the edge, brought back into [-1, 1]; NaN stays.
inline double ClampSimilarity(double similarity) {
    if (similarity > 1) return 1;
    if (similarity < -1) return -1;
    return similarity;
}

inline double L2(float squared) { return std::sqrt(static_cast<double>(squared)); }

// NaN if either vector is zero. The root of the product, not the product of the roots: it
// overflows later and a vector keeps similarity 1 with itself.
inline double CosineSimilarity(const CosineSums &sums) {
    const double product =
        static_cast<double>(sums.squared_norm_a) * static_cast<double>(sums.squared_norm_b);
    return ClampSimilarity(static_cast<double>(sums.dot) / std::sqrt(product));
}

// The angle between unit vectors as a part of pi, which keeps the triangle inequality.
inline double SphericalDistance(float dot) {
    constexpr double kPi = 3.14159265358979323846;
    return std::acos(ClampSimilarity(dot)) / kPi;
}

// 1 where no bit is common, two empty sets included.
inline double JaccardDistance(const BitCounts &counts) {
    if (counts.both == 0) return 1;
    return 1 - static_cast<double>(counts.both) / static_cast<double>(counts.either);
}

}  // namespace vecx

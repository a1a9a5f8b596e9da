// Arrays of halves in units of a scale that all of them share: a power of two, so that a change of
// it loses nothing of what stands there already. Used by records of graphs and blocks of lists.

#pragma once

#include <cmath>
#include <cstdint>
#include <initializer_list>

#include "core/half.h"

namespace vecx {

constexpr float kLargestScaled = 60000;  // a little below the largest half, 65504
constexpr float kFirstScaled = 1000;     // where the first values are put: room above and below

// value / scale as a half.
inline uint16_t Scaled(float value, float scale) {
    return FloatToHalf(scale > 0 ? value / scale : 0).bits;
}

// Divides the stored halves by `by`.
inline void ShrinkHalves(uint16_t *halves, int n, float by) {
    for (int i = 0; i < n; i++) {
        const Half half = {halves[i]};
        if (!IsInfinite(half)) halves[i] = FloatToHalf(HalfToFloat(half) / by).bits;
    }
}

// The scale at which `value` fits into the halves, where those that are stored are in units of
// `scale`.
inline float ScaleFor(float value, float scale) {
    if (!(value > scale * kLargestScaled) || !std::isfinite(value)) return scale;
    return std::exp2(std::ceil(std::log2(value / kFirstScaled)));
}

// Makes `value` fit into the halves that are stored in units of `scale`.
inline void FitScale(float value, float *scale, std::initializer_list<uint16_t *> arrays, int n) {
    const float wanted = ScaleFor(value, *scale);
    if (wanted == *scale) return;
    if (*scale > 0)
        for (uint16_t *array : arrays)
            if (array != nullptr) ShrinkHalves(array, n, wanted / *scale);
    *scale = wanted;
}

// Whether that leaves all of them what they are.
inline bool FitsExactly(float value, float scale, std::initializer_list<const uint16_t *> arrays,
                        int n) {
    const float wanted = ScaleFor(value, scale);
    if (wanted == scale || !(scale > 0)) return true;
    const float by = wanted / scale;
    for (const uint16_t *array : arrays)
        for (int i = 0; i < n; i++) {
            const Half half = {array[i]};
            if (!IsInfinite(half) &&
                HalfToFloat(FloatToHalf(HalfToFloat(half) / by)) * by != HalfToFloat(half))
                return false;
        }
    return true;
}

}  // namespace vecx

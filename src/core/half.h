// IEEE 754 binary16 ("half") values, one at a time. Arrays go through kernels.h.

#pragma once

#include <bit>
#include <cstdint>

namespace vecx {

// The bits of a half; a type of its own, so that they are not taken for a number.
struct Half {
    uint16_t bits;
};

static_assert(sizeof(Half) == 2);

constexpr bool IsNaN(Half half) { return (half.bits & 0x7fff) > 0x7c00; }
constexpr bool IsInfinite(Half half) { return (half.bits & 0x7fff) == 0x7c00; }

// Exact: every half is a float.
constexpr float HalfToFloat(Half half) {
    const uint32_t sign = static_cast<uint32_t>(half.bits & 0x8000) << 16;
    const uint32_t exponent = (half.bits >> 10) & 0x1f;
    const uint32_t mantissa = half.bits & 0x3ff;
    if (exponent == 0) {  // zero or subnormal: mantissa * 2^-24
        const float magnitude = static_cast<float>(mantissa) * 0x1p-24f;
        return std::bit_cast<float>(std::bit_cast<uint32_t>(magnitude) | sign);
    }
    if (exponent == 0x1f) return std::bit_cast<float>(sign | 0x7f800000 | mantissa << 13);
    return std::bit_cast<float>(sign | (exponent + 112) << 23 | mantissa << 13);
}

// Rounds to nearest, ties to even; magnitudes from 65520 become infinity.
constexpr Half FloatToHalf(float value) {
    const uint32_t bits = std::bit_cast<uint32_t>(value);
    const uint16_t sign = static_cast<uint16_t>(bits >> 16 & 0x8000);
    const uint32_t magnitude = bits & 0x7fffffff;
    if (magnitude > 0x7f800000)  // NaN, made quiet
        return {static_cast<uint16_t>(sign | 0x7e00 | (magnitude >> 13 & 0x3ff))};
    if (magnitude >= 0x477ff000) return {static_cast<uint16_t>(sign | 0x7c00)};  // 65520
    if (magnitude < 0x38800000) {  // below 2^-14: subnormal half
        // Adding 0.5 shifts the mantissa into place, rounded by the hardware's own rule.
        const float shifted = std::bit_cast<float>(magnitude) + 0.5f;
        return {static_cast<uint16_t>(sign | (std::bit_cast<uint32_t>(shifted) - 0x3f000000))};
    }
    const uint32_t odd = magnitude >> 13 & 1;
    return {static_cast<uint16_t>(sign | (magnitude - 0x38000000 + 0xfff + odd) >> 13)};
}

}  // namespace vecx

// Scalar quantization to 8 bits; see the header.

#include "core/sq8.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/kernels.h"

namespace vecx {
namespace {

constexpr float kQueryLevels = 4095;  // what CodeKernels::dot_u8_i16 takes
constexpr double kRoundedUp = 1.001;  // the sums below are themselves rounded

}  // namespace

Sq8Parameters EncodeSq8(const float *values, size_t n, uint8_t *codes) noexcept {
    float low = values[0], high = values[0];
    for (size_t i = 1; i < n; i++) {
        low = std::min(low, values[i]);
        high = std::max(high, values[i]);
    }
    // A range too small to be divided by counts as none; what that loses is in the error.
    float scale = (high - low) / 255;
    if (scale < std::numeric_limits<float>::min()) scale = 0;
    ActiveKernels().codes.encode_u8(values, scale > 0 ? 1 / scale : 0, low, codes, n);
    double norm = 0, error = 0;
    uint64_t sum = 0;
    for (size_t i = 0; i < n; i++) {
        const float dequantized = low + scale * codes[i];
        const float lost = values[i] - dequantized;
        norm += dequantized * dequantized;
        error += static_cast<double>(lost) * static_cast<double>(lost);
        sum += codes[i];
    }
    return {scale, low, static_cast<float>(sum), static_cast<float>(norm),
            static_cast<float>(std::sqrt(error) * kRoundedUp)};
}

float Sq8Distance(const Sq8View &a, const Sq8View &b, size_t n) noexcept {
    const float dot = static_cast<float>(ActiveKernels().codes.dot_u8(a.codes, b.codes, n));
    // The product of two small scales would vanish.
    const float product = static_cast<float>(n) * a.offset * b.offset +
                          a.offset * (b.scale * b.sum) + b.offset * (a.scale * a.sum) +
                          a.scale * (b.scale * dot);
    return std::max(0.0f, a.norm + b.norm - 2 * product);
}

Sq8Query PrepareSq8Query(const float *query, size_t n, int16_t *values) noexcept {
    const CodeKernels &kernels = ActiveKernels().codes;
    const SizeSums sizes = kernels.sizes(query, n);
    // The dot product with codes of up to 255 must fit into 31 bits: that binds above some 2,000
    // dimensions.
    constexpr float kLargestSum = 0x1p31f / 256;
    const float step = std::max(sizes.largest / kQueryLevels, sizes.sum / (kLargestSum - 2 * n));
    const float inverse = step < std::numeric_limits<float>::min() ? 0 : 1 / step;
    const RoundingSums sums = kernels.encode_i16(query, inverse, step, values, n);
    // Of what they have become: then only the vector itself is multiplied by what rounding lost,
    // and not its offset, too, which is several times as long.
    int32_t sum = 0;
    for (size_t i = 0; i < n; i++) sum += values[i];
    return {values, step, step * static_cast<float>(sum), sums.squared_norm,
            static_cast<float>(std::sqrt(sums.squared_error) * kRoundedUp)};
}

float Sq8InnerProduct(const Sq8Query &query, const Sq8View &vector, size_t n) noexcept {
    const float dot =
        static_cast<float>(ActiveKernels().codes.dot_u8_i16(vector.codes, query.values, n));
    return vector.offset * query.sum + vector.scale * (query.step * dot);
}

}  // namespace vecx

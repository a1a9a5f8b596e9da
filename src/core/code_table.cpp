// Look-up tables; see the header.

#include "core/code_table.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/kernels.h"

namespace vecx {
namespace {

constexpr float kLargestEntry = 126;  // and a rounding error

// Contributions are added as multiples of this part of a step.
constexpr float kFraction = 1 << kTableFractionBits;

// Two rows share 128 bytes, and every table stands twice: see CodeTable.
uint8_t *LowOf(uint8_t *entries, int row) { return entries + row / 2 * 128 + row % 2 * 32; }

float ScaleOf(float step) {
    return step < std::numeric_limits<float>::min() ? 0 : kFraction / step;
}

// Of an entry of signs: half a step by rounding, and a fraction that is cut off in each of four
// contributions.
constexpr float kEntryError = 0.5f + 4 / kFraction;

SignTable TableOf(float step, float bias, int groups) {
    const auto count = static_cast<float>(groups);
    return {step, bias, count * kEntryError * step, std::sqrt(count / 12) * step};
}

}  // namespace

SignTable FillSignTable(const float *rotated, int rows, uint8_t *entries) noexcept {
    const CodeKernels &kernels = ActiveKernels().codes;
    const auto dimensions = static_cast<size_t>(rows) * 8;
    const SizeSums sizes = kernels.sizes(rotated, dimensions);
    const float step = 2 * sizes.widest / kLargestEntry;
    kernels.fill_table(rotated, dimensions, ScaleOf(step), entries);
    return TableOf(step, -sizes.sum, 2 * rows);
}

SignTable FillLevelTable(const float *rotated, int rows, uint8_t *entries) noexcept {
    const SignTable signs = FillSignTable(rotated, rows, entries);
    const auto dimensions = static_cast<size_t>(rows) * 8;
    ActiveKernels().codes.fill_table(rotated, dimensions, ScaleOf(signs.step) / 2,
                                     entries + TableBytes(rows));
    return TableOf(signs.step, 1.5f * signs.bias, 4 * rows);
}

SignTable FillValueTable(const float *values, int rows, uint8_t *entries) noexcept {
    float widest = 0;
    double bias = 0;
    for (int group = 0; group < 2 * rows; group++) {
        const auto [least, most] =
            std::minmax_element(values + 16 * group, values + 16 * group + 16);
        widest = std::max(widest, *most - *least);
        bias += *least;
    }
    const float step = widest / kLargestEntry;
    const float inverse = step < std::numeric_limits<float>::min() ? 0 : 1 / step;
    double error = 0;
    for (int group = 0; group < 2 * rows; group++) {
        const float *value = values + 16 * group;
        const float least = *std::min_element(value, value + 16);
        uint8_t *to = LowOf(entries, group / 2) + group % 2 * 64;
        float worst = 0;
        for (int i = 0; i < 16; i++) {
            const float exact = (value[i] - least) * inverse;
            const auto entry = static_cast<uint8_t>(exact + 0.5f);
            worst = std::max(worst, std::fabs(exact - entry));
            to[i] = to[16 + i] = entry;
        }
        error += worst;
    }
    return {step, static_cast<float>(bias), static_cast<float>(error) * step,
            std::sqrt(static_cast<float>(2 * rows) / 12) * step};
}

}  // namespace vecx

// Look-up tables; see the header.

#include "core/code_table.h"

#include <algorithm>
#include <cmath>
#include <cstring>
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

// One scale for all groups of values: each starts from its own least.
struct Scale {
    float step;
    float inverse;
    float bias;
};

Scale ScaleFor(const float *values, int groups, size_t count, float largest) noexcept {
    const auto range_of = ActiveKernels().codes.range;
    float widest = 0;
    double bias = 0;
    for (int group = 0; group < groups; group++, values += count) {
        const ValueRange range = range_of(values, count);
        widest = std::max(widest, range.most - range.least);
        bias += static_cast<double>(range.least);
    }
    const float step = widest / largest;
    const float inverse = step < std::numeric_limits<float>::min() ? 0 : 1 / step;
    return {step, inverse, static_cast<float>(bias)};
}

// Of one value: half a step, and what its own arithmetic rounds.
SignTable RoundedTable(const Scale &scale, int groups) {
    constexpr float kValueError = 0.501f;
    const auto count = static_cast<float>(groups);
    return {scale.step, scale.bias, count * kValueError * scale.step,
            std::sqrt(count / 12) * scale.step};
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
    const CodeKernels &kernels = ActiveKernels().codes;
    const Scale scale = ScaleFor(values, 2 * rows, 16, kLargestEntry);
    for (int group = 0; group < 2 * rows; group++, values += 16) {
        uint8_t *to = LowOf(entries, group / 2) + group % 2 * 64;
        kernels.encode_u8(values, scale.inverse, kernels.range(values, 16).least, to, 16);
        memcpy(to + 16, to, 16);
    }
    return RoundedTable(scale, 2 * rows);
}

SignTable FillWordTable(const float *values, int rows, uint16_t *words) noexcept {
    const CodeKernels &kernels = ActiveKernels().codes;
    const Scale scale = ScaleFor(values, rows, 256, kLargestWord - 1);
    for (int row = 0; row < rows; row++, values += 256, words += 256) {
        const float least = kernels.range(values, 256).least;
        for (int i = 0; i < 256; i++) {
            // No number at all, where a book or a query is beyond what squares allow.
            const float word = (values[i] - least) * scale.inverse + 0.5f;
            words[i] =
                static_cast<uint16_t>(word < kLargestWord ? static_cast<int>(word) : kLargestWord);
        }
    }
    return RoundedTable(scale, rows);
}

}  // namespace vecx

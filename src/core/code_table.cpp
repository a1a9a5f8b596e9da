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

// Four floats in a register of the compiler's baseline.
using Quad __attribute__((vector_size(16))) = float;

Quad LoadQuad(const float *from) {
    Quad quad;
    memcpy(&quad, from, sizeof(quad));
    return quad;
}

struct Range {
    float least;
    float most;
};

template <int kCount>
Range RangeOf(const float *values) noexcept {
    Quad least = LoadQuad(values), most = least;
    for (int i = 4; i < kCount; i += 4) {
        const Quad value = LoadQuad(values + i);
        least = value < least ? value : least;
        most = value > most ? value : most;
    }
    return {std::min({least[0], least[1], least[2], least[3]}),
            std::max({most[0], most[1], most[2], most[3]})};
}

// One scale for all groups of values: each starts from its own least.
struct Scale {
    float step;
    float inverse;
    float bias;
};

template <int kCount>
Scale ScaleFor(const float *values, int groups, float largest) noexcept {
    float widest = 0;
    double bias = 0;
    for (int group = 0; group < groups; group++) {
        const Range range = RangeOf<kCount>(values + kCount * group);
        widest = std::max(widest, range.most - range.least);
        bias += static_cast<double>(range.least);
    }
    const float step = widest / largest;
    const float inverse = step < std::numeric_limits<float>::min() ? 0 : 1 / step;
    return {step, inverse, static_cast<float>(bias)};
}

// The largest rounding error, in steps.
template <int kCount, class Entry>
float FillEntries(const float *values, float least, float inverse, Entry *entries) noexcept {
    float worst[4] = {};
    for (int i = 0; i < kCount; i += 4)
        for (int j = 0; j < 4; j++) {
            const float exact = (values[i + j] - least) * inverse;
            const int entry = static_cast<int>(exact + 0.5f);
            const float error = std::fabs(exact - static_cast<float>(entry));
            worst[j] = error > worst[j] ? error : worst[j];
            entries[i + j] = static_cast<Entry>(entry);
        }
    return std::max({worst[0], worst[1], worst[2], worst[3]});
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
    const Scale scale = ScaleFor<16>(values, 2 * rows, kLargestEntry);
    double error = 0;
    for (int group = 0; group < 2 * rows; group++) {
        const float *value = values + 16 * group;
        const float least = RangeOf<16>(value).least;
        uint8_t *to = LowOf(entries, group / 2) + group % 2 * 64;
        error += static_cast<double>(FillEntries<16>(value, least, scale.inverse, to));
        memcpy(to + 16, to, 16);
    }
    return {scale.step, scale.bias, static_cast<float>(error) * scale.step,
            std::sqrt(static_cast<float>(2 * rows) / 12) * scale.step};
}

SignTable FillWordTable(const float *values, int rows, uint16_t *words) noexcept {
    const Scale scale = ScaleFor<256>(values, rows, kLargestWord - 1);
    double error = 0;
    for (int row = 0; row < rows; row++) {
        const float *value = values + 256 * row;
        const float least = RangeOf<256>(value).least;
        error +=
            static_cast<double>(FillEntries<256>(value, least, scale.inverse, words + 256 * row));
    }
    return {scale.step, scale.bias, static_cast<float>(error) * scale.step,
            std::sqrt(static_cast<float>(rows) / 12) * scale.step};
}

}  // namespace vecx

// See sparse.h.

#include "core/sparse.h"

#include <bit>
#include <cmath>

namespace vecx {
namespace {

// The sum of term(a value, b value) over all indices that either list has; a missing value is 0.
template <class Term>
float SumOverUnion(const SparseList &a, const SparseList &b, Term term) {
    float sum = 0;
    int32_t i = 0;
    int32_t j = 0;
    while (i < a.count && j < b.count) {
        const int32_t a_index = a.indices[i];
        const int32_t b_index = b.indices[j];
        sum +=
            term(a_index <= b_index ? a.values[i] : 0.0f, b_index <= a_index ? b.values[j] : 0.0f);
        i += a_index <= b_index;
        j += b_index <= a_index;
    }
    for (; i < a.count; i++) sum += term(a.values[i], 0.0f);
    for (; j < b.count; j++) sum += term(0.0f, b.values[j]);
    return sum;
}

}  // namespace

float SparseL2Squared(const SparseList &a, const SparseList &b) noexcept {
    return SumOverUnion(a, b, [](float x, float y) { return (x - y) * (x - y); });
}

float SparseL1(const SparseList &a, const SparseList &b) noexcept {
    return SumOverUnion(a, b, [](float x, float y) { return std::fabs(x - y); });
}

float SparseInnerProduct(const SparseList &a, const SparseList &b) noexcept {
    // Only what both have counts. Which side is behind could not be foreseen: so no branch asks it.
    float sum = 0;
    for (int32_t i = 0, j = 0; i < a.count && j < b.count;) {
        const int32_t in_a = a.indices[i], in_b = b.indices[j];
        const float product = a.values[i] * b.values[j];
        const uint32_t both = -static_cast<uint32_t>(in_a == in_b);
        sum += std::bit_cast<float>(std::bit_cast<uint32_t>(product) & both);
        i += in_a <= in_b;
        j += in_b <= in_a;
    }
    return sum;
}

int CompareSparse(const SparseList &a, const SparseList &b) noexcept {
    // An element that only one side has stands against a zero of the other.
    const auto against_zero = [](float value) { return value < 0 ? -1 : 1; };
    const int32_t common = a.count < b.count ? a.count : b.count;
    for (int32_t i = 0; i < common; i++) {
        if (a.indices[i] < b.indices[i]) return against_zero(a.values[i]);
        if (a.indices[i] > b.indices[i]) return -against_zero(b.values[i]);
        if (a.values[i] < b.values[i]) return -1;
        if (a.values[i] > b.values[i]) return 1;
    }
    // Beyond the end of the shorter vector there is no zero to compare with.
    if (a.count > common && a.indices[common] < b.dimensions) return against_zero(a.values[common]);
    if (b.count > common && b.indices[common] < a.dimensions)
        return -against_zero(b.values[common]);
    return (a.dimensions > b.dimensions) - (a.dimensions < b.dimensions);
}

}  // namespace vecx

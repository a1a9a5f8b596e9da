// See sparse.h.

#include "core/sparse.h"

#include <bit>
#include <cmath>

namespace vecx {
namespace {

// The value, or 0. Which list has the next index could not be foreseen, so no branch asks it.
float If(bool condition, float value) {
    return std::bit_cast<float>(std::bit_cast<uint32_t>(value) & -static_cast<uint32_t>(condition));
}

// The sum of term(a value, b value) over all indices that either list has; a missing value is 0.
template <class Term>
float SumOverUnion(const SparseList &a, const SparseList &b, Term term) {
    float sum = 0;
    int32_t i = 0;
    int32_t j = 0;
    while (i < a.count && j < b.count) {
        const int32_t a_index = a.indices[i];
        const int32_t b_index = b.indices[j];
        sum += term(If(a_index <= b_index, a.values[i]), If(b_index <= a_index, b.values[j]));
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
    return SumOverUnion(a, b, [](float x, float y) { return x * y; });
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

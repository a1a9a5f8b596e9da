// Distances and order of sparse vectors: merges of two ascending index lists. Called by types/.
//
// Sums are kept in floats, as in kernels.h. Inputs are trusted to be ascending: were they not, the
// result would be meaningless, but nothing outside the lists is read.

#pragma once

#include <cstdint>

namespace vecx {

struct SparseList {
    int32_t dimensions;
    int32_t count;
    const int32_t *indices;
    const float *values;
};

float SparseL2Squared(const SparseList &a, const SparseList &b) noexcept;
float SparseInnerProduct(const SparseList &a, const SparseList &b) noexcept;
float SparseL1(const SparseList &a, const SparseList &b) noexcept;

// -1, 0, 1: element by element as if both were dense, then the shorter first.
int CompareSparse(const SparseList &a, const SparseList &b) noexcept;

}  // namespace vecx

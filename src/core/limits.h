// The sizes that a value may have. They are pgvector's, so that data moves both ways.

#pragma once

#include <cstdint>

namespace vecx {

constexpr int kMaxDimensions = 16000;  // vector and halfvec
constexpr int32_t kMaxSparseDimensions = 1000000000;
constexpr int kMaxNonZeros = 16000;  // elements stored in one sparsevec

}  // namespace vecx

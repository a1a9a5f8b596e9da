// Scalar quantization to 8 bits: each vector with its own scale and offset.
//
// coordinate i is about offset + scale * codes[i]. Distances between quantized vectors, and between
// a query and one, come from integer dot products.

#pragma once

#include <cstddef>
#include <cstdint>

namespace vecx {

// A quantized vector, wherever its codes lie.
struct Sq8View {
    const uint8_t *codes;
    float scale;
    float offset;
    float sum;   // of the codes
    float norm;  // squared length of the dequantized vector
    // For the largest inner product: by how much the vector's square is larger than that which all
    // others have been given by augmenting them. Not seen here.
    float excess = 0;
};

struct Sq8Parameters {
    float scale;
    float offset;
    float sum;
    float norm;
    float error;  // length of (vector - dequantized vector), rounded up
    float excess = 0;
};

// Quantizes n coordinates.
Sq8Parameters EncodeSq8(const float *values, size_t n, uint8_t *codes) noexcept;

// Squared distance between two quantized vectors.
float Sq8Distance(const Sq8View &a, const Sq8View &b, size_t n) noexcept;

// A query in 13-bit integers, for dot products with codes.
struct Sq8Query {
    const int16_t *values;
    float step;   // coordinate i is about step * values[i]
    float sum;    // of step * values
    float norm;   // squared length
    float error;  // length of (query - step * values), rounded up
};

// n is a multiple of 16.
Sq8Query PrepareSq8Query(const float *query, size_t n, int16_t *values) noexcept;

// <query, vector>
float Sq8InnerProduct(const Sq8Query &query, const Sq8View &vector, size_t n) noexcept;

}  // namespace vecx

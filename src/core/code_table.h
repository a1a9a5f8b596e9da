// Look-up tables of a query for codes of half bytes, in bytes that kernels shuffle (Andre et al.
// 2015, "fast scan"): 128 bytes for two rows of codes, laid out as CodeTable in core/kernels.h
// says.

#pragma once

#include <cstddef>
#include <cstdint>

namespace vecx {

// sum of entries * step + bias is what the codes stand for.
struct SignTable {
    float step;
    float bias;
    float error;      // no sum is wrong by more
    float deviation;  // of the error, if entries are rounded independently
};

// Bytes of the entries for so many rows, an even number.
constexpr size_t TableBytes(int rows) { return static_cast<size_t>(rows) * 64; }

// For codes of signs, 8 dimensions a row: the entry of four bits is the sum of +q where set and -q
// where not. The entries become at most 127.
SignTable FillSignTable(const float *rotated, int rows, uint8_t *entries) noexcept;

// The same for the signs and, in `rows` further rows, for second bits that count half: codes of
// -1.5, -0.5, 0.5 and 1.5.
SignTable FillLevelTable(const float *rotated, int rows, uint8_t *entries) noexcept;

// For any values: 16 for each half byte, 32 for a row. Rows that are whole but for the last few
// have zeroes there.
SignTable FillValueTable(const float *values, int rows, uint8_t *entries) noexcept;

// For codes of whole bytes: 256 values for each row become words.
SignTable FillWordTable(const float *values, int rows, uint16_t *words) noexcept;

}  // namespace vecx

// The distance kernels of one CPU level, and the choice of a level at run time.
//
// Every level computes the same sums in another order, so results differ in the last bits between
// levels, never within one. Sums are kept in 32-bit floats (norms in doubles), as pgvector keeps
// them: large values overflow to infinity and that is not an error here.
//
// All functions are pure, thread-safe and noexcept. Pointers to vectors may have any alignment,
// hence `const void *`: values come straight from table pages, whose short headers shift them.

#pragma once

#include <cstddef>
#include <cstdint>

namespace vecx {

enum class SimdLevel : uint8_t { kScalar, kNeon, kAvx2, kAvx512 };

// What the cosine distance needs, from one pass over both vectors.
struct CosineSums {
    float dot;
    float squared_norm_a;
    float squared_norm_b;
};

// Distances between vectors of n elements of one element type.
struct DistanceKernels {
    float (*l2_squared)(const void *a, const void *b, size_t n) noexcept;
    float (*inner_product)(const void *a, const void *b, size_t n) noexcept;
    float (*l1)(const void *a, const void *b, size_t n) noexcept;
    CosineSums (*cosine)(const void *a, const void *b, size_t n) noexcept;
    double (*squared_norm)(const void *a, size_t n) noexcept;
};

struct BitCounts {
    uint64_t both;    // bits set in a and in b
    uint64_t either;  // bits set in a or in b
};

// Distances between strings of n bytes.
struct BitKernels {
    uint64_t (*hamming)(const void *a, const void *b, size_t n) noexcept;
    BitCounts (*overlap)(const void *a, const void *b, size_t n) noexcept;
};

// Edges are estimated in batches of so many.
constexpr size_t kEdgeBatch = 32;

// The query's side of an estimate: see core/edge_code.h, which fills it.
struct CodeTable {
    const uint8_t *entries;  // 64-byte aligned; 128 bytes for each two rows, entries at most 127
    size_t rows;             // of 8 dimensions each; even, at most kMaxCodeRows
    int bits;                // planes: 1 or 2
    float step;              // <code, query> = step * sum of entries + bias
    float bias;
};
constexpr size_t kMaxCodeRows = 258;  // 254 per row still fit into 16 bits

constexpr int kTableFractionBits = 6;  // of what a table adds up, before it is rounded

// A node's side: 32 edges as its record keeps them. All pointers may have any alignment.
struct EdgeBatch {
    const uint8_t *codes;    // `bits` planes of rows * 32 bytes, the plane of the signs first
    const uint16_t *addend;  // 32 halves
    const uint16_t *factor;  // 32 halves
    const uint16_t *excess;  // 32 halves, to be subtracted; or nullptr
    float addend_scale;      // of addend and excess
    float factor_scale;
};

// A part of the codes of 32 rows of a list, see core/list_code.h: `rows` times 32 bytes.
struct CodePiece {
    const uint8_t *codes;
    int rows;
};

// 32 rows of a list. All pointers may have any alignment.
struct ListBatch {
    const CodePiece *pieces;  // all of them together as many rows as the table has
    int piece_count;
    const uint16_t *addend;  // 32 halves
    const uint16_t *factor;  // 32 halves, or nullptr: all are 1
    const uint16_t *error;   // 32 halves in units of factor_scale, or nullptr: all are 0
    float addend_scale;
    float factor_scale;
};

// What a query makes of them.
struct ListTerms {
    float base;
    float table_margin;  // per unit of |factor|
    float error_margin;  // per unit of error
    float threshold;
};

// Sums of 32 rows by look-ups for each row of codes: in tables of 16 entries for each half byte
// (laid out as in CodeTable, yet of any number of rows), or of 256 words for each byte.
struct ListTable {
    const uint8_t *entries;
    const uint16_t *words;  // instead of entries; at most kLargestWord
    float step;
    float bias;
};

constexpr size_t kWordRows = 16;  // whose words' sum fits into 16 bits
constexpr int kLargestWord = 65535 / static_cast<int>(kWordRows);

// What is needed of a residual's code besides its bits.
struct CodeSums {
    float residual;  // <code, x - y>
    float node;      // <code, y>
};

// Of 32 edges of a node, bit by bit, as a newcomer to its neighbourhood meets them.
struct PassedEdges {
    uint32_t shorter;  // than the way to the newcomer, and lead past it
    uint32_t longer;   // and lead past the newcomer
};

struct ValueRange {
    float least;
    float most;
};

constexpr size_t kKeyBlock = 64;

// How large the values of a vector are.
struct SizeSums {
    float largest;
    float widest;  // sum of 4 successive ones, at the most
    float sum;
};

// What rounding to integers does to a vector.
struct RoundingSums {
    float squared_norm;   // of the vector
    float squared_error;  // of what is lost
    float sum;            // of the coordinates
};

// Quantization codes and 8-bit vectors, for graph records and inverted lists; and the keys of a
// search's candidates.
struct CodeKernels {
    // estimates[j] = base + addend_scale * (addend[j] - excess[j])
    //              + factor_scale * factor[j] * (step * sum[j] + bias)
    // for 32 edges; bit j of the result is set where the estimate is less than `bound` (never for
    // NaN). sum[j] adds, for each row, the entries of the low and of the high half of byte j; with
    // two planes it is the sum of the first plane plus half of the sum of the second.
    uint32_t (*estimate)(const EdgeBatch &batch, const CodeTable &table, float base, float bound,
                         float *estimates) noexcept;

    // Of 32 edges, by their lengths and the way from their ends to a newcomer at `distance`:
    // shorter where length < distance and factor * between < distance,
    // longer where length > distance and factor * between < length; neither for NaN.
    PassedEdges (*compare_edges)(const float *lengths, const float *between, float distance,
                                 float factor) noexcept;

    // For 32 rows of a list
    //     estimates[j] = base + addend_scale * addend[j] + factor_scale * factor[j] * (step *
    //     sum[j]
    //                    + bias)
    //     bounds[j] = estimates[j] - table_margin * |factor_scale * factor[j]|
    //                 - max(error_margin * factor_scale, FLT_MIN) * error[j]
    // and a bit of the result where the bound is less than the threshold. What is not a number
    // becomes the largest one. By half bytes sum[j] is as above with one plane; by bytes the sum of
    // the words.
    uint32_t (*estimate_list)(const ListBatch &batch, const ListTable &table,
                              const ListTerms &terms, float *estimates, float *bounds) noexcept;
    uint32_t (*estimate_list_bytes)(const ListBatch &batch, const ListTable &table,
                                    const ListTerms &terms, float *estimates,
                                    float *bounds) noexcept;

    // The signs of x - y, n a multiple of 16: bit i % 8 of bits[i / 8] is set where x[i] > y[i];
    // the code of a dimension is +1 where set, else -1.
    CodeSums (*encode_signs)(const float *x, const float *y, size_t n, uint8_t *bits) noexcept;
    // Two bits: `high` as above; `low` is set where the residual is above +step (of those above 0)
    // or above -step (of the others). The code is one of -1.5, -0.5, 0.5, 1.5.
    CodeSums (*encode_levels)(const float *x, const float *y, size_t n, float step, uint8_t *high,
                              uint8_t *low) noexcept;

    // Sums of products: n at most 16384, |b[i]| at most 4095 for the second. The second's sum must
    // fit the result (up to n = 2056 it always does); partial sums need not.
    uint32_t (*dot_u8)(const uint8_t *a, const uint8_t *b, size_t n) noexcept;
    int32_t (*dot_u8_i16)(const uint8_t *a, const int16_t *b, size_t n) noexcept;

    // round((value - offset) * inverse_scale), ties to even, kept within 0..255.
    void (*encode_u8)(const float *values, float inverse_scale, float offset, uint8_t *codes,
                      size_t n) noexcept;
    // offset + scale * code
    void (*decode_u8)(const uint8_t *codes, float scale, float offset, float *values,
                      size_t n) noexcept;

    // n a multiple of 16.
    SizeSums (*sizes)(const float *values, size_t n) noexcept;

    // The entries of a CodeTable for n dimensions, a multiple of 16: for each group of 4, and each
    // of their 16 codes, the sum of the sizes of those dimensions in which the code has the sign of
    // `values`, times 2 * factor / 2^kTableFractionBits, to nearest. 2 * factor * values must be
    // within +-8191.
    void (*fill_table)(const float *values, size_t n, float factor, uint8_t *entries) noexcept;

    // round(value * inverse_step) for n values, a multiple of 16; within +-32767.
    RoundingSums (*encode_i16)(const float *values, float inverse_step, float step, int16_t *codes,
                               size_t n) noexcept;

    // Where the smallest of n keys is, the first of them if several are; n a multiple of kKeyBlock
    // and above 0, no key NaN.
    size_t (*smallest)(const float *keys, size_t n) noexcept;

    // Where each of n keys goes when they are sorted, equal ones in the order that they have.
    // Compares all pairs, but without branches: up to some hundred keys that is faster than
    // sorting. `keys` has room for a multiple of kKeyBlock, and the rest of it is filled; no key
    // NaN.
    void (*rank)(float *keys, size_t n, uint32_t *ranks) noexcept;

    // The least and the greatest of n values, n a multiple of 16 and above 0, none of them NaN.
    ValueRange (*range)(const float *values, size_t n) noexcept;

    // In place: multiplies by the factors, then the Walsh-Hadamard transform, not normalised; n a
    // power of two from 16 on.
    void (*hadamard)(float *values, const float *factors, size_t n) noexcept;
};

// Inner products of many rows with many columns, a tile of rows with a panel of columns at a time:
// see core/tiles.h, which packs both. Arrays are aligned to 64.
struct TileKernels {
    size_t rows;   // in a tile, at most kMostTileRows
    size_t panel;  // columns in a panel: a multiple of 8, at most kMostPanel

    // sums[r * panel + c] = (add ? that : 0) + the sum over i < n of tile[i * rows + r] *
    // columns[i * panel + c].
    void (*multiply)(const float *tile, const float *columns, size_t n, bool add,
                     float *sums) noexcept;

    // out[c], c < width, is the sum over i < n of x[i] * columns[i * width + c], or of the squared
    // difference; width a multiple of 16.
    void (*products)(const float *x, const float *columns, size_t n, size_t width,
                     float *out) noexcept;
    void (*distances)(const float *x, const float *columns, size_t n, size_t width,
                      float *out) noexcept;

    // For each row and each place in a panel, the least key so far and its column: key = addends[c]
    // + factors[c] * sums[r * panel + c], column = first + c, which a float holds exactly. Where
    // keys are equal the column that came first stays; NaN is never the least.
    void (*nearest)(const float *sums, const float *factors, const float *addends, float first,
                    float *keys, float *columns) noexcept;

    // For each row the least of its keys, and its column; of several the first column. No key is
    // NaN. Both results have `rows` floats.
    void (*best)(const float *keys, const float *columns, float *best_keys,
                 float *best_columns) noexcept;
};
constexpr size_t kMostTileRows = 12, kMostPanel = 32;

struct Kernels {
    SimdLevel level;
    const char *name;  // as in the setting vecx.simd
    DistanceKernels f32;
    DistanceKernels f16;
    BitKernels bits;
    CodeKernels codes;
    TileKernels tiles;
    // IEEE binary16 to binary32 and back (round to nearest even; too large becomes infinity).
    void (*half_to_float)(const void *half, float *out, size_t n) noexcept;
    void (*float_to_half)(const void *values, uint16_t *out, size_t n) noexcept;
};

// The kernels of one level, or nullptr where this build or this CPU lacks it.
const Kernels *KernelsOf(SimdLevel level) noexcept;

// The fastest level that this CPU has; probes the CPU once.
const Kernels *BestKernels() noexcept;

// The kernels in use by this process: BestKernels() until UseKernels() says otherwise.
const Kernels &ActiveKernels() noexcept;
void UseKernels(const Kernels *kernels) noexcept;

}  // namespace vecx

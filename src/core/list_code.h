// The codes of inverted lists: how a row is kept in a list, and what a query learns from that.
//
// A row x of the list with centroid c is kept as its residual r = x - c. All quantizers estimate
// s = <q - c, r>, and with numbers kept beside the code that gives the key by which rows are
// ordered, which is the operator's distance, but for L2 its square:
//     L2               |q - x|^2 = |q - c|^2 + |r|^2 - 2 s
//     inner product    -<q, x>   = -<q, c> - <c, r> - s
//     cosine           1 - <q, x>, the same, of vectors that the caller has normalised
// Whatever does not depend on the query stands in an addend per row, whatever depends on the list
// alone is added once per list, so that one table of the query serves all lists:
//     key = base + addend + factor * <code, q>.
//
//   rabitq  1 or 2 bits a dimension (Gao & Long 2024), as the edges of a graph have them; the
//           estimate comes with a lower bound of the key, which holds up to chance: see
//           kBoundSigmas
//   pq      m codes of 4 bits, looked up in registers (Andre et al. 2015), or of 8 bits; tables
//           are rounded to 7 or 12 bits
//   sq8     one byte a dimension; the lower bound always holds
//   flat    the value itself; keys are exact (also bits, by Hamming distance)
//
// Before that, vectors are transformed: rabitq and sq8 subtract a common centre and rotate at
// random, pq subtracts the centre and rotates as it has learned. Only transformed vectors meet
// here; of flat ones the transform is nothing.
//
// Rows of rabitq and pq stand in blocks of 32. A block is its factors, then its codes: row r of
// the codes is 32 bytes, byte j that of row j of the block, so that a row's change shares no byte
// with another row. Codes may be cut into pieces at any multiple of kCodePieceRows such rows, to
// fill pages. Rows of sq8 and flat stand by themselves, row_bytes each, and any number up to 32
// that follow each other is estimated in one call.

#pragma once

#include <cstddef>
#include <cstdint>

#include "core/kernels.h"
#include "core/metric.h"
#include "core/product_quantizer.h"
#include "core/rotation.h"
#include "core/sq8.h"

namespace vecx {

constexpr int kListBlock = 32;
constexpr int kCodePieceRows = 2;

// Written to disk: a number once given keeps its meaning.
enum class ListQuantizer : uint8_t { kFlat = 0, kRabitq = 1, kPq = 2, kSq8 = 3 };
enum class ListElement : uint8_t { kFloat = 0, kHalf = 1, kBit = 2 };

// How many standard deviations of the estimate's error the lower bound of rabitq stands below the
// estimate: Gao & Long's epsilon. At 1.9 some 3 in 100 rows are nearer than their bound says.
constexpr float kBoundSigmas = 1.9f;

struct ListShape {
    ListQuantizer quantizer;
    Metric metric;  // kL2, kInnerProduct, kCosine; kHamming with elements of bits
    int dimensions;
    int bits;             // rabitq: 1 or 2; pq: 4 or 8; else 0
    int m;                // pq
    bool opq;             // pq
    ListElement element;  // of flat rows; else kFloat

    // From here on computed by SolveListShape.
    int padded;        // floats of a transformed vector
    bool by_row;       // rows stand by themselves (sq8, flat), else in blocks of kListBlock
    int row_bytes;     // of one encoded row, whatever the kind: what EncodeRow gives
    int factor_bytes;  // of a block; a multiple of 8. By row: 0
    int code_rows;     // of a block's codes: 32 bytes each, a multiple of kCodePieceRows. By row: 0

    int BlockBytes() const { return factor_bytes + code_rows * kListBlock; }
};

// Fills in the computed fields; false if the given ones are out of range or do not go together.
bool SolveListShape(ListShape *shape);

// What is trained, as the index keeps it: a header that repeats the shape, the seed of the
// rotation, the centre, the book of pq. Flat has one too, of the header alone.
size_t ListModelBytes(const ListShape &shape);
// `centre`: dimensions floats, the mean of the centroids or of a sample, or nullptr; `book`: of
// pq, trained with residuals (row - centroid), else nullptr.
void WriteListModel(const ListShape &shape, uint64_t seed, const float *centre, const PqBook *book,
                    void *out);

struct ListQuery;
size_t ListCodecBytes(const ListShape &shape);  // of memory for OpenListCodec, aligned to 64

class ListCodec {
  public:
    const ListShape &shape() const { return shape_; }
    const PqBook &book() const { return book_; }  // of pq

    // Floats of scratch for EncodeRow.
    size_t ScratchFloats() const;

    // dimensions floats -> shape.padded floats. Cosine: of normalised vectors. Not for flat.
    void Transform(const float *vector, float *out) const noexcept;

    // The code of a row in a list, both transformed; shape.row_bytes are written, to be stored by
    // StoreFactors and StoreCode or, by row, as they are. Not for flat, whose code is the value
    // itself.
    void EncodeRow(const float *row, const float *centroid, uint8_t *code,
                   float *scratch) const noexcept;
    // The code of a row of which nothing is known, with a bound below everything. Of rabitq and
    // sq8.
    void EncodeUnknown(uint8_t *code) const noexcept;

  private:
    friend bool OpenListCodec(const ListShape &shape, const void *model, size_t size, void *memory,
                              ListCodec *codec);
    friend ListQuery PrepareListQuery(const ListCodec &codec, const float *vector,
                                      const void *value, void *memory) noexcept;

    void EncodeSigns(const float *row, const float *centroid, const float *residual,
                     uint8_t *code) const noexcept;
    void EncodeParts(const float *centroid, const float *residual, uint8_t *code,
                     float *scratch) const noexcept;
    void EncodeBytes(const float *centroid, const float *residual, uint8_t *code,
                     float *scratch) const noexcept;
    double CentroidTimes(const float *centroid, const float *residual) const noexcept;

    ListShape shape_;
    const float *centre_;          // or nullptr
    const float *rotated_centre_;  // padded floats, or nullptr
    const Rotation *rotation_;     // rabitq, sq8
    PqBook book_;                  // pq
};

// A codec over the bytes of a model, which must outlive it, as must `memory`. The bytes come from
// disk: false unless they are sound and of this shape. `model` aligned to 4.
bool OpenListCodec(const ListShape &shape, const void *model, size_t size, void *memory,
                   ListCodec *codec);

// Before StoreFactors, where scans may know the keys of the block's other rows. The factors of a
// row that is so much longer than those that theirs would lose bits are changed instead: where rows
// are `ranked` by their vectors, rabitq knows nothing of this one, and its bound is below
// everything; else it is taken to be as far as can be told.
void FitCode(const ListShape &shape, const void *factors, bool ranked, uint8_t *code) noexcept;

// Puts an encoded row into a block: its factors, which may rescale those of the other 31, and its
// bytes of code rows first_row..first_row + rows - 1, which lie at `codes`. `lane`: 0..31. A block
// starts as zeroes; `factors` is aligned to 4. Flat and sq8: memcpy to where the row is to stand.
void StoreFactors(const ListShape &shape, const uint8_t *code, int lane, void *factors) noexcept;
void StoreCode(const ListShape &shape, const uint8_t *code, int lane, int first_row, int rows,
               uint8_t *codes) noexcept;
// Moves a row from one lane to another, of the same or of another block, as compaction does.
// Codes: once for each piece, `rows` of them at the same place of both blocks.
void MoveFactors(const ListShape &shape, const void *from, int from_lane, void *to,
                 int to_lane) noexcept;
void MoveCode(const uint8_t *from, int from_lane, uint8_t *to, int to_lane, int rows) noexcept;

// A query, prepared once for all lists. Points into memory of the caller.
struct ListQuery {
    const ListCodec *codec;
    const float *transformed;  // shape.padded floats
    float norm;                // squared length of the query as it is
    float length;              // and its root
    ListTable table;           // rabitq, pq
    float table_error;         // no sum that the table gives is wrong by more
    float table_margin;        // what bounds allow for that
    Sq8Query sq8;
    const void *value;  // flat: the query in the elements of the rows
};
size_t ListQueryBytes(const ListShape &shape);  // aligned to 64
// `vector`: dimensions floats, normalised for cosine (but for flat). Flat: `value` is the query as
// the rows are kept (floats, halves, bits; any alignment), and `vector` may be nullptr for bits.
ListQuery PrepareListQuery(const ListCodec &codec, const float *vector, const void *value,
                           void *memory) noexcept;

// A query at one list.
struct ListProbe {
    float base;
    float distance;  // |q - c|
    // sq8: what products with the centroid are rounded by, and those of the operator.
    float rounding;
};
// `centroid_key`: what CentroidKeys gave with the metric; `centroid_norm`: squared length of the
// centroid as it is. Not needed for flat.
ListProbe ProbeList(const ListQuery &query, float centroid_key, float centroid_norm) noexcept;

// The keys of the 32 rows of a block. `estimates` and `bounds` get 32 floats each, bounds at most
// estimates; the result has a bit for each row whose bound is less than `threshold`. With pq the
// bound is the estimate. What unused lanes give means nothing. Pieces: of CodePiece.rows a multiple
// of kCodePieceRows each, shape.code_rows together. Pointers may have any alignment; nothing that a
// block may hold does harm, and no key is NaN.
uint32_t EstimateBlock(const ListQuery &query, const ListProbe &probe, const void *factors,
                       const CodePiece *pieces, int piece_count, float threshold, float *estimates,
                       float *bounds) noexcept;

// The same for `count` rows, 1..32, that stand by themselves. Bounds of sq8 hold for what the
// operator gives, which sums up floats, too.
uint32_t EstimateRows(const ListQuery &query, const ListProbe &probe, const void *rows, int count,
                      float threshold, float *estimates, float *bounds) noexcept;

}  // namespace vecx

// Product quantization (Jegou, Douze, Schmid 2011): a vector is cut into m parts of equal length,
// and each is replaced by the nearest of 16 or 256 centroids of its own codebook. Optionally the
// vector is rotated first, by a rotation that is learned with the codebooks (OPQ: Ge, He, Ke, Sun
// 2013, the alternating method).
//
// Used for plain vectors by the SQL functions, and for residuals by core/list_code.h. Memory is the
// caller's; training is sliced and deterministic as in core/kmeans.h.

#pragma once

#include <cstddef>
#include <cstdint>

#include "core/slices.h"
#include "core/tiles.h"

namespace vecx {

class Lloyd;
struct LloydOptions;

// A rotation is learned up to so many dimensions: it is a full matrix, and time goes with its cube.
constexpr int kMaxOpqDimensions = 2048;

// Rows that training makes use of: 256 for each centroid, or what a rotation needs.
constexpr uint64_t MostPqRows(int bits) { return bits == 8 ? 65536 : 8192; }

struct PqShape {
    int dimensions;
    int m;     // parts; divides the dimensions
    int bits;  // 4 or 8
    bool rotated;

    int PartDimensions() const { return dimensions / m; }
    int Centroids() const { return 1 << bits; }
    size_t CodebookFloats() const { return static_cast<size_t>(dimensions) << bits; }
    size_t RotationFloats() const {
        return rotated ? static_cast<size_t>(dimensions) * dimensions : 0;
    }
    // Of a packed code: with 4 bits two parts a byte, the even one in the low half.
    size_t CodeBytes() const { return (static_cast<size_t>(m) * bits + 7) / 8; }
};

enum class PqFault : uint8_t { kNone, kDimensions, kParts, kBits, kRotation };
// What is wrong with a shape, in that order of tests: dimensions are 1..kMaxDimensions, m is
// 1..dimensions and divides them, bits is 4 or 8, rotated only up to kMaxOpqDimensions.
PqFault CheckPqShape(const PqShape &shape);

// A trained quantizer. A view.
struct PqBook {
    PqShape shape;
    const float *codebooks;  // for each part, for each of its dimensions, that of all centroids
    const float *rotation;   // row-major, or nullptr; what is quantized is rotation * vector
};

// As bytes, to be stored. Little-endian: a header of 32 bytes, the rotation, the codebooks.
size_t PqBookBytes(const PqShape &shape);
void WritePqBook(const PqBook &book, void *out);
// A view of stored bytes, which may come from anywhere: false unless they are a whole and sound
// book. `bytes` aligned to 4. `finite`: its numbers are known to be.
bool ReadPqBook(const void *bytes, size_t size, PqBook *book, bool finite = false);

struct PqOptions {
    PqShape shape;
    uint64_t rows;  // from 1 on; of more than MostPqRows an even choice is used
    uint64_t seed;
    int threads;
    int iterations = 20;     // of k-means
    int opq_iterations = 8;  // rounds of codebooks and rotation in turn
};

class PqTrainer {
  public:
    static size_t MemoryBytes(const PqOptions &options);  // aligned to 64

    // `rows` (rows * dimensions) stays as it is. All must outlive the training and the book.
    PqTrainer(const PqOptions &options, const float *rows, void *memory);

    bool Step();  // at most some 50 ms; false once there is nothing to do
    double Progress() const;
    PqBook book() const;  // after the last step; lies in the memory
    // Mean squared distance of the rows to what they decode to.
    double objective() const { return objective_; }

  private:
    enum class Phase : uint8_t {
        kRotate,   // the rows
        kCode,     // codebooks of all parts, and each row becomes what it decodes to
        kProduct,  // of decoded and plain rows
        kGram,     // of the matrix that is to become a rotation
        kCorrect,  // the same, towards one
        kLast,     // codebooks that stay
        kDone,
    };
    struct Lane {
        Lloyd *lloyd;
        int part;  // -1: idle
        void *memory;
        uint32_t *assignment;
    };

    void Carve(Carver *carver);
    LloydOptions PartOptions(int part) const;
    void BeginCodes(Phase phase);
    void TakeParts();
    void EndPart(Lane *lane);
    bool StepCodes();
    void BeginTimes(Phase phase, const float *vectors);
    void TimesBlock(const float *rows, size_t count, size_t block, int thread, float *out) noexcept;
    void GramBlock(const float *left, const float *right, size_t count, size_t block, int thread,
                   float *out) noexcept;
    void BeginPolar();
    void EndGram();
    void EndCorrection();

    PqOptions options_;
    const float *rows_;
    size_t used_;  // rows
    Slices slices_;
    Phase phase_ = Phase::kDone;
    int round_ = 0;
    int correction_ = 0;
    int next_part_ = 0;
    int parts_done_ = 0;
    bool seeded_ = false;
    Lane *lanes_;
    uint32_t *ids_;     // of the rows in use, without rotation
    float *centroids_;  // of each part, one after the other
    float *codebooks_;  // as the book has them
    double *costs_;     // of each part
    // For the rotation:
    float *chosen_;  // rows in use
    float *turned_;  // the same, rotated, then decoded
    float *rotation_;
    float *next_;  // what is to become the rotation
    float *gram_;
    float *corrected_;
    Columns columns_;
    TileScratch *scratch_;
    float **packed_;  // columns of a block of rows, for each thread
    double objective_ = 0;
};

// Floats of scratch for the functions below.
inline size_t PqScratchFloats(const PqShape &shape) {
    return static_cast<size_t>(shape.dimensions) + 256;
}

// out = rotation * vector, or the vector itself.
void PqRotate(const PqBook &book, const float *vector, float *out) noexcept;

// The same as below of a vector that is rotated already.
void PqEncodeRotated(const PqBook &book, const float *rotated, uint8_t *parts,
                     float *scratch) noexcept;
void PqDecodeRotated(const PqBook &book, const uint8_t *parts, float *rotated) noexcept;

// For each part the inner products of the rotated vector with all centroids.
void PqProducts(const PqBook &book, const float *rotated, float *products) noexcept;

// A byte for each part, whatever the bits.
void PqEncode(const PqBook &book, const float *vector, uint8_t *parts, float *scratch) noexcept;
void PqDecode(const PqBook &book, const uint8_t *parts, float *vector, float *scratch) noexcept;

// Packed codes, of CodeBytes().
void PackPqCode(const PqShape &shape, const uint8_t *parts, uint8_t *code) noexcept;
void UnpackPqCode(const PqShape &shape, const uint8_t *code, uint8_t *parts) noexcept;

// Asymmetric distance: of the vector as it is to what the code stands for, squared. No table: one
// code at a time. core/list_code.h scans many.
float PqDistance(const PqBook &book, const float *vector, const uint8_t *parts,
                 float *scratch) noexcept;

}  // namespace vecx

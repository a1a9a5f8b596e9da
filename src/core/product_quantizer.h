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

namespace vecx {

// A rotation is learned up to so many dimensions: it is a full matrix, of 64 MB there.
constexpr int kMaxOpqDimensions = 4096;
constexpr int kMaxPqRows = 65536;  // what training makes use of

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
    const float *codebooks;  // for each part its centroids, one after the other
    const float *rotation;   // row-major, or nullptr; what is quantized is rotation * vector
};

// As bytes, to be stored. Little-endian: a header of 32 bytes, the rotation, the codebooks.
size_t PqBookBytes(const PqShape &shape);
void WritePqBook(const PqBook &book, void *out);
// A view of stored bytes, which may come from anywhere: false unless they are a whole and sound
// book. `bytes` aligned to 4.
bool ReadPqBook(const void *bytes, size_t size, PqBook *book);

struct PqOptions {
    PqShape shape;
    uint64_t rows;  // from 1 on; of more than kMaxPqRows an even choice is used
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
    PqBook book() const;       // after the last step; lies in `memory`
    double objective() const;  // mean squared distance of the rows to what they decode to
};

// Floats of scratch for the functions below.
inline size_t PqScratchFloats(const PqShape &shape) {
    return shape.rotated ? static_cast<size_t>(shape.dimensions) : 0;
}

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

// Product quantization; see the header. Training is in core/product_trainer.cpp.

#include "core/product_quantizer.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>

#include "core/finite.h"
#include "core/kernels.h"
#include "core/limits.h"

namespace vecx {
namespace {

static_assert(std::endian::native == std::endian::little);

// Leads a stored book.
struct BookHeader {
    char magic[4];
    uint16_t version;
    uint8_t bits;
    uint8_t rotated;
    int32_t dimensions;
    int32_t m;
    uint8_t reserved[16];
};
static_assert(sizeof(BookHeader) == 32);
constexpr char kMagic[4] = {'v', 'x', 'p', 'q'};
constexpr uint16_t kVersion = 1;

const float *PartOf(const PqBook &book, int part) {
    return book.codebooks +
           (static_cast<size_t>(part) * book.shape.PartDimensions() << book.shape.bits);
}

// The first of the least of 16 or 256 distances, which may be NaN where values overflow.
uint8_t NearestOf(const float *distances, size_t count) {
    if (count % kKeyBlock == 0 && !std::isnan(distances[0])) {
        const size_t nearest = ActiveKernels().codes.smallest(distances, count);
        return static_cast<uint8_t>(nearest);
    }
    size_t best = 0;
    for (size_t c = 1; c < count; c++)
        if (distances[c] < distances[best]) best = c;
    return static_cast<uint8_t>(best);
}

}  // namespace

PqFault CheckPqShape(const PqShape &shape) {
    if (shape.dimensions < 1 || shape.dimensions > kMaxDimensions) return PqFault::kDimensions;
    if (shape.m < 1 || shape.m > shape.dimensions || shape.dimensions % shape.m != 0)
        return PqFault::kParts;
    if (shape.bits != 4 && shape.bits != 8) return PqFault::kBits;
    if (shape.rotated && shape.dimensions > kMaxOpqDimensions) return PqFault::kRotation;
    return PqFault::kNone;
}

size_t PqBookBytes(const PqShape &shape) {
    return sizeof(BookHeader) + (shape.RotationFloats() + shape.CodebookFloats()) * sizeof(float);
}

void WritePqBook(const PqBook &book, void *out) {
    BookHeader header = {};
    memcpy(header.magic, kMagic, sizeof(kMagic));
    header.version = kVersion;
    header.bits = static_cast<uint8_t>(book.shape.bits);
    header.rotated = book.shape.rotated;
    header.dimensions = book.shape.dimensions;
    header.m = book.shape.m;
    char *at = static_cast<char *>(out);
    memcpy(at, &header, sizeof(header));
    at += sizeof(header);
    const size_t rotation = book.shape.RotationFloats() * sizeof(float);
    if (rotation > 0) memcpy(at, book.rotation, rotation);
    memcpy(at + rotation, book.codebooks, book.shape.CodebookFloats() * sizeof(float));
}

bool ReadPqBook(const void *bytes, size_t size, PqBook *book, bool finite) {
    BookHeader header;
    if (size < sizeof(header)) return false;
    memcpy(&header, bytes, sizeof(header));
    if (memcmp(header.magic, kMagic, sizeof(kMagic)) != 0 || header.version != kVersion ||
        header.rotated > 1)
        return false;
    for (uint8_t byte : header.reserved)
        if (byte != 0) return false;
    const PqShape shape = {header.dimensions, header.m, header.bits, header.rotated == 1};
    if (CheckPqShape(shape) != PqFault::kNone || size != PqBookBytes(shape)) return false;
    const float *floats =
        reinterpret_cast<const float *>(static_cast<const char *>(bytes) + sizeof(header));
    const size_t rotation = shape.RotationFloats();
    if (!finite && !AllFinite(floats, rotation + shape.CodebookFloats())) return false;
    *book = {shape, floats + rotation, shape.rotated ? floats : nullptr};
    return true;
}

void PqRotate(const PqBook &book, const float *vector, float *out) noexcept {
    const auto n = static_cast<size_t>(book.shape.dimensions);
    if (book.rotation == nullptr) {
        memcpy(out, vector, n * sizeof(float));
        return;
    }
    const DistanceKernels &kernels = ActiveKernels().f32;
    for (size_t i = 0; i < n; i++) out[i] = kernels.inner_product(book.rotation + i * n, vector, n);
}

void PqEncodeRotated(const PqBook &book, const float *rotated, uint8_t *parts,
                     float *scratch) noexcept {
    const auto width = static_cast<size_t>(book.shape.Centroids());
    const auto n = static_cast<size_t>(book.shape.PartDimensions());
    const TileKernels &kernels = ActiveKernels().tiles;
    for (int part = 0; part < book.shape.m; part++, rotated += n) {
        kernels.distances(rotated, PartOf(book, part), n, width, scratch);
        parts[part] = NearestOf(scratch, width);
    }
}

void PqDecodeRotated(const PqBook &book, const uint8_t *parts, float *rotated) noexcept {
    const auto width = static_cast<size_t>(book.shape.Centroids());
    const auto n = static_cast<size_t>(book.shape.PartDimensions());
    for (int part = 0; part < book.shape.m; part++) {
        const float *centroids = PartOf(book, part) + parts[part] % width;
        for (size_t i = 0; i < n; i++) *rotated++ = centroids[i * width];
    }
}

void PqProducts(const PqBook &book, const float *rotated, float *products) noexcept {
    const auto width = static_cast<size_t>(book.shape.Centroids());
    const auto n = static_cast<size_t>(book.shape.PartDimensions());
    for (int part = 0; part < book.shape.m; part++, rotated += n, products += width)
        ActiveKernels().tiles.products(rotated, PartOf(book, part), n, width, products);
}

void PqEncode(const PqBook &book, const float *vector, uint8_t *parts, float *scratch) noexcept {
    PqRotate(book, vector, scratch);
    PqEncodeRotated(book, scratch, parts, scratch + book.shape.dimensions);
}

// The inverse of a rotation is its transpose.
void PqDecode(const PqBook &book, const uint8_t *parts, float *vector, float *scratch) noexcept {
    if (book.rotation == nullptr) {
        PqDecodeRotated(book, parts, vector);
        return;
    }
    const auto n = static_cast<size_t>(book.shape.dimensions);
    PqDecodeRotated(book, parts, scratch);
    std::fill_n(vector, n, 0.0f);
    for (size_t i = 0; i < n; i++) {
        const float *row = book.rotation + i * n;
        for (size_t j = 0; j < n; j++) vector[j] += scratch[i] * row[j];
    }
}

void PackPqCode(const PqShape &shape, const uint8_t *parts, uint8_t *code) noexcept {
    if (shape.bits == 8) {
        memcpy(code, parts, static_cast<size_t>(shape.m));
        return;
    }
    for (int part = 0; part < shape.m; part += 2) {
        const int high = part + 1 < shape.m ? parts[part + 1] : 0;
        code[part / 2] = static_cast<uint8_t>(parts[part] | high << 4);
    }
}

void UnpackPqCode(const PqShape &shape, const uint8_t *code, uint8_t *parts) noexcept {
    if (shape.bits == 8) {
        memcpy(parts, code, static_cast<size_t>(shape.m));
        return;
    }
    for (int part = 0; part < shape.m; part++)
        parts[part] = static_cast<uint8_t>(code[part / 2] >> part % 2 * 4 & 15);
}

float PqDistance(const PqBook &book, const float *vector, const uint8_t *parts,
                 float *scratch) noexcept {
    PqRotate(book, vector, scratch);
    const auto width = static_cast<size_t>(book.shape.Centroids());
    const auto n = static_cast<size_t>(book.shape.PartDimensions());
    const float *rotated = scratch;
    double sum = 0;
    for (int part = 0; part < book.shape.m; part++) {
        const float *centroids = PartOf(book, part) + parts[part] % width;
        for (size_t i = 0; i < n; i++) {
            const double difference = static_cast<double>(*rotated++) - centroids[i * width];
            sum += difference * difference;
        }
    }
    return static_cast<float>(sum);
}

}  // namespace vecx

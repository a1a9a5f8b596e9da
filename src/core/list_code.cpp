// The codes of inverted lists; see the header.

#include "core/list_code.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <new>

#include "core/code_table.h"
#include "core/finite.h"
#include "core/half.h"
#include "core/limits.h"
#include "core/scaled_halves.h"
#include "core/tiles.h"

namespace vecx {
namespace {

static_assert(std::endian::native == std::endian::little);

constexpr int kMaxBitDimensions = 64000;  // of rows of bits

// Leads an encoded row of a block.
struct RowFactors {
    float addend;
    float factor;  // rabitq
    float error;   // rabitq; infinite: nothing is known of the row's distance
};
static_assert(sizeof(RowFactors) == 12);

// Leads an encoded row of sq8.
struct ByteRow {
    float addend;
    float scale;
    float offset;
    float error;   // length of what the code lost, rounded up
    float length;  // of what the code stands for, rounded up
};
static_assert(sizeof(ByteRow) == 20);

// Of rows that nothing is known of.
constexpr RowFactors kUnknownSigns = {0, 0, std::numeric_limits<float>::infinity()};
constexpr ByteRow kUnknownBytes = {0, 0, 0, std::numeric_limits<float>::max(), 0};

// Leads a block; 32 halves follow of each: addend and, with rabitq, factor and error.
struct BlockHeader {
    float addend_scale;
    float factor_scale;
};
static_assert(sizeof(BlockHeader) == 8);

// Leads a model.
struct ModelHeader {
    char magic[4];
    uint16_t version;
    uint8_t quantizer;
    uint8_t metric;
    int32_t dimensions;
    int32_t bits;
    int32_t m;
    uint8_t opq;
    uint8_t element;
    uint8_t has_centre;
    uint8_t reserved1;
    uint64_t seed;
    uint8_t reserved2[32];
};
static_assert(sizeof(ModelHeader) == 64);
constexpr char kMagic[4] = {'v', 'x', 'l', 'm'};
constexpr uint16_t kVersion = 1;

constexpr float kLargest = std::numeric_limits<float>::max();

// Of a sum of products in floats, by the lengths of the vectors: that of the operator, which may go
// over other instructions than ours, and that of a product which a code or a probe is made with.
constexpr float kOperatorRounding = 1e-5f;
constexpr double kProductRounding = 1e-6;

float Finite(double key) {
    constexpr double kMost = kLargest;
    return key < kMost ? static_cast<float>(std::max(key, -kMost)) : kLargest;
}

PqShape PqShapeOf(const ListShape &shape) {
    return {shape.dimensions, shape.m, shape.bits, shape.opq};
}

int RowsOfPlane(const ListShape &shape) { return shape.padded / 8; }

// By how much of s the key changes.
float FactorOf(Metric metric) { return metric == Metric::kL2 ? -2 : -1; }

size_t ElementBytes(const ListShape &shape) {
    const auto n = static_cast<size_t>(shape.dimensions);
    switch (shape.element) {
        case ListElement::kHalf:
            return 2 * n;
        case ListElement::kBit:
            return (n + 7) / 8;
        default:
            return 4 * n;
    }
}

uint16_t *HalvesOf(void *factors, int which) {
    return reinterpret_cast<uint16_t *>(static_cast<char *>(factors) + sizeof(BlockHeader)) +
           which * kListBlock;
}

bool HasFactors(const ListShape &shape) { return shape.quantizer == ListQuantizer::kRabitq; }

void PutFactors(const ListShape &shape, const RowFactors &row, int lane, void *factors) noexcept {
    auto *header = static_cast<BlockHeader *>(factors);
    uint16_t *addends = HalvesOf(factors, 0);
    FitScale(std::fabs(row.addend), &header->addend_scale, {addends}, kListBlock);
    addends[lane] = Scaled(row.addend, header->addend_scale);
    if (!HasFactors(shape)) return;
    uint16_t *halves = HalvesOf(factors, 1), *errors = HalvesOf(factors, 2);
    const bool known = std::isfinite(row.error);
    if (known)
        FitScale(std::max(std::fabs(row.factor), row.error), &header->factor_scale,
                 {halves, errors}, kListBlock);
    else if (header->factor_scale == 0)
        // An unknown error must not meet a scale of 0; this one takes nothing from later rows.
        header->factor_scale = std::numeric_limits<float>::min();
    halves[lane] = Scaled(row.factor, header->factor_scale);
    errors[lane] = Scaled(row.error, header->factor_scale);
}

}  // namespace

bool SolveListShape(ListShape *shape) {
    const bool flat = shape->quantizer == ListQuantizer::kFlat;
    const bool bit = shape->element == ListElement::kBit;
    if (shape->dimensions < 1 || shape->dimensions > (bit ? kMaxBitDimensions : kMaxDimensions))
        return false;
    if (!flat && shape->element != ListElement::kFloat) return false;
    if (shape->element > ListElement::kBit) return false;
    if (bit != (shape->metric == Metric::kHamming)) return false;
    if (!bit && shape->metric != Metric::kL2 && shape->metric != Metric::kInnerProduct &&
        shape->metric != Metric::kCosine)
        return false;
    const bool pq = shape->quantizer == ListQuantizer::kPq;
    if (!pq && (shape->m != 0 || shape->opq)) return false;
    shape->by_row = false;
    shape->factor_bytes = 0;
    shape->code_rows = 0;
    constexpr int kHalves = kListBlock * 2;
    switch (shape->quantizer) {
        case ListQuantizer::kFlat:
            if (shape->bits != 0) return false;
            shape->padded = shape->dimensions;
            shape->by_row = true;
            shape->row_bytes = static_cast<int>(ElementBytes(*shape));
            return true;
        case ListQuantizer::kRabitq:
            if (shape->bits != 1 && shape->bits != 2) return false;
            shape->padded = PaddedDimensions(shape->dimensions);
            shape->factor_bytes = static_cast<int>(sizeof(BlockHeader)) + 3 * kHalves;
            shape->code_rows = shape->bits * RowsOfPlane(*shape);
            break;
        case ListQuantizer::kPq:
            if (CheckPqShape(PqShapeOf(*shape)) != PqFault::kNone) return false;
            shape->padded = shape->dimensions;
            shape->factor_bytes = static_cast<int>(sizeof(BlockHeader)) + kHalves;
            shape->code_rows = static_cast<int>(PqShapeOf(*shape).CodeBytes() + 1) / 2 * 2;
            break;
        case ListQuantizer::kSq8:
            if (shape->bits != 0) return false;
            shape->padded = PaddedDimensions(shape->dimensions);
            shape->by_row = true;
            shape->row_bytes = static_cast<int>(sizeof(ByteRow)) + shape->padded;
            return true;
        default:
            return false;
    }
    shape->row_bytes = static_cast<int>(sizeof(RowFactors)) + shape->code_rows;
    return true;
}

size_t ListModelBytes(const ListShape &shape) {
    size_t bytes = sizeof(ModelHeader);
    if (shape.quantizer == ListQuantizer::kFlat) return bytes;
    bytes += static_cast<size_t>(shape.dimensions) * sizeof(float);
    if (shape.quantizer == ListQuantizer::kPq) bytes += PqBookBytes(PqShapeOf(shape));
    return bytes;
}

void WriteListModel(const ListShape &shape, uint64_t seed, const float *centre, const PqBook *book,
                    void *out) {
    ModelHeader header = {};
    memcpy(header.magic, kMagic, sizeof(kMagic));
    header.version = kVersion;
    header.quantizer = static_cast<uint8_t>(shape.quantizer);
    header.metric = static_cast<uint8_t>(shape.metric);
    header.dimensions = shape.dimensions;
    header.bits = shape.bits;
    header.m = shape.m;
    header.opq = shape.opq;
    header.element = static_cast<uint8_t>(shape.element);
    header.has_centre = centre != nullptr;
    header.seed = seed;
    char *at = static_cast<char *>(out);
    memcpy(at, &header, sizeof(header));
    if (shape.quantizer == ListQuantizer::kFlat) return;
    at += sizeof(header);
    const size_t bytes = static_cast<size_t>(shape.dimensions) * sizeof(float);
    if (centre != nullptr)
        memcpy(at, centre, bytes);
    else
        memset(at, 0, bytes);
    if (shape.quantizer == ListQuantizer::kPq) WritePqBook(*book, at + bytes);
}

size_t ListCodecBytes(const ListShape &shape) {
    Carver counter(nullptr);
    counter.Take<Rotation>(1);
    counter.Take<float>(Rotation::FactorCount(shape.dimensions));
    counter.Take<float>(static_cast<size_t>(shape.padded));
    return counter.taken();
}

bool OpenListCodec(const ListShape &shape, const void *model, size_t size, void *memory,
                   ListCodec *codec) {
    ModelHeader header;
    if (size < sizeof(header) || size != ListModelBytes(shape)) return false;
    memcpy(&header, model, sizeof(header));
    if (memcmp(header.magic, kMagic, sizeof(kMagic)) != 0 || header.version != kVersion ||
        header.quantizer != static_cast<uint8_t>(shape.quantizer) ||
        header.metric != static_cast<uint8_t>(shape.metric) ||
        header.dimensions != shape.dimensions || header.bits != shape.bits || header.m != shape.m ||
        header.opq != (shape.opq ? 1 : 0) ||
        header.element != static_cast<uint8_t>(shape.element) || header.has_centre > 1)
        return false;
    codec->shape_ = shape;
    codec->centre_ = nullptr;
    codec->rotated_centre_ = nullptr;
    codec->rotation_ = nullptr;
    codec->book_ = {};
    if (shape.quantizer == ListQuantizer::kFlat) return true;

    const char *at = static_cast<const char *>(model) + sizeof(header);
    const auto n = static_cast<size_t>(shape.dimensions);
    const auto *centre = reinterpret_cast<const float *>(at);
    if (!AllFinite(centre, n)) return false;
    at += n * sizeof(float);
    Carver carver(memory);
    if (shape.quantizer == ListQuantizer::kPq) {
        if (!ReadPqBook(at, PqBookBytes(PqShapeOf(shape)), &codec->book_)) return false;
        const PqShape &read = codec->book_.shape;
        if (read.dimensions != shape.dimensions || read.m != shape.m || read.bits != shape.bits ||
            read.rotated != shape.opq)
            return false;
    } else {
        auto *rotation = carver.Take<Rotation>(1);
        auto *factors = carver.Take<float>(Rotation::FactorCount(shape.dimensions));
        codec->rotation_ = new (rotation) Rotation(shape.dimensions, header.seed, factors);
    }
    if (header.has_centre == 0) return true;
    auto *rotated = carver.Take<float>(static_cast<size_t>(shape.padded));
    codec->Transform(centre, rotated);
    codec->centre_ = centre;
    codec->rotated_centre_ = rotated;
    return true;
}

size_t ListCodec::ScratchFloats() const {
    return static_cast<size_t>(shape_.padded) +
           std::max(PqScratchFloats(PqShapeOf(shape_)) + shape_.dimensions,
                    static_cast<size_t>(shape_.padded));
}

void ListCodec::Transform(const float *vector, float *out) const noexcept {
    if (rotation_ != nullptr) {
        rotation_->Apply(vector, centre_, out);
        return;
    }
    PqRotate(book_, vector, out);
    if (rotated_centre_ == nullptr) return;
    for (int i = 0; i < shape_.dimensions; i++) out[i] -= rotated_centre_[i];
}

// <c, r> of the vectors as they are.
double ListCodec::CentroidTimes(const float *centroid, const float *residual) const noexcept {
    const DistanceKernels &kernels = ActiveKernels().f32;
    const auto n = static_cast<size_t>(shape_.padded);
    double product = kernels.inner_product(centroid, residual, n);
    if (rotated_centre_ != nullptr) product += kernels.inner_product(rotated_centre_, residual, n);
    return product;
}

void ListCodec::EncodeRow(const float *row, const float *centroid, uint8_t *code,
                          float *scratch) const noexcept {
    const auto n = static_cast<size_t>(shape_.padded);
    for (size_t i = 0; i < n; i++) scratch[i] = row[i] - centroid[i];
    switch (shape_.quantizer) {
        case ListQuantizer::kRabitq:
            EncodeSigns(row, centroid, scratch, code);
            break;
        case ListQuantizer::kPq:
            EncodeParts(centroid, scratch, code, scratch + n);
            break;
        case ListQuantizer::kSq8:
            EncodeBytes(centroid, scratch, code, scratch + n);
            break;
        default:
            break;
    }
}

void ListCodec::EncodeSigns(const float *row, const float *centroid, const float *residual,
                            uint8_t *code) const noexcept {
    const Kernels &kernels = ActiveKernels();
    const auto n = static_cast<size_t>(shape_.padded);
    const auto plane = static_cast<size_t>(RowsOfPlane(shape_));
    uint8_t *planes = code + sizeof(RowFactors);
    const double length = kernels.f32.squared_norm(residual, n);
    CodeSums sums;
    double code_norm = static_cast<double>(n);
    if (shape_.bits == 1) {
        sums = kernels.codes.encode_signs(row, centroid, n, planes);
    } else {
        // As the edges of graphs have it.
        const auto step = static_cast<float>(std::sqrt(length / static_cast<double>(n)));
        sums = kernels.codes.encode_levels(row, centroid, n, step, planes, planes + plane);
        // Where both bits are equal the code is 1.5 or -1.5, else 0.5 or -0.5.
        const auto inner = static_cast<double>(kernels.bits.hamming(planes, planes + plane, plane));
        code_norm = 2.25 * (code_norm - inner) + 0.25 * inner;
    }
    const double factor = FactorOf(shape_.metric);
    const double ratio = sums.residual > 0 ? length / static_cast<double>(sums.residual) : 0;
    // The cosine between code and residual leaves a part of the code that has nothing to do with
    // the residual; by what that adds the estimate errs, one standard deviation for each unit of
    // |q - c|.
    const double stray =
        std::max(0.0, ratio * ratio * code_norm - length) / static_cast<double>(n - 1);
    RowFactors row_factors;
    const double own = shape_.metric == Metric::kL2 ? length : -CentroidTimes(centroid, residual);
    row_factors.addend = static_cast<float>(own - factor * ratio * static_cast<double>(sums.node));
    row_factors.factor = static_cast<float>(factor * ratio);
    row_factors.error = static_cast<float>(-factor * std::sqrt(stray));
    if (!std::isfinite(row_factors.addend) || !std::isfinite(row_factors.factor) ||
        !std::isfinite(row_factors.error))
        row_factors = kUnknownSigns;
    memcpy(code, &row_factors, sizeof(row_factors));
}

void ListCodec::EncodeParts(const float *centroid, const float *residual, uint8_t *code,
                            float *scratch) const noexcept {
    const auto n = static_cast<size_t>(shape_.dimensions);
    uint8_t parts[kMaxDimensions];
    float *decoded = scratch;
    PqEncodeRotated(book_, residual, parts, scratch + n);
    PqDecodeRotated(book_, parts, decoded);
    memset(code + sizeof(RowFactors), 0, static_cast<size_t>(shape_.code_rows));
    PackPqCode(book_.shape, parts, code + sizeof(RowFactors));
    const DistanceKernels &kernels = ActiveKernels().f32;
    const double with_centroid = kernels.inner_product(centroid, decoded, n);
    RowFactors row_factors = {};
    if (shape_.metric == Metric::kL2)
        row_factors.addend =
            static_cast<float>(kernels.squared_norm(decoded, n) + 2 * with_centroid);
    else
        row_factors.addend = static_cast<float>(with_centroid - CentroidTimes(centroid, residual));
    if (!std::isfinite(row_factors.addend)) row_factors.addend = 0;
    memcpy(code, &row_factors, sizeof(row_factors));
}

void ListCodec::EncodeBytes(const float *centroid, const float *residual, uint8_t *code,
                            float *scratch) const noexcept {
    const Kernels &kernels = ActiveKernels();
    const auto n = static_cast<size_t>(shape_.padded);
    uint8_t *bytes = code + sizeof(ByteRow);
    const Sq8Parameters parameters = EncodeSq8(residual, n, bytes);
    float *decoded = scratch;
    kernels.codes.decode_u8(bytes, parameters.scale, parameters.offset, decoded, n);
    const double with_centroid = kernels.f32.inner_product(centroid, decoded, n);
    const double own = shape_.metric == Metric::kL2
                           ? static_cast<double>(parameters.norm) + 2 * with_centroid
                           : with_centroid - CentroidTimes(centroid, residual);
    // Lowered, for where products of long vectors cancel each other out.
    double around = kernels.f32.squared_norm(centroid, n);
    if (rotated_centre_ != nullptr && shape_.metric != Metric::kL2)
        around += kernels.f32.squared_norm(rotated_centre_, n);
    const double lost = kProductRounding * std::sqrt(2 * around * parameters.norm);
    constexpr float kRoundedUp = 1.001f;
    ByteRow row = {static_cast<float>(own - lost), parameters.scale, parameters.offset,
                   parameters.error, std::sqrt(parameters.norm) * kRoundedUp};
    if (!std::isfinite(row.addend) || !std::isfinite(row.error) || !std::isfinite(row.length) ||
        !std::isfinite(row.scale))
        row = kUnknownBytes;
    memcpy(code, &row, sizeof(row));
}

void ListCodec::EncodeUnknown(uint8_t *code) const noexcept {
    memset(code, 0, static_cast<size_t>(shape_.row_bytes));
    if (shape_.by_row)
        memcpy(code, &kUnknownBytes, sizeof(kUnknownBytes));
    else
        memcpy(code, &kUnknownSigns, sizeof(kUnknownSigns));
}

void StoreFactors(const ListShape &shape, const uint8_t *code, int lane, void *factors) noexcept {
    RowFactors row;
    memcpy(&row, code, sizeof(row));
    PutFactors(shape, row, lane, factors);
}

void FitCode(const ListShape &shape, const void *factors, bool ranked, uint8_t *code) noexcept {
    if (shape.by_row) return;
    RowFactors row;
    BlockHeader header;
    memcpy(&row, code, sizeof(row));
    memcpy(&header, factors, sizeof(header));
    if (!std::isfinite(row.error)) return;
    auto *addends = HalvesOf(const_cast<void *>(factors), 0);
    const float addend = std::fabs(row.addend);
    const float factor = HasFactors(shape) ? std::max(std::fabs(row.factor), row.error) : 0;
    bool fits = FitsExactly(addend, header.addend_scale, {addends}, kListBlock);
    if (HasFactors(shape))
        fits = fits && FitsExactly(factor, header.factor_scale,
                                   {addends + kListBlock, addends + 2 * kListBlock}, kListBlock);
    if (fits) return;
    if (HasFactors(shape) && ranked) {
        row = kUnknownSigns;
    } else {
        float part = std::min(1.0f, header.addend_scale * kLargestScaled / addend);
        if (factor > 0) part = std::min(part, header.factor_scale * kLargestScaled / factor);
        row = {row.addend * part, row.factor * part, row.error * part};
    }
    memcpy(code, &row, sizeof(row));
}

void StoreCode(const ListShape &, const uint8_t *code, int lane, int first_row, int rows,
               uint8_t *codes) noexcept {
    const uint8_t *from = code + sizeof(RowFactors) + first_row;
    for (int row = 0; row < rows; row++) codes[row * kListBlock + lane] = from[row];
}

void MoveFactors(const ListShape &shape, const void *from, int from_lane, void *to,
                 int to_lane) noexcept {
    BlockHeader header;
    memcpy(&header, from, sizeof(header));
    const auto read = [&](int which, float scale) {
        uint16_t half;
        memcpy(&half,
               static_cast<const char *>(from) + sizeof(header) +
                   sizeof(half) * static_cast<size_t>(which * kListBlock + from_lane),
               sizeof(half));
        return HalfToFloat({half}) * scale;
    };
    RowFactors row = {read(0, header.addend_scale), 0, 0};
    if (HasFactors(shape)) {
        row.factor = read(1, header.factor_scale);
        row.error = read(2, header.factor_scale);
    }
    PutFactors(shape, row, to_lane, to);
}

void MoveCode(const uint8_t *from, int from_lane, uint8_t *to, int to_lane, int rows) noexcept {
    for (int row = 0; row < rows; row++)
        to[row * kListBlock + to_lane] = from[row * kListBlock + from_lane];
}

namespace {

// The pieces of a query's memory.
struct QueryMemory {
    float *transformed;
    uint8_t *entries;
    uint16_t *words;
    float *floats;
    int16_t *shorts;
};

QueryMemory TakeQuery(Carver *carver, const ListShape &shape) {
    QueryMemory memory = {};
    memory.transformed = carver->Take<float>(static_cast<size_t>(shape.padded));
    const auto rows = static_cast<size_t>(shape.code_rows);
    const bool words = shape.quantizer == ListQuantizer::kPq && shape.bits == 8;
    if (shape.quantizer == ListQuantizer::kPq)
        memory.floats = carver->Take<float>(rows * (words ? 256 : 32));
    if (words)
        memory.words = carver->Take<uint16_t>(rows * 256);
    else if (!shape.by_row)
        memory.entries = carver->Take<uint8_t>(TableBytes(shape.code_rows));
    if (shape.quantizer == ListQuantizer::kSq8)
        memory.shorts = carver->Take<int16_t>(static_cast<size_t>(shape.padded));
    return memory;
}

void TakeTable(const SignTable &table, const QueryMemory &memory, ListQuery *query) {
    query->table = {memory.entries, memory.words, table.step, table.bias};
    query->table_error = table.error;
}

}  // namespace

size_t ListQueryBytes(const ListShape &shape) {
    Carver counter(nullptr);
    TakeQuery(&counter, shape);
    return counter.taken();
}

ListQuery PrepareListQuery(const ListCodec &codec, const float *vector, const void *value,
                           void *memory) noexcept {
    const ListShape &shape = codec.shape_;
    Carver carver(memory);
    const QueryMemory pieces = TakeQuery(&carver, shape);
    ListQuery query = {};
    query.codec = &codec;
    query.transformed = pieces.transformed;
    query.value = value;
    if (shape.quantizer == ListQuantizer::kFlat) return query;
    query.norm = static_cast<float>(
        ActiveKernels().f32.squared_norm(vector, static_cast<size_t>(shape.dimensions)));
    query.length = std::sqrt(query.norm);
    codec.Transform(vector, pieces.transformed);
    if (shape.quantizer == ListQuantizer::kRabitq) {
        const int rows = RowsOfPlane(shape);
        const SignTable table = shape.bits == 1
                                    ? FillSignTable(pieces.transformed, rows, pieces.entries)
                                    : FillLevelTable(pieces.transformed, rows, pieces.entries);
        TakeTable(table, pieces, &query);
        query.table_margin = kBoundSigmas * table.deviation;
    } else if (shape.quantizer == ListQuantizer::kPq) {
        PqProducts(codec.book_, pieces.transformed, pieces.floats);
        const size_t used = static_cast<size_t>(shape.m) << shape.bits;
        const size_t all = static_cast<size_t>(shape.code_rows) * (shape.bits == 8 ? 256 : 32);
        std::fill(pieces.floats + used, pieces.floats + all, 0.0f);
        TakeTable(shape.bits == 8 ? FillWordTable(pieces.floats, shape.code_rows, pieces.words)
                                  : FillValueTable(pieces.floats, shape.code_rows, pieces.entries),
                  pieces, &query);
    } else {
        query.sq8 =
            PrepareSq8Query(pieces.transformed, static_cast<size_t>(shape.padded), pieces.shorts);
    }
    return query;
}

ListProbe ProbeList(const ListQuery &query, float centroid_key, float centroid_norm) noexcept {
    const float rounding = kOperatorRounding * query.length * std::sqrt(centroid_norm);
    switch (query.codec->shape().metric) {
        case Metric::kInnerProduct: {
            const float squared = query.norm + centroid_norm + 2 * centroid_key;
            return {centroid_key, std::sqrt(std::max(squared, 0.0f)), rounding};
        }
        case Metric::kCosine: {
            const float dot = (1 - centroid_key) * std::sqrt(query.norm * centroid_norm);
            const float squared = query.norm + centroid_norm - 2 * dot;
            return {1 - dot, std::sqrt(std::max(squared, 0.0f)), rounding};
        }
        default: {
            const float squared = std::max(centroid_key, 0.0f);
            return {squared, std::sqrt(squared), 0};
        }
    }
}

uint32_t EstimateBlock(const ListQuery &query, const ListProbe &probe, const void *factors,
                       const CodePiece *pieces, int piece_count, float threshold, float *estimates,
                       float *bounds) noexcept {
    const ListShape &shape = query.codec->shape();
    const CodeKernels &kernels = ActiveKernels().codes;
    BlockHeader header;
    memcpy(&header, factors, sizeof(header));
    const auto *halves =
        reinterpret_cast<const uint16_t *>(static_cast<const char *>(factors) + sizeof(header));
    ListBatch batch = {
        pieces, piece_count, halves, nullptr, nullptr, header.addend_scale, FactorOf(shape.metric)};
    ListTerms terms = {probe.base, 0, 0, threshold};
    if (HasFactors(shape)) {
        batch.factor = halves + kListBlock;
        batch.error = halves + 2 * kListBlock;
        batch.factor_scale = header.factor_scale;
        terms.table_margin = query.table_margin;
        terms.error_margin = kBoundSigmas * probe.distance;
    }
    const auto estimate =
        query.table.words != nullptr ? kernels.estimate_list_bytes : kernels.estimate_list;
    return estimate(batch, query.table, terms, estimates, bounds);
}

namespace {

float FlatKey(const ListShape &shape, const void *query, const void *row) noexcept {
    const auto n = static_cast<size_t>(shape.dimensions);
    const Kernels &active = ActiveKernels();
    if (shape.metric == Metric::kHamming)
        return static_cast<float>(active.bits.hamming(query, row, ElementBytes(shape)));
    const DistanceKernels &kernels = shape.element == ListElement::kHalf ? active.f16 : active.f32;
    switch (shape.metric) {
        case Metric::kInnerProduct:
            return Finite(-kernels.inner_product(query, row, n));
        case Metric::kCosine:
            return Finite(1 - CosineSimilarity(kernels.cosine(query, row, n)));
        default:
            return Finite(kernels.l2_squared(query, row, n));
    }
}

// The key of a row in bytes, and a bound that holds.
void ByteKey(const ListQuery &query, const ListProbe &probe, const uint8_t *code, float *estimate,
             float *bound) noexcept {
    const ListShape &shape = query.codec->shape();
    ByteRow row;
    memcpy(&row, code, sizeof(row));
    const Sq8View view = {code + sizeof(row), row.scale, row.offset, 0, 0};
    const double product = Sq8InnerProduct(query.sq8, view, static_cast<size_t>(shape.padded));
    // What the query's own integers are wrong by, and what the sum above is rounded by.
    constexpr double kRounding = 1e-6;
    const double loss = static_cast<double>(query.sq8.error) * row.length;
    const double scale = std::fabs(probe.base) + std::fabs(row.addend) + std::fabs(product);
    const double margin = loss + kRounding * scale;
    const double error = row.error;
    double key, least;
    if (shape.metric == Metric::kL2) {
        // |q - x| is at least the distance to what the code stands for less what that lost.
        key = probe.base + row.addend - 2 * product;
        const double nearest = std::sqrt(std::max(0.0, key - 2 * margin)) - error;
        key = std::max(0.0, key);
        least = nearest > 0 ? nearest * nearest : 0;
    } else {
        key = static_cast<double>(probe.base) + row.addend - product;
        const double lengths = static_cast<double>(row.length) + row.error;
        least = key - margin - error * static_cast<double>(probe.distance) - probe.rounding -
                static_cast<double>(kOperatorRounding) * query.length * lengths;
    }
    *estimate = Finite(key);
    *bound = row.error < kLargest ? std::min(Finite(least), *estimate)
                                  : -std::numeric_limits<float>::infinity();
}

}  // namespace

uint32_t EstimateRows(const ListQuery &query, const ListProbe &probe, const void *rows, int count,
                      float threshold, float *estimates, float *bounds) noexcept {
    const ListShape &shape = query.codec->shape();
    const auto *row = static_cast<const uint8_t *>(rows);
    uint32_t below = 0;
    for (int i = 0; i < count; i++, row += shape.row_bytes) {
        if (shape.quantizer == ListQuantizer::kFlat)
            estimates[i] = bounds[i] = FlatKey(shape, query.value, row);
        else
            ByteKey(query, probe, row, &estimates[i], &bounds[i]);
        below |= static_cast<uint32_t>(bounds[i] < threshold) << i;
    }
    return below;
}

}  // namespace vecx

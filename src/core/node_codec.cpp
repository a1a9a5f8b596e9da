// Node codes; see the header.

#include "core/node_codec.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

#include "core/metric.h"

namespace vecx {
namespace {

// Codes of lengths: steps of a 16th of a power of two, so that the unit, which stands in the
// record's header, is in the middle. 0 is the length 0.
constexpr int kCodesPerOctave = 16;
constexpr int kLastCode = 255, kMiddleCode = 128;

constexpr float kRoots[kCodesPerOctave] = {1.0f,        1.04427378f, 1.09050773f, 1.13878863f,
                                           1.18920712f, 1.24185781f, 1.29683955f, 1.35425555f,
                                           1.41421356f, 1.47682615f, 1.54221083f, 1.61049033f,
                                           1.68179283f, 1.75625216f, 1.83400809f, 1.91520656f};

// The code of a positive length, and back.
int EncodeLength(float length, float unit) {
    const double octaves = std::log2(static_cast<double>(length) / static_cast<double>(unit));
    const int code = kMiddleCode + static_cast<int>(std::lrint(octaves * kCodesPerOctave));
    return std::clamp(code, 1, kLastCode);
}

float DecodeLength(int code, float unit) {
    const int octave = code / kCodesPerOctave - kMiddleCode / kCodesPerOctave;
    return unit * kRoots[code % kCodesPerOctave] * std::bit_cast<float>((octave + 127) << 23);
}

float Finite(double distance) {
    constexpr double kLargest = std::numeric_limits<float>::max();
    return distance < kLargest ? static_cast<float>(std::max(distance, -kLargest)) : kLargest;
}

struct DenseView {
    float scale;
    const uint8_t *elements;
};

DenseView DenseOf(const void *own) {
    DenseView view;
    memcpy(&view.scale, own, sizeof(view.scale));
    view.elements = static_cast<const uint8_t *>(own) + sizeof(CopyHeader);
    return view;
}

const DistanceKernels &KernelsFor(Codec codec) {
    return codec == Codec::kHalves ? ActiveKernels().f16 : ActiveKernels().f32;
}

// Of copies whose halves are multiples of different numbers, which is rare.
double ScaledL1(const DenseView &a, const DenseView &b, int n) {
    constexpr int kPart = 256;
    float x[kPart], y[kPart];
    const Kernels &kernels = ActiveKernels();
    double sum = 0;
    for (int from = 0; from < n; from += kPart) {
        const int count = std::min(kPart, n - from);
        kernels.half_to_float(a.elements + 2 * from, x, count);
        kernels.half_to_float(b.elements + 2 * from, y, count);
        for (int i = 0; i < count; i++)
            sum += std::fabs(static_cast<double>(a.scale) * x[i] -
                             static_cast<double>(b.scale) * y[i]);
    }
    return sum;
}

double DenseProduct(const RecordShape &shape, const DenseView &a, const DenseView &b) {
    return static_cast<double>(a.scale) * b.scale *
           KernelsFor(shape.codec).inner_product(a.elements, b.elements, shape.dimensions);
}

double DenseNorm(const RecordShape &shape, const DenseView &a) {
    return static_cast<double>(a.scale) * a.scale *
           KernelsFor(shape.codec).squared_norm(a.elements, shape.dimensions);
}

// Squares of vectors whose sum in floats has not overflown, nor lost its digits at the other end.
bool IsUsualSquare(float square) {
    return square > 0x1p-100f && square <= std::numeric_limits<float>::max();
}

// For vectors whose sums in floats overflow or vanish. `product`: the negative inner product is
// wanted, whatever the graph's metric.
[[gnu::noinline]] double ExtremeDistance(const RecordShape &shape, const DenseView &a,
                                         const DenseView &b, bool product) {
    constexpr int kPart = 256;
    float x[kPart], y[kPart];
    double l1 = 0, squares = 0, dot = 0, norm_a = 0, norm_b = 0;
    for (int from = 0; from < shape.dimensions; from += kPart) {
        const int count = std::min(kPart, shape.dimensions - from);
        if (shape.codec == Codec::kHalves) {
            const Kernels &kernels = ActiveKernels();
            kernels.half_to_float(a.elements + 2 * from, x, count);
            kernels.half_to_float(b.elements + 2 * from, y, count);
        } else {
            memcpy(x, a.elements + 4 * from, count * sizeof(float));
            memcpy(y, b.elements + 4 * from, count * sizeof(float));
        }
        for (int i = 0; i < count; i++) {
            const double u = static_cast<double>(a.scale) * x[i];
            const double v = static_cast<double>(b.scale) * y[i];
            l1 += std::fabs(u - v);
            squares += (u - v) * (u - v);
            dot += u * v;
            norm_a += u * u;
            norm_b += v * v;
        }
    }
    if (product) return -dot;
    switch (shape.metric) {
        case Metric::kCosine:
            return 1 - ClampSimilarity(dot / std::sqrt(norm_a * norm_b));
        case Metric::kL1:
            return l1;
        default:
            return squares;
    }
}

double QuickDistance(const RecordShape &shape, const Sq8View &a, const Sq8View &b) {
    const DenseView x = DenseOf(a.codes), y = DenseOf(b.codes);
    const DistanceKernels &kernels = KernelsFor(shape.codec);
    const int n = shape.dimensions;
    const bool alike = x.scale == y.scale;
    switch (shape.metric) {
        case Metric::kCosine:
            if (!IsUsualSquare(a.norm) || !IsUsualSquare(b.norm))
                return std::numeric_limits<double>::infinity();
            return 1 - CosineSimilarity(
                           {static_cast<float>(DenseProduct(shape, x, y)), a.norm, b.norm});
        case Metric::kL1:
            return alike ? static_cast<double>(x.scale) * kernels.l1(x.elements, y.elements, n)
                         : ScaledL1(x, y, n);
        default:
            if (alike)
                return static_cast<double>(x.scale) * x.scale *
                       kernels.l2_squared(x.elements, y.elements, n);
            // NaN stays.
            return std::max(
                DenseNorm(shape, x) + DenseNorm(shape, y) - 2 * DenseProduct(shape, x, y), 0.0);
    }
}

double DenseDistance(const RecordShape &shape, const Sq8View &a, const Sq8View &b) {
    const double quick = QuickDistance(shape, a, b);
    if (std::isfinite(quick)) [[likely]]
        return quick;
    return ExtremeDistance(shape, DenseOf(a.codes), DenseOf(b.codes), false);
}

double DenseProductDistance(const RecordShape &shape, const Sq8View &a, const Sq8View &b) {
    const DenseView x = DenseOf(a.codes), y = DenseOf(b.codes);
    const double quick = -DenseProduct(shape, x, y);
    if (std::isfinite(quick)) [[likely]]
        return quick;
    return ExtremeDistance(shape, x, y, true);
}

// The sum of at(i) over a list; several sums, since the CPU can add them up side by side.
template <class At>
float SumOver(const SparseList &list, At at) {
    float a = 0, b = 0, c = 0, d = 0;
    int32_t i = 0;
    for (; i + 4 <= list.count; i += 4) {
        a += at(i);
        b += at(i + 1);
        c += at(i + 2);
        d += at(i + 3);
    }
    for (; i < list.count; i++) a += at(i);
    return (a + b) + (c + d);
}

float SquaredNorm(const SparseList &list) {
    return SumOver(list, [&](int32_t i) { return list.values[i] * list.values[i]; });
}

// The squared distance of two vectors of such squared lengths with such a product, and with the
// coordinate that augments each.
double AugmentedDistance(const RecordShape &shape, double a, double b, double product) {
    const double most = static_cast<double>(shape.longest) * shape.longest;
    const double between = std::sqrt(std::max(most - a, 0.0)) - std::sqrt(std::max(most - b, 0.0));
    return std::max(a + b - 2 * product, 0.0) + between * between;
}

double SparseDistance(const RecordShape &shape, const Sq8View &a, const Sq8View &b) {
    const SparseList x = SparseListOf(shape, a.codes), y = SparseListOf(shape, b.codes);
    switch (shape.metric) {
        case Metric::kCosine:
            return 1 - CosineSimilarity({SparseInnerProduct(x, y), a.norm, b.norm});
        case Metric::kL1:
            return SparseL1(x, y);
        case Metric::kInnerProduct:
            return AugmentedDistance(shape, a.norm, b.norm, SparseInnerProduct(x, y));
        default:
            return SparseL2Squared(x, y);
    }
}

constexpr uint32_t kTableSlots = 4096;
static_assert(kTableSlots >= 4 * kMaxSparseElements &&
              kTableSlots * (sizeof(int32_t) + sizeof(float)) == kMostNodeQueryBytes);
// As many values as there is room for without indices.
constexpr uint32_t kMostDirect = kMostNodeQueryBytes / sizeof(float);

uint32_t SlotOf(int32_t index) {
    return static_cast<uint32_t>(index) * 0x9e3779b1u >> 15 & (kTableSlots - 1);
}

SparseTable FillTable(const SparseList &list, void *memory) {
    if (list.dimensions <= static_cast<int32_t>(kMostDirect)) {
        const uint32_t slots = std::bit_ceil(static_cast<uint32_t>(list.dimensions));
        auto *values = static_cast<float *>(memory);
        std::fill(values, values + slots, 0.0f);
        SparseTable table = {nullptr, values, slots - 1, 0};
        for (int32_t i = 0; i < list.count; i++) {
            values[static_cast<uint32_t>(list.indices[i]) & table.mask] = list.values[i];
            table.absolute += std::fabs(list.values[i]);
        }
        return table;
    }
    auto *indices = static_cast<int32_t *>(memory);
    auto *values = reinterpret_cast<float *>(indices + kTableSlots);
    memset(indices, 0xff, kTableSlots * sizeof(int32_t));
    memset(values, 0, kTableSlots * sizeof(float));
    SparseTable table = {indices, values, kTableSlots - 1, 0};
    for (int32_t i = 0; i < list.count; i++) {
        uint32_t slot = SlotOf(list.indices[i]);
        while (indices[slot] >= 0) slot = (slot + 1) & table.mask;
        indices[slot] = list.indices[i];
        values[slot] = list.values[i];
        table.absolute += std::fabs(list.values[i]);
    }
    return table;
}

// The value at an index, or 0. Nobody can predict whether it is there, so no branch asks that: only
// whether another index has its slot.
float LookUpHashed(const SparseTable &table, int32_t index) {
    uint32_t slot = SlotOf(index);
    for (;;) {
        const int32_t found = table.indices[slot];
        const int32_t other = (found ^ index) & ~(found >> 31);
        if (other == 0) [[likely]]
            return table.values[slot];
        slot = (slot + 1) & table.mask;
    }
}

// Of term(value, value in the table or 0). Indices may be damaged: none leads out of the table.
template <class Term>
float SumByLookUp(const SparseTable &table, const SparseList &list, Term term) {
    if (table.indices == nullptr)
        return SumOver(list, [&](int32_t i) {
            return term(list.values[i],
                        table.values[static_cast<uint32_t>(list.indices[i]) & table.mask]);
        });
    return SumOver(list, [&](int32_t i) {
        return term(list.values[i], LookUpHashed(table, list.indices[i]));
    });
}

double LookUpDistance(const RecordShape &shape, const GraphQuery &query, const Sq8View &node) {
    const SparseList list = SparseListOf(shape, node.codes);
    if (shape.metric == Metric::kL1)
        return query.sparse.absolute + SumByLookUp(query.sparse, list, [](float x, float q) {
                   return std::fabs(x - q) - std::fabs(q);
               });
    const float product = SumByLookUp(query.sparse, list, [](float x, float q) { return x * q; });
    if (query.inner_product) return -product;
    switch (shape.metric) {
        case Metric::kCosine:
            return 1 - CosineSimilarity({product, query.vector.norm, node.norm});
        case Metric::kInnerProduct:
            return AugmentedDistance(shape, query.vector.norm, node.norm, product);
        default:
            // NaN stays, and comes last.
            return std::max(static_cast<double>(query.vector.norm) + node.norm - 2.0 * product,
                            0.0);
    }
}

}  // namespace

SparseList SparseListOf(const RecordShape &shape, const void *own) noexcept {
    SparseHeader header;
    memcpy(&header, own, sizeof(header));
    const auto *indices =
        reinterpret_cast<const int32_t *>(static_cast<const char *>(own) + sizeof(SparseHeader));
    return {shape.dimensions, header.count, indices,
            reinterpret_cast<const float *>(indices + header.count)};
}

int OwnBytesOf(const RecordShape &shape, const void *own) noexcept {
    if (shape.codec != Codec::kSparse) return shape.own_bytes;
    SparseHeader header;
    memcpy(&header, own, sizeof(header));
    return SparseBytes(header.count);
}

int MostOwnBytes(const RecordShape &shape) noexcept {
    return shape.codec == Codec::kSparse ? SparseBytes(kMaxSparseElements) : shape.own_bytes;
}

bool HasSoundOwn(const NodeRecord &record) noexcept {
    const RecordShape &shape = record.shape();
    if (shape.codec != Codec::kSparse) return true;
    SparseHeader header;
    memcpy(&header, record.Own(), sizeof(header));
    const int room =
        record.header().more == 0 ? SparseCapacity(shape.own_bytes) : kMaxSparseElements;
    return header.count >= 0 && header.count <= room;
}

float OwnNorm(const RecordShape &shape, const void *own) noexcept {
    if (shape.codec == Codec::kSparse) return SquaredNorm(SparseListOf(shape, own));
    if (shape.metric != Metric::kCosine) return 0;
    return static_cast<float>(DenseNorm(shape, DenseOf(own)));
}

float NodeDistance(const RecordShape &shape, const Sq8View &a, const Sq8View &b) noexcept {
    switch (shape.codec) {
        case Codec::kBits: {
            const BitKernels &kernels = ActiveKernels().bits;
            if (shape.metric == Metric::kHamming)
                return static_cast<float>(kernels.hamming(a.codes, b.codes, shape.own_bytes));
            return static_cast<float>(
                JaccardDistance(kernels.overlap(a.codes, b.codes, shape.own_bytes)));
        }
        case Codec::kSparse:
            return Finite(SparseDistance(shape, a, b));
        default:
            return Finite(DenseDistance(shape, a, b));
    }
}

size_t NodeQueryBytes(const RecordShape &shape) noexcept {
    return shape.codec == Codec::kSparse ? kMostNodeQueryBytes : 0;
}

GraphQuery PrepareNodeQuery(const RecordShape &shape, const Sq8View &vector, bool inner_product,
                            void *memory) noexcept {
    GraphQuery query = {};
    query.vector = vector;
    query.inner_product = inner_product;
    if (shape.codec == Codec::kSparse)
        query.sparse = FillTable(SparseListOf(shape, vector.codes), memory);
    return query;
}

float NodeDistanceFrom(const RecordShape &shape, const GraphQuery &query,
                       const Sq8View &node) noexcept {
    if (shape.codec == Codec::kSparse) return Finite(LookUpDistance(shape, query, node));
    if (query.inner_product) return Finite(DenseProductDistance(shape, query.vector, node));
    return NodeDistance(shape, query.vector, node);
}

void SetNodeEdge(const NodeRecord &record, int slot, NodeLink neighbor, float length) noexcept {
    float &unit = record.header().addend_scale;
    if (!(unit > 0)) unit = length;
    record.Ids()[slot] = neighbor.id;
    record.Generations()[slot] = neighbor.generation;
    record.LengthCodes()[slot] = static_cast<uint8_t>(length > 0 ? EncodeLength(length, unit) : 0);
}

float NodeEdgeLength(const NodeRecord &record, int slot) noexcept {
    const int code = record.LengthCodes()[slot];
    return code == 0 ? 0 : DecodeLength(code, record.header().addend_scale);
}

}  // namespace vecx

// Quantization codes of edges; see the header.

#include "core/edge_code.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <initializer_list>
#include <limits>

#include "core/half.h"
#include "core/node_codec.h"

namespace vecx {
namespace {

constexpr size_t kCacheLine = 64;
constexpr float kLargestEntry = 126;  // and a rounding error

constexpr float kLargestHalf = 60000;  // a little below the largest, 65504
constexpr float kFirstHalf = 1000;     // where the first values are put: room above and below

size_t AlignUp(size_t size) { return (size + kCacheLine - 1) / kCacheLine * kCacheLine; }

CodeTable FillTable(const RecordShape &shape, const float *rotated, uint8_t *entries) noexcept {
    const CodeKernels &kernels = ActiveKernels().codes;
    const auto dimensions = static_cast<size_t>(shape.code_dimensions);
    const SizeSums sizes = kernels.sizes(rotated, dimensions);
    const float step = 2 * sizes.widest / kLargestEntry;
    const float factor =
        step < std::numeric_limits<float>::min() ? 0 : (1 << kTableFractionBits) / step;
    kernels.fill_table(rotated, dimensions, factor, entries);
    const float planes = shape.code_bits == 2 ? 1.5f : 1;
    return {entries, static_cast<size_t>(shape.CodeRows()), shape.code_bits, step,
            -planes * sizes.sum};
}

// Stores value / scale as a half.
uint16_t Scaled(float value, float scale) {
    return FloatToHalf(scale > 0 ? value / scale : 0).bits;
}

// Divides the stored halves by `by`.
void Shrink(uint16_t *halves, int n, float by) {
    for (int i = 0; i < n; i++) {
        const Half half = {halves[i]};
        if (!IsInfinite(half)) halves[i] = FloatToHalf(HalfToFloat(half) / by).bits;
    }
}

// Makes `value` fit into the halves that are stored in units of `scale`; a power of two, so that
// what is stored already loses nothing that it had.
void FitScale(float value, float *scale, std::initializer_list<uint16_t *> arrays, int n) {
    if (!(value > *scale * kLargestHalf)) return;
    const float wanted = std::exp2(std::ceil(std::log2(value / kFirstHalf)));
    if (*scale > 0)
        for (uint16_t *array : arrays)
            if (array != nullptr) Shrink(array, n, wanted / *scale);
    *scale = wanted;
}

}  // namespace

size_t QueryBytes(const RecordShape &shape) {
    if (!shape.HasEdgeCodes()) return NodeQueryBytes(shape);
    return AlignUp(static_cast<size_t>(shape.CodeRows()) * kCacheLine) +
           AlignUp(shape.padded * sizeof(int16_t));
}

GraphQuery PrepareQuery(const RecordShape &shape, const float *rotated, bool inner_product,
                        void *memory) noexcept {
    auto *entries = static_cast<uint8_t *>(memory);
    auto *values = reinterpret_cast<int16_t *>(
        entries + AlignUp(static_cast<size_t>(shape.CodeRows()) * kCacheLine));
    return {rotated, PrepareSq8Query(rotated, shape.padded, values),
            FillTable(shape, rotated, entries), inner_product};
}

void SetEdge(const NodeRecord &record, int slot, const EdgeTarget &neighbor, const float *node,
             float length) noexcept {
    const RecordShape &shape = record.shape();
    const CodeKernels &kernels = ActiveKernels().codes;
    const int rows = shape.CodeRows();
    const int batch = slot / static_cast<int>(kEdgeBatch), lane = slot % kEdgeBatch;
    uint8_t planes[2][kMaxCodeRows];
    CodeSums sums;
    if (shape.code_bits == 1) {
        sums = kernels.encode_signs(neighbor.rotated, node, shape.code_dimensions, planes[0]);
    } else {
        // Of a normal distribution, the best uniform quantizer of four levels is one standard
        // deviation a step (Max 1960).
        const float step = std::sqrt(length / static_cast<float>(shape.padded));
        sums = kernels.encode_levels(neighbor.rotated, node, shape.code_dimensions, step, planes[0],
                                     planes[1]);
    }
    uint8_t *codes = record.Codes() + batch * shape.BatchCodeBytes() + lane;
    for (int plane = 0; plane < shape.code_bits; plane++)
        for (int row = 0; row < rows; row++, codes += kEdgeBatch) *codes = planes[plane][row];

    const float ratio = sums.residual > 0 ? length / sums.residual : 0;
    const float addend = length + 2 * ratio * sums.node, factor = -2 * ratio;
    NodeHeader &header = record.header();
    const float largest =
        std::max({std::fabs(addend), length, shape.has_excesses ? neighbor.excess : 0});
    FitScale(largest, &header.addend_scale,
             {record.Addends(), record.Lengths(), shape.has_excesses ? record.Excesses() : nullptr},
             shape.edges);
    FitScale(-factor, &header.factor_scale, {record.Factors()}, shape.edges);
    record.Ids()[slot] = neighbor.link.id;
    record.Generations()[slot] = neighbor.link.generation;
    record.Addends()[slot] = Scaled(addend, header.addend_scale);
    record.Factors()[slot] = Scaled(factor, header.factor_scale);
    record.Lengths()[slot] = Scaled(length, header.addend_scale);
    if (shape.has_excesses) record.Excesses()[slot] = Scaled(neighbor.excess, header.addend_scale);
}

float EdgeLength(const NodeRecord &record, int slot) noexcept {
    if (!record.shape().HasEdgeCodes()) return NodeEdgeLength(record, slot);
    return HalfToFloat({record.Lengths()[slot]}) * record.header().addend_scale;
}

}  // namespace vecx

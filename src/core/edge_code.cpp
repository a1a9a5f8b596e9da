// Quantization codes of edges; see the header.

#include "core/edge_code.h"

#include <algorithm>
#include <cmath>

#include "core/code_table.h"
#include "core/half.h"
#include "core/node_codec.h"
#include "core/scaled_halves.h"

namespace vecx {
namespace {

constexpr size_t kCacheLine = 64;
size_t AlignUp(size_t size) { return (size + kCacheLine - 1) / kCacheLine * kCacheLine; }

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
    const SignTable table = FillSignTable(rotated, shape.CodeRows(), entries);
    const float planes = shape.code_bits == 2 ? 1.5f : 1;
    return {rotated,
            PrepareSq8Query(rotated, shape.padded, values),
            {entries, static_cast<size_t>(shape.CodeRows()), shape.code_bits, table.step,
             planes * table.bias},
            inner_product};
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

    float ratio = sums.residual > 0 ? length / sums.residual : 0;
    // Vectors so large that their sums overflow, or two so near that rounding is all there is
    // between them: the estimate is then without the direction.
    if (!std::isfinite(ratio * sums.node) || !std::isfinite(2 * ratio)) ratio = 0;
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

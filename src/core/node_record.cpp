// Layout of node records; see the header.

#include "core/node_record.h"

#include <algorithm>
#include <cstring>

#include "core/rotation.h"

namespace vecx {
namespace {

constexpr int kHalfInfinity = 0x7c00;
constexpr int kBatch = static_cast<int>(kEdgeBatch);
constexpr int kMaxCodeDimensions = static_cast<int>(kMaxCodeRows) / 2 * 16;
constexpr int kTwoBitDimensions = 192;  // above, one bit a dimension says enough and 2 cost more
constexpr int kMinCodeDimensions = 128;

int Align(int size, int to) { return (size + to - 1) / to * to; }

// Bytes of a record besides its codes.
int FixedSize(const RecordShape &shape) {
    RecordShape empty = shape;
    empty.code_dimensions = 0;
    SolveOffsets(&empty);
    return empty.size;
}

// The most code dimensions for `slots` records in `capacity` bytes.
int DimensionsThatFit(const RecordShape &shape, int slots, int capacity) {
    const int room = capacity / slots / 8 * 8 - FixedSize(shape);
    if (room <= 0) return 0;
    const int per_16 = shape.edges * 2 * shape.code_bits;
    return std::min({room / per_16 * 16, shape.padded, kMaxCodeDimensions});
}

}  // namespace

void SolveOffsets(RecordShape *shape) {
    int at = static_cast<int>(sizeof(NodeHeader)) + 2 * shape->Batches() * 4;  // the masks
    const auto place = [&at](int bytes) {
        const int start = at;
        at += bytes;
        return start;
    };
    shape->ids = place(shape->edges * 4);
    shape->generations = place(shape->edges);
    shape->addends = place(shape->edges * 2);
    shape->factors = place(shape->edges * 2);
    shape->lengths = place(shape->edges * 2);
    shape->norms = place(shape->has_norms ? shape->edges * 2 : 0);
    shape->codes = place(shape->Batches() * shape->BatchCodeBytes());
    shape->own = place(shape->own_inside ? shape->padded : 0);
    shape->size = Align(at, 8);
}

RecordShape SolveShape(int dimensions, int m, bool has_norms, int capacity) {
    RecordShape shape = {};
    shape.dimensions = dimensions;
    shape.padded = PaddedDimensions(dimensions);
    shape.edges = Align(2 * m, kBatch);
    shape.has_norms = has_norms;
    shape.own_inside = true;
    shape.code_bits = shape.padded <= kTwoBitDimensions ? 2 : 1;

    const int wanted = std::min(shape.padded, kMinCodeDimensions);
    if (shape.code_bits == 2 && DimensionsThatFit(shape, 1, capacity) < shape.padded)
        shape.code_bits = 1;
    if (DimensionsThatFit(shape, 1, capacity) < wanted) shape.own_inside = false;

    // As many records a page as whole codes allow; one more where that leaves most of the code.
    // With 60 % of the dimensions a search expands a few percent more nodes: worth it for half the
    // pages.
    const int full = std::min(shape.padded, kMaxCodeDimensions);
    int slots = 1;
    while (DimensionsThatFit(shape, slots + 1, capacity) >= full) slots++;
    const int percent = slots == 1 ? 60 : 80;
    if (DimensionsThatFit(shape, slots + 1, capacity) * 100 >= full * percent) slots++;
    shape.code_dimensions = DimensionsThatFit(shape, slots, capacity);
    SolveOffsets(&shape);
    return shape;
}

void NodeRecord::Initialize(uint8_t level) const {
    const uint8_t generation = header().generation;
    memset(base_, 0, shape_->size);
    NodeHeader &of = header();
    of.kind = SlotKind::kNode;
    of.generation = generation;
    of.level = level;
    of.SetNext(kNoLink);
    for (int slot = 0; slot < shape_->edges; slot++) ClearEdge(slot);
}

void NodeRecord::SetOwn(const Sq8Parameters &parameters) const {
    NodeHeader &of = header();
    of.norm = parameters.norm;
    of.scale = parameters.scale;
    of.offset = parameters.offset;
    of.sum = parameters.sum;
    of.error = parameters.error;
}

void NodeRecord::ClearEdge(int slot) const {
    Ids()[slot] = kNoNode;
    Generations()[slot] = 0;
    Addends()[slot] = kHalfInfinity;
    Factors()[slot] = 0;
    Lengths()[slot] = 0;
    if (shape_->has_norms) Norms()[slot] = 0;
    SetKept(slot, false);
    SetAnchored(slot, false);
}

}  // namespace vecx

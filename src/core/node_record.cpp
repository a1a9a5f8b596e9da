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
constexpr int kMinCodedPart = 8;  // below an eighth of the dimensions another page is worth more

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
    int at = static_cast<int>(sizeof(NodeHeader)) + 2 * shape->MaskWords() * 4;  // the masks
    const auto place = [&at](int bytes) {
        const int start = at;
        at += bytes;
        return start;
    };
    const bool edge_codes = shape->HasEdgeCodes();
    if (edge_codes) shape->own_bytes = shape->padded;
    const int own_bytes = shape->own_inside ? shape->own_bytes : 0;
    // Node codes are read far more often than the edges behind them.
    if (!edge_codes) {
        shape->own = place(own_bytes);
        at = Align(at, 4);
    }
    shape->ids = place(shape->edges * 4);
    shape->generations = place(shape->edges);
    shape->addends = place(edge_codes ? shape->edges * 2 : 0);
    shape->factors = place(edge_codes ? shape->edges * 2 : 0);
    shape->lengths = place(edge_codes ? shape->edges * 2 : shape->edges);
    shape->excesses = place(shape->has_excesses ? shape->edges * 2 : 0);
    shape->codes = place(edge_codes ? shape->Batches() * shape->BatchCodeBytes() : 0);
    if (edge_codes) shape->own = place(own_bytes);
    shape->size = Align(at, 8);
}

RecordShape SolveShape(int dimensions, int m, bool has_excesses, int capacity) {
    RecordShape shape = {};
    shape.dimensions = dimensions;
    shape.padded = PaddedDimensions(dimensions);
    shape.edges = Align(2 * m, kBatch);
    shape.has_excesses = has_excesses;
    shape.own_inside = true;
    shape.code_bits = shape.padded <= kTwoBitDimensions ? 2 : 1;

    const int wanted =
        std::min(shape.padded, std::max(kMinCodeDimensions, shape.padded / kMinCodedPart));
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

RecordShape SolveNodeShape(Codec codec, Metric metric, int dimensions, int m, int own_bytes,
                           int capacity) {
    RecordShape shape = {};
    shape.codec = codec;
    shape.metric = metric;
    shape.dimensions = dimensions;
    shape.edges = 2 * m;
    shape.own_bytes = own_bytes;
    shape.own_inside = true;
    SolveOffsets(&shape);
    if (shape.size <= capacity) return shape;
    shape.own_inside = false;
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
    of.more = std::bit_cast<uint32_t>(parameters.excess);
}

void NodeRecord::ClearEdge(int slot) const {
    Ids()[slot] = kNoNode;
    Generations()[slot] = 0;
    SetKept(slot, false);
    SetAnchored(slot, false);
    if (!shape_->HasEdgeCodes()) {
        LengthCodes()[slot] = 0;
        return;
    }
    Addends()[slot] = kHalfInfinity;
    Factors()[slot] = 0;
    Lengths()[slot] = 0;
    if (shape_->has_excesses) Excesses()[slot] = 0;
}

}  // namespace vecx

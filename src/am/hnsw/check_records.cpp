// Of vecx_check: what a slot holds, and the copy of a node's vector.

#include "am/hnsw/checker.h"

#include "am/hnsw/continuation.h"
#include "am/hnsw/node_blocks.h"
#include "am/hnsw/page_store.h"
#include "core/half.h"

namespace vecx::hnsw {
namespace {

constexpr uint16_t kHalfInfinity = 0x7c00;

bool IsFiniteHalf(uint16_t bits) { return std::isfinite(HalfToFloat({bits})); }

}  // namespace

void Checker::ReadSlots() {
    NodeBlocks blocks(index_, graph_->layout, blocks_);
    for (BlockNumber block; (block = blocks.Next()) != InvalidBlockNumber;) {
        if (!CheckPage(block, store::PageKind::kNodes, page_)) continue;
        const NodeId first = graph_->layout.FirstNode(block);
        for (int slot = 0; slot < graph_->layout.nodes_per_page; slot++)
            CheckSlot(first + static_cast<NodeId>(slot),
                      page_ + static_cast<Size>(slot) * shape().size);
    }
}

void Checker::CheckSlot(NodeId id, char *record) {
    const auto *header = reinterpret_cast<const NodeHeader *>(record);
    const bool is_duplicates = header->kind == SlotKind::kDuplicates;
    if (states_ != nullptr)
        states_[id] = {header->kind, header->flags, header->generation,
                       is_duplicates ? uint8_t{0} : header->level};
    switch (header->kind) {
        case SlotKind::kFree:
            if (header->flags != 0) Error(id, "a free slot has flags 0x%02x", header->flags);
            break;
        case SlotKind::kNode:
            CheckNode(id, NodeRecord(shape(), record));
            break;
        case SlotKind::kDuplicates:
            CheckDuplicates(id, *reinterpret_cast<const DuplicatesRecord *>(record));
            break;
        case SlotKind::kContinuation:
            if (shape().codec != Codec::kSparse)
                Error(id, "a slot continues a vector, and none is that long");
            break;
        default:
            Error(id, "a slot is of kind %u, which is unknown",
                  static_cast<unsigned>(header->kind));
    }
}

void Checker::CheckNode(NodeId id, const NodeRecord &record) {
    const NodeHeader &header = record.header();
    if (header.flags & ~(kTombstone | kLinked))
        Error(id, "a node has unknown flags 0x%02x", header.flags);
    if (header.level > kMaxLevel) return Error(id, "a node is on level %u", header.level);
    CheckNumbers(id, record);
    CheckEdgeNumbers(id, record);
    if (header.flags & kTombstone) {
        if (header.row) Error(id, "a tombstone has a row");
        return CheckTombstone(id, header.delete_xid);
    }
    if (!(header.flags & kLinked)) unlinked_++;
    if (header.level > 0) {
        top_level_ = std::max<int>(top_level_, header.level);
        if (header.row) Error(id, "a node on level %u has a row", header.level);
        if (!header.Next()) Error(id, "a node on level %u has none below", header.level);
        return;
    }
    live_++;
    top_level_ = std::max(top_level_, 0);
    if (header.row)
        NoteRow(id, id, header.row);
    else if (!header.Next())
        Report(Severity::kWarning, id, "a node has no row and is no tombstone");
}

void Checker::CheckNumbers(NodeId id, const NodeRecord &record) {
    const NodeHeader &header = record.header();
    // With node codes the norm may be too large for a float; distances bear that.
    const bool sound_norm =
        header.norm >= 0 && (!shape().HasEdgeCodes() || std::isfinite(header.norm));
    if (!sound_norm ||
        (shape().has_excesses && !(header.Excess() >= 0 && std::isfinite(header.Excess()))) ||
        !std::isfinite(header.scale) || header.scale < 0 || !std::isfinite(header.offset) ||
        !std::isfinite(header.sum))
        Error(id, "the measures of a node's vector are no numbers");
    if (std::isnan(header.error) || header.error < 0)
        Error(id, "the error of a node's vector is no number");
    if (!std::isfinite(header.addend_scale) || header.addend_scale < 0 ||
        !std::isfinite(header.factor_scale) || header.factor_scale < 0)
        Error(id, "the scales of a node's edges are no numbers");
}

void Checker::CheckEdgeNumbers(NodeId id, const NodeRecord &record) {
    NodeId sorted[kMaxEdges];
    int count = 0;
    for (int slot = 0; slot < shape().edges; slot++) {
        if (!record.Link(slot)) {
            if (shape().HasEdgeCodes() && record.Addends()[slot] != kHalfInfinity)
                Error(id, "edge %d is unused, and yet has an estimate", slot);
            if (record.IsKept(slot)) Error(id, "edge %d is unused, and yet kept", slot);
            continue;
        }
        sorted[count++] = record.Ids()[slot];
        if (record.Ids()[slot] == id) Error(id, "edge %d leads back to its own node", slot);
        if (!shape().HasEdgeCodes()) continue;
        const uint16_t addend = record.Addends()[slot], length = record.Lengths()[slot];
        if (!IsFiniteHalf(addend) || !IsFiniteHalf(record.Factors()[slot]) ||
            !IsFiniteHalf(length) || HalfToFloat({length}) < 0 ||
            (shape().has_excesses && !IsFiniteHalf(record.Excesses()[slot])))
            Error(id, "the measures of edge %d are no numbers", slot);
    }
    std::sort(sorted, sorted + count);
    const NodeId *twice = std::adjacent_find(sorted, sorted + count);
    if (twice != sorted + count) Error(id, "two edges lead to node %u", *twice);
}

bool Checker::IsOfTheFuture(uint64_t xid) {
    // A crash may take the counter back behind transactions that had not written anything.
    constexpr uint64_t kForgotten = 1 << 24;
    return xid > U64FromFullTransactionId(ReadNextFullTransactionId()) + kForgotten;
}

void Checker::CheckTombstone(NodeId id, uint64_t delete_xid) {
    if (IsOfTheFuture(delete_xid))
        Error(id, "a tombstone is from transaction " UINT64_FORMAT ", the next is " UINT64_FORMAT,
              delete_xid, U64FromFullTransactionId(ReadNextFullTransactionId()));
}

void Checker::CheckDuplicates(NodeId id, const DuplicatesRecord &record) {
    if (record.flags & ~kTombstone)
        Error(id, "a slot of duplicates has unknown flags 0x%02x", record.flags);
    if (record.count > shape().DuplicateCapacity())
        return Error(id, "a slot of duplicates has %d rows, where %d fit", record.count,
                     shape().DuplicateCapacity());
    if (record.flags & kTombstone) {
        if (record.count > 0) Error(id, "a tombstone has rows");
        return CheckTombstone(id, record.delete_xid);
    }
    if (record.count == 0)
        Report(Severity::kWarning, id, "a slot of duplicates has no rows and is no tombstone");
    for (int i = 0; i < record.count; i++) {
        if (record.Rows()[i])
            NoteRow(id, record.owner, record.Rows()[i]);
        else
            Error(id, "duplicate %d is no row", i);
    }
}

void Checker::NoteRow(NodeId slot, NodeId node, RowId row) {
    const uint64_t tid = TidOf(row);
    if (TidBlock(tid) >= table_blocks_) {
        table_blocks_ = RelationGetNumberOfBlocks(table_);
        if (TidBlock(tid) >= table_blocks_)
            return Error(slot, "row (%u,%d) is beyond the end of the table", TidBlock(tid),
                         TidItem(tid));
    }
    if (!rows_known_) return;
    if (row_count_ == row_capacity_) {
        const int64 larger = std::max<int64>(1024, row_capacity_ * 2);
        if (larger * sizeof(IndexedRow) > static_cast<Size>(maintenance_work_mem) * 1024) {
            Say(Severity::kInfo,
                "rows are not compared: maintenance_work_mem is too small for them");
            rows_known_ = false;
            return;
        }
        auto *grown = static_cast<IndexedRow *>(AllocateLarge(larger * sizeof(IndexedRow)));
        if (rows_ != nullptr) {
            memcpy(grown, rows_, row_count_ * sizeof(IndexedRow));
            pfree(rows_);
        }
        rows_ = grown;
        row_capacity_ = larger;
    }
    rows_[row_count_++] = {tid, slot, node};
}

// False if it lies on a damaged or fresh page.
bool Checker::ReadCopyUnchecked(NodeId id, int offset, int bytes, char *out) {
    const BlockNumber first = graph_->layout.CopyBlock(id);
    for (int page = 0; page < graph_->layout.pages_per_copy; page++) {
        const BlockNumber block = first + static_cast<BlockNumber>(page);
        if (block >= blocks_ || HasBit(bad_blocks_, block)) return false;
    }
    ReadCopy(index_, *graph_, id, offset, bytes, out);
    return true;
}

// What the index keeps of a node's value: its copy, or with node codes its own vector.
int Checker::ValueBytes() const {
    if (!graph_->HasCopies()) return MostOwnBytes(shape());
    return static_cast<int>(sizeof(CopyHeader)) + graph_->dimensions * graph_->CopyElementBytes();
}

bool Checker::ReadValue(NodeId id, char *out) {
    if (graph_->HasCopies())
        return ReadCopyUnchecked(id, graph_->CopyHeaderOffset(), ValueBytes(), out);
    if (!shape().own_inside) return ReadCopyUnchecked(id, 0, ValueBytes(), out);
    auto *record = static_cast<char *>(palloc(shape().size));
    bool read = ReadRecord(id, record);
    if (read) {
        const NodeRecord node(shape(), record);
        memcpy(out, node.Own(), shape().own_bytes);
        if (shape().codec == Codec::kSparse && node.header().more != 0)
            read = ReadContinuation(index_, *graph_, node.header().More(), out);
    }
    pfree(record);
    return read;
}

void Checker::CheckSparse(NodeId id) {
    auto *own = static_cast<char *>(palloc(ValueBytes()));
    if (ReadValue(id, own)) {
        const SparseList list = SparseListOf(shape(), own);
        bool ascending = list.count >= 0 && list.count <= kMaxSparseElements;
        for (int i = 0; i < list.count && ascending; i++)
            ascending = list.indices[i] >= (i > 0 ? list.indices[i - 1] + 1 : 0) &&
                        list.indices[i] < list.dimensions;
        if (!ascending) Error(id, "a node's vector is no sparse vector");
    } else {
        Error(id, "the rest of a node's vector is missing");
    }
    pfree(own);
}

void Checker::CheckCopy(NodeId id, const NodeRecord &record) {
    if (shape().codec == Codec::kBits) return;
    if (shape().codec == Codec::kSparse) return CheckSparse(id);
    auto *copy = static_cast<char *>(palloc(ValueBytes()));
    if (ReadValue(id, copy)) {
        CopyHeader header;
        memcpy(&header, copy, sizeof(header));
        int exponent;
        if (!std::isfinite(header.scale) || header.scale <= 0 ||
            std::frexp(header.scale, &exponent) != 0.5f)
            Error(id, "the scale of a node's copy is no power of two");
        else if (std::isnan(header.error) || header.error < 0)
            Error(id, "the error of a node's copy is no number");
        else if (graph_->HasCopies())
            CheckCopyDistance(id, record, copy);
    }
    pfree(copy);
}

// The copy and the node's own vector are of one value, so they are no further from each other than
// what both have lost.
void Checker::CheckCopyDistance(NodeId id, const NodeRecord &record, const char *copy) {
    const NodeHeader &header = record.header();
    const int n = graph_->dimensions, padded = shape().padded;
    CopyHeader copy_header;
    memcpy(&copy_header, copy, sizeof(copy_header));
    if (!std::isfinite(header.error) || !std::isfinite(copy_header.error)) return;

    auto *values = static_cast<float *>(palloc0(shape().dimensions * sizeof(float)));
    auto *rotated = static_cast<float *>(palloc(padded * sizeof(float)));
    auto *own = static_cast<float *>(palloc(padded * sizeof(float)));
    auto *codes = static_cast<uint8_t *>(palloc(padded));
    const char *elements = copy + sizeof(CopyHeader);
    if (graph_->copies == CopyKind::kHalf)
        ActiveKernels().half_to_float(elements, values, n);
    else
        memcpy(values, elements, n * sizeof(float));
    double square = 0;
    bool finite = true;
    for (int i = 0; i < n; i++) {
        values[i] *= copy_header.scale;
        finite = finite && std::isfinite(values[i]);
        square += static_cast<double>(values[i]) * static_cast<double>(values[i]);
    }
    double lost = header.error + static_cast<double>(copy_header.error), length = std::sqrt(square);
    if (graph_->opclass.metric == Metric::kCosine && length > 0) {
        for (int i = 0; i < n; i++) values[i] = static_cast<float>(values[i] / length);
        lost = header.error + 2 * static_cast<double>(copy_header.error) / length;
        length = 1;
    }
    graph_->rotation.Apply(values, graph_->centre, rotated);
    Sq8View view = record.OwnVector();
    const bool read =
        shape().own_inside || ReadCopyUnchecked(id, 0, padded, reinterpret_cast<char *>(codes));
    if (!shape().own_inside) view.codes = codes;
    if (!finite) {
        Error(id, "a node's copy is not finite");
    } else if (read && std::isfinite(header.scale) && std::isfinite(header.offset)) {
        ActiveKernels().codes.decode_u8(view.codes, view.scale, view.offset, own, padded);
        double distance = 0, centre = 0;
        for (int i = 0; i < padded; i++) {
            const double difference = static_cast<double>(own[i]) - static_cast<double>(rotated[i]);
            distance += difference * difference;
        }
        for (int i = 0; i < shape().dimensions; i++) {
            const double c = graph_->centre[i];
            centre += c * c;
        }
        if (shape().dimensions > n) {
            // The coordinate that augments the value depends on its length, which the copy knows
            // but roughly: whatever lies in its direction does not count.
            memset(values, 0, n * sizeof(float));
            values[n] = 1;
            auto *direction = static_cast<float *>(palloc(padded * sizeof(float)));
            graph_->rotation.Apply(values, nullptr, direction);
            double along = 0, square_length = 0;
            for (int i = 0; i < padded; i++) {
                const double d = direction[i];
                along += (static_cast<double>(own[i]) - static_cast<double>(rotated[i])) * d;
                square_length += d * d;
            }
            distance = 0;
            for (int i = 0; i < padded; i++) {
                const double difference = static_cast<double>(own[i]) -
                                          static_cast<double>(rotated[i]) -
                                          along / square_length * static_cast<double>(direction[i]);
                distance += difference * difference;
            }
            pfree(direction);
        }
        constexpr double kRounding = 1e-5;
        if (std::sqrt(distance) >
            lost * 1.001 + kRounding * (length + std::sqrt(centre) +
                                        static_cast<double>(graph_->shape.longest)))
            Error(id, "a node's copy is %g from its own vector, where %g is the most",
                  std::sqrt(distance), lost);
    }
    pfree(values);
    pfree(rotated);
    pfree(own);
    pfree(codes);
}

}  // namespace vecx::hnsw

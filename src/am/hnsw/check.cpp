// Looks for damage in an hnsw index; see the header.
//
// Others write meanwhile. What one page says of another is looked at again before it is reported,
// and what has been added since the check began is passed over.

#include "am/hnsw/check.h"

#include "am/hnsw/hnsw.h"
#include "am/hnsw/link.h"
#include "am/hnsw/node_blocks.h"
#include "am/hnsw/node_vector.h"
#include "core/half.h"
#include "core/random.h"
#include "types/vector.h"

namespace vecx::hnsw {
namespace {

constexpr uint16_t kHalfInfinity = 0x7c00;
constexpr int kNoSlot = -1;
constexpr int kNamedNodes = 5;  // of those that a finding is about
constexpr int kSearchDepth = 10;

// A slot as the first pass saw it.
struct SlotState {
    SlotKind kind;
    uint8_t flags;
    uint8_t generation;
    uint8_t level;

    bool IsLive() const { return kind == SlotKind::kNode && !(flags & kTombstone); }
};

// A row, and the node whose vector is its.
struct IndexedRow {
    uint64_t tid;
    NodeId slot;
    NodeId node;
};

uint64_t TidOf(RowId row) {
    return static_cast<uint64_t>(row.block_high) << 32 |
           static_cast<uint64_t>(row.block_low) << 16 | row.item;
}
uint64_t TidOf(ItemPointer tid) {
    return TidOf({tid->ip_blkid.bi_hi, tid->ip_blkid.bi_lo, tid->ip_posid});
}
BlockNumber TidBlock(uint64_t tid) { return static_cast<BlockNumber>(tid >> 16); }
int TidItem(uint64_t tid) { return static_cast<int>(tid & 0xffff); }

void *AllocateLarge(Size bytes) {
    return MemoryContextAllocExtended(CurrentMemoryContext, bytes,
                                      MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
}

bool HasBit(const uint8 *bits, uint64_t at) { return bits[at / 8] >> at % 8 & 1; }
void SetBit(uint8 *bits, uint64_t at) { bits[at / 8] |= static_cast<uint8>(1 << at % 8); }

bool IsFiniteHalf(uint16_t bits) { return std::isfinite(HalfToFloat({bits})); }

class Checker {
  public:
    Checker(Relation index, Relation table, Snapshot snapshot, const CheckOptions &options,
            Findings *findings)
        : index_(index),
          table_(table),
          snapshot_(snapshot),
          options_(options),
          findings_(findings),
          blocks_(RelationGetNumberOfBlocks(index)) {}

    void Run();

  private:
    // About a slot, a slot in error, and nothing in particular.
    void Report(Severity severity, NodeId id, const char *format, ...) pg_attribute_printf(4, 5);
    void Error(NodeId id, const char *format, ...) pg_attribute_printf(3, 4);
    void Say(Severity severity, const char *format, ...) pg_attribute_printf(3, 4);

    const RecordShape &shape() const { return graph_->shape; }

    // The relation's cache may lose the graph whenever PostgreSQL looks into a catalog.
    void Refresh() { graph_ = &OpenGraph(index_); }

    bool CheckMeta();
    const char *MetaFault(const MetaPage &meta);
    const char *EdgeCodesFault(const MetaPage &meta);
    bool CheckPage(BlockNumber block, store::PageKind kind, char *copy);
    void CheckOtherPages();

    void ReadSlots();
    void CheckSlot(NodeId id, char *record);
    void CheckNode(NodeId id, const NodeRecord &record);
    void CheckNumbers(NodeId id, const NodeRecord &record);
    void CheckEdgeNumbers(NodeId id, const NodeRecord &record);
    void CheckTombstone(NodeId id, uint64_t delete_xid);
    void CheckDuplicates(NodeId id, const DuplicatesRecord &record);
    void NoteRow(NodeId slot, NodeId node, RowId row);

    void CheckLinks();
    void CheckNodeLinks(NodeId id, const NodeRecord &record);
    void CheckEdge(NodeId id, const NodeHeader &from, NodeLink link);
    void CheckChain(NodeId owner, const NodeHeader &header);
    void CheckLostDuplicates();
    void CheckEntry();
    void CheckReach();
    void Reach(NodeLink link);

    void CheckCopy(NodeId id, const NodeRecord &record);
    void CheckCopyDistance(NodeId id, const NodeRecord &record, const char *copy);
    bool ReadCopyUnchecked(NodeId id, int offset, int bytes, char *out);
    int ValueBytes() const;
    bool ReadValue(NodeId id, char *out);
    void CheckSparse(NodeId id);

    void CheckRowsUnique();
    bool StillHolds(NodeId slot, uint64_t tid);
    const IndexedRow *FindRow(uint64_t tid) const;
    void CheckTable();
    static void VisitTableRow(Relation, ItemPointer tid, Datum *values, bool *isnull, bool,
                              void *state);
    void CheckTableRow(ItemPointer tid, Datum value);
    void CheckSearches();
    bool IsFoundBySearch(const IndexedRow &row);
    Datum MakeQuery(const char *copy);

    bool ReadRecord(NodeId id, char *out);
    bool Refetch(NodeId id);
    bool IsKnown(NodeId id) const { return id < nodes_; }

    Relation index_;
    Relation table_;
    Snapshot snapshot_;
    CheckOptions options_;
    Findings *findings_;
    BlockNumber blocks_;
    BlockNumber table_blocks_ = 0;
    const Graph *graph_ = nullptr;
    Entry entry_ = {};
    uint64_t nodes_ = 0;
    char *page_ = nullptr;
    char *record_ = nullptr;
    uint8 *bad_blocks_ = nullptr;

    SlotState *states_ = nullptr;  // nullptr: no memory for what needs them
    uint8 *chained_ = nullptr;     // duplicates that are in a chain
    uint8 *reached_ = nullptr;
    NodeId *queue_ = nullptr;
    uint64_t queued_ = 0;
    IndexedRow *rows_ = nullptr;
    int64 row_count_ = 0, row_capacity_ = 0;
    bool rows_known_ = true;  // all of them are in rows_

    int64 live_ = 0, unlinked_ = 0, stale_edges_ = 0, tombstone_edges_ = 0, chain_gaps_ = 0;
    int top_level_ = -1;

    MemoryContext row_context_ = nullptr;  // for one row of the table, or one search
    NodeVector vector_ = {};
    int64 compared_ = 0;
};

void Checker::Report(Severity severity, NodeId id, const char *format, ...) {
    va_list values;
    va_start(values, format);
    findings_->ReportList(severity, graph_->layout.NodeBlock(id), graph_->layout.NodeSlot(id),
                          format, values);
    va_end(values);
}

void Checker::Error(NodeId id, const char *format, ...) {
    va_list values;
    va_start(values, format);
    findings_->ReportList(Severity::kError, graph_->layout.NodeBlock(id),
                          graph_->layout.NodeSlot(id), format, values);
    va_end(values);
}

void Checker::Say(Severity severity, const char *format, ...) {
    va_list values;
    va_start(values, format);
    findings_->ReportList(severity, InvalidBlockNumber, kNoSlot, format, values);
    va_end(values);
}

// --- the metapage ---

const char *Checker::MetaFault(const MetaPage &meta) {
    if (meta.magic != kMagic) return "it was not made by vecx";
    if (meta.version != kFormatVersion)
        return "it has a format version that this vecx does not know";
    if (meta.m < 2 || meta.m > 100) return "its m is impossible";
    if (meta.ef_construction < 1) return "its ef_construction is impossible";
    if (meta.attribute_bytes != 0 || meta.reserved3 != 0)
        return "bytes that are reserved are not zero in it";
    for (const uint8_t byte : meta.reserved)
        if (byte != 0) return "bytes that are reserved are not zero in it";
    const OperatorClass &opclass = OperatorClassOf(index_);
    if (meta.element != static_cast<uint8_t>(opclass.element) ||
        meta.metric != static_cast<uint8_t>(opclass.metric))
        return "it names another operator class than the catalog";
    if (meta.entry_level > kMaxLevel) return "the level of its entry is too high";
    return meta.codec == static_cast<uint8_t>(Codec::kEdges) ? EdgeCodesFault(meta)
                                                             : FindNodeFault(meta);
}

// Of an index with edge codes.
const char *Checker::EdgeCodesFault(const MetaPage &meta) {
    if (meta.dimensions < 1 || meta.dimensions > static_cast<uint32_t>(kMaxDimensions))
        return "its number of dimensions is impossible";
    if (meta.own_inside > 1 || meta.has_excesses > 1) return "a yes or no in it is neither";
    if (!std::isfinite(meta.longest) || meta.longest < 0)
        return "the length of its vectors is impossible";
    if (meta.inline_elements != 0) return "it has elements of sparse vectors in its records";
    if (meta.edges % kEdgeBatch != 0 || meta.edges < 2 * meta.m || meta.edges > kMaxEdges)
        return "its number of edges is impossible";
    if (meta.code_dimensions == 0 || meta.code_dimensions % 16 != 0 ||
        meta.code_dimensions >
            PaddedDimensions(static_cast<int>(meta.dimensions) + meta.has_excesses) ||
        meta.code_dimensions / 8 > static_cast<int>(kMaxCodeRows))
        return "its number of code dimensions is impossible";
    if (meta.code_bits < 1 || meta.code_bits > 2) return "its number of code bits is impossible";
    if (meta.copies != static_cast<uint8_t>(CopyKind::kHalf) &&
        meta.copies != static_cast<uint8_t>(CopyKind::kFloat))
        return "its kind of copies is unknown";
    if (meta.has_excesses != IsInnerProduct(OperatorClassOf(index_)))
        return "it has norms, or none, against its metric";

    RecordShape shape = {};
    shape.dimensions = static_cast<int>(meta.dimensions) + meta.has_excesses;
    shape.padded = PaddedDimensions(shape.dimensions);
    shape.code_dimensions = meta.code_dimensions;
    shape.code_bits = meta.code_bits;
    shape.edges = meta.edges;
    shape.has_excesses = meta.has_excesses;
    shape.own_inside = meta.own_inside;
    SolveOffsets(&shape);
    if (shape.size > store::kPageCapacity || shape.size != static_cast<int>(meta.record_size))
        return "its record size is wrong";
    const int element = meta.copies == static_cast<uint8_t>(CopyKind::kHalf) ? 2 : 4;
    const int copy_size = (shape.own_inside ? 0 : shape.padded) +
                          static_cast<int>(sizeof(CopyHeader)) +
                          static_cast<int>(meta.dimensions) * element;
    const auto centre_pages = static_cast<BlockNumber>(
        (shape.dimensions * sizeof(float) + store::kPageCapacity - 1) / store::kPageCapacity);
    const Layout layout = SolveLayout(shape, copy_size, kCentreBlock + centre_pages);
    if (meta.nodes_per_page != layout.nodes_per_page || meta.node_pages != layout.node_pages ||
        static_cast<int>(meta.copy_size) != layout.copy_size ||
        static_cast<int>(meta.copy_pages) != layout.copy_pages ||
        meta.first_group != layout.first_group)
        return "its measures of groups are wrong";
    return nullptr;
}

// False if nothing more can be said of the index.
bool Checker::CheckMeta() {
    if (blocks_ == 0) {
        findings_->Report(Severity::kError, kMetaBlock, kNoSlot, "the index has no page at all");
        return false;
    }
    if (!CheckPage(kMetaBlock, store::PageKind::kMeta, page_)) return false;
    MetaPage meta;
    memcpy(&meta, page_, sizeof(meta));
    if (const char *fault = MetaFault(meta)) {
        findings_->Report(Severity::kError, kMetaBlock, kNoSlot, "the metapage is damaged: %s",
                          fault);
        return false;
    }
    if (blocks_ < meta.first_group) {
        findings_->Report(Severity::kError, blocks_, kNoSlot,
                          "the index ends within its first %u pages", meta.first_group);
        return false;
    }
    bool sound = true;
    for (BlockNumber block = kCentreBlock; block < meta.first_group; block++)
        sound = CheckPage(block, store::PageKind::kBlob, page_) && sound;
    if (!sound) return false;
    graph_ = &OpenGraph(index_, &entry_);
    for (int i = 0; i < shape().dimensions && graph_->HasCopies(); i++)
        if (!std::isfinite(graph_->centre[i])) {
            findings_->Report(Severity::kError, kCentreBlock, kNoSlot,
                              "the centre is not finite in dimension %d", i);
            return false;
        }
    return true;
}

// --- pages ---

// Copies the content of a sound page; false if it is damaged, which is reported, or fresh.
bool Checker::CheckPage(BlockNumber block, store::PageKind kind, char *copy) {
    CHECK_FOR_INTERRUPTS();
    store::PageRef page = store::OpenUnchecked(index_, block);
    const char *damage = store::FindDamage(page.page, kind);
    const bool fresh = page.fresh;
    if (damage == nullptr && !fresh) memcpy(copy, page.content, store::kPageCapacity);
    store::Close(page);
    const bool may_be_fresh = kind == store::PageKind::kNodes || kind == store::PageKind::kVectors;
    if (damage == nullptr && fresh && !may_be_fresh) damage = "It is empty.";
    if (damage != nullptr) {
        SetBit(bad_blocks_, block);
        findings_->Report(Severity::kError, block, kNoSlot, "the page is damaged: %s", damage);
    }
    return damage == nullptr && !fresh;
}

void Checker::CheckOtherPages() {
    for (BlockNumber block = graph_->layout.first_group; block < blocks_; block++)
        if (!graph_->layout.IsNodeBlock(block)) CheckPage(block, store::PageKind::kVectors, page_);
}

// A node's record as it is now; false for one on a fresh or damaged page.
bool Checker::ReadRecord(NodeId id, char *out) {
    const BlockNumber block = graph_->layout.NodeBlock(id);
    if (HasBit(bad_blocks_, block)) return false;
    CHECK_FOR_INTERRUPTS();
    store::PageRef page = store::OpenUnchecked(index_, block);
    const bool sound =
        !page.fresh && store::FindDamage(page.page, store::PageKind::kNodes) == nullptr;
    if (sound) memcpy(out, graph_->RecordAt(page.content, id), shape().size);
    store::Close(page);
    return sound;
}

// Brings the state of a slot up to date.
bool Checker::Refetch(NodeId id) {
    char *record = static_cast<char *>(palloc(shape().size));
    const bool read = ReadRecord(id, record);
    if (read) {
        const auto *header = reinterpret_cast<const NodeHeader *>(record);
        states_[id] = {header->kind, header->flags, header->generation, header->level};
    }
    pfree(record);
    return read;
}

// --- slots ---

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
    if (!std::isfinite(header.norm) || header.norm < 0 || !std::isfinite(header.scale) ||
        header.scale < 0 || !std::isfinite(header.offset) || !std::isfinite(header.sum))
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

void Checker::CheckTombstone(NodeId id, uint64_t delete_xid) {
    const uint64_t next = U64FromFullTransactionId(ReadNextFullTransactionId());
    // A crash may take the counter back behind transactions that had not written anything.
    constexpr uint64_t kForgotten = 1 << 24;
    if (delete_xid == 0 || delete_xid > next + kForgotten)
        Error(id, "a tombstone is from transaction " UINT64_FORMAT ", the next is " UINT64_FORMAT,
              delete_xid, next);
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

// --- links ---

void Checker::CheckLinks() {
    NodeBlocks blocks(index_, graph_->layout, blocks_);
    char *page = static_cast<char *>(palloc(store::kPageCapacity));
    for (BlockNumber block; (block = blocks.Next()) != InvalidBlockNumber;) {
        if (HasBit(bad_blocks_, block)) continue;
        if (!CheckPage(block, store::PageKind::kNodes, page)) continue;
        Refresh();
        const NodeId first = graph_->layout.FirstNode(block);
        for (int slot = 0; slot < graph_->layout.nodes_per_page; slot++) {
            const NodeId id = first + static_cast<NodeId>(slot);
            const NodeRecord record(shape(), page + static_cast<Size>(slot) * shape().size);
            if (!record.header().IsLive() || record.header().level > kMaxLevel) continue;
            CheckNodeLinks(id, record);
            CheckCopy(id, record);
        }
    }
    CheckLostDuplicates();
    if (unlinked_ > 0)
        Say(Severity::kInfo,
            INT64_FORMAT
            " nodes are not linked yet: being inserted, or left by a "
            "crash, which VACUUM mends",
            unlinked_);
    if (tombstone_edges_ > 0)
        Say(Severity::kWarning,
            INT64_FORMAT " edges lead to tombstones, as before a VACUUM is done", tombstone_edges_);
    if (stale_edges_ > 0)
        Say(Severity::kInfo, INT64_FORMAT " edges lead to nodes that are gone, and are passed over",
            stale_edges_);
    if (chain_gaps_ > 0)
        Say(Severity::kInfo, INT64_FORMAT " slots without rows are in chains of duplicates",
            chain_gaps_);
}

void Checker::CheckNodeLinks(NodeId id, const NodeRecord &record) {
    for (int slot = 0; slot < shape().edges; slot++)
        if (record.Link(slot)) CheckEdge(id, record.header(), record.Link(slot));
    if (!record.header().Next()) return;
    if (record.header().level == 0) return CheckChain(id, record.header());
    const NodeLink below = record.header().Next();
    const auto is_below = [&] {
        const SlotState &state = states_[below.id];
        return state.IsLive() && state.generation == below.generation &&
               state.level == record.header().level - 1;
    };
    if (!IsKnown(below.id)) {
        if (below.id >= graph_->layout.NodesWithin(RelationGetNumberOfBlocks(index_)))
            Error(id, "the node below is %u, which is beyond the end of the index", below.id);
        return;
    }
    if (is_below() || !Refetch(below.id) || is_below()) return;
    Report(Severity::kWarning, id, "node %u, the one below, is gone", below.id);
}

void Checker::CheckEdge(NodeId id, const NodeHeader &from, NodeLink link) {
    if (!IsKnown(link.id)) {
        if (link.id >= graph_->layout.NodesWithin(RelationGetNumberOfBlocks(index_)))
            Error(id, "an edge leads to node %u, beyond the end of the index", link.id);
        return;
    }
    const auto is_good = [&] {
        const SlotState &state = states_[link.id];
        return state.IsLive() && state.generation == link.generation && state.level == from.level;
    };
    if (is_good() || !Refetch(link.id) || is_good()) return;
    const SlotState &state = states_[link.id];
    if (state.generation != link.generation)
        stale_edges_++;
    else if (state.kind != SlotKind::kNode)
        Error(id, "an edge leads to slot %u, which holds no node", link.id);
    else if (state.level != from.level)
        Error(id, "an edge on level %u leads to node %u on level %u", from.level, link.id,
              state.level);
    else
        tombstone_edges_++;
}

void Checker::CheckChain(NodeId owner, const NodeHeader &header) {
    const NodeLink node = {owner, header.generation};
    NodeLink link = header.Next();
    char *record = record_;
    while (link) {
        if (!IsKnown(link.id)) {
            if (link.id >= graph_->layout.NodesWithin(RelationGetNumberOfBlocks(index_)))
                Error(owner,
                      "its chain of duplicates leads to slot %u, beyond the end of the index",
                      link.id);
            return;
        }
        if (!ReadRecord(link.id, record)) return;
        const auto *duplicates = reinterpret_cast<const DuplicatesRecord *>(record);
        if (duplicates->kind != SlotKind::kDuplicates ||
            duplicates->generation != link.generation) {
            Report(Severity::kWarning, owner,
                   "its chain of duplicates ends at slot %u, which holds "
                   "others",
                   link.id);
            return;
        }
        if (duplicates->Owner() != node)
            return Error(owner, "slot %u in its chain of duplicates belongs to node %u", link.id,
                         duplicates->owner);
        if (HasBit(chained_, link.id))
            return Error(owner, "its chain of duplicates comes twice to slot %u", link.id);
        SetBit(chained_, link.id);
        if (duplicates->flags & kTombstone) chain_gaps_++;
        link = duplicates->Next();
    }
}

// Rows that no chain leads to are found by no search.
void Checker::CheckLostDuplicates() {
    for (uint64_t i = 0; i < nodes_; i++) {
        const auto id = static_cast<NodeId>(i);
        if (states_[id].kind != SlotKind::kDuplicates || states_[id].flags & kTombstone ||
            HasBit(chained_, id))
            continue;
        if (Refetch(id) && states_[id].kind == SlotKind::kDuplicates &&
            !(states_[id].flags & kTombstone))
            Report(Severity::kWarning, id,
                   "a slot of duplicates is in no chain, as while a row is "
                   "being inserted or after a crash");
    }
}

void Checker::CheckEntry() {
    // As it is now.
    graph_ = &OpenGraph(index_, &entry_);
    const NodeLink link = entry_.link;
    if (!link) {
        if (live_ > 0)
            Say(Severity::kError, "there is no entry, but " INT64_FORMAT " nodes", live_);
        return;
    }
    if (!IsKnown(link.id)) {
        if (link.id >= graph_->layout.NodesWithin(RelationGetNumberOfBlocks(index_)))
            findings_->Report(Severity::kError, kMetaBlock, kNoSlot,
                              "the entry is node %u, beyond the end of the index", link.id);
        return;
    }
    if (!Refetch(link.id)) {
        findings_->Report(Severity::kError, kMetaBlock, kNoSlot,
                          "the entry, node %u, cannot be read", link.id);
        return;
    }
    const SlotState &state = states_[link.id];
    if (state.kind != SlotKind::kNode || state.generation != link.generation ||
        state.level != entry_.level)
        findings_->Report(Severity::kError, kMetaBlock, kNoSlot,
                          "the entry, node %u on level %d, is not there", link.id, entry_.level);
    else if (!state.IsLive())
        findings_->Report(Severity::kWarning, kMetaBlock, kNoSlot,
                          "the entry, node %u, is a tombstone", link.id);
    if (entry_.level < top_level_)
        findings_->Report(Severity::kWarning, kMetaBlock, kNoSlot,
                          "the entry is on level %d, and there are nodes on level %d", entry_.level,
                          top_level_);
}

void Checker::Reach(NodeLink link) {
    if (!link || !IsKnown(link.id) || HasBit(reached_, link.id) ||
        states_[link.id].kind != SlotKind::kNode || states_[link.id].generation != link.generation)
        return;
    SetBit(reached_, link.id);
    queue_[queued_++] = link.id;
}

// Follows all edges, and the ways down, from the entry.
void Checker::CheckReach() {
    if (!entry_.link) return;
    Reach(entry_.link);
    for (uint64_t at = 0; at < queued_; at++) {
        if (!ReadRecord(queue_[at], record_)) continue;
        const NodeRecord record(shape(), record_);
        if (record.header().kind != SlotKind::kNode) continue;
        for (int slot = 0; slot < shape().edges; slot++) Reach(record.Link(slot));
        if (record.header().level > 0) Reach(record.header().Next());
    }
    int64 lost = 0;
    StringInfoData names;
    initStringInfo(&names);
    for (uint64_t id = 0; id < nodes_; id++) {
        if (!states_[id].IsLive() || states_[id].level > 0 || !(states_[id].flags & kLinked) ||
            HasBit(reached_, id))
            continue;
        if (lost++ < kNamedNodes)
            appendStringInfo(&names, lost == 1 ? "%u" : ", %u", static_cast<unsigned>(id));
    }
    if (lost > 0)
        Say(lost * 1000 > live_ ? Severity::kWarning : Severity::kInfo,
            INT64_FORMAT " of " INT64_FORMAT " nodes are not reached from the entry: %s%s", lost,
            live_, names.data, lost > kNamedNodes ? ", ..." : "");
}

// --- copies ---

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
        if (std::sqrt(distance) > lost * 1.001 + kRounding * (length + std::sqrt(centre) +
                                                              static_cast<double>(graph_->longest)))
            Error(id, "a node's copy is %g from its own vector, where %g is the most",
                  std::sqrt(distance), lost);
    }
    pfree(values);
    pfree(rotated);
    pfree(own);
    pfree(codes);
}

// --- rows ---

void Checker::CheckRowsUnique() {
    if (!rows_known_) return;
    std::sort(rows_, rows_ + row_count_,
              [](const IndexedRow &a, const IndexedRow &b) { return a.tid < b.tid; });
    for (int64 i = 1; i < row_count_; i++) {
        const IndexedRow &a = rows_[i - 1], &b = rows_[i];
        if (a.tid != b.tid) continue;
        // It may have died and come again, while the slots were read.
        if (a.slot != b.slot && (!StillHolds(a.slot, a.tid) || !StillHolds(b.slot, b.tid)))
            continue;
        Error(a.slot, "row (%u,%d) is also in slot %u", TidBlock(a.tid), TidItem(a.tid), b.slot);
    }
}

bool Checker::StillHolds(NodeId slot, uint64_t tid) {
    if (!ReadRecord(slot, record_)) return false;
    const auto *header = reinterpret_cast<const NodeHeader *>(record_);
    if (header->flags & kTombstone) return false;
    if (header->kind == SlotKind::kNode) return TidOf(header->row) == tid;
    if (header->kind != SlotKind::kDuplicates) return false;
    const auto *duplicates = reinterpret_cast<const DuplicatesRecord *>(record_);
    for (int i = 0; i < std::min<int>(duplicates->count, shape().DuplicateCapacity()); i++)
        if (TidOf(duplicates->Rows()[i]) == tid) return true;
    return false;
}

const IndexedRow *Checker::FindRow(uint64_t tid) const {
    const IndexedRow *begin = rows_, *end = begin + row_count_;
    const IndexedRow *found = std::lower_bound(
        begin, end, tid, [](const IndexedRow &row, uint64_t wanted) { return row.tid < wanted; });
    return found < end && found->tid == tid ? found : nullptr;
}

// All rows that the snapshot sees were in the index before the check began to read it.
void Checker::CheckTable() {
    if (!rows_known_) return;
    if (IsolationUsesXactSnapshot() && index_->rd_index->indcheckxmin &&
        !TransactionIdPrecedes(HeapTupleHeaderGetXmin(index_->rd_indextuple->t_data),
                               snapshot_->xmin))
        return Say(Severity::kInfo,
                   "rows are not compared: the index is younger than the snapshot");
    IndexInfo *info = BuildIndexInfo(index_);
    // Makes the scan go by the snapshot, as for CREATE INDEX CONCURRENTLY.
    info->ii_Concurrent = true;
    info->ii_Unique = false;
    info->ii_ExclusionOps = nullptr;
    info->ii_ExclusionProcs = nullptr;
    info->ii_ExclusionStrats = nullptr;
    vector_ = NewNodeVector(*graph_);
    TableScanDesc scan = table_beginscan_strat(table_, snapshot_, 0, nullptr, true, true);
    table_index_build_scan(table_, index_, info, true, false, VisitTableRow, this, scan);
}

void Checker::VisitTableRow(Relation, ItemPointer tid, Datum *values, bool *isnull, bool,
                            void *state) {
    auto *checker = static_cast<Checker *>(state);
    if (isnull[0]) return;
    const MemoryContext before = MemoryContextSwitchTo(checker->row_context_);
    checker->CheckTableRow(tid, values[0]);
    MemoryContextSwitchTo(before);
    MemoryContextReset(checker->row_context_);
}

void Checker::CheckTableRow(ItemPointer tid, Datum value) {
    CHECK_FOR_INTERRUPTS();
    value = PointerGetDatum(PG_DETOAST_DATUM(value));
    Refresh();
    if (!ReadNodeVector(*graph_, value, &vector_)) return;
    const IndexedRow *row = FindRow(TidOf(tid));
    if (row == nullptr)
        return Say(Severity::kError, "row (%u,%d) of the table is not in the index",
                   ItemPointerGetBlockNumber(tid),
                   static_cast<int>(ItemPointerGetOffsetNumber(tid)));
    if (options_.sample > 0 && compared_ >= options_.sample) return;
    compared_++;
    if (!IsKnown(row->node)) return;
    auto *copy = static_cast<char *>(palloc(vector_.copy_bytes));
    if (ReadValue(row->node, copy) &&
        memcmp(copy, vector_.copy,
               graph_->HasCopies() ? vector_.copy_bytes : OwnBytesOf(shape(), vector_.copy)) != 0 &&
        StillHolds(row->slot, row->tid))
        Error(row->node, "its copy is not the value of row (%u,%d)", TidBlock(row->tid),
              TidItem(row->tid));
}

// --- searches ---

void Checker::CheckSearches() {
    if (!rows_known_ || row_count_ == 0) return;
    // A search may fail by damage.
    if (findings_->errors() > 0)
        return Say(Severity::kInfo, "no row is searched for: the index is damaged");
    if (IsInnerProduct(graph_->opclass))
        return Say(Severity::kInfo,
                   "no row is searched for: by inner product its own vector need not be nearest");
    Random random(graph_->build_id);
    int64 lost = 0;
    for (int i = 0; i < options_.sample; i++) {
        CHECK_FOR_INTERRUPTS();
        const auto at = static_cast<int64>(random.Next() % static_cast<uint64_t>(row_count_));
        const MemoryContext before = MemoryContextSwitchTo(row_context_);
        if (IsKnown(rows_[at].node) && !IsFoundBySearch(rows_[at])) lost++;
        MemoryContextSwitchTo(before);
        MemoryContextReset(row_context_);
    }
    if (lost > 0)
        Say(lost * 100 > options_.sample ? Severity::kWarning : Severity::kInfo,
            INT64_FORMAT " of %d rows are not found by a search for their own vector", lost,
            options_.sample);
}

Datum Checker::MakeQuery(const char *copy) {
    const int n = graph_->dimensions;
    if (shape().codec == Codec::kSparse) {
        const SparseList list = SparseListOf(shape(), copy);
        SparseVector *value = NewSparse(n, list.count);
        memcpy(value->indices, list.indices, list.count * sizeof(int32));
        memcpy(value->Values(), list.values, list.count * sizeof(float));
        return PointerGetDatum(value);
    }
    if (shape().codec == Codec::kBits) {
        const Size bytes = VARHDRSZ + sizeof(int32) + ValueBytes();
        auto *value = static_cast<varlena *>(palloc0(bytes));
        SET_VARSIZE(value, bytes);
        memcpy(VARDATA(value), &n, sizeof(int32));
        memcpy(VARDATA(value) + sizeof(int32), copy, ValueBytes());
        return PointerGetDatum(value);
    }
    const bool is_half = graph_->opclass.element == ElementType::kHalf;
    const Size bytes = offsetof(Vector, values) + n * (is_half ? sizeof(Half) : sizeof(float));
    auto *vector = static_cast<Vector *>(palloc0(bytes));
    SET_VARSIZE(vector, bytes);
    vector->dimensions = static_cast<int16>(n);
    CopyHeader header;
    memcpy(&header, copy, sizeof(header));
    const char *elements = copy + sizeof(CopyHeader);
    const bool half_copy = graph_->copies == CopyKind::kHalf;
    if (is_half && half_copy) {
        memcpy(vector->values, elements, n * sizeof(Half));
    } else if (is_half) {
        ActiveKernels().float_to_half(elements, reinterpret_cast<uint16_t *>(vector->values), n);
    } else if (half_copy) {
        ActiveKernels().half_to_float(elements, vector->values, n);
        for (int i = 0; i < n; i++) vector->values[i] *= header.scale;
    } else {
        memcpy(vector->values, elements, n * sizeof(float));
    }
    return PointerGetDatum(vector);
}

// Among the first rows that a scan gives there is the row itself, or one as near as can be.
bool Checker::IsFoundBySearch(const IndexedRow &row) {
    Refresh();
    auto *copy = static_cast<char *>(palloc(ValueBytes()));
    if (!ReadValue(row.node, copy)) return true;
    ScanKeyData key = {};
    key.sk_attno = 1;
    key.sk_argument = MakeQuery(copy);
    IndexScanDesc scan = BeginScan(index_, 0, 1);
    scan->heapRelation = table_;
    scan->xs_snapshot = snapshot_;
    Rescan(scan, &key, 1);
    constexpr double kEqual = 1e-6;
    bool found = false;
    for (int i = 0; i < kSearchDepth && !found && GetTuple(scan, ForwardScanDirection); i++)
        found = TidOf(&scan->xs_heaptid) == row.tid ||
                (i == 0 && DatumGetFloat8(scan->xs_orderbyvals[0]) <= kEqual);
    EndScan(scan);
    IndexScanEnd(scan);
    // It may have died since.
    return found || !StillHolds(row.slot, row.tid);
}

void Checker::Run() {
    page_ = static_cast<char *>(palloc(store::kPageCapacity));
    bad_blocks_ = static_cast<uint8 *>(AllocateLarge(blocks_ / 8 + 1));
    if (!CheckMeta()) return;
    record_ = static_cast<char *>(palloc(shape().size));
    row_context_ =
        AllocSetContextCreate(CurrentMemoryContext, "vecx_check row", ALLOCSET_DEFAULT_SIZES);
    nodes_ = graph_->layout.NodesWithin(blocks_);
    CheckOtherPages();
    constexpr Size kPerNode = sizeof(SlotState) + sizeof(NodeId) + 1;
    const bool links = nodes_ * kPerNode <= static_cast<Size>(maintenance_work_mem) * 1024;
    if (links) {
        states_ = static_cast<SlotState *>(AllocateLarge((nodes_ + 1) * sizeof(SlotState)));
        queue_ = static_cast<NodeId *>(AllocateLarge((nodes_ + 1) * sizeof(NodeId)));
        chained_ = static_cast<uint8 *>(AllocateLarge(nodes_ / 8 + 1));
        reached_ = static_cast<uint8 *>(AllocateLarge(nodes_ / 8 + 1));
    } else {
        Say(Severity::kInfo, "links are not checked: maintenance_work_mem is too small for them");
    }
    ReadSlots();
    if (links) {
        CheckLinks();
        CheckEntry();
        CheckReach();
    }
    CheckRowsUnique();
    if (options_.heap_all_indexed) CheckTable();
    Refresh();
    if (options_.sample > 0) CheckSearches();
}

const char *NameOf(Severity severity) {
    switch (severity) {
        case Severity::kInfo:
            return "info";
        case Severity::kWarning:
            return "warning";
        default:
            return "error";
    }
}

}  // namespace

void Findings::Put(Severity severity, BlockNumber block, int slot, const char *message) {
    const Datum values[] = {CStringGetTextDatum(NameOf(severity)), Int64GetDatum(block),
                            Int32GetDatum(slot), CStringGetTextDatum(message)};
    const bool nulls[] = {false, block == InvalidBlockNumber, slot < 0, false};
    tuplestore_putvalues(rows_, row_, const_cast<Datum *>(values), const_cast<bool *>(nulls));
}

void Findings::ReportList(Severity severity, BlockNumber block, int slot, const char *format,
                          va_list values) {
    if (severity == Severity::kError) errors_++;
    if (++count_ > kMost) {
        if (count_ == kMost + 1)
            Put(Severity::kInfo, InvalidBlockNumber, -1, "there is more, which is left out");
        return;
    }
    char message[512];
    vsnprintf(message, sizeof(message), format, values);
    Put(severity, block, slot, message);
}

void Findings::Report(Severity severity, BlockNumber block, int slot, const char *format, ...) {
    va_list values;
    va_start(values, format);
    ReportList(severity, block, slot, format, values);
    va_end(values);
}

void CheckIndex(Relation index, Relation table, Snapshot snapshot, const CheckOptions &options,
                Findings *findings) {
    Checker checker(index, table, snapshot, options, findings);
    checker.Run();
}

}  // namespace vecx::hnsw

// The state of a check of an hnsw index; private to check*.cpp.
//
// Others write meanwhile. What one page says of another is looked at again before it is reported,
// and what has been added since the check began is passed over.

#pragma once

#include "am/hnsw/check.h"
#include "am/hnsw/graph.h"
#include "am/hnsw/node_vector.h"

#include "pg/pg.h"

namespace vecx::hnsw {

constexpr int kNoSlot = -1;

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

inline uint64_t TidOf(RowId row) {
    return static_cast<uint64_t>(row.block_high) << 32 |
           static_cast<uint64_t>(row.block_low) << 16 | row.item;
}
inline uint64_t TidOf(ItemPointer tid) {
    return TidOf({tid->ip_blkid.bi_hi, tid->ip_blkid.bi_lo, tid->ip_posid});
}
inline BlockNumber TidBlock(uint64_t tid) { return static_cast<BlockNumber>(tid >> 16); }
inline int TidItem(uint64_t tid) { return static_cast<int>(tid & 0xffff); }

inline void *AllocateLarge(Size bytes) {
    return MemoryContextAllocExtended(CurrentMemoryContext, bytes,
                                      MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
}

inline bool HasBit(const uint8 *bits, uint64_t at) { return bits[at / 8] >> at % 8 & 1; }
inline void SetBit(uint8 *bits, uint64_t at) { bits[at / 8] |= static_cast<uint8>(1 << at % 8); }

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
    static bool IsOfTheFuture(uint64_t xid);
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

}  // namespace vecx::hnsw

// The first pass of VACUUM: takes dead rows out of the pages of nodes, and notes what comes next.

#include "am/hnsw/vacuum.h"

#include "am/hnsw/continuation.h"
#include "am/hnsw/free_space.h"

namespace vecx::hnsw {

FullTransactionId HorizonOf(Relation table) {
    const FullTransactionId next = ReadNextFullTransactionId();
    const TransactionId oldest = GetOldestNonRemovableTransactionId(table);
    const uint32 epoch = EpochFromFullTransactionId(next);
    return FullTransactionIdFromEpochAndXid(
        oldest > XidFromFullTransactionId(next) ? epoch - 1 : epoch, oldest);
}

void Vacuum::RemoveRows(const DeadRows &dead_rows) {
    horizon_ = HorizonOf(table_);
    NodeBlocks blocks(index_, graph_.layout, blocks_);
    for (BlockNumber block; (block = blocks.Next()) != InvalidBlockNumber;) {
        VacuumDelayPoint();
        VisitPage(block, dead_rows);
    }
}

void Vacuum::VisitPage(BlockNumber block, const DeadRows &dead_rows) {
    store::PageRef page = OpenNext(block);
    if (!page.fresh && NeedsChange(block, page.content, dead_rows)) {
        // It may be another by the time that it is locked; it is looked at anew.
        store::Close(page);
        page = OpenExclusive(block);
        store::PageEdit edit(index_);
        ChangePage(block, edit.Change(page), dead_rows);
        edit.Commit();
    }
    NotePage(block, page);
    const int free = CountFreeSlots(graph_, page);
    store::Close(page);
    if (free == graph_.layout.nodes_per_page) empty_pages_++;
    // Also where a crash has made the map forget.
    if (free > 0) NoteFreeSlots(block, free);
}

void Vacuum::NoteFreeSlots(BlockNumber block, int free) {
    RecordFreeSlots(index_, graph_, block, free);
    found_space_ = true;
}

// Where nothing is to be changed the callback is called for each row, as CREATE INDEX CONCURRENTLY
// expects of it.
bool Vacuum::NeedsChange(BlockNumber block, char *content, const DeadRows &dead_rows) {
    bool needed = false;
    ForEachSlot(block, [&](NodeId id) {
        const NodeHeader &header = RecordAt(content, id).header();
        if (needed || header.flags & kTombstone) return;
        if (header.IsLive() && header.level == 0) {
            needed = header.row ? dead_rows.Has(header.row) : !header.Next();
        } else if (header.kind == SlotKind::kDuplicates) {
            const DuplicatesRecord *record = DuplicatesAt(content, id);
            if (record->count > shape_.DuplicateCapacity()) RaiseUnknownSlot(block);
            needed = record->count == 0;
            for (int i = 0; i < record->count && !needed; i++)
                needed = dead_rows.Has(record->Rows()[i]);
        }
    });
    return needed;
}

void Vacuum::ChangePage(BlockNumber block, char *content, const DeadRows &dead_rows) {
    ForEachSlot(block, [&](NodeId id) {
        NodeHeader &header = RecordAt(content, id).header();
        if (header.flags & kTombstone) return;
        if (header.IsLive() && header.level == 0) {
            if (header.row && dead_rows.Has(header.row)) {
                header.row = {};
                removed_++;
            }
            if (!header.row && !header.Next()) Bury(id, graph_.RecordAt(content, id));
        } else if (header.kind == SlotKind::kDuplicates) {
            DuplicatesRecord *record = DuplicatesAt(content, id);
            if (record->count > shape_.DuplicateCapacity()) RaiseUnknownSlot(block);
            removed_ += Compact(record, dead_rows);
            if (record->count == 0) Bury(id, graph_.RecordAt(content, id));
        }
    });
}

int Vacuum::Compact(DuplicatesRecord *record, const DeadRows &dead_rows) {
    RowId *rows = record->Rows();
    int kept = 0;
    for (int i = 0; i < record->count; i++)
        if (!dead_rows.Has(rows[i])) rows[kept++] = rows[i];
    const int removed = record->count - kept;
    memset(rows + kept, 0, removed * sizeof(RowId));
    record->count = static_cast<uint16_t>(kept);
    return removed;
}

// Remembers what is to be done, from the page as it is now.
void Vacuum::NotePage(BlockNumber block, const store::PageRef &page) {
    ForEachSlot(block, [&](NodeId id) {
        if (page.fresh) return SetDead(id);
        const NodeHeader &header = RecordAt(page.content, id).header();
        if (!header.IsLive()) SetDead(id);
        if (header.kind == SlotKind::kNode) {
            NoteNode(block, id, header);
        } else if (header.kind == SlotKind::kDuplicates) {
            const DuplicatesRecord *record = DuplicatesAt(page.content, id);
            if (record->flags & kTombstone) {
                NoteTombstone(block, record->delete_xid);
                owners_.Append(record->Owner());
            } else {
                rows_ += record->count;
            }
        } else if (header.kind == SlotKind::kContinuation && shape_.codec == Codec::kSparse) {
            NoteContinuation({id, header.generation}, *reinterpret_cast<const ContinuationRecord *>(
                                                          graph_.RecordAt(page.content, id)));
        } else if (header.kind != SlotKind::kFree) {
            RaiseUnknownSlot(block);
        }
    });
}

// Where nothing leads to is looked at when all pages have been seen.
void Vacuum::NoteContinuation(NodeLink link, const ContinuationRecord &record) {
    SetContinued(record.Next());
    if (record.written_xid < U64FromFullTransactionId(horizon_)) continuations_.Append(link);
}

void Vacuum::NoteNode(BlockNumber block, NodeId id, const NodeHeader &header) {
    const NodeLink link = {id, header.generation};
    if (shape_.codec == Codec::kSparse) SetContinued(header.More());
    if (header.flags & kTombstone) return NoteTombstone(block, header.delete_xid);
    if (header.row) rows_++;
    if (header.level > 0) upper_.Append({link, header.Next(), header.level, true});
    if (!(header.flags & kLinked)) unlinked_.Append({link, header.level});
}

void Vacuum::NoteTombstone(BlockNumber block, uint64_t delete_xid) {
    tombstones_++;
    if (delete_xid == kNotStamped) return NoteUnstamped(block);
    const FullTransactionId xid = FullTransactionIdFromU64(delete_xid);
    if (!FullTransactionIdPrecedes(xid, horizon_)) {
        last_stamp_ = std::max(last_stamp_, delete_xid);
        return;
    }
    freeable_[block / 8] |= static_cast<uint8>(1 << block % 8);
    if (FullTransactionIdPrecedes(newest_removable_, xid)) {
        newest_removable_ = xid;
        removable_block_ = block;
    }
}

void Vacuum::RaiseUnknownSlot(BlockNumber block) {
    store::RaiseDamaged(index_, block, "A slot holds neither a node nor duplicates of one.");
}

}  // namespace vecx::hnsw

// The third pass of VACUUM: frees the slots of nodes that died long ago.

#include "am/hnsw/vacuum.h"

#include "am/hnsw/continuation.h"
#include "am/hnsw/free_space.h"

namespace vecx::hnsw {

// Left by inserts that did not get as far as their node.
void Vacuum::FreeLostContinuations() {
    for (int64 i = 0; i < continuations_.count; i++) {
        const NodeLink link = continuations_.items[i];
        if (continued_[link.id / 8] >> link.id % 8 & 1) continue;
        VacuumDelayPoint();
        FreeContinuation(index_, graph_, link);
        found_space_ = true;
    }
}

// What pass 1 found removable; a tombstone that was stamped by this run is newer than any of these.
void Vacuum::FreeSlots() {
    FreeLostContinuations();
    if (!FullTransactionIdIsValid(newest_removable_)) return;
    if (store::NeedsWal(index_) && XLogStandbyInfoActive())
        LogReuse(index_, table_, removable_block_, newest_removable_);
    const uint64_t newest = U64FromFullTransactionId(newest_removable_);
    List<NodeLink> rests;
    for (BlockNumber block = graph_.layout.first_group; block < blocks_; block++) {
        if (!(freeable_[block / 8] >> block % 8 & 1)) continue;
        VacuumDelayPoint();
        store::PageRef page = OpenExclusive(block);
        store::PageEdit edit(index_);
        char *content = edit.Change(page);
        ForEachSlot(block, [&](NodeId id) {
            char *record = graph_.RecordAt(content, id);
            SlotHead head;
            memcpy(&head, record, sizeof(head));
            if (!head.IsTombstone()) return;
            const bool is_node = head.kind() == SlotKind::kNode;
            if (!is_node && head.kind() != SlotKind::kDuplicates) return;
            const uint64_t xid = is_node ? head.node.delete_xid : head.duplicates.delete_xid;
            if (xid == kNotStamped || xid > newest) return;
            if (is_node && shape_.codec == Codec::kSparse && head.node.more != 0)
                rests.Append(head.node.More());
            memset(record, 0, shape_.size);
            auto *header = reinterpret_cast<NodeHeader *>(record);
            header->kind = SlotKind::kFree;
            header->generation = static_cast<uint8_t>(head.node.generation + 1);
        });
        edit.Commit();
        const int free = CountFreeSlots(graph_, page);
        store::Close(page);
        NoteFreeSlots(block, free);
    }
    for (int64 i = 0; i < rests.count; i++) FreeContinuation(index_, graph_, rests.items[i]);
}

}  // namespace vecx::hnsw

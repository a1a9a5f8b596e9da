// VACUUM of an hnsw index: takes out the rows that died, mends the graph around the nodes that this
// leaves without any, and frees the slots of those that died long ago.
//
// 1. Rows. One pass over the pages of nodes. A node that has no row left becomes a tombstone: found
//    by nobody, but still passed through.
// 2. Edges. Only if there are tombstones: edges that lead to one are replaced by edges to where the
//    tombstone leads. No search of the graph, except for nodes that are left without any edge from
//    them or to them.
// 3. Slots. When the edges are mended tombstones are stamped with the next transaction. A later
//    VACUUM frees them, if no transaction is left that is older: it may hold a link.
//
// What is to be done is read from the pages alone, so each pass may be stopped anywhere and the
// next VACUUM goes on. One page is locked at a time, and never two.
//
// Rows are being inserted and searched for meanwhile. Why that does no harm:
// - An insert picks live nodes only as neighbours, and each page is judged again under its lock
//   before it is changed. An insert that picked a node just before that became a tombstone still
//   runs, or ran while it did; its transaction is older than the stamp, so the slot outlives it,
//   and a pass 2 that begins after it ended finds its edges.
// - A slot of duplicates gets no row once it is a tombstone, its `next` does not change any more,
//   and it leaves the chain only after that. An insert adds slots at the head of a chain, and only
//   if that is still what it read.
// - A search remembers ids, which it holds against the slots' generations. What lies behind a slot
//   that was freed it would miss: hence the stamp comes when the last way to the slot is closed.

#include "am/hnsw/vacuum.h"

#include "am/hnsw/hnsw.h"

#include "pg/pause_point.h"

namespace vecx::hnsw {

// Garbage leads to where no page is; what was added since the pass began is there.
bool Vacuum::Exists(NodeId id) {
    return id < nodes_ || id < graph_.layout.NodesWithin(RelationGetNumberOfBlocks(index_));
}

// False if the slot has another generation, or there is none.
bool Vacuum::ReadHead(NodeLink link, SlotHead *head) {
    if (!link || !Exists(link.id)) return false;
    store::PageRef page = OpenShared(graph_.layout.NodeBlock(link.id));
    const bool found = !page.fresh;
    if (found) memcpy(head, graph_.RecordAt(page.content, link.id), sizeof(*head));
    store::Close(page);
    return found && head->node.generation == link.generation;
}

bool Vacuum::IsLiveNode(NodeLink link, int level) {
    SlotHead head;
    return ReadHead(link, &head) && head.node.IsLive() && head.node.level == level;
}

// Makes a tombstone. When nothing leads to it any more it is stamped, see StampTombstones.
void Vacuum::Bury(NodeId id, char *record) {
    auto *header = reinterpret_cast<NodeHeader *>(record);
    header->flags |= kTombstone;
    if (header->kind == SlotKind::kNode)
        header->delete_xid = kNotStamped;
    else
        reinterpret_cast<DuplicatesRecord *>(record)->delete_xid = kNotStamped;
    NoteUnstamped(graph_.layout.NodeBlock(id));
}

bool Vacuum::BuryIfEmpty(NodeLink node) {
    const bool buried = ChangeSlot(
        node,
        [](const SlotHead &head) {
            return head.node.IsLive() && head.node.level == 0 && !head.node.row &&
                   !head.node.Next();
        },
        [this, node](char *record) { Bury(node.id, record); });
    if (buried) {
        if (node.id < nodes_) SetDead(node.id);
        tombstones_++;
    }
    return buried;
}

void Vacuum::Mend() {
    MendChains();
    MendUpperNodes();
    MendEntry();
    pg::PausePoint(pg::PausePlace::kVacuumMendsEdges);
    if (tombstones_ > 0) {
        MendEdges();
        AnchorAll();
    }
    // Left by a crash, or still being inserted: offered twice does no harm.
    RelinkAll(unlinked_);
    RelinkAll(lonely_);
    if (tombstones_ > 0) StampTombstones();
}

// Nothing leads to them now. Who may still hold a link to one began before the next transaction.
void Vacuum::StampTombstones() {
    const uint64_t xid = U64FromFullTransactionId(ReadNextFullTransactionId());
    for (BlockNumber block = graph_.layout.first_group; block < blocks_; block++) {
        if (!(unstamped_[block / 8] >> block % 8 & 1)) continue;
        VacuumDelayPoint();
        // Before the first is stamped: what a crash leaves of this is found, too.
        if (last_stamp_ != xid) {
            last_stamp_ = xid;
            LeaveStamp();
        }
        store::PageRef page = OpenExclusive(block);
        store::PageEdit edit(index_);
        char *content = edit.Change(page);
        ForEachSlot(block, [&](NodeId id) {
            NodeHeader &header = RecordAt(content, id).header();
            if (!(header.flags & kTombstone)) return;
            uint64_t &stamp = header.kind == SlotKind::kNode
                                  ? header.delete_xid
                                  : DuplicatesAt(content, id)->delete_xid;
            if (stamp == kNotStamped) stamp = xid;
        });
        edit.Commit();
        store::Close(page);
    }
}

// For a VACUUM that finds nothing dead.
void Vacuum::LeaveStamp() { WriteLastStamp(index_, last_stamp_); }

void Vacuum::Finish(IndexBulkDeleteResult *stats) {
    if (found_space_) IndexFreeSpaceMapVacuum(index_);
    stats->estimated_count = false;
    stats->num_index_tuples = static_cast<double>(rows_);
    stats->tuples_removed += static_cast<double>(removed_);
    stats->pages_deleted = stats->pages_free = static_cast<BlockNumber>(empty_pages_);
}

namespace {

void RunPasses(const IndexVacuumInfo *info, IndexBulkDeleteResult *stats, const DeadRows &dead_rows,
               bool mends) {
    const MemoryContext context =
        AllocSetContextCreate(CurrentMemoryContext, "hnsw vacuum", ALLOCSET_DEFAULT_SIZES);
    const MemoryContext before = MemoryContextSwitchTo(context);
    Vacuum vacuum(info);
    pg::PausePoint(pg::PausePlace::kVacuumBegins);
    vacuum.RemoveRows(dead_rows);
    pg::PausePoint(pg::PausePlace::kVacuumHasRemoved);
    if (mends && vacuum.NeedsMending()) {
        vacuum.Mend();
        pg::PausePoint(pg::PausePlace::kVacuumFreesSlots);
        vacuum.FreeSlots();
    }
    if (mends) vacuum.LeaveStamp();
    vacuum.Finish(stats);
    MemoryContextSwitchTo(before);
    MemoryContextDelete(context);
}

}  // namespace

IndexBulkDeleteResult *BulkDelete(IndexVacuumInfo *info, IndexBulkDeleteResult *stats,
                                  IndexBulkDeleteCallback callback, void *state) {
    if (stats == nullptr)
        stats = static_cast<IndexBulkDeleteResult *>(palloc0(sizeof(IndexBulkDeleteResult)));
    // CREATE INDEX CONCURRENTLY, which only wants to hear of all rows, is the one caller that
    // reports progress.
    RunPasses(info, stats, DeadRows(callback, state), !info->report_progress);
    return stats;
}

// Where nothing has died the pages are looked at only if an earlier VACUUM has left slots that can
// be freed by now.
IndexBulkDeleteResult *VacuumCleanup(IndexVacuumInfo *info, IndexBulkDeleteResult *stats) {
    if (info->analyze_only) return stats;
    if (stats == nullptr) {
        stats = static_cast<IndexBulkDeleteResult *>(palloc0(sizeof(IndexBulkDeleteResult)));
        const uint64_t stamp = ReadLastStamp(info->index);
        if (stamp != 0 && FullTransactionIdPrecedes(FullTransactionIdFromU64(stamp),
                                                    HorizonOf(TableOfVacuum(info)))) {
            RunPasses(info, stats, DeadRows(nullptr, nullptr), true);
        } else {
            stats->estimated_count = true;
            stats->num_index_tuples = std::max<double>(0, info->index->rd_rel->reltuples);
        }
    }
    stats->num_pages = RelationGetNumberOfBlocks(info->index);
    return stats;
}

}  // namespace vecx::hnsw

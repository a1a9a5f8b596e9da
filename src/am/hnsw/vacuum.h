// The state of a VACUUM of an hnsw index, which its passes share; private to vacuum*.cpp. What the
// passes do, and why they may do it beside inserts and searches, is said in vacuum.cpp.

#pragma once

#include "am/hnsw/graph.h"
#include "am/hnsw/link.h"
#include "am/hnsw/node_blocks.h"
#include "am/hnsw/own_cache.h"
#include "am/hnsw/replacements.h"
#include "am/rows.h"
#include "core/neighborhood.h"

#include "pg/pg.h"
#include "store/log.h"

namespace vecx::hnsw {

// A list that grows, in the memory context that was current when it was made.
template <class T>
struct List {
    MemoryContext context = CurrentMemoryContext;
    T *items = nullptr;
    int64 count = 0;
    int64 capacity = 0;

    void Append(const T &item) {
        if (count == capacity) Grow();
        items[count++] = item;
    }
    void Grow() {
        capacity = std::max<int64>(64, capacity * 2);
        items = static_cast<T *>(items == nullptr
                                     ? MemoryContextAllocHuge(context, capacity * sizeof(T))
                                     : repalloc_huge(items, capacity * sizeof(T)));
    }
};

// A record above level 0.
struct UpperNode {
    NodeLink link;
    NodeLink below;
    uint8_t level;
    bool live;
};

struct LevelNode {
    NodeLink link;
    uint8_t level;
};

// The first bytes of a slot, whatever is in it: NodeHeader or DuplicatesRecord.
struct SlotHead {
    union {
        NodeHeader node;
        DuplicatesRecord duplicates;
    };

    SlotKind kind() const { return node.kind; }
    bool IsTombstone() const { return node.flags & kTombstone; }
    NodeLink Next() const { return kind() == SlotKind::kNode ? node.Next() : duplicates.Next(); }
};

// Whoever began before it may still run. As of now: what is asked for in the middle of a pass may
// know of an insert's end, whose node was put on a page that the pass had left behind.
FullTransactionId HorizonOf(Relation table);

class Vacuum {
  public:
    explicit Vacuum(const IndexVacuumInfo *info)
        : index_(info->index),
          table_(TableOfVacuum(info)),
          // The one in the relation's cache may go at any invalidation. Of this copy the arrays,
          // centre and rotation, are not used: all vectors here come from records.
          graph_(OpenGraph(info->index, &entry_)),
          shape_(graph_.shape),
          blocks_(RelationGetNumberOfBlocks(info->index)),
          nodes_(graph_.layout.NodesWithin(blocks_)),
          // A ring of few buffers for an index that would wash out everything else. The second pass
          // looks at pages in no order, again and again; a smaller index had better stay.
          strategy_(blocks_ > static_cast<BlockNumber>(NBuffers) / 4 ? info->strategy : nullptr) {
        dead_ = static_cast<uint8 *>(AllocateZero(nodes_ / 8 + 1));
        freeable_ = static_cast<uint8 *>(AllocateZero(blocks_ / 8 + 1));
        unstamped_ = static_cast<uint8 *>(AllocateZero(blocks_ / 8 + 1));
        if (shape_.codec == Codec::kSparse)
            continued_ = static_cast<uint8 *>(AllocateZero(nodes_ / 8 + 1));
    }

    void RemoveRows(const DeadRows &dead_rows);
    bool NeedsMending() const {
        return tombstones_ > 0 || unlinked_.count > 0 || (!entry_.link && rows_ > 0);
    }
    void Mend();
    void FreeSlots();
    void LeaveStamp();
    void Finish(IndexBulkDeleteResult *stats);

  private:
    static void *AllocateZero(Size bytes) {
        return MemoryContextAllocExtended(CurrentMemoryContext, bytes,
                                          MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
    }

    // Pages and slots.

    store::PageRef OpenShared(BlockNumber block) {
        return store::OpenShared(index_, block, store::PageKind::kNodes);
    }
    store::PageRef OpenNext(BlockNumber block) {
        return store::OpenShared(index_, block, store::PageKind::kNodes, strategy_);
    }
    store::PageRef OpenExclusive(BlockNumber block) {
        return store::OpenExclusive(index_, block, store::PageKind::kNodes, strategy_);
    }
    NodeRecord RecordAt(char *content, NodeId id) const {
        return {shape_, graph_.RecordAt(content, id)};
    }
    DuplicatesRecord *DuplicatesAt(char *content, NodeId id) const {
        return reinterpret_cast<DuplicatesRecord *>(graph_.RecordAt(content, id));
    }
    template <class Visit>
    void ForEachSlot(BlockNumber block, Visit visit) {
        const NodeId first = graph_.layout.FirstNode(block);
        for (int slot = 0; slot < graph_.layout.nodes_per_page; slot++)
            visit(first + static_cast<NodeId>(slot));
    }
    bool Exists(NodeId id);
    bool ReadHead(NodeLink link, SlotHead *head);
    bool IsLiveNode(NodeLink link, int level);

    // Changes one slot under its lock, if `wanted` says so of what it finds there.
    template <class Wanted, class Change>
    bool ChangeSlot(NodeLink link, Wanted wanted, Change change);
    void Bury(NodeId id, char *record);
    bool BuryIfEmpty(NodeLink node);

    // Pass 1.
    void VisitPage(BlockNumber block, const DeadRows &dead_rows);
    bool NeedsChange(BlockNumber block, char *content, const DeadRows &dead_rows);
    void ChangePage(BlockNumber block, char *content, const DeadRows &dead_rows);
    int Compact(DuplicatesRecord *record, const DeadRows &dead_rows);
    void NotePage(BlockNumber block, const store::PageRef &page);
    void NoteFreeSlots(BlockNumber block, int free);
    void NoteContinuation(NodeLink link, const ContinuationRecord &record);
    void FreeLostContinuations();
    void SetContinued(NodeLink link) {
        if (link && link.id < nodes_)
            continued_[link.id / 8] |= static_cast<uint8>(1 << link.id % 8);
    }
    void NoteNode(BlockNumber block, NodeId id, const NodeHeader &header);
    void NoteTombstone(BlockNumber block, uint64_t delete_xid);
    void NoteUnstamped(BlockNumber block) {
        if (block < blocks_) unstamped_[block / 8] |= static_cast<uint8>(1 << block % 8);
    }
    [[noreturn]] void RaiseUnknownSlot(BlockNumber block);

    void StampTombstones();

    // Between passes 1 and 2.
    void MendChains();
    bool MendChain(NodeLink owner);
    void MendUpperNodes();
    void MendEntry();
    Entry FindEntry();
    NodeLink FindLiveNode();
    void ReplaceEntry(const Entry &with);

    // Pass 2.
    void MendEdges();
    void MendPage(BlockNumber block);
    bool HasSuspectEdges(BlockNumber block, char *content);
    bool IsSuspect(NodeLink link);
    bool MendRecord(NodeId id, const NodeRecord &record);
    int ClearDeadEdges(NodeId id, const NodeRecord &record);
    bool HasOwnInside(const NodeRecord &record) const {
        return shape_.own_inside && (shape_.codec != Codec::kSparse || record.header().more == 0);
    }
    void MeasureFrom(NodeId id, const NodeRecord &record);
    bool CollectFrom(const NodeRecord &record, NodeLink link);
    void CollectBehind(const NodeRecord &record, NodeLink link, int64 most);
    void CollectByEstimates(const NodeRecord &dead, const Sq8View &own);
    void MeasureReplacements();
    void OfferReplacements(const NodeRecord &record, int64 most);
    void Offer(const NodeRecord &record, const Replacement &newcomer, Neighborhood *neighbors);
    bool ApplyPage(BlockNumber block);
    void NoteAnchored(BlockNumber block, char *content);
    NodeId TreeOf(NodeId id);
    void FindMain();
    bool IsMain(NodeId id);
    bool ReadLiveNode(NodeId id, NodeLink *link);
    bool AreConnected(NodeId a, NodeId b) {
        return a < nodes_ && b < nodes_ && TreeOf(a) == TreeOf(b);
    }
    void Connect(NodeId a, NodeId b) {
        if (a < nodes_ && b < nodes_) trees_[TreeOf(a)] = TreeOf(b);
    }
    void AnchorAll();
    void Anchor(NodeLink node, int level, LinkMemory &memory);
    void RelinkAll(const List<LevelNode> &nodes);

    bool IsDead(NodeId id) const { return dead_[id / 8] >> id % 8 & 1; }
    void SetDead(NodeId id) { dead_[id / 8] |= static_cast<uint8>(1 << id % 8); }

    Entry entry_;
    Relation index_;
    Relation table_;  // nullptr where PostgreSQL does not say
    const Graph graph_;
    const RecordShape &shape_;
    BlockNumber blocks_;
    uint64_t nodes_;  // with a page when the pass began
    BufferAccessStrategy strategy_;

    uint8 *dead_;              // a bit per id: no live node was in it. A hint: slots are used again
    NodeId *trees_ = nullptr;  // per id: one more of those that anchors connect, see TreeOf
    NodeId main_[kMaxLevel + 1];  // of each level, one of those to which the entry leads
    uint8 *freeable_;             // a bit per block: there are tombstones that may be freed
    uint8 *unstamped_;            // a bit per block: there are tombstones without a transaction
    FullTransactionId horizon_ = InvalidFullTransactionId;  // when the first pass began
    FullTransactionId newest_removable_ = InvalidFullTransactionId;
    BlockNumber removable_block_ = InvalidBlockNumber;
    uint64_t last_stamp_ = 0;  // of the tombstones that are too new to be freed
    List<UpperNode> upper_;
    List<LevelNode> unlinked_;
    List<NodeLink> continuations_;  // old enough that their nodes would be there
    uint8 *continued_ = nullptr;    // a bit per id: something leads to a continuation there
    List<LevelNode> lonely_;        // without any edge from them, or to them
    List<NodeLink> owners_;         // of duplicates' slots that are tombstones
    int64 rows_ = 0;
    int64 removed_ = 0;
    int64 tombstones_ = 0;
    int64 empty_pages_ = 0;
    bool found_space_ = false;

    // For pass 2, made when it begins.
    char *before_ = nullptr;  // a page's content
    char *after_;             // the same, mended
    char *neighbor_record_;
    uint8_t *codes_;
    uint8_t *neighbor_codes_;
    float *node_;
    float *neighbor_;
    void *query_memory_;
    void *neighbor_query_memory_;
    OwnCache *owns_;
    // Of the record at hand, when measured_ says so.
    bool measured_;
    NodeLink lost_[kMaxEdges];  // the ends of the edges that it loses
    Sq8View own_;               // its vector; node_ the same, dequantized
    GraphQuery query_;
    Replacements *replacements_;
};

template <class Wanted, class Change>
bool Vacuum::ChangeSlot(NodeLink link, Wanted wanted, Change change) {
    store::PageRef page = OpenExclusive(graph_.layout.NodeBlock(link.id));
    bool changes = false;
    if (!page.fresh) {
        SlotHead head;
        memcpy(&head, graph_.RecordAt(page.content, link.id), sizeof(head));
        changes = head.node.generation == link.generation && wanted(head);
    }
    if (changes) {
        store::PageEdit edit(index_);
        change(graph_.RecordAt(edit.Change(page), link.id));
        edit.Commit();
    }
    store::Close(page);
    return changes;
}

}  // namespace vecx::hnsw

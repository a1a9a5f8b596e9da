// VACUUM of an hnsw index: takes out the rows that died, mends the graph around the nodes that this
// leaves without any, and frees the slots of those that died long ago.
//
// 1. Rows. One pass over the pages of nodes. A node that has no row left becomes a tombstone: found
//    by nobody, but still passed through.
// 2. Edges. Only if there are tombstones: edges that lead to one are replaced by edges to where the
//    tombstone leads. No search of the graph, except for nodes that are left without any edge from
//    them or to them.
// 3. Slots. A tombstone is freed if, before pass 2 began, no transaction was left that may have
//    known its node as a live one.
//
// What is to be done is read from the pages alone, so each pass may be stopped anywhere and the
// next VACUUM goes on. One page is locked at a time, and never two.
//
// Rows are being inserted and searched for meanwhile. Why that does no harm:
// - An insert picks live nodes only as neighbours, and each page is judged again under its lock
//   before it is changed. An insert that picked a node just before that became a tombstone still
//   runs, or ran while it did; its transaction is not older than delete_xid, so the slot outlives
//   it, and a pass 2 that begins after it ended finds its edges.
// - A slot of duplicates gets no row once it is a tombstone, its `next` does not change any more,
//   and it leaves the chain only after that. An insert adds slots at the head of a chain, and only
//   if that is still what it read.
// - A search remembers ids, which it holds against the slots' generations. It would miss a little
//   if a slot were freed meanwhile: hence delete_xid, which is set again when the last way to a
//   slot was closed, if that is one that a search must not miss (a chain, the entry).

#include "am/hnsw/continuation.h"
#include "am/hnsw/free_space.h"
#include "am/hnsw/hnsw.h"
#include "am/hnsw/link.h"
#include "am/hnsw/node_blocks.h"

#include "store/log.h"

namespace vecx::hnsw {
namespace {

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

// A neighbour of a neighbour that died.
struct Replacement {
    NodeLink link;
    float distance;  // estimated
};

bool ById(const Replacement &a, const Replacement &b) {
    return a.link.id != b.link.id ? a.link.id < b.link.id : a.distance < b.distance;
}
bool ByDistance(const Replacement &a, const Replacement &b) {
    return a.distance != b.distance ? a.distance < b.distance : a.link.id < b.link.id;
}

// Whether the heap's VACUUM has found a row dead.
class DeadRows {
  public:
    DeadRows(IndexBulkDeleteCallback callback, void *state) : callback_(callback), state_(state) {}

    bool Has(RowId row) const {
        ItemPointerData tid;
        ItemPointerSet(&tid, static_cast<BlockNumber>(row.block_high) << 16 | row.block_low,
                       row.item);
        return callback_(&tid, state_);
    }

  private:
    IndexBulkDeleteCallback callback_;
    void *state_;
};

class Vacuum {
  public:
    explicit Vacuum(const IndexVacuumInfo *info)
        : index_(info->index),
          table_(TableOfVacuum(info)),
          strategy_(info->strategy),
          // The one in the relation's cache may go at any invalidation. Of this copy the arrays,
          // centre and rotation, are not used: all vectors here come from records.
          graph_(OpenGraph(info->index, &entry_)),
          shape_(graph_.shape),
          blocks_(RelationGetNumberOfBlocks(info->index)),
          nodes_(graph_.layout.NodesWithin(blocks_)) {
        dead_ = static_cast<uint8 *>(AllocateZero(nodes_ / 8 + 1));
        freeable_ = static_cast<uint8 *>(AllocateZero(blocks_ / 8 + 1));
        if (shape_.codec == Codec::kSparse)
            continued_ = static_cast<uint8 *>(AllocateZero(nodes_ / 8 + 1));
    }

    void RemoveRows(const DeadRows &dead_rows);
    bool NeedsMending() const {
        return tombstones_ > 0 || unlinked_.count > 0 || (!entry_.link && rows_ > 0);
    }
    void Mend();
    void FreeSlots();
    void Finish(IndexBulkDeleteResult *stats);

  private:
    static void *AllocateZero(Size bytes) {
        return MemoryContextAllocExtended(CurrentMemoryContext, bytes,
                                          MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
    }

    // Pages and slots.

    store::PageRef OpenShared(BlockNumber block) {
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
    void Bury(char *record);
    bool BuryIfEmpty(NodeLink node);
    void StampAgain(NodeLink tombstone);

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
    [[noreturn]] void RaiseUnknownSlot(BlockNumber block);

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
    bool MeasureFrom(NodeId id, const NodeRecord &record);
    void CollectByNodes(NodeId id, const NodeRecord &dead);
    void CollectFrom(NodeId id, const NodeRecord &record, NodeLink tombstone);
    void OfferReplacements(const NodeRecord &record, int64 most);
    bool ApplyPage(BlockNumber block);
    void NoteAnchored(BlockNumber block, char *content);
    void AnchorAll();
    bool Anchor(NodeLink node, int level, LinkMemory &memory);
    void RelinkAll(const List<LevelNode> &nodes);

    bool IsDead(NodeId id) const { return dead_[id / 8] >> id % 8 & 1; }
    void SetDead(NodeId id) { dead_[id / 8] |= static_cast<uint8>(1 << id % 8); }

    Entry entry_;
    Relation index_;
    Relation table_;  // nullptr where PostgreSQL does not say
    BufferAccessStrategy strategy_;
    const Graph graph_;
    const RecordShape &shape_;
    BlockNumber blocks_;
    uint64_t nodes_;  // with a page when the pass began

    uint8 *dead_;  // a bit per id: no live node was in it. A hint: slots are used again
    uint8 *anchored_ = nullptr;  // a bit per id: it is anchored at a live node
    uint8 *freeable_;            // a bit per block: there are tombstones that may be freed
    FullTransactionId newest_removable_ = InvalidFullTransactionId;
    BlockNumber removable_block_ = InvalidBlockNumber;
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
    uint8_t *kept_codes_;  // with node codes
    float *node_;
    float *neighbor_;
    void *query_memory_;
    void *neighbor_query_memory_;
    GraphQuery query_;
    bool measured_;  // node_ and query_ are those of the record at hand
    List<Replacement> replacements_;
};

// --- pages and slots ---

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

// Makes a tombstone. The page is locked: who reads the slot later knows it for one, so who knows it
// as live has begun before the transaction that is the next.
void Vacuum::Bury(char *record) {
    const uint64_t xid = U64FromFullTransactionId(ReadNextFullTransactionId());
    auto *header = reinterpret_cast<NodeHeader *>(record);
    header->flags |= kTombstone;
    if (header->kind == SlotKind::kNode)
        header->delete_xid = xid;
    else
        reinterpret_cast<DuplicatesRecord *>(record)->delete_xid = xid;
}

bool Vacuum::BuryIfEmpty(NodeLink node) {
    const bool buried = ChangeSlot(
        node,
        [](const SlotHead &head) {
            return head.node.IsLive() && head.node.level == 0 && !head.node.row &&
                   !head.node.Next();
        },
        [this](char *record) { Bury(record); });
    if (buried) {
        if (node.id < nodes_) SetDead(node.id);
        tombstones_++;
    }
    return buried;
}

// The last way to it has been closed just now.
void Vacuum::StampAgain(NodeLink tombstone) {
    ChangeSlot(
        tombstone, [](const SlotHead &head) { return head.IsTombstone(); },
        [this](char *record) { Bury(record); });
}

// --- pass 1: rows ---

void Vacuum::RemoveRows(const DeadRows &dead_rows) {
    // Brings up to date what GlobalVisCheckRemovableFullXid knows.
    GetOldestNonRemovableTransactionId(table_);
    NodeBlocks blocks(index_, graph_.layout, blocks_);
    for (BlockNumber block; (block = blocks.Next()) != InvalidBlockNumber;) {
        VacuumDelayPoint();
        VisitPage(block, dead_rows);
    }
}

void Vacuum::VisitPage(BlockNumber block, const DeadRows &dead_rows) {
    store::PageRef page = OpenShared(block);
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
            if (!header.row && !header.Next()) Bury(graph_.RecordAt(content, id));
        } else if (header.kind == SlotKind::kDuplicates) {
            DuplicatesRecord *record = DuplicatesAt(content, id);
            if (record->count > shape_.DuplicateCapacity()) RaiseUnknownSlot(block);
            removed_ += Compact(record, dead_rows);
            if (record->count == 0) Bury(graph_.RecordAt(content, id));
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
    if (GlobalVisCheckRemovableFullXid(table_, FullTransactionIdFromU64(record.written_xid)))
        continuations_.Append(link);
}

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
    const FullTransactionId xid = FullTransactionIdFromU64(delete_xid);
    if (!GlobalVisCheckRemovableFullXid(table_, xid)) return;
    freeable_[block / 8] |= static_cast<uint8>(1 << block % 8);
    if (FullTransactionIdPrecedes(newest_removable_, xid)) {
        newest_removable_ = xid;
        removable_block_ = block;
    }
}

void Vacuum::RaiseUnknownSlot(BlockNumber block) {
    store::RaiseDamaged(index_, block, "A slot holds neither a node nor duplicates of one.");
}

// --- chains of duplicates, upper levels, the entry ---

void Vacuum::Mend() {
    MendChains();
    MendUpperNodes();
    MendEntry();
    if (tombstones_ > 0) {
        MendEdges();
        AnchorAll();
    }
    // Left by a crash, or still being inserted: offered twice does no harm.
    RelinkAll(unlinked_);
    RelinkAll(lonely_);
}

void Vacuum::MendChains() {
    std::sort(owners_.items, owners_.items + owners_.count,
              [](NodeLink a, NodeLink b) { return a.id < b.id; });
    for (int64 i = 0; i < owners_.count; i++) {
        if (i > 0 && owners_.items[i] == owners_.items[i - 1]) continue;
        while (!MendChain(owners_.items[i])) CHECK_FOR_INTERRUPTS();
    }
}

// Takes the tombstones out of a node's chain. False if an insert has changed the chain meanwhile.
bool Vacuum::MendChain(NodeLink owner) {
    SlotHead head;
    if (!ReadHead(owner, &head) || !head.node.IsLive() || head.node.level != 0) return true;
    NodeLink at = owner, next = head.Next();
    for (uint64_t steps = 0; next; steps++) {
        VacuumDelayPoint();
        if (steps > nodes_ && steps > graph_.layout.NodesWithin(RelationGetNumberOfBlocks(index_)))
            store::RaiseDamaged(index_, graph_.layout.NodeBlock(next.id),
                                "A chain of duplicates leads back to itself.");
        const bool found = ReadHead(next, &head) && head.kind() == SlotKind::kDuplicates;
        if (found && !head.IsTombstone()) {
            at = next;
            next = head.Next();
            continue;
        }
        const NodeLink after = found ? head.Next() : kNoLink;
        const bool unlinked = ChangeSlot(
            at,
            [next](const SlotHead &previous) {
                return !previous.IsTombstone() && previous.Next() == next;
            },
            [after](char *record) {
                auto *previous = reinterpret_cast<SlotHead *>(record);
                if (previous->kind() == SlotKind::kNode) return previous->node.SetNext(after);
                previous->duplicates.next = after.id;
                previous->duplicates.next_generation = after.generation;
            });
        if (!unlinked) return false;
        // A scan that has the link must find the rest of the chain behind it.
        if (found) StampAgain(next);
        next = after;
    }
    BuryIfEmpty(owner);
    return true;
}

// A record above level 0 goes with the one below.
void Vacuum::MendUpperNodes() {
    std::sort(upper_.items, upper_.items + upper_.count,
              [](const UpperNode &a, const UpperNode &b) { return a.level < b.level; });
    for (int64 i = 0; i < upper_.count; i++) {
        UpperNode &upper = upper_.items[i];
        const NodeId below = upper.below.id;
        if (below < nodes_ && !IsDead(below)) continue;
        VacuumDelayPoint();
        if (IsLiveNode(upper.below, upper.level - 1)) continue;
        upper.live = false;
        const bool buried = ChangeSlot(
            upper.link, [](const SlotHead &head) { return head.node.IsLive(); },
            [this](char *record) { Bury(record); });
        if (buried) tombstones_++;
        SetDead(upper.link.id);
    }
}

// Before any slot is freed the entry must be a live node, and one of the highest level, or searches
// would lose the levels above it.
void Vacuum::MendEntry() {
    OpenGraph(index_, &entry_);
    const bool live = entry_.link && IsLiveNode(entry_.link, entry_.level);
    const Entry found = FindEntry();
    if (live) {
        if (found.link && found.level > entry_.level) RaiseEntry(index_, found.link, found.level);
        return;
    }
    ReplaceEntry(found);
    if (found.link) return;
    // There was no live node. One that was inserted after that look has not become the entry, which
    // was still the old one.
    const NodeLink late = FindLiveNode();
    if (late) RaiseEntry(index_, late, 0);
}

Entry Vacuum::FindEntry() {
    for (int64 i = upper_.count - 1; i >= 0; i--)
        if (upper_.items[i].live && IsLiveNode(upper_.items[i].link, upper_.items[i].level))
            return {upper_.items[i].link, upper_.items[i].level};
    return {FindLiveNode(), 0};
}

// Any on level 0; in most cases the first page has one.
NodeLink Vacuum::FindLiveNode() {
    NodeLink found = kNoLink;
    NodeBlocks blocks(index_, graph_.layout, RelationGetNumberOfBlocks(index_));
    for (BlockNumber block; !found && (block = blocks.Next()) != InvalidBlockNumber;) {
        VacuumDelayPoint();
        store::PageRef page = OpenShared(block);
        if (!page.fresh)
            ForEachSlot(block, [&](NodeId id) {
                const NodeHeader &header = RecordAt(page.content, id).header();
                if (!found && header.IsLive() && header.level == 0) found = {id, header.generation};
            });
        store::Close(page);
    }
    return found;
}

void Vacuum::ReplaceEntry(const Entry &with) {
    store::PageRef page = store::OpenExclusive(index_, kMetaBlock, store::PageKind::kMeta);
    const auto *current = reinterpret_cast<const MetaPage *>(page.content);
    const NodeLink old = {current->entry, current->entry_generation};
    // Else an insert has put a higher one there, which is live.
    const bool replaced = old == entry_.link && old != with.link;
    if (replaced) {
        store::PageEdit edit(index_);
        auto *meta = reinterpret_cast<MetaPage *>(edit.Change(page));
        meta->entry = with.link.id;
        meta->entry_generation = with.link.generation;
        meta->entry_level = static_cast<uint8_t>(with.level);
        edit.Commit();
    }
    store::Close(page);
    // A search may be on its way to it.
    if (replaced && old && Exists(old.id)) StampAgain(old);
}

// --- pass 2: edges ---

void Vacuum::MendEdges() {
    const auto aligned = [](Size bytes) {
        return reinterpret_cast<void *>(TYPEALIGN(64, palloc(bytes + 64)));
    };
    anchored_ = static_cast<uint8 *>(AllocateZero(nodes_ / 8 + 1));
    before_ = static_cast<char *>(aligned(store::kPageCapacity));
    after_ = static_cast<char *>(aligned(store::kPageCapacity));
    neighbor_record_ = static_cast<char *>(aligned(shape_.size));
    codes_ = static_cast<uint8_t *>(aligned(MostOwnBytes(shape_)));
    neighbor_codes_ = static_cast<uint8_t *>(aligned(MostOwnBytes(shape_)));
    kept_codes_ = static_cast<uint8_t *>(aligned(MostOwnBytes(shape_)));
    node_ = static_cast<float *>(aligned(shape_.padded * sizeof(float)));
    neighbor_ = static_cast<float *>(aligned(shape_.padded * sizeof(float)));
    query_memory_ = aligned(QueryBytes(shape_));
    neighbor_query_memory_ = aligned(QueryBytes(shape_));

    // Also what was added since pass 1: those are the nodes whose inserts picked their neighbours
    // before these became tombstones.
    NodeBlocks blocks(index_, graph_.layout, RelationGetNumberOfBlocks(index_));
    for (BlockNumber block; (block = blocks.Next()) != InvalidBlockNumber;) {
        VacuumDelayPoint();
        MendPage(block);
    }
}

// All is computed on a copy, without a lock, and holds if the records are still the same then.
void Vacuum::MendPage(BlockNumber block) {
    for (;;) {
        store::PageRef page = OpenShared(block);
        const bool suspect = !page.fresh && HasSuspectEdges(block, page.content);
        if (suspect) memcpy(before_, page.content, store::kPageCapacity);
        if (!page.fresh && !suspect) NoteAnchored(block, page.content);
        store::Close(page);
        if (!suspect) return;
        memcpy(after_, before_, store::kPageCapacity);
        bool mended = false;
        ForEachSlot(block, [&](NodeId id) {
            const NodeRecord record = RecordAt(after_, id);
            if (record.header().IsLive() && MendRecord(id, record)) mended = true;
        });
        NoteAnchored(block, after_);
        if (!mended || ApplyPage(block)) return;
        VacuumDelayPoint();
    }
}

void Vacuum::NoteAnchored(BlockNumber block, char *content) {
    ForEachSlot(block, [&](NodeId id) {
        const NodeRecord record = RecordAt(content, id);
        if (!record.header().IsLive()) return;
        for (int slot = 0; slot < shape_.edges; slot++) {
            const NodeId to = record.Ids()[slot];
            if (to < nodes_ && record.IsAnchored(slot))
                anchored_[to / 8] |= static_cast<uint8>(1 << to % 8);
        }
    });
}

// Nodes that were anchored at one that died, or whose insert did not get so far: anchored again at
// the nearest of their own neighbours, without a search.
void Vacuum::AnchorAll() {
    LinkMemory memory = NewLinkMemory(graph_, PoolWidthFor(shape_, graph_.ef_construction));
    for (uint64_t i = 0; i < nodes_; i++) {
        const auto id = static_cast<NodeId>(i);
        if (IsDead(id) || anchored_[id / 8] >> id % 8 & 1) continue;
        VacuumDelayPoint();
        store::PageRef page = OpenShared(graph_.layout.NodeBlock(id));
        NodeHeader header = {};
        if (!page.fresh) {
            header = RecordAt(page.content, id).header();
            memcpy(neighbor_record_, graph_.RecordAt(page.content, id), shape_.size);
        }
        store::Close(page);
        const NodeLink node = {id, header.generation};
        if (header.IsLive() && !Anchor(node, header.level, memory))
            lonely_.Append({node, header.level});
    }
}

// The record is in neighbor_record_. False if no neighbour took it.
bool Vacuum::Anchor(NodeLink node, int level, LinkMemory &memory) {
    const NodeRecord record(shape_, neighbor_record_);
    Sq8View own = record.OwnVector();
    if (!HasOwnInside(record) && !ReadOwn(index_, graph_, node, codes_, &own)) return true;
    query_ = QueryOfNode(shape_, own, node_, query_memory_);
    replacements_.count = 0;
    for (int slot = 0; slot < shape_.edges; slot++)
        if (record.Link(slot)) replacements_.Append({record.Link(slot), EdgeLength(record, slot)});
    Replacement *items = replacements_.items;
    std::sort(items, items + replacements_.count, ByDistance);
    for (int64 i = 0; i < replacements_.count; i++)
        if (OfferOnPage(index_, graph_, items[i].link, level, {node, node_, own.excess}, query_,
                        items[i].distance, OfferKind::kAnchor, memory)) {
            HoldOnPage(index_, graph_, node, node_, items[i].link, items[i].distance, memory);
            return true;
        }
    return false;
}

bool Vacuum::HasSuspectEdges(BlockNumber block, char *content) {
    bool suspect = false;
    ForEachSlot(block, [&](NodeId id) {
        const NodeRecord record = RecordAt(content, id);
        if (!record.header().IsLive()) return;
        bool alone = true;
        for (int slot = 0; slot < shape_.edges; slot++) {
            if (!record.Link(slot)) continue;
            alone = false;
            suspect = suspect || IsSuspect(record.Link(slot));
        }
        // Inserted when all that it found were tombstones.
        if (alone) lonely_.Append({{id, record.header().generation}, record.header().level});
    });
    return suspect;
}

bool Vacuum::IsSuspect(NodeLink link) {
    return link.id < nodes_ ? IsDead(link.id) : !Exists(link.id);
}

// True if the record has changed.
bool Vacuum::MendRecord(NodeId id, const NodeRecord &record) {
    measured_ = false;
    replacements_.count = 0;
    const int cleared = ClearDeadEdges(id, record);
    if (cleared == 0) return false;
    if (measured_) OfferReplacements(record, 2 * static_cast<int64>(cleared));
    for (int slot = 0; slot < shape_.edges; slot++)
        if (record.Link(slot)) return true;
    lonely_.Append({{id, record.header().generation}, record.header().level});
    return true;
}

int Vacuum::ClearDeadEdges(NodeId id, const NodeRecord &record) {
    int cleared = 0;
    for (int slot = 0; slot < shape_.edges; slot++) {
        const NodeLink link = record.Link(slot);
        if (!link || !IsSuspect(link)) continue;
        if (IsLiveNode(link, record.header().level)) continue;
        record.ClearEdge(slot);
        cleared++;
        if (MeasureFrom(id, record)) CollectFrom(id, record, link);
    }
    return cleared;
}

// Makes the query that measures how far others are from this node.
bool Vacuum::MeasureFrom(NodeId id, const NodeRecord &record) {
    if (measured_) return true;
    Sq8View own = record.OwnVector();
    if (!HasOwnInside(record) &&
        !ReadOwn(index_, graph_, {id, record.header().generation}, codes_, &own))
        return false;
    query_ = QueryOfNode(shape_, own, node_, query_memory_);
    return measured_ = true;
}

// The neighbours of a tombstone, by the estimates that it makes.
void Vacuum::CollectFrom(NodeId id, const NodeRecord &record, NodeLink tombstone) {
    Sq8View own;
    if (!Exists(tombstone.id) || !ReadOwn(index_, graph_, tombstone, neighbor_codes_, &own)) return;
    store::PageRef page = OpenShared(graph_.layout.NodeBlock(tombstone.id));
    memcpy(neighbor_record_, graph_.RecordAt(page.content, tombstone.id), shape_.size);
    store::Close(page);
    const NodeRecord dead(shape_, neighbor_record_);
    if (dead.header().level != record.header().level) return;
    if (!shape_.HasEdgeCodes()) return CollectByNodes(id, dead);

    constexpr float kInfinity = std::numeric_limits<float>::infinity();
    const float distance = QueryDistance(shape_, query_, own);
    for (int batch = 0; batch < shape_.Batches(); batch++) {
        float estimates[kEdgeBatch];
        EstimateBatch(dead, batch, query_, distance, kInfinity, estimates);
        for (int lane = 0; lane < static_cast<int>(kEdgeBatch); lane++) {
            const NodeLink link = dead.Link(batch * static_cast<int>(kEdgeBatch) + lane);
            if (!link || link.id == id || IsSuspect(link) || !(estimates[lane] < kInfinity))
                continue;
            replacements_.Append({link, estimates[lane]});
        }
    }
}

// With node codes: the distance from each of them.
void Vacuum::CollectByNodes(NodeId id, const NodeRecord &dead) {
    for (int slot = 0; slot < shape_.edges; slot++) {
        const NodeLink link = dead.Link(slot);
        Sq8View view;
        if (!link || link.id == id || IsSuspect(link) ||
            !ReadOwn(index_, graph_, link, neighbor_codes_, &view))
            continue;
        replacements_.Append({link, NodeDistanceFrom(shape_, query_, view)});
    }
}

// Offers the nearest of the replacements to a copy of the node's record.
void Vacuum::OfferReplacements(const NodeRecord &record, int64 most) {
    Replacement *items = replacements_.items, *end = items + replacements_.count;
    std::sort(items, end, ById);
    end = std::unique(items, end, [](const Replacement &a, const Replacement &b) {
        return a.link.id == b.link.id;
    });
    std::sort(items, end, ByDistance);
    for (; items < end && most > 0; items++, most--) {
        Sq8View view;
        if (!ReadOwn(index_, graph_, items->link, neighbor_codes_, &view)) continue;
        if (!shape_.HasEdgeCodes()) {
            float distances[kMaxEdges];
            const GraphQuery newcomer =
                PrepareNodeQuery(shape_, view, false, neighbor_query_memory_);
            if (MeasureOnPages(index_, graph_, record, items->link, newcomer, items->distance,
                               OfferKind::kOrdinary, kept_codes_, distances))
                OfferNodeEdge(record, items->link, items->distance, distances,
                              OfferKind::kOrdinary);
            continue;
        }
        ActiveKernels().codes.decode_u8(view.codes, view.scale, view.offset, neighbor_,
                                        shape_.padded);
        const GraphQuery query = PrepareQuery(shape_, neighbor_, false, neighbor_query_memory_);
        OfferEdge(record, node_, {items->link, neighbor_, view.excess}, query,
                  QueryDistance(shape_, query_, view), OfferKind::kOrdinary);
    }
}

// Puts the mended records in their places. False if one of them has changed since it was copied.
bool Vacuum::ApplyPage(BlockNumber block) {
    bool all = true;
    store::PageRef page = OpenExclusive(block);
    store::PageEdit edit(index_);
    char *content = edit.Change(page);
    ForEachSlot(block, [&](NodeId id) {
        const char *before = graph_.RecordAt(before_, id), *after = graph_.RecordAt(after_, id);
        if (memcmp(before, after, shape_.size) == 0) return;
        char *now = graph_.RecordAt(content, id);
        if (memcmp(before, now, shape_.size) == 0)
            memcpy(now, after, shape_.size);
        else
            all = false;
    });
    edit.Commit();
    store::Close(page);
    return all;
}

void Vacuum::RelinkAll(const List<LevelNode> &nodes) {
    if (nodes.count == 0) return;
    const MemoryContext context =
        AllocSetContextCreate(CurrentMemoryContext, "hnsw relink", ALLOCSET_DEFAULT_SIZES);
    LinkMemory memory = NewLinkMemory(graph_, PoolWidthFor(shape_, graph_.ef_construction));
    for (int64 i = 0; i < nodes.count; i++) {
        VacuumDelayPoint();
        const LevelNode &node = nodes.items[i];
        if (!IsLiveNode(node.link, node.level)) continue;
        const MemoryContext before = MemoryContextSwitchTo(context);
        Entry entry;
        OpenGraph(index_, &entry);
        PageStore store(index_, graph_);
        // Memory that is made when needed must not go with the context.
        if (!shape_.own_inside && memory.outside == nullptr)
            memory.outside =
                static_cast<uint8_t *>(MemoryContextAlloc(before, MostOwnBytes(shape_)));
        Relink(store, entry, node.link, node.level, memory);
        MemoryContextSwitchTo(before);
        MemoryContextReset(context);
    }
    MemoryContextDelete(context);
}

// --- pass 3: slots ---

// What pass 1 found removable; a tombstone of this run, or one that was stamped again by it, is
// newer than any of these.
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
            if ((is_node ? head.node.delete_xid : head.duplicates.delete_xid) > newest) return;
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

void Vacuum::Finish(IndexBulkDeleteResult *stats) {
    if (found_space_) IndexFreeSpaceMapVacuum(index_);
    stats->estimated_count = false;
    stats->num_index_tuples = static_cast<double>(rows_);
    stats->tuples_removed += static_cast<double>(removed_);
    stats->pages_deleted = stats->pages_free = static_cast<BlockNumber>(empty_pages_);
}

}  // namespace

IndexBulkDeleteResult *BulkDelete(IndexVacuumInfo *info, IndexBulkDeleteResult *stats,
                                  IndexBulkDeleteCallback callback, void *state) {
    if (stats == nullptr)
        stats = static_cast<IndexBulkDeleteResult *>(palloc0(sizeof(IndexBulkDeleteResult)));
    const MemoryContext context =
        AllocSetContextCreate(CurrentMemoryContext, "hnsw vacuum", ALLOCSET_DEFAULT_SIZES);
    const MemoryContext before = MemoryContextSwitchTo(context);
    Vacuum vacuum(info);
    vacuum.RemoveRows(DeadRows(callback, state));
    // CREATE INDEX CONCURRENTLY, which only wants to hear of all rows, is the one caller that
    // reports progress.
    if (!info->report_progress && vacuum.NeedsMending()) {
        vacuum.Mend();
        vacuum.FreeSlots();
    }
    vacuum.Finish(stats);
    MemoryContextSwitchTo(before);
    MemoryContextDelete(context);
    return stats;
}

// Where nothing has died the pages are not looked at: there is nothing to be gained from it.
IndexBulkDeleteResult *VacuumCleanup(IndexVacuumInfo *info, IndexBulkDeleteResult *stats) {
    if (info->analyze_only) return stats;
    if (stats == nullptr) {
        stats = static_cast<IndexBulkDeleteResult *>(palloc0(sizeof(IndexBulkDeleteResult)));
        stats->estimated_count = true;
        stats->num_index_tuples = std::max<double>(0, info->index->rd_rel->reltuples);
    }
    stats->num_pages = RelationGetNumberOfBlocks(info->index);
    return stats;
}

}  // namespace vecx::hnsw

// Between the first two passes of VACUUM: takes tombstones out of chains of duplicates, buries the
// upper records of nodes that died, and sees to it that the entry is a live node.

#include "am/hnsw/vacuum.h"

namespace vecx::hnsw {

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
            [this, &upper](char *record) { Bury(upper.link.id, record); });
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
    if (old == entry_.link && old != with.link) {
        store::PageEdit edit(index_);
        auto *meta = reinterpret_cast<MetaPage *>(edit.Change(page));
        meta->entry = with.link.id;
        meta->entry_generation = with.link.generation;
        meta->entry_level = static_cast<uint8_t>(with.level);
        edit.Commit();
    }
    store::Close(page);
}

}  // namespace vecx::hnsw

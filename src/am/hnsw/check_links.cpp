// Of vecx_check: whether links lead where they should, and whether all nodes are reached.

#include "am/hnsw/checker.h"

#include "am/hnsw/node_blocks.h"

namespace vecx::hnsw {
namespace {

constexpr int kNamedNodes = 5;  // of those that a finding is about

}  // namespace

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

}  // namespace vecx::hnsw

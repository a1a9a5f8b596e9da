// Finding free slots; see the header.

#include "am/hnsw/free_space.h"

#include "pg/pause_point.h"

namespace vecx::hnsw {
namespace {

SlotKind KindAt(const Graph &graph, const store::PageRef &page, int slot) {
    if (page.fresh) return SlotKind::kFree;
    return static_cast<SlotKind>(page.content[static_cast<Size>(slot) * graph.shape.size]);
}

// What the map is told of so many free slots, and is asked for. It counts in units of a 256th of a
// page and rounds what there is down and what is wanted up: so whole units only, and at least one.
Size SpaceOf(const Graph &graph, int slots) {
    constexpr Size kUnit = BLCKSZ / 256;
    if (slots == 0) return 0;
    const Size bytes = static_cast<Size>(slots) * (BLCKSZ / 2) / graph.layout.nodes_per_page;
    return std::max<Size>(bytes / kUnit, 1) * kUnit;
}

// This backend's last page with room: rows come one after the other, and one that inserts many
// would else ask the map for each.
struct LastPage {
    Oid file;
    BlockNumber block;
};
LastPage last_page = {InvalidOid, InvalidBlockNumber};

// Adds a group, or what a crash left unfinished of one. Other backends may do so at the same time;
// then their pages serve.
void ExtendByGroup(Relation index, const Graph &graph) {
    const Layout &layout = graph.layout;
    const BlockNumber blocks = RelationGetNumberOfBlocks(index);
    BlockNumber missing = layout.GroupBlocks();
    if (blocks < layout.first_group)
        store::RaiseDamaged(index, blocks, "The index ends before its first group.");
    const BlockNumber partial = (blocks - layout.first_group) % layout.GroupBlocks();
    if (partial != 0) missing -= partial;
    const uint64_t nodes = layout.NodesWithin(blocks + missing);
    if (nodes > kNoNode)
        ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
                        errmsg("index \"%s\" cannot have more than %u nodes",
                               RelationGetRelationName(index), kNoNode)));
    pg::PausePoint(pg::PausePlace::kIndexGrows);
    if (store::ExtendIf(index, blocks, static_cast<int>(missing)) == InvalidBlockNumber) return;
    pg::PausePoint(pg::PausePlace::kIndexHasGrown);
    const BlockNumber first = blocks - partial;
    for (int page = 0; page < layout.node_pages; page++)
        if (first + page >= blocks)
            RecordFreeSlots(index, graph, first + page, layout.nodes_per_page);
    // The upper pages of the map are what a search begins with.
    FreeSpaceMapVacuumRange(index, blocks, blocks + missing);
}

// A crash may have left a group without its last pages, where the copies of its nodes would be;
// VACUUM notes its node pages all the same.
void CompleteGroup(Relation index, const Graph &graph, BlockNumber block) {
    while (RelationGetNumberOfBlocks(index) < graph.layout.GroupEnd(block)) {
        CHECK_FOR_INTERRUPTS();
        ExtendByGroup(index, graph);
    }
}

bool TakeFrom(Relation index, const Graph &graph, BlockNumber block, FreeSlot *found) {
    // The map may be older than the file.
    if (!graph.layout.IsNodeBlock(block) || block >= RelationGetNumberOfBlocks(index)) return false;
    CompleteGroup(index, graph, block);
    store::PageRef page = store::OpenExclusive(index, block, store::PageKind::kNodes);
    for (int slot = 0; slot < graph.layout.nodes_per_page; slot++) {
        if (KindAt(graph, page, slot) != SlotKind::kFree) continue;
        const NodeId id = graph.layout.FirstNode(block) + static_cast<NodeId>(slot);
        const auto *record = reinterpret_cast<const NodeHeader *>(
            page.fresh ? nullptr : graph.RecordAt(page.content, id));
        *found = {page, id, record == nullptr ? uint8_t{0} : record->generation};
        return true;
    }
    store::Close(page);
    return false;
}

}  // namespace

int CountFreeSlots(const Graph &graph, const store::PageRef &page) {
    int count = 0;
    for (int slot = 0; slot < graph.layout.nodes_per_page; slot++)
        count += KindAt(graph, page, slot) == SlotKind::kFree;
    return count;
}

void RecordFreeSlots(Relation index, const Graph &graph, BlockNumber block, int slots) {
    RecordPageWithFreeSpace(index, block, SpaceOf(graph, slots));
}

void RecordFreeTail(Relation index, const Graph &graph, NodeId end) {
    const BlockNumber blocks = RelationGetNumberOfBlocks(index);
    const uint64_t nodes = graph.layout.NodesWithin(blocks);
    const int per_page = graph.layout.nodes_per_page;
    if (end >= nodes) return;
    for (uint64_t id = end / per_page * per_page; id < nodes; id += per_page) {
        const int used = id < end ? static_cast<int>(end - id) : 0;
        if (used < per_page)
            RecordFreeSlots(index, graph, graph.layout.NodeBlock(static_cast<NodeId>(id)),
                            per_page - used);
    }
    FreeSpaceMapVacuum(index);
}

FreeSlot TakeFreeSlot(Relation index, const Graph &graph) {
    FreeSlot found;
    const Oid file = RelationFileNumber(index);
    if (last_page.file == file && TakeFrom(index, graph, last_page.block, &found)) return found;
    const Size needed = SpaceOf(graph, 1);
    BlockNumber block = GetPageWithFreeSpace(index, needed);
    for (;;) {
        CHECK_FOR_INTERRUPTS();
        while (block != InvalidBlockNumber) {
            if (TakeFrom(index, graph, block, &found)) {
                last_page = {file, block};
                return found;
            }
            block = RecordAndGetPageWithFreeSpace(index, block, 0, needed);
        }
        ExtendByGroup(index, graph);
        block = GetPageWithFreeSpace(index, needed);
    }
}

}  // namespace vecx::hnsw

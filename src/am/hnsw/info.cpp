// Counts what is in an hnsw index; see the header.

#include "am/hnsw/info.h"

#include "am/hnsw/node_blocks.h"

namespace vecx::hnsw {
namespace {

void CountNode(const NodeRecord &record, IndexCounts *counts) {
    const NodeHeader &header = record.header();
    if (header.flags & kTombstone) {
        counts->tombstones++;
        return;
    }
    counts->levels = std::max(counts->levels, header.level + 1);
    counts->unlinked += !(header.flags & kLinked);
    if (header.level > 0) {
        counts->upper_nodes++;
        return;
    }
    counts->nodes++;
    counts->rows += static_cast<bool>(header.row);
    for (int slot = 0; slot < record.shape().edges; slot++)
        counts->edges += static_cast<bool>(record.Link(slot));
}

void CountSlot(const RecordShape &shape, char *record, IndexCounts *counts) {
    const auto *duplicates = reinterpret_cast<const DuplicatesRecord *>(record);
    switch (duplicates->kind) {
        case SlotKind::kNode:
            return CountNode(NodeRecord(shape, record), counts);
        case SlotKind::kDuplicates:
            if (duplicates->flags & kTombstone) {
                counts->tombstones++;
                return;
            }
            counts->rows += duplicates->count;
            counts->duplicates += duplicates->count;
            return;
        case SlotKind::kContinuation:
            return;
        default:
            counts->free_slots++;
    }
}

}  // namespace

IndexCounts CountIndex(Relation index, const Graph &graph) {
    IndexCounts counts = {};
    // The cache entry of the relation, and this graph with it, may go meanwhile.
    const Layout layout = graph.layout;
    const RecordShape shape = graph.shape;
    counts.total_pages = RelationGetNumberOfBlocks(index);
    const BufferAccessStrategy strategy = GetAccessStrategy(BAS_BULKREAD);
    NodeBlocks blocks(index, layout, counts.total_pages);
    for (BlockNumber block; (block = blocks.Next()) != InvalidBlockNumber;) {
        CHECK_FOR_INTERRUPTS();
        counts.node_pages++;
        store::PageRef page = store::OpenShared(index, block, store::PageKind::kNodes, strategy);
        for (int slot = 0; slot < layout.nodes_per_page; slot++) {
            if (page.fresh)
                counts.free_slots++;
            else
                CountSlot(shape, page.content + static_cast<Size>(slot) * shape.size, &counts);
        }
        store::Close(page);
    }
    return counts;
}

}  // namespace vecx::hnsw

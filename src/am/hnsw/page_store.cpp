// Searches of the graph on pages; see the header.

#include "am/hnsw/page_store.h"

namespace vecx::hnsw {

SearchMemory NewSearchMemory(int width) {
    const int widest = std::max(width, kWideDescentWidth);
    SearchMemory memory;
    memory.width = width;
    memory.pool = static_cast<Candidate *>(palloc(Pool::Slots(widest) * sizeof(Candidate)));
    memory.visited_slots = VisitedSlotsFor(widest);
    memory.visited = static_cast<NodeId *>(palloc(memory.visited_slots * sizeof(NodeId)));
    memory.expansion = static_cast<Expansion *>(palloc(sizeof(Expansion)));
    return memory;
}

// The distances of all neighbours that were not seen before, each from its own page.
bool PageStore::ExpandByNodes(NodeLink link, float bound, Expansion *expansion) {
    const RecordShape &shape = graph_->shape;
    NodeLink found[kMaxEdges];
    int count = 0;
    const bool expanded = WithNode(link, [&](const NodeRecord &record, const Sq8View &own) {
        ExpandNode(record, own, *query_, expansion);
        if (keep_ != nullptr) Keep(own);
        if (measured_ != nullptr && expansion->live) {
            const DistanceRange range =
                RangeOfCopy(*graph_, *measured_, reinterpret_cast<const char *>(own.codes));
            expansion->low = range.low;
            expansion->high = range.high;
        }
        for (int slot = 0; slot < shape.edges; slot++)
            if (record.Link(slot)) found[count++] = record.Link(slot);
    });
    if (!expanded) return false;
    AddSeen(link.id);
    // Who only wants to know about the node itself takes no neighbours.
    if (shape.metric != Metric::kInnerProduct && bound <= 0) return true;
    int unseen = 0;
    for (int i = 0; i < count; i++) {
        if (seen_.Contains(found[i].id)) continue;
        AddSeen(found[i].id);
        store::PrefetchEntry(index_, graph_->layout.NodeBlock(found[i].id));
        found[unseen++] = found[i];
    }
    constexpr int kAhead = 3;
    for (int i = 0; i < std::min(kAhead, unseen); i++) PrefetchOwn(found[i]);
    for (int i = 0; i < unseen; i++) {
        CHECK_FOR_INTERRUPTS();
        if (i + kAhead < unseen) PrefetchOwn(found[i + kAhead]);
        float key = 0;
        const bool exists = WithNode(found[i], [&](const NodeRecord &, const Sq8View &own) {
            key = NodeDistanceFrom(shape, *query_, own);
        });
        if (exists && key < bound)
            expansion->neighbors[expansion->count++] = {key, found[i].id, found[i].generation,
                                                        false};
    }
    return true;
}

void PageStore::PrefetchOwn(NodeLink link) {
    if (link.id >= nodes_) return;
    const RecordShape &shape = graph_->shape;
    const int bytes = shape.own_inside ? shape.own + shape.own_bytes : shape.own;
    store::Prefetch(index_, graph_->layout.NodeBlock(link.id),
                    graph_->layout.NodeSlot(link.id) * shape.size, std::min(bytes, kPrefetched));
}

void PageStore::ForgetSeen() {
    if (seen_memory_ != nullptr) return seen_.Clear();
    constexpr size_t kSlots = 2048;
    seen_memory_ = static_cast<NodeId *>(palloc(kSlots * sizeof(NodeId)));
    seen_ = VisitedSet(seen_memory_, kSlots);
}

void PageStore::AddSeen(NodeId id) {
    if (seen_.IsCrowded()) {
        const size_t slots = seen_.capacity() * 4;
        if (slots * sizeof(NodeId) > seen_limit_) {
            seen_.Clear();
            seen_.Add(id);
            return;
        }
        auto *larger = static_cast<NodeId *>(
            MemoryContextAllocHuge(GetMemoryChunkContext(seen_memory_), slots * sizeof(NodeId)));
        seen_.MoveTo(larger, slots);
        pfree(seen_memory_);
        seen_memory_ = larger;
    }
    seen_.Add(id);
}

int Descend(PageStore &store, const GraphQuery &query, const Entry &entry, int level, int width,
            const SearchMemory &memory, Candidate *starts) {
    starts[0] = {0, entry.link.id, entry.link.generation, false};
    int count = 1;
    for (int at = entry.level; at > level; at--) {
        CHECK_FOR_INTERRUPTS();
        store.Aim(query, at);
        Pool pool(memory.pool, width);
        VisitedSet visited(memory.visited, VisitedSlotsFor(width));
        for (int i = 0; i < count; i++) pool.Push(starts[i].key, starts[i].Link());
        // The nearest few, sorted; nodes whose copy below is gone lead nowhere.
        int found = 0;
        Candidate below[kDescentEntries];
        SearchGraph(store, pool, visited, memory.expansion, [&](const Expansion &expansion) {
            if (!expansion.next) return;
            int place = found;
            while (place > 0 && below[place - 1].key > expansion.key) place--;
            if (place == kDescentEntries) return;
            if (found < kDescentEntries) found++;
            memmove(below + place + 1, below + place, (found - 1 - place) * sizeof(Candidate));
            below[place] = {expansion.key, expansion.next.id, expansion.next.generation, false};
            // Where the next level begins, most likely.
            if (place == 0) store.Prefetch(expansion.next);
        });
        count = found;
        memcpy(starts, below, found * sizeof(Candidate));
        if (count == 0) return 0;
    }
    return count;
}

bool IsFarFrom(PageStore &store, const GraphQuery &query, int level, NodeLink nearest,
               float distance) {
    bool far = false;
    store.Aim(query, level);
    store.WithNode(
        nearest, [&](const NodeRecord &record, const Sq8View &) { far = IsFar(record, distance); });
    return far;
}

void ReadCopy(Relation index, const Graph &graph, NodeId id, int offset, int bytes, char *out) {
    BlockNumber block = graph.layout.CopyBlock(id) + offset / store::kPageCapacity;
    offset = offset % store::kPageCapacity + graph.layout.CopyOffset(id);
    while (bytes > 0) {
        const int here = std::min(bytes, store::kPageCapacity - offset);
        store::PageRef page = store::OpenShared(index, block, store::PageKind::kVectors);
        if (page.fresh)
            memset(out, 0, here);
        else
            memcpy(out, page.content + offset, here);
        store::Close(page);
        out += here;
        bytes -= here;
        offset = 0;
        block++;
    }
}

void PageStore::ReadOwnOutside(NodeId id) {
    ReadCopy(index_, *graph_, id, 0, graph_->shape.own_bytes, reinterpret_cast<char *>(own_));
}

}  // namespace vecx::hnsw

// Searches of the graph on pages; see the header.

#include "am/hnsw/page_store.h"

namespace vecx::hnsw {

SearchMemory NewSearchMemory(int width) {
    const int widest = std::max(width, kDescentWidth);
    SearchMemory memory;
    memory.width = width;
    memory.pool = static_cast<Candidate *>(palloc(Pool::Slots(widest) * sizeof(Candidate)));
    memory.visited_slots = VisitedSlotsFor(widest);
    memory.visited = static_cast<NodeId *>(palloc(memory.visited_slots * sizeof(NodeId)));
    memory.expansion = static_cast<Expansion *>(palloc(sizeof(Expansion)));
    return memory;
}

int Descend(PageStore &store, const GraphQuery &query, const Entry &entry, int level,
            const SearchMemory &memory, Candidate *starts) {
    starts[0] = {0, entry.link.id, entry.link.generation, false};
    int count = 1;
    for (int at = entry.level; at > level; at--) {
        CHECK_FOR_INTERRUPTS();
        store.Aim(query, at);
        Pool pool(memory.pool, kDescentWidth);
        VisitedSet visited(memory.visited, VisitedSlotsFor(kDescentWidth));
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
        });
        count = found;
        memcpy(starts, below, found * sizeof(Candidate));
        if (count == 0) return 0;
    }
    return count;
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

}  // namespace vecx::hnsw

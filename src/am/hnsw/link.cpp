// Edges of the graph on pages; see the header.

#include "am/hnsw/link.h"

#include "pg/pause_point.h"
#include "store/log.h"

namespace vecx::hnsw {
namespace {

// The record of a node on its page, locked exclusively, or false if the slot is not that node's.
bool OpenNode(Relation index, const Graph &graph, NodeLink node, store::PageRef *page) {
    *page = store::OpenExclusive(index, graph.layout.NodeBlock(node.id), store::PageKind::kNodes);
    if (!page->fresh) {
        const NodeRecord record(graph.shape, graph.RecordAt(page->content, node.id));
        if (record.header().kind == SlotKind::kNode &&
            record.header().generation == node.generation)
            return true;
    }
    store::Close(*page);
    return false;
}

// Puts a changed copy of a record in its place on an open page.
void Replace(Relation index, const Graph &graph, NodeId id, const store::PageRef &page,
             const char *changed) {
    store::ChangeBytes(index, page, graph.layout.NodeSlot(id) * graph.shape.size, changed,
                       graph.shape.size);
}

// Memory for what a search has found. The inserts of a backend use one piece in turn: one made for
// each would be given back to the system after each, and come back from there page by page.
char *kept_memory = nullptr;
Size kept_bytes = 0;

char *FoundMemory(Size bytes, LinkUse use) {
    constexpr Size kMostKept = 1 << 20;
    if (use != LinkUse::kInsert || bytes > kMostKept)
        return static_cast<char *>(palloc_extended(bytes, MCXT_ALLOC_HUGE));
    if (bytes > kept_bytes) {
        char *memory = static_cast<char *>(MemoryContextAlloc(TopMemoryContext, bytes));
        if (kept_memory != nullptr) pfree(kept_memory);
        kept_memory = memory;
        kept_bytes = bytes;
    }
    return kept_memory;
}

}  // namespace

LinkMemory NewLinkMemory(const Graph &graph, int width, LinkUse use) {
    const int padded = graph.shape.padded;
    LinkMemory memory = {};
    memory.search = NewSearchMemory(width);
    const Size capacity = memory.search.visited_slots / 2 + 1;
    memory.own.capacity = static_cast<int>(capacity);
    char *found = FoundMemory(capacity * (sizeof(LinkCandidate) + sizeof(Sq8View) +
                                          static_cast<Size>(MostOwnBytes(graph.shape))),
                              use);
    memory.found = reinterpret_cast<LinkCandidate *>(found);
    memory.own.views = reinterpret_cast<Sq8View *>(memory.found + capacity);
    memory.own.codes = reinterpret_cast<uint8_t *>(memory.own.views + capacity);
    memory.node = static_cast<float *>(palloc(padded * sizeof(float)));
    memory.neighbor = static_cast<float *>(palloc(padded * sizeof(float)));
    memory.query_memory =
        reinterpret_cast<void *>(TYPEALIGN(64, palloc(QueryBytes(graph.shape) + 64)));
    memory.record = static_cast<char *>(palloc(graph.shape.size));
    if (!graph.shape.HasEdgeCodes())
        memory.outside = static_cast<uint8_t *>(palloc(MostOwnBytes(graph.shape)));
    return memory;
}

Size LinkBytesPerWidth(const Graph &graph) {
    constexpr int kWidth = 1 << 10;
    const Size visited = VisitedSlotsFor(kWidth);
    const Size found = MostOwnBytes(graph.shape) + sizeof(Sq8View) + sizeof(LinkCandidate);
    return visited * (sizeof(NodeId) + found / 2) / kWidth;
}

int FindNear(PageStore &store, const GraphQuery &query, int level, const Candidate *starts,
             int start_count, NodeId exclude, LinkMemory &memory) {
    CHECK_FOR_INTERRUPTS();
    memory.own.count = 0;
    store.Aim(query, level, &memory.own);
    Pool pool(memory.search.pool, memory.search.width);
    VisitedSet visited(memory.search.visited, memory.search.visited_slots);
    for (int i = 0; i < start_count; i++) pool.Push(starts[i].key, starts[i].Link());
    int expanded = 0, count = 0;
    SearchGraph(store, pool, visited, memory.search.expansion, [&](const Expansion &expansion) {
        const Sq8View &own = memory.own.views[expanded++];
        if (expansion.live && expansion.link.id != exclude)
            memory.found[count++] = {expansion.link, expansion.distance, own, false};
    });
    std::sort(memory.found, memory.found + count,
              [](const LinkCandidate &a, const LinkCandidate &b) {
                  return a.distance != b.distance ? a.distance < b.distance : a.link.id < b.link.id;
              });
    return count;
}

bool MeasureOnPages(Relation index, const Graph &graph, const NodeRecord &record, NodeLink newcomer,
                    const GraphQuery &query, float distance, OfferKind kind, uint8_t *codes,
                    float *distances) {
    const auto distance_to = [&](int slot) {
        Sq8View view;
        return ReadOwn(index, graph, record.Link(slot), codes, &view)
                   ? NodeDistanceFrom(graph.shape, query, view)
                   : std::numeric_limits<float>::infinity();
    };
    return MeasureForOffer(record, newcomer, distance, kind, distance_to, distances);
}

namespace {

// Copies a node's record; false if it is gone or dead.
bool CopyLiveRecord(Relation index, const Graph &graph, NodeLink node, int level, char *out) {
    store::PageRef page =
        store::OpenShared(index, graph.layout.NodeBlock(node.id), store::PageKind::kNodes);
    if (!page.fresh) memcpy(out, graph.RecordAt(page.content, node.id), graph.shape.size);
    const bool fresh = page.fresh;
    store::Close(page);
    const NodeHeader &header = NodeRecord(graph.shape, out).header();
    return !fresh && header.IsLive() && header.generation == node.generation &&
           header.level == level;
}

// Both records have the same edges with the same marks.
bool HaveSameEdges(const NodeRecord &a, const NodeRecord &b) {
    const RecordShape &shape = a.shape();
    return memcmp(a.Kept(), b.Kept(), 2 * shape.MaskWords() * sizeof(uint32_t)) == 0 &&
           memcmp(a.Ids(), b.Ids(), shape.edges * sizeof(NodeId)) == 0 &&
           memcmp(a.Generations(), b.Generations(), shape.edges) == 0;
}

// With node codes: the distances that the decision needs are read before the target is locked, and
// hold if its edges are still the same then. Where they have changed twice, the offer is dropped:
// others were faster to find this neighbourhood.
bool OfferByNodes(Relation index, const Graph &graph, NodeLink target, int level, NodeLink newcomer,
                  const GraphQuery &query, float distance, OfferKind kind, LinkMemory &memory) {
    constexpr int kAttempts = 2;
    const NodeRecord record(graph.shape, memory.record);
    for (int attempt = 0; attempt < kAttempts; attempt++) {
        if (!CopyLiveRecord(index, graph, target, level, memory.record)) return false;
        float distances[kMaxEdges];
        if (!MeasureOnPages(index, graph, record, newcomer, query, distance, kind, memory.outside,
                            distances))
            return false;
        store::PageRef page;
        if (!OpenNode(index, graph, target, &page)) return false;
        const NodeRecord now(graph.shape, graph.RecordAt(page.content, target.id));
        const bool same = now.header().IsLive() && HaveSameEdges(now, record);
        EdgeResult result = EdgeResult::kRefused;
        if (same) {
            memcpy(memory.record, now.base(), graph.shape.size);
            result = OfferNodeEdge(record, newcomer, distance, distances, kind);
            if (result == EdgeResult::kAdded) Replace(index, graph, target.id, page, memory.record);
        }
        store::Close(page);
        if (same) return result != EdgeResult::kRefused;
    }
    return false;
}

}  // namespace

bool OfferOnPage(Relation index, const Graph &graph, NodeLink target, int level,
                 const EdgeTarget &newcomer, const GraphQuery &query, float distance,
                 OfferKind kind, LinkMemory &memory) {
    CHECK_FOR_INTERRUPTS();
    if (!graph.shape.HasEdgeCodes())
        return OfferByNodes(index, graph, target, level, newcomer.link, query, distance, kind,
                            memory);
    uint8_t *outside = nullptr;
    if (!graph.shape.own_inside) {
        Sq8View view;
        outside = memory.outside == nullptr
                      ? memory.outside = static_cast<uint8_t *>(palloc(graph.shape.own_bytes))
                      : memory.outside;
        if (!ReadOwn(index, graph, target, outside, &view)) return false;
    }
    store::PageRef page;
    if (!OpenNode(index, graph, target, &page)) return false;
    EdgeResult result = EdgeResult::kRefused;
    // Tried on a copy: most offers are refused, and a refusal writes nothing.
    memcpy(memory.record, graph.RecordAt(page.content, target.id), graph.shape.size);
    const NodeRecord record(graph.shape, memory.record);
    if (record.header().IsLive() && record.header().level == level) {
        result = OfferEdge(record, record.OwnVector(outside), memory.neighbor, newcomer, query,
                           distance, kind);
        if (result == EdgeResult::kAdded) Replace(index, graph, target.id, page, memory.record);
    }
    store::Close(page);
    return result != EdgeResult::kRefused;
}

namespace {

constexpr int kAnchorWalks = 4;

// Of those whom the newcomer has as filling only, so many are asked to take it, the nearest. A
// third would do so; but each is one more page that changes, and they have better ways to it, by
// those that the newcomer keeps. Not so for the inner product, where filling is how outliers are
// found, and where node codes leave so much less to write.
int MostOfferedFilling(const RecordShape &shape) {
    const bool few = shape.HasEdgeCodes() && !shape.has_excesses;
    return few ? shape.edges / 8 : shape.edges;
}

// As GraphBuilder::Anchor does where no neighbour has room: at one of those that they hold.
bool AnchorBelow(Relation index, const Graph &graph, NodeLink at, int level,
                 const EdgeTarget &newcomer, const GraphQuery &query, LinkMemory &memory) {
    auto *codes = static_cast<uint8_t *>(palloc(MostOwnBytes(graph.shape)));
    bool taken = false;
    NodeLink before = kNoLink;
    for (int step = 0; step < kAnchorSteps && !taken; step++) {
        store::PageRef page =
            store::OpenShared(index, graph.layout.NodeBlock(at.id), store::PageKind::kNodes);
        NodeLink held = kNoLink;
        if (!page.fresh) {
            const NodeRecord record(graph.shape, graph.RecordAt(page.content, at.id));
            if (record.header().kind == SlotKind::kNode &&
                record.header().generation == at.generation)
                held = AnchoredLink(record, before, AnchorChoice(newcomer.link.id, step));
        }
        store::Close(page);
        Sq8View own;
        if (!held || held.id == newcomer.link.id || !ReadOwn(index, graph, held, codes, &own))
            break;
        const float distance = graph.shape.HasEdgeCodes()
                                   ? QueryDistance(graph.shape, query, own)
                                   : NodeDistanceFrom(graph.shape, query, own);
        if (OfferOnPage(index, graph, held, level, newcomer, query, distance, OfferKind::kAnchor,
                        memory)) {
            HoldOnPage(index, graph, newcomer.link, newcomer.rotated, held, distance, memory);
            taken = true;
        }
        before = at;
        at = held;
    }
    pfree(codes);
    return taken;
}

}  // namespace

bool OfferToAll(Relation index, const Graph &graph, const LinkCandidate *chosen, int count,
                int level, const EdgeTarget &newcomer, const GraphQuery &query,
                LinkMemory &memory) {
    const auto offer = [&](int i, OfferKind kind) {
        return OfferOnPage(index, graph, chosen[i].link, level, newcomer, query, chosen[i].distance,
                           kind, memory);
    };
    bool anchored = false;
    int filling = MostOfferedFilling(graph.shape);
    for (int i = 0; i < count; i++) {
        if (!anchored && offer(i, OfferKind::kAnchor)) {
            HoldOnPage(index, graph, newcomer.link, newcomer.rotated, chosen[i].link,
                       chosen[i].distance, memory);
            anchored = true;
            pg::PausePoint(pg::PausePlace::kInsertWasTaken);
        } else if (chosen[i].kept || filling-- > 0) {
            // Who holds as many anchors as it may can still take an edge like any other.
            offer(i, OfferKind::kOrdinary);
        }
    }
    if (anchored) return true;
    for (int i = 0; i < std::min(count, kAnchorWalks) && !anchored; i++)
        anchored = AnchorBelow(index, graph, chosen[i].link, level, newcomer, query, memory);
    return anchored;
}

bool ReadOwn(Relation index, const Graph &graph, NodeLink node, uint8_t *codes, Sq8View *view) {
    if (!graph.shape.own_inside)
        ReadCopy(index, graph, node.id, 0, graph.shape.own_bytes, reinterpret_cast<char *>(codes));
    store::PageRef page =
        store::OpenShared(index, graph.layout.NodeBlock(node.id), store::PageKind::kNodes);
    bool found = false;
    NodeLink more = kNoLink;
    if (!page.fresh) {
        const NodeRecord record(graph.shape, graph.RecordAt(page.content, node.id));
        found = record.header().kind == SlotKind::kNode &&
                record.header().generation == node.generation && HasSoundOwn(record);
        if (found) {
            if (graph.shape.own_inside) memcpy(codes, record.Own(), graph.shape.own_bytes);
            *view = record.OwnVector(codes);
            if (graph.shape.codec == Codec::kSparse) more = record.header().More();
        }
    }
    store::Close(page);
    if (found && more) return ReadContinuation(index, graph, more, reinterpret_cast<char *>(codes));
    return found;
}

GraphQuery QueryOfNode(const RecordShape &shape, const Sq8View &own, float *node, void *memory) {
    if (!shape.HasEdgeCodes()) return PrepareNodeQuery(shape, own, false, memory);
    ActiveKernels().codes.decode_u8(own.codes, own.scale, own.offset, node, shape.padded);
    return PrepareQuery(shape, node, false, memory);
}

void HoldOnPage(Relation index, const Graph &graph, NodeLink node, const float *vector,
                NodeLink anchorage, float distance, LinkMemory &memory) {
    const RecordShape &shape = graph.shape;
    EdgeTarget target = {anchorage, memory.neighbor, 0};
    if (shape.HasEdgeCodes()) {
        auto *codes = static_cast<uint8_t *>(palloc(MostOwnBytes(shape)));
        Sq8View own;
        const bool found = ReadOwn(index, graph, anchorage, codes, &own);
        if (found)
            ActiveKernels().codes.decode_u8(own.codes, own.scale, own.offset, memory.neighbor,
                                            shape.padded);
        pfree(codes);
        if (!found) return;
        target.excess = own.excess;
    }
    store::PageRef page;
    if (!OpenNode(index, graph, node, &page)) return;
    memcpy(memory.record, graph.RecordAt(page.content, node.id), shape.size);
    const NodeRecord record(shape, memory.record);
    HoldEdge(record, vector, target, distance);
    Replace(index, graph, node.id, page, memory.record);
    store::Close(page);
}

void MarkLinked(Relation index, const Graph &graph, NodeLink node) {
    store::PageRef page;
    if (!OpenNode(index, graph, node, &page)) return;
    const NodeRecord record(graph.shape, graph.RecordAt(page.content, node.id));
    const uint8_t flags = record.header().flags | kLinked;
    store::ChangeBytes(index, page,
                       graph.layout.NodeSlot(node.id) * graph.shape.size +
                           static_cast<int>(offsetof(NodeHeader, flags)),
                       &flags, sizeof(flags));
    store::Close(page);
}

namespace {

// Gives a node that has no edge at all the chosen ones.
void WriteMissingEdges(Relation index, const Graph &graph, NodeLink node, int count,
                       LinkMemory &memory) {
    store::PageRef page;
    if (!OpenNode(index, graph, node, &page)) return;
    memcpy(memory.record, graph.RecordAt(page.content, node.id), graph.shape.size);
    const NodeRecord record(graph.shape, memory.record);
    bool empty = record.header().IsLive();
    for (int slot = 0; slot < graph.shape.edges && empty; slot++) empty = !record.Link(slot);
    if (empty) {
        WriteEdges(record, memory.node, memory.found, count, memory.neighbor);
        Replace(index, graph, node.id, page, memory.record);
    }
    store::Close(page);
}

}  // namespace

bool Relink(PageStore &store, const Entry &entry, NodeLink node, int level, LinkMemory &memory) {
    const Graph &graph = store.graph();
    const RecordShape &shape = graph.shape;
    auto *codes = static_cast<uint8_t *>(palloc(MostOwnBytes(shape)));
    Sq8View own;
    bool taken = false;
    if (entry.link && ReadOwn(store.index(), graph, node, codes, &own)) {
        const GraphQuery query = QueryOfNode(shape, own, memory.node, memory.query_memory);
        Candidate starts[kDescentEntries];
        int found = 0;
        for (int width : {kDescentWidth, kWideDescentWidth}) {
            const int start_count =
                Descend(store, query, entry, level, width, memory.search, starts);
            found = FindNear(store, query, level, starts, start_count, node.id, memory);
            if (found == 0 ||
                !IsFarFrom(store, query, level, memory.found[0].link, memory.found[0].distance))
                break;
        }
        const int count = SelectNeighbors(shape, memory.found, found);
        WriteMissingEdges(store.index(), graph, node, count, memory);
        taken = OfferToAll(store.index(), graph, memory.found, count, level,
                           {node, memory.node, own.excess}, query, memory);
    }
    MarkLinked(store.index(), graph, node);
    pfree(codes);
    return taken;
}

}  // namespace vecx::hnsw

// The second pass of VACUUM: replaces edges that lead to tombstones, and anchors and links anew
// what has lost its neighbours by that.

#include "am/hnsw/vacuum.h"

namespace vecx::hnsw {
namespace {

// So many replacements are offered for each edge that is lost. With all that there are, a node
// would be as well linked as a new one; with these it nearly is, and reads a quarter of the pages.
constexpr int64 kOffersPerEdge = 4;

// Where ids are looked at in memory alone.
constexpr uint64_t kNodesBetweenInterrupts = 1 << 20;

bool ByDistance(const Replacement &a, const Replacement &b) {
    return a.distance != b.distance ? a.distance < b.distance : a.link.id < b.link.id;
}
// What the dead kept leads to where it led; its filling is near to one of those.
bool ByWorth(const Replacement &a, const Replacement &b) {
    return a.kept != b.kept ? a.kept : ByDistance(a, b);
}
bool ById(const Replacement &a, const Replacement &b) {
    return a.link.id != b.link.id ? a.link.id < b.link.id : ByWorth(a, b);
}

}  // namespace

void Vacuum::MendEdges() {
    const auto aligned = [](Size bytes) {
        return reinterpret_cast<void *>(TYPEALIGN(64, palloc(bytes + 64)));
    };
    trees_ = static_cast<NodeId *>(MemoryContextAllocExtended(
        CurrentMemoryContext, (nodes_ + 1) * sizeof(NodeId), MCXT_ALLOC_HUGE));
    for (uint64_t id = 0; id < nodes_; id++) {
        if (id % kNodesBetweenInterrupts == 0) CHECK_FOR_INTERRUPTS();
        trees_[id] = static_cast<NodeId>(id);
    }
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
            if (to < nodes_ && record.IsAnchored(slot)) Connect(id, to);
        }
    });
}

// Anchors lead both ways and stay, so what they connect can be reached from each of its nodes. The
// id that stands for all of them; ways there are made shorter.
NodeId Vacuum::TreeOf(NodeId id) {
    while (trees_[id] != id) id = trees_[id] = trees_[trees_[id]];
    return id;
}

void Vacuum::FindMain() {
    std::fill(std::begin(main_), std::end(main_), kNoNode);
    OpenGraph(index_, &entry_);
    NodeLink link = entry_.link;
    for (int level = entry_.level; link && link.id < nodes_ && level >= 0; level--) {
        SlotHead head;
        main_[level] = link.id;
        if (!ReadHead(link, &head)) return;
        link = head.Next();
    }
}

bool Vacuum::IsMain(NodeId id) {
    const NodeId tree = TreeOf(id);
    return std::any_of(std::begin(main_), std::end(main_),
                       [&](NodeId other) { return other != kNoNode && TreeOf(other) == tree; });
}

// Into neighbor_record_.
bool Vacuum::ReadLiveNode(NodeId id, NodeLink *link) {
    store::PageRef page = OpenShared(graph_.layout.NodeBlock(id));
    const bool fresh = page.fresh;
    if (!fresh) memcpy(neighbor_record_, graph_.RecordAt(page.content, id), shape_.size);
    store::Close(page);
    if (fresh) return false;
    const NodeHeader &header = NodeRecord(shape_, neighbor_record_).header();
    *link = {id, header.generation};
    return header.IsLive();
}

// Those that were anchored at nodes that died, or whose inserts did not get so far: anchored again
// at the nearest of their own neighbours, without a search. Only at one that the anchors do not
// connect with it yet: else those that live amid dead ones would hold each other, and nothing lead
// to them. Where they know nobody else, one of them is linked by a search.
void Vacuum::AnchorAll() {
    LinkMemory memory = NewLinkMemory(graph_, PoolWidthFor(shape_, graph_.ef_construction));
    FindMain();
    NodeLink node;
    for (const bool search : {false, true})
        for (uint64_t i = 0; i < nodes_; i++) {
            const auto id = static_cast<NodeId>(i);
            // A page each would be too seldom where nearly all are connected.
            if (i % kNodesBetweenInterrupts == 0) CHECK_FOR_INTERRUPTS();
            if (IsDead(id) || IsMain(id)) continue;
            VacuumDelayPoint();
            if (!ReadLiveNode(id, &node)) continue;
            const uint8_t level = NodeRecord(shape_, neighbor_record_).header().level;
            if (!search) {
                Anchor(node, level, memory);
            } else if (level <= entry_.level && main_[level] != kNoNode) {
                lonely_.Append({node, level});
                Connect(id, main_[level]);
            }
        }
}

// The record is in neighbor_record_.
void Vacuum::Anchor(NodeLink node, int level, LinkMemory &memory) {
    const NodeRecord record(shape_, neighbor_record_);
    replacements_.count = 0;
    for (int slot = 0; slot < shape_.edges; slot++)
        if (record.Link(slot) && !AreConnected(node.id, record.Link(slot).id))
            replacements_.Append(
                {record.Link(slot), EdgeLength(record, slot), record.IsKept(slot)});
    if (replacements_.count == 0) return;
    Sq8View own = record.OwnVector();
    if (!HasOwnInside(record) && !ReadOwn(index_, graph_, node, codes_, &own)) return;
    query_ = QueryOfNode(shape_, own, node_, query_memory_);
    Replacement *items = replacements_.items;
    std::sort(items, items + replacements_.count, ByDistance);
    for (int64 i = 0; i < replacements_.count; i++)
        if (OfferOnPage(index_, graph_, items[i].link, level, {node, node_, own.excess}, query_,
                        items[i].distance, OfferKind::kAnchor, memory)) {
            HoldOnPage(index_, graph_, node, node_, items[i].link, items[i].distance, memory);
            Connect(node.id, items[i].link.id);
            return;
        }
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
    if (measured_) OfferReplacements(record, kOffersPerEdge * cleared);
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
    if (!shape_.HasEdgeCodes()) return CollectByNodes(id, record, dead);

    constexpr float kInfinity = std::numeric_limits<float>::infinity();
    const float distance = QueryDistance(shape_, query_, own);
    for (int batch = 0; batch < shape_.Batches(); batch++) {
        float estimates[kEdgeBatch];
        EstimateBatch(dead, batch, query_, distance, kInfinity, estimates);
        for (int lane = 0; lane < static_cast<int>(kEdgeBatch); lane++) {
            const int slot = batch * static_cast<int>(kEdgeBatch) + lane;
            const NodeLink link = dead.Link(slot);
            if (IsReplacement(id, record, link) && estimates[lane] < kInfinity)
                replacements_.Append({link, estimates[lane], dead.IsKept(slot)});
        }
    }
}

// With node codes: the distance from each of them.
void Vacuum::CollectByNodes(NodeId id, const NodeRecord &record, const NodeRecord &dead) {
    for (int slot = 0; slot < shape_.edges; slot++) {
        const NodeLink link = dead.Link(slot);
        Sq8View view;
        if (IsReplacement(id, record, link) &&
            ReadOwn(index_, graph_, link, neighbor_codes_, &view))
            replacements_.Append({link, NodeDistanceFrom(shape_, query_, view), dead.IsKept(slot)});
    }
}

// Most of the nearest are neighbours already, and must not stand in the way of those that are not.
bool Vacuum::IsReplacement(NodeId id, const NodeRecord &record, NodeLink link) {
    return link && link.id != id && !IsSuspect(link) && FindLink(record, link) < 0;
}

// Offers the best of the replacements to a copy of the node's record.
void Vacuum::OfferReplacements(const NodeRecord &record, int64 most) {
    Replacement *items = replacements_.items, *end = items + replacements_.count;
    std::sort(items, end, ById);
    end = std::unique(items, end, [](const Replacement &a, const Replacement &b) {
        return a.link.id == b.link.id;
    });
    std::sort(items, end, ByWorth);
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

}  // namespace vecx::hnsw

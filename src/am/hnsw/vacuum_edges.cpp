// The second pass of VACUUM: replaces edges that lead to tombstones, and anchors and links anew
// what has lost its neighbours by that.

#include "am/hnsw/vacuum.h"

namespace vecx::hnsw {
namespace {

// So many replacements are offered for each edge that is lost. With all that there are, a node
// would be as well linked as a new one; with these it nearly is, and reads a quarter of the pages.
constexpr int64 kOffersPerEdge = 4;
// With so few edges, each counts: a node that has lost an eighth of them is linked anew by a
// search.
constexpr int kFewEdges = 16;

// Where ids are looked at in memory alone.
constexpr uint64_t kNodesBetweenInterrupts = 1 << 20;

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
    node_ = static_cast<float *>(aligned(shape_.padded * sizeof(float)));
    neighbor_ = static_cast<float *>(aligned(shape_.padded * sizeof(float)));
    query_memory_ = aligned(QueryBytes(shape_));
    neighbor_query_memory_ = aligned(QueryBytes(shape_));
    owns_ = new (palloc(sizeof(OwnCache)))
        OwnCache(index_, graph_, nodes_, static_cast<Size>(VacuumWorkMem()) * 1024);
    replacements_ = new (palloc(sizeof(Replacements))) Replacements(shape_.edges);

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
        store::PageRef page = OpenNext(block);
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
    LinkMemory memory =
        NewLinkMemory(graph_, PoolWidthFor(shape_, graph_.ef_construction), LinkUse::kVacuum);
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
    replacements_->Clear();
    for (int slot = 0; slot < shape_.edges; slot++)
        if (record.Link(slot) && !AreConnected(node.id, record.Link(slot).id))
            replacements_->Add(record.Link(slot), EdgeLength(record, slot), record.IsKept(slot));
    if (replacements_->count() == 0) return;
    Sq8View own = record.OwnVector();
    if (!HasOwnInside(record) && !ReadOwn(index_, graph_, node, codes_, &own)) return;
    query_ = QueryOfNode(shape_, own, node_, query_memory_);
    replacements_->Sort();
    for (const Replacement &at : *replacements_)
        if (OfferOnPage(index_, graph_, at.link, level, {node, node_, own.excess}, query_,
                        at.distance, OfferKind::kAnchor, memory)) {
            HoldOnPage(index_, graph_, node, node_, at.link, at.distance, memory);
            Connect(node.id, at.link.id);
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
    const int cleared = ClearDeadEdges(id, record);
    if (cleared == 0) return false;
    const bool few = shape_.edges <= kFewEdges && cleared * 8 >= shape_.edges;
    // Of a node that has lost all, nobody may know any more: what is offered to it below lies
    // behind those that died, and has no edge to it.
    bool lonely = true;
    for (int slot = 0; slot < shape_.edges && lonely; slot++) lonely = !record.Link(slot);
    if (measured_) {
        const int64 most = kOffersPerEdge * cleared;
        for (int i = 0; i < cleared; i++) CollectBehind(record, lost_[i], most);
        OfferReplacements(record, most);
    }
    if (few || lonely) lonely_.Append({{id, record.header().generation}, record.header().level});
    return true;
}

int Vacuum::ClearDeadEdges(NodeId id, const NodeRecord &record) {
    int cleared = 0;
    for (int slot = 0; slot < shape_.edges; slot++) {
        const NodeLink link = record.Link(slot);
        if (!link || !IsSuspect(link)) continue;
        MeasureFrom(id, record);
        if (!CollectFrom(record, link)) continue;
        record.ClearEdge(slot);
        lost_[cleared++] = link;
    }
    return cleared;
}

// Makes what measures how far others are from this node.
void Vacuum::MeasureFrom(NodeId id, const NodeRecord &record) {
    if (measured_) return;
    own_ = record.OwnVector();
    if (!HasOwnInside(record) &&
        !ReadOwn(index_, graph_, {id, record.header().generation}, codes_, &own_))
        return;
    query_ = QueryOfNode(shape_, own_, node_, query_memory_);
    replacements_->Clear();
    replacements_->Exclude(id);
    for (int slot = 0; slot < shape_.edges; slot++)
        if (record.Link(slot)) replacements_->Exclude(record.Ids()[slot]);
    measured_ = true;
}

// The neighbours of a tombstone that a record has an edge to. False if it is a live node: the edge
// stays.
bool Vacuum::CollectFrom(const NodeRecord &record, NodeLink link) {
    if (!Exists(link.id)) return true;
    Sq8View own = {};
    const bool has_own = shape_.own_inside || !shape_.HasEdgeCodes() ||
                         ReadOwn(index_, graph_, link, neighbor_codes_, &own);
    store::PageRef page = OpenShared(graph_.layout.NodeBlock(link.id));
    bool live = false;
    if (!page.fresh) {
        const NodeRecord dead = RecordAt(page.content, link.id);
        const NodeHeader &header = dead.header();
        if (header.kind == SlotKind::kNode && header.generation == link.generation &&
            header.level == record.header().level) {
            live = header.IsLive();
            if (!live && measured_ && has_own)
                CollectByEstimates(dead, shape_.own_inside ? dead.OwnVector() : own);
        }
    }
    store::Close(page);
    return !live;
}

// Where most nodes have died, those that neighbours of a tombstone have led to, too: until there
// are as many as can be offered.
void Vacuum::CollectBehind(const NodeRecord &record, NodeLink link, int64 most) {
    if (replacements_->count() >= most || !Exists(link.id)) return;
    NodeLink behind[kMaxEdges];
    int count = 0;
    store::PageRef page = OpenShared(graph_.layout.NodeBlock(link.id));
    if (!page.fresh) {
        const NodeRecord dead = RecordAt(page.content, link.id);
        const NodeHeader &header = dead.header();
        if (header.kind == SlotKind::kNode && header.generation == link.generation)
            for (int slot = 0; slot < shape_.edges; slot++)
                if (dead.Link(slot) && IsSuspect(dead.Link(slot)))
                    behind[count++] = dead.Link(slot);
    }
    store::Close(page);
    for (int i = 0; i < count && replacements_->count() < most; i++)
        if (replacements_->Exclude(behind[i].id)) CollectFrom(record, behind[i]);
}

// With edge codes by the estimates that it makes; with node codes they are measured later.
void Vacuum::CollectByEstimates(const NodeRecord &dead, const Sq8View &own) {
    constexpr float kInfinity = std::numeric_limits<float>::infinity();
    float estimates[kMaxEdges] = {};
    if (shape_.HasEdgeCodes()) {
        const float distance = QueryDistance(shape_, query_, own);
        for (int batch = 0; batch < shape_.Batches(); batch++)
            EstimateBatch(dead, batch, query_, distance, kInfinity, estimates + batch * kEdgeBatch);
    }
    for (int slot = 0; slot < shape_.edges; slot++) {
        const NodeLink link = dead.Link(slot);
        if (link && !IsSuspect(link) && estimates[slot] < kInfinity)
            replacements_->Add(link, estimates[slot], dead.IsKept(slot));
    }
}

// From the node, by the vectors themselves.
void Vacuum::MeasureReplacements() {
    for (const Replacement &of : *replacements_) owns_->Prefetch(of.link.id);
    for (Replacement &of : *replacements_) {
        Sq8View view;
        of.distance = !owns_->Find(of.link, &view) ? std::numeric_limits<float>::infinity()
                      : shape_.HasEdgeCodes()      ? Sq8Distance(own_, view, shape_.padded)
                                                   : NodeDistanceFrom(shape_, query_, view);
    }
}

// Offers the best of the replacements to a copy of the node's record, the nearest first.
void Vacuum::OfferReplacements(const NodeRecord &record, int64 most) {
    if (!shape_.HasEdgeCodes()) MeasureReplacements();
    replacements_->Choose(most);
    if (shape_.HasEdgeCodes()) MeasureReplacements();
    replacements_->Sort();
    for (int slot = 0; slot < shape_.edges; slot++)
        if (record.Link(slot) && record.IsKept(slot)) owns_->Prefetch(record.Ids()[slot]);
    Neighborhood neighbors(record);
    for (const Replacement &newcomer : *replacements_) Offer(record, newcomer, &neighbors);
}

void Vacuum::Offer(const NodeRecord &record, const Replacement &newcomer, Neighborhood *neighbors) {
    Sq8View own, other;
    if (!std::isfinite(newcomer.distance) || !owns_->Find(newcomer.link, &own)) return;
    // The cache may put a neighbour's in its place.
    memcpy(neighbor_codes_, own.codes, OwnBytesOf(shape_, own.codes));
    own.codes = neighbor_codes_;
    const bool sparse = shape_.codec == Codec::kSparse;
    GraphQuery query = {};
    if (sparse) query = PrepareNodeQuery(shape_, own, false, neighbor_query_memory_);
    const int slot = neighbors->PlaceFor(newcomer.distance, [&](int of) {
        if (!owns_->Find(record.Link(of), &other)) return std::numeric_limits<float>::infinity();
        return sparse ? NodeDistanceFrom(shape_, query, other) : LinkDistance(shape_, own, other);
    });
    if (slot < 0) return;
    if (shape_.HasEdgeCodes()) {
        ActiveKernels().codes.decode_u8(own.codes, own.scale, own.offset, neighbor_, shape_.padded);
        SetEdge(record, slot, {newcomer.link, neighbor_, own.excess}, node_, newcomer.distance);
    } else {
        SetNodeEdge(record, slot, newcomer.link, newcomer.distance);
    }
    neighbors->Put(slot, newcomer.distance);
}

// Puts the mended records in their places. False if one of them has changed since it was copied.
bool Vacuum::ApplyPage(BlockNumber block) {
    bool all = true;
    store::PageRef page = OpenExclusive(block);
    ForEachSlot(block, [&](NodeId id) {
        const char *before = graph_.RecordAt(before_, id), *now = graph_.RecordAt(page.content, id);
        char *after = graph_.RecordAt(after_, id);
        if (memcmp(before, now, shape_.size) == 0) return;
        if (memcmp(before, after, shape_.size) != 0) all = false;
        memcpy(after, now, shape_.size);
    });
    store::ChangeBytes(index_, page, 0, after_, graph_.layout.nodes_per_page * shape_.size);
    store::Close(page);
    return all;
}

void Vacuum::RelinkAll(const List<LevelNode> &nodes) {
    if (nodes.count == 0) return;
    const MemoryContext context =
        AllocSetContextCreate(CurrentMemoryContext, "hnsw relink", ALLOCSET_DEFAULT_SIZES);
    LinkMemory memory =
        NewLinkMemory(graph_, PoolWidthFor(shape_, graph_.ef_construction), LinkUse::kVacuum);
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

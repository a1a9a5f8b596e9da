// Inserts one row into an hnsw index.
//
// The row's node goes to a free slot with all of its edges, in one WAL record, and is then offered
// to each of its neighbours, a page and a record at a time. No lock is held from one page to
// another but that of the new node's page over those of its copy. Stopped anywhere, this leaves a
// node that few edges lead to, never a wrong one; VACUUM finds it by its missing mark (kLinked).

#include "am/hnsw/free_space.h"
#include "am/hnsw/hnsw.h"
#include "am/hnsw/link.h"
#include "am/hnsw/node_vector.h"

#include "pg/pause_point.h"
#include "store/log.h"

namespace vecx::hnsw {
namespace {

// An UPDATE that left the vector as it was looks no further than this for the equal one.
constexpr int kShortWidth = 16;

class Inserter {
  public:
    Inserter(Relation index, const Graph &graph, const Entry &entry, const NodeVector &vector,
             RowId row)
        : index_(index),
          graph_(graph),
          shape_(graph.shape),
          entry_(entry),
          vector_(vector),
          row_(row),
          store_(index, graph) {
        if (!shape_.HasEdgeCodes()) {
            codes_ = reinterpret_cast<uint8_t *>(vector_.copy);
            parameters_ = {};
            parameters_.norm = OwnNorm(shape_, codes_);
            Sq8View own = {};
            own.codes = codes_;
            own.norm = parameters_.norm;
            query_ = PrepareNodeQuery(
                shape_, own, false,
                reinterpret_cast<void *>(TYPEALIGN(64, palloc(QueryBytes(shape_) + 64))));
            return;
        }
        rotated_ = static_cast<float *>(palloc(shape_.padded * sizeof(float)));
        node_ = static_cast<float *>(palloc(shape_.padded * sizeof(float)));
        codes_ = static_cast<uint8_t *>(palloc(shape_.padded));
        graph_.rotation.Apply(vector_.coordinates, nullptr, rotated_);
        parameters_ = EncodeSq8(rotated_, shape_.padded, codes_);
        parameters_.excess = vector_.excess;
        if (vector_.shortened) parameters_.error = std::numeric_limits<float>::infinity();
        ActiveKernels().codes.decode_u8(codes_, parameters_.scale, parameters_.offset, node_,
                                        shape_.padded);
        // The record's own vector is what others will measure by, so it is the query here.
        query_ =
            PrepareQuery(shape_, node_, false,
                         reinterpret_cast<void *>(TYPEALIGN(64, palloc(QueryBytes(shape_) + 64))));
    }

    void Run(bool vector_unchanged) {
        if (vector_unchanged && JoinEqualQuickly()) return;
        memory_ =
            NewLinkMemory(graph_, PoolWidthFor(shape_, graph_.ef_construction), LinkUse::kInsert);
        Random random(static_cast<uint64_t>(row_.block_high) << 32 |
                      static_cast<uint64_t>(row_.block_low) << 16 | row_.item);
        int level = DrawLevel(&random);
        Choice choices[kMaxLevel + 1] = {};
        if (entry_.link) level = Choose(level, choices);
        if (level < 0) return;
        pg::PausePoint(pg::PausePlace::kInsertHasChosen);

        NodeLink below = kNoLink;
        for (int at = 0; at <= level; at++) {
            below = WriteNode(at, below, choices[at]);
            choices[at].node = below;
        }
        pg::PausePoint(pg::PausePlace::kInsertHasWritten);
        for (int at = 0; at <= level; at++)
            if (!Offer(at, choices[at])) LinkAnew(at, choices[at].node);
        if (!entry_.link || level > entry_.level) Enter(below, level);
    }

  private:
    // The neighbours that were chosen on one level.
    struct Choice {
        NodeLink node;
        int count;
        LinkCandidate *neighbors;
    };

    int StartOn(int level, int descent_width, SearchMemory &memory, Candidate *starts) {
        return Descend(store_, query_, entry_, level, descent_width, memory, starts);
    }

    bool JoinEqualQuickly() {
        if (!entry_.link) return false;
        memory_ = NewLinkMemory(graph_, kShortWidth, LinkUse::kInsert);
        Candidate starts[kDescentEntries];
        const int count = StartOn(0, kDescentWidth, memory_.search, starts);
        const int found = FindNear(store_, query_, 0, starts, count, kNoNode, memory_);
        return JoinEqual(found);
    }

    // Chooses the neighbours on each level. Returns the level on which the node enters: the one
    // that was drawn, or 1 for a row that is far from all others; -1 if the row has joined a node
    // of equal vector.
    int Choose(int drawn, Choice *choices) {
        if (!ChooseFrom(drawn, kDescentWidth, choices)) return -1;
        if (!far_) return drawn;
        const int promoted = std::max(drawn, 1);
        if (!ChooseFrom(promoted, kWideDescentWidth, choices)) return -1;
        return far_ ? promoted : drawn;
    }

    // The same on the levels from `level` down; false if the row has joined a node.
    bool ChooseFrom(int level, int descent_width, Choice *choices) {
        const int top = std::min(level, entry_.level);
        Candidate starts[kDescentEntries];
        int start_count = StartOn(top, descent_width, memory_.search, starts);
        for (int at = top; at >= 0; at--) {
            const int found = FindNear(store_, query_, at, starts, start_count, kNoNode, memory_);
            if (at == 0 && JoinEqual(found)) return false;
            if (at > 0) start_count = StartsBelow(at, found, starts);
            far_ = found > 0 &&
                   IsFarFrom(store_, query_, at, memory_.found[0].link, memory_.found[0].distance);
            Choice &choice = choices[at];
            choice.count = SelectNeighbors(shape_, memory_.found, found);
            KeepChoice(&choice);
        }
        return true;
    }

    // The nodes one level below the nearest that were found, read anew: searches for links keep the
    // vectors, not these.
    int StartsBelow(int level, int found, Candidate *starts) {
        int count = 0;
        for (int i = 0; i < found && count < kDescentEntries; i++) {
            const NodeLink link = memory_.found[i].link;
            store_.Aim(query_, level);
            if (!store_.Expand(link, 0, memory_.search.expansion)) continue;
            const NodeLink next = memory_.search.expansion->next;
            if (next)
                starts[count++] = {memory_.found[i].distance, next.id, next.generation, false};
        }
        return count;
    }

    // The next search takes the memory again.
    void KeepChoice(Choice *choice) {
        choice->neighbors =
            static_cast<LinkCandidate *>(palloc((choice->count + 1) * sizeof(LinkCandidate)));
        auto *codes =
            static_cast<uint8_t *>(palloc(static_cast<Size>(choice->count + 1) * shape_.own_bytes));
        for (int i = 0; i < choice->count; i++) {
            choice->neighbors[i] = memory_.found[i];
            if (!shape_.HasEdgeCodes()) continue;
            memcpy(codes, memory_.found[i].vector.codes, shape_.own_bytes);
            choice->neighbors[i].vector.codes = codes;
            codes += shape_.own_bytes;
        }
    }

    // Is one of the nearest nodes of the very same vector? Then the row becomes one more of its.
    bool JoinEqual(int found) {
        for (int i = 0; i < found; i++) {
            const LinkCandidate &candidate = memory_.found[i];
            const Sq8View &other = candidate.vector;
            if (other.scale != parameters_.scale || other.offset != parameters_.offset ||
                other.sum != parameters_.sum)
                continue;
            const int bytes = OwnBytesOf(shape_, codes_);
            if (OwnBytesOf(shape_, other.codes) != bytes || memcmp(other.codes, codes_, bytes) != 0)
                continue;
            if (HasEqualCopy(candidate.link.id) && AddDuplicate(candidate.link)) return true;
        }
        return false;
    }

    bool HasEqualCopy(NodeId id) {
        if (!graph_.HasCopies()) return true;
        auto *copy = static_cast<char *>(palloc(vector_.copy_bytes));
        ReadCopy(index_, graph_, id, graph_.CopyHeaderOffset(), vector_.copy_bytes, copy);
        const bool equal = memcmp(copy, vector_.copy, vector_.copy_bytes) == 0;
        pfree(copy);
        return equal;
    }

    // What a node's header says, under its lock; the caller closes the page.
    enum class Found { kGone, kTaken, kChain };

    // Adds the row to a node that has been read without a lock since: false if it died.
    bool AddDuplicate(NodeLink node) {
        pg::PausePoint(pg::PausePlace::kInsertJoins);
        FreeSlot slot = {};
        bool have_slot = false;
        for (;;) {
            CHECK_FOR_INTERRUPTS();
            NodeLink head;
            const Found state =
                TakeRowPlace(node, have_slot ? slot.id : kNoNode, slot.generation, &head);
            if (state != Found::kChain) {
                if (have_slot && !(state == Found::kTaken && linked_slot_))
                    FreeDuplicatesSlot({slot.id, slot.generation});
                return state == Found::kTaken;
            }
            if (!have_slot && head && AppendRow(head, node)) return true;
            // A slot of its own, which becomes the new head: written first, then linked.
            if (!have_slot) {
                slot = TakeFreeSlot(index_, graph_);
                WriteDuplicates(slot, node, head);
                have_slot = true;
            } else {
                SetNextOfSlot({slot.id, slot.generation}, head);
            }
            expected_head_ = head;
        }
    }

    // Under the node's lock: puts the row into the node itself, if that has none; links `slot` as
    // the head of its duplicates, if the head is still the one that the slot leads on to; else says
    // what the head is.
    Found TakeRowPlace(NodeLink node, NodeId slot, uint8_t slot_generation, NodeLink *head) {
        linked_slot_ = false;
        store::PageRef page =
            store::OpenExclusive(index_, graph_.layout.NodeBlock(node.id), store::PageKind::kNodes);
        Found state = Found::kGone;
        if (!page.fresh) {
            const NodeHeader &header =
                NodeRecord(shape_, graph_.RecordAt(page.content, node.id)).header();
            if (header.IsLive() && header.level == 0 && header.generation == node.generation) {
                *head = header.Next();
                const bool own = !header.row;
                const bool link = !own && slot != kNoNode && *head == expected_head_;
                state = own || link ? Found::kTaken : Found::kChain;
                if (own || link) {
                    store::PageEdit edit(index_);
                    NodeHeader &changed =
                        NodeRecord(shape_, graph_.RecordAt(edit.Change(page), node.id)).header();
                    if (own)
                        changed.row = row_;
                    else
                        changed.SetNext({slot, slot_generation});
                    edit.Commit();
                    linked_slot_ = link;
                }
            }
        }
        store::Close(page);
        return state;
    }

    DuplicatesRecord *DuplicatesAt(char *content, NodeId id) {
        return reinterpret_cast<DuplicatesRecord *>(graph_.RecordAt(content, id));
    }

    bool IsDuplicatesOf(const store::PageRef &page, NodeLink slot, NodeLink owner) {
        if (page.fresh) return false;
        const DuplicatesRecord *record = DuplicatesAt(page.content, slot.id);
        return record->kind == SlotKind::kDuplicates && !(record->flags & kTombstone) &&
               record->generation == slot.generation && record->Owner() == owner;
    }

    bool AppendRow(NodeLink head, NodeLink owner) {
        store_.CheckExists(head.id);
        store::PageRef page =
            store::OpenExclusive(index_, graph_.layout.NodeBlock(head.id), store::PageKind::kNodes);
        const bool fits = IsDuplicatesOf(page, head, owner) &&
                          DuplicatesAt(page.content, head.id)->count < shape_.DuplicateCapacity();
        if (fits) {
            store::PageEdit edit(index_);
            DuplicatesRecord *record = DuplicatesAt(edit.Change(page), head.id);
            record->Rows()[record->count++] = row_;
            edit.Commit();
        }
        store::Close(page);
        return fits;
    }

    void WriteDuplicates(const FreeSlot &slot, NodeLink owner, NodeLink next) {
        store::PageRef page = slot.page;
        store::PageEdit edit(index_);
        char *content = page.fresh ? edit.Fresh(page, store::PageKind::kNodes) : edit.Change(page);
        DuplicatesRecord *record = DuplicatesAt(content, slot.id);
        memset(record, 0, shape_.size);
        record->kind = SlotKind::kDuplicates;
        record->generation = slot.generation;
        record->owner = owner.id;
        record->owner_generation = owner.generation;
        record->next = next.id;
        record->next_generation = next.generation;
        record->count = 1;
        record->Rows()[0] = row_;
        edit.Commit();
        store::Close(page);
    }

    void SetNextOfSlot(NodeLink slot, NodeLink next) {
        store::PageRef page =
            store::OpenExclusive(index_, graph_.layout.NodeBlock(slot.id), store::PageKind::kNodes);
        store::PageEdit edit(index_);
        DuplicatesRecord *record = DuplicatesAt(edit.Change(page), slot.id);
        record->next = next.id;
        record->next_generation = next.generation;
        edit.Commit();
        store::Close(page);
    }

    // A slot that was written and not linked: nobody knows it.
    void FreeDuplicatesSlot(NodeLink slot) {
        store::PageRef page =
            store::OpenExclusive(index_, graph_.layout.NodeBlock(slot.id), store::PageKind::kNodes);
        store::PageEdit edit(index_);
        DuplicatesRecord *record = DuplicatesAt(edit.Change(page), slot.id);
        memset(record, 0, shape_.size);
        record->kind = SlotKind::kFree;
        record->generation = static_cast<uint8_t>(slot.generation + 1);
        edit.Commit();
        store::Close(page);
    }

    // The node with its edges and its copy: all of it in one WAL record, unless the copy takes more
    // than a page; then the copy comes first, since a link may lead to the node once that is there.
    NodeLink WriteNode(int level, NodeLink below, const Choice &choice) {
        CHECK_FOR_INTERRUPTS();
        const NodeRecord record(shape_, memory_.record);
        memset(memory_.record, 0, shape_.size);
        record.Initialize(static_cast<uint8_t>(level));
        record.SetOwn(parameters_);
        if (shape_.own_inside) memcpy(record.Own(), codes_, shape_.own_bytes);
        NodeHeader &header = record.header();
        if (level == 0)
            header.row = row_;
        else
            header.SetNext(below);
        WriteEdges(record, node_, choice.neighbors, choice.count, memory_.neighbor);

        if (const int bytes = OwnBytesOf(shape_, codes_); bytes > shape_.own_bytes)
            header.SetMore(WriteContinuation(index_, graph_,
                                             reinterpret_cast<char *>(codes_) + shape_.own_bytes,
                                             bytes - shape_.own_bytes));
        pg::PausePoint(pg::PausePlace::kInsertContinues);
        FreeSlot slot = TakeFreeSlot(index_, graph_);
        header.generation = slot.generation;
        if (graph_.layout.pages_per_copy > 1) WriteLongCopy(slot.id);
        store::ByteChange changes[2] = {{slot.page, store::PageKind::kNodes,
                                         graph_.layout.NodeSlot(slot.id) * shape_.size,
                                         memory_.record, shape_.size}};
        store::PageRef copy_page = {};
        if (graph_.layout.pages_per_copy == 1) {
            copy_page = store::OpenExclusive(index_, graph_.layout.CopyBlock(slot.id),
                                             store::PageKind::kVectors);
            changes[1] = {copy_page, store::PageKind::kVectors, graph_.layout.CopyOffset(slot.id),
                          WholeCopy(), CopyBytes()};
        }
        store::ChangeBytes(index_, changes, graph_.layout.pages_per_copy == 1 ? 2 : 1);
        if (graph_.layout.pages_per_copy == 1) store::Close(copy_page);
        store::Close(slot.page);
        return {slot.id, slot.generation};
    }

    int CopyBytes() const {
        return graph_.CopyHeaderOffset() + (graph_.HasCopies() ? vector_.copy_bytes : 0);
    }

    // What stands beside the records: the own vector, if that has no room in them, and the copy.
    const char *WholeCopy() const {
        const int own = graph_.CopyHeaderOffset();
        if (own == 0) return vector_.copy;
        auto *whole = static_cast<char *>(palloc(CopyBytes()));
        memcpy(whole, codes_, own);
        memcpy(whole + own, vector_.copy, CopyBytes() - own);
        return whole;
    }

    void WriteLongCopy(NodeId id) {
        const int bytes = CopyBytes();
        const char *whole = WholeCopy();
        BlockNumber block = graph_.layout.CopyBlock(id);
        for (int at = 0; at < bytes; at += store::kPageCapacity, block++) {
            store::PageRef page = store::OpenExclusive(index_, block, store::PageKind::kVectors);
            store::PageEdit edit(index_);
            memcpy(edit.Fresh(page, store::PageKind::kVectors), whole + at,
                   std::min(bytes - at, store::kPageCapacity));
            edit.Commit();
            store::Close(page);
        }
    }

    bool Offer(int level, const Choice &choice) {
        const bool taken = OfferToAll(index_, graph_, choice.neighbors, choice.count, level,
                                      {choice.node, node_, parameters_.excess}, query_, memory_);
        MarkLinked(index_, graph_, choice.node);
        return taken;
    }

    // Those that were chosen are tombstones by now, or there was nothing else to choose from.
    // VACUUM may be done with this page, and no later one come: the node is linked to whoever is
    // alive, beyond as many tombstones as lie between. If the entry is gone, the node becomes it,
    // see Run.
    void LinkAnew(int level, NodeLink node) {
        if (!entry_.link) return;
        OpenGraph(index_, &entry_);
        if (!entry_.link || level > entry_.level) return;
        PageStore store(index_, graph_);
        // Wider searches than there is memory for are not tried.
        const Size memory = std::min(static_cast<Size>(maintenance_work_mem) * 1024, MaxAllocSize);
        const uint64_t nodes = graph_.layout.NodesWithin(RelationGetNumberOfBlocks(index_));
        const uint64_t first = PoolWidthFor(shape_, graph_.ef_construction);
        const uint64_t most = std::max(first, std::min(nodes, memory / LinkBytesPerWidth(graph_)));
        for (uint64_t width = first;; width = std::min(width * 4, most)) {
            memory_ = NewLinkMemory(graph_, static_cast<int>(width), LinkUse::kInsert);
            if (Relink(store, entry_, node, level, memory_)) return;
            if (width == most) break;
        }
        // What the entry leads to on this level is alive, if far.
        Entry start = entry_;
        while (start.link && start.level > level) {
            store.Aim(query_, start.level);
            if (!store.Expand(start.link, 0, memory_.search.expansion)) return;
            start = {memory_.search.expansion->next, start.level - 1};
        }
        Relink(store, start, node, level, memory_);
    }

    // Makes the node the entry if it is on the highest level. The graph may have got its first
    // entry since this insert began, in which case nothing leads to this node yet.
    void Enter(NodeLink top, int level) {
        pg::PausePoint(pg::PausePlace::kInsertEnters);
        const Entry now = RaiseEntry(index_, top, level);
        if (now.link == top) return;
        // Of levels that the graph did not have then, and has by another's insert.
        const int lowest = entry_.link ? entry_.level + 1 : 0;
        PageStore store(index_, graph_);
        NodeLink node = top;
        for (int at = level; at >= lowest; at--) {
            if (at <= now.level) Relink(store, now, node, at, memory_);
            if (at == 0) break;
            store.Aim(query_, at);
            if (!store.Expand(node, 0, memory_.search.expansion)) break;
            node = memory_.search.expansion->next;
        }
    }

    Relation index_;
    const Graph &graph_;
    const RecordShape &shape_;
    Entry entry_;
    const NodeVector &vector_;
    RowId row_;
    PageStore store_;
    float *rotated_ = nullptr;
    float *node_ = nullptr;
    uint8_t *codes_;
    Sq8Parameters parameters_;
    GraphQuery query_;
    LinkMemory memory_ = {};
    bool far_ = false;  // from all that the last search found
    NodeLink expected_head_ = kNoLink;
    bool linked_slot_ = false;
};

// The memory of one insert after the other. It keeps its first piece, which what one row needs fits
// into, but for LinkMemory; an error leaves it to the next insert to be emptied.
MemoryContext InsertContext() {
    constexpr Size kKept = 128 * 1024;
    static MemoryContext context = nullptr;
    if (context == nullptr)
        context = AllocSetContextCreate(TopMemoryContext, "hnsw insert", kKept,
                                        ALLOCSET_DEFAULT_INITSIZE, ALLOCSET_DEFAULT_MAXSIZE);
    MemoryContextReset(context);
    return context;
}

}  // namespace

bool Insert(Relation index, Datum value, bool isnull, ItemPointer tid, Relation,
            bool index_unchanged, IndexInfo *) {
    if (isnull) return false;
    const MemoryContext context = InsertContext();
    const MemoryContext before = MemoryContextSwitchTo(context);
    // The value first: reading it may flush the relation's cache entry.
    value = PointerGetDatum(PG_DETOAST_DATUM(value));
    Entry entry;
    const Graph &graph = OpenGraph(index, &entry);
    if (LacksLongest(graph) && !entry.link) {
        SettleLongest(index, IndexedLength(graph, value));
        OpenGraph(index, &entry);
    }
    NodeVector vector = NewNodeVector(graph);
    if (ReadNodeVector(graph, value, &vector)) {
        const RowId row = {tid->ip_blkid.bi_hi, tid->ip_blkid.bi_lo, tid->ip_posid};
        Inserter inserter(index, graph, entry, vector, row);
        inserter.Run(index_unchanged);
    }
    MemoryContextSwitchTo(before);
    MemoryContextReset(context);
    return false;
}

}  // namespace vecx::hnsw

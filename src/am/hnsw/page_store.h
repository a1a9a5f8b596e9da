// The graph on pages, as core's search wants to see it (GraphStore). One content lock at a time,
// shared, for as long as one record is read.

#pragma once

#include "am/hnsw/continuation.h"
#include "am/hnsw/graph.h"
#include "am/hnsw/node_vector.h"
#include "core/graph_builder.h"
#include "core/graph_search.h"

#include "pg/pause_point.h"
#include "pg/pg.h"
#include "store/page.h"

namespace vecx::hnsw {

// Copies of the own vectors of expanded nodes, in their order: for the choice of neighbours.
struct OwnVectors {
    uint8_t *codes;  // capacity * MostOwnBytes
    Sq8View *views;
    int capacity;
    int count;
};

class PageStore {
  public:
    PageStore(Relation index, const Graph &graph)
        : index_(index), graph_(&graph), nodes_(graph.known_nodes) {
        if (!graph.shape.own_inside) own_ = static_cast<uint8_t *>(palloc(graph.shape.own_bytes));
        if (graph.shape.codec == Codec::kSparse) {
            own_ = static_cast<uint8_t *>(palloc(MostOwnBytes(graph.shape)));
            record_ = static_cast<char *>(palloc(graph.shape.size));
        }
    }

    // The next searches are of this level, with this query. `keep` gets the own vectors, if given.
    void Aim(const GraphQuery &query, int level, OwnVectors *keep = nullptr) {
        query_ = &query;
        level_ = level;
        keep_ = keep;
        if (!graph_->shape.HasEdgeCodes()) ForgetSeen();
    }

    // Of the nodes whose distance a search has computed, in a graph of node codes, so many bytes
    // are remembered. What is forgotten is computed again.
    void LimitSeen(Size bytes) { seen_limit_ = bytes; }

    // Searches in a graph of node codes also tell the range of the operator's distance.
    void Measure(const QueryVector &query) { measured_ = &query; }

    const Graph &graph() const { return *graph_; }
    Relation index() const { return index_; }

    // An edge is a hint: the slot may hold another node by now, or none. Each such hint is followed
    // in vain at most once a search.
    bool Expand(NodeLink link, float bound, Expansion *expansion) {
        // Core's loop cannot look for interrupts, and each node may be a read from disk.
        CHECK_FOR_INTERRUPTS();
        pg::PausePoint(pg::PausePlace::kSearchReadsNode);
        if (!graph_->shape.HasEdgeCodes()) return ExpandByNodes(link, bound, expansion);
        return WithNode(link, [&](const NodeRecord &record, const Sq8View &own) {
            ExpandRecord(record, own, *query_, bound, expansion);
            if (keep_ != nullptr) Keep(own);
        });
    }

    // Calls use(record, own vector) while the node's page is locked. False if the slot no longer
    // holds that node.
    template <class Use>
    bool WithNode(NodeLink link, Use use) {
        CheckExists(link.id);
        const uint8_t *own = nullptr;
        if (!graph_->shape.own_inside) {
            ReadOwnOutside(link.id);
            own = own_;
        }
        store::PageRef page =
            store::OpenShared(index_, graph_->layout.NodeBlock(link.id), store::PageKind::kNodes);
        bool found = false;
        if (!page.fresh) {
            const NodeRecord record(graph_->shape, graph_->RecordAt(page.content, link.id));
            const NodeHeader &header = record.header();
            found = header.kind == SlotKind::kNode && header.generation == link.generation &&
                    header.level == level_ && HasSoundOwn(record);
            if (found && shape().codec == Codec::kSparse && header.more != 0) {
                memcpy(record_, record.base(), shape().size);
                store::Close(page);
                return WithLongNode(use);
            }
            if (found) use(record, record.OwnVector(own));
        }
        store::Close(page);
        return found;
    }

    void Prefetch(NodeLink link) {
        if (link.id >= nodes_) return;
        const RecordShape &shape = graph_->shape;
        // Of longer records the CPU, once it reads in them, fetches the rest by itself.
        store::Prefetch(index_, graph_->layout.NodeBlock(link.id),
                        graph_->layout.NodeSlot(link.id) * shape.size,
                        std::min(shape.size, kPrefetched));
    }

    // Raises for ids that no page can have. The index may have grown since it was measured; it
    // never shrinks.
    void CheckExists(NodeId id) {
        if (likely(id < nodes_)) return;
        nodes_ = graph_->layout.NodesWithin(RelationGetNumberOfBlocks(index_));
        graph_->known_nodes = nodes_;
        if (id >= nodes_)
            store::RaiseDamaged(index_, graph_->layout.NodeBlock(id % 0x1000000),
                                "A link leads to a node beyond the end of the index.");
    }

    uint64_t nodes() const { return nodes_; }

  private:
    static constexpr int kPrefetched = 4096;

    const RecordShape &shape() const { return graph_->shape; }

    // Of a copy of the record: the rest of its own vector is elsewhere.
    template <class Use>
    bool WithLongNode(Use use) {
        const NodeRecord record(shape(), record_);
        memcpy(own_, record.Own(), shape().own_bytes);
        if (!ReadContinuation(index_, *graph_, record.header().More(),
                              reinterpret_cast<char *>(own_)))
            return false;
        use(record, record.OwnVector(own_));
        return true;
    }

    bool ExpandByNodes(NodeLink link, float bound, Expansion *expansion);
    void PrefetchOwn(NodeLink link);
    void ForgetSeen();
    void AddSeen(NodeId id);

    void Keep(const Sq8View &view) {
        if (keep_->count == keep_->capacity) return;
        uint8_t *codes = keep_->codes + static_cast<size_t>(keep_->count) * MostOwnBytes(shape());
        memcpy(codes, view.codes, OwnBytesOf(shape(), view.codes));
        keep_->views[keep_->count] = view;
        keep_->views[keep_->count++].codes = codes;
    }

    // The own vector that leads the node's copy. Never changed while the node keeps its generation,
    // and read before the record, whose generation then vouches for it.
    void ReadOwnOutside(NodeId id);

    Relation index_;
    const Graph *graph_;
    const GraphQuery *query_ = nullptr;
    int level_ = 0;
    OwnVectors *keep_ = nullptr;
    uint64_t nodes_;  // at least so many ids have a page
    uint8_t *own_ = nullptr;
    char *record_ = nullptr;  // with sparse vectors

    // With node codes: the nodes whose distance this search has computed.
    VisitedSet seen_{nullptr, 0, 0};
    NodeId *seen_memory_ = nullptr;
    Size seen_limit_ = std::numeric_limits<Size>::max();
    const QueryVector *measured_ = nullptr;
};
static_assert(GraphStore<PageStore>);

// Memory of one search, in the current context.
struct SearchMemory {
    Candidate *pool;
    NodeId *visited;
    size_t visited_slots;
    Expansion *expansion;
    int width;
};
SearchMemory NewSearchMemory(int width);

// Searches the levels above `level`, from the entry down, with pools of `width`, which `memory` has
// room for, and fills `starts` with up to kDescentEntries nodes of `level` to begin with. Returns
// their number.
int Descend(PageStore &store, const GraphQuery &query, const Entry &entry, int level, int width,
            const SearchMemory &memory, Candidate *starts);

// IsFar for the nearest node that a search has found; false for one that is gone.
bool IsFarFrom(PageStore &store, const GraphQuery &query, int level, NodeLink nearest,
               float distance);

// Reads `bytes` of a node's copy from `offset` on into `out`.
void ReadCopy(Relation index, const Graph &graph, NodeId id, int offset, int bytes, char *out);

}  // namespace vecx::hnsw

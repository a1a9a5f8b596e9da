// The graph on pages, as core's search wants to see it (GraphStore). One content lock at a time,
// shared, for as long as one record is read.

#pragma once

#include "am/hnsw/graph.h"
#include "core/graph_builder.h"
#include "core/graph_search.h"

#include "pg/pg.h"
#include "store/page.h"

namespace vecx::hnsw {

// Copies of the own vectors of expanded nodes, in their order: for the choice of neighbours.
struct OwnVectors {
    uint8_t *codes;  // capacity * shape.padded
    Sq8View *views;
    int capacity;
    int count;
};

class PageStore {
  public:
    PageStore(Relation index, const Graph &graph)
        : index_(index), graph_(&graph), nodes_(graph.known_nodes) {
        if (!graph.shape.own_inside) own_ = static_cast<uint8_t *>(palloc(graph.shape.padded));
    }

    // The next searches are of this level, with this query. `keep` gets the own vectors, if given.
    void Aim(const GraphQuery &query, int level, OwnVectors *keep = nullptr) {
        query_ = &query;
        level_ = level;
        keep_ = keep;
    }

    const Graph &graph() const { return *graph_; }
    Relation index() const { return index_; }

    // An edge is a hint: the slot may hold another node by now, or none. Each such hint is followed
    // in vain at most once a search.
    bool Expand(NodeLink link, float bound, Expansion *expansion) {
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
                    header.level == level_;
            if (found) {
                const Sq8View view = record.OwnVector(own);
                ExpandRecord(record, view, *query_, bound, expansion);
                if (keep_ != nullptr) Keep(view);
            }
        }
        store::Close(page);
        return found;
    }

    void Prefetch(NodeLink link) {
        if (link.id >= nodes_) return;
        const RecordShape &shape = graph_->shape;
        // More than some cache lines at a time are not fetched anyway.
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
    static constexpr int kPrefetched = 2048;

    void Keep(const Sq8View &view) {
        if (keep_->count == keep_->capacity) return;
        uint8_t *codes = keep_->codes + static_cast<size_t>(keep_->count) * graph_->shape.padded;
        memcpy(codes, view.codes, graph_->shape.padded);
        keep_->views[keep_->count] = view;
        keep_->views[keep_->count++].codes = codes;
    }

    // The own vector that leads the node's copy. Never changed while the node keeps its generation,
    // and read before the record, whose generation then vouches for it.
    void ReadOwnOutside(NodeId id) {
        int offset = graph_->layout.CopyOffset(id), left = graph_->shape.padded;
        uint8_t *out = own_;
        for (BlockNumber block = graph_->layout.CopyBlock(id); left > 0; block++) {
            const int here = std::min(left, store::kPageCapacity - offset);
            store::PageRef page = store::OpenShared(index_, block, store::PageKind::kVectors);
            if (page.fresh)
                memset(out, 0, here);
            else
                memcpy(out, page.content + offset, here);
            store::Close(page);
            out += here;
            left -= here;
            offset = 0;
        }
    }

    Relation index_;
    const Graph *graph_;
    const GraphQuery *query_ = nullptr;
    int level_ = 0;
    OwnVectors *keep_ = nullptr;
    uint64_t nodes_;  // at least so many ids have a page
    uint8_t *own_ = nullptr;
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

// Searches the levels above `level`, from the entry down, and fills `starts` with up to
// kDescentEntries nodes of `level` to begin with. Returns their number.
int Descend(PageStore &store, const GraphQuery &query, const Entry &entry, int level,
            const SearchMemory &memory, Candidate *starts);

// Reads `bytes` of a node's copy from `offset` on into `out`.
void ReadCopy(Relation index, const Graph &graph, NodeId id, int offset, int bytes, char *out);

}  // namespace vecx::hnsw

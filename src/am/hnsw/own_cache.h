// Own vectors of nodes, as they were read from their pages: for VACUUM, which needs those of the
// same neighbourhoods again and again. A node's own vector does not change while the node keeps its
// generation, so what is in here is never stale.

#pragma once

#include "am/hnsw/graph.h"
#include "core/node_codec.h"

#include "pg/pg.h"

namespace vecx::hnsw {

class OwnCache {
  public:
    // For an index of `nodes` nodes; takes about `bytes` at most, from the current context.
    OwnCache(Relation index, const Graph &graph, uint64_t nodes, Size bytes);

    // The own vector of a node, good until the next call; false if the slot holds another or none.
    bool Find(NodeLink node, Sq8View *view) {
        Entry &entry = entries_[node.id % count_];
        if (entry.id != node.id || entry.generation != node.generation) [[unlikely]] {
            if (!Read(node, &entry)) return false;
        }
        *view = entry.view;
        return true;
    }

    void Prefetch(NodeId id) const {
        const Size at = id % count_;
        __builtin_prefetch(&entries_[at]);
        __builtin_prefetch(codes_ + at * stride_);
    }

  private:
    struct Entry {
        Sq8View view;
        NodeId id;
        uint8_t generation;
    };

    bool Read(NodeLink node, Entry *entry);

    Relation index_;
    const Graph &graph_;
    Size count_;
    Size stride_;
    Entry *entries_;
    uint8_t *codes_;  // of the entries, one after the other
};

}  // namespace vecx::hnsw

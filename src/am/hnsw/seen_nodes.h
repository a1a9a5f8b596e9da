// The nodes that a scan which goes on has expanded: a hash table, or, once that takes less memory,
// a bit for each node of the index.

#pragma once

#include "core/graph_search.h"

#include "pg/pg.h"

namespace vecx::hnsw {

class SeenNodes {
  public:
    // With room for `count` nodes at least, whatever the limit is.
    void Open(MemoryContext context, Size limit, size_t count) {
        context_ = context;
        limit_ = limit;
        const size_t slots = std::bit_ceil(count * 4 + 1024);
        memory_ = static_cast<NodeId *>(MemoryContextAllocHuge(context, slots * sizeof(NodeId)));
        hash_ = VisitedSet(memory_, slots);
        bits_ = nullptr;
        bit_count_ = 0;
    }

    bool Contains(NodeId id) const {
        if (bits_ == nullptr) return hash_.Contains(id);
        return id < bit_count_ && (bits_[id / 8] >> id % 8 & 1) != 0;
    }

    // Makes room for one more of the `nodes` that the index has; false if there is no memory left.
    bool MakeRoom(uint64_t nodes) {
        if (bits_ == nullptr ? !hash_.IsCrowded() : nodes <= bit_count_) return true;
        return Grow(nodes);
    }

    // False if it was there.
    bool Add(NodeId id) {
        if (bits_ == nullptr) return hash_.Add(id);
        uint8 &byte = bits_[id / 8];
        const auto bit = static_cast<uint8>(1 << id % 8);
        if (byte & bit) return false;
        byte |= bit;
        return true;
    }

  private:
    bool Grow(uint64_t nodes);

    MemoryContext context_;
    Size limit_;  // in bytes
    NodeId *memory_;
    VisitedSet hash_{nullptr, 0, 0};
    uint8 *bits_;  // nullptr: the hash table
    uint64_t bit_count_;
};

}  // namespace vecx::hnsw

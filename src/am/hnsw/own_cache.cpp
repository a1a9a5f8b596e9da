// Own vectors of nodes, kept in memory; see the header.

#include "am/hnsw/own_cache.h"

#include "am/hnsw/link.h"

namespace vecx::hnsw {

OwnCache::OwnCache(Relation index, const Graph &graph, uint64_t nodes, Size bytes)
    : index_(index), graph_(graph) {
    constexpr uint64_t kFewest = 256;
    stride_ = TYPEALIGN(16, MostOwnBytes(graph.shape));
    const Size fit = bytes / (stride_ + sizeof(Entry));
    count_ = std::max(kFewest, std::min<uint64_t>(nodes, fit));
    entries_ = static_cast<Entry *>(
        MemoryContextAllocExtended(CurrentMemoryContext, count_ * sizeof(Entry), MCXT_ALLOC_HUGE));
    codes_ = static_cast<uint8_t *>(
        MemoryContextAllocExtended(CurrentMemoryContext, count_ * stride_, MCXT_ALLOC_HUGE));
    for (Size i = 0; i < count_; i++) entries_[i].id = kNoNode;
}

bool OwnCache::Read(NodeLink node, Entry *entry) {
    entry->id = kNoNode;
    if (!ReadOwn(index_, graph_, node, codes_ + (entry - entries_) * stride_, &entry->view))
        return false;
    entry->id = node.id;
    entry->generation = node.generation;
    return true;
}

}  // namespace vecx::hnsw

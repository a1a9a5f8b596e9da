// The nodes that a scan has expanded; see the header.

#include "am/hnsw/seen_nodes.h"

namespace vecx::hnsw {

bool SeenNodes::Grow(uint64_t nodes) {
    // Some more than there are: the index may be growing, too.
    const uint64_t bits = (nodes + nodes / 8 + 63) / 64 * 64;
    const Size bit_bytes = bits / 8;
    const size_t slots = hash_.capacity() * 4;
    if (bits_ == nullptr && slots * sizeof(NodeId) < bit_bytes) {
        if (slots * sizeof(NodeId) > limit_) return false;
        auto *larger =
            static_cast<NodeId *>(MemoryContextAllocHuge(context_, slots * sizeof(NodeId)));
        hash_.MoveTo(larger, slots);
        pfree(memory_);
        memory_ = larger;
        return true;
    }
    if (bit_bytes > limit_ && bit_bytes > hash_.capacity() * sizeof(NodeId)) return false;
    auto *larger = static_cast<uint8 *>(
        MemoryContextAllocExtended(context_, bit_bytes, MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO));
    if (bits_ != nullptr) {
        memcpy(larger, bits_, bit_count_ / 8);
        pfree(bits_);
    } else {
        hash_.ForEach([larger](NodeId id) { larger[id / 8] |= static_cast<uint8>(1 << id % 8); });
        pfree(memory_);
    }
    bits_ = larger;
    bit_count_ = bits;
    return true;
}

}  // namespace vecx::hnsw

// Fetches the next heap page of a scan into the CPU cache while the current one is worked on.
//
// A scan of vectors waits for memory more than it computes, and the CPU's own prefetchers stop at
// the border of every 4 kB page. When two pages in a row were successive blocks of one table, the
// buffer that holds the block after them is looked up: beside the current one first, where it lies
// if the table was read in one go, then in the buffer table. What is stale by the time it is used
// makes a useless hint, never a wrong answer.

#pragma once

#include "pg/pg.h"

namespace vecx::pg {

static_assert(std::has_unique_object_representations_v<BufferTag>);  // compared by memcmp

class ReadAhead {
  public:
    // Call for each value, in the order of the scan; `size` in bytes. Values outside of shared
    // buffers (a query, a detoasted copy) are passed over.
    void Visit(const void *value, Size size) {
        const Size offset = static_cast<const char *>(value) - BufferBlocks;
        const Size buffer = offset / BLCKSZ;
        if (buffer >= static_cast<Size>(NBuffers)) return;
        if (buffer != buffer_) Enter(buffer);
        if (distance_ == 0) return;
        // The row in the same place of the next page, with its header. Into the second level: the
        // first has room for too few misses at a time.
        const char *next = static_cast<const char *>(value) + distance_ - kCacheLine;
        for (Size line = 0; line < size + kCacheLine; line += kCacheLine)
            __builtin_prefetch(next + line, 0, 2);
    }

  private:
    static constexpr Size kCacheLine = 64;

    // A new page: where is the block after it?
    void Enter(Size buffer) {
        buffer_ = buffer;
        distance_ = 0;
        BufferTag next = GetBufferDescriptor(buffer)->tag;
        const bool successive = memcmp(&next, &expected_, sizeof(next)) == 0;
        next.blockNum++;
        expected_ = next;
        if (!successive) return;
        const Size next_buffer = Find(next, buffer);
        if (next_buffer >= static_cast<Size>(NBuffers)) return;
        distance_ = (static_cast<ptrdiff_t>(next_buffer) - static_cast<ptrdiff_t>(buffer)) * BLCKSZ;
        // Its header and line pointers, which the scan reads before any row.
        const char *page = BufferBlocks + next_buffer * BLCKSZ;
        __builtin_prefetch(page);
        __builtin_prefetch(page + kCacheLine);
    }

    static Size Find(BufferTag block, Size current) {
        // Wraps around to a huge number before the first. Read without a lock: a hint.
        for (const Size neighbor : {current + 1, current - 1})
            if (neighbor < static_cast<Size>(NBuffers) &&
                memcmp(&GetBufferDescriptor(neighbor)->tag, &block, sizeof(block)) == 0)
                return neighbor;
        const uint32 hash = BufTableHashCode(&block);
        LWLock *lock = BufMappingPartitionLock(hash);
        LWLockAcquire(lock, LW_SHARED);
        const int found = BufTableLookup(&block, hash);
        LWLockRelease(lock);
        return static_cast<Size>(found);  // -1, a huge number, where it is in no buffer
    }

    Size buffer_ = ~static_cast<Size>(0);  // of the value visited last
    BufferTag expected_ = {};              // the block after that
    ptrdiff_t distance_ = 0;               // in bytes, to the buffer that holds it; 0: unknown
};

}  // namespace vecx::pg

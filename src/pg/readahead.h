// Fetches the next heap page of a scan into the CPU cache while the current one is worked on.
//
// A scan of vectors waits for memory more than it computes, and the CPU's own prefetchers stop at
// the border of every 4 kB page. The next block of a table often lies in the buffer beside the
// current one, since buffers are handed out in turn; the buffer descriptors tell. They are read
// without a lock: what is stale makes a useless hint, never a wrong answer.

#pragma once

#include "pg/pg.h"

namespace vecx::pg {

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
        next.blockNum++;
        const auto holds_next = [&next](Size neighbor) {
            return neighbor < static_cast<Size>(NBuffers) &&
                   memcmp(&GetBufferDescriptor(neighbor)->tag, &next, sizeof(next)) == 0;
        };
        if (holds_next(buffer + 1))
            distance_ = BLCKSZ;
        else if (holds_next(buffer - 1))  // wraps around to a huge number before the first
            distance_ = -BLCKSZ;
        else
            return;
        // Its header and line pointers, which the scan reads before any row.
        const char *page = BufferBlocks + buffer * BLCKSZ + distance_;
        __builtin_prefetch(page);
        __builtin_prefetch(page + kCacheLine);
    }

    Size buffer_ = ~static_cast<Size>(0);  // of the value visited last
    ptrdiff_t distance_ = 0;               // from it to the buffer of the next block; 0: unknown
};

}  // namespace vecx::pg

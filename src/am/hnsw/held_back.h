// Rows that a scan found only after farther ones went out: in memory, and beyond so many in a
// temporary file. They come out when the scan has nothing else left.

#pragma once

#include "core/node_codec.h"

#include "pg/pg.h"

namespace vecx::hnsw {

// A node that a scan has found.
struct Found {
    double low;
    double high;
    NodeLink link;
    NodeLink duplicates;
    RowId row;
    bool from_copy;  // the range is that of the copy
    double floor;    // as `low`, but by the copy alone
};

// All zeroes is an empty one.
class HeldBack {
  public:
    // Of `context`; at most `limit` of them in memory.
    void Open(MemoryContext context, int64 limit) {
        context_ = context;
        limit_ = limit;
    }
    void Close();

    bool IsEmpty() const { return count_ == 0 && file_rows_ == 0; }

    void Add(const Found &found) {
        if (count_ == capacity_) MakeRoom();
        rows_[count_++] = found;
    }

    // Takes out some, until it is empty: those in memory first, then parts of the file. Nothing may
    // be added after that.
    const Found *Take(int64 *count);

  private:
    void MakeRoom();

    MemoryContext context_;
    int64 limit_;
    Found *rows_;
    int64 count_, capacity_;
    BufFile *file_;
    int64 file_rows_;  // not taken out yet
    bool reading_;
};

}  // namespace vecx::hnsw

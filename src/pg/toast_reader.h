// Values out of line, fetched in the order of a scan.
//
// PostgreSQL looks each value up in the index of the TOAST table. In a scan that is most of the
// time spent, and needless: values stored one after the other lie one after the other there too. So
// the reader looks first behind the chunk that it read last, and takes what it finds only if that
// is the wanted value: same id, chunks numbered 0, 1, ..., sizes as they must be, visible.
// Otherwise it goes through the index as everybody does.
//
// Between calls it holds no pin and no lock, only the place; the relation is opened for each value.

#pragma once

#include "pg/pg.h"
#include "pg/readahead.h"

namespace vecx::pg {

class ToastReader {
  public:
    // The value, palloc'd. For values that are not compressed; `pointer` must be valid.
    varlena *Fetch(const varatt_external &pointer);

  private:
    struct Place {
        Buffer buffer = InvalidBuffer;
        BlockNumber block = InvalidBlockNumber;
        OffsetNumber offset = InvalidOffsetNumber;
    };

    static bool ReadNextBlock(Relation relation, Place *place);
    bool FetchBehindLast(Relation relation, const varatt_external &pointer, char *out);
    void FetchByIndex(Relation relation, const varatt_external &pointer, char *out);

    static constexpr uint32 kPatience = 4;  // misses in a row
    static constexpr uint32 kRetry = 16;

    Oid relation_ = InvalidOid;  // that `last_` is about
    uint32 misses_ = 0;          // in a row
    Place last_;                 // of the chunk read last
    ReadAhead read_ahead_;
};

}  // namespace vecx::pg

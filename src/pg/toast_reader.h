// Values out of line, fetched in the order of a scan.
//
// PostgreSQL looks each value up in the index of the TOAST table. In a scan that is most of the
// time spent, and needless: values stored one after the other lie one after the other there too. So
// the reader looks first behind the chunk that it read last, and takes what it finds only if that
// is the wanted value: same id, chunks numbered 0, 1, ..., sizes as they must be, inserted by a
// committed transaction or our own, never deleted. Otherwise it goes through the index as everybody
// does.
//
// The last condition is stricter than SnapshotToast. Chunks of a deleted value may stay in the heap
// after their index entries are gone, and their id may be given away again; whoever reads the heap
// without the index must tell the two apart.
//
// Between calls the reader holds no pin and no lock, only the place; it opens the relation each
// time.

#pragma once

#include "pg/pg.h"
#include "pg/readahead.h"

namespace vecx::pg {

class ToastReader {
  public:
    // The value, palloc'd. `pointer` is of a value that is not compressed. Nullptr if anything is
    // not as it should be: PostgreSQL's own detoasting then says what.
    varlena *Fetch(const varatt_external &pointer);

  private:
    struct Place {
        Buffer buffer = InvalidBuffer;
        BlockNumber block = InvalidBlockNumber;
        OffsetNumber offset = InvalidOffsetNumber;
    };

    bool FetchBehindLast(Relation relation, const varatt_external &pointer, char *out);
    bool FetchByIndex(Relation relation, const varatt_external &pointer, char *out);

    static constexpr uint32 kPatience = 4;  // misses in a row
    static constexpr uint32 kRetry = 64;
    static constexpr int kSkip = 8;  // items on the way to a value

    Oid relation_ = InvalidOid;  // that `last_` is about
    uint32 misses_ = 0;          // in a row
    Place last_;                 // of the chunk read last
    ReadAhead read_ahead_;
};

}  // namespace vecx::pg

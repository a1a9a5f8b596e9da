// Rows of the table as indexes know them: row ids and item pointers, and which rows VACUUM has
// found dead.

#pragma once

#include "core/node_record.h"

#include "pg/pg.h"

namespace vecx {

inline RowId ToRowId(ItemPointer tid) {
    return {tid->ip_blkid.bi_hi, tid->ip_blkid.bi_lo, tid->ip_posid};
}

inline BlockNumber HeapBlockOf(RowId row) {
    return static_cast<BlockNumber>(row.block_high) << 16 | row.block_low;
}

inline ItemPointerData ToItemPointer(RowId row) {
    ItemPointerData tid;
    ItemPointerSet(&tid, HeapBlockOf(row), row.item);
    return tid;
}

// Without a callback, none.
class DeadRows {
  public:
    DeadRows(IndexBulkDeleteCallback callback, void *state) : callback_(callback), state_(state) {}

    bool Has(RowId row) const {
        if (callback_ == nullptr) return false;
        ItemPointerData tid = ToItemPointer(row);
        return callback_(&tid, state_);
    }

  private:
    IndexBulkDeleteCallback callback_;
    void *state_;
};

}  // namespace vecx

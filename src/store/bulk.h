// Writes the pages of a new index, or of the init fork of an unlogged one, in the order of their
// blocks and past the shared buffers. Called by CREATE INDEX and ambuildempty.
//
// Each page is logged once, whole, when it is written, unless the server recovers such an index by
// other means (wal_level = minimal) or not at all. Until the transaction commits no one reads it.

#pragma once

#include "pg/pg.h"
#include "store/page.h"

namespace vecx::store {

struct BulkState;

class BulkWriter {
  public:
    // The fork exists and is empty. Memory comes from the current context, and stays there if an
    // error is raised.
    BulkWriter(Relation index, ForkNumber fork);

    // The content of the next block, zeroed, to be filled until the next call. Lets interrupts in
    // from time to time.
    char *Next(PageKind kind);

    // Once, after the last page: all is on disk, or will be by the end of the transaction.
    void Finish();

    // How many pages were given out, which is also the block that Next gives.
    BlockNumber written() const;

  private:
    BulkState *state_;
};
static_assert(std::is_trivially_destructible_v<BulkWriter>);

}  // namespace vecx::store

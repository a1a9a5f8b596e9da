// An array of bytes over consecutive pages, written once when the index is built: what is too large
// for the metapage, as codebooks and rotations are. The metapage knows where and how long it is.

#pragma once

#include "pg/pg.h"
#include "store/bulk.h"
#include "store/page.h"

namespace vecx::store {

constexpr size_t BlobPages(size_t bytes) {
    return bytes / kPageCapacity + (bytes % kPageCapacity != 0);
}

void AppendBlob(BulkWriter &writer, const void *data, size_t bytes);

// `bytes` as it was written; raises if those pages are not all there.
void ReadBlob(Relation index, BlockNumber first, void *out, size_t bytes);

}  // namespace vecx::store

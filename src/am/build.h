// What the builds of all indexes need of PostgreSQL.

#pragma once

#include "core/node_record.h"

#include "pg/pg.h"

namespace vecx {

inline RowId ToRowId(ItemPointer tid) {
    return {tid->ip_blkid.bi_hi, tid->ip_blkid.bi_lo, tid->ip_posid};
}

// A random number that tells an index from any other that was in its file.
uint64_t NewBuildId();

// That a build may use: those of max_parallel_maintenance_workers and the backend's own.
int BuildThreads(Relation heap);

}  // namespace vecx

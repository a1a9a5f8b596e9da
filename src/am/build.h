// What the builds of all indexes need of PostgreSQL.

#pragma once

#include "pg/pg.h"

namespace vecx {

// A random number that tells an index from any other that was in its file.
uint64_t NewBuildId();

// That a build may use: those of max_parallel_maintenance_workers and the backend's own.
int BuildThreads(Relation heap);

}  // namespace vecx

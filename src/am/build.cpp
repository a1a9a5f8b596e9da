// Parts of builds; see the header.

#include "am/build.h"

namespace vecx {

uint64_t NewBuildId() {
    uint64_t id;
    if (!pg_strong_random(&id, sizeof(id)))
        ereport(ERROR,
                (errcode(ERRCODE_INTERNAL_ERROR), errmsg("could not generate random values")));
    return id;
}

int BuildThreads(Relation heap) {
    // -1 where the table has options, but not this one.
    const int workers = RelationGetParallelWorkers(heap, -1);
    const int most = max_parallel_maintenance_workers;
    return 1 + (workers < 0 ? most : std::min(workers, most));
}

}  // namespace vecx

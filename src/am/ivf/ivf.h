// What the access methods ivfflat and ivfpq are made of. am/am.cpp gives these to PostgreSQL, each
// inside pg::Guard, so they may let core's exceptions pass.

#pragma once

#include "am/ivf/format.h"

#include "pg/pg.h"

namespace vecx::ivf {

// By the handler of the index's access method.
Method MethodOf(Relation index);

// build.cpp
IndexBuildResult *Build(Relation heap, Relation index, IndexInfo *info);
void BuildEmpty(Relation index);
const char *BuildPhaseName(int64 phase);  // nullptr where there is no such phase

// insert.cpp. Always false: uniqueness is not checked here.
bool Insert(Relation index, Datum value, bool isnull, ItemPointer tid, Relation heap);

// vacuum.cpp
IndexBulkDeleteResult *BulkDelete(IndexVacuumInfo *info, IndexBulkDeleteResult *stats,
                                  IndexBulkDeleteCallback callback, void *state);
IndexBulkDeleteResult *VacuumCleanup(IndexVacuumInfo *info, IndexBulkDeleteResult *stats);

// scan.cpp
IndexScanDesc BeginScan(Relation index, int nkeys, int norderbys);
void Rescan(IndexScanDesc scan, ScanKey orderbys, int norderbys);
bool GetTuple(IndexScanDesc scan, ScanDirection direction);
void EndScan(IndexScanDesc scan);

// Lists that a scan opens at first: a setting or an option says so, else by their number.
int ProbesOf(Relation index, Method method, uint32_t lists);

// What the planner wants to know from the metapage.
struct CostInputs {
    uint32_t lists;
    int dimensions;
    int code_bytes;  // of a row
    int copy_bytes;  // of what a row is ranked by; 0: by its code
};

// False where the metapage says nothing: the planner then reckons with the reloptions.
bool ReadCostInputs(Relation index, CostInputs *inputs);

}  // namespace vecx::ivf

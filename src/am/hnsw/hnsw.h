// What the access method hnsw is made of. am/am.cpp gives these to PostgreSQL, each inside
// pg::Guard, so they may let core's exceptions pass.

#pragma once

#include "pg/pg.h"

namespace vecx::hnsw {

// build.cpp
IndexBuildResult *Build(Relation heap, Relation index, IndexInfo *info);
void BuildEmpty(Relation index);
const char *BuildPhaseName(int64 phase);  // nullptr where there is no such phase

// insert.cpp. Always false: uniqueness is not checked here.
bool Insert(Relation index, Datum value, bool isnull, ItemPointer tid, Relation heap,
            bool index_unchanged, IndexInfo *info);

// vacuum.cpp
IndexBulkDeleteResult *BulkDelete(IndexVacuumInfo *info, IndexBulkDeleteResult *stats,
                                  IndexBulkDeleteCallback callback, void *state);
IndexBulkDeleteResult *VacuumCleanup(IndexVacuumInfo *info, IndexBulkDeleteResult *stats);

// scan.cpp
IndexScanDesc BeginScan(Relation index, int nkeys, int norderbys);
void Rescan(IndexScanDesc scan, ScanKey orderbys, int norderbys);
bool GetTuple(IndexScanDesc scan, ScanDirection direction);
void EndScan(IndexScanDesc scan);

// What the planner wants to know from the metapage. It asks at each planning, so one page is read.
struct CostInputs {
    double rows_hint;       // elements in the graph when they were last counted; 0: unknown
    double pages_per_node;  // that one expansion reads
    double rerank_pages;    // that one full-precision copy is read from; 0: it is beside the node
    int dimensions;         // of the codes, at most those of the values
    int m;                  // as the index was built
    int edges;              // slots for neighbours in a node
    int code_bits;          // of a code, per dimension
};

// False where the metapage says nothing (an index being built, an empty file, damage, which a scan
// will tell): the planner then reckons with the reloptions.
bool ReadCostInputs(Relation index, CostInputs *inputs);

}  // namespace vecx::hnsw

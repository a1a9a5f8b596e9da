// The access method hnsw as PostgreSQL sees it: its properties, and its callbacks, each of which is
// pg::Guard around the function that does the work (am/hnsw/hnsw.h). The only entry is the handler,
// an SQL function.

#include "am/cost.h"
#include "am/hnsw/hnsw.h"
#include "am/opclass.h"
#include "am/options.h"
#include "am/validate.h"

#include "pg/guard.h"

namespace pg = vecx::pg;
namespace hnsw = vecx::hnsw;

extern "C" {

static IndexBuildResult *HnswBuild(Relation heap, Relation index, IndexInfo *info) {
    return pg::Guard([&] { return hnsw::Build(heap, index, info); });
}

static void HnswBuildEmpty(Relation index) {
    pg::Guard([&] { hnsw::BuildEmpty(index); });
}

static bool HnswInsert(Relation index, Datum *values, bool *isnull, ItemPointer tid, Relation heap,
                       IndexUniqueCheck, bool index_unchanged, IndexInfo *info) {
    return pg::Guard([&] {
        return hnsw::Insert(index, values[0], isnull[0], tid, heap, index_unchanged, info);
    });
}

static IndexBulkDeleteResult *HnswBulkDelete(IndexVacuumInfo *info, IndexBulkDeleteResult *stats,
                                             IndexBulkDeleteCallback callback, void *state) {
    return pg::Guard([&] { return hnsw::BulkDelete(info, stats, callback, state); });
}

static IndexBulkDeleteResult *HnswVacuumCleanup(IndexVacuumInfo *info,
                                                IndexBulkDeleteResult *stats) {
    return pg::Guard([&] { return hnsw::VacuumCleanup(info, stats); });
}

static void HnswCostEstimate(PlannerInfo *root, IndexPath *path, double loop_count, Cost *startup,
                             Cost *total, Selectivity *selectivity, double *correlation,
                             double *pages) {
    const vecx::ScanCost cost =
        pg::Guard([&] { return vecx::EstimateHnswCost(root, path, loop_count); });
    *startup = cost.startup;
    *total = cost.total;
    *selectivity = cost.selectivity;
    *correlation = cost.correlation;
    *pages = cost.pages;
}

static bytea *HnswParseOptions(Datum reloptions, bool validate) {
    return pg::Guard([&] { return vecx::ParseHnswOptions(reloptions, validate); });
}

static char *HnswBuildPhaseName(int64 phase) {
    return pg::Guard([&] { return const_cast<char *>(hnsw::BuildPhaseName(phase)); });
}

static bool Validate(Oid operator_class) {
    return pg::Guard([&] { return vecx::ValidateOperatorClass(operator_class); });
}

static IndexScanDesc HnswBeginScan(Relation index, int nkeys, int norderbys) {
    return pg::Guard([&] { return hnsw::BeginScan(index, nkeys, norderbys); });
}

// There are no search operators, hence no keys.
static void HnswRescan(IndexScanDesc scan, ScanKey, int, ScanKey orderbys, int norderbys) {
    pg::Guard([&] { hnsw::Rescan(scan, orderbys, norderbys); });
}

static bool HnswGetTuple(IndexScanDesc scan, ScanDirection direction) {
    return pg::Guard([&] { return hnsw::GetTuple(scan, direction); });
}

static void HnswEndScan(IndexScanDesc scan) {
    pg::Guard([&] { hnsw::EndScan(scan); });
}

// pg_index_column_has_property(index, 1, 'distance_orderable'), which PostgreSQL leaves to us.
static bool Property(Oid, int column, IndexAMProperty property, const char *, bool *result,
                     bool *isnull) {
    if (column < 1 || property != AMPROP_DISTANCE_ORDERABLE) return false;
    *result = true;
    *isnull = false;
    return true;
}
}

// What is not set is zero: false or nullptr.
VECX_FUNCTION(vecx_hnsw_handler) {
    IndexAmRoutine *routine = makeNode(IndexAmRoutine);

    // Operators are not numbered by meaning: each class has one, for its own distance.
    routine->amstrategies = 0;
    routine->amsupport = vecx::kSupportFunctions;
    routine->amcanorderbyop = true;
    routine->amoptionalkey = true;  // an ordered scan has no condition on the column
    routine->amparallelvacuumoptions = VACUUM_OPTION_PARALLEL_BULKDEL;
    routine->amkeytype = InvalidOid;
#if PG_VERSION_NUM >= 170000
    routine->amcanbuildparallel = true;  // before, PostgreSQL plans workers for B-trees only
#endif

    routine->ambuild = HnswBuild;
    routine->ambuildempty = HnswBuildEmpty;
    routine->aminsert = HnswInsert;
    routine->ambulkdelete = HnswBulkDelete;
    routine->amvacuumcleanup = HnswVacuumCleanup;
    routine->amcostestimate = HnswCostEstimate;
    routine->amoptions = HnswParseOptions;
    routine->amproperty = Property;
    routine->ambuildphasename = HnswBuildPhaseName;
    routine->amvalidate = Validate;
    routine->ambeginscan = HnswBeginScan;
    routine->amrescan = HnswRescan;
    routine->amgettuple = HnswGetTuple;
    routine->amendscan = HnswEndScan;

    PG_RETURN_POINTER(routine);
}

// The access methods as PostgreSQL sees them: their properties, and their callbacks, each of which
// is pg::Guard around the function that does the work (am/hnsw/hnsw.h, am/ivf/ivf.h). The only
// entries are the handlers, SQL functions.

#include "am/cost.h"
#include "am/hnsw/hnsw.h"
#include "am/ivf/ivf.h"
#include "am/opclass.h"
#include "am/options.h"
#include "am/validate.h"

#include "pg/guard.h"

namespace pg = vecx::pg;
namespace hnsw = vecx::hnsw;
namespace ivf = vecx::ivf;

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

static IndexBuildResult *IvfBuild(Relation heap, Relation index, IndexInfo *info) {
    return pg::Guard([&] { return ivf::Build(heap, index, info); });
}

static void IvfBuildEmpty(Relation index) {
    pg::Guard([&] { ivf::BuildEmpty(index); });
}

static bool IvfInsert(Relation index, Datum *values, bool *isnull, ItemPointer tid, Relation heap,
                      IndexUniqueCheck, bool, IndexInfo *) {
    return pg::Guard([&] { return ivf::Insert(index, values[0], isnull[0], tid, heap); });
}

static IndexBulkDeleteResult *IvfBulkDelete(IndexVacuumInfo *info, IndexBulkDeleteResult *stats,
                                            IndexBulkDeleteCallback callback, void *state) {
    return pg::Guard([&] { return ivf::BulkDelete(info, stats, callback, state); });
}

static IndexBulkDeleteResult *IvfVacuumCleanup(IndexVacuumInfo *info,
                                               IndexBulkDeleteResult *stats) {
    return pg::Guard([&] { return ivf::VacuumCleanup(info, stats); });
}

static void IvfCostEstimate(PlannerInfo *root, IndexPath *path, double loop_count, Cost *startup,
                            Cost *total, Selectivity *selectivity, double *correlation,
                            double *pages) {
    const vecx::ScanCost cost =
        pg::Guard([&] { return vecx::EstimateIvfCost(root, path, loop_count); });
    *startup = cost.startup;
    *total = cost.total;
    *selectivity = cost.selectivity;
    *correlation = cost.correlation;
    *pages = cost.pages;
}

static bytea *IvfflatParseOptions(Datum reloptions, bool validate) {
    return pg::Guard([&] { return vecx::ParseIvfflatOptions(reloptions, validate); });
}

static bytea *IvfpqParseOptions(Datum reloptions, bool validate) {
    return pg::Guard([&] { return vecx::ParseIvfpqOptions(reloptions, validate); });
}

static char *IvfBuildPhaseName(int64 phase) {
    return pg::Guard([&] { return const_cast<char *>(ivf::BuildPhaseName(phase)); });
}

static IndexScanDesc IvfBeginScan(Relation index, int nkeys, int norderbys) {
    return pg::Guard([&] { return ivf::BeginScan(index, nkeys, norderbys); });
}

static void IvfRescan(IndexScanDesc scan, ScanKey, int, ScanKey orderbys, int norderbys) {
    pg::Guard([&] { ivf::Rescan(scan, orderbys, norderbys); });
}

static bool IvfGetTuple(IndexScanDesc scan, ScanDirection direction) {
    return pg::Guard([&] { return ivf::GetTuple(scan, direction); });
}

static void IvfEndScan(IndexScanDesc scan) {
    pg::Guard([&] { ivf::EndScan(scan); });
}
}

// What all have in common. What is not set is zero: false or nullptr.
static IndexAmRoutine *NewRoutine() {
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

    routine->amproperty = Property;
    routine->amvalidate = Validate;
    return routine;
}

VECX_FUNCTION(vecx_hnsw_handler) {
    IndexAmRoutine *routine = NewRoutine();
    routine->ambuild = HnswBuild;
    routine->ambuildempty = HnswBuildEmpty;
    routine->aminsert = HnswInsert;
    routine->ambulkdelete = HnswBulkDelete;
    routine->amvacuumcleanup = HnswVacuumCleanup;
    routine->amcostestimate = HnswCostEstimate;
    routine->amoptions = HnswParseOptions;
    routine->ambuildphasename = HnswBuildPhaseName;
    routine->ambeginscan = HnswBeginScan;
    routine->amrescan = HnswRescan;
    routine->amgettuple = HnswGetTuple;
    routine->amendscan = HnswEndScan;
    PG_RETURN_POINTER(routine);
}

static IndexAmRoutine *NewIvfRoutine(amoptions_function options) {
    IndexAmRoutine *routine = NewRoutine();
    routine->ambuild = IvfBuild;
    routine->ambuildempty = IvfBuildEmpty;
    routine->aminsert = IvfInsert;
    routine->ambulkdelete = IvfBulkDelete;
    routine->amvacuumcleanup = IvfVacuumCleanup;
    routine->amcostestimate = IvfCostEstimate;
    routine->amoptions = options;
    routine->ambuildphasename = IvfBuildPhaseName;
    routine->ambeginscan = IvfBeginScan;
    routine->amrescan = IvfRescan;
    routine->amgettuple = IvfGetTuple;
    routine->amendscan = IvfEndScan;
    return routine;
}

VECX_FUNCTION(vecx_ivfflat_handler) { PG_RETURN_POINTER(NewIvfRoutine(IvfflatParseOptions)); }

VECX_FUNCTION(vecx_ivfpq_handler) { PG_RETURN_POINTER(NewIvfRoutine(IvfpqParseOptions)); }

// Without a look into the catalog: this is asked where the relation's cache is being filled.
ivf::Method ivf::MethodOf(Relation index) {
    return index->rd_indam->amoptions == IvfpqParseOptions ? Method::kIvfpq : Method::kIvfflat;
}

// vecx_index_info(index) and vecx_check(index, ...): what is in an index, and whether it is sound.

#include "am/inspect.h"

#include "am/am.h"
#include "am/hnsw/check.h"
#include "am/hnsw/info.h"

#include "pg/guard.h"

namespace vecx {
namespace {

[[noreturn]] void RaiseNoIndex(const char *name) {
    ereport(ERROR, (errcode(ERRCODE_WRONG_OBJECT_TYPE), errmsg("\"%s\" is not an hnsw index", name),
                    errhint("Name an index that was made by USING hnsw.")));
    pg_unreachable();
}

void CheckHnsw(Relation index) {
    const char *name = RelationGetRelationName(index);
    FmgrInfo handler;
    fmgr_info(index->rd_amhandler, &handler);
    if (handler.fn_addr != vecx_hnsw_handler) RaiseNoIndex(name);
    if (index->rd_rel->relkind == RELKIND_PARTITIONED_INDEX)
        ereport(ERROR,
                (errcode(ERRCODE_WRONG_OBJECT_TYPE), errmsg("\"%s\" is a partitioned index", name),
                 errhint("Name the index of a partition: pg_partition_tree lists them.")));
}

void CheckReadable(Relation index) {
    if (RELATION_IS_OTHER_TEMP(index))
        ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                        errmsg("cannot access temporary tables of other sessions")));
    if (RecoveryInProgress() && !RelationNeedsWAL(index))
        ereport(ERROR, (errcode(ERRCODE_READ_ONLY_SQL_TRANSACTION),
                        errmsg("cannot read unlogged index \"%s\" during recovery",
                               RelationGetRelationName(index))));
}

const char *NameOfCopies(const hnsw::Graph &graph) {
    return graph.copies == CopyKind::kHalf ? "half" : "float";
}

// Expressions of the index run with the rights of the table's owner and with a search_path that
// nobody else can put functions into, as for CREATE INDEX and amcheck.
class OwnersRights {
  public:
    explicit OwnersRights(Relation table) {
        GetUserIdAndSecContext(&user_, &context_);
        SetUserIdAndSecContext(table->rd_rel->relowner, context_ | SECURITY_RESTRICTED_OPERATION);
        nesting_ = NewGUCNestLevel();
        set_config_option("search_path", "pg_catalog, pg_temp", PGC_USERSET, PGC_S_SESSION,
                          GUC_ACTION_SAVE, true, 0, false);
    }
    // An error ends the transaction, which does the same.
    void GiveBack() {
        AtEOXact_GUC(false, nesting_);
        SetUserIdAndSecContext(user_, context_);
    }

  private:
    Oid user_;
    int context_;
    int nesting_;
};

}  // namespace

OpenedIndex OpenHnswIndex(Oid index_id) {
    // The table first, as everyone locks them.
    const Oid table_id = IndexGetRelation(index_id, true);
    if (!OidIsValid(table_id)) {
        const char *name = get_rel_name(index_id);
        RaiseNoIndex(name != nullptr ? name : psprintf("%u", index_id));
    }
    OpenedIndex opened;
    opened.table = table_open(table_id, AccessShareLock);
    opened.index = relation_open(index_id, AccessShareLock);
    CheckHnsw(opened.index);
    CheckReadable(opened.index);
    return opened;
}

void CloseHnswIndex(const OpenedIndex &opened) {
    relation_close(opened.index, AccessShareLock);
    table_close(opened.table, AccessShareLock);
}

VECX_FUNCTION(vecx_index_info) {
    TupleDesc row;
    if (get_call_result_type(fcinfo, nullptr, &row) != TYPEFUNC_COMPOSITE)
        elog(ERROR, "return type must be a row type");
    const OpenedIndex opened = OpenHnswIndex(PG_GETARG_OID(0));
    const AclResult allowed =
        pg_class_aclcheck(RelationGetRelid(opened.table), GetUserId(), ACL_SELECT);
    if (allowed != ACLCHECK_OK)
        aclcheck_error(allowed, OBJECT_TABLE, RelationGetRelationName(opened.table));

    const hnsw::IndexCounts counts = hnsw::CountIndex(opened.index, hnsw::OpenGraph(opened.index));
    hnsw::Entry entry;
    const hnsw::Graph &graph = hnsw::OpenGraph(opened.index, &entry);
    const RecordShape &shape = graph.shape;
    const BlockNumber meta_pages = std::min(graph.layout.first_group, counts.total_pages);
    const double total_bytes = static_cast<double>(counts.total_pages) * BLCKSZ;
    const Datum values[] = {
        Int64GetDatum(counts.rows),
        Int64GetDatum(counts.nodes),
        Int64GetDatum(counts.upper_nodes),
        Int64GetDatum(counts.duplicates),
        Int64GetDatum(counts.tombstones),
        Int64GetDatum(counts.unlinked),
        Int64GetDatum(counts.free_slots),
        Int32GetDatum(graph.dimensions),
        Int32GetDatum(shape.code_dimensions),
        Int32GetDatum(shape.code_bits),
        Int32GetDatum(shape.edges),
        Int32GetDatum(graph.m),
        Int32GetDatum(graph.ef_construction),
        CStringGetTextDatum(NameOfCopies(graph)),
        Int32GetDatum(shape.size),
        Float8GetDatum(counts.rows > 0 ? total_bytes / static_cast<double>(counts.rows) : 0),
        Int64GetDatum(meta_pages),
        Int64GetDatum(counts.node_pages),
        Int64GetDatum(counts.total_pages - meta_pages - counts.node_pages),
        Int64GetDatum(counts.total_pages),
        Int32GetDatum(entry.level),
        Int32GetDatum(counts.levels),
        Float8GetDatum(counts.nodes > 0
                           ? static_cast<double>(counts.edges) / static_cast<double>(counts.nodes)
                           : 0),
        CStringGetTextDatum(psprintf("%016llx", static_cast<unsigned long long>(graph.build_id))),
    };
    bool nulls[lengthof(values)] = {};
    nulls[20] = !entry.link;        // entry_level
    nulls[15] = counts.rows == 0;   // bytes_per_row
    nulls[22] = counts.nodes == 0;  // average_degree
    if (row->natts != lengthof(values)) elog(ERROR, "return type has other columns");
    const HeapTuple tuple =
        heap_form_tuple(BlessTupleDesc(row), const_cast<Datum *>(values), nulls);
    CloseHnswIndex(opened);
    PG_RETURN_DATUM(HeapTupleGetDatum(tuple));
}

VECX_FUNCTION(vecx_check) {
    const Oid index_id = PG_GETARG_OID(0);
    const CheckOptions options = {PG_GETARG_BOOL(1), PG_GETARG_INT32(2)};
    if (options.sample < 0)
        ereport(ERROR,
                (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("sample must not be negative")));
    InitMaterializedSRF(fcinfo, 0);
    const auto *result = reinterpret_cast<ReturnSetInfo *>(fcinfo->resultinfo);
    const OpenedIndex opened = OpenHnswIndex(index_id);
    OwnersRights rights(opened.table);
    const MemoryContext context =
        AllocSetContextCreate(CurrentMemoryContext, "vecx_check", ALLOCSET_DEFAULT_SIZES);
    const MemoryContext before = MemoryContextSwitchTo(context);
    Findings findings(result->setResult, result->setDesc);
    const Snapshot snapshot = RegisterSnapshot(GetTransactionSnapshot());
    hnsw::CheckIndex(opened.index, opened.table, snapshot, options, &findings);
    UnregisterSnapshot(snapshot);
    MemoryContextSwitchTo(before);
    MemoryContextDelete(context);
    rights.GiveBack();
    CloseHnswIndex(opened);
    PG_RETURN_VOID();
}

}  // namespace vecx

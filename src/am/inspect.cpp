// vecx_index_info(index), vecx_index_lists(index) and vecx_check(index, ...): what is in an index,
// and whether it is sound.

#include "am/inspect.h"

#include "am/am.h"
#include "am/hnsw/check.h"
#include "am/hnsw/info.h"
#include "am/ivf/check.h"
#include "am/ivf/info.h"
#include "am/ivf/ivf.h"

#include "pg/guard.h"

namespace vecx {
namespace {

[[noreturn]] void RaiseNoIndex(const char *name) {
    ereport(ERROR,
            (errcode(ERRCODE_WRONG_OBJECT_TYPE), errmsg("\"%s\" is not an index of vecx", name),
             errhint("Name an index that was made by USING hnsw, ivfflat or ivfpq.")));
    pg_unreachable();
}

// Of which method an index of ours is; an error for all others.
bool IsHnsw(Relation index) {
    const char *name = RelationGetRelationName(index);
    FmgrInfo handler;
    fmgr_info(index->rd_amhandler, &handler);
    const bool is_hnsw = handler.fn_addr == vecx_hnsw_handler;
    if (!is_hnsw && handler.fn_addr != vecx_ivfflat_handler &&
        handler.fn_addr != vecx_ivfpq_handler)
        RaiseNoIndex(name);
    if (index->rd_rel->relkind == RELKIND_PARTITIONED_INDEX)
        ereport(ERROR,
                (errcode(ERRCODE_WRONG_OBJECT_TYPE), errmsg("\"%s\" is a partitioned index", name),
                 errhint("Name the index of a partition: pg_partition_tree lists them.")));
    return is_hnsw;
}

void CheckReadable(Relation index) {
    if (RELATION_IS_OTHER_TEMP(index))
        ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                        errmsg("cannot access temporary tables of other sessions")));
    if (!index->rd_index->indisvalid && RelationGetNumberOfBlocks(index) == 0)
        ereport(
            ERROR,
            (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
             errmsg("index \"%s\" is not valid", RelationGetRelationName(index)),
             errdetail("It was never built: CREATE INDEX CONCURRENTLY is running or has failed."),
             errhint("REINDEX INDEX builds it; DROP INDEX removes it.")));
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

OpenedIndex OpenVectorIndex(Oid index_id) {
    // The table first, as everyone locks them.
    const Oid table_id = IndexGetRelation(index_id, true);
    if (!OidIsValid(table_id)) {
        const char *name = get_rel_name(index_id);
        RaiseNoIndex(name != nullptr ? name : psprintf("%u", index_id));
    }
    OpenedIndex opened;
    opened.table = table_open(table_id, AccessShareLock);
    opened.index = relation_open(index_id, AccessShareLock);
    opened.is_hnsw = IsHnsw(opened.index);
    CheckReadable(opened.index);
    return opened;
}

void CloseVectorIndex(const OpenedIndex &opened) {
    relation_close(opened.index, AccessShareLock);
    table_close(opened.table, AccessShareLock);
}

namespace {

// The columns of vecx_index_info. NULL is what an access method does not know.
enum InfoColumn {
    kRows,
    kNodes,
    kUpperNodes,
    kDuplicates,
    kTombstones,
    kUnlinked,
    kFreeSlots,
    kDimensions,
    kCodeDimensions,
    kCodeBits,
    kEdges,
    kM,
    kEfConstruction,
    kVectorsKept,
    kRecordBytes,
    kBytesPerRow,
    kMetaPages,
    kNodePages,
    kVectorPages,
    kTotalPages,
    kEntryLevel,
    kLevels,
    kAverageDegree,
    kBuildId,
    kMethod,
    kLists,
    kLargestList,
    kTrained,
    kQuantizer,
    kFreePages,
    kInfoColumns,
};

struct InfoRow {
    Datum values[kInfoColumns];
    bool nulls[kInfoColumns];

    void Set(InfoColumn column, Datum value) {
        values[column] = value;
        nulls[column] = false;
    }
    void SetCount(InfoColumn column, int64 count) { Set(column, Int64GetDatum(count)); }
    void SetNumber(InfoColumn column, int number) { Set(column, Int32GetDatum(number)); }
    void SetText(InfoColumn column, const char *text) { Set(column, CStringGetTextDatum(text)); }
    void SetBuildId(uint64_t id) {
        SetText(kBuildId, psprintf("%016llx", static_cast<unsigned long long>(id)));
    }
    void SetBytesPerRow(int64 pages, int64 rows) {
        if (rows > 0)
            Set(kBytesPerRow,
                Float8GetDatum(static_cast<double>(pages) * BLCKSZ / static_cast<double>(rows)));
    }
};

void DescribeHnsw(Relation index, InfoRow *row) {
    const hnsw::IndexCounts counts = hnsw::CountIndex(index, hnsw::OpenGraph(index));
    hnsw::Entry entry;
    const hnsw::Graph &graph = hnsw::OpenGraph(index, &entry);
    const RecordShape &shape = graph.shape;
    const BlockNumber meta_pages = std::min(graph.layout.first_group, counts.total_pages);
    row->SetCount(kRows, counts.rows);
    row->SetCount(kNodes, counts.nodes);
    row->SetCount(kUpperNodes, counts.upper_nodes);
    row->SetCount(kDuplicates, counts.duplicates);
    row->SetCount(kTombstones, counts.tombstones);
    row->SetCount(kUnlinked, counts.unlinked);
    row->SetCount(kFreeSlots, counts.free_slots);
    row->SetNumber(kDimensions, graph.dimensions);
    row->SetNumber(kCodeDimensions, shape.code_dimensions);
    row->SetNumber(kCodeBits, shape.code_bits);
    row->SetNumber(kEdges, shape.edges);
    row->SetNumber(kM, graph.m);
    row->SetNumber(kEfConstruction, graph.ef_construction);
    row->SetText(kVectorsKept, NameOfCopies(graph));
    row->SetNumber(kRecordBytes, shape.size);
    row->SetBytesPerRow(counts.total_pages, counts.rows);
    row->SetCount(kMetaPages, meta_pages);
    row->SetCount(kNodePages, counts.node_pages);
    row->SetCount(kVectorPages, counts.total_pages - meta_pages - counts.node_pages);
    row->SetCount(kTotalPages, counts.total_pages);
    if (entry.link) row->SetNumber(kEntryLevel, entry.level);
    row->SetNumber(kLevels, counts.levels);
    if (counts.nodes > 0)
        row->Set(kAverageDegree, Float8GetDatum(static_cast<double>(counts.edges) /
                                                static_cast<double>(counts.nodes)));
    row->SetBuildId(graph.build_id);
    row->SetText(kMethod, "hnsw");
}

void DescribeIvf(Relation index, InfoRow *row) {
    const ivf::Lists &lists = *ivf::LoadLists(index);
    const ivf::IndexCounts counts = ivf::CountIndex(index, lists);
    const ListShape &shape = lists.shape;
    row->SetCount(kRows, counts.rows);
    row->SetCount(kTombstones, counts.dead);
    row->SetCount(kFreeSlots, counts.free_slots);
    row->SetNumber(kDimensions, lists.dimensions);
    if (shape.bits > 0) row->SetNumber(kCodeBits, shape.bits);
    if (shape.m > 0) row->SetNumber(kM, shape.m);
    row->SetText(kVectorsKept, ivf::NameOfVectors(lists.vectors));
    row->SetNumber(kRecordBytes, shape.by_row ? shape.row_bytes : shape.BlockBytes() / kListBlock);
    row->SetBytesPerRow(counts.total_pages, counts.rows);
    row->SetCount(kMetaPages, counts.meta_pages);
    row->SetCount(kNodePages, counts.code_pages);
    row->SetCount(kVectorPages, counts.copy_pages);
    row->SetCount(kTotalPages, counts.total_pages);
    row->SetBuildId(lists.build_id);
    row->SetText(kMethod, lists.method == ivf::Method::kIvfpq ? "ivfpq" : "ivfflat");
    row->SetNumber(kLists, static_cast<int>(lists.set.lists));
    row->SetCount(kLargestList, counts.largest_list);
    row->Set(kTrained, BoolGetDatum(lists.set.trained != 0));
    row->SetText(kQuantizer, ivf::NameOfQuantizer(lists.set.quantizer));
    row->SetCount(kFreePages, counts.free_pages);
}

// For those who may select all rows from its table. Counts, radii and codebooks are of rows that a
// policy hides, too, and a list of few rows says much of each; PostgreSQL keeps its statistics from
// the same users.
OpenedIndex OpenAllowedIndex(Oid index_id) {
    const OpenedIndex opened = OpenVectorIndex(index_id);
    const Oid table_id = RelationGetRelid(opened.table);
    const char *name = RelationGetRelationName(opened.table);
    const AclResult allowed = pg_class_aclcheck(table_id, GetUserId(), ACL_SELECT);
    if (allowed != ACLCHECK_OK) aclcheck_error(allowed, OBJECT_TABLE, name);
    if (check_enable_rls(table_id, InvalidOid, true) == RLS_ENABLED)
        ereport(ERROR,
                (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
                 errmsg("permission denied for table %s", name),
                 errdetail("What is in its index \"%s\" is also of rows that row-level security "
                           "keeps from you.",
                           RelationGetRelationName(opened.index)),
                 errhint("It can be looked into by the table's owner, and with BYPASSRLS.")));
    return opened;
}

}  // namespace

VECX_FUNCTION(vecx_index_info) {
    TupleDesc type;
    if (get_call_result_type(fcinfo, nullptr, &type) != TYPEFUNC_COMPOSITE)
        elog(ERROR, "return type must be a row type");
    if (type->natts != kInfoColumns) elog(ERROR, "return type has other columns");
    const OpenedIndex opened = OpenAllowedIndex(PG_GETARG_OID(0));
    InfoRow row;
    memset(row.nulls, true, sizeof(row.nulls));
    if (opened.is_hnsw)
        DescribeHnsw(opened.index, &row);
    else
        DescribeIvf(opened.index, &row);
    const HeapTuple tuple = heap_form_tuple(BlessTupleDesc(type), row.values, row.nulls);
    CloseVectorIndex(opened);
    PG_RETURN_DATUM(HeapTupleGetDatum(tuple));
}

VECX_FUNCTION(vecx_index_lists) {
    const Oid index_id = PG_GETARG_OID(0);
    InitMaterializedSRF(fcinfo, 0);
    const auto *result = reinterpret_cast<ReturnSetInfo *>(fcinfo->resultinfo);
    const OpenedIndex opened = OpenAllowedIndex(index_id);
    if (opened.is_hnsw)
        ereport(ERROR, (errcode(ERRCODE_WRONG_OBJECT_TYPE),
                        errmsg("index \"%s\" has no lists", RelationGetRelationName(opened.index)),
                        errhint("Name an index that was made by USING ivfflat or ivfpq.")));
    const ivf::Lists &lists = *ivf::LoadLists(opened.index);
    const MemoryContext context =
        AllocSetContextCreate(CurrentMemoryContext, "vecx_index_lists", ALLOCSET_DEFAULT_SIZES);
    for (uint32_t list = 0; list < lists.set.lists; list++) {
        const MemoryContext before = MemoryContextSwitchTo(context);
        const ivf::ListCounts counts = ivf::CountList(opened.index, lists, list);
        const Datum values[] = {Int32GetDatum(static_cast<int>(list)),
                                Int64GetDatum(counts.rows),
                                Int64GetDatum(counts.dead),
                                Int64GetDatum(static_cast<int64>(counts.generation)),
                                Float8GetDatum(counts.centroid_norm),
                                Float8GetDatum(counts.radius)};
        const bool nulls[] = {false, false, false, false, false, std::isnan(counts.radius)};
        tuplestore_putvalues(result->setResult, result->setDesc, const_cast<Datum *>(values),
                             const_cast<bool *>(nulls));
        MemoryContextSwitchTo(before);
        MemoryContextReset(context);
    }
    MemoryContextDelete(context);
    CloseVectorIndex(opened);
    PG_RETURN_VOID();
}

VECX_FUNCTION(vecx_pq_codebook) {
    const OpenedIndex opened = OpenAllowedIndex(PG_GETARG_OID(0));
    const ivf::Lists *lists = opened.is_hnsw ? nullptr : ivf::LoadLists(opened.index);
    if (lists == nullptr || lists->shape.quantizer != ListQuantizer::kPq)
        ereport(ERROR,
                (errcode(ERRCODE_WRONG_OBJECT_TYPE),
                 errmsg("index \"%s\" has no codebook", RelationGetRelationName(opened.index)),
                 errhint("Name an ivfpq index with quantizer pq that has been trained.")));
    const Size bytes = PqBookBytes(lists->codec.book().shape);
    auto *result = static_cast<bytea *>(palloc(VARHDRSZ + bytes));
    SET_VARSIZE(result, VARHDRSZ + bytes);
    WritePqBook(lists->codec.book(), VARDATA(result));
    CloseVectorIndex(opened);
    PG_RETURN_BYTEA_P(result);
}

VECX_FUNCTION(vecx_check) {
    const Oid index_id = PG_GETARG_OID(0);
    const CheckOptions options = {PG_GETARG_BOOL(1), PG_GETARG_INT32(2)};
    if (options.sample < 0)
        ereport(ERROR,
                (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("sample must not be negative")));
    InitMaterializedSRF(fcinfo, 0);
    const auto *result = reinterpret_cast<ReturnSetInfo *>(fcinfo->resultinfo);
    const OpenedIndex opened = OpenVectorIndex(index_id);
    OwnersRights rights(opened.table);
    const MemoryContext context =
        AllocSetContextCreate(CurrentMemoryContext, "vecx_check", ALLOCSET_DEFAULT_SIZES);
    const MemoryContext before = MemoryContextSwitchTo(context);
    Findings findings(result->setResult, result->setDesc);
    const Snapshot snapshot = RegisterSnapshot(GetTransactionSnapshot());
    if (opened.is_hnsw)
        hnsw::CheckIndex(opened.index, opened.table, snapshot, options, &findings);
    else
        ivf::CheckIndex(opened.index, opened.table, snapshot, options, &findings);
    UnregisterSnapshot(snapshot);
    MemoryContextSwitchTo(before);
    MemoryContextDelete(context);
    rights.GiveBack();
    CloseVectorIndex(opened);
    PG_RETURN_VOID();
}

}  // namespace vecx

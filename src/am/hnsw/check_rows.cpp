// Of vecx_check: the rows of the index against those of the table, and searches for some of them.

#include "am/hnsw/checker.h"

#include "am/self_search.h"
#include "core/random.h"
#include "types/vector.h"

namespace vecx::hnsw {

void Checker::CheckRowsUnique() {
    if (!rows_known_) return;
    std::sort(rows_, rows_ + row_count_,
              [](const IndexedRow &a, const IndexedRow &b) { return a.tid < b.tid; });
    for (int64 i = 1; i < row_count_; i++) {
        const IndexedRow &a = rows_[i - 1], &b = rows_[i];
        if (a.tid != b.tid) continue;
        // It may have died and come again, while the slots were read.
        if (a.slot != b.slot && (!StillHolds(a.slot, a.tid) || !StillHolds(b.slot, b.tid)))
            continue;
        Error(a.slot, "row (%u,%d) is also in slot %u", TidBlock(a.tid), TidItem(a.tid), b.slot);
    }
}

bool Checker::StillHolds(NodeId slot, uint64_t tid) {
    if (!ReadRecord(slot, record_)) return false;
    const auto *header = reinterpret_cast<const NodeHeader *>(record_);
    if (header->flags & kTombstone) return false;
    if (header->kind == SlotKind::kNode) return TidOf(header->row) == tid;
    if (header->kind != SlotKind::kDuplicates) return false;
    const auto *duplicates = reinterpret_cast<const DuplicatesRecord *>(record_);
    for (int i = 0; i < std::min<int>(duplicates->count, shape().DuplicateCapacity()); i++)
        if (TidOf(duplicates->Rows()[i]) == tid) return true;
    return false;
}

const IndexedRow *Checker::FindRow(uint64_t tid) const {
    const IndexedRow *begin = rows_, *end = begin + row_count_;
    const IndexedRow *found = std::lower_bound(
        begin, end, tid, [](const IndexedRow &row, uint64_t wanted) { return row.tid < wanted; });
    return found < end && found->tid == tid ? found : nullptr;
}

// All rows that the snapshot sees were in the index before the check began to read it.
void Checker::CheckTable() {
    if (!rows_known_) return;
    if (IsolationUsesXactSnapshot() && index_->rd_index->indcheckxmin &&
        !TransactionIdPrecedes(HeapTupleHeaderGetXmin(index_->rd_indextuple->t_data),
                               snapshot_->xmin))
        return Say(Severity::kInfo,
                   "rows are not compared: the index is younger than the snapshot");
    IndexInfo *info = BuildIndexInfo(index_);
    // Makes the scan go by the snapshot, as for CREATE INDEX CONCURRENTLY.
    info->ii_Concurrent = true;
    info->ii_Unique = false;
    info->ii_ExclusionOps = nullptr;
    info->ii_ExclusionProcs = nullptr;
    info->ii_ExclusionStrats = nullptr;
    vector_ = NewNodeVector(*graph_);
    TableScanDesc scan = table_beginscan_strat(table_, snapshot_, 0, nullptr, true, true);
    table_index_build_scan(table_, index_, info, true, false, VisitTableRow, this, scan);
}

void Checker::VisitTableRow(Relation, ItemPointer tid, Datum *values, bool *isnull, bool,
                            void *state) {
    auto *checker = static_cast<Checker *>(state);
    if (isnull[0]) return;
    const MemoryContext before = MemoryContextSwitchTo(checker->row_context_);
    checker->CheckTableRow(tid, values[0]);
    MemoryContextSwitchTo(before);
    MemoryContextReset(checker->row_context_);
}

void Checker::CheckTableRow(ItemPointer tid, Datum value) {
    CHECK_FOR_INTERRUPTS();
    value = PointerGetDatum(PG_DETOAST_DATUM(value));
    Refresh();
    if (!ReadNodeVector(*graph_, value, &vector_)) return;
    const IndexedRow *row = FindRow(TidOf(tid));
    if (row == nullptr)
        return Say(Severity::kError, "row (%u,%d) of the table is not in the index",
                   ItemPointerGetBlockNumber(tid),
                   static_cast<int>(ItemPointerGetOffsetNumber(tid)));
    if (options_.sample > 0 && compared_ >= options_.sample) return;
    compared_++;
    if (!IsKnown(row->node)) return;
    auto *copy = static_cast<char *>(palloc(vector_.copy_bytes));
    if (ReadValue(row->node, copy) &&
        memcmp(copy, vector_.copy,
               graph_->HasCopies() ? vector_.copy_bytes : OwnBytesOf(shape(), vector_.copy)) != 0 &&
        StillHolds(row->slot, row->tid))
        Error(row->node, "its copy is not the value of row (%u,%d)", TidBlock(row->tid),
              TidItem(row->tid));
}

void Checker::CheckSearches() {
    if (!rows_known_ || row_count_ == 0) return;
    // A search may fail by damage.
    if (findings_->errors() > 0)
        return Say(Severity::kInfo, "no row is searched for: the index is damaged");
    if (IsInnerProduct(graph_->opclass))
        return Say(Severity::kInfo,
                   "no row is searched for: by inner product its own vector need not be nearest");
    Random random(graph_->build_id);
    int64 lost = 0;
    for (int i = 0; i < options_.sample; i++) {
        CHECK_FOR_INTERRUPTS();
        const auto at = static_cast<int64>(random.Next() % static_cast<uint64_t>(row_count_));
        const MemoryContext before = MemoryContextSwitchTo(row_context_);
        if (IsKnown(rows_[at].node) && !IsFoundBySearch(rows_[at])) lost++;
        MemoryContextSwitchTo(before);
        MemoryContextReset(row_context_);
    }
    if (lost > 0)
        Say(lost * 100 > options_.sample ? Severity::kWarning : Severity::kInfo,
            INT64_FORMAT " of %d rows are not found by a search for their own vector", lost,
            options_.sample);
}

Datum Checker::MakeQuery(const char *copy) {
    const int n = graph_->dimensions;
    if (shape().codec == Codec::kSparse) {
        const SparseList list = SparseListOf(shape(), copy);
        SparseVector *value = NewSparse(n, list.count);
        memcpy(value->indices, list.indices, list.count * sizeof(int32));
        memcpy(value->Values(), list.values, list.count * sizeof(float));
        return PointerGetDatum(value);
    }
    if (shape().codec == Codec::kBits) {
        const Size bytes = VARHDRSZ + sizeof(int32) + ValueBytes();
        auto *value = static_cast<varlena *>(palloc0(bytes));
        SET_VARSIZE(value, bytes);
        memcpy(VARDATA(value), &n, sizeof(int32));
        memcpy(VARDATA(value) + sizeof(int32), copy, ValueBytes());
        return PointerGetDatum(value);
    }
    return ValueOfCopy({graph_->opclass, n, graph_->copies}, copy);
}

bool Checker::IsFoundBySearch(const IndexedRow &row) {
    Refresh();
    auto *copy = static_cast<char *>(palloc(ValueBytes()));
    if (!ReadValue(row.node, copy)) return true;
    const bool exact = shape().codec == Codec::kSparse || shape().codec == Codec::kBits;
    const double apart =
        exact ? -std::numeric_limits<double>::infinity()
              : DistanceFromCopy({graph_->opclass, graph_->dimensions, graph_->copies}, copy);
    ItemPointerData tid;
    ItemPointerSet(&tid, TidBlock(row.tid), static_cast<OffsetNumber>(TidItem(row.tid)));
    // It may have died since.
    return IsFoundByOwnValue(index_, table_, snapshot_, MakeQuery(copy), &tid, apart) ||
           !StillHolds(row.slot, row.tid);
}

}  // namespace vecx::hnsw

// Of vecx_check: the rows of the index against those of the table, and searches for some of them.

#include "am/ivf/checker.h"
#include "am/ivf/insert.h"
#include "am/ivf/ivf.h"
#include "am/self_search.h"

#include "core/random.h"
#include "types/vector.h"

namespace vecx::ivf {
namespace {

// Rows that are held against all centroids; of larger tables, every so many.
constexpr int64 kMostPlaced = 20000;
// Which centroid is nearest depends on how sums are rounded: by so much of the squared lengths.
constexpr double kNearestRounding = 1e-5;

}  // namespace

void Checker::CheckRowsUnique() {
    if (!rows_known_) return;
    std::sort(rows_, rows_ + row_count_,
              [](const IndexedRow &a, const IndexedRow &b) { return a.tid < b.tid; });
    for (int64 i = 1; i < row_count_; i++) {
        const IndexedRow &a = rows_[i - 1], &b = rows_[i];
        if (a.tid != b.tid) continue;
        // It may have died and come again, while the lists were read.
        if (!StillHolds(a) || !StillHolds(b)) continue;
        Error(b.extent, static_cast<int>(b.slot), "row (%u,%d) is also in slot %u of block %u",
              TidBlock(a.tid), TidItem(a.tid), a.slot, a.extent);
    }
}

bool Checker::StillHolds(const IndexedRow &row) {
    if (!ReadPage(row.extent, page_)) return false;
    const Extent extent = {row.extent, *HeaderOf(page_)};
    if (FindExtentFault(*lists_, row.extent, extent.header, row.list,
                        RelationGetNumberOfBlocks(index_)) != nullptr ||
        row.slot >= extent.header.slots)
        return false;
    const uint32_t block = row.slot / kListBlock;
    if (!ReadPage(extent.HeadBlock(lists_->geometry, block), page_)) return false;
    const BlockHead *head = HeadAt(lists_->geometry, block, page_);
    const int lane = static_cast<int>(row.slot % kListBlock);
    return head->live >> lane & 1 && TidOf(head->rows[lane]) == row.tid;
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
    raw_ = static_cast<char *>(palloc(FormatOf(*lists_).RawBytes()));
    TableScanDesc scan = table_beginscan_strat(table_, snapshot_, 0, nullptr, true, true);
    table_index_build_scan(table_, index_, info, true, false, VisitTableRow, this, scan);
    ReportNearest();
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

// What the index keeps of a value as it is: the copy, or bits.
int Checker::StoredBytes() const {
    return lists_->HasCopies()                               ? FormatOf(*lists_).CopyBytes()
           : lists_->shape.quantizer == ListQuantizer::kFlat ? lists_->shape.row_bytes
                                                             : 0;
}

bool Checker::ReadStored(const IndexedRow &row, char *out) {
    const Geometry &geometry = lists_->geometry;
    if (!ReadPage(row.extent, page_)) return false;
    const Extent extent = {row.extent, *HeaderOf(page_)};
    if (FindExtentFault(*lists_, row.extent, extent.header, row.list,
                        RelationGetNumberOfBlocks(index_)) != nullptr ||
        row.slot >= extent.header.slots)
        return false;
    if (lists_->HasCopies()) {
        auto *buffer = static_cast<char *>(palloc(geometry.copy_size + 1));
        const BlockNumber block = extent.CopyBlock(geometry, row.slot);
        store::PageRef page = store::OpenUnchecked(index_, block);
        const bool sound = store::FindDamage(page.page, store::PageKind::kVectors) == nullptr;
        store::Close(page);
        if (!sound) return false;
        const char *copy =
            OpenCopy(index_, *lists_, block, extent.CopyOffset(geometry, row.slot), buffer, &page);
        if (copy != nullptr) memcpy(out, copy, FormatOf(*lists_).CopyBytes());
        store::Close(page);
        return copy != nullptr;
    }
    return ReadCode(extent, row.slot, out);
}

// Of rows that stand by themselves.
bool Checker::ReadCode(const Extent &extent, uint32_t slot, char *out) {
    const Geometry &geometry = lists_->geometry;
    const uint32_t block = slot / kListBlock;
    const BlockPlace &place = geometry.PlaceOf(block);
    const Piece *pieces = geometry.PiecesOf(block);
    const uint32_t bytes = lists_->shape.row_bytes;
    const uint32_t from = slot % kListBlock * bytes;
    for (int i = 0; i < place.pieces; i++) {
        const uint32_t begin = std::max(from, pieces[i].from);
        const uint32_t end = std::min(from + bytes, pieces[i].from + pieces[i].bytes);
        if (begin >= end) continue;
        if (!ReadPage(extent.first + geometry.UnitPage(block) + pieces[i].page, page_))
            return false;
        memcpy(out + begin - from, page_ + pieces[i].offset + begin - pieces[i].from, end - begin);
    }
    return true;
}

// A copy as floats.
bool Checker::DecodeStored(const IndexedRow &row, float *out) {
    if (!lists_->HasCopies()) return false;
    auto *stored = static_cast<char *>(palloc(StoredBytes()));
    if (!ReadStored(row, stored)) return false;
    DecodeCopy(lists_->Copies(), stored, out);
    return true;
}

// The code has to be what the row's is in its list, where it stands by itself. (In blocks rounding
// may depend on the other rows.)
void Checker::CheckCode(const IndexedRow &row) {
    const ListShape &shape = lists_->shape;
    if (!shape.by_row || shape.quantizer == ListQuantizer::kFlat) return;
    if (!ReadPage(row.extent, page_)) return;
    const Extent extent = {row.extent, *HeaderOf(page_)};
    auto *stored = static_cast<char *>(palloc(shape.row_bytes));
    if (row.slot >= extent.header.slots || !ReadCode(extent, row.slot, stored)) return;
    const CodeMemory memory = NewCodeMemory(*lists_);
    ReadCentroid(index_, *lists_, row.list, memory.centroid);
    const auto is_code_of = [&](const char *raw) {
        MakeCoordinates(FormatOf(*lists_), raw, memory.coordinates);
        EncodeInList(*lists_, raw, memory);
        return memcmp(stored, memory.code, shape.row_bytes) == 0;
    };
    // VACUUM makes codes of copies.
    auto *copied = static_cast<float *>(palloc(lists_->dimensions * sizeof(float)));
    if (!is_code_of(raw_) &&
        !(lists_->set.copy_error > 0 && DecodeStored(row, copied) &&
          is_code_of(reinterpret_cast<const char *>(copied))) &&
        StillHolds(row))
        Error(row.extent, static_cast<int>(row.slot), "its code is not that of row (%u,%d)",
              TidBlock(row.tid), TidItem(row.tid));
}

// The row has to be in the list of the nearest centroid, or of one as near.
void Checker::CheckNearest(const IndexedRow &row) {
    if (lists_->set.lists == 1 || findings_->errors() > 0) return;
    const auto step = std::max<uint64_t>(1, static_cast<uint64_t>(row_count_ / kMostPlaced));
    if (Random(row.tid).Next() % step != 0) return;
    const int n = lists_->dimensions;
    auto *coordinates = static_cast<float *>(palloc(n * sizeof(float)));
    MakeCoordinates(FormatOf(*lists_), raw_, coordinates);
    double own = 0, own_norm = 0, least = std::numeric_limits<double>::infinity();
    const bool spherical = lists_->IsSpherical();
    ForEachKey(index_, *lists_, coordinates,
               [&](uint32_t list, const CentroidHeader &header, float key, const float *) {
                   if (spherical && header.norm > 0) key /= std::sqrt(header.norm);
                   least = std::min<double>(least, key);
                   if (list != row.list) return;
                   own = key;
                   own_norm = header.norm;
               });
    const double length = Norm(coordinates, n);
    // VACUUM goes by copies.
    const double error = lists_->set.copy_error;
    const double most =
        spherical
            ? kNearestRounding * length + 2 * error
            : kNearestRounding * (length * length + own_norm) +
                  2 * error * (std::sqrt(std::max(0.0, own)) + std::sqrt(std::max(0.0, least)));
    placed_++;
    if (!(own - least > most) || !StillHolds(row)) return;
    if (misplaced_++ == 0) first_misplaced_ = row;
}

void Checker::ReportNearest() {
    if (misplaced_ == 0) return;
    Say(Severity::kWarning,
        INT64_FORMAT
        " of " INT64_FORMAT
        " rows are not in the list of the nearest centroid; the first, row (%u,%d), is "
        "in list %u",
        misplaced_, placed_, TidBlock(first_misplaced_.tid), TidItem(first_misplaced_.tid),
        first_misplaced_.list);
}

void Checker::CheckTableRow(ItemPointer tid, Datum value) {
    CHECK_FOR_INTERRUPTS();
    value = PointerGetDatum(PG_DETOAST_DATUM(value));
    const ValueFormat format = FormatOf(*lists_);
    if (!ReadRaw(format, value, raw_)) return;
    const IndexedRow *row = FindRow(TidOf(tid));
    if (row == nullptr) {
        // Lists that VACUUM has made meanwhile hold it.
        if (ReadMeta(index_).generation != meta_.generation) return;
        return Say(Severity::kError, "row (%u,%d) of the table is not in the index",
                   ItemPointerGetBlockNumber(tid),
                   static_cast<int>(ItemPointerGetOffsetNumber(tid)));
    }
    if (options_.sample > 0 && compared_ >= options_.sample) return;
    compared_++;
    CheckCode(*row);
    CheckNearest(*row);
    if (StoredBytes() == 0) return;
    auto *stored = static_cast<char *>(palloc(StoredBytes()));
    auto *expected = static_cast<char *>(palloc0(StoredBytes()));
    if (lists_->HasCopies())
        MakeCopy(format, raw_, expected);
    else
        memcpy(expected, raw_, StoredBytes());
    if (ReadStored(*row, stored) && memcmp(stored, expected, StoredBytes()) != 0 &&
        StillHolds(*row))
        Error(row->extent, static_cast<int>(row->slot), "its copy is not the value of row (%u,%d)",
              TidBlock(row->tid), TidItem(row->tid));
}

void Checker::CheckSearches() {
    if (!rows_known_ || row_count_ == 0) return;
    // A search may fail by damage.
    if (findings_->errors() > 0)
        return Say(Severity::kInfo, "no row is searched for: the index is damaged");
    if (lists_->opclass.metric == Metric::kInnerProduct)
        return Say(Severity::kInfo,
                   "no row is searched for: by inner product its own vector need not be nearest");
    if (StoredBytes() == 0)
        return Say(Severity::kInfo, "no row is searched for: vectors are not kept");
    Random random(meta_.build_id);
    int64 lost = 0;
    for (int i = 0; i < options_.sample; i++) {
        CHECK_FOR_INTERRUPTS();
        const auto at = static_cast<int64>(random.Next() % static_cast<uint64_t>(row_count_));
        const MemoryContext before = MemoryContextSwitchTo(row_context_);
        if (!IsFoundBySearch(rows_[at])) lost++;
        MemoryContextSwitchTo(before);
        MemoryContextReset(row_context_);
    }
    if (lost > 0)
        Say(lost * 100 > options_.sample ? Severity::kWarning : Severity::kInfo,
            INT64_FORMAT " of %d rows are not found by a search for their own vector", lost,
            options_.sample);
}

Datum Checker::MakeQuery(const char *stored) {
    const int n = lists_->dimensions;
    if (IsOfBits(lists_->opclass)) {
        const Size bytes = VARHDRSZ + sizeof(int32) + StoredBytes();
        auto *value = static_cast<varlena *>(palloc0(bytes));
        SET_VARSIZE(value, bytes);
        memcpy(VARDATA(value), &n, sizeof(int32));
        memcpy(VARDATA(value) + sizeof(int32), stored, StoredBytes());
        return PointerGetDatum(value);
    }
    return ValueOfCopy({lists_->opclass, n, static_cast<CopyKind>(lists_->vectors)}, stored);
}

bool Checker::IsFoundBySearch(const IndexedRow &row) {
    auto *stored = static_cast<char *>(palloc(StoredBytes()));
    if (!ReadStored(row, stored)) return true;
    const double apart = lists_->HasCopies() ? DistanceFromCopy(lists_->Copies(), stored)
                                             : -std::numeric_limits<double>::infinity();
    ItemPointerData tid;
    ItemPointerSet(&tid, TidBlock(row.tid), static_cast<OffsetNumber>(TidItem(row.tid)));
    // It may have died since.
    return IsFoundByOwnValue(index_, table_, snapshot_, MakeQuery(stored), &tid, apart) ||
           !StillHolds(row);
}

}  // namespace vecx::ivf

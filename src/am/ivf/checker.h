// The state of a check of inverted lists; private to check*.cpp.
//
// Others write meanwhile. What a list says of itself is looked at again before it is reported, and
// what has been added since the check began is passed over.

#pragma once

#include "am/ivf/check.h"
#include "am/ivf/list_pages.h"
#include "am/ivf/row_vector.h"

#include "pg/pg.h"

namespace vecx::ivf {

// Where a row stands.
struct IndexedRow {
    uint64_t tid;
    uint32_t list;
    uint32_t slot;  // of the extent
    BlockNumber extent;
};

inline uint64_t TidOf(RowId row) {
    return static_cast<uint64_t>(row.block_high) << 32 |
           static_cast<uint64_t>(row.block_low) << 16 | row.item;
}
inline uint64_t TidOf(ItemPointer tid) {
    return TidOf(RowId{tid->ip_blkid.bi_hi, tid->ip_blkid.bi_lo, tid->ip_posid});
}
inline BlockNumber TidBlock(uint64_t tid) { return static_cast<BlockNumber>(tid >> 16); }
inline int TidItem(uint64_t tid) { return static_cast<int>(tid & 0xffff); }

class Checker {
  public:
    Checker(Relation index, Relation table, Snapshot snapshot, const CheckOptions &options,
            Findings *findings)
        : index_(index),
          table_(table),
          snapshot_(snapshot),
          options_(options),
          findings_(findings),
          blocks_(RelationGetNumberOfBlocks(index)) {}

    void Run();

  private:
    void Error(BlockNumber block, int slot, const char *format, ...) pg_attribute_printf(4, 5);
    void Say(Severity severity, const char *format, ...) pg_attribute_printf(3, 4);

    // check_pages.cpp
    bool CheckMeta();
    bool CheckPage(BlockNumber block, store::PageKind kind, char *copy, bool may_be_fresh);
    bool Take(BlockNumber first, uint64_t count, const char *what);
    void CheckCentroids();
    void CheckChains();
    void CheckOtherPages();

    // check_lists.cpp
    bool ReadPage(BlockNumber block, char *copy);
    void CheckList(uint32_t list);
    bool WalkList(uint32_t list, const CodePage &head, bool report);
    bool WalkExtent(uint32_t list, const Extent &extent, uint32_t rows, bool report);
    void CheckPagesOf(uint32_t list);
    bool IsLive(const Extent &extent, uint32_t slot);
    void CheckCopies(const Extent &extent);
    void NoteRow(uint32_t list, const Extent &extent, uint32_t slot, RowId row);

    // check_rows.cpp
    void CheckRowsUnique();
    bool StillHolds(const IndexedRow &row);
    const IndexedRow *FindRow(uint64_t tid) const;
    void CheckTable();
    static void VisitTableRow(Relation, ItemPointer tid, Datum *values, bool *isnull, bool,
                              void *state);
    void CheckTableRow(ItemPointer tid, Datum value);
    bool ReadStored(const IndexedRow &row, char *out);
    void CheckSearches();
    bool IsFoundBySearch(const IndexedRow &row);
    Datum MakeQuery(const char *stored);
    int StoredBytes() const;
    bool ReadCode(const Extent &extent, uint32_t slot, char *out);
    bool DecodeStored(const IndexedRow &row, float *out);
    void CheckCode(const IndexedRow &row);
    void CheckNearest(const IndexedRow &row);
    void ReportNearest();

    Relation index_;
    Relation table_;
    Snapshot snapshot_;
    CheckOptions options_;
    Findings *findings_;
    BlockNumber blocks_;
    BlockNumber table_blocks_ = 0;
    MetaPage meta_ = {};
    const Lists *lists_ = nullptr;
    BlockNumber *heads_ = nullptr;
    uint8 *used_ = nullptr;  // a bit for each block: it belongs to something
    char *page_ = nullptr;
    char *other_page_ = nullptr;
    BlockNumber other_block_ = InvalidBlockNumber;

    IndexedRow *rows_ = nullptr;
    int64 row_count_ = 0, row_capacity_ = 0;
    int64 list_rows_ = 0;     // of row_count_, those before the list at hand
    bool rows_known_ = true;  // all of them are in rows_

    MemoryContext row_context_ = nullptr;  // for one row of the table, or one search
    char *raw_ = nullptr;
    int64 compared_ = 0;
    int64 placed_ = 0;     // of the rows that were held against all centroids
    int64 misplaced_ = 0;  // there is a nearer one
    IndexedRow first_misplaced_ = {};
};

}  // namespace vecx::ivf

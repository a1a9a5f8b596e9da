// Looks for damage in an index of inverted lists, see the header: the order of the checks.

#include "am/ivf/checker.h"

namespace vecx::ivf {

constexpr int kNoSlot = -1;

void Checker::Error(BlockNumber block, int slot, const char *format, ...) {
    va_list values;
    va_start(values, format);
    findings_->ReportList(Severity::kError, block, slot, format, values);
    va_end(values);
}

void Checker::Say(Severity severity, const char *format, ...) {
    va_list values;
    va_start(values, format);
    findings_->ReportList(severity, InvalidBlockNumber, kNoSlot, format, values);
    va_end(values);
}

void Checker::Run() {
    page_ = static_cast<char *>(palloc(store::kPageCapacity));
    other_page_ = static_cast<char *>(palloc(store::kPageCapacity));
    used_ = static_cast<uint8 *>(MemoryContextAllocExtended(CurrentMemoryContext, blocks_ / 8 + 1,
                                                            MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO));
    row_context_ =
        AllocSetContextCreate(CurrentMemoryContext, "vecx_check row", ALLOCSET_DEFAULT_SIZES);
    if (!CheckMeta()) return;
    table_blocks_ = RelationGetNumberOfBlocks(table_);
    CheckCentroids();
    for (uint32_t list = 0; list < lists_->set.lists; list++)
        if (heads_[list] != InvalidBlockNumber) CheckList(list);
    CheckChains();
    CheckOtherPages();
    CheckRowsUnique();
    if (options_.heap_all_indexed) CheckTable();
    if (options_.sample > 0) CheckSearches();
}

void CheckIndex(Relation index, Relation table, Snapshot snapshot, const CheckOptions &options,
                Findings *findings) {
    Checker checker(index, table, snapshot, options, findings);
    checker.Run();
}

}  // namespace vecx::ivf

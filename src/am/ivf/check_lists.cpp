// Of vecx_check: lists, their extents, blocks and copies.

#include "am/ivf/checker.h"

#include "core/half.h"

namespace vecx::ivf {
namespace {

constexpr int kNoSlot = -1;
constexpr int kMostLooks = 5;  // at a list that is being written to

}  // namespace

// Without a report.
bool Checker::ReadPage(BlockNumber block, char *copy) {
    CHECK_FOR_INTERRUPTS();
    store::PageRef page = store::OpenUnchecked(index_, block);
    const bool sound =
        !page.fresh && store::FindDamage(page.page, store::PageKind::kCodes) == nullptr;
    if (sound) memcpy(copy, page.content, store::kPageCapacity);
    store::Close(page);
    return sound;
}

void Checker::CheckList(uint32_t list) {
    for (int look = 1;; look++) {
        if (!CheckPage(heads_[list], store::PageKind::kCodes, page_, false)) {
            rows_known_ = false;
            return;
        }
        const CodePage head = *HeaderOf(page_);
        list_rows_ = row_count_;
        const bool sound = WalkList(list, head, false);
        CodePage now = {};
        if (ReadPage(heads_[list], page_)) now = *HeaderOf(page_);
        const bool changed = memcmp(&now, &head, sizeof(head)) != 0;
        if (sound && (!changed || look == kMostLooks)) return CheckPagesOf(list);
        row_count_ = list_rows_;
        if (changed && look < kMostLooks) continue;
        if (!changed) WalkList(list, head, true);
        return CheckPagesOf(list);
    }
}

// All pages of the list's extents, as far as they can be found, and the copies.
void Checker::CheckPagesOf(uint32_t list) {
    BlockNumber block = heads_[list];
    for (BlockNumber steps = 0; steps <= blocks_; steps++) {
        if (block >= RelationGetNumberOfBlocks(index_) || !ReadPage(block, page_)) return;
        const Extent extent = {block, *HeaderOf(page_)};
        if (FindExtentFault(*lists_, block, extent.header, list,
                            RelationGetNumberOfBlocks(index_)) != nullptr ||
            !Take(block, extent.header.pages, "an extent"))
            return;
        const uint32_t code_pages = extent.header.code_pages;
        const uint32_t end = code_pages + lists_->geometry.CopyPages(extent.header.slots);
        const int64 errors = findings_->errors();
        for (uint32_t i = 0; i < end; i++)
            CheckPage(block + i,
                      i < code_pages ? store::PageKind::kCodes : store::PageKind::kVectors, page_,
                      true);
        if (findings_->errors() == errors && lists_->HasCopies()) CheckCopies(extent);
        if (extent.header.next == kMetaBlock) return;
        block = extent.header.next;
    }
}

// False if something is wrong; what, is said if `report`.
bool Checker::WalkList(uint32_t list, const CodePage &head, bool report) {
    const auto wrong = [&](BlockNumber block, const char *what) {
        if (report) Error(block, kNoSlot, "list %u: %s", list, what);
        rows_known_ = rows_known_ && !report;
        return false;
    };
    if (!(head.flags & kHead)) return wrong(heads_[list], "No list begins here.");
    BlockNumber block = heads_[list];
    uint64_t taken = 0;
    const int64 before = row_count_;
    bool sound = true;
    for (BlockNumber steps = 0;; steps++) {
        if (steps > blocks_) return wrong(block, "Its extents lead back to themselves.");
        if (block >= RelationGetNumberOfBlocks(index_) || !ReadPage(block, page_))
            return wrong(block, "An extent is damaged.");
        const Extent extent = {block, *HeaderOf(page_)};
        if (const char *fault = FindExtentFault(*lists_, block, extent.header, list,
                                                RelationGetNumberOfBlocks(index_)))
            return wrong(block, fault);
        if (steps > 0 && extent.header.flags & (kHead | kRetired))
            return wrong(block, "An extent is of no list.");
        const bool last = block == head.tail;
        const uint32_t rows = last ? head.tail_rows : extent.header.slots;
        if (rows > extent.header.slots) return wrong(block, "It has more rows than slots.");
        taken += rows;
        sound = WalkExtent(list, extent, rows, report) && sound;
        if (last) break;
        if (extent.header.next == kMetaBlock)
            return wrong(block, "It ends before its last extent.");
        block = extent.header.next;
    }
    if (taken != head.rows)
        return wrong(heads_[list], "It has another number of slots in use than its head says.");
    if (rows_known_ && static_cast<uint64_t>(row_count_ - before) + head.dead != head.rows)
        return wrong(heads_[list], "It has another number of rows than its head says.");
    return sound;
}

bool Checker::WalkExtent(uint32_t list, const Extent &extent, uint32_t rows, bool report) {
    const Geometry &geometry = lists_->geometry;
    bool sound = true;
    const auto wrong = [&](BlockNumber block, int slot, const char *what) {
        if (report) Error(block, slot, "list %u: %s", list, what);
        sound = false;
    };
    BlockNumber at = InvalidBlockNumber;
    bool readable = false;
    const uint32_t blocks = extent.Blocks();
    for (uint32_t block = 0; block < blocks; block++) {
        const BlockNumber head_block = extent.HeadBlock(geometry, block);
        if (head_block != at) {
            at = head_block;
            readable = ReadPage(at, page_);
            if (!readable) {
                store::PageRef page = store::OpenUnchecked(index_, at);
                const bool fresh =
                    page.fresh && store::FindDamage(page.page, store::PageKind::kCodes) == nullptr;
                store::Close(page);
                if (!fresh || block * kListBlock < rows)
                    wrong(at, kNoSlot, "a page of codes is damaged");
                continue;
            }
            const CodePage *header = HeaderOf(page_);
            if (header->list != list || header->position != at - extent.first)
                wrong(at, kNoSlot, "a page of codes is of another place");
        }
        if (!readable) continue;
        const BlockHead *head = HeadAt(geometry, block, page_);
        for (int lane = 0; lane < kListBlock; lane++) {
            const uint32_t slot = block * kListBlock + lane;
            const RowId row = head->rows[lane];
            if (!(head->live >> lane & 1)) {
                if (row) wrong(at, static_cast<int>(slot), "a slot without a row names one");
                continue;
            }
            if (slot >= rows) {
                wrong(at, static_cast<int>(slot), "a slot that is not in use has a row");
                continue;
            }
            const uint64_t tid = TidOf(row);
            if (!row || TidItem(tid) > MaxHeapTuplesPerPage ||
                (TidBlock(tid) >= table_blocks_ &&
                 TidBlock(tid) >= (table_blocks_ = RelationGetNumberOfBlocks(table_)))) {
                wrong(at, static_cast<int>(slot), "a row cannot be in the table");
                continue;
            }
            NoteRow(list, extent, slot, row);
        }
    }
    return sound;
}

bool Checker::IsLive(const Extent &extent, uint32_t slot) {
    const Geometry &geometry = lists_->geometry;
    const uint32_t block = slot / kListBlock;
    const BlockNumber at = extent.HeadBlock(geometry, block);
    if (at != other_block_ || slot % kListBlock == 0) {
        other_block_ = at;
        if (!ReadPage(at, other_page_)) memset(other_page_, 0, store::kPageCapacity);
    }
    return HeadAt(geometry, block, other_page_)->live >> slot % kListBlock & 1;
}

void Checker::NoteRow(uint32_t list, const Extent &extent, uint32_t slot, RowId row) {
    if (!rows_known_) return;
    if (row_count_ == row_capacity_) {
        row_capacity_ = std::max<int64>(1024, row_capacity_ * 2);
        if (static_cast<Size>(row_capacity_) * sizeof(IndexedRow) >
            static_cast<Size>(maintenance_work_mem) * 1024 * 4) {
            rows_known_ = false;
            return Say(Severity::kInfo,
                       "rows are not compared: maintenance_work_mem is too small for them");
        }
        const Size bytes = row_capacity_ * sizeof(IndexedRow);
        rows_ = static_cast<IndexedRow *>(rows_ == nullptr
                                              ? MemoryContextAllocHuge(CurrentMemoryContext, bytes)
                                              : repalloc_huge(rows_, bytes));
    }
    rows_[row_count_++] = {TidOf(row), list, slot, extent.first};
}

// What no row was put into is zero, or what was there before.
void Checker::CheckCopies(const Extent &extent) {
    const Geometry &geometry = lists_->geometry;
    char *buffer = static_cast<char *>(palloc(geometry.copy_size + 1));
    const int n = lists_->dimensions;
    for (uint32_t slot = 0; slot < extent.header.slots; slot++) {
        CHECK_FOR_INTERRUPTS();
        if (!IsLive(extent, slot)) continue;
        const BlockNumber block = extent.CopyBlock(geometry, slot);
        store::PageRef page;
        const char *copy =
            OpenCopy(index_, *lists_, block, extent.CopyOffset(geometry, slot), buffer, &page);
        bool sound = true;
        if (copy != nullptr) {
            CopyHeader header;
            memcpy(&header, copy, sizeof(header));
            int exponent;
            sound = std::isfinite(header.scale) && header.scale > 0 &&
                    std::frexp(header.scale, &exponent) == 0.5f && header.error >= 0 &&
                    !std::isnan(header.error);
            for (int i = 0; i < n && sound; i++) {
                if (lists_->vectors == Vectors::kFloat) {
                    float value;
                    memcpy(&value, copy + sizeof(header) + i * sizeof(float), sizeof(value));
                    sound = std::isfinite(value);
                } else {
                    uint16_t bits;
                    memcpy(&bits, copy + sizeof(header) + i * sizeof(bits), sizeof(bits));
                    sound = std::isfinite(HalfToFloat({bits}));
                }
            }
        }
        store::Close(page);
        if (!sound) Error(block, static_cast<int>(slot), "the copy of a row is damaged");
    }
    pfree(buffer);
}

}  // namespace vecx::ivf

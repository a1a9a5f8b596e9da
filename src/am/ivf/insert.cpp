// One row: into the list whose centroid is nearest, where a dead row left its slot, or at the end.
//
// Whoever writes to a list holds the lock of its head, which is the first page of its first extent,
// and takes its other pages in the order of blocks: codes, then the copy. Readers hold one page at
// a time. A row is there once its bit in the block's head is set, so what does not fit into the one
// record that sets it is written before.

#include "am/ivf/insert.h"
#include "am/ivf/extents.h"
#include "am/ivf/ivf.h"
#include "am/rows.h"

#include "pg/pause_point.h"
#include "store/log.h"

namespace vecx::ivf {
namespace {

constexpr BlockNumber kLargestExtent = 64;  // pages
constexpr uint32_t kMostLooks = 64;         // blocks that an insert looks at for a slot

// VACUUM puts its last rows into new lists with the old one locked: nobody is held up there.
void Pause(pg::PausePlace place) {
    if (InterruptHoldoffCount == 0) pg::PausePoint(place);
}

// The row in all its forms.
struct NewRow {
    RowId row;
    uint8_t *code;
    const char *copy;
    int copy_bytes;
};

// Where a row goes.
struct Slot {
    Extent extent;
    uint32_t slot;
    bool reused;

    uint32_t block() const { return slot / kListBlock; }
    int lane() const { return static_cast<int>(slot % kListBlock); }
};

// Pages of one record, each once, in the order that they were asked for.
class OpenPages {
  public:
    explicit OpenPages(Relation index) : index_(index) {}

    // At most PageEdit::kMaxPages different ones.
    store::PageRef &Open(BlockNumber block, store::PageKind kind) {
        for (int i = 0; i < count_; i++)
            if (BlockOf(pages_[i]) == block) return pages_[i];
        pages_[count_] = store::OpenExclusive(index_, block, kind);
        return pages_[count_++];
    }
    void CloseAll() {
        for (int i = 0; i < count_; i++) store::Close(pages_[i]);
        count_ = 0;
    }
    int count() const { return count_; }

  private:
    Relation index_;
    store::PageRef pages_[store::PageEdit::kMaxPages];
    int count_ = 0;
};

class Inserter {
  public:
    Inserter(Relation index, const Lists &lists, NearestList nearest)
        : index_(index), lists_(lists), geometry_(lists.geometry), nearest_(nearest) {}

    enum class Result { kDone, kFull, kGone };

    // kGone: the list has been replaced. kFull: there is no slot.
    Result Insert(const NewRow &row) {
        store::PageRef head = store::OpenExclusive(index_, nearest_.head, store::PageKind::kCodes);
        const Extent first = ExtentOf(index_, lists_, nearest_.list, head);
        if (first.header.flags & kRetired) {
            store::Close(head);
            return Result::kGone;
        }
        Slot slot;
        if (!FindSlot(head, first, &slot)) {
            store::Close(head);
            return Result::kFull;
        }
        WriteRow(head, slot, row);
        store::Close(head);
        return Result::kDone;
    }

    // Adds an extent, unless somebody else did.
    void Grow() {
        Pause(pg::PausePlace::kIndexGrows);
        ExtentSize size;
        if (!ChooseSize(&size) || TakeFree(size.Pages())) return;
        AddFreeExtent(index_, size.Pages());
        Pause(pg::PausePlace::kIndexHasGrown);
        TakeFree(size.Pages());
    }

  private:
    // What the list's head says, locked.
    bool FindSlot(const store::PageRef &head, const Extent &first, Slot *slot) {
        const CodePage &header = first.header;
        // What an earlier try has seen may be retired by now.
        looked_extent_ = kMetaBlock;
        if (header.dead > 0 && !(header.flags & kFrozen) && FindDeadSlot(head, first, slot))
            return true;
        slot->extent = header.tail == first.first ? first : ReadTail(header);
        if (header.tail_rows >= slot->extent.header.slots) return false;
        slot->slot = header.tail_rows;
        slot->reused = false;
        return true;
    }

    Extent ReadTail(const CodePage &header) {
        return ReadExtent(index_, lists_, nearest_.list, header.tail);
    }

    // Blocks from where the list's head says that one may be. The lock on the head keeps everybody
    // else from writing.
    bool FindDeadSlot(const store::PageRef &head, const Extent &first, Slot *slot) {
        const CodePage &header = first.header;
        BlockNumber at = header.free_extent == kMetaBlock ? first.first : header.free_extent;
        uint32_t block = header.free_extent == kMetaBlock ? 0 : header.free_block;
        for (uint32_t looks = 0; looks < kMostLooks;) {
            const Extent extent =
                at == first.first ? first : ReadExtent(index_, lists_, nearest_.list, at);
            const bool is_tail = extent.first == header.tail;
            const uint32_t rows = is_tail ? header.tail_rows : extent.header.slots;
            for (; block * kListBlock < rows && looks < kMostLooks; block++, looks++) {
                const uint32_t lanes = rows - block * kListBlock >= kListBlock
                                           ? ~0u
                                           : (1u << (rows - block * kListBlock)) - 1;
                const uint32_t free = ~LiveOf(head, extent, block) & lanes;
                if (free == 0) continue;
                slot->extent = extent;
                slot->slot = block * kListBlock + std::countr_zero(free);
                slot->reused = true;
                return true;
            }
            if (is_tail || extent.header.next == kMetaBlock) break;
            if (block * kListBlock >= rows) {
                at = extent.header.next;
                block = 0;
            }
        }
        // Not again from here.
        looked_extent_ = at;
        looked_block_ = block;
        return false;
    }

    uint32_t LiveOf(const store::PageRef &head, const Extent &extent, uint32_t block) {
        const BlockNumber at = extent.HeadBlock(geometry_, block);
        if (at == BlockOf(head)) return HeadAt(geometry_, block, head.content)->live;
        store::PageRef page = store::OpenShared(index_, at, store::PageKind::kCodes);
        const uint32_t live = page.fresh ? 0 : HeadAt(geometry_, block, page.content)->live;
        store::Close(page);
        return live;
    }

    void WriteRow(const store::PageRef &head, const Slot &slot, const NewRow &row) {
        const BlockNumber block_head = slot.extent.HeadBlock(geometry_, slot.block());
        const BlockNumber copy =
            lists_.HasCopies() ? slot.extent.CopyBlock(geometry_, slot.slot) : InvalidBlockNumber;
        // The head, the block's head, pages of codes beside that, the copy's.
        int pages = block_head == BlockOf(head) ? 1 : 2;
        const int code_pages = CountCodePages(slot, BlockOf(head), block_head);
        const int copy_pages = lists_.HasCopies() ? geometry_.pages_per_copy : 0;
        pages += code_pages + copy_pages;
        const bool at_once = pages <= store::PageEdit::kMaxPages && copy_pages <= 1;
        if (!at_once) {
            WriteCodesBefore(head, slot, row, block_head);
            if (copy_pages > 0) WriteCopyBefore(copy, slot, row);
        }
        OpenPages open(index_);
        store::PageEdit edit(index_);
        char *list_content = edit.Change(head);
        char *block_content = list_content;
        if (block_head != BlockOf(head))
            block_content =
                ChangeOrInit(&edit, open.Open(block_head, store::PageKind::kCodes), slot.extent);
        // A scan that goes through the list again tells rows by their bounds.
        FitCode(lists_.shape, HeadAt(geometry_, slot.block(), block_content) + 1,
                lists_.HasVectors(), row.code);
        StoreHead(lists_.shape, geometry_, slot.block(), slot.lane(), row.code, row.row,
                  block_content);
        const int head_page = geometry_.PlaceOf(slot.block()).page;
        StoreCodes(lists_.shape, geometry_, slot.block(), slot.lane(), row.code, head_page,
                   block_content);
        if (at_once) {
            ForEachCodePage(slot, [&](BlockNumber block, int page) {
                if (block == block_head) return;
                char *content = block == BlockOf(head)
                                    ? list_content
                                    : ChangeOrInit(&edit, open.Open(block, store::PageKind::kCodes),
                                                   slot.extent);
                StoreCodes(lists_.shape, geometry_, slot.block(), slot.lane(), row.code, page,
                           content);
            });
            if (copy_pages > 0) {
                store::PageRef &page = open.Open(copy, store::PageKind::kVectors);
                char *content =
                    page.fresh ? edit.Fresh(page, store::PageKind::kVectors) : edit.Change(page);
                memcpy(content + slot.extent.CopyOffset(geometry_, slot.slot), row.copy,
                       row.copy_bytes);
            }
        }
        CountRow(HeaderOf(list_content), slot);
        edit.Commit();
        open.CloseAll();
    }

    void CountRow(CodePage *header, const Slot &slot) {
        if (!slot.reused) {
            header->rows++;
            header->tail_rows++;
            if (looked_extent_ != kMetaBlock) {
                header->free_extent = looked_extent_;
                header->free_block = looked_block_;
            }
            return;
        }
        header->dead--;
        // Who keeps a copy of the list has to read it anew.
        header->generation++;
        header->free_extent = slot.extent.first;
        header->free_block = slot.block();
    }

    char *ChangeOrInit(store::PageEdit *edit, const store::PageRef &page, const Extent &extent) {
        if (!page.fresh) return edit->Change(page);
        char *content = edit->Fresh(page, store::PageKind::kCodes);
        HeaderOf(content)->list = nearest_.list;
        HeaderOf(content)->position = BlockOf(page) - extent.first;
        return content;
    }

    // The pages that hold some of the row's code.
    template <class Visit>
    void ForEachCodePage(const Slot &slot, Visit visit) {
        const BlockPlace &place = geometry_.PlaceOf(slot.block());
        const Piece *pieces = geometry_.PiecesOf(slot.block());
        const BlockNumber unit = slot.extent.first + geometry_.UnitPage(slot.block());
        for (int i = 0; i < place.pieces; i++) {
            if (i > 0 && pieces[i].page == pieces[i - 1].page) continue;
            if (HasCodes(lists_.shape, geometry_, slot.block(), slot.lane(), pieces[i].page))
                visit(unit + pieces[i].page, pieces[i].page);
        }
    }

    int CountCodePages(const Slot &slot, BlockNumber head, BlockNumber block_head) {
        int count = 0;
        ForEachCodePage(
            slot, [&](BlockNumber block, int) { count += block != head && block != block_head; });
        return count;
    }

    // In records of their own, since the slot holds no row yet.
    void WriteCodesBefore(const store::PageRef &head, const Slot &slot, const NewRow &row,
                          BlockNumber block_head) {
        ForEachCodePage(slot, [&](BlockNumber block, int page) {
            if (block == block_head) return;
            store::PageEdit edit(index_);
            store::PageRef own = {};
            char *content;
            if (block == BlockOf(head)) {
                content = edit.Change(head);
            } else {
                own = store::OpenExclusive(index_, block, store::PageKind::kCodes);
                content = ChangeOrInit(&edit, own, slot.extent);
            }
            StoreCodes(lists_.shape, geometry_, slot.block(), slot.lane(), row.code, page, content);
            edit.Commit();
            if (block != BlockOf(head)) store::Close(own);
        });
    }

    void WriteCopyBefore(BlockNumber block, const Slot &slot, const NewRow &row) {
        int offset = slot.extent.CopyOffset(geometry_, slot.slot);
        for (int from = 0; from < row.copy_bytes; from += store::kPageCapacity, block++) {
            store::PageRef page = store::OpenExclusive(index_, block, store::PageKind::kVectors);
            store::PageEdit edit(index_);
            char *content =
                page.fresh ? edit.Fresh(page, store::PageKind::kVectors) : edit.Change(page);
            memcpy(content + offset, row.copy + from,
                   std::min(store::kPageCapacity, row.copy_bytes - from));
            offset = 0;
            edit.Commit();
            store::Close(page);
        }
    }

    // False if there is room by now.
    bool ChooseSize(ExtentSize *size) {
        const Extent first = ReadExtent(index_, lists_, nearest_.list, nearest_.head);
        if (first.header.flags & kRetired) return false;
        const Extent tail = first.header.tail == first.first ? first : ReadTail(first.header);
        if (first.header.tail_rows < tail.header.slots) return false;
        // A quarter of what there is, so that chains stay short and little room is left unused.
        uint32_t rows = std::max<uint32_t>(first.header.rows / 4, 1);
        *size = SizeOfExtent(geometry_, rows);
        while (size->Pages() > kLargestExtent && rows > 1) {
            rows = rows / 2 + (rows == 1);
            *size = SizeOfExtent(geometry_, rows);
        }
        return true;
    }

    // The first of the free extents, or that many pages of it, becomes the list's last.
    bool TakeFree(BlockNumber pages) {
        store::PageRef head = store::OpenExclusive(index_, nearest_.head, store::PageKind::kCodes);
        const Extent first = ExtentOf(index_, lists_, nearest_.list, head);
        const bool taken = !(first.header.flags & kRetired) && IsFull(first) &&
                           TakeFreeExtent(index_, lists_, head, first, pages);
        store::Close(head);
        return taken;
    }

    bool IsFull(const Extent &first) {
        const Extent tail = first.header.tail == first.first ? first : ReadTail(first.header);
        return first.header.tail_rows >= tail.header.slots;
    }

    Relation index_;
    const Lists &lists_;
    const Geometry &geometry_;
    NearestList nearest_;
    BlockNumber looked_extent_ = kMetaBlock;
    uint32_t looked_block_ = 0;
};

}  // namespace

CodeMemory NewCodeMemory(const Lists &lists) {
    constexpr Size kAlignment = 64;
    const Size floats =
        TYPEALIGN(kAlignment, std::max(lists.shape.padded, lists.dimensions) * sizeof(float));
    char *memory = static_cast<char *>(MemoryContextAllocHuge(
        CurrentMemoryContext,
        4 * floats + lists.codec.ScratchFloats() * sizeof(float) + kAlignment));
    memory = reinterpret_cast<char *>(TYPEALIGN(kAlignment, memory));
    const auto at = [&](int i) { return reinterpret_cast<float *>(memory + i * floats); };
    return {at(0),
            at(1),
            at(2),
            at(3),
            at(4),
            static_cast<uint8_t *>(palloc(lists.shape.row_bytes)),
            static_cast<char *>(palloc0(lists.geometry.copy_size + 1))};
}

void EncodeInList(const Lists &lists, const char *raw, const CodeMemory &memory) {
    if (HasUnknownCode(lists, raw)) return lists.codec.EncodeUnknown(memory.code);
    lists.codec.Transform(memory.coordinates, memory.moved);
    lists.codec.Transform(memory.centroid, memory.moved_centroid);
    lists.codec.EncodeRow(memory.moved, memory.moved_centroid, memory.code, memory.scratch);
}

bool InsertRow(Relation index, const Lists &lists, const char *raw, const char *copy, RowId row,
               const CodeMemory &memory) {
    const ValueFormat format = FormatOf(lists);
    MakeCoordinates(format, raw, memory.coordinates);
    const NearestList nearest = FindNearestList(index, lists, memory.coordinates, memory.centroid);
    if (lists.shape.quantizer == ListQuantizer::kFlat) {
        memcpy(memory.code, raw, lists.shape.row_bytes);
    } else {
        EncodeInList(lists, raw, memory);
    }
    if (copy == nullptr && lists.HasCopies()) {
        MakeCopy(format, raw, memory.copy);
        copy = memory.copy;
    }
    const NewRow new_row = {row, memory.code, copy, format.CopyBytes()};
    Inserter inserter(index, lists, nearest);
    for (;;) {
        const Inserter::Result result = inserter.Insert(new_row);
        if (result != Inserter::Result::kFull) return result == Inserter::Result::kDone;
        CHECK_FOR_INTERRUPTS();
        inserter.Grow();
    }
}

bool Insert(Relation index, Datum value, bool isnull, ItemPointer tid, Relation) {
    if (isnull) return false;
    const MemoryContext context =
        AllocSetContextCreate(CurrentMemoryContext, "ivf insert", ALLOCSET_DEFAULT_SIZES);
    const MemoryContext before = MemoryContextSwitchTo(context);
    // The value first: reading it may flush the relation's cache entry.
    value = PointerGetDatum(PG_DETOAST_DATUM(value));
    uint64_t load = 0;
    for (bool done = false; !done;) {
        const Lists &lists = OpenLists(index);
        // The metapage and the mark change in one record.
        if (lists.load == load)
            store::RaiseDamaged(index, kMetaBlock,
                                "It leads to a list that is marked as not its own any more.");
        load = lists.load;
        const ValueFormat format = FormatOf(lists);
        auto *raw = static_cast<char *>(palloc(format.RawBytes()));
        const bool indexed = ReadRaw(format, value, raw);
        Pause(pg::PausePlace::kInsertHasChosen);
        done =
            !indexed || InsertRow(index, lists, raw, nullptr, ToRowId(tid), NewCodeMemory(lists));
    }
    MemoryContextSwitchTo(before);
    MemoryContextDelete(context);
    return false;
}

}  // namespace vecx::ivf

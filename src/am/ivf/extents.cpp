// Chains of extents; see the header.
//
// Locks: the list's head, other pages of codes, the metapage, the extent that is taken. VACUUM is
// alone in moving what is retired.

#include "am/ivf/extents.h"

#include "store/log.h"

namespace vecx::ivf {
namespace {

MetaPage *MetaOf(char *content) { return reinterpret_cast<MetaPage *>(content); }

CodePage ReadHeader(Relation index, BlockNumber block) {
    store::PageRef page = store::OpenShared(index, block, store::PageKind::kCodes);
    if (page.fresh) store::RaiseDamaged(index, block, "A chain leads to an empty page.");
    const CodePage header = *HeaderOf(page.content);
    store::Close(page);
    if (!(header.flags & kExtent) || header.pages == 0)
        store::RaiseDamaged(index, block, "A chain leads to where no extent begins.");
    return header;
}

// No live bit in any block. The lock of the list's head keeps rows from coming.
bool IsEmpty(Relation index, const Lists &lists, const Extent &extent, const store::PageRef &head) {
    const Geometry &geometry = lists.geometry;
    const uint32_t blocks = extent.Blocks();
    for (uint32_t block = 0; block < blocks;) {
        const BlockNumber at = extent.HeadBlock(geometry, block);
        const bool own = at == BlockOf(head);
        store::PageRef page = own ? head : store::OpenShared(index, at, store::PageKind::kCodes);
        bool empty = true;
        for (; block < blocks && extent.HeadBlock(geometry, block) == at; block++)
            empty = empty && (page.fresh || HeadAt(geometry, block, page.content)->live == 0);
        if (!own) store::Close(page);
        if (!empty) return false;
    }
    return true;
}

}  // namespace

bool RetireExtent(Relation index, const Lists &lists, uint32_t list, BlockNumber head_block,
                  BlockNumber before_block, BlockNumber extent_block) {
    store::PageRef head = store::OpenExclusive(index, head_block, store::PageKind::kCodes);
    const Extent first = ExtentOf(index, lists, list, head);
    const Extent extent = ReadExtent(index, lists, list, extent_block);
    const Extent before =
        before_block == head_block ? first : ReadExtent(index, lists, list, before_block);
    const bool retire = before.header.next == extent_block && IsEmpty(index, lists, extent, head);
    if (retire) {
        const bool is_tail = first.header.tail == extent_block;
        const uint32_t rows = is_tail ? first.header.tail_rows : extent.header.slots;
        store::PageRef previous = {};
        if (before_block != head_block)
            previous = store::OpenExclusive(index, before_block, store::PageKind::kCodes);
        store::PageRef page = store::OpenExclusive(index, extent_block, store::PageKind::kCodes);
        store::PageRef meta = store::OpenExclusive(index, kMetaBlock, store::PageKind::kMeta);
        store::PageEdit edit(index);
        CodePage *header = HeaderOf(edit.Change(head));
        CodePage *leading = before_block != head_block ? HeaderOf(edit.Change(previous)) : header;
        CodePage *retired = HeaderOf(edit.Change(page));
        MetaPage *meta_page = MetaOf(edit.Change(meta));
        leading->next = extent.header.next;
        if (is_tail) {
            header->tail = before_block;
            header->tail_rows = before.header.slots;
        }
        header->rows -= std::min(rows, header->rows);
        header->dead -= std::min(rows, header->dead);
        header->generation++;
        header->free_extent = kMetaBlock;
        header->free_block = 0;
        // What leads on from here stays, for scans that have come here.
        retired->flags |= kRetired;
        retired->delete_xid = U64FromFullTransactionId(ReadNextFullTransactionId());
        retired->chain = meta_page->retired;
        meta_page->retired = extent_block;
        edit.Commit();
        store::Close(meta);
        store::Close(page);
        if (before_block != head_block) store::Close(previous);
    }
    store::Close(head);
    return retire;
}

namespace {

// Puts an extent into the chain of free ones, under the lock of the metapage; where it adjoins the
// first of them, both become one. The record has room for that one's page, which is in `front`.
void AddFree(Relation index, BlockNumber block, const store::PageRef &page,
             const store::PageRef &meta, store::PageEdit *edit, store::PageRef *front) {
    CodePage *extent = HeaderOf(edit->Change(page));
    MetaPage *meta_page = MetaOf(edit->Change(meta));
    extent->flags = kExtent | kFree;
    extent->next = kMetaBlock;
    extent->chain = meta_page->free;
    if (meta_page->free != kMetaBlock) {
        *front = store::OpenExclusive(index, meta_page->free, store::PageKind::kCodes);
        if (front->fresh || !(HeaderOf(front->content)->flags & kFree))
            store::RaiseDamaged(index, meta_page->free, "The chain of free extents leads astray.");
        const CodePage first = *HeaderOf(front->content);
        if (meta_page->free + first.pages == block) {
            HeaderOf(edit->Change(*front))->pages += extent->pages;
            extent->flags = 0;
            return;
        }
        if (block + extent->pages == meta_page->free) {
            HeaderOf(edit->Change(*front))->flags = 0;
            extent->pages += first.pages;
            extent->chain = first.chain;
        }
    }
    meta_page->free = block;
}

// Makes the extent after the head of a list that was retired as a whole free.
void FreeNext(Relation index, BlockNumber list_head, BlockNumber next) {
    store::PageRef head = store::OpenExclusive(index, list_head, store::PageKind::kCodes);
    store::PageRef page = store::OpenExclusive(index, next, store::PageKind::kCodes);
    store::PageRef meta = store::OpenExclusive(index, kMetaBlock, store::PageKind::kMeta);
    store::PageRef front = {};
    store::PageEdit edit(index);
    HeaderOf(edit.Change(head))->next = HeaderOf(page.content)->next;
    AddFree(index, next, page, meta, &edit, &front);
    edit.Commit();
    if (front.buffer != InvalidBuffer) store::Close(front);
    store::Close(meta);
    store::Close(page);
    store::Close(head);
}

// The last extent of the chain of retired ones, to which `before` leads (or the metapage).
void FreeLast(Relation index, BlockNumber before, BlockNumber block) {
    store::PageRef previous = {};
    if (before != kMetaBlock)
        previous = store::OpenExclusive(index, before, store::PageKind::kCodes);
    store::PageRef page = store::OpenExclusive(index, block, store::PageKind::kCodes);
    store::PageRef meta = store::OpenExclusive(index, kMetaBlock, store::PageKind::kMeta);
    store::PageRef front = {};
    store::PageEdit edit(index);
    if (before != kMetaBlock)
        HeaderOf(edit.Change(previous))->chain = kMetaBlock;
    else
        MetaOf(edit.Change(meta))->retired = kMetaBlock;
    AddFree(index, block, page, meta, &edit, &front);
    edit.Commit();
    if (front.buffer != InvalidBuffer) store::Close(front);
    store::Close(meta);
    store::Close(page);
    if (before != kMetaBlock) store::Close(previous);
}

}  // namespace

// The chain is in the order of time, the newest first: what can be freed is at its end. VACUUM
// alone changes it. Standbys are told once, of all that is going to be freed: what could be freed
// by the time that this is done, but not before, waits.
BlockNumber FreeRetired(Relation index, Relation table) {
    // Brings up to date what GlobalVisCheckRemovableFullXid knows.
    GetOldestNonRemovableTransactionId(table);
    uint32_t length = 0, capacity = 64, keep = 0;
    auto *chain = static_cast<BlockNumber *>(palloc(capacity * sizeof(BlockNumber)));
    FullTransactionId newest = InvalidFullTransactionId;
    for (BlockNumber block = ReadMeta(index).retired; block != kMetaBlock;) {
        VacuumDelayPoint();
        CheckChain(index, block, length);
        if (length == capacity) {
            capacity *= 2;
            chain = static_cast<BlockNumber *>(
                repalloc_huge(chain, static_cast<Size>(capacity) * sizeof(BlockNumber)));
        }
        chain[length++] = block;
        const CodePage header = ReadHeader(index, block);
        if (!(header.flags & kRetired))
            store::RaiseDamaged(index, block, "A chain leads to an extent that is in use.");
        const FullTransactionId xid = FullTransactionIdFromU64(header.delete_xid);
        if (FullTransactionIdIsValid(newest)) {
            if (FullTransactionIdFollows(xid, newest))
                store::RaiseDamaged(index, block, "A chain is not in the order of time.");
        } else if (GlobalVisCheckRemovableFullXid(table, xid)) {
            newest = xid;
        } else {
            keep = length;
        }
        block = header.chain;
    }
    BlockNumber freed = 0;
    if (keep < length && store::NeedsWal(index) && XLogStandbyInfoActive())
        LogReuse(index, table, chain[length - 1], newest);
    while (length > keep) {
        VacuumDelayPoint();
        const BlockNumber last = chain[length - 1];
        const CodePage header = ReadHeader(index, last);
        if (header.flags & kHead && header.next != kMetaBlock) {
            freed += ReadHeader(index, header.next).pages;
            FreeNext(index, last, header.next);
            continue;
        }
        freed += header.pages;
        length--;
        FreeLast(index, length > 0 ? chain[length - 1] : kMetaBlock, last);
    }
    pfree(chain);
    return freed;
}

namespace {

// A free extent of blocks behind those that are allocated; `note` puts it into the metapage. Of its
// other pages the last is logged as well: it makes the file of a standby, and one that is recovered
// after it has lost its length, as long as the metapage says.
template <class Note>
BlockNumber Allocate(Relation index, BlockNumber blocks, Note note) {
    for (;;) {
        CHECK_FOR_INTERRUPTS();
        // Room in the file first, while nothing is locked; a part at a time, since interrupts wait.
        constexpr BlockNumber kPart = 512;
        const BlockNumber length = RelationGetNumberOfBlocks(index);
        const BlockNumber needed = ReadMeta(index).allocated + blocks;
        if (length < needed) {
            store::ExtendIf(index, length, static_cast<int>(std::min(kPart, needed - length)));
            continue;
        }
        store::PageRef meta = store::OpenExclusive(index, kMetaBlock, store::PageKind::kMeta);
        const BlockNumber first = MetaOf(meta.content)->allocated;
        if (RelationGetNumberOfBlocks(index) < first + blocks) {
            // They have gone to somebody else.
            store::Close(meta);
            continue;
        }
        store::PageRef page = store::OpenAnyExclusive(index, first);
        store::PageRef last = {};
        if (blocks > 1) last = store::OpenAnyExclusive(index, first + blocks - 1);
        store::PageEdit edit(index);
        MetaPage *meta_page = MetaOf(edit.Change(meta));
        CodePage *extent = HeaderOf(edit.Fresh(page, store::PageKind::kCodes));
        if (blocks > 1) edit.Fresh(last, store::PageKind::kVectors);
        extent->flags = kExtent | kFree;
        extent->pages = blocks;
        meta_page->allocated = first + blocks;
        note(first, extent, meta_page);
        edit.Commit();
        if (blocks > 1) store::Close(last);
        store::Close(page);
        store::Close(meta);
        return first;
    }
}

}  // namespace

BlockNumber SetAside(Relation index, BlockNumber blocks) {
    return Allocate(index, blocks, [&](BlockNumber first, CodePage *, MetaPage *meta) {
        meta->pending = first;
        meta->pending_blocks = blocks;
    });
}

void AddFreeExtent(Relation index, BlockNumber pages) {
    Allocate(index, pages, [](BlockNumber first, CodePage *extent, MetaPage *meta) {
        extent->chain = meta->free;
        meta->free = first;
    });
}

namespace {

// The header of a list that begins in a block; false if there begins none.
bool ReadHead(Relation index, BlockNumber block, CodePage *header) {
    store::PageRef page = store::OpenUnchecked(index, block);
    const bool sound =
        !page.fresh && store::FindDamage(page.page, store::PageKind::kCodes) == nullptr;
    if (sound) *header = *HeaderOf(page.content);
    store::Close(page);
    return sound && header->position == 0 && header->flags & kHead;
}

// Each of the lists that were being made has one extent in the blocks that are set aside. Those
// that rows which came meanwhile have grown it by are elsewhere.
void FreeGrown(Relation index, BlockNumber begin, BlockNumber end) {
    CodePage head;
    for (BlockNumber block = begin; block < end;) {
        VacuumDelayPoint();
        if (!ReadHead(index, block, &head)) {
            block++;
            continue;
        }
        for (BlockNumber next = head.next, steps = 0; next != kMetaBlock; steps++) {
            VacuumDelayPoint();
            CheckChain(index, block, steps);
            const BlockNumber after = ReadHeader(index, next).next;
            FreeNext(index, block, next);
            next = after;
        }
        block += std::clamp<BlockNumber>(head.pages, 1, end - block);
    }
}

}  // namespace

void FreePending(Relation index) {
    const MetaPage seen = ReadMeta(index);
    if (seen.pending == kMetaBlock) return;
    if (seen.pending_blocks == 0 || seen.pending >= seen.allocated ||
        seen.pending_blocks > seen.allocated - seen.pending)
        store::RaiseDamaged(index, kMetaBlock, "Blocks are set aside where there are none.");
    FreeGrown(index, seen.pending, seen.pending + seen.pending_blocks);
    store::PageRef page = store::OpenAnyExclusive(index, seen.pending);
    store::PageRef meta = store::OpenExclusive(index, kMetaBlock, store::PageKind::kMeta);
    store::PageEdit edit(index);
    CodePage *extent = HeaderOf(edit.Fresh(page, store::PageKind::kCodes));
    MetaPage *meta_page = MetaOf(edit.Change(meta));
    extent->flags = kExtent | kFree;
    extent->pages = meta_page->pending_blocks;
    extent->chain = meta_page->free;
    meta_page->free = meta_page->pending;
    meta_page->pending = kMetaBlock;
    meta_page->pending_blocks = 0;
    edit.Commit();
    store::Close(meta);
    store::Close(page);
}

namespace {

// Leaves `pages` of a free extent, and makes the rest another, next in the chain.
void Split(Relation index, const store::PageRef &page, uint32_t pages) {
    const CodePage old = *HeaderOf(page.content);
    const BlockNumber rest_block = BlockOf(page) + pages;
    store::PageRef rest = store::OpenAnyExclusive(index, rest_block);
    store::PageEdit edit(index);
    CodePage *extent = HeaderOf(edit.Change(page));
    CodePage *other = HeaderOf(edit.Fresh(rest, store::PageKind::kCodes));
    other->flags = kExtent | kFree;
    other->pages = old.pages - pages;
    other->chain = old.chain;
    extent->pages = pages;
    extent->chain = rest_block;
    edit.Commit();
    store::Close(rest);
}

// The most rows that so many pages have room for.
ExtentSize SizeWithin(const Geometry &geometry, BlockNumber pages) {
    uint32_t low = 1, high = 1u << 24;
    while (low < high) {
        const uint32_t middle = low + (high - low + 1) / 2;
        if (SizeOfExtent(geometry, middle).Pages() <= pages)
            low = middle;
        else
            high = middle - 1;
    }
    return SizeOfExtent(geometry, low);
}

// The pages of an extent beside the first, without what was in them.
void Clear(Relation index, BlockNumber first, const ExtentSize &size, uint32_t list) {
    for (BlockNumber i = 1; i < size.Pages(); i++) {
        const bool is_code = i < size.code_pages;
        const store::PageKind kind = is_code ? store::PageKind::kCodes : store::PageKind::kVectors;
        store::PageRef page = store::OpenAnyExclusive(index, first + i);
        // What is in a page of copies does no harm.
        if (!page.fresh && (is_code || store::FindDamage(page.page, kind) != nullptr)) {
            store::PageEdit edit(index);
            char *content = edit.Fresh(page, kind);
            if (is_code) {
                HeaderOf(content)->list = list;
                HeaderOf(content)->position = i;
            }
            edit.Commit();
        }
        store::Close(page);
    }
}

// The first of the free extents becomes the last of a list.
void PutInList(Relation index, const Lists &lists, const store::PageRef &head,
               const store::PageRef &tail, const store::PageRef &meta, const store::PageRef &page,
               const Extent &first) {
    const CodePage old = *HeaderOf(page.content);
    const BlockNumber block = BlockOf(page);
    const ExtentSize size = SizeWithin(lists.geometry, old.pages);
    Clear(index, block, size, first.header.list);
    store::PageEdit edit(index);
    CodePage *header = HeaderOf(edit.Change(head));
    CodePage *last = tail.buffer != InvalidBuffer ? HeaderOf(edit.Change(tail)) : header;
    MetaOf(edit.Change(meta))->free = old.chain;
    CodePage *extent = HeaderOf(edit.Fresh(page, store::PageKind::kCodes));
    extent->list = first.header.list;
    extent->flags = kExtent;
    extent->pages = old.pages;
    extent->code_pages = size.code_pages;
    extent->slots = size.slots;
    last->next = block;
    header->tail = block;
    header->tail_rows = 0;
    edit.Commit();
}

}  // namespace

bool TakeFreeExtent(Relation index, const Lists &lists, const store::PageRef &head,
                    const Extent &first, BlockNumber most) {
    if (ReadMeta(index).free == kMetaBlock) return false;
    store::PageRef tail = {};
    if (first.header.tail != first.first)
        tail = store::OpenExclusive(index, first.header.tail, store::PageKind::kCodes);
    store::PageRef meta = store::OpenExclusive(index, kMetaBlock, store::PageKind::kMeta);
    const ExtentSize least = SizeOfExtent(lists.geometry, 1);
    most = std::max(most, least.Pages());
    bool taken = false;
    while (!taken && MetaOf(meta.content)->free != kMetaBlock) {
        const BlockNumber block = MetaOf(meta.content)->free;
        store::PageRef page = store::OpenExclusive(index, block, store::PageKind::kCodes);
        if (page.fresh || !(HeaderOf(page.content)->flags & kFree) ||
            HeaderOf(page.content)->pages > RelationGetNumberOfBlocks(index) - block)
            store::RaiseDamaged(index, block, "The chain of free extents leads astray.");
        if (HeaderOf(page.content)->pages >= least.Pages()) {
            if (HeaderOf(page.content)->pages >= most + least.Pages()) Split(index, page, most);
            PutInList(index, lists, head, tail, meta, page, first);
            taken = true;
        } else {
            // Of a list that VACUUM has replaced, whose rows took less room. Nobody has use for it.
            store::PageEdit edit(index);
            MetaOf(edit.Change(meta))->free = HeaderOf(page.content)->chain;
            HeaderOf(edit.Change(page))->flags = 0;
            edit.Commit();
        }
        store::Close(page);
    }
    store::Close(meta);
    if (tail.buffer != InvalidBuffer) store::Close(tail);
    return taken;
}

}  // namespace vecx::ivf

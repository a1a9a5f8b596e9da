#include "store/page.h"

namespace vecx::store {

namespace {

// 512 kB to start with, for an index of half a gigabyte without two blocks in one place; 2 MB at
// the most, since each backend has its own.
constexpr uint32 kFirstEntries = 1u << 16;
constexpr uint32 kMostEntries = 1u << 18;

detail::RecentEntry no_entry = {InvalidBlockNumber, InvalidBuffer};
uint32 displaced = 0;  // entries that gave way to another block since the map grew last

// Without memory for it the map stays as it is: nothing depends on it.
void GrowMap() {
    const uint32 old_entries = detail::recent_mask + 1;
    const bool first = detail::recent_entries == &no_entry;
    const uint32 entries = first ? kFirstEntries : 2 * old_entries;
    auto *grown = static_cast<detail::RecentEntry *>(
        MemoryContextAllocExtended(TopMemoryContext, entries * sizeof(detail::RecentEntry),
                                   MCXT_ALLOC_ZERO | MCXT_ALLOC_NO_OOM));
    displaced = 0;
    if (grown == nullptr) return;
    if (!first) {
        // One more bit of the place is in use now. Which value it has is not known here, so each
        // entry goes to both places; where it does not belong it is never found, or is no harm.
        memcpy(grown, detail::recent_entries, old_entries * sizeof(detail::RecentEntry));
        memcpy(grown + old_entries, detail::recent_entries,
               old_entries * sizeof(detail::RecentEntry));
        pfree(detail::recent_entries);
    }
    detail::recent_entries = grown;
    detail::recent_mask = entries - 1;
}

void Remember(Relation index, BlockNumber block, Buffer buffer) {
    if (detail::recent_entries == &no_entry) {
        GrowMap();
        if (detail::recent_entries == &no_entry) return;
    }
    detail::RecentEntry *entry = detail::Recent(index, block);
    if (entry->buffer != InvalidBuffer && entry->block != block &&
        ++displaced > detail::recent_mask / 2 && detail::recent_mask + 1 < kMostEntries) {
        GrowMap();
        entry = detail::Recent(index, block);
    }
    *entry = {block, buffer};
}

// How large an index was when this backend asked last. An index only grows, so most blocks are
// known to be there without a system call. It can shrink when its own transaction truncates the
// table; a block number that is garbage may then meet PostgreSQL's error instead of ours.
struct KnownSize {
    Oid file;
    BlockNumber blocks;
};
KnownSize known_sizes[64];

bool IsBeyondEnd(Relation index, BlockNumber block) {
    const Oid file = RelationFileNumber(index);
    KnownSize &known = known_sizes[file % lengthof(known_sizes)];
    if (known.file == file && block < known.blocks) return false;
    known = {file, RelationGetNumberOfBlocks(index)};
    return block >= known.blocks;
}

[[noreturn]] void RaiseBeyondEnd(Relation index, BlockNumber block) {
    char what[128];
    snprintf(what, sizeof(what), "The index ends after %u blocks, and block %u is asked for.",
             RelationGetNumberOfBlocks(index), block);
    RaiseDamaged(index, block, what);
}

BlockNumber ExtendLocked(Relation index, int count) {
    Assert(count > 0);
    BlockNumber first = InvalidBlockNumber;
#if PG_VERSION_NUM >= 160000
    BufferManagerRelation target = {};
    target.rel = index;
    for (uint32 done = 0; done < static_cast<uint32>(count);) {
        Buffer buffers[64];
        uint32 added = 0;  // less than what was asked for, where pins are scarce
        const uint32 wanted = std::min<uint32>(count - done, lengthof(buffers));
        const BlockNumber start = ExtendBufferedRelBy(
            target, MAIN_FORKNUM, nullptr, EB_SKIP_EXTENSION_LOCK, wanted, buffers, &added);
        if (done == 0) first = start;
        for (uint32 i = 0; i < added; i++) {
            Remember(index, start + i, buffers[i]);
            ReleaseBuffer(buffers[i]);
        }
        done += added;
    }
#else
    for (int i = 0; i < count; i++) {
        const Buffer buffer = ReadBufferExtended(index, MAIN_FORKNUM, P_NEW, RBM_NORMAL, nullptr);
        const BlockNumber block = BufferGetBlockNumber(buffer);
        if (i == 0) first = block;
        Remember(index, block, buffer);
        ReleaseBuffer(buffer);
    }
#endif
    return first;
}

bool IsZero(const char *bytes, size_t count) {
    return bytes[0] == 0 && memcmp(bytes, bytes + 1, count - 1) == 0;
}

char damage_text[160];

const char *Say(const char *format, ...) pg_attribute_printf(1, 2);

const char *Say(const char *format, ...) {
    va_list values;
    va_start(values, format);
    vsnprintf(damage_text, sizeof(damage_text), format, values);
    va_end(values);
    return damage_text;
}

}  // namespace

namespace detail {

RecentEntry *recent_entries = &no_entry;
uint32 recent_mask = 0;

Buffer Read(Relation index, BlockNumber block, BufferAccessStrategy strategy) {
    // Also keeps InvalidBlockNumber from ReadBuffer, to which it is P_NEW: a wish for a new block.
    if (IsBeyondEnd(index, block)) RaiseBeyondEnd(index, block);
    const Buffer buffer = ReadBufferExtended(index, MAIN_FORKNUM, block, RBM_NORMAL, strategy);
    Remember(index, block, buffer);
    return buffer;
}

bool IsLockedByUs(Buffer buffer, int mode) {
    if (BufferIsLocal(buffer)) return false;
    LWLock *lock = BufferDescriptorGetContentLock(GetBufferDescriptor(buffer - 1));
    return mode == BUFFER_LOCK_SHARE ? LWLockHeldByMeInMode(lock, LW_EXCLUSIVE)
                                     : LWLockHeldByMe(lock);
}

void RaiseLocked(Relation index, BlockNumber block) {
    RaiseDamaged(index, block, "Another page leads here, from where this one was reached.");
}

void RaiseIfDamaged(Relation index, BlockNumber block, Page page, PageKind expected) {
    const char *damage = FindDamage(page, expected);
    if (damage != nullptr) RaiseDamaged(index, block, damage);
}

}  // namespace detail

void InitPage(Page page, PageKind kind) {
    PageInit(page, BLCKSZ, sizeof(PageTail));
    // No hole: full-page images and GenericXLog leave out, and zero, what lies in one.
    reinterpret_cast<PageHeader>(page)->pd_lower = kTailOffset;
    const PageTail tail = {0, 0, static_cast<uint16_t>(kind), kPageVersion, 0, kPageId};
    memcpy(reinterpret_cast<char *>(page) + kTailOffset, &tail, sizeof(tail));
}

void BeginPage(Page page, PageKind kind) {
    InitPage(page, kind);
    reinterpret_cast<PageHeader>(page)->pd_lower = kContentOffset;
}

void RaiseDamaged(Relation index, BlockNumber block, const char *what) {
    ereport(ERROR, (errcode(ERRCODE_INDEX_CORRUPTED),
                    errmsg("index \"%s\" has a damaged page at block %u",
                           RelationGetRelationName(index), block),
                    errdetail_internal("%s", what), errhint("Please REINDEX it.")));
    pg_unreachable();
}

PageRef OpenUnchecked(Relation index, BlockNumber block, BufferAccessStrategy strategy) {
    const Buffer buffer = detail::Pin(index, block, strategy);
    detail::Lock(index, block, buffer, BUFFER_LOCK_SHARE);
    return detail::Refer(buffer);
}

PageRef OpenAnyExclusive(Relation index, BlockNumber block) {
    const Buffer buffer = detail::Pin(index, block, nullptr);
    detail::Lock(index, block, buffer, BUFFER_LOCK_EXCLUSIVE);
    return detail::Refer(buffer);
}

const char *FindDamage(Page page, PageKind expected) {
    if (PageIsNew(page))
        return IsZero(reinterpret_cast<const char *>(page), BLCKSZ)
                   ? nullptr
                   : "The page has no header, and yet it is not empty.";

    const auto *header = reinterpret_cast<const PageHeaderData *>(page);
    PageTail tail;
    memcpy(&tail, reinterpret_cast<const char *>(page) + kTailOffset, sizeof(tail));
    const auto kind = static_cast<uint16_t>(expected);
    if (header->pd_pagesize_version != (BLCKSZ | PG_PAGE_LAYOUT_VERSION))
        return Say("Its header says 0x%04x instead of 0x%04x for page size and layout.",
                   header->pd_pagesize_version, BLCKSZ | PG_PAGE_LAYOUT_VERSION);
    if (header->pd_special != kTailOffset)
        return Say("Its special area is said to start at byte %u instead of %u.",
                   header->pd_special, kTailOffset);
    if (tail.page_id != kPageId)
        return Say("It ends with 0x%04x instead of 0x%04x, and is no page of vecx.", tail.page_id,
                   kPageId);
    if (tail.version != kPageVersion)
        return Say("Its format has version %u, and this vecx reads version %u.", tail.version,
                   kPageVersion);
    if (tail.kind != kind) return Say("It is of kind %u instead of %u.", tail.kind, kind);
    const bool begun = detail::HeaderPartOf(page) == detail::kBegunHeaderPart;
    if (begun && !IsZero(Content(page), kPageCapacity))
        return "Its header says that it is empty, and it is not.";
    if (!begun && (header->pd_lower != kTailOffset || header->pd_upper != kTailOffset))
        return Say("Its header puts free space from byte %u to byte %u, where content is.",
                   header->pd_lower, header->pd_upper);
    if (tail.reserved0 != 0 || tail.reserved1 != 0 || tail.reserved2 != 0)
        return "Bytes that are reserved are not zero in it.";
    return nullptr;
}

BlockNumber Extend(Relation index, int count) {
    // Another backend cannot see a temporary index.
    const bool lock = !RelationUsesLocalBuffers(index);
    if (lock) LockRelationForExtension(index, ExclusiveLock);
    const BlockNumber first = ExtendLocked(index, count);
    if (lock) UnlockRelationForExtension(index, ExclusiveLock);
    return first;
}

BlockNumber ExtendIf(Relation index, BlockNumber expected_blocks, int count) {
    const bool lock = !RelationUsesLocalBuffers(index);
    if (lock) LockRelationForExtension(index, ExclusiveLock);
    BlockNumber first = InvalidBlockNumber;
    if (RelationGetNumberOfBlocks(index) == expected_blocks) first = ExtendLocked(index, count);
    if (lock) UnlockRelationForExtension(index, ExclusiveLock);
    return first;
}

}  // namespace vecx::store

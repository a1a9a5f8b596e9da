// The pages of a vecx index, whatever kind of index it is: what stands around their content, how
// they are opened and how new ones come to be. Called by everything that reads an index; writing
// is store/log.h while the index is in use and store/bulk.h while it is built.
//
// A page is PostgreSQL's header, content of which this layer knows nothing, and a tail of 16 bytes.
// There is no hole and no item: the content is the pages' owner's to divide, in fixed places, so
// that a change in the middle moves nothing and its WAL record holds little more than the change.
//
// A page of nothing but zeros is legal anywhere: it is what is left when the server stops between
// the extension of the file and the first record about the new block. Its content must not be read.

#pragma once

#include "pg/pg.h"

namespace vecx::store {

// Stored; numbers are never reused.
enum class PageKind : uint16_t {
    kMeta = 1,
    kBlob = 2,
    kNodes = 3,
    kVectors = 4,
    kCentroids = 5,
    kCodes = 6,
};

// On disk, in the special area.
struct PageTail {
    uint32_t reserved0;  // zero, as all that is reserved
    uint32_t reserved1;
    uint16_t kind;  // PageKind
    uint16_t version;
    uint16_t reserved2;
    // In the last two bytes, where every index of PostgreSQL keeps something that tells its pages
    // from those of the others; contrib/bloom's bloom.h explains it.
    uint16_t page_id;
};

constexpr uint16_t kPageVersion = 1;
constexpr uint16_t kPageId = 0xFEC5;

constexpr int kContentOffset = MAXALIGN(SizeOfPageHeaderData);
constexpr int kTailOffset = BLCKSZ - static_cast<int>(sizeof(PageTail));
constexpr int kPageCapacity = kTailOffset - kContentOffset;

inline char *Content(Page page) { return reinterpret_cast<char *>(page) + kContentOffset; }

// Empties `page` and makes it one of ours.
void InitPage(Page page, PageKind kind);

// The same, but only begun: its content is a hole as PostgreSQL has them in its pages, which an
// image in the WAL leaves out. The next record closes it; a crash in between leaves a page that is
// as good as one of zeros.
void BeginPage(Page page, PageKind kind);

// A pinned page with a lock on its content. Owns nothing: whoever leaves by ereport leaves the
// release to the end of the transaction.
struct PageRef {
    Buffer buffer;
    Page page;
    char *content;
    bool fresh;  // nothing but zeros, or begun: legal, and there is no content
};
static_assert(std::is_trivial_v<PageRef>);

inline BlockNumber BlockOf(const PageRef &ref) { return BufferGetBlockNumber(ref.buffer); }

// Raises ERRCODE_INDEX_CORRUPTED; `what` is a whole sentence about the damage. For every fault that
// is found in a page, here or in its content.
[[noreturn]] void RaiseDamaged(Relation index, BlockNumber block, const char *what);

// Opens a page of the main fork. Raises if there is no such block or it is no page of that kind;
// `ref.fresh` is the caller's to look at. `strategy` is for a pass over the whole index, as VACUUM
// makes it: a ring of few buffers, so that the pass does not wash out everything else.
//
// On a standby a block may be missing until the first record about it is replayed, so a page is to
// be logged before, or together with, the first link to it.
PageRef OpenShared(Relation index, BlockNumber block, PageKind expected,
                   BufferAccessStrategy strategy = nullptr);
PageRef OpenExclusive(Relation index, BlockNumber block, PageKind expected,
                      BufferAccessStrategy strategy = nullptr);
void Close(PageRef &ref);

// For vecx_check, which reports damage instead of failing by it: opens whatever is in the block,
// and FindDamage says what is wrong with it, or nullptr. The text is good until the next call.
PageRef OpenUnchecked(Relation index, BlockNumber block, BufferAccessStrategy strategy = nullptr);
const char *FindDamage(Page page, PageKind expected);

// For a block that is to become another kind of page, whatever is in it.
PageRef OpenAnyExclusive(Relation index, BlockNumber block);

// Asks the CPU for what OpenShared and a read of that part of the content will wait for, if this
// backend has seen the page lately. A hint: does nothing for the rest, and fails never.
void Prefetch(Relation index, BlockNumber block, int offset, int bytes);

// The first half of it: the buffer's descriptor, which pin and lock change. Worth a call of its own
// where one has many pages to come, since Prefetch itself waits for the entry of the map.
void PrefetchDescriptor(Relation index, BlockNumber block);
// Earlier still: the entry of the map only.
void PrefetchEntry(Relation index, BlockNumber block);

// Asks the system for a block that this backend has not seen, to be read from disk meanwhile. For
// blocks that are needed soon, but not next.
void ReadAhead(Relation index, BlockNumber block);

// Adds `count` blocks of zeros in a row, and returns the first. They are neither pinned nor locked
// nor logged: what puts a page there logs it whole.
BlockNumber Extend(Relation index, int count);

// The same if the index has `expected_blocks` now, else InvalidBlockNumber and nothing is added:
// of several backends that find the index full at once, one extends it and the others look again.
BlockNumber ExtendIf(Relation index, BlockNumber expected_blocks, int count);

// What follows is the inside of the functions above.

namespace detail {

// Where this backend found a block last. ReadBuffer computes a hash, takes a lock that all backends
// share and walks the buffer table; ReadRecentBuffer only looks at the buffer that one names, and
// whether it holds that block still. So entries may be wrong, which costs the look-up that was to
// be saved: they are never removed, and bear no relation, only the block.
struct RecentEntry {
    BlockNumber block;
    Buffer buffer;  // InvalidBuffer where there is none yet
};

extern RecentEntry *recent_entries;  // never null: one empty entry at first
extern uint32 recent_mask;           // their number, a power of two, less one

// Neighbouring blocks are neighbours in the map: no two blocks of one index meet before it is
// larger than the map. The factor (of the golden ratio) puts the indexes far from each other.
inline RecentEntry *Recent(Relation index, BlockNumber block) {
    return &recent_entries[(RelationFileNumber(index) * 2654435769u + block) & recent_mask];
}

// The long way, for blocks not in the map.
Buffer Read(Relation index, BlockNumber block, BufferAccessStrategy strategy);

inline Buffer Pin(Relation index, BlockNumber block, BufferAccessStrategy strategy) {
    const RecentEntry *entry = Recent(index, block);
    const Buffer recent = entry->buffer;
    // A temporary index may have the file number of a permanent one: the buffers' tags would be
    // equal, the blocks are not.
    if (entry->block == block && recent != InvalidBuffer &&
        BufferIsLocal(recent) == RelationUsesLocalBuffers(index) &&
        ReadRecentBuffer(RelationFile(index), MAIN_FORKNUM, block, recent)) {
        // ReadBuffer would count these; ReadRecentBuffer leaves them to its caller.
        pgstat_count_buffer_read(index);
        pgstat_count_buffer_hit(index);
        if (VacuumCostActive) VacuumCostBalance += VacuumCostPageHit;
        return recent;
    }
    return Read(index, block, strategy);
}

// Whether this backend would wait for itself.
bool IsLockedByUs(Buffer buffer, int mode);
[[noreturn]] void RaiseLocked(Relation index, BlockNumber block);

inline void Lock(Relation index, BlockNumber block, Buffer buffer, int mode) {
    // Interrupts are held while any page is locked. Damage may lead back to that page.
    if (InterruptHoldoffCount > 0 && IsLockedByUs(buffer, mode)) [[unlikely]]
        RaiseLocked(index, block);
    LockBuffer(buffer, mode);
}

// The parts of header and tail that are the same in all pages of a kind, each compared at once.
struct HeaderPart {
    LocationIndex lower, upper, special;
    uint16_t size_and_version;
};
struct TailPart {
    uint16_t kind, version, reserved2, page_id;
};

constexpr uint64_t kHeaderPart = std::bit_cast<uint64_t>(
    HeaderPart{kTailOffset, kTailOffset, kTailOffset, BLCKSZ | PG_PAGE_LAYOUT_VERSION});

constexpr uint64_t kBegunHeaderPart = std::bit_cast<uint64_t>(
    HeaderPart{kContentOffset, kTailOffset, kTailOffset, BLCKSZ | PG_PAGE_LAYOUT_VERSION});

inline uint64_t HeaderPartOf(Page page) {
    uint64_t part;
    memcpy(&part, reinterpret_cast<const char *>(page) + offsetof(PageHeaderData, pd_lower),
           sizeof(part));
    return part;
}

constexpr uint64_t TailPartOf(PageKind kind) {
    return std::bit_cast<uint64_t>(TailPart{static_cast<uint16_t>(kind), kPageVersion, 0, kPageId});
}

inline bool IsSound(Page page, PageKind kind) {
    uint64_t tail;
    memcpy(&tail, reinterpret_cast<const char *>(page) + kTailOffset + offsetof(PageTail, kind),
           sizeof(tail));
    return HeaderPartOf(page) == kHeaderPart && tail == TailPartOf(kind);
}

// For a page that is not sound: it may be begun.
void RaiseIfDamaged(Relation index, BlockNumber block, Page page, PageKind expected);

inline PageRef Refer(Buffer buffer) {
    const Page page = BufferGetPage(buffer);
    const bool begun = HeaderPartOf(page) == kBegunHeaderPart;
    return {buffer, page, Content(page), PageIsNew(page) || begun};
}

inline PageRef Check(Relation index, BlockNumber block, PageKind expected, Buffer buffer) {
    const PageRef ref = Refer(buffer);
    // ReadBuffer has seen that a page without pd_upper is nothing but zeros.
    if (!IsSound(ref.page, expected) && !PageIsNew(ref.page)) [[unlikely]]
        RaiseIfDamaged(index, block, ref.page, expected);
    return ref;
}

// Address of the page, without a pin: to be prefetched, never read. Null for local buffers.
inline const char *SharedPage(Buffer buffer) {
    return buffer > 0 ? BufferBlocks + static_cast<Size>(buffer - 1) * BLCKSZ : nullptr;
}

inline void PrefetchForPin(Buffer buffer) {
    __builtin_prefetch(GetBufferDescriptor(buffer - 1), 1);
}

}  // namespace detail

inline PageRef OpenShared(Relation index, BlockNumber block, PageKind expected,
                          BufferAccessStrategy strategy) {
    const Buffer buffer = detail::Pin(index, block, strategy);
    detail::Lock(index, block, buffer, BUFFER_LOCK_SHARE);
    return detail::Check(index, block, expected, buffer);
}

inline PageRef OpenExclusive(Relation index, BlockNumber block, PageKind expected,
                             BufferAccessStrategy strategy) {
    const Buffer buffer = detail::Pin(index, block, strategy);
    detail::Lock(index, block, buffer, BUFFER_LOCK_EXCLUSIVE);
    return detail::Check(index, block, expected, buffer);
}

inline void Close(PageRef &ref) {
    UnlockReleaseBuffer(ref.buffer);
    ref = {};
}

inline void PrefetchEntry(Relation index, BlockNumber block) {
    __builtin_prefetch(detail::Recent(index, block));
}

inline void ReadAhead(Relation index, BlockNumber block) {
    if (detail::Recent(index, block)->block != block) PrefetchBuffer(index, MAIN_FORKNUM, block);
}

inline void PrefetchDescriptor(Relation index, BlockNumber block) {
    const detail::RecentEntry *entry = detail::Recent(index, block);
    if (entry->block == block && entry->buffer > 0) detail::PrefetchForPin(entry->buffer);
}

inline void Prefetch(Relation index, BlockNumber block, int offset, int bytes) {
    constexpr int kCacheLine = 64;
    const detail::RecentEntry *entry = detail::Recent(index, block);
    if (entry->block != block || entry->buffer <= 0) return;
    detail::PrefetchForPin(entry->buffer);
    const char *page = detail::SharedPage(entry->buffer);
    __builtin_prefetch(page);                // what Check looks at
    __builtin_prefetch(page + kTailOffset);  //
    const char *end = page + kContentOffset + offset + bytes;
    const char *line = page + (kContentOffset + offset) / kCacheLine * kCacheLine;
    for (; line < end; line += kCacheLine) __builtin_prefetch(line);
}

}  // namespace vecx::store

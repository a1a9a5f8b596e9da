// Size and place of everything that store puts on disk, and of what it takes for granted in
// PostgreSQL's page. A failure here is a change of the format: it needs a new kPageVersion.

#include "store/blob.h"
#include "store/page.h"

namespace vecx::store {

template <class T>
constexpr bool kIsDiskStruct = std::is_standard_layout_v<T> &&std::is_trivially_copyable_v<T>
    &&std::has_unique_object_representations_v<T>;

static_assert(kIsDiskStruct<PageTail>);
static_assert(sizeof(PageTail) == 16 && MAXALIGN(sizeof(PageTail)) == sizeof(PageTail));
static_assert(offsetof(PageTail, reserved0) == 0);
static_assert(offsetof(PageTail, reserved1) == 4);
static_assert(offsetof(PageTail, kind) == 8);
static_assert(offsetof(PageTail, version) == 10);
static_assert(offsetof(PageTail, reserved2) == 12);
static_assert(offsetof(PageTail, page_id) == 14);

static_assert(static_cast<uint16_t>(PageKind::kMeta) == 1);
static_assert(static_cast<uint16_t>(PageKind::kBlob) == 2);
static_assert(static_cast<uint16_t>(PageKind::kNodes) == 3);
static_assert(static_cast<uint16_t>(PageKind::kVectors) == 4);
static_assert(static_cast<uint16_t>(PageKind::kCentroids) == 5);
static_assert(static_cast<uint16_t>(PageKind::kCodes) == 6);
static_assert(kPageVersion == 1 && kPageId == 0xFEC5);

static_assert(kContentOffset == 24 && kContentOffset % MAXIMUM_ALIGNOF == 0);
static_assert(kPageCapacity == BLCKSZ - 24 - 16);
static_assert(BLCKSZ != 8192 || kPageCapacity == 8152);
static_assert(kPageCapacity % MAXIMUM_ALIGNOF == 0);

// What IsSound compares at once lies in one piece, in that order.
static_assert(sizeof(detail::HeaderPart) == 8 && sizeof(detail::TailPart) == 8);
static_assert(offsetof(PageHeaderData, pd_lower) == 12);
static_assert(offsetof(PageHeaderData, pd_upper) == 14);
static_assert(offsetof(PageHeaderData, pd_special) == 16);
static_assert(offsetof(PageHeaderData, pd_pagesize_version) == 18);
static_assert(PG_PAGE_LAYOUT_VERSION == 4);

static_assert(BlobPages(0) == 0 && BlobPages(1) == 1 && BlobPages(kPageCapacity) == 1 &&
              BlobPages(kPageCapacity + 1) == 2);

}  // namespace vecx::store

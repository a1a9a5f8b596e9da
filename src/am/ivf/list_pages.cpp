// Reading the pages of lists; see the header.

#include "am/ivf/list_pages.h"

namespace vecx::ivf {

void RaiseDamagedCentroid(Relation index, BlockNumber block) {
    store::RaiseDamaged(index, block, "A page of centroids is empty.");
}

CentroidPage OpenCentroids(Relation index, const Lists &lists, uint32_t list, char *buffer) {
    const int per_page = lists.CentroidsPerPage();
    CentroidPage result = {};
    if (per_page > 0) {
        const BlockNumber block = lists.set.centroid_block + list / per_page;
        result.page = store::OpenShared(index, block, store::PageKind::kCentroids);
        if (result.page.fresh) RaiseDamagedCentroid(index, block);
        result.content = result.page.content;
        result.count = std::min<int>(per_page, static_cast<int>(lists.set.lists - list));
        return result;
    }
    const Size bytes = lists.CentroidBytes();
    BlockNumber block = lists.set.centroid_block + list * lists.PagesPerCentroid();
    for (Size from = 0; from < bytes; from += store::kPageCapacity, block++) {
        store::PageRef page = store::OpenShared(index, block, store::PageKind::kCentroids);
        if (page.fresh) RaiseDamagedCentroid(index, block);
        memcpy(buffer + from, page.content, std::min<Size>(store::kPageCapacity, bytes - from));
        store::Close(page);
    }
    result.content = buffer;
    result.count = 1;
    return result;
}

namespace {

// visit(header, floats), of one centroid.
template <class Visit>
void VisitCentroid(Relation index, const Lists &lists, uint32_t list, Visit visit) {
    const int per_page = std::max(lists.CentroidsPerPage(), 1);
    const Size stride = lists.CentroidBytes();
    char *buffer = lists.CentroidsPerPage() > 0 ? nullptr : static_cast<char *>(palloc(stride));
    CentroidPage page = OpenCentroids(index, lists, list / per_page * per_page, buffer);
    const char *entry = page.content + list % per_page * stride;
    CentroidHeader header;
    memcpy(&header, entry, sizeof(header));
    visit(header, entry + sizeof(header));
    if (page.page.buffer != InvalidBuffer) store::Close(page.page);
    if (buffer != nullptr) pfree(buffer);
}

}  // namespace

CentroidHeader ReadCentroid(Relation index, const Lists &lists, uint32_t list, float *floats) {
    CentroidHeader result;
    VisitCentroid(index, lists, list, [&](const CentroidHeader &header, const char *from) {
        result = header;
        memcpy(floats, from, lists.dimensions * sizeof(float));
    });
    return result;
}

float KeyOfList(Relation index, const Lists &lists, uint32_t list, const float *query,
                CentroidHeader *header) {
    float key;
    VisitCentroid(index, lists, list, [&](const CentroidHeader &of, const char *floats) {
        *header = of;
        CentroidKeys(lists.CentroidMetric(), query, lists.dimensions, floats, false, 1,
                     lists.CentroidBytes(), &key);
    });
    return key;
}

NearestList FindNearestList(Relation index, const Lists &lists, const float *row, float *floats) {
    NearestList nearest = {0, InvalidBlockNumber};
    float least = std::numeric_limits<float>::infinity();
    const bool spherical = lists.IsSpherical();
    ForEachKey(index, lists, row,
               [&](uint32_t list, const CentroidHeader &header, float key, const float *centroid) {
                   // By angle: the longest centroid is not the nearest for being long.
                   if (spherical && header.norm > 0) key /= std::sqrt(header.norm);
                   if (nearest.head != InvalidBlockNumber && !(key < least)) return;
                   least = key;
                   nearest = {list, header.head};
                   memcpy(floats, centroid, lists.dimensions * sizeof(float));
               });
    return nearest;
}

const char *FindExtentFault(const Lists &lists, BlockNumber first, const CodePage &header,
                            uint32_t list, BlockNumber blocks) {
    if (header.list != list) return "The page is of another list.";
    if (header.position != 0 || !(header.flags & kExtent)) return "No extent begins here.";
    if (header.flags & kFree) return "The extent is free, and yet it is in a list.";
    if (header.code_pages == 0 || header.code_pages > blocks || header.slots == 0)
        return "The extent has no room for rows.";
    if (header.slots > lists.geometry.Rows(header.code_pages))
        return "The extent has more slots than room.";
    const uint64_t end =
        static_cast<uint64_t>(first) + header.code_pages + lists.geometry.CopyPages(header.slots);
    if (end > static_cast<uint64_t>(first) + header.pages)
        return "The extent has more slots than pages.";
    if (static_cast<uint64_t>(first) + header.pages > blocks)
        return "The extent goes on beyond the end of the index.";
    if (header.flags & kHead) {
        if (header.dead > header.rows) return "The list has more dead rows than rows.";
        if (header.tail == kMetaBlock || header.tail >= blocks)
            return "The list ends beyond the end of the index.";
    }
    return nullptr;
}

Extent ExtentOf(Relation index, const Lists &lists, uint32_t list, const store::PageRef &page) {
    const BlockNumber first = BlockOf(page);
    if (page.fresh) store::RaiseDamaged(index, first, "A list leads to an empty page.");
    Extent extent = {first, *HeaderOf(page.content)};
    const char *fault = FindExtentFault(lists, first, extent.header, list, lists.known_blocks);
    if (fault != nullptr) {
        // It may have grown.
        lists.known_blocks = RelationGetNumberOfBlocks(index);
        fault = FindExtentFault(lists, first, extent.header, list, lists.known_blocks);
    }
    if (fault != nullptr) store::RaiseDamaged(index, first, fault);
    return extent;
}

Extent ReadExtent(Relation index, const Lists &lists, uint32_t list, BlockNumber first,
                  BufferAccessStrategy strategy) {
    store::PageRef page = store::OpenShared(index, first, store::PageKind::kCodes, strategy);
    const Extent extent = ExtentOf(index, lists, list, page);
    store::Close(page);
    return extent;
}

void CheckChain(Relation index, BlockNumber block, BlockNumber steps) {
    if (steps > RelationGetNumberOfBlocks(index))
        store::RaiseDamaged(index, block, "A chain of extents leads back to itself.");
}

const char *OpenCopy(Relation index, const Lists &lists, BlockNumber block, int offset, char *out,
                     store::PageRef *page) {
    const Geometry &geometry = lists.geometry;
    if (geometry.copies_per_page > 0) {
        *page = store::OpenShared(index, block, store::PageKind::kVectors);
        return page->fresh ? nullptr : page->content + offset;
    }
    for (int from = 0; from < geometry.copy_size; from += store::kPageCapacity, block++) {
        if (from > 0) store::Close(*page);
        *page = store::OpenShared(index, block, store::PageKind::kVectors);
        if (page->fresh) return nullptr;
        memcpy(out + from, page->content,
               std::min(store::kPageCapacity, geometry.copy_size - from));
    }
    return out;
}

}  // namespace vecx::ivf

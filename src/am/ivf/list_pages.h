// The pages of lists: centroids, extents, blocks. Where things are, and whether what stands there
// can be so; for all that read or write a list.

#pragma once

#include "am/ivf/index.h"

#include "pg/pg.h"
#include "store/page.h"

namespace vecx::ivf {

// Shows each centroid: visit(list, header, floats). The floats lie in the page, whose lock is held,
// or in a buffer. Lets interrupts in between pages.
template <class Visit>
void ForEachCentroid(Relation index, const Lists &lists, Visit visit);

// The keys of the query and of each list: squared distances, or else negative products.
// visit(list, header, key, floats)
template <class Visit>
void ForEachKey(Relation index, const Lists &lists, const float *query, Visit visit);

// The key of one list.
float KeyOfList(Relation index, const Lists &lists, uint32_t list, const float *query,
                CentroidHeader *header);

// One centroid.
CentroidHeader ReadCentroid(Relation index, const Lists &lists, uint32_t list, float *floats);

// Where a new row belongs. `floats` gets the centroid.
struct NearestList {
    uint32_t list;
    BlockNumber head;
};
NearestList FindNearestList(Relation index, const Lists &lists, const float *row, float *floats);

// An extent as its first page says, which was held against what is possible.
struct Extent {
    BlockNumber first;
    CodePage header;

    uint32_t Blocks() const { return (header.slots + kListBlock - 1) / kListBlock; }
    BlockNumber HeadBlock(const Geometry &geometry, uint32_t block) const {
        return first + geometry.UnitPage(block) + geometry.PlaceOf(block).page;
    }
    BlockNumber CopyBlock(const Geometry &geometry, uint32_t slot) const {
        const BlockNumber copies = first + header.code_pages;
        return geometry.copies_per_page > 0 ? copies + slot / geometry.copies_per_page
                                            : copies + slot * geometry.pages_per_copy;
    }
    int CopyOffset(const Geometry &geometry, uint32_t slot) const {
        return geometry.copies_per_page > 0
                   ? static_cast<int>(slot % geometry.copies_per_page) * geometry.copy_size
                   : 0;
    }
};

// What is wrong with an extent, or nullptr. `blocks`: of the index.
const char *FindExtentFault(const Lists &lists, BlockNumber first, const CodePage &header,
                            uint32_t list, BlockNumber blocks);

// The same of an open page; raises an error for what is wrong.
Extent ExtentOf(Relation index, const Lists &lists, uint32_t list, const store::PageRef &page);
Extent ReadExtent(Relation index, const Lists &lists, uint32_t list, BlockNumber first,
                  BufferAccessStrategy strategy = nullptr);

// An error where a chain of extents is longer than there are blocks.
void CheckChain(Relation index, BlockNumber block, BlockNumber steps);

inline CodePage *HeaderOf(char *content) { return reinterpret_cast<CodePage *>(content); }

// A copy, which may take several pages, gathered into `out` if it does: returns where it lies.
// The page is left open, to be closed by the caller; fresh pages give nullptr.
const char *OpenCopy(Relation index, const Lists &lists, BlockNumber block, int offset, char *out,
                     store::PageRef *page);

// What follows is the inside of the templates above.

[[noreturn]] void RaiseDamagedCentroid(Relation index, BlockNumber block);

struct CentroidPage {
    store::PageRef page;
    const char *content;  // of the page, or the gathered centroid
    int count;
};
CentroidPage OpenCentroids(Relation index, const Lists &lists, uint32_t list, char *buffer);

template <class Visit>
void ForEachCentroid(Relation index, const Lists &lists, Visit visit) {
    const Size stride = lists.CentroidBytes();
    char *buffer = lists.CentroidsPerPage() > 0 ? nullptr : static_cast<char *>(palloc(stride));
    for (uint32_t list = 0; list < lists.set.lists;) {
        CHECK_FOR_INTERRUPTS();
        CentroidPage page = OpenCentroids(index, lists, list, buffer);
        for (int i = 0; i < page.count; i++, list++) {
            CentroidHeader header;
            memcpy(&header, page.content + i * stride, sizeof(header));
            visit(list, header,
                  reinterpret_cast<const float *>(page.content + i * stride + sizeof(header)));
        }
        if (page.page.buffer != InvalidBuffer) store::Close(page.page);
    }
    if (buffer != nullptr) pfree(buffer);
}

template <class Visit>
void ForEachKey(Relation index, const Lists &lists, const float *query, Visit visit) {
    constexpr int kMost = store::kPageCapacity / (sizeof(CentroidHeader) + sizeof(float));
    float keys[kMost];
    const Size stride = lists.CentroidBytes();
    char *buffer = lists.CentroidsPerPage() > 0 ? nullptr : static_cast<char *>(palloc(stride));
    for (uint32_t list = 0; list < lists.set.lists;) {
        CHECK_FOR_INTERRUPTS();
        CentroidPage page = OpenCentroids(index, lists, list, buffer);
        CentroidKeys(lists.CentroidMetric(), query, lists.dimensions,
                     page.content + sizeof(CentroidHeader), false, page.count, stride, keys);
        for (int i = 0; i < page.count; i++, list++) {
            CentroidHeader header;
            memcpy(&header, page.content + i * stride, sizeof(header));
            visit(list, header, keys[i],
                  reinterpret_cast<const float *>(page.content + i * stride + sizeof(header)));
        }
        if (page.page.buffer != InvalidBuffer) store::Close(page.page);
    }
    if (buffer != nullptr) pfree(buffer);
}

}  // namespace vecx::ivf

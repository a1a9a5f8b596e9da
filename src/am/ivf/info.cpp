// Counts what is in an index of inverted lists; see the header.

#include "am/ivf/info.h"

#include "am/ivf/list_pages.h"
#include "am/ivf/row_vector.h"

namespace vecx::ivf {
namespace {

// Extents in no list, from the metapage.
int64 CountFreePages(Relation index) {
    const MetaPage meta = ReadMeta(index);
    int64 pages = meta.pending_blocks;
    for (BlockNumber block : {meta.retired, meta.free})
        for (BlockNumber steps = 0; block != kMetaBlock; steps++) {
            CheckChain(index, block, steps);
            store::PageRef page = store::OpenShared(index, block, store::PageKind::kCodes);
            const CodePage header = page.fresh ? CodePage{} : *HeaderOf(page.content);
            store::Close(page);
            pages += header.pages;
            block = header.chain;
        }
    return pages;
}

// The distance of the farthest row of an extent from the centroid.
class Radius {
  public:
    Radius(Relation index, const Lists &lists, const float *centroid)
        : index_(index),
          lists_(lists),
          centroid_(centroid),
          copy_(static_cast<char *>(palloc(lists.geometry.copy_size + 1))),
          raw_(static_cast<float *>(palloc(lists.dimensions * sizeof(float)))),
          row_(static_cast<float *>(palloc(lists.dimensions * sizeof(float)))) {}

    void Visit(const Extent &extent, uint32_t rows) {
        for (uint32_t slot = 0; slot < rows; slot++) {
            CHECK_FOR_INTERRUPTS();
            if (!IsLive(extent, slot)) continue;
            store::PageRef page;
            const char *copy = OpenCopy(index_, lists_, extent.CopyBlock(lists_.geometry, slot),
                                        extent.CopyOffset(lists_.geometry, slot), copy_, &page);
            if (copy != nullptr) Measure(copy);
            store::Close(page);
        }
    }
    double radius() const { return std::sqrt(squared_); }

  private:
    bool IsLive(const Extent &extent, uint32_t slot) {
        const uint32_t block = slot / kListBlock;
        store::PageRef page = store::OpenShared(index_, extent.HeadBlock(lists_.geometry, block),
                                                store::PageKind::kCodes);
        const bool live =
            !page.fresh &&
            HeadAt(lists_.geometry, block, page.content)->live >> slot % kListBlock & 1;
        store::Close(page);
        return live;
    }

    void Measure(const char *copy) {
        DecodeCopy(lists_.Copies(), copy, raw_);
        MakeCoordinates(FormatOf(lists_), reinterpret_cast<const char *>(raw_), row_);
        squared_ = std::max<double>(
            squared_, ActiveKernels().f32.l2_squared(row_, centroid_, lists_.dimensions));
    }

    Relation index_;
    const Lists &lists_;
    const float *centroid_;
    char *copy_;
    float *raw_;
    float *row_;
    double squared_ = 0;
};

template <class Visit>
CodePage ForEachExtent(Relation index, const Lists &lists, uint32_t list, BlockNumber first,
                       Visit visit) {
    Extent extent = ReadExtent(index, lists, list, first);
    const CodePage head = extent.header;
    for (BlockNumber steps = 0;; steps++) {
        CHECK_FOR_INTERRUPTS();
        CheckChain(index, extent.first, steps);
        const bool last = extent.first == head.tail;
        visit(extent, last ? std::min(head.tail_rows, extent.header.slots) : extent.header.slots);
        if (last || extent.header.next == kMetaBlock) return head;
        extent = ReadExtent(index, lists, list, extent.header.next);
    }
}

}  // namespace

IndexCounts CountIndex(Relation index, const Lists &lists) {
    IndexCounts counts = {};
    counts.total_pages = RelationGetNumberOfBlocks(index);
    counts.free_pages = CountFreePages(index);
    auto *heads = static_cast<BlockNumber *>(
        MemoryContextAllocHuge(CurrentMemoryContext, lists.set.lists * sizeof(BlockNumber)));
    ForEachCentroid(index, lists, [&](uint32_t list, const CentroidHeader &header, const float *) {
        heads[list] = header.head;
    });
    for (uint32_t list = 0; list < lists.set.lists; list++) {
        const CodePage head = ForEachExtent(
            index, lists, list, heads[list], [&](const Extent &extent, uint32_t rows) {
                counts.code_pages += extent.header.code_pages;
                counts.copy_pages += extent.header.pages - extent.header.code_pages;
                counts.free_slots += extent.header.slots - rows;
            });
        const int64 rows = static_cast<int64>(head.rows) - head.dead;
        counts.rows += rows;
        counts.dead += head.dead;
        counts.largest_list = std::max(counts.largest_list, rows);
    }
    counts.meta_pages = 1 + lists.CentroidPages() +
                        (lists.set.model_bytes + store::kPageCapacity - 1) / store::kPageCapacity;
    return counts;
}

ListCounts CountList(Relation index, const Lists &lists, uint32_t list) {
    auto *centroid = static_cast<float *>(palloc(lists.dimensions * sizeof(float)));
    const CentroidHeader header = ReadCentroid(index, lists, list, centroid);
    Radius radius(index, lists, centroid);
    const CodePage head =
        ForEachExtent(index, lists, list, header.head, [&](const Extent &extent, uint32_t rows) {
            if (lists.HasCopies()) radius.Visit(extent, rows);
        });
    return {list,
            static_cast<int64>(head.rows) - head.dead,
            head.dead,
            head.generation,
            std::sqrt(static_cast<double>(header.norm)),
            lists.HasCopies() ? radius.radius() : std::numeric_limits<double>::quiet_NaN()};
}

const char *NameOfQuantizer(uint8_t quantizer) {
    switch (static_cast<ListQuantizer>(quantizer)) {
        case ListQuantizer::kFlat:
            return "flat";
        case ListQuantizer::kRabitq:
            return "rabitq";
        case ListQuantizer::kPq:
            return "pq";
        default:
            return "sq8";
    }
}

const char *NameOfVectors(Vectors vectors) {
    switch (vectors) {
        case Vectors::kNone:
            return "none";
        case Vectors::kHalf:
            return "half";
        case Vectors::kFloat:
            return "float";
        default:
            return "heap";
    }
}

}  // namespace vecx::ivf

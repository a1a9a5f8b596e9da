// VACUUM of inverted lists: takes out the rows that died, takes extents without rows out of the
// lists, and frees those that nobody reads any more. Where an index was made of few rows and there
// are many now, the lists are made (retrain.cpp).
//
// The state is on the pages alone: each step may be stopped anywhere, and the next VACUUM goes on.
// Only pages that change are written.

#include "am/ivf/extents.h"
#include "am/ivf/ivf.h"
#include "am/ivf/list_pages.h"
#include "am/ivf/retrain.h"
#include "am/rows.h"

#include "pg/pause_point.h"
#include "store/log.h"

namespace vecx::ivf {
namespace {

class Vacuum {
  public:
    Vacuum(const IndexVacuumInfo *info, const DeadRows &dead)
        : index_(info->index),
          strategy_(info->strategy),
          dead_(dead),
          lists_(*LoadLists(info->index)),
          geometry_(lists_.geometry) {}

    void RemoveRows() {
        heads_ = static_cast<BlockNumber *>(
            MemoryContextAllocHuge(CurrentMemoryContext, lists_.set.lists * sizeof(BlockNumber)));
        ForEachCentroid(index_, lists_,
                        [&](uint32_t list, const CentroidHeader &header, const float *) {
                            heads_[list] = header.head;
                        });
        for (uint32_t list = 0; list < lists_.set.lists; list++) VisitList(list);
    }

    void ReportOnly() { reports_only_ = true; }
    int64 rows() const { return rows_; }
    int64 removed() const { return removed_; }

  private:
    void VisitList(uint32_t list) {
        list_ = list;
        Extent extent = ReadExtent(index_, lists_, list, heads_[list], strategy_);
        const CodePage head = extent.header;
        if (!(head.flags & kHead))
            store::RaiseDamaged(index_, heads_[list], "No list begins here.");
        BlockNumber before = kMetaBlock;
        for (BlockNumber steps = 0;; steps++) {
            CheckChain(index_, extent.first, steps);
            const bool last = extent.first == head.tail;
            const int64 rows_before = rows_;
            VisitExtent(extent,
                        last ? std::min(head.tail_rows, extent.header.slots) : extent.header.slots);
            const BlockNumber next = extent.header.next;
            // CREATE INDEX CONCURRENTLY only wants to hear of all rows.
            bool retired = !reports_only_ && rows_ == rows_before && before != kMetaBlock;
            if (retired) {
                pg::PausePoint(pg::PausePlace::kVacuumRetires);
                retired = RetireExtent(index_, lists_, list, heads_[list], before, extent.first);
            }
            if (!retired) before = extent.first;
            if (last || next == kMetaBlock) break;
            extent = ReadExtent(index_, lists_, list, next, strategy_);
        }
    }

    void VisitExtent(const Extent &extent, uint32_t rows) {
        const uint32_t blocks = std::min(extent.Blocks(), (rows + kListBlock - 1) / kListBlock);
        PrefetchPages(extent, blocks);
        for (uint32_t block = 0; block < blocks;) {
            VacuumDelayPoint();
            const BlockNumber at = extent.HeadBlock(geometry_, block);
            uint32_t end = block + 1;
            while (end < blocks && extent.HeadBlock(geometry_, end) == at) end++;
            VisitPage(extent, at, block, end);
            block = end;
        }
    }

    void PrefetchPages(const Extent &extent, uint32_t blocks) {
        const BlockNumber most = std::min<BlockNumber>(
            extent.header.code_pages,
            get_tablespace_maintenance_io_concurrency(index_->rd_rel->reltablespace));
        if (blocks == 0) return;
        for (BlockNumber i = 1; i < most; i++)
            PrefetchBuffer(index_, MAIN_FORKNUM, extent.first + i);
    }

    // The blocks whose heads are on one page.
    void VisitPage(const Extent &extent, BlockNumber at, uint32_t begin, uint32_t end) {
        store::PageRef page = store::OpenShared(index_, at, store::PageKind::kCodes, strategy_);
        int64 live = 0;
        const bool change = !page.fresh && HasDead(page.content, begin, end, &live);
        store::Close(page);
        if (change) live = ChangePage(extent, at, begin, end);
        rows_ += live;
    }

    bool HasDead(char *content, uint32_t begin, uint32_t end, int64 *live) {
        for (uint32_t block = begin; block < end; block++) {
            const BlockHead *head = HeadAt(geometry_, block, content);
            for (uint32_t bits = head->live; bits != 0; bits &= bits - 1) {
                if (dead_.Has(head->rows[std::countr_zero(bits)])) return true;
                ++*live;
            }
        }
        return false;
    }

    // They may be others by now; they are looked at anew. Returns how many live rows are left.
    int64 ChangePage(const Extent &extent, BlockNumber at, uint32_t begin, uint32_t end) {
        store::PageRef head =
            store::OpenExclusive(index_, heads_[list_], store::PageKind::kCodes, strategy_);
        const bool own = at == heads_[list_];
        store::PageRef page =
            own ? head : store::OpenExclusive(index_, at, store::PageKind::kCodes, strategy_);
        store::PageEdit edit(index_);
        CodePage *header = HeaderOf(edit.Change(head));
        char *content = own ? reinterpret_cast<char *>(header) : edit.Change(page);
        int64 removed = 0, live = 0;
        for (uint32_t block = begin; block < end; block++) {
            BlockHead *rows = HeadAt(geometry_, block, content);
            for (uint32_t bits = rows->live; bits != 0; bits &= bits - 1) {
                const int lane = std::countr_zero(bits);
                if (!dead_.Has(rows->rows[lane])) {
                    live++;
                    continue;
                }
                rows->live &= ~(1u << lane);
                rows->rows[lane] = {};
                removed++;
                if (removed == 1 && header->dead == 0) {
                    header->free_extent = extent.first;
                    header->free_block = block;
                }
            }
        }
        if (removed > 0) {
            // Where slots were free before, they may be further to the front.
            if (header->dead > 0) header->free_extent = kMetaBlock;
            header->dead += static_cast<uint32_t>(removed);
            header->generation++;
            edit.Commit();
        } else {
            edit.Abandon();
        }
        if (!own) store::Close(page);
        store::Close(head);
        removed_ += removed;
        return live;
    }

    Relation index_;
    BufferAccessStrategy strategy_;
    DeadRows dead_;
    const Lists &lists_;
    const Geometry &geometry_;
    BlockNumber *heads_ = nullptr;
    uint32_t list_ = 0;
    int64 rows_ = 0;
    int64 removed_ = 0;
    bool reports_only_ = false;
};

IndexBulkDeleteResult *NewStats() {
    return static_cast<IndexBulkDeleteResult *>(palloc0(sizeof(IndexBulkDeleteResult)));
}

}  // namespace

IndexBulkDeleteResult *BulkDelete(IndexVacuumInfo *info, IndexBulkDeleteResult *stats,
                                  IndexBulkDeleteCallback callback, void *state) {
    if (stats == nullptr) stats = NewStats();
    const MemoryContext context =
        AllocSetContextCreate(CurrentMemoryContext, "ivf vacuum", ALLOCSET_DEFAULT_SIZES);
    const MemoryContext before = MemoryContextSwitchTo(context);
    Vacuum vacuum(info, DeadRows(callback, state));
    // The one caller that reports progress.
    if (info->report_progress) vacuum.ReportOnly();
    pg::PausePoint(pg::PausePlace::kVacuumBegins);
    vacuum.RemoveRows();
    pg::PausePoint(pg::PausePlace::kVacuumHasRemoved);
    if (!info->report_progress) {
        pg::PausePoint(pg::PausePlace::kVacuumFreesSlots);
        FreePending(info->index);
        FreeRetired(info->index, TableOfVacuum(info));
    }
    stats->estimated_count = false;
    stats->num_index_tuples = static_cast<double>(vacuum.rows());
    stats->tuples_removed += static_cast<double>(vacuum.removed());
    MemoryContextSwitchTo(before);
    MemoryContextDelete(context);
    return stats;
}

// Where nothing has died the pages of the lists are not looked at, unless the lists are still to be
// made. But what earlier VACUUMs have retired is freed: a table that only grows has no other.
IndexBulkDeleteResult *VacuumCleanup(IndexVacuumInfo *info, IndexBulkDeleteResult *stats) {
    if (info->analyze_only) return stats;
    const MemoryContext context =
        AllocSetContextCreate(CurrentMemoryContext, "ivf vacuum", ALLOCSET_DEFAULT_SIZES);
    const MemoryContext before = MemoryContextSwitchTo(context);
    if (stats == nullptr) {
        FreePending(info->index);
        FreeRetired(info->index, TableOfVacuum(info));
    }
    TrainIfDue(info);
    MemoryContextSwitchTo(before);
    MemoryContextDelete(context);
    if (stats == nullptr) {
        stats = NewStats();
        stats->estimated_count = true;
        stats->num_index_tuples = std::max<double>(0, info->index->rd_rel->reltuples);
    }
    stats->num_pages = RelationGetNumberOfBlocks(info->index);
    return stats;
}

}  // namespace vecx::ivf

// A pass over the blocks of nodes, in order, with read-ahead: the copies between them are skipped.

#pragma once

#include "am/hnsw/graph.h"

#include "pg/pg.h"

namespace vecx::hnsw {

class NodeBlocks {
  public:
    // Those within `blocks`.
    NodeBlocks(Relation index, const Layout &layout, BlockNumber blocks)
        : index_(index),
          layout_(&layout),
          blocks_(blocks),
          ahead_(get_tablespace_maintenance_io_concurrency(index->rd_rel->reltablespace)),
          next_(layout.first_group),
          prefetched_(layout.first_group) {}

    // InvalidBlockNumber after the last one.
    BlockNumber Next() {
        while (distance_ < ahead_ && prefetched_ < blocks_) {
            PrefetchBuffer(index_, MAIN_FORKNUM, prefetched_);
            prefetched_ = After(prefetched_);
            distance_++;
        }
        if (next_ >= blocks_) return InvalidBlockNumber;
        const BlockNumber block = next_;
        next_ = After(next_);
        if (distance_ > 0) distance_--;
        // Without read-ahead it stays behind.
        prefetched_ = std::max(prefetched_, next_);
        return block;
    }

  private:
    BlockNumber After(BlockNumber block) const {
        block++;
        return layout_->IsNodeBlock(block) ? block : block + layout_->copy_pages;
    }

    Relation index_;
    const Layout *layout_;
    BlockNumber blocks_;
    int ahead_;  // so many blocks
    int distance_ = 0;
    BlockNumber next_;
    BlockNumber prefetched_;
};

}  // namespace vecx::hnsw

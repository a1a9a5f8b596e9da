#include "store/bulk.h"

namespace vecx::store {

#if PG_VERSION_NUM >= 170000

struct BulkState {
    BulkWriteState *bulk;
    BulkWriteBuffer page;  // given out and not handed on yet, or null
    BlockNumber written;
};

namespace {

constexpr BlockNumber kInterruptPages = 32;

void HandOn(BulkState *state) {
    if (state->page == nullptr) return;
    smgr_bulk_write(state->bulk, state->written - 1, state->page, true);
    state->page = nullptr;
}

}  // namespace

BulkWriter::BulkWriter(Relation index, ForkNumber fork)
    : state_(static_cast<BulkState *>(palloc0(sizeof(BulkState)))) {
    state_->bulk = smgr_bulk_start_rel(index, fork);
}

char *BulkWriter::Next(PageKind kind) {
    HandOn(state_);
    if (state_->written % kInterruptPages == 0) CHECK_FOR_INTERRUPTS();
    state_->page = smgr_bulk_get_buf(state_->bulk);
    state_->written++;
    const Page page = reinterpret_cast<Page>(state_->page);
    InitPage(page, kind);
    return Content(page);
}

void BulkWriter::Finish() {
    HandOn(state_);
    smgr_bulk_finish(state_->bulk);
    pfree(state_);
    state_ = nullptr;
}

#else

namespace {

constexpr int kBatch = XLR_MAX_BLOCK_ID;  // as many as log_newpages puts into one record

}  // namespace

struct BulkState {
    Relation index;
    ForkNumber fork;
    bool log;
    bool sync;
    BlockNumber written;
    int in_batch;
    BlockNumber blocks[kBatch];
    char *pages[kBatch];
    char *memory;
};

namespace {

void WriteBatch(BulkState *state) {
    if (state->in_batch == 0) return;
    if (state->log) {
        auto file = RelationFile(state->index);
        log_newpages(&file, state->fork, state->in_batch, state->blocks, state->pages, true);
    }
    for (int i = 0; i < state->in_batch; i++) {
        // After logging, which stamps the page.
        PageSetChecksumInplace(state->pages[i], state->blocks[i]);
        smgrextend(RelationGetSmgr(state->index), state->fork, state->blocks[i], state->pages[i],
                   true);
    }
    state->in_batch = 0;
}

}  // namespace

BulkWriter::BulkWriter(Relation index, ForkNumber fork)
    : state_(static_cast<BulkState *>(palloc0(sizeof(BulkState)))) {
    state_->index = index;
    state_->fork = fork;
    // The init fork is what recovery makes an unlogged index from, on standbys too.
    state_->log = RelationNeedsWAL(index) || fork == INIT_FORKNUM;
    // A checkpoint during the build knows nothing of these pages and replay may start after it, so
    // logged pages are to be on disk too; those of an unlogged index have to survive a shutdown.
    // What is neither logged nor unlogged is synced, or logged, by its transaction's commit.
    const char persistence = index->rd_rel->relpersistence;
    state_->sync = state_->log || persistence == RELPERSISTENCE_UNLOGGED;
#if PG_VERSION_NUM >= 160000
    // 16 may write past the kernel's cache, which needs aligned memory.
    state_->memory = static_cast<char *>(MemoryContextAllocAligned(
        CurrentMemoryContext, static_cast<Size>(kBatch) * BLCKSZ, PG_IO_ALIGN_SIZE, 0));
#else
    state_->memory = static_cast<char *>(palloc(static_cast<Size>(kBatch) * BLCKSZ));
#endif
    for (int i = 0; i < kBatch; i++)
        state_->pages[i] = state_->memory + static_cast<Size>(i) * BLCKSZ;
}

char *BulkWriter::Next(PageKind kind) {
    if (state_->in_batch == kBatch) {
        WriteBatch(state_);
        CHECK_FOR_INTERRUPTS();
    }
    const int i = state_->in_batch++;
    state_->blocks[i] = state_->written++;
    InitPage(state_->pages[i], kind);
    return Content(state_->pages[i]);
}

void BulkWriter::Finish() {
    WriteBatch(state_);
    if (state_->sync) smgrimmedsync(RelationGetSmgr(state_->index), state_->fork);
    pfree(state_->memory);
    pfree(state_);
    state_ = nullptr;
}

#endif

BlockNumber BulkWriter::written() const { return state_->written; }

}  // namespace vecx::store

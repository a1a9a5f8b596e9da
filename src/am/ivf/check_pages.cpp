// Of vecx_check: the metapage, centroids, chains of extents in no list, and whether pages are
// whole.

#include "am/ivf/checker.h"

namespace vecx::ivf {
namespace {

constexpr int kNoSlot = -1;

const char *ReservedFault(const MetaPage &meta) {
    bool zero = meta.attribute_bytes == 0 && meta.lists.reserved == 0 &&
                meta.wanted.reserved == 0 && meta.wanted.reserved2 == 0;
    for (const uint8_t byte : meta.reserved) zero = zero && byte == 0;
    return zero ? nullptr : "bytes that are reserved are not zero in it";
}

}  // namespace

// False if nothing more can be said of the index.
bool Checker::CheckMeta() {
    if (blocks_ == 0) {
        Error(kMetaBlock, kNoSlot, "the index has no page at all");
        return false;
    }
    if (!CheckPage(kMetaBlock, store::PageKind::kMeta, page_, false)) return false;
    memcpy(&meta_, page_, sizeof(meta_));
    const char *fault = nullptr;
    if (meta_.magic != kMagic)
        fault = "it was not made by vecx";
    else if (meta_.version != kFormatVersion)
        fault = "it has a format version that this vecx does not know";
    else if ((fault = FindMetaFault(index_, meta_)) == nullptr)
        fault = ReservedFault(meta_);
    if (fault != nullptr) {
        Error(kMetaBlock, kNoSlot, "the metapage is damaged: %s", fault);
        return false;
    }
    blocks_ = std::min(blocks_, RelationGetNumberOfBlocks(index_));
    Take(kMetaBlock, 1, "the metapage");
    const auto model_pages = static_cast<BlockNumber>(
        (meta_.lists.model_bytes + store::kPageCapacity - 1) / store::kPageCapacity);
    if (!Take(meta_.lists.model_block, model_pages, "the model of the codes")) return false;
    bool sound = true;
    for (BlockNumber i = 0; i < model_pages; i++)
        sound =
            CheckPage(meta_.lists.model_block + i, store::PageKind::kBlob, page_, false) && sound;
    if (!sound) return false;
    lists_ = TryLoadLists(index_, meta_);
    if (lists_ == nullptr) {
        Error(meta_.lists.model_block, kNoSlot, "the model of the codes is damaged");
        return false;
    }
    return Take(meta_.lists.centroid_block, lists_->CentroidPages(), "the centroids");
}

// Copies the content of a sound page; false if it is damaged, which is reported, or fresh.
bool Checker::CheckPage(BlockNumber block, store::PageKind kind, char *copy, bool may_be_fresh) {
    CHECK_FOR_INTERRUPTS();
    store::PageRef page = store::OpenUnchecked(index_, block);
    const char *damage = store::FindDamage(page.page, kind);
    const bool fresh = page.fresh;
    if (damage == nullptr && !fresh) memcpy(copy, page.content, store::kPageCapacity);
    store::Close(page);
    if (damage == nullptr && fresh && !may_be_fresh) damage = "It is empty.";
    if (damage != nullptr) Error(block, kNoSlot, "the page is damaged: %s", damage);
    return damage == nullptr && !fresh;
}

// Notes that blocks belong to something, and to nothing else.
bool Checker::Take(BlockNumber first, uint64_t count, const char *what) {
    if (count > blocks_ || first > blocks_ - count) {
        // Added since the check began.
        if (count <= RelationGetNumberOfBlocks(index_) &&
            first <= RelationGetNumberOfBlocks(index_) - count)
            return true;
        Error(first, kNoSlot, "%s would go on beyond the end of the index", what);
        return false;
    }
    bool once = true;
    for (uint64_t block = first; block < first + count; block++) {
        once = once && !(used_[block / 8] >> block % 8 & 1);
        used_[block / 8] |= static_cast<uint8>(1 << block % 8);
    }
    if (!once) Error(first, kNoSlot, "%s lies where something else is, too", what);
    return once;
}

void Checker::CheckCentroids() {
    heads_ = static_cast<BlockNumber *>(
        MemoryContextAllocHuge(CurrentMemoryContext, lists_->set.lists * sizeof(BlockNumber)));
    for (uint32_t list = 0; list < lists_->set.lists; list++) heads_[list] = InvalidBlockNumber;
    bool sound = true;
    for (BlockNumber i = 0; i < lists_->CentroidPages(); i++)
        sound =
            CheckPage(meta_.lists.centroid_block + i, store::PageKind::kCentroids, page_, false) &&
            sound;
    if (!sound) return;
    ForEachCentroid(
        index_, *lists_, [this](uint32_t list, const CentroidHeader &header, const float *floats) {
            const int per_page = std::max(lists_->CentroidsPerPage(), 1);
            const BlockNumber block = meta_.lists.centroid_block + list / per_page;
            double norm = 0;
            for (int i = 0; i < lists_->dimensions; i++)
                norm += static_cast<double>(floats[i]) * floats[i];
            constexpr double kNear = 1e-3;
            if (!std::isfinite(norm) || !(std::fabs(norm - header.norm) <= kNear * norm + 1e-30))
                Error(block, static_cast<int>(list % per_page),
                      "the centroid of list %u is damaged", list);
            else if (header.head == kMetaBlock || header.head >= meta_.allocated)
                Error(block, static_cast<int>(list % per_page),
                      "list %u would begin in block %u, which belongs to nobody", list,
                      header.head);
            else
                heads_[list] = header.head;
        });
}

// Extents that are in no list.
void Checker::CheckChains() {
    const BlockNumber chains[] = {meta_.retired, meta_.free};
    // They change with each VACUUM and insert: what was read at first holds only if it still does.
    const MetaPage now = ReadMeta(index_);
    if (now.retired != meta_.retired || now.free != meta_.free || now.pending != meta_.pending)
        return;
    for (const BlockNumber chain : chains) {
        BlockNumber block = chain;
        for (BlockNumber steps = 0; block != kMetaBlock; steps++) {
            if (steps > blocks_ || block >= blocks_)
                return Error(block, kNoSlot, "a chain of extents leads astray");
            if (!CheckPage(block, store::PageKind::kCodes, page_, false)) return;
            const CodePage header = *HeaderOf(page_);
            const uint32_t flag = chain == meta_.retired ? kRetired : kFree;
            if (!(header.flags & kExtent) || !(header.flags & flag))
                return Error(block, kNoSlot, "an extent in no list has flags 0x%x", header.flags);
            if (!Take(block, header.pages, "an extent in no list")) return;
            for (BlockNumber next = header.next, more = 0;
                 header.flags & kHead && next != kMetaBlock; more++) {
                if (more > blocks_ || next >= blocks_ ||
                    !CheckPage(next, store::PageKind::kCodes, page_, false))
                    return Error(block, kNoSlot, "a list that was replaced leads astray");
                if (!Take(next, HeaderOf(page_)->pages, "an extent in no list")) return;
                next = HeaderOf(page_)->next;
            }
            block = header.chain;
        }
    }
    if (meta_.pending != kMetaBlock) Take(meta_.pending, meta_.pending_blocks, "what is set aside");
}

// What is in no list has to be whole all the same.
void Checker::CheckOtherPages() {
    int64 lost = 0;
    for (BlockNumber block = 0; block < blocks_; block++) {
        if (used_[block / 8] >> block % 8 & 1) continue;
        CHECK_FOR_INTERRUPTS();
        store::PageRef page = store::OpenUnchecked(index_, block);
        const bool fresh = page.fresh;
        bool sound = fresh && store::FindDamage(page.page, store::PageKind::kCodes) == nullptr;
        for (const store::PageKind kind : {store::PageKind::kBlob, store::PageKind::kVectors,
                                           store::PageKind::kCentroids, store::PageKind::kCodes})
            sound = sound || store::FindDamage(page.page, kind) == nullptr;
        store::Close(page);
        if (!sound) Error(block, kNoSlot, "the page is damaged, and belongs to nothing");
        lost += !fresh && block < meta_.allocated;
    }
    if (lost > 0) Say(Severity::kInfo, INT64_FORMAT " blocks belong to nothing", lost);
}

}  // namespace vecx::ivf

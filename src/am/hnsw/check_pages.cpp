// Of vecx_check: the metapage, and whether pages are whole.

#include "am/hnsw/checker.h"

#include "am/value.h"

namespace vecx::hnsw {

const char *Checker::MetaFault(const MetaPage &meta) {
    if (meta.magic != kMagic) return "it was not made by vecx";
    if (meta.version != kFormatVersion)
        return "it has a format version that this vecx does not know";
    if (meta.m < 2 || meta.m > 100) return "its m is impossible";
    if (meta.ef_construction < 1) return "its ef_construction is impossible";
    if (meta.attribute_bytes != 0 || meta.reserved3 != 0)
        return "bytes that are reserved are not zero in it";
    if (IsOfTheFuture(meta.last_stamp))
        return "its stamp of tombstones is of a transaction that is yet to come";
    for (const uint8_t byte : meta.reserved)
        if (byte != 0) return "bytes that are reserved are not zero in it";
    const OperatorClass &opclass = OperatorClassOf(index_);
    if (meta.element != static_cast<uint8_t>(opclass.element) ||
        meta.metric != static_cast<uint8_t>(opclass.metric))
        return "it names another operator class than the catalog";
    if (!HasDimensions(index_, meta.dimensions)) return "it has not the dimensions of the column";
    if (meta.entry_level > kMaxLevel) return "the level of its entry is too high";
    return meta.codec == static_cast<uint8_t>(Codec::kEdges) ? EdgeCodesFault(meta)
                                                             : FindNodeFault(meta);
}

// Of an index with edge codes.
const char *Checker::EdgeCodesFault(const MetaPage &meta) {
    if (meta.dimensions < 1 || meta.dimensions > static_cast<uint32_t>(kMaxDimensions))
        return "its number of dimensions is impossible";
    if (meta.own_inside > 1 || meta.has_excesses > 1) return "a yes or no in it is neither";
    if (!std::isfinite(meta.longest) || meta.longest < 0)
        return "the length of its vectors is impossible";
    if (meta.inline_elements != 0) return "it has elements of sparse vectors in its records";
    if (meta.edges % kEdgeBatch != 0 || meta.edges < 2 * meta.m || meta.edges > kMaxEdges)
        return "its number of edges is impossible";
    if (meta.code_dimensions == 0 || meta.code_dimensions % 16 != 0 ||
        meta.code_dimensions >
            PaddedDimensions(static_cast<int>(meta.dimensions) + meta.has_excesses) ||
        meta.code_dimensions / 8 > static_cast<int>(kMaxCodeRows))
        return "its number of code dimensions is impossible";
    if (meta.code_bits < 1 || meta.code_bits > 2) return "its number of code bits is impossible";
    if (meta.copies != static_cast<uint8_t>(CopyKind::kHalf) &&
        meta.copies != static_cast<uint8_t>(CopyKind::kFloat))
        return "its kind of copies is unknown";
    if (meta.has_excesses != IsInnerProduct(OperatorClassOf(index_)))
        return "it has excesses, or none, against its metric";

    RecordShape shape = {};
    shape.dimensions = static_cast<int>(meta.dimensions) + meta.has_excesses;
    shape.padded = PaddedDimensions(shape.dimensions);
    shape.code_dimensions = meta.code_dimensions;
    shape.code_bits = meta.code_bits;
    shape.edges = meta.edges;
    shape.has_excesses = meta.has_excesses;
    shape.own_inside = meta.own_inside;
    SolveOffsets(&shape);
    if (shape.size > store::kPageCapacity || shape.size != static_cast<int>(meta.record_size))
        return "its record size is wrong";
    const int element = meta.copies == static_cast<uint8_t>(CopyKind::kHalf) ? 2 : 4;
    const int copy_size = (shape.own_inside ? 0 : shape.padded) +
                          static_cast<int>(sizeof(CopyHeader)) +
                          static_cast<int>(meta.dimensions) * element;
    const auto centre_pages = static_cast<BlockNumber>(
        (shape.dimensions * sizeof(float) + store::kPageCapacity - 1) / store::kPageCapacity);
    const Layout layout = SolveLayout(shape, copy_size, kCentreBlock + centre_pages);
    if (meta.nodes_per_page != layout.nodes_per_page || meta.node_pages != layout.node_pages ||
        static_cast<int>(meta.copy_size) != layout.copy_size ||
        static_cast<int>(meta.copy_pages) != layout.copy_pages ||
        meta.first_group != layout.first_group)
        return "its measures of groups are wrong";
    return nullptr;
}

// False if nothing more can be said of the index.
bool Checker::CheckMeta() {
    if (blocks_ == 0) {
        findings_->Report(Severity::kError, kMetaBlock, kNoSlot, "the index has no page at all");
        return false;
    }
    if (!CheckPage(kMetaBlock, store::PageKind::kMeta, page_)) return false;
    MetaPage meta;
    memcpy(&meta, page_, sizeof(meta));
    if (const char *fault = MetaFault(meta)) {
        findings_->Report(Severity::kError, kMetaBlock, kNoSlot, "the metapage is damaged: %s",
                          fault);
        return false;
    }
    if (blocks_ < meta.first_group) {
        findings_->Report(Severity::kError, blocks_, kNoSlot,
                          "the index ends within its first %u pages", meta.first_group);
        return false;
    }
    bool sound = true;
    for (BlockNumber block = kCentreBlock; block < meta.first_group; block++)
        sound = CheckPage(block, store::PageKind::kBlob, page_) && sound;
    if (!sound) return false;
    graph_ = &OpenGraph(index_, &entry_);
    for (int i = 0; i < shape().dimensions && graph_->HasCopies(); i++)
        if (!std::isfinite(graph_->centre[i])) {
            findings_->Report(Severity::kError, kCentreBlock, kNoSlot,
                              "the centre is not finite in dimension %d", i);
            return false;
        }
    return true;
}

// Copies the content of a sound page; false if it is damaged, which is reported, or fresh.
bool Checker::CheckPage(BlockNumber block, store::PageKind kind, char *copy) {
    CHECK_FOR_INTERRUPTS();
    store::PageRef page = store::OpenUnchecked(index_, block);
    const char *damage = store::FindDamage(page.page, kind);
    const bool fresh = page.fresh;
    if (damage == nullptr && !fresh) memcpy(copy, page.content, store::kPageCapacity);
    store::Close(page);
    const bool may_be_fresh = kind == store::PageKind::kNodes || kind == store::PageKind::kVectors;
    if (damage == nullptr && fresh && !may_be_fresh) damage = "It is empty.";
    if (damage != nullptr) {
        SetBit(bad_blocks_, block);
        findings_->Report(Severity::kError, block, kNoSlot, "the page is damaged: %s", damage);
    }
    return damage == nullptr && !fresh;
}

void Checker::CheckOtherPages() {
    for (BlockNumber block = graph_->layout.first_group; block < blocks_; block++)
        if (!graph_->layout.IsNodeBlock(block)) CheckPage(block, store::PageKind::kVectors, page_);
}

// A node's record as it is now; false for one on a fresh or damaged page.
bool Checker::ReadRecord(NodeId id, char *out) {
    const BlockNumber block = graph_->layout.NodeBlock(id);
    if (HasBit(bad_blocks_, block)) return false;
    CHECK_FOR_INTERRUPTS();
    store::PageRef page = store::OpenUnchecked(index_, block);
    const bool sound =
        !page.fresh && store::FindDamage(page.page, store::PageKind::kNodes) == nullptr;
    if (sound) memcpy(out, graph_->RecordAt(page.content, id), shape().size);
    store::Close(page);
    return sound;
}

// Brings the state of a slot up to date.
bool Checker::Refetch(NodeId id) {
    char *record = static_cast<char *>(palloc(shape().size));
    const bool read = ReadRecord(id, record);
    if (read) {
        const auto *header = reinterpret_cast<const NodeHeader *>(record);
        states_[id] = {header->kind, header->flags, header->generation, header->level};
    }
    pfree(record);
    return read;
}

}  // namespace vecx::hnsw

// Opens an hnsw index; see the header.

#include "am/hnsw/graph.h"

#include "am/hnsw/hnsw.h"
#include "am/value.h"

#include "store/blob.h"
#include "store/log.h"

namespace vecx::hnsw {
namespace {

// A Graph and what it points to, in one piece of memory: RelationData::rd_amcache must be one.
struct CachedGraph {
    Graph graph;
    float floats[FLEXIBLE_ARRAY_MEMBER];  // the centre, then the factors of the rotation
};

// With node codes nothing is rotated: the least that a Rotation takes.
int RotatedDimensions(const RecordShape &shape) {
    return shape.HasEdgeCodes() ? shape.dimensions : 1;
}

Size CachedGraphSize(int dimensions) {
    return offsetof(CachedGraph, floats) +
           (PaddedDimensions(dimensions) + Rotation::FactorCount(dimensions)) * sizeof(float);
}

CachedGraph *NewCachedGraph(MemoryContext context, int dimensions, uint64_t seed) {
    auto *cached =
        static_cast<CachedGraph *>(MemoryContextAllocZero(context, CachedGraphSize(dimensions)));
    float *factors = cached->floats + PaddedDimensions(dimensions);
    cached->graph.rotation = Rotation(dimensions, seed, factors);
    cached->graph.centre = cached->floats;
    return cached;
}

int ValueDimensions(const RecordShape &shape) { return shape.dimensions - shape.has_excesses; }

int CopySize(const RecordShape &shape, CopyKind copies) {
    const int own = shape.own_inside ? 0 : shape.own_bytes;
    if (!shape.HasEdgeCodes()) return own;
    return own + static_cast<int>(sizeof(CopyHeader)) +
           ValueDimensions(shape) * CopyElementBytes(copies);
}

Size CentreBytes(const RecordShape &shape) {
    return shape.HasEdgeCodes() ? shape.dimensions * sizeof(float) : 0;
}

BlockNumber FirstGroup(const RecordShape &shape) {
    return kCentreBlock + static_cast<BlockNumber>(store::BlobPages(CentreBytes(shape)));
}

// Vectors of so few dimensions are nearer to each other than bytes can tell apart, and their own
// elements take no more room than codes.
constexpr int kFewDimensions = 3;

Codec CodecOf(const OperatorClass &opclass, CopyKind copies, bool compact) {
    if (opclass.element == ElementType::kBit) return Codec::kBits;
    if (opclass.element == ElementType::kSparse) return Codec::kSparse;
    if (opclass.metric != Metric::kL1 && !compact) return Codec::kEdges;
    return copies == CopyKind::kHalf ? Codec::kHalves : Codec::kFloats;
}

int OwnBytes(Codec codec, int dimensions, int inline_elements) {
    switch (codec) {
        case Codec::kBits:
            return (dimensions + BITS_PER_BYTE - 1) / BITS_PER_BYTE;
        case Codec::kSparse:
            return SparseBytes(inline_elements);
        default:
            return static_cast<int>(sizeof(CopyHeader)) +
                   dimensions * (codec == Codec::kHalves ? 2 : 4);
    }
}

// The largest number of a sparse vector's elements that a record takes beside its edges.
int MostInlineElements(Metric metric, int m) {
    const int rest = SolveNodeShape(Codec::kSparse, metric, 1, m, 0, store::kPageCapacity).size;
    return std::min(SparseCapacity(store::kPageCapacity - rest - 8), kMaxSparseElements);
}

RecordShape ShapeOf(const OperatorClass &opclass, Codec codec, int dimensions, int m,
                    int inline_elements) {
    if (codec == Codec::kEdges) {
        const bool augmented = IsInnerProduct(opclass);
        return SolveShape(dimensions + augmented, m, augmented, store::kPageCapacity);
    }
    return SolveNodeShape(
        codec, opclass.metric, dimensions, m,
        OwnBytes(codec, dimensions,
                 std::min(inline_elements, MostInlineElements(opclass.metric, m))),
        store::kPageCapacity);
}

// Every number that decides where a byte is looked for must be the one that the build computes.
const char *FindFault(const MetaPage &meta, const RecordShape &shape, const Layout &layout) {
    if (static_cast<int>(meta.record_size) != shape.size) return "its record size is wrong.";
    if (meta.nodes_per_page != layout.nodes_per_page || meta.node_pages != layout.node_pages)
        return "its number of nodes in a group is wrong.";
    if (static_cast<int>(meta.copy_size) != layout.copy_size ||
        static_cast<int>(meta.copy_pages) != layout.copy_pages)
        return "its size of vectors is wrong.";
    if (meta.first_group != layout.first_group) return "its first group is in the wrong place.";
    if (meta.entry_level > kMaxLevel) return "the level of its entry is too high.";
    return nullptr;
}

// The same with node codes, all of whose measures follow from a few.
bool ReadNodeShape(const MetaPage &meta, RecordShape *shape) {
    if (meta.element > static_cast<uint8_t>(ElementType::kBit) ||
        meta.metric > static_cast<uint8_t>(Metric::kJaccard) || !IsCopyKind(meta.copies) ||
        meta.m < 2 || meta.m > 100 || meta.attribute_bytes != 0 ||
        meta.inline_elements > static_cast<uint32_t>(kMaxSparseElements))
        return false;
    const OperatorClass opclass = {kOperatorClassMagic, static_cast<ElementType>(meta.element),
                                   static_cast<Metric>(meta.metric), nullptr};
    const Codec codec = CodecOf(opclass, static_cast<CopyKind>(meta.copies), true);
    if (meta.codec != static_cast<uint8_t>(codec) || meta.dimensions < 1 ||
        meta.dimensions > static_cast<uint32_t>(MaxIndexedDimensions(opclass.element)))
        return false;
    *shape = ShapeOf(opclass, codec, static_cast<int>(meta.dimensions), meta.m,
                     static_cast<int>(meta.inline_elements));
    return meta.edges == shape->edges && meta.own_inside == shape->own_inside;
}

// The shape from the metapage, or false if no index has such a one.
bool ReadShape(const MetaPage &meta, RecordShape *shape) {
    if (meta.codec != static_cast<uint8_t>(Codec::kEdges)) return ReadNodeShape(meta, shape);
    if (meta.has_excesses > 1 || !std::isfinite(meta.longest) || meta.longest < 0) return false;
    const int dimensions = static_cast<int>(meta.dimensions) + meta.has_excesses;
    if (meta.dimensions < 1 || meta.dimensions > static_cast<uint32_t>(kMaxDimensions) ||
        meta.m < 2 || meta.m > 100 || meta.edges % kEdgeBatch != 0 || meta.edges < 2 * meta.m ||
        meta.edges > kMaxEdges || meta.code_dimensions % 16 != 0 || meta.code_dimensions == 0 ||
        meta.code_dimensions > PaddedDimensions(dimensions) ||
        meta.code_dimensions / 8 > static_cast<int>(kMaxCodeRows) || meta.code_bits < 1 ||
        meta.code_bits > 2 || meta.own_inside > 1 || meta.attribute_bytes != 0 ||
        !IsCopyKind(meta.copies))
        return false;
    *shape = {};
    shape->dimensions = dimensions;
    shape->padded = PaddedDimensions(dimensions);
    shape->code_dimensions = meta.code_dimensions;
    shape->code_bits = meta.code_bits;
    shape->edges = meta.edges;
    shape->has_excesses = meta.has_excesses;
    shape->own_inside = meta.own_inside;
    SolveOffsets(shape);
    return shape->size <= store::kPageCapacity;
}

[[noreturn]] void RaiseForeign(Relation index) {
    ereport(ERROR, (errcode(ERRCODE_INDEX_CORRUPTED),
                    errmsg("index \"%s\" was not made by vecx", RelationGetRelationName(index)),
                    errhint("Please REINDEX it.")));
    pg_unreachable();
}

// pgvector's hnsw has this number where our magic is, without a page tail of ours: what is looked
// at here has not been checked by the store.
[[noreturn]] void RaiseVersion(Relation index, uint32_t version) {
    ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                    errmsg("index \"%s\" has format version %u, which this vecx does not know",
                           RelationGetRelationName(index), version),
                    errhint("Install the version of vecx that made the index, or REINDEX it.")));
    pg_unreachable();
}

// False if the page is not a metapage of ours, of whatever version.
bool LookAtMeta(Relation index, MetaPage *meta) {
    store::PageRef page = store::OpenUnchecked(index, kMetaBlock);
    memcpy(meta, page.content, sizeof(*meta));
    const bool sound =
        !page.fresh && store::FindDamage(page.page, store::PageKind::kMeta) == nullptr;
    store::Close(page);
    return sound && meta->magic == kMagic;
}

MetaPage ReadMeta(Relation index) {
    MetaPage meta;
    if (!LookAtMeta(index, &meta)) RaiseForeign(index);
    if (meta.version != kFormatVersion) RaiseVersion(index, meta.version);
    // Looked at each time, unlike the rest, which is checked when the graph is loaded.
    if (!std::isfinite(meta.longest) || meta.longest < 0)
        store::RaiseDamaged(index, kMetaBlock, "In the metapage, the length of vectors is none.");
    return meta;
}

CachedGraph *LoadGraph(Relation index, const MetaPage &meta) {
    RecordShape shape;
    if (!ReadShape(meta, &shape))
        store::RaiseDamaged(index, kMetaBlock, "The metapage describes no possible index.");
    const auto copies = static_cast<CopyKind>(meta.copies);
    const Layout layout = SolveLayout(shape, CopySize(shape, copies), FirstGroup(shape));
    if (const char *fault = FindFault(meta, shape, layout))
        store::RaiseDamaged(index, kMetaBlock, psprintf("In the metapage, %s", fault));
    const OperatorClass &opclass = OperatorClassOf(index);
    if (meta.element != static_cast<uint8_t>(opclass.element) ||
        meta.metric != static_cast<uint8_t>(opclass.metric))
        store::RaiseDamaged(index, kMetaBlock,
                            "The metapage names another operator class than the catalog.");
    if (!HasDimensions(index, meta.dimensions))
        store::RaiseDamaged(index, kMetaBlock,
                            "The metapage has not the dimensions of the column.");

    CachedGraph *cached =
        NewCachedGraph(index->rd_indexcxt, RotatedDimensions(shape), meta.rotation_seed);
    Graph &graph = cached->graph;
    graph.build_id = meta.build_id;
    graph.opclass = opclass;
    graph.m = meta.m;
    graph.ef_construction = meta.ef_construction;
    graph.copies = copies;
    graph.dimensions = static_cast<int>(meta.dimensions);
    graph.shape = shape;
    graph.layout = layout;
    graph.shape.longest = meta.longest;
    store::ReadBlob(index, kCentreBlock, cached->floats, CentreBytes(shape));
    return cached;
}

}  // namespace

Layout SolveLayout(const RecordShape &shape, int copy_size, BlockNumber first_group) {
    Layout layout = {};
    layout.nodes_per_page = store::kPageCapacity / shape.size;
    layout.copy_size = (copy_size + 7) / 8 * 8;
    layout.first_group = first_group;
    if (copy_size == 0) {
        constexpr int kNodePages = 4;  // the index grows by so many
        layout.node_pages = kNodePages;
        return layout;
    }
    layout.copies_per_page = store::kPageCapacity / layout.copy_size;
    layout.pages_per_copy = (layout.copy_size + store::kPageCapacity - 1) / store::kPageCapacity;
    if (layout.pages_per_copy > 1) {
        layout.node_pages = 1;
        layout.copy_pages = layout.nodes_per_page * layout.pages_per_copy;
        return layout;
    }
    // The smallest group in which the last page of copies is full, or nearly: small, so that an
    // index of few rows is small.
    constexpr int kMaxNodePages = 64, kMaxWastePercent = 3;
    const int of_page = layout.copies_per_page;
    for (layout.node_pages = 1; layout.node_pages < kMaxNodePages; layout.node_pages++) {
        const int nodes = layout.node_pages * layout.nodes_per_page;
        const int pages = (nodes + of_page - 1) / of_page;
        if ((pages * of_page - nodes) * 100 <= pages * of_page * kMaxWastePercent) break;
    }
    layout.copy_pages = (layout.node_pages * layout.nodes_per_page + of_page - 1) / of_page;
    return layout;
}

const char *FindNodeFault(const MetaPage &meta) {
    RecordShape shape;
    if (!ReadNodeShape(meta, &shape)) return "it describes no possible index";
    const auto copies = static_cast<CopyKind>(meta.copies);
    return FindFault(meta, shape, SolveLayout(shape, CopySize(shape, copies), FirstGroup(shape)));
}

const Graph &OpenGraph(Relation index, Entry *entry) {
    auto *cached = static_cast<CachedGraph *>(index->rd_amcache);
    if (cached != nullptr && entry == nullptr && !LacksLongest(cached->graph)) return cached->graph;
    const MetaPage meta = ReadMeta(index);
    // TRUNCATE of a table made in the same transaction builds a new graph in the same file.
    if (cached == nullptr || cached->graph.build_id != meta.build_id) {
        CachedGraph *loaded = LoadGraph(index, meta);
        // Not `cached`: looking into the catalog may have flushed it.
        if (index->rd_amcache != nullptr) pfree(index->rd_amcache);
        index->rd_amcache = cached = loaded;
    }
    cached->graph.shape.longest = meta.longest;
    if (entry != nullptr) *entry = {{meta.entry, meta.entry_generation}, meta.entry_level};
    return cached->graph;
}

const Graph *MakeGraph(const OperatorClass &opclass, int dimensions, int m, int ef_construction,
                       CopyKind copies, bool compact, int inline_elements, uint64_t build_id,
                       uint64_t seed, const float *centre, float longest) {
    const RecordShape shape =
        ShapeOf(opclass, CodecOf(opclass, copies, compact || dimensions <= kFewDimensions),
                dimensions, m, inline_elements);
    CachedGraph *made = NewCachedGraph(CurrentMemoryContext, RotatedDimensions(shape), seed);
    if (centre != nullptr) memcpy(made->floats, centre, CentreBytes(shape));
    Graph &graph = made->graph;
    graph.build_id = build_id;
    graph.opclass = opclass;
    graph.m = m;
    graph.ef_construction = ef_construction;
    graph.copies = copies;
    graph.dimensions = dimensions;
    graph.shape = shape;
    graph.shape.longest = longest;
    graph.layout = SolveLayout(shape, CopySize(shape, copies), FirstGroup(shape));
    return &graph;
}

MetaPage MetaPageOf(const Graph &graph, uint64_t seed, const Entry &entry) {
    MetaPage meta = {};
    meta.magic = kMagic;
    meta.version = kFormatVersion;
    meta.build_id = graph.build_id;
    meta.rotation_seed = seed;
    meta.dimensions = graph.dimensions;
    meta.longest = graph.shape.longest;
    meta.m = graph.m;
    meta.ef_construction = graph.ef_construction;
    meta.edges = graph.shape.edges;
    meta.code_dimensions = graph.shape.code_dimensions;
    meta.code_bits = graph.shape.code_bits;
    meta.element = static_cast<uint8_t>(graph.opclass.element);
    meta.metric = static_cast<uint8_t>(graph.opclass.metric);
    meta.copies = static_cast<uint8_t>(graph.copies);
    meta.own_inside = graph.shape.own_inside;
    meta.has_excesses = graph.shape.has_excesses;
    meta.codec = static_cast<uint8_t>(graph.shape.codec);
    if (graph.shape.codec == Codec::kSparse)
        meta.inline_elements = SparseCapacity(graph.shape.own_bytes);
    meta.record_size = graph.shape.size;
    meta.copy_size = graph.layout.copy_size;
    meta.nodes_per_page = graph.layout.nodes_per_page;
    meta.node_pages = graph.layout.node_pages;
    meta.copy_pages = graph.layout.copy_pages;
    meta.first_group = graph.layout.first_group;
    meta.entry = entry.link.id;
    meta.entry_generation = entry.link.generation;
    meta.entry_level = static_cast<uint8_t>(entry.level);
    return meta;
}

Entry RaiseEntry(Relation index, NodeLink link, int level) {
    store::PageRef page = store::OpenExclusive(index, kMetaBlock, store::PageKind::kMeta);
    const auto *current = reinterpret_cast<const MetaPage *>(page.content);
    Entry entry = {{current->entry, current->entry_generation}, current->entry_level};
    if (!entry.link || entry.level < level) {
        store::PageEdit edit(index);
        auto *meta = reinterpret_cast<MetaPage *>(edit.Change(page));
        meta->entry = link.id;
        meta->entry_generation = link.generation;
        meta->entry_level = static_cast<uint8_t>(level);
        edit.Commit();
        entry = {link, level};
    }
    store::Close(page);
    return entry;
}

uint64_t ReadLastStamp(Relation index) { return ReadMeta(index).last_stamp; }

void WriteLastStamp(Relation index, uint64_t stamp) {
    store::PageRef page = store::OpenExclusive(index, kMetaBlock, store::PageKind::kMeta);
    if (reinterpret_cast<const MetaPage *>(page.content)->last_stamp != stamp) {
        store::PageEdit edit(index);
        reinterpret_cast<MetaPage *>(edit.Change(page))->last_stamp = stamp;
        edit.Commit();
    }
    store::Close(page);
}

void SettleLongest(Relation index, float length) {
    // Most of those to come are not longer than so many times the first.
    constexpr float kTimesFirst = 1.75;
    // A vector of zeros, or nearly, tells nothing of them.
    constexpr float kLeast = 1e-6;
    store::PageRef page = store::OpenExclusive(index, kMetaBlock, store::PageKind::kMeta);
    const auto *current = reinterpret_cast<const MetaPage *>(page.content);
    if (current->longest == 0 && current->entry == kNoNode) {
        store::PageEdit edit(index);
        auto *meta = reinterpret_cast<MetaPage *>(edit.Change(page));
        meta->longest = length < kLeast ? 1 : kTimesFirst * length;
        edit.Commit();
    }
    store::Close(page);
}

bool ReadCostInputs(Relation index, CostInputs *inputs) {
    if (RelationGetNumberOfBlocks(index) == 0) return false;
    MetaPage meta;
    RecordShape shape;
    if (!LookAtMeta(index, &meta) || meta.version != kFormatVersion || !ReadShape(meta, &shape))
        return false;
    const Layout layout =
        SolveLayout(shape, CopySize(shape, static_cast<CopyKind>(meta.copies)), FirstGroup(shape));
    inputs->rows_hint = 0;
    inputs->pages_per_node = shape.own_inside ? 1 : 2;
    inputs->rerank_pages = layout.pages_per_copy;
    inputs->dimensions = ValueDimensions(shape);
    inputs->m = meta.m;
    inputs->edges = shape.edges;
    inputs->code_bits = shape.code_bits;
    if (!shape.HasEdgeCodes()) {
        // Half of the neighbours have been seen before; each of the others is a page.
        inputs->edges = std::max(1, shape.edges / 2);
        inputs->pages_per_node *= inputs->edges;
        inputs->rerank_pages = 0;
        inputs->dimensions = shape.own_bytes;
        inputs->code_bits = BITS_PER_BYTE;
    }
    return true;
}

}  // namespace vecx::hnsw

// Opens an index of inverted lists; see the header.

#include "am/ivf/index.h"

#include "am/ivf/ivf.h"
#include "am/options.h"
#include "am/value.h"

#include "pg/settings.h"
#include "store/blob.h"

namespace vecx::ivf {
namespace {

constexpr Size kCacheLine = 64;

uint64_t loads = 0;

[[noreturn]] void RaiseForeign(Relation index) {
    ereport(ERROR, (errcode(ERRCODE_INDEX_CORRUPTED),
                    errmsg("index \"%s\" was not made by vecx", RelationGetRelationName(index)),
                    errhint("Please REINDEX it.")));
    pg_unreachable();
}

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

Size Align(Size bytes) { return TYPEALIGN(kCacheLine, bytes); }

// Codes of centroids for the cache: a thousand lists of 4,000 dimensions. Each backend has its own.
constexpr Size kMostCentroidCodes = 4 << 20;

Size CentroidCodesBytes(uint32_t lists, uint32_t padded) {
    const Size bytes = Align(lists * sizeof(CentroidCode)) + static_cast<Size>(lists) * padded;
    return bytes <= kMostCentroidCodes ? bytes : 0;
}

// A Lists and what it points to, in one piece of memory, since RelationData::rd_amcache must be
// one: the model's bytes, the codec's memory, the tables of the geometry, and in the cache room for
// codes of centroids. Nullptr if the model is not sound.
Lists *NewLists(MemoryContext context, Relation index, const MetaPage &meta, const ListShape &shape,
                const void *model) {
    constexpr uint32_t kCodesAtOnce = 32;
    const auto padded = static_cast<uint32_t>(TYPEALIGN(kCodesAtOnce, meta.dimensions));
    const Size centroid_bytes =
        context == index->rd_indexcxt ? CentroidCodesBytes(meta.lists.lists, padded) : 0;
    const Size model_at = Align(sizeof(Lists));
    const Size codec_at = model_at + Align(meta.lists.model_bytes);
    const Size tables_at = codec_at + Align(ListCodecBytes(shape));
    const Size centroids_at = tables_at + Align(GeometryBytes(shape));
    const Size bytes = centroids_at + centroid_bytes + kCacheLine;
    auto *lists = static_cast<Lists *>(MemoryContextAllocExtended(context, bytes, MCXT_ALLOC_HUGE));
    // The codes of centroids, which backends that only insert never use, are not touched.
    memset(lists, 0, centroids_at + kCacheLine);
    char *memory = reinterpret_cast<char *>(TYPEALIGN(kCacheLine, lists));
    if (model != nullptr)
        memcpy(memory + model_at, model, meta.lists.model_bytes);
    else
        store::ReadBlob(index, meta.lists.model_block, memory + model_at, meta.lists.model_bytes);
    lists->build_id = meta.build_id;
    lists->generation = meta.generation;
    lists->load = ++loads;
    lists->opclass = OperatorClassOf(index);
    lists->method = static_cast<Method>(meta.method);
    lists->vectors = static_cast<Vectors>(meta.vectors);
    lists->dimensions = static_cast<int>(meta.dimensions);
    lists->set = meta.lists;
    lists->wanted = meta.wanted;
    lists->shape = shape;
    lists->known_blocks = meta.allocated;
    lists->geometry = SolveGeometry(shape, CopySizeOf(meta), memory + tables_at);
    if (centroid_bytes > 0) {
        char *codes = memory + centroids_at;
        lists->centroids.heads = reinterpret_cast<CentroidCode *>(codes);
        codes += Align(meta.lists.lists * sizeof(CentroidCode));
        lists->centroids.codes = reinterpret_cast<uint8_t *>(codes);
        lists->centroids.padded = padded;
    }
    if (OpenListCodec(shape, memory + model_at, meta.lists.model_bytes, memory + codec_at,
                      &lists->codec))
        return lists;
    pfree(lists);
    return nullptr;
}

Lists *Load(MemoryContext context, Relation index, const MetaPage &meta) {
    if (const char *fault = FindMetaFault(index, meta))
        store::RaiseDamaged(index, kMetaBlock, psprintf("In the metapage, %s.", fault));
    ListShape shape;
    ShapeOf(meta, &shape);
    Lists *lists = NewLists(context, index, meta, shape, nullptr);
    if (lists == nullptr)
        store::RaiseDamaged(index, meta.lists.model_block, "It holds no sound model of the codes.");
    return lists;
}

}  // namespace

bool ShapeOf(const MetaPage &meta, ListShape *shape) {
    *shape = {};
    shape->quantizer = static_cast<ListQuantizer>(meta.lists.quantizer);
    shape->metric = static_cast<Metric>(meta.metric);
    shape->dimensions = static_cast<int>(meta.dimensions);
    shape->bits = meta.lists.bits;
    shape->m = meta.lists.m;
    shape->opq = meta.lists.opq;
    shape->element = meta.element == static_cast<uint8_t>(ElementType::kBit) ? ListElement::kBit
                                                                             : ListElement::kFloat;
    return meta.lists.quantizer <= static_cast<uint8_t>(ListQuantizer::kSq8) &&
           SolveListShape(shape);
}

int CopySizeOf(const MetaPage &meta) {
    if (!IsCopyKind(meta.vectors)) return 0;
    return static_cast<int>(sizeof(CopyHeader)) +
           static_cast<int>(meta.dimensions) *
               CopyElementBytes(static_cast<CopyKind>(meta.vectors));
}

const char *FindMetaFault(Relation index, const MetaPage &meta) {
    const OperatorClass &opclass = OperatorClassOf(index);
    if (meta.element != static_cast<uint8_t>(opclass.element) ||
        meta.metric != static_cast<uint8_t>(opclass.metric))
        return "another operator class is named than in the catalog";
    if (meta.method != static_cast<uint8_t>(MethodOf(index)))
        return "another access method is named than in the catalog";
    if (meta.dimensions < 1 ||
        meta.dimensions > static_cast<uint32_t>(MaxIndexedDimensions(opclass.element)))
        return "the number of dimensions is impossible";
    if (!HasDimensions(index, meta.dimensions)) return "the dimensions are not the column's";
    if (meta.vectors > static_cast<uint8_t>(Vectors::kHeap) ||
        (IsOfBits(opclass) && meta.vectors != static_cast<uint8_t>(Vectors::kNone)))
        return "the kind of copies is impossible";
    if (meta.lists.lists < 1 || meta.lists.lists > kMaxLists || meta.wanted.lists > kMaxLists)
        return "the number of lists is impossible";
    if (meta.lists.trained > 1 || meta.lists.opq > 1 || meta.wanted.opq > 1)
        return "a yes or no is neither";
    ListShape shape;
    if (!ShapeOf(meta, &shape)) return "the codes are described as none can be";
    if (meta.lists.model_bytes != ListModelBytes(shape)) return "the model has a wrong size";
    if (meta.lists.centroid_block == kMetaBlock || meta.lists.model_block == kMetaBlock)
        return "a part of the index is where the metapage is";
    if (meta.allocated > RelationGetNumberOfBlocks(index))
        return "blocks are in use beyond the end of the index";
    return nullptr;
}

MetaPage ReadMeta(Relation index) {
    MetaPage meta;
    if (!LookAtMeta(index, &meta)) RaiseForeign(index);
    if (meta.version != kFormatVersion) RaiseVersion(index, meta.version);
    return meta;
}

const Lists &OpenLists(Relation index) {
    auto *cached = static_cast<Lists *>(index->rd_amcache);
    const MetaPage meta = ReadMeta(index);
    // TRUNCATE of a table made in the same transaction builds a new index in the same file.
    if (cached == nullptr || cached->build_id != meta.build_id ||
        cached->generation != meta.generation) {
        Lists *loaded = Load(index->rd_indexcxt, index, meta);
        if (cached != nullptr) pfree(cached);
        index->rd_amcache = cached = loaded;
    }
    return *cached;
}

const Lists *LoadLists(Relation index) {
    return Load(CurrentMemoryContext, index, ReadMeta(index));
}

const Lists &OpenListsAgain(Relation index) {
    const auto *cached = static_cast<Lists *>(index->rd_amcache);
    return cached != nullptr ? *cached : OpenLists(index);
}

Lists *MakeLists(Relation index, const MetaPage &meta, const void *model) {
    ListShape shape;
    if (!ShapeOf(meta, &shape)) elog(ERROR, "no such codes");
    return NewLists(CurrentMemoryContext, index, meta, shape, model);
}

const Lists *TryLoadLists(Relation index, const MetaPage &meta) {
    ListShape shape;
    if (!ShapeOf(meta, &shape)) return nullptr;
    return NewLists(CurrentMemoryContext, index, meta, shape, nullptr);
}

int ProbesOf(Relation index, Method method, uint32_t lists) {
    const int option = IvfOptionsOf(index).probes;
    int probes;
    if (method == Method::kIvfflat) {
        probes = pg::EffectiveIvfflatProbes(option);
    } else {
        probes = pg::EffectiveIvfpqProbes(option);
        if (probes == 0)
            probes = static_cast<int>(std::lround(std::sqrt(static_cast<double>(lists))));
    }
    return std::clamp<int>(probes, 1, static_cast<int>(std::max<uint32_t>(lists, 1)));
}

int RerankOf(Relation index, const Lists &lists) {
    if (lists.method == Method::kIvfflat || !lists.HasVectors()) return 0;
    const int rerank = pg::EffectiveIvfpqRerank(IvfOptionsOf(index).rerank);
    // Product quantization knows no bounds.
    constexpr int kUsualRerank = 10;
    return rerank == 0 && lists.shape.quantizer == ListQuantizer::kPq ? kUsualRerank : rerank;
}

bool ReadCostInputs(Relation index, CostInputs *inputs) {
    if (RelationGetNumberOfBlocks(index) == 0) return false;
    MetaPage meta;
    ListShape shape;
    if (!LookAtMeta(index, &meta) || meta.version != kFormatVersion || !ShapeOf(meta, &shape) ||
        meta.lists.lists < 1)
        return false;
    inputs->lists = meta.lists.lists;
    inputs->dimensions = static_cast<int>(meta.dimensions);
    inputs->code_bytes = shape.by_row ? shape.row_bytes : shape.BlockBytes() / kListBlock;
    inputs->copy_bytes = meta.vectors == static_cast<uint8_t>(Vectors::kHeap)
                             ? static_cast<int>(meta.dimensions * sizeof(float))
                             : CopySizeOf(meta);
    return true;
}

}  // namespace vecx::ivf

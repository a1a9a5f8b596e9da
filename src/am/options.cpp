// The storage parameters of the access methods; see options.h. Names, ranges and errors of `m` and
// `ef_construction` are pgvector's.

#include "am/options.h"

#include "core/limits.h"
#include "core/product_quantizer.h"

#include "pg/settings.h"

namespace vecx {
namespace {

constexpr int kDefaultM = 16;
constexpr int kMinM = 2;
constexpr int kMaxM = 100;
constexpr int kDefaultEfConstruction = 64;
constexpr int kMinEfConstruction = 4;
constexpr int kMaxEfConstruction = 1000;

relopt_kind hnsw_kind;
relopt_kind ivfflat_kind;
relopt_kind ivfpq_kind;

// PostgreSQL keeps the pointers and wants them writable.
relopt_enum_elt_def storages[] = {
    {"fast", static_cast<int>(HnswStorage::kFast)},
    {"compact", static_cast<int>(HnswStorage::kCompact)},
    {nullptr, 0},
};
relopt_enum_elt_def stored_vectors[] = {
    {"half", static_cast<int>(StoredVectors::kHalf)},
    {"float", static_cast<int>(StoredVectors::kFloat)},
    // What the grammar makes of WITH (vectors = float), float being a type.
    {"pg_catalog.float8", static_cast<int>(StoredVectors::kFloat)},
    {nullptr, 0},
};

constexpr int kMaxIvfLists = 32768;

relopt_enum_elt_def quantizers[] = {
    {"pq", static_cast<int>(IvfQuantizer::kPq)},
    {"rabitq", static_cast<int>(IvfQuantizer::kRabitq)},
    {"sq8", static_cast<int>(IvfQuantizer::kSq8)},
    {nullptr, 0},
};
relopt_enum_elt_def ivf_vectors[] = {
    {"none", static_cast<int>(IvfVectors::kNone)},
    {"half", static_cast<int>(IvfVectors::kHalf)},
    {"float", static_cast<int>(IvfVectors::kFloat)},
    {"pg_catalog.float8", static_cast<int>(IvfVectors::kFloat)},
    {"heap", static_cast<int>(IvfVectors::kHeap)},
    {nullptr, 0},
};

// Of both; the defaults lie outside of the ranges, so that they say "not set".
void DefineListOptions(relopt_kind kind) {
    add_int_reloption(kind, "lists", "Number of inverted lists", 0, 1, kMaxIvfLists,
                      AccessExclusiveLock);
    add_int_reloption(kind, "probes", "Lists that a search opens, where the setting is not set", 0,
                      1, pg::kMaxProbes, ShareUpdateExclusiveLock);
}

void DefineIvfOptions() {
    ivfflat_kind = add_reloption_kind();
    DefineListOptions(ivfflat_kind);
    ivfpq_kind = add_reloption_kind();
    DefineListOptions(ivfpq_kind);
    add_enum_reloption(ivfpq_kind, "quantizer", "How rows are coded", quantizers,
                       static_cast<int>(IvfQuantizer::kUnset),
                       "Valid values are \"pq\", \"rabitq\" and \"sq8\".", AccessExclusiveLock);
    add_int_reloption(ivfpq_kind, "m", "Parts that a vector is cut into by pq", 0, 1,
                      kMaxDimensions, AccessExclusiveLock);
    add_int_reloption(ivfpq_kind, "bits", "Bits of a part by pq, of a dimension by rabitq", 0, 1, 8,
                      AccessExclusiveLock);
    add_bool_reloption(ivfpq_kind, "opq", "Whether pq learns a rotation first", false,
                       AccessExclusiveLock);
    add_enum_reloption(
        ivfpq_kind, "vectors", "Precision of the vectors that results are ordered by", ivf_vectors,
        static_cast<int>(IvfVectors::kHalf),
        "Valid values are \"none\", \"half\", \"float\" and \"heap\".", AccessExclusiveLock);
    add_int_reloption(ivfpq_kind, "rerank",
                      "Rows compared exactly for each that is wanted, where the setting is not set",
                      0, 0, pg::kMaxRerank, ShareUpdateExclusiveLock);
}

// 18 has a member more, which is zero where it is not used.
relopt_parse_elt Member(const char *name, relopt_type type, int offset) {
    relopt_parse_elt member = {};
    member.optname = name;
    member.opttype = type;
    member.offset = offset;
    return member;
}

}  // namespace

void DefineOptions() {
    DefineIvfOptions();
    // What is in the pages changes by a rebuild only; still those options take the strongest lock,
    // as in pgvector.
    hnsw_kind = add_reloption_kind();
    add_int_reloption(hnsw_kind, "m", "Neighbors that a node of the graph links to", kDefaultM,
                      kMinM, kMaxM, AccessExclusiveLock);
    add_int_reloption(hnsw_kind, "ef_construction", "Candidates kept while a node is linked",
                      kDefaultEfConstruction, kMinEfConstruction, kMaxEfConstruction,
                      AccessExclusiveLock);
    // The default lies outside of the range, so that it says "not set".
    add_int_reloption(hnsw_kind, "ef_search",
                      "Candidates kept by a search, where hnsw.ef_search is not set", 0,
                      pg::kMinEfSearch, pg::kMaxEfSearch, ShareUpdateExclusiveLock);
    add_enum_reloption(hnsw_kind, "storage", "What a node keeps of its neighbors", storages,
                       static_cast<int>(HnswStorage::kFast),
                       "Valid values are \"fast\" and \"compact\".", AccessExclusiveLock);
    add_enum_reloption(hnsw_kind, "vectors", "Precision of the vectors that results are ordered by",
                       stored_vectors, static_cast<int>(StoredVectors::kHalf),
                       "Valid values are \"half\" and \"float\".", AccessExclusiveLock);
}

bytea *ParseHnswOptions(Datum reloptions, bool validate) {
    const relopt_parse_elt members[] = {
        Member("m", RELOPT_TYPE_INT, offsetof(HnswOptions, m)),
        Member("ef_construction", RELOPT_TYPE_INT, offsetof(HnswOptions, ef_construction)),
        Member("ef_search", RELOPT_TYPE_INT, offsetof(HnswOptions, ef_search)),
        Member("storage", RELOPT_TYPE_ENUM, offsetof(HnswOptions, storage)),
        Member("vectors", RELOPT_TYPE_ENUM, offsetof(HnswOptions, vectors)),
    };
    return static_cast<bytea *>(build_reloptions(reloptions, validate, hnsw_kind,
                                                 sizeof(HnswOptions), members, lengthof(members)));
}

HnswOptions HnswOptionsOf(Relation index) {
    if (index->rd_options != nullptr) return *reinterpret_cast<HnswOptions *>(index->rd_options);
    return {0, kDefaultM, kDefaultEfConstruction, 0, HnswStorage::kFast, StoredVectors::kHalf};
}

void CheckOptions(const HnswOptions &options) {
    if (options.ef_construction >= 2 * options.m) return;
    ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                    errmsg("ef_construction must be greater than or equal to 2 * m")));
}

bytea *ParseIvfflatOptions(Datum reloptions, bool validate) {
    const relopt_parse_elt members[] = {
        Member("lists", RELOPT_TYPE_INT, offsetof(IvfOptions, lists)),
        Member("probes", RELOPT_TYPE_INT, offsetof(IvfOptions, probes)),
    };
    return static_cast<bytea *>(build_reloptions(reloptions, validate, ivfflat_kind,
                                                 sizeof(IvfOptions), members, lengthof(members)));
}

bytea *ParseIvfpqOptions(Datum reloptions, bool validate) {
    const relopt_parse_elt members[] = {
        Member("lists", RELOPT_TYPE_INT, offsetof(IvfOptions, lists)),
        Member("probes", RELOPT_TYPE_INT, offsetof(IvfOptions, probes)),
        Member("quantizer", RELOPT_TYPE_ENUM, offsetof(IvfOptions, quantizer)),
        Member("m", RELOPT_TYPE_INT, offsetof(IvfOptions, m)),
        Member("bits", RELOPT_TYPE_INT, offsetof(IvfOptions, bits)),
        Member("opq", RELOPT_TYPE_BOOL, offsetof(IvfOptions, opq)),
        Member("vectors", RELOPT_TYPE_ENUM, offsetof(IvfOptions, vectors)),
        Member("rerank", RELOPT_TYPE_INT, offsetof(IvfOptions, rerank)),
    };
    return static_cast<bytea *>(build_reloptions(reloptions, validate, ivfpq_kind,
                                                 sizeof(IvfOptions), members, lengthof(members)));
}

IvfOptions IvfOptionsOf(Relation index) {
    if (index->rd_options != nullptr) return *reinterpret_cast<IvfOptions *>(index->rd_options);
    IvfOptions options = {};
    options.vectors = IvfVectors::kHalf;
    return options;
}

namespace {

[[noreturn]] void RaiseOption(const char *message, const char *hint) {
    ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg_internal("%s", message),
                    errhint("%s", hint)));
    pg_unreachable();
}

// The largest number of parts that divides the dimensions and is no more than `most`.
int UsualParts(int dimensions, int most) {
    int m = std::max(1, std::min(most, dimensions));
    while (dimensions % m != 0) m--;
    return m;
}

// The number of parts nearest to m that divides the dimensions.
int NearestParts(int dimensions, int m) {
    if (m >= dimensions) return dimensions;
    for (int apart = 1;; apart++) {
        if (dimensions % (m + apart) == 0) return m + apart;
        if (m > apart && dimensions % (m - apart) == 0) return m - apart;
    }
}

CodeOptions ResolvePq(const IvfOptions &options, int dimensions) {
    constexpr int kUsualBits = 8;
    CodeOptions code = {IvfQuantizer::kPq, options.m, options.bits, options.opq};
    if (code.bits == 0) code.bits = kUsualBits;
    if (code.bits != 4 && code.bits != 8)
        RaiseOption("bits must be 4 or 8 for quantizer pq", "Set bits to 4 or 8, or leave it out.");
    if (code.m == 0) code.m = UsualParts(dimensions, dimensions / (code.bits == 4 ? 4 : 8));
    if (dimensions % code.m != 0)
        RaiseOption(psprintf("m must divide the number of dimensions, which is %d", dimensions),
                    psprintf("Set m to %d, for instance, or leave it out.",
                             NearestParts(dimensions, code.m)));
    if (code.opq && dimensions > kMaxOpqDimensions)
        RaiseOption(psprintf("opq is for up to %d dimensions", kMaxOpqDimensions),
                    "Leave opq out.");
    return code;
}

}  // namespace

CodeOptions ResolveCodeOptions(const IvfOptions &options, int dimensions) {
    IvfQuantizer quantizer = options.quantizer;
    const bool by_bits = quantizer == IvfQuantizer::kUnset && options.m == 0 && !options.opq;
    if (by_bits && options.bits > 2 && options.bits != 4 && options.bits != 8)
        RaiseOption("bits must be 1, 2, 4 or 8",
                    "1 and 2 are of quantizer rabitq, 4 and 8 of quantizer pq.");
    if (quantizer == IvfQuantizer::kUnset)
        quantizer = options.m > 0 || options.bits > 2 || options.opq ? IvfQuantizer::kPq
                                                                     : IvfQuantizer::kRabitq;
    if (quantizer == IvfQuantizer::kPq) return ResolvePq(options, dimensions);
    if (options.m > 0 || options.opq)
        RaiseOption(options.m > 0 ? "m is for quantizer pq only" : "opq is for quantizer pq only",
                    "Leave it out, or set quantizer to pq.");
    if (quantizer == IvfQuantizer::kSq8) {
        if (options.bits != 0 && options.bits != 8)
            RaiseOption("bits is 8 for quantizer sq8", "Leave bits out.");
        return {quantizer, 0, 0, false};
    }
    if (options.bits > 2)
        RaiseOption("bits must be 1 or 2 for quantizer rabitq",
                    "Set bits to 1 or 2, or leave it out.");
    // Where codes are short, a second bit costs less than the rows that it spares.
    constexpr int kMostDimensionsOfTwoBits = 256;
    const int usual = dimensions <= kMostDimensionsOfTwoBits ? 2 : 1;
    return {quantizer, 0, options.bits > 0 ? options.bits : usual, false};
}

}  // namespace vecx

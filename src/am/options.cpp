// The storage parameters of the access methods; see options.h. Names, ranges and errors of `m` and
// `ef_construction` are pgvector's.

#include "am/options.h"

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

}  // namespace vecx

// The storage parameters (reloptions) of the access methods.

#pragma once

#include "pg/pg.h"

namespace vecx {

enum class HnswStorage : int { kFast, kCompact };
enum class StoredVectors : int { kHalf, kFloat };

// The layout is for PostgreSQL's parser, which writes ints at the offsets of the members.
struct HnswOptions {
    int32 vl_len_;  // varlena header, do not touch directly
    int m;
    int ef_construction;
    int ef_search;  // 0: not set
    HnswStorage storage;
    StoredVectors vectors;
};

// Once, when the library is loaded: a kind of options lasts as long as the process.
void DefineOptions();

// amoptions of hnsw.
bytea *ParseHnswOptions(Datum reloptions, bool validate);

// As the index is declared now. It may have been built with others; those are in its metapage.
HnswOptions HnswOptionsOf(Relation index);

// What the parser cannot check, since it sees one option at a time. For builds.
void CheckOptions(const HnswOptions &options);

}  // namespace vecx

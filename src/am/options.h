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

enum class IvfQuantizer : int { kUnset, kPq, kRabitq, kSq8 };
enum class IvfVectors : int { kNone, kHalf, kFloat, kHeap };

// Of ivfflat, which has the first two, and of ivfpq. 0: not set.
struct IvfOptions {
    int32 vl_len_;  // varlena header, do not touch directly
    int lists;
    int probes;
    IvfQuantizer quantizer;
    int m;
    int bits;
    bool opq;
    IvfVectors vectors;
    int rerank;
};

// Once, when the library is loaded: a kind of options lasts as long as the process.
void DefineOptions();

// amoptions of hnsw.
bytea *ParseHnswOptions(Datum reloptions, bool validate);

// As the index is declared now. It may have been built with others; those are in its metapage.
HnswOptions HnswOptionsOf(Relation index);

// What the parser cannot check, since it sees one option at a time. For builds.
void CheckOptions(const HnswOptions &options);

// The same of ivfflat and ivfpq.
bytea *ParseIvfflatOptions(Datum reloptions, bool validate);
bytea *ParseIvfpqOptions(Datum reloptions, bool validate);
IvfOptions IvfOptionsOf(Relation index);

// How the rows of an ivfpq index are to be coded: with everything that was not said filled in, and
// an error for what does not go together.
struct CodeOptions {
    IvfQuantizer quantizer;
    int m;
    int bits;
    bool opq;
};
CodeOptions ResolveCodeOptions(const IvfOptions &options, int dimensions);

}  // namespace vecx

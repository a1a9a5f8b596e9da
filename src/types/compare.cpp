// Order, equality and hashing of vectors: btree and hash operator classes, DISTINCT, GROUP BY,
// joins.
//
// Element by element, then the shorter first, as arrays compare. -0 equals 0, so both hash alike.
// Sorts call these for as long as they run in one memory context: what was detoasted is freed.

#include "core/sparse.h"
#include "types/check.h"
#include "types/vector.h"

#include "pg/guard.h"

namespace vecx {
namespace {

void FreeIfCopied(const void *value, Datum argument) {
    if (value != DatumGetPointer(argument)) pfree(const_cast<void *>(value));
}

template <class Element>
int Compare(DenseView<Element> a, DenseView<Element> b) {
    const int common = std::min(a.dimensions, b.dimensions);
    for (int i = 0; i < common; i++) {
        const float x = ToFloat(a[i]);
        const float y = ToFloat(b[i]);
        if (x < y) return -1;
        if (x > y) return 1;
    }
    return (a.dimensions > b.dimensions) - (a.dimensions < b.dimensions);
}

template <class Element>
int CompareDense(FunctionCallInfo fcinfo) {
    const Datum first = PG_GETARG_DATUM(0);
    const Datum second = PG_GETARG_DATUM(1);
    const varlena *a = pg_detoast_datum_packed(RawValue(first));
    const varlena *b = pg_detoast_datum_packed(RawValue(second));
    const int order = Compare(ViewDense<Element>(a), ViewDense<Element>(b));
    FreeIfCopied(a, first);
    FreeIfCopied(b, second);
    return order;
}

int CompareSparse(FunctionCallInfo fcinfo) {
    const Datum first = PG_GETARG_DATUM(0);
    const Datum second = PG_GETARG_DATUM(1);
    varlena *a = pg_detoast_datum(RawValue(first));
    varlena *b = pg_detoast_datum(RawValue(second));
    const int order = CompareSparse(ReadSparse(PointerGetDatum(a)), ReadSparse(PointerGetDatum(b)));
    FreeIfCopied(a, first);
    FreeIfCopied(b, second);
    return order;
}

// Hashes values in blocks, with -0 made 0; the seed of a block is the hash of those before it.
template <class Value>
class BlockHash {
  public:
    explicit BlockHash(uint64 seed) : hash_(seed) {}

    void Add(Value value) {
        block_[filled_++] = value;
        if (filled_ == kBlock) Flush();
    }

    uint64 Finish() {
        Flush();
        return hash_;
    }

  private:
    static constexpr int kBlock = 64;

    void Flush() {
        if (filled_ == 0) return;
        hash_ = hash_bytes_extended(reinterpret_cast<const unsigned char *>(block_),
                                    filled_ * static_cast<int>(sizeof(Value)), hash_);
        filled_ = 0;
    }

    uint64 hash_;
    int filled_ = 0;
    Value block_[kBlock];
};

float WithoutNegativeZero(float value) { return value == 0 ? 0.0f : value; }

template <class Element>
uint64 HashDense(Datum argument, uint64 seed) {
    const varlena *value = pg_detoast_datum_packed(RawValue(argument));
    const DenseView<Element> view = ViewDense<Element>(value);
    BlockHash<float> hash(seed);
    for (int i = 0; i < view.dimensions; i++) hash.Add(WithoutNegativeZero(ToFloat(view[i])));
    const uint64 result = hash.Finish();
    FreeIfCopied(value, argument);
    return result;
}

uint64 HashSparse(Datum argument, uint64 seed) {
    varlena *value = pg_detoast_datum(RawValue(argument));
    const SparseList list = ReadSparse(PointerGetDatum(value));
    BlockHash<uint32> hash(seed);
    hash.Add(static_cast<uint32>(list.dimensions));
    for (int32 i = 0; i < list.count; i++) {
        hash.Add(static_cast<uint32>(list.indices[i]));
        hash.Add(std::bit_cast<uint32>(WithoutNegativeZero(list.values[i])));
    }
    const uint64 result = hash.Finish();
    FreeIfCopied(value, argument);
    return result;
}

}  // namespace

// The six operators, the btree comparison, the two hashes.
#define VECX_COMPARISON(type, compare, hash)                                                 \
    VECX_FUNCTION(vecx_##type##_lt) { PG_RETURN_BOOL(compare(fcinfo) < 0); }                 \
    VECX_FUNCTION(vecx_##type##_le) { PG_RETURN_BOOL(compare(fcinfo) <= 0); }                \
    VECX_FUNCTION(vecx_##type##_eq) { PG_RETURN_BOOL(compare(fcinfo) == 0); }                \
    VECX_FUNCTION(vecx_##type##_ne) { PG_RETURN_BOOL(compare(fcinfo) != 0); }                \
    VECX_FUNCTION(vecx_##type##_ge) { PG_RETURN_BOOL(compare(fcinfo) >= 0); }                \
    VECX_FUNCTION(vecx_##type##_gt) { PG_RETURN_BOOL(compare(fcinfo) > 0); }                 \
    VECX_FUNCTION(vecx_##type##_cmp) { PG_RETURN_INT32(compare(fcinfo)); }                   \
    VECX_FUNCTION(vecx_##type##_hash) {                                                      \
        PG_RETURN_UINT32(static_cast<uint32>(hash(PG_GETARG_DATUM(0), 0)));                  \
    }                                                                                        \
    VECX_FUNCTION(vecx_##type##_hash_extended) {                                             \
        PG_RETURN_UINT64(hash(PG_GETARG_DATUM(0), static_cast<uint64>(PG_GETARG_INT64(1)))); \
    }

VECX_COMPARISON(vector, CompareDense<float>, HashDense<float>)
VECX_COMPARISON(halfvec, CompareDense<Half>, HashDense<Half>)
VECX_COMPARISON(sparsevec, CompareSparse, HashSparse)

}  // namespace vecx

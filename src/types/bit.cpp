// Distances between bit strings, PostgreSQL's own type: Hamming and Jaccard.

#include "core/kernels.h"
#include "core/metric.h"
#include "types/argument.h"

#include "pg/guard.h"

namespace vecx {
namespace {

struct BitView {
    uint32 length;  // in bits; the rest of the last byte is zero
    const char *bytes;
};

constexpr Size kBitHeader = sizeof(int32);

BitView ReadBits(FunctionCallInfo fcinfo, CallSite *site, int number) {
    const varlena *value = DetoastedArgument(fcinfo, site, number);
    const Size size = VARSIZE_ANY_EXHDR(value);
    int32 length = -1;
    if (size >= kBitHeader) memcpy(&length, VARDATA_ANY(value), sizeof(length));
    if (length < 0 ||
        size != kBitHeader + (static_cast<Size>(length) + BITS_PER_BYTE - 1) / BITS_PER_BYTE)
        ereport(ERROR, (errcode(ERRCODE_DATA_CORRUPTED), errmsg("stored bit string is damaged"),
                        errdetail("%zu bytes do not hold %d bits.", size, length)));
    return {static_cast<uint32>(length), VARDATA_ANY(value) + kBitHeader};
}

template <class Formula>
Datum BitDistance(FunctionCallInfo fcinfo, Formula formula) {
    CallSite *site = CallSiteOf(fcinfo);
    const BitView a = ReadBits(fcinfo, site, 0);
    const BitView b = ReadBits(fcinfo, site, 1);
    if (a.length != b.length)
        ereport(ERROR, (errcode(ERRCODE_DATA_EXCEPTION),
                        errmsg("different bit lengths %u and %u", a.length, b.length)));
    const size_t size = (static_cast<size_t>(a.length) + BITS_PER_BYTE - 1) / BITS_PER_BYTE;
    PG_RETURN_FLOAT8(formula(ActiveKernels().bits, a.bytes, b.bytes, size));
}

}  // namespace

VECX_FUNCTION(vecx_hamming_distance) {
    return BitDistance(fcinfo,
                       [](const BitKernels &kernels, const void *a, const void *b, size_t n) {
                           return static_cast<double>(kernels.hamming(a, b, n));
                       });
}

VECX_FUNCTION(vecx_jaccard_distance) {
    return BitDistance(fcinfo, [](const BitKernels &kernels, const void *a, const void *b,
                                  size_t n) { return JaccardDistance(kernels.overlap(a, b, n)); });
}

}  // namespace vecx

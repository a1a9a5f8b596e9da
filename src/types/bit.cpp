// Distances between bit strings, PostgreSQL's own type: Hamming and Jaccard.

#include "types/bit.h"
#include "core/kernels.h"
#include "core/metric.h"
#include "types/argument.h"

#include "pg/guard.h"

namespace vecx {
namespace {

template <class Formula>
Datum BitDistance(FunctionCallInfo fcinfo, Formula formula) {
    CallSite *site = CallSiteOf(fcinfo);
    const BitView a = ViewBits(DetoastedArgument(fcinfo, site, 0));
    const BitView b = ViewBits(DetoastedArgument(fcinfo, site, 1));
    CheckSameLength(a.length, b.length);
    PG_RETURN_FLOAT8(formula(ActiveKernels().bits, a.bytes, b.bytes, a.Bytes()));
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

// Distance operators and functions: a row per metric and type.
//
// A sequential scan calls one of these per row, so nothing is allocated or copied on the way from
// the page to the kernel; see argument.h for values out of line.

#include "core/kernels.h"
#include "core/metric.h"
#include "core/sparse.h"
#include "types/argument.h"
#include "types/check.h"
#include "types/vector.h"

#include "pg/guard.h"

namespace vecx {
namespace {

template <class Element>
const DistanceKernels &KernelsFor() {
    if constexpr (std::is_same_v<Element, float>)
        return ActiveKernels().f32;
    else
        return ActiveKernels().f16;
}

template <class Element, class Formula>
Datum DenseDistance(FunctionCallInfo fcinfo, Formula formula) {
    CallSite *site = CallSiteOf(fcinfo);
    const DenseView<Element> a = ViewDense<Element>(DetoastedArgument(fcinfo, site, 0));
    const DenseView<Element> b = ViewDense<Element>(DetoastedArgument(fcinfo, site, 1));
    CheckSameDimensions<Element>(a.dimensions, b.dimensions);
    PG_RETURN_FLOAT8(formula(KernelsFor<Element>(), a.values, b.values, a.dimensions));
}

template <class Formula>
Datum SparseDistance(FunctionCallInfo fcinfo, Formula formula) {
    const SparseList a = ReadSparse(PG_GETARG_DATUM(0));
    const SparseList b = ReadSparse(PG_GETARG_DATUM(1));
    CheckSameDimensions<SparseVector>(a.dimensions, b.dimensions);
    PG_RETURN_FLOAT8(formula(a, b));
}

using Kernel = const DistanceKernels &;

double L2SquaredOf(Kernel kernel, const void *a, const void *b, size_t n) {
    return kernel.l2_squared(a, b, n);
}
double L2Of(Kernel kernel, const void *a, const void *b, size_t n) {
    return L2(kernel.l2_squared(a, b, n));
}
double InnerProductOf(Kernel kernel, const void *a, const void *b, size_t n) {
    return kernel.inner_product(a, b, n);
}
double NegativeInnerProductOf(Kernel kernel, const void *a, const void *b, size_t n) {
    return -static_cast<double>(kernel.inner_product(a, b, n));
}
double CosineSimilarityOf(Kernel kernel, const void *a, const void *b, size_t n) {
    return CosineSimilarity(kernel.cosine(a, b, n));
}
double CosineDistanceOf(Kernel kernel, const void *a, const void *b, size_t n) {
    return 1 - CosineSimilarity(kernel.cosine(a, b, n));
}
double SphericalDistanceOf(Kernel kernel, const void *a, const void *b, size_t n) {
    return SphericalDistance(kernel.inner_product(a, b, n));
}
double L1Of(Kernel kernel, const void *a, const void *b, size_t n) { return kernel.l1(a, b, n); }

float SquaredNorm(const SparseList &list) {
    float sum = 0;
    for (int32 i = 0; i < list.count; i++) sum += list.values[i] * list.values[i];
    return sum;
}

double SparseCosineSimilarity(const SparseList &a, const SparseList &b) {
    return CosineSimilarity({SparseInnerProduct(a, b), SquaredNorm(a), SquaredNorm(b)});
}

}  // namespace

#define VECX_DENSE_DISTANCE(name, formula)                                              \
    VECX_FUNCTION(vecx_vector_##name) { return DenseDistance<float>(fcinfo, formula); } \
    VECX_FUNCTION(vecx_halfvec_##name) { return DenseDistance<Half>(fcinfo, formula); }

VECX_DENSE_DISTANCE(l2_distance, L2Of)
VECX_DENSE_DISTANCE(l2_squared_distance, L2SquaredOf)
VECX_DENSE_DISTANCE(inner_product, InnerProductOf)
VECX_DENSE_DISTANCE(negative_inner_product, NegativeInnerProductOf)
VECX_DENSE_DISTANCE(cosine_distance, CosineDistanceOf)
VECX_DENSE_DISTANCE(cosine_similarity, CosineSimilarityOf)
VECX_DENSE_DISTANCE(spherical_distance, SphericalDistanceOf)
VECX_DENSE_DISTANCE(l1_distance, L1Of)

#define VECX_SPARSE_DISTANCE(name, formula)                                                      \
    VECX_FUNCTION(vecx_sparsevec_##name) {                                                       \
        return SparseDistance(                                                                   \
            fcinfo, [](const SparseList &a, const SparseList &b) -> double { return formula; }); \
    }

VECX_SPARSE_DISTANCE(l2_distance, L2(SparseL2Squared(a, b)))
VECX_SPARSE_DISTANCE(l2_squared_distance, SparseL2Squared(a, b))
VECX_SPARSE_DISTANCE(inner_product, SparseInnerProduct(a, b))
VECX_SPARSE_DISTANCE(negative_inner_product, -static_cast<double>(SparseInnerProduct(a, b)))
VECX_SPARSE_DISTANCE(cosine_distance, 1 - SparseCosineSimilarity(a, b))
VECX_SPARSE_DISTANCE(cosine_similarity, SparseCosineSimilarity(a, b))
VECX_SPARSE_DISTANCE(l1_distance, SparseL1(a, b))

}  // namespace vecx

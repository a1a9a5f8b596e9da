// Functions from vectors to vectors and numbers: + - * / ||, norms, normalise, parts, quantize.

#include "core/finite.h"
#include "core/kernels.h"
#include "types/check.h"
#include "types/vector.h"

#include "pg/guard.h"

namespace vecx {
namespace {

// Where the floats of a result are computed: in place if it holds floats, else beside it.
float *Workspace(Vector *result) { return result->values; }
float *Workspace(HalfVector *result) {
    return static_cast<float *>(palloc(result->dimensions * sizeof(float)));
}

void Store(const float *, Vector *) {}
void Store(const float *values, HalfVector *result) {
    ActiveKernels().float_to_half(values, reinterpret_cast<uint16 *>(result->values),
                                  result->dimensions);
}

// Turns the computed floats into the result; infinity is an overflow, as in PostgreSQL's own
// arithmetic, since all operands are finite.
template <class Element>
void Finish(const float *values, DenseVector<Element> *result) {
    Store(values, result);
    if (unlikely(!AllFinite(result->values, result->dimensions))) float_overflow_error();
}

struct Add {
    static float Of(float a, float b) { return a + b; }
    static constexpr bool kMayUnderflow = false;
};
struct Subtract {
    static float Of(float a, float b) { return a - b; }
    static constexpr bool kMayUnderflow = false;
};
struct Multiply {
    static float Of(float a, float b) { return a * b; }
    static constexpr bool kMayUnderflow = true;
};

// Products also become zero although neither factor is. Of several faults the first is reported.
template <class Element>
void CheckProducts(const DenseVector<Element> *result, const float *x, const float *y) {
    for (int i = 0; i < result->dimensions; i++) {
        const float product = ToFloat(result->values[i]);
        if (unlikely(std::isinf(product))) float_overflow_error();
        if (unlikely(product == 0) && x[i] != 0 && y[i] != 0) float_underflow_error();
    }
}

template <class Element, class Operation>
Datum Elementwise(FunctionCallInfo fcinfo) {
    const DenseView<Element> a = ReadDense<Element>(PG_GETARG_DATUM(0));
    const DenseView<Element> b = ReadDense<Element>(PG_GETARG_DATUM(1));
    CheckSameDimensions<Element>(a.dimensions, b.dimensions);
    const float *x = Floats(a);
    const float *y = Floats(b);
    DenseVector<Element> *result = NewDense<Element>(a.dimensions);
    float *z = Workspace(result);
    for (int i = 0; i < a.dimensions; i++) z[i] = Operation::Of(x[i], y[i]);
    if constexpr (Operation::kMayUnderflow) {
        Store(z, result);
        CheckProducts(result, x, y);
    } else {
        Finish(z, result);
    }
    PG_RETURN_POINTER(result);
}

// A vector times a number; division hands in how it is done, since x / s is not x * (1 / s).
template <class Element, class Operation>
Datum Scaled(DenseView<Element> view, float8 number, Operation operation) {
    if (std::isnan(number)) RaiseNaN(kTypeName<Element>);
    const float *x = Floats(view);
    DenseVector<Element> *result = NewDense<Element>(view.dimensions);
    float *z = Workspace(result);
    for (int i = 0; i < view.dimensions; i++) z[i] = static_cast<float>(operation(x[i], number));
    // inf * 0; an infinite product of finite factors is an overflow and found at the end.
    if (std::isinf(number)) CheckElements<Element>(z, view.dimensions);
    Finish(z, result);
    if (number == 0 || std::isinf(number)) PG_RETURN_POINTER(result);
    for (int i = 0; i < view.dimensions; i++)
        if (unlikely(ToFloat(result->values[i]) == 0 && x[i] != 0)) float_underflow_error();
    PG_RETURN_POINTER(result);
}

template <class Element>
Datum Times(Datum vector, float8 number) {
    return Scaled(ReadDense<Element>(vector), number, [](double x, double s) { return x * s; });
}

template <class Element>
Datum DividedBy(Datum vector, float8 number) {
    if (number == 0)
        ereport(ERROR, (errcode(ERRCODE_DIVISION_BY_ZERO), errmsg("division by zero")));
    return Scaled(ReadDense<Element>(vector), number, [](double x, double s) { return x / s; });
}

template <class Element>
Datum Concatenate(FunctionCallInfo fcinfo) {
    const DenseView<Element> a = ReadDense<Element>(PG_GETARG_DATUM(0));
    const DenseView<Element> b = ReadDense<Element>(PG_GETARG_DATUM(1));
    CheckDimensions<Element>(a.dimensions + b.dimensions);
    DenseVector<Element> *result = NewDense<Element>(a.dimensions + b.dimensions);
    memcpy(result->values, a.values, a.dimensions * sizeof(Element));
    memcpy(result->values + a.dimensions, b.values, b.dimensions * sizeof(Element));
    PG_RETURN_POINTER(result);
}

template <class Element>
double Norm(DenseView<Element> view) {
    const Kernels &kernels = ActiveKernels();
    const auto &family = std::is_same_v<Element, float> ? kernels.f32 : kernels.f16;
    return std::sqrt(family.squared_norm(view.values, view.dimensions));
}

// Each element divided by the norm; the zero vector stays what it is.
template <class Element>
Datum Normalize(FunctionCallInfo fcinfo) {
    const DenseView<Element> view = ReadDense<Element>(PG_GETARG_DATUM(0));
    const double norm = Norm(view);
    if (!(norm > 0)) PG_RETURN_POINTER(NewDense<Element>(view.dimensions));
    const float *x = Floats(view);
    DenseVector<Element> *result = NewDense<Element>(view.dimensions);
    float *z = Workspace(result);
    for (int i = 0; i < view.dimensions; i++) z[i] = static_cast<float>(x[i] / norm);
    Finish(z, result);
    PG_RETURN_POINTER(result);
}

// A bit per element, set where it is above zero; the first element is the highest bit.
template <class Element>
Datum BinaryQuantize(FunctionCallInfo fcinfo) {
    const DenseView<Element> view = ReadDense<Element>(PG_GETARG_DATUM(0));
    const Size size = VARBITTOTALLEN(view.dimensions);
    auto *bits = static_cast<VarBit *>(palloc0(size));
    SET_VARSIZE(bits, size);
    VARBITLEN(bits) = view.dimensions;
    const float *x = Floats(view);
    for (int i = 0; i < view.dimensions; i++)
        VARBITS(bits)[i / 8] |= static_cast<bits8>((x[i] > 0) << (7 - i % 8));
    PG_RETURN_VARBIT_P(bits);
}

// subvector(v, start, count): start from 1; what lies outside the vector is cut off.
template <class Element>
Datum Subvector(FunctionCallInfo fcinfo) {
    const DenseView<Element> view = ReadDense<Element>(PG_GETARG_DATUM(0));
    const int64 start = PG_GETARG_INT32(1);
    const int64 count = PG_GETARG_INT32(2);
    const int64 first = std::max<int64>(start, 1) - 1;
    const int64 end = std::min<int64>(start - 1 + count, view.dimensions);
    CheckDimensions<Element>(count < 1 ? 0 : end - first);
    DenseVector<Element> *result = NewDense<Element>(static_cast<int>(end - first));
    memcpy(result->values, view.values + first * sizeof(Element), (end - first) * sizeof(Element));
    PG_RETURN_POINTER(result);
}

double SparseNorm(const SparseList &list) {
    double sum = 0;
    for (int32 i = 0; i < list.count; i++)
        sum += static_cast<double>(list.values[i]) * static_cast<double>(list.values[i]);
    return std::sqrt(sum);
}

}  // namespace

#define VECX_FOR_DENSE(name, function)                                    \
    VECX_FUNCTION(vecx_vector_##name) { return function<float>(fcinfo); } \
    VECX_FUNCTION(vecx_halfvec_##name) { return function<Half>(fcinfo); }

VECX_FOR_DENSE(concat, Concatenate)
VECX_FOR_DENSE(l2_normalize, Normalize)
VECX_FOR_DENSE(binary_quantize, BinaryQuantize)
VECX_FOR_DENSE(subvector, Subvector)

VECX_FUNCTION(vecx_vector_add) { return Elementwise<float, Add>(fcinfo); }
VECX_FUNCTION(vecx_halfvec_add) { return Elementwise<Half, Add>(fcinfo); }
VECX_FUNCTION(vecx_vector_sub) { return Elementwise<float, Subtract>(fcinfo); }
VECX_FUNCTION(vecx_halfvec_sub) { return Elementwise<Half, Subtract>(fcinfo); }
VECX_FUNCTION(vecx_vector_mul) { return Elementwise<float, Multiply>(fcinfo); }
VECX_FUNCTION(vecx_halfvec_mul) { return Elementwise<Half, Multiply>(fcinfo); }

#define VECX_SCALING(type, Element)                                         \
    VECX_FUNCTION(vecx_##type##_scale) {                                    \
        return Times<Element>(PG_GETARG_DATUM(0), PG_GETARG_FLOAT8(1));     \
    }                                                                       \
    VECX_FUNCTION(vecx_##type##_scale_left) {                               \
        return Times<Element>(PG_GETARG_DATUM(1), PG_GETARG_FLOAT8(0));     \
    }                                                                       \
    VECX_FUNCTION(vecx_##type##_divide) {                                   \
        return DividedBy<Element>(PG_GETARG_DATUM(0), PG_GETARG_FLOAT8(1)); \
    }

VECX_SCALING(vector, float)
VECX_SCALING(halfvec, Half)

VECX_FUNCTION(vecx_vector_dims) { PG_RETURN_INT32(DimensionsOf<float>(PG_GETARG_DATUM(0))); }
VECX_FUNCTION(vecx_halfvec_dims) { PG_RETURN_INT32(DimensionsOf<Half>(PG_GETARG_DATUM(0))); }

VECX_FUNCTION(vecx_vector_norm) { PG_RETURN_FLOAT8(Norm(ReadDense<float>(PG_GETARG_DATUM(0)))); }
VECX_FUNCTION(vecx_halfvec_norm) { PG_RETURN_FLOAT8(Norm(ReadDense<Half>(PG_GETARG_DATUM(0)))); }
VECX_FUNCTION(vecx_sparsevec_norm) { PG_RETURN_FLOAT8(SparseNorm(ReadSparse(PG_GETARG_DATUM(0)))); }

VECX_FUNCTION(vecx_sparsevec_l2_normalize) {
    const SparseList list = ReadSparse(PG_GETARG_DATUM(0));
    const double norm = SparseNorm(list);
    const auto normalized = [&](int32 i) { return static_cast<float>(list.values[i] / norm); };
    // An element that becomes zero is not stored. A norm of zero leaves a vector without elements.
    int32 count = 0;
    for (int32 i = 0; norm > 0 && i < list.count; i++) {
        if (std::isinf(normalized(i))) float_overflow_error();
        count += normalized(i) != 0;
    }
    SparseVector *result = NewSparse(list.dimensions, count);
    float *values = result->Values();
    int32 next = 0;
    for (int32 i = 0; next < count; i++) {
        if (normalized(i) == 0) continue;
        result->indices[next] = list.indices[i];
        values[next++] = normalized(i);
    }
    PG_RETURN_POINTER(result);
}

}  // namespace vecx

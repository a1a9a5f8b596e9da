// Casts: between the three vector types, from and to arrays. All are f(value, typmod, explicit).
//
// Every way in judges dimensions, elements and the type modifier, as the input functions do.

#include "core/finite.h"
#include "core/kernels.h"
#include "types/array.h"
#include "types/check.h"
#include "types/vector.h"

#include "pg/guard.h"

namespace vecx {
namespace {

// The elements of a one-dimensional array of int4, float4, float8 or numeric, as floats.
struct FloatArray {
    int count;
    const float *values;
};

template <class Number>
void Convert(const char *data, int count, float *out) {
    for (int i = 0; i < count; i++) {
        Number number;
        memcpy(&number, data + i * sizeof(Number), sizeof(Number));
        out[i] = static_cast<float>(number);
    }
}

template <class Type>
FloatArray ReadArray(FunctionCallInfo fcinfo) {
    ArrayType *array = PG_GETARG_ARRAYTYPE_P(0);
    if (ARR_NDIM(array) > 1)
        ereport(ERROR, (errcode(ERRCODE_DATA_EXCEPTION), errmsg("array must be 1-D")));
    if (ARR_HASNULL(array) && array_contains_nulls(array))
        ereport(ERROR,
                (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("array must not contain nulls")));
    const int count = ArrayGetNItems(ARR_NDIM(array), ARR_DIMS(array));
    CheckDimensions<Type>(count);
    CheckExpected(PG_GETARG_INT32(1), count);

    // Without nulls the elements lie one behind the other.
    const char *data = ARR_DATA_PTR(array);
    auto *values = static_cast<float *>(palloc(count * sizeof(float)));
    switch (ARR_ELEMTYPE(array)) {
        case INT4OID:
            Convert<int32>(data, count, values);
            break;
        case FLOAT4OID:
            Convert<float4>(data, count, values);
            break;
        case FLOAT8OID:
            Convert<float8>(data, count, values);
            break;
        case NUMERICOID: {
            Datum *elements;
            int elements_count;
            deconstruct_array(array, NUMERICOID, -1, false, TYPALIGN_INT, &elements, nullptr,
                              &elements_count);
            for (int i = 0; i < count; i++) {
                values[i] = DatumGetFloat4(DirectFunctionCall1(numeric_float4, elements[i]));
                // Now, not when all are read: of two faults the first one is reported.
                if constexpr (std::is_same_v<Type, Half>) CheckedHalf(values[i]);
            }
            break;
        }
        default:
            ereport(ERROR, (errcode(ERRCODE_DATA_EXCEPTION), errmsg("unsupported array type")));
    }
    return {count, values};
}

Vector *DenseFrom(const float *values, int count, float) {
    CheckElements<float>(values, count);
    Vector *result = NewDense<float>(count);
    memcpy(result->values, values, count * sizeof(float));
    return result;
}

HalfVector *DenseFrom(const float *values, int count, Half) {
    HalfVector *result = NewDense<Half>(count);
    ActiveKernels().float_to_half(values, reinterpret_cast<uint16 *>(result->values), count);
    if (unlikely(!AllFinite(result->values, count))) {
        for (int i = 0; i < count; i++) CheckedHalf(values[i]);  // range before NaN and infinity
        CheckElements<Half>(values, count);
    }
    return result;
}

SparseVector *SparseFrom(const float *values, int32 dimensions) {
    int32 count = 0;
    for (int32 i = 0; i < dimensions; i++) count += values[i] != 0;
    CheckSparseCount(count, dimensions);
    SparseVector *result = NewSparse(dimensions, count);
    float *out = result->Values();
    int32 next = 0;
    for (int32 i = 0; i < dimensions; i++) {
        if (values[i] == 0) continue;
        CheckElement<SparseVector>(values[i]);
        result->indices[next] = i;
        out[next++] = values[i];
    }
    return result;
}

template <class Element>
Datum ArrayToDense(FunctionCallInfo fcinfo) {
    const FloatArray array = ReadArray<Element>(fcinfo);
    PG_RETURN_POINTER(DenseFrom(array.values, array.count, Element{}));
}

template <class Element>
Datum DenseToArray(FunctionCallInfo fcinfo) {
    const DenseView<Element> view = ReadDense<Element>(PG_GETARG_DATUM(0));
    ArrayType *array = NewArray(FLOAT4OID, sizeof(float4), view.dimensions);
    memcpy(ARR_DATA_PTR(array), Floats(view), view.dimensions * sizeof(float4));
    PG_RETURN_ARRAYTYPE_P(array);
}

template <class From>
DenseView<From> ReadForCast(FunctionCallInfo fcinfo) {
    const DenseView<From> view = ReadDense<From>(PG_GETARG_DATUM(0));
    CheckExpected(PG_GETARG_INT32(1), view.dimensions);
    return view;
}

template <class From, class To>
Datum DenseToDense(FunctionCallInfo fcinfo) {
    const DenseView<From> view = ReadForCast<From>(fcinfo);
    PG_RETURN_POINTER(DenseFrom(Floats(view), view.dimensions, To{}));
}

template <class From>
Datum DenseToSparse(FunctionCallInfo fcinfo) {
    const DenseView<From> view = ReadForCast<From>(fcinfo);
    PG_RETURN_POINTER(SparseFrom(Floats(view), view.dimensions));
}

void StoreElement(float value, float *out) { *out = value; }
void StoreElement(float value, Half *out) { *out = CheckedHalf(value); }

template <class To>
Datum SparseToDense(FunctionCallInfo fcinfo) {
    const SparseList list = ReadSparse(PG_GETARG_DATUM(0));
    CheckDimensions<To>(list.dimensions);
    CheckExpected(PG_GETARG_INT32(1), list.dimensions);
    DenseVector<To> *result = NewDense<To>(list.dimensions);
    for (int32 i = 0; i < list.count; i++) {
        const int32 index = list.indices[i];
        // The stored index decides where we write: not to be trusted.
        if (unlikely(index < 0 || index >= list.dimensions))
            ereport(ERROR,
                    (errcode(ERRCODE_DATA_CORRUPTED), errmsg("stored sparsevec is damaged"),
                     errdetail("Index %d is not within %d dimensions.", index, list.dimensions)));
        StoreElement(list.values[i], &result->values[index]);
    }
    PG_RETURN_POINTER(result);
}

}  // namespace

VECX_FUNCTION(vecx_array_to_vector) { return ArrayToDense<float>(fcinfo); }
VECX_FUNCTION(vecx_array_to_halfvec) { return ArrayToDense<Half>(fcinfo); }
VECX_FUNCTION(vecx_array_to_sparsevec) {
    const FloatArray array = ReadArray<SparseVector>(fcinfo);
    PG_RETURN_POINTER(SparseFrom(array.values, array.count));
}
VECX_FUNCTION(vecx_vector_to_float4) { return DenseToArray<float>(fcinfo); }
VECX_FUNCTION(vecx_halfvec_to_float4) { return DenseToArray<Half>(fcinfo); }
VECX_FUNCTION(vecx_vector_to_halfvec) { return DenseToDense<float, Half>(fcinfo); }
VECX_FUNCTION(vecx_halfvec_to_vector) { return DenseToDense<Half, float>(fcinfo); }
VECX_FUNCTION(vecx_vector_to_sparsevec) { return DenseToSparse<float>(fcinfo); }
VECX_FUNCTION(vecx_halfvec_to_sparsevec) { return DenseToSparse<Half>(fcinfo); }
VECX_FUNCTION(vecx_sparsevec_to_vector) { return SparseToDense<float>(fcinfo); }
VECX_FUNCTION(vecx_sparsevec_to_halfvec) { return SparseToDense<Half>(fcinfo); }

}  // namespace vecx

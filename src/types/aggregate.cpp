// avg(vector), avg(halfvec): transition, combine and final functions over a float8[] state.
//
// The state is {rows, sum of element 1, sum of element 2, ...}; {0} before the first row. It is an
// ordinary array so that parallel workers and other servers can exchange it, and so that anyone can
// call these functions with an array of his own making: its shape is checked every time.

#include "types/array.h"
#include "types/check.h"
#include "types/vector.h"

#include "pg/guard.h"

namespace vecx {
namespace {

struct State {
    ArrayType *array;
    int dimensions;  // 0 before the first row

    float8 *Rows() const { return reinterpret_cast<float8 *>(ARR_DATA_PTR(array)); }
    float8 *Sums() const { return Rows() + 1; }
};

State ReadState(ArrayType *array, const char *caller) {
    if (ARR_NDIM(array) != 1 || ARR_DIMS(array)[0] < 1 || ARR_HASNULL(array) ||
        ARR_ELEMTYPE(array) != FLOAT8OID)
        elog(ERROR, "%s: expected state array", caller);
    return {array, ARR_DIMS(array)[0] - 1};
}

State NewState(int dimensions) {
    return {NewArray(FLOAT8OID, sizeof(float8), dimensions + 1), dimensions};
}

template <class Element>
Datum Accumulate(FunctionCallInfo fcinfo, const char *caller) {
    const State old = ReadState(PG_GETARG_ARRAYTYPE_P(0), caller);
    const DenseView<Element> view = ReadDense<Element>(PG_GETARG_DATUM(1));
    if (old.dimensions != 0) CheckExpected(old.dimensions, view.dimensions);

    // Within an aggregate the state is ours to change in place; a caller's array is not.
    State state = old;
    if (old.dimensions == 0 || !AggCheckCallContext(fcinfo, nullptr)) {
        state = NewState(view.dimensions);
        memcpy(state.Rows(), old.Rows(), (old.dimensions + 1) * sizeof(float8));
    }
    *state.Rows() += 1;
    float8 *sums = state.Sums();
    const float *x = Floats(view);
    bool overflow = false;
    for (int i = 0; i < view.dimensions; i++) {
        // The first row is taken as it is: adding it to 0 would lose the sign of -0.
        sums[i] = old.dimensions == 0 ? x[i] : sums[i] + x[i];
        overflow |= std::isinf(sums[i]);
    }
    if (unlikely(overflow)) float_overflow_error();
    PG_RETURN_ARRAYTYPE_P(state.array);
}

template <class Element>
Datum Average(FunctionCallInfo fcinfo, const char *caller) {
    const State state = ReadState(PG_GETARG_ARRAYTYPE_P(0), caller);
    const float8 rows = *state.Rows();
    if (rows == 0) PG_RETURN_NULL();
    CheckDimensions<Element>(state.dimensions);
    DenseVector<Element> *result = NewDense<Element>(state.dimensions);
    for (int i = 0; i < state.dimensions; i++) {
        const auto mean = static_cast<float>(state.Sums()[i] / rows);
        if constexpr (std::is_same_v<Element, float>)
            result->values[i] = mean;
        else
            result->values[i] = CheckedHalf(mean);
        CheckElement<Element>(ToFloat(result->values[i]));
    }
    PG_RETURN_POINTER(result);
}

}  // namespace

VECX_FUNCTION(vecx_vector_accum) { return Accumulate<float>(fcinfo, "vector_accum"); }
VECX_FUNCTION(vecx_halfvec_accum) { return Accumulate<Half>(fcinfo, "halfvec_accum"); }
VECX_FUNCTION(vecx_vector_avg) { return Average<float>(fcinfo, "vector_avg"); }
VECX_FUNCTION(vecx_halfvec_avg) { return Average<Half>(fcinfo, "halfvec_avg"); }

// The states of two groups of rows, of either element type, into one.
VECX_FUNCTION(vecx_vector_combine) {
    const State a = ReadState(PG_GETARG_ARRAYTYPE_P(0), "vector_combine");
    const State b = ReadState(PG_GETARG_ARRAYTYPE_P(1), "vector_combine");
    const int dimensions = std::max(a.dimensions, b.dimensions);
    if (dimensions > 0) CheckDimensions<float>(dimensions);
    if (a.dimensions != 0 && b.dimensions != 0) CheckExpected(a.dimensions, b.dimensions);

    const State state = NewState(dimensions);
    *state.Rows() = *a.Rows() + *b.Rows();
    for (int i = 0; i < dimensions; i++) {
        const float8 sum =
            (a.dimensions != 0 ? a.Sums()[i] : 0) + (b.dimensions != 0 ? b.Sums()[i] : 0);
        if (unlikely(std::isinf(sum))) float_overflow_error();
        state.Sums()[i] = sum;
    }
    PG_RETURN_ARRAYTYPE_P(state.array);
}

}  // namespace vecx

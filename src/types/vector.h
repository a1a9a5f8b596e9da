// The stored forms of vector, halfvec and sparsevec, and how SQL functions read and make them.
//
// The layouts are pgvector's, byte for byte: tables and binary backups keep their meaning. Values
// read here come from disk, so sizes are held against the declared dimensions before anything else
// sees them; what does not fit is ERRCODE_DATA_CORRUPTED.

#pragma once

#include "core/half.h"
#include "core/limits.h"
#include "core/sparse.h"

#include "pg/pg.h"

namespace vecx {

template <class Element>
struct DenseVector {
    int32 vl_len_;  // varlena header, do not touch directly
    int16 dimensions;
    int16 unused;  // 0
    Element values[FLEXIBLE_ARRAY_MEMBER];
};

using Vector = DenseVector<float>;
using HalfVector = DenseVector<Half>;

struct SparseVector {
    int32 vl_len_;
    int32 dimensions;
    int32 count;                           // elements that are stored: those other than zero
    int32 unused;                          // 0
    int32 indices[FLEXIBLE_ARRAY_MEMBER];  // from 0, ascending; then float values[count]

    float *Values() { return reinterpret_cast<float *>(indices + count); }
};

static_assert(offsetof(Vector, values) == 8 && offsetof(HalfVector, values) == 8);
static_assert(offsetof(SparseVector, indices) == 16);

// The SQL name of a type, for messages. Asked by element type; a sparsevec by its own struct.
template <class Type>
constexpr const char *kTypeName = nullptr;
template <>
inline constexpr const char *kTypeName<float> = "vector";
template <>
inline constexpr const char *kTypeName<Half> = "halfvec";
template <>
inline constexpr const char *kTypeName<SparseVector> = "sparsevec";

template <class Type>
constexpr int32 kMaxDimensionsOf = kMaxDimensions;
template <>
inline constexpr int32 kMaxDimensionsOf<SparseVector> = kMaxSparseDimensions;

// A stored vector, read in place. `values` has any alignment: short varlena headers shift it.
template <class Element>
struct DenseView {
    int dimensions;
    const char *values;

    Element operator[](int i) const {
        Element element;
        memcpy(&element, values + i * sizeof(Element), sizeof(Element));
        return element;
    }
};

// Detoasts what must be and checks the size. A value that is neither compressed nor out of line is
// read where it lies, even behind a short header.
template <class Element>
DenseView<Element> ReadDense(Datum datum);
SparseList ReadSparse(Datum datum);

// The same for a value that is already in memory as a whole.
template <class Element>
DenseView<Element> ViewDense(const varlena *value);

// The dimensions alone: of a value out of line only the first bytes are fetched.
template <class Element>
int DimensionsOf(Datum datum);

// palloc'd values of `dimensions` elements, zeroed. The caller has checked the dimensions.
template <class Element>
DenseVector<Element> *NewDense(int dimensions);
SparseVector *NewSparse(int32 dimensions, int32 count);

// All elements as floats: in place where the view allows it, else palloc'd.
template <class Element>
const float *Floats(DenseView<Element> view);

// The raw value of an argument as it was passed, for detoasting that wants to look at it first.
inline varlena *RawValue(Datum datum) {
    return reinterpret_cast<varlena *>(DatumGetPointer(datum));
}

inline float ToFloat(float value) { return value; }
inline float ToFloat(Half value) { return HalfToFloat(value); }

}  // namespace vecx

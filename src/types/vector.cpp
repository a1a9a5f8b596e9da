// Reading and making stored vectors; see vector.h.

#include "types/vector.h"

#include "core/kernels.h"

namespace vecx {
namespace {

[[noreturn]] void RaiseCorrupted(const char *type, Size size, int dimensions) {
    ereport(ERROR, (errcode(ERRCODE_DATA_CORRUPTED), errmsg("stored %s is damaged", type),
                    errdetail("%zu bytes do not hold %d dimensions.", size, dimensions)));
    pg_unreachable();
}

// Dimensions and `unused`, which stand before the elements of a dense vector.
constexpr Size kDenseHeader = 2 * sizeof(int16);

// `data` is what follows the varlena header, at least kDenseHeader bytes if size says so.
template <class Element>
int CheckedDimensions(const char *data, Size size) {
    int16 dimensions = 0;
    if (size >= kDenseHeader) memcpy(&dimensions, data, sizeof(dimensions));
    if (unlikely(dimensions < 1 || dimensions > kMaxDimensions ||
                 size != kDenseHeader + dimensions * sizeof(Element)))
        RaiseCorrupted(kTypeName<Element>, size, dimensions);
    return dimensions;
}

}  // namespace

template <class Element>
DenseView<Element> ViewDense(const varlena *value) {
    const char *data = VARDATA_ANY(value);
    return {CheckedDimensions<Element>(data, VARSIZE_ANY_EXHDR(value)), data + kDenseHeader};
}

template <class Element>
int DimensionsOf(Datum datum) {
    varlena *value = RawValue(datum);
    if (!VARATT_IS_EXTERNAL_ONDISK(value)) return ReadDense<Element>(datum).dimensions;
    const varlena *head = pg_detoast_datum_slice(value, 0, kDenseHeader);
    if (VARSIZE_ANY_EXHDR(head) < kDenseHeader) RaiseCorrupted(kTypeName<Element>, 0, 0);
    return CheckedDimensions<Element>(VARDATA_ANY(head), toast_raw_datum_size(datum) - VARHDRSZ);
}

template <class Element>
DenseView<Element> ReadDense(Datum datum) {
    return ViewDense<Element>(pg_detoast_datum_packed(RawValue(datum)));
}

SparseList ReadSparse(Datum datum) {
    // Unpacked: the merges of core/sparse.h want aligned arrays.
    const auto *vector = reinterpret_cast<SparseVector *>(pg_detoast_datum(RawValue(datum)));
    const Size size = VARSIZE(vector);
    constexpr Size kHeader = offsetof(SparseVector, indices);
    if (size < kHeader) RaiseCorrupted("sparsevec", size, 0);
    if (vector->dimensions < 1 || vector->dimensions > kMaxSparseDimensions || vector->count < 0 ||
        vector->count > kMaxNonZeros || vector->count > vector->dimensions ||
        size != kHeader + vector->count * (sizeof(int32) + sizeof(float)))
        RaiseCorrupted("sparsevec", size, vector->dimensions);
    return {vector->dimensions, vector->count, vector->indices,
            reinterpret_cast<const float *>(vector->indices + vector->count)};
}

template <class Element>
DenseVector<Element> *NewDense(int dimensions) {
    const Size size = offsetof(DenseVector<Element>, values) + dimensions * sizeof(Element);
    auto *vector = static_cast<DenseVector<Element> *>(palloc0(size));
    SET_VARSIZE(vector, size);
    vector->dimensions = static_cast<int16>(dimensions);
    return vector;
}

SparseVector *NewSparse(int32 dimensions, int32 count) {
    const Size size = offsetof(SparseVector, indices) + count * (sizeof(int32) + sizeof(float));
    auto *vector = static_cast<SparseVector *>(palloc0(size));
    SET_VARSIZE(vector, size);
    vector->dimensions = dimensions;
    vector->count = count;
    return vector;
}

template <>
const float *Floats(DenseView<float> view) {
    if (reinterpret_cast<uintptr_t>(view.values) % alignof(float) == 0)
        return reinterpret_cast<const float *>(view.values);
    auto *floats = static_cast<float *>(palloc(view.dimensions * sizeof(float)));
    memcpy(floats, view.values, view.dimensions * sizeof(float));
    return floats;
}

template <>
const float *Floats(DenseView<Half> view) {
    auto *floats = static_cast<float *>(palloc(view.dimensions * sizeof(float)));
    ActiveKernels().half_to_float(view.values, floats, view.dimensions);
    return floats;
}

template DenseView<float> ViewDense<float>(const varlena *);
template DenseView<Half> ViewDense<Half>(const varlena *);
template int DimensionsOf<float>(Datum);
template int DimensionsOf<Half>(Datum);
template DenseView<float> ReadDense<float>(Datum);
template DenseView<Half> ReadDense<Half>(Datum);
template Vector *NewDense<float>(int);
template HalfVector *NewDense<Half>(int);

}  // namespace vecx

// One-dimensional arrays of numbers without NULLs, made in one piece. Used by casts and aggregates.

#pragma once

#include "pg/pg.h"

namespace vecx {

// The elements, to be filled in, begin at ARR_DATA_PTR; they are zero.
inline ArrayType *NewArray(Oid element_type, Size element_size, int count) {
    const Size size = ARR_OVERHEAD_NONULLS(1) + count * element_size;
    auto *array = static_cast<ArrayType *>(palloc0(size));
    SET_VARSIZE(array, size);
    array->ndim = 1;
    array->elemtype = element_type;
    ARR_DIMS(array)[0] = count;
    ARR_LBOUND(array)[0] = 1;
    return array;
}

}  // namespace vecx

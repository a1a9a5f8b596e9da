// The type modifier of vector(n), halfvec(n) and sparsevec(n): the number of dimensions.

#pragma once

#include "types/vector.h"

#include "pg/pg.h"

namespace vecx {

template <class Type>
Datum TypmodIn(FunctionCallInfo fcinfo) {
    int count;
    const int32 *modifiers = ArrayGetIntegerTypmods(PG_GETARG_ARRAYTYPE_P(0), &count);
    if (count != 1)
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("invalid type modifier")));
    if (modifiers[0] < 1)
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                        errmsg("dimensions for type %s must be at least 1", kTypeName<Type>)));
    if (modifiers[0] > kMaxDimensionsOf<Type>)
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                        errmsg("dimensions for type %s cannot exceed %d", kTypeName<Type>,
                               kMaxDimensionsOf<Type>)));
    PG_RETURN_INT32(modifiers[0]);
}

}  // namespace vecx

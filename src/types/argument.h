// Arguments of distance functions, detoasted once. Called by types/distance.cpp.
//
// In `ORDER BY v <-> (SELECT v FROM t WHERE id = 1)` the query is out of line and arrives anew with
// every row. A value whose TOAST pointer comes a second time in a row is therefore kept for the life
// of the call site (fn_mcxt); a column, whose pointer changes from row to row, costs a comparison.

#pragma once

#include "types/vector.h"

#include "pg/pg.h"

namespace vecx {

// For values that are compressed or out of line.
const varlena *DetoastedOutOfLine(FunctionCallInfo fcinfo, int number);

// The value of argument `number` (0 or 1), detoasted but with its short header, if it has one.
inline const varlena *DetoastedArgument(FunctionCallInfo fcinfo, int number) {
    varlena *value = RawValue(PG_GETARG_DATUM(number));
    if (likely(!VARATT_IS_EXTENDED(value) || VARATT_IS_SHORT(value))) return value;
    return DetoastedOutOfLine(fcinfo, number);
}

}  // namespace vecx

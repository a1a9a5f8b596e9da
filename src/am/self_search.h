// Whether a search by an index finds a row by its own value; for the checks of all access methods.

#pragma once

#include "pg/pg.h"

namespace vecx {

// Whether the row is among the first that a search for `value` gives, or one as near as can be
// instead. `apart`: how far other values may be that the index does not tell from this one; they
// may come first, too. Negative infinity where it knows values exactly.
bool IsFoundByOwnValue(Relation index, Relation table, Snapshot snapshot, Datum value,
                       ItemPointer row, double apart);

}  // namespace vecx

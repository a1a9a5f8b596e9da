// Looks for damage in an index of inverted lists, for vecx_check: reads everything, changes
// nothing, and says what is wrong instead of failing by it.

#pragma once

#include "am/findings.h"

#include "pg/pg.h"

namespace vecx::ivf {

// Sees what was there when `snapshot` was taken. Both relations are locked by the caller.
void CheckIndex(Relation index, Relation table, Snapshot snapshot, const CheckOptions &options,
                Findings *findings);

}  // namespace vecx::ivf

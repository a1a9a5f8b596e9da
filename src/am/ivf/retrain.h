// The lists of an index that was made of few rows, once there are enough.

#pragma once

#include "pg/pg.h"

namespace vecx::ivf {

// Called by VACUUM, which is alone in that.
void TrainIfDue(const IndexVacuumInfo *info);

}  // namespace vecx::ivf

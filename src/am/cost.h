// What an ordered scan of an index costs the planner.

#pragma once

#include "pg/pg.h"

namespace vecx {

struct ScanCost {
    Cost startup;
    Cost total;
    Selectivity selectivity;
    double correlation;
    double pages;
};

ScanCost EstimateHnswCost(PlannerInfo *root, IndexPath *path, double loop_count);
ScanCost EstimateIvfCost(PlannerInfo *root, IndexPath *path, double loop_count);

}  // namespace vecx

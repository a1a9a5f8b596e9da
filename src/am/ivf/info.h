// Counts what is in an index of inverted lists, for vecx_index_info and vecx_index_lists.

#pragma once

#include "am/ivf/index.h"

#include "pg/pg.h"

namespace vecx::ivf {

struct IndexCounts {
    int64 rows;
    int64 dead;        // slots without a row, between rows
    int64 free_slots;  // room behind the rows
    int64 largest_list;
    int64 meta_pages;  // metapage, centroids, model
    int64 code_pages;
    int64 copy_pages;
    int64 free_pages;  // in no list
    int64 total_pages;
};
IndexCounts CountIndex(Relation index, const Lists &lists);

struct ListCounts {
    uint32_t list;
    int64 rows;
    int64 dead;
    uint64_t generation;
    double centroid_norm;
    double radius;  // distance of the farthest row from the centroid; NaN where copies are none
};
// The radius is taken from the copies, so it takes a while.
ListCounts CountList(Relation index, const Lists &lists, uint32_t list);

const char *NameOfQuantizer(uint8_t quantizer);
const char *NameOfVectors(Vectors vectors);

}  // namespace vecx::ivf

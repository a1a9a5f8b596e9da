// Putting a row into a list; for inserts, and for VACUUM where it makes lists anew.

#pragma once

#include "am/ivf/list_pages.h"
#include "am/ivf/row_vector.h"

#include "pg/pg.h"

namespace vecx::ivf {

// Memory for the codes of rows.
struct CodeMemory {
    float *coordinates;
    float *centroid;
    float *moved;
    float *moved_centroid;
    float *scratch;
    uint8_t *code;
    char *copy;
};
CodeMemory NewCodeMemory(const Lists &lists);

// Makes memory.code from the value, memory.coordinates and memory.centroid; not for flat codes.
void EncodeInList(const Lists &lists, const char *raw, const CodeMemory &memory);

// Puts a row into the list where it belongs. `copy`: as it is to be kept, or nullptr where it is to
// be made. False if these lists are not the index's any more.
bool InsertRow(Relation index, const Lists &lists, const char *raw, const char *copy, RowId row,
               const CodeMemory &memory);

}  // namespace vecx::ivf

// Opening an index by the SQL functions that look into it.

#pragma once

#include "pg/pg.h"

namespace vecx {

// The index and its table, with AccessShareLock, the table locked first. Raises an error if it is
// no hnsw index of ours or cannot be read here.
struct OpenedIndex {
    Relation table;
    Relation index;
};
OpenedIndex OpenHnswIndex(Oid index);
void CloseHnswIndex(const OpenedIndex &opened);

}  // namespace vecx

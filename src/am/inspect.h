// Opening an index by the SQL functions that look into it.

#pragma once

#include "pg/pg.h"

namespace vecx {

// The index and its table, with AccessShareLock, the table locked first. Raises an error if it is
// no index of ours or cannot be read here.
struct OpenedIndex {
    Relation table;
    Relation index;
    bool is_hnsw;  // else of inverted lists
};
OpenedIndex OpenVectorIndex(Oid index);
void CloseVectorIndex(const OpenedIndex &opened);

}  // namespace vecx

// The vectors of rows as the table holds them, for an index that keeps no copies of them
// (vectors = heap): a scan ranks rows by these.

#pragma once

#include "am/ivf/row_vector.h"

#include "pg/pg.h"

namespace vecx::ivf {

struct TableVectors;

// Lives in the current context, until it is closed. Reading runs the index's expressions, if it has
// some, and detoasts: the cache entry of the index may go at each call.
TableVectors *OpenTableVectors(Relation table, Relation index);

// The vector as a copy that has lost nothing (FormatOfTableVectors), good until the next call;
// nullptr if the snapshot does not see the row.
const char *ReadTableVector(TableVectors *vectors, const ValueFormat &format, Snapshot snapshot,
                            RowId row);

// Asks for the block of a row that is to be read soon.
void ReadAheadTableVector(const TableVectors *vectors, RowId row);

// Between two calls of the scan no buffer is pinned.
void LeaveTableVectors(TableVectors *vectors);
void CloseTableVectors(TableVectors *vectors);

}  // namespace vecx::ivf

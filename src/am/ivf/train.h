// When lists are made, and how many.

#pragma once

#include "am/ivf/format.h"
#include "am/ivf/row_vector.h"

#include "pg/pg.h"

namespace vecx::ivf {

ValueFormat FormatOf(Relation index, const MetaPage &meta);

// How many rows there have to be for the lists that are wanted.
int64 RowsNeeded(const MetaPage &meta);

// Whether VACUUM can make the lists: the values have to be in the index.
bool CanTrainLater(const MetaPage &meta);

// Fills in meta->lists as far as it follows from the number of rows: whether the lists are trained,
// how many there are, and their codes.
void ChooseLists(MetaPage *meta, int64 rows);

// Whether these lists are to be made by training: one list for all rows is not.
bool IsToTrain(const MetaPage &meta);

// An error for more rows than can be numbered.
void CheckRowCount(Relation index, int64 rows);

}  // namespace vecx::ivf

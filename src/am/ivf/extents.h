// Extents that are in no list any more: taken out, kept as long as a scan may read them, and used
// again. The chains begin in the metapage.
//
//     in a list -> retired, when VACUUM finds no row in it, or has put other lists in place of all
//     -> free, once no snapshot is older than that -> in a list

#pragma once

#include "am/ivf/list_pages.h"

#include "pg/pg.h"

namespace vecx::ivf {

// Takes an extent without rows out of its list, of which `head` is the first. Nothing is done if
// there is a row in it by now. `before`: the extent that leads to it.
bool RetireExtent(Relation index, const Lists &lists, uint32_t list, BlockNumber head,
                  BlockNumber before, BlockNumber extent);

// Moves retired extents that nobody can read any more to the free ones. Returns how many pages.
BlockNumber FreeRetired(Relation index, Relation table);

// Blocks behind those that are allocated, which the metapage notes as pending. Returns the first.
BlockNumber SetAside(Relation index, BlockNumber blocks);

// Blocks that were meant for lists that never came to be are free.
void FreePending(Relation index);

// A free extent more, the first of the chain, of blocks behind those that are allocated.
void AddFreeExtent(Relation index, BlockNumber pages);

// A free extent of at most `most` pages, which becomes the last of a list that is full. False if
// there is none. `head`: locked exclusively, the list's.
bool TakeFreeExtent(Relation index, const Lists &lists, const store::PageRef &head,
                    const Extent &first, BlockNumber most);

}  // namespace vecx::ivf

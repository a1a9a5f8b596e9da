// Which slots are free: PostgreSQL's free space map says on which pages there are some. It is a
// hint, lost in a crash and made new by VACUUM; a page is the truth about its slots.

#pragma once

#include "am/hnsw/graph.h"

#include "pg/pg.h"
#include "store/page.h"

namespace vecx::hnsw {

// Notes that a node page has so many free slots.
void RecordFreeSlots(Relation index, const Graph &graph, BlockNumber block, int slots);

// After a build: all slots from `end` on, up to the end of the index, are free.
void RecordFreeTail(Relation index, const Graph &graph, NodeId end);

// A node page, locked exclusively, that has a free slot (or is fresh), and which slot that is. The
// index is extended by a group if there is none.
struct FreeSlot {
    store::PageRef page;
    NodeId id;
    uint8_t generation;
};
FreeSlot TakeFreeSlot(Relation index, const Graph &graph);

// The number of free slots of a page's content.
int CountFreeSlots(const Graph &graph, const store::PageRef &page);

}  // namespace vecx::hnsw

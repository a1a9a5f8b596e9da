// Which lists are nearest to a query: those whose centroids are.
//
// To read all centroids of an index for each query takes as long as to search a list or two. So a
// backend keeps codes of them, of 8 bits a coordinate. Codes bound how near a centroid is; the
// centroids themselves are read of those lists alone that may be among the nearest by that. The
// order is the same as without codes. Indexes with too many centroids have none.

#pragma once

#include "am/ivf/index.h"
#include "am/ivf/row_vector.h"

#include "pg/pg.h"

namespace vecx::ivf {

// A list, and how near its centroid is.
struct RankedList {
    float order;  // smaller is nearer; where it is not known, a lower bound of it
    float key;    // what ProbeList wants; where it is not known, an upper bound of `order`
    float norm;   // squared length of the centroid
    uint32_t list;
    BlockNumber head;
    bool known;
};

struct ListRanking {
    RankedList *lists;
    uint32_t count;
    uint32_t sorted;  // so many of them are in order, and known
    bool by_codes;    // not all are known
};

// In memory of the current context.
ListRanking RankLists(Relation index, const Lists &lists, const QueryVector &query);

// Puts the nearest `count` in order.
void SortLists(Relation index, const Lists &lists, const QueryVector &query, uint32_t count,
               ListRanking *ranking);

}  // namespace vecx::ivf

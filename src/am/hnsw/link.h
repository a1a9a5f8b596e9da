// Edges of the graph on pages: the neighbours of a node, and offering it to them. For inserts, and
// for VACUUM, which mends what an insert or a death has left.

#pragma once

#include "am/hnsw/page_store.h"
#include "core/graph_link.h"

#include "pg/pg.h"

namespace vecx::hnsw {

// What a search for neighbours needs, made once and used for many nodes. In the current context.
struct LinkMemory {
    SearchMemory search;
    OwnVectors own;
    LinkCandidate *found;
    float *node;      // shape.padded: a dequantized vector
    float *neighbor;  // the same
    void *query_memory;
    char *record;  // shape.size: a record that is being changed
    uint8_t
        *outside;  // an own vector that is not in its record, or a neighbour's; made when needed
};
// With kInsert a part of it is the backend's, until the next call with kInsert.
enum class LinkUse { kInsert, kVacuum };
LinkMemory NewLinkMemory(const Graph &graph, int width, LinkUse use);

// About so many bytes for each node of the width.
Size LinkBytesPerWidth(const Graph &graph);

// The nodes of one level that are nearest to a query, sorted by distance; found at most
// `memory.search.width` or so. Starts from `starts`. `exclude` is not among them.
int FindNear(PageStore &store, const GraphQuery &query, int level, const Candidate *starts,
             int start_count, NodeId exclude, LinkMemory &memory);

// Offers a node to one neighbour on its level, in one WAL record if it is taken. False if the
// neighbour refused, or is no longer there.
bool OfferOnPage(Relation index, const Graph &graph, NodeLink target, int level,
                 const EdgeTarget &newcomer, const GraphQuery &query, float distance,
                 OfferKind kind, LinkMemory &memory);

// Offers a node to all of its chosen neighbours, the nearest first, and anchors it at the first
// that has room. False if nobody holds it now: those that were chosen have died since.
bool OfferToAll(Relation index, const Graph &graph, const LinkCandidate *chosen, int count,
                int level, const EdgeTarget &newcomer, const GraphQuery &query, LinkMemory &memory);

// The other end of an anchor, see HoldEdge: `node` keeps an edge to `anchorage`. `vector` is the
// node's dequantized one.
void HoldOnPage(Relation index, const Graph &graph, NodeLink node, const float *vector,
                NodeLink anchorage, float distance, LinkMemory &memory);

// Searches anew for the neighbours of a node that is on its page already, and offers it to them.
// Marks it as linked. False if nobody holds it even so.
bool Relink(PageStore &store, const Entry &entry, NodeLink node, int level, LinkMemory &memory);

// The query that finds what is near to a node. `node` (shape.padded) gets its dequantized vector,
// `memory` the tables; with node codes the query points to `own`.
GraphQuery QueryOfNode(const RecordShape &shape, const Sq8View &own, float *node, void *memory);

// MeasureForOffer with the neighbours' own vectors from their pages; `codes` has room for one.
bool MeasureOnPages(Relation index, const Graph &graph, const NodeRecord &record, NodeLink newcomer,
                    const GraphQuery &query, float distance, OfferKind kind, uint8_t *codes,
                    float *distances);

// Sets kLinked in a node's header.
void MarkLinked(Relation index, const Graph &graph, NodeLink node);

// Reads the own vector of a node into `codes` (MostOwnBytes); false if the slot holds another node
// or none.
bool ReadOwn(Relation index, const Graph &graph, NodeLink node, uint8_t *codes, Sq8View *view);

}  // namespace vecx::hnsw

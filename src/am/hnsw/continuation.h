// Own vectors that are longer than their node's record has room for, as sparse ones may be: the
// rest lies in slots of its own, a chain that the node's header begins.
//
// The chain is written before the node and never changes. Its slots are freed with the node's; what
// a crash has left without a node is found by VACUUM, see ContinuationRecord::written_xid.

#pragma once

#include "am/hnsw/graph.h"

#include "pg/pg.h"

namespace vecx::hnsw {

// Writes `bytes` bytes and returns the first slot of the chain.
NodeLink WriteContinuation(Relation index, const Graph &graph, const char *rest, int bytes);

// Completes an own vector (at least a header's room) whose beginning, as it stands in the record,
// is at `own`, which has room for MostOwnBytes. False if the chain is not there any more.
bool ReadContinuation(Relation index, const Graph &graph, NodeLink first, char *own);

// Puts one part of a chain, from `bytes` bytes at `rest`, into a slot's place. Returns how many.
int FillContinuation(const RecordShape &shape, char *slot, const char *rest, int bytes);

void FreeContinuation(Relation index, const Graph &graph, NodeLink first);

}  // namespace vecx::hnsw

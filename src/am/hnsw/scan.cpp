// An ordered scan of an hnsw index: the rows nearest to a query, in the exact order of the
// operator.
//
// A search of the graph finds nodes and what their distance almost certainly is. Rows go out in
// order of certainty: a node's full-precision copy is read only when the node comes to the head of
// the queue and might not be the nearest, and where even the copies leave two rows in doubt, the
// executor is asked to compare the values themselves. When as many rows as hnsw.ef_search have gone
// out and more are wanted, the search goes on where it stopped.
//
// Between two calls the scan holds no lock and no pin. The rows that it remembers cannot become
// others': what a snapshot sees, VACUUM leaves, and what is put in a place that VACUUM freed, the
// snapshot does not see.

#include "am/hnsw/frontier.h"
#include "am/hnsw/held_back.h"
#include "am/hnsw/hnsw.h"
#include "am/hnsw/node_vector.h"
#include "am/hnsw/page_store.h"
#include "am/hnsw/seen_nodes.h"
#include "am/options.h"
#include "am/rows.h"

#include "pg/pause_point.h"
#include "pg/settings.h"

namespace vecx::hnsw {
namespace {

constexpr int64 kFirstRows = 10;  // go out before the search goes on, if most nodes have rows
constexpr int64 kAhead = 3;       // nodes found for each that goes out, once the search goes on
constexpr int64 kPart = 4;        // of a full queue that goes out before the search goes on

// Of a scan's memory. A rescan keeps it, and most searches take no more.
constexpr Size kFirstBlock = 64 * 1024;

struct ScanState {
    MemoryContext context;  // of one search: reset by a rescan
    bool started;
    bool exhausted;  // the whole graph has been seen, or no memory is left to see more
    bool finished;
    uint64_t build_id;
    int ef_search;
    QueryVector query;
    GraphQuery graph_query;
    SearchMemory search;

    Found *queue;  // a heap, the smallest `low` on top
    int64 queued, queue_capacity;
    int64 most_queued;        // beyond so many the search does not go on
    int64 emitted;            // nodes that have gone out
    int64 emit_limit;         // so many before the search goes on
    BlockNumber heap_blocks;  // of the table, at least
    double last;              // no row that went out is farther, but for those compared again
    double reached;           // the largest `high` of those that went out to be compared again
    Found current;            // whose rows are going out
    bool current_recheck;
    RowId *rows;  // of a page of duplicates
    int row_count, next_row;
    NodeLink next_duplicates;
    uint64_t duplicate_steps;

    // In strict order: found after farther rows went out. They come last, if the scan gets there.
    HeldBack late;
    bool finishing;  // with those

    // What the first search has expanded. Once the search has gone on: all that it has expanded,
    // and the candidates left.
    NodeLink *expanded;
    int64 expanded_capacity;
    int64 expanded_count;
    int64 found_count;  // of them, those that have rows
    bool collecting;
    SeenNodes seen;
    Frontier frontier;
    MemoryContext step_context;  // while it goes on
};

bool LaterFound(const Found &a, const Found &b) {
    if (a.low != b.low) return a.low > b.low;
    return a.link.id > b.link.id;
}

// Adds to an array that grows: by doubling, but not beyond `most` unless it must.
template <class T>
void Append(ScanState *state, T **array, int64 *count, int64 *capacity, int64 most, const T &item) {
    constexpr int64 kFirst = 256;
    if (*count == *capacity) {
        const int64 doubled = std::max(kFirst, *capacity * 2);
        *capacity = *capacity < most ? std::min(doubled, most) : doubled;
        const Size bytes = static_cast<Size>(*capacity) * sizeof(T);
        *array = static_cast<T *>(*array == nullptr ? MemoryContextAllocHuge(state->context, bytes)
                                                    : repalloc_huge(*array, bytes));
    }
    (*array)[(*count)++] = item;
}

// At the end of the queue.
void Append(ScanState *state, const Found &found) {
    Append(state, &state->queue, &state->queued, &state->queue_capacity, state->most_queued, found);
}

void Enqueue(ScanState *state, const Found &found) {
    Append(state, found);
    std::push_heap(state->queue, state->queue + state->queued, LaterFound);
}

// Notes a node; the caller makes a heap of the queue again.
void Visit(const Graph &graph, ScanState *state, const Expansion &expansion) {
    if (state->collecting)
        state->expanded_count++;
    else
        Append(state, &state->expanded, &state->expanded_count, &state->expanded_capacity,
               PG_INT64_MAX, expansion.link);
    if (!expansion.live || (!expansion.row && !expansion.next)) return;
    const bool coded = graph.shape.HasEdgeCodes();
    const DistanceRange range =
        coded ? RangeOfExpansion(graph, state->query, state->graph_query.sq8, expansion.distance,
                                 expansion.key, expansion.error)
              : DistanceRange{expansion.low, expansion.high};
    const Found found = {range.low,     range.high, expansion.link, expansion.next,
                         expansion.row, !coded,     range.low};
    Append(state, found);
    state->found_count++;
}

// Asks for the copies of the nodes that are going to leave first, if they are needed to tell in
// which order, then makes a heap.
void OrderQueue(const Graph &graph, Relation index, ScanState *state) {
    constexpr int kSoon = 16;
    const int soon = static_cast<int>(std::min<int64>(state->queued, kSoon));
    const auto nearer = [](const Found &a, const Found &b) { return LaterFound(b, a); };
    std::partial_sort(state->queue, state->queue + soon, state->queue + state->queued, nearer);
    double reached = -std::numeric_limits<double>::infinity();
    for (int i = 0; i < soon && graph.layout.pages_per_copy == 1; i++) {
        const Found &found = state->queue[i];
        const bool in_doubt =
            found.low <= reached || (i + 1 < soon && state->queue[i + 1].low <= found.high);
        reached = std::max(reached, found.high);
        if (in_doubt && !found.from_copy)
            store::Prefetch(index, graph.layout.CopyBlock(found.link.id),
                            graph.layout.CopyOffset(found.link.id), graph.layout.copy_size);
    }
    std::make_heap(state->queue, state->queue + state->queued, LaterFound);
}

// Whether the rows that a search has found lie much farther from the query than from each other.
// For the inner product distances say nothing of that.
bool EndedFar(PageStore &store, const ScanState &state, NodeLink nearest, float distance) {
    return nearest && !state.graph_query.inner_product &&
           IsFarFrom(store, state.graph_query, 0, nearest, distance);
}

// The first search: the nearest of a pool as wide as hnsw.ef_search wants it.
void Search(const Graph &graph, Relation index, const Entry &entry, ScanState *state) {
    if (!entry.link) {
        state->exhausted = true;
        return;
    }
    PageStore store(index, graph);
    store.Measure(state->query);
    const SearchMemory &memory = state->search;
    VisitedSet visited(memory.visited, memory.visited_slots, 0);
    NodeLink nearest = kNoLink;
    float distance = std::numeric_limits<float>::infinity();
    const auto search_from = [&](const Candidate *starts, int count) {
        store.Aim(state->graph_query, 0);
        Pool pool(memory.pool, memory.width);
        for (int i = 0; i < count; i++) pool.Push(starts[i].key, starts[i].Link());
        SearchGraph(store, pool, visited, memory.expansion, [&](const Expansion &expansion) {
            if (expansion.distance < distance) {
                distance = expansion.distance;
                nearest = expansion.link;
            }
            Visit(graph, state, expansion);
        });
        return pool.HasTakenAll();
    };
    Candidate starts[kDescentEntries];
    int count = Descend(store, state->graph_query, entry, 0, kDescentWidth, memory, starts);
    visited.Clear();
    state->exhausted = search_from(starts, count);
    if (entry.level > 0 && EndedFar(store, *state, nearest, distance)) {
        count = Descend(store, state->graph_query, entry, 0, kWideDescentWidth,
                        NewSearchMemory(kWideDescentWidth), starts);
        search_from(starts, count);
    }
    OrderQueue(graph, index, state);
}

// What a scan that goes on may take, beside its first search, and how it is divided: a bit for each
// node of a large index is the one thing that cannot be made smaller.
Size MemoryLimit() { return static_cast<Size>(work_mem * 1024.0 * pg::HnswScanMemMultiplier()); }
Size SeenBytes() { return MemoryLimit() / 16 * 8; }
Size FrontierBytes() { return MemoryLimit() / 16 * 3; }
Size QueueBytes() { return MemoryLimit() / 16 * 3; }
Size LateBytes() { return MemoryLimit() / 16; }
Size StoreBytes() { return MemoryLimit() / 16; }

int64 RowsIn(Size bytes) {
    constexpr Size kLeast = 64;
    return static_cast<int64>(std::max(bytes / sizeof(Found), kLeast));
}

void AddToFrontier(ScanState *state, const Expansion &expansion) {
    for (int i = 0; i < expansion.count; i++)
        if (!state->seen.Contains(expansion.neighbors[i].id))
            state->frontier.Push(expansion.neighbors[i]);
}

// The first search does not remember its candidates, since most scans end with it: so its nodes are
// looked at again.
void Collect(PageStore &store, ScanState *state) {
    constexpr int64 kLeastCandidates = 1024;
    state->frontier.Open(
        state->context,
        std::max(static_cast<int64>(FrontierBytes() / sizeof(Candidate)), kLeastCandidates));
    state->seen.Open(state->context, SeenBytes(), static_cast<size_t>(state->expanded_count));
    for (int64 i = 0; i < state->expanded_count; i++) state->seen.Add(state->expanded[i].id);
    for (int64 i = 0; i < state->expanded_count; i++) {
        CHECK_FOR_INTERRUPTS();
        if (store.Expand(state->expanded[i], std::numeric_limits<float>::infinity(),
                         state->search.expansion))
            AddToFrontier(state, *state->search.expansion);
    }
    if (state->expanded != nullptr) pfree(state->expanded);
    state->expanded = nullptr;
    state->collecting = true;
}

// Goes on with the most promising candidates that the searches so far have not expanded. Stops when
// so many nodes that have rows have been found in all, or hnsw.max_scan_tuples expanded, or as many
// wait in the queue as there is memory for.
void SearchOn(const Graph &graph, Relation index, ScanState *state, int64 wanted) {
    PageStore store(index, graph);
    store.LimitSeen(StoreBytes());
    store.Aim(state->graph_query, 0);
    store.Measure(state->query);
    if (!state->collecting) Collect(store, state);
    while (state->found_count < wanted && state->expanded_count < pg::HnswMaxScanTuples() &&
           state->queued < state->most_queued && !state->frontier.IsEmpty()) {
        const NodeLink link = state->frontier.Pop().Link();
        store.CheckExists(link.id);
        if (!state->seen.MakeRoom(store.nodes())) {
            state->exhausted = true;
            break;
        }
        if (!state->seen.Add(link.id)) continue;
        CHECK_FOR_INTERRUPTS();
        if (const NodeLink next = state->frontier.Next()) store.Prefetch(next);
        if (!store.Expand(link, std::numeric_limits<float>::infinity(), state->search.expansion))
            continue;
        state->search.expansion->link = link;
        Visit(graph, state, *state->search.expansion);
        AddToFrontier(state, *state->search.expansion);
    }
    OrderQueue(graph, index, state);
    state->exhausted |= state->frontier.IsEmpty();
}

// Reads the copy of the queue's head, if its range is not from there, and puts it back.
bool RefineHead(const Graph &graph, Relation index, ScanState *state) {
    if (state->queue[0].from_copy) return false;
    std::pop_heap(state->queue, state->queue + state->queued, LaterFound);
    Found found = state->queue[--state->queued];
    const int bytes =
        static_cast<int>(sizeof(CopyHeader)) + graph.dimensions * graph.CopyElementBytes();
    DistanceRange range;
    if (graph.layout.pages_per_copy == 1) {
        store::PageRef page = store::OpenShared(index, graph.layout.CopyBlock(found.link.id),
                                                store::PageKind::kVectors);
        range = {found.low, std::numeric_limits<double>::infinity()};
        if (!page.fresh)
            range = RangeOfCopy(
                graph, state->query,
                page.content + graph.layout.CopyOffset(found.link.id) + graph.CopyHeaderOffset());
        store::Close(page);
    } else {
        char *copy = static_cast<char *>(MemoryContextAlloc(state->context, bytes));
        ReadCopy(index, graph, found.link.id, graph.CopyHeaderOffset(), bytes, copy);
        range = RangeOfCopy(graph, state->query, copy);
        pfree(copy);
    }
    found.floor = range.low;
    // Both ranges hold the distance, so a node does not go back behind what has gone out already.
    // (Where they do not meet, the first was an unlucky guess.)
    if (found.low <= range.high && range.low <= found.high) {
        range.low = std::max(range.low, found.low);
        range.high = std::min(range.high, found.high);
    }
    found.low = range.low;
    found.high = range.high;
    found.from_copy = true;
    Enqueue(state, found);
    return true;
}

// The slot may have changed hands since the search saw it; then there is nothing to read. Returns
// the rows of one slot of duplicates.
void ReadDuplicates(const Graph &graph, Relation index, ScanState *state) {
    const NodeLink link = state->next_duplicates;
    state->next_duplicates = kNoLink;
    state->row_count = state->next_row = 0;
    PageStore store(index, graph);
    store.CheckExists(link.id);
    if (state->duplicate_steps++ > store.nodes())
        store::RaiseDamaged(index, graph.layout.NodeBlock(link.id),
                            "A chain of duplicates leads back to itself.");
    if (state->rows == nullptr)
        state->rows = static_cast<RowId *>(
            MemoryContextAlloc(state->context, graph.shape.DuplicateCapacity() * sizeof(RowId)));
    store::PageRef page =
        store::OpenShared(index, graph.layout.NodeBlock(link.id), store::PageKind::kNodes);
    if (!page.fresh) {
        const auto *record =
            reinterpret_cast<const DuplicatesRecord *>(graph.RecordAt(page.content, link.id));
        if (record->kind == SlotKind::kDuplicates && record->generation == link.generation) {
            const int count = std::min<int>(record->count, graph.shape.DuplicateCapacity());
            for (int i = 0; i < count; i++)
                if (record->Rows()[i]) state->rows[state->row_count++] = record->Rows()[i];
            state->next_duplicates = record->Next();
        }
    }
    store::Close(page);
}

// A row of a block that the table does not have is damage, to be told as such; the table may have
// grown since it was measured.
void CheckRowExists(IndexScanDesc scan, ScanState *state, RowId row) {
    const BlockNumber block = HeapBlockOf(row);
    if (likely(block < state->heap_blocks) || scan->heapRelation == nullptr) return;
    state->heap_blocks = RelationGetNumberOfBlocks(scan->heapRelation);
    if (block < state->heap_blocks) return;
    const Graph &graph = OpenGraph(scan->indexRelation);
    store::RaiseDamaged(scan->indexRelation, graph.layout.NodeBlock(state->current.link.id),
                        "A node leads to a row beyond the end of the table.");
}

bool Emit(IndexScanDesc scan, ScanState *state, RowId row) {
    CheckRowExists(scan, state, row);
    scan->xs_heaptid = ToItemPointer(row);
    scan->xs_recheckorderby = state->current_recheck;
    // The executor raises an error where a row that it compares again is nearer than this.
    scan->xs_orderbyvals[0] =
        Float8GetDatum(state->current_recheck ? state->current.floor : state->current.low);
    scan->xs_orderbynulls[0] = state->query.is_zero;
    scan->xs_recheck = false;
    pg::PausePoint(pg::PausePlace::kScanReturns);
    return true;
}

// The next row of the node that is going out.
bool EmitFromCurrent(const Graph &graph, IndexScanDesc scan, ScanState *state) {
    for (;;) {
        if (state->next_row < state->row_count)
            return Emit(scan, state, state->rows[state->next_row++]);
        if (!state->next_duplicates) return false;
        CHECK_FOR_INTERRUPTS();
        ReadDuplicates(graph, scan->indexRelation, state);
    }
}

void Start(IndexScanDesc scan, ScanState *state) {
    if (scan->numberOfOrderBys == 0) elog(ERROR, "cannot scan hnsw index without order");
    if (!IsMVCCSnapshot(scan->xs_snapshot))
        elog(ERROR, "non-MVCC snapshots are not supported with hnsw");
    Relation index = scan->indexRelation;
    pgstat_count_index_scan(index);
#if PG_VERSION_NUM >= 180000
    if (scan->instrument) scan->instrument->nsearches++;
#endif
    const MemoryContext before = MemoryContextSwitchTo(state->context);
    // The value first: reading it may flush the relation's cache entry.
    const ScanKey key = scan->orderByData;
    const bool is_null = key->sk_flags & SK_ISNULL;
    Datum value = key->sk_argument;
    if (!is_null) value = PointerGetDatum(PG_DETOAST_DATUM(value));
    state->ef_search = pg::EffectiveEfSearch(HnswOptionsOf(index).ef_search);

    Entry entry;
    const Graph &graph = OpenGraph(index, &entry);
    state->build_id = graph.build_id;
    state->query = NewQueryVector(graph);
    if (is_null)
        ReadNullQuery(graph, &state->query);
    else
        ReadQueryVector(graph, value, &state->query);
    state->graph_query = GraphQueryOf(graph, state->query);
    state->search = NewSearchMemory(SearchWidthFor(graph.shape, state->ef_search));
    state->last = state->reached = -std::numeric_limits<double>::infinity();
    state->most_queued = std::max<int64>(RowsIn(QueueBytes()), 2 * state->ef_search);
    state->late.Open(state->context, RowsIn(LateBytes()));
    Search(graph, index, entry, state);
    // A pool has a node once for each neighbour that led to it, and where all that is near leads to
    // each other it gives up others for that. A search as wide as the graph sees all of it.
    if (!state->exhausted && graph.known_nodes <= static_cast<uint64_t>(state->ef_search))
        SearchOn(graph, index, state, state->ef_search);
    // The last rows of a pool are not the next nearest: some are from the way there. And in few
    // dimensions neighbourhoods overlap so much that it fills with repetitions; after many deletes,
    // with nodes that have no rows. Then the search goes on before all that it found has gone out.
    // (The executor may take a few rows more than it gives, to see what comes behind those in
    // doubt.)
    state->emit_limit = state->found_count * 2 / 3;
    if (state->found_count * 4 >= state->expanded_count * 3)
        state->emit_limit = std::max<int64>(state->emit_limit, kFirstRows);
    if (pg::HnswIterativeScan() == pg::IterativeScan::kOff)
        state->emit_limit = std::min<int64>(state->emit_limit, state->ef_search);
    MemoryContextSwitchTo(before);
    state->started = true;
    pg::PausePoint(pg::PausePlace::kScanHasFound);
}

// Whether the head of the queue comes before all others, and after all that went out or that the
// executor may hold back, wherever in its range it is. Then its copy need not be read.
bool HeadIsCertain(const ScanState *state) {
    const Found &head = state->queue[0];
    // The next smallest of a heap is one of these.
    for (int i = 1; i < std::min<int64>(state->queued, 3); i++)
        if (!(head.high < state->queue[i].low)) return false;
    return std::isfinite(head.high) && std::max(state->reached, state->last) <= head.low;
}

// Makes the head of the queue the current node. False if the queue is empty, or has to be filled
// again first.
bool TakeHead(const Graph &graph, IndexScanDesc scan, ScanState *state) {
    while (state->queued > 0) {
        if (!HeadIsCertain(state) && RefineHead(graph, scan->indexRelation, state)) continue;
        std::pop_heap(state->queue, state->queue + state->queued, LaterFound);
        Found found = state->queue[--state->queued];
        // In doubt with the next? Then that one's copy may settle it.
        while (found.high > found.low && state->queued > 0 && state->queue[0].low < found.high &&
               RefineHead(graph, scan->indexRelation, state))
            continue;
        if (state->queued > 0 && LaterFound(found, state->queue[0])) {
            Enqueue(state, found);
            continue;
        }
        // Also where one that the executor may hold back for the same reason could come later.
        state->current_recheck =
            found.high > found.low &&
            (state->reached > found.low || (state->queued > 0 && state->queue[0].low < found.high));
        if (found.low < state->last) {
            if (!state->finishing && pg::HnswIterativeScan() == pg::IterativeScan::kStrictOrder) {
                state->late.Add(found);
                continue;
            }
            // The executor takes no number smaller than the one before.
            found.low = state->last;
            state->current_recheck = false;
        }
        state->last = found.from_copy ? found.low : std::max(found.low, found.high);
        if (state->current_recheck) state->reached = std::max(state->reached, found.high);
        state->current = found;
        state->emitted++;
        state->row_count = state->next_row = 0;
        state->next_duplicates = found.duplicates;
        state->duplicate_steps = 0;
        return true;
    }
    return false;
}

void Continue(const Graph &graph, Relation index, ScanState *state, int64 wanted) {
    if (state->step_context == nullptr)
        state->step_context =
            AllocSetContextCreate(state->context, "hnsw scan step", ALLOCSET_SMALL_SIZES);
    const MemoryContext before = MemoryContextSwitchTo(state->step_context);
    pg::PausePoint(pg::PausePlace::kScanGoesOn);
    SearchOn(graph, index, state, wanted);
    MemoryContextSwitchTo(before);
    MemoryContextReset(state->step_context);
}

// The rows that were held back, some at a time. False if there are none left.
bool TakeLate(ScanState *state) {
    if (state->late.IsEmpty()) return false;
    state->finishing = true;
    state->emit_limit = PG_INT64_MAX;
    state->last = -std::numeric_limits<double>::infinity();
    int64 count;
    const Found *late = state->late.Take(&count);
    for (int64 i = 0; i < count; i++) Enqueue(state, late[i]);
    return true;
}

// More rows are wanted than have been found, or than may go out before the search is further on.
// False if there are no more.
bool GoOn(const Graph &graph, IndexScanDesc scan, ScanState *state) {
    if (state->finishing) return TakeLate(state);
    // As many rows as candidates were asked for, even so.
    if (pg::HnswIterativeScan() == pg::IterativeScan::kOff) {
        if (state->emit_limit >= state->ef_search) return false;
        if (state->found_count < state->ef_search)
            Continue(graph, scan->indexRelation, state, state->ef_search);
        state->emit_limit = state->ef_search;
        return true;
    }
    if (!state->exhausted && state->expanded_count < pg::HnswMaxScanTuples()) {
        // A row is unlikely to be found late if three times as many have been found as have gone
        // out; and in steps that grow with what went out, long scans stay linear.
        const int64 rows = state->emitted + std::max<int64>(state->ef_search, state->emitted / 2);
        Continue(graph, scan->indexRelation, state,
                 std::max(kAhead * rows, state->found_count) + state->search.width);
        // Where there is no memory for that, they are looked for less far ahead.
        const int64 part = state->emitted + std::max<int64>(state->queued / kPart, 1);
        state->emit_limit = state->exhausted                      ? PG_INT64_MAX
                            : state->queued >= state->most_queued ? std::min(rows, part)
                                                                  : rows;
        return true;
    }
    if (state->queued > 0 && state->emit_limit < PG_INT64_MAX) {
        state->emit_limit = PG_INT64_MAX;
        return true;
    }
    return TakeLate(state);
}

}  // namespace

IndexScanDesc BeginScan(Relation index, int nkeys, int norderbys) {
    IndexScanDesc scan = RelationGetIndexScan(index, nkeys, norderbys);
    auto *state = static_cast<ScanState *>(palloc0(sizeof(ScanState)));
    state->context =
        AllocSetContextCreate(CurrentMemoryContext, "hnsw scan", ALLOCSET_DEFAULT_MINSIZE,
                              kFirstBlock, ALLOCSET_DEFAULT_MAXSIZE);
    state->next_duplicates = kNoLink;
    scan->opaque = state;
    // Filled for each row; the executor looks at them where a row is to be compared again.
    scan->xs_orderbyvals = static_cast<Datum *>(palloc0(sizeof(Datum)));
    scan->xs_orderbynulls = static_cast<bool *>(palloc(sizeof(bool)));
    scan->xs_orderbynulls[0] = true;
    return scan;
}

void Rescan(IndexScanDesc scan, ScanKey orderbys, int norderbys) {
    auto *state = static_cast<ScanState *>(scan->opaque);
    const MemoryContext context = state->context;
    state->late.Close();
    MemoryContextReset(context);
    *state = {};
    state->context = context;
    state->next_duplicates = kNoLink;
    if (orderbys != nullptr && norderbys > 0)
        memmove(scan->orderByData, orderbys, norderbys * sizeof(ScanKeyData));
}

bool GetTuple(IndexScanDesc scan, ScanDirection direction) {
    Assert(ScanDirectionIsForward(direction));
    auto *state = static_cast<ScanState *>(scan->opaque);
    if (!state->started) Start(scan, state);
    if (state->finished) return false;
    const Graph &graph = OpenGraph(scan->indexRelation);
    if (graph.build_id != state->build_id)
        ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                        errmsg("index \"%s\" was built anew during the scan",
                               RelationGetRelationName(scan->indexRelation))));
    for (;;) {
        if (EmitFromCurrent(graph, scan, state)) return true;
        if (state->emitted < state->emit_limit && TakeHead(graph, scan, state)) {
            if (state->current.row) return Emit(scan, state, state->current.row);
            continue;
        }
        if (!GoOn(graph, scan, state)) break;
    }
    state->finished = true;
    return false;
}

void EndScan(IndexScanDesc scan) {
    auto *state = static_cast<ScanState *>(scan->opaque);
    state->late.Close();
    MemoryContextDelete(state->context);
    pfree(state);
    scan->opaque = nullptr;
}

}  // namespace vecx::hnsw

// An ordered scan of inverted lists: the rows nearest to a query, in the exact order of the
// operator within the lists that were opened.
//
// The lists whose centroids are nearest are opened first. Codes give each of their rows a lower
// bound of its distance; the rows with the smallest are kept, up to a number. Rows go out in order
// of certainty: the full-precision copy of a row is read only when the row comes to the head of the
// queue. Where copies leave two rows in doubt, the executor is asked to compare the values
// themselves. When more rows are wanted than were kept, the lists are gone through again for the
// next; when all have gone out, the next nearest lists are opened.
//
// Between two calls the scan holds no lock and no pin. The rows that it remembers cannot become
// others': what a snapshot sees, VACUUM leaves, and what is put in a place that VACUUM freed, the
// snapshot does not see.

#include <array>

#include "am/ivf/ivf.h"
#include "am/ivf/list_pages.h"
#include "am/ivf/list_ranking.h"
#include "am/ivf/row_vector.h"
#include "am/ivf/table_vectors.h"
#include "am/options.h"
#include "am/rows.h"

#include "pg/pause_point.h"
#include "pg/settings.h"

namespace vecx::ivf {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr float kFloatInfinity = std::numeric_limits<float>::infinity();

constexpr int kFirstKept = 256;
constexpr int kKeptGrowth = 8;
// Keys are sums of products in floats.
constexpr float kKeyRounding = 1e-6f;
// Where codes have no true bounds so many rows are reranked for each that goes out, and for at
// least so many.
constexpr int kLeastRanked = 10;

// A row that codes speak of. Its bytes are two numbers, the second of which counts first: so in the
// order of bounds, then of rows.
struct Candidate {
    BlockNumber copy_block;
    uint16_t copy_offset;
    uint16_t item, block_low, block_high;  // of the row
    uint32_t ordered_bound;                // of its key

    Candidate() = default;
    Candidate(float bound, RowId row, BlockNumber block = 0, int offset = 0)
        : copy_block(block),
          copy_offset(static_cast<uint16_t>(offset)),
          item(row.item),
          block_low(row.block_low),
          block_high(row.block_high),
          ordered_bound(std::bit_cast<uint32_t>(bound) ^
                        (std::signbit(bound) ? ~uint32_t{0} : kSign)) {}

    float Bound() const {
        return std::bit_cast<float>(ordered_bound ^ (ordered_bound & kSign ? kSign : ~uint32_t{0}));
    }
    RowId Row() const { return {block_high, block_low, item}; }

  private:
    static constexpr uint32_t kSign = 1u << 31;
};
static_assert(std::is_trivially_copyable_v<Candidate> && sizeof(Candidate) == 16);

// A row whose distance is known.
struct Ranked {
    double low;
    double high;
    double floor;  // as `low`, but by the copy alone
    RowId row;
};

struct ScanState {
    MemoryContext context;  // of one search: reset by a rescan
    bool started;
    bool finished;
    uint64_t build_id;
    uint64_t load;  // of the lists that `list_query` was made with
    // Of an index without training, whose lists may be replaced, and of one without copies, since
    // reading the table may flush the relation's cache entry.
    const Lists *own;
    TableVectors *table_vectors;  // outlives a search
    QueryVector query;
    ListQuery list_query;
    void *query_memory;
    char *block_codes;  // of a block that does not lie on one page
    char *copy;         // of a copy that does not lie on one page
    int rerank;         // rows for each that goes out; 0: by bounds

    ListRanking ranking;
    uint32_t batch_begin, opened;  // of the lists in order
    int probes;

    Candidate *kept;  // those before `next` have been ranked, those before `ordered` are in order
    int64 kept_count, kept_limit, kept_capacity;
    int64 next, ordered;
    Candidate cut;    // this row and those after it were not kept
    float threshold;  // what kernels hold bounds against: just above that of `cut`
    Ranked *ranked;   // a heap, the smallest `low` on top
    int64 ranked_count, ranked_capacity;
    int64 ranked_rows;  // of this batch, in all

    Candidate floor;  // all rows of this batch up to here have been ranked
    int64 emitted;
    double last;     // `low` of the row that went out last
    double reached;  // the largest `high` of those that went out to be compared again
    BlockNumber heap_blocks;
};

uint64_t Number(RowId row) {
    return static_cast<uint64_t>(row.block_high) << 32 |
           static_cast<uint64_t>(row.block_low) << 16 | row.item;
}

bool LaterRanked(const Ranked &a, const Ranked &b) {
    if (a.low != b.low) return a.low > b.low;
    return Number(a.row) > Number(b.row);
}

// For algorithms, which do not inline what they get as the address of a function.
constexpr auto kNearer = [](const Candidate &a, const Candidate &b) {
    using Numbers = std::array<uint64_t, 2>;
    const auto [low_a, high_a] = std::bit_cast<Numbers>(a);
    const auto [low_b, high_b] = std::bit_cast<Numbers>(b);
    // No branch: which comes first could not be foreseen.
    return static_cast<bool>(
        static_cast<int>(high_a < high_b) |
        (static_cast<int>(high_a == high_b) & static_cast<int>(low_a < low_b)));
};
constexpr auto kLater = [](const Ranked &a, const Ranked &b) { return LaterRanked(a, b); };

// The lists as the scan knows them.
const Lists &ListsOf(IndexScanDesc scan, ScanState *state) {
    const Lists &lists = state->own != nullptr ? *state->own : OpenListsAgain(scan->indexRelation);
    if (lists.build_id != state->build_id)
        ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                        errmsg("index \"%s\" was built anew during the scan",
                               RelationGetRelationName(scan->indexRelation))));
    if (lists.load != state->load && !state->query.is_zero) {
        state->list_query = PrepareListQuery(lists.codec, state->query.coordinates,
                                             state->query.elements, state->query_memory);
        state->load = lists.load;
    }
    return lists;
}

// A distance of the operator that no row with such a bound is below.
double LowOf(const Lists &lists, const ScanState &state, float bound) {
    if (state.query.is_zero) return bound;
    if (std::isinf(bound)) return bound;
    const double low = bound - kKeyRounding * std::fabs(bound);
    const double error = lists.set.copy_error;
    switch (lists.opclass.metric) {
        case Metric::kL2:
            return low > 0 ? std::max(0.0, std::sqrt(low) - error) : 0;
        case Metric::kInnerProduct:
            return low - error * state.query.norm;
        default:
            return low - error;
    }
}

// Whether there are rows in the lists of the batch that were not kept.
bool IsCut(const ScanState &state) { return state.threshold < kFloatInfinity; }

// What was not kept is not less than this.
double LimitOf(const Lists &lists, const ScanState &state) {
    return IsCut(state) ? LowOf(lists, state, state.cut.Bound()) : kInfinity;
}

template <class T>
void Reserve(ScanState *state, T **array, int64 count, int64 capacity) {
    auto *larger = static_cast<T *>(MemoryContextAllocHuge(state->context, capacity * sizeof(T)));
    if (count > 0) memcpy(larger, *array, count * sizeof(T));
    if (*array != nullptr) pfree(*array);
    *array = larger;
}

// About the third that comes last, where a sample puts its begin.
Candidate PickCut(const ScanState &state) {
    constexpr int kSampled = 32, kKept = 20;
    Candidate sample[kSampled];
    for (int i = 0; i < kSampled; i++) sample[i] = state.kept[state.kept_count * i / kSampled];
    std::nth_element(sample, sample + kKept, sample + kSampled, kNearer);
    return sample[kKept];
}

// Makes room by leaving out what is far.
void Narrow(ScanState *state) {
    if (state->kept_capacity < 2 * state->kept_limit) {
        const int64 capacity =
            std::min(2 * state->kept_limit, std::max<int64>(state->kept_capacity * 4, kFirstKept));
        Reserve(state, &state->kept, state->kept_count, capacity);
        state->kept_capacity = capacity;
        return;
    }
    state->cut = PickCut(*state);
    // Without a branch, which could not be foreseen. At least the cut itself goes.
    int64 count = 0;
    for (int64 i = 0; i < state->kept_count; i++) {
        state->kept[count] = state->kept[i];
        count += kNearer(state->kept[i], state->cut);
    }
    state->kept_count = count;
    state->threshold = std::nextafter(state->cut.Bound(), kFloatInfinity);
}

// The block that is gone through, as far as it is on the page at hand.
struct BlockRows {
    uint32_t live;
    const RowId *rows;
    uint32_t first_slot;
};

void Keep(const Lists &lists, ScanState *state, const Extent &extent, const BlockRows &block,
          int lane, float bound) {
    const RowId row = block.rows[lane];
    if (!row) return;
    const uint32_t slot = block.first_slot + lane;
    const Candidate candidate = lists.HasCopies()
                                    ? Candidate(bound, row, extent.CopyBlock(lists.geometry, slot),
                                                extent.CopyOffset(lists.geometry, slot))
                                    : Candidate(bound, row);
    if (!kNearer(state->floor, candidate)) return;
    if (state->kept_count == state->kept_capacity) Narrow(state);
    if (IsCut(*state) && !kNearer(candidate, state->cut)) return;
    state->kept[state->kept_count++] = candidate;
}

// `mask`: lanes whose bound is below the threshold, as the kernel saw it.
void KeepLanes(const Lists &lists, ScanState *state, const Extent &extent, const BlockRows &block,
               uint32_t mask, int first, const float *bounds) {
    mask &= block.live >> first;
    while (mask != 0) {
        const int lane = std::countr_zero(mask);
        mask &= mask - 1;
        // It may have come down since.
        if (bounds[lane] < state->threshold)
            Keep(lists, state, extent, block, first + lane, bounds[lane]);
    }
}

// For queries that codes say nothing about.
void KeepAll(const Lists &lists, ScanState *state, const Extent &extent, const BlockRows &block) {
    const float bound = state->query.is_zero ? 0 : -kFloatInfinity;
    float bounds[kListBlock];
    std::fill(bounds, bounds + kListBlock, bound);
    KeepLanes(lists, state, extent, block, ~0u, 0, bounds);
}

// Walks over the pages of an extent in order, one of them open at a time.
class Cursor {
  public:
    // Pages before `end`, which are read one after the other.
    Cursor(Relation index, BlockNumber end) : index_(index), end_(end) {}

    const store::PageRef &MoveTo(BlockNumber block) {
        if (open_ && block == block_) return page_;
        Leave();
        CHECK_FOR_INTERRUPTS();
        page_ = store::OpenShared(index_, block, store::PageKind::kCodes);
        // The processor's own prefetchers stop at each 4 kB.
        if (block + 1 < end_) store::Prefetch(index_, block + 1, 0, store::kPageCapacity);
        block_ = block;
        open_ = true;
        return page_;
    }
    void Leave() {
        if (open_) store::Close(page_);
        open_ = false;
    }

  private:
    Relation index_;
    BlockNumber end_;
    store::PageRef page_ = {};
    BlockNumber block_ = InvalidBlockNumber;
    bool open_ = false;
};

// Rows that stand by themselves, from memory or from a page.
void VisitRows(const Lists &lists, ScanState *state, const ListProbe &probe, const Extent &extent,
               const BlockRows &block, const char *codes, int first, int count) {
    if ((block.live >> first & (count == kListBlock ? ~0u : (1u << count) - 1)) == 0) return;
    float estimates[kListBlock], bounds[kListBlock];
    const uint32_t mask =
        EstimateRows(state->list_query, probe, codes, count, state->threshold, estimates, bounds);
    KeepLanes(lists, state, extent, block, mask, first, bounds);
}

// The bounds of rabitq hold for all but some rows in a hundred. Half as far again below the
// estimates, a row in some hundred thousand is missed.
uint32_t WidenBounds(const float *estimates, float threshold, float *bounds) {
    constexpr float kWider = 1.5f;
    uint32_t mask = 0;
    for (int lane = 0; lane < kListBlock; lane++) {
        bounds[lane] = estimates[lane] - kWider * (estimates[lane] - bounds[lane]);
        mask |= static_cast<uint32_t>(bounds[lane] < threshold) << lane;
    }
    return mask;
}

void VisitCodes(const Lists &lists, ScanState *state, const ListProbe &probe, const Extent &extent,
                const BlockRows &block, const void *factors, const char *codes) {
    if (lists.shape.by_row)
        return VisitRows(lists, state, probe, extent, block, codes, 0, kListBlock);
    const CodePiece piece = {reinterpret_cast<const uint8_t *>(codes), lists.shape.code_rows};
    float estimates[kListBlock], bounds[kListBlock];
    uint32_t mask = EstimateBlock(state->list_query, probe, factors, &piece, 1, state->threshold,
                                  estimates, bounds);
    if (lists.shape.quantizer == ListQuantizer::kRabitq)
        mask = WidenBounds(estimates, state->threshold, bounds);
    KeepLanes(lists, state, extent, block, mask, 0, bounds);
}

// One block of 32 rows; the cursor may go on to the pages where its codes go on.
void VisitBlock(const Lists &lists, ScanState *state, const ListProbe &probe, const Extent &extent,
                uint32_t number, uint32_t lanes, Cursor *cursor) {
    const Geometry &geometry = lists.geometry;
    const BlockPlace &place = geometry.PlaceOf(number);
    const Piece *pieces = geometry.PiecesOf(number);
    const store::PageRef &page = cursor->MoveTo(extent.HeadBlock(geometry, number));
    if (page.fresh) return;
    const char *head = page.content + place.offset;
    BlockRows block = {reinterpret_cast<const BlockHead *>(head)->live & lanes,
                       reinterpret_cast<const BlockHead *>(head)->rows, number * kListBlock};
    if (block.live == 0) return;
    const bool whole = pieces[place.pieces - 1].page == place.page && place.pieces == 1;
    if (state->query.is_zero || state->query.is_extreme)
        return KeepAll(lists, state, extent, block);
    if (whole)
        return VisitCodes(lists, state, probe, extent, block, head + sizeof(BlockHead),
                          page.content + pieces[0].offset);
    char copied[sizeof(BlockHead) + kListBlock * 64];
    const Size head_bytes = geometry.head_bytes;
    Assert(head_bytes <= sizeof(copied));
    memcpy(copied, head, head_bytes);
    block.rows = reinterpret_cast<const BlockHead *>(copied)->rows;
    const BlockNumber unit = extent.first + geometry.UnitPage(number);
    for (int i = 0; i < place.pieces; i++) {
        // Pages that are not there yet hold none of the rows.
        if (pieces[i].page + geometry.UnitPage(number) >= extent.header.code_pages) break;
        const store::PageRef &next = cursor->MoveTo(unit + pieces[i].page);
        if (next.fresh) continue;
        const char *codes = next.content + pieces[i].offset;
        if (geometry.row_aligned)
            VisitRows(lists, state, probe, extent, block, codes,
                      static_cast<int>(pieces[i].from) / lists.shape.row_bytes,
                      static_cast<int>(pieces[i].bytes) / lists.shape.row_bytes);
        else
            memcpy(state->block_codes + pieces[i].from, codes, pieces[i].bytes);
    }
    if (!geometry.row_aligned)
        VisitCodes(lists, state, probe, extent, block, copied + sizeof(BlockHead),
                   state->block_codes);
}

void VisitExtent(const Lists &lists, Relation index, ScanState *state, const ListProbe &probe,
                 const Extent &extent, uint32_t rows) {
    const uint32_t blocks = std::min(extent.Blocks(), (rows + kListBlock - 1) / kListBlock);
    if (blocks == 0) return;
    Cursor cursor(index, extent.HeadBlock(lists.geometry, blocks - 1) + 1);
    for (uint32_t number = 0; number < blocks; number++) {
        const uint32_t rest = extent.header.slots - number * kListBlock;
        VisitBlock(lists, state, probe, extent, number, rest >= kListBlock ? ~0u : (1u << rest) - 1,
                   &cursor);
    }
    cursor.Leave();
}

// Not where a damaged page leads.
void ReadAhead(Relation index, const Lists &lists, BlockNumber block) {
    if (block < lists.known_blocks) store::ReadAhead(index, block);
}

// The rows that were inserted after the head was read are none that the snapshot sees.
void VisitList(const Lists &lists, Relation index, ScanState *state, const RankedList &rank) {
    ListProbe probe = {};
    if (!state->query.is_zero) probe = ProbeList(state->list_query, rank.key, rank.norm);
    Extent extent = ReadExtent(index, lists, rank.list, rank.head);
    const CodePage head = extent.header;
    if (!(head.flags & kHead)) store::RaiseDamaged(index, rank.head, "No list begins here.");
    for (BlockNumber steps = 0;; steps++) {
        CheckChain(index, extent.first, steps);
        constexpr BlockNumber kPagesAhead = 16;
        for (BlockNumber i = 1; i < std::min(extent.header.code_pages, kPagesAhead); i++)
            ReadAhead(index, lists, extent.first + i);
        if (extent.header.next != kMetaBlock) ReadAhead(index, lists, extent.header.next);
        const bool last = extent.first == head.tail;
        VisitExtent(lists, index, state, probe, extent,
                    last ? std::min(head.tail_rows, extent.header.slots) : extent.header.slots);
        if (last || extent.header.next == kMetaBlock) break;
        pg::PausePoint(pg::PausePlace::kSearchReadsNode);
        extent = ReadExtent(index, lists, rank.list, extent.header.next);
    }
}

void PrefetchCopy(Relation index, const Lists &lists, const Candidate &candidate) {
    if (lists.geometry.copies_per_page > 0)
        store::Prefetch(index, candidate.copy_block, candidate.copy_offset,
                        lists.geometry.copy_size);
}

// Goes through the lists of the batch.
void VisitBatch(const Lists &lists, Relation index, ScanState *state) {
    state->kept_count = state->next = state->ordered = 0;
    state->threshold = kFloatInfinity;
    constexpr uint32_t kListsAhead = 4;
    for (uint32_t i = state->batch_begin; i < state->opened; i++) {
        if (i + kListsAhead < state->opened)
            ReadAhead(index, lists, state->ranking.lists[i + kListsAhead].head);
        if (i + 1 < state->opened)
            store::Prefetch(index, state->ranking.lists[i + 1].head, 0, store::kPageCapacity);
        VisitList(lists, index, state, state->ranking.lists[i]);
    }
}

// How far ahead of the ranking vectors are asked for.
constexpr int64 kSoon = 12;

// Puts some more of the rows that are kept in order, where those that are have been ranked. False
// if there are no more.
bool OrderMore(const Lists &lists, Relation index, ScanState *state) {
    if (state->next < state->ordered) return true;
    if (state->next == state->kept_count) return false;
    constexpr int64 kFirstOrdered = 64;
    const int64 count =
        std::min(state->kept_count - state->ordered, std::max(state->ordered, kFirstOrdered));
    Candidate *begin = state->kept + state->ordered, *end = state->kept + state->kept_count;
    if (begin + count < end) std::nth_element(begin, begin + count, end, kNearer);
    std::sort(begin, begin + count, kNearer);
    state->ordered += count;
    if (!lists.HasVectors()) return true;
    for (int64 i = 0; i < std::min(kSoon, count); i++) {
        if (!lists.HasCopies()) {
            ReadAheadTableVector(state->table_vectors, begin[i].Row());
            continue;
        }
        ReadAhead(index, lists, begin[i].copy_block);
        PrefetchCopy(index, lists, begin[i]);
    }
    return true;
}

// A row of a block that the table does not have is damage, to be told as such; the table may have
// grown since it was measured.
void CheckRowExists(IndexScanDesc scan, ScanState *state, RowId row) {
    const BlockNumber block = HeapBlockOf(row);
    if (likely(block < state->heap_blocks) || scan->heapRelation == nullptr) return;
    state->heap_blocks = RelationGetNumberOfBlocks(scan->heapRelation);
    if (block < state->heap_blocks) return;
    ereport(ERROR, (errcode(ERRCODE_INDEX_CORRUPTED),
                    errmsg("index \"%s\" leads to block %u, beyond the end of the table",
                           RelationGetRelationName(scan->indexRelation), block),
                    errhint("Please REINDEX it.")));
}

// By the table's own vector. False if the snapshot does not see the row.
bool RangeOfTableVector(const Lists &lists, IndexScanDesc scan, ScanState *state, RowId row,
                        DistanceRange *range) {
    CheckRowExists(scan, state, row);
    const ValueFormat format = FormatOfTableVectors(lists);
    const char *copy = ReadTableVector(state->table_vectors, format, scan->xs_snapshot, row);
    if (copy != nullptr) *range = RangeOfDenseCopy(format.Copies(), state->query, copy);
    return copy != nullptr;
}

// What bounds of sq8 leave out of what the operator's sums are rounded by: squares, whose roots
// they are bounds of, and what is below the smallest float.
double VanishedOf(const Lists &lists, const ScanState &state, double low) {
    const double vanished = lists.dimensions * kSmallestFloat;
    if (lists.opclass.metric == Metric::kL2)
        return kRounding * std::max(low, 0.0) + 3 * std::sqrt(vanished);
    return (state.query.norm + 2) * vanished;
}

DistanceRange RangeOfCandidate(const Lists &lists, Relation index, ScanState *state,
                               const Candidate &candidate) {
    const double low = LowOf(lists, *state, candidate.Bound());
    if (!lists.HasCopies()) {
        // Bits, whose key is the distance; or all that is known.
        const double key = lists.opclass.metric == Metric::kL2
                               ? std::sqrt(std::max(0.0f, candidate.Bound()))
                               : candidate.Bound();
        if (lists.shape.quantizer == ListQuantizer::kFlat) return {key, key};
        if (lists.shape.quantizer == ListQuantizer::kSq8)
            return {low - VanishedOf(lists, *state, low), kInfinity};
        return {key, key};
    }
    store::PageRef page;
    const char *copy =
        OpenCopy(index, lists, candidate.copy_block, candidate.copy_offset, state->copy, &page);
    DistanceRange range = {low, kInfinity};
    if (copy != nullptr) range = RangeOfDenseCopy(lists.Copies(), state->query, copy);
    store::Close(page);
    return range;
}

// Ranks the row of the smallest bound; OrderMore has found one.
void RankNext(const Lists &lists, IndexScanDesc scan, ScanState *state) {
    Relation index = scan->indexRelation;
    const Candidate candidate = state->kept[state->next++];
    if (lists.HasCopies() && !state->query.is_zero && state->next + kSoon <= state->ordered)
        PrefetchCopy(index, lists, state->kept[state->next + kSoon - 1]);
    DistanceRange range = {0, 0};
    state->floor = candidate;
    if (!state->query.is_zero) {
        if (lists.vectors != Vectors::kHeap)
            range = RangeOfCandidate(lists, index, state, candidate);
        else if (!RangeOfTableVector(lists, scan, state, candidate.Row(), &range))
            return;
    }
    Ranked ranked = {range.low, range.high, range.low, candidate.Row()};
    // The bound holds, too, so a row does not go back behind what has gone out already.
    const double bound = LowOf(lists, *state, candidate.Bound());
    if (bound <= range.high) ranked.low = std::max(range.low, bound);
    state->ranked_rows++;
    if (state->ranked_count == state->ranked_capacity) {
        state->ranked_capacity = std::max<int64>(256, state->ranked_capacity * 2);
        Reserve(state, &state->ranked, state->ranked_count, state->ranked_capacity);
    }
    state->ranked[state->ranked_count++] = ranked;
    std::push_heap(state->ranked, state->ranked + state->ranked_count, kLater);
}

// Whether fewer rows have been ranked than are to be before the next goes out; not by bounds.
bool RanksTooFew(const ScanState &state) {
    return state.ranked_rows < state.rerank * std::max<int64>(kLeastRanked, state.emitted + 1);
}

// Whether a row whose copy was not read yet has to be ranked before one at `distance` goes out.
bool MayBeNearer(const Lists &lists, Relation index, ScanState *state, double distance) {
    if (!OrderMore(lists, index, state)) return false;
    if (state->rerank > 0) return RanksTooFew(*state);
    return LowOf(lists, *state, state->kept[state->next].Bound()) <= distance;
}

// The same of rows that were not kept; `limit`: what none of them is below.
bool MayBeLeftOut(const ScanState &state, double limit, double distance) {
    if (state.rerank > 0) return IsCut(state) && RanksTooFew(state);
    return distance > limit;
}

void Emit(IndexScanDesc scan, ScanState *state, const Ranked &found, bool recheck) {
    CheckRowExists(scan, state, found.row);
    scan->xs_heaptid = ToItemPointer(found.row);
    scan->xs_recheckorderby = recheck;
    // The executor raises an error where a row that it compares again is nearer than this.
    scan->xs_orderbyvals[0] = Float8GetDatum(recheck ? found.floor : found.low);
    scan->xs_orderbynulls[0] = state->query.is_zero;
    scan->xs_recheck = false;
    state->emitted++;
    pg::PausePoint(pg::PausePlace::kScanReturns);
}

// The next row of this batch. False if there is none, or none before the lists have been gone
// through again.
bool TakeNext(const Lists &lists, IndexScanDesc scan, ScanState *state) {
    Relation index = scan->indexRelation;
    const double limit = LimitOf(lists, *state);
    for (;;) {
        while (state->ranked_count == 0 ? OrderMore(lists, index, state)
                                        : MayBeNearer(lists, index, state, state->ranked[0].low)) {
            CHECK_FOR_INTERRUPTS();
            RankNext(lists, scan, state);
        }
        if (state->ranked_count == 0) return false;
        if (MayBeLeftOut(*state, limit, state->ranked[0].low)) return false;
        std::pop_heap(state->ranked, state->ranked + state->ranked_count, kLater);
        Ranked found = state->ranked[--state->ranked_count];
        // In doubt with the next? Then that one's copy may settle it.
        while (found.high > found.low && state->rerank == 0 &&
               MayBeNearer(lists, index, state, found.high)) {
            CHECK_FOR_INTERRUPTS();
            RankNext(lists, scan, state);
        }
        if (state->ranked_count > 0 && LaterRanked(found, state->ranked[0])) {
            state->ranked[state->ranked_count++] = found;
            std::push_heap(state->ranked, state->ranked + state->ranked_count, kLater);
            continue;
        }
        // Also where one that the executor may hold back for the same reason could come later.
        bool recheck = found.high > found.low &&
                       (state->reached > found.low || found.high > limit ||
                        (state->ranked_count > 0 && state->ranked[0].low < found.high));
        if (found.low < state->last) {
            // Of a list that was opened late: the executor takes no number smaller than the one
            // before.
            found.low = state->last;
            recheck = false;
        }
        state->last = found.low;
        if (recheck) state->reached = std::max(state->reached, found.high);
        Emit(scan, state, found, recheck);
        return true;
    }
}

bool IsIterative(const Lists &lists) {
    return lists.method == Method::kIvfpq || pg::IvfflatIterativeScan() != pg::IterativeScan::kOff;
}

uint32_t MostProbes(const Lists &lists) {
    if (lists.method == Method::kIvfpq) return lists.set.lists;
    return std::min<uint32_t>(lists.set.lists, pg::IvfflatMaxProbes());
}

// Opens so many more lists. False if there are no more.
bool OpenMore(const Lists &lists, Relation index, ScanState *state, uint32_t count) {
    const uint32_t most = state->opened == 0 ? state->ranking.count : MostProbes(lists);
    if (state->opened >= most) return false;
    state->batch_begin = state->opened;
    state->opened = std::min(most, state->opened + count);
    SortLists(index, lists, state->query, state->opened, &state->ranking);
    state->floor = Candidate(-kFloatInfinity, {});
    state->ranked_count = state->ranked_rows = 0;
    state->kept_limit = kFirstKept;
    VisitBatch(lists, index, state);
    return true;
}

// Rows that a scan keeps at most, as its memory allows.
int64 MostKept() {
    constexpr Size kPerRow = 2 * sizeof(Candidate) + sizeof(Ranked);
    return std::max<int64>(static_cast<int64>(work_mem) * 1024 / kPerRow, kFirstKept);
}

// What was left out is wanted now: the next rows after those that were ranked.
void VisitAgain(const Lists &lists, Relation index, ScanState *state) {
    state->kept_limit = std::min(state->kept_limit * kKeptGrowth, MostKept());
    VisitBatch(lists, index, state);
}

void Start(IndexScanDesc scan, ScanState *state) {
    Relation index = scan->indexRelation;
    const char *method = MethodOf(index) == Method::kIvfpq ? "ivfpq" : "ivfflat";
    if (scan->numberOfOrderBys == 0) elog(ERROR, "cannot scan %s index without order", method);
    if (!IsMVCCSnapshot(scan->xs_snapshot))
        elog(ERROR, "non-MVCC snapshots are not supported with %s", method);
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

    const Lists *lists = &OpenLists(index);
    const bool by_table = lists->vectors == Vectors::kHeap;
    if (!lists->set.trained || by_table) lists = state->own = LoadLists(index);
    if (by_table && state->table_vectors == nullptr) {
        MemoryContextSwitchTo(GetMemoryChunkContext(state));
        state->table_vectors = OpenTableVectors(scan->heapRelation, index);
        MemoryContextSwitchTo(state->context);
    }
    state->build_id = lists->build_id;
    state->query = NewQueryVector(*lists);
    if (is_null)
        ReadNullQuery(&state->query);
    else
        ReadQueryVector(*lists, value, &state->query);
    constexpr Size kAlignment = 64;
    state->query_memory = reinterpret_cast<void *>(
        TYPEALIGN(kAlignment, palloc0(ListQueryBytes(lists->shape) + kAlignment)));
    state->block_codes = static_cast<char *>(palloc(lists->geometry.code_bytes));
    state->copy = static_cast<char *>(palloc(lists->geometry.copy_size + 1));
    state->last = state->reached = -kInfinity;
    state->rerank = RerankOf(index, *lists);
    state->ranking = RankLists(index, ListsOf(scan, state), state->query);
    state->probes = ProbesOf(index, lists->method, lists->set.lists);
    OpenMore(*lists, index, state, state->probes);
    MemoryContextSwitchTo(before);
    state->started = true;
    pg::PausePoint(pg::PausePlace::kScanHasFound);
}

}  // namespace

IndexScanDesc BeginScan(Relation index, int nkeys, int norderbys) {
    IndexScanDesc scan = RelationGetIndexScan(index, nkeys, norderbys);
    auto *state = static_cast<ScanState *>(palloc0(sizeof(ScanState)));
    state->context =
        AllocSetContextCreate(CurrentMemoryContext, "ivf scan", ALLOCSET_DEFAULT_SIZES);
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
    TableVectors *table_vectors = state->table_vectors;
    MemoryContextReset(context);
    *state = {};
    state->context = context;
    state->table_vectors = table_vectors;
    if (orderbys != nullptr && norderbys > 0)
        memmove(scan->orderByData, orderbys, norderbys * sizeof(ScanKeyData));
}

namespace {

bool Next(IndexScanDesc scan, ScanState *state) {
    if (!state->started) Start(scan, state);
    if (state->finished) return false;
    const Lists &lists = ListsOf(scan, state);
    for (;;) {
        if (TakeNext(lists, scan, state)) return true;
        pg::PausePoint(pg::PausePlace::kScanGoesOn);
        if (IsCut(*state)) {
            VisitAgain(lists, scan->indexRelation, state);
            continue;
        }
        // In steps that grow with what was opened, long scans stay linear.
        const uint32_t more = std::max<uint32_t>(state->probes, state->opened / 4);
        if (!IsIterative(lists) || !OpenMore(lists, scan->indexRelation, state, more)) break;
    }
    state->finished = true;
    return false;
}

}  // namespace

bool GetTuple(IndexScanDesc scan, ScanDirection direction) {
    Assert(ScanDirectionIsForward(direction));
    auto *state = static_cast<ScanState *>(scan->opaque);
    const bool found = Next(scan, state);
    if (state->table_vectors != nullptr) LeaveTableVectors(state->table_vectors);
    return found;
}

void EndScan(IndexScanDesc scan) {
    auto *state = static_cast<ScanState *>(scan->opaque);
    if (state->table_vectors != nullptr) CloseTableVectors(state->table_vectors);
    MemoryContextDelete(state->context);
    pfree(state);
    scan->opaque = nullptr;
}

}  // namespace vecx::ivf

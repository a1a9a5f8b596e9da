// Builds a graph in memory; see the header.

#include "core/graph_builder.h"

#include <algorithm>
#include <chrono>
#include <cstring>

#include "core/hash.h"
#include "core/parallel.h"

namespace vecx {
namespace {

constexpr size_t kChunkBytes = 16 << 20;
constexpr size_t kBatchBytes = 8 << 20;
constexpr int kMaxBatch = 1024;
constexpr uint32_t kBatchPart = 20;  // a batch is at most this part of the graph
constexpr auto kShortStep = std::chrono::milliseconds(15);
constexpr auto kLongStep = std::chrono::milliseconds(50);

// Integers that order as the floats do: registers of them are compared without branches.
int32_t OrderedBits(float value) {
    const auto bits = std::bit_cast<int32_t>(value);
    return bits ^ (bits >> 31 & 0x7fffffff);
}

}  // namespace

int PoolWidthFor(const RecordShape &shape, int ef) {
    if (!shape.HasEdgeCodes()) return ef;
    return shape.code_bits == 2 ? ef * 8 / 5 + 4 : ef + 8;
}

int SearchWidthFor(const RecordShape &shape, int ef) {
    if (shape.codec == Codec::kSparse) return ef * 3 / 2;
    if (!shape.HasEdgeCodes()) return shape.metric == Metric::kInnerProduct ? ef * 3 : ef;
    return shape.code_bits == 2 ? ef * 7 / 4 + 4 : ef * 3 / 2 + 13;
}

int DrawLevel(Random *random) {
    int level = 0;
    while (level < kMaxLevel && random->Below(kLevelRatio) == 0) level++;
    return level;
}

struct GraphBuilder::MemoryStore {
    const GraphBuilder *builder;
    const GraphQuery *query;
    VisitedSet *seen;  // with node codes

    bool Expand(NodeLink link, float bound, Expansion *expansion) {
        if (!builder->HasEdgeCodes()) return ExpandByNodes(link, bound, expansion);
        ExpandRecord(builder->Record(link.id), builder->OwnVector(link.id), *query, bound,
                     expansion);
        return true;
    }
    bool ExpandByNodes(NodeLink link, float bound, Expansion *expansion) {
        const NodeRecord record = builder->Record(link.id);
        ExpandNode(record, builder->OwnVector(link.id), *query, expansion);
        if (!seen->IsCrowded()) seen->Add(link.id);
        NodeId found[kMaxEdges];
        int count = 0;
        for (int slot = 0; slot < record.shape().edges; slot++) {
            const NodeId id = record.Ids()[slot];
            if (id == kNoNode || seen->Contains(id)) continue;
            if (!seen->IsCrowded()) seen->Add(id);
            builder->PrefetchOwn(id);
            found[count++] = id;
        }
        for (int i = 0; i < count; i++) {
            const float key =
                NodeDistanceFrom(record.shape(), *query, builder->OwnVector(found[i]));
            if (key < bound) expansion->neighbors[expansion->count++] = {key, found[i], 0, false};
        }
        return true;
    }
    void Prefetch(NodeLink link) { builder->PrefetchRecord(link.id); }
};

GraphBuilder::GraphBuilder(const BuilderOptions &options, const Rotation &rotation)
    : options_(options), rotation_(rotation), random_(options.seed) {
    const RecordShape &shape = options_.shape;
    pool_width_ = PoolWidthFor(shape, options_.ef_construction);
    record_bytes_ = shape.size + (shape.own_inside ? 0 : shape.own_bytes);
    stride_ = (record_bytes_ + options_.payload + 63) / 64 * 64;
    chunk_shift_ = std::bit_width(std::max<size_t>(kChunkBytes / stride_, 1)) - 1;

    const size_t vector_floats = HasEdgeCodes() ? (shape.dimensions + 15) / 16 * 16 : 0;
    const size_t query_bytes = QueryBytes(shape);
    const size_t edge_bytes = shape.edges * (sizeof(NodeId) + sizeof(float));
    const size_t row_bytes = (vector_floats + 2 * shape.padded) * sizeof(float) + query_bytes +
                             4 * edge_bytes + (HasEdgeCodes() ? shape.own_bytes : 0);
    batch_capacity_ = std::clamp<int>(kBatchBytes / row_bytes, 1, kMaxBatch);
    drawn_capacity_ = batch_capacity_ + batch_capacity_ / 8 + kMaxLevel + 1;
    // Every row may be promoted; and what it may need then, in front of the rest.
    const int item_capacity = drawn_capacity_ + 2 * batch_capacity_;
    batch_ = Allocate<BatchRow>(batch_capacity_);
    Item *items = Allocate<Item>(item_capacity);
    items_ = items + batch_capacity_;
    auto *vectors = Allocate<float>(batch_capacity_ * (vector_floats + 2 * shape.padded));
    auto *queries = Allocate<char>(batch_capacity_ * query_bytes);
    owns_ = Allocate<Sq8View>(batch_capacity_);
    uint8_t *codes = HasEdgeCodes()
                         ? Allocate<uint8_t>(static_cast<size_t>(batch_capacity_) * shape.own_bytes)
                         : nullptr;
    for (int i = 0; i < batch_capacity_; i++) {
        batch_[i].vector = vectors;
        batch_[i].rotated = vectors + vector_floats;
        batch_[i].node = batch_[i].rotated + shape.padded;
        batch_[i].query_memory = queries + i * query_bytes;
        batch_[i].upper = items + i;
        if (HasEdgeCodes()) batch_[i].codes = codes + static_cast<size_t>(i) * shape.own_bytes;
        vectors = batch_[i].node + shape.padded;
    }
    auto *targets = Allocate<NodeId>(item_capacity * shape.edges);
    auto *distances = Allocate<float>(item_capacity * shape.edges);
    for (int i = 0; i < item_capacity; i++) {
        items[i].targets = targets + static_cast<size_t>(i) * shape.edges;
        items[i].distances = distances + static_cast<size_t>(i) * shape.edges;
    }
    const int widest = std::max(pool_width_, kWideDescentWidth);
    const size_t visited = VisitedSlotsFor(widest);
    scratch_ = Allocate<Scratch>(options_.threads);
    for (int i = 0; i < options_.threads; i++) {
        scratch_[i].pool = Allocate<Candidate>(Pool::Slots(widest));
        scratch_[i].visited = Allocate<NodeId>(visited);
        scratch_[i].found = Allocate<LinkCandidate>(visited + batch_capacity_);
        scratch_[i].sorted = Allocate<LinkCandidate>(visited + batch_capacity_);
        scratch_[i].order = Allocate<uint64_t>(visited + batch_capacity_);
        scratch_[i].keys = Allocate<int32_t>(2 * (visited + batch_capacity_));
        scratch_[i].expansion = Allocate<Expansion>(1);
        scratch_[i].node = Allocate<float>(shape.padded);
        if (!HasEdgeCodes()) scratch_[i].seen = Allocate<NodeId>(SeenSlotsFor(shape, widest));
    }
}

uint8_t *GraphBuilder::OwnCodes(NodeId id) const {
    const NodeRecord record = Record(id);
    if (options_.shape.codec == Codec::kSparse && record.header().more != 0)
        return reinterpret_cast<uint8_t *>(record.header().more);
    return options_.shape.own_inside ? record.Own()
                                     : reinterpret_cast<uint8_t *>(Base(id) + options_.shape.size);
}

Sq8View GraphBuilder::OwnVector(NodeId id) const { return Record(id).OwnVector(OwnCodes(id)); }

NodeId GraphBuilder::NewNode() {
    const NodeId id = node_count_;
    const size_t chunk = id >> chunk_shift_;
    if (chunk == chunk_capacity_) {
        const size_t capacity = std::max<size_t>(64, chunk_capacity_ * 2);
        char **larger = Allocate<char *>(capacity);
        std::copy_n(chunks_, chunk_capacity_, larger);
        chunks_ = larger;
        chunk_capacity_ = capacity;
    }
    if (chunks_[chunk] == nullptr)
        chunks_[chunk] = static_cast<char *>(
            options_.allocate_records(options_.allocate_state, stride_ << chunk_shift_));
    node_count_++;
    memset(Base(id), 0, stride_);
    return id;
}

void GraphBuilder::GrowTable() {
    const NodeId *old = table_;
    const size_t old_slots = old == nullptr ? 0 : table_mask_ + 1;
    const size_t slots = std::max<size_t>(1024, old_slots * 2);
    table_ = Allocate<NodeId>(slots);
    memset(table_, 0xff, slots * sizeof(NodeId));
    table_mask_ = slots - 1;
    for (size_t i = 0; i < old_slots; i++)
        if (old[i] != kNoNode) *FindPayload(PayloadOf(old[i])) = old[i];
}

// The table's slot of the node with this payload, or the empty slot where it belongs.
NodeId *GraphBuilder::FindPayload(const void *payload) {
    const size_t bytes = PayloadBytes(payload);
    size_t at = HashBytes(payload, bytes) & table_mask_;
    while (table_[at] != kNoNode && (PayloadBytes(PayloadOf(table_[at])) != bytes ||
                                     memcmp(PayloadOf(table_[at]), payload, bytes) != 0))
        at = (at + 1) & table_mask_;
    return &table_[at];
}

void GraphBuilder::AddDuplicate(NodeId owner, RowId row) {
    const size_t chunk = duplicate_count_ >> kDuplicateShift;
    const size_t in_chunk = duplicate_count_ & ((1u << kDuplicateShift) - 1);
    if (in_chunk == 0) {
        if (std::has_single_bit(chunk) || chunk == 0) {
            Duplicate **larger = Allocate<Duplicate *>(std::max<size_t>(1, chunk * 2));
            std::copy_n(duplicates_, chunk, larger);
            duplicates_ = larger;
        }
        duplicates_[chunk] = Allocate<Duplicate>(1u << kDuplicateShift);
    }
    duplicates_[chunk][in_chunk] = {owner, row};
    duplicate_count_++;
}

void GraphBuilder::KeepPayload(NodeId id, const void *payload) {
    const size_t bytes = PayloadBytes(payload);
    const size_t room = HasEdgeCodes() ? bytes : options_.shape.own_bytes;
    memcpy(PayloadOf(id), payload, std::min(bytes, room));
    if (bytes <= room) return;
    char *whole = Allocate<char>(bytes);
    memcpy(whole, payload, bytes);
    Record(id).header().more = reinterpret_cast<uintptr_t>(whole);
}

bool GraphBuilder::Add(const float *vector, bool shortened, float excess, RowId row,
                       const void *payload) {
    rows_++;
    if (table_count_ * 2 >= table_mask_) GrowTable();
    NodeId *known = FindPayload(payload);
    if (*known != kNoNode) {
        AddDuplicate(*known, row);
        return false;
    }
    const int level = DrawLevel(&random_);
    BatchRow &of = batch_[batch_count_++];
    if (HasEdgeCodes()) memcpy(of.vector, vector, options_.shape.dimensions * sizeof(float));
    of.shortened = shortened;
    of.excess = excess;
    of.level = level;
    of.first_item = item_count_;
    for (int i = 0; i <= level; i++) {
        const NodeId id = NewNode();
        Item &item = items_[item_count_++];
        item.row = batch_count_ - 1;
        item.id = id;
        item.count = 0;
        const NodeRecord record = Record(id);
        record.Initialize(static_cast<uint8_t>(i));
        KeepPayload(id, payload);
        if (i == 0) {
            record.header().row = row;
            *known = id;
            table_count_++;
        } else {
            record.header().SetNext({id - 1, 0});
        }
    }
    const uint32_t limit = std::max<uint32_t>(1, node_count_ / kBatchPart);
    working_ = batch_count_ == batch_capacity_ || static_cast<uint32_t>(batch_count_) >= limit ||
               item_count_ + kMaxLevel + 1 > drawn_capacity_;
    return working_;
}

// Makes the own vector of a row's records, and the query that finds its neighbours.
void GraphBuilder::PrepareRow(BatchRow *row) noexcept {
    const RecordShape &shape = options_.shape;
    if (!HasEdgeCodes()) {
        const NodeId base = items_[row->first_item].id;
        const float norm = OwnNorm(shape, OwnCodes(base));
        for (int level = 0; level <= row->level; level++) Record(base + level).header().norm = norm;
        owns_[row - batch_] = OwnVector(base);
        row->query = PrepareNodeQuery(shape, OwnVector(base), false, row->query_memory);
        return;
    }
    rotation_.Apply(row->vector, nullptr, row->rotated);
    const NodeId base = items_[row->first_item].id;
    Sq8Parameters parameters = EncodeSq8(row->rotated, shape.padded, OwnCodes(base));
    parameters.excess = row->excess;
    if (row->shortened) parameters.error = std::numeric_limits<float>::infinity();
    for (int level = 0; level <= row->level; level++) {
        Record(base + level).SetOwn(parameters);
        if (level > 0) memcpy(OwnCodes(base + level), OwnCodes(base), shape.padded);
    }
    ActiveKernels().codes.decode_u8(OwnCodes(base), parameters.scale, parameters.offset, row->node,
                                    shape.padded);
    row->query = PrepareQuery(shape, row->rotated, false, row->query_memory);
    owns_[row - batch_] = OwnVector(base);
    owns_[row - batch_].codes = row->codes;
    memcpy(row->codes, OwnCodes(base), shape.own_bytes);
}

// Brings the nearest `most` of the candidates to the front, in order, and returns how many there are. What is
// farther than these is lost.
int GraphBuilder::SortByDistance(int count, int most, Scratch *scratch) noexcept {
    int32_t *keys = scratch->keys;
    for (int i = 0; i < count; i++) keys[i] = OrderedBits(scratch->found[i].distance);
    if (count > most) {
        int32_t *sorted = keys + count;
        std::copy_n(keys, count, sorted);
        std::nth_element(sorted, sorted + most - 1, sorted + count);
        const int32_t last = sorted[most - 1];
        int equal = most - static_cast<int>(std::count_if(
                               keys, keys + count, [=](int32_t key) { return key < last; }));
        int kept = 0;
        for (int i = 0; i < count; i++) {
            if (keys[i] > last || (keys[i] == last && equal-- <= 0)) continue;
            keys[kept] = keys[i];
            scratch->found[kept++] = scratch->found[i];
        }
        count = kept;
    }
    // To count how many are nearer takes as many comparisons as there are pairs, but no branches, a register of them at
    // a time: up to some hundred that is faster than sorting.
    constexpr int kMostByRank = 512;
    if (count <= kMostByRank) {
        for (int i = 0; i < count; i++) {
            const int32_t key = keys[i];
            int32_t rank = 0;
            for (int j = 0; j < i; j++) rank += keys[j] <= key;
            for (int j = i + 1; j < count; j++) rank += keys[j] < key;
            scratch->sorted[rank] = scratch->found[i];
        }
    } else {
        for (int i = 0; i < count; i++)
            scratch->order[i] = static_cast<uint64_t>(static_cast<uint32_t>(keys[i]) ^ 0x80000000)
                                    << 32 |
                                i;
        std::sort(scratch->order, scratch->order + count);
        for (int i = 0; i < count; i++)
            scratch->sorted[i] = scratch->found[static_cast<uint32_t>(scratch->order[i])];
    }
    std::swap(scratch->found, scratch->sorted);
    return count;
}

// Searches one level from `starts`; fills scratch->found, sorted by distance, and returns how many.
int GraphBuilder::SearchLevel(const BatchRow &row, int level, int width, const Candidate *starts,
                              int start_count, Scratch *scratch) noexcept {
    const RecordShape &shape = options_.shape;
    VisitedSet seen(scratch->visited, 1, 0);
    if (!HasEdgeCodes()) seen = VisitedSet(scratch->seen, SeenSlotsFor(shape, width));
    MemoryStore store = {this, &row.query, &seen};
    Pool pool(scratch->pool, width);
    VisitedSet visited(scratch->visited, VisitedSlotsFor(width));
    for (int i = 0; i < start_count; i++) pool.Push(starts[i].key, starts[i].Link());
    LinkCandidate *found = scratch->found;
    int count = 0;
    SearchGraph(store, pool, visited, scratch->expansion, [&](const Expansion &expansion) {
        found[count++] = {expansion.link, expansion.distance, OwnVector(expansion.link.id), false};
    });
    return SortByDistance(count, pool_width_, scratch);
}

// The rows before this one in the batch, which the graph does not know yet. Where a table is in the
// order of its vectors, they are the nearest.
int GraphBuilder::AddMates(const BatchRow &row, int level, int count, Scratch *scratch) noexcept {
    const RecordShape &shape = options_.shape;
    LinkCandidate *found = scratch->found;
    const auto before = static_cast<int>(&row - batch_);
    // What is farther than all that is to be chosen from need not be sorted.
    const float bound = count < 2 * shape.edges ? std::numeric_limits<float>::infinity()
                                                : found[count - 1].distance;
    const int searched = count;
    for (int i = 0; i < before; i++) {
        const BatchRow &mate = batch_[i];
        if (mate.level < level) continue;
        const float distance = HasEdgeCodes() ? LinkDistance(shape, owns_[before], owns_[i])
                                              : NodeDistanceFrom(shape, row.query, owns_[i]);
        if (distance < bound)
            found[count++] = {{items_[mate.first_item + level].id, 0}, distance, owns_[i], false};
    }
    return count > searched ? SortByDistance(count, pool_width_, scratch) : count;
}

// Chooses an item's neighbours among those that a search found.
void GraphBuilder::Choose(LinkCandidate *found, int count, Item *item) noexcept {
    item->count = SelectNeighbors(options_.shape, found, count);
    item->kept = 0;
    for (int i = 0; i < item->count; i++) {
        item->targets[i] = found[i].link.id;
        item->distances[i] = found[i].distance;
        item->kept += found[i].kept;
    }
}

// Searches all levels, and chooses the neighbours on those of the row. True if the row is far from
// all that was found.
bool GraphBuilder::SearchDown(BatchRow *row, int descent_width, Scratch *scratch) noexcept {
    Candidate starts[kDescentEntries] = {{0, entry_.id, entry_.generation, false}};
    int start_count = entry_ ? 1 : 0;
    bool far = false;
    for (int level = std::max(entry_level_, row->level); level >= 0; level--) {
        const bool linked = level <= row->level;
        // Levels that the graph does not have yet have mates only.
        int count = SearchLevel(*row, level, linked ? pool_width_ : descent_width, starts,
                                level <= entry_level_ ? start_count : 0, scratch);
        if (level > 0 && level <= entry_level_) {
            start_count = std::min(count, kDescentEntries);
            for (int i = 0; i < start_count; i++) {
                const LinkCandidate &start = scratch->found[i];
                const NodeLink below = Record(start.link.id).header().Next();
                starts[i] = {start.distance, below.id, below.generation, false};
            }
        }
        if (linked) count = AddMates(*row, level, count, scratch);
        LinkCandidate *found = scratch->found;
        far = level == 0 && count > 0 && IsFar(Record(found[0].link.id), found[0].distance);
        if (linked)
            Choose(found, count, &items_[row->first_item + level]);
        else if (level == 1)
            Choose(found, count, row->upper);
    }
    return far;
}

void GraphBuilder::SearchRow(BatchRow *row, Scratch *scratch) noexcept {
    row->far = SearchDown(row, kDescentWidth, scratch);
    if (row->far && entry_level_ > 0) row->far = SearchDown(row, kWideDescentWidth, scratch);
    for (int level = 0; level <= row->level; level++)
        WriteItem(*row, items_[row->first_item + level], scratch);
}

void GraphBuilder::WriteItem(const BatchRow &row, const Item &item, Scratch *scratch) noexcept {
    LinkCandidate *chosen = scratch->found;
    for (int i = 0; i < item.count; i++)
        chosen[i] = {
            {item.targets[i], 0}, item.distances[i], OwnVector(item.targets[i]), i < item.kept};
    WriteEdges(Record(item.id), row.node, chosen, item.count, scratch->node);
}

// Puts a row that is far from all others on level 1, too.
void GraphBuilder::Promote(BatchRow *row) {
    const NodeId base = items_[row->first_item].id, id = NewNode();
    const NodeRecord record = Record(id);
    const NodeHeader &from = Record(base).header();
    record.Initialize(1);
    record.SetOwn({from.scale, from.offset, from.sum, from.norm, from.error,
                   HasEdgeCodes() ? from.Excess() : 0});
    KeepPayload(id, PayloadOf(base));
    if (HasEdgeCodes()) memcpy(OwnCodes(id), OwnCodes(base), options_.shape.own_bytes);
    record.header().SetNext({base, 0});
    Item &item = items_[item_count_++];
    std::swap(item, *row->upper);
    item.row = static_cast<int>(row - batch_);
    item.id = id;
    WriteItem(*row, item, &scratch_[0]);
}

// Offers an item to one of its neighbours.
EdgeResult GraphBuilder::Offer(const Item &item, NodeId target, float distance, OfferKind kind,
                               float *node) noexcept {
    const RecordShape &shape = options_.shape;
    const NodeRecord record = Record(target);
    if (HasEdgeCodes()) {
        const BatchRow &row = batch_[item.row];
        const EdgeTarget newcomer = {{item.id, 0}, row.node, Record(item.id).header().Excess()};
        const Sq8View own = OwnVector(target);
        ActiveKernels().codes.decode_u8(own.codes, own.scale, own.offset, node, shape.padded);
        return OfferEdge(record, node, newcomer, row.query, distance, kind);
    }
    const NodeLink newcomer = {item.id, 0};
    const GraphQuery &query = batch_[item.row].query;
    const auto distance_to = [&](int slot) {
        return NodeDistanceFrom(shape, query, OwnVector(record.Ids()[slot]));
    };
    float distances[kMaxEdges];
    if (!MeasureForOffer(record, newcomer, distance, kind, distance_to, distances))
        return EdgeResult::kRefused;
    return OfferNodeEdge(record, newcomer, distance, distances, kind);
}

// Offers the items [from, to) to those of their neighbours that belong to one part of the nodes.
// Each node thus hears of them on one thread and in one order. The next one's record is asked for
// while the current one is worked on.
void GraphBuilder::LinkItems(int from, int to, int part, float *node) noexcept {
    struct Offered {
        const Item *item;
        int target;
    };
    Offered waiting = {nullptr, 0};
    const auto offer_waiting = [&] {
        if (waiting.item != nullptr)
            Offer(*waiting.item, waiting.item->targets[waiting.target],
                  waiting.item->distances[waiting.target], OfferKind::kOrdinary, node);
    };
    for (int i = from; i < to; i++) {
        const Item &item = items_[i];
        for (int j = 0; j < item.count; j++) {
            const NodeId target = item.targets[j];
            if ((target * 0x9e3779b1u >> 8) % options_.threads != static_cast<uint32_t>(part))
                continue;
            PrefetchRecord(target);
            offer_waiting();
            waiting = {&item, j};
        }
    }
    offer_waiting();
}

bool GraphBuilder::AnchorAt(const Item &item, NodeId target, float distance, float *node) noexcept {
    if (Offer(item, target, distance, OfferKind::kAnchor, node) == EdgeResult::kRefused)
        return false;
    const Sq8View own = OwnVector(target);
    if (HasEdgeCodes())
        ActiveKernels().codes.decode_u8(own.codes, own.scale, own.offset, node,
                                        options_.shape.padded);
    HoldEdge(Record(item.id), batch_[item.row].node, {{target, 0}, node, own.excess}, distance);
    return true;
}

// Anchors a new node at the nearest neighbour that has room for it. On one thread: which that is
// depends on those before.
void GraphBuilder::Anchor(const Item &item, float *node) noexcept {
    for (int i = 0; i < item.count; i++)
        if (AnchorAt(item, item.targets[i], item.distances[i], node)) return;
    // All that the search found hold as many as they may: where many rows are equal but for
    // rounding, it finds the same ones each time. Then at one of those that they hold.
    NodeId at = item.count > 0 ? item.targets[0] : kNoNode;
    for (int step = 0; step < kAnchorSteps && at != kNoNode; step++) {
        const NodeLink held = AnchoredLink(Record(at), item.id + static_cast<NodeId>(step));
        if (!held || held.id == item.id) return;
        at = held.id;
        const float distance = LinkDistance(options_.shape, OwnVector(item.id), OwnVector(at));
        if (AnchorAt(item, at, distance, node)) return;
    }
}

void GraphBuilder::EndBatch() {
    for (int i = 0; i < item_count_; i++) {
        Anchor(items_[i], scratch_[0].node);
        Record(items_[i].id).header().flags |= kLinked;
        const int level = Record(items_[i].id).header().level;
        if (level > entry_level_) {
            entry_level_ = level;
            entry_ = {items_[i].id, 0};
        }
    }
    batch_count_ = item_count_ = searched_ = linked_ = 0;
    prepared_ = false;
    working_ = false;
}

bool GraphBuilder::Step() {
    if (!working_) return false;
    const auto start = std::chrono::steady_clock::now();
    if (!prepared_) {
        ParallelFor(batch_count_, options_.threads,
                    [this](ptrdiff_t i, int) noexcept { PrepareRow(&batch_[i]); });
        prepared_ = true;
    } else if (searched_ < batch_count_) {
        const int first = searched_, count = std::min(slice_, batch_count_ - first);
        ParallelFor(count, options_.threads, [this, first](ptrdiff_t i, int thread) noexcept {
            SearchRow(&batch_[first + i], &scratch_[thread]);
        });
        searched_ += count;
        for (int i = 0; i < batch_count_ && searched_ == batch_count_; i++)
            if (batch_[i].far && batch_[i].level == 0) Promote(&batch_[i]);
    } else {
        const int first = linked_, last = std::min(first + 4 * slice_, item_count_);
        ParallelFor(options_.threads, options_.threads,
                    [this, first, last](ptrdiff_t part, int thread) noexcept {
                        LinkItems(first, last, static_cast<int>(part), scratch_[thread].node);
                    });
        linked_ = last;
        if (linked_ == item_count_) EndBatch();
    }
    const auto took = std::chrono::steady_clock::now() - start;
    if (took < kShortStep) slice_ = std::min(slice_ * 2, kMaxBatch);
    if (took > kLongStep) slice_ = std::max(slice_ / 2, 1);
    return working_;
}

}  // namespace vecx

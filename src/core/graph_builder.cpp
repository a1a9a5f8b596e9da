// Builds a graph in memory; see the header.

#include "core/graph_builder.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <numeric>

#include "core/hash.h"
#include "core/parallel.h"

namespace vecx {
namespace {

constexpr size_t kChunkBytes = 16 << 20;
constexpr size_t kBatchBytes = 8 << 20;
constexpr int kMaxBatch = 1024;
constexpr uint32_t kBatchPart = 20;  // a batch is at most this part of the graph
constexpr size_t kStagedBytes = 2 << 20;
constexpr int kMostStaged = 1024;
constexpr uint32_t kWindowPart = 10;      // a window is at most this part of the graph,
constexpr int kMostWindow = 1 << 16;      // has at most so many rows,
constexpr size_t kWindowBytes = 8 << 20;  // and own vectors of at most so many bytes
constexpr int kRowsPerLeader = 128;
constexpr int kMostMates = 192;
constexpr int kSearchedTogether = 8;  // near rows, by one thread
constexpr auto kShortStep = std::chrono::milliseconds(15);
constexpr auto kLongStep = std::chrono::milliseconds(50);

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
    std::fill_n(last_anchored_, kMaxLevel + 1, kNoNode);
    const RecordShape &shape = options_.shape;
    pool_width_ = PoolWidthFor(shape, options_.ef_construction);
    record_bytes_ = shape.size + (shape.own_inside ? 0 : shape.own_bytes);
    stride_ = (record_bytes_ + options_.payload + 63) / 64 * 64;
    chunk_shift_ = std::bit_width(std::max<size_t>(kChunkBytes / stride_, 1)) - 1;

    const size_t node_floats = HasEdgeCodes() ? shape.padded : 0;
    const size_t vector_bytes = std::max<size_t>(node_floats * sizeof(float), 1);
    staged_capacity_ = std::clamp<int>(kStagedBytes / vector_bytes, 1, kMostStaged);
    staged_ = Allocate<StagedRow>(staged_capacity_);
    auto *vectors = Allocate<float>(staged_capacity_ * node_floats);
    for (int i = 0; i < staged_capacity_; i++) staged_[i].vector = vectors + i * node_floats;

    const size_t query_bytes = QueryBytes(shape);
    const size_t edge_bytes = shape.edges * (sizeof(NodeId) + sizeof(float));
    const size_t row_bytes = 2 * node_floats * sizeof(float) + query_bytes + 4 * edge_bytes +
                             (HasEdgeCodes() ? shape.own_bytes : 0);
    batch_capacity_ = std::clamp<int>(kBatchBytes / row_bytes, 1, kMaxBatch);
    drawn_capacity_ = batch_capacity_ + batch_capacity_ / 8 + kMaxLevel + 1;
    // Every row may be promoted; and what it may need then, in front of the rest.
    const int item_capacity = drawn_capacity_ + 2 * batch_capacity_;
    batch_ = Allocate<BatchRow>(batch_capacity_);
    Item *items = Allocate<Item>(item_capacity);
    items_ = items + batch_capacity_;
    auto *nodes = Allocate<float>(batch_capacity_ * 2 * node_floats);
    auto *queries = Allocate<char>(batch_capacity_ * query_bytes);
    owns_ = Allocate<Sq8View>(batch_capacity_);
    uint8_t *codes = HasEdgeCodes()
                         ? Allocate<uint8_t>(static_cast<size_t>(batch_capacity_) * shape.own_bytes)
                         : nullptr;
    for (int i = 0; i < batch_capacity_; i++) {
        batch_[i].rotated = nodes + 2 * i * node_floats;
        batch_[i].node = batch_[i].rotated + node_floats;
        batch_[i].query_memory = queries + i * query_bytes;
        batch_[i].upper = items + i;
        if (HasEdgeCodes()) batch_[i].codes = codes + static_cast<size_t>(i) * shape.own_bytes;
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
        scratch_[i].order = Allocate<uint32_t>(visited + batch_capacity_);
        scratch_[i].ranks = Allocate<uint32_t>(visited + batch_capacity_);
        scratch_[i].keys = Allocate<float>(visited + batch_capacity_ + kKeyBlock);
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
    // Initialize clears the record; codes and copies are written as a whole.
    memset(Base(id), 0, sizeof(NodeHeader));
    if (!HasEdgeCodes()) memset(Base(id) + options_.shape.size, 0, stride_ - options_.shape.size);
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
    const NodeId base = node_count_;
    StagedRow &staged = staged_[staged_count_++];
    if (HasEdgeCodes()) memcpy(staged.vector, vector, options_.shape.dimensions * sizeof(float));
    staged.row = {base, level, window_count_ + staged_count_ - 1};
    staged.shortened = shortened;
    staged.excess = excess;
    for (int i = 0; i <= level; i++) {
        const NodeId id = NewNode();
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
    working_ = staged_count_ == staged_capacity_ || staged_count_ + window_count_ >= WindowLimit();
    return working_;
}

// Makes the own vector of a row's records.
void GraphBuilder::EncodeRow(const StagedRow &staged, float *rotated) noexcept {
    const RecordShape &shape = options_.shape;
    const auto [base, level, place] = staged.row;
    if (!HasEdgeCodes()) {
        const float norm = OwnNorm(shape, OwnCodes(base));
        for (int i = 0; i <= level; i++) Record(base + i).header().norm = norm;
        return;
    }
    rotation_.Apply(staged.vector, nullptr, rotated);
    Sq8Parameters parameters = EncodeSq8(rotated, shape.padded, OwnCodes(base));
    parameters.excess = staged.excess;
    if (staged.shortened) parameters.error = std::numeric_limits<float>::infinity();
    for (int i = 0; i <= level; i++) {
        Record(base + i).SetOwn(parameters);
        if (i > 0) memcpy(OwnCodes(base + i), OwnCodes(base), shape.padded);
    }
    // Up to half a step is lost of each coordinate.
    const uint8_t *codes = OwnCodes(base);
    for (int i = 0; i < shape.padded; i++)
        rotated[i] -= parameters.offset + parameters.scale * static_cast<float>(codes[i]);
    const float scale = LossScale(base);
    ActiveKernels().codes.encode_u8(rotated, scale > 0 ? 1 / scale : 0, -parameters.scale / 2,
                                    LossOf(staged.row), shape.padded);
}

void GraphBuilder::EncodeStaged() {
    while (window_count_ + staged_count_ > window_capacity_) GrowWindow();
    ParallelFor(staged_count_, options_.threads, [this](ptrdiff_t i, int thread) noexcept {
        EncodeRow(staged_[i], scratch_[thread].node);
    });
    for (int i = 0; i < staged_count_; i++) window_[window_count_++] = staged_[i].row;
    staged_count_ = 0;
}

int GraphBuilder::WindowLimit() const {
    const size_t own_bytes = std::max(options_.shape.own_bytes, 1);
    const int most = std::clamp<int>(kWindowBytes / own_bytes, 1, kMostWindow);
    return std::clamp<int>(linked_nodes_ / kWindowPart, 1, most);
}

void GraphBuilder::GrowWindow() {
    const int capacity = std::max(kMaxBatch, 4 * window_capacity_);
    Row *rows = Allocate<Row>(capacity);
    std::copy_n(window_, window_count_, rows);
    window_ = rows;
    if (HasEdgeCodes()) {
        const size_t own_bytes = options_.shape.own_bytes;
        auto *losses = Allocate<uint8_t>(capacity * own_bytes);
        std::copy_n(losses_, window_count_ * own_bytes, losses);
        losses_ = losses;
    }
    ordered_ = Allocate<Row>(capacity);
    leader_ = Allocate<uint8_t>(capacity);
    window_capacity_ = capacity;
}

// Some of the rows, each near the one before.
GraphBuilder::Leaders GraphBuilder::ChooseLeaders(int begin, int end) const noexcept {
    const int rows = end - begin;
    Leaders leaders;
    leaders.count = std::clamp(rows / kRowsPerLeader, 1, kMostLeaders);
    for (int i = 0; i < leaders.count; i++) {
        const int64_t at = begin + static_cast<int64_t>(rows) * i / leaders.count;
        leaders.vectors[i] = OwnVector(window_[at].base);
    }
    for (int i = 1; i + 1 < leaders.count; i++) {
        int nearest = i;
        float least = std::numeric_limits<float>::infinity();
        for (int j = i; j < leaders.count; j++) {
            const float distance =
                LinkDistance(options_.shape, leaders.vectors[i - 1], leaders.vectors[j]);
            if (distance >= least) continue;
            nearest = j;
            least = distance;
        }
        std::swap(leaders.vectors[i], leaders.vectors[nearest]);
    }
    return leaders;
}

// To each of the rows the nearest leader.
void GraphBuilder::FindLeaders(int begin, int end, const Leaders &leaders) noexcept {
    for (int i = begin; i < end; i++) {
        if (i + 1 < end) PrefetchOwn(window_[i + 1].base);
        const Sq8View own = OwnVector(window_[i].base);
        float least = std::numeric_limits<float>::infinity();
        leader_[i] = 0;
        for (int j = 0; j < leaders.count; j++) {
            const float distance = LinkDistance(options_.shape, leaders.vectors[j], own);
            if (distance >= least) continue;
            least = distance;
            leader_[i] = static_cast<uint8_t>(j);
        }
    }
}

// Puts the rows into the order of their leaders; `ends`: where the rows of each end.
void GraphBuilder::GroupByLeader(int begin, int end, int count, int *ends) noexcept {
    int starts[kMostLeaders + 1] = {};
    for (int i = begin; i < end; i++) starts[leader_[i] + 1]++;
    for (int i = 0; i < count; i++) starts[i + 1] += starts[i];
    for (int i = 0; i < count; i++) ends[i] = begin + starts[i + 1];
    for (int i = begin; i < end; i++) ordered_[begin + starts[leader_[i]]++] = window_[i];
    std::copy(ordered_ + begin, ordered_ + end, window_ + begin);
}

// Groups of near rows, and groups of nearer ones within them.
void GraphBuilder::OrderWindow() {
    constexpr int kBlock = 256;
    const int rows = window_count_;
    const Leaders leaders = ChooseLeaders(0, rows);
    int ends[kMostLeaders];
    ParallelFor((rows + kBlock - 1) / kBlock, options_.threads, [&](ptrdiff_t block, int) noexcept {
        const int begin = static_cast<int>(block) * kBlock;
        FindLeaders(begin, std::min(begin + kBlock, rows), leaders);
    });
    GroupByLeader(0, rows, leaders.count, ends);
    ParallelFor(leaders.count, options_.threads, [&](ptrdiff_t group, int) noexcept {
        const int begin = group == 0 ? 0 : ends[group - 1], end = ends[group];
        if (begin == end) return;
        const Leaders within = ChooseLeaders(begin, end);
        int inner_ends[kMostLeaders];
        FindLeaders(begin, end, within);
        GroupByLeader(begin, end, within.count, inner_ends);
    });
    is_ordered_ = true;
}

// The next rows of the window.
void GraphBuilder::TakeBatch() {
    const int most = static_cast<int>(std::max<uint32_t>(1, linked_nodes_ / kBatchPart));
    batch_count_ = item_count_ = 0;
    while (window_taken_ + batch_count_ < window_count_ && batch_count_ < batch_capacity_ &&
           batch_count_ < most && item_count_ + kMaxLevel + 1 <= drawn_capacity_) {
        const Row &from = window_[window_taken_ + batch_count_];
        BatchRow &row = batch_[batch_count_];
        row.level = from.level;
        row.first_item = item_count_;
        for (int i = 0; i <= from.level; i++) {
            Item &item = items_[item_count_++];
            item.row = batch_count_;
            item.id = from.base + static_cast<NodeId>(i);
            item.count = 0;
        }
        batch_count_++;
    }
    ParallelFor(batch_count_, options_.threads, [this](ptrdiff_t i, int) noexcept {
        PrepareRow(&batch_[i], window_[window_taken_ + i]);
    });
}

// The query that finds a row's neighbours.
void GraphBuilder::PrepareRow(BatchRow *row, const Row &of) noexcept {
    const RecordShape &shape = options_.shape;
    const NodeId base = items_[row->first_item].id;
    Sq8View &own = owns_[row - batch_];
    own = OwnVector(base);
    if (!HasEdgeCodes()) {
        row->query = PrepareNodeQuery(shape, own, false, row->query_memory);
        return;
    }
    memcpy(row->codes, own.codes, shape.own_bytes);
    own.codes = row->codes;
    const auto decode = ActiveKernels().codes.decode_u8;
    decode(own.codes, own.scale, own.offset, row->node, shape.padded);
    decode(LossOf(of), LossScale(base), -own.scale / 2, row->rotated, shape.padded);
    for (int i = 0; i < shape.padded; i++) row->rotated[i] += row->node[i];
    row->query = PrepareQuery(shape, row->rotated, false, row->query_memory);
}

// The distance of the `most`-th nearest candidate, or of the farthest if there are fewer.
float GraphBuilder::FarthestOf(int count, int most, Scratch *scratch) noexcept {
    float *keys = scratch->keys;
    for (int i = 0; i < count; i++) keys[i] = scratch->found[i].distance;
    if (count <= most) return *std::max_element(keys, keys + count);
    std::nth_element(keys, keys + most - 1, keys + count);
    return keys[most - 1];
}

// Brings the nearest `most` of the candidates to the front, in order, and returns how many there
// are. What is farther than these is lost.
int GraphBuilder::SortByDistance(int count, int most, Scratch *scratch) noexcept {
    LinkCandidate *found = scratch->found;
    if (count > most) {
        const float last = FarthestOf(count, most, scratch);
        int equal = most;
        for (int i = 0; i < count; i++) equal -= found[i].distance < last;
        int kept = 0;
        for (int i = 0; i < count; i++) {
            if (found[i].distance > last || (found[i].distance == last && equal-- <= 0)) continue;
            if (kept != i) found[kept] = found[i];
            kept++;
        }
        count = kept;
    }
    constexpr int kMostByRank = 512;
    float *keys = scratch->keys;
    for (int i = 0; i < count; i++) keys[i] = found[i].distance;
    if (count <= kMostByRank) {
        ActiveKernels().codes.rank(keys, count, scratch->ranks);
    } else {
        uint32_t *order = scratch->order;
        std::iota(order, order + count, 0);
        std::sort(order, order + count, [keys](uint32_t a, uint32_t b) {
            return keys[a] < keys[b] || (keys[a] == keys[b] && a < b);
        });
        for (int i = 0; i < count; i++) scratch->ranks[order[i]] = static_cast<uint32_t>(i);
    }
    for (int i = 0; i < count; i++) scratch->sorted[scratch->ranks[i]] = found[i];
    std::swap(scratch->found, scratch->sorted);
    return count;
}

// Searches one level from `starts`; fills scratch->found and returns how many.
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
    const auto visit = [&](const Expansion &expansion) {
        found[count++] = {expansion.link, expansion.distance, OwnVector(expansion.link.id), false};
    };
    if (width < kWideDescentWidth / 2)
        SearchGraph(store, pool, visited, scratch->expansion, visit);
    else
        SearchGraph<2>(store, pool, visited, scratch->expansion, visit);
    return count;
}

// The last rows before this one in the batch, which the graph does not know yet: near ones follow
// each other. Where a table is in the order of its vectors, they are the nearest of all.
int GraphBuilder::AddMates(const BatchRow &row, int level, int count, Scratch *scratch) noexcept {
    const RecordShape &shape = options_.shape;
    LinkCandidate *found = scratch->found;
    const auto before = static_cast<int>(&row - batch_);
    // What is farther than all that is to be chosen from need not be sorted.
    const float bound = count < 2 * shape.edges ? std::numeric_limits<float>::infinity()
                                                : FarthestOf(count, pool_width_, scratch);
    for (int i = level == 0 ? std::max(before - kMostMates, 0) : 0; i < before; i++) {
        const BatchRow &mate = batch_[i];
        if (mate.level < level) continue;
        const float distance = HasEdgeCodes() ? LinkDistance(shape, owns_[before], owns_[i])
                                              : NodeDistanceFrom(shape, row.query, owns_[i]);
        if (distance < bound)
            found[count++] = {{items_[mate.first_item + level].id, 0}, distance, owns_[i], false};
    }
    return count;
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
            count = SortByDistance(count, pool_width_, scratch);
            start_count = std::min(count, kDescentEntries);
            for (int i = 0; i < start_count; i++) {
                const LinkCandidate &start = scratch->found[i];
                const NodeLink below = Record(start.link.id).header().Next();
                starts[i] = {start.distance, below.id, below.generation, false};
            }
        }
        if (linked)
            count = SortByDistance(AddMates(*row, level, count, scratch), pool_width_, scratch);
        LinkCandidate *found = scratch->found;
        far = level == 0 && count > 0 && IsInGraph(found[0].link.id) &&
              IsFar(Record(found[0].link.id), found[0].distance);
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
        return OfferEdge(record, OwnVector(target), node, newcomer, row.query, distance, kind);
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
// Each node thus hears of them on one thread and in one order. The records of the next ones are
// asked for while the current one is worked on.
void GraphBuilder::LinkItems(int from, int to, int part, float *node) noexcept {
    struct Offered {
        const Item *item;
        int target;
    };
    constexpr uint32_t kAhead = 4;
    Offered waiting[kAhead];
    uint32_t first = 0, last = 0;
    const auto offer_first = [&] {
        const auto [item, at] = waiting[first++ % kAhead];
        Offer(*item, item->targets[at], item->distances[at], OfferKind::kOrdinary, node);
    };
    for (int i = from; i < to; i++) {
        const Item &item = items_[i];
        for (int j = 0; j < item.count; j++) {
            const NodeId target = item.targets[j];
            if ((target * 0x9e3779b1u >> 8) % options_.threads != static_cast<uint32_t>(part))
                continue;
            PrefetchRecord(target);
            if (last - first == kAhead) offer_first();
            waiting[last++ % kAhead] = {&item, j};
        }
    }
    while (first != last) offer_first();
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
    if (item.count == 0) return;
    // All that the search found hold as many as they may: where many rows are equal but for
    // rounding, it finds the same ones each time. Then at one of those that they hold.
    const auto anchor_at = [&](NodeId at) {
        return AnchorAt(item, at, LinkDistance(options_.shape, OwnVector(item.id), OwnVector(at)),
                        node);
    };
    NodeLink at = {item.targets[0], 0}, before = kNoLink;
    for (int step = 0; step < kAnchorSteps; step++) {
        const NodeLink held = AnchoredLink(Record(at.id), before, AnchorChoice(item.id, step));
        if (!held) break;
        before = at;
        at = held;
        if (anchor_at(at.id)) return;
    }
    // Nothing hangs yet on the last one of the level.
    const NodeId last = last_anchored_[Record(item.id).header().level];
    if (last != kNoNode) anchor_at(last);
}

void GraphBuilder::EndBatch() {
    for (int i = 0; i < item_count_; i++) {
        Anchor(items_[i], scratch_[0].node);
        last_anchored_[Record(items_[i].id).header().level] = items_[i].id;
        Record(items_[i].id).header().flags |= kLinked;
        const int level = Record(items_[i].id).header().level;
        if (level > entry_level_) {
            entry_level_ = level;
            entry_ = {items_[i].id, 0};
        }
    }
    linked_nodes_ += static_cast<uint32_t>(item_count_);
    window_taken_ += batch_count_;
    batch_count_ = item_count_ = searched_ = linked_ = 0;
    if (window_taken_ < window_count_) return;
    window_count_ = window_taken_ = 0;
    is_ordered_ = working_ = flushing_ = false;
}

bool GraphBuilder::Step() {
    if (!working_) return false;
    const auto start = std::chrono::steady_clock::now();
    if (staged_count_ > 0) {
        EncodeStaged();
        working_ = flushing_ || window_count_ >= WindowLimit();
        return working_;
    }
    if (!is_ordered_) {
        OrderWindow();
        return true;
    }
    if (batch_count_ == 0) {
        TakeBatch();
    } else if (searched_ < batch_count_) {
        const int first = searched_, count = std::min(slice_, batch_count_ - first);
        ParallelFor((count + kSearchedTogether - 1) / kSearchedTogether, options_.threads,
                    [this, first, count](ptrdiff_t part, int thread) noexcept {
                        const int begin = first + static_cast<int>(part) * kSearchedTogether;
                        const int end = std::min(begin + kSearchedTogether, first + count);
                        for (int i = begin; i < end; i++) SearchRow(&batch_[i], &scratch_[thread]);
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

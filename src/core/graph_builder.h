// Builds a graph in memory, batch by batch, on several threads.
//
// Rows are gathered into a window, which is put into an order in which near ones follow each other:
// they search the same part of the graph one after the other, which then is in the CPU's cache. A
// batch is taken from it at a time. Each row of the batch searches the graph as it was before the
// batch, looks at the rows before it in the batch one by one, and chooses its neighbours, in
// parallel, since nothing changes; after that all rows offer themselves to the neighbours they
// chose, in parallel over the neighbours. No locks, and the same rows and seed give the same graph
// whatever the number of threads (the scheme of ParlayANN, Manohar et al. 2024).
//
// The caller drives: Add() rows until it says that there is work, then Step() until it says that
// there is nothing left to do, looking for interrupts in between. Memory comes from the caller and
// is never given back here: the builder has no destructor and may be jumped over.

#pragma once

#include <cstddef>
#include <cstdint>

#include "core/graph_link.h"
#include "core/graph_search.h"
#include "core/random.h"
#include "core/rotation.h"

namespace vecx {

// One node in so many also stands in the graph above.
constexpr uint32_t kLevelRatio = 32;

constexpr int kDescentWidth = 2;    // of the pools on the levels above 0
constexpr int kDescentEntries = 4;  // so many of the best found there enter the level below

// Of those pools once a search has ended far from its query (IsFar) and descends anew. A node that
// is still far from all others then enters on level 1, so that those to come find the way to it.
constexpr int kWideDescentWidth = 96;

// Estimates of neighbours mix up near ones: a pool is wider than what is asked for. Found by
// measurement on Fashion-MNIST and on SIFT descriptors of photographs.
int PoolWidthFor(const RecordShape &shape, int ef);

// The same for a scan, where what the last few candidates bring counts more. With node codes, a
// graph that links by distance needs a wider pool to find what has the largest inner product; and
// sparse vectors, many of which are equally far from a query, a little wider one. By measurement,
// too.
int SearchWidthFor(const RecordShape &shape, int ef);

// Slots of a VisitedSet for searches of such a width, which expand little more than the width.
constexpr size_t VisitedSlotsFor(int width) {
    return std::bit_ceil(static_cast<size_t>(width) * 8 + 64);
}

// Slots of the set of nodes whose distance such a search in a graph of node codes has computed.
constexpr size_t SeenSlotsFor(const RecordShape &shape, int width) {
    return std::bit_ceil(static_cast<size_t>(width) * shape.edges * 2 + 256);
}

// The level on which a new node enters, drawn so that each level has kLevelRatio times the nodes of
// the one above.
int DrawLevel(Random *random);

struct BuilderOptions {
    RecordShape shape;
    int ef_construction;
    int threads;
    uint64_t seed;
    int payload;  // bytes that go with each node: its full-precision copy; 0 with node codes
    // Zeroed memory, aligned to 64; does not return without it.
    void *(*allocate)(void *state, size_t bytes);
    // The same for records, which take the most by far.
    void *(*allocate_records)(void *state, size_t bytes);
    void *allocate_state;
};

class GraphBuilder {
  public:
    GraphBuilder(const BuilderOptions &options, const Rotation &rotation);

    // Takes a row: its vector (shape.dimensions floats as they are to be rotated) and its payload;
    // `shortened`: see NodeHeader::error; `excess`: see Sq8View. With node codes the payload is the
    // own vector, and there is no other. Rows of equal payload become duplicates of one node. True
    // if there is work now: then Step() until it says false.
    bool Add(const float *vector, bool shortened, float excess, RowId row, const void *payload);

    // Works for some milliseconds; false once there is nothing to do.
    bool Step();

    // Begins work on all that was added; then Step().
    void Flush() { working_ = flushing_ = staged_count_ + window_count_ > 0; }

    // Rows taken so far, and those of them that are nodes of level 0 or copies of them above.
    uint64_t rows() const { return rows_; }
    uint32_t nodes() const { return node_count_; }
    uint64_t duplicates() const { return duplicate_count_; }
    // Of the rows, those that are part of the graph.
    uint64_t linked_rows() const {
        return rows_ - static_cast<uint64_t>(staged_count_ + window_count_ - window_taken_);
    }
    NodeLink entry() const { return entry_; }
    int entry_level() const { return entry_level_; }
    NodeRecord Record(NodeId id) const { return {options_.shape, Base(id)}; }
    // The own vector, if that is not in the record, and the payload.
    const char *Cold(NodeId id) const { return Base(id) + options_.shape.size; }
    size_t ColdBytes() const { return record_bytes_ - options_.shape.size + options_.payload; }
    // The i-th duplicate: which node, which row.
    struct Duplicate {
        NodeId owner;
        RowId row;
    };
    const Duplicate &DuplicateAt(uint64_t i) const {
        return duplicates_[i >> kDuplicateShift][i & ((1u << kDuplicateShift) - 1)];
    }

  private:
    static constexpr int kDuplicateShift = 13;

    // A row that was added: its node on level 0, which those above follow.
    struct Row {
        NodeId base;
        int level;
        int place;  // in losses_
    };
    // One whose record has no vector yet.
    struct StagedRow {
        Row row;
        float *vector;
        bool shortened;
        float excess;
    };
    // A row of the batch.
    struct Item;
    struct BatchRow {
        float *rotated;  // the vector, nearly as it was
        float *node;     // as dequantized from the record
        uint8_t *codes;  // of the record, with edge codes: close to those of the other rows
        void *query_memory;
        GraphQuery query;
        int first_item;
        int level;
        bool far;     // from all that a search found: to be put on level 1
        Item *upper;  // what it found there
    };
    // A node to be linked: a row on one level.
    struct Item {
        int row;
        NodeId id;
        int count;
        int kept;  // the first of them, by the rule
        NodeId *targets;
        float *distances;
    };
    struct Scratch {
        Candidate *pool;
        NodeId *visited;
        LinkCandidate *found;
        LinkCandidate *sorted;  // takes turns with `found`
        uint32_t *order;
        float *keys;
        uint32_t *ranks;
        Expansion *expansion;
        float *node;
        NodeId *seen;  // with node codes
    };
    struct MemoryStore;
    // Rows of the window near which others are put.
    static constexpr int kMostLeaders = 32;
    struct Leaders {
        int count;
        Sq8View vectors[kMostLeaders];
    };

    char *Base(NodeId id) const {
        return chunks_[id >> chunk_shift_] + (id & ((1u << chunk_shift_) - 1)) * stride_;
    }
    template <class T>
    T *Allocate(size_t count) {
        return static_cast<T *>(options_.allocate(options_.allocate_state, count * sizeof(T)));
    }
    NodeId NewNode();
    char *PayloadOf(NodeId id) const {
        return HasEdgeCodes() ? Base(id) + record_bytes_ : reinterpret_cast<char *>(OwnCodes(id));
    }
    size_t PayloadBytes(const void *payload) const {
        return HasEdgeCodes() ? options_.payload : OwnBytesOf(options_.shape, payload);
    }
    void KeepPayload(NodeId id, const void *payload);
    bool HasEdgeCodes() const { return options_.shape.HasEdgeCodes(); }
    NodeId *FindPayload(const void *payload);
    void GrowTable();
    void AddDuplicate(NodeId owner, RowId row);
    uint8_t *OwnCodes(NodeId id) const;
    void PrefetchOwn(NodeId id) const {
        constexpr int kMost = 512;  // the rest comes by itself
        const RecordShape &shape = options_.shape;
        const char *record = Base(id);
        const int bytes = shape.own_inside ? shape.own + shape.own_bytes : kMost;
        for (int at = 0; at < bytes && at < kMost; at += 64) __builtin_prefetch(record + at);
    }
    // As much as fits into the CPU's queue of misses; the rest comes while that is read. What of
    // the own vector is read first lies behind it.
    void PrefetchRecord(NodeId id) const {
        constexpr int kMost = 1024, kMostOfOwn = 192;
        const char *record = Base(id);
        for (int at = 0; at < kMost; at += 64) __builtin_prefetch(record + at);
        const int own = options_.shape.own_inside ? options_.shape.own : options_.shape.size;
        for (int at = 0; at < kMostOfOwn; at += 64) __builtin_prefetch(record + own + at);
    }
    Sq8View OwnVector(NodeId id) const;
    // Else it is of the batch, and its edges may be written just now.
    bool IsInGraph(NodeId id) const { return Record(id).header().flags & kLinked; }

    void EncodeRow(const StagedRow &staged, float *rotated) noexcept;
    float LossScale(NodeId id) const { return Record(id).header().scale / 255; }
    uint8_t *LossOf(const Row &row) const {
        return losses_ + static_cast<size_t>(row.place) * options_.shape.own_bytes;
    }
    void EncodeStaged();
    int WindowLimit() const;
    void GrowWindow();
    Leaders ChooseLeaders(int begin, int end) const noexcept;
    void FindLeaders(int begin, int end, const Leaders &leaders) noexcept;
    void GroupByLeader(int begin, int end, int count, int *ends) noexcept;
    void OrderWindow();
    void TakeBatch();
    void PrepareRow(BatchRow *row, const Row &of) noexcept;
    void SearchRow(BatchRow *row, Scratch *scratch) noexcept;
    bool SearchDown(BatchRow *row, int descent_width, Scratch *scratch) noexcept;
    int SearchLevel(const BatchRow &row, int level, int width, const Candidate *starts,
                    int start_count, Scratch *scratch) noexcept;
    int AddMates(const BatchRow &row, int level, int count, Scratch *scratch) noexcept;
    static float FarthestOf(int count, int most, Scratch *scratch) noexcept;
    static int SortByDistance(int count, int most, Scratch *scratch) noexcept;
    void Choose(LinkCandidate *found, int count, Item *item) noexcept;
    void WriteItem(const BatchRow &row, const Item &item, Scratch *scratch) noexcept;
    void Promote(BatchRow *row);
    EdgeResult Offer(const Item &item, NodeId target, float distance, OfferKind kind,
                     float *node) noexcept;
    void LinkItems(int from, int to, int part, float *node) noexcept;
    bool AnchorAt(const Item &item, NodeId target, float distance, float *node) noexcept;
    void Anchor(const Item &item, float *node) noexcept;
    void EndBatch();

    BuilderOptions options_;
    Rotation rotation_;
    Random random_;
    int pool_width_;

    size_t stride_;        // of nodes in a chunk
    size_t record_bytes_;  // of them before the payload
    int chunk_shift_;
    char **chunks_ = nullptr;
    size_t chunk_capacity_ = 0;
    uint32_t node_count_ = 0;
    NodeLink entry_ = kNoLink;
    int entry_level_ = -1;
    NodeId last_anchored_[kMaxLevel + 1];  // of each level
    uint64_t rows_ = 0;

    NodeId *table_ = nullptr;  // nodes by payload, open addressing
    size_t table_mask_ = 0;
    uint32_t table_count_ = 0;
    Duplicate **duplicates_ = nullptr;
    size_t duplicate_chunks_ = 0;
    uint64_t duplicate_count_ = 0;

    StagedRow *staged_;
    int staged_capacity_;
    int staged_count_ = 0;
    Row *window_ = nullptr;
    Row *ordered_ = nullptr;     // for a moment
    uint8_t *leader_ = nullptr;  // of each row of the window
    uint8_t *losses_ = nullptr;  // what the records lose of their vectors, in another 8 bits
    int window_capacity_ = 0;
    int window_count_ = 0;
    int window_taken_ = 0;  // whose batch is done
    uint32_t linked_nodes_ = 0;

    BatchRow *batch_;
    Sq8View *owns_;  // the own vectors of the batch
    Item *items_;
    Scratch *scratch_;
    int batch_capacity_;
    int batch_count_ = 0;
    int drawn_capacity_;  // of items, before rows are promoted
    int item_count_ = 0;

    bool working_ = false;
    bool flushing_ = false;
    bool is_ordered_ = false;  // the window
    int searched_ = 0;         // rows of the batch
    int linked_ = 0;           // items
    int slice_ = 1;            // rows or items in one step
};

}  // namespace vecx

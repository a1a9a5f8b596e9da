// Writes a new graph; see the header.

#include "am/hnsw/write.h"

#include "am/hnsw/continuation.h"
#include "am/hnsw/free_space.h"

#include "store/blob.h"
#include "store/bulk.h"

namespace vecx::hnsw {
namespace {

// Where each node of the builder goes.
struct Placement {
    NodeId *new_ids;  // by old id
    NodeId *old_ids;  // by new id
    NodeId count;
};

// A row that shares the vector of a node.
struct PlacedDuplicate {
    NodeId owner;  // new id
    RowId row;
};

class Placer {
  public:
    Placer(const Graph &graph, const GraphBuilder &builder, pg::TemporaryMemory *memory)
        : builder_(builder), per_page_(graph.layout.nodes_per_page) {
        const Size nodes = builder.nodes();
        placement_.new_ids = static_cast<NodeId *>(memory->AllocateLarge(nodes * sizeof(NodeId)));
        placement_.old_ids = static_cast<NodeId *>(memory->AllocateLarge(nodes * sizeof(NodeId)));
        placement_.count = 0;
        queue_ = static_cast<NodeId *>(memory->AllocateLarge(nodes * sizeof(NodeId)));
        memset(placement_.new_ids, 0xff, nodes * sizeof(NodeId));
        queued_ = static_cast<uint8 *>(memory->Allocate(nodes / 8 + 1));
    }

    // The copies on upper levels stand together, since every search passes there. The rest follows
    // the edges breadth first, and each page is filled with the nearest neighbours of the node that
    // begins it: who reads one of them is likely to want the others.
    Placement Run() {
        const NodeId nodes = builder_.nodes();
        for (NodeId id = 0; id < nodes; id++)
            if (Header(id).level > 0) Place(id);
        for (NodeId start = 0; start < nodes; start++) {
            if (!IsPlaced(start)) Enqueue(start);
            while (begin_ < end_) {
                const NodeId id = queue_[begin_++];
                if (begin_ % 1024 == 0) CHECK_FOR_INTERRUPTS();
                Enter(id);
            }
        }
        return placement_;
    }

  private:
    const NodeHeader &Header(NodeId id) const { return builder_.Record(id).header(); }
    bool IsPlaced(NodeId id) const { return placement_.new_ids[id] != kNoNode; }

    void Place(NodeId id) {
        placement_.new_ids[id] = placement_.count;
        placement_.old_ids[placement_.count++] = id;
    }

    void Enqueue(NodeId id) {
        if (queued_[id / 8] >> id % 8 & 1) return;
        queued_[id / 8] |= 1 << id % 8;
        queue_[end_++] = id;
    }

    void Enter(NodeId id) {
        const NodeRecord record = builder_.Record(id);
        const bool begins = !IsPlaced(id);
        if (begins) Place(id);
        while (begins && placement_.count % per_page_ != 0) {
            int nearest = -1;
            for (int slot = 0; slot < record.shape().edges; slot++)
                if (record.Link(slot) && !IsPlaced(record.Ids()[slot]) &&
                    (nearest < 0 || EdgeLength(record, slot) < EdgeLength(record, nearest)))
                    nearest = slot;
            if (nearest < 0) break;
            Place(record.Ids()[nearest]);
        }
        for (int slot = 0; slot < record.shape().edges; slot++)
            if (record.Link(slot)) Enqueue(record.Ids()[slot]);
    }

    const GraphBuilder &builder_;
    int per_page_;
    Placement placement_;
    NodeId *queue_;
    NodeId begin_ = 0, end_ = 0;
    uint8 *queued_;  // a bit per node
};

PlacedDuplicate *SortDuplicates(const GraphBuilder &builder, const Placement &placement,
                                pg::TemporaryMemory *memory) {
    const uint64_t count = builder.duplicates();
    auto *sorted =
        static_cast<PlacedDuplicate *>(memory->AllocateLarge(count * sizeof(PlacedDuplicate) + 1));
    for (uint64_t i = 0; i < count; i++) {
        const GraphBuilder::Duplicate &duplicate = builder.DuplicateAt(i);
        sorted[i] = {placement.new_ids[duplicate.owner], duplicate.row};
    }
    std::stable_sort(
        sorted, sorted + count,
        [](const PlacedDuplicate &a, const PlacedDuplicate &b) { return a.owner < b.owner; });
    return sorted;
}

class Writer {
  public:
    Writer(Relation index, ForkNumber fork, const Graph &graph)
        : graph_(graph), bulk_(index, fork) {}

    void Begin(uint64_t seed, const Entry &entry) {
        const MetaPage meta = MetaPageOf(graph_, seed, entry);
        memcpy(bulk_.Next(store::PageKind::kMeta), &meta, sizeof(meta));
        if (graph_.shape.HasEdgeCodes())
            store::AppendBlob(bulk_, graph_.centre, graph_.shape.dimensions * sizeof(float));
    }

    void WriteNodes(const GraphBuilder &builder, const Placement &placement,
                    const PlacedDuplicate *duplicates) {
        builder_ = &builder;
        placement_ = placement;
        duplicates_ = duplicates;
        next_slot_ = tail_ = placement.count;
        rest_at_ = graph_.shape.own_bytes;
        const uint64_t nodes = placement.count;
        uint64_t written = 0;
        for (NodeId group = 0; written < nodes || tail_ < next_slot_; group++) {
            const NodeId first = group * graph_.layout.GroupNodes();
            for (int page = 0; page < graph_.layout.node_pages; page++) {
                char *content = bulk_.Next(store::PageKind::kNodes);
                for (int slot = 0; slot < graph_.layout.nodes_per_page; slot++) {
                    const NodeId id =
                        first + static_cast<NodeId>(page * graph_.layout.nodes_per_page + slot);
                    WriteSlot(id, content + static_cast<Size>(slot) * graph_.shape.size);
                }
            }
            WriteCopies(first);
            written = std::min<uint64_t>(nodes, first + graph_.layout.GroupNodes());
            pgstat_progress_update_param(PROGRESS_CREATEIDX_TUPLES_DONE,
                                         static_cast<int64>(written));
        }
    }

    void Finish() { bulk_.Finish(); }

    // One more than the last id in use.
    NodeId end() const { return end_; }

  private:
    void WriteSlot(NodeId id, char *out) {
        if (id < placement_.count)
            WriteNode(id, out);
        else if (tail_ < next_slot_)
            WriteTail(id, out);
        else
            return;
        end_ = id + 1;
    }

    // What has no room in the nodes, in their order: of each the duplicates, then the rest of its
    // own vector.
    void WriteTail(NodeId id, char *out) {
        tail_++;
        for (;; tail_node_++, rest_at_ = graph_.shape.own_bytes) {
            if (duplicate_cursor_ < builder_->duplicates() &&
                duplicates_[duplicate_cursor_].owner == tail_node_)
                return WriteDuplicates(id, out);
            if (rest_at_ < WholeBytes(tail_node_)) return WriteRest(id, out);
        }
    }

    // Of a node's own vector, if that goes on beyond the record; else 0.
    int WholeBytes(NodeId id) const {
        if (graph_.shape.codec != Codec::kSparse) return 0;
        const NodeHeader &header = builder_->Record(placement_.old_ids[id]).header();
        return header.more == 0 ? 0 : OwnBytesOf(graph_.shape, Whole(header));
    }
    static const char *Whole(const NodeHeader &header) {
        return reinterpret_cast<const char *>(static_cast<uintptr_t>(header.more));
    }

    void WriteRest(NodeId id, char *out) {
        const NodeHeader &header = builder_->Record(placement_.old_ids[tail_node_]).header();
        const int whole = WholeBytes(tail_node_);
        rest_at_ += FillContinuation(graph_.shape, out, Whole(header) + rest_at_, whole - rest_at_);
        auto *record = reinterpret_cast<ContinuationRecord *>(out);
        record->written_xid = FirstNormalTransactionId;
        if (rest_at_ < whole) record->next = id + 1;
    }

    void WriteNode(NodeId id, char *out) {
        const NodeRecord from = builder_->Record(placement_.old_ids[id]);
        memcpy(out, from.base(), graph_.shape.size);
        const NodeRecord record(graph_.shape, out);
        for (int slot = 0; slot < graph_.shape.edges; slot++)
            if (record.Link(slot)) record.Ids()[slot] = placement_.new_ids[record.Ids()[slot]];
        NodeHeader &header = record.header();
        if (header.level > 0)
            header.next = placement_.new_ids[header.next];
        else
            PlaceDuplicates(id, &header);
        const int rest = WholeBytes(id) - graph_.shape.own_bytes,
                  room = graph_.shape.ContinuationBytes();
        if (rest <= 0) return;
        header.SetMore({next_slot_, 0});
        next_slot_ += static_cast<NodeId>((rest + room - 1) / room);
    }

    void PlaceDuplicates(NodeId id, NodeHeader *header) {
        const uint64_t first = owner_cursor_;
        while (owner_cursor_ < builder_->duplicates() && duplicates_[owner_cursor_].owner == id)
            owner_cursor_++;
        if (owner_cursor_ == first) return;
        header->SetNext({next_slot_, 0});
        const uint64_t capacity = graph_.shape.DuplicateCapacity();
        next_slot_ += static_cast<NodeId>((owner_cursor_ - first + capacity - 1) / capacity);
    }

    // The next run of duplicates of one owner, as many as a slot takes.
    void WriteDuplicates(NodeId id, char *out) {
        auto *record = reinterpret_cast<DuplicatesRecord *>(out);
        const NodeId owner = duplicates_[duplicate_cursor_].owner;
        record->kind = SlotKind::kDuplicates;
        record->owner = owner;
        record->next = kNoNode;
        const int capacity = graph_.shape.DuplicateCapacity();
        while (duplicate_cursor_ < builder_->duplicates() &&
               duplicates_[duplicate_cursor_].owner == owner) {
            if (record->count == capacity) {
                record->next = id + 1;
                break;
            }
            record->Rows()[record->count++] = duplicates_[duplicate_cursor_++].row;
        }
    }

    // The copies of one group's nodes, over its pages of copies.
    void WriteCopies(NodeId first) {
        const Layout &layout = graph_.layout;
        const int bytes = static_cast<int>(builder_->ColdBytes());
        for (int page = 0; page < layout.copy_pages; page++) {
            char *content = bulk_.Next(store::PageKind::kVectors);
            if (layout.pages_per_copy > 1) {
                const NodeId id = first + static_cast<NodeId>(page / layout.pages_per_copy);
                const int from = page % layout.pages_per_copy * store::kPageCapacity;
                if (id < placement_.count)
                    memcpy(content, builder_->Cold(placement_.old_ids[id]) + from,
                           std::min(bytes - from, store::kPageCapacity));
                continue;
            }
            for (int i = 0; i < layout.copies_per_page; i++) {
                const NodeId in_group = static_cast<NodeId>(page * layout.copies_per_page + i);
                if (in_group >= layout.GroupNodes() || first + in_group >= placement_.count) break;
                memcpy(content + static_cast<Size>(i) * layout.copy_size,
                       builder_->Cold(placement_.old_ids[first + in_group]), bytes);
            }
        }
    }

    const Graph &graph_;
    store::BulkWriter bulk_;
    const GraphBuilder *builder_ = nullptr;
    Placement placement_ = {};
    const PlacedDuplicate *duplicates_ = nullptr;
    uint64_t owner_cursor_ = 0;      // duplicates whose owner has been written
    uint64_t duplicate_cursor_ = 0;  // duplicates written
    NodeId next_slot_ = 0;           // for the next owner's duplicates
    NodeId tail_ = 0;                // the next id behind the nodes
    NodeId tail_node_ = 0;           // whose tail is written
    int rest_at_ = 0;                // so much of its own vector has been written
    NodeId end_ = 0;
};

}  // namespace

void WriteGraph(Relation index, ForkNumber fork, const Graph &graph, uint64_t seed,
                const GraphBuilder &builder, pg::TemporaryMemory *memory) {
    if (builder.nodes() == 0) return WriteEmptyGraph(index, fork, graph, seed);
    pgstat_progress_update_param(PROGRESS_CREATEIDX_TUPLES_DONE, 0);
    pgstat_progress_update_param(PROGRESS_CREATEIDX_TUPLES_TOTAL, builder.nodes());
    const Placement placement = Placer(graph, builder, memory).Run();
    const PlacedDuplicate *duplicates = SortDuplicates(builder, placement, memory);
    Writer writer(index, fork, graph);
    writer.Begin(seed, {{placement.new_ids[builder.entry().id], 0}, builder.entry_level()});
    writer.WriteNodes(builder, placement, duplicates);
    writer.Finish();
    RecordFreeTail(index, graph, writer.end());
}

void WriteEmptyGraph(Relation index, ForkNumber fork, const Graph &graph, uint64_t seed) {
    Writer writer(index, fork, graph);
    writer.Begin(seed, {kNoLink, 0});
    writer.Finish();
}

}  // namespace vecx::hnsw

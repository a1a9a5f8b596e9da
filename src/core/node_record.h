// The record of a graph node: one layout in memory, while an index is built, and on pages.
//
// A record holds the node's row, the ids of its neighbours and, for each of them, a quantization
// code of the way there (neighbour minus node), so that one look at one record estimates the
// distance to all neighbours (Gou et al. 2025, SymphonyQG; Gao & Long 2024, RaBitQ). Its own vector
// lies in it in 8 bits a coordinate. Everything is of fixed size and fixed place: a change of one
// edge touches few bytes, none of which belongs to another edge.
//
//   header 64 | kept mask | anchor mask | ids | generations | addends | factors | lengths |
//   excesses | codes | own
//
// What no codes of edges serve has node codes instead, see node_codec.h: as own vector that from
// which distances are computed, and lengths in a byte each.
//
//   header 64 | kept mask | anchor mask | own | ids | generations | lengths
//
// Slots for edges come in batches of 32, the unit of the kernels. An unused slot has id kNoNode and
// an infinite addend, which makes its estimate infinite. In the codes, row r of a batch is 32
// bytes, byte j the dimensions 8r..8r+7 of edge j.
//
// The layout is little-endian; vecx is not built for other machines.

#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "core/kernels.h"
#include "core/metric.h"
#include "core/sq8.h"

namespace vecx {

static_assert(std::endian::native == std::endian::little);

using NodeId = uint32_t;
constexpr NodeId kNoNode = 0xffffffff;
constexpr int kMaxEdges = 224;  // m = 100
constexpr int kMaxLevel = 12;

// A heap row as PostgreSQL's ItemPointerData has it.
struct RowId {
    uint16_t block_high;
    uint16_t block_low;
    uint16_t item;  // 0: no row

    bool operator==(const RowId &) const = default;
    explicit operator bool() const { return item != 0; }
};

// An edge is a hint: whoever follows it compares the generation with that of the slot.
struct NodeLink {
    NodeId id;
    uint8_t generation;

    bool operator==(const NodeLink &) const = default;
    explicit operator bool() const { return id != kNoNode; }
};
constexpr NodeLink kNoLink = {kNoNode, 0};

enum class SlotKind : uint8_t {
    kFree = 0,
    kNode = 1,
    kDuplicates = 2,    // further rows of a node, in a DuplicatesRecord
    kContinuation = 3,  // the rest of a node's own vector, in a ContinuationRecord
};

// What the distances of a graph come from. Written to disk: a number once given keeps its meaning.
enum class Codec : uint8_t {
    kEdges = 0,   // quantization codes of the edges; all others are node codes
    kBits = 1,    // the bits
    kHalves = 2,  // a CopyHeader and halves
    kFloats = 3,  // a CopyHeader and floats
    kSparse = 4,  // a SparseHeader, indices and values
};

enum SlotFlags : uint8_t {
    kTombstone = 1,  // no row any more; still passed through until nothing leads here
    kLinked = 2,     // the insert has offered this node to all of its neighbours
};

constexpr uint64_t kNotStamped = 0;  // the delete_xid of a tombstone to which links lead yet

struct NodeHeader {
    SlotKind kind;
    uint8_t flags;
    uint8_t generation;  // of the slot; raised each time it is freed
    uint8_t level;       // of the graph that this record belongs to; 0 holds all nodes
    RowId row;           // level 0; none where only duplicates are left
    uint8_t next_generation;
    uint8_t reserved1;
    NodeId next;  // level 0: the first of the duplicates; above: the same node one level below
    float norm;   // of the own vector: as in Sq8Parameters
    float scale;
    float offset;
    float sum;
    float error;  // infinite: only the direction is true, see NodeVector::shortened
    float addend_scale;
    float factor_scale;
    uint64_t delete_xid;  // of a tombstone: who began later has no link to it
    // Where a node code goes on; in memory a pointer to the whole. With edge codes the excess.
    uint64_t more;

    // The first slot of the rest.
    NodeLink More() const {
        return more == 0
                   ? kNoLink
                   : NodeLink{static_cast<NodeId>(more) - 1, static_cast<uint8_t>(more >> 32)};
    }
    void SetMore(NodeLink link) {
        more = link ? static_cast<uint64_t>(link.generation) << 32 | (link.id + 1) : 0;
    }
    float Excess() const { return std::bit_cast<float>(static_cast<uint32_t>(more)); }
    NodeLink Next() const { return {next, next_generation}; }
    void SetNext(NodeLink link) {
        next = link.id;
        next_generation = link.generation;
    }
    bool IsLive() const { return kind == SlotKind::kNode && !(flags & kTombstone); }
};
static_assert(sizeof(NodeHeader) == 64 && offsetof(NodeHeader, next) == 12 &&
              offsetof(NodeHeader, delete_xid) == 48);
static_assert(std::is_trivially_copyable_v<NodeHeader> && std::is_standard_layout_v<NodeHeader>);

// Rows that share a node's vector, as many as fit into a slot; further slots follow in a chain.
struct DuplicatesRecord {
    SlotKind kind;  // the first fields as in NodeHeader
    uint8_t flags;
    uint8_t generation;
    uint8_t reserved1;
    uint16_t count;
    uint16_t reserved2;
    uint8_t next_generation;
    uint8_t owner_generation;
    uint16_t reserved3;
    NodeId next;   // further duplicates
    NodeId owner;  // the node
    uint32_t reserved4;
    uint64_t delete_xid;

    RowId *Rows() { return reinterpret_cast<RowId *>(this + 1); }
    const RowId *Rows() const { return reinterpret_cast<const RowId *>(this + 1); }
    NodeLink Next() const { return {next, next_generation}; }
    NodeLink Owner() const { return {owner, owner_generation}; }
};
static_assert(sizeof(DuplicatesRecord) == 32 && offsetof(DuplicatesRecord, next) == 12);

// A part of an own vector that has no room in its node's record; further parts follow in a chain.
struct ContinuationRecord {
    SlotKind kind;  // the first fields as in NodeHeader
    uint8_t flags;
    uint8_t generation;
    uint8_t reserved1;
    uint32_t reserved2;
    uint8_t next_generation;
    uint8_t reserved3;
    uint16_t reserved4;
    NodeId next;
    uint64_t reserved5;
    uint64_t written_xid;  // if nothing leads here when no older transaction runs, nothing will

    char *Bytes() { return reinterpret_cast<char *>(this + 1); }
    const char *Bytes() const { return reinterpret_cast<const char *>(this + 1); }
    NodeLink Next() const { return {next, next_generation}; }
};
static_assert(sizeof(ContinuationRecord) == 32 && offsetof(ContinuationRecord, next) == 12);

// The measures of an index's records, fixed when it is created.
struct RecordShape {
    int dimensions;       // of the vectors
    int padded;           // of rotated vectors
    int code_dimensions;  // of the rotated ones, so many are coded: a multiple of 16
    int code_bits;        // 1 or 2 a dimension
    int edges;            // slots: a multiple of 32
    bool has_excesses;    // for inner product: those of the neighbours, see Sq8View
    bool own_inside;      // the own vector lies in the record, not beside the full-precision copy
    Codec codec;
    Metric metric;  // with node codes
    int own_bytes;  // of the own vector in the record; with edge codes SolveOffsets sets it
    float longest;  // of an augmented graph: length of its vectors, see IsAugmented; 0: not known

    // From here on computed by SolveOffsets.
    int ids, generations, addends, factors, lengths, excesses, codes, own;
    int size;  // of a record, a multiple of 8

    bool HasEdgeCodes() const { return codec == Codec::kEdges; }
    int MaskWords() const { return (edges + 31) / 32; }
    int Batches() const { return edges / static_cast<int>(kEdgeBatch); }
    int CodeRows() const { return code_dimensions / 8; }
    int BatchCodeBytes() const { return CodeRows() * static_cast<int>(kEdgeBatch) * code_bits; }
    int ContinuationBytes() const { return size - static_cast<int>(sizeof(ContinuationRecord)); }
    int DuplicateCapacity() const {
        return (size - static_cast<int>(sizeof(DuplicatesRecord))) /
               static_cast<int>(sizeof(RowId));
    }
};

void SolveOffsets(RecordShape *shape);

// The shape that makes the best use of pages of `capacity` bytes, for vectors of `dimensions` and
// at least 2 * m edges. Codes are cut down to a part of the dimensions rather than waste half a
// page; where even that does not fit, the own vector moves out.
RecordShape SolveShape(int dimensions, int m, bool has_excesses, int capacity);

// The same with node codes of so many bytes, and 2 * m edges. Where a page cannot hold both, the
// own vector moves out.
RecordShape SolveNodeShape(Codec codec, Metric metric, int dimensions, int m, int own_bytes,
                           int capacity);

// A record in place. Plain pointers; nothing here allocates.
class NodeRecord {
  public:
    NodeRecord(const RecordShape &shape, char *base) : shape_(&shape), base_(base) {}

    NodeHeader &header() const { return *reinterpret_cast<NodeHeader *>(base_); }
    char *base() const { return base_; }
    const RecordShape &shape() const { return *shape_; }

    uint32_t *Kept() const { return reinterpret_cast<uint32_t *>(base_ + sizeof(NodeHeader)); }
    NodeId *Ids() const { return reinterpret_cast<NodeId *>(base_ + shape_->ids); }
    uint8_t *Generations() const {
        return reinterpret_cast<uint8_t *>(base_ + shape_->generations);
    }
    uint16_t *Addends() const { return reinterpret_cast<uint16_t *>(base_ + shape_->addends); }
    uint16_t *Factors() const { return reinterpret_cast<uint16_t *>(base_ + shape_->factors); }
    uint16_t *Lengths() const { return reinterpret_cast<uint16_t *>(base_ + shape_->lengths); }
    uint8_t *LengthCodes() const { return reinterpret_cast<uint8_t *>(base_ + shape_->lengths); }
    uint16_t *Excesses() const { return reinterpret_cast<uint16_t *>(base_ + shape_->excesses); }
    uint8_t *Codes() const { return reinterpret_cast<uint8_t *>(base_ + shape_->codes); }
    uint8_t *Own() const { return reinterpret_cast<uint8_t *>(base_ + shape_->own); }

    // Edges that must stay, lest their end be found by no search: see OfferEdge.
    uint32_t *Anchored() const { return Kept() + shape_->MaskWords(); }

    bool IsKept(int slot) const { return Kept()[slot / 32] >> slot % 32 & 1; }
    void SetKept(int slot, bool kept) const {
        const uint32_t bit = 1u << slot % 32;
        Kept()[slot / 32] = kept ? Kept()[slot / 32] | bit : Kept()[slot / 32] & ~bit;
    }
    bool IsAnchored(int slot) const { return Anchored()[slot / 32] >> slot % 32 & 1; }
    void SetAnchored(int slot, bool anchored) const {
        const uint32_t bit = 1u << slot % 32;
        Anchored()[slot / 32] =
            anchored ? Anchored()[slot / 32] | bit : Anchored()[slot / 32] & ~bit;
    }
    NodeLink Link(int slot) const { return {Ids()[slot], Generations()[slot]}; }

    EdgeBatch Batch(int batch, bool with_excesses) const {
        const int first = batch * static_cast<int>(kEdgeBatch);
        return {Codes() + batch * shape_->BatchCodeBytes(),
                Addends() + first,
                Factors() + first,
                with_excesses ? Excesses() + first : nullptr,
                header().addend_scale,
                header().factor_scale};
    }

    // The own vector; `codes` says where it lies if not inside.
    Sq8View OwnVector(const uint8_t *codes = nullptr) const {
        const NodeHeader &of = header();
        return {
            codes != nullptr ? codes : Own(), of.scale, of.offset, of.sum, of.norm, of.Excess()};
    }

    // An empty node of a level, with the generation that the slot has; keeps no edge.
    void Initialize(uint8_t level) const;
    void SetOwn(const Sq8Parameters &parameters) const;
    void ClearEdge(int slot) const;

  private:
    const RecordShape *shape_;
    char *base_;
};

}  // namespace vecx

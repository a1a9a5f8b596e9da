// The layout of records for every number of dimensions, and records in place.

#include "core/node_record.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <utility>
#include <vector>

#include "core/limits.h"
#include "core/rotation.h"

namespace vecx {
namespace {

constexpr int kCapacity = 8152;  // of a page of 8 kB
constexpr int kMs[] = {2, 5, 8, 16, 24, 32, 48, 64, 100};

// What the layout takes, added up as the header of node_record.h draws it.
int ExpectedSize(const RecordShape &shape, int code_dimensions, bool own_inside) {
    const int batches = shape.edges / 32;
    const int per_edge = 4 + 1 + 2 + 2 + 2 + (shape.has_excesses ? 2 : 0);
    const int size = 64 + 2 * batches * 4 + shape.edges * per_edge +
                     shape.edges * code_dimensions / 8 * shape.code_bits +
                     (own_inside ? shape.padded : 0);
    return (size + 7) / 8 * 8;
}

// The parts of a record in their order, with their sizes.
std::vector<std::pair<int, int>> Parts(const RecordShape &shape) {
    return {{64, 2 * shape.Batches() * 4},  // the masks

            {shape.ids, shape.edges * 4},
            {shape.generations, shape.edges},
            {shape.addends, shape.edges * 2},
            {shape.factors, shape.edges * 2},
            {shape.lengths, shape.edges * 2},
            {shape.excesses, shape.has_excesses ? shape.edges * 2 : 0},
            {shape.codes, shape.edges * shape.code_dimensions / 8 * shape.code_bits},
            {shape.own, shape.own_inside ? shape.padded : 0}};
}

// True if all is well; said with few checks, since there are 288,000 shapes.
bool IsSound(const RecordShape &shape, int dimensions, int m, bool has_excesses) {
    bool sound = shape.dimensions == dimensions && shape.padded == (dimensions + 15) / 16 * 16 &&
                 shape.has_excesses == has_excesses;
    sound &= shape.edges >= 2 * m && shape.edges < 2 * m + 32 && shape.edges % 32 == 0 &&
             shape.edges <= kMaxEdges;
    sound &= shape.code_dimensions > 0 && shape.code_dimensions % 16 == 0 &&
             shape.code_dimensions <= shape.padded &&
             shape.CodeRows() * shape.code_bits <= static_cast<int>(kMaxCodeRows) &&
             shape.CodeRows() % 2 == 0;
    sound &= shape.code_bits == 1 || (shape.code_bits == 2 && shape.padded <= 192);
    sound &= shape.size <= kCapacity && shape.size % 8 == 0;
    sound &= shape.size == ExpectedSize(shape, shape.code_dimensions, shape.own_inside);

    int end = 0;
    for (const auto &[start, size] : Parts(shape)) {
        sound &= start >= end;
        end = start + size;
    }
    sound &= end <= shape.size;
    sound &= shape.ids % 4 == 0 && shape.addends % 2 == 0 && shape.factors % 2 == 0 &&
             shape.lengths % 2 == 0 && shape.excesses % 2 == 0;

    // The own vector moves out where 128 dimensions of codes, an eighth of them if that is more, or
    // all, do not fit beside it.
    const int wanted = std::min(shape.padded, std::max(128, (shape.padded / 8 + 15) / 16 * 16));
    sound &= shape.own_inside == (ExpectedSize(shape, wanted, true) <= kCapacity);

    // Two bits unless they do not fit, and no page left half empty for want of a few dimensions.
    RecordShape two_bits = shape;
    two_bits.code_bits = 2;
    if (shape.padded <= 192)
        sound &=
            (shape.code_bits == 2) == (ExpectedSize(two_bits, shape.padded, true) <= kCapacity);
    const int slots = kCapacity / shape.size;
    const int more = ExpectedSize(shape, shape.code_dimensions + 16, shape.own_inside);
    const int most = std::min(shape.padded, static_cast<int>(kMaxCodeRows) / 2 * 16);
    if (shape.code_dimensions < most) sound &= more > kCapacity / slots / 8 * 8;
    sound &=
        shape.DuplicateCapacity() > 0 &&
        static_cast<int>(sizeof(DuplicatesRecord)) + shape.DuplicateCapacity() * 6 <= shape.size;
    return sound;
}

TEST(NodeRecordTest, EveryShapeIsSound) {
    for (int m : kMs)
        for (bool has_excesses : {false, true})
            for (int dimensions = 1; dimensions <= kMaxDimensions; dimensions++)
                ASSERT_TRUE(IsSound(SolveShape(dimensions, m, has_excesses, kCapacity), dimensions,
                                    m, has_excesses))
                    << dimensions << " dimensions, m = " << m << ", excesses: " << has_excesses;
}

TEST(NodeRecordTest, MoreEdgesMeanNoMoreDimensionsAPage) {
    for (int dimensions = 1; dimensions <= kMaxDimensions; dimensions += 7) {
        int records = kCapacity;
        for (int m : kMs) {
            const RecordShape shape = SolveShape(dimensions, m, false, kCapacity);
            EXPECT_LE(kCapacity / shape.size, records) << dimensions << ", m = " << m;
            records = kCapacity / shape.size;
        }
    }
}

// An index lives as long as its layout: a change here is a change of the format.
TEST(NodeRecordTest, ShapesAreAsDocumented) {
    struct {
        int dimensions, m;
        bool has_excesses;
        int code_dimensions, code_bits, edges;
        bool own_inside;
        int size, per_page;
    } const cases[] = {
        {3, 16, false, 16, 2, 32, true, 568, 14},
        {128, 16, false, 128, 2, 32, true, 1576, 5},
        {192, 16, false, 176, 2, 32, true, 2024, 4},
        {193, 16, false, 176, 1, 32, true, 1336, 6},
        {384, 16, false, 384, 1, 32, true, 2344, 3},
        {768, 16, false, 720, 1, 32, true, 4072, 2},
        {784, 16, false, 704, 1, 32, true, 4024, 2},
        {1024, 16, false, 656, 1, 32, true, 4072, 2},
        {1536, 16, false, 1536, 1, 32, true, 8104, 1},
        {1536, 16, true, 1520, 1, 32, true, 8104, 1},
        {2000, 16, false, 1424, 1, 32, true, 8120, 1},
        {3072, 16, false, 1152, 1, 32, true, 8104, 1},
        {7000, 16, false, 1920, 1, 32, false, 8104, 1},
        {16000, 16, false, 1920, 1, 32, false, 8104, 1},
        {128, 2, false, 128, 2, 32, true, 1576, 5},
        {128, 32, false, 112, 2, 64, true, 2704, 3},
        {128, 100, false, 128, 1, 224, true, 6296, 1},
        {768, 100, true, 144, 1, 224, true, 7832, 1},
        {16000, 100, true, 176, 1, 224, false, 7960, 1},
    };
    for (const auto &expected : cases) {
        SCOPED_TRACE(testing::Message() << expected.dimensions << " dimensions, m = " << expected.m
                                        << ", excesses: " << expected.has_excesses);
        const RecordShape shape =
            SolveShape(expected.dimensions, expected.m, expected.has_excesses, kCapacity);
        EXPECT_EQ(shape.code_dimensions, expected.code_dimensions);
        EXPECT_EQ(shape.code_bits, expected.code_bits);
        EXPECT_EQ(shape.edges, expected.edges);
        EXPECT_EQ(shape.own_inside, expected.own_inside);
        EXPECT_EQ(shape.size, expected.size);
        EXPECT_EQ(kCapacity / shape.size, expected.per_page);
    }
}

TEST(NodeRecordTest, OffsetsAreAsDocumented) {
    const RecordShape shape = SolveShape(128, 16, true, kCapacity);
    EXPECT_EQ(shape.ids, 72);
    EXPECT_EQ(shape.generations, 200);
    EXPECT_EQ(shape.addends, 232);
    EXPECT_EQ(shape.factors, 296);
    EXPECT_EQ(shape.lengths, 360);
    EXPECT_EQ(shape.excesses, 424);
    EXPECT_EQ(shape.codes, 488);
    EXPECT_EQ(shape.own, 488 + 32 * shape.code_dimensions / 8 * 2);
}

TEST(NodeRecordTest, HeaderIsAsDocumented) {
    EXPECT_EQ(offsetof(NodeHeader, kind), 0);
    EXPECT_EQ(offsetof(NodeHeader, flags), 1);
    EXPECT_EQ(offsetof(NodeHeader, generation), 2);
    EXPECT_EQ(offsetof(NodeHeader, level), 3);
    EXPECT_EQ(offsetof(NodeHeader, row), 4);
    EXPECT_EQ(offsetof(NodeHeader, next_generation), 10);
    EXPECT_EQ(offsetof(NodeHeader, next), 12);
    EXPECT_EQ(offsetof(NodeHeader, norm), 16);
    EXPECT_EQ(offsetof(NodeHeader, delete_xid), 48);
    EXPECT_EQ(sizeof(RowId), 6);
    // Whoever meets a slot looks at these before he knows what it is.
    EXPECT_EQ(offsetof(DuplicatesRecord, kind), offsetof(NodeHeader, kind));
    EXPECT_EQ(offsetof(DuplicatesRecord, flags), offsetof(NodeHeader, flags));
    EXPECT_EQ(offsetof(DuplicatesRecord, generation), offsetof(NodeHeader, generation));
}

// A record between bytes that must survive.
class RecordMemory {
  public:
    explicit RecordMemory(const RecordShape &shape)
        : memory_(shape.size / 8 + 2, 0xabababababababab),
          record_(shape, reinterpret_cast<char *>(memory_.data() + 1)) {}

    const NodeRecord &record() const { return record_; }
    bool IsIntact() const {
        return memory_.front() == 0xabababababababab && memory_.back() == 0xabababababababab;
    }

  private:
    std::vector<uint64_t> memory_;
    NodeRecord record_;
};

TEST(NodeRecordTest, InitializedRecordIsEmpty) {
    for (int m : {2, 16, 100})
        for (bool has_excesses : {false, true}) {
            const RecordShape shape = SolveShape(100, m, has_excesses, kCapacity);
            RecordMemory memory(shape);
            const NodeRecord &record = memory.record();
            record.header().generation = 77;
            record.Initialize(3);
            EXPECT_TRUE(memory.IsIntact());
            EXPECT_EQ(record.header().kind, SlotKind::kNode);
            EXPECT_EQ(record.header().generation, 77);
            EXPECT_EQ(record.header().level, 3);
            EXPECT_EQ(record.header().flags, 0);
            EXPECT_EQ(record.header().Next(), kNoLink);
            EXPECT_FALSE(record.header().row);
            EXPECT_TRUE(record.header().IsLive());
            EXPECT_EQ(record.header().delete_xid, 0);
            for (int slot = 0; slot < shape.edges; slot++) {
                EXPECT_FALSE(record.Link(slot)) << slot;
                EXPECT_FALSE(record.IsKept(slot)) << slot;
                EXPECT_FALSE(record.IsAnchored(slot)) << slot;
                EXPECT_EQ(record.Addends()[slot], 0x7c00) << slot;  // infinity
                EXPECT_EQ(record.Factors()[slot], 0) << slot;
            }
            for (int i = 0; i < shape.padded; i++) ASSERT_EQ(record.Own()[i], 0);
        }
}

// Every part of a slot is written by hand; clearing one slot leaves all others as they were.
TEST(NodeRecordTest, EdgesShareNothing) {
    for (bool has_excesses : {false, true}) {
        const RecordShape shape = SolveShape(64, 100, has_excesses, kCapacity);
        RecordMemory memory(shape);
        const NodeRecord &record = memory.record();
        record.Initialize(0);
        for (int slot = 0; slot < shape.edges; slot++) {
            record.Ids()[slot] = 1000 + slot;
            record.Generations()[slot] = static_cast<uint8_t>(slot);
            record.Addends()[slot] = static_cast<uint16_t>(1 + slot);
            record.Factors()[slot] = static_cast<uint16_t>(1001 + slot);
            record.Lengths()[slot] = static_cast<uint16_t>(2001 + slot);
            if (has_excesses) record.Excesses()[slot] = static_cast<uint16_t>(3001 + slot);
            record.SetKept(slot, slot % 3 != 0);
            record.SetAnchored(slot, slot % 5 != 2);
        }
        memset(record.Codes(), 0x5a, shape.Batches() * shape.BatchCodeBytes());
        memset(record.Own(), 0x3c, shape.padded);
        const std::vector<char> before(record.base(), record.base() + shape.size);
        for (int cleared : {0, 31, 32, 100, 223}) {
            memcpy(record.base(), before.data(), before.size());
            record.ClearEdge(cleared);
            EXPECT_TRUE(memory.IsIntact());
            EXPECT_EQ(record.Link(cleared), kNoLink);
            EXPECT_FALSE(record.IsKept(cleared));
            EXPECT_FALSE(record.IsAnchored(cleared));
            for (int slot = 0; slot < shape.edges; slot++) {
                if (slot == cleared) continue;
                EXPECT_EQ(record.Link(slot),
                          (NodeLink{static_cast<NodeId>(1000 + slot), static_cast<uint8_t>(slot)}));
                EXPECT_EQ(record.IsKept(slot), slot % 3 != 0) << slot;
                EXPECT_EQ(record.IsAnchored(slot), slot % 5 != 2) << slot;
                EXPECT_EQ(record.Addends()[slot], 1 + slot);
                EXPECT_EQ(record.Factors()[slot], 1001 + slot);
                EXPECT_EQ(record.Lengths()[slot], 2001 + slot);
                if (has_excesses) {
                    EXPECT_EQ(record.Excesses()[slot], 3001 + slot);
                }
            }
            EXPECT_EQ(memcmp(record.base(), before.data(), sizeof(NodeHeader)), 0);
            EXPECT_EQ(memcmp(record.Codes(), before.data() + shape.codes, shape.size - shape.codes),
                      0);
        }
    }
}

TEST(NodeRecordTest, BatchesPointAtTheirEdges) {
    const RecordShape shape = SolveShape(64, 100, true, kCapacity);
    RecordMemory memory(shape);
    const NodeRecord &record = memory.record();
    record.Initialize(0);
    record.header().addend_scale = 3;
    record.header().factor_scale = 5;
    for (int batch = 0; batch < 7; batch++) {
        const EdgeBatch edges = record.Batch(batch, true);
        EXPECT_EQ(edges.codes, record.Codes() + batch * 64 / 8 * 32 * shape.code_bits);
        EXPECT_EQ(edges.addend, record.Addends() + batch * 32);
        EXPECT_EQ(edges.factor, record.Factors() + batch * 32);
        EXPECT_EQ(edges.excess, record.Excesses() + batch * 32);
        EXPECT_EQ(edges.addend_scale, 3);
        EXPECT_EQ(edges.factor_scale, 5);
        EXPECT_EQ(record.Batch(batch, false).excess, nullptr);
    }
}

TEST(NodeRecordTest, OwnVectorIsFound) {
    const RecordShape shape = SolveShape(64, 16, false, kCapacity);
    RecordMemory memory(shape);
    const NodeRecord &record = memory.record();
    record.Initialize(0);
    record.SetOwn({1, 2, 3, 4, 5});
    const Sq8View inside = record.OwnVector();
    EXPECT_EQ(inside.codes, record.Own());
    EXPECT_EQ(inside.scale, 1);
    EXPECT_EQ(inside.offset, 2);
    EXPECT_EQ(inside.sum, 3);
    EXPECT_EQ(inside.norm, 4);
    EXPECT_EQ(record.header().error, 5);
    uint8_t codes[64];
    EXPECT_EQ(record.OwnVector(codes).codes, codes);
}

TEST(NodeRecordTest, LiveIsWhatHasRows) {
    const RecordShape shape = SolveShape(16, 16, false, kCapacity);
    RecordMemory memory(shape);
    const NodeRecord &record = memory.record();
    record.Initialize(0);
    NodeHeader &header = record.header();
    EXPECT_TRUE(header.IsLive());
    header.flags = kLinked;
    EXPECT_TRUE(header.IsLive());
    header.flags = kLinked | kTombstone;
    EXPECT_FALSE(header.IsLive());
    header.flags = 0;
    header.kind = SlotKind::kDuplicates;
    EXPECT_FALSE(header.IsLive());
    header.kind = SlotKind::kFree;
    EXPECT_FALSE(header.IsLive());
    header.SetNext({5, 6});
    EXPECT_EQ(header.Next(), (NodeLink{5, 6}));
}

}  // namespace
}  // namespace vecx

// Node codes: distances from own vectors, lengths in a byte, offers.

#include "core/node_codec.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <vector>

#include "core/graph_link.h"
#include "core/half.h"
#include "core/random.h"

namespace vecx {
namespace {

constexpr int kCapacity = 8152;

struct Own {
    std::vector<char> bytes;
    Sq8View view;
};

Own Finish(const RecordShape &shape, std::vector<char> bytes) {
    Own own = {std::move(bytes), {}};
    own.view.codes = reinterpret_cast<const uint8_t *>(own.bytes.data());
    own.view.norm = OwnNorm(shape, own.bytes.data());
    return own;
}

Own Halves(const RecordShape &shape, const std::vector<float> &values, float scale = 1) {
    std::vector<char> bytes(sizeof(CopyHeader) + values.size() * 2);
    const CopyHeader header = {scale, 0, 0};
    memcpy(bytes.data(), &header, sizeof(header));
    for (size_t i = 0; i < values.size(); i++) {
        const Half half = FloatToHalf(values[i] / scale);
        memcpy(bytes.data() + sizeof(header) + 2 * i, &half, 2);
    }
    return Finish(shape, bytes);
}

Own Sparse(const RecordShape &shape, const std::vector<int32_t> &indices,
           const std::vector<float> &values) {
    const int count = static_cast<int>(indices.size());
    std::vector<char> bytes(SparseBytes(count));
    const SparseHeader header = {count, 0};
    memcpy(bytes.data(), &header, sizeof(header));
    if (count == 0) return Finish(shape, bytes);
    memcpy(bytes.data() + sizeof(header), indices.data(), count * 4);
    memcpy(bytes.data() + sizeof(header) + count * 4, values.data(), count * 4);
    return Finish(shape, bytes);
}

RecordShape DenseShape(Metric metric, int dimensions) {
    return SolveNodeShape(Codec::kHalves, metric, dimensions, 16,
                          static_cast<int>(sizeof(CopyHeader)) + 2 * dimensions, kCapacity);
}

TEST(NodeShape, HasNoEdgeCodesAndFitsOrMovesOut) {
    const RecordShape small = DenseShape(Metric::kL2, 128);
    EXPECT_FALSE(small.HasEdgeCodes());
    EXPECT_TRUE(small.own_inside);
    EXPECT_EQ(small.edges, 32);
    EXPECT_GE(kCapacity / small.size, 15);  // what makes `storage = compact` small
    EXPECT_EQ(small.ids % 4, 0);
    for (int m : {2, 16, 100}) {
        const RecordShape large =
            SolveNodeShape(Codec::kBits, Metric::kHamming, 64000, m, 8000, kCapacity);
        EXPECT_EQ(large.own_inside, m == 2);
        EXPECT_LE(large.size, kCapacity);
        EXPECT_LE(large.edges, kMaxEdges);
    }
}

TEST(NodeDistance, Bits) {
    for (Metric metric : {Metric::kHamming, Metric::kJaccard}) {
        const RecordShape shape = SolveNodeShape(Codec::kBits, metric, 12, 16, 2, kCapacity);
        const Own a = Finish(shape, {0x0f, 0x10}), b = Finish(shape, {0x3c, 0x10});
        const Own none = Finish(shape, {0, 0});
        const bool hamming = metric == Metric::kHamming;
        EXPECT_EQ(NodeDistance(shape, a.view, b.view),
                  hamming ? 4.0f : static_cast<float>(1 - 3 / 7.0));
        EXPECT_EQ(NodeDistance(shape, a.view, none.view), hamming ? 5.0f : 1.0f);
        EXPECT_EQ(NodeDistance(shape, none.view, none.view), hamming ? 0.0f : 1.0f);
    }
}

TEST(NodeDistance, DenseWithAndWithoutScale) {
    const std::vector<float> a = {1, 2, -3, 0.5f}, b = {2, 2, 1, 8};
    for (float scale : {1.0f, 4.0f}) {
        const RecordShape l1 = DenseShape(Metric::kL1, 4), l2 = DenseShape(Metric::kL2, 4);
        const RecordShape cosine = DenseShape(Metric::kCosine, 4);
        EXPECT_NEAR(NodeDistance(l1, Halves(l1, a).view, Halves(l1, b, scale).view), 12.5, 1e-3);
        EXPECT_NEAR(NodeDistance(l2, Halves(l2, a).view, Halves(l2, b, scale).view), 73.25, 1e-2);
        const double similarity = 7 / std::sqrt(14.25 * 73);
        EXPECT_NEAR(NodeDistance(cosine, Halves(cosine, a).view, Halves(cosine, b, scale).view),
                    1 - similarity, 1e-5);
    }
}

TEST(NodeDistance, IsAlwaysANumber) {
    const RecordShape shape = DenseShape(Metric::kCosine, 3);
    const Own zero = Halves(shape, {0, 0, 0}), other = Halves(shape, {1, 2, 3});
    EXPECT_TRUE(std::isfinite(NodeDistance(shape, zero.view, other.view)));
    const RecordShape l2 = DenseShape(Metric::kL2, 3);
    const Own huge = Halves(l2, {3e38f, 3e38f, -3e38f}, 0x1p113f);
    EXPECT_TRUE(std::isfinite(NodeDistance(l2, huge.view, Halves(l2, {1, 2, 3}).view)));
    const GraphQuery query = PrepareNodeQuery(l2, huge.view, true, nullptr);
    EXPECT_TRUE(std::isfinite(NodeDistanceFrom(l2, query, huge.view)));
}

// Sums in floats overflow or vanish; then they are made in doubles.
TEST(NodeDistance, ExtremeSizesAreToldApart) {
    const auto floats = [](const RecordShape &shape, const std::vector<float> &values) {
        std::vector<char> bytes(sizeof(CopyHeader) + values.size() * 4);
        const CopyHeader header = {1, 0, 0};
        memcpy(bytes.data(), &header, sizeof(header));
        memcpy(bytes.data() + sizeof(header), values.data(), values.size() * 4);
        return Finish(shape, bytes);
    };
    const auto shape_of = [](Metric metric) {
        return SolveNodeShape(Codec::kFloats, metric, 3, 16,
                              static_cast<int>(sizeof(CopyHeader)) + 4 * 3, kCapacity);
    };
    for (float size : {1e-44f, 1e-30f, 1e-10f, 1e10f, 1e30f, 1e38f}) {
        const RecordShape cosine = shape_of(Metric::kCosine);
        const Own along = floats(cosine, {size, 0, 0}), across = floats(cosine, {0, 1, 0});
        const Own both = floats(cosine, {size, size, 0});
        EXPECT_NEAR(NodeDistance(cosine, along.view, across.view), 1, 1e-6) << size;
        EXPECT_NEAR(NodeDistance(cosine, along.view, both.view), 1 - std::sqrt(0.5), 1e-6) << size;
        EXPECT_NEAR(NodeDistance(cosine, across.view, across.view), 0, 1e-6);
    }
    // Infinity less infinity.
    const RecordShape l2 = shape_of(Metric::kL2);
    const Own a = floats(l2, {3e38f, 3e38f, 1}), b = floats(l2, {3e38f, -3e38f, 1});
    const GraphQuery query = PrepareNodeQuery(l2, a.view, true, nullptr);
    EXPECT_EQ(NodeDistanceFrom(l2, query, b.view), -1);
    EXPECT_GT(NodeDistance(l2, a.view, b.view), 3e38f);
    EXPECT_EQ(NodeDistance(l2, a.view, a.view), 0);
    const RecordShape halves = DenseShape(Metric::kL2, 3);
    EXPECT_GT(NodeDistance(halves, Halves(halves, {3e38f, 0, 0}, 0x1p113f).view,
                           Halves(halves, {-3e38f, 0, 0}, 0x1p112f).view),
              3e38f);
}

// Looking up gives what merging gives, in dimensions with a slot for each index and in others.
TEST(NodeDistance, SparseByLookUp) {
    Random random(7);
    alignas(64) static char memory[kMostNodeQueryBytes];
    for (int dimensions : {50, 4096, 1000000000})
        for (Metric metric : {Metric::kL2, Metric::kInnerProduct, Metric::kCosine, Metric::kL1}) {
            const RecordShape shape =
                SolveNodeShape(Codec::kSparse, metric, dimensions, 16, SparseBytes(64), kCapacity);
            const auto make = [&](int wanted) {
                std::vector<int32_t> indices;
                std::vector<float> values;
                const uint32_t step = static_cast<uint32_t>(dimensions) / (wanted + 1);
                for (int i = 0; i < wanted; i++) {
                    indices.push_back(
                        static_cast<int32_t>(i * step + random.Below(2) * (step / 2)));
                    values.push_back(static_cast<float>(random.Below(100)) / 16 - 3);
                }
                return Sparse(shape, indices, values);
            };
            for (int count : {0, 1, 5, 24}) {
                const Own a = make(24), b = make(count);
                const GraphQuery query = PrepareNodeQuery(shape, a.view, false, memory);
                const float merged = NodeDistance(shape, a.view, b.view);
                EXPECT_NEAR(NodeDistanceFrom(shape, query, b.view), merged,
                            1e-4 * std::max(1.0f, std::fabs(merged)));
            }
        }
}

TEST(SparseOwn, LongerThanItsRecordIsNotTrusted) {
    const RecordShape shape =
        SolveNodeShape(Codec::kSparse, Metric::kL2, 1000, 16, SparseBytes(8), kCapacity);
    std::vector<char> bytes(shape.size);
    const NodeRecord record(shape, bytes.data());
    record.Initialize(0);
    const auto set = [&](int count) { memcpy(record.Own(), &count, sizeof(count)); };
    for (int count : {0, 8}) {
        set(count);
        EXPECT_TRUE(HasSoundOwn(record));
    }
    for (int count : {-1, 9, kMaxSparseElements}) {
        set(count);
        EXPECT_FALSE(HasSoundOwn(record));
    }
    record.header().SetMore({3, 1});
    set(kMaxSparseElements);
    EXPECT_TRUE(HasSoundOwn(record));
    EXPECT_EQ(record.header().More(), (NodeLink{3, 1}));
    set(kMaxSparseElements + 1);
    EXPECT_FALSE(HasSoundOwn(record));
}

TEST(NodeEdge, LengthsKeepTheirOrder) {
    const RecordShape shape = DenseShape(Metric::kL2, 8);
    std::vector<char> bytes(shape.size);
    const NodeRecord record(shape, bytes.data());
    record.Initialize(0);
    const float lengths[] = {10, 0, 11, 9, 2000, 0.1f, 1e9f, 1e-9f};
    for (int slot = 0; slot < 8; slot++)
        SetNodeEdge(record, slot, {static_cast<NodeId>(slot), 0}, lengths[slot]);
    EXPECT_EQ(EdgeLength(record, 1), 0);
    for (int a = 0; a < 8; a++) {
        if (lengths[a] >= 0.1f && lengths[a] <= 2000) {
            EXPECT_NEAR(EdgeLength(record, a), lengths[a], lengths[a] * 0.023f);
        }
        for (int b = 0; b < 8; b++)
            EXPECT_EQ(lengths[a] <= lengths[b] || EdgeLength(record, a) >= EdgeLength(record, b),
                      true);
    }
}

// What MeasureForOffer leaves out makes no difference.
TEST(NodeEdge, OffersDecideAlikeWithFewerDistances) {
    constexpr int kPoints = 200;
    const RecordShape shape = DenseShape(Metric::kL2, 2);
    Random random(3);
    std::vector<Own> points;
    for (int i = 0; i < kPoints; i++)
        points.push_back(Halves(shape, {static_cast<float>(random.Below(1000)),
                                        static_cast<float>(random.Below(1000))}));
    std::vector<char> lazy(shape.size), eager(shape.size);
    NodeRecord(shape, lazy.data()).Initialize(0);
    NodeRecord(shape, eager.data()).Initialize(0);
    for (int i = 1; i < kPoints; i++) {
        const NodeLink newcomer = {static_cast<NodeId>(i), 0};
        const float distance = NodeDistance(shape, points[0].view, points[i].view);
        const NodeRecord a(shape, lazy.data()), b(shape, eager.data());
        float all[kMaxEdges], some[kMaxEdges];
        const auto distance_to = [&](const NodeRecord &record, int slot) {
            return NodeDistance(shape, points[i].view, points[record.Ids()[slot]].view);
        };
        for (int slot = 0; slot < shape.edges; slot++)
            all[slot] = b.Link(slot) ? distance_to(b, slot) : 0;
        const EdgeResult expected = OfferNodeEdge(b, newcomer, distance, all, OfferKind::kOrdinary);
        EdgeResult result = EdgeResult::kRefused;
        if (MeasureForOffer(
                a, newcomer, distance, OfferKind::kOrdinary,
                [&](int slot) { return distance_to(a, slot); }, some))
            result = OfferNodeEdge(a, newcomer, distance, some, OfferKind::kOrdinary);
        ASSERT_EQ(result, expected);
        ASSERT_EQ(lazy, eager);
    }
}

}  // namespace
}  // namespace vecx

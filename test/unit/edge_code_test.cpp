// Estimates by the codes of edges: right on the average over rotations, spread as theory says, and
// undisturbed by other edges and by extreme sizes.

#include "core/edge_code.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <vector>

#include "core/half.h"
#include "core/rotation.h"
#include "graph_fixture.h"
#include "guarded_memory.h"
#include "levels.h"
#include "random_vectors.h"

namespace vecx {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr double kPi = 3.14159265358979323846;

RecordShape ShapeOf(int dimensions, int code_dimensions, int bits, bool has_excesses, int m = 16) {
    RecordShape shape = SolveShape(dimensions, m, has_excesses, kPageCapacity);
    shape.code_dimensions = code_dimensions;
    shape.code_bits = bits;
    SolveOffsets(&shape);
    return shape;
}

std::vector<float> Sum(const std::vector<float> &a, double factor, const std::vector<float> &b) {
    std::vector<float> sum = a;
    for (size_t i = 0; i < a.size(); i++) sum[i] += static_cast<float>(factor * b[i]);
    return sum;
}

float Length(const std::vector<float> &a, const std::vector<float> &b) {
    return static_cast<float>(SquaredDistance(a, b));
}

float SquaredNorm(const std::vector<float> &a) { return static_cast<float>(Dot(a, a)); }

// The estimates for all edges of a record whose node is at `distance` from the query.
std::vector<float> Estimates(const NodeRecord &record, const GraphQuery &query, float distance,
                             float bound = kInfinity) {
    std::vector<float> estimates(record.shape().edges);
    for (int batch = 0; batch < record.shape().Batches(); batch++) {
        const uint32_t below = EstimateBatch(record, batch, query, distance, bound,
                                             estimates.data() + batch * kEdgeBatch);
        for (size_t i = 0; i < kEdgeBatch; i++)
            EXPECT_EQ(below >> i & 1, estimates[batch * kEdgeBatch + i] < bound);
    }
    return estimates;
}

struct Statistics {
    double mean = 0, deviation = 0;

    explicit Statistics(const std::vector<double> &values) {
        for (double value : values) mean += value / values.size();
        for (double value : values)
            deviation += (value - mean) * (value - mean) / (values.size() - 1);
        deviation = std::sqrt(deviation);
    }
};

// One edge and one query, seen after many rotations.
class EstimatorTest : public testing::Test {
  protected:
    // The error has mean 0 and the deviation
    //     2 |q - y| |r| sin(q - y, r) sqrt((1 - c) / c / (n - 1)),
    // c the squared cosine between residual and code: 2/pi for signs, 0.881 for the four levels
    // (Max 1960), times the part of the dimensions that is coded.
    void Check(const RecordShape &shape, bool inner_product, double along) {
        SCOPED_TRACE(testing::Message()
                     << shape.dimensions << " dimensions, " << shape.code_dimensions << " coded, "
                     << shape.code_bits << " bits, along " << along);
        constexpr int kSeeds = 400;
        const size_t n = shape.dimensions;
        const std::vector<float> y = GaussianVector(random_, n);
        const std::vector<float> x = Sum(y, 1, GaussianVector(random_, n, 0.5));
        const std::vector<float> q =
            Sum(Sum(y, along, Sum(x, -1, y)), 1, GaussianVector(random_, n, 0.6));
        const double truth = SquaredDistance(q, x) - (inner_product ? Dot(x, x) : 0);
        std::vector<float> factors(Rotation::FactorCount(shape.dimensions));
        std::vector<double> errors;
        for (int seed = 0; seed < kSeeds; seed++) {
            const Rotation rotation(shape.dimensions, seed, factors.data());
            std::vector<float> rotated_x(shape.padded), rotated_y(shape.padded),
                rotated_q(shape.padded);
            rotation.Apply(x.data(), nullptr, rotated_x.data());
            rotation.Apply(y.data(), nullptr, rotated_y.data());
            rotation.Apply(q.data(), nullptr, rotated_q.data());
            const StoredVector node(rotated_y);
            const OwnedRecord owned(shape);
            const int slot = seed % shape.edges;
            SetEdge(owned.record, slot, {{7, 1}, rotated_x.data(), SquaredNorm(x)},
                    node.values.data(), Length(rotated_x, node.values));
            const OwnedQuery query(shape, rotated_q, inner_product);
            const std::vector<float> estimates =
                Estimates(owned.record, query.query, Length(rotated_q, node.values));
            for (int other = 0; other < shape.edges; other++) {
                if (other != slot) {
                    EXPECT_EQ(estimates[other], kInfinity);
                }
            }
            errors.push_back(estimates[slot] - truth);
        }
        const Statistics seen(errors);
        const std::vector<float> r = Sum(x, -1, y), s = Sum(q, -1, y);
        const double cosine = Dot(r, s) / std::sqrt(Dot(r, r) * Dot(s, s));
        const double c =
            (shape.code_bits == 1 ? 2 / kPi : 0.881) * shape.code_dimensions / shape.padded;
        const double theory = 2 * std::sqrt(Dot(r, r) * Dot(s, s) * (1 - cosine * cosine) *
                                            (1 - c) / c / (shape.padded - 1));
        EXPECT_LT(std::fabs(seen.mean), 4 * seen.deviation / std::sqrt(kSeeds));
        EXPECT_LT(seen.deviation, kAbove * theory);
        EXPECT_GT(seen.deviation, kBelow * theory);
    }

    // 400 samples tell a deviation to 3.5 %. Above, for the rounding of tables and halves.
    static constexpr double kBelow = 0.85, kAbove = 1.15;
    std::minstd_rand random_{1};
};

TEST_F(EstimatorTest, OneBit) {
    for (int n : {64, 128, 200, 256, 784, 1536})
        for (double along : {-0.5, 0.0, 1.0})
            Check(ShapeOf(n, PaddedDimensions(n), 1, false), false, along);
}

TEST_F(EstimatorTest, TwoBits) {
    for (int n : {64, 100, 128, 192})
        for (double along : {-0.5, 0.0, 1.0})
            Check(ShapeOf(n, PaddedDimensions(n), 2, false), false, along);
}

TEST_F(EstimatorTest, PartOfTheDimensions) {
    Check(ShapeOf(784, 704, 1, false), false, 0.5);
    Check(ShapeOf(784, 400, 1, false), false, 0.5);
    Check(ShapeOf(1024, 128, 1, false), false, 0.5);
    Check(ShapeOf(192, 96, 2, false), false, 0.5);
    Check(ShapeOf(3072, 1152, 1, false), false, 0.5);
}

TEST_F(EstimatorTest, InnerProduct) {
    for (double along : {0.0, 1.0}) {
        Check(ShapeOf(128, 128, 2, true), true, along);
        Check(ShapeOf(256, 256, 1, true), true, along);
        Check(ShapeOf(784, 704, 1, true, 100), true, along);
    }
}

class EdgeCodeTest : public testing::TestWithParam<SimdLevel> {
  protected:
    LevelScope level_{GetParam()};
    std::minstd_rand random_{2};

    static void Set(const NodeRecord &record, int slot, const std::vector<float> &x,
                    const StoredVector &node) {
        SetEdge(record, slot, {{static_cast<NodeId>(100 + slot), 3}, x.data(), SquaredNorm(x)},
                node.values.data(), Length(x, node.values));
    }
};

INSTANTIATE_TEST_SUITE_P(Levels, EdgeCodeTest, testing::ValuesIn(AvailableLevels()),
                         [](const auto &info) { return KernelsOf(info.param)->name; });

TEST_P(EdgeCodeTest, EdgeIsStored) {
    const RecordShape shape = ShapeOf(128, 128, 2, true, 100);
    const OwnedRecord owned(shape);
    const StoredVector node(GaussianVector(random_, 128));
    for (int slot = 0; slot < shape.edges; slot++) {
        const std::vector<float> x = GaussianVector(random_, 128);
        const std::vector<char> codes(
            owned.record.Codes(), owned.record.Codes() + shape.Batches() * shape.BatchCodeBytes());
        Set(owned.record, slot, x, node);
        EXPECT_EQ(owned.record.Link(slot), (NodeLink{static_cast<NodeId>(100 + slot), 3}));
        const float length = Length(x, node.values);
        EXPECT_NEAR(EdgeLength(owned.record, slot), length, 0x1p-11 * length);
        EXPECT_NEAR(
            HalfToFloat({owned.record.Excesses()[slot]}) * owned.record.header().addend_scale,
            SquaredNorm(x), 0x1p-11 * SquaredNorm(x));
        EXPECT_FALSE(owned.record.IsKept(slot));
        // No byte of another edge.
        for (size_t i = 0; i < codes.size(); i++) {
            const size_t batch = i / shape.BatchCodeBytes(), lane = i % kEdgeBatch;
            if (batch * kEdgeBatch + lane != static_cast<size_t>(slot)) {
                ASSERT_EQ(owned.record.Codes()[i], static_cast<uint8_t>(codes[i])) << slot;
            }
        }
    }
    EXPECT_EQ(EdgeLength(OwnedRecord(shape).record, 0), 0);
}

// A query at the node itself sees its neighbours at the lengths of the edges.
TEST_P(EdgeCodeTest, FromTheNodeLengthsAreNearlyExact) {
    for (int bits : {1, 2})
        for (int n : {16, 128, 784}) {
            if (bits == 2 && n > 192) continue;
            const RecordShape shape = ShapeOf(n, n, bits, false);
            const OwnedRecord owned(shape);
            const StoredVector node(GaussianVector(random_, n));
            for (int slot = 0; slot < 32; slot++)
                Set(owned.record, slot, Sum(node.values, 1, GaussianVector(random_, n, 0.3)), node);
            const OwnedQuery query(shape, node.values, false);
            const std::vector<float> estimates = Estimates(owned.record, query.query, 0);
            for (int slot = 0; slot < 32; slot++)
                EXPECT_NEAR(estimates[slot], EdgeLength(owned.record, slot),
                            0.2 * EdgeLength(owned.record, slot))
                    << n << ", " << bits << " bits";
        }
}

TEST_P(EdgeCodeTest, NeighbourInTheSamePlaceIsAsFarAsTheNode) {
    for (int bits : {1, 2}) {
        const RecordShape shape = ShapeOf(128, 128, bits, true);
        const OwnedRecord owned(shape);
        const StoredVector node(GaussianVector(random_, 128));
        Set(owned.record, 0, node.values, node);
        const OwnedQuery query(shape, GaussianVector(random_, 128), false);
        EXPECT_EQ(Estimates(owned.record, query.query, 42)[0], 42);
        EXPECT_EQ(EdgeLength(owned.record, 0), 0);
        // All zero, as the first edge of a record too.
        const StoredVector zero(std::vector<float>(128, 0.0f));
        const OwnedRecord empty(shape);
        Set(empty.record, 5, zero.values, zero);
        EXPECT_EQ(Estimates(empty.record, query.query, 42)[5], 42);
        const OwnedQuery nothing(shape, zero.values, true);
        EXPECT_EQ(Estimates(empty.record, nothing.query, 0)[5], 0);
    }
}

TEST_P(EdgeCodeTest, ClearedSlotsAreInfinite) {
    for (int bits : {1, 2})
        for (bool inner_product : {false, true}) {
            const RecordShape shape = ShapeOf(128, 128, bits, true, 100);
            const OwnedRecord owned(shape);
            const StoredVector node(GaussianVector(random_, 128));
            const OwnedQuery query(shape, GaussianVector(random_, 128), inner_product);
            for (int slot = 0; slot < shape.edges; slot++)
                Set(owned.record, slot, GaussianVector(random_, 128), node);
            for (int slot = 0; slot < shape.edges; slot += 3) owned.record.ClearEdge(slot);
            const auto check = [&] {
                const std::vector<float> estimates = Estimates(owned.record, query.query, 1);
                for (int slot = 0; slot < shape.edges; slot++)
                    EXPECT_EQ(std::isinf(estimates[slot]), slot % 3 == 0) << slot;
            };
            check();
            // Infinity stays so when the scales change.
            Set(owned.record, 1, GaussianVector(random_, 128, 1e5), node);
            check();
        }
}

// A much longer edge moves the scales; estimates by the edges that were there stay as they were, up
// to what is left of halves that become too small.
TEST_P(EdgeCodeTest, LongerEdgesLeaveOthersAlone) {
    for (int bits : {1, 2})
        for (double factor : {2.0, 30.0, 1e3, 1e6, 1e9}) {
            const RecordShape shape = ShapeOf(128, 128, bits, true);
            const OwnedRecord owned(shape);
            const StoredVector node(GaussianVector(random_, 128));
            for (int slot = 0; slot < 31; slot++)
                Set(owned.record, slot, GaussianVector(random_, 128), node);
            const OwnedQuery query(shape, GaussianVector(random_, 128), false);
            const OwnedQuery product(shape, query.rotated, true);
            const float distance = Length(query.rotated, node.values);
            const std::vector<float> before = Estimates(owned.record, query.query, distance);
            const std::vector<float> keys = Estimates(owned.record, product.query, distance);
            const std::vector<float> x = GaussianVector(random_, 128, factor);
            Set(owned.record, 31, x, node);
            const std::vector<float> after = Estimates(owned.record, query.query, distance);
            const std::vector<float> keys_after = Estimates(owned.record, product.query, distance);
            // Three halves in units of a thousandth of the longest, the smallest of them 2^-24.
            const double lost = 1e-10 * SquaredNorm(x) + (factor < 1e6 ? 1e-4 : 0.01) * distance;
            for (int slot = 0; slot < 31; slot++) {
                EXPECT_NEAR(after[slot], before[slot], lost) << factor;
                EXPECT_NEAR(keys_after[slot], keys[slot], lost) << factor;
                if (factor <= 30) {
                    EXPECT_EQ(after[slot], before[slot]);
                }
            }
            EXPECT_NEAR(EdgeLength(owned.record, 31), Length(x, node.values),
                        0x1p-11 * Length(x, node.values));
            const double error =
                8 * std::sqrt(static_cast<double>(distance) * SquaredNorm(x) / 127);
            EXPECT_NEAR(after[31], Length(x, query.rotated), error + 0.001 * SquaredNorm(x));
        }
}

// Sizes are relative: vectors a power of two larger give the same codes and scaled estimates.
TEST_P(EdgeCodeTest, MagnitudesDoNotMatter) {
    for (int bits : {1, 2})
        for (bool inner_product : {false, true})
            for (int exponent : {-66, -40, 1, 30, 50}) {  // 1.4e-20 to 1.1e15
                SCOPED_TRACE(testing::Message() << "2^" << exponent << ", " << bits << " bits");
                const RecordShape shape = ShapeOf(128, 128, bits, true);
                const std::vector<float> y = GaussianVector(random_, 128),
                                         q = GaussianVector(random_, 128);
                std::vector<std::vector<float>> all;
                for (int slot = 0; slot < 32; slot++)
                    all.push_back(GaussianVector(random_, 128, 0.1 * (slot + 1)));
                std::vector<float> expected, keys;
                float own[2];
                for (bool scaled : {false, true}) {
                    const auto size = [&](std::vector<float> v) {
                        for (float &value : v) value = std::ldexp(value, scaled ? exponent : 0);
                        return v;
                    };
                    const StoredVector node(size(y));
                    const OwnedRecord owned(shape);
                    for (int slot = 0; slot < 32; slot++)
                        Set(owned.record, slot, size(all[slot]), node);
                    const OwnedQuery query(shape, size(q), inner_product);
                    own[scaled] = QueryDistance(shape, query.query, node.View());
                    (scaled ? keys : expected) = Estimates(owned.record, query.query, own[scaled]);
                }
                const double unit = std::ldexp(1.0, 2 * exponent);
                EXPECT_NEAR(own[1] / unit, own[0], 1e-3 * own[0]);
                for (int slot = 0; slot < 32; slot++) {
                    ASSERT_FALSE(std::isnan(keys[slot]));
                    EXPECT_NEAR(keys[slot] / unit, expected[slot], 1e-3 * (own[0] + 128.0 * 11))
                        << slot;
                }
            }
}

// Nodes that lie one after the other on a line from the query, all over the range of sizes.
TEST_P(EdgeCodeTest, ExtremeSizesKeepTheirOrder) {
    for (int bits : {1, 2})
        for (int exponent = -20; exponent <= 15; exponent += 5)
            for (double query_size : {0.0, 1e-20, 1.0, 1e15}) {
                const double size = std::pow(10, exponent);
                const RecordShape shape = ShapeOf(128, 128, bits, true);
                const std::vector<float> zero(128, 0.0f);
                const StoredVector node(GaussianVector(random_, 128, size / 10));
                const OwnedRecord owned(shape);
                std::vector<float> q = GaussianVector(random_, 128, query_size);
                for (int slot = 0; slot < 32; slot++)
                    Set(owned.record, slot, GaussianVector(random_, 128, size * (1 + slot)), node);
                for (bool inner_product : {false, true}) {
                    const OwnedQuery query(shape, q, inner_product);
                    const float distance = QueryDistance(shape, query.query, node.View());
                    ASSERT_TRUE(std::isfinite(distance));
                    const std::vector<float> estimates =
                        Estimates(owned.record, query.query, distance);
                    for (int slot = 0; slot < 32; slot++) {
                        ASSERT_TRUE(std::isfinite(estimates[slot])) << size << ' ' << query_size;
                        // Four times as far: never the nearer one, if the query is not farther than
                        // all of them.
                        if (!inner_product && query_size <= size && slot >= 7) {
                            EXPECT_GT(estimates[slot], estimates[slot / 4 - 1]) << size;
                        }
                    }
                }
            }
}

TEST_P(EdgeCodeTest, KeysOrderByInnerProduct) {
    const RecordShape shape = ShapeOf(128, 128, 2, true);
    const std::vector<float> q = GaussianVector(random_, 128), x = GaussianVector(random_, 128);
    const StoredVector stored(x);
    const OwnedQuery distance(shape, q, false), product(shape, q, true);
    const float apart = QueryDistance(shape, distance.query, stored.View());
    EXPECT_NEAR(apart, SquaredDistance(q, x), 0.5);
    EXPECT_EQ(QueryDistance(shape, product.query, stored.View()), apart);
    EXPECT_EQ(KeyOf(distance.query, apart, stored.parameters.norm), apart);
    EXPECT_NEAR(KeyOf(product.query, apart, stored.parameters.norm), Dot(q, q) - 2 * Dot(q, x),
                0.5);
}

TEST_P(EdgeCodeTest, QueryStaysWithinItsMemory) {
    GuardedMemory memory, vector;
    for (int n : {16, 32, 128, 784, 2000, 16000}) {
        const RecordShape shape = SolveShape(n, 16, false, kPageCapacity);
        const size_t bytes = QueryBytes(shape);
        EXPECT_EQ(bytes % 64, 0);
        const std::vector<float> q = GaussianVector(random_, n);
        const GraphQuery query =
            PrepareQuery(shape, vector.Copy(q), false, memory.Place<char>(bytes));
        EXPECT_EQ(query.table.rows, shape.CodeRows());
        EXPECT_EQ(query.table.bits, shape.code_bits);
        // Entries within what 16-bit sums hold.
        for (size_t i = 0; i < query.table.rows * 64; i++) ASSERT_LE(query.table.entries[i], 127);
    }
}

}  // namespace
}  // namespace vecx

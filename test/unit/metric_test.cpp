// The last step of the distances: clamps, zero vectors, overflow; and the check for finite arrays.

#include "core/metric.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "core/finite.h"

namespace vecx {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();

TEST(Metric, CosineSimilarityStaysWithinItsRange) {
    EXPECT_EQ(CosineSimilarity({2, 2, 2}), 1);
    EXPECT_EQ(CosineSimilarity({-2, 2, 2}), -1);
    EXPECT_EQ(CosineSimilarity({2.0001f, 2, 2}), 1);  // rounding of the sums
    EXPECT_EQ(CosineSimilarity({-2.0001f, 2, 2}), -1);
    EXPECT_DOUBLE_EQ(CosineSimilarity({1, 2, 2}), 0.5);
}

TEST(Metric, CosineSimilarityOfZeroVectorIsNaN) {
    EXPECT_TRUE(std::isnan(CosineSimilarity({0, 0, 5})));
    EXPECT_TRUE(std::isnan(CosineSimilarity({0, 0, 0})));
}

TEST(Metric, NormsAreMultipliedAsDoubles) {
    // The product of the squared norms would overflow as a float.
    EXPECT_DOUBLE_EQ(CosineSimilarity({1e38f, 1e38f, 1e38f}), 1);
}

TEST(Metric, SphericalDistanceIsPartOfPi) {
    EXPECT_EQ(SphericalDistance(1.5f), 0);
    EXPECT_DOUBLE_EQ(SphericalDistance(0), 0.5);
    EXPECT_DOUBLE_EQ(SphericalDistance(-1.5f), 1);
}

TEST(Metric, JaccardOfDisjointOrEmptySetsIsOne) {
    EXPECT_EQ(JaccardDistance({0, 0}), 1);
    EXPECT_EQ(JaccardDistance({0, 7}), 1);
    EXPECT_EQ(JaccardDistance({7, 7}), 0);
    EXPECT_DOUBLE_EQ(JaccardDistance({1, 4}), 0.75);
}

TEST(Metric, L2OfInfiniteSumIsInfinite) { EXPECT_EQ(L2(kInfinity), kInfinity); }

TEST(Finite, FindsTheOneThatIsNot) {
    for (const float culprit : {kInfinity, -kInfinity, kNaN}) {
        for (size_t count = 1; count < 40; count++) {
            std::vector<float> values(count, -3.4e38f);
            std::vector<Half> halves(count, Half{0x7bff});
            EXPECT_TRUE(AllFinite(values.data(), count));
            EXPECT_TRUE(AllFinite(halves.data(), count));
            values[count - 1] = culprit;
            halves[count - 1] = FloatToHalf(culprit);
            EXPECT_FALSE(AllFinite(values.data(), count));
            EXPECT_FALSE(AllFinite(halves.data(), count));
            EXPECT_TRUE(AllFinite(values.data(), count - 1));
        }
    }
}

}  // namespace
}  // namespace vecx

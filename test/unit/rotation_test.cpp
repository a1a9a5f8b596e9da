// The rotation keeps lengths and angles, depends on nothing but its seed, and spreads what is in
// one coordinate over all.

#include "core/rotation.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <vector>

#include "levels.h"
#include "random_vectors.h"

namespace vecx {
namespace {

// All short sizes, hence all blocks and remainders that matter, and some as users have them.
std::vector<int> Sizes() {
    std::vector<int> sizes;
    for (int n = 1; n <= 300; n++) sizes.push_back(n);
    for (int n : {784, 1536, 2000, 16000}) sizes.push_back(n);
    return sizes;
}

struct OwnedRotation {
    std::vector<float> factors;
    Rotation rotation;

    OwnedRotation(int dimensions, uint64_t seed)
        : factors(Rotation::FactorCount(dimensions)), rotation(dimensions, seed, factors.data()) {}

    std::vector<float> operator()(const std::vector<float> &in,
                                  const float *centre = nullptr) const {
        std::vector<float> out(rotation.padded());
        rotation.Apply(in.data(), centre, out.data());
        return out;
    }
};

class RotationTest : public testing::TestWithParam<SimdLevel> {
  protected:
    LevelScope level_{GetParam()};
};

INSTANTIATE_TEST_SUITE_P(Levels, RotationTest, testing::ValuesIn(AvailableLevels()),
                         [](const auto &info) { return KernelsOf(info.param)->name; });

TEST_P(RotationTest, LengthsAndInnerProductsAreKept) {
    std::minstd_rand random(1);
    for (int n : Sizes()) {
        const OwnedRotation rotate(n, n);
        ASSERT_EQ(rotate.rotation.padded(), (n + 15) / 16 * 16);
        const std::vector<float> x = GaussianVector(random, n), y = GaussianVector(random, n, 3);
        const std::vector<float> rotated_x = rotate(x), rotated_y = rotate(y);
        const double norm_x = Dot(x, x), norm_y = Dot(y, y);
        EXPECT_NEAR(Dot(rotated_x, rotated_x), norm_x, 1e-4 * norm_x) << n;
        EXPECT_NEAR(Dot(rotated_y, rotated_y), norm_y, 1e-4 * norm_y) << n;
        EXPECT_NEAR(Dot(rotated_x, rotated_y), Dot(x, y), 1e-4 * std::sqrt(norm_x * norm_y)) << n;
    }
}

// The images of all unit vectors are orthonormal: no direction is lost.
TEST_P(RotationTest, UnitVectorsStayOrthonormal) {
    for (int n : {1, 15, 16, 17, 40, 64, 100}) {
        const OwnedRotation rotate(n, 5);
        std::vector<std::vector<float>> images;
        for (int i = 0; i < n; i++) {
            std::vector<float> unit(n, 0.0f);
            unit[i] = 1;
            images.push_back(rotate(unit));
            for (int j = 0; j <= i; j++)
                ASSERT_NEAR(Dot(images[i], images[j]), i == j, 1e-5) << n << ": " << i << ' ' << j;
        }
    }
}

TEST_P(RotationTest, IsLinear) {
    std::minstd_rand random(2);
    for (int n : {3, 48, 200, 784}) {
        const OwnedRotation rotate(n, 6);
        const std::vector<float> x = GaussianVector(random, n), y = GaussianVector(random, n);
        std::vector<float> sum(n);
        for (int i = 0; i < n; i++) sum[i] = 2 * x[i] + y[i];
        const std::vector<float> rotated_x = rotate(x), rotated_y = rotate(y),
                                 rotated = rotate(sum);
        for (size_t i = 0; i < rotated.size(); i++)
            ASSERT_NEAR(rotated[i], 2 * rotated_x[i] + rotated_y[i], 1e-4) << n;
    }
}

TEST_P(RotationTest, CentreIsSubtracted) {
    std::minstd_rand random(3);
    for (int n : {1, 31, 784}) {
        const OwnedRotation rotate(n, 7);
        const std::vector<float> x = GaussianVector(random, n), centre = GaussianVector(random, n);
        std::vector<float> difference(n);
        for (int i = 0; i < n; i++) difference[i] = x[i] - centre[i];
        EXPECT_EQ(rotate(x, centre.data()), rotate(difference)) << n;
    }
}

TEST_P(RotationTest, SeedDecides) {
    std::minstd_rand random(4);
    for (int n : {1, 16, 100, 784, 16000}) {
        const std::vector<float> x = GaussianVector(random, n);
        const std::vector<float> rotated = OwnedRotation(n, 8)(x);
        EXPECT_EQ(OwnedRotation(n, 8)(x), rotated);
        const std::vector<float> other = OwnedRotation(n, 9)(x);
        EXPECT_NE(other, rotated);
        // Not the same with some signs changed, but somewhere else.
        if (n < 100) continue;
        EXPECT_LT(std::fabs(Dot(rotated, other)), 6 * Dot(x, x) / std::sqrt(n)) << n;
    }
}

// Levels add in another order and must still agree: an index is built with one and read with
// another.
TEST_P(RotationTest, LevelsAgree) {
    std::minstd_rand random(5);
    for (int n : {17, 784, 16000}) {
        const OwnedRotation rotate(n, 10);
        const std::vector<float> x = GaussianVector(random, n);
        const std::vector<float> rotated = rotate(x);
        const LevelScope scalar(SimdLevel::kScalar);
        const std::vector<float> expected = rotate(x);
        for (size_t i = 0; i < rotated.size(); i++) ASSERT_NEAR(rotated[i], expected[i], 1e-5) << n;
    }
}

// Whichever coordinate was set, each one then has its share of the energy. Signs differ in their
// places, so this is a mean over seeds.
TEST(RotationEnergyTest, OneCoordinateReachesAllEvenly) {
    constexpr int kSeeds = 200;
    for (int n : {48, 112, 208, 304, 784, 1536, 2000})
        for (int i : {0, n / 3, n / 2, n * 2 / 3, n * 3 / 4, n - 1}) {
            std::vector<float> x(n, 0.0f);
            x[i] = 1;
            std::vector<double> energy(n);
            for (int seed = 0; seed < kSeeds; seed++) {
                const std::vector<float> rotated = OwnedRotation(n, seed)(x);
                for (int j = 0; j < n; j++) energy[j] += rotated[j] * rotated[j] * n / kSeeds;
            }
            const auto [least, most] = std::minmax_element(energy.begin(), energy.end());
            EXPECT_GT(*least, 0.3) << i << " of " << n;
            EXPECT_LT(*most, 3) << i << " of " << n;
        }
}

// A random direction of n coordinates has none above sqrt(2 ln(2n) / n) by much.
TEST_P(RotationTest, OneCoordinateIsSpread) {
    for (int n : {64, 100, 128, 200, 300, 784, 1536, 2000, 16000}) {
        const OwnedRotation rotate(n, 11);
        const double padded = rotate.rotation.padded();
        const double typical = std::sqrt(2 * std::log(2 * padded) / padded);
        for (int i = 0; i < n; i += n / 8) {
            std::vector<float> x(n, 0.0f);
            x[i] = 1;
            double largest = 0;
            for (float value : rotate(x)) largest = std::max<double>(largest, std::fabs(value));
            EXPECT_LT(largest, 2 * typical) << i << " of " << n;
        }
    }
}

// The same for the direction that transforms of powers of two like to bring back to one coordinate.
TEST_P(RotationTest, ConstantVectorIsSpread) {
    for (int n : {64, 100, 128, 784, 1536, 16000}) {
        const OwnedRotation rotate(n, 12);
        const double padded = rotate.rotation.padded();
        const std::vector<float> x(n, static_cast<float>(1 / std::sqrt(n)));
        double largest = 0;
        for (float value : rotate(x)) largest = std::max<double>(largest, std::fabs(value));
        EXPECT_LT(largest, 2 * std::sqrt(2 * std::log(2 * padded) / padded)) << n;
    }
}

}  // namespace
}  // namespace vecx

// k-means: seeds, lists of even length, few distinct rows, two levels, and the search for the
// nearest centroids. Thresholds are stated with what was measured.

#include "core/kmeans.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <random>
#include <set>
#include <vector>

#include "aligned_memory.h"
#include "core/half.h"
#include "levels.h"
#include "random_vectors.h"

namespace vecx {
namespace {

struct Trained {
    std::vector<float> vectors, group;
    std::vector<uint32_t> first, assignment;
    KMeansResult result;
    Centroids centroids;
    int steps = 0;
};

std::unique_ptr<Trained> Train(const KMeansOptions &options, const std::vector<float> &rows) {
    auto trained = std::make_unique<Trained>();
    const auto n = static_cast<size_t>(options.dimensions);
    const uint32_t groups = GroupsFor(options.lists);
    trained->vectors.resize(options.lists * n);
    trained->group.resize(groups * n);
    trained->first.resize(groups + 1);
    AlignedBytes memory(KMeansBytes(options));
    KMeans kmeans(options, rows.data(), trained->vectors.data(), trained->group.data(),
                  trained->first.data(), memory.data());
    double progress = 0;
    while (kmeans.Step()) {
        EXPECT_GE(kmeans.Progress(), progress - 1e-9);
        progress = kmeans.Progress();
        trained->steps++;
    }
    EXPECT_EQ(kmeans.Progress(), 1);
    EXPECT_FALSE(kmeans.Step());
    trained->result = kmeans.result();
    trained->centroids = kmeans.centroids();
    trained->assignment.assign(kmeans.assignment(), kmeans.assignment() + options.rows);
    return trained;
}

// Rows around `clusters` points, of sizes that differ by `spread`.
std::vector<float> Clusters(size_t rows, size_t n, size_t clusters, double deviation,
                            double spread = 0) {
    std::minstd_rand random(11);
    const std::vector<float> centres = GaussianVector(random, clusters * n);
    std::vector<double> weights;
    for (size_t i = 0; i < clusters; i++)
        weights.push_back(std::exp(spread * GaussianVector(random, 1)[0]));
    std::discrete_distribution<size_t> choice(weights.begin(), weights.end());
    std::vector<float> values;
    for (size_t i = 0; i < rows; i++) {
        const size_t cluster = choice(random);
        const std::vector<float> noise = GaussianVector(random, n, deviation);
        for (size_t j = 0; j < n; j++) values.push_back(centres[cluster * n + j] + noise[j]);
    }
    return values;
}

double DistanceTo(const float *a, const float *b, size_t n) {
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += (static_cast<double>(a[i]) - b[i]) * (static_cast<double>(a[i]) - b[i]);
    return sum;
}

double CosineTo(const float *a, const float *b, size_t n) {
    double dot = 0, left = 0, right = 0;
    for (size_t i = 0; i < n; i++) {
        dot += static_cast<double>(a[i]) * b[i];
        left += static_cast<double>(a[i]) * a[i];
        right += static_cast<double>(b[i]) * b[i];
    }
    return left > 0 && right > 0 ? 1 - dot / std::sqrt(left * right) : 1;
}

TEST(KMeans, AssignsEachRowToItsNearestCentroid) {
    for (bool spherical : {false, true}) {
        const std::vector<float> rows = Clusters(3000, 20, 30, 0.4);
        const KMeansOptions options = {20, 40, 3000, spherical, 3, 1};
        const auto trained = Train(options, rows);
        double total = 0;
        for (size_t i = 0; i < 3000; i++) {
            const float *row = &rows[i * 20];
            const auto key = [&](size_t list) {
                const float *centroid = &trained->vectors[list * 20];
                return spherical ? CosineTo(row, centroid, 20) : DistanceTo(row, centroid, 20);
            };
            double best = key(0);
            for (size_t list = 1; list < 40; list++) best = std::min(best, key(list));
            EXPECT_NEAR(key(trained->assignment[i]), best, 1e-5);
            total += best;
        }
        EXPECT_NEAR(trained->result.objective, total / 3000, 1e-5);
    }
}

TEST(KMeans, CentroidsAreMeansWhenNothingMovesAnyMore) {
    const std::vector<float> rows = Clusters(1200, 8, 12, 0.05);
    KMeansOptions options = {8, 12, 1200, false, 5, 1, 30};
    options.clusters = true;
    const auto trained = Train(options, rows);
    std::vector<double> sums(12 * 8);
    std::vector<int> counts(12);
    for (size_t i = 0; i < 1200; i++) {
        const uint32_t list = trained->assignment[i];
        counts[list]++;
        for (size_t j = 0; j < 8; j++) sums[list * 8 + j] += rows[i * 8 + j];
    }
    for (size_t list = 0; list < 12; list++)
        for (size_t j = 0; j < 8; j++)
            EXPECT_NEAR(trained->vectors[list * 8 + j], sums[list * 8 + j] / counts[list], 1e-5);
    // Every cluster is found: the rest is its noise, 8 * 0.05^2.
    EXPECT_LT(trained->result.objective, 1.1 * 8 * 0.05 * 0.05);
}

// Centroids of directions are as long as their rows are, on average.
TEST(KMeans, SphericalCentroidsKeepTheLengthOfTheirRows) {
    std::vector<float> rows = Clusters(2000, 16, 10, 0.02);
    for (size_t i = 0; i < 2000; i++) {
        const float length = i % 2 == 0 ? 1 : 3;
        double norm = 0;
        for (size_t j = 0; j < 16; j++)
            norm += static_cast<double>(rows[i * 16 + j]) * rows[i * 16 + j];
        for (size_t j = 0; j < 16; j++)
            rows[i * 16 + j] *= length / static_cast<float>(std::sqrt(norm));
    }
    KMeansOptions options = {16, 10, 2000, true, 5, 1};
    options.clusters = true;
    const auto trained = Train(options, rows);
    EXPECT_LT(trained->result.objective, 0.01);
    for (size_t list = 0; list < 10; list++) {
        const float *centroid = &trained->vectors[list * 16];
        double norm = 0;
        for (size_t j = 0; j < 16; j++) norm += static_cast<double>(centroid[j]) * centroid[j];
        EXPECT_NEAR(std::sqrt(norm), 2, 0.2);
    }
}

TEST(KMeans, DoesNotDependOnThreads) {
    const std::vector<float> rows = Clusters(4000, 33, 50, 0.5, 1);
    KMeansOptions options = {33, 64, 4000, false, 9, 1};
    const auto one = Train(options, rows);
    options.threads = 3;
    const auto three = Train(options, rows);
    EXPECT_EQ(one->vectors, three->vectors);
    EXPECT_EQ(one->assignment, three->assignment);
    options.seed = 10;
    EXPECT_NE(Train(options, rows)->vectors, one->vectors);
}

// Where a quarter of the rows are one vector and most lists are empty at first.
TEST(KMeans, FewerDistinctRowsThanLists) {
    for (bool spherical : {false, true}) {
        std::minstd_rand random(3);
        const std::vector<float> distinct = GaussianVector(random, 10 * 6);
        std::vector<float> rows;
        for (size_t i = 0; i < 500; i++)
            for (size_t j = 0; j < 6; j++)
                rows.push_back(distinct[(i % 4 == 0 ? 0 : i % 10) * 6 + j]);
        const auto trained = Train({6, 40, 500, spherical, 2, 1}, rows);
        EXPECT_EQ(trained->result.filled, 10u);
        EXPECT_NEAR(trained->result.objective, 0, 1e-6);
        for (size_t i = 0; i < 500; i++)
            EXPECT_LT(DistanceTo(&rows[i * 6], &trained->vectors[trained->assignment[i] * 6], 6),
                      1e-6);
    }
}

TEST(KMeans, OneRowManyListsAndOneList) {
    const std::vector<float> row = {1, 2, 3};
    const auto many = Train({3, 5, 1, false, 1, 1}, row);
    for (size_t i = 0; i < 15; i++) EXPECT_EQ(many->vectors[i], row[i % 3]);
    EXPECT_EQ(many->result.filled, 1u);
    const std::vector<float> rows = Clusters(100, 3, 5, 1);
    const auto one = Train({3, 1, 100, false, 1, 1}, rows);
    EXPECT_EQ(one->result.largest, 100u);
    EXPECT_EQ(one->result.imbalance, 1);
}

TEST(KMeans, ZeroRows) {
    for (bool spherical : {false, true}) {
        const std::vector<float> rows(64 * 7);
        const auto trained = Train({7, 8, 64, spherical, 1, 1}, rows);
        for (float value : trained->vectors) EXPECT_EQ(value, 0);
        EXPECT_EQ(trained->result.filled, 1u);
    }
}

TEST(KMeans, HugeValuesGiveNoNaN) {
    std::minstd_rand random(3);
    const std::vector<float> rows = GaussianVector(random, 200 * 5, 1e30);
    const auto trained = Train({5, 8, 200, false, 1, 1}, rows);
    for (float value : trained->vectors) EXPECT_TRUE(std::isfinite(value));
    for (uint32_t list : trained->assignment) EXPECT_LT(list, 8u);
}

// Far from the origin the squares are 10^6 times the differences.
TEST(KMeans, FarFromTheOrigin) {
    std::vector<float> rows = Clusters(1000, 12, 10, 0.05);
    for (float &value : rows) value += 1000;
    KMeansOptions options = {12, 10, 1000, false, 4, 1};
    options.clusters = true;
    EXPECT_LT(Train(options, rows)->result.objective, 1.1 * 12 * 0.05 * 0.05);
}

TEST(KMeans, OneDimensionAndTheMost) {
    const std::vector<float> narrow = Clusters(500, 1, 5, 0.01);
    EXPECT_LT(Train({1, 20, 500, false, 4, 1}, narrow)->result.objective, 0.001);
    const std::vector<float> wide = Clusters(40, 16000, 4, 0.1);
    KMeansOptions options = {16000, 4, 40, false, 4, 1, 3};
    options.clusters = true;
    EXPECT_LT(Train(options, wide)->result.objective, 1.1 * 16000 * 0.01);
}

// Clusters of very different sizes: about 1.4 of each where one would be even. With k-means++'s
// own weights it is above 2.
TEST(KMeans, ListsAreOfEvenLength) {
    const std::vector<float> rows = Clusters(20000, 16, 40, 0.3, 1.2);
    const auto trained = Train({16, 100, 20000, false, 6, 1}, rows);
    EXPECT_LT(trained->result.imbalance, 1.7);
    EXPECT_LT(trained->result.largest, 4 * 200u);
    EXPECT_EQ(trained->result.filled, 100u);
}

TEST(KMeans, EvenListsStillFindClustersFarAway) {
    // A hundred tight clusters of sizes that differ: seeds drawn evenly alone leave a third of them
    // without a centroid, and the objective a hundred times the noise.
    const std::vector<float> rows = Clusters(20000, 32, 100, 0.01, 1);
    const auto trained = Train({32, 200, 20000, false, 6, 1}, rows);
    EXPECT_LT(trained->result.objective, 60 * 32 * 0.01 * 0.01);
}

TEST(KMeans, TwoLevels) {
    const size_t count = IsSlow() ? 6000 : 20000;
    const std::vector<float> rows = Clusters(count, 8, 500, 0.3);
    const KMeansOptions options = {8, 5000, count, false, 6, 2, 3};
    const auto trained = Train(options, rows);
    const uint32_t groups = GroupsFor(5000);
    EXPECT_EQ(groups, 71u);
    EXPECT_EQ(trained->first[0], 0u);
    EXPECT_EQ(trained->first[groups], 5000u);
    EXPECT_TRUE(std::is_sorted(trained->first.begin(), trained->first.end()));
    for (float value : trained->vectors) EXPECT_TRUE(std::isfinite(value));

    AlignedBytes memory(AssignerBytes(trained->centroids));
    const Assigner assigner(trained->centroids, memory.data());
    AlignedFloats scratch(assigner.ScratchFloats());
    std::vector<uint32_t> lists(count);
    std::vector<float> keys(count);
    assigner.Nearest(rows.data(), count, lists.data(), keys.data(), scratch.data());
    // Nearly all rows get the list that is nearest of all: 99.5 % were measured.
    size_t right = 0;
    const size_t step = 50;
    for (size_t i = 0; i < count; i += step) {
        double best = std::numeric_limits<double>::infinity();
        for (size_t list = 0; list < 5000; list++)
            best = std::min(best, DistanceTo(&rows[i * 8], &trained->vectors[list * 8], 8));
        right += keys[i] <= best + 1e-5;
        EXPECT_NEAR(DistanceTo(&rows[i * 8], &trained->vectors[lists[i] * 8], 8), keys[i], 1e-4);
    }
    EXPECT_GT(right, 0.95 * static_cast<double>(count / step));
}

class Assigning : public testing::TestWithParam<SimdLevel> {};

TEST_P(Assigning, AgreesWithKeysOfOneRow) {
    const LevelScope scope(GetParam());
    std::minstd_rand random(5);
    for (size_t n : {1, 3, 100, 384})
        for (bool spherical : {false, true}) {
            const size_t lists = 77, count = 201;
            const std::vector<float> vectors = GaussianVector(random, lists * n);
            const std::vector<float> rows = GaussianVector(random, count * n);
            const Centroids centroids = {
                static_cast<int>(n), lists, 0, vectors.data(), nullptr, nullptr, spherical};
            AlignedBytes memory(AssignerBytes(centroids));
            const Assigner assigner(centroids, memory.data());
            AlignedFloats scratch(assigner.ScratchFloats());
            std::vector<uint32_t> nearest(count);
            std::vector<float> keys(count);
            assigner.Nearest(rows.data(), count, nearest.data(), keys.data(), scratch.data());
            for (size_t i = 0; i < count; i++) {
                std::vector<float> all(lists);
                CentroidKeys(spherical ? Metric::kCosine : Metric::kL2, &rows[i * n],
                             static_cast<int>(n), vectors.data(), false, lists, n * 4, all.data());
                const float best = *std::min_element(all.begin(), all.end());
                EXPECT_NEAR(all[nearest[i]], best, 1e-5 * static_cast<double>(n));
                EXPECT_NEAR(keys[i], best, 1e-5 * static_cast<double>(n));
            }
        }
}

TEST_P(Assigning, KeysOfHalvesAndOfOtherMetrics) {
    const LevelScope scope(GetParam());
    std::minstd_rand random(5);
    for (size_t n : {1, 31, 256, 600}) {
        const std::vector<float> query = GaussianVector(random, n);
        std::vector<float> vectors = GaussianVector(random, 3 * n);
        std::vector<uint16_t> halves;
        for (float &value : vectors) {
            halves.push_back(FloatToHalf(value).bits);
            value = HalfToFloat({halves.back()});
        }
        for (Metric metric : {Metric::kL2, Metric::kInnerProduct, Metric::kCosine})
            for (bool narrow : {false, true}) {
                float keys[3];
                CentroidKeys(metric, query.data(), static_cast<int>(n),
                             narrow ? static_cast<const void *>(halves.data()) : vectors.data(),
                             narrow, 3, n * (narrow ? 2 : 4), keys);
                for (size_t i = 0; i < 3; i++) {
                    const float *vector = &vectors[i * n];
                    double expected = 0;
                    if (metric == Metric::kL2)
                        expected = DistanceTo(query.data(), vector, n);
                    else if (metric == Metric::kCosine)
                        expected = CosineTo(query.data(), vector, n);
                    else
                        for (size_t j = 0; j < n; j++)
                            expected -= static_cast<double>(query[j]) * vector[j];
                    EXPECT_NEAR(keys[i], expected, 1e-5 * static_cast<double>(n));
                }
            }
    }
    const float zero[4] = {}, one[4] = {1, 0, 0, 0};
    float key;
    CentroidKeys(Metric::kCosine, one, 4, zero, false, 1, 16, &key);
    EXPECT_EQ(key, 1);
}

INSTANTIATE_TEST_SUITE_P(Levels, Assigning, testing::ValuesIn(AvailableLevels()),
                         [](const auto &level) { return KernelsOf(level.param)->name; });

}  // namespace
}  // namespace vecx

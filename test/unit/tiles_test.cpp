// Every CPU level of the tile kernels against plain sums in double, and what is built on them.

#include "core/tiles.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>
#include <vector>

#include "aligned_memory.h"
#include "guarded_memory.h"
#include "levels.h"
#include "random_vectors.h"

namespace vecx {
namespace {

class Tiles : public testing::TestWithParam<SimdLevel> {
  protected:
    LevelScope scope_{GetParam()};
    std::minstd_rand random_{7};
    const TileKernels &kernels_ = KernelsOf(GetParam())->tiles;
};

// Floats are summed in some order: of n products of standard normals none is off by more.
double Tolerance(size_t n) { return 1e-6 * (8 + static_cast<double>(n)); }

TEST_P(Tiles, FitIntoWhatCallersReserve) {
    EXPECT_LE(kernels_.rows, kMostTileRows);
    EXPECT_LE(kernels_.panel, kMostPanel);
    EXPECT_EQ(kernels_.panel % 8, 0u);
    EXPECT_EQ(96 % kernels_.rows, 0u);
}

TEST_P(Tiles, MultiplyIsTheSumOfProducts) {
    GuardedMemory tiles, columns;
    for (size_t n : {0, 1, 2, 3, 17, 128, 300}) {
        const std::vector<float> tile = GaussianVector(random_, n * kernels_.rows);
        const std::vector<float> panel = GaussianVector(random_, n * kernels_.panel);
        AlignedFloats sums(kernels_.rows * kernels_.panel);
        for (bool add : {false, true}) {
            kernels_.multiply(tiles.Copy(tile), columns.Copy(panel), n, add, sums.data());
            for (size_t r = 0; r < kernels_.rows; r++)
                for (size_t c = 0; c < kernels_.panel; c++) {
                    double sum = 0;
                    for (size_t i = 0; i < n; i++)
                        sum += static_cast<double>(tile[i * kernels_.rows + r]) *
                               panel[i * kernels_.panel + c];
                    EXPECT_NEAR(sums.data()[r * kernels_.panel + c], (add ? 2 : 1) * sum,
                                2 * Tolerance(n));
                }
        }
    }
}

TEST_P(Tiles, NearestKeepsTheFirstOfEqualsAndNoNaN) {
    const size_t cells = kernels_.rows * kernels_.panel;
    AlignedFloats sums(cells), factors(kernels_.panel), addends(kernels_.panel), keys(cells),
        columns(cells);
    std::fill_n(factors.data(), kernels_.panel, -2.0f);
    std::fill_n(addends.data(), kernels_.panel, 1.0f);
    std::fill_n(keys.data(), cells, std::numeric_limits<float>::infinity());
    for (size_t i = 0; i < cells; i++) sums.data()[i] = static_cast<float>(i % 5);
    kernels_.nearest(sums.data(), factors.data(), addends.data(), 64, keys.data(), columns.data());
    for (size_t i = 0; i < cells; i++) {
        EXPECT_EQ(keys.data()[i], 1 - 2 * static_cast<float>(i % 5));
        EXPECT_EQ(columns.data()[i], static_cast<float>(64 + i % kernels_.panel));
    }
    // The same keys again, later: no change. A smaller one: taken. NaN: not.
    sums.data()[1] += 1;
    sums.data()[2] = std::numeric_limits<float>::quiet_NaN();
    kernels_.nearest(sums.data(), factors.data(), addends.data(), 128, keys.data(), columns.data());
    EXPECT_EQ(columns.data()[0], 64);
    EXPECT_EQ(columns.data()[1], 129);
    EXPECT_EQ(columns.data()[2], 66);
}

TEST_P(Tiles, BestIsTheFirstColumnOfTheLeastKey) {
    const size_t cells = kernels_.rows * kernels_.panel;
    AlignedFloats keys(cells), columns(cells), best_keys(kernels_.rows),
        best_columns(kernels_.rows);
    std::uniform_int_distribution<int> key(-3, 3), column(0, 1 << 20);
    for (int round = 0; round < 50; round++) {
        for (size_t i = 0; i < cells; i++) {
            keys.data()[i] = round == 0 ? std::numeric_limits<float>::infinity()
                                        : static_cast<float>(key(random_));
            columns.data()[i] = static_cast<float>(column(random_));
        }
        kernels_.best(keys.data(), columns.data(), best_keys.data(), best_columns.data());
        for (size_t r = 0; r < kernels_.rows; r++) {
            const float *row_keys = keys.data() + r * kernels_.panel;
            const float least = *std::min_element(row_keys, row_keys + kernels_.panel);
            float first = std::numeric_limits<float>::max();
            for (size_t c = 0; c < kernels_.panel; c++)
                if (row_keys[c] == least)
                    first = std::min(first, columns.data()[r * kernels_.panel + c]);
            EXPECT_EQ(best_keys.data()[r], least);
            EXPECT_EQ(best_columns.data()[r], first);
        }
    }
}

TEST_P(Tiles, ProductsAndDistancesOverColumns) {
    GuardedMemory values, panels, results;
    for (size_t n : {0, 1, 4, 7, 100})
        for (size_t width : {16, 256}) {
            const std::vector<float> x = GaussianVector(random_, n);
            const std::vector<float> columns = GaussianVector(random_, n * width);
            for (bool distances : {false, true}) {
                float *out = results.Place<float>(width);
                (distances ? kernels_.distances : kernels_.products)(
                    values.Copy(x), panels.Copy(columns), n, width, out);
                for (size_t c = 0; c < width; c++) {
                    double sum = 0;
                    for (size_t i = 0; i < n; i++) {
                        const double a = x[i], b = columns[i * width + c];
                        sum += distances ? (a - b) * (a - b) : a * b;
                    }
                    EXPECT_NEAR(out[c], sum, 3 * Tolerance(n));
                }
            }
        }
}

// Any number of columns and rows, parts of panels and tiles included; more dimensions than are
// summed at once.
TEST_P(Tiles, SearchFindsTheNearestColumn) {
    for (size_t n : {1, 5, 300, 700})
        for (size_t count : {1, 7, 33, 130}) {
            const size_t rows = 29;
            const std::vector<float> vectors = GaussianVector(random_, count * n);
            const std::vector<float> queries = GaussianVector(random_, rows * n);
            const std::vector<float> centre = GaussianVector(random_, n);
            Carver counter(nullptr);
            TakeColumns(&counter, count, n);
            const size_t tiles = (rows + kernels_.rows - 1) / kernels_.rows;
            TakeTileScratch(&counter, kernels_, tiles, n);
            AlignedBytes memory(counter.taken());
            Carver carver(memory.data());
            const Columns columns = TakeColumns(&carver, count, n);
            const TileScratch scratch = TakeTileScratch(&carver, kernels_, tiles, n);
            std::vector<const float *> pointers;
            for (size_t i = 0; i < rows; i++) pointers.push_back(queries.data() + i * n);
            uint32_t nearest[29];
            float keys[29];
            for (bool angle : {false, true}) {
                if (angle)
                    PackForAngle(columns, vectors.data(), n);
                else
                    PackForDistance(columns, vectors.data(), n, centre.data());
                PackTiles(kernels_, pointers.data(), rows, n, angle ? nullptr : centre.data(),
                          scratch.tiles);
                SearchColumns(columns, rows, scratch, nearest, keys);
                for (size_t i = 0; i < rows; i++) {
                    double best = std::numeric_limits<double>::infinity(), found = 0;
                    for (size_t c = 0; c < count; c++) {
                        double dot = 0, norm = 0, key;
                        for (size_t j = 0; j < n; j++) {
                            const double origin = angle ? 0 : centre[j];
                            const double a = queries[i * n + j] - origin;
                            const double b = vectors[c * n + j] - origin;
                            dot += a * b;
                            norm += b * b;
                        }
                        key = angle ? -dot / std::sqrt(norm) : norm - 2 * dot;
                        best = std::min(best, key);
                        if (c == nearest[i]) found = key;
                    }
                    EXPECT_NEAR(found, best, 10 * Tolerance(n)) << n << " " << count;
                    EXPECT_NEAR(keys[i], best, 10 * Tolerance(n)) << n << " " << count;
                }
            }
        }
}

INSTANTIATE_TEST_SUITE_P(Levels, Tiles, testing::ValuesIn(AvailableLevels()),
                         [](const auto &level) { return KernelsOf(level.param)->name; });

}  // namespace
}  // namespace vecx

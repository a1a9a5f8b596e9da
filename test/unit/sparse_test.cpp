// Distances and order of sparse vectors against the same vectors written out densely.

#include "core/sparse.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <vector>

namespace vecx {
namespace {

struct Sparse {
    int32_t dimensions;
    std::vector<int32_t> indices;
    std::vector<float> values;

    SparseList List() const {
        return {dimensions, static_cast<int32_t>(indices.size()), indices.data(), values.data()};
    }

    std::vector<float> Dense() const {
        std::vector<float> dense(dimensions);
        for (size_t i = 0; i < indices.size(); i++) dense[indices[i]] = values[i];
        return dense;
    }
};

Sparse Random(std::mt19937 &random, int32_t dimensions, double density) {
    Sparse sparse{dimensions, {}, {}};
    for (int32_t i = 0; i < dimensions; i++) {
        if (std::uniform_real_distribution<>()(random) >= density) continue;
        sparse.indices.push_back(i);
        // Few different values, so that comparisons meet equal ones.
        const int value = std::uniform_int_distribution<>(1, 3)(random);
        sparse.values.push_back(static_cast<float>(random() % 2 == 0 ? value : -value));
    }
    return sparse;
}

int CompareDense(const std::vector<float> &a, const std::vector<float> &b) {
    for (size_t i = 0; i < std::min(a.size(), b.size()); i++)
        if (a[i] != b[i]) return a[i] < b[i] ? -1 : 1;
    return (a.size() > b.size()) - (a.size() < b.size());
}

TEST(Sparse, DistancesEqualDenseOnes) {
    std::mt19937 random(1);
    for (int round = 0; round < 3000; round++) {
        const int32_t dimensions = 1 + static_cast<int32_t>(random() % 40);
        const Sparse a = Random(random, dimensions, (random() % 11) / 10.0);
        const Sparse b = Random(random, dimensions, (random() % 11) / 10.0);
        const std::vector<float> x = a.Dense();
        const std::vector<float> y = b.Dense();
        float l2 = 0, dot = 0, l1 = 0;  // small integers: exact
        for (int32_t i = 0; i < dimensions; i++) {
            l2 += (x[i] - y[i]) * (x[i] - y[i]);
            dot += x[i] * y[i];
            l1 += std::fabs(x[i] - y[i]);
        }
        EXPECT_EQ(SparseL2Squared(a.List(), b.List()), l2);
        EXPECT_EQ(SparseInnerProduct(a.List(), b.List()), dot);
        EXPECT_EQ(SparseL1(a.List(), b.List()), l1);
    }
}

TEST(Sparse, OrderEqualsThatOfDenseVectors) {
    std::mt19937 random(2);
    int equal = 0;
    for (int round = 0; round < 20000; round++) {
        const Sparse a = Random(random, 1 + static_cast<int32_t>(random() % 5), 0.5);
        const Sparse b = Random(random, 1 + static_cast<int32_t>(random() % 5), 0.5);
        const int order = CompareSparse(a.List(), b.List());
        EXPECT_EQ(order, CompareDense(a.Dense(), b.Dense()));
        EXPECT_EQ(CompareSparse(b.List(), a.List()), -order);
        equal += order == 0;
    }
    EXPECT_GT(equal, 100);  // the case was met
}

TEST(Sparse, EmptyListsAreZeroVectors) {
    const Sparse empty{5, {}, {}};
    const Sparse one{5, {4}, {-2}};
    EXPECT_EQ(SparseL2Squared(empty.List(), empty.List()), 0);
    EXPECT_EQ(SparseL2Squared(empty.List(), one.List()), 4);
    EXPECT_EQ(SparseL1(one.List(), empty.List()), 2);
    EXPECT_EQ(CompareSparse(empty.List(), one.List()), 1);  // 0 is more than -2
}

TEST(Sparse, AscendingIsNotAssumedForMemorySafety) {
    const Sparse wrong{5, {4, 1, 3, 3}, {1, 2, 3, 4}};
    const Sparse right{5, {0, 1, 2}, {1, 1, 1}};
    SparseL2Squared(wrong.List(), right.List());
    SparseInnerProduct(right.List(), wrong.List());
    CompareSparse(wrong.List(), right.List());
}

}  // namespace
}  // namespace vecx

// Newcomers offered to a record by distances, against the rule as written down, step by step.

#include "core/neighborhood.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <vector>

#include "graph_fixture.h"
#include "random_vectors.h"

namespace vecx {
namespace {

constexpr int kDimensions = 64;

class NeighborhoodTest : public testing::TestWithParam<int> {
  protected:
    const RecordShape shape_ = SolveShape(kDimensions, GetParam(), false, kPageCapacity);
    std::minstd_rand random_{7};
    StoredVector node_{GaussianVector(random_, kDimensions)};
    std::vector<StoredVector> vectors_;  // by id

    float Between(NodeId a, NodeId b) const {
        return Sq8Distance(vectors_[a].View(), vectors_[b].View(), shape_.padded);
    }
    float FromNode(NodeId id) const {
        return Sq8Distance(node_.View(), vectors_[id].View(), shape_.padded);
    }
    // Around the node, in a few directions or in all.
    NodeId AddVector(bool around) {
        std::vector<float> vector = node_.values;
        const std::vector<float> offset = GaussianVector(random_, kDimensions, around ? 1 : 0.3);
        for (int i = 0; i < kDimensions; i++) vector[i] += offset[i];
        if (!around) vector[random_() % 3] += 3;
        vectors_.emplace_back(vector);
        return static_cast<NodeId>(vectors_.size() - 1);
    }
    void Write(const NodeRecord &record, int slot, NodeId id) {
        SetEdge(record, slot, {{id, 3}, vectors_[id].values.data(), 0}, node_.values.data(),
                FromNode(id));
    }

    struct Expected {
        int slot = -1;
        std::vector<bool> kept;
    };
    Expected Naive(const NodeRecord &record, NodeId newcomer) const {
        const float distance = FromNode(newcomer);
        Expected expected;
        bool keep = true;
        for (int slot = 0; slot < shape_.edges; slot++) {
            expected.kept.push_back(record.IsKept(slot));
            keep = keep && !(record.Link(slot) && record.IsKept(slot) &&
                             EdgeLength(record, slot) < distance &&
                             kPruneFactor * Between(record.Ids()[slot], newcomer) < distance);
        }
        std::vector<bool> after = expected.kept;
        int filling = -1, farthest = -1;
        for (int slot = 0; slot < shape_.edges; slot++) {
            if (!record.Link(slot)) {
                if (expected.slot < 0) expected.slot = slot;
                continue;
            }
            const float length = EdgeLength(record, slot);
            if (keep && after[slot] && length > distance &&
                kPruneFactor * Between(record.Ids()[slot], newcomer) < length)
                after[slot] = false;
            if (record.IsAnchored(slot)) continue;
            if (after[slot] && (farthest < 0 || length > EdgeLength(record, farthest)))
                farthest = slot;
            if (!after[slot] && (filling < 0 || length < EdgeLength(record, filling)))
                filling = slot;
        }
        if (expected.slot < 0 && keep)
            expected.slot = filling >= 0                                               ? filling
                            : farthest >= 0 && distance < EdgeLength(record, farthest) ? farthest
                                                                                       : -1;
        if (expected.slot < 0) return expected;
        expected.kept = after;
        expected.kept[expected.slot] = keep;
        return expected;
    }
};

INSTANTIATE_TEST_SUITE_P(M, NeighborhoodTest, testing::Values(16, 100));

TEST_P(NeighborhoodTest, AgreesWithTheRule) {
    int refused = 0, kept = 0, filling = 0, demoted = 0;
    for (int repeat = 0; repeat < 60; repeat++) {
        vectors_.clear();
        const OwnedRecord owned(shape_);
        const NodeRecord &record = owned.record;
        // From empty to full; marks at random, as if the rule had known other nodes.
        for (int slot = 0; slot < shape_.edges; slot++) {
            if (static_cast<int>(random_() % 60) >= repeat) continue;
            Write(record, slot, AddVector(repeat % 2 == 0));
            record.SetKept(slot, random_() % 3 == 0);
            record.SetAnchored(slot, random_() % 6 == 0);
        }
        Neighborhood neighbors(record);
        for (int i = 0; i < shape_.edges; i++) {
            const NodeId newcomer = AddVector(repeat % 2 == 0);
            const Expected expected = Naive(record, newcomer);
            std::vector<bool> anchored;
            for (int slot = 0; slot < shape_.edges; slot++)
                anchored.push_back(record.IsAnchored(slot));
            int before = 0;
            for (int slot = 0; slot < shape_.edges; slot++) before += record.IsKept(slot);
            const int slot = neighbors.PlaceFor(
                FromNode(newcomer), [&](int of) { return Between(record.Ids()[of], newcomer); });
            ASSERT_EQ(slot, expected.slot);
            if (slot >= 0) {
                ASSERT_FALSE(record.Link(slot) && anchored[slot]);
                Write(record, slot, newcomer);
                neighbors.Put(slot, EdgeLength(record, slot));
            }
            int after = 0;
            for (int of = 0; of < shape_.edges; of++) {
                ASSERT_EQ(record.IsKept(of), expected.kept[of]) << of;
                ASSERT_EQ(record.IsAnchored(of), anchored[of] && of != slot) << of;
                after += record.IsKept(of);
            }
            refused += slot < 0;
            kept += slot >= 0 && record.IsKept(slot);
            filling += slot >= 0 && !record.IsKept(slot);
            demoted += slot >= 0 && after < before;
        }
    }
    for (int count : {refused, kept, filling, demoted}) EXPECT_GT(count, 20);
}

}  // namespace
}  // namespace vecx

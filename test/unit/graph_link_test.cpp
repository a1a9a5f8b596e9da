// The choice of edges against the rule as written down, step by step.

#include "core/graph_link.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <random>
#include <vector>

#include "graph_fixture.h"
#include "random_vectors.h"

namespace vecx {
namespace {

constexpr int kDimensions = 64;

float SquaredNorm(const std::vector<float> &a) { return static_cast<float>(Dot(a, a)); }
float Length(const std::vector<float> &a, const std::vector<float> &b) {
    return static_cast<float>(SquaredDistance(a, b));
}

// Candidates as a search gives them: around a new node, in clusters of `together`, sorted.
struct Candidates {
    std::vector<StoredVector> stored;
    std::vector<LinkCandidate> sorted;
    StoredVector node;

    Candidates(std::minstd_rand &random, int count, int together)
        : node(GaussianVector(random, kDimensions)) {
        std::vector<float> centre;
        for (int i = 0; i < count; i++) {
            if (i % together == 0) centre = GaussianVector(random, kDimensions);
            std::vector<float> vector = GaussianVector(random, kDimensions, 0.2);
            for (int j = 0; j < kDimensions; j++) vector[j] += centre[j];
            stored.emplace_back(vector);
        }
        for (int i = 0; i < count; i++)
            sorted.push_back({{static_cast<NodeId>(i), static_cast<uint8_t>(i % 7)},
                              Sq8Distance(stored[i].View(), node.View(), kDimensions),
                              stored[i].View(),
                              i % 2 == 0});  // an out parameter: whatever was there
        std::sort(sorted.begin(), sorted.end(), [](const LinkCandidate &a, const LinkCandidate &b) {
            return a.distance < b.distance;
        });
    }
};

// A candidate is kept unless a kept one is nearer to it than the node, by the factor.
std::vector<LinkCandidate> NaiveSelection(const RecordShape &shape,
                                          const std::vector<LinkCandidate> &sorted) {
    std::vector<LinkCandidate> kept, filling;
    const size_t edges = shape.edges;
    for (const LinkCandidate &candidate : sorted) {
        const bool superfluous =
            std::any_of(kept.begin(), kept.end(), [&](const LinkCandidate &other) {
                return kPruneFactor * Sq8Distance(candidate.vector, other.vector, shape.padded) <
                       candidate.distance;
            });
        (superfluous ? filling : kept).push_back(candidate);
        if (kept.size() == edges) break;
    }
    for (LinkCandidate &candidate : kept) candidate.kept = true;
    for (LinkCandidate &candidate : filling) {
        candidate.kept = false;
        if (kept.size() < edges) kept.push_back(candidate);
    }
    return kept;
}

TEST(SelectNeighborsTest, AgreesWithTheRule) {
    std::minstd_rand random(1);
    int all_kept = 0, some_filling = 0;
    for (int m : {16, 100}) {
        const RecordShape shape = SolveShape(kDimensions, m, false, kPageCapacity);
        for (int count : {0, 1, 2, 31, 32, 33, 100, 300})
            for (int together : {1, 3, 10, 1000}) {
                Candidates candidates(random, count, together);
                const std::vector<LinkCandidate> expected =
                    NaiveSelection(shape, candidates.sorted);
                std::vector<LinkCandidate> chosen = candidates.sorted;
                const int n = SelectNeighbors(shape, chosen.data(), count);
                SCOPED_TRACE(testing::Message() << count << " candidates, " << together);
                ASSERT_EQ(n, std::min(count, shape.edges));
                ASSERT_EQ(n, expected.size());
                int kept = 0;
                for (int i = 0; i < n; i++) {
                    EXPECT_EQ(chosen[i].link, expected[i].link) << i;
                    EXPECT_EQ(chosen[i].kept, expected[i].kept) << i;
                    EXPECT_EQ(chosen[i].distance, expected[i].distance) << i;
                    kept += chosen[i].kept;
                }
                (kept == n ? all_kept : some_filling)++;
                // A permutation: none lost, none twice.
                std::vector<NodeId> ids;
                for (const LinkCandidate &candidate : chosen) ids.push_back(candidate.link.id);
                std::sort(ids.begin(), ids.end());
                for (int i = 0; i < count; i++) ASSERT_EQ(ids[i], i);
            }
    }
    EXPECT_GT(all_kept, 5);
    EXPECT_GT(some_filling, 20);
}

TEST(SelectNeighborsTest, EqualVectorsFillAfterOneIsKept) {
    const RecordShape shape = SolveShape(kDimensions, 16, false, kPageCapacity);
    std::minstd_rand random(2);
    const StoredVector same(GaussianVector(random, kDimensions));
    std::vector<LinkCandidate> candidates;
    for (NodeId id = 0; id < 40; id++) candidates.push_back({{id, 0}, 10, same.View(), true});
    EXPECT_EQ(SelectNeighbors(shape, candidates.data(), 40), 32);
    for (NodeId id = 0; id < 32; id++) {
        EXPECT_EQ(candidates[id].link.id, id);
        EXPECT_EQ(candidates[id].kept, id == 0);
    }
    // All in the node's own place: nothing is nearer than 0.
    for (LinkCandidate &candidate : candidates) candidate.distance = 0;
    EXPECT_EQ(SelectNeighbors(shape, candidates.data(), 40), 32);
    for (NodeId id = 0; id < 32; id++) EXPECT_TRUE(candidates[id].kept);
}

TEST(WriteEdgesTest, WritesWhatWasChosen) {
    std::minstd_rand random(3);
    for (int count : {0, 1, 20, 32}) {
        const RecordShape shape = SolveShape(kDimensions, 16, true, kPageCapacity);
        Candidates candidates(random, count, 4);
        const int n = SelectNeighbors(shape, candidates.sorted.data(), count);
        const OwnedRecord owned(shape);
        std::vector<float> scratch(shape.padded);
        WriteEdges(owned.record, candidates.node.values.data(), candidates.sorted.data(), n,
                   scratch.data());
        for (int slot = 0; slot < shape.edges; slot++) {
            if (slot >= n) {
                EXPECT_FALSE(owned.record.Link(slot));
                EXPECT_FALSE(owned.record.IsKept(slot));
                continue;
            }
            const LinkCandidate &candidate = candidates.sorted[slot];
            EXPECT_EQ(owned.record.Link(slot), candidate.link);
            EXPECT_EQ(owned.record.IsKept(slot), candidate.kept);
            EXPECT_NEAR(EdgeLength(owned.record, slot), candidate.distance,
                        0x1p-11 * candidate.distance);
        }
        if (n == 0) continue;
        // From the node itself its neighbours look as far as they are.
        const OwnedQuery query(shape, candidates.node.values, false);
        float estimates[kEdgeBatch];
        EstimateBatch(owned.record, 0, query.query, 0, 1e30f, estimates);
        for (int slot = 0; slot < n; slot++)
            EXPECT_NEAR(estimates[slot], EdgeLength(owned.record, slot),
                        0.2 * EdgeLength(owned.record, slot));
    }
}

enum class Outcome {
    kPresent,
    kFreeKept,
    kFreeFilling,
    kFillingByKept,
    kFillingDemoted,  // it was kept until this newcomer
    kKept,
    kRefusedNotKept,
    kRefusedFarther,
    kAnchorAdded,
    kAnchorMarked,  // the edge was there
    kAnchorRefused,
};

// What ought to happen, from the record as it is before.
struct Expected {
    Outcome outcome;
    int slot = -1;    // that is written
    int marked = -1;  // that becomes an anchor
    bool kept = false;
    std::vector<bool> mask;  // after it
};

Expected NaiveOffer(const NodeRecord &record, NodeLink newcomer, const GraphQuery &query,
                    float distance, OfferKind kind) {
    const bool anchor = kind == OfferKind::kAnchor;
    const int edges = record.shape().edges;
    Expected expected;
    std::vector<float> estimates(edges), lengths(edges);
    std::vector<bool> was_kept(edges);
    for (int batch = 0; batch < record.shape().Batches(); batch++)
        EstimateBatch(record, batch, query, distance, 0, estimates.data() + batch * kEdgeBatch);
    for (int slot = 0; slot < edges; slot++) {
        lengths[slot] = EdgeLength(record, slot);
        was_kept[slot] = record.IsKept(slot);
    }
    expected.mask = was_kept;
    int anchored = 0;
    for (int slot = 0; slot < edges; slot++) anchored += record.IsAnchored(slot);
    if (anchor && anchored * 2 >= edges) {
        expected.outcome = Outcome::kAnchorRefused;
        return expected;
    }
    for (int slot = 0; slot < edges; slot++)
        if (record.Link(slot) == newcomer) {
            const bool marks = anchor && !record.IsAnchored(slot);
            expected.outcome = marks ? Outcome::kAnchorMarked : Outcome::kPresent;
            if (marks) expected.marked = slot;
            return expected;
        }
    expected.kept = true;
    for (int slot = 0; slot < edges; slot++)
        if (was_kept[slot] && lengths[slot] < distance && kPruneFactor * estimates[slot] < distance)
            expected.kept = false;
    std::vector<bool> mask = was_kept;
    for (int slot = 0; slot < edges; slot++)
        if (expected.kept && mask[slot] && lengths[slot] > distance &&
            kPruneFactor * estimates[slot] < lengths[slot])
            mask[slot] = false;
    int free = -1, filling = -1, kept = -1;
    for (int slot = edges - 1; slot >= 0; slot--) {
        if (!record.Link(slot)) {
            free = slot;
            continue;
        }
        if (record.IsAnchored(slot)) continue;
        if (mask[slot] && (kept < 0 || lengths[slot] >= lengths[kept])) kept = slot;
        if (!mask[slot] && (filling < 0 || lengths[slot] <= lengths[filling])) filling = slot;
    }
    if (anchor) {
        expected.slot = free >= 0 ? free : filling >= 0 ? filling : kept;
        expected.marked = expected.slot;
        expected.outcome = expected.slot >= 0 ? Outcome::kAnchorAdded : Outcome::kAnchorRefused;
        if (expected.slot < 0) return expected;
    } else if (free >= 0) {
        expected.outcome = expected.kept ? Outcome::kFreeKept : Outcome::kFreeFilling;
        expected.slot = free;
    } else if (filling >= 0 && expected.kept) {
        expected.outcome = was_kept[filling] ? Outcome::kFillingDemoted : Outcome::kFillingByKept;
        expected.slot = filling;
    } else if (filling < 0 && expected.kept && kept >= 0 && distance < lengths[kept]) {
        expected.outcome = Outcome::kKept;
        expected.slot = kept;
    } else {
        expected.outcome = expected.kept ? Outcome::kRefusedFarther : Outcome::kRefusedNotKept;
        return expected;
    }
    expected.mask = mask;
    expected.mask[expected.slot] = expected.kept;
    return expected;
}

class OfferEdgeTest : public testing::TestWithParam<int> {
  protected:
    const RecordShape shape_ = SolveShape(kDimensions, GetParam(), true, kPageCapacity);
    std::minstd_rand random_{4};
    std::map<Outcome, int> seen_;

    // Offers one newcomer, and compares all of the record with what is expected of it.
    void Offer(const OwnedRecord &owned, const StoredVector &node, NodeLink link,
               const std::vector<float> &vector, OfferKind kind = OfferKind::kOrdinary) {
        const NodeRecord &record = owned.record;
        const OwnedQuery query(shape_, vector, false);
        const float distance = QueryDistance(shape_, query.query, node.View());
        const Expected expected = NaiveOffer(record, link, query.query, distance, kind);
        const std::vector<uint64_t> before = owned.memory;
        std::vector<NodeLink> links;
        std::vector<float> lengths;
        std::vector<bool> anchored;
        for (int slot = 0; slot < shape_.edges; slot++) {
            anchored.push_back(record.IsAnchored(slot));
            links.push_back(record.Link(slot));
            lengths.push_back(EdgeLength(record, slot));
        }
        const EdgeResult result =
            OfferEdge(record, node.values.data(), {link, vector.data(), SquaredNorm(vector)},
                      query.query, distance, kind);
        seen_[expected.outcome]++;
        const bool refused = expected.outcome == Outcome::kRefusedFarther ||
                             expected.outcome == Outcome::kRefusedNotKept ||
                             expected.outcome == Outcome::kAnchorRefused;
        ASSERT_EQ(result, refused                                 ? EdgeResult::kRefused
                          : expected.outcome == Outcome::kPresent ? EdgeResult::kPresent
                                                                  : EdgeResult::kAdded);
        if (expected.slot < 0 && expected.marked < 0) {
            ASSERT_EQ(owned.memory, before);
        }
        for (int slot = 0; slot < shape_.edges; slot++) {
            ASSERT_EQ(record.IsKept(slot), expected.mask[slot]) << slot;
            const bool written = slot == expected.slot;
            ASSERT_EQ(record.Link(slot), written ? link : links[slot]) << slot;
            ASSERT_EQ(record.IsAnchored(slot),
                      slot == expected.marked || (anchored[slot] && !written))
                << slot;
            const float length = written ? distance : lengths[slot];
            ASSERT_NEAR(EdgeLength(record, slot), length, 0x1p-10 * length) << slot;
        }
    }
};

INSTANTIATE_TEST_SUITE_P(M, OfferEdgeTest, testing::Values(16, 100));

// Newcomers in clusters, at distances that shrink in waves: everything happens.
TEST_P(OfferEdgeTest, AgreesWithTheRule) {
    for (int repeat = 0; repeat < 60; repeat++) {
        const StoredVector node(GaussianVector(random_, kDimensions));
        const OwnedRecord owned(shape_);
        // Either all around, so that nearly all are kept, or in a few directions.
        const bool around = repeat % 2 == 0;
        std::vector<std::vector<float>> directions;
        for (int i = 0; i < 6; i++) directions.push_back(GaussianVector(random_, kDimensions));
        for (NodeId id = 0; id < 4u * shape_.edges; id++) {
            const double size = 0.3 + 0.7 * std::cos(id * 0.05) * std::cos(id * 0.05);
            std::vector<float> vector = node.values;
            const std::vector<float> offset =
                GaussianVector(random_, kDimensions, around ? size : 0.3 * size);
            const std::vector<float> &direction = directions[random_() % directions.size()];
            for (int i = 0; i < kDimensions; i++) {
                vector[i] += offset[i];
                if (!around) vector[i] += static_cast<float>(size) * direction[i];
            }
            // One in ten comes again, with another generation or the same.
            const NodeId known = id % 10 == 9 ? random_() % id : id;
            Offer(owned, node, {known, static_cast<uint8_t>(id % 20 == 19)}, vector);
            if (HasFatalFailure()) return;
        }
    }
    for (Outcome outcome :
         {Outcome::kPresent, Outcome::kFreeKept, Outcome::kFreeFilling, Outcome::kFillingByKept,
          Outcome::kFillingDemoted, Outcome::kRefusedNotKept})
        EXPECT_GT(seen_[outcome], 3) << static_cast<int>(outcome);
}

// Anchors among the others: half of the slots at most, never given up.
TEST_P(OfferEdgeTest, AnchorsStay) {
    for (int repeat = 0; repeat < 20; repeat++) {
        const StoredVector node(GaussianVector(random_, kDimensions));
        const OwnedRecord owned(shape_);
        for (NodeId id = 0; id < 4u * shape_.edges; id++) {
            const double size = 1.2 - 0.2 / shape_.edges * id;  // ever nearer: others must go
            std::vector<float> vector = node.values;
            const std::vector<float> offset = GaussianVector(random_, kDimensions, size);
            for (int i = 0; i < kDimensions; i++) vector[i] += offset[i];
            const bool anchor = random_() % (2 + repeat) == 0;
            const NodeId known = id % 10 == 9 ? random_() % id : id;
            Offer(owned, node, {known, 0}, vector,
                  anchor ? OfferKind::kAnchor : OfferKind::kOrdinary);
            if (HasFatalFailure()) return;
        }
    }
    for (Outcome outcome : {Outcome::kAnchorAdded, Outcome::kAnchorMarked, Outcome::kAnchorRefused})
        EXPECT_GT(seen_[outcome], 3) << static_cast<int>(outcome);
}

// All edges kept: only a nearer one that is kept itself gets in, for the farthest.
TEST_P(OfferEdgeTest, FullOfKeptEdges) {
    const StoredVector node(GaussianVector(random_, kDimensions, 0.01));
    const OwnedRecord owned(shape_);
    for (NodeId id = 0; id < static_cast<NodeId>(shape_.edges); id++) {
        const std::vector<float> vector = GaussianVector(random_, kDimensions);
        SetEdge(owned.record, id, {{id, 0}, vector.data(), SquaredNorm(vector)}, node.values.data(),
                Length(vector, node.values));
        owned.record.SetKept(id, true);
    }
    for (NodeId id = 1000; id < 1400; id++) {
        // Their lengths spread around those of the others; slowly nearer.
        const double size = 1.2 - (id - 1000) * 0.001;
        Offer(owned, node, {id, 0}, GaussianVector(random_, kDimensions, size));
        if (HasFatalFailure()) return;
    }
    EXPECT_GT(seen_[Outcome::kKept], 3);
    EXPECT_GT(seen_[Outcome::kRefusedFarther], 3);
}

TEST_P(OfferEdgeTest, EqualVectorsFillTheRecordAndNoMore) {
    const StoredVector node(GaussianVector(random_, kDimensions));
    const OwnedRecord owned(shape_);
    for (NodeId id = 0; id < 2u * shape_.edges; id++) {
        Offer(owned, node, {id, 0}, node.values);
        if (HasFatalFailure()) return;
    }
    for (int slot = 0; slot < shape_.edges; slot++) EXPECT_TRUE(owned.record.Link(slot));
}

}  // namespace
}  // namespace vecx

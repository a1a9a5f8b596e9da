// The pool against one that keeps everything, the set of visited nodes, and searches of small
// graphs.

#include "core/graph_search.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <set>
#include <vector>

#include "graph_fixture.h"
#include "random_vectors.h"

namespace vecx {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();

struct OwnedPool {
    std::vector<Candidate> memory;
    Pool pool;

    // Candidates beyond the pool's own memory must survive.
    explicit OwnedPool(int width)
        : memory(Pool::Slots(width) + 1, {0.5f, 77, 7, true}), pool(memory.data(), width) {}
    bool IsIntact() const { return memory.back().key == 0.5f && memory.back().id == 77; }
};

// Everything that was pushed. The search is over when the `width` smallest are all taken.
class NaivePool {
  public:
    explicit NaivePool(int width) : width_(width) {}

    void Push(float key) {
        if (key < kInfinity) left_.insert(key);
    }
    bool Take(float *key) {
        if (left_.empty()) return false;
        *key = *left_.begin();
        const auto nearer = std::distance(taken_.begin(), taken_.upper_bound(*key));
        if (nearer >= width_) return false;
        left_.erase(left_.begin());
        taken_.insert(*key);
        return true;
    }

  private:
    long width_;
    std::multiset<float> left_, taken_;
};

class PoolTest : public testing::Test {
  protected:
    std::minstd_rand random_{1};

    // Bursts of pushes, as records bring them, and a few takes after each; `key` makes keys.
    template <class Key>
    void Compare(int width, int most, Key key) {
        SCOPED_TRACE(testing::Message() << "width " << width << ", bursts of " << most);
        OwnedPool owned(width);
        Pool &pool = owned.pool;
        NaivePool naive(width);
        std::vector<float> keys;  // by id
        float bound = kInfinity;
        std::vector<bool> taken;
        int idle = 0;
        for (int round = 0; round < 2000 && idle < 20; round++) {
            const int burst = static_cast<int>(random_() % (most + 1));
            for (int i = 0; i < burst; i++) {
                const auto id = static_cast<NodeId>(keys.size());
                keys.push_back(key(round));
                taken.push_back(false);
                pool.Push(keys.back(), {id, static_cast<uint8_t>(id % 251)});
                naive.Push(keys.back());
                ASSERT_LE(pool.Bound(), bound);  // what was too far stays so
                bound = pool.Bound();
            }
            for (int takes = 1 + random_() % 3; takes > 0; takes--) {
                Candidate candidate;
                float expected;
                const bool more = naive.Take(&expected);
                ASSERT_EQ(pool.Take(&candidate), more) << round << ", " << expected;
                idle = more ? 0 : idle + 1;
                if (!more) break;
                ASSERT_EQ(candidate.key, expected) << round;
                ASSERT_LT(candidate.id, keys.size());
                ASSERT_EQ(candidate.key, keys[candidate.id]);
                ASSERT_EQ(candidate.generation, candidate.id % 251);
                ASSERT_FALSE(taken[candidate.id]);
                taken[candidate.id] = true;
            }
        }
        ASSERT_TRUE(owned.IsIntact());
    }
};

TEST_F(PoolTest, EmptyPool) {
    for (int width : {1, 8, 100}) {
        OwnedPool owned(width);
        Candidate candidate;
        EXPECT_FALSE(owned.pool.Take(&candidate));
        EXPECT_EQ(owned.pool.Bound(), kInfinity);
        EXPECT_EQ(owned.pool.width(), width);
    }
}

TEST_F(PoolTest, InfinityAndNaNAreNotTaken) {
    OwnedPool owned(3);
    owned.pool.Push(kInfinity, {1, 0});
    owned.pool.Push(kNaN, {2, 0});
    Candidate candidate;
    EXPECT_FALSE(owned.pool.Take(&candidate));
    owned.pool.Push(-kInfinity, {3, 9});
    owned.pool.Push(kNaN, {4, 0});
    owned.pool.Push(-0.0f, {5, 1});
    ASSERT_TRUE(owned.pool.Take(&candidate));
    EXPECT_EQ(candidate.Link(), (NodeLink{3, 9}));
    ASSERT_TRUE(owned.pool.Take(&candidate));
    EXPECT_EQ(candidate.Link(), (NodeLink{5, 1}));
    EXPECT_FALSE(owned.pool.Take(&candidate));
}

TEST_F(PoolTest, WidthEndsTheSearch) {
    OwnedPool owned(2);
    for (NodeId id = 0; id < 10; id++) owned.pool.Push(static_cast<float>(id), {id, 0});
    Candidate candidate;
    EXPECT_TRUE(owned.pool.Take(&candidate));
    EXPECT_TRUE(owned.pool.Take(&candidate));
    EXPECT_FALSE(owned.pool.Take(&candidate));
    // What is nearer than the last of them still counts.
    owned.pool.Push(0.5f, {20, 0});
    ASSERT_TRUE(owned.pool.Take(&candidate));
    EXPECT_EQ(candidate.id, 20);
    EXPECT_FALSE(owned.pool.Take(&candidate));
}

TEST_F(PoolTest, RandomKeys) {
    std::uniform_real_distribution<float> uniform(0, 1);
    for (int width : {1, 2, 3, 8, 16, 17, 40, 68, 100, 300})
        for (int most : {1, 5, 32, 64, 224})
            Compare(width, most, [&](int) { return uniform(random_); });
}

// On the way to the query keys fall, once there they stay.
TEST_F(PoolTest, FallingKeys) {
    std::uniform_real_distribution<float> uniform(0, 1);
    for (int width : {1, 8, 40, 68, 300})
        for (int most : {5, 32, 224})
            Compare(width, most, [&](int round) {
                return uniform(random_) + static_cast<float>(std::max(0, 60 - round));
            });
}

// One record whose neighbours are all nearer than anything before, more of them than the pool has
// room for, when the search was almost over; and nothing near after that.
TEST_F(PoolTest, PlungingKeys) {
    std::uniform_real_distribution<float> uniform(0, 1);
    for (int width : {8, 40, 100})
        for (int most : {32, 224})
            for (int first : {0, 5, 20})
                for (int second = first + 1; second < 80; second += 3)
                    Compare(width, most, [&](int round) {
                        if (round == second) return uniform(random_);
                        return uniform(random_) + (round < first ? 200.0f : 100.0f);
                    });
}

TEST_F(PoolTest, RisingKeys) {
    std::uniform_real_distribution<float> uniform(0, 1);
    for (int width : {1, 8, 40, 300})
        for (int most : {5, 32, 224})
            Compare(width, most, [&](int round) { return uniform(random_) + 0.1f * round; });
}

TEST_F(PoolTest, FewDifferentKeys) {
    for (int width : {1, 8, 40, 100})
        for (int most : {5, 32, 224})
            Compare(width, most, [&](int) { return static_cast<float>(random_() % 7); });
}

// Inner products: any sign.
TEST_F(PoolTest, NegativeKeys) {
    std::normal_distribution<float> normal(-1000, 500);
    for (int width : {1, 8, 68}) Compare(width, 32, [&](int) { return normal(random_); });
}

TEST(VisitedSetTest, AgreesWithASet) {
    std::minstd_rand random(2);
    for (size_t slots : {2, 4, 64, 1024}) {
        std::vector<NodeId> memory(slots + 1, 12345);
        VisitedSet visited(memory.data(), slots);
        EXPECT_EQ(visited.capacity(), slots);
        for (int repeat = 0; repeat < 3; repeat++) {
            std::set<NodeId> naive;
            // Up to one that stays free; few different ids and ids from everywhere.
            while (naive.size() < slots - 1) {
                const NodeId id = repeat == 0 ? random() % (2 * slots) : random() * 31u % kNoNode;
                EXPECT_EQ(visited.Contains(id), naive.count(id) == 1);
                EXPECT_EQ(visited.Add(id), naive.insert(id).second);
                EXPECT_TRUE(visited.Contains(id));
                EXPECT_EQ(visited.count(), naive.size());
                EXPECT_EQ(visited.IsCrowded(), naive.size() * 2 > slots - 1);
            }
            for (NodeId id = 0; id < 2 * slots; id++)
                EXPECT_EQ(visited.Contains(id), naive.count(id) == 1);
            visited.Clear();
            EXPECT_EQ(visited.count(), 0);
            for (NodeId id : naive) EXPECT_FALSE(visited.Contains(id));
        }
        EXPECT_EQ(memory.back(), 12345);
    }
}

// Ids that all want one place, among them the last, where the search for a place goes around.
TEST(VisitedSetTest, CollidingIds) {
    constexpr size_t kSlots = 16;
    for (size_t first = 0; first < kSlots; first++) {
        std::vector<NodeId> colliding;
        for (NodeId id = 0; colliding.size() < kSlots - 1; id++) {
            NodeId memory[kSlots];
            VisitedSet alone(memory, kSlots);
            alone.Add(id);
            if (memory[first] == id) colliding.push_back(id);
        }
        NodeId memory[kSlots];
        VisitedSet visited(memory, kSlots);
        for (NodeId id : colliding) {
            EXPECT_FALSE(visited.Contains(id));
            EXPECT_TRUE(visited.Add(id));
        }
        for (NodeId id : colliding) {
            EXPECT_TRUE(visited.Contains(id));
            EXPECT_FALSE(visited.Add(id));
        }
        EXPECT_EQ(visited.count(), colliding.size());
    }
}

TEST(VisitedSetTest, GoesOnElsewhere) {
    std::minstd_rand random(3);
    std::vector<NodeId> small(64), large(256), larger(1024);
    VisitedSet visited(small.data(), small.size());
    std::set<NodeId> naive;
    const auto fill = [&](size_t count) {
        while (naive.size() < count) {
            const NodeId id = random() % 5000;
            EXPECT_EQ(visited.Add(id), naive.insert(id).second);
        }
        EXPECT_EQ(visited.count(), count);
        for (NodeId id = 0; id < 5000; id++)
            ASSERT_EQ(visited.Contains(id), naive.count(id) == 1) << id;
    };
    fill(33);
    EXPECT_TRUE(visited.IsCrowded());
    visited.MoveTo(large.data(), large.size());
    std::fill(small.begin(), small.end(), kNoNode);  // is not looked at again
    EXPECT_FALSE(visited.IsCrowded());
    EXPECT_EQ(visited.capacity(), 256);
    fill(200);
    visited.MoveTo(larger.data(), larger.size());
    fill(500);
    // One that another filled.
    const VisitedSet found(larger.data(), larger.size(), 500);
    for (NodeId id : naive) EXPECT_TRUE(found.Contains(id));
    EXPECT_EQ(found.count(), 500);
}

// A graph by hand: keys of the nodes and their neighbours.
struct HandMade {
    struct Node {
        float key;
        std::vector<NodeId> neighbors;
        uint8_t generation = 0;
    };
    std::vector<Node> nodes;
    std::vector<NodeId> expanded, prefetched;
    std::vector<float> bounds;
};

struct HandMadeStore {
    HandMade *graph;

    bool Expand(NodeLink link, float bound, Expansion *expansion) {
        const HandMade::Node &node = graph->nodes[link.id];
        graph->expanded.push_back(link.id);
        graph->bounds.push_back(bound);
        if (node.generation != link.generation) return false;
        *expansion = {};
        expansion->key = expansion->distance = node.key;
        for (NodeId id : node.neighbors) {
            const float key = graph->nodes[id].key;
            if (key < bound) expansion->neighbors[expansion->count++] = {key, id, 0, false};
        }
        return true;
    }
    void Prefetch(NodeLink link) { graph->prefetched.push_back(link.id); }
};
static_assert(GraphStore<HandMadeStore>);

// The nodes that a search visits, in their order.
std::vector<NodeId> Search(HandMade *graph, int width, const std::vector<NodeLink> &starts,
                           size_t slots = 1024) {
    OwnedPool owned(width);
    std::vector<NodeId> memory(slots);
    VisitedSet visited(memory.data(), slots);
    for (NodeLink start : starts) owned.pool.Push(graph->nodes[start.id].key, start);
    HandMadeStore store = {graph};
    Expansion expansion;
    std::vector<NodeId> found;
    graph->expanded.clear();
    graph->prefetched.clear();
    graph->bounds.clear();
    SearchGraph(store, owned.pool, visited, &expansion, [&](const Expansion &of) {
        EXPECT_EQ(of.key, graph->nodes[of.link.id].key);
        found.push_back(of.link.id);
    });
    // Each node once, after it was asked for.
    EXPECT_EQ(std::set<NodeId>(graph->expanded.begin(), graph->expanded.end()).size(),
              graph->expanded.size());
    EXPECT_EQ(graph->prefetched, graph->expanded);
    EXPECT_TRUE(owned.IsIntact());
    return found;
}

// 0 - 1 - 2 - ... - 19, keys falling towards 19.
HandMade Chain() {
    HandMade graph;
    for (NodeId id = 0; id < 20; id++) {
        graph.nodes.push_back({static_cast<float>(100 - id), {}});
        if (id > 0) graph.nodes[id].neighbors.push_back(id - 1);
        if (id < 19) graph.nodes[id].neighbors.push_back(id + 1);
    }
    return graph;
}

TEST(SearchGraphTest, FollowsAChain) {
    HandMade graph = Chain();
    std::vector<NodeId> all;
    for (NodeId id = 0; id < 20; id++) all.push_back(id);
    for (int width : {1, 2, 8, 100}) {
        EXPECT_EQ(Search(&graph, width, {{0, 0}}), all) << width;
        EXPECT_EQ(graph.bounds[0], kInfinity);
    }
    // From the end a narrow search does not walk away.
    EXPECT_LE(Search(&graph, 2, {{19, 0}}).size(), 4);
    EXPECT_EQ(Search(&graph, 100, {{19, 0}}).size(), 20);
}

TEST(SearchGraphTest, NothingToStartFrom) {
    HandMade graph = Chain();
    EXPECT_TRUE(Search(&graph, 8, {}).empty());
}

TEST(SearchGraphTest, StaleLinksLeadNowhere) {
    HandMade graph = Chain();
    graph.nodes[10].generation = 1;  // freed and used again
    const std::vector<NodeId> found = Search(&graph, 8, {{0, 0}});
    EXPECT_EQ(found, (std::vector<NodeId>{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}));
    EXPECT_EQ(graph.expanded.back(), 10);
    // Another way around it.
    graph.nodes[9].neighbors.push_back(11);
    EXPECT_EQ(Search(&graph, 8, {{0, 0}}).size(), 19);
    // Only stale ones to start from.
    EXPECT_TRUE(Search(&graph, 8, {{10, 0}}).empty());
    EXPECT_EQ(Search(&graph, 8, {{10, 0}, {0, 0}}).size(), 19);
}

TEST(SearchGraphTest, SameNodeFromManySidesIsExpandedOnce) {
    HandMade graph;
    for (NodeId id = 0; id < 30; id++) {
        graph.nodes.push_back({static_cast<float>(id * 7 % 30), {}});
        for (NodeId other = 0; other < 30; other++) graph.nodes[id].neighbors.push_back(other);
    }
    std::vector<NodeId> found = Search(&graph, 2000, {{4, 0}, {4, 0}, {5, 0}});
    std::sort(found.begin(), found.end());
    EXPECT_EQ(found.size(), 30);
}

TEST(SearchGraphTest, CrowdedSetEndsTheSearch) {
    HandMade graph = Chain();
    for (size_t slots : {2, 4, 8, 16, 32}) {
        const size_t found = Search(&graph, 100, {{0, 0}}, slots).size();
        EXPECT_EQ(found, std::min<size_t>(20, slots / 2));
    }
}

// A wide search finds the nearest of random graphs if they are connected.
TEST(SearchGraphTest, FindsTheNearest) {
    std::minstd_rand random(4);
    for (int repeat = 0; repeat < 50; repeat++) {
        HandMade graph;
        const NodeId n = 200;
        for (NodeId id = 0; id < n; id++) {
            graph.nodes.push_back({static_cast<float>(random() % 100000), {}});
            graph.nodes[id].neighbors.push_back((id + 1) % n);
            for (int i = 0; i < 4; i++) graph.nodes[id].neighbors.push_back(random() % n);
        }
        std::vector<NodeId> found = Search(&graph, 1000, {{0, 0}});
        EXPECT_EQ(found.size(), n);
        // Of a narrow one, each bound holds: nothing that is visited was out of bounds.
        found = Search(&graph, 10, {{0, 0}});
        EXPECT_GE(found.size(), 10);
        std::vector<float> keys;
        for (NodeId id : found) keys.push_back(graph.nodes[id].key);
        std::nth_element(keys.begin(), keys.begin() + 9, keys.end());
        EXPECT_LT(keys[9], 50000);
    }
}

// Real records: what an expansion says of one.
TEST(ExpandRecordTest, SaysWhatTheRecordSays) {
    std::minstd_rand random(5);
    const RecordShape shape = SolveShape(128, 100, true, kPageCapacity);
    const OwnedRecord owned(shape);
    const NodeRecord &record = owned.record;
    const std::vector<float> own = GaussianVector(random, 128);
    const StoredVector node(own);
    Sq8Parameters parameters = node.parameters;
    parameters.excess = 30;
    record.SetOwn(parameters);
    memcpy(record.Own(), node.codes.data(), node.codes.size());
    record.header().row = {1, 2, 3};
    record.header().SetNext({44, 5});
    std::vector<std::vector<float>> neighbors;
    for (int slot = 0; slot < shape.edges; slot++) {
        neighbors.push_back(GaussianVector(random, 128));
        if (slot % 5 == 0) continue;  // free
        const std::vector<float> &x = neighbors.back();
        SetEdge(record, slot,
                {{static_cast<NodeId>(slot), static_cast<uint8_t>(slot)},
                 x.data(),
                 static_cast<float>(Dot(x, x))},
                node.values.data(), static_cast<float>(SquaredDistance(x, node.values)));
    }
    for (bool inner_product : {false, true}) {
        const OwnedQuery query(shape, GaussianVector(random, 128), inner_product);
        Expansion expansion;
        ExpandRecord(record, record.OwnVector(), query.query, kInfinity, &expansion);
        const double distance = SquaredDistance(query.rotated, own);
        EXPECT_NEAR(expansion.distance, distance, 0.01 * distance);
        EXPECT_NEAR(expansion.key, distance - (inner_product ? 30 : 0), 0.01 * distance);
        EXPECT_EQ(expansion.error, node.parameters.error);
        EXPECT_TRUE(expansion.live);
        EXPECT_EQ(expansion.row, (RowId{1, 2, 3}));
        EXPECT_EQ(expansion.next, (NodeLink{44, 5}));
        ASSERT_EQ(expansion.count, shape.edges - (shape.edges + 4) / 5);
        std::vector<float> keys;
        for (int i = 0; i < expansion.count; i++) {
            const Candidate &neighbor = expansion.neighbors[i];
            EXPECT_NE(neighbor.id % 5, 0);
            EXPECT_EQ(neighbor.generation, neighbor.id);
            const std::vector<float> &x = neighbors[neighbor.id];
            EXPECT_NEAR(neighbor.key,
                        SquaredDistance(query.rotated, x) - (inner_product ? Dot(x, x) : 0), 150);
            keys.push_back(neighbor.key);
        }
        // Bounds leave out the others and change nothing.
        std::sort(keys.begin(), keys.end());
        ExpandRecord(record, record.OwnVector(), query.query, keys[50], &expansion);
        EXPECT_EQ(expansion.count, 50);
        for (int i = 0; i < expansion.count; i++) EXPECT_LT(expansion.neighbors[i].key, keys[50]);
        ExpandRecord(record, record.OwnVector(), query.query, -kInfinity, &expansion);
        EXPECT_EQ(expansion.count, 0);
    }
    record.header().flags = kTombstone;
    const OwnedQuery query(shape, own, false);
    Expansion expansion;
    ExpandRecord(record, record.OwnVector(), query.query, kInfinity, &expansion);
    EXPECT_FALSE(expansion.live);
    EXPECT_GT(expansion.count, 0);  // still passed through
}

// An edge may be the only one to its end: who wants all neighbours gets those, too, whose estimates
// are no numbers.
TEST(ExpandRecordTest, LosesNoNeighborWithoutABound) {
    std::minstd_rand random(6);
    const RecordShape shape = SolveShape(16, 16, false, kPageCapacity);
    const OwnedRecord owned(shape);
    const NodeRecord &record = owned.record;
    const StoredVector node(GaussianVector(random, 16));
    record.SetOwn(node.parameters);
    memcpy(record.Own(), node.codes.data(), node.codes.size());
    for (int slot = 0; slot < 20; slot++) {
        const std::vector<float> x = GaussianVector(random, 16);
        SetEdge(record, slot, {{static_cast<NodeId>(slot), 0}, x.data(), 0}, node.values.data(),
                static_cast<float>(SquaredDistance(x, node.values)));
    }
    constexpr uint16_t kInfiniteHalf = 0x7c00, kNoHalf = 0x7e00;
    record.Addends()[3] = kInfiniteHalf;
    record.Addends()[7] = kNoHalf;
    const OwnedQuery query(shape, GaussianVector(random, 16), false);
    Expansion expansion;
    ExpandRecord(record, record.OwnVector(), query.query, kInfinity, &expansion);
    EXPECT_EQ(expansion.count, 20);
    for (int i = 0; i < expansion.count; i++) {
        const Candidate &neighbor = expansion.neighbors[i];
        EXPECT_LT(neighbor.key, kInfinity);
        EXPECT_EQ(neighbor.key == std::numeric_limits<float>::max(),
                  neighbor.id == 3 || neighbor.id == 7);
    }
    ExpandRecord(record, record.OwnVector(), query.query, 1e30f, &expansion);
    EXPECT_EQ(expansion.count, 18);
}

// Whatever the bytes, no NaN comes out, and the neighbours fit.
TEST(ExpandRecordTest, DamagedRecords) {
    std::minstd_rand random(6);
    const RecordShape shape = SolveShape(128, 100, true, kPageCapacity);
    const OwnedQuery query(shape, GaussianVector(random, 128), false);
    const OwnedQuery product(shape, query.rotated, true);
    OwnedRecord owned(shape);
    for (int repeat = 0; repeat < 300; repeat++) {
        for (uint64_t &word : owned.memory) word = random() | static_cast<uint64_t>(random()) << 33;
        Expansion expansion;
        for (const GraphQuery &of : {query.query, product.query}) {
            ExpandRecord(owned.record, owned.record.OwnVector(), of, kInfinity, &expansion);
            EXPECT_FALSE(std::isnan(expansion.distance));
            EXPECT_FALSE(std::isnan(expansion.key));
            ASSERT_LE(expansion.count, kMaxEdges);
            for (int i = 0; i < expansion.count; i++)
                EXPECT_LT(expansion.neighbors[i].key, kInfinity);
        }
    }
}

}  // namespace
}  // namespace vecx

// Whole graphs: what searches find in them, and that they are the same however they were built.

#include "core/graph_builder.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <memory>
#include <random>
#include <set>
#include <vector>

#include "core/kernels.h"
#include "graph_fixture.h"
#include "levels.h"
#include "random_vectors.h"

namespace vecx {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr int kNearest = 10;

// Graphs of fewer rows where code is slow, for the tests to end in minutes.
int Rows(int n) { return IsSlow() ? n / 5 : n; }

using Data = std::vector<std::vector<float>>;

RowId RowOf(size_t i) { return {static_cast<uint16_t>(i >> 16), static_cast<uint16_t>(i), 1}; }
size_t IndexOf(RowId row) { return static_cast<size_t>(row.block_high) << 16 | row.block_low; }

// A builder, its memory, and searches of what it built.
class Graph {
  public:
    Graph(int dimensions, int m, int threads, bool has_excesses = false, int ef = 100,
          uint64_t seed = 42)
        : shape_(SolveShape(dimensions, m, has_excesses, kPageCapacity)),
          factors_(Rotation::FactorCount(dimensions)),
          rotation_(dimensions, 7, factors_.data()),
          builder_({shape_, ef, threads, seed, static_cast<int>(dimensions * sizeof(float)),
                    &Graph::Allocate, &Graph::Allocate, &memory_},
                   rotation_) {}

    bool Add(const std::vector<float> &vector, size_t row, bool shortened = false) {
        const float excess = shape_.has_excesses ? ActiveKernels().f32.inner_product(
                                                       vector.data(), vector.data(), vector.size())
                                                 : 0;
        return builder_.Add(vector.data(), shortened, excess, RowOf(row), vector.data());
    }
    void Finish() {
        while (builder_.Step()) {
        }
    }
    void Build(const Data &data) {
        for (size_t i = 0; i < data.size(); i++)
            if (Add(data[i], i)) Finish();
        builder_.Flush();
        Finish();
    }

    const RecordShape &shape() const { return shape_; }
    GraphBuilder &builder() { return builder_; }

    Sq8View Own(NodeId id) const {
        const NodeRecord record = builder_.Record(id);
        return record.OwnVector(shape_.own_inside
                                    ? record.Own()
                                    : reinterpret_cast<const uint8_t *>(builder_.Cold(id)));
    }

    // The nodes that a search expands, nearest first by the vectors as quantized. As a scan does,
    // it descends again where it has ended far away.
    std::vector<NodeId> Search(const std::vector<float> &vector, bool inner_product, int ef) {
        std::vector<NodeId> ids = SearchFrom(vector, inner_product, ef, kDescentWidth);
        if (inner_product || ids.empty()) return ids;
        if (IsFar(builder_.Record(ids[0]), nearest_))
            return SearchFrom(vector, inner_product, ef, kWideDescentWidth);
        return ids;
    }
    std::vector<NodeId> SearchFrom(const std::vector<float> &vector, bool inner_product, int ef,
                                   int descent_width) {
        std::vector<float> rotated(shape_.padded);
        rotation_.Apply(vector.data(), nullptr, rotated.data());
        const OwnedQuery query(shape_, rotated, inner_product);
        std::vector<std::pair<float, NodeId>> found;
        std::vector<Candidate> starts;
        if (const NodeLink entry = builder_.entry())
            starts.push_back({-kInfinity, entry.id, entry.generation, false});
        for (int level = builder_.entry_level(); level >= 0; level--) {
            const int width = level == 0 ? SearchWidthFor(shape_, ef) : descent_width;
            std::vector<Candidate> pool_memory(Pool::Slots(width));
            Pool pool(pool_memory.data(), width);
            std::vector<NodeId> visited_memory(VisitedSlotsFor(width));
            VisitedSet visited(visited_memory.data(), visited_memory.size());
            for (const Candidate &start : starts) pool.Push(start.key, start.Link());
            Store store = {this, &query.query};
            Expansion expansion;
            found.clear();
            SearchGraph(store, pool, visited, &expansion,
                        [&](const Expansion &of) { found.emplace_back(of.key, of.link.id); });
            std::sort(found.begin(), found.end());
            starts.clear();
            for (size_t i = 0; level > 0 && i < found.size() && i < 4; i++) {
                const NodeLink below = builder_.Record(found[i].second).header().Next();
                starts.push_back({found[i].first, below.id, below.generation, false});
            }
        }
        std::vector<NodeId> ids;
        for (const auto &[key, id] : found) ids.push_back(id);
        if (!found.empty()) nearest_ = found[0].first;
        return ids;
    }

    // The part of the nodes of level 0 that edges lead to from the entry.
    double Reachable() {
        if (!builder_.entry()) return 1;
        NodeId start = builder_.entry().id;
        while (builder_.Record(start).header().level > 0)
            start = builder_.Record(start).header().Next().id;
        std::vector<bool> seen(builder_.nodes());
        std::vector<NodeId> queue = {start};
        seen[start] = true;
        for (size_t i = 0; i < queue.size(); i++)
            for (int slot = 0; slot < shape_.edges; slot++) {
                const NodeId id = builder_.Record(queue[i]).Ids()[slot];
                if (id == kNoNode || seen[id]) continue;
                seen[id] = true;
                queue.push_back(id);
            }
        size_t nodes = 0;
        for (NodeId id = 0; id < builder_.nodes(); id++)
            nodes += builder_.Record(id).header().level == 0;
        return static_cast<double>(queue.size()) / static_cast<double>(nodes);
    }

    // What holds in every graph.
    void CheckInvariants(const Data &data) {
        std::set<size_t> rows;
        for (NodeId id = 0; id < builder_.nodes(); id++) {
            const NodeRecord record = builder_.Record(id);
            const NodeHeader &header = record.header();
            ASSERT_EQ(header.kind, SlotKind::kNode);
            ASSERT_EQ(header.flags, kLinked);
            ASSERT_LE(header.level, builder_.entry_level());
            ASSERT_FALSE(std::isnan(header.error));
            const char *payload =
                builder_.Cold(id) + builder_.ColdBytes() - shape_.dimensions * sizeof(float);
            if (header.level == 0) {
                const size_t row = IndexOf(header.row);
                ASSERT_TRUE(rows.insert(row).second);
                ASSERT_EQ(memcmp(payload, data[row].data(), data[row].size() * sizeof(float)), 0);
                ASSERT_FALSE(header.Next());
            } else {
                // A row that is promoted gets its second node at the end of its batch.
                ASSERT_TRUE(header.Next() && header.next < id);
                ASSERT_EQ(builder_.Record(header.next).header().level, header.level - 1);
                const Sq8View own = Own(id), below = Own(header.next);
                ASSERT_EQ(memcmp(own.codes, below.codes, shape_.own_bytes), 0);
                ASSERT_EQ(own.norm, below.norm);
                ASSERT_EQ(memcmp(payload,
                                 builder_.Cold(header.next) + builder_.ColdBytes() -
                                     shape_.dimensions * sizeof(float),
                                 shape_.dimensions * sizeof(float)),
                          0);
            }
            std::set<NodeId> neighbors;
            for (int slot = 0; slot < shape_.edges; slot++) {
                const NodeLink link = record.Link(slot);
                if (!link) {
                    ASSERT_FALSE(record.IsKept(slot));
                    continue;
                }
                ASSERT_LT(link.id, builder_.nodes());
                ASSERT_NE(link.id, id);
                ASSERT_EQ(link.generation, 0);
                ASSERT_EQ(builder_.Record(link.id).header().level, header.level);
                ASSERT_TRUE(neighbors.insert(link.id).second) << "twice";
            }
        }
        for (uint64_t i = 0; i < builder_.duplicates(); i++) {
            const auto &[owner, row] = builder_.DuplicateAt(i);
            ASSERT_TRUE(rows.insert(IndexOf(row)).second);
            ASSERT_EQ(builder_.Record(owner).header().level, 0);
            ASSERT_EQ(data[IndexOf(row)], data[IndexOf(builder_.Record(owner).header().row)]);
        }
        ASSERT_EQ(rows.size(), data.size());
        ASSERT_EQ(builder_.rows(), data.size());
    }

  private:
    struct Store {
        const Graph *graph;
        const GraphQuery *query;

        bool Expand(NodeLink link, float bound, Expansion *expansion) {
            ExpandRecord(graph->builder_.Record(link.id), graph->Own(link.id), *query, bound,
                         expansion);
            return true;
        }
        void Prefetch(NodeLink) {}
    };

    static void *Allocate(void *state, size_t bytes) {
        AlignedMemory memory = AllocateAligned(bytes);
        memset(memory.get(), 0, bytes);
        auto *all = static_cast<std::vector<AlignedMemory> *>(state);
        all->push_back(std::move(memory));
        return all->back().get();
    }

    float nearest_ = 0;  // key of the nearest that the last search found
    RecordShape shape_;
    std::vector<float> factors_;
    Rotation rotation_;
    std::vector<AlignedMemory> memory_;
    GraphBuilder builder_;
};

Data Uniform(std::minstd_rand &random, int rows, int dimensions) {
    std::uniform_real_distribution<float> value(0, 1);
    Data data(rows);
    for (std::vector<float> &vector : data)
        for (int i = 0; i < dimensions; i++) vector.push_back(value(random));
    return data;
}

Data Gaussian(std::minstd_rand &random, int rows, int dimensions) {
    Data data;
    for (int i = 0; i < rows; i++) data.push_back(GaussianVector(random, dimensions));
    return data;
}

// Clusters so tight that all neighbours are in the own one, and bridges between them long.
Data Clusters(std::minstd_rand &random, int rows, int dimensions, int clusters, double deviation) {
    const Data centres = Gaussian(random, clusters, dimensions);
    Data data;
    for (int i = 0; i < rows; i++) {
        data.push_back(GaussianVector(random, dimensions, deviation));
        const std::vector<float> &centre = centres[random() % clusters];
        for (int j = 0; j < dimensions; j++) data.back()[j] += centre[j];
    }
    return data;
}

// A few dimensions, turned into many, and a little noise: as embeddings are.
Data LowIntrinsic(std::minstd_rand &random, int rows, int dimensions, int intrinsic) {
    const Data axes = Gaussian(random, intrinsic, dimensions);
    Data data;
    for (int i = 0; i < rows; i++) {
        const std::vector<float> inner = GaussianVector(random, intrinsic);
        data.push_back(GaussianVector(random, dimensions, 0.05));
        for (int k = 0; k < intrinsic; k++)
            for (int j = 0; j < dimensions; j++) data.back()[j] += inner[k] * axes[k][j];
    }
    return data;
}

float Distance(const std::vector<float> &a, const std::vector<float> &b, bool inner_product) {
    const DistanceKernels &kernels = ActiveKernels().f32;
    return inner_product ? -kernels.inner_product(a.data(), b.data(), a.size())
                         : kernels.l2_squared(a.data(), b.data(), a.size());
}

// Of the truly nearest rows, the part that a search expands. Its order by true distances is the
// business of whoever has the copies.
double Recall(Graph *graph, const Data &data, const Data &queries, bool inner_product, int ef) {
    double hits = 0;
    for (const std::vector<float> &query : queries) {
        std::vector<float> distances;
        for (const std::vector<float> &vector : data)
            distances.push_back(Distance(query, vector, inner_product));
        std::vector<float> sorted = distances;
        std::nth_element(sorted.begin(), sorted.begin() + kNearest - 1, sorted.end());
        int found = 0;
        for (NodeId id : graph->Search(query, inner_product, ef)) {
            const NodeHeader &header = graph->builder().Record(id).header();
            found += distances[IndexOf(header.row)] <= sorted[kNearest - 1];
        }
        hits += std::min(found, kNearest);
    }
    const double recall = hits / (static_cast<double>(queries.size()) * kNearest);
    printf("    recall@%d at ef %d: %.4f\n", kNearest, ef, recall);
    return recall;
}

class GraphBuilderTest : public testing::Test {
  protected:
    std::minstd_rand random_{1};

    // Takes the queries from the end of the data; then they are no rows.
    static Data TakeQueries(Data *data, int n) {
        const Data queries(data->end() - n, data->end());
        data->resize(data->size() - n);
        return queries;
    }
    void CheckRecall(Data data, int m, double floor_40, double floor_100) {
        const Data queries = TakeQueries(&data, 100);
        Graph graph(static_cast<int>(data[0].size()), m, 2);
        graph.Build(data);
        graph.CheckInvariants(data);
        EXPECT_GE(graph.Reachable(), 0.999);
        EXPECT_GE(Recall(&graph, data, queries, false, 40), floor_40);
        EXPECT_GE(Recall(&graph, data, queries, false, 100), floor_100);
    }
};

// Floors are 1 to 2 % below what was seen; the data are the same each time, but levels of
// instructions round differently.
TEST_F(GraphBuilderTest, RecallUniform20) {
    CheckRecall(Uniform(random_, Rows(10000) + 100, 20), 16, 0.98, 0.99);
}

TEST_F(GraphBuilderTest, RecallClusters64) {
    CheckRecall(Clusters(random_, Rows(10000) + 100, 64, 200, 0.1), 16, 0.99, 0.99);
}

TEST_F(GraphBuilderTest, RecallLowIntrinsic256) {
    CheckRecall(LowIntrinsic(random_, Rows(10000) + 100, 256, 12), 16, 0.98, 0.99);
}

TEST_F(GraphBuilderTest, RecallClusters784) {
    CheckRecall(Clusters(random_, Rows(5000) + 100, 784, 50, 0.7), 16, 0.96, 0.975);
}

// All edges of a node lead to its own cluster: only the levels above know of the others.
TEST_F(GraphBuilderTest, RecallTightClusters) {
    CheckRecall(Clusters(random_, Rows(20000) + 100, 64, Rows(20000) / 80, 0.02), 16, 0.95, 0.96);
}

// Then the nearest rows are in one batch.
TEST_F(GraphBuilderTest, RecallTightClustersInOrder) {
    Data data = Clusters(random_, Rows(20000) + 100, 64, Rows(20000) / 80, 0.02);
    const Data queries = TakeQueries(&data, 100);
    std::sort(data.begin(), data.end());
    Graph graph(64, 16, 2);
    graph.Build(data);
    graph.CheckInvariants(data);
    EXPECT_GE(graph.Reachable(), 0.999);
    EXPECT_GE(Recall(&graph, data, queries, false, 40), 0.95);
}

// The hardest there is: no structure at all.
TEST_F(GraphBuilderTest, RecallGaussian128) {
    CheckRecall(Gaussian(random_, Rows(5000) + 100, 128), 16, 0.83, 0.93);
}

// Codes of a part of the dimensions, own vectors outside.
TEST_F(GraphBuilderTest, RecallOwnOutside) {
    const Data data = LowIntrinsic(random_, Rows(1000) + 100, 8000, 8);
    EXPECT_FALSE(SolveShape(8000, 16, false, kPageCapacity).own_inside);
    CheckRecall(data, 16, 0.98, 0.99);
}

TEST_F(GraphBuilderTest, RecallByNumberOfEdges) {
    const Data data = Uniform(random_, Rows(5000) + 100, 16);
    for (int m : {2, 24, 100}) CheckRecall(data, m, 0.98, 0.99);
}

// On a line the 5,000 rows are nearer to each other than bytes tell apart.
TEST_F(GraphBuilderTest, RecallInFewDimensions) {
    CheckRecall(Uniform(random_, Rows(5000) + 100, 1), 16, 0.75, 0.89);
    for (int dimensions : {2, 3})
        CheckRecall(Uniform(random_, Rows(5000) + 100, dimensions), 16, 0.98, 0.99);
}

TEST_F(GraphBuilderTest, RecallInnerProduct) {
    Data data = LowIntrinsic(random_, Rows(5000) + 100, 128, 16);
    const Data queries = TakeQueries(&data, 100);
    Graph graph(128, 16, 2, true);
    graph.Build(data);
    EXPECT_GE(Recall(&graph, data, queries, true, 40), 0.92);
    EXPECT_GE(Recall(&graph, data, queries, true, 100), 0.96);
    EXPECT_GE(Recall(&graph, data, queries, false, 100), 0.99);
}

// Lengths differ a hundredfold: the largest products are with the longest, whatever the angle.
TEST_F(GraphBuilderTest, RecallInnerProductOfDifferentLengths) {
    Data data = Gaussian(random_, Rows(5000) + 100, 64);
    std::uniform_real_distribution<float> exponent(-1, 1);
    for (std::vector<float> &vector : data) {
        const float factor = std::pow(10.0f, exponent(random_));
        for (float &value : vector) value *= factor;
    }
    const Data queries = TakeQueries(&data, 100);
    Graph graph(64, 16, 2, true);
    graph.Build(data);
    EXPECT_GE(graph.Reachable(), 0.999);
    EXPECT_GE(Recall(&graph, data, queries, true, 100), 0.65);
}

TEST_F(GraphBuilderTest, SameGraphForAnyNumberOfThreads) {
    Data data = Clusters(random_, Rows(4000), 48, 30, 0.5);
    for (size_t i = 0; i < data.size(); i += 9) data[i] = data[i / 2];  // some duplicates
    Graph one(48, 16, 1), two(48, 16, 2), three(48, 16, 3), again(48, 16, 2);
    one.Build(data);
    two.Build(data);
    three.Build(data);
    for (size_t i = 0; i < data.size(); i++)  // other breaks
        if (again.Add(data[i], i))
            while (again.builder().Step()) again.builder().Flush();
    again.builder().Flush();
    again.Finish();
    EXPECT_GT(one.builder().duplicates(), data.size() / 20);
    const GraphBuilder &expected = one.builder();
    for (Graph *other : {&two, &three, &again}) {
        const GraphBuilder &builder = other->builder();
        ASSERT_EQ(builder.nodes(), expected.nodes());
        ASSERT_EQ(builder.entry(), expected.entry());
        ASSERT_EQ(builder.entry_level(), expected.entry_level());
        ASSERT_EQ(builder.duplicates(), expected.duplicates());
        for (NodeId id = 0; id < expected.nodes(); id++) {
            ASSERT_EQ(
                memcmp(builder.Record(id).base(), expected.Record(id).base(), one.shape().size), 0)
                << id;
            ASSERT_EQ(memcmp(builder.Cold(id), expected.Cold(id), expected.ColdBytes()), 0) << id;
        }
    }
}

TEST_F(GraphBuilderTest, SeedDecides) {
    const Data data = Gaussian(random_, 1000, 16);
    Graph one(16, 16, 1, false, 40, 1), two(16, 16, 1, false, 40, 2);
    one.Build(data);
    two.Build(data);
    EXPECT_NE(one.builder().nodes(), two.builder().nodes());
}

TEST_F(GraphBuilderTest, NothingAdded) {
    Graph graph(16, 16, 2);
    EXPECT_FALSE(graph.builder().Step());
    graph.builder().Flush();
    EXPECT_FALSE(graph.builder().Step());
    EXPECT_EQ(graph.builder().rows(), 0);
    EXPECT_EQ(graph.builder().nodes(), 0);
    EXPECT_EQ(graph.builder().entry(), kNoLink);
    EXPECT_EQ(graph.builder().entry_level(), -1);
    EXPECT_TRUE(graph.Search(std::vector<float>(16, 1.0f), false, 40).empty());
}

TEST_F(GraphBuilderTest, FewRows) {
    for (int rows : {1, 2, 3, 5, 33, 100})
        for (int threads : {1, 3}) {
            Graph graph(16, 16, threads);
            const Data data = Gaussian(random_, rows, 16);
            graph.Build(data);
            graph.CheckInvariants(data);
            EXPECT_EQ(graph.Reachable(), 1) << rows;
            for (int i = 0; i < rows; i++) {
                const std::vector<NodeId> found = graph.Search(data[i], false, 200);
                // The same node comes from many sides, so even a wide pool may leave some out.
                ASSERT_GE(found.size(), std::min(rows, 20));
                EXPECT_EQ(graph.builder().Record(found[0]).header().row, RowOf(i));
            }
        }
}

TEST_F(GraphBuilderTest, BatchesBeginAndEnd) {
    Graph graph(16, 16, 2);
    GraphBuilder &builder = graph.builder();
    const Data data = Gaussian(random_, 500, 16);
    int added = 0;
    size_t batches = 0;
    for (size_t i = 0; i < data.size(); i++) {
        const NodeId before = builder.nodes();
        added++;
        const bool full = graph.Add(data[i], i);
        EXPECT_EQ(builder.rows(), i + 1);
        EXPECT_GT(builder.nodes(), before);
        // Not linked before a step.
        EXPECT_FALSE(builder.Record(before).header().flags & kLinked);
        if (!full) {
            EXPECT_FALSE(builder.Step());  // nothing to do yet
            continue;
        }
        // What is worked on at a time is a small part of the graph.
        EXPECT_LE(added, std::max<int>(1, builder.nodes() / 10));
        added = 0;
        batches++;
        graph.Finish();
        EXPECT_FALSE(builder.Step());
        for (NodeId id = 0; id < builder.nodes(); id++)
            ASSERT_TRUE(builder.Record(id).header().flags & kLinked);
    }
    EXPECT_GT(batches, 30);
    builder.Flush();
    graph.Finish();
    EXPECT_FALSE(builder.Step());
    builder.Flush();  // of nothing
    EXPECT_FALSE(builder.Step());
    graph.CheckInvariants(data);
}

TEST_F(GraphBuilderTest, AllRowsEqual) {
    Graph graph(16, 16, 2);
    const Data data(20000, GaussianVector(random_, 16));
    graph.Build(data);
    EXPECT_EQ(graph.builder().duplicates(), data.size() - 1);
    EXPECT_EQ(graph.Search(data[0], false, 40).size(), 1);
    graph.CheckInvariants(data);
    const Data zeros(100, std::vector<float>(16, 0.0f));
    Graph zero(16, 16, 2);
    zero.Build(zeros);
    EXPECT_EQ(zero.builder().duplicates(), 99);
}

TEST_F(GraphBuilderTest, ManyEqualRows) {
    Data data = Uniform(random_, Rows(5000), 20);
    for (size_t i = 0; i < data.size(); i += 5) data[i] = data[0];
    Graph graph(20, 16, 2);
    graph.Build(data);
    graph.CheckInvariants(data);
    EXPECT_EQ(graph.builder().duplicates(), data.size() / 5 - 1);
    EXPECT_GE(graph.Reachable(), 0.999);
    std::vector<NodeId> found = graph.Search(data[0], false, 40);
    ASSERT_FALSE(found.empty());
    EXPECT_EQ(graph.builder().Record(found[0]).header().row, RowOf(0));
}

// Equal but for bits that no quantization sees: nodes in one place, which must not cut each other,
// nor the rest of the graph, off.
TEST_F(GraphBuilderTest, NearlyEqualRows) {
    Data data = Uniform(random_, Rows(5000), 20);
    for (size_t i = 0; i < data.size(); i += 5) {
        data[i] = data[0];
        data[i][i / 5 % 20] += 1e-6f * static_cast<float>(i);
    }
    Graph graph(20, 16, 2);
    graph.Build(data);
    graph.CheckInvariants(data);
    EXPECT_EQ(graph.Reachable(), 1);
    int hits = 0;
    for (size_t i = 1; i < 500; i++) {
        if (i % 5 == 0) continue;
        const std::vector<NodeId> found = graph.Search(data[i], false, 100);
        hits += !found.empty() && graph.builder().Record(found[0]).header().row == RowOf(i);
    }
    EXPECT_GE(hits, 396);  // of 400 that are no copies
}

// Every search finds the same few, of which none has room, and with four edges a node holds two
// anchors: yet each newcomer is anchored.
TEST_F(GraphBuilderTest, FewEdgesAndNoDistances) {
    Data data = Uniform(random_, Rows(3000), 20);
    for (size_t i = 0; i < data.size(); i++) {
        data[i] = data[0];
        data[i][i % 20] += 1e-6f * static_cast<float>(i + 1);
    }
    Graph graph(20, 2, 2);
    graph.Build(data);
    graph.CheckInvariants(data);
    EXPECT_EQ(graph.Reachable(), 1);
}

TEST_F(GraphBuilderTest, ShortenedRowsHaveNoError) {
    Graph graph(16, 16, 1);
    const Data data = Gaussian(random_, 3, 16);
    graph.Add(data[0], 0, true);
    graph.Finish();
    graph.Add(data[1], 1, false);
    graph.Finish();
    for (NodeId id = 0; id < graph.builder().nodes(); id++) {
        const NodeHeader &header = graph.builder().Record(id).header();
        if (header.level == 0) {
            EXPECT_EQ(std::isinf(header.error), header.row == RowOf(0));
        }
    }
}

TEST_F(GraphBuilderTest, ExtremeSizes) {
    for (double size : {1e-18, 1e-9, 1e9, 1e15}) {
        Data data;
        for (int i = 0; i < 1100; i++) data.push_back(GaussianVector(random_, 24, size));
        const Data queries = TakeQueries(&data, 100);
        Graph graph(24, 16, 2);
        graph.Build(data);
        graph.CheckInvariants(data);
        EXPECT_GE(graph.Reachable(), 0.999) << size;
        EXPECT_GE(Recall(&graph, data, queries, false, 100), 0.98) << size;
    }
}

TEST(DrawLevelTest, EachLevelHasItsPartOfTheOneBelow) {
    Random random(1);
    int count[kMaxLevel + 1] = {};
    constexpr int kDraws = 1000000;
    for (int i = 0; i < kDraws; i++) {
        const int level = DrawLevel(&random);
        ASSERT_GE(level, 0);
        ASSERT_LE(level, kMaxLevel);
        for (int j = 0; j <= level; j++) count[j]++;
    }
    EXPECT_EQ(count[0], kDraws);
    for (int level = 1; level <= 3; level++) {
        const double expected = kDraws / std::pow(kLevelRatio, level);
        EXPECT_NEAR(count[level], expected, 5 * std::sqrt(expected)) << level;
    }
}

}  // namespace
}  // namespace vecx

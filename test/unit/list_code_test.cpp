// List codes against plain distances: estimates, bounds, blocks in pieces, every metric and level,
// and models that are damaged.

#include "core/list_code.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <memory>
#include <random>
#include <vector>

#include "aligned_memory.h"
#include "core/code_table.h"
#include "core/half.h"
#include "core/kmeans.h"
#include "levels.h"
#include "random_vectors.h"

namespace vecx {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

ListShape ShapeOf(ListQuantizer quantizer, Metric metric, int dimensions, int bits = 0, int m = 0,
                  bool opq = false, ListElement element = ListElement::kFloat) {
    ListShape shape = {};
    shape.quantizer = quantizer;
    shape.metric = metric;
    shape.dimensions = dimensions;
    shape.bits = bits;
    shape.m = m;
    shape.opq = opq;
    shape.element = element;
    EXPECT_TRUE(SolveListShape(&shape));
    return shape;
}

// One list of rows around a centroid that is far from the origin, coded.
struct List {
    ListShape shape;
    std::vector<float> centroid, centre;
    std::vector<std::vector<float>> rows;
    std::unique_ptr<AlignedBytes> model, codec_memory, query_memory, trainer_memory;
    ListCodec codec;
    std::vector<std::vector<uint8_t>> codes;  // of each row

    List(const ListShape &shape, size_t count, uint32_t seed, double length = 1) : shape(shape) {
        std::minstd_rand random(seed);
        const auto n = static_cast<size_t>(shape.dimensions);
        centre = GaussianVector(random, n, 2 * length);
        centroid = centre;
        for (float &value : centroid) value += GaussianVector(random, 1, length)[0];
        std::vector<float> residuals;
        for (size_t i = 0; i < count; i++) {
            std::vector<float> row = GaussianVector(random, n, length);
            residuals.insert(residuals.end(), row.begin(), row.end());
            for (size_t j = 0; j < n; j++) row[j] += centroid[j];
            rows.push_back(row);
        }
        if (shape.metric == Metric::kCosine) {
            std::fill(centroid.begin(), centroid.end(), 0.0f);
            for (auto &row : rows) {
                Normalise(&row);
                for (size_t j = 0; j < n; j++) centroid[j] += row[j] / static_cast<float>(count);
            }
            for (size_t j = 0; j < n; j++) centre[j] = centroid[j] / 2;
        }
        PqBook book = {};
        if (shape.quantizer == ListQuantizer::kPq) {
            for (size_t i = 0; i < count; i++)
                for (size_t j = 0; j < n; j++) residuals[i * n + j] = rows[i][j] - centroid[j];
            const PqOptions options = {
                {shape.dimensions, shape.m, shape.bits, shape.opq}, count, 1, 1, 6, 2};
            trainer_memory = std::make_unique<AlignedBytes>(PqTrainer::MemoryBytes(options));
            PqTrainer trainer(options, residuals.data(), trainer_memory->data());
            while (trainer.Step()) continue;
            book = trainer.book();
        }
        model = std::make_unique<AlignedBytes>(ListModelBytes(shape));
        WriteListModel(shape, 17, centre.data(), &book, model->data());
        codec_memory = std::make_unique<AlignedBytes>(ListCodecBytes(shape));
        EXPECT_TRUE(OpenListCodec(shape, model->data(), ListModelBytes(shape), codec_memory->data(),
                                  &codec));
        query_memory = std::make_unique<AlignedBytes>(ListQueryBytes(shape));
        std::vector<float> to(static_cast<size_t>(shape.padded)), at(to),
            scratch(codec.ScratchFloats());
        codec.Transform(centroid.data(), at.data());
        for (const auto &row : rows) {
            std::vector<uint8_t> code(static_cast<size_t>(shape.row_bytes));
            codec.Transform(row.data(), to.data());
            codec.EncodeRow(to.data(), at.data(), code.data(), scratch.data());
            codes.push_back(code);
        }
    }

    static void Normalise(std::vector<float> *vector) {
        const double norm = std::sqrt(Dot(*vector, *vector));
        for (float &value : *vector) value = static_cast<float>(value / norm);
    }

    double Key(const std::vector<float> &query, const std::vector<float> &row) const {
        if (shape.metric == Metric::kL2) return SquaredDistance(query, row);
        return (shape.metric == Metric::kCosine ? 1 : 0) - Dot(query, row);
    }

    // Blocks as they stand in pages.
    std::vector<uint8_t> Blocks() const {
        const size_t blocks = (rows.size() + kListBlock - 1) / kListBlock;
        std::vector<uint8_t> bytes(blocks * static_cast<size_t>(shape.BlockBytes()));
        for (size_t i = 0; i < rows.size(); i++) {
            uint8_t *block = &bytes[i / kListBlock * static_cast<size_t>(shape.BlockBytes())];
            StoreFactors(shape, codes[i].data(), static_cast<int>(i % kListBlock), block);
            StoreCode(shape, codes[i].data(), static_cast<int>(i % kListBlock), 0, shape.code_rows,
                      block + shape.factor_bytes);
        }
        return bytes;
    }

    struct Keys {
        std::vector<float> estimates, bounds;
        uint32_t below = 0;  // of the first 32 rows
    };

    Keys Estimate(const std::vector<float> &query, float threshold = kInfinity) {
        const ListQuery prepared =
            PrepareListQuery(codec, query.data(), query.data(), query_memory->data());
        float key;
        CentroidKeys(shape.metric, query.data(), shape.dimensions, centroid.data(), false, 1, 0,
                     &key);
        const ListProbe probe =
            ProbeList(prepared, key, static_cast<float>(Dot(centroid, centroid)));
        EXPECT_NEAR(probe.distance, std::sqrt(SquaredDistance(query, centroid)),
                    1e-3 * (1 + static_cast<double>(probe.distance)));
        Keys keys;
        const std::vector<uint8_t> blocks = shape.by_row ? std::vector<uint8_t>() : Blocks();
        for (size_t i = 0; i < rows.size(); i += kListBlock) {
            float estimates[kListBlock], bounds[kListBlock];
            const int count = static_cast<int>(std::min<size_t>(kListBlock, rows.size() - i));
            uint32_t below;
            if (shape.by_row) {
                std::vector<uint8_t> bytes;
                for (int j = 0; j < count; j++)
                    bytes.insert(bytes.end(), codes[i + j].begin(), codes[i + j].end());
                below = EstimateRows(prepared, probe, bytes.data(), count, threshold, estimates,
                                     bounds);
            } else {
                const uint8_t *block =
                    &blocks[i / kListBlock * static_cast<size_t>(shape.BlockBytes())];
                const CodePiece piece = {block + shape.factor_bytes, shape.code_rows};
                below =
                    EstimateBlock(prepared, probe, block, &piece, 1, threshold, estimates, bounds);
            }
            if (i == 0) keys.below = below;
            keys.estimates.insert(keys.estimates.end(), estimates, estimates + count);
            keys.bounds.insert(keys.bounds.end(), bounds, bounds + count);
        }
        return keys;
    }
};

struct Case {
    const char *name;
    ListQuantizer quantizer;
    int bits;
    int m;
    bool opq;
    double error;  // of the estimate, in parts of 2 |q - c| |r|: measured, and a third added
};

// Residuals are noise here, the worst that there is for codebooks; three parts cannot follow it.
constexpr Case kCases[] = {
    {"rabitq1", ListQuantizer::kRabitq, 1, 0, false, 0.1},
    {"rabitq2", ListQuantizer::kRabitq, 2, 0, false, 0.05},
    {"pq4", ListQuantizer::kPq, 4, 48, false, 0.09},
    {"pq4_odd", ListQuantizer::kPq, 4, 3, false, 0.55},
    {"pq8", ListQuantizer::kPq, 8, 32, false, 0.006},
    {"pq8_odd", ListQuantizer::kPq, 8, 3, false, 0.08},
    {"opq", ListQuantizer::kPq, 4, 48, true, 0.075},
    {"sq8", ListQuantizer::kSq8, 0, 0, false, 0.0011},
};

class ListCodes : public testing::TestWithParam<Case> {
  protected:
    ListShape Shape(Metric metric, int dimensions = 96) const {
        const Case &of = GetParam();
        return ShapeOf(of.quantizer, metric, dimensions, of.bits, of.m, of.opq);
    }
};

TEST_P(ListCodes, EstimatesAreNearTheKey) {
    for (SimdLevel level : AvailableLevels()) {
        const LevelScope scope(level);
        for (Metric metric : {Metric::kL2, Metric::kInnerProduct, Metric::kCosine})
            for (double length : {1e-3, 1.0, 300.0}) {
                List list(Shape(metric), 300, 5, length);
                std::minstd_rand random(6);
                double squares = 0, mean = 0, scale = 0;
                size_t held = 0, total = 0;
                for (int i = 0; i < 20; i++) {
                    std::vector<float> query = GaussianVector(random, 96, length);
                    for (size_t j = 0; j < 96; j++) query[j] += list.centroid[j];
                    if (metric == Metric::kCosine) List::Normalise(&query);
                    const List::Keys keys = list.Estimate(query);
                    const double reach = std::sqrt(SquaredDistance(query, list.centroid));
                    for (size_t row = 0; row < list.rows.size(); row++) {
                        const double key = list.Key(query, list.rows[row]);
                        const double factor = metric == Metric::kL2 ? 2 : 1;
                        const double unit =
                            factor * reach *
                            std::sqrt(SquaredDistance(list.rows[row], list.centroid));
                        const double error = (keys.estimates[row] - key) / unit;
                        squares += error * error;
                        mean += error;
                        scale++;
                        EXPECT_LE(keys.bounds[row], keys.estimates[row]);
                        held += keys.bounds[row] <= key + 1e-5 * std::fabs(key);
                        total++;
                    }
                }
                EXPECT_LT(std::sqrt(squares / scale), GetParam().error)
                    << static_cast<int>(metric) << " " << length;
                // RaBitQ's estimate is unbiased, and its bound holds for some 97 in 100.
                if (GetParam().quantizer == ListQuantizer::kRabitq) {
                    EXPECT_LT(std::fabs(mean / scale), 0.01);
                    EXPECT_GT(static_cast<double>(held), 0.96 * static_cast<double>(total));
                    EXPECT_LT(static_cast<double>(held), 0.995 * static_cast<double>(total));
                }
                if (GetParam().quantizer == ListQuantizer::kSq8) {
                    EXPECT_EQ(held, total);
                }
            }
    }
}

TEST_P(ListCodes, LevelsAgree) {
    List list(Shape(Metric::kL2), 40, 8);
    std::minstd_rand random(9);
    const std::vector<float> query = GaussianVector(random, 96, 3);
    List::Keys expected;
    {
        const LevelScope scope(SimdLevel::kScalar);
        expected = list.Estimate(query);
    }
    for (SimdLevel level : AvailableLevels()) {
        const LevelScope scope(level);
        const List::Keys keys = list.Estimate(query);
        for (size_t i = 0; i < keys.estimates.size(); i++) {
            const double tolerance = 2e-5 * (100 + std::fabs(expected.estimates[i]));
            EXPECT_NEAR(keys.estimates[i], expected.estimates[i], tolerance);
            EXPECT_NEAR(keys.bounds[i], expected.bounds[i], tolerance);
        }
    }
}

TEST_P(ListCodes, RowsBelowTheThreshold) {
    List list(Shape(Metric::kL2), 32, 8);
    std::minstd_rand random(10);
    const std::vector<float> query = GaussianVector(random, 96, 3);
    const List::Keys all = list.Estimate(query);
    EXPECT_EQ(all.below, 0xffffffff);
    std::vector<float> sorted = all.bounds;
    std::sort(sorted.begin(), sorted.end());
    const List::Keys some = list.Estimate(query, sorted[10]);
    for (size_t i = 0; i < 32; i++)
        EXPECT_EQ(some.below >> i & 1, all.bounds[i] < sorted[10] ? 1u : 0u);
    EXPECT_EQ(list.Estimate(query, -kInfinity).below, 0u);
    EXPECT_EQ(list.Estimate(query, std::numeric_limits<float>::quiet_NaN()).below, 0u);
}

// Cut over pages, at odd addresses, codes mean the same.
TEST_P(ListCodes, PiecesAnywhere) {
    if (Shape(Metric::kL2).by_row) return;
    for (int dimensions : {96, 2400}) {
        if (dimensions > 96 && (IsSlow() || GetParam().m == 3 || GetParam().opq)) continue;
        List list(Shape(Metric::kL2, dimensions), 32, 8);
        const ListShape &shape = list.shape;
        std::minstd_rand random(9);
        const std::vector<float> query = GaussianVector(random, static_cast<size_t>(dimensions), 3);
        const List::Keys expected = list.Estimate(query);
        const std::vector<uint8_t> block = list.Blocks();
        const ListQuery prepared =
            PrepareListQuery(list.codec, query.data(), nullptr, list.query_memory->data());
        float key;
        CentroidKeys(Metric::kL2, query.data(), dimensions, list.centroid.data(), false, 1, 0,
                     &key);
        const ListProbe probe = ProbeList(prepared, key, 0);
        for (int cut : {2, 4, shape.code_rows - 2}) {
            if (cut <= 0 || cut >= shape.code_rows) continue;
            std::vector<uint8_t> first(static_cast<size_t>(cut * kListBlock) + 1);
            std::vector<uint8_t> rest(static_cast<size_t>((shape.code_rows - cut) * kListBlock) +
                                      3);
            const uint8_t *codes = block.data() + shape.factor_bytes;
            memcpy(&first[1], codes, first.size() - 1);
            memcpy(&rest[3], codes + cut * kListBlock, rest.size() - 3);
            const CodePiece pieces[] = {{&first[1], cut}, {&rest[3], shape.code_rows - cut}};
            float estimates[kListBlock], bounds[kListBlock];
            EstimateBlock(prepared, probe, block.data(), pieces, 2, 0, estimates, bounds);
            for (size_t i = 0; i < kListBlock; i++)
                EXPECT_NEAR(estimates[i], expected.estimates[i],
                            1e-5 * std::fabs(expected.estimates[i]));
        }
    }
}

TEST_P(ListCodes, MovedRowsKeepTheirKeys) {
    const ListShape shape = Shape(Metric::kInnerProduct);
    if (shape.by_row) return;
    List list(shape, 32, 8), other(shape, 32, 11, 50);  // of another scale
    std::minstd_rand random(9);
    const std::vector<float> query = GaussianVector(random, 96);
    const List::Keys expected = list.Estimate(query);
    std::vector<uint8_t> from = list.Blocks(), to = other.Blocks();
    for (int lane : {0, 5, 31}) {
        MoveFactors(shape, from.data(), lane, to.data(), 31 - lane);
        MoveCode(&from[shape.factor_bytes], lane, &to[shape.factor_bytes], 31 - lane,
                 shape.code_rows);
    }
    const ListQuery prepared =
        PrepareListQuery(list.codec, query.data(), nullptr, list.query_memory->data());
    float key;
    CentroidKeys(Metric::kInnerProduct, query.data(), 96, list.centroid.data(), false, 1, 0, &key);
    const ListProbe probe =
        ProbeList(prepared, key, static_cast<float>(Dot(list.centroid, list.centroid)));
    const CodePiece piece = {&to[shape.factor_bytes], shape.code_rows};
    float estimates[kListBlock], bounds[kListBlock];
    EstimateBlock(prepared, probe, to.data(), &piece, 1, 0, estimates, bounds);
    // The other rows' numbers are some thousand times larger: halves keep three digits of that.
    for (int lane : {0, 5, 31})
        EXPECT_NEAR(estimates[31 - lane], expected.estimates[lane],
                    0.02 * (50 + std::fabs(expected.estimates[lane])));
}

// A row that is a million times longer than the others of its block leaves their keys as they are.
// By rabitq it is then either never passed over, or farther than they are.
TEST_P(ListCodes, AnOutlierLeavesTheOthersTheirKeys) {
    const ListShape shape = Shape(Metric::kL2);
    if (shape.by_row) return;
    std::minstd_rand random(13);
    const std::vector<float> query = GaussianVector(random, 96);
    for (const bool ranked : {true, false}) {
        List list(shape, 32, 8);
        const List::Keys before = list.Estimate(query);
        std::vector<uint8_t> block = list.Blocks(), code = list.codes[7];
        std::vector<float> row(96, 1e6f), to(static_cast<size_t>(shape.padded)), at(to),
            scratch(list.codec.ScratchFloats());
        list.codec.Transform(list.centroid.data(), at.data());
        list.codec.Transform(row.data(), to.data());
        list.codec.EncodeRow(to.data(), at.data(), code.data(), scratch.data());
        FitCode(shape, block.data(), ranked, code.data());
        StoreFactors(shape, code.data(), 7, block.data());
        StoreCode(shape, code.data(), 7, 0, shape.code_rows, &block[shape.factor_bytes]);
        const ListQuery prepared =
            PrepareListQuery(list.codec, query.data(), nullptr, list.query_memory->data());
        float key;
        CentroidKeys(Metric::kL2, query.data(), 96, list.centroid.data(), false, 1, 0, &key);
        const ListProbe probe =
            ProbeList(prepared, key, static_cast<float>(Dot(list.centroid, list.centroid)));
        const CodePiece piece = {&block[shape.factor_bytes], shape.code_rows};
        float estimates[kListBlock], bounds[kListBlock];
        EstimateBlock(prepared, probe, block.data(), &piece, 1, kInfinity, estimates, bounds);
        for (size_t i = 0; i < kListBlock; i++) {
            if (i == 7) continue;
            EXPECT_EQ(estimates[i], before.estimates[i]);
            EXPECT_EQ(bounds[i], before.bounds[i]);
        }
        // What pq makes of it is one of the parts that it knows.
        if (shape.quantizer == ListQuantizer::kPq) continue;
        if (ranked)
            EXPECT_LT(bounds[7], 0);
        else
            EXPECT_GT(estimates[7], *std::max_element(before.estimates.begin(),
                                                      before.estimates.begin() + kListBlock));
    }
}

// However small the numbers are that its bound is made of.
TEST_P(ListCodes, ARowThatNothingIsKnownOfIsNeverPassedOver) {
    const ListShape shape = Shape(Metric::kL2);
    if (shape.quantizer == ListQuantizer::kPq) return;
    List list(shape, 32, 8);
    std::vector<uint8_t> code(static_cast<size_t>(shape.row_bytes));
    list.codec.EncodeUnknown(code.data());
    for (const float away : {0.0f, 1e-20f, 1e-9f, 1.0f, 1e18f}) {
        std::vector<float> query = list.centroid;
        for (float &value : query) value += away;
        const ListQuery prepared =
            PrepareListQuery(list.codec, query.data(), nullptr, list.query_memory->data());
        const ListProbe probe = {96 * away * away, std::sqrt(96.0f) * away, 0};
        float estimates[kListBlock], bounds[kListBlock];
        if (shape.by_row) {
            EstimateRows(prepared, probe, code.data(), 1, kInfinity, estimates, bounds);
        } else {
            std::vector<uint8_t> block(static_cast<size_t>(shape.BlockBytes()));
            StoreFactors(shape, code.data(), 0, block.data());
            StoreCode(shape, code.data(), 0, 0, shape.code_rows, &block[shape.factor_bytes]);
            const CodePiece piece = {&block[shape.factor_bytes], shape.code_rows};
            EstimateBlock(prepared, probe, block.data(), &piece, 1, kInfinity, estimates, bounds);
        }
        EXPECT_EQ(bounds[0], -kInfinity) << away;
    }
}

TEST_P(ListCodes, AnyBytesGiveNumbers) {
    const ListShape shape = Shape(Metric::kL2);
    List list(shape, 32, 8);
    std::minstd_rand random(12);
    std::uniform_int_distribution<int> byte(0, 255);
    const std::vector<float> query = GaussianVector(random, 96);
    const ListQuery prepared =
        PrepareListQuery(list.codec, query.data(), nullptr, list.query_memory->data());
    const ListProbe probe = {5, 2, 0};
    const size_t size =
        static_cast<size_t>(shape.by_row ? shape.row_bytes * kListBlock : shape.BlockBytes());
    for (int round = 0; round < 200; round++) {
        std::vector<uint8_t> bytes(size);
        for (uint8_t &value : bytes) value = static_cast<uint8_t>(round == 0 ? 255 : byte(random));
        float estimates[kListBlock], bounds[kListBlock];
        if (shape.by_row) {
            EstimateRows(prepared, probe, bytes.data(), kListBlock, 0, estimates, bounds);
        } else {
            const CodePiece piece = {&bytes[shape.factor_bytes], shape.code_rows};
            EstimateBlock(prepared, probe, bytes.data(), &piece, 1, 0, estimates, bounds);
        }
        for (int i = 0; i < kListBlock; i++) {
            EXPECT_FALSE(std::isnan(estimates[i]));
            EXPECT_FALSE(std::isnan(bounds[i]));
        }
    }
}

// A row at the centroid, and rows so long that their squares are no floats.
TEST_P(ListCodes, RowsWithoutAndWithTooMuchLength) {
    const ListShape shape = Shape(Metric::kL2);
    List list(shape, 31, 8);
    list.rows[0] = list.centroid;
    list.rows[1].assign(96, 1e30f);
    std::vector<float> to(static_cast<size_t>(shape.padded)), at(to),
        scratch(list.codec.ScratchFloats());
    list.codec.Transform(list.centroid.data(), at.data());
    for (size_t row : {0, 1}) {
        list.codec.Transform(list.rows[row].data(), to.data());
        list.codec.EncodeRow(to.data(), at.data(), list.codes[row].data(), scratch.data());
    }
    std::minstd_rand random(9);
    const std::vector<float> query = GaussianVector(random, 96, 3);
    const List::Keys keys = list.Estimate(query);
    const double exact = SquaredDistance(query, list.centroid);
    EXPECT_NEAR(keys.estimates[0], exact, shape.quantizer == ListQuantizer::kPq ? exact : 0.01);
    if (shape.quantizer != ListQuantizer::kPq) {
        EXPECT_TRUE(keys.bounds[1] <= 0) << keys.bounds[1];  // never skipped
    }
    for (size_t i = 2; i < 31; i++)
        EXPECT_LT(std::fabs(keys.estimates[i] - SquaredDistance(query, list.rows[i])),
                  0.7 * SquaredDistance(query, list.rows[i]));
}

// The squares of such a query are no floats, nor are the entries of its tables.
TEST_P(ListCodes, QueriesTooLongForSquares) {
    const ListShape shape = Shape(Metric::kL2);
    List list(shape, 32, 8);
    std::vector<float> query(96, 1e30f);
    query[3] = -1e30f;
    for (const float estimate : list.Estimate(query).estimates) EXPECT_FALSE(std::isnan(estimate));
}

TEST_P(ListCodes, DamagedModelsAreRefused) {
    const ListShape shape = Shape(Metric::kL2);
    List list(shape, 40, 8);
    const size_t size = ListModelBytes(shape);
    AlignedBytes memory(ListCodecBytes(shape));
    ListCodec codec;
    const auto opens = [&](const std::vector<char> &bytes) {
        AlignedBytes copy(bytes.size());
        std::copy(bytes.begin(), bytes.end(), copy.data());
        return OpenListCodec(shape, copy.data(), bytes.size(), memory.data(), &codec);
    };
    const std::vector<char> whole(list.model->data(), list.model->data() + size);
    EXPECT_TRUE(opens(whole));
    for (size_t cut : {size_t{0}, size_t{10}, size - 1})
        EXPECT_FALSE(opens(std::vector<char>(whole.begin(), whole.begin() + cut)));
    for (size_t at : {0, 4, 6, 7, 8, 12, 16, 20, 21}) {
        std::vector<char> changed = whole;
        changed[at] = static_cast<char>(changed[at] + 1);
        EXPECT_FALSE(opens(changed)) << at;
    }
    std::vector<char> infinite = whole;
    const float infinity = kInfinity;
    memcpy(&infinite[64], &infinity, 4);
    EXPECT_FALSE(opens(infinite));
    if (shape.quantizer == ListQuantizer::kPq) {
        memcpy(&infinite[64], &whole[64], 4);
        memcpy(&infinite[size - 4], &infinity, 4);
        EXPECT_FALSE(opens(infinite));
    }
}

INSTANTIATE_TEST_SUITE_P(Cases, ListCodes, testing::ValuesIn(kCases),
                         [](const auto &of) { return of.param.name; });

TEST(ListShapes, Sizes) {
    // Goal of codes at 784 dimensions: 110 bytes a row, 6 of them for the row's place.
    const ListShape rabitq = ShapeOf(ListQuantizer::kRabitq, Metric::kL2, 784, 1);
    EXPECT_LE((rabitq.BlockBytes() + 31) / 32 + 6, 111);
    const ListShape pq = ShapeOf(ListQuantizer::kPq, Metric::kL2, 784, 4, 196);
    EXPECT_LE((pq.BlockBytes() + 31) / 32 + 6, 108);
    EXPECT_EQ(pq.code_rows % kCodePieceRows, 0);
    EXPECT_EQ(ShapeOf(ListQuantizer::kFlat, Metric::kL2, 16000).row_bytes, 64000);
    EXPECT_EQ(ShapeOf(ListQuantizer::kFlat, Metric::kHamming, 13, 0, 0, false, ListElement::kBit)
                  .row_bytes,
              2);
}

TEST(ListShapes, WhatDoesNotGoTogetherIsRefused) {
    const auto solves = [](ListQuantizer quantizer, Metric metric, int dimensions, int bits, int m,
                           bool opq, ListElement element) {
        ListShape shape = {};
        shape.quantizer = quantizer;
        shape.metric = metric;
        shape.dimensions = dimensions;
        shape.bits = bits;
        shape.m = m;
        shape.opq = opq;
        shape.element = element;
        return SolveListShape(&shape);
    };
    using Q = ListQuantizer;
    using E = ListElement;
    EXPECT_FALSE(solves(Q::kPq, Metric::kL2, 100, 8, 7, false, E::kFloat));
    EXPECT_FALSE(solves(Q::kPq, Metric::kL2, 100, 5, 10, false, E::kFloat));
    EXPECT_FALSE(solves(Q::kPq, Metric::kL2, 100, 8, 0, false, E::kFloat));
    EXPECT_FALSE(solves(Q::kPq, Metric::kL2, 4096, 8, 4, true, E::kFloat));
    EXPECT_FALSE(solves(Q::kPq, Metric::kHamming, 100, 8, 10, false, E::kBit));
    EXPECT_FALSE(solves(Q::kRabitq, Metric::kL2, 100, 3, 0, false, E::kFloat));
    EXPECT_FALSE(solves(Q::kRabitq, Metric::kL2, 100, 1, 4, false, E::kFloat));
    EXPECT_FALSE(solves(Q::kRabitq, Metric::kL1, 100, 1, 0, false, E::kFloat));
    EXPECT_FALSE(solves(Q::kRabitq, Metric::kL2, 0, 1, 0, false, E::kFloat));
    EXPECT_FALSE(solves(Q::kSq8, Metric::kL2, 16001, 0, 0, false, E::kFloat));
    EXPECT_FALSE(solves(Q::kSq8, Metric::kL2, 16, 8, 0, false, E::kFloat));
    EXPECT_FALSE(solves(Q::kFlat, Metric::kL2, 16, 0, 0, false, E::kBit));
    EXPECT_FALSE(solves(Q::kFlat, Metric::kHamming, 16, 0, 0, false, E::kFloat));
    EXPECT_TRUE(solves(Q::kFlat, Metric::kHamming, 64000, 0, 0, false, E::kBit));
    EXPECT_TRUE(solves(Q::kRabitq, Metric::kCosine, 1, 2, 0, false, E::kFloat));
    EXPECT_FALSE(solves(static_cast<Q>(9), Metric::kL2, 16, 0, 0, false, E::kFloat));
}

TEST(ListCodesFlat, KeysAreTheOperators) {
    std::minstd_rand random(3);
    for (ListElement element : {ListElement::kFloat, ListElement::kHalf})
        for (Metric metric : {Metric::kL2, Metric::kInnerProduct, Metric::kCosine}) {
            const ListShape shape = ShapeOf(ListQuantizer::kFlat, metric, 37, 0, 0, false, element);
            AlignedBytes model(ListModelBytes(shape)), memory(ListCodecBytes(shape)),
                query_memory(ListQueryBytes(shape));
            WriteListModel(shape, 0, nullptr, nullptr, model.data());
            ListCodec codec;
            ASSERT_TRUE(
                OpenListCodec(shape, model.data(), ListModelBytes(shape), memory.data(), &codec));
            std::vector<float> values = GaussianVector(random, 6 * 37);
            std::vector<uint8_t> bytes(6 * static_cast<size_t>(shape.row_bytes));
            if (element == ListElement::kFloat)
                memcpy(bytes.data(), values.data(), bytes.size());
            else
                ActiveKernels().float_to_half(values.data(),
                                              reinterpret_cast<uint16_t *>(bytes.data()), 6 * 37);
            const ListQuery query =
                PrepareListQuery(codec, nullptr, bytes.data(), query_memory.data());
            float estimates[5], bounds[5];
            EstimateRows(query, ProbeList(query, 0, 0), bytes.data() + shape.row_bytes, 5, 1,
                         estimates, bounds);
            const std::vector<float> left(values.begin(), values.begin() + 37);
            for (size_t i = 0; i < 5; i++) {
                const std::vector<float> right(values.begin() + 37 * (i + 1),
                                               values.begin() + 37 * (i + 2));
                double key = SquaredDistance(left, right);
                if (metric == Metric::kInnerProduct) key = -Dot(left, right);
                if (metric == Metric::kCosine)
                    key = 1 - Dot(left, right) / std::sqrt(Dot(left, left) * Dot(right, right));
                EXPECT_NEAR(estimates[i], key, element == ListElement::kHalf ? 0.05 : 1e-4);
                EXPECT_EQ(estimates[i], bounds[i]);
            }
        }
}

TEST(CodeTables, ValuesWithinTheStatedError) {
    std::minstd_rand random(3);
    const int rows = 26;
    const std::vector<float> values = GaussianVector(random, static_cast<size_t>(rows) * 32);
    AlignedBytes entries(TableBytes(rows));
    const SignTable table =
        FillValueTable(values.data(), rows, reinterpret_cast<uint8_t *>(entries.data()));
    std::uniform_int_distribution<int> code(0, 15);
    double worst = 0;
    for (int round = 0; round < 1000; round++) {
        double exact = 0, looked_up = table.bias;
        for (int group = 0; group < 2 * rows; group++) {
            const int c = code(random);
            exact += values[static_cast<size_t>(16 * group + c)];
            const int at = group / 2 / 2 * 128 + group / 2 % 2 * 32 + group % 2 * 64 + c;
            const int entry = static_cast<uint8_t>(entries.data()[at]);
            EXPECT_LE(entry, 127);
            looked_up += static_cast<double>(table.step) * entry;
        }
        worst = std::max(worst, std::fabs(exact - looked_up));
    }
    EXPECT_LT(worst, table.error);
    EXPECT_LT(worst, 5 * table.deviation);
    EXPECT_GT(worst, table.deviation);
}

TEST(CodeTables, WordsWithinTheStatedError) {
    std::minstd_rand random(3);
    const int rows = 34;
    const std::vector<float> values = GaussianVector(random, static_cast<size_t>(rows) * 256);
    std::vector<uint16_t> words(values.size());
    const SignTable table = FillWordTable(values.data(), rows, words.data());
    std::uniform_int_distribution<size_t> code(0, 255);
    for (int round = 0; round < 1000; round++) {
        double exact = 0, looked_up = table.bias;
        for (size_t row = 0; row < static_cast<size_t>(rows); row++) {
            const size_t at = row * 256 + code(random);
            exact += values[at];
            EXPECT_LE(words[at], kLargestWord);
            looked_up += static_cast<double>(table.step) * words[at];
        }
        EXPECT_NEAR(exact, looked_up, table.error);
    }
    EXPECT_LT(table.error, 0.1);
}

TEST(CodeTables, AllZero) {
    const std::vector<float> values(64);
    AlignedBytes entries(TableBytes(2));
    const SignTable table =
        FillValueTable(values.data(), 2, reinterpret_cast<uint8_t *>(entries.data()));
    EXPECT_EQ(table.step, 0);
    EXPECT_EQ(table.bias, 0);
    EXPECT_EQ(table.error, 0);
}

}  // namespace
}  // namespace vecx

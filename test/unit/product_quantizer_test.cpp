// Product quantization: codes against brute force, what training reaches, the learned rotation, and
// stored books.

#include "core/product_quantizer.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <memory>
#include <random>
#include <vector>

#include "aligned_memory.h"
#include "levels.h"
#include "random_vectors.h"

namespace vecx {
namespace {

struct Training {
    std::unique_ptr<AlignedBytes> memory;
    PqBook book;
    double objective;
};

Training Train(const PqOptions &options, const std::vector<float> &rows) {
    Training training;
    training.memory = std::make_unique<AlignedBytes>(PqTrainer::MemoryBytes(options));
    PqTrainer trainer(options, rows.data(), training.memory->data());
    double progress = 0;
    while (trainer.Step()) {
        EXPECT_GE(trainer.Progress(), progress - 1e-9);
        progress = trainer.Progress();
    }
    EXPECT_EQ(trainer.Progress(), 1);
    training.book = trainer.book();
    training.objective = trainer.objective();
    return training;
}

// Mean squared distance of the rows to what their codes stand for.
double Loss(const PqBook &book, const std::vector<float> &rows) {
    const auto n = static_cast<size_t>(book.shape.dimensions);
    std::vector<float> scratch(PqScratchFloats(book.shape)), decoded(n);
    std::vector<uint8_t> parts(static_cast<size_t>(book.shape.m));
    double loss = 0;
    const size_t count = rows.size() / n;
    for (size_t i = 0; i < count; i++) {
        PqEncode(book, &rows[i * n], parts.data(), scratch.data());
        PqDecode(book, parts.data(), decoded.data(), scratch.data());
        loss += SquaredDistance(std::vector<float>(&rows[i * n], &rows[i * n] + n), decoded);
    }
    return loss / static_cast<double>(count);
}

// Few factors, mixed into all dimensions: what a rotation can sort out.
std::vector<float> Mixed(size_t rows, size_t n) {
    std::minstd_rand random(4);
    const size_t factors = n / 4;
    const std::vector<float> mix = GaussianVector(random, factors * n);
    std::vector<float> values;
    for (size_t i = 0; i < rows; i++) {
        const std::vector<float> factor = GaussianVector(random, factors);
        const std::vector<float> noise = GaussianVector(random, n, 0.1);
        for (size_t j = 0; j < n; j++) {
            double sum = noise[j];
            for (size_t f = 0; f < factors; f++)
                sum += static_cast<double>(factor[f]) * mix[f * n + j] / (1 + f);
            values.push_back(static_cast<float>(sum));
        }
    }
    return values;
}

class ProductQuantizer : public testing::TestWithParam<SimdLevel> {
  protected:
    LevelScope scope_{GetParam()};
};

TEST_P(ProductQuantizer, CodesAreTheNearestCentroids) {
    std::minstd_rand random(2);
    for (int bits : {4, 8})
        for (int m : {1, 3, 6, 12}) {
            const PqShape shape = {12, m, bits, false};
            const std::vector<float> rows = GaussianVector(random, 600 * 12);
            const Training training = Train({shape, 600, 3, 1, 8, 0}, rows);
            const auto width = static_cast<size_t>(shape.PartDimensions());
            const size_t count = size_t{1} << bits;
            std::vector<float> scratch(PqScratchFloats(shape)), decoded(12);
            std::vector<uint8_t> parts(static_cast<size_t>(m));
            for (size_t i = 0; i < 50; i++) {
                const float *row = &rows[i * 12];
                PqEncode(training.book, row, parts.data(), scratch.data());
                PqDecode(training.book, parts.data(), decoded.data(), scratch.data());
                double total = 0;
                for (size_t part = 0; part < static_cast<size_t>(m); part++) {
                    double best = std::numeric_limits<double>::infinity(), own = 0;
                    for (size_t c = 0; c < count; c++) {
                        double sum = 0;
                        for (size_t j = 0; j < width; j++) {
                            const double difference =
                                row[part * width + j] -
                                static_cast<double>(
                                    training.book.codebooks[(part * width + j) * count + c]);
                            sum += difference * difference;
                        }
                        best = std::min(best, sum);
                        if (c == parts[part]) own = sum;
                    }
                    EXPECT_NEAR(own, best, 1e-5);
                    total += own;
                }
                EXPECT_NEAR(PqDistance(training.book, row, parts.data(), scratch.data()), total,
                            1e-4);
                EXPECT_NEAR(SquaredDistance(std::vector<float>(row, row + 12), decoded), total,
                            1e-4);
                const float *other = &rows[(i + 1) * 12];
                EXPECT_NEAR(PqDistance(training.book, other, parts.data(), scratch.data()),
                            SquaredDistance(std::vector<float>(other, other + 12), decoded), 1e-4);
            }
            EXPECT_NEAR(training.objective, Loss(training.book, rows), 1e-4);
        }
}

TEST_P(ProductQuantizer, ProductsWithAllCentroids) {
    std::minstd_rand random(2);
    const PqShape shape = {15, 5, 4, false};
    const std::vector<float> rows = GaussianVector(random, 100 * 15);
    const Training training = Train({shape, 100, 3, 1, 8, 0}, rows);
    std::vector<float> products(5 * 16);
    PqProducts(training.book, rows.data(), products.data());
    for (size_t part = 0; part < 5; part++)
        for (size_t c = 0; c < 16; c++) {
            double sum = 0;
            for (size_t j = 0; j < 3; j++)
                sum += static_cast<double>(rows[part * 3 + j]) *
                       training.book.codebooks[(part * 3 + j) * 16 + c];
            EXPECT_NEAR(products[part * 16 + c], sum, 1e-4);
        }
}

INSTANTIATE_TEST_SUITE_P(Levels, ProductQuantizer, testing::ValuesIn(AvailableLevels()),
                         [](const auto &level) { return KernelsOf(level.param)->name; });

TEST(PqTraining, LearnsARotation) {
    const size_t count = IsSlow() ? 600 : 3000;
    const std::vector<float> rows = Mixed(count, 32);
    const Training plain = Train({{32, 8, 4, false}, count, 3, 1}, rows);
    const Training turned = Train({{32, 8, 4, true}, count, 3, 1}, rows);
    for (size_t a = 0; a < 32; a++)
        for (size_t b = 0; b < 32; b++) {
            double dot = 0;
            for (size_t i = 0; i < 32; i++)
                dot += static_cast<double>(turned.book.rotation[a * 32 + i]) *
                       turned.book.rotation[b * 32 + i];
            EXPECT_NEAR(dot, a == b ? 1 : 0, 2e-3);
        }
    EXPECT_NEAR(turned.objective, Loss(turned.book, rows), 0.01 * turned.objective);
    // 0.66 were measured.
    EXPECT_LT(turned.objective, 0.8 * plain.objective);
}

// Directions in which nothing varies leave the rotation undetermined.
TEST(PqTraining, RotationOfRowsThatNeverVary) {
    std::vector<float> rows = Mixed(400, 16);
    for (size_t i = 0; i < rows.size(); i++)
        if (i % 16 >= 5) rows[i] = 0;
    const Training turned = Train({{16, 4, 4, true}, 400, 3, 1}, rows);
    for (size_t a = 0; a < 16; a++) {
        double norm = 0;
        for (size_t i = 0; i < 16; i++)
            norm += std::pow(static_cast<double>(turned.book.rotation[a * 16 + i]), 2);
        EXPECT_NEAR(norm, 1, 2e-3);
    }
    const std::vector<float> zeroes(16 * 50);
    const Training none = Train({{16, 4, 4, true}, 50, 3, 1}, zeroes);
    EXPECT_EQ(none.objective, 0);
}

TEST(PqTraining, DoesNotDependOnThreads) {
    const std::vector<float> rows = Mixed(700, 24);
    for (bool rotated : {false, true}) {
        PqOptions options = {{24, 6, 4, rotated}, 700, 3, 1, 6, 3};
        const Training one = Train(options, rows);
        options.threads = 4;
        const Training four = Train(options, rows);
        EXPECT_EQ(memcmp(one.book.codebooks, four.book.codebooks,
                         options.shape.CodebookFloats() * sizeof(float)),
                  0);
        if (rotated) {
            EXPECT_EQ(memcmp(one.book.rotation, four.book.rotation, 24 * 24 * sizeof(float)), 0);
        }
    }
}

TEST(PqTraining, FewerRowsThanCentroids) {
    const std::vector<float> rows = Mixed(5, 8);
    for (int bits : {4, 8}) {
        const Training training = Train({{8, 2, bits, false}, 5, 3, 2}, rows);
        EXPECT_NEAR(training.objective, 0, 1e-6);
    }
    const Training one = Train({{8, 8, 8, false}, 1, 3, 1}, Mixed(1, 8));
    EXPECT_NEAR(one.objective, 0, 1e-6);
}

TEST(PqShapes, Checked) {
    EXPECT_EQ(CheckPqShape({784, 98, 8, false}), PqFault::kNone);
    EXPECT_EQ(CheckPqShape({0, 1, 8, false}), PqFault::kDimensions);
    EXPECT_EQ(CheckPqShape({16001, 1, 8, false}), PqFault::kDimensions);
    EXPECT_EQ(CheckPqShape({10, 3, 8, false}), PqFault::kParts);
    EXPECT_EQ(CheckPqShape({10, 0, 8, false}), PqFault::kParts);
    EXPECT_EQ(CheckPqShape({10, 20, 8, false}), PqFault::kParts);
    EXPECT_EQ(CheckPqShape({10, 5, 5, false}), PqFault::kBits);
    EXPECT_EQ(CheckPqShape({4096, 8, 4, true}), PqFault::kRotation);
}

TEST(PqCodes, PackAndUnpack) {
    for (int bits : {4, 8})
        for (int m : {1, 2, 7, 8}) {
            const PqShape shape = {m, m, bits, false};
            std::vector<uint8_t> parts, code(shape.CodeBytes()), back(static_cast<size_t>(m));
            for (int i = 0; i < m; i++)
                parts.push_back(static_cast<uint8_t>((i * 37 + 11) % (1 << bits)));
            PackPqCode(shape, parts.data(), code.data());
            UnpackPqCode(shape, code.data(), back.data());
            EXPECT_EQ(parts, back);
        }
}

TEST(PqBooks, StoredAndReadBack) {
    for (bool rotated : {false, true}) {
        const std::vector<float> rows = Mixed(100, 8);
        const Training training = Train({{8, 4, 4, rotated}, 100, 3, 1, 5, 2}, rows);
        const size_t size = PqBookBytes(training.book.shape);
        AlignedBytes bytes(size);
        WritePqBook(training.book, bytes.data());
        PqBook read;
        ASSERT_TRUE(ReadPqBook(bytes.data(), size, &read));
        EXPECT_EQ(read.shape.dimensions, 8);
        EXPECT_EQ(read.shape.m, 4);
        EXPECT_EQ(read.shape.bits, 4);
        EXPECT_EQ(read.shape.rotated, rotated);
        EXPECT_EQ(Loss(read, rows), Loss(training.book, rows));

        const std::vector<char> whole(bytes.data(), bytes.data() + size);
        const auto reads = [&](const std::vector<char> &changed) {
            AlignedBytes copy(changed.size());
            std::copy(changed.begin(), changed.end(), copy.data());
            return ReadPqBook(copy.data(), changed.size(), &read);
        };
        for (size_t cut : {size_t{0}, size_t{31}, size - 1})
            EXPECT_FALSE(reads(std::vector<char>(whole.begin(), whole.begin() + cut)));
        for (size_t at = 0; at < 32; at++) {
            std::vector<char> changed = whole;
            changed[at] = static_cast<char>(changed[at] ^ 0x45);
            EXPECT_FALSE(reads(changed)) << at;
        }
        std::vector<char> changed = whole;
        const float nan = std::numeric_limits<float>::quiet_NaN();
        memcpy(&changed[size - 40], &nan, 4);
        EXPECT_FALSE(reads(changed));
    }
}

}  // namespace
}  // namespace vecx

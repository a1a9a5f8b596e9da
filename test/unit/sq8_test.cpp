// Scalar quantization against the same in double: what the codes stand for, the products, and the
// errors that it states, which must bound the true ones.

#include "core/sq8.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <random>
#include <vector>

#include "guarded_memory.h"
#include "levels.h"
#include "random_vectors.h"

namespace vecx {
namespace {

constexpr double kTiniest = std::numeric_limits<float>::denorm_min();

// What a stated error may be below the true one: what single precision does not see beside the
// largest value, for each coordinate, and squares that vanish.
double Unseen(const std::vector<float> &values) {
    double largest = 0;
    for (float value : values) largest = std::max<double>(largest, std::fabs(value));
    return std::sqrt(static_cast<double>(values.size())) *
           (0x1p-23 * largest + std::sqrt(kTiniest));
}

// Sums are kept in eight lanes.
double SumError(size_t n) { return (4 + static_cast<double>(n) / 8) * 0x1p-24; }

// A vector and what became of it.
struct Encoded {
    std::vector<float> values;
    std::vector<uint8_t> codes;
    Sq8Parameters parameters;
    std::vector<double> dequantized;

    explicit Encoded(const std::vector<float> &from) : values(from), codes(from.size()) {
        parameters = EncodeSq8(values.data(), values.size(), codes.data());
        for (uint8_t code : codes)
            dequantized.push_back(parameters.offset + static_cast<double>(parameters.scale) * code);
    }
    Sq8View View() const {
        return {codes.data(), parameters.scale, parameters.offset, parameters.sum, parameters.norm};
    }
    double Lost() const {
        double sum = 0;
        for (size_t i = 0; i < values.size(); i++)
            sum += (values[i] - dequantized[i]) * (values[i] - dequantized[i]);
        return std::sqrt(sum);
    }
};

struct Prepared {
    std::vector<float> coordinates;
    std::vector<int16_t> values;
    Sq8Query query;

    explicit Prepared(const std::vector<float> &from) : coordinates(from), values(from.size()) {
        query = PrepareSq8Query(coordinates.data(), coordinates.size(), values.data());
    }
    double Lost() const {
        double sum = 0;
        for (size_t i = 0; i < values.size(); i++) {
            const double lost = coordinates[i] - static_cast<double>(query.step) * values[i];
            sum += lost * lost;
        }
        return std::sqrt(sum);
    }
};

double Norm(const std::vector<double> &values) {
    double sum = 0;
    for (double value : values) sum += value * value;
    return sum;
}

class Sq8Test : public testing::TestWithParam<SimdLevel> {
  protected:
    LevelScope level_{GetParam()};

    void CheckEncoded(const Encoded &encoded) {
        const Sq8Parameters &parameters = encoded.parameters;
        const size_t n = encoded.values.size();
        const auto [low, high] = std::minmax_element(encoded.values.begin(), encoded.values.end());
        const double largest = std::max(std::fabs(*low), std::fabs(*high));
        EXPECT_EQ(parameters.offset, *low);
        double sum = 0;
        for (size_t i = 0; i < n; i++) {
            sum += encoded.codes[i];
            // Half a step, and what single precision loses of the quotient and the difference.
            const double off = std::fabs(encoded.values[i] - encoded.dequantized[i]);
            if (parameters.scale > 0)
                EXPECT_LE(off, parameters.scale * (0.5 + 255 * 0x1p-22) + largest * 0x1p-23) << i;
            else
                EXPECT_LE(off, 255 * static_cast<double>(std::numeric_limits<float>::min())) << i;
        }
        EXPECT_NEAR(parameters.sum, sum, sum * 0x1p-24);
        const double norm = Norm(encoded.dequantized);
        EXPECT_NEAR(parameters.norm, norm, 1e-6 * norm + n * kTiniest);
        const double lost = encoded.Lost();
        const double unseen = Unseen(encoded.values);
        EXPECT_GE(parameters.error, lost - unseen);
        EXPECT_LE(parameters.error, (lost + unseen) * 1.01);
    }

    void CheckQuery(const Prepared &prepared) {
        const Sq8Query &query = prepared.query;
        const size_t n = prepared.values.size();
        int64_t total = 0;
        double sum = 0, magnitude = 0;
        for (size_t i = 0; i < n; i++) {
            total += std::abs(prepared.values[i]);
            EXPECT_LE(std::abs(prepared.values[i]), 4095) << i;
            sum += static_cast<double>(query.step) * prepared.values[i];
            magnitude += static_cast<double>(query.step) * std::abs(prepared.values[i]);
        }
        EXPECT_LE(total * 255, std::numeric_limits<int32_t>::max()) << n;
        EXPECT_NEAR(query.sum, sum, SumError(n) * magnitude);
        const double norm = Dot(prepared.coordinates, prepared.coordinates);
        EXPECT_NEAR(query.norm, norm, SumError(n) * norm + n * kTiniest);
        const double lost = prepared.Lost(), unseen = Unseen(prepared.coordinates);
        EXPECT_GE(query.error, lost - unseen);
        EXPECT_LE(query.error, (lost + unseen) * 1.01);
    }

    // The distance of the dequantized vectors but for rounding, and that of the true vectors but
    // for the errors.
    void CheckDistance(const Encoded &a, const Encoded &b) {
        const size_t n = a.values.size();
        const Sq8View x = a.View(), y = b.View();
        double expected = 0, codes = 0;
        for (size_t i = 0; i < n; i++) {
            const double difference = a.dequantized[i] - b.dequantized[i];
            expected += difference * difference;
            codes += static_cast<double>(a.codes[i]) * b.codes[i];
        }
        const double magnitude = x.norm + y.norm +
                                 2 * (std::fabs(static_cast<double>(n) * x.offset * y.offset) +
                                      std::fabs(static_cast<double>(x.offset) * y.scale * y.sum) +
                                      std::fabs(static_cast<double>(y.offset) * x.scale * x.sum) +
                                      static_cast<double>(x.scale) * y.scale * codes);
        const double rounding = 8 * 0x1p-24 * magnitude + 1000 * kTiniest;
        const double distance = Sq8Distance(x, y, n);
        EXPECT_NEAR(distance, expected, rounding) << n;
        EXPECT_GE(distance, 0);
        const double length = std::sqrt(SquaredDistance(a.values, b.values));
        const double errors = static_cast<double>(a.parameters.error) + b.parameters.error +
                              Unseen(a.values) + Unseen(b.values);
        EXPECT_LE(std::sqrt(expected), length + errors) << n;
        EXPECT_GE(std::sqrt(expected), length - errors) << n;
    }

    void CheckInnerProduct(const Prepared &query, const Encoded &vector) {
        const size_t n = query.values.size();
        const Sq8View view = vector.View();
        double dot = 0, magnitude = 0;
        for (size_t i = 0; i < n; i++)
            dot += static_cast<double>(vector.codes[i]) * query.values[i];
        const double expected = static_cast<double>(view.offset) * query.query.sum +
                                static_cast<double>(view.scale) * query.query.step * dot;
        magnitude = std::fabs(static_cast<double>(view.offset) * query.query.sum) +
                    std::fabs(static_cast<double>(view.scale) * query.query.step * dot);
        const double product = Sq8InnerProduct(query.query, view, n);
        EXPECT_NEAR(product, expected, 4 * 0x1p-24 * magnitude + 2 * kTiniest) << n;

        // |<q, x> - product| <= |q - q'| |x'| + |q| |x - x'|, and rounding.
        double stored = 0, total = 0;
        for (uint8_t code : vector.codes) {
            const double value = view.offset + static_cast<double>(view.scale) * code;
            stored += value * value;
        }
        for (float coordinate : query.coordinates) total += std::fabs(coordinate);
        stored = std::sqrt(stored);
        const double length = std::sqrt(Dot(query.coordinates, query.coordinates));
        const double bound = (query.query.error + Unseen(query.coordinates)) * stored +
                             length * (vector.parameters.error + Unseen(vector.values)) +
                             4 * 0x1p-24 * magnitude +
                             SumError(n) * total * std::fabs(view.offset) + 2 * kTiniest;
        EXPECT_NEAR(product, Dot(query.coordinates, vector.values), bound) << n;
    }

    void CheckAll(const std::vector<float> &a, const std::vector<float> &b) {
        const Encoded x(a), y(b);
        CheckEncoded(x);
        CheckEncoded(y);
        CheckDistance(x, y);
        CheckDistance(x, x);
        const Prepared query(b);
        CheckQuery(query);
        CheckInnerProduct(query, x);
        CheckInnerProduct(query, y);
    }
};

INSTANTIATE_TEST_SUITE_P(Levels, Sq8Test, testing::ValuesIn(AvailableLevels()),
                         [](const auto &info) { return KernelsOf(info.param)->name; });

TEST_P(Sq8Test, RandomVectors) {
    std::minstd_rand random(1);
    for (size_t n : {16, 32, 64, 112, 784, 1536, 2048, 2064, 4000, 16000})
        for (int repeat = 0; repeat < 4; repeat++) {
            SCOPED_TRACE(n);
            CheckAll(GaussianVector(random, n), GaussianVector(random, n, 5));
        }
}

// Far from the origin in each coordinate: offsets much larger than ranges.
TEST_P(Sq8Test, ShiftedVectors) {
    std::minstd_rand random(2);
    for (size_t n : {16, 784, 16000})
        for (float shift : {-100.0f, 100.0f, 10000.0f}) {
            std::vector<float> a = GaussianVector(random, n), b = GaussianVector(random, n);
            for (float &value : a) value += shift;
            for (float &value : b) value += shift;
            SCOPED_TRACE(testing::Message() << n << ", " << shift);
            CheckAll(a, b);
        }
}

TEST_P(Sq8Test, ConstantVectors) {
    std::minstd_rand random(3);
    for (size_t n : {16, 32, 784, 16000})
        for (float value : {0.0f, -0.0f, 1.0f, -3.7f, 1e-40f, 1e15f, -1e15f}) {
            SCOPED_TRACE(testing::Message() << n << ", " << value);
            const std::vector<float> constant(n, value);
            const Encoded encoded(constant);
            EXPECT_EQ(encoded.parameters.scale, 0);
            EXPECT_EQ(encoded.parameters.sum, 0);
            EXPECT_EQ(encoded.parameters.error, 0);
            CheckAll(constant, constant);
            CheckAll(constant, GaussianVector(random, n, std::max(1.0f, std::fabs(value))));
        }
}

TEST_P(Sq8Test, AllMagnitudes) {
    std::minstd_rand random(4);
    for (size_t n : {16, 112, 784})
        for (int exponent = -45; exponent <= 16; exponent++) {
            SCOPED_TRACE(testing::Message() << n << ", 1e" << exponent);
            const double size = std::pow(10, exponent);
            CheckAll(GaussianVector(random, n, size), GaussianVector(random, n, size));
            CheckAll(GaussianVector(random, n, size), GaussianVector(random, n));
        }
}

// A range that is nothing beside the values: what rounding swallows must be in the error.
TEST_P(Sq8Test, TinyRanges) {
    std::minstd_rand random(5);
    for (float value : {1.0f, -1000.0f, 1e-30f, 1e10f})
        for (int ulps : {1, 2, 3, 100, 300, 10000}) {
            std::uniform_int_distribution<int> step(0, ulps);
            std::vector<float> a, b;
            for (int i = 0; i < 64; i++) {
                a.push_back(value * (1 + static_cast<float>(step(random)) * 0x1p-23f));
                b.push_back(value * (1 + static_cast<float>(step(random)) * 0x1p-23f));
            }
            SCOPED_TRACE(testing::Message() << value << ", " << ulps << " ulps");
            CheckAll(a, b);
        }
}

// One coordinate above all others: they all but vanish, which the error says.
TEST_P(Sq8Test, OneLargeCoordinate) {
    std::minstd_rand random(6);
    for (size_t n : {16, 784, 16000})
        for (float large : {100.0f, 1e6f, 1e15f, -1e15f}) {
            std::vector<float> a = GaussianVector(random, n);
            a[n / 2] = large;
            SCOPED_TRACE(testing::Message() << n << ", " << large);
            CheckAll(a, GaussianVector(random, n));
            CheckAll(GaussianVector(random, n), a);
        }
}

// The integer products at their largest: all codes 255, all of the query at its extremes. Whatever
// the signs, sums must come out of the 32 bits that they are added in.
TEST_P(Sq8Test, LargestProductsDoNotOverflow) {
    for (size_t n : {16, 2048, 2064, 4096, 8000, 16000}) {
        std::vector<float> values(n, 1.0f);
        values[0] = 0;  // the others then have code 255
        const Encoded vector(values);
        ASSERT_EQ(vector.codes[1], 255);
        SCOPED_TRACE(n);
        CheckDistance(vector, vector);
        for (float sign : {1.0f, -1.0f}) {
            const Prepared query(std::vector<float>(n, sign));
            CheckQuery(query);
            CheckInnerProduct(query, vector);
            EXPECT_NEAR(Sq8InnerProduct(query.query, vector.View(), n), sign * (n - 1.0), 0.01 * n);
        }
        std::vector<float> halves(n, 1.0f);
        std::fill(halves.begin(), halves.begin() + n / 2, -1.0f);
        const Prepared query(halves);
        CheckQuery(query);
        CheckInnerProduct(query, vector);
    }
}

TEST_P(Sq8Test, StaysWithinItsArrays) {
    std::minstd_rand random(7);
    GuardedMemory memory[4];
    for (size_t n = 16; n <= 160; n += 16) {
        const std::vector<float> values = GaussianVector(random, n);
        const Encoded expected(values);
        uint8_t *codes = memory[1].Place<uint8_t>(n);
        const Sq8Parameters parameters = EncodeSq8(memory[0].Copy(values), n, codes);
        EXPECT_EQ(std::vector<uint8_t>(codes, codes + n), expected.codes);
        const Sq8View view = {codes, parameters.scale, parameters.offset, parameters.sum,
                              parameters.norm};
        EXPECT_EQ(Sq8Distance(view, view, n), Sq8Distance(expected.View(), expected.View(), n));
        const Sq8Query query =
            PrepareSq8Query(memory[2].Copy(values), n, memory[3].Place<int16_t>(n));
        EXPECT_EQ(Sq8InnerProduct(query, view, n),
                  Sq8InnerProduct(Prepared(values).query, expected.View(), n));
    }
}

}  // namespace
}  // namespace vecx

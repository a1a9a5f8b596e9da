// Every CPU level of the code kernels against plain formulas in double. Arrays end right before a
// page that may not be accessed, so a kernel that goes past the end crashes here.

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <vector>

#include "core/half.h"
#include "core/kernels.h"
#include "guarded_memory.h"
#include "levels.h"

namespace vecx {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();

// All short lengths, hence all tails of all levels, and some as users have them.
std::vector<size_t> Lengths() {
    std::vector<size_t> lengths;
    for (size_t n = 0; n <= 130; n++) lengths.push_back(n);
    for (size_t n : {767, 768, 769, 1536, 16000, 16384}) lengths.push_back(n);
    return lengths;
}

uint16_t HalfOf(float value) { return FloatToHalf(value).bits; }
double ValueOf(uint16_t half) { return HalfToFloat(Half{half}); }

// A query's tables and 32 edges, all arrays by themselves.
struct Batch {
    size_t rows;
    int bits;
    std::vector<uint8_t> tables;  // 32 per row, the low nibble's first
    std::vector<uint8_t> codes;
    std::vector<uint16_t> addend = std::vector<uint16_t>(kEdgeBatch, HalfOf(0));
    std::vector<uint16_t> factor = std::vector<uint16_t>(kEdgeBatch, HalfOf(1));
    std::vector<uint16_t> excess = std::vector<uint16_t>(kEdgeBatch, HalfOf(0));
    bool has_excess = false;
    float step = 1, bias = 0, addend_scale = 1, factor_scale = 1, base = 0;

    Batch(size_t rows, int bits, std::minstd_rand &random) : rows(rows), bits(bits) {
        std::uniform_int_distribution<int> entry(0, 127), code(0, 255);
        for (size_t i = 0; i < rows * 32; i++)
            tables.push_back(static_cast<uint8_t>(entry(random)));
        for (size_t i = 0; i < rows * kEdgeBatch * static_cast<size_t>(bits); i++)
            codes.push_back(static_cast<uint8_t>(code(random)));
    }

    void RandomHalves(std::minstd_rand &random) {
        std::normal_distribution<float> value;
        for (std::vector<uint16_t> *halves : {&addend, &factor, &excess})
            for (uint16_t &half : *halves) half = HalfOf(value(random));
        has_excess = true;
        step = 0.01f, bias = -3, addend_scale = 2.5f, factor_scale = 0.75f, base = 11;
    }

    std::vector<uint8_t> Entries() const {
        std::vector<uint8_t> entries(rows * 64);
        for (size_t row = 0; row < rows; row++)
            for (size_t nibble = 0; nibble < 2; nibble++)
                for (size_t copy = 0; copy < 2; copy++)
                    memcpy(&entries[row / 2 * 128 + nibble * 64 + row % 2 * 32 + copy * 16],
                           &tables[row * 32 + nibble * 16], 16);
        return entries;
    }

    double Sum(size_t edge) const {
        double sum = 0;
        for (size_t plane = 0; plane < static_cast<size_t>(bits); plane++)
            for (size_t row = 0; row < rows; row++) {
                const uint8_t code = codes[(plane * rows + row) * kEdgeBatch + edge];
                sum += (tables[row * 32 + (code & 15)] + tables[row * 32 + 16 + (code >> 4)]) /
                       (plane == 0 ? 1.0 : 2.0);
            }
        return sum;
    }

    // The estimate, and in `magnitude` the sum of its terms without their signs.
    double Estimate(size_t edge, double *magnitude) const {
        const double sum = Sum(edge), scaled = ValueOf(factor[edge]) * factor_scale;
        double constant = ValueOf(addend[edge]);
        if (has_excess) constant -= ValueOf(excess[edge]);
        *magnitude = std::fabs(base) + std::fabs(addend_scale * constant) +
                     std::fabs(scaled) * (std::fabs(step * sum) + std::fabs(bias));
        return base + addend_scale * constant + scaled * (step * sum + bias);
    }
};

class CodeKernelsTest : public testing::TestWithParam<SimdLevel> {
  protected:
    const CodeKernels &kernels_ = KernelsOf(GetParam())->codes;
    GuardedMemory memory_[6];

    struct Result {
        std::vector<float> estimates;
        uint32_t below;
    };

    Result Run(const Batch &batch, float bound, size_t gap) {
        const CodeTable table = {memory_[0].Copy(batch.Entries()), batch.rows, batch.bits,
                                 batch.step, batch.bias};
        const EdgeBatch edges = {
            memory_[1].Copy(batch.codes, gap),
            memory_[2].Copy(batch.addend, gap),
            memory_[3].Copy(batch.factor, gap),
            batch.has_excess ? memory_[4].Copy(batch.excess, gap) : nullptr,
            batch.addend_scale,
            batch.factor_scale,
        };
        float *estimates = memory_[5].Place<float>(kEdgeBatch);
        const uint32_t below = kernels_.estimate(edges, table, batch.base, bound, estimates);
        return {std::vector<float>(estimates, estimates + kEdgeBatch), below};
    }

    // The mask must agree with the estimates as given back.
    void CheckMask(const Result &result, float bound) {
        for (size_t edge = 0; edge < kEdgeBatch; edge++)
            EXPECT_EQ(result.below >> edge & 1, result.estimates[edge] < bound)
                << edge << ": " << result.estimates[edge] << " < " << bound;
    }

    void CheckSumsAreExact(const Batch &batch) {
        SCOPED_TRACE(testing::Message() << batch.rows << " rows, " << batch.bits << " bits");
        const auto bound = static_cast<float>(batch.Sum(7));  // equal is not below
        const Result result = Run(batch, bound, batch.rows / 2 % 8);
        for (size_t edge = 0; edge < kEdgeBatch; edge++)
            EXPECT_EQ(result.estimates[edge], batch.Sum(edge)) << edge;
        CheckMask(result, bound);
    }

    void CheckEstimates(const Batch &batch) {
        SCOPED_TRACE(testing::Message() << batch.rows << " rows, " << batch.bits << " bits");
        std::vector<double> sorted;
        double magnitude;
        for (size_t edge = 0; edge < kEdgeBatch; edge++)
            sorted.push_back(batch.Estimate(edge, &magnitude));
        std::nth_element(sorted.begin(), sorted.begin() + 16, sorted.end());
        const auto bound = static_cast<float>(sorted[16]);
        const Result result = Run(batch, bound, batch.rows / 2 % 8);
        for (size_t edge = 0; edge < kEdgeBatch; edge++) {
            const double expected = batch.Estimate(edge, &magnitude);
            EXPECT_NEAR(result.estimates[edge], expected, 4 * 0x1p-23 * magnitude) << edge;
        }
        CheckMask(result, bound);
    }
};

INSTANTIATE_TEST_SUITE_P(Levels, CodeKernelsTest, testing::ValuesIn(AvailableLevels()),
                         [](const auto &info) { return KernelsOf(info.param)->name; });

TEST_P(CodeKernelsTest, SumsAreExactForAllRowCounts) {
    std::minstd_rand random(1);
    for (size_t rows = 2; rows <= kMaxCodeRows; rows += 2)
        for (int bits : {1, 2}) CheckSumsAreExact(Batch(rows, bits, random));
}

TEST_P(CodeKernelsTest, LargestEntriesDoNotOverflow) {
    std::minstd_rand random(2);
    for (size_t rows = 2; rows <= kMaxCodeRows; rows += 2)
        for (int bits : {1, 2}) {
            Batch batch(rows, bits, random);
            batch.tables.assign(batch.tables.size(), 127);
            CheckSumsAreExact(batch);
            // Sums of neighbours apart, so that a carry between them would show.
            batch.tables.assign(batch.tables.size(), 0);
            for (size_t i = 0; i < batch.tables.size(); i += 16) batch.tables[i + 15] = 127;
            for (size_t i = 0; i < batch.codes.size(); i++) batch.codes[i] = i % 3 == 0 ? 255 : 0;
            CheckSumsAreExact(batch);
        }
}

// Each byte value at each edge, with all other edges at 0.
TEST_P(CodeKernelsTest, EveryCodeIsLookedUp) {
    std::minstd_rand random(3);
    Batch batch(4, 2, random);
    for (size_t position = 0; position < batch.codes.size(); position += 29)
        for (int code = 0; code < 256; code++) {
            batch.codes.assign(batch.codes.size(), 0);
            batch.codes[position] = static_cast<uint8_t>(code);
            CheckSumsAreExact(batch);
        }
}

TEST_P(CodeKernelsTest, EstimatesAreWithinRounding) {
    std::minstd_rand random(4);
    for (size_t rows = 2; rows <= kMaxCodeRows; rows += 2)
        for (int bits : {1, 2}) {
            Batch batch(rows, bits, random);
            batch.RandomHalves(random);
            CheckEstimates(batch);
            batch.has_excess = false;
            CheckEstimates(batch);
        }
}

TEST_P(CodeKernelsTest, InfinityAndNaNAreNeverBelow) {
    std::minstd_rand random(5);
    for (int bits : {1, 2})
        for (size_t edge = 0; edge < kEdgeBatch; edge++) {
            Batch batch(16, bits, random);
            batch.RandomHalves(random);
            batch.has_excess = bits == 1;
            // Both bounds: below infinity is everything but infinity itself and NaN.
            for (float bound : {1e30f, kInfinity}) {
                // A free slot.
                batch.addend[edge] = HalfOf(kInfinity);
                batch.factor[edge] = batch.excess[edge] = HalfOf(0);
                Result result = Run(batch, bound, 2);
                EXPECT_EQ(result.estimates[edge], kInfinity);
                EXPECT_EQ(result.below, ~(uint32_t{1} << edge));

                batch.addend[edge] = HalfOf(kNaN);
                result = Run(batch, bound, 2);
                EXPECT_TRUE(std::isnan(result.estimates[edge]));
                EXPECT_EQ(result.below, ~(uint32_t{1} << edge));

                batch.addend[edge] = HalfOf(1);
                batch.factor[edge] = HalfOf(kNaN);
                result = Run(batch, bound, 2);
                EXPECT_TRUE(std::isnan(result.estimates[edge]));
                EXPECT_EQ(result.below, ~(uint32_t{1} << edge));

                batch.factor[edge] = HalfOf(-kInfinity);
                batch.bias = 1000;
                result = Run(batch, bound, 2);
                EXPECT_EQ(result.estimates[edge], -kInfinity);
                EXPECT_EQ(result.below, ~uint32_t{0});
            }
            batch.factor[edge] = HalfOf(1);
            batch.has_excess = true;
            batch.addend[edge] = batch.excess[edge] = HalfOf(kInfinity);
            EXPECT_EQ(Run(batch, kInfinity, 0).below, ~(uint32_t{1} << edge));
            EXPECT_EQ(Run(batch, kNaN, 0).below, 0);
            EXPECT_EQ(Run(batch, -kInfinity, 0).below, 0);
        }
}

TEST_P(CodeKernelsTest, SignsAreEncoded) {
    std::minstd_rand random(6);
    std::normal_distribution<float> value;
    for (size_t n = 16; n <= 2064; n += n < 320 ? 16 : 336) {
        std::vector<float> x, y;
        for (size_t i = 0; i < n; i++) {
            x.push_back(value(random));
            y.push_back(i % 7 == 3 ? x.back() : value(random));  // equal is not above
        }
        uint8_t *bits = memory_[2].Place<uint8_t>(n / 8);
        bits[-1] = 7;
        const CodeSums sums =
            kernels_.encode_signs(memory_[0].Copy(x), memory_[1].Copy(y), n, bits);
        EXPECT_EQ(bits[-1], 7);
        double residual = 0, node = 0, node_magnitude = 0;
        for (size_t i = 0; i < n; i++) {
            EXPECT_EQ(bits[i / 8] >> i % 8 & 1, x[i] > y[i]) << i << " of " << n;
            residual += std::fabs(static_cast<double>(x[i]) - y[i]);
            node += x[i] > y[i] ? y[i] : -y[i];
            node_magnitude += std::fabs(y[i]);
        }
        const double error = (4 + static_cast<double>(n) / 4) * 0x1p-24;
        EXPECT_NEAR(sums.residual, residual, error * residual);
        EXPECT_NEAR(sums.node, node, error * node_magnitude);
    }
}

TEST_P(CodeKernelsTest, LevelsAreEncoded) {
    std::minstd_rand random(7);
    // Quarters, so that residuals meet 0 and both steps exactly.
    std::uniform_int_distribution<int> quarters(-12, 12);
    const float step = 0.75f;
    for (size_t n = 16; n <= 2064; n += n < 320 ? 16 : 336) {
        std::vector<float> x, y;
        for (size_t i = 0; i < n; i++) {
            x.push_back(static_cast<float>(quarters(random)) / 4);
            y.push_back(static_cast<float>(quarters(random)) / 4);
        }
        uint8_t *high = memory_[2].Place<uint8_t>(n / 8), *low = memory_[3].Place<uint8_t>(n / 8);
        high[-1] = low[-1] = 7;
        const CodeSums sums =
            kernels_.encode_levels(memory_[0].Copy(x), memory_[1].Copy(y), n, step, high, low);
        EXPECT_EQ(high[-1], 7);
        EXPECT_EQ(low[-1], 7);
        double residual = 0, node = 0;
        for (size_t i = 0; i < n; i++) {
            const double difference = x[i] - y[i];
            const int up = difference > 0, far = difference > (up ? step : -step);
            EXPECT_EQ(high[i / 8] >> i % 8 & 1, up) << i << " of " << n;
            EXPECT_EQ(low[i / 8] >> i % 8 & 1, far) << i << " of " << n;
            const double code = 2 * up + far - 1.5;
            residual += code * difference;
            node += code * y[i];
        }
        // Sums of eighths: exact in any order.
        EXPECT_EQ(sums.residual, residual) << n;
        EXPECT_EQ(sums.node, node) << n;
    }
}

TEST_P(CodeKernelsTest, EncodingNaNSetsNoBit) {
    const std::vector<float> x(48, kNaN), y(48, 1.0f);
    std::vector<uint8_t> high(6, 255), low(6, 255);
    kernels_.encode_signs(x.data(), y.data(), 48, high.data());
    EXPECT_EQ(high, std::vector<uint8_t>(6, 0));
    high.assign(6, 255);
    EXPECT_TRUE(std::isnan(
        kernels_.encode_levels(x.data(), y.data(), 48, 1, high.data(), low.data()).residual));
    EXPECT_EQ(high, std::vector<uint8_t>(6, 0));
    EXPECT_EQ(low, std::vector<uint8_t>(6, 0));
}

TEST_P(CodeKernelsTest, ProductsOfBytesAreExact) {
    std::minstd_rand random(8);
    std::uniform_int_distribution<int> byte(0, 255);
    for (size_t n : Lengths()) {
        std::vector<uint8_t> a, b;
        uint64_t sum = 0;
        for (size_t i = 0; i < n; i++) {
            a.push_back(static_cast<uint8_t>(n % 3 == 1 ? 255 : byte(random)));
            b.push_back(static_cast<uint8_t>(n % 3 == 1 ? 255 : byte(random)));
            sum += uint64_t{a[i]} * b[i];
        }
        for (size_t gap = 0; gap < 4; gap++)
            EXPECT_EQ(kernels_.dot_u8(memory_[0].Copy(a, gap), memory_[1].Copy(b, 3 - gap), n), sum)
                << n;
    }
}

TEST_P(CodeKernelsTest, ProductsWithShortsAreExact) {
    std::minstd_rand random(9);
    std::uniform_int_distribution<int> byte(0, 255), number(-4095, 4095);
    for (size_t n : Lengths()) {
        std::vector<uint8_t> a;
        std::vector<int16_t> b;
        int64_t sum = 0;
        for (size_t i = 0; i < n; i++) {
            a.push_back(static_cast<uint8_t>(n % 3 == 1 ? 255 : byte(random)));
            b.push_back(static_cast<int16_t>(number(random)));
            sum += int64_t{a[i]} * b[i];
        }
        for (size_t gap = 0; gap < 4; gap++)
            EXPECT_EQ(kernels_.dot_u8_i16(memory_[0].Copy(a, gap), memory_[1].Copy(b, gap * 2), n),
                      sum)
                << n;
    }
    // The largest that fit the result, and sums that only fit once all are added.
    std::vector<uint8_t> a(2056, 255);
    std::vector<int16_t> b(2056, 4095);
    EXPECT_EQ(kernels_.dot_u8_i16(a.data(), b.data(), 2056), 255 * 4095 * 2056);
    b.assign(2056, -4095);
    EXPECT_EQ(kernels_.dot_u8_i16(a.data(), b.data(), 2056), -255 * 4095 * 2056);
    a.assign(16384, 255);
    b.assign(8192, 4095);
    b.resize(16384, -4095);
    EXPECT_EQ(kernels_.dot_u8_i16(a.data(), b.data(), 16384), 0);
}

TEST_P(CodeKernelsTest, BytesAreRoundedToNearest) {
    std::minstd_rand random(10);
    // Halves, so that all ties occur, and values beyond both ends.
    std::uniform_int_distribution<int> halves(-40, 2 * 255 + 40);
    const float offset = -3, scale = 0.125f;
    for (size_t n : Lengths()) {
        std::vector<float> values;
        for (size_t i = 0; i < n; i++)
            values.push_back(offset + scale * static_cast<float>(halves(random)) / 2);
        uint8_t *codes = memory_[1].Place<uint8_t>(n + 1);
        codes[0] = 7;
        kernels_.encode_u8(memory_[0].Copy(values), 1 / scale, offset, codes + 1, n);
        EXPECT_EQ(codes[0], 7);
        for (size_t i = 0; i < n; i++) {
            const float rounded = std::nearbyint((values[i] - offset) / scale);
            EXPECT_EQ(codes[i + 1], std::clamp(rounded, 0.0f, 255.0f)) << i << " of " << n;
        }
    }
}

TEST_P(CodeKernelsTest, BytesOfExtremeValues) {
    const float largest = std::numeric_limits<float>::max();
    const std::vector<float> values = {kInfinity, -kInfinity, largest, -largest,   254.5f,
                                       255.5f,    0.5f,       1.5f,    -0.5f,      -0.0f,
                                       1e-40f,    3e9f,       -3e9f,   0.49999997f};
    const std::vector<uint8_t> expected = {255, 0, 255, 0, 254, 255, 0, 2, 0, 0, 0, 255, 0, 0};
    for (size_t copies : {1, 2, 3}) {  // whole registers and tails
        std::vector<float> all;
        for (size_t i = 0; i < copies; i++) all.insert(all.end(), values.begin(), values.end());
        std::vector<uint8_t> codes(all.size());
        kernels_.encode_u8(all.data(), 1, 0, codes.data(), all.size());
        for (size_t i = 0; i < all.size(); i++)
            EXPECT_EQ(codes[i], expected[i % values.size()]) << all[i % values.size()];
        // Any code for NaN, but no undefined behaviour: see the sanitizers.
        all.assign(all.size(), kNaN);
        kernels_.encode_u8(all.data(), 1, 0, codes.data(), all.size());
    }
}

TEST_P(CodeKernelsTest, BytesAreDecoded) {
    for (size_t n : Lengths()) {
        std::vector<uint8_t> codes;
        for (size_t i = 0; i < n; i++) codes.push_back(static_cast<uint8_t>(i * 37 % 256));
        float *values = memory_[1].Place<float>(n + 1);
        values[0] = 7;
        for (size_t gap = 0; gap < 4; gap++) {
            kernels_.decode_u8(memory_[0].Copy(codes, gap), 0.3f, -5.1f, values + 1, n);
            EXPECT_EQ(values[0], 7);
            for (size_t i = 0; i < n; i++)
                EXPECT_NEAR(values[i + 1],
                            static_cast<double>(-5.1f) + static_cast<double>(0.3f) * codes[i],
                            0x1p-23 * (5.1 + 0.3 * codes[i]))
                    << i << " of " << n;
        }
    }
}

TEST_P(CodeKernelsTest, EdgesAreCompared) {
    std::minstd_rand random(11);
    std::uniform_int_distribution<int> whole(0, 5);  // many are equal
    const float factor = 1.25f;
    for (int round = 0; round < 200; round++) {
        std::vector<float> lengths(kEdgeBatch), between(kEdgeBatch);
        for (float &length : lengths) length = static_cast<float>(whole(random));
        for (float &way : between) way = static_cast<float>(whole(random)) / factor;
        if (round % 4 == 0) lengths[round % kEdgeBatch] = between[round % 31] = kNaN;
        const auto distance = static_cast<float>(whole(random));
        const PassedEdges passed =
            KernelsOf(GetParam())
                ->codes.compare_edges(lengths.data(), between.data(), distance, factor);
        for (size_t i = 0; i < kEdgeBatch; i++) {
            const bool shorter = lengths[i] < distance && factor * between[i] < distance;
            const bool longer = lengths[i] > distance && factor * between[i] < lengths[i];
            EXPECT_EQ(passed.shorter >> i & 1, shorter) << i;
            EXPECT_EQ(passed.longer >> i & 1, longer) << i;
        }
    }
}

TEST_P(CodeKernelsTest, RanksAreThoseOfAStableSort) {
    std::minstd_rand random(12);
    std::uniform_int_distribution<int> whole(-40, 40);  // many are equal
    for (size_t n = 0; n < 200; n++) {
        std::vector<float> keys((n / kKeyBlock + 1) * kKeyBlock, kNaN);
        std::vector<uint32_t> order(n), ranks(n + 1, 4711);
        for (size_t i = 0; i < n; i++) {
            keys[i] = static_cast<float>(whole(random));
            if (n % 5 == 0 && i % 7 == 0) keys[i] = kInfinity;
            order[i] = static_cast<uint32_t>(i);
        }
        const std::vector<float> before = keys;
        std::stable_sort(order.begin(), order.end(),
                         [&](uint32_t a, uint32_t b) { return before[a] < before[b]; });
        KernelsOf(GetParam())->codes.rank(keys.data(), n, ranks.data());
        for (size_t i = 0; i < n; i++) EXPECT_EQ(ranks[order[i]], i) << n;
        EXPECT_EQ(ranks[n], 4711);
    }
}

TEST_P(CodeKernelsTest, SizesAreThoseOfTheValues) {
    std::minstd_rand random(13);
    std::normal_distribution<float> value;
    for (size_t n = 16; n <= 400; n += 16) {
        std::vector<float> values;
        for (size_t i = 0; i < n; i++) values.push_back(value(random));
        double largest = 0, widest = 0, sum = 0;
        for (size_t i = 0; i < n; i += 4) {
            double width = 0;
            for (size_t j = i; j < i + 4; j++) {
                largest = std::max(largest, std::fabs(static_cast<double>(values[j])));
                width += std::fabs(static_cast<double>(values[j]));
            }
            widest = std::max(widest, width);
            sum += width;
        }
        const SizeSums sizes = kernels_.sizes(memory_[0].Copy(values), n);
        EXPECT_EQ(sizes.largest, largest);
        EXPECT_NEAR(sizes.widest, widest, widest * 0x1p-22);
        EXPECT_NEAR(sizes.sum, sum, sum * 0x1p-18);
    }
    // Wherever the largest stands.
    for (size_t at = 0; at < 48; at++) {
        std::vector<float> values(48, -1);
        values[at] = -3;
        const SizeSums sizes = kernels_.sizes(values.data(), values.size());
        EXPECT_EQ(sizes.largest, 3) << at;
        EXPECT_EQ(sizes.widest, 6) << at;
        EXPECT_EQ(sizes.sum, 50) << at;
    }
}

TEST_P(CodeKernelsTest, TablesHoldTheSumsOfSizesPerCode) {
    std::minstd_rand random(14);
    std::uniform_real_distribution<float> value(-1, 1);
    for (size_t n = 16; n <= 208; n += 16) {
        std::vector<float> values;
        for (size_t i = 0; i < n; i++) values.push_back(value(random));
        const float factor = 1000;
        uint8_t *entries = memory_[0].Place<uint8_t>(n * 8 + 1);
        entries[0] = 7;
        kernels_.fill_table(memory_[1].Copy(values), n, factor, entries + 1);
        EXPECT_EQ(entries[0], 7);
        for (size_t group = 0; group < n / 4; group++) {
            // Rows of two groups; pairs of rows share 128 bytes, the second groups' in the second
            // half.
            const size_t row = group / 2;
            const uint8_t *table = entries + 1 + row / 2 * 128 + row % 2 * 32 + group % 2 * 64;
            for (unsigned code = 0; code < 16; code++) {
                int sum = 1 << (kTableFractionBits - 1);
                for (size_t i = 0; i < 4; i++) {
                    const int size = static_cast<int>(2 * factor * values[group * 4 + i]);
                    if ((code >> i & 1) != 0 ? size > 0 : size < 0) sum += std::abs(size);
                }
                ASSERT_EQ(table[code], sum >> kTableFractionBits) << code << " of " << group;
                ASSERT_EQ(table[code + 16], table[code]);
            }
        }
    }
}

TEST_P(CodeKernelsTest, IntegersAreTheNearest) {
    std::minstd_rand random(15);
    std::uniform_real_distribution<float> value(-4, 4);
    const float step = 1 / 1024.0f;
    for (size_t n = 16; n <= 208; n += 16) {
        std::vector<float> values;
        for (size_t i = 0; i < n; i++) values.push_back(value(random));
        int16_t *codes = memory_[0].Place<int16_t>(n + 1);
        codes[0] = 7;
        const RoundingSums sums =
            kernels_.encode_i16(memory_[1].Copy(values), 1 / step, step, codes + 1, n);
        EXPECT_EQ(codes[0], 7);
        double norm = 0, error = 0, sum = 0;
        for (size_t i = 0; i < n; i++) {
            const double exact = static_cast<double>(values[i]);
            const double lost = exact - static_cast<double>(step) * codes[i + 1];
            ASSERT_LE(std::fabs(lost), static_cast<double>(step) / 2) << i;
            norm += exact * exact;
            error += lost * lost;
            sum += exact;
        }
        EXPECT_NEAR(sums.squared_norm, norm, norm * 0x1p-18);
        EXPECT_NEAR(sums.squared_error, error, error * 0x1p-10);
        EXPECT_NEAR(sums.sum, sum, 4.0 * static_cast<double>(n) * 0x1p-20);
    }
}

TEST_P(CodeKernelsTest, RangesOfValues) {
    std::minstd_rand random(31);
    std::normal_distribution<float> value;
    GuardedMemory guarded;
    for (size_t n : {16, 32, 48, 256, 1024}) {
        std::vector<float> values(n);
        for (float &v : values) v = value(random);
        values[random() % n] = random() % 2 == 0 ? 1e30f : -1e30f;
        const ValueRange range = KernelsOf(GetParam())->codes.range(guarded.Copy(values), n);
        EXPECT_EQ(range.least, *std::min_element(values.begin(), values.end()));
        EXPECT_EQ(range.most, *std::max_element(values.begin(), values.end()));
    }
}

// Codes of a list in pieces at odd addresses; more rows than one sum of 16 bits can take.
TEST_P(CodeKernelsTest, ListsAreEstimated) {
    const CodeKernels &kernels = KernelsOf(GetParam())->codes;
    std::minstd_rand random(32);
    std::uniform_int_distribution<int> byte(0, 255), entry(0, 127), word(0, kLargestWord);
    std::normal_distribution<float> value;
    for (int rows : {2, 16, 34, 258, 600})
        for (bool bytes : {false, true})
            for (bool with_factors : {false, true}) {
                std::vector<uint8_t> tables, codes;
                std::vector<uint16_t> words, addend, factor, error;
                for (int i = 0; i < rows * 32; i++)
                    tables.push_back(static_cast<uint8_t>(rows == 258 ? 127 : entry(random)));
                for (int i = 0; i < rows * 256; i++)
                    words.push_back(
                        static_cast<uint16_t>(rows == 258 ? kLargestWord : word(random)));
                for (int i = 0; i < rows * 32; i++)
                    codes.push_back(static_cast<uint8_t>(byte(random)));
                for (int i = 0; i < 32; i++) {
                    addend.push_back(HalfOf(value(random)));
                    factor.push_back(HalfOf(value(random)));
                    error.push_back(HalfOf(std::fabs(value(random))));
                }
                std::vector<uint8_t> entries(static_cast<size_t>(rows) * 64 + 64);
                auto *aligned = reinterpret_cast<uint8_t *>(
                    (reinterpret_cast<uintptr_t>(entries.data()) + 63) / 64 * 64);
                for (int row = 0; row < rows; row++)
                    for (int half = 0; half < 4; half++)
                        memcpy(
                            aligned + row / 2 * 128 + half / 2 * 64 + row % 2 * 32 + half % 2 * 16,
                            &tables[static_cast<size_t>(row * 32 + half / 2 * 16)], 16);
                GuardedMemory first, rest, addends, factors, errors;
                const int cut = rows / 4 * 2;
                const std::vector<uint8_t> head(codes.begin(), codes.begin() + cut * 32);
                const std::vector<uint8_t> tail(codes.begin() + cut * 32, codes.end());
                const CodePiece pieces[] = {{first.Copy(head), cut},
                                            {rest.Copy(tail, 3), rows - cut}};
                const ListBatch batch = {pieces,
                                         2,
                                         addends.Copy(addend),
                                         with_factors ? factors.Copy(factor) : nullptr,
                                         with_factors ? errors.Copy(error) : nullptr,
                                         3,
                                         0.5f};
                const ListTable table = {bytes ? nullptr : aligned, bytes ? words.data() : nullptr,
                                         1e-3f, -2};
                const ListTerms terms = {7, 0.25f, 0.125f, 8};
                float estimates[32], bounds[32];
                const uint32_t below =
                    (bytes ? kernels.estimate_list_bytes : kernels.estimate_list)(
                        batch, table, terms, estimates, bounds);
                for (size_t j = 0; j < 32; j++) {
                    double sum = 0;
                    for (size_t row = 0; row < static_cast<size_t>(rows); row++) {
                        const size_t code = codes[row * 32 + j];
                        sum += bytes ? words[row * 256 + code]
                                     : tables[row * 32 + (code & 15)] +
                                           tables[row * 32 + 16 + (code >> 4)];
                    }
                    const double scaled = 0.5 * (with_factors ? ValueOf(factor[j]) : 1);
                    const double estimate = 7 + 3 * ValueOf(addend[j]) + scaled * (1e-3 * sum - 2);
                    const double bound = estimate - 0.25 * std::fabs(scaled) -
                                         (with_factors ? 0.125 * 0.5 * ValueOf(error[j]) : 0);
                    const double tolerance = 1e-5 * (10 + 1e-3 * sum);
                    EXPECT_NEAR(estimates[j], estimate, tolerance);
                    EXPECT_NEAR(bounds[j], bound, tolerance);
                    EXPECT_EQ(below >> j & 1, bounds[j] < 8 ? 1u : 0u);
                }
            }
}

TEST_P(CodeKernelsTest, HadamardIsTheDefinition) {
    std::minstd_rand random(11);
    std::uniform_int_distribution<int> integer(-100, 100);
    for (size_t n = 16; n <= 4096; n *= 2) {
        // Integers: exact.
        std::vector<float> values;
        for (size_t i = 0; i < n; i++) values.push_back(static_cast<float>(integer(random)));
        float *transformed = memory_[0].Place<float>(n + 1);
        transformed[0] = 7;
        memcpy(transformed + 1, values.data(), n * sizeof(float));
        std::vector<float> factors;
        for (size_t i = 0; i < n; i++) factors.push_back(static_cast<float>(1 + i % 3));
        kernels_.hadamard(transformed + 1, memory_[1].Copy(factors), n);
        EXPECT_EQ(transformed[0], 7);
        for (size_t row = 0; row < n; row++) {
            int64_t sum = 0;
            for (size_t i = 0; i < n; i++) {
                const auto value = static_cast<int64_t>(values[i] * factors[i]);
                sum += std::popcount(row & i) % 2 == 0 ? value : -value;
            }
            ASSERT_EQ(transformed[row + 1], static_cast<double>(sum)) << row << " of " << n;
        }
    }
}

TEST_P(CodeKernelsTest, HadamardTwiceIsTheSameTimesItsSize) {
    std::minstd_rand random(12);
    std::normal_distribution<float> value;
    for (size_t n = 16; n <= 16384; n *= 2) {
        std::vector<float> values;
        for (size_t i = 0; i < n; i++) values.push_back(value(random));
        std::vector<float> twice = values;
        const std::vector<float> ones(n, 1);
        kernels_.hadamard(twice.data(), ones.data(), n);
        kernels_.hadamard(twice.data(), ones.data(), n);
        const auto size = static_cast<double>(n);
        for (size_t i = 0; i < n; i++)
            ASSERT_NEAR(twice[i] / size, values[i], 0x1p-24 * 50) << i << " of " << n;
    }
}

}  // namespace
}  // namespace vecx

// Every CPU level of the distance kernels against sums in long double. Vectors end right before a
// page that may not be read, so a kernel that looks past the end crashes here.

#include "core/kernels.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "core/half.h"
#include "guarded_memory.h"
#include "levels.h"

namespace vecx {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();
constexpr float kLargest = std::numeric_limits<float>::max();
constexpr float kSmallest = std::numeric_limits<float>::denorm_min();

// All short lengths, hence all tails of all levels, and some as users have them.
std::vector<size_t> Lengths() {
    std::vector<size_t> lengths;
    for (size_t n = 1; n <= 130; n++) lengths.push_back(n);
    for (size_t n : {767, 768, 769, 1536, 16000}) lengths.push_back(n);
    return lengths;
}

// What tests need of an element type beyond its kernels.
struct F32 {
    using Stored = float;
    static Stored Store(float value) { return value; }
    static float Value(Stored stored) { return stored; }
    static const DistanceKernels &Of(const Kernels &kernels) { return kernels.f32; }
};

struct F16 {
    using Stored = uint16_t;
    static Stored Store(float value) { return FloatToHalf(value).bits; }
    static float Value(Stored stored) { return HalfToFloat(Half{stored}); }
    static const DistanceKernels &Of(const Kernels &kernels) { return kernels.f16; }
};

template <class Element>
std::vector<typename Element::Stored> Stored(const std::vector<float> &values) {
    std::vector<typename Element::Stored> stored;
    for (float value : values) stored.push_back(Element::Store(value));
    return stored;
}

// The exact sums, and the sums of magnitudes, which bound the rounding errors.
struct Expected {
    long double l2 = 0, ip = 0, l1 = 0, norm_a = 0, norm_b = 0, ip_magnitude = 0;
};

template <class Element>
Expected Sums(const std::vector<typename Element::Stored> &a,
              const std::vector<typename Element::Stored> &b) {
    Expected sums;
    for (size_t i = 0; i < a.size(); i++) {
        const long double x = Element::Value(a[i]), y = Element::Value(b[i]);
        sums.l2 += (x - y) * (x - y);
        sums.ip += x * y;
        sums.l1 += std::fabs(x - y);
        sums.norm_a += x * x;
        sums.norm_b += y * y;
        sums.ip_magnitude += std::fabs(x * y);
    }
    return sums;
}

class KernelsTest : public testing::TestWithParam<SimdLevel> {
  protected:
    const Kernels &kernels_ = *KernelsOf(GetParam());
    GuardedMemory memory_a_, memory_b_;

    // `error` is the relative error allowed per sum of magnitudes: 0 where all sums are exact.
    template <class Element>
    void CheckSums(const std::vector<float> &x, const std::vector<float> &y, double error) {
        const auto a = Stored<Element>(x), b = Stored<Element>(y);
        const size_t n = a.size();
        const Expected sums = Sums<Element>(a, b);
        const DistanceKernels &distance = Element::Of(kernels_);
        for (size_t gap = 0; gap < 8; gap++) {
            SCOPED_TRACE(testing::Message()
                         << n << " elements, " << gap << " bytes before the end");
            const auto *p = memory_a_.Copy(a, gap);
            const auto *q = memory_b_.Copy(b, gap * 3 % 8);
            EXPECT_NEAR(distance.l2_squared(p, q, n), sums.l2, error * sums.l2);
            EXPECT_NEAR(distance.inner_product(p, q, n), sums.ip, error * sums.ip_magnitude);
            EXPECT_NEAR(distance.l1(p, q, n), sums.l1, error * sums.l1);
            const CosineSums cosine = distance.cosine(p, q, n);
            EXPECT_NEAR(cosine.dot, sums.ip, error * sums.ip_magnitude);
            EXPECT_NEAR(cosine.squared_norm_a, sums.norm_a, error * sums.norm_a);
            EXPECT_NEAR(cosine.squared_norm_b, sums.norm_b, error * sums.norm_b);
            EXPECT_NEAR(distance.squared_norm(p, n), sums.norm_a, 1e-13 * sums.norm_a);
        }
    }

    // Small integers: no order of additions rounds, so all levels must agree with the exact sums.
    template <class Element>
    void CheckIntegers() {
        std::minstd_rand random(1);
        std::uniform_int_distribution<int> value(-8, 8);
        for (size_t n : Lengths()) {
            std::vector<float> x, y;
            for (size_t i = 0; i < n; i++) {
                x.push_back(static_cast<float>(value(random)));
                y.push_back(static_cast<float>(value(random)));
            }
            CheckSums<Element>(x, y, 0);
        }
    }

    // A kernel adds in at least 12 lanes, so a value goes through about n / 12 additions, then some
    // four when lanes are joined; each rounds by half a unit, 2^-24, at most.
    template <class Element>
    void CheckRandom() {
        std::minstd_rand random(2);
        std::normal_distribution<float> value;
        for (size_t n : Lengths()) {
            std::vector<float> x, y;
            for (size_t i = 0; i < n; i++) {
                x.push_back(value(random));
                y.push_back(value(random));
            }
            CheckSums<Element>(x, y, (4 + static_cast<double>(n) / 8) * 0x1p-24);
        }
    }

    // A value that is lost or counted twice in some lane shows at its position.
    template <class Element>
    void CheckEveryPosition(size_t n) {
        for (size_t i = 0; i < n; i++) {
            std::vector<float> x(n, 0.0f), y(n, 0.0f);
            x[i] = 3;
            y[i] = -2;
            CheckSums<Element>(x, y, 0);
        }
    }

    template <class Element>
    void CheckNaN(size_t n) {
        const DistanceKernels &distance = Element::Of(kernels_);
        for (size_t i = 0; i < n; i++) {
            std::vector<float> x(n, 1.0f);
            const std::vector<float> y(n, 2.0f);
            x[i] = kNaN;
            const auto *p = memory_a_.Copy(Stored<Element>(x));
            const auto *q = memory_b_.Copy(Stored<Element>(y));
            EXPECT_TRUE(std::isnan(distance.l2_squared(p, q, n))) << i;
            EXPECT_TRUE(std::isnan(distance.inner_product(q, p, n))) << i;
            EXPECT_TRUE(std::isnan(distance.l1(p, q, n))) << i;
            const CosineSums cosine = distance.cosine(p, q, n);
            EXPECT_TRUE(std::isnan(cosine.dot)) << i;
            EXPECT_TRUE(std::isnan(cosine.squared_norm_a)) << i;
            EXPECT_EQ(cosine.squared_norm_b, 4.0f * n) << i;
            EXPECT_TRUE(std::isnan(distance.squared_norm(p, n))) << i;
        }
    }

    template <class Element>
    void CheckInfinity(size_t n) {
        const DistanceKernels &distance = Element::Of(kernels_);
        for (size_t i = 0; i < n; i++) {
            std::vector<float> x(n, 1.0f);
            const std::vector<float> y(n, 2.0f);
            x[i] = -kInfinity;
            const auto *p = memory_a_.Copy(Stored<Element>(x));
            const auto *q = memory_b_.Copy(Stored<Element>(y));
            EXPECT_EQ(distance.l2_squared(p, q, n), kInfinity) << i;
            EXPECT_EQ(distance.inner_product(p, q, n), -kInfinity) << i;
            EXPECT_EQ(distance.l1(q, p, n), kInfinity) << i;
            EXPECT_EQ(distance.cosine(p, q, n).squared_norm_a, kInfinity) << i;
            EXPECT_EQ(distance.squared_norm(p, n), kInfinity) << i;
            EXPECT_TRUE(std::isnan(distance.l2_squared(p, p, n))) << i;
        }
    }

    template <class Element>
    void CheckNothing() {
        const DistanceKernels &distance = Element::Of(kernels_);
        const char *end_a = memory_a_.Place<char>(0), *end_b = memory_b_.Place<char>(0);
        EXPECT_EQ(distance.l2_squared(end_a, end_b, 0), 0);
        EXPECT_EQ(distance.inner_product(end_a, end_b, 0), 0);
        EXPECT_EQ(distance.l1(end_a, end_b, 0), 0);
        EXPECT_EQ(distance.cosine(end_a, end_b, 0).dot, 0);
        EXPECT_EQ(distance.squared_norm(end_a, 0), 0);
    }
};

INSTANTIATE_TEST_SUITE_P(Levels, KernelsTest, testing::ValuesIn(AvailableLevels()),
                         [](const auto &info) { return KernelsOf(info.param)->name; });

TEST_P(KernelsTest, IntegersAreExact) {
    CheckIntegers<F32>();
    CheckIntegers<F16>();
}

TEST_P(KernelsTest, RandomValuesAreWithinRounding) {
    CheckRandom<F32>();
    CheckRandom<F16>();
}

TEST_P(KernelsTest, EveryPositionCountsOnce) {
    for (size_t n : {1, 15, 67, 130}) {
        CheckEveryPosition<F32>(n);
        CheckEveryPosition<F16>(n);
    }
}

TEST_P(KernelsTest, NaNComesThroughFromEveryPosition) {
    for (size_t n : {1, 7, 130}) {
        CheckNaN<F32>(n);
        CheckNaN<F16>(n);
    }
}

TEST_P(KernelsTest, InfinityComesThroughFromEveryPosition) {
    for (size_t n : {1, 7, 130}) {
        CheckInfinity<F32>(n);
        CheckInfinity<F16>(n);
    }
}

TEST_P(KernelsTest, NoElementsIsZero) {
    CheckNothing<F32>();
    CheckNothing<F16>();
}

TEST_P(KernelsTest, SumsOverflowToInfinity) {
    for (size_t n : {1, 19, 768}) {
        const std::vector<float> x(n, kLargest), y(n, -kLargest);
        EXPECT_EQ(kernels_.f32.l2_squared(x.data(), y.data(), n), kInfinity);
        EXPECT_EQ(kernels_.f32.inner_product(x.data(), y.data(), n), -kInfinity);
        EXPECT_EQ(kernels_.f32.l1(x.data(), y.data(), n), kInfinity);
        EXPECT_EQ(kernels_.f32.cosine(x.data(), y.data(), n).squared_norm_b, kInfinity);
        // A double holds it.
        const double norm = static_cast<double>(kLargest) * kLargest * static_cast<double>(n);
        EXPECT_NEAR(kernels_.f32.squared_norm(x.data(), n), norm, 1e-13 * norm);
    }
    // Halves are summed in floats, so their largest does not overflow.
    const std::vector<uint16_t> x(768, F16::Store(65504)), y(768, F16::Store(-65504));
    EXPECT_NEAR(kernels_.f16.l2_squared(x.data(), y.data(), 768), 4 * 65504.0 * 65504 * 768, 1e10);
}

TEST_P(KernelsTest, DenormalsAreNotFlushed) {
    for (size_t n : {1, 19, 768}) {
        const std::vector<float> x(n, 3 * kSmallest), y(n, -kSmallest);
        const std::vector<float> one(n, 1.0f);
        EXPECT_EQ(kernels_.f32.l1(x.data(), y.data(), n), 4 * kSmallest * n);
        EXPECT_EQ(kernels_.f32.inner_product(x.data(), one.data(), n), 3 * kSmallest * n);
        EXPECT_EQ(kernels_.f32.l2_squared(x.data(), y.data(), n), 0);  // 2^-294 is too small
        const double norm = 9.0 * kSmallest * kSmallest * static_cast<double>(n);
        EXPECT_EQ(kernels_.f32.squared_norm(x.data(), n), norm);

        const std::vector<uint16_t> tiny(n, 1), large(n, F16::Store(1024));
        EXPECT_EQ(kernels_.f16.inner_product(tiny.data(), large.data(), n), 0x1p-14f * n);
        EXPECT_EQ(kernels_.f16.l2_squared(tiny.data(), std::vector<uint16_t>(n).data(), n),
                  0x1p-48f * n);
    }
}

TEST_P(KernelsTest, ArgumentsAreSymmetricAndSameIsZero) {
    std::minstd_rand random(3);
    std::normal_distribution<float> value;
    for (size_t n : Lengths()) {
        std::vector<float> x, y;
        for (size_t i = 0; i < n; i++) {
            x.push_back(value(random));
            y.push_back(value(random));
        }
        const DistanceKernels &f32 = kernels_.f32;
        EXPECT_EQ(f32.l2_squared(x.data(), y.data(), n), f32.l2_squared(y.data(), x.data(), n));
        EXPECT_EQ(f32.inner_product(x.data(), y.data(), n),
                  f32.inner_product(y.data(), x.data(), n));
        EXPECT_EQ(f32.l1(x.data(), y.data(), n), f32.l1(y.data(), x.data(), n));
        EXPECT_EQ(f32.l2_squared(x.data(), x.data(), n), 0);
        EXPECT_EQ(f32.l1(x.data(), x.data(), n), 0);
        const CosineSums same = f32.cosine(x.data(), x.data(), n);
        EXPECT_EQ(same.dot, same.squared_norm_a);
        EXPECT_EQ(same.dot, same.squared_norm_b);
    }
}

TEST_P(KernelsTest, BitsAreCounted) {
    std::minstd_rand random(4);
    std::uniform_int_distribution<int> value(0, 255);
    std::vector<size_t> lengths = Lengths();
    lengths.push_back(0);
    for (size_t n : lengths) {
        std::vector<uint8_t> a, b;
        uint64_t differ = 0, both = 0, either = 0;
        for (size_t i = 0; i < n; i++) {
            a.push_back(static_cast<uint8_t>(n % 3 == 0 ? 255 : value(random)));
            b.push_back(static_cast<uint8_t>(n % 6 == 0 ? 0 : value(random)));
            for (int bit = 0; bit < 8; bit++) {
                const int x = a[i] >> bit & 1, y = b[i] >> bit & 1;
                differ += x ^ y;
                both += x & y;
                either += x | y;
            }
        }
        for (size_t gap = 0; gap < 8; gap++) {
            const auto *p = memory_a_.Copy(a, gap);
            const auto *q = memory_b_.Copy(b, gap * 3 % 8);
            EXPECT_EQ(kernels_.bits.hamming(p, q, n), differ) << n << " bytes";
            const BitCounts counts = kernels_.bits.overlap(p, q, n);
            EXPECT_EQ(counts.both, both) << n << " bytes";
            EXPECT_EQ(counts.either, either) << n << " bytes";
        }
    }
}

TEST_P(KernelsTest, AllHalvesBecomeFloats) {
    std::vector<uint16_t> halves(65536);
    for (size_t i = 0; i < halves.size(); i++) halves[i] = static_cast<uint16_t>(i);
    std::vector<float> floats(halves.size());
    kernels_.half_to_float(halves.data(), floats.data(), halves.size());
    for (size_t i = 0; i < halves.size(); i++) {
        const Half half{halves[i]};
        if (IsNaN(half))
            EXPECT_TRUE(std::isnan(floats[i])) << i;
        else
            EXPECT_EQ(std::bit_cast<uint32_t>(floats[i]),
                      std::bit_cast<uint32_t>(HalfToFloat(half)))
                << i;
    }
}

// The bits of floats: every exponent, and mantissas on and around each tie.
TEST_P(KernelsTest, FloatsBecomeHalvesAsOneByOne) {
    std::vector<float> floats;
    for (uint32_t high = 0; high < 0x10000; high++)
        for (uint32_t low :
             {0x0000u, 0x0001u, 0x0fffu, 0x1000u, 0x1001u, 0x2000u, 0xf000u, 0xffffu})
            floats.push_back(std::bit_cast<float>(high << 16 | low));
    std::vector<uint16_t> halves(floats.size());
    kernels_.float_to_half(floats.data(), halves.data(), floats.size());
    for (size_t i = 0; i < floats.size(); i++)
        ASSERT_EQ(halves[i], FloatToHalf(floats[i]).bits)
            << std::hex << std::bit_cast<uint32_t>(floats[i]);
}

TEST_P(KernelsTest, ConversionsStayWithinTheirArrays) {
    for (size_t n = 0; n <= 130; n++) {
        std::vector<uint16_t> halves;
        std::vector<float> floats;
        for (size_t i = 0; i < n; i++) {
            floats.push_back(static_cast<float>(i) - 64);
            halves.push_back(FloatToHalf(floats[i]).bits);
        }
        for (size_t gap = 0; gap < 8; gap++) {
            // Output arrays are aligned; the element before them must survive.
            float *float_out = memory_b_.Place<float>(n + 1);
            float_out[0] = 7;
            kernels_.half_to_float(memory_a_.Copy(halves, gap), float_out + 1, n);
            EXPECT_EQ(float_out[0], 7);
            const auto *expected_floats = memory_a_.Copy(floats);
            EXPECT_EQ(memcmp(float_out + 1, expected_floats, n * 4), 0) << n;

            uint16_t *half_out = memory_b_.Place<uint16_t>(n + 1);
            half_out[0] = 7;
            kernels_.float_to_half(memory_a_.Copy(floats, gap), half_out + 1, n);
            EXPECT_EQ(half_out[0], 7);
            const auto *expected_halves = memory_a_.Copy(halves);
            EXPECT_EQ(memcmp(half_out + 1, expected_halves, n * 2), 0) << n;
        }
    }
}

TEST(KernelsDispatchTest, EachLevelAnswersForItself) {
    const char *const kNames[] = {"scalar", "neon", "avx2", "avx512"};
    ASSERT_NE(KernelsOf(SimdLevel::kScalar), nullptr);
    for (SimdLevel level : AvailableLevels()) {
        const Kernels &kernels = *KernelsOf(level);
        EXPECT_EQ(kernels.level, level);
        EXPECT_STREQ(kernels.name, kNames[static_cast<size_t>(level)]);
    }
    EXPECT_EQ(KernelsOf(static_cast<SimdLevel>(200)), nullptr);
}

TEST(KernelsDispatchTest, ALevelOfAnotherProcessorIsMissing) {
#if defined(__x86_64__) || defined(__i386__)
    EXPECT_EQ(KernelsOf(SimdLevel::kNeon), nullptr);
#else
    EXPECT_EQ(KernelsOf(SimdLevel::kAvx2), nullptr);
    EXPECT_EQ(KernelsOf(SimdLevel::kAvx512), nullptr);
#endif
}

TEST(KernelsDispatchTest, BestIsTheHighestLevel) {
    EXPECT_EQ(BestKernels()->level, AvailableLevels().back());
}

TEST(KernelsDispatchTest, BestIsActiveUntilTold) {
    EXPECT_EQ(&ActiveKernels(), BestKernels());
    for (SimdLevel level : AvailableLevels()) {
        UseKernels(KernelsOf(level));
        EXPECT_EQ(ActiveKernels().level, level);
    }
    UseKernels(BestKernels());
    EXPECT_EQ(&ActiveKernels(), BestKernels());
}

}  // namespace
}  // namespace vecx

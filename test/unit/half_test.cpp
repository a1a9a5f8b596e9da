// 16-bit floats one at a time, against arithmetic in double that knows nothing of bit layouts but
// the definition of the format.

#include "core/half.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>

namespace vecx {
namespace {

// IEEE 754, 3.4: five bits of exponent with bias 15, ten of mantissa, 0 an exponent of subnormals.
double ValueOf(uint16_t bits) {
    const int exponent = bits >> 10 & 31, mantissa = bits & 1023;
    const double magnitude =
        exponent == 0 ? std::ldexp(mantissa, -24) : std::ldexp(1024 + mantissa, exponent - 25);
    return bits & 0x8000 ? -magnitude : magnitude;
}

// The nearest half of a number; nearbyint() rounds ties to even.
uint16_t Nearest(float value) {
    const double magnitude = std::fabs(static_cast<double>(value));
    const uint16_t sign = std::signbit(value) ? 0x8000 : 0;
    if (std::isinf(magnitude)) return sign | 0x7c00;
    if (magnitude < 0x1p-14)
        return sign | static_cast<uint16_t>(std::nearbyint(magnitude * 0x1p24));
    const int exponent = std::ilogb(magnitude);
    const int mantissa = static_cast<int>(std::nearbyint(std::ldexp(magnitude, 10 - exponent)));
    const int bits = ((exponent + 15) << 10) + (mantissa - 1024);  // 2048 carries into the exponent
    return sign | static_cast<uint16_t>(exponent > 15 || bits > 0x7c00 ? 0x7c00 : bits);
}

uint16_t HalfBits(float value) { return FloatToHalf(value).bits; }

float FloatOf(uint32_t bits) { return std::bit_cast<float>(bits); }

TEST(HalfTest, EveryHalfHasItsValue) {
    for (uint32_t bits = 0; bits < 0x10000; bits++) {
        const Half half{static_cast<uint16_t>(bits)};
        const float value = HalfToFloat(half);
        EXPECT_EQ(std::isnan(value), IsNaN(half)) << bits;
        EXPECT_EQ(std::isinf(value), IsInfinite(half)) << bits;
        EXPECT_EQ(std::signbit(value), bits >= 0x8000) << bits;
        if (std::isfinite(value)) {
            EXPECT_EQ(value, ValueOf(half.bits)) << bits;
        }
    }
}

TEST(HalfTest, EveryHalfSurvivesTheRoundTrip) {
    for (uint32_t bits = 0; bits < 0x10000; bits++) {
        const Half half{static_cast<uint16_t>(bits)};
        // A signalling NaN comes back quiet.
        const uint32_t expected = IsNaN(half) ? bits | 0x0200 : bits;
        EXPECT_EQ(FloatToHalf(HalfToFloat(half)).bits, expected);
    }
}

// Between two halves there is one tie; the floats next to it fall to either side.
TEST(HalfTest, EveryTieGoesToEven) {
    for (uint32_t bits = 0; bits < 0x7c00; bits++) {
        const uint16_t below = static_cast<uint16_t>(bits), above = static_cast<uint16_t>(bits + 1);
        const double upper = above == 0x7c00 ? 65536 : ValueOf(above);
        const float tie = static_cast<float>((ValueOf(below) + upper) / 2);
        for (float sign : {1.0f, -1.0f}) {
            const uint16_t sign_bit = sign < 0 ? 0x8000 : 0;
            EXPECT_EQ(HalfBits(sign * tie), sign_bit | (below & 1 ? above : below));
            EXPECT_EQ(HalfBits(sign * std::nextafter(tie, 0.0f)), sign_bit | below);
            EXPECT_EQ(HalfBits(sign * std::nextafter(tie, 1e9f)), sign_bit | above);
        }
    }
}

TEST(HalfTest, TooLargeBecomesInfinity) {
    EXPECT_EQ(HalfBits(65504.0f), 0x7bff);
    EXPECT_EQ(HalfBits(std::nextafter(65520.0f, 0.0f)), 0x7bff);
    EXPECT_EQ(HalfBits(65520.0f), 0x7c00);
    EXPECT_EQ(HalfBits(-1e6f), 0xfc00);
    EXPECT_EQ(HalfBits(std::numeric_limits<float>::max()), 0x7c00);
    EXPECT_EQ(HalfBits(-std::numeric_limits<float>::infinity()), 0xfc00);
}

TEST(HalfTest, TooSmallBecomesZeroWithItsSign) {
    EXPECT_EQ(HalfBits(0.0f), 0x0000);
    EXPECT_EQ(HalfBits(-0.0f), 0x8000);
    EXPECT_EQ(HalfBits(0x1p-24f), 0x0001);
    EXPECT_EQ(HalfBits(0x1p-25f), 0x0000);
    EXPECT_EQ(HalfBits(std::nextafter(0x1p-25f, 1.0f)), 0x0001);
    EXPECT_EQ(HalfBits(-std::numeric_limits<float>::denorm_min()), 0x8000);
}

TEST(HalfTest, NaNStaysNaN) {
    for (uint32_t bits : {0x7f800001u, 0x7fc00000u, 0x7fffffffu, 0xff800001u, 0xffc00000u}) {
        const Half half = FloatToHalf(FloatOf(bits));
        EXPECT_TRUE(IsNaN(half)) << bits;
        EXPECT_EQ(half.bits >> 15, bits >> 31) << bits;
    }
}

TEST(HalfTest, EveryExponentRoundsToNearest) {
    for (uint32_t high = 0; high < 0x10000; high++)
        for (uint32_t low :
             {0u, 1u, 0x0fffu, 0x1000u, 0x1001u, 0x2fffu, 0x3000u, 0x3001u, 0xffffu}) {
            const float value = FloatOf(high << 16 | low);
            if (std::isnan(value)) continue;
            ASSERT_EQ(HalfBits(value), Nearest(value)) << value;
        }
}

TEST(HalfTest, RandomFloatsRoundToNearest) {
    std::mt19937 random(1);
    for (int i = 0; i < 10'000'000; i++) {
        const float anywhere = FloatOf(static_cast<uint32_t>(random()));
        if (!std::isnan(anywhere)) {
            ASSERT_EQ(HalfBits(anywhere), Nearest(anywhere)) << anywhere;
        }
        // Most floats are far outside the range of halves; these have exponents -27 to 17.
        const float inside = FloatOf(static_cast<uint32_t>((100 + random() % 45) << 23) |
                                     static_cast<uint32_t>(random() & 0x807fffff));
        ASSERT_EQ(HalfBits(inside), Nearest(inside)) << inside;
    }
}

TEST(HalfTest, ConversionsAreConstant) {
    static_assert(FloatToHalf(1.0f).bits == 0x3c00);
    static_assert(FloatToHalf(-2.5f).bits == 0xc100);
    static_assert(HalfToFloat(Half{0x3555}) == 0x1.554p-2f);
    static_assert(HalfToFloat(Half{0x0001}) == 0x1p-24f);
}

}  // namespace
}  // namespace vecx

// The readers of the text forms "[1,2]" and "{1:2}/3", and of the numbers in them. Called by the
// type input functions (types/*_in) and by the fuzzers.
//
// Numbers are not left to strtof() (locale, terminating zero, slow) nor to std::from_chars()
// (library versions differ on underflow, no sign +, no 0x): text must give the same bits
// everywhere.

#include "core/parse.h"

#include <algorithm>
#include <bit>
#include <charconv>
#include <climits>
#include <cmath>
#include <cstring>
#include <iterator>

#include "core/limits.h"

namespace vecx {

namespace {

constexpr uint32_t kInfinityBits = 0x7f800000;

bool IsSpace(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

char ToLower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c; }

int HexDigit(char c) {
    if (IsDigit(c)) return c - '0';
    c = ToLower(c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

const char *SkipSpace(const char *at, const char *end) {
    while (at < end && IsSpace(*at)) ++at;
    return at;
}

ScannedNumber MakeNumber(uint32_t magnitude_bits, bool negative, bool written_zero, size_t length) {
    ScannedNumber number;
    number.length = length;
    if (magnitude_bits >= kInfinityBits) {
        magnitude_bits = kInfinityBits;
        number.range = ScannedNumber::kOverflow;
    } else if (magnitude_bits == 0 && !written_zero) {
        number.range = ScannedNumber::kUnderflow;
    }
    number.value = std::bit_cast<float>(magnitude_bits | (negative ? 0x80000000u : 0u));
    return number;
}

// "e" or "p" with an optional sign and at least one digit, else nothing. Moves `at` behind it.
// Saturates far beyond what the digits of a text of one gigabyte could make up for.
int64_t ScanExponent(const char *&at, const char *end, char letter) {
    constexpr int64_t kSaturated = 1'000'000'000'000'000;
    if (at == end || ToLower(*at) != letter) return 0;
    const char *digit = at + 1;
    bool negative = false;
    if (digit < end && (*digit == '+' || *digit == '-')) negative = *digit++ == '-';
    if (digit == end || !IsDigit(*digit)) return 0;
    int64_t exponent = 0;
    for (; digit < end && IsDigit(*digit); ++digit)
        if (exponent < kSaturated) exponent = exponent * 10 + (*digit - '0');
    at = digit;
    return negative ? -exponent : exponent;
}

// The digits of a decimal number that is not zero, without its sign.
struct Decimal {
    const char *begin;
    const char *end;  // a point may stand among them
    int64_t count;    // of digits, with leading zeros
    int64_t power;    // of ten, of the last digit
};

// The first digit that is not zero; `leading_exponent` becomes its power of ten.
const char *SkipLeadingZeros(const Decimal &decimal, int64_t *leading_exponent) {
    const char *digit = decimal.begin;
    *leading_exponent = decimal.power + decimal.count - 1;
    for (; *digit == '0' || *digit == '.'; ++digit)
        if (*digit == '0') --*leading_exponent;
    return digit;
}

// Less than, equal to or greater than zero, as the decimal is compared to the value. Exact:
// `midpoint` lies between two neighboring floats, so 113 digits write it in full.
int CompareExactly(const Decimal &decimal, double midpoint) {
    constexpr int kFractionDigits = 120;
    char text[kFractionDigits + 16];  // "d.", the fraction, "e-46"
    const char *text_end = std::to_chars(text, text + sizeof(text), midpoint,
                                         std::chars_format::scientific, kFractionDigits)
                               .ptr;
    text[1] = text[0];  // the digits without the point between them
    const char *midpoint_digit = text + 1;
    const char *midpoint_end = text + 2 + kFractionDigits;
    const char *exponent_text = midpoint_end;
    const int64_t midpoint_exponent = ScanExponent(exponent_text, text_end, 'e');
    int64_t leading_exponent;
    const char *digit = SkipLeadingZeros(decimal, &leading_exponent);
    if (leading_exponent != midpoint_exponent) return leading_exponent < midpoint_exponent ? -1 : 1;
    for (; digit < decimal.end; ++digit) {
        if (*digit == '.') continue;
        const char other = midpoint_digit < midpoint_end ? *midpoint_digit++ : '0';
        if (*digit != other) return *digit < other ? -1 : 1;
    }
    for (; midpoint_digit < midpoint_end; ++midpoint_digit)
        if (*midpoint_digit != '0') return -1;
    return 0;
}

// The bits of the float nearest to the decimal, ties to even, where `approximate` is the decimal
// with a relative error of less than 5 * 2^-53. That decides all but the few that lie next to the
// middle of two floats, where the digits do.
uint32_t RoundToFloatBits(double approximate, const Decimal &decimal) {
    uint32_t lower;  // the neighbor below; that above is one more, also across infinity
    double midpoint;
    if (approximate >= 0x1p-126) {
        constexpr int kDroppedBits = 52 - 23;
        constexpr uint64_t kMiddle = uint64_t{1} << (kDroppedBits - 1);
        constexpr uint64_t kMargin = 8;
        constexpr uint32_t kBiasDifference = 1023 - 127;
        const uint64_t bits = std::bit_cast<uint64_t>(approximate);
        const uint64_t dropped = bits & ((uint64_t{1} << kDroppedBits) - 1);
        lower = static_cast<uint32_t>((bits >> kDroppedBits) - (uint64_t{kBiasDifference} << 23));
        if (lower >= kInfinityBits) return kInfinityBits;
        if (dropped + kMargin < kMiddle) return lower;
        if (dropped > kMiddle + kMargin) return lower + 1;
        midpoint = std::bit_cast<double>((bits - dropped) | kMiddle);
    } else {  // subnormal floats are the multiples of 2^-149
        constexpr double kMargin = 0x1p-20;
        const double multiple = approximate * 0x1p149;
        lower = static_cast<uint32_t>(multiple);
        const double fraction = multiple - lower;
        if (fraction < 0.5 - kMargin) return lower;
        if (fraction > 0.5 + kMargin) return lower + 1;
        midpoint = (lower + 0.5) * 0x1p-149;
    }
    const int side = CompareExactly(decimal, midpoint);
    if (side == 0) return lower + (lower & 1);
    return side > 0 ? lower + 1 : lower;
}

constexpr int kMinPower = -64;
constexpr int kMaxPower = 38;

// 10^-64 to 10^38, each correctly rounded.
constexpr double kPowersOfTen[] = {
    1e-64, 1e-63, 1e-62, 1e-61, 1e-60, 1e-59, 1e-58, 1e-57, 1e-56, 1e-55, 1e-54, 1e-53, 1e-52,
    1e-51, 1e-50, 1e-49, 1e-48, 1e-47, 1e-46, 1e-45, 1e-44, 1e-43, 1e-42, 1e-41, 1e-40, 1e-39,
    1e-38, 1e-37, 1e-36, 1e-35, 1e-34, 1e-33, 1e-32, 1e-31, 1e-30, 1e-29, 1e-28, 1e-27, 1e-26,
    1e-25, 1e-24, 1e-23, 1e-22, 1e-21, 1e-20, 1e-19, 1e-18, 1e-17, 1e-16, 1e-15, 1e-14, 1e-13,
    1e-12, 1e-11, 1e-10, 1e-9,  1e-8,  1e-7,  1e-6,  1e-5,  1e-4,  1e-3,  1e-2,  1e-1,  1e0,
    1e1,   1e2,   1e3,   1e4,   1e5,   1e6,   1e7,   1e8,   1e9,   1e10,  1e11,  1e12,  1e13,
    1e14,  1e15,  1e16,  1e17,  1e18,  1e19,  1e20,  1e21,  1e22,  1e23,  1e24,  1e25,  1e26,
    1e27,  1e28,  1e29,  1e30,  1e31,  1e32,  1e33,  1e34,  1e35,  1e36,  1e37,  1e38};
static_assert(std::size(kPowersOfTen) == kMaxPower - kMinPower + 1);

// Three roundings, of the significand, of the power and of the product, and what the significand
// may lack: less than 5 * 2^-53 of the value.
double Scale(uint64_t significand, int64_t power) {
    return static_cast<double>(significand) * kPowersOfTen[power - kMinPower];
}

constexpr int kSafeDigits = 19;  // fit into 64 bits

// Numbers too long or too far from one for a plain product.
ScannedNumber RoundUnusual(const Decimal &decimal, bool negative, size_t length) {
    int64_t leading_exponent;
    const char *digit = SkipLeadingZeros(decimal, &leading_exponent);
    if (leading_exponent > 38) return MakeNumber(kInfinityBits, negative, false, length);
    if (leading_exponent < -46) return MakeNumber(0, negative, false, length);

    // What further digits than these add is less than 10^-18 of the number.
    int taken = 0;
    uint64_t significand = 0;
    for (; digit < decimal.end && taken < kSafeDigits; ++digit) {
        if (*digit == '.') continue;
        significand = significand * 10 + static_cast<uint64_t>(*digit - '0');
        ++taken;
    }
    const double approximate = Scale(significand, leading_exponent - (taken - 1));
    return MakeNumber(RoundToFloatBits(approximate, decimal), negative, false, length);
}

bool AnyNonZeroDigit(const char *at, const char *end) {
    return std::any_of(at, end, [](char c) { return c >= '1' && c <= '9'; });
}

// Eight characters as a number, if all are digits. Halves, quarters and eighths are joined at once.
bool EightDigits(const char *at, uint32_t *number) {
    if constexpr (std::endian::native != std::endian::little) return false;
    uint64_t bytes;
    std::memcpy(&bytes, at, sizeof(bytes));
    bytes ^= 0x3030303030303030;
    if (((bytes + 0x0606060606060606) | bytes) & 0xf0f0f0f0f0f0f0f0) return false;
    bytes = bytes * 10 + (bytes >> 8);  // every other byte: two digits
    constexpr uint64_t kPairs = 0x000000ff000000ff;
    constexpr uint64_t kOuter = 0x000f424000000064;  // 1000000, 100
    constexpr uint64_t kInner = 0x0000271000000001;  // 10000, 1
    *number = static_cast<uint32_t>(
        ((bytes & kPairs) * kOuter + ((bytes >> 16) & kPairs) * kInner) >> 32);
    return true;
}

// Moves `at` behind the digits, and appends them to the number; modulo 2^64.
void ScanDigits(const char *&at, const char *end, uint64_t *number) {
    uint32_t eight;
    while (end - at >= 8 && EightDigits(at, &eight)) {
        *number = *number * 100000000 + eight;
        at += 8;
    }
    for (; at < end && IsDigit(*at); ++at)
        *number = *number * 10 + static_cast<uint64_t>(*at - '0');
}

// Digits with an optional point, then an optional exponent.
ScannedNumber ScanDecimal(const char *text, const char *begin, const char *end, bool negative) {
    const char *at = begin;
    uint64_t significand = 0;  // meaningless above kSafeDigits digits
    for (; at < end && IsDigit(*at); ++at)
        significand = significand * 10 + static_cast<uint64_t>(*at - '0');
    Decimal decimal = {begin, at, at - begin, 0};
    if (at < end && *at == '.') {
        const char *fraction = ++at;
        ScanDigits(at, end, &significand);
        decimal.power = fraction - at;
        decimal.count += at - fraction;
        decimal.end = at;
    }
    if (decimal.count == 0) return {};
    decimal.power += ScanExponent(at, end, 'e');
    const size_t length = at - text;

    if (decimal.count <= kSafeDigits && decimal.power >= kMinPower && decimal.power <= kMaxPower) {
        if (significand == 0) return MakeNumber(0, negative, true, length);
        const double approximate = Scale(significand, decimal.power);
        return MakeNumber(RoundToFloatBits(approximate, decimal), negative, false, length);
    }
    if (!AnyNonZeroDigit(decimal.begin, decimal.end)) return MakeNumber(0, negative, true, length);
    return RoundUnusual(decimal, negative, length);
}

// What follows "0x": hexadecimal digits with an optional point, then an optional "p" exponent of 2.
// Without a digit the number is the "0" alone.
ScannedNumber ScanHexadecimal(const char *text, const char *begin, const char *end, bool negative) {
    uint64_t significand = 0;
    bool lost_bits = false;
    int64_t power = 0;  // of 2, of the lowest bit of the significand
    bool any_digit = false;
    bool after_point = false;
    const char *at = begin;
    for (; at < end; ++at) {
        if (*at == '.' && !after_point) {
            after_point = true;
            continue;
        }
        const int digit = HexDigit(*at);
        if (digit < 0) break;
        any_digit = true;
        if (significand >> 60 == 0) {
            significand = significand << 4 | static_cast<uint64_t>(digit);
            if (after_point) power -= 4;
        } else {
            lost_bits |= digit != 0;
            if (!after_point) power += 4;
        }
    }
    if (!any_digit) return MakeNumber(0, negative, true, begin - 1 - text);
    power += ScanExponent(at, end, 'p');
    const size_t length = at - text;
    if (significand == 0) return MakeNumber(0, negative, true, length);

    const int zeros = std::countl_zero(significand);
    significand <<= zeros;
    const int64_t leading_exponent = power + 63 - zeros;
    if (leading_exponent > 127) return MakeNumber(kInfinityBits, negative, false, length);
    if (leading_exponent < -150) return MakeNumber(0, negative, false, length);

    // Of the 64 bits a normal float keeps 24, the first of which counts into the exponent field; a
    // subnormal one keeps fewer, down to none.
    const bool normal = leading_exponent >= -126;
    const int kept_bits = normal ? 24 : static_cast<int>(leading_exponent + 150);
    uint32_t bits = kept_bits == 0 ? 0 : static_cast<uint32_t>(significand >> (64 - kept_bits));
    if (normal) bits += static_cast<uint32_t>(leading_exponent + 126) << 23;
    const uint64_t rest = significand << kept_bits;
    constexpr uint64_t kMiddle = uint64_t{1} << 63;
    if (rest > kMiddle || (rest == kMiddle && (lost_bits || (bits & 1)))) ++bits;
    return MakeNumber(bits, negative, false, length);
}

bool StartsWith(const char *at, const char *end, const char *lower_case_word, int word_length) {
    if (end - at < word_length) return false;
    for (int i = 0; i < word_length; ++i)
        if (ToLower(at[i]) != lower_case_word[i]) return false;
    return true;
}

// inf, infinity, nan, nan(letters, digits and underscores).
ScannedNumber ScanWord(const char *text, const char *begin, const char *end, bool negative) {
    ScannedNumber number;
    const char *at = begin;
    if (StartsWith(begin, end, "inf", 3)) {
        number.value = INFINITY;
        at += StartsWith(begin, end, "infinity", 8) ? 8 : 3;
    } else if (StartsWith(begin, end, "nan", 3)) {
        number.value = NAN;
        at += 3;
        if (at < end && *at == '(') {
            const char *inside = at + 1;
            while (inside < end && (IsDigit(*inside) || *inside == '_' ||
                                    (ToLower(*inside) >= 'a' && ToLower(*inside) <= 'z')))
                ++inside;
            if (inside < end && *inside == ')') at = inside + 1;
        }
    } else {
        return number;
    }
    if (negative) number.value = -number.value;
    number.length = at - text;
    return number;
}

struct ScannedInteger {
    int32_t value = 0;  // clamped
    const char *end;    // where it started: none
};

// A decimal integer with an optional sign, as strtol() takes it, without its leading space.
ScannedInteger ScanInteger(const char *begin, const char *end) {
    const char *at = begin;
    bool negative = false;
    if (at < end && (*at == '+' || *at == '-')) negative = *at++ == '-';
    if (at == end || !IsDigit(*at)) return {0, begin};
    int64_t value = 0;
    for (; at < end && IsDigit(*at); ++at)
        if (value <= INT_MAX) value = value * 10 + (*at - '0');
    if (negative) value = -value;
    return {static_cast<int32_t>(std::clamp<int64_t>(value, INT_MIN, INT_MAX)), at};
}

ParseResult Failure(InputError error) {
    ParseResult result;
    result.error = error;
    return result;
}

ParseResult OutOfRange(size_t offset, size_t length) {
    ParseResult result;
    result.error = InputError::kOutOfRange;
    result.offset = offset;
    result.length = length;
    return result;
}

// Whether a number too large for the element type was stored as infinity.
bool Store(float value, float *out) {
    *out = value;
    return false;
}

bool Store(float value, Half *out) {
    *out = FloatToHalf(value);
    return IsInfinite(*out) && !std::isinf(value);
}

// The order of the checks is pgvector's: a text with several faults gets the same error.
template <typename Element>
ParseResult ParseDense(const char *text, size_t length, Element *out, size_t capacity) {
    const char *const end = text + length;
    const size_t limit = std::min<size_t>(capacity, kMaxDimensions);
    const char *at = SkipSpace(text, end);
    if (at == end || *at != '[') return Failure(InputError::kMissingBracket);
    at = SkipSpace(at + 1, end);
    if (at < end && *at == ']') return Failure(InputError::kNoDimensions);

    size_t count = 0;
    for (;;) {
        if (count == limit) return Failure(InputError::kTooManyDimensions);
        at = SkipSpace(at, end);
        const ScannedNumber number = ScanNumber(at, end - at);
        if (number.length == 0) return Failure(InputError::kSyntax);
        if (Store(number.value, &out[count]) || number.range == ScannedNumber::kOverflow)
            return OutOfRange(at - text, number.length);
        if (std::isnan(number.value)) return Failure(InputError::kNaN);
        if (std::isinf(number.value)) return Failure(InputError::kInfinite);
        ++count;
        at = SkipSpace(at + number.length, end);
        if (at == end || (*at != ',' && *at != ']')) return Failure(InputError::kSyntax);
        if (*at++ == ']') break;
    }
    if (SkipSpace(at, end) != end) return Failure(InputError::kJunkAfterBracket);

    ParseResult result;
    result.dimensions = static_cast<int32_t>(count);
    result.count = static_cast<int32_t>(count);
    return result;
}

}  // namespace

ScannedNumber ScanNumber(const char *text, size_t length) noexcept {
    const char *const end = text + length;
    const char *at = text;
    bool negative = false;
    if (at < end && (*at == '+' || *at == '-')) negative = *at++ == '-';
    if (at == end) return {};
    if (*at == '0' && end - at >= 2 && ToLower(at[1]) == 'x')
        return ScanHexadecimal(text, at + 2, end, negative);
    if (IsDigit(*at) || *at == '.') return ScanDecimal(text, at, end, negative);
    return ScanWord(text, at, end, negative);
}

size_t CountElements(const char *text, size_t length) noexcept {
    return static_cast<size_t>(std::count(text, text + length, ',')) + 1;
}

ParseResult ParseVector(const char *text, size_t length, float *out, size_t capacity) noexcept {
    return ParseDense(text, length, out, capacity);
}

ParseResult ParseHalfVector(const char *text, size_t length, Half *out, size_t capacity) noexcept {
    return ParseDense(text, length, out, capacity);
}

ParseResult ParseSparseVector(const char *text, size_t length, SparseElement *out,
                              size_t capacity) noexcept {
    if (CountElements(text, length) > static_cast<size_t>(kMaxNonZeros))
        return Failure(InputError::kTooManyNonZeros);

    const char *const end = text + length;
    const char *at = SkipSpace(text, end);
    if (at == end || *at != '{') return Failure(InputError::kMissingBrace);
    at = SkipSpace(at + 1, end);

    size_t count = 0;
    if (at < end && *at == '}') {
        ++at;
    } else {
        for (;;) {
            at = SkipSpace(at, end);
            const ScannedInteger index = ScanInteger(at, end);
            if (index.end == at) return Failure(InputError::kSyntax);
            at = SkipSpace(index.end, end);
            if (at == end || *at != ':') return Failure(InputError::kSyntax);
            at = SkipSpace(at + 1, end);
            const ScannedNumber number = ScanNumber(at, end - at);
            if (number.length == 0) return Failure(InputError::kSyntax);
            if (number.range != ScannedNumber::kFits) return OutOfRange(at - text, number.length);
            if (std::isnan(number.value)) return Failure(InputError::kNaN);
            if (std::isinf(number.value)) return Failure(InputError::kInfinite);
            if (number.value != 0) {
                if (count == capacity) return Failure(InputError::kTooManyNonZeros);
                // From 1 to from 0; INT_MIN has no predecessor and is as far out of bounds.
                out[count++] = {std::max(index.value, INT_MIN + 1) - 1, number.value};
            }
            at = SkipSpace(at + number.length, end);
            if (at == end || (*at != ',' && *at != '}')) return Failure(InputError::kSyntax);
            if (*at++ == '}') break;
        }
    }

    at = SkipSpace(at, end);
    if (at == end || *at != '/') return Failure(InputError::kMissingDimensions);
    at = SkipSpace(at + 1, end);
    const ScannedInteger dimensions = ScanInteger(at, end);
    if (dimensions.end == at) return Failure(InputError::kSyntax);
    if (SkipSpace(dimensions.end, end) != end) return Failure(InputError::kJunkAfterDimensions);
    if (dimensions.value < 1) return Failure(InputError::kNoDimensions);
    if (dimensions.value > kMaxSparseDimensions) return Failure(InputError::kTooManyDimensions);

    std::sort(out, out + count, [](const SparseElement &left, const SparseElement &right) {
        return left.index < right.index;
    });
    ParseResult result;
    result.dimensions = dimensions.value;
    result.count = static_cast<int32_t>(count);
    return result;
}

InputError CheckIndices(const SparseElement *elements, size_t count, int32_t dimensions) noexcept {
    for (size_t i = 0; i < count; ++i) {
        const int32_t index = elements[i].index;
        if (index < 0 || index >= dimensions) return InputError::kIndexOutOfBounds;
        if (i > 0 && index == elements[i - 1].index) return InputError::kDuplicateIndex;
    }
    return InputError::kNone;
}

}  // namespace vecx

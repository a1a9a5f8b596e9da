// The readers of the text forms "[1,2]" and "{1:2}/3", and of the numbers in them. Called by the
// type input functions (types/*_in) and by the fuzzers.
//
// Numbers are read by std::from_chars(), which needs no locale and no terminating zero; what
// strtof() takes beyond it (a sign +, 0x) and which side of the range was left is decided here.

#include "core/parse.h"

#include <algorithm>
#include <charconv>
#include <climits>
#include <cmath>
#include <limits>
#include <system_error>

#include "core/limits.h"

namespace vecx {

namespace {

bool IsSpace(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

bool IsHexDigit(char c) { return IsDigit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }

const char *SkipSpace(const char *at, const char *end) {
    while (at < end && IsSpace(*at)) ++at;
    return at;
}

// About what power of the base (10, or 16 for hexadecimal digits) a number has that from_chars()
// has consumed: right to a few units, which tells overflow from underflow. False if all digits are
// zero.
bool Magnitude(const char *begin, const char *end, bool hexadecimal, int64_t *power) {
    const char *mantissa_end = std::find_if(begin, end, [hexadecimal](char c) {
        return c != '.' && !(hexadecimal ? IsHexDigit(c) : IsDigit(c));
    });
    const char *point = std::find(begin, mantissa_end, '.');
    const char *first =
        std::find_if(begin, mantissa_end, [](char c) { return c != '0' && c != '.'; });
    if (first == mantissa_end) return false;
    *power = point - first;
    if (mantissa_end == end) return true;

    const char *at = mantissa_end + 1;  // behind the e or p
    const bool negative = *at == '-';
    if (*at == '-' || *at == '+') ++at;
    int64_t exponent = 0;
    constexpr int64_t kSaturated = 1'000'000'000'000'000;  // beyond what a gigabyte of digits adds
    for (; at < end; ++at)
        if (exponent < kSaturated) exponent = exponent * 10 + (*at - '0');
    if (hexadecimal) exponent /= 4;  // a power of 2
    *power += negative ? -exponent : exponent;
    return true;
}

// Where a hexadecimal number ends. libstdc++ itself would take "1p+-3" as a whole.
const char *HexadecimalEnd(const char *at, const char *end) {
    bool after_point = false;
    for (; at < end && (IsHexDigit(*at) || (*at == '.' && !after_point)); ++at)
        after_point |= *at == '.';
    if (at == end || (*at != 'p' && *at != 'P')) return at;
    const char *digit = at + 1;
    if (digit < end && (*digit == '+' || *digit == '-')) ++digit;
    if (digit == end || !IsDigit(*digit)) return at;
    return std::find_if_not(digit, end, IsDigit);
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
    if (at < end && *at == '-') return {};  // from_chars() would take a second sign

    // from_chars() knows no 0x. Without a digit behind it the number is the "0" alone.
    const auto digit_at = [end](const char *c) {
        return c < end && (IsHexDigit(*c) || (*c == '.' && end - c >= 2 && IsHexDigit(c[1])));
    };
    const bool hexadecimal =
        end - at >= 3 && *at == '0' && (at[1] == 'x' || at[1] == 'X') && digit_at(at + 2);
    if (hexadecimal) at += 2;

    ScannedNumber number;
    const auto [after, error] = hexadecimal ? std::from_chars(at, HexadecimalEnd(at, end),
                                                              number.value, std::chars_format::hex)
                                            : std::from_chars(at, end, number.value);
    if (error == std::errc::invalid_argument) return {};
    number.length = after - text;

    // Which side of the range was left, from_chars() does not say, and libraries differ on whether
    // too small is an error at all. The digits tell.
    const bool is_number = IsHexDigit(*at) || *at == '.';  // neither inf nor nan
    if (is_number && (error != std::errc() || number.value == 0 || std::isinf(number.value))) {
        int64_t power = 0;
        const bool zero = !Magnitude(at, after, hexadecimal, &power);
        if (!zero) number.range = power > 0 ? ScannedNumber::kOverflow : ScannedNumber::kUnderflow;
        number.value = zero || power <= 0 ? 0.0f : std::numeric_limits<float>::infinity();
    }
    if (negative) number.value = -number.value;
    return number;
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

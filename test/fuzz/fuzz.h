// What the fuzz targets share: the check that ends a run, and numbers and bytes read in the plain
// way, to compare core/parse.h and core/wire.h with. A target is one fuzz_*.cpp; see test/fuzz/run.

#pragma once

#include <bit>
#include <cerrno>
#include <cfloat>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "core/parse.h"

// A finding: libFuzzer reports the abort and keeps the input.
#define FUZZ_CHECK(condition)                                                             \
    do {                                                                                  \
        if (!(condition)) {                                                               \
            fprintf(stderr, "%s:%d: check failed: %s\n", __FILE__, __LINE__, #condition); \
            abort();                                                                      \
        }                                                                                 \
    } while (false)

namespace vecx::fuzz {

inline bool SameBits(float left, float right) {
    return std::bit_cast<uint32_t>(left) == std::bit_cast<uint32_t>(right);
}

inline bool IsSpace(char c) {
    return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\v' || c == '\f';
}

// A number as strtof() reads it from text with a terminating zero.
struct Number {
    float value;
    size_t length;
    bool overflow;
    bool underflow;  // to zero
};

inline Number ReadNumber(const char *text) {
    char *end;
    errno = 0;
    float value = strtof(text, &end);
    const bool out_of_range = errno == ERANGE;
    Number number = {value, static_cast<size_t>(end - text), false, false};
    number.overflow = out_of_range && std::isinf(value);
    if (std::fabs(value) < FLT_MIN) {
        // glibc before 2.41 rounds some subnormals wrongly (its bug 30220). Where the double is not
        // the middle of two of them, converting it rounds rightly.
        const double exact = strtod(text, nullptr);
        const double halves = exact * 0x1p150;
        const bool is_middle = halves == std::floor(halves) && std::fmod(halves, 2) != 0;
        if (!is_middle) number.value = static_cast<float>(exact);
        number.underflow = exact != 0 ? number.value == 0 : out_of_range;
    }
    return number;
}

// A text walked by the oracles. Holds a terminating zero behind its end; one inside is a bad sign.
struct Reader {
    std::string text;
    size_t at = 0;

    bool AtEnd() const { return at == text.size(); }
    void SkipSpace() {
        while (!AtEnd() && IsSpace(text[at])) ++at;
    }
    bool Take(char wanted) {
        if (AtEnd() || text[at] != wanted) return false;
        ++at;
        return true;
    }
    Number TakeNumber() {
        const Number number = ReadNumber(text.c_str() + at);
        at += number.length;
        return number;
    }
    // False: there is none. Clamped to what int32_t holds.
    bool TakeInteger(int64_t *value) {
        char *end;
        const char *start = text.c_str() + at;
        if (AtEnd() || IsSpace(*start)) return false;
        *value = strtoll(start, &end, 10);
        if (*value > INT32_MAX) *value = INT32_MAX;
        if (*value < INT32_MIN) *value = INT32_MIN;
        at += static_cast<size_t>(end - start);
        return end != start;
    }
};

// What the parser said must be what the oracle says, to the piece of text out of range.
inline void CheckSameError(const ParseResult &result, InputError expected, const Reader &reader,
                           size_t number_at) {
    FUZZ_CHECK(result.error == expected);
    if (expected != InputError::kOutOfRange) return;
    FUZZ_CHECK(result.offset == number_at);
    FUZZ_CHECK(result.offset + result.length == reader.at);
}

inline uint32_t BigEndian32(const uint8_t *bytes) {
    return uint32_t{bytes[0]} << 24 | uint32_t{bytes[1]} << 16 | uint32_t{bytes[2]} << 8 | bytes[3];
}

inline uint16_t BigEndian16(const uint8_t *bytes) {
    return static_cast<uint16_t>(bytes[0] << 8 | bytes[1]);
}

inline InputError CheckFloat(float value) {
    if (std::isnan(value)) return InputError::kNaN;
    return std::isinf(value) ? InputError::kInfinite : InputError::kNone;
}

}  // namespace vecx::fuzz

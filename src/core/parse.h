// Text forms of the vector types to values. Called by types/*_in and by the fuzzers.
//
// All functions take (pointer, length), never read past the end, need no terminating zero, do not
// depend on the locale, and write no more elements than `capacity`. They raise nothing: what is
// wrong comes back as an InputError and the piece of the text that it is about.

#pragma once

#include <cstddef>
#include <cstdint>

#include "core/half.h"

namespace vecx {

enum class InputError : uint8_t {
    kNone,
    kSyntax,             // neither of the more exact ones below
    kMissingBracket,     // the text does not start with "["
    kMissingBrace,       // the text does not start with "{"
    kJunkAfterBracket,   // something other than space follows "]"
    kMissingDimensions,  // sparsevec: no "/dimensions" follows "}"
    kJunkAfterDimensions,
    kOutOfRange,  // a number that the element type cannot hold; see `offset` and `length`
    kNaN,
    kInfinite,
    kNoDimensions,       // fewer than one
    kTooManyDimensions,  // more than kMaxDimensions or kMaxSparseDimensions
    kTooManyNonZeros,    // more than kMaxNonZeros elements
    kIndexOutOfBounds,
    kDuplicateIndex,
    // Only in binary form, see wire.h:
    kTruncated,  // the message ends too early
    kDescendingIndex,
    kZeroValue,
};

struct ParseResult {
    InputError error = InputError::kNone;
    int32_t dimensions = 0;
    int32_t count = 0;  // elements written
    size_t offset = 0;  // kOutOfRange: where the number stands in the text
    size_t length = 0;
};

struct SparseElement {
    int32_t index;  // from 0
    float value;
};

struct ScannedNumber {
    float value = 0;    // infinity of the number's sign for kOverflow, zero of it for kUnderflow
    size_t length = 0;  // characters of the number with its sign; 0: no number stands here
    enum Range : uint8_t {
        kFits,
        kOverflow,
        kUnderflow,  // not zero as written, but zero as a float; subnormal results fit
    } range = kFits;
};

// The longest number at the start of the text, as strtof() takes it in the C locale, without its
// leading space: correctly rounded decimal and hexadecimal numbers, inf, infinity, nan, nan(...).
ScannedNumber ScanNumber(const char *text, size_t length) noexcept;

// An upper bound of the elements that a text can hold, to size the output: commas + 1.
size_t CountElements(const char *text, size_t length) noexcept;

// "[1, 2.5, -3e-2]". `capacity` must be at least min(CountElements(), kMaxDimensions).
// Numbers are what strtof() takes in the C locale: a sign, decimal or 0x hexadecimal digits, an
// exponent, also inf and nan, which are then refused. Too small becomes zero, too large is an
// error.
ParseResult ParseVector(const char *text, size_t length, float *out, size_t capacity) noexcept;
ParseResult ParseHalfVector(const char *text, size_t length, Half *out, size_t capacity) noexcept;

// "{1:0.5, 7:2}/10": indices from 1 in any order; out come indices from 0, sorted, no zeros.
// Here a number too small for a float is an error (it would vanish from the vector).
// `capacity` must be at least CountElements(); more than kMaxNonZeros commas + 1 is an error.
// The indices are not judged: callers first compare `dimensions` with the type modifier, so that
// of two faults the same one is reported as by pgvector, then call CheckIndices().
ParseResult ParseSparseVector(const char *text, size_t length, SparseElement *out,
                              size_t capacity) noexcept;

// kIndexOutOfBounds or kDuplicateIndex, whichever comes first in the sorted elements.
InputError CheckIndices(const SparseElement *elements, size_t count, int32_t dimensions) noexcept;

}  // namespace vecx

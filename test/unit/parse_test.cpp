// The text parsers of core/parse.h: a table of cases per error, and the number scanner compared
// with glibc's strtof() over generated numbers.

#include "core/parse.h"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <ostream>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "core/limits.h"

namespace vecx {

void PrintTo(InputError error, std::ostream *out) { *out << static_cast<int>(error); }

namespace {

using namespace std::string_literals;

// Holds a text whose last character is the last byte that may be read.
class GuardedText {
  public:
    explicit GuardedText(std::string_view text) {
        const size_t page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
        const size_t readable = (text.size() + page - 1) / page * page;
        mapped_size_ = readable + page;
        void *mapping =
            mmap(nullptr, mapped_size_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (mapping == MAP_FAILED) abort();
        base_ = static_cast<char *>(mapping);
        if (mprotect(base_ + readable, page, PROT_NONE) != 0) abort();
        data_ = base_ + readable - text.size();
        if (!text.empty()) memcpy(data_, text.data(), text.size());
    }
    ~GuardedText() { munmap(base_, mapped_size_); }
    GuardedText(const GuardedText &) = delete;
    GuardedText &operator=(const GuardedText &) = delete;

    const char *data() const { return data_; }

  private:
    char *base_;
    char *data_;
    size_t mapped_size_;
};

struct Parsed {
    ParseResult result;
    std::vector<float> values;
};

size_t DenseCapacity(std::string_view text) {
    return std::min<size_t>(CountElements(text.data(), text.size()), kMaxDimensions);
}

// Both parsers run on guarded text, into an exactly sized output (which ASan watches).
Parsed ReadVector(std::string_view text) {
    const GuardedText guarded(text);
    const size_t capacity = DenseCapacity(text);
    const std::unique_ptr<float[]> out(new float[capacity]);
    Parsed parsed = {ParseVector(guarded.data(), text.size(), out.get(), capacity), {}};
    if (parsed.result.error == InputError::kNone)
        parsed.values.assign(out.get(), out.get() + parsed.result.count);
    return parsed;
}

Parsed ReadHalfVector(std::string_view text) {
    const GuardedText guarded(text);
    const size_t capacity = DenseCapacity(text);
    const std::unique_ptr<Half[]> out(new Half[capacity]);
    Parsed parsed = {ParseHalfVector(guarded.data(), text.size(), out.get(), capacity), {}};
    if (parsed.result.error == InputError::kNone)
        for (int32_t i = 0; i < parsed.result.count; ++i)
            parsed.values.push_back(HalfToFloat(out[i]));
    return parsed;
}

struct SparseParsed {
    ParseResult result;
    std::vector<SparseElement> elements;
    InputError index_error = InputError::kNone;
};

SparseParsed ReadSparseVector(std::string_view text) {
    const GuardedText guarded(text);
    const size_t capacity = CountElements(text.data(), text.size());
    const std::unique_ptr<SparseElement[]> out(new SparseElement[capacity]);
    SparseParsed parsed;
    parsed.result = ParseSparseVector(guarded.data(), text.size(), out.get(), capacity);
    if (parsed.result.error == InputError::kNone) {
        parsed.elements.assign(out.get(), out.get() + parsed.result.count);
        parsed.index_error =
            CheckIndices(out.get(), parsed.elements.size(), parsed.result.dimensions);
    }
    return parsed;
}

std::string Repeat(std::string_view piece, int times) {
    std::string text;
    for (int i = 0; i < times; ++i) text += piece;
    return text;
}

std::string Ones(int count) {
    std::string text = "[1";
    return text + Repeat(",1", count - 1) + "]";
}

struct DenseCase {
    std::string text;
    InputError error;
    std::vector<float> values;
};

void CheckDense(const std::vector<DenseCase> &cases, Parsed (*read)(std::string_view)) {
    for (const DenseCase &item : cases) {
        const Parsed parsed = read(item.text);
        EXPECT_EQ(parsed.result.error, item.error) << item.text.substr(0, 60);
        if (item.error != InputError::kNone || parsed.result.error != InputError::kNone) continue;
        EXPECT_EQ(parsed.result.dimensions, parsed.result.count);
        ASSERT_EQ(parsed.values.size(), item.values.size()) << item.text;
        for (size_t i = 0; i < item.values.size(); ++i)
            EXPECT_EQ(std::bit_cast<uint32_t>(parsed.values[i]),
                      std::bit_cast<uint32_t>(item.values[i]))
                << item.text << " element " << i;
    }
}

// What vector and halfvec share: the brackets, the commas and the order of the checks.
std::vector<DenseCase> CommonCases() {
    using enum InputError;
    return {
        {"[1,2,3]", kNone, {1, 2, 3}},
        {" \t\n\r\v\f[ \t\n\r\v\f1 \t\n\r\v\f, \t\n\r\v\f2 \t\n\r\v\f] \t\n\r\v\f", kNone, {1, 2}},
        {"[1.,.5,+2,-3e1,0x1p3,0X.8,1E+1,-0]", kNone, {1, .5f, 2, -30, 8, .5f, 10, -0.f}},
        {"", kMissingBracket, {}},
        {" ", kMissingBracket, {}},
        {"1,2,3", kMissingBracket, {}},
        {"(1,2,3)", kMissingBracket, {}},
        {"x[1]", kMissingBracket, {}},
        {"\0[1]"s, kMissingBracket, {}},
        {"\xa0[1]", kMissingBracket, {}},
        {"[]", kNoDimensions, {}},
        {"[ ]", kNoDimensions, {}},
        {"[]junk", kNoDimensions, {}},
        {"[", kSyntax, {}},
        {"[ ", kSyntax, {}},
        {"[1", kSyntax, {}},
        {"[1 ", kSyntax, {}},
        {"[1,", kSyntax, {}},
        {"[1, ", kSyntax, {}},
        {"[,", kSyntax, {}},
        {"[1,]", kSyntax, {}},
        {"[1,,2]", kSyntax, {}},
        {"[1,2,]", kSyntax, {}},
        {"[1 2]", kSyntax, {}},
        {"[1;2]", kSyntax, {}},
        {"[1}", kSyntax, {}},
        {"[[1]]", kSyntax, {}},
        {"[a]", kSyntax, {}},
        {"[+]", kSyntax, {}},
        {"[-]", kSyntax, {}},
        {"[+-1]", kSyntax, {}},
        {"[.]", kSyntax, {}},
        {"[.e1]", kSyntax, {}},
        {"[1e]", kSyntax, {}},
        {"[1e+]", kSyntax, {}},
        {"[1.2.3]", kSyntax, {}},
        {"[0x]", kSyntax, {}},
        {"[0x1p]", kSyntax, {}},
        {"[1\0]"s, kSyntax, {}},
        {"[1,\0"s, kSyntax, {}},
        {"[1]]", kJunkAfterBracket, {}},
        {"[1] [2]", kJunkAfterBracket, {}},
        {"[1]\0"s, kJunkAfterBracket, {}},
        {"[nan]", kNaN, {}},
        {"[-NaN(x_1)]", kNaN, {}},
        {"[nan(]", kNaN, {}},
        {"[inf]", kInfinite, {}},
        {"[1, -Infinity]", kInfinite, {}},
        {"[infinit]", kInfinite, {}},
        {"[1e400]", kOutOfRange, {}},
        {"[-1e39]", kOutOfRange, {}},
        {"[0x1p128]", kOutOfRange, {}},
        // The first fault is reported.
        {"[nan,1e400]", kNaN, {}},
        {"[1e400,nan]", kOutOfRange, {}},
        {"[1,nan", kNaN, {}},
        {"[nan x", kNaN, {}},
        {Ones(kMaxDimensions), kNone, std::vector<float>(kMaxDimensions, 1)},
        {Ones(kMaxDimensions + 1), kTooManyDimensions, {}},
        {Ones(kMaxDimensions).substr(0, 2 * kMaxDimensions) + ",", kTooManyDimensions, {}},
        {Ones(kMaxDimensions).substr(0, 2 * kMaxDimensions) + ",nan", kTooManyDimensions, {}},
        {Ones(kMaxDimensions) + ",1", kJunkAfterBracket, {}},
    };
}

// vector: every error, and what becomes of numbers at the limits of float.
TEST(ParseVector, Cases) {
    using enum InputError;
    CheckDense(CommonCases(), ReadVector);
    CheckDense(
        {
            {"[3.4028235e38]", kNone, {3.4028235e38f}},
            {"[3.4028235677973367e38]", kOutOfRange, {}},
            {"[3.4028235677973366e38]", kNone, {3.4028235e38f}},
            {"[1e-45,-1e-46,1e-400,0x1p-150,-0x1.8p-150]", kNone, {1e-45f, -0.f, 0, 0, -1e-45f}},
            {"[1e-38]", kNone, {1e-38f}},
            {"[0e999999999999999999999]", kNone, {0}},
        },
        ReadVector);
}

// halfvec: the same, but the range is that of half.
TEST(ParseHalfVector, Cases) {
    using enum InputError;
    CheckDense(CommonCases(), ReadHalfVector);
    CheckDense(
        {
            {"[65504,65519,-65519.99]", kNone, {65504, 65504, -65504}},
            {"[65520]", kOutOfRange, {}},
            {"[-65520]", kOutOfRange, {}},
            {"[65519.9999]", kOutOfRange, {}},  // is 65520 as a float
            {"[1e-8,-1e-8,1e-50]", kNone, {0, -0.f, 0}},
            {"[6e-8]", kNone, {0x1p-24f}},
        },
        ReadHalfVector);
}

// The message about a number out of range quotes it, as far as strtof() would have read it.
TEST(Parse, OutOfRangeNamesTheNumber) {
    const auto quoted = [](std::string_view text, const ParseResult &result) {
        EXPECT_EQ(result.error, InputError::kOutOfRange) << text;
        return std::string(text.substr(result.offset, result.length));
    };
    const auto vector = [&](std::string_view text) {
        return quoted(text, ReadVector(text).result);
    };
    const auto half_vector = [&](std::string_view text) {
        return quoted(text, ReadHalfVector(text).result);
    };
    const auto sparse_vector = [&](std::string_view text) {
        return quoted(text, ReadSparseVector(text).result);
    };
    EXPECT_EQ(vector("[1, -4e38 ]"), "-4e38");
    EXPECT_EQ(vector("[+1e400e]"), "+1e400");
    EXPECT_EQ(vector("[0x1p+500p]"), "0x1p+500");
    EXPECT_EQ(half_vector("[ 1 , 65520.0x]"), "65520.0");
    EXPECT_EQ(half_vector("[1e400]"), "1e400");
    EXPECT_EQ(sparse_vector("{1:1, 2: -1e-46}/3"), "-1e-46");
    EXPECT_EQ(sparse_vector("{1:1e39"), "1e39");
}

struct SparseCase {
    std::string text;
    InputError error;
    InputError index_error = InputError::kNone;
    int32_t dimensions = 0;
    std::vector<SparseElement> elements;
};

// sparsevec: every error, sorting, dropped zeros, clamped indices.
TEST(ParseSparseVector, Cases) {
    using enum InputError;
    const std::string zeros = Repeat(",1:0", kMaxNonZeros - 1);
    const std::vector<SparseCase> cases = {
        {"{1:1.5,3:2}/5", kNone, kNone, 5, {{0, 1.5f}, {2, 2}}},
        {"{3:2,1:1.5}/5", kNone, kNone, 5, {{0, 1.5f}, {2, 2}}},
        {" { 1 : 1.5 , 3 : 2 } / 5 ", kNone, kNone, 5, {{0, 1.5f}, {2, 2}}},
        {"\v{\f1\t:\n+1e-45\r}\v/\v+5\f", kNone, kNone, 5, {{0, 1e-45f}}},
        {"{}/5", kNone, kNone, 5, {}},
        {"{ } / 5", kNone, kNone, 5, {}},
        {"{1:0,2:-0,3:0x0p9,4:0e-99}/5", kNone, kNone, 5, {}},
        {"{9:0}/5", kNone, kNone, 5, {}},
        {"{1:0,1:2}/5", kNone, kNone, 5, {{0, 2}}},
        {"{}/1000000000", kNone, kNone, 1000000000, {}},
        {"{1:0" + zeros + "}/5", kNone, kNone, 5, {}},
        {"{1:0" + zeros + ",1:0}/5", kTooManyNonZeros, {}, 0, {}},
        {Repeat(",", kMaxNonZeros), kTooManyNonZeros, {}, 0, {}},
        {Repeat(",", kMaxNonZeros - 1), kMissingBrace, {}, 0, {}},
        {"", kMissingBrace, {}, 0, {}},
        {"[1,2]", kMissingBrace, {}, 0, {}},
        {"\0{}/1"s, kMissingBrace, {}, 0, {}},
        {"{", kSyntax, {}, 0, {}},
        {"{ ", kSyntax, {}, 0, {}},
        {"{,}/1", kSyntax, {}, 0, {}},
        {"{1", kSyntax, {}, 0, {}},
        {"{1}/1", kSyntax, {}, 0, {}},
        {"{1.5:1}/1", kSyntax, {}, 0, {}},
        {"{0x1:1}/1", kSyntax, {}, 0, {}},
        {"{+:1}/1", kSyntax, {}, 0, {}},
        {"{a:1}/1", kSyntax, {}, 0, {}},
        {"{:1}/1", kSyntax, {}, 0, {}},
        {"{1:", kSyntax, {}, 0, {}},
        {"{1:}/1", kSyntax, {}, 0, {}},
        {"{1:a}/1", kSyntax, {}, 0, {}},
        {"{1:1", kSyntax, {}, 0, {}},
        {"{1:1,", kSyntax, {}, 0, {}},
        {"{1:1,}/1", kSyntax, {}, 0, {}},
        {"{1:1]/1", kSyntax, {}, 0, {}},
        {"{1:1\0}/1"s, kSyntax, {}, 0, {}},
        {"{1:nan}/1", kNaN, {}, 0, {}},
        {"{1:-inf}/1", kInfinite, {}, 0, {}},
        {"{1:1e39}/1", kOutOfRange, {}, 0, {}},
        {"{1:1e-46}/1", kOutOfRange, {}, 0, {}},
        {"{1:-0x1p-150}/1", kOutOfRange, {}, 0, {}},
        {"{}", kMissingDimensions, {}, 0, {}},
        {"{} ", kMissingDimensions, {}, 0, {}},
        {"{1:1}", kMissingDimensions, {}, 0, {}},
        {"{1:1}}/1", kMissingDimensions, {}, 0, {}},
        {"{1:1},/1", kMissingDimensions, {}, 0, {}},
        {"{}/", kSyntax, {}, 0, {}},
        {"{}/ ", kSyntax, {}, 0, {}},
        {"{}/a", kSyntax, {}, 0, {}},
        {"{}/-", kSyntax, {}, 0, {}},
        {"{}/1a", kJunkAfterDimensions, {}, 0, {}},
        {"{}/1.5", kJunkAfterDimensions, {}, 0, {}},
        {"{}/0x1", kJunkAfterDimensions, {}, 0, {}},
        {"{}/1 /1", kJunkAfterDimensions, {}, 0, {}},
        {"{}/1\0"s, kJunkAfterDimensions, {}, 0, {}},
        {"{}/0", kNoDimensions, {}, 0, {}},
        {"{}/-1", kNoDimensions, {}, 0, {}},
        {"{}/-9999999999999999999999", kNoDimensions, {}, 0, {}},
        {"{9:1}/0", kNoDimensions, {}, 0, {}},
        {"{}/1000000001", kTooManyDimensions, {}, 0, {}},
        {"{}/9999999999999999999999", kTooManyDimensions, {}, 0, {}},
        // Indices, judged after sorting, element by element.
        {"{0:1}/5", kNone, kIndexOutOfBounds, 5, {{-1, 1}}},
        {"{-3:1,2:1}/5", kNone, kIndexOutOfBounds, 5, {{-4, 1}, {1, 1}}},
        {"{6:1}/5", kNone, kIndexOutOfBounds, 5, {{5, 1}}},
        {"{5:1}/5", kNone, kNone, 5, {{4, 1}}},
        {"{2:1,2:1}/5", kNone, kDuplicateIndex, 5, {{1, 1}, {1, 1}}},
        {"{6:1,2:1,2:1}/5", kNone, kDuplicateIndex, 5, {{1, 1}, {1, 1}, {5, 1}}},
        {"{6:1,6:1}/5", kNone, kIndexOutOfBounds, 5, {{5, 1}, {5, 1}}},
        {"{0:1,2:1,2:1}/5", kNone, kIndexOutOfBounds, 5, {{-1, 1}, {1, 1}, {1, 1}}},
        {"{99999999999999999999:1}/5", kNone, kIndexOutOfBounds, 5, {{INT32_MAX - 1, 1}}},
        {"{2147483648:1}/5", kNone, kIndexOutOfBounds, 5, {{INT32_MAX - 1, 1}}},
        {"{-99999999999999999999:1}/5", kNone, kIndexOutOfBounds, 5, {{INT32_MIN, 1}}},
        {"{-2147483647:1}/5", kNone, kIndexOutOfBounds, 5, {{INT32_MIN, 1}}},
        {"{-2147483648:1}/5", kNone, kIndexOutOfBounds, 5, {{INT32_MIN, 1}}},
    };
    for (const SparseCase &item : cases) {
        const SparseParsed parsed = ReadSparseVector(item.text);
        EXPECT_EQ(parsed.result.error, item.error) << item.text.substr(0, 60);
        if (item.error != kNone || parsed.result.error != kNone) continue;
        EXPECT_EQ(parsed.index_error, item.index_error) << item.text.substr(0, 60);
        EXPECT_EQ(parsed.result.dimensions, item.dimensions) << item.text.substr(0, 60);
        ASSERT_EQ(parsed.elements.size(), item.elements.size()) << item.text.substr(0, 60);
        for (size_t i = 0; i < item.elements.size(); ++i) {
            EXPECT_EQ(parsed.elements[i].index, item.elements[i].index) << item.text;
            EXPECT_EQ(parsed.elements[i].value, item.elements[i].value) << item.text;
        }
    }
}

TEST(ParseSparseVector, SortsManyElements) {
    std::mt19937_64 random(7);
    std::vector<int> order(kMaxNonZeros);
    for (int i = 0; i < kMaxNonZeros; ++i) order[i] = i;
    std::shuffle(order.begin(), order.end(), random);
    std::string text = "{";
    for (int index : order)
        text += (text.size() > 1 ? "," : "") + std::to_string(3 * index + 1) + ":" +
                std::to_string(index + 1);
    text += "}/48000";
    const SparseParsed parsed = ReadSparseVector(text);
    ASSERT_EQ(parsed.result.error, InputError::kNone);
    EXPECT_EQ(parsed.index_error, InputError::kNone);
    ASSERT_EQ(parsed.result.count, kMaxNonZeros);
    for (int i = 0; i < kMaxNonZeros; ++i) {
        ASSERT_EQ(parsed.elements[i].index, 3 * i);
        ASSERT_EQ(parsed.elements[i].value, i + 1);
    }
}

// Less room than the text needs is a caller's mistake, which must not become an overrun.
TEST(Parse, WritesNoMoreThanCapacity) {
    const std::string dense = "[1,2,3,4]";
    const std::string sparse = "{1:1,2:2,3:3,4:4}/9";
    for (size_t capacity = 0; capacity < 4; ++capacity) {
        std::vector<float> floats(5, -1);
        EXPECT_EQ(ParseVector(dense.data(), dense.size(), floats.data(), capacity).error,
                  InputError::kTooManyDimensions);
        std::vector<Half> halves(5, Half{0xabcd});
        EXPECT_EQ(ParseHalfVector(dense.data(), dense.size(), halves.data(), capacity).error,
                  InputError::kTooManyDimensions);
        std::vector<SparseElement> elements(5, {-1, -1});
        EXPECT_EQ(ParseSparseVector(sparse.data(), sparse.size(), elements.data(), capacity).error,
                  InputError::kTooManyNonZeros);
        for (size_t i = capacity; i < 5; ++i) {
            EXPECT_EQ(floats[i], -1);
            EXPECT_EQ(halves[i].bits, 0xabcd);
            EXPECT_EQ(elements[i].index, -1);
        }
    }
}

// Every prefix of a valid text is refused, without a look behind its end.
TEST(Parse, EveryTruncationIsRefused) {
    const std::string dense = " [1, -2.5e+3 ,0x1.8p-1,.5,1.]";
    for (size_t length = 0; length < dense.size(); ++length) {
        EXPECT_NE(ReadVector(dense.substr(0, length)).result.error, InputError::kNone) << length;
        EXPECT_NE(ReadHalfVector(dense.substr(0, length)).result.error, InputError::kNone);
    }
    const std::string sparse = " {3:1, 1 : -2.5e+3 ,7:0x1.8p-1 } / 9";
    for (size_t length = 0; length < sparse.size(); ++length)
        EXPECT_NE(ReadSparseVector(sparse.substr(0, length)).result.error, InputError::kNone);
}

TEST(CountElements, CountsCommas) {
    EXPECT_EQ(CountElements("", 0), 1u);
    EXPECT_EQ(CountElements("[1,2,3]", 7), 3u);
    EXPECT_EQ(CountElements(",,,x", 2), 3u);
}

// --- The number scanner against strtof() -------------------------------------------------------

struct Reference {
    uint32_t bits;
    size_t length;
    ScannedNumber::Range range;
};

Reference Strtof(const std::string &text) {
    char *end;
    errno = 0;
    const float value = strtof(text.c_str(), &end);
    Reference reference = {std::bit_cast<uint32_t>(value), static_cast<size_t>(end - text.c_str()),
                           ScannedNumber::kFits};
    if (errno == ERANGE && std::isinf(value)) reference.range = ScannedNumber::kOverflow;
    if (errno == ERANGE && value == 0) reference.range = ScannedNumber::kUnderflow;
    return reference;
}

// Reads from an exactly sized heap copy, which ASan watches.
ScannedNumber Scan(const std::string &text) {
    const std::unique_ptr<char[]> copy(new char[text.size()]);
    memcpy(copy.get(), text.data(), text.size());
    return ScanNumber(copy.get(), text.size());
}

// glibc before 2.41 loses a bit of some subnormal floats that take 25 bits (its bug 30220). They
// are exact as double, so that strtod() and a conversion round them once.
Reference StrtodRounded(const std::string &text, Reference reference) {
    const double exact = strtod(text.c_str(), nullptr);
    const float value = static_cast<float>(exact);
    reference.bits = std::bit_cast<uint32_t>(value);
    if (exact != 0) reference.range = value == 0 ? ScannedNumber::kUnderflow : ScannedNumber::kFits;
    return reference;
}

bool IsSame(const ScannedNumber &scanned, const Reference &expected) {
    const uint32_t bits = std::bit_cast<uint32_t>(scanned.value);
    if (scanned.length != expected.length || scanned.range != expected.range) return false;
    if (std::isnan(scanned.value) && std::isnan(std::bit_cast<float>(expected.bits)))
        return bits >> 31 == expected.bits >> 31;
    return bits == expected.bits;
}

bool SameAsStrtof(const std::string &text) {
    const Reference expected = Strtof(text);
    const ScannedNumber scanned = Scan(text);
    bool same = IsSame(scanned, expected);
    if (!same && (expected.bits & 0x7fffffff) < 0x00800000)
        same = IsSame(scanned, StrtodRounded(text, expected));
    EXPECT_TRUE(same) << "text " << text << "\nlength " << scanned.length << " for "
                      << expected.length << ", range " << int{scanned.range} << " for "
                      << int{expected.range} << std::hex << ", bits "
                      << std::bit_cast<uint32_t>(scanned.value) << " for " << expected.bits;
    return same;
}

// Exact halves and quarters of the spacing of subnormals, where glibc may be wrong.
TEST(ScanNumber, RoundsSubnormalsOnce) {
    const auto bits = [](const std::string &text) {
        return std::bit_cast<uint32_t>(Scan(text).value);
    };
    EXPECT_EQ(bits("0x86bcf48p-156"), 0x10d79fu);
    EXPECT_EQ(bits("0x1.000001p-150"), 1u);
    EXPECT_EQ(bits("0x1p-150"), 0u);
    EXPECT_EQ(bits("0x3p-150"), 2u);
    EXPECT_EQ(bits("0x1.fffffep-127"), 0x00800000u);
}

TEST(ScanNumber, EdgesAsStrtof) {
    const std::vector<std::string> texts = {
        "",
        "+",
        "-",
        ".",
        "+.",
        "e1",
        ".e1",
        "1",
        "+1",
        "-1",
        "1.",
        "1.e1",
        ".5",
        "-.5e1",
        "1e",
        "1e+",
        "1e-",
        "1e+x",
        "1ee1",
        "1e1.5",
        "1..5",
        "++1",
        "+-1",
        "0",
        "-0",
        "00",
        "-00.00e00",
        "0x",
        "0X",
        "-0x",
        "0xg",
        "0x.",
        "0x.p1",
        "0xp1",
        "0x1",
        "0x1.",
        "0x.8",
        "0X.8P+1",
        "0x1p",
        "0x1p+",
        "0x1p+-3",
        "0x1p-+3",
        "0x1p--3",
        "0x1p++3",
        "1e+-3",
        "1e-+3",
        "1e--3",
        "0x1p-",
        "0x1px",
        "0x1.8.8",
        "0x0",
        "0x0p99999999999",
        "-0x0.0p-99999999999",
        "0xffffff8p0",
        "0xffffff7.ffffffffffffffffp0",
        "0x1fffffep0",
        "0x1ffffffp0",
        "0x1fffffdp0",
        "0x0.00000000000000000000000001p100",
        "0x10000000000000000000000000000000p-128",
        "0x1p127",
        "0x1p128",
        "0x1.fffffep127",
        "0x1.ffffffp127",
        "0x1.fffffeffffffffffffp127",
        "0x1p-126",
        "0x1p-127",
        "0x1p-149",
        "0x1p-150",
        "0x1.0000000000000000000001p-150",
        "0x1p-151",
        "0x1.8p-149",
        "0x1.8p-150",
        "0x0.ffffffp-126",
        "0x0.fffffefp-126",
        "inf",
        "INF",
        "+inf",
        "-Inf",
        "infinity",
        "INFINITY",
        "-iNfInItYx",
        "infinit",
        "in",
        "i",
        "nan",
        "-NAN",
        "nan()",
        "nan(",
        "nan(1)",
        "nan(a_B9)",
        "nan(a b)",
        "nan(+)",
        "na",
        "n",
        "1e38",
        "3.4028234e38",
        "3.4028235e38",
        "3.4028236e38",
        "340282356779733661637539395458142568447",  // one below the middle of the largest float and
        "340282356779733661637539395458142568448",  // infinity, then that middle
        "340282356779733661637539395458142568449",
        "340282356779733661637539395458142568447.99999999999999999999999999999999999999999999999",
        "1e39",
        "1e40",
        "1e400",
        "-1e400",
        "1e99999999999999999999999999",
        "1e-99999999999999999999",
        "0e99999999999999999999999999",
        "1.17549435e-38",
        "1.1754943e-38",
        "1e-38",
        "1e-44",
        "1.4e-45",
        "1e-45",
        "7.1e-46",
        "7.0064923216240854e-46",
        "7.0064923216240853e-46",
        "7e-46",
        "1e-46",
        "9.99e-47",
        "1e-47",
        "1e-400",
        "16777217",
        "16777217.0000000000000000000000000000",
        "16777217.00000000000000000000000000000000000000000000000000000000000000000000000000001",
        "16777216.99999999999999999999999999999999999999999999999999999999999999999999999999999",
        "33554435",
        "33554433",
        "9007199254740993",
        "18446744073709551615",
        "18446744073709551616",
        "99999999999999999999",
        "0.1",
        "0.30000001192092896",
        "123456789012345678901234567890",
        "1e22",
        "1e23",
        "8589973000",
        "8589973000.0000000001",
        "1 ",
        "1\n",
        "1,",
        "1]",
    };
    for (const std::string &text : texts) SameAsStrtof(text);
}

// Zeros that an exponent makes up for: the size of neither is to overflow anything.
TEST(ScanNumber, LongZerosAsStrtof) {
    for (const int zeros : {30, 100, 1000, 70000, 700000}) {
        const std::string run(zeros, '0');
        const std::string count = std::to_string(zeros);
        const std::string more = std::to_string(zeros + 1);
        for (const std::string digits : {"1", "16777217", "34028236"}) {
            SameAsStrtof("0." + run + digits + "e" + count);
            SameAsStrtof("0." + run + digits + "e" + more);
            SameAsStrtof(digits + run + "e-" + count);
            SameAsStrtof(digits + run + ".0e-" + more);
            SameAsStrtof(run + digits);
            SameAsStrtof(run + digits + "." + run + "1");
            SameAsStrtof("0x" + run + digits + "p1");
            SameAsStrtof("0x." + run + digits + "p" + std::to_string(4 * zeros));
            SameAsStrtof("0x" + digits + run + "p-" + std::to_string(4 * zeros));
            SameAsStrtof("0." + run);
            SameAsStrtof("-" + run + "e" + count);
        }
    }
}

class NumberMaker {
  public:
    explicit NumberMaker(uint64_t seed) : random_(seed) {}

    int Below(int limit) { return static_cast<int>(random_() % static_cast<uint64_t>(limit)); }

    std::string Digits(int count, const char *alphabet, int size) {
        std::string text;
        for (int i = 0; i < count; ++i) text += alphabet[Below(size)];
        return text;
    }

    std::string Decimal(int count) { return Digits(count, "0123456789", 10); }

    std::string Sign() { return Below(3) == 0 ? (Below(2) ? "-" : "+") : ""; }

    std::string Pointed(std::string digits) {
        if (Below(3) != 0) digits.insert(Below(static_cast<int>(digits.size()) + 1), ".");
        return digits;
    }

    // Numbers as clients send them, and anywhere else in the range of float.
    std::string Ordinary() {
        char text[64];
        const float value = std::bit_cast<float>(static_cast<uint32_t>(random_()));
        const double near_one = static_cast<double>(random_()) * 0x1p-64 - 0.5;
        switch (Below(4)) {
            case 0:
                snprintf(text, sizeof(text), "%.9g", value);
                break;
            case 1:
                snprintf(text, sizeof(text), "%.17g", near_one);
                break;
            case 2:
                snprintf(text, sizeof(text), "%.*f", Below(12), near_one * 100);
                break;
            default:
                snprintf(text, sizeof(text), "%.*e", Below(30), static_cast<double>(value));
        }
        return text;
    }

    std::string Scaled() {
        static constexpr int kExponents[] = {-60, -46, -45, -44, -40, -38, -37, 0, 30, 37, 38, 39};
        const std::string digits = Decimal(1 + Below(Below(4) == 0 ? 40 : 20));
        return Sign() + Pointed(digits) + (Below(2) ? "e" : "E") +
               std::to_string(kExponents[Below(12)] + Below(10) - 5 -
                              (Below(2) ? static_cast<int>(digits.size()) : 0));
    }

    // The middle of two neighboring floats, written in full, perhaps a little off.
    std::string Halfway() {
        const uint32_t bits =
            static_cast<uint32_t>(random_()) & (Below(3) ? 0x7fffffff : 0x00ffffff);
        if (bits >= 0x7f7fffff) return "340282356779733661637539395458142568448";
        const double lower = std::bit_cast<float>(bits);
        const double middle = (lower + std::bit_cast<float>(bits + 1)) / 2;
        char text[256];
        snprintf(text, sizeof(text), Below(2) ? "%.115e" : "%.160f", middle);
        std::string number = text;
        const size_t exponent = std::min(number.find('e'), number.size());
        const std::string zeros(Below(4) == 0 ? 700 : Below(3), '0');
        switch (Below(4)) {
            case 0:
                break;
            case 1:
                number.insert(exponent, zeros + "1");
                break;
            case 2:
                number.insert(exponent, zeros);
                break;
            default:  // the last digit that counts, one less, and nines behind it
                const size_t last = number.find_last_of("123456789", exponent - 1);
                if (last == std::string::npos) break;
                --number[last];
                if (number.find('.') < last) number.insert(last + 1, Below(2) ? "9" : "99999999");
        }
        return Sign() + number;
    }

    // The double next to such a middle, rounded as by a client that prints doubles.
    std::string NearlyHalfway() {
        const uint32_t bits = static_cast<uint32_t>(random_()) & 0x7f7ffffe;
        const double lower = std::bit_cast<float>(bits);
        double middle = (lower + std::bit_cast<float>(bits + 1)) / 2;
        for (int steps = Below(12); steps > 0; --steps) middle = std::nextafter(middle, 0);
        char text[64];
        snprintf(text, sizeof(text), "%.*g", 15 + Below(8), middle);
        return Sign() + text;
    }

    std::string Long() {
        return Sign() + Pointed(Decimal(100 + Below(700))) + "e" + std::to_string(Below(900) - 850);
    }

    std::string Hexadecimal() {
        const std::string digits =
            Digits(1 + Below(Below(4) == 0 ? 40 : 9), "0123456789abcdefABCDEF", 22);
        std::string number = Sign() + (Below(2) ? "0x" : "0X") + Pointed(digits);
        if (Below(4)) number += "p" + std::to_string(Below(340) - 170);
        return number;
    }

    // The bits where a float is cut off are 10..0, or nearly.
    std::string HexadecimalHalfway() {
        char text[64];
        const unsigned head = static_cast<unsigned>(random_()) & 0xffffff;
        snprintf(text, sizeof(text), "0x%s%x%s%sp%d", Below(2) ? "1." : "", head & ~Below(2),
                 Below(2) ? "8" : "7ff",
                 Below(2)   ? "0000000000000"
                 : Below(2) ? "000000000000001"
                            : "",
                 Below(2) ? -Below(40) - 130 : Below(20) + 90);
        return Sign() + text;
    }

    std::string Garbage() {
        return Digits(1 + Below(12), "0011259.eE+-xXpPaAfFnNiItTyY()_ ,]", 34);
    }

  private:
    std::mt19937_64 random_;
};

void CompareMany(int count, uint64_t seed, std::string (NumberMaker::*make)()) {
    NumberMaker maker(seed);
    int different = 0;
    for (int i = 0; i < count && different < 10; ++i) {
        const std::string text = (maker.*make)();
        if (!text.empty() && isspace(static_cast<unsigned char>(text[0]))) continue;
        different += !SameAsStrtof(text);
    }
}

TEST(ScanNumber, OrdinaryAsStrtof) { CompareMany(200000, 1, &NumberMaker::Ordinary); }
TEST(ScanNumber, ScaledAsStrtof) { CompareMany(200000, 2, &NumberMaker::Scaled); }
TEST(ScanNumber, HalfwayAsStrtof) { CompareMany(100000, 3, &NumberMaker::Halfway); }
TEST(ScanNumber, NearlyHalfwayAsStrtof) { CompareMany(200000, 4, &NumberMaker::NearlyHalfway); }
TEST(ScanNumber, LongAsStrtof) { CompareMany(20000, 5, &NumberMaker::Long); }
TEST(ScanNumber, HexadecimalAsStrtof) { CompareMany(200000, 6, &NumberMaker::Hexadecimal); }
TEST(ScanNumber, HexadecimalHalfwayAsStrtof) {
    CompareMany(100000, 7, &NumberMaker::HexadecimalHalfway);
}
TEST(ScanNumber, GarbageAsStrtof) { CompareMany(300000, 8, &NumberMaker::Garbage); }

}  // namespace
}  // namespace vecx

// The binary forms of core/wire.h: bytes as documented, round trips, every kind of fault and every
// truncation.

#include "core/wire.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <memory>
#include <ostream>
#include <random>
#include <string>
#include <vector>

namespace vecx {

void PrintTo(InputError error, std::ostream *out) { *out << static_cast<int>(error); }

namespace {

// An exactly sized copy, which ASan watches, at an odd address where `shift` is odd.
class Copy {
  public:
    explicit Copy(const std::string &bytes, size_t shift = 0)
        : memory_(new char[bytes.size() + shift]), data_(memory_.get() + shift) {
        memcpy(data_, bytes.data(), bytes.size());
    }
    const char *data() const { return data_; }

  private:
    std::unique_ptr<char[]> memory_;
    char *data_;
};

std::string BigEndian(uint64_t bits, int size) {
    std::string bytes;
    for (int i = size - 1; i >= 0; --i) bytes += static_cast<char>(bits >> (8 * i));
    return bytes;
}

std::string Bytes(float value) { return BigEndian(std::bit_cast<uint32_t>(value), 4); }
std::string Bytes(Half value) { return BigEndian(value.bits, 2); }
std::string Bytes(int32_t value) { return BigEndian(static_cast<uint32_t>(value), 4); }

template <typename Element>
std::string AllBytes(const std::vector<Element> &elements) {
    std::string bytes;
    for (const Element &element : elements) bytes += Bytes(element);
    return bytes;
}

template <typename Element>
constexpr auto kEncode = sizeof(Element) == sizeof(Half) ? &EncodeHalfElements : &EncodeElements;

float RandomFinite(std::mt19937_64 &random, float) {
    for (;;) {
        const float value = std::bit_cast<float>(static_cast<uint32_t>(random()));
        if (std::isfinite(value)) return value;
    }
}

Half RandomFinite(std::mt19937_64 &random, Half) {
    for (;;) {
        const Half value = {static_cast<uint16_t>(random())};
        if (!IsNaN(value) && !IsInfinite(value)) return value;
    }
}

const float kFloatNaN = std::bit_cast<float>(0x7f800001u);
const float kFloatInfinity = std::numeric_limits<float>::infinity();

void SetBad(float &element, int kind) {
    const float bad[] = {kFloatInfinity, -kFloatInfinity, kFloatNaN, -kFloatNaN};
    element = bad[kind];
}

void SetBad(Half &element, int kind) {
    const uint16_t bad[] = {0x7c00, 0xfc00, 0x7c01, 0xffff};
    element = {bad[kind]};
}

template <typename Element>
class WireElements : public testing::Test {};
using ElementTypes = testing::Types<float, Half>;
TYPED_TEST_SUITE(WireElements, ElementTypes);

// Around the sizes of the vectorised loop, at every alignment.
TYPED_TEST(WireElements, RoundTrip) {
    std::mt19937_64 random(1);
    for (size_t count = 0; count <= 70; ++count) {
        for (size_t shift = 0; shift < 5; ++shift) {
            std::vector<TypeParam> elements(count);
            for (TypeParam &element : elements) element = RandomFinite(random, element);
            const std::string expected = AllBytes(elements);

            const Copy unaligned(
                std::string(reinterpret_cast<const char *>(elements.data()), expected.size()),
                shift);
            const std::unique_ptr<char[]> out(new char[expected.size() + shift]);
            kEncode<TypeParam>(unaligned.data(), count, out.get() + shift);
            EXPECT_EQ(std::string(out.get() + shift, expected.size()), expected) << count;

            const Copy message(expected, shift);
            const std::unique_ptr<TypeParam[]> decoded(new TypeParam[count]);
            EXPECT_EQ(DecodeElements(message.data(), expected.size(), decoded.get(), count),
                      InputError::kNone);
            EXPECT_EQ(AllBytes(std::vector(decoded.get(), decoded.get() + count)), expected);
        }
    }
}

TYPED_TEST(WireElements, EveryTruncation) {
    for (size_t count = 0; count <= 20; ++count) {
        const std::string bytes(count * sizeof(TypeParam), '\x01');
        for (size_t length = 0; length < bytes.size(); ++length) {
            const Copy message(bytes.substr(0, length));
            std::vector<TypeParam> out(count, TypeParam{});
            const std::vector<TypeParam> before = out;
            EXPECT_EQ(DecodeElements(message.data(), length, out.data(), count),
                      InputError::kTruncated);
            EXPECT_EQ(memcmp(out.data(), before.data(), bytes.size()), 0) << "written";
        }
    }
    TypeParam none;
    EXPECT_EQ(DecodeElements("12345678", 8, &none, std::numeric_limits<size_t>::max()),
              InputError::kTruncated);
}

// One infinity or NaN is found at every place; of two the first is reported.
TYPED_TEST(WireElements, NotFinite) {
    std::mt19937_64 random(2);
    for (size_t count = 1; count <= 37; ++count) {
        for (size_t place = 0; place < count; ++place) {
            for (int kind = 0; kind < 4; ++kind) {
                std::vector<TypeParam> elements(count);
                for (TypeParam &element : elements) element = RandomFinite(random, element);
                if (place + 1 < count) SetBad(elements[place + 1], 3 - kind);
                SetBad(elements[place], kind);
                const std::string bytes = AllBytes(elements);
                std::vector<TypeParam> out(count);
                EXPECT_EQ(DecodeElements(bytes.data(), bytes.size(), out.data(), count),
                          kind < 2 ? InputError::kInfinite : InputError::kNaN)
                    << count << " " << place;
            }
        }
    }
}

// Zeros, subnormals and the largest values are finite.
TYPED_TEST(WireElements, FiniteExtremes) {
    constexpr int kBits = 8 * sizeof(TypeParam);
    const uint32_t infinity = kBits == 32 ? 0x7f800000 : 0x7c00;
    std::string bytes;
    for (const uint32_t magnitude : {0u, 1u, infinity >> 1, infinity - 1})
        for (const uint32_t sign : {0u, 1u << (kBits - 1)})
            bytes += BigEndian(magnitude | sign, kBits / 8);
    std::vector<TypeParam> out(8);
    EXPECT_EQ(DecodeElements(bytes.data(), bytes.size(), out.data(), out.size()),
              InputError::kNone);
}

TEST(WireHeader, Fields) {
    const std::string bytes = BigEndian(0xfffe, 2) + BigEndian(0x0102, 2);
    for (size_t length = 0; length < bytes.size(); ++length)
        EXPECT_EQ(DecodeHeader(Copy(bytes.substr(0, length)).data(), length).error,
                  InputError::kTruncated);
    const WireHeader header = DecodeHeader(bytes.data(), bytes.size());
    EXPECT_EQ(header.error, InputError::kNone);
    EXPECT_EQ(header.dimensions, -2);
    EXPECT_EQ(header.unused, 0x0102);
    EXPECT_EQ(header.size, 4u);
}

TEST(WireHeader, SparseFields) {
    const std::string bytes = Bytes(-5) + Bytes(0x01020304) + Bytes(7);
    for (size_t length = 0; length < bytes.size(); ++length)
        EXPECT_EQ(DecodeSparseHeader(Copy(bytes.substr(0, length)).data(), length).error,
                  InputError::kTruncated);
    const WireHeader header = DecodeSparseHeader(bytes.data(), bytes.size());
    EXPECT_EQ(header.error, InputError::kNone);
    EXPECT_EQ(header.dimensions, -5);
    EXPECT_EQ(header.count, 0x01020304);
    EXPECT_EQ(header.unused, 7);
    EXPECT_EQ(header.size, 12u);
}

struct SparseCase {
    std::vector<int32_t> indices;
    std::vector<float> values;
    InputError error;
};

InputError DecodeSparse(const std::string &bytes, int32_t dimensions, size_t count) {
    const Copy message(bytes);
    const std::unique_ptr<int32_t[]> indices(new int32_t[count]);
    const std::unique_ptr<float[]> values(new float[count]);
    return DecodeSparseElements(message.data(), bytes.size(), dimensions, indices.get(),
                                values.get(), count);
}

// All indices come before all values; within each, elements in order.
TEST(WireSparse, Cases) {
    using enum InputError;
    constexpr int32_t kDimensions = 10;
    const std::vector<SparseCase> cases = {
        {{}, {}, kNone},
        {{0, 9}, {1, -1}, kNone},
        {{5}, {1e-45f}, kNone},
        {{-1}, {1}, kIndexOutOfBounds},
        {{10}, {1}, kIndexOutOfBounds},
        {{INT32_MIN}, {1}, kIndexOutOfBounds},
        {{INT32_MAX}, {1}, kIndexOutOfBounds},
        {{1, 0}, {1, 1}, kDescendingIndex},
        {{1, 1}, {1, 1}, kDuplicateIndex},
        {{1, -1}, {1, 1}, kIndexOutOfBounds},
        {{10, 10}, {1, 1}, kIndexOutOfBounds},
        {{2, 1, 1}, {1, 1, 1}, kDescendingIndex},
        {{1, 1, 0}, {1, 1, 1}, kDuplicateIndex},
        {{1, 1, 10}, {1, 1, 1}, kDuplicateIndex},
        {{0, 1, 10}, {kFloatNaN, 1, 1}, kIndexOutOfBounds},
        {{0, 1}, {0, kFloatNaN}, kZeroValue},
        {{0, 1}, {1, -0.f}, kZeroValue},
        {{0, 1}, {kFloatNaN, 0}, kNaN},
        {{0, 1}, {1, -kFloatInfinity}, kInfinite},
        {{0, 1, 2}, {1, kFloatInfinity, kFloatNaN}, kInfinite},
    };
    for (const SparseCase &item : cases)
        EXPECT_EQ(DecodeSparse(AllBytes(item.indices) + AllBytes(item.values), kDimensions,
                               item.indices.size()),
                  item.error)
            << testing::PrintToString(item.indices) << testing::PrintToString(item.values);
}

TEST(WireSparse, EveryTruncation) {
    const std::vector<int32_t> indices = {1, 2, 4, 5, 7, 8, 9};
    const std::vector<float> values = {1, 2, 3, 4, 5, 6, 7};
    const std::string bytes = AllBytes(indices) + AllBytes(values);
    for (size_t length = 0; length < bytes.size(); ++length)
        EXPECT_EQ(DecodeSparse(bytes.substr(0, length), 10, indices.size()),
                  InputError::kTruncated);
    EXPECT_EQ(DecodeSparse(bytes, 10, indices.size()), InputError::kNone);
}

TEST(WireSparse, RoundTrip) {
    std::mt19937_64 random(3);
    for (size_t count = 0; count < 100; ++count) {
        std::vector<int32_t> indices;
        std::vector<float> values;
        int32_t index = -1;
        for (size_t i = 0; i < count; ++i) {
            index += 1 + static_cast<int32_t>(random() % 9000000);
            indices.push_back(index);
            values.push_back(RandomFinite(random, 0.f));
        }
        std::string bytes(8 * count, '\0');
        EncodeIndices(indices.data(), count, bytes.data());
        EncodeElements(values.data(), count, bytes.data() + 4 * count);
        EXPECT_EQ(bytes, AllBytes(indices) + AllBytes(values));

        std::vector<int32_t> decoded_indices(count);
        std::vector<float> decoded_values(count);
        EXPECT_EQ(DecodeSparseElements(bytes.data(), bytes.size(), 1000000000,
                                       decoded_indices.data(), decoded_values.data(), count),
                  InputError::kNone);
        EXPECT_EQ(decoded_indices, indices);
        EXPECT_EQ(decoded_values, values);
    }
}

}  // namespace
}  // namespace vecx

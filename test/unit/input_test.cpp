// Parsing into memory of the caller's choice: what is asked for, and what happens when there is
// none.

#include "core/input.h"

#include <gtest/gtest.h>

#include <array>
#include <cstddef>
#include <memory_resource>
#include <new>
#include <string>
#include <string_view>

#include "core/limits.h"

namespace vecx {
namespace {

// Fails from the n-th allocation on.
class Failing final : public std::pmr::memory_resource {
  public:
    explicit Failing(int allowed) : allowed_(allowed) {}

  private:
    void *do_allocate(size_t size, size_t alignment) override {
        if (allowed_-- <= 0) throw std::bad_alloc();
        return buffer_.allocate(size, alignment);
    }
    void do_deallocate(void *, size_t, size_t) override {}
    bool do_is_equal(const memory_resource &other) const noexcept override {
        return this == &other;
    }

    int allowed_;
    std::pmr::monotonic_buffer_resource buffer_;
};

TEST(Input, ReadsEveryType) {
    std::pmr::monotonic_buffer_resource memory;
    constexpr std::string_view dense = "[1, -2.5,3]";
    const Parsed<float> vector = ParseVector(dense.data(), dense.size(), memory);
    ASSERT_EQ(vector.result.error, InputError::kNone);
    ASSERT_EQ(vector.result.count, 3);
    EXPECT_EQ(vector.elements[1], -2.5f);
    const Parsed<Half> half = ParseHalfVector(dense.data(), dense.size(), memory);
    ASSERT_EQ(half.result.count, 3);
    EXPECT_EQ(HalfToFloat(half.elements[2]), 3);
    constexpr std::string_view sparse = "{3:1, 1:2}/9";
    const Parsed<SparseElement> list = ParseSparseVector(sparse.data(), sparse.size(), memory);
    ASSERT_EQ(list.result.count, 2);
    EXPECT_EQ(list.result.dimensions, 9);
    EXPECT_EQ(list.elements[0].index, 0);
    EXPECT_EQ(list.elements[0].value, 2);
}

TEST(Input, MillionsOfCommasAskForNoMoreThanTheLimit) {
    const std::string commas(5000000, ',');
    std::array<std::byte, kMaxDimensions * sizeof(SparseElement) + 64> room;
    const auto parse = [&](auto function) {
        std::pmr::monotonic_buffer_resource memory(room.data(), room.size(),
                                                   std::pmr::null_memory_resource());
        return function(memory).result.error;
    };
    const auto text = [&](std::string opening) { return opening + commas; };
    const std::string dense = text("[1");
    const std::string sparse = text("{1:1");
    EXPECT_EQ(parse([&](auto &m) { return ParseVector(dense.data(), dense.size(), m); }),
              InputError::kSyntax);
    EXPECT_EQ(parse([&](auto &m) { return ParseHalfVector(dense.data(), dense.size(), m); }),
              InputError::kSyntax);
    EXPECT_EQ(parse([&](auto &m) { return ParseSparseVector(sparse.data(), sparse.size(), m); }),
              InputError::kTooManyNonZeros);
}

TEST(Input, NoMemoryIsAnExceptionAndNothingElse) {
    constexpr std::string_view text = "[1,2,3]";
    Failing none(0);
    EXPECT_THROW(ParseVector(text.data(), text.size(), none), std::bad_alloc);
    EXPECT_THROW(ParseHalfVector(text.data(), text.size(), none), std::bad_alloc);
    EXPECT_THROW(ParseSparseVector(text.data(), text.size(), none), std::bad_alloc);
    Failing one(1);  // one allocation is all it takes
    EXPECT_EQ(ParseVector(text.data(), text.size(), one).result.error, InputError::kNone);
}

}  // namespace
}  // namespace vecx

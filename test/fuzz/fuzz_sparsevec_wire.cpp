// libFuzzer target: any bytes as the binary form of a sparsevec. Run by test/fuzz/run.

#include <algorithm>
#include <cstring>
#include <memory>
#include <set>
#include <vector>

#include "core/limits.h"
#include "core/wire.h"
#include "fuzz.h"

namespace vecx::fuzz {

namespace {

int32_t ReadIndex(const uint8_t *bytes) { return static_cast<int32_t>(BigEndian32(bytes)); }
float ReadValue(const uint8_t *bytes) { return std::bit_cast<float>(BigEndian32(bytes)); }

// All indices in order, then all values in order.
InputError Judge(const uint8_t *bytes, size_t length, int32_t dimensions, size_t count) {
    if (length < 8 * count) return InputError::kTruncated;
    for (size_t i = 0; i < count; ++i) {
        const int32_t index = ReadIndex(bytes + 4 * i);
        if (index < 0 || index >= dimensions) return InputError::kIndexOutOfBounds;
        if (i == 0) continue;
        const int32_t before = ReadIndex(bytes + 4 * (i - 1));
        if (index < before) return InputError::kDescendingIndex;
        if (index == before) return InputError::kDuplicateIndex;
    }
    for (size_t i = 0; i < count; ++i) {
        const float value = ReadValue(bytes + 4 * (count + i));
        const InputError error = CheckFloat(value);
        if (error != InputError::kNone) return error;
        if (value == 0) return InputError::kZeroValue;
    }
    return InputError::kNone;
}

InputError CheckElements(const uint8_t *bytes, size_t length, int32_t dimensions, size_t count) {
    const std::unique_ptr<int32_t[]> indices(new int32_t[count]);
    const std::unique_ptr<float[]> values(new float[count]);
    const InputError error = DecodeSparseElements(reinterpret_cast<const char *>(bytes), length,
                                                  dimensions, indices.get(), values.get(), count);
    FUZZ_CHECK(error == Judge(bytes, length, dimensions, count));
    if (error != InputError::kNone) return error;

    for (size_t i = 0; i < count; ++i) {
        FUZZ_CHECK(indices[i] == ReadIndex(bytes + 4 * i));
        FUZZ_CHECK(SameBits(values[i], ReadValue(bytes + 4 * (count + i))));
    }
    const std::unique_ptr<char[]> encoded(new char[8 * count + 1]);  // at an odd address
    EncodeIndices(indices.get(), count, encoded.get() + 1);
    EncodeElements(values.get(), count, encoded.get() + 1 + 4 * count);
    FUZZ_CHECK(count == 0 || memcmp(encoded.get() + 1, bytes, 8 * count) == 0);
    const std::unique_ptr<int32_t[]> indices_again(new int32_t[count]);
    const std::unique_ptr<float[]> values_again(new float[count]);
    FUZZ_CHECK(DecodeSparseElements(encoded.get() + 1, 8 * count, dimensions, indices_again.get(),
                                    values_again.get(), count) == InputError::kNone);
    FUZZ_CHECK(std::equal(indices.get(), indices.get() + count, indices_again.get()));
    FUZZ_CHECK(std::equal(values.get(), values.get() + count, values_again.get()));
    return error;
}

// Chance seldom sorts indices: a valid message made of the same bytes must be accepted, and be
// refused for what one more byte spoils.
void CheckMadeValid(const uint8_t *bytes, size_t count) {
    std::set<int32_t> indices;
    for (size_t i = 0; i < count; ++i)
        indices.insert(ReadIndex(bytes + 4 * i) & 0x1fffffff);  // below kMaxSparseDimensions
    const std::vector<int32_t> sorted(indices.begin(), indices.end());
    std::vector<float> values;
    for (size_t i = 0; i < sorted.size(); ++i) {
        const float value = ReadValue(bytes + 4 * (count + i));
        values.push_back(std::isfinite(value) && value != 0 ? value : 1.0f);
    }
    std::vector<char> message(8 * sorted.size());
    EncodeIndices(sorted.data(), sorted.size(), message.data());
    EncodeElements(values.data(), values.size(), message.data() + 4 * sorted.size());
    const uint8_t *encoded = reinterpret_cast<const uint8_t *>(message.data());
    FUZZ_CHECK(CheckElements(encoded, message.size(), kMaxSparseDimensions, sorted.size()) ==
               InputError::kNone);
    if (sorted.empty()) return;
    FUZZ_CHECK(CheckElements(encoded, message.size() - 1, kMaxSparseDimensions, sorted.size()) ==
               InputError::kTruncated);
    FUZZ_CHECK(CheckElements(encoded, message.size(), sorted.back(), sorted.size()) ==
               InputError::kIndexOutOfBounds);
}

void CheckMessage(const uint8_t *data, size_t size) {
    const WireHeader header = DecodeSparseHeader(reinterpret_cast<const char *>(data), size);
    FUZZ_CHECK((header.error == InputError::kTruncated) == (size < 12));
    FUZZ_CHECK(header.error == InputError::kTruncated || header.error == InputError::kNone);
    if (header.error != InputError::kNone) return;
    FUZZ_CHECK(header.size == 12);
    FUZZ_CHECK(header.dimensions == ReadIndex(data));
    FUZZ_CHECK(header.count == ReadIndex(data + 4));
    FUZZ_CHECK(header.unused == ReadIndex(data + 8));
    const uint8_t *elements = data + header.size;
    const size_t left = size - header.size;
    if (header.dimensions >= 1 && header.dimensions <= kMaxSparseDimensions && header.count >= 0 &&
        header.count <= kMaxNonZeros)
        CheckElements(elements, left, header.dimensions, static_cast<size_t>(header.count));
    // And as many as there are, whatever the header says.
    CheckElements(elements, left, kMaxSparseDimensions, left / 8);
    CheckMadeValid(elements, left / 8);
}

}  // namespace

}  // namespace vecx::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    vecx::fuzz::CheckMessage(data, size);
    return 0;
}

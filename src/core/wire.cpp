// Encoding and decoding of the binary forms of the vector types. Called by types/*_send and *_recv,
// once per row of a binary COPY, and by the fuzzers.

#include "core/wire.h"

#include <bit>
#include <cstring>

namespace vecx {

namespace {

// Sixteen bytes of elements. Written out, since at -O2 compilers leave such loops scalar.
template <typename Bits>
struct Block {
    typedef Bits Type __attribute__((vector_size(16)));
    static constexpr size_t kCount = 16 / sizeof(Bits);
};

// Between big-endian and the machine's order; works on one element and on a Block of them.
template <typename Value>
Value SwapBytes32(Value value) {
    if constexpr (std::endian::native == std::endian::big) return value;
    value = (value << 8 & 0xff00ff00u) | (value >> 8 & 0x00ff00ffu);
    return value << 16 | value >> 16;
}

template <typename Value>
Value SwapBytes16(Value value) {
    if constexpr (std::endian::native == std::endian::big) return value;
    return static_cast<Value>(value << 8 | value >> 8);
}

template <typename Bits, typename Value>
Value SwapBytes(Value value) {
    if constexpr (sizeof(Bits) == 4)
        return SwapBytes32(value);
    else
        return SwapBytes16(value);
}

// The bits of an element without the sign, and those of infinity.
template <typename Bits>
constexpr Bits kMagnitude = static_cast<Bits>(~Bits{0}) >> 1;
template <typename Bits>
constexpr Bits kInfinity = sizeof(Bits) == 4 ? static_cast<Bits>(0x7f800000) : Bits{0x7c00};
template <typename Bits>
constexpr Bits kSign = static_cast<Bits>(kMagnitude<Bits> + 1);

// Copies with the bytes of each element swapped. Returns whether all are finite, were they floats
// or halves. Adding what infinity lacks to the sign carries from infinity and NaN into the sign.
template <typename Bits>
bool SwapElements(const char *in, size_t count, char *out) {
    using Vector = typename Block<Bits>::Type;
    constexpr size_t kCount = Block<Bits>::kCount;
    constexpr Bits kCarry = static_cast<Bits>(kSign<Bits> - kInfinity<Bits>);

    Vector block_not_finite = {};
    size_t i = 0;
    for (; i + kCount <= count; i += kCount) {
        Vector block;
        std::memcpy(&block, in + i * sizeof(Bits), sizeof(block));
        const Vector swapped = SwapBytes<Bits>(block);
        // In the machine's order only when decoding; encoders do not ask for the verdict.
        block_not_finite |= (swapped & kMagnitude<Bits>)+kCarry;
        std::memcpy(out + i * sizeof(Bits), &swapped, sizeof(swapped));
    }
    Bits not_finite = 0;
    for (size_t lane = 0; lane < kCount; ++lane) not_finite |= block_not_finite[lane];
    for (; i < count; ++i) {
        Bits bits;
        std::memcpy(&bits, in + i * sizeof(Bits), sizeof(bits));
        bits = SwapBytes<Bits>(bits);
        not_finite |= static_cast<Bits>((bits & kMagnitude<Bits>)+kCarry);
        std::memcpy(out + i * sizeof(Bits), &bits, sizeof(bits));
    }
    return (not_finite & kSign<Bits>) == 0;
}

uint32_t LoadBits(const float *value) { return std::bit_cast<uint32_t>(*value); }
uint16_t LoadBits(const Half *value) { return value->bits; }

// The error of the first element that is not finite; there is one.
template <typename Element>
InputError FirstNotFinite(const Element *elements) {
    using Bits = decltype(LoadBits(elements));
    for (;; ++elements) {
        const Bits magnitude = LoadBits(elements) & kMagnitude<Bits>;
        if (magnitude > kInfinity<Bits>) return InputError::kNaN;
        if (magnitude == kInfinity<Bits>) return InputError::kInfinite;
    }
}

template <typename Element>
InputError DecodeDense(const char *bytes, size_t length, Element *out, size_t count) {
    using Bits = decltype(LoadBits(out));
    if (length / sizeof(Element) < count) return InputError::kTruncated;
    const bool all_finite = SwapElements<Bits>(bytes, count, reinterpret_cast<char *>(out));
    return all_finite ? InputError::kNone : FirstNotFinite(out);
}

int32_t LoadInt32(const char *bytes) {
    uint32_t bits;
    std::memcpy(&bits, bytes, sizeof(bits));
    return static_cast<int32_t>(SwapBytes32(bits));
}

int32_t LoadInt16(const char *bytes) {
    uint16_t bits;
    std::memcpy(&bits, bytes, sizeof(bits));
    return static_cast<int16_t>(SwapBytes16(bits));
}

InputError CheckAscending(const int32_t *indices, size_t count, int32_t dimensions) {
    for (size_t i = 0; i < count; ++i) {
        if (indices[i] < 0 || indices[i] >= dimensions) return InputError::kIndexOutOfBounds;
        if (i == 0) continue;
        if (indices[i] < indices[i - 1]) return InputError::kDescendingIndex;
        if (indices[i] == indices[i - 1]) return InputError::kDuplicateIndex;
    }
    return InputError::kNone;
}

InputError CheckNonZeros(const float *values, size_t count) {
    for (size_t i = 0; i < count; ++i) {
        const uint32_t magnitude = LoadBits(&values[i]) & kMagnitude<uint32_t>;
        if (magnitude > kInfinity<uint32_t>) return InputError::kNaN;
        if (magnitude == kInfinity<uint32_t>) return InputError::kInfinite;
        if (magnitude == 0) return InputError::kZeroValue;
    }
    return InputError::kNone;
}

}  // namespace

WireHeader DecodeHeader(const char *bytes, size_t length) noexcept {
    WireHeader header;
    header.size = 2 * sizeof(int16_t);
    if (length < header.size) {
        header.error = InputError::kTruncated;
        return header;
    }
    header.dimensions = LoadInt16(bytes);
    header.unused = LoadInt16(bytes + 2);
    return header;
}

WireHeader DecodeSparseHeader(const char *bytes, size_t length) noexcept {
    WireHeader header;
    header.size = 3 * sizeof(int32_t);
    if (length < header.size) {
        header.error = InputError::kTruncated;
        return header;
    }
    header.dimensions = LoadInt32(bytes);
    header.count = LoadInt32(bytes + 4);
    header.unused = LoadInt32(bytes + 8);
    return header;
}

InputError DecodeElements(const char *bytes, size_t length, float *out, size_t count) noexcept {
    return DecodeDense(bytes, length, out, count);
}

InputError DecodeElements(const char *bytes, size_t length, Half *out, size_t count) noexcept {
    return DecodeDense(bytes, length, out, count);
}

InputError DecodeSparseElements(const char *bytes, size_t length, int32_t dimensions,
                                int32_t *indices, float *values, size_t count) noexcept {
    if (length / (sizeof(int32_t) + sizeof(float)) < count) return InputError::kTruncated;
    SwapElements<uint32_t>(bytes, count, reinterpret_cast<char *>(indices));
    const InputError index_error = CheckAscending(indices, count, dimensions);
    if (index_error != InputError::kNone) return index_error;
    SwapElements<uint32_t>(bytes + count * sizeof(int32_t), count,
                           reinterpret_cast<char *>(values));
    return CheckNonZeros(values, count);
}

void EncodeElements(const void *floats, size_t count, char *out) noexcept {
    SwapElements<uint32_t>(static_cast<const char *>(floats), count, out);
}

void EncodeHalfElements(const void *halves, size_t count, char *out) noexcept {
    SwapElements<uint16_t>(static_cast<const char *>(halves), count, out);
}

void EncodeIndices(const void *indices, size_t count, char *out) noexcept {
    EncodeElements(indices, count, out);
}

}  // namespace vecx

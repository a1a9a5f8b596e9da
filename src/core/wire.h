// Binary forms of the vector types, as sent by clients and COPY (FORMAT binary): big-endian.
//
//   vector   int16 dimensions, int16 unused (0), float4[dimensions]
//   halfvec  int16 dimensions, int16 unused (0), IEEE binary16[dimensions]
//   sparsevec int32 dimensions, int32 count, int32 unused (0), int32 index[count] from 0, strictly
//            ascending, float4 value[count], none of them zero
//
// A decoder is two calls: the header, which the caller checks against its own limits and turns into
// an allocation, then the elements. Both get what is left of the message and never read past it.

#pragma once

#include <cstddef>
#include <cstdint>

#include "core/half.h"
#include "core/parse.h"

namespace vecx {

struct WireHeader {
    InputError error = InputError::kNone;  // kTruncated or none: values are not judged here
    int32_t dimensions = 0;
    int32_t count = 0;  // sparsevec only
    int32_t unused = 0;
    size_t size = 0;  // bytes of the header
};

WireHeader DecodeHeader(const char *bytes, size_t length) noexcept;        // vector, halfvec
WireHeader DecodeSparseHeader(const char *bytes, size_t length) noexcept;  // sparsevec

// Elements after the header. kTruncated before anything is written; then kNaN or kInfinite.
InputError DecodeElements(const char *bytes, size_t length, float *out, size_t count) noexcept;
InputError DecodeElements(const char *bytes, size_t length, Half *out, size_t count) noexcept;
// kIndexOutOfBounds, kDescendingIndex, kDuplicateIndex, kNaN, kInfinite, kZeroValue.
InputError DecodeSparseElements(const char *bytes, size_t length, int32_t dimensions,
                                int32_t *indices, float *values, size_t count) noexcept;

// Writes count elements big-endian; `out` needs count * sizeof(element) bytes. Any alignment.
void EncodeElements(const void *floats, size_t count, char *out) noexcept;
void EncodeHalfElements(const void *halves, size_t count, char *out) noexcept;
void EncodeIndices(const void *indices, size_t count, char *out) noexcept;

}  // namespace vecx

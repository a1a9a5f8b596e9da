// Are all elements of an array finite? Loops without branches, for compilers to vectorise: the
// answer is nearly always yes, and who gets a no looks for the culprit himself.

#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>

#include "core/half.h"

namespace vecx {

inline bool AllFinite(const float *values, size_t count) {
    constexpr uint32_t kExponent = 0x7f800000;
    uint32_t found = 0;
    for (size_t i = 0; i < count; i++)
        found |= (std::bit_cast<uint32_t>(values[i]) & kExponent) == kExponent;
    return found == 0;
}

inline bool AllFinite(const Half *values, size_t count) {
    constexpr uint16_t kExponent = 0x7c00;
    uint16_t found = 0;
    for (size_t i = 0; i < count; i++) found |= (values[i].bits & kExponent) == kExponent;
    return found == 0;
}

}  // namespace vecx

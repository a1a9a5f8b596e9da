// A hash of bytes: for tables in memory and for telling values apart on disk, never against malice.

#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "core/random.h"

namespace vecx {

// FNV-1a over words, then mixed.
inline uint64_t HashBytes(const void *bytes, size_t n) {
    const char *from = static_cast<const char *>(bytes);
    uint64_t hash = 0xcbf29ce484222325;
    for (; n >= 8; n -= 8, from += 8) {
        uint64_t word;
        memcpy(&word, from, 8);
        hash = (hash ^ word) * 0x100000001b3;
        hash ^= hash >> 32;
    }
    for (; n > 0; n--) hash = (hash ^ static_cast<uint8_t>(*from++)) * 0x100000001b3;
    return Random(hash).Next();
}

}  // namespace vecx

// PostgreSQL's own type bit, as stored.

#pragma once

#include "pg/pg.h"

namespace vecx {

struct BitView {
    uint32 length;  // in bits; the rest of the last byte is zero
    const char *bytes;

    Size Bytes() const { return (static_cast<Size>(length) + BITS_PER_BYTE - 1) / BITS_PER_BYTE; }
};

// `value` is in memory as a whole. Its size is held against its length.
inline BitView ViewBits(const varlena *value) {
    constexpr Size kBitHeader = sizeof(int32);
    const Size size = VARSIZE_ANY_EXHDR(value);
    int32 length = -1;
    if (size >= kBitHeader) memcpy(&length, VARDATA_ANY(value), sizeof(length));
    if (length < 0 ||
        size != kBitHeader + (static_cast<Size>(length) + BITS_PER_BYTE - 1) / BITS_PER_BYTE)
        ereport(ERROR, (errcode(ERRCODE_DATA_CORRUPTED), errmsg("stored bit string is damaged"),
                        errdetail("%zu bytes do not hold %d bits.", size, length)));
    return {static_cast<uint32>(length), VARDATA_ANY(value) + kBitHeader};
}

inline void CheckSameLength(uint32 a, uint32 b) {
    if (likely(a == b)) return;
    ereport(ERROR,
            (errcode(ERRCODE_DATA_EXCEPTION), errmsg("different bit lengths %u and %u", a, b)));
}

}  // namespace vecx

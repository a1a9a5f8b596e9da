// From a value of the indexed column to what the lists keep of it.

#pragma once

#include "am/ivf/index.h"

#include "pg/pg.h"

namespace vecx::ivf {

// What is known of values before there are lists.
struct ValueFormat {
    OperatorClass opclass;
    int dimensions;
    Vectors vectors;

    int BitBytes() const { return (dimensions + BITS_PER_BYTE - 1) / BITS_PER_BYTE; }
    Size RawBytes() const {
        return IsOfBits(opclass) ? static_cast<Size>(BitBytes()) : dimensions * sizeof(float);
    }
    int CopyBytes() const {
        if (!IsCopyKind(static_cast<uint8_t>(vectors))) return 0;
        return Copies().Bytes();
    }
    CopyFormat Copies() const { return {opclass, dimensions, static_cast<CopyKind>(vectors)}; }
};
inline ValueFormat FormatOf(const Lists &lists) {
    return {lists.opclass, lists.dimensions, lists.vectors};
}
// What the table's own vectors are made to for ranking: copies that lose nothing.
inline ValueFormat FormatOfTableVectors(const Lists &lists) {
    const bool halves = lists.opclass.element == ElementType::kHalf;
    return {lists.opclass, lists.dimensions, halves ? Vectors::kHalf : Vectors::kFloat};
}

// The value itself, in `raw`: floats, or the bits. False if it is not indexed: zero vectors have no
// cosine distance. Raises an error if it has not the dimensions of the index.
bool ReadRaw(const ValueFormat &format, Datum value, char *raw);

// What lists and codes go by, from the value itself: of unit length for the cosine; bits as 0 and
// 1. Thread-safe, as is MakeCopy.
void MakeCoordinates(const ValueFormat &format, const char *raw, float *out) noexcept;
// Whether the code of a row is to say that nothing is known of it: it is so long, or so short, that
// coordinates are not its own or the operator's sums overflow or vanish. Thread-safe, too. Not
// where rows go out by codes alone.
bool HasUnknownCode(const Lists &lists, const char *raw) noexcept;
// The copy; of bits, the bits.
void MakeCopy(const ValueFormat &format, const char *raw, char *out) noexcept;

// The query of a scan.
struct QueryVector : CopyQuery {
    float *coordinates;  // as of a row
    bool is_zero;        // distance 0 from everything, as for a NULL query
    bool is_extreme;     // too long for squares in floats, or too short: estimates say nothing
};

QueryVector NewQueryVector(const Lists &lists);
void ReadQueryVector(const Lists &lists, Datum value, QueryVector *out);
void ReadNullQuery(QueryVector *out);

}  // namespace vecx::ivf

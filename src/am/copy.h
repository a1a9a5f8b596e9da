// Full-precision copies of dense values, which an index keeps beside its codes: how they are made,
// and what they say of a distance. For the indexes that order rows by them.

#pragma once

#include "am/opclass.h"
#include "core/node_codec.h"

#include "pg/pg.h"

namespace vecx {

// Numbers are stored.
enum class CopyKind : uint8_t { kHalf = 1, kFloat = 2 };

inline bool IsCopyKind(uint8_t copies) {
    return copies == static_cast<uint8_t>(CopyKind::kHalf) ||
           copies == static_cast<uint8_t>(CopyKind::kFloat);
}
inline int CopyElementBytes(CopyKind kind) { return kind == CopyKind::kHalf ? 2 : 4; }

struct CopyFormat {
    OperatorClass opclass;
    int dimensions;
    CopyKind kind;

    int Bytes() const {
        return static_cast<int>(sizeof(CopyHeader)) + dimensions * CopyElementBytes(kind);
    }
};

// A value's elements as floats. `halves` points to the halves of a halfvec, else nullptr.
struct Elements {
    const float *floats;
    const char *halves;
    int dimensions;
};

// An error where the value has not so many dimensions.
Elements ReadElements(const OperatorClass &opclass, int dimensions, Datum value);

double Norm(const float *values, int n);

// Fills format.Bytes().
void WriteDenseCopy(const CopyFormat &format, const Elements &elements, char *copy);

// The elements of a copy, as floats.
void DecodeCopy(const CopyFormat &format, const char *copy, float *out);

// How far a value may be, by the operator, from what its copy stands for; not by inner product.
double DistanceFromCopy(const CopyFormat &format, const char *copy);

// The value that a copy stands for, in memory of the current context; the very one if it is exact.
Datum ValueOfCopy(const CopyFormat &format, const char *copy);

// Of a sum of products in floats, relative: far above what is measured at 16,000 dimensions.
constexpr double kRounding = 1e-5;

// Below 2^-126 floats are multiples of this.
constexpr double kSmallestFloat = 0x1p-149;

// Whether sums of n squares of floats keep their digits at that length: neither overflow nor
// vanish.
bool HasUsualSquare(double length, int n);

// What distances to a query are computed from.
struct CopyQuery {
    const void *elements;  // as they came: floats, or halves for halfvec
    double norm;           // length of the query as it came
    float *scratch;        // as many floats as a vector has dimensions
};

// Bounds of a distance, in the units of the operator.
struct DistanceRange {
    double low;
    double high;
};

// NaN, as the cosine distance from a zero vector, comes after everything else.
inline double Ordered(double distance) {
    return std::isnan(distance) ? std::numeric_limits<double>::infinity() : distance;
}

// Certain, and a single number, the very one that the operator gives, where the copy is exact.
DistanceRange RangeOfDenseCopy(const CopyFormat &format, const CopyQuery &query, const char *copy);

}  // namespace vecx

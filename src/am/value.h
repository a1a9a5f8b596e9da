// Values on their way into an index or a search: what the operator class compares, ready for the
// kernels. For the classes of vector and halfvec.

#pragma once

#include "am/opclass.h"

#include "pg/pg.h"

namespace vecx {

struct DenseValue {
    int dimensions;
    const float *values;
};

// Reads `datum`, not null, into `buffer`, which has room for kMaxDimensions. Cosine classes get it
// at unit length; false for the zero vector, which has no direction: such rows are not in the
// index. An error where the dimensions are not the expected ones. Leaves nothing allocated.
bool ReadDenseValue(const OperatorClass &operator_class, Datum datum, float *buffer,
                    int expected_dimensions, DenseValue *out);

// The dimensions of the indexed column or expression, from its type modifier; bits for bit. An
// error where it has none, or more than an index takes.
int IndexedDimensions(Relation index);

// Whether an index may have so many dimensions, by the type modifier; that may be gone since.
bool HasDimensions(Relation index, uint32_t dimensions);

}  // namespace vecx

// amvalidate of all access methods of vecx: their operator classes are built alike.

#pragma once

#include "pg/pg.h"

namespace vecx {

// Whether the class, and the family that it is in, is what a vector index can work with: operator 1
// for ORDER BY, giving a float8, and support function 1. Says at level INFO what is not.
bool ValidateOperatorClass(Oid operator_class);

}  // namespace vecx

// The rules that every value keeps, and the errors of those that do not. One place for the
// messages, whose texts and SQLSTATEs are pgvector's: clients match on them.
//
// `context` is the error context of an input function (fcinfo->context): where it can take soft
// errors, a check records the error there and returns false; otherwise it does not return.

#pragma once

#include "core/parse.h"
#include "types/vector.h"

#include "pg/pg.h"

namespace vecx {

// At least one, at most kMaxDimensionsOf<Type>.
template <class Type>
bool CheckDimensions(int64 dimensions, Node *context = nullptr);

// What the column's type modifier asks for; -1 asks for nothing.
bool CheckExpected(int32 typmod, int32 dimensions, Node *context = nullptr);

// Both operands alike.
template <class Type>
void CheckSameDimensions(int32 a, int32 b);

// Neither NaN nor infinite.
template <class Element>
void CheckElement(float value);
template <class Element>
void CheckElements(const float *values, int count);

// The field that the binary forms keep for later.
void CheckUnused(int32 unused);

// How many elements a sparsevec stores.
void CheckSparseCount(int32 count, int32 dimensions);

// The half nearest to a value; an error where that is infinite although the value is not.
Half CheckedHalf(float value);

// Reports what a parser or a decoder of core found. `text` is the literal, or nullptr for a
// message.
template <class Type>
void ReportInput(const ParseResult &result, const char *text, Node *context);

[[noreturn]] void RaiseInfinite(const char *type);
[[noreturn]] void RaiseNaN(const char *type);

}  // namespace vecx

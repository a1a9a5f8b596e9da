// Checks and their messages; see check.h.

#include "types/check.h"

#include "core/finite.h"

namespace vecx {

template <class Type>
bool CheckDimensions(int64 dimensions, Node *context) {
    if (dimensions < 1) {
        VECX_ERRSAVE(context, errcode(ERRCODE_DATA_EXCEPTION),
                     errmsg("%s must have at least 1 dimension", kTypeName<Type>));
        return false;
    }
    if (dimensions > kMaxDimensionsOf<Type>) {
        VECX_ERRSAVE(context, errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
                     errmsg("%s cannot have more than %d dimensions", kTypeName<Type>,
                            kMaxDimensionsOf<Type>));
        return false;
    }
    return true;
}

bool CheckExpected(int32 typmod, int32 dimensions, Node *context) {
    if (typmod == -1 || typmod == dimensions) return true;
    VECX_ERRSAVE(context, errcode(ERRCODE_DATA_EXCEPTION),
                 errmsg("expected %d dimensions, not %d", typmod, dimensions));
    return false;
}

template <class Type>
void CheckSameDimensions(int32 a, int32 b) {
    if (likely(a == b)) return;
    ereport(ERROR, (errcode(ERRCODE_DATA_EXCEPTION),
                    errmsg("different %s dimensions %d and %d", kTypeName<Type>, a, b)));
}

void RaiseNaN(const char *type) {
    ereport(ERROR, (errcode(ERRCODE_DATA_EXCEPTION), errmsg("NaN not allowed in %s", type)));
    pg_unreachable();
}

void RaiseInfinite(const char *type) {
    ereport(ERROR,
            (errcode(ERRCODE_DATA_EXCEPTION), errmsg("infinite value not allowed in %s", type)));
    pg_unreachable();
}

template <class Element>
void CheckElement(float value) {
    if (std::isnan(value)) RaiseNaN(kTypeName<Element>);
    if (std::isinf(value)) RaiseInfinite(kTypeName<Element>);
}

template <class Element>
void CheckElements(const float *values, int count) {
    if (likely(AllFinite(values, count))) return;
    for (int i = 0; i < count; i++) CheckElement<Element>(values[i]);
}

void CheckUnused(int32 unused) {
    if (unused == 0) return;
    ereport(ERROR,
            (errcode(ERRCODE_DATA_EXCEPTION), errmsg("expected unused to be 0, not %d", unused)));
}

void CheckSparseCount(int32 count, int32 dimensions) {
    if (count < 0)
        ereport(ERROR, (errcode(ERRCODE_DATA_EXCEPTION),
                        errmsg("sparsevec cannot have negative number of elements")));
    if (count > kMaxNonZeros)
        ereport(ERROR,
                (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
                 errmsg("sparsevec cannot have more than %d non-zero elements", kMaxNonZeros)));
    if (count > dimensions)
        ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
                        errmsg("sparsevec cannot have more elements than dimensions")));
}

Half CheckedHalf(float value) {
    const Half half = FloatToHalf(value);
    if (unlikely(IsInfinite(half)) && !std::isinf(value)) {
        char text[FLOAT_SHORTEST_DECIMAL_LEN];
        float_to_shortest_decimal_buf(value, text);
        ereport(ERROR, (errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
                        errmsg("\"%s\" is out of range for type halfvec", text)));
    }
    return half;
}

template <class Type>
void ReportInput(const ParseResult &result, const char *text, Node *context) {
    const char *type = kTypeName<Type>;
    const auto syntax_error = [&](const char *detail) {
        VECX_ERRSAVE(context, errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
                     errmsg("invalid input syntax for type %s: \"%s\"", type, text),
                     detail == nullptr ? 0 : errdetail("%s", detail));
    };
    const auto data_error = [&](const char *format) {
        VECX_ERRSAVE(context, errcode(ERRCODE_DATA_EXCEPTION), errmsg(format, type));
    };
    switch (result.error) {
        case InputError::kNone:
            return;
        case InputError::kSyntax:
            return syntax_error(nullptr);
        case InputError::kMissingBracket:
            return syntax_error("Vector contents must start with \"[\".");
        case InputError::kMissingBrace:
            return syntax_error("Vector contents must start with \"{\".");
        case InputError::kJunkAfterBracket:
            return syntax_error("Junk after closing right brace.");
        case InputError::kMissingDimensions:
            return syntax_error("Unexpected end of input.");
        case InputError::kJunkAfterDimensions:
            return syntax_error("Junk after closing.");
        case InputError::kOutOfRange:
            VECX_ERRSAVE(context, errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
                         errmsg("\"%.*s\" is out of range for type %s",
                                static_cast<int>(result.length), text + result.offset, type));
            return;
        case InputError::kNaN:
            return data_error("NaN not allowed in %s");
        case InputError::kInfinite:
            return data_error("infinite value not allowed in %s");
        case InputError::kNoDimensions:
            CheckDimensions<Type>(0, context);
            return;
        case InputError::kTooManyDimensions:
            CheckDimensions<Type>(PG_INT64_MAX, context);
            return;
        case InputError::kTooManyNonZeros:
            VECX_ERRSAVE(
                context, errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
                errmsg("%s cannot have more than %d non-zero elements", type, kMaxNonZeros));
            return;
        case InputError::kIndexOutOfBounds:
            return data_error("%s index out of bounds");
        case InputError::kDuplicateIndex:
            return data_error("%s indices must not contain duplicates");
        case InputError::kDescendingIndex:
            return data_error("%s indices must be in ascending order");
        case InputError::kZeroValue:
            return data_error("binary representation of %s cannot contain zero values");
        case InputError::kTruncated:  // as pq_getmsgbytes() says it
            VECX_ERRSAVE(context, errcode(ERRCODE_PROTOCOL_VIOLATION),
                         errmsg("insufficient data left in message"));
            return;
    }
}

template bool CheckDimensions<float>(int64, Node *);
template bool CheckDimensions<Half>(int64, Node *);
template bool CheckDimensions<SparseVector>(int64, Node *);
template void CheckSameDimensions<float>(int32, int32);
template void CheckSameDimensions<Half>(int32, int32);
template void CheckSameDimensions<SparseVector>(int32, int32);
template void CheckElement<float>(float);
template void CheckElement<Half>(float);
template void CheckElement<SparseVector>(float);
template void CheckElements<float>(const float *, int);
template void CheckElements<Half>(const float *, int);
template void CheckElements<SparseVector>(const float *, int);
template void ReportInput<float>(const ParseResult &, const char *, Node *);
template void ReportInput<Half>(const ParseResult &, const char *, Node *);
template void ReportInput<SparseVector>(const ParseResult &, const char *, Node *);

}  // namespace vecx

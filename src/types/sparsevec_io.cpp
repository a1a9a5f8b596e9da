// Input and output of sparsevec: text, binary, type modifier.

#include "core/input.h"
#include "core/wire.h"
#include "types/check.h"
#include "types/typmod.h"
#include "types/vector.h"

#include "pg/guard.h"
#include "pg/memory.h"

namespace vecx {
namespace {

void RaiseInput(InputError error) { ReportInput<SparseVector>({.error = error}, nullptr, nullptr); }

}  // namespace

VECX_FUNCTION(vecx_sparsevec_in) {
    const char *text = PG_GETARG_CSTRING(0);
    const int32 typmod = PG_GETARG_INT32(2);
    Node *context = fcinfo->context;

    Parsed<SparseElement> parsed;
    {
        pg::ContextMemory memory(CurrentMemoryContext);
        parsed = ParseSparseVector(text, strlen(text), memory);
    }
    ParseResult result = parsed.result;
    if (result.error == InputError::kNone) {
        if (!CheckExpected(typmod, result.dimensions, context)) PG_RETURN_NULL();
        result.error = CheckIndices(parsed.elements, result.count, result.dimensions);
    }
    if (result.error != InputError::kNone) {
        ReportInput<SparseVector>(result, text, context);
        PG_RETURN_NULL();
    }

    SparseVector *vector = NewSparse(result.dimensions, result.count);
    float *values = vector->Values();
    for (int32 i = 0; i < result.count; i++) {
        vector->indices[i] = parsed.elements[i].index;
        values[i] = parsed.elements[i].value;
    }
    PG_RETURN_POINTER(vector);
}

VECX_FUNCTION(vecx_sparsevec_out) {
    const SparseList list = ReadSparse(PG_GETARG_DATUM(0));
    // "{", per element ",2147483647:" and a number, "}/2147483647" and the final zero.
    constexpr Size kIndex = 12;
    constexpr Size kFrame = 14;
    auto *text =
        static_cast<char *>(palloc(list.count * (kIndex + FLOAT_SHORTEST_DECIMAL_LEN) + kFrame));
    char *end = text;
    *end++ = '{';
    for (int32 i = 0; i < list.count; i++) {
        if (i > 0) *end++ = ',';
        // A damaged index may be the largest integer, which has no successor.
        end += pg_ltoa(static_cast<int32>(static_cast<uint32>(list.indices[i]) + 1), end);
        *end++ = ':';
        end += float_to_shortest_decimal_bufn(list.values[i], end);
    }
    *end++ = '}';
    *end++ = '/';
    pg_ltoa(list.dimensions, end);
    PG_RETURN_CSTRING(text);
}

VECX_FUNCTION(vecx_sparsevec_recv) {
    auto *message = reinterpret_cast<StringInfo>(PG_GETARG_POINTER(0));
    const int32 typmod = PG_GETARG_INT32(2);
    const char *bytes = message->data + message->cursor;
    const size_t length = message->len - message->cursor;

    const WireHeader header = DecodeSparseHeader(bytes, length);
    if (header.error != InputError::kNone) RaiseInput(header.error);
    CheckDimensions<SparseVector>(header.dimensions);
    CheckSparseCount(header.count, header.dimensions);
    CheckExpected(typmod, header.dimensions);
    CheckUnused(header.unused);

    const size_t size = header.count * (sizeof(int32) + sizeof(float));
    if (length - header.size < size) RaiseInput(InputError::kTruncated);
    SparseVector *vector = NewSparse(header.dimensions, header.count);
    const InputError error =
        DecodeSparseElements(bytes + header.size, length - header.size, header.dimensions,
                             vector->indices, vector->Values(), header.count);
    if (error != InputError::kNone) RaiseInput(error);
    message->cursor += static_cast<int>(header.size + size);
    PG_RETURN_POINTER(vector);
}

VECX_FUNCTION(vecx_sparsevec_send) {
    const SparseList list = ReadSparse(PG_GETARG_DATUM(0));
    StringInfoData message;
    pq_begintypsend(&message);
    pq_sendint32(&message, list.dimensions);
    pq_sendint32(&message, list.count);
    pq_sendint32(&message, 0);
    const int half = list.count * static_cast<int>(sizeof(int32));
    enlargeStringInfo(&message, 2 * half);
    EncodeIndices(list.indices, list.count, message.data + message.len);
    EncodeElements(list.values, list.count, message.data + message.len + half);
    message.len += 2 * half;
    message.data[message.len] = '\0';
    PG_RETURN_BYTEA_P(pq_endtypsend(&message));
}

VECX_FUNCTION(vecx_sparsevec_typmod_in) { return TypmodIn<SparseVector>(fcinfo); }

// sparsevec(sparsevec, typmod, explicit): what a column of type sparsevec(n) lets in.
VECX_FUNCTION(vecx_sparsevec) {
    const Datum value = PG_GETARG_DATUM(0);
    CheckExpected(PG_GETARG_INT32(1), ReadSparse(value).dimensions);
    PG_RETURN_DATUM(value);
}

}  // namespace vecx

// Input and output of vector and halfvec: text, binary, type modifier.

#include "core/input.h"
#include "core/wire.h"
#include "types/check.h"
#include "types/typmod.h"
#include "types/vector.h"

#include "pg/guard.h"
#include "pg/memory.h"

namespace vecx {
namespace {

Parsed<float> Parse(const char *text, size_t length, std::pmr::memory_resource &memory, float) {
    return ParseVector(text, length, memory);
}

Parsed<Half> Parse(const char *text, size_t length, std::pmr::memory_resource &memory, Half) {
    return ParseHalfVector(text, length, memory);
}

template <class Element>
Datum In(FunctionCallInfo fcinfo) {
    const char *text = PG_GETARG_CSTRING(0);
    const int32 typmod = PG_GETARG_INT32(2);
    Node *context = fcinfo->context;

    Parsed<Element> parsed;
    {
        pg::ContextMemory memory(CurrentMemoryContext);
        parsed = Parse(text, strlen(text), memory, Element{});
    }
    if (parsed.result.error != InputError::kNone) {
        ReportInput<Element>(parsed.result, text, context);
        PG_RETURN_NULL();
    }
    const int dimensions = parsed.result.dimensions;
    if (!CheckExpected(typmod, dimensions, context)) PG_RETURN_NULL();

    DenseVector<Element> *vector = NewDense<Element>(dimensions);
    memcpy(vector->values, parsed.elements, dimensions * sizeof(Element));
    PG_RETURN_POINTER(vector);
}

template <class Element>
Datum Out(FunctionCallInfo fcinfo) {
    const DenseView<Element> view = ReadDense<Element>(PG_GETARG_DATUM(0));
    // Each number with its comma or bracket, the opening bracket and the final zero.
    auto *text = static_cast<char *>(palloc(view.dimensions * FLOAT_SHORTEST_DECIMAL_LEN + 2));
    char *end = text;
    for (int i = 0; i < view.dimensions; i++) {
        *end++ = i == 0 ? '[' : ',';
        // The shortest digits that read back as the same float, whatever extra_float_digits says.
        end += float_to_shortest_decimal_bufn(ToFloat(view[i]), end);
    }
    *end++ = ']';
    *end = '\0';
    PG_RETURN_CSTRING(text);
}

template <class Element>
Datum Receive(FunctionCallInfo fcinfo) {
    auto *message = reinterpret_cast<StringInfo>(PG_GETARG_POINTER(0));
    const int32 typmod = PG_GETARG_INT32(2);
    const char *bytes = message->data + message->cursor;
    const size_t length = message->len - message->cursor;

    const WireHeader header = DecodeHeader(bytes, length);
    if (header.error != InputError::kNone)
        ReportInput<Element>({.error = header.error}, nullptr, nullptr);
    CheckDimensions<Element>(header.dimensions);
    CheckExpected(typmod, header.dimensions);
    CheckUnused(header.unused);

    const size_t size = header.dimensions * sizeof(Element);
    // Before the allocation: the message decides how much there can be.
    if (length - header.size < size)
        ReportInput<Element>({.error = InputError::kTruncated}, nullptr, nullptr);
    DenseVector<Element> *vector = NewDense<Element>(header.dimensions);
    const InputError error = DecodeElements(bytes + header.size, length - header.size,
                                            vector->values, header.dimensions);
    if (error != InputError::kNone) ReportInput<Element>({.error = error}, nullptr, nullptr);
    message->cursor += static_cast<int>(header.size + size);
    PG_RETURN_POINTER(vector);
}

void EncodeAll(DenseView<float> view, char *out) {
    EncodeElements(view.values, view.dimensions, out);
}

void EncodeAll(DenseView<Half> view, char *out) {
    EncodeHalfElements(view.values, view.dimensions, out);
}

template <class Element>
Datum Send(FunctionCallInfo fcinfo) {
    const DenseView<Element> view = ReadDense<Element>(PG_GETARG_DATUM(0));
    StringInfoData message;
    pq_begintypsend(&message);
    pq_sendint16(&message, static_cast<uint16>(view.dimensions));
    pq_sendint16(&message, 0);
    const int size = static_cast<int>(view.dimensions * sizeof(Element));
    enlargeStringInfo(&message, size);
    EncodeAll(view, message.data + message.len);
    message.len += size;
    message.data[message.len] = '\0';
    PG_RETURN_BYTEA_P(pq_endtypsend(&message));
}

// vector(vector, typmod, explicit): what a column of type vector(n) lets in.
template <class Element>
Datum Enforce(FunctionCallInfo fcinfo) {
    const Datum value = PG_GETARG_DATUM(0);
    CheckExpected(PG_GETARG_INT32(1), DimensionsOf<Element>(value));
    PG_RETURN_DATUM(value);
}

}  // namespace

VECX_FUNCTION(vecx_vector_in) { return In<float>(fcinfo); }
VECX_FUNCTION(vecx_halfvec_in) { return In<Half>(fcinfo); }
VECX_FUNCTION(vecx_vector_out) { return Out<float>(fcinfo); }
VECX_FUNCTION(vecx_halfvec_out) { return Out<Half>(fcinfo); }
VECX_FUNCTION(vecx_vector_recv) { return Receive<float>(fcinfo); }
VECX_FUNCTION(vecx_halfvec_recv) { return Receive<Half>(fcinfo); }
VECX_FUNCTION(vecx_vector_send) { return Send<float>(fcinfo); }
VECX_FUNCTION(vecx_halfvec_send) { return Send<Half>(fcinfo); }
VECX_FUNCTION(vecx_vector_typmod_in) { return TypmodIn<float>(fcinfo); }
VECX_FUNCTION(vecx_halfvec_typmod_in) { return TypmodIn<Half>(fcinfo); }
VECX_FUNCTION(vecx_vector) { return Enforce<float>(fcinfo); }
VECX_FUNCTION(vecx_halfvec) { return Enforce<Half>(fcinfo); }

}  // namespace vecx

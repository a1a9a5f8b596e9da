// The oracle for the text of vector and halfvec, and the checks of both. Included by
// fuzz_vector_text.cpp and fuzz_halfvec_text.cpp.

#pragma once

#include <algorithm>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "core/limits.h"
#include "fuzz.h"

namespace vecx::fuzz {

// The grammar of the input functions, one character at a time. `fits` says whether a finite float
// does in the element type.
struct DenseOracle {
    std::vector<float> values;
    size_t number_at = 0;

    InputError Read(Reader &reader, bool (*fits)(float)) {
        reader.SkipSpace();
        if (!reader.Take('[')) return InputError::kMissingBracket;
        reader.SkipSpace();
        if (reader.Take(']')) return InputError::kNoDimensions;
        do {
            if (values.size() == kMaxDimensions) return InputError::kTooManyDimensions;
            reader.SkipSpace();
            number_at = reader.at;
            const Number number = reader.TakeNumber();
            if (number.length == 0) return InputError::kSyntax;
            const InputError error = CheckFloat(number.value);
            if (number.overflow || (error == InputError::kNone && !fits(number.value)))
                return InputError::kOutOfRange;
            if (error != InputError::kNone) return error;
            values.push_back(number.value);
            reader.SkipSpace();
        } while (reader.Take(','));
        if (!reader.Take(']')) return InputError::kSyntax;
        reader.SkipSpace();
        return reader.AtEnd() ? InputError::kNone : InputError::kJunkAfterBracket;
    }
};

// Parses into memory that holds not one element more than it must, from text that likewise ends
// where it says. Then compares with the oracle, and what was accepted with itself printed.
template <typename Element, typename Parse, typename Convert, typename ToFloat>
void CheckDenseText(const uint8_t *data, size_t size, Parse parse, bool (*fits)(float),
                    Convert convert, ToFloat to_float) {
    const char *text = reinterpret_cast<const char *>(data);
    const size_t capacity = std::min<size_t>(CountElements(text, size), kMaxDimensions);
    FUZZ_CHECK(capacity >= 1);
    const std::unique_ptr<Element[]> out(new Element[capacity]);
    const ParseResult result = parse(text, size, out.get(), capacity);

    Reader reader = {std::string(text, size)};
    DenseOracle oracle;
    const InputError expected = oracle.Read(reader, fits);
    CheckSameError(result, expected, reader, oracle.number_at);
    if (expected != InputError::kNone) return;

    FUZZ_CHECK(result.count >= 1);
    FUZZ_CHECK(static_cast<size_t>(result.count) <= capacity);
    FUZZ_CHECK(result.dimensions == result.count);
    FUZZ_CHECK(static_cast<size_t>(result.count) == oracle.values.size());
    std::string printed = "[";
    for (int32_t i = 0; i < result.count; ++i) {
        const float value = to_float(out[i]);
        FUZZ_CHECK(std::isfinite(value));
        FUZZ_CHECK(SameBits(value, to_float(convert(oracle.values[i]))));
        char number[32];
        snprintf(number, sizeof(number), "%s%.9g", i == 0 ? "" : ",", value);
        printed += number;
    }
    printed += "]";
    const std::unique_ptr<Element[]> again(new Element[result.count]);
    const ParseResult second = parse(printed.data(), printed.size(), again.get(), result.count);
    FUZZ_CHECK(second.error == InputError::kNone);
    FUZZ_CHECK(second.count == result.count);
    FUZZ_CHECK(memcmp(out.get(), again.get(), sizeof(Element) * result.count) == 0);

    // With less room than elements: an error, and (ASan) nothing behind the room.
    if (result.count == 1) return;
    const std::unique_ptr<Element[]> small(new Element[result.count - 1]);
    FUZZ_CHECK(parse(text, size, small.get(), result.count - 1).error ==
               InputError::kTooManyDimensions);
}

}  // namespace vecx::fuzz

// libFuzzer target: any bytes as the text of a sparsevec. Run by test/fuzz/run.

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "core/limits.h"
#include "fuzz.h"

namespace vecx::fuzz {

namespace {

struct SparseOracle {
    std::vector<SparseElement> elements;  // as written
    int64_t dimensions = 0;
    size_t number_at = 0;

    InputError ReadElement(Reader &reader) {
        int64_t index;
        reader.SkipSpace();
        if (!reader.TakeInteger(&index)) return InputError::kSyntax;
        reader.SkipSpace();
        if (!reader.Take(':')) return InputError::kSyntax;
        reader.SkipSpace();
        number_at = reader.at;
        const Number number = reader.TakeNumber();
        if (number.length == 0) return InputError::kSyntax;
        if (number.overflow || number.underflow) return InputError::kOutOfRange;
        const InputError error = CheckFloat(number.value);
        if (error != InputError::kNone) return error;
        const int64_t from_zero = std::max<int64_t>(index - 1, INT32_MIN);
        if (number.value != 0) elements.push_back({static_cast<int32_t>(from_zero), number.value});
        reader.SkipSpace();
        return InputError::kNone;
    }

    InputError Read(Reader &reader) {
        if (std::count(reader.text.begin(), reader.text.end(), ',') >= kMaxNonZeros)
            return InputError::kTooManyNonZeros;
        reader.SkipSpace();
        if (!reader.Take('{')) return InputError::kMissingBrace;
        reader.SkipSpace();
        if (!reader.Take('}')) {
            do {
                const InputError error = ReadElement(reader);
                if (error != InputError::kNone) return error;
            } while (reader.Take(','));
            if (!reader.Take('}')) return InputError::kSyntax;
        }
        reader.SkipSpace();
        if (!reader.Take('/')) return InputError::kMissingDimensions;
        reader.SkipSpace();
        if (!reader.TakeInteger(&dimensions)) return InputError::kSyntax;
        reader.SkipSpace();
        if (!reader.AtEnd()) return InputError::kJunkAfterDimensions;
        if (dimensions < 1) return InputError::kNoDimensions;
        return dimensions > kMaxSparseDimensions ? InputError::kTooManyDimensions
                                                 : InputError::kNone;
    }

    // By the smallest bad element, without a look at the order of the parser's.
    InputError JudgeIndices() const {
        std::vector<int64_t> indices;
        for (const SparseElement &element : elements) indices.push_back(element.index);
        std::sort(indices.begin(), indices.end());
        if (!indices.empty() && indices[0] < 0) return InputError::kIndexOutOfBounds;
        const auto above = std::lower_bound(indices.begin(), indices.end(), dimensions);
        if (std::adjacent_find(indices.begin(), above) != above) return InputError::kDuplicateIndex;
        return above == indices.end() ? InputError::kNone : InputError::kIndexOutOfBounds;
    }
};

bool Before(const SparseElement &left, const SparseElement &right) {
    if (left.index != right.index) return left.index < right.index;
    return std::bit_cast<int32_t>(left.value) < std::bit_cast<int32_t>(right.value);
}

bool SameElements(std::vector<SparseElement> left, std::vector<SparseElement> right) {
    std::sort(left.begin(), left.end(), Before);  // elements of equal index come in any order
    std::sort(right.begin(), right.end(), Before);
    return std::equal(left.begin(), left.end(), right.begin(), right.end(),
                      [](const SparseElement &a, const SparseElement &b) {
                          return a.index == b.index && SameBits(a.value, b.value);
                      });
}

void CheckText(const char *text, size_t size) {
    const size_t capacity = CountElements(text, size);
    const std::unique_ptr<SparseElement[]> out(new SparseElement[capacity]);
    const ParseResult result = ParseSparseVector(text, size, out.get(), capacity);

    Reader reader = {std::string(text, size)};
    SparseOracle oracle;
    const InputError expected = oracle.Read(reader);
    CheckSameError(result, expected, reader, oracle.number_at);
    if (expected != InputError::kNone) return;

    FUZZ_CHECK(result.count >= 0);
    FUZZ_CHECK(static_cast<size_t>(result.count) <= capacity);
    FUZZ_CHECK(result.dimensions == oracle.dimensions);
    const std::vector<SparseElement> elements(out.get(), out.get() + result.count);
    FUZZ_CHECK(SameElements(elements, oracle.elements));
    for (int32_t i = 1; i < result.count; ++i) FUZZ_CHECK(out[i - 1].index <= out[i].index);

    const InputError index_error = CheckIndices(out.get(), elements.size(), result.dimensions);
    FUZZ_CHECK(index_error == oracle.JudgeIndices());
    if (index_error != InputError::kNone) return;

    std::string printed = "{";
    for (size_t i = 0; i < elements.size(); ++i) {
        FUZZ_CHECK(elements[i].index >= 0 && elements[i].index < result.dimensions);
        FUZZ_CHECK(i == 0 || elements[i - 1].index < elements[i].index);
        FUZZ_CHECK(std::isfinite(elements[i].value) && elements[i].value != 0);
        char element[48];
        snprintf(element, sizeof(element), "%s%d:%.9g", i == 0 ? "" : ",", elements[i].index + 1,
                 elements[i].value);
        printed += element;
    }
    printed += "}/" + std::to_string(result.dimensions);
    std::vector<SparseElement> again(CountElements(printed.data(), printed.size()));
    const ParseResult second =
        ParseSparseVector(printed.data(), printed.size(), again.data(), again.size());
    FUZZ_CHECK(second.error == InputError::kNone);
    FUZZ_CHECK(second.dimensions == result.dimensions);
    again.resize(static_cast<size_t>(second.count));
    FUZZ_CHECK(SameElements(elements, again));
    FUZZ_CHECK(CheckIndices(again.data(), again.size(), second.dimensions) == InputError::kNone);

    // With less room than elements: an error, and (ASan) nothing behind the room.
    if (elements.empty()) return;
    const std::unique_ptr<SparseElement[]> small(new SparseElement[elements.size() - 1]);
    FUZZ_CHECK(ParseSparseVector(text, size, small.get(), elements.size() - 1).error ==
               InputError::kTooManyNonZeros);
}

}  // namespace

}  // namespace vecx::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    vecx::fuzz::CheckText(reinterpret_cast<const char *>(data), size);
    return 0;
}

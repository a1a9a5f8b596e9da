// See input.h.

#include "core/input.h"

#include <algorithm>

#include "core/limits.h"

namespace vecx {
namespace {

template <class Element>
using Parser = ParseResult (*)(const char *, size_t, Element *, size_t) noexcept;

template <class Element>
Parsed<Element> ParseInto(Parser<Element> parse, const char *text, size_t length, size_t capacity,
                          std::pmr::memory_resource &memory) {
    Parsed<Element> parsed;
    parsed.elements =
        static_cast<Element *>(memory.allocate(capacity * sizeof(Element), alignof(Element)));
    parsed.result = parse(text, length, parsed.elements, capacity);
    return parsed;
}

}  // namespace

// However long the text, the parser stops at the limit: no room beyond it.
Parsed<float> ParseVector(const char *text, size_t length, std::pmr::memory_resource &memory) {
    const size_t capacity = std::min<size_t>(CountElements(text, length), kMaxDimensions);
    return ParseInto<float>(ParseVector, text, length, capacity, memory);
}

Parsed<Half> ParseHalfVector(const char *text, size_t length, std::pmr::memory_resource &memory) {
    const size_t capacity = std::min<size_t>(CountElements(text, length), kMaxDimensions);
    return ParseInto<Half>(ParseHalfVector, text, length, capacity, memory);
}

Parsed<SparseElement> ParseSparseVector(const char *text, size_t length,
                                        std::pmr::memory_resource &memory) {
    const size_t capacity = std::min<size_t>(CountElements(text, length), kMaxNonZeros);
    return ParseInto<SparseElement>(ParseSparseVector, text, length, capacity, memory);
}

}  // namespace vecx

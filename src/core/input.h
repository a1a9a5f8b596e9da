// Text of any length to values in memory of the caller's choice: sizes, allocates, then parses.
// Called by the input functions of types/; parse.h does the work.
//
// Elements are allocated from `memory` and never freed here: give a resource whose owner frees all
// of it (a MemoryContext, a monotonic buffer). Throws std::bad_alloc.

#pragma once

#include <memory_resource>

#include "core/parse.h"

namespace vecx {

template <class Element>
struct Parsed {
    ParseResult result;
    Element *elements = nullptr;  // result.count of them, if result.error is kNone
};

Parsed<float> ParseVector(const char *text, size_t length, std::pmr::memory_resource &memory);
Parsed<Half> ParseHalfVector(const char *text, size_t length, std::pmr::memory_resource &memory);
Parsed<SparseElement> ParseSparseVector(const char *text, size_t length,
                                        std::pmr::memory_resource &memory);

}  // namespace vecx

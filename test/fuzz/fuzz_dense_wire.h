// The checks of the binary forms of vector and halfvec against elements read byte by byte. Included
// by fuzz_vector_wire.cpp and fuzz_halfvec_wire.cpp.

#pragma once

#include <cstring>
#include <memory>
#include <vector>

#include "core/limits.h"
#include "core/wire.h"
#include "fuzz.h"

namespace vecx::fuzz {

// `read` takes one element from its big-endian bytes, `to_float` makes it a number.
template <typename Element, typename Read, typename ToFloat, typename Encode>
struct DenseWire {
    Read read;
    ToFloat to_float;
    Encode encode;

    void CheckElements(const uint8_t *bytes, size_t length, size_t count) const {
        const std::unique_ptr<Element[]> out(new Element[count]);
        memset(out.get(), 0xee, count * sizeof(Element));
        const char *message = reinterpret_cast<const char *>(bytes);
        const InputError error = DecodeElements(message, length, out.get(), count);

        if (length / sizeof(Element) < count) {
            FUZZ_CHECK(error == InputError::kTruncated);
            const uint8_t *untouched = reinterpret_cast<const uint8_t *>(out.get());
            for (size_t i = 0; i < count * sizeof(Element); ++i) FUZZ_CHECK(untouched[i] == 0xee);
            return;
        }
        InputError expected = InputError::kNone;
        for (size_t i = 0; i < count && expected == InputError::kNone; ++i)
            expected = CheckFloat(to_float(read(bytes + i * sizeof(Element))));
        FUZZ_CHECK(error == expected);
        if (error != InputError::kNone) return;

        for (size_t i = 0; i < count; ++i) {
            const Element element = read(bytes + i * sizeof(Element));
            FUZZ_CHECK(memcmp(&element, &out[i], sizeof(Element)) == 0);
        }
        // Written at an odd address, and read from there.
        const size_t size = count * sizeof(Element);
        const std::unique_ptr<char[]> encoded(new char[size + 1]);
        encode(out.get(), count, encoded.get() + 1);
        FUZZ_CHECK(memcmp(encoded.get() + 1, bytes, size) == 0);
        const std::unique_ptr<Element[]> again(new Element[count]);
        FUZZ_CHECK(DecodeElements(encoded.get() + 1, size, again.get(), count) ==
                   InputError::kNone);
        FUZZ_CHECK(memcmp(again.get(), out.get(), size) == 0);
        FUZZ_CHECK(DecodeElements(message, length, again.get(), length / sizeof(Element) + 1) ==
                   InputError::kTruncated);
    }

    void CheckMessage(const uint8_t *data, size_t size) const {
        const WireHeader header = DecodeHeader(reinterpret_cast<const char *>(data), size);
        FUZZ_CHECK((header.error == InputError::kTruncated) == (size < 4));
        FUZZ_CHECK(header.error == InputError::kTruncated || header.error == InputError::kNone);
        if (header.error != InputError::kNone) return;
        FUZZ_CHECK(header.size == 4);
        FUZZ_CHECK(header.dimensions == static_cast<int16_t>(BigEndian16(data)));
        FUZZ_CHECK(header.unused == static_cast<int16_t>(BigEndian16(data + 2)));
        const uint8_t *elements = data + header.size;
        const size_t left = size - header.size;
        if (header.dimensions >= 1 && header.dimensions <= kMaxDimensions)
            CheckElements(elements, left, static_cast<size_t>(header.dimensions));
        // And as many as there are, whatever the header says.
        CheckElements(elements, left, left / sizeof(Element));
    }
};

}  // namespace vecx::fuzz

// Records, vectors as records hold them, and queries, for the tests of what works on graphs.

#pragma once

#include <cstdint>
#include <cstdlib>
#include <memory>
#include <vector>

#include "core/edge_code.h"

namespace vecx {

constexpr int kPageCapacity = 8152;

struct FreeMemory {
    void operator()(void *memory) const { free(memory); }
};
using AlignedMemory = std::unique_ptr<void, FreeMemory>;

inline AlignedMemory AllocateAligned(size_t bytes) {
    const size_t rounded = (bytes + 63) / 64 * 64;
    return AlignedMemory(aligned_alloc(64, rounded == 0 ? 64 : rounded));
}

// A vector, taken as rotated already, as a record holds it.
struct StoredVector {
    std::vector<uint8_t> codes;
    Sq8Parameters parameters;
    std::vector<float> values;  // as dequantized

    explicit StoredVector(const std::vector<float> &rotated)
        : codes(rotated.size()),
          parameters(EncodeSq8(rotated.data(), rotated.size(), codes.data())),
          values(rotated.size()) {
        ActiveKernels().codes.decode_u8(codes.data(), parameters.scale, parameters.offset,
                                        values.data(), values.size());
    }
    Sq8View View() const {
        return {codes.data(), parameters.scale, parameters.offset, parameters.sum, parameters.norm};
    }
};

// A record by itself, without edges.
struct OwnedRecord {
    std::vector<uint64_t> memory;
    NodeRecord record;

    explicit OwnedRecord(const RecordShape &shape)
        : memory(shape.size / 8), record(shape, reinterpret_cast<char *>(memory.data())) {
        record.Initialize(0);
    }
};

struct OwnedQuery {
    std::vector<float> rotated;
    AlignedMemory memory;
    GraphQuery query;

    OwnedQuery(const RecordShape &shape, const std::vector<float> &vector, bool inner_product)
        : rotated(vector),
          memory(AllocateAligned(QueryBytes(shape))),
          query(PrepareQuery(shape, rotated.data(), inner_product, memory.get())) {}
};

}  // namespace vecx

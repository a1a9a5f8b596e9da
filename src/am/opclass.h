// What an operator class of a vector index says about its values: support function 1 of each class
// returns one of these. It is asked once per scan, build or insert; distances are then computed by
// kernels, without a call through PostgreSQL.

#pragma once

#include "core/limits.h"
#include "core/metric.h"

#include "pg/pg.h"

namespace vecx {

// Written to disk: a number once given keeps its meaning.
enum class ElementType : uint8_t { kFloat, kHalf, kSparse, kBit };

struct OperatorClass {
    uint32 magic;  // kOperatorClassMagic, since the pointer comes from whatever function is there
    ElementType element;
    Metric metric;
    const char *type_name;  // of the indexed type, for messages
};

constexpr uint32 kOperatorClassMagic = 0x76636f70;

// Support functions of the access methods.
constexpr uint16 kOperatorClassSupport = 1;
constexpr uint16 kSupportFunctions = 1;

// Never changes and never moves. An error where the index's operator class is not one of vecx's.
const OperatorClass &OperatorClassOf(Relation index);

constexpr int kMaxIndexedBits = 64000;

constexpr int MaxIndexedDimensions(ElementType element) {
    switch (element) {
        case ElementType::kSparse:
            return kMaxSparseDimensions;
        case ElementType::kBit:
            return kMaxIndexedBits;
        default:
            return kMaxDimensions;
    }
}

}  // namespace vecx

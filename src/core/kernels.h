// The distance kernels of one CPU level, and the choice of a level at run time.
//
// Every level computes the same sums in another order, so results differ in the last bits between
// levels, never within one. Sums are kept in 32-bit floats (norms in doubles), as pgvector keeps
// them: large values overflow to infinity and that is not an error here.
//
// All functions are pure, thread-safe and noexcept. Pointers to vectors may have any alignment,
// hence `const void *`: values come straight from table pages, whose short headers shift them.

#pragma once

#include <cstddef>
#include <cstdint>

namespace vecx {

enum class SimdLevel : uint8_t { kScalar, kNeon, kAvx2, kAvx512 };

// What the cosine distance needs, from one pass over both vectors.
struct CosineSums {
    float dot;
    float squared_norm_a;
    float squared_norm_b;
};

// Distances between vectors of n elements of one element type.
struct DistanceKernels {
    float (*l2_squared)(const void *a, const void *b, size_t n) noexcept;
    float (*inner_product)(const void *a, const void *b, size_t n) noexcept;
    float (*l1)(const void *a, const void *b, size_t n) noexcept;
    CosineSums (*cosine)(const void *a, const void *b, size_t n) noexcept;
    double (*squared_norm)(const void *a, size_t n) noexcept;
};

struct BitCounts {
    uint64_t both;    // bits set in a and in b
    uint64_t either;  // bits set in a or in b
};

// Distances between strings of n bytes.
struct BitKernels {
    uint64_t (*hamming)(const void *a, const void *b, size_t n) noexcept;
    BitCounts (*overlap)(const void *a, const void *b, size_t n) noexcept;
};

struct Kernels {
    SimdLevel level;
    const char *name;  // as in the setting vecx.simd
    DistanceKernels f32;
    DistanceKernels f16;
    BitKernels bits;
    // IEEE binary16 to binary32 and back (round to nearest even; too large becomes infinity).
    void (*half_to_float)(const void *half, float *out, size_t n) noexcept;
    void (*float_to_half)(const void *values, uint16_t *out, size_t n) noexcept;
};

// The kernels of one level, or nullptr where this build or this CPU lacks it.
const Kernels *KernelsOf(SimdLevel level) noexcept;

// The fastest level that this CPU has; probes the CPU once.
const Kernels *BestKernels() noexcept;

// The kernels in use by this process: BestKernels() until UseKernels() says otherwise.
const Kernels &ActiveKernels() noexcept;
void UseKernels(const Kernels *kernels) noexcept;

}  // namespace vecx

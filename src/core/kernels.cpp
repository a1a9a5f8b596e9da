// The choice of a CPU level: probes the CPU and keeps the table in use by this process. Called by
// whoever computes distances, and by the setting vecx.simd.

#include "core/kernels.h"

#include <atomic>
#include <initializer_list>

#include "core/kernels_levels.h"

#ifdef VECX_HAVE_X86_KERNELS
#include <cpuid.h>
#endif

namespace vecx {
namespace {

// nullptr until someone asks. Atomic since threads may be the first to ask; the tables themselves
// never change, so no order is needed.
constinit std::atomic<const Kernels *> active = nullptr;

#ifdef VECX_HAVE_X86_KERNELS

// The builtins also check that the operating system saves the wide registers. clang 14 knows no
// "f16c"; that needs no more of the operating system than AVX does.
bool HasF16c() noexcept {
    unsigned eax, ebx, ecx, edx;
    return __get_cpuid(1, &eax, &ebx, &ecx, &edx) && (ecx & bit_F16C);
}

bool HasAvx2Level() noexcept {
    __builtin_cpu_init();
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && HasF16c();
}

bool HasAvx512Level() noexcept {
    return HasAvx2Level() && __builtin_cpu_supports("avx512f") &&
           __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
           __builtin_cpu_supports("avx512vl");
}

#endif

}  // namespace

const Kernels *KernelsOf(SimdLevel level) noexcept {
    switch (level) {
        case SimdLevel::kScalar:
            return &kScalarKernels;
#ifdef VECX_HAVE_NEON_KERNELS
        case SimdLevel::kNeon:
            return &kNeonKernels;
#endif
#ifdef VECX_HAVE_X86_KERNELS
        case SimdLevel::kAvx2:
            return HasAvx2Level() ? &kAvx2Kernels : nullptr;
        case SimdLevel::kAvx512:
            return HasAvx512Level() ? &kAvx512Kernels : nullptr;
#endif
        default:
            return nullptr;
    }
}

const Kernels *BestKernels() noexcept {
    for (SimdLevel level : {SimdLevel::kAvx512, SimdLevel::kAvx2, SimdLevel::kNeon})
        if (const Kernels *kernels = KernelsOf(level)) return kernels;
    return &kScalarKernels;
}

const Kernels &ActiveKernels() noexcept {
    const Kernels *kernels = active.load(std::memory_order_relaxed);
    if (kernels == nullptr) {
        kernels = BestKernels();
        active.store(kernels, std::memory_order_relaxed);
    }
    return *kernels;
}

void UseKernels(const Kernels *kernels) noexcept {
    active.store(kernels, std::memory_order_relaxed);
}

}  // namespace vecx

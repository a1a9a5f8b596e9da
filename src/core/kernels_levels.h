// The table of each CPU level, defined in the file of that level. For kernels.cpp alone: everyone
// else asks KernelsOf() in kernels.h, which checks that the CPU has the level.

#pragma once

#include "core/kernels.h"

#if defined(__x86_64__) || defined(__i386__)
#define VECX_HAVE_X86_KERNELS 1
#endif
#if defined(__aarch64__)
#define VECX_HAVE_NEON_KERNELS 1
#endif

namespace vecx {

extern const Kernels kScalarKernels;
#ifdef VECX_HAVE_X86_KERNELS
extern const Kernels kAvx2Kernels;
extern const Kernels kAvx512Kernels;
#endif
#ifdef VECX_HAVE_NEON_KERNELS
extern const Kernels kNeonKernels;
#endif

}  // namespace vecx

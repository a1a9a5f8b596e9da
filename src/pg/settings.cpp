// Settings: vecx.simd chooses the kernels of this process, for tests and comparisons.

#include "core/kernels.h"

#include "pg/settings.h"

#include "pg/pg.h"

namespace vecx::pg {
namespace {

constexpr int kAutomatic = -1;

int simd_level = kAutomatic;

const config_enum_entry kSimdLevels[] = {
    {"auto", kAutomatic, false},
    {"avx512", static_cast<int>(SimdLevel::kAvx512), false},
    {"avx2", static_cast<int>(SimdLevel::kAvx2), false},
    {"neon", static_cast<int>(SimdLevel::kNeon), false},
    {"scalar", static_cast<int>(SimdLevel::kScalar), false},
    {nullptr, 0, false},
};

const Kernels *KernelsFor(int level) {
    return level == kAutomatic ? BestKernels() : KernelsOf(static_cast<SimdLevel>(level));
}

bool CheckSimd(int *level, void **, GucSource) {
    if (KernelsFor(*level) != nullptr) return true;
    GUC_check_errdetail("This processor or this build lacks the instructions.");
    return false;
}

void AssignSimd(int level, void *) { UseKernels(KernelsFor(level)); }

}  // namespace

void DefineSettings() {
    DefineCustomEnumVariable("vecx.simd", "Instruction set of the distance kernels.",
                             "\"auto\" takes the fastest that the processor has.", &simd_level,
                             kAutomatic, kSimdLevels, PGC_SUSET, 0, CheckSimd, AssignSimd, nullptr);
    MarkGUCPrefixReserved("vecx");
}

}  // namespace vecx::pg

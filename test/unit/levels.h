// Which levels of instructions the tests can run here.

#pragma once

#include <vector>

#include "core/kernels.h"

namespace vecx {

inline std::vector<SimdLevel> AvailableLevels() {
    std::vector<SimdLevel> levels;
    for (SimdLevel level :
         {SimdLevel::kScalar, SimdLevel::kNeon, SimdLevel::kAvx2, SimdLevel::kAvx512})
        if (KernelsOf(level) != nullptr) levels.push_back(level);
    return levels;
}

// Runs what follows with the kernels of one level.
class LevelScope {
  public:
    explicit LevelScope(SimdLevel level) { UseKernels(KernelsOf(level)); }
    ~LevelScope() { UseKernels(BestKernels()); }
    LevelScope(const LevelScope &) = delete;
    LevelScope &operator=(const LevelScope &) = delete;
};

// Is code slow here: under a sanitizer or, to all appearance, on an emulated processor? Tests that
// build graphs then take fewer rows.
inline bool IsSlow() {
#if defined(__SANITIZE_ADDRESS__)
    return true;
#else
    return BestKernels()->level <= SimdLevel::kNeon;
#endif
}

}  // namespace vecx

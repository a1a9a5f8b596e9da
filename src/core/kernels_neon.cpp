// The kernels for 64-bit ARM, whose baseline has NEON with conversions of halves: no target region
// and no probe is needed. Nothing but the table is visible outside.

#include "core/kernels_levels.h"

#ifdef VECX_HAVE_NEON_KERNELS

#include <arm_neon.h>

#include "core/kernels_body.h"

namespace vecx {
namespace {

struct Neon {
    static constexpr size_t kWidth = 4;
    using Floats = float32x4_t;

    static Floats Zero() noexcept { return vdupq_n_f32(0); }
    static Floats Add(Floats a, Floats b) noexcept { return vaddq_f32(a, b); }
    static Floats Subtract(Floats a, Floats b) noexcept { return vsubq_f32(a, b); }
    static Floats Absolute(Floats a) noexcept { return vabsq_f32(a); }
    static Floats MultiplyAdd(Floats a, Floats b, Floats sum) noexcept {
        return vfmaq_f32(sum, a, b);
    }
    static float Reduce(Floats sum) noexcept { return vaddvq_f32(sum); }

    struct Doubles {
        float64x2_t low, high;
    };
    static Doubles ZeroDoubles() noexcept { return {vdupq_n_f64(0), vdupq_n_f64(0)}; }
    static Doubles AddSquares(Doubles sum, Floats a) noexcept {
        const float64x2_t low = vcvt_f64_f32(vget_low_f32(a));
        const float64x2_t high = vcvt_high_f64_f32(a);
        return {vfmaq_f64(sum.low, low, low), vfmaq_f64(sum.high, high, high)};
    }
    static double ReduceDoubles(Doubles sum) noexcept {
        return vaddvq_f64(vaddq_f64(sum.low, sum.high));
    }

    // Loads go by bytes, since values may have any alignment.
    struct F32 {
        static constexpr size_t kBytes = 4;
        static Floats Load(const char *from) noexcept {
            return vreinterpretq_f32_u8(vld1q_u8(reinterpret_cast<const uint8_t *>(from)));
        }
        static Floats LoadTail(const char *from, size_t n) noexcept {
            Floats values = Zero();
            __builtin_memcpy(&values, from, n * kBytes);
            return values;
        }
    };

    struct F16 {
        static constexpr size_t kBytes = 2;
        static Floats Load(const char *from) noexcept {
            return vcvt_f32_f16(
                vreinterpret_f16_u8(vld1_u8(reinterpret_cast<const uint8_t *>(from))));
        }
        static Floats LoadTail(const char *from, size_t n) noexcept {
            uint8x8_t halves = vdup_n_u8(0);
            __builtin_memcpy(&halves, from, n * kBytes);
            return vcvt_f32_f16(vreinterpret_f16_u8(halves));
        }
    };

    static void Store(float *out, Floats values) noexcept { vst1q_f32(out, values); }
    static void StoreTail(float *out, Floats values, size_t n) noexcept {
        __builtin_memcpy(out, &values, n * sizeof *out);
    }
    static void StoreHalves(uint16_t *out, Floats values) noexcept {
        vst1_u16(out, vreinterpret_u16_f16(vcvt_f16_f32(values)));
    }
    static void StoreHalvesTail(uint16_t *out, Floats values, size_t n) noexcept {
        const float16x4_t halves = vcvt_f16_f32(values);
        __builtin_memcpy(out, &halves, n * sizeof *out);
    }

    static constexpr size_t kBytes = 16;
    using Bytes = uint8x16_t;
    static Bytes LoadBytes(const char *from) noexcept {
        return vld1q_u8(reinterpret_cast<const uint8_t *>(from));
    }
    static Bytes LoadBytesTail(const char *from, size_t n) noexcept {
        Bytes bytes = vdupq_n_u8(0);
        __builtin_memcpy(&bytes, from, n);
        return bytes;
    }
    static Bytes And(Bytes a, Bytes b) noexcept { return vandq_u8(a, b); }
    static Bytes Or(Bytes a, Bytes b) noexcept { return vorrq_u8(a, b); }
    static Bytes Xor(Bytes a, Bytes b) noexcept { return veorq_u8(a, b); }

    using Counts = uint64x2_t;
    static Counts ZeroCounts() noexcept { return vdupq_n_u64(0); }
    static Counts AddCount(Counts sum, Bytes bits) noexcept {
        return vpadalq_u32(sum, vpaddlq_u16(vpaddlq_u8(vcntq_u8(bits))));
    }
    static uint64_t ReduceCounts(Counts sum) noexcept { return vaddvq_u64(sum); }
};

}  // namespace

constinit const Kernels kNeonKernels = MakeKernels<Neon>(SimdLevel::kNeon, "neon");

}  // namespace vecx

#endif  // VECX_HAVE_NEON_KERNELS

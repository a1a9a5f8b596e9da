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
    static constexpr size_t kTileRows = 12;
    using Floats = float32x4_t;

    static Floats Zero() noexcept { return vdupq_n_f32(0); }
    static Floats Add(Floats a, Floats b) noexcept { return vaddq_f32(a, b); }
    static Floats Subtract(Floats a, Floats b) noexcept { return vsubq_f32(a, b); }
    static Floats Absolute(Floats a) noexcept { return vabsq_f32(a); }
    static Floats MultiplyAdd(Floats a, Floats b, Floats sum) noexcept {
        return vfmaq_f32(sum, a, b);
    }
    static Floats Minimum(Floats a, Floats b) noexcept { return vminq_f32(a, b); }
    static float ReduceMinimum(Floats least) noexcept { return vminvq_f32(least); }
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

    static Floats Broadcast(float value) noexcept { return vdupq_n_f32(value); }
    static Floats Multiply(Floats a, Floats b) noexcept { return vmulq_f32(a, b); }
    using Lanes = uint32x4_t;
    static Lanes Greater(Floats a, Floats b) noexcept { return vcgtq_f32(a, b); }
    static Floats Select(Lanes lanes, Floats yes, Floats no) noexcept {
        return vbslq_f32(lanes, yes, no);
    }
    static uint32_t BitsOf(Lanes lanes) noexcept {
        const uint32_t bits[4] = {1, 2, 4, 8};
        return vaddvq_u32(vandq_u32(lanes, vld1q_u32(bits)));
    }

    struct U8 {
        static Floats Load(const char *from) noexcept { return LoadTail(from, kWidth); }
        static Floats LoadTail(const char *from, size_t n) noexcept {
            uint8x8_t bytes = vdup_n_u8(0);
            __builtin_memcpy(&bytes, from, n);
            return vcvtq_f32_u32(vmovl_u16(vget_low_u16(vmovl_u8(bytes))));
        }
    };
    static void StoreRounded(uint8_t *out, Floats values) noexcept {
        StoreRoundedTail(out, values, kWidth);
    }
    // The conversions saturate on both sides, and take NaN for 0.
    static void StoreRoundedTail(uint8_t *out, Floats values, size_t n) noexcept {
        const uint16x4_t shorts = vqmovn_u32(vcvtnq_u32_f32(values));
        const uint8x8_t bytes = vqmovn_u16(vcombine_u16(shorts, shorts));
        __builtin_memcpy(out, &bytes, n);
    }

    // Even lanes and odd lanes, then lower and upper halves: sums go where the first of a pair was.
    static Floats WithinRegister(Floats a) noexcept {
        Floats even = vtrn1q_f32(a, a), odd = vtrn2q_f32(a, a);
        const Floats sum = vaddq_f32(even, odd), difference = vsubq_f32(even, odd);
        a = vtrn1q_f32(sum, difference);
        const float32x2_t lower = vget_low_f32(a), upper = vget_high_f32(a);
        return vcombine_f32(vadd_f32(lower, upper), vsub_f32(lower, upper));
    }

    static constexpr size_t kShorts = 8;
    using Shorts = int16x8_t;
    struct BytesAsShorts {
        static constexpr size_t kBytes = 1;
        static Shorts Load(const char *from) noexcept {
            return vreinterpretq_s16_u16(
                vmovl_u8(vld1_u8(reinterpret_cast<const uint8_t *>(from))));
        }
        static Shorts LoadTail(const char *from, size_t n) noexcept {
            uint8x8_t bytes = vdup_n_u8(0);
            __builtin_memcpy(&bytes, from, n);
            return vreinterpretq_s16_u16(vmovl_u8(bytes));
        }
    };
    struct ShortsInMemory {
        static constexpr size_t kBytes = 2;
        static Shorts Load(const char *from) noexcept {
            return vreinterpretq_s16_u8(LoadBytes(from));
        }
        static Shorts LoadTail(const char *from, size_t n) noexcept {
            return vreinterpretq_s16_u8(LoadBytesTail(from, n * kBytes));
        }
    };
    using Integers = int32x4_t;
    static Integers ZeroIntegers() noexcept { return vdupq_n_s32(0); }
    static Integers AddProducts(Integers sum, Shorts a, Shorts b) noexcept {
        return vmlal_high_s16(vmlal_s16(sum, vget_low_s16(a), vget_low_s16(b)), a, b);
    }
    static Integers AddIntegers(Integers a, Integers b) noexcept { return vaddq_s32(a, b); }
    static uint32_t ReduceIntegers(Integers sum) noexcept {
        return static_cast<uint32_t>(vaddvq_s32(sum));
    }

    // Per edge, what a row's two tables say for 16 of its edges: at most 254.
    static uint8x16_t LookUp(const uint8_t *codes, uint8x16_t low, uint8x16_t high) noexcept {
        const uint8x16_t code = vld1q_u8(codes);
        return vaddq_u8(vqtbl1q_u8(low, vandq_u8(code, vdupq_n_u8(0x0f))),
                        vqtbl1q_u8(high, vshrq_n_u8(code, 4)));
    }

    static void SumWords(const uint8_t *codes, const uint16_t *words, size_t rows,
                         uint32_t *sums) noexcept {
        SumWordsOneByOne(codes, words, rows, sums);
    }

    static void SumEntries(const uint8_t *codes, const uint8_t *entries, size_t rows,
                           Floats *sums) noexcept {
        uint16x8_t sum0 = vdupq_n_u16(0), sum1 = sum0, sum2 = sum0, sum3 = sum0;
        for (size_t row = 0; row < rows; row++) {
            // Two rows share 128 bytes, each table stands twice.
            const uint8_t *tables = entries + row / 2 * 128 + row % 2 * 32;
            const uint8x16_t low = vld1q_u8(tables), high = vld1q_u8(tables + 64);
            const uint8x16_t first = LookUp(codes + row * kEdgeBatch, low, high);
            const uint8x16_t second = LookUp(codes + row * kEdgeBatch + 16, low, high);
            sum0 = vaddw_u8(sum0, vget_low_u8(first));
            sum1 = vaddw_high_u8(sum1, first);
            sum2 = vaddw_u8(sum2, vget_low_u8(second));
            sum3 = vaddw_high_u8(sum3, second);
        }
        WidenSums(sum0, sums);
        WidenSums(sum1, sums + 2);
        WidenSums(sum2, sums + 4);
        WidenSums(sum3, sums + 6);
    }
    static void WidenSums(uint16x8_t sums, Floats *to) noexcept {
        to[0] = vcvtq_f32_u32(vmovl_u16(vget_low_u16(sums)));
        to[1] = vcvtq_f32_u32(vmovl_high_u16(sums));
    }
};

}  // namespace

constinit const Kernels kNeonKernels = MakeKernels<Neon>(SimdLevel::kNeon, "neon");

}  // namespace vecx

#endif  // VECX_HAVE_NEON_KERNELS

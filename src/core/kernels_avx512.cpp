// The kernels for x86 CPUs with AVX-512 F, BW, DQ and VL (Intel Skylake-SP of 2017, AMD Zen 4). No
// library header here and nothing but the table visible outside: see kernels_body.h.

#include "core/kernels_levels.h"

#ifdef VECX_HAVE_X86_KERNELS

// gcc 12 takes its own _mm512_undefined_ps() for a mistake (GCC bug 105593).
#ifndef __clang__
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif

#include <immintrin.h>

#ifdef __clang__
#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,fma"))), \
                             apply_to = function)
#else
#pragma GCC target("avx512f,avx512bw,avx512dq,avx512vl,fma")
#endif

#include "core/kernels_body.h"

namespace vecx {
namespace {

struct Avx512 {
    static constexpr size_t kWidth = 16;
    using Floats = __m512;

    static Floats Zero() noexcept { return _mm512_setzero_ps(); }
    static Floats Add(Floats a, Floats b) noexcept { return _mm512_add_ps(a, b); }
    static Floats Subtract(Floats a, Floats b) noexcept { return _mm512_sub_ps(a, b); }
    static Floats Absolute(Floats a) noexcept { return _mm512_andnot_ps(_mm512_set1_ps(-0.0f), a); }
    static Floats MultiplyAdd(Floats a, Floats b, Floats sum) noexcept {
        return _mm512_fmadd_ps(a, b, sum);
    }
    static float Reduce(Floats sum) noexcept { return _mm512_reduce_add_ps(sum); }

    struct Doubles {
        __m512d low, high;
    };
    static Doubles ZeroDoubles() noexcept { return {_mm512_setzero_pd(), _mm512_setzero_pd()}; }
    static Doubles AddSquares(Doubles sum, Floats a) noexcept {
        const __m512d low = _mm512_cvtps_pd(_mm512_castps512_ps256(a));
        const __m512d high = _mm512_cvtps_pd(_mm512_extractf32x8_ps(a, 1));
        return {_mm512_fmadd_pd(low, low, sum.low), _mm512_fmadd_pd(high, high, sum.high)};
    }
    static double ReduceDoubles(Doubles sum) noexcept {
        return _mm512_reduce_add_pd(_mm512_add_pd(sum.low, sum.high));
    }

    static __mmask16 TailMask(size_t n) noexcept { return static_cast<__mmask16>((1u << n) - 1); }

    struct F32 {
        static constexpr size_t kBytes = 4;
        static Floats Load(const char *from) noexcept { return _mm512_loadu_ps(from); }
        static Floats LoadTail(const char *from, size_t n) noexcept {
            return _mm512_maskz_loadu_ps(TailMask(n), from);
        }
    };

    struct F16 {
        static constexpr size_t kBytes = 2;
        static Floats Load(const char *from) noexcept {
            return _mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i *>(from)));
        }
        static Floats LoadTail(const char *from, size_t n) noexcept {
            return _mm512_cvtph_ps(_mm256_maskz_loadu_epi16(TailMask(n), from));
        }
    };

    static void Store(float *out, Floats values) noexcept { _mm512_storeu_ps(out, values); }
    static void StoreTail(float *out, Floats values, size_t n) noexcept {
        _mm512_mask_storeu_ps(out, TailMask(n), values);
    }
    static __m256i ToHalves(Floats values) noexcept {
        return _mm512_cvtps_ph(values, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
    }
    static void StoreHalves(uint16_t *out, Floats values) noexcept {
        _mm256_storeu_si256(reinterpret_cast<__m256i *>(out), ToHalves(values));
    }
    static void StoreHalvesTail(uint16_t *out, Floats values, size_t n) noexcept {
        _mm256_mask_storeu_epi16(out, TailMask(n), ToHalves(values));
    }

    static constexpr size_t kBytes = 64;
    using Bytes = __m512i;
    static Bytes LoadBytes(const char *from) noexcept { return _mm512_loadu_si512(from); }
    static Bytes LoadBytesTail(const char *from, size_t n) noexcept {
        return _mm512_maskz_loadu_epi8((uint64_t{1} << n) - 1, from);
    }
    static Bytes And(Bytes a, Bytes b) noexcept { return _mm512_and_si512(a, b); }
    static Bytes Or(Bytes a, Bytes b) noexcept { return _mm512_or_si512(a, b); }
    static Bytes Xor(Bytes a, Bytes b) noexcept { return _mm512_xor_si512(a, b); }

    using Counts = __m512i;
    static Counts ZeroCounts() noexcept { return _mm512_setzero_si512(); }
    // Mula, Kurz, Lemire 2016: a shuffle looks the count of each half byte up in a table.
    static Counts AddCount(Counts sum, Bytes bits) noexcept {
        const __m512i table =
            _mm512_broadcast_i32x4(_mm_setr_epi8(0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4));
        const __m512i nibble = _mm512_set1_epi8(0x0f);
        const __m512i low = _mm512_and_si512(bits, nibble);
        const __m512i high = _mm512_and_si512(_mm512_srli_epi16(bits, 4), nibble);
        const __m512i counts =
            _mm512_add_epi8(_mm512_shuffle_epi8(table, low), _mm512_shuffle_epi8(table, high));
        return _mm512_add_epi64(sum, _mm512_sad_epu8(counts, _mm512_setzero_si512()));
    }
    static uint64_t ReduceCounts(Counts sum) noexcept {
        return static_cast<uint64_t>(_mm512_reduce_add_epi64(sum));
    }
};

}  // namespace

constinit const Kernels kAvx512Kernels = MakeKernels<Avx512>(SimdLevel::kAvx512, "avx512");

}  // namespace vecx

#ifdef __clang__
#pragma clang attribute pop
#endif

#endif  // VECX_HAVE_X86_KERNELS

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
    static constexpr size_t kTileRows = 12;
    using Floats = __m512;

    static Floats Zero() noexcept { return _mm512_setzero_ps(); }
    static Floats Add(Floats a, Floats b) noexcept { return _mm512_add_ps(a, b); }
    static Floats Subtract(Floats a, Floats b) noexcept { return _mm512_sub_ps(a, b); }
    static Floats Absolute(Floats a) noexcept { return _mm512_andnot_ps(_mm512_set1_ps(-0.0f), a); }
    static Floats MultiplyAdd(Floats a, Floats b, Floats sum) noexcept {
        return _mm512_fmadd_ps(a, b, sum);
    }
    static Floats Minimum(Floats a, Floats b) noexcept { return _mm512_min_ps(a, b); }
    static float ReduceMinimum(Floats least) noexcept { return _mm512_reduce_min_ps(least); }
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

    static Floats Broadcast(float value) noexcept { return _mm512_set1_ps(value); }
    static Floats Multiply(Floats a, Floats b) noexcept { return _mm512_mul_ps(a, b); }
    using Lanes = __mmask16;
    static Lanes Greater(Floats a, Floats b) noexcept {
        return _mm512_cmp_ps_mask(a, b, _CMP_GT_OQ);
    }
    static Floats Select(Lanes lanes, Floats yes, Floats no) noexcept {
        return _mm512_mask_blend_ps(lanes, no, yes);
    }
    static uint32_t BitsOf(Lanes lanes) noexcept { return lanes; }

    struct U8 {
        static Floats Load(const char *from) noexcept {
            return Widen(_mm_loadu_si128(reinterpret_cast<const __m128i *>(from)));
        }
        static Floats LoadTail(const char *from, size_t n) noexcept {
            return Widen(_mm_maskz_loadu_epi8(TailMask(n), from));
        }

      private:
        static Floats Widen(__m128i bytes) noexcept {
            return _mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(bytes));
        }
    };
    // The maximum yields its second operand for NaN.
    static __m128i ToBytes(Floats values) noexcept {
        const Floats bounded =
            _mm512_min_ps(_mm512_max_ps(values, _mm512_setzero_ps()), _mm512_set1_ps(255));
        return _mm512_cvtepi32_epi8(_mm512_cvtps_epi32(bounded));
    }
    static void StoreRounded(uint8_t *out, Floats values) noexcept {
        _mm_storeu_si128(reinterpret_cast<__m128i *>(out), ToBytes(values));
    }
    static void StoreRoundedTail(uint8_t *out, Floats values, size_t n) noexcept {
        _mm_mask_storeu_epi8(out, TailMask(n), ToBytes(values));
    }

    // In each pair, the lower lane becomes the sum and the upper one the difference.
    static Floats Meet(Floats neighbours, Floats own, __mmask16 upper) noexcept {
        const Floats one = _mm512_set1_ps(1);
        return _mm512_fmadd_ps(own, _mm512_mask_sub_ps(one, upper, _mm512_setzero_ps(), one),
                               neighbours);
    }
    static Floats WithinRegister(Floats a) noexcept {
        a = Meet(_mm512_permute_ps(a, 0xb1), a, 0xaaaa);
        a = Meet(_mm512_permute_ps(a, 0x4e), a, 0xcccc);
        a = Meet(_mm512_shuffle_f32x4(a, a, 0xb1), a, 0xf0f0);
        return Meet(_mm512_shuffle_f32x4(a, a, 0x4e), a, 0xff00);
    }

    static constexpr size_t kShorts = 32;
    using Shorts = __m512i;
    static __mmask32 ShortsTailMask(size_t n) noexcept {
        return static_cast<__mmask32>((uint32_t{1} << n) - 1);
    }
    struct BytesAsShorts {
        static constexpr size_t kBytes = 1;
        static Shorts Load(const char *from) noexcept {
            return _mm512_cvtepu8_epi16(
                _mm256_loadu_si256(reinterpret_cast<const __m256i *>(from)));
        }
        static Shorts LoadTail(const char *from, size_t n) noexcept {
            return _mm512_cvtepu8_epi16(_mm256_maskz_loadu_epi8(ShortsTailMask(n), from));
        }
    };
    struct ShortsInMemory {
        static constexpr size_t kBytes = 2;
        static Shorts Load(const char *from) noexcept { return _mm512_loadu_si512(from); }
        static Shorts LoadTail(const char *from, size_t n) noexcept {
            return _mm512_maskz_loadu_epi16(ShortsTailMask(n), from);
        }
    };
    using Integers = __m512i;
    static Integers ZeroIntegers() noexcept { return _mm512_setzero_si512(); }
    static Integers AddProducts(Integers sum, Shorts a, Shorts b) noexcept {
        return _mm512_add_epi32(sum, _mm512_madd_epi16(a, b));
    }
    static Integers AddIntegers(Integers a, Integers b) noexcept { return _mm512_add_epi32(a, b); }
    static uint32_t ReduceIntegers(Integers sum) noexcept {
        return static_cast<uint32_t>(_mm512_reduce_add_epi32(sum));
    }

    // Per edge, what the tables of two rows say: at most 254. The empty assembly keeps the compiler
    // from reading the codes a second time as an operand: unaligned, each read takes two
    // cache lines.
    static __m512i LookUp(const uint8_t *codes, const uint8_t *tables) noexcept {
        const __m512i nibble = _mm512_set1_epi8(0x0f);
        __m512i code = _mm512_loadu_si512(codes);
        asm("" : "+v"(code));
        return _mm512_add_epi8(
            _mm512_shuffle_epi8(_mm512_load_si512(tables), _mm512_and_si512(code, nibble)),
            _mm512_shuffle_epi8(_mm512_load_si512(tables + 64),
                                _mm512_and_si512(_mm512_srli_epi16(code, 4), nibble)));
    }

    // A shuffle of two registers looks 64 words up; the upper bits of a code say in which of four.
    static __m512i LookUpWords(const uint16_t *words, const uint8_t *codes) noexcept {
        const __m512i index =
            _mm512_cvtepu8_epi16(_mm256_loadu_si256(reinterpret_cast<const __m256i *>(codes)));
        const __mmask32 odd = _mm512_movepi16_mask(_mm512_slli_epi16(index, 9));
        const __mmask32 upper = _mm512_movepi16_mask(_mm512_slli_epi16(index, 8));
        __m512i part[4];
#pragma GCC unroll 4
        for (int i = 0; i < 4; i++)
            part[i] = _mm512_permutex2var_epi16(_mm512_loadu_si512(words + 64 * i), index,
                                                _mm512_loadu_si512(words + 64 * i + 32));
        return _mm512_mask_blend_epi16(upper, _mm512_mask_blend_epi16(odd, part[0], part[1]),
                                       _mm512_mask_blend_epi16(odd, part[2], part[3]));
    }
    static void SumWords(const uint8_t *codes, const uint16_t *words, size_t rows,
                         uint32_t *sums) noexcept {
        __m512i low = _mm512_loadu_si512(sums), high = _mm512_loadu_si512(sums + 16);
        while (rows > 0) {
            const size_t here = rows < kWordRows ? rows : kWordRows;
            __m512i sum = _mm512_setzero_si512();
            for (size_t row = 0; row < here; row++) {
                sum = _mm512_add_epi16(sum, LookUpWords(words, codes));
                words += 256;
                codes += kEdgeBatch;
            }
            low = _mm512_add_epi32(low, _mm512_cvtepu16_epi32(_mm512_castsi512_si256(sum)));
            high = _mm512_add_epi32(high, _mm512_cvtepu16_epi32(_mm512_extracti64x4_epi64(sum, 1)));
            rows -= here;
        }
        _mm512_storeu_si512(sums, low);
        _mm512_storeu_si512(sums + 16, high);
    }

    // Sums of bytes stay within 16 bits if those of odd places are kept apart: what they add to
    // their neighbours' is subtracted at the end. Shuffles and additions share two ports: 9
    // instructions per two rows are 4.5 cycles. Four rows at a time save 13% where codes are not
    // aligned, since loads overlap better.
    static void SumEntries(const uint8_t *codes, const uint8_t *entries, size_t rows,
                           Floats *sums) noexcept {
        const uint8_t *const end = codes + rows * kEdgeBatch;
        __m512i even = _mm512_setzero_si512(), odd = even, even1 = even, odd1 = even;
        if (rows & 2) {
            even = LookUp(codes, entries);
            odd = _mm512_srli_epi16(even, 8);
            codes += 64;
            entries += 128;
        }
        for (; codes != end; codes += 128, entries += 256) {
            const __m512i sum = LookUp(codes, entries);
            const __m512i sum1 = LookUp(codes + 64, entries + 128);
            even = _mm512_add_epi16(even, sum);
            odd = _mm512_add_epi16(odd, _mm512_srli_epi16(sum, 8));
            even1 = _mm512_add_epi16(even1, sum1);
            odd1 = _mm512_add_epi16(odd1, _mm512_srli_epi16(sum1, 8));
        }
        even = _mm512_add_epi16(even, even1);
        odd = _mm512_add_epi16(odd, odd1);
        even = _mm512_sub_epi16(even, _mm512_slli_epi16(odd, 8));
        // The sums of two rows are joined, the even places' to the lower half. Then each 16-bit sum
        // goes to the lower half of its edge's 32 bits.
        const __m512i joined = _mm512_add_epi16(_mm512_shuffle_i64x2(even, odd, 0x44),
                                                _mm512_shuffle_i64x2(even, odd, 0xee));
        const __m512i order = _mm512_setr_epi32(0, 16, 1, 17, 2, 18, 3, 19,  //
                                                4, 20, 5, 21, 6, 22, 7, 23);
        const __m512i later = _mm512_add_epi32(order, _mm512_set1_epi32(8));
        sums[0] = _mm512_cvtepi32_ps(_mm512_maskz_permutexvar_epi16(0x55555555, order, joined));
        sums[1] = _mm512_cvtepi32_ps(_mm512_maskz_permutexvar_epi16(0x55555555, later, joined));
    }
};

}  // namespace

constinit const Kernels kAvx512Kernels = MakeKernels<Avx512>(SimdLevel::kAvx512, "avx512");

}  // namespace vecx

#ifdef __clang__
#pragma clang attribute pop
#endif

#endif  // VECX_HAVE_X86_KERNELS

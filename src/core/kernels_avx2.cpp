// The kernels for x86 CPUs with AVX2, FMA and F16C (Intel Haswell of 2013, AMD Zen). No library
// header here and nothing but the table visible outside: see kernels_body.h.

#include "core/kernels_levels.h"

#ifdef VECX_HAVE_X86_KERNELS

#include <immintrin.h>

#ifdef __clang__
#pragma clang attribute push(__attribute__((target("avx2,fma,f16c"))), apply_to = function)
#else
#pragma GCC target("avx2,fma,f16c")
#endif

#include "core/kernels_body.h"

namespace vecx {
namespace {

// Eight words from kTailMasks + 8 - n select the first n lanes.
constexpr int32_t kTailMasks[16] = {-1, -1, -1, -1, -1, -1, -1, -1, 0, 0, 0, 0, 0, 0, 0, 0};

struct Avx2 {
    static constexpr size_t kWidth = 8;
    static constexpr size_t kTileRows = 6;
    using Floats = __m256;

    static Floats Zero() noexcept { return _mm256_setzero_ps(); }
    static Floats Add(Floats a, Floats b) noexcept { return _mm256_add_ps(a, b); }
    static Floats Subtract(Floats a, Floats b) noexcept { return _mm256_sub_ps(a, b); }
    static Floats Absolute(Floats a) noexcept { return _mm256_andnot_ps(_mm256_set1_ps(-0.0f), a); }
    static Floats MultiplyAdd(Floats a, Floats b, Floats sum) noexcept {
        return _mm256_fmadd_ps(a, b, sum);
    }
    static Floats Minimum(Floats a, Floats b) noexcept { return _mm256_min_ps(a, b); }
    static float ReduceMinimum(Floats least) noexcept {
        const __m128 four =
            _mm_min_ps(_mm256_castps256_ps128(least), _mm256_extractf128_ps(least, 1));
        const __m128 two = _mm_min_ps(four, _mm_movehl_ps(four, four));
        return _mm_cvtss_f32(_mm_min_ss(two, _mm_movehdup_ps(two)));
    }
    static float Reduce(Floats sum) noexcept {
        __m128 four = _mm_add_ps(_mm256_castps256_ps128(sum), _mm256_extractf128_ps(sum, 1));
        __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
        return _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)));
    }

    struct Doubles {
        __m256d low, high;
    };
    static Doubles ZeroDoubles() noexcept { return {_mm256_setzero_pd(), _mm256_setzero_pd()}; }
    static Doubles AddSquares(Doubles sum, Floats a) noexcept {
        const __m256d low = _mm256_cvtps_pd(_mm256_castps256_ps128(a));
        const __m256d high = _mm256_cvtps_pd(_mm256_extractf128_ps(a, 1));
        return {_mm256_fmadd_pd(low, low, sum.low), _mm256_fmadd_pd(high, high, sum.high)};
    }
    static double ReduceDoubles(Doubles sum) noexcept {
        const __m256d four = _mm256_add_pd(sum.low, sum.high);
        const __m128d two =
            _mm_add_pd(_mm256_castpd256_pd128(four), _mm256_extractf128_pd(four, 1));
        return _mm_cvtsd_f64(_mm_add_sd(two, _mm_unpackhi_pd(two, two)));
    }

    static __m256i TailMask(size_t n) noexcept {
        return _mm256_loadu_si256(reinterpret_cast<const __m256i *>(kTailMasks + 8 - n));
    }

    struct F32 {
        static constexpr size_t kBytes = 4;
        static Floats Load(const char *from) noexcept {
            return _mm256_loadu_ps(reinterpret_cast<const float *>(from));
        }
        static Floats LoadTail(const char *from, size_t n) noexcept {
            return _mm256_maskload_ps(reinterpret_cast<const float *>(from), TailMask(n));
        }
    };

    struct F16 {
        static constexpr size_t kBytes = 2;
        static Floats Load(const char *from) noexcept {
            return _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i *>(from)));
        }
        // There is no masked load of 16 bits: four, two and one halves are loaded as n has them.
        static Floats LoadTail(const char *from, size_t n) noexcept {
            uint64_t low = 0, high = 0;
            if (n & 1) {
                uint16_t one;
                __builtin_memcpy(&one, from + (n - 1) * kBytes, sizeof one);
                low = one;
            }
            if (n & 2) {
                uint32_t two;
                __builtin_memcpy(&two, from + (n & 4) * kBytes, sizeof two);
                low = low << 32 | two;
            }
            if (n & 4) {
                high = low;
                __builtin_memcpy(&low, from, sizeof low);
            }
            return _mm256_cvtph_ps(
                _mm_set_epi64x(static_cast<long long>(high), static_cast<long long>(low)));
        }
    };

    static void Store(float *out, Floats values) noexcept { _mm256_storeu_ps(out, values); }
    static void StoreTail(float *out, Floats values, size_t n) noexcept {
        _mm256_maskstore_ps(out, TailMask(n), values);
    }
    static __m128i ToHalves(Floats values) noexcept {
        return _mm256_cvtps_ph(values, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
    }
    static void StoreHalves(uint16_t *out, Floats values) noexcept {
        _mm_storeu_si128(reinterpret_cast<__m128i *>(out), ToHalves(values));
    }
    static void StoreHalvesTail(uint16_t *out, Floats values, size_t n) noexcept {
        const __m128i halves = ToHalves(values);
        __builtin_memcpy(out, &halves, n * sizeof *out);
    }

    static constexpr size_t kBytes = 32;
    using Bytes = __m256i;
    static Bytes LoadBytes(const char *from) noexcept {
        return _mm256_loadu_si256(reinterpret_cast<const __m256i *>(from));
    }
    static Bytes LoadBytesTail(const char *from, size_t n) noexcept {
        Bytes bytes = _mm256_setzero_si256();
        __builtin_memcpy(&bytes, from, n);
        return bytes;
    }
    static Bytes And(Bytes a, Bytes b) noexcept { return _mm256_and_si256(a, b); }
    static Bytes Or(Bytes a, Bytes b) noexcept { return _mm256_or_si256(a, b); }
    static Bytes Xor(Bytes a, Bytes b) noexcept { return _mm256_xor_si256(a, b); }

    using Counts = __m256i;
    static Counts ZeroCounts() noexcept { return _mm256_setzero_si256(); }
    // Mula, Kurz, Lemire 2016: a shuffle looks the count of each half byte up in a table.
    static Counts AddCount(Counts sum, Bytes bits) noexcept {
        const __m256i table = _mm256_setr_epi8(0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4,  //
                                               0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4);
        const __m256i nibble = _mm256_set1_epi8(0x0f);
        const __m256i low = _mm256_and_si256(bits, nibble);
        const __m256i high = _mm256_and_si256(_mm256_srli_epi16(bits, 4), nibble);
        const __m256i counts =
            _mm256_add_epi8(_mm256_shuffle_epi8(table, low), _mm256_shuffle_epi8(table, high));
        return _mm256_add_epi64(sum, _mm256_sad_epu8(counts, _mm256_setzero_si256()));
    }
    static uint64_t ReduceCounts(Counts sum) noexcept {
        uint64_t lanes[4];
        __builtin_memcpy(lanes, &sum, sizeof lanes);
        return (lanes[0] + lanes[1]) + (lanes[2] + lanes[3]);
    }

    static Floats Broadcast(float value) noexcept { return _mm256_set1_ps(value); }
    static Floats Multiply(Floats a, Floats b) noexcept { return _mm256_mul_ps(a, b); }
    using Lanes = __m256;
    static Lanes Greater(Floats a, Floats b) noexcept { return _mm256_cmp_ps(a, b, _CMP_GT_OQ); }
    static Floats Select(Lanes lanes, Floats yes, Floats no) noexcept {
        return _mm256_blendv_ps(no, yes, lanes);
    }
    static uint32_t BitsOf(Lanes lanes) noexcept {
        return static_cast<uint32_t>(_mm256_movemask_ps(lanes));
    }

    struct U8 {
        static Floats Load(const char *from) noexcept { return LoadTail(from, kWidth); }
        static Floats LoadTail(const char *from, size_t n) noexcept {
            __m128i bytes = _mm_setzero_si128();
            __builtin_memcpy(&bytes, from, n);
            return _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(bytes));
        }
    };
    static void StoreRounded(uint8_t *out, Floats values) noexcept {
        StoreRoundedTail(out, values, kWidth);
    }
    // The maximum yields its second operand for NaN.
    static void StoreRoundedTail(uint8_t *out, Floats values, size_t n) noexcept {
        const Floats bounded =
            _mm256_min_ps(_mm256_max_ps(values, _mm256_setzero_ps()), _mm256_set1_ps(255));
        const __m256i words = _mm256_cvtps_epi32(bounded);
        const __m128i shorts =
            _mm_packs_epi32(_mm256_castsi256_si128(words), _mm256_extracti128_si256(words, 1));
        const __m128i bytes = _mm_packus_epi16(shorts, shorts);
        __builtin_memcpy(out, &bytes, n);
    }

    // The neighbours' values plus one's own, minus in the upper lane of each pair.
    static Floats WithinRegister(Floats a) noexcept {
        a = _mm256_fmadd_ps(a, _mm256_setr_ps(1, -1, 1, -1, 1, -1, 1, -1),
                            _mm256_permute_ps(a, 0xb1));
        a = _mm256_fmadd_ps(a, _mm256_setr_ps(1, 1, -1, -1, 1, 1, -1, -1),
                            _mm256_permute_ps(a, 0x4e));
        return _mm256_fmadd_ps(a, _mm256_setr_ps(1, 1, 1, 1, -1, -1, -1, -1),
                               _mm256_permute2f128_ps(a, a, 0x01));
    }

    static constexpr size_t kShorts = 16;
    using Shorts = __m256i;
    struct BytesAsShorts {
        static constexpr size_t kBytes = 1;
        static Shorts Load(const char *from) noexcept {
            return _mm256_cvtepu8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i *>(from)));
        }
        static Shorts LoadTail(const char *from, size_t n) noexcept {
            __m128i bytes = _mm_setzero_si128();
            __builtin_memcpy(&bytes, from, n);
            return _mm256_cvtepu8_epi16(bytes);
        }
    };
    struct ShortsInMemory {
        static constexpr size_t kBytes = 2;
        static Shorts Load(const char *from) noexcept { return LoadBytes(from); }
        static Shorts LoadTail(const char *from, size_t n) noexcept {
            return LoadBytesTail(from, n * kBytes);
        }
    };
    using Integers = __m256i;
    static Integers ZeroIntegers() noexcept { return _mm256_setzero_si256(); }
    static Integers AddProducts(Integers sum, Shorts a, Shorts b) noexcept {
        return _mm256_add_epi32(sum, _mm256_madd_epi16(a, b));
    }
    static Integers AddIntegers(Integers a, Integers b) noexcept { return _mm256_add_epi32(a, b); }
    static uint32_t ReduceIntegers(Integers sum) noexcept {
        __m128i four = _mm_add_epi32(_mm256_castsi256_si128(sum), _mm256_extracti128_si256(sum, 1));
        four = _mm_add_epi32(four, _mm_shuffle_epi32(four, 0x4e));
        four = _mm_add_epi32(four, _mm_shuffle_epi32(four, 0xb1));
        return static_cast<uint32_t>(_mm_cvtsi128_si32(four));
    }

    // Per edge, what a row's two tables say: at most 254.
    static __m256i LookUp(const uint8_t *codes, const uint8_t *low, const uint8_t *high) noexcept {
        const __m256i nibble = _mm256_set1_epi8(0x0f);
        const __m256i code = _mm256_loadu_si256(reinterpret_cast<const __m256i *>(codes));
        return _mm256_add_epi8(
            _mm256_shuffle_epi8(_mm256_load_si256(reinterpret_cast<const __m256i *>(low)),
                                _mm256_and_si256(code, nibble)),
            _mm256_shuffle_epi8(_mm256_load_si256(reinterpret_cast<const __m256i *>(high)),
                                _mm256_and_si256(_mm256_srli_epi16(code, 4), nibble)));
    }

    static void SumWords(const uint8_t *codes, const uint16_t *words, size_t rows,
                         uint32_t *sums) noexcept {
        SumWordsOneByOne(codes, words, rows, sums);
    }

    // Sums of bytes stay within 16 bits if those of odd places are kept apart: what they add to
    // their neighbours' is subtracted at the end.
    static void SumEntries(const uint8_t *codes, const uint8_t *entries, size_t rows,
                           Floats *sums) noexcept {
        __m256i even = _mm256_setzero_si256(), odd = _mm256_setzero_si256();
        for (size_t row = 0; row < rows; row += 2) {
            const uint8_t *tables = entries + row * 64;
            const __m256i first = LookUp(codes + row * kEdgeBatch, tables, tables + 64);
            const __m256i second = LookUp(codes + (row + 1) * kEdgeBatch, tables + 32, tables + 96);
            even = _mm256_add_epi16(even, _mm256_add_epi16(first, second));
            odd = _mm256_add_epi16(
                odd, _mm256_add_epi16(_mm256_srli_epi16(first, 8), _mm256_srli_epi16(second, 8)));
        }
        even = _mm256_sub_epi16(even, _mm256_slli_epi16(odd, 8));
        const __m256i outer = _mm256_unpacklo_epi16(even, odd);  // edges 0..7 and 16..23
        const __m256i inner = _mm256_unpackhi_epi16(even, odd);  // edges 8..15 and 24..31
        sums[0] = WidenSums(_mm256_castsi256_si128(outer));
        sums[1] = WidenSums(_mm256_castsi256_si128(inner));
        sums[2] = WidenSums(_mm256_extracti128_si256(outer, 1));
        sums[3] = WidenSums(_mm256_extracti128_si256(inner, 1));
    }
    static Floats WidenSums(__m128i sums) noexcept {
        return _mm256_cvtepi32_ps(_mm256_cvtepu16_epi32(sums));
    }
};

}  // namespace

constinit const Kernels kAvx2Kernels = MakeKernels<Avx2>(SimdLevel::kAvx2, "avx2");

}  // namespace vecx

#ifdef __clang__
#pragma clang attribute pop
#endif

#endif  // VECX_HAVE_X86_KERNELS

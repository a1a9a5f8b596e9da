// The kernels for any CPU: no instruction beyond the compiler's baseline. "Scalar" is its name for
// users; the compiler's generic vectors become SSE2 on x86-64, NEON on aarch64 and single
// operations elsewhere. Every other level is tested against this one.

// Without SSE (i386), gcc warns that passing vectors is no stable ABI; here it all stays in one
// file.
#if defined(__i386__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wpsabi"
#endif

#include "core/half.h"
#include "core/kernels_body.h"
#include "core/kernels_levels.h"

namespace vecx {
namespace {

template <class T>
T LoadUnaligned(const void *from) noexcept {
    T value;
    __builtin_memcpy(&value, from, sizeof value);
    return value;
}

struct Scalar {
    static constexpr size_t kWidth = 4;
    static constexpr size_t kTileRows = 6;
    using Floats __attribute__((vector_size(16))) = float;
    using Words __attribute__((vector_size(16))) = int32_t;

    static Floats Zero() noexcept { return Floats{}; }
    static Floats Add(Floats a, Floats b) noexcept { return a + b; }
    static Floats Subtract(Floats a, Floats b) noexcept { return a - b; }
    static Floats Absolute(Floats a) noexcept { return (Floats)((Words)a & 0x7fffffff); }
    static Floats MultiplyAdd(Floats a, Floats b, Floats sum) noexcept { return a * b + sum; }
    static Floats Minimum(Floats a, Floats b) noexcept { return a < b ? a : b; }
    static float ReduceMinimum(Floats least) noexcept {
        const float x = least[0] < least[1] ? least[0] : least[1];
        const float y = least[2] < least[3] ? least[2] : least[3];
        return x < y ? x : y;
    }
    static float Reduce(Floats sum) noexcept { return (sum[0] + sum[2]) + (sum[1] + sum[3]); }

    struct Doubles {
        double lane[4];
    };
    static Doubles ZeroDoubles() noexcept { return {}; }
    static Doubles AddSquares(Doubles sum, Floats a) noexcept {
        return {{
            sum.lane[0] + static_cast<double>(a[0]) * a[0],
            sum.lane[1] + static_cast<double>(a[1]) * a[1],
            sum.lane[2] + static_cast<double>(a[2]) * a[2],
            sum.lane[3] + static_cast<double>(a[3]) * a[3],
        }};
    }
    static double ReduceDoubles(Doubles sum) noexcept {
        return (sum.lane[0] + sum.lane[2]) + (sum.lane[1] + sum.lane[3]);
    }

    struct F32 {
        static constexpr size_t kBytes = 4;
        static Floats Load(const char *from) noexcept { return LoadUnaligned<Floats>(from); }
        static Floats LoadTail(const char *from, size_t n) noexcept {
            Floats values = {};
            values[0] = LoadUnaligned<float>(from);
            if (n > 1) values[1] = LoadUnaligned<float>(from + 4);
            if (n > 2) values[2] = LoadUnaligned<float>(from + 8);
            return values;
        }
    };

    struct F16 {
        static constexpr size_t kBytes = 2;
        static Floats Load(const char *from) noexcept { return Widen(LoadUnaligned<Halves>(from)); }
        static Floats LoadTail(const char *from, size_t n) noexcept {
            Halves halves = {};
            halves[0] = LoadUnaligned<uint16_t>(from);
            if (n > 1) halves[1] = LoadUnaligned<uint16_t>(from + 2);
            if (n > 2) halves[2] = LoadUnaligned<uint16_t>(from + 4);
            return Widen(halves);
        }

      private:
        using Halves __attribute__((vector_size(8))) = uint16_t;
        // HalfToFloat() without branches: the bits of a half, shifted, are a float 2^112 times too
        // small, subnormals included; only infinity and NaN want another exponent.
        static Floats Widen(Halves halves) noexcept {
            const Words bits = __builtin_convertvector(halves, Words);
            const Words magnitude = (bits & 0x7fff) << 13;
            const Words scaled = (Words)((Floats)magnitude * 0x1p112f);
            const Words infinite = (Words)(magnitude >= 0x7c00 << 13) & 0x7f800000;
            return (Floats)(scaled | infinite | (bits & 0x8000) << 16);
        }
    };

    static void Store(float *out, Floats values) noexcept {
        __builtin_memcpy(out, &values, sizeof values);
    }
    static void StoreTail(float *out, Floats values, size_t n) noexcept {
        for (size_t i = 0; i < n; i++) out[i] = values[i];
    }
    static void StoreHalves(uint16_t *out, Floats values) noexcept {
        StoreHalvesTail(out, values, kWidth);
    }
    static void StoreHalvesTail(uint16_t *out, Floats values, size_t n) noexcept {
        for (size_t i = 0; i < n; i++) out[i] = FloatToHalf(values[i]).bits;
    }

    static constexpr size_t kBytes = 8;
    using Bytes = uint64_t;
    static Bytes LoadBytes(const char *from) noexcept { return LoadUnaligned<uint64_t>(from); }
    static Bytes LoadBytesTail(const char *from, size_t n) noexcept {
        Bytes bytes = 0;
        for (size_t i = 0; i < n; i++) bytes = bytes << 8 | static_cast<uint8_t>(from[i]);
        return bytes;
    }
    static Bytes And(Bytes a, Bytes b) noexcept { return a & b; }
    static Bytes Or(Bytes a, Bytes b) noexcept { return a | b; }
    static Bytes Xor(Bytes a, Bytes b) noexcept { return a ^ b; }

    using Counts = uint64_t;
    static Counts ZeroCounts() noexcept { return 0; }
    // In place of __builtin_popcountll, which is a library call on baseline x86-64: counts of two,
    // four and eight bits side by side, summed by a multiplication into the top byte.
    static Counts AddCount(Counts sum, Bytes bits) noexcept {
        bits -= bits >> 1 & 0x5555555555555555;
        bits = (bits & 0x3333333333333333) + (bits >> 2 & 0x3333333333333333);
        bits = (bits + (bits >> 4)) & 0x0f0f0f0f0f0f0f0f;
        return sum + (bits * 0x0101010101010101 >> 56);
    }
    static uint64_t ReduceCounts(Counts sum) noexcept { return sum; }

    static Floats Broadcast(float value) noexcept { return Floats{value, value, value, value}; }
    static Floats Multiply(Floats a, Floats b) noexcept { return a * b; }
    using Lanes = Words;
    static Lanes Greater(Floats a, Floats b) noexcept { return (Words)(a > b); }
    static Floats Select(Lanes lanes, Floats yes, Floats no) noexcept {
        return (Floats)(((Words)yes & lanes) | ((Words)no & ~lanes));
    }
    static uint32_t BitsOf(Lanes lanes) noexcept {
        lanes &= Words{1, 2, 4, 8};
        return static_cast<uint32_t>(lanes[0] | lanes[1] | lanes[2] | lanes[3]);
    }

    struct U8 {
        static Floats Load(const char *from) noexcept {
            return Floats{Value(from), Value(from + 1), Value(from + 2), Value(from + 3)};
        }
        static Floats LoadTail(const char *from, size_t n) noexcept {
            return Floats{Value(from), n > 1 ? Value(from + 1) : 0, n > 2 ? Value(from + 2) : 0, 0};
        }

      private:
        static float Value(const char *from) noexcept { return static_cast<uint8_t>(*from); }
    };
    static void StoreRounded(uint8_t *out, Floats values) noexcept {
        StoreRoundedTail(out, values, kWidth);
    }
    // Next to 2^23 floats have no bits for fractions: the addition rounds. NaN fails the first
    // comparison and becomes 0.
    static void StoreRoundedTail(uint8_t *out, Floats values, size_t n) noexcept {
        const Floats largest = Broadcast(255);
        values = Select(Greater(values, Zero()), values, Zero());
        values = Select(Greater(values, largest), largest, values);
        const Words rounded = (Words)(values + Broadcast(0x1p23f));
        for (size_t i = 0; i < n; i++) out[i] = static_cast<uint8_t>(rounded[i]);
    }

    static Floats WithinRegister(Floats a) noexcept {
        a = Floats{a[0] + a[1], a[0] - a[1], a[2] + a[3], a[2] - a[3]};
        return Floats{a[0] + a[2], a[1] + a[3], a[0] - a[2], a[1] - a[3]};
    }

    // Single numbers: the baseline of x86-64 multiplies no vectors of 32-bit integers.
    static constexpr size_t kShorts = 1;
    using Shorts = int32_t;
    struct BytesAsShorts {
        static constexpr size_t kBytes = 1;
        static Shorts Load(const char *from) noexcept { return static_cast<uint8_t>(*from); }
        static Shorts LoadTail(const char *, size_t) noexcept { return 0; }
    };
    struct ShortsInMemory {
        static constexpr size_t kBytes = 2;
        static Shorts Load(const char *from) noexcept { return LoadUnaligned<int16_t>(from); }
        static Shorts LoadTail(const char *, size_t) noexcept { return 0; }
    };
    using Integers = uint32_t;
    static Integers ZeroIntegers() noexcept { return 0; }
    static Integers AddProducts(Integers sum, Shorts a, Shorts b) noexcept {
        return sum + static_cast<uint32_t>(a * b);
    }
    static Integers AddIntegers(Integers a, Integers b) noexcept { return a + b; }
    static uint32_t ReduceIntegers(Integers sum) noexcept { return sum; }

    static void SumWords(const uint8_t *codes, const uint16_t *words, size_t rows,
                         uint32_t *sums) noexcept {
        SumWordsOneByOne(codes, words, rows, sums);
    }

    static void SumEntries(const uint8_t *codes, const uint8_t *entries, size_t rows,
                           Floats *sums) noexcept {
        uint16_t sum[kEdgeBatch] = {};
        for (size_t row = 0; row < rows; row++) {
            // Two rows share 128 bytes, each table stands twice.
            const uint8_t *low = entries + row / 2 * 128 + row % 2 * 32, *high = low + 64;
            for (size_t i = 0; i < kEdgeBatch; i++) {
                const uint8_t code = codes[row * kEdgeBatch + i];
                sum[i] = static_cast<uint16_t>(sum[i] + low[code & 15] + high[code >> 4]);
            }
        }
        for (size_t i = 0; i < kEdgeBatch; i++) sums[i / kWidth][i % kWidth] = sum[i];
    }
};

}  // namespace

constinit const Kernels kScalarKernels = MakeKernels<Scalar>(SimdLevel::kScalar, "scalar");

}  // namespace vecx

// Every distance algorithm, once, over the registers of one CPU level. Included by each
// kernels_<level>.cpp inside its target region, so the same text becomes another function there;
// the unnamed namespace keeps the linker from merging them across levels.
//
// A level is a struct Isa:
//   kWidth, Floats          floats in a register, and the register
//   Zero, Reduce            no sum yet; sum over the lanes
//   Add, Subtract, Absolute, MultiplyAdd(x, y, sum)
//   Doubles, ZeroDoubles, AddSquares(sum, floats), ReduceDoubles   the same for norms
//   F32, F16                elements in memory: kBytes, Load, LoadTail(from, n) for n < kWidth,
//                           which reads n elements and no more, the other lanes are 0
//   Store, StoreTail(to, floats, n), StoreHalves, StoreHalvesTail
//   kBytes, Bytes           bytes in a register of bits, and the register
//   LoadBytes, LoadBytesTail, And, Or, Xor
//   Counts, ZeroCounts, AddCount(sum, bytes), ReduceCounts         numbers of set bits

#pragma once

#include "core/kernels.h"

namespace vecx {
namespace {

// Halves take so many instructions per byte that the CPU's own look-ahead covers little memory: a
// scan gains 10 to 18% from asking earlier, for nothing in cache. Floats gain nothing, on heap
// pages they even lose. Either argument may be the one that comes from memory. What lies behind the
// vector may be asked for as well: a prefetch never faults.
template <class Element, size_t kBytes>
inline void PrefetchAhead(const char *a, const char *b) noexcept {
    if constexpr (Element::kBytes == 2) {
        constexpr size_t kAhead = 512, kCacheLine = 64;
        for (size_t at = kAhead; at < kAhead + kBytes; at += kCacheLine) {
            __builtin_prefetch(reinterpret_cast<const void *>(reinterpret_cast<uintptr_t>(a) + at));
            __builtin_prefetch(reinterpret_cast<const void *>(reinterpret_cast<uintptr_t>(b) + at));
        }
    } else {
        (void)a, (void)b;
    }
}

template <class Isa>
struct SquaredDifference {
    using Floats = typename Isa::Floats;
    static Floats Add(Floats sum, Floats a, Floats b) noexcept {
        const Floats difference = Isa::Subtract(a, b);
        return Isa::MultiplyAdd(difference, difference, sum);
    }
};

template <class Isa>
struct Product {
    using Floats = typename Isa::Floats;
    static Floats Add(Floats sum, Floats a, Floats b) noexcept {
        return Isa::MultiplyAdd(a, b, sum);
    }
};

template <class Isa>
struct AbsoluteDifference {
    using Floats = typename Isa::Floats;
    static Floats Add(Floats sum, Floats a, Floats b) noexcept {
        return Isa::Add(sum, Isa::Absolute(Isa::Subtract(a, b)));
    }
};

// The sum of Term over all pairs. Four sums hide the latency of the addition (4 cycles on today's
// cores, at one addition per cycle: two loads per pair are what limits).
template <class Isa, class Element, class Term>
float SumOverPairs(const void *a, const void *b, size_t n) noexcept {
    constexpr size_t kStride = Isa::kWidth * Element::kBytes;
    const char *left = static_cast<const char *>(a);
    const char *right = static_cast<const char *>(b);
    auto sum0 = Isa::Zero(), sum1 = Isa::Zero(), sum2 = Isa::Zero(), sum3 = Isa::Zero();
    for (; n >= 4 * Isa::kWidth; n -= 4 * Isa::kWidth) {
        PrefetchAhead<Element, 4 * kStride>(left, right);
        sum0 = Term::Add(sum0, Element::Load(left), Element::Load(right));
        sum1 = Term::Add(sum1, Element::Load(left + kStride), Element::Load(right + kStride));
        sum2 =
            Term::Add(sum2, Element::Load(left + 2 * kStride), Element::Load(right + 2 * kStride));
        sum3 =
            Term::Add(sum3, Element::Load(left + 3 * kStride), Element::Load(right + 3 * kStride));
        left += 4 * kStride;
        right += 4 * kStride;
    }
    for (; n >= Isa::kWidth; n -= Isa::kWidth) {
        sum0 = Term::Add(sum0, Element::Load(left), Element::Load(right));
        left += kStride;
        right += kStride;
    }
    if (n > 0) sum1 = Term::Add(sum1, Element::LoadTail(left, n), Element::LoadTail(right, n));
    return Isa::Reduce(Isa::Add(Isa::Add(sum0, sum1), Isa::Add(sum2, sum3)));
}

template <class Isa>
struct CosineRegisters {
    typename Isa::Floats dot, norm_a, norm_b;

    void AddPairs(typename Isa::Floats a, typename Isa::Floats b) noexcept {
        dot = Isa::MultiplyAdd(a, b, dot);
        norm_a = Isa::MultiplyAdd(a, a, norm_a);
        norm_b = Isa::MultiplyAdd(b, b, norm_b);
    }
};

// Three sums per register set, so three sets keep two multiply-adds per cycle busy.
template <class Isa, class Element>
CosineSums Cosine(const void *a, const void *b, size_t n) noexcept {
    constexpr size_t kStride = Isa::kWidth * Element::kBytes;
    const char *left = static_cast<const char *>(a);
    const char *right = static_cast<const char *>(b);
    CosineRegisters<Isa> sums0 = {Isa::Zero(), Isa::Zero(), Isa::Zero()};
    CosineRegisters<Isa> sums1 = sums0, sums2 = sums0;
    for (; n >= 3 * Isa::kWidth; n -= 3 * Isa::kWidth) {
        PrefetchAhead<Element, 3 * kStride>(left, right);
        sums0.AddPairs(Element::Load(left), Element::Load(right));
        sums1.AddPairs(Element::Load(left + kStride), Element::Load(right + kStride));
        sums2.AddPairs(Element::Load(left + 2 * kStride), Element::Load(right + 2 * kStride));
        left += 3 * kStride;
        right += 3 * kStride;
    }
    for (; n >= Isa::kWidth; n -= Isa::kWidth) {
        sums0.AddPairs(Element::Load(left), Element::Load(right));
        left += kStride;
        right += kStride;
    }
    if (n > 0) sums1.AddPairs(Element::LoadTail(left, n), Element::LoadTail(right, n));
    return {
        Isa::Reduce(Isa::Add(Isa::Add(sums0.dot, sums1.dot), sums2.dot)),
        Isa::Reduce(Isa::Add(Isa::Add(sums0.norm_a, sums1.norm_a), sums2.norm_a)),
        Isa::Reduce(Isa::Add(Isa::Add(sums0.norm_b, sums1.norm_b), sums2.norm_b)),
    };
}

// Two registers of floats become four of doubles, which are sums enough.
template <class Isa, class Element>
double SquaredNorm(const void *a, size_t n) noexcept {
    constexpr size_t kStride = Isa::kWidth * Element::kBytes;
    const char *from = static_cast<const char *>(a);
    auto sum0 = Isa::ZeroDoubles(), sum1 = Isa::ZeroDoubles();
    for (; n >= 2 * Isa::kWidth; n -= 2 * Isa::kWidth) {
        sum0 = Isa::AddSquares(sum0, Element::Load(from));
        sum1 = Isa::AddSquares(sum1, Element::Load(from + kStride));
        from += 2 * kStride;
    }
    if (n >= Isa::kWidth) {
        sum0 = Isa::AddSquares(sum0, Element::Load(from));
        from += kStride;
        n -= Isa::kWidth;
    }
    if (n > 0) sum1 = Isa::AddSquares(sum1, Element::LoadTail(from, n));
    return Isa::ReduceDoubles(sum0) + Isa::ReduceDoubles(sum1);
}

template <class Isa>
uint64_t Hamming(const void *a, const void *b, size_t n) noexcept {
    const char *left = static_cast<const char *>(a);
    const char *right = static_cast<const char *>(b);
    auto sum = Isa::ZeroCounts();
    for (; n >= Isa::kBytes; n -= Isa::kBytes) {
        sum = Isa::AddCount(sum, Isa::Xor(Isa::LoadBytes(left), Isa::LoadBytes(right)));
        left += Isa::kBytes;
        right += Isa::kBytes;
    }
    if (n > 0)
        sum =
            Isa::AddCount(sum, Isa::Xor(Isa::LoadBytesTail(left, n), Isa::LoadBytesTail(right, n)));
    return Isa::ReduceCounts(sum);
}

template <class Isa>
BitCounts Overlap(const void *a, const void *b, size_t n) noexcept {
    const char *left = static_cast<const char *>(a);
    const char *right = static_cast<const char *>(b);
    auto both = Isa::ZeroCounts(), either = Isa::ZeroCounts();
    for (; n >= Isa::kBytes; n -= Isa::kBytes) {
        const auto x = Isa::LoadBytes(left), y = Isa::LoadBytes(right);
        both = Isa::AddCount(both, Isa::And(x, y));
        either = Isa::AddCount(either, Isa::Or(x, y));
        left += Isa::kBytes;
        right += Isa::kBytes;
    }
    if (n > 0) {
        const auto x = Isa::LoadBytesTail(left, n), y = Isa::LoadBytesTail(right, n);
        both = Isa::AddCount(both, Isa::And(x, y));
        either = Isa::AddCount(either, Isa::Or(x, y));
    }
    return {Isa::ReduceCounts(both), Isa::ReduceCounts(either)};
}

template <class Isa>
void HalfToFloats(const void *half, float *out, size_t n) noexcept {
    const char *from = static_cast<const char *>(half);
    for (; n >= Isa::kWidth; n -= Isa::kWidth) {
        Isa::Store(out, Isa::F16::Load(from));
        from += Isa::kWidth * Isa::F16::kBytes;
        out += Isa::kWidth;
    }
    if (n > 0) Isa::StoreTail(out, Isa::F16::LoadTail(from, n), n);
}

template <class Isa>
void FloatsToHalf(const void *values, uint16_t *out, size_t n) noexcept {
    const char *from = static_cast<const char *>(values);
    for (; n >= Isa::kWidth; n -= Isa::kWidth) {
        Isa::StoreHalves(out, Isa::F32::Load(from));
        from += Isa::kWidth * Isa::F32::kBytes;
        out += Isa::kWidth;
    }
    if (n > 0) Isa::StoreHalvesTail(out, Isa::F32::LoadTail(from, n), n);
}

template <class Isa, class Element>
constexpr DistanceKernels DistanceKernelsOf() {
    return {
        SumOverPairs<Isa, Element, SquaredDifference<Isa>>,
        SumOverPairs<Isa, Element, Product<Isa>>,
        SumOverPairs<Isa, Element, AbsoluteDifference<Isa>>,
        Cosine<Isa, Element>,
        SquaredNorm<Isa, Element>,
    };
}

template <class Isa>
constexpr Kernels MakeKernels(SimdLevel level, const char *name) {
    return {
        level,
        name,
        DistanceKernelsOf<Isa, typename Isa::F32>(),
        DistanceKernelsOf<Isa, typename Isa::F16>(),
        {Hamming<Isa>, Overlap<Isa>},
        HalfToFloats<Isa>,
        FloatsToHalf<Isa>,
    };
}

}  // namespace
}  // namespace vecx

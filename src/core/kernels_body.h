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
//   Minimum, ReduceMinimum  of two registers, over the lanes
//   Broadcast(float), Multiply; Lanes, Greater(x, y), Select(lanes, where set, else), BitsOf(lanes)
//   U8                      bytes in memory as floats: like F32
//   StoreRounded, StoreRoundedTail(to, floats, n)    floats as bytes: to nearest, within 0..255
//   WithinRegister          the Walsh-Hadamard transform of each register by itself
//   kShorts, Shorts         16-bit integers in a register, and the register; Load and LoadTail of
//                           struct BytesAsShorts and struct ShortsInMemory
//   Integers, ZeroIntegers, AddProducts(sum, shorts, shorts), AddIntegers, ReduceIntegers
//   SumWords(codes, words, rows, sums)       adds to 32 sums the words that bytes of codes say
//   kTileRows               rows whose products with two registers of columns are summed at once
//   SumEntries(codes, entries, rows, sums)   one plane of CodeKernels::estimate: 32 sums as floats
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
typename Isa::Floats LoadFloats(const float *from) noexcept {
    return Isa::F32::Load(reinterpret_cast<const char *>(from));
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

template <class Isa>
uint32_t Estimate(const EdgeBatch &batch, const CodeTable &table, float base, float bound,
                  float *estimates) noexcept {
    using Floats = typename Isa::Floats;
    constexpr size_t kParts = kEdgeBatch / Isa::kWidth;
    constexpr size_t kStride = Isa::kWidth * Isa::F16::kBytes;
    Floats sums[kParts];
    Isa::SumEntries(batch.codes, table.entries, table.rows, sums);
    if (table.bits == 2) {
        Floats low[kParts];
        Isa::SumEntries(batch.codes + table.rows * kEdgeBatch, table.entries, table.rows, low);
#pragma GCC unroll 8
        for (size_t i = 0; i < kParts; i++)
            sums[i] = Isa::MultiplyAdd(Isa::Broadcast(0.5f), low[i], sums[i]);
    }
    const char *addend = reinterpret_cast<const char *>(batch.addend);
    const char *factor = reinterpret_cast<const char *>(batch.factor);
    const char *excess = reinterpret_cast<const char *>(batch.excess);
    uint32_t below = 0;
#pragma GCC unroll 8
    for (size_t i = 0; i < kParts; i++) {
        const Floats product =
            Isa::MultiplyAdd(Isa::Broadcast(table.step), sums[i], Isa::Broadcast(table.bias));
        const Floats scaled =
            Isa::Multiply(Isa::Broadcast(batch.factor_scale), Isa::F16::Load(factor + i * kStride));
        Floats constant = Isa::F16::Load(addend + i * kStride);
        if (excess != nullptr)
            constant = Isa::Subtract(constant, Isa::F16::Load(excess + i * kStride));
        constant =
            Isa::MultiplyAdd(Isa::Broadcast(batch.addend_scale), constant, Isa::Broadcast(base));
        const Floats estimate = Isa::MultiplyAdd(scaled, product, constant);
        Isa::Store(estimates + i * Isa::kWidth, estimate);
        below |= Isa::BitsOf(Isa::Greater(Isa::Broadcast(bound), estimate)) << i * Isa::kWidth;
    }
    return below;
}

// Whole tables of half bytes, of any number of rows: 16 bits hold the sums of so many at once.
constexpr int kRowsAtOnce = 256;

constexpr int kFactorsAhead = 512;  // what leads the next block, and what comes by itself

template <class Isa>
void SumPieces(const ListBatch &batch, const uint8_t *entries,
               typename Isa::Floats *sums) noexcept {
    constexpr size_t kParts = kEdgeBatch / Isa::kWidth;
    bool first = true;
    for (int piece = 0; piece < batch.piece_count; piece++) {
        const uint8_t *codes = batch.pieces[piece].codes;
        int left = batch.pieces[piece].rows;
        // Blocks follow each other, but the CPU's own look-ahead covers little of the next one.
        const uint8_t *next = codes + left * static_cast<int>(kEdgeBatch) + kFactorsAhead;
        for (int row = 0; row < left; row += 2) __builtin_prefetch(next + row * 32);
        while (left > 0) {
            const int rows = left < kRowsAtOnce ? left : kRowsAtOnce;
            typename Isa::Floats part[kParts];
            Isa::SumEntries(codes, entries, static_cast<size_t>(rows), part);
#pragma GCC unroll 8
            for (size_t i = 0; i < kParts; i++)
                sums[i] = first ? part[i] : Isa::Add(sums[i], part[i]);
            first = false;
            codes += rows * static_cast<int>(kEdgeBatch);
            entries += rows * 64;
            left -= rows;
        }
    }
}

// The sums of 32 rows of whole tables of bytes.
inline void SumWordsOneByOne(const uint8_t *codes, const uint16_t *words, size_t rows,
                             uint32_t *sums) noexcept {
    for (size_t row = 0; row < rows; row++, words += 256)
        for (size_t i = 0; i < kEdgeBatch; i++) sums[i] += words[codes[row * kEdgeBatch + i]];
}

template <class Isa>
void SumWordPieces(const ListBatch &batch, const uint16_t *words,
                   typename Isa::Floats *sums) noexcept {
    constexpr size_t kParts = kEdgeBatch / Isa::kWidth;
    uint32_t totals[kEdgeBatch] = {};
    for (int piece = 0; piece < batch.piece_count; piece++) {
        const auto rows = static_cast<size_t>(batch.pieces[piece].rows);
        Isa::SumWords(batch.pieces[piece].codes, words, rows, totals);
        words += rows * 256;
    }
    float floats[kEdgeBatch];
    for (size_t i = 0; i < kEdgeBatch; i++) floats[i] = static_cast<float>(totals[i]);
#pragma GCC unroll 8
    for (size_t i = 0; i < kParts; i++) sums[i] = LoadFloats<Isa>(floats + i * Isa::kWidth);
}

template <class Isa>
uint32_t EndList(const ListBatch &batch, const ListTable &table, const ListTerms &terms,
                 const typename Isa::Floats *sums, float *estimates, float *bounds) noexcept {
    using Floats = typename Isa::Floats;
    constexpr size_t kParts = kEdgeBatch / Isa::kWidth;
    constexpr size_t kStride = Isa::kWidth * Isa::F16::kBytes;
    const char *addend = reinterpret_cast<const char *>(batch.addend);
    const char *factor = reinterpret_cast<const char *>(batch.factor);
    const char *error = reinterpret_cast<const char *>(batch.error);
    const Floats largest = Isa::Broadcast(__FLT_MAX__);
    const Floats factor_scale = Isa::Broadcast(batch.factor_scale);
    // Never 0: an error that is not known is infinite.
    const float product_of_scales = terms.error_margin * batch.factor_scale;
    const float margin = product_of_scales > __FLT_MIN__ ? product_of_scales : __FLT_MIN__;
    uint32_t below = 0;
#pragma GCC unroll 8
    for (size_t i = 0; i < kParts; i++) {
        const Floats product =
            Isa::MultiplyAdd(Isa::Broadcast(table.step), sums[i], Isa::Broadcast(table.bias));
        Floats scaled = factor_scale;
        if (factor != nullptr)
            scaled = Isa::Multiply(factor_scale, Isa::F16::Load(factor + i * kStride));
        const Floats constant =
            Isa::MultiplyAdd(Isa::Broadcast(batch.addend_scale),
                             Isa::F16::Load(addend + i * kStride), Isa::Broadcast(terms.base));
        Floats estimate = Isa::MultiplyAdd(scaled, product, constant);
        Floats bound =
            Isa::MultiplyAdd(Isa::Broadcast(-terms.table_margin), Isa::Absolute(scaled), estimate);
        if (error != nullptr)
            bound = Isa::MultiplyAdd(Isa::Broadcast(-margin), Isa::F16::Load(error + i * kStride),
                                     bound);
        estimate = Isa::Select(Isa::Greater(largest, estimate), estimate, largest);
        bound = Isa::Select(Isa::Greater(largest, bound), bound, largest);
        Isa::Store(estimates + i * Isa::kWidth, estimate);
        Isa::Store(bounds + i * Isa::kWidth, bound);
        below |= Isa::BitsOf(Isa::Greater(Isa::Broadcast(terms.threshold), bound))
                 << i * Isa::kWidth;
    }
    return below;
}

template <class Isa>
uint32_t EstimateList(const ListBatch &batch, const ListTable &table, const ListTerms &terms,
                      float *estimates, float *bounds) noexcept {
    constexpr size_t kParts = kEdgeBatch / Isa::kWidth;
    typename Isa::Floats sums[kParts];
#pragma GCC unroll 8
    for (size_t i = 0; i < kParts; i++) sums[i] = Isa::Zero();
    SumPieces<Isa>(batch, table.entries, sums);
    return EndList<Isa>(batch, table, terms, sums, estimates, bounds);
}

template <class Isa>
uint32_t EstimateListBytes(const ListBatch &batch, const ListTable &table, const ListTerms &terms,
                           float *estimates, float *bounds) noexcept {
    constexpr size_t kParts = kEdgeBatch / Isa::kWidth;
    typename Isa::Floats sums[kParts];
#pragma GCC unroll 8
    for (size_t i = 0; i < kParts; i++) sums[i] = Isa::Zero();
    SumWordPieces<Isa>(batch, table.words, sums);
    return EndList<Isa>(batch, table, terms, sums, estimates, bounds);
}

template <class Isa>
PassedEdges CompareEdges(const float *lengths, const float *between, float distance,
                         float factor) noexcept {
    PassedEdges passed = {0, 0};
    const auto way = Isa::Broadcast(distance);
#pragma GCC unroll 8
    for (size_t i = 0; i < kEdgeBatch; i += Isa::kWidth) {
        const auto length = Isa::F32::Load(reinterpret_cast<const char *>(lengths + i));
        const auto aside = Isa::Multiply(
            Isa::Broadcast(factor), Isa::F32::Load(reinterpret_cast<const char *>(between + i)));
        passed.shorter |=
            (Isa::BitsOf(Isa::Greater(way, length)) & Isa::BitsOf(Isa::Greater(way, aside))) << i;
        passed.longer |=
            (Isa::BitsOf(Isa::Greater(length, way)) & Isa::BitsOf(Isa::Greater(length, aside)))
            << i;
    }
    return passed;
}

template <class Isa>
size_t Smallest(const float *keys, size_t n) noexcept {
    using Floats = typename Isa::Floats;
    constexpr size_t kStep = 4 * Isa::kWidth;
    const auto load = [keys](size_t i) {
        return Isa::F32::Load(reinterpret_cast<const char *>(keys + i));
    };
    Floats least0 = load(0), least1 = load(Isa::kWidth), least2 = load(2 * Isa::kWidth),
           least3 = load(3 * Isa::kWidth);
    for (size_t i = kStep; i < n; i += kStep) {
        least0 = Isa::Minimum(least0, load(i));
        least1 = Isa::Minimum(least1, load(i + Isa::kWidth));
        least2 = Isa::Minimum(least2, load(i + 2 * Isa::kWidth));
        least3 = Isa::Minimum(least3, load(i + 3 * Isa::kWidth));
    }
    const Floats least = Isa::Broadcast(Isa::ReduceMinimum(
        Isa::Minimum(Isa::Minimum(least0, least1), Isa::Minimum(least2, least3))));
    constexpr uint32_t kAll = (1u << Isa::kWidth) - 1;
    for (size_t i = 0;; i += Isa::kWidth) {
        const uint32_t greater = Isa::BitsOf(Isa::Greater(load(i), least));
        if (greater != kAll) return i + static_cast<size_t>(__builtin_ctz(~greater));
    }
}

template <class Isa>
void Rank(float *keys, size_t n, uint32_t *ranks) noexcept {
    const auto load = [keys](size_t i) {
        return Isa::F32::Load(reinterpret_cast<const char *>(keys + i));
    };
    const size_t end = (n + Isa::kWidth - 1) / Isa::kWidth * Isa::kWidth;
    for (size_t i = n; i < end; i++) keys[i] = __builtin_inff();
    for (size_t i = 0; i < n; i++) {
        const auto key = Isa::Broadcast(keys[i]);
        // Before it what is not greater goes before it, behind it what is less.
        const size_t own = i / Isa::kWidth * Isa::kWidth;
        const uint32_t earlier = (1u << (i - own)) - 1, all = (1u << Isa::kWidth) - 1;
        uint32_t rank = 0;
        for (size_t j = 0; j < own; j += Isa::kWidth)
            rank += __builtin_popcount(all & ~Isa::BitsOf(Isa::Greater(load(j), key)));
        rank += __builtin_popcount(earlier & ~Isa::BitsOf(Isa::Greater(load(own), key)));
        rank += __builtin_popcount(~earlier & Isa::BitsOf(Isa::Greater(key, load(own))));
        for (size_t j = own + Isa::kWidth; j < end; j += Isa::kWidth)
            rank += __builtin_popcount(Isa::BitsOf(Isa::Greater(key, load(j))));
        ranks[i] = rank;
    }
}

template <class Isa>
ValueRange Range(const float *values, size_t n) noexcept {
    using Floats = typename Isa::Floats;
    Floats least = LoadFloats<Isa>(values), negative = Isa::Subtract(Isa::Zero(), least);
    for (size_t i = Isa::kWidth; i < n; i += Isa::kWidth) {
        const Floats value = LoadFloats<Isa>(values + i);
        least = Isa::Minimum(least, value);
        negative = Isa::Minimum(negative, Isa::Subtract(Isa::Zero(), value));
    }
    return {Isa::ReduceMinimum(least), -Isa::ReduceMinimum(negative)};
}

// 16 dimensions give two bytes of each plane, at every level. Bit order must not depend on the
// machine's byte order.
inline void StoreBits(uint8_t *to, uint32_t bits) noexcept {
    to[0] = static_cast<uint8_t>(bits);
    to[1] = static_cast<uint8_t>(bits >> 8);
}
constexpr size_t kEncodeStep = 16;

template <class Isa>
struct CodeRegisters {
    using Floats = typename Isa::Floats;
    Floats residual, node;

    // The sum of code times residual is a sum of magnitudes here.
    void AddSigns(const float *x, const float *y, uint8_t *to) noexcept {
        uint32_t bits = 0;
#pragma GCC unroll 4
        for (size_t i = 0; i < kEncodeStep; i += Isa::kWidth) {
            const Floats left = Isa::F32::Load(reinterpret_cast<const char *>(x + i));
            const Floats right = Isa::F32::Load(reinterpret_cast<const char *>(y + i));
            const auto above = Isa::Greater(left, right);
            residual = Isa::Add(residual, Isa::Absolute(Isa::Subtract(left, right)));
            node = Isa::Add(node, Isa::Select(above, right, Isa::Subtract(Isa::Zero(), right)));
            bits |= Isa::BitsOf(above) << i;
        }
        StoreBits(to, bits);
    }

    void AddLevels(const float *x, const float *y, float step, uint8_t *to_high,
                   uint8_t *to_low) noexcept {
        const Floats up = Isa::Broadcast(step), down = Isa::Broadcast(-step);
        uint32_t high_bits = 0, low_bits = 0;
#pragma GCC unroll 4
        for (size_t i = 0; i < kEncodeStep; i += Isa::kWidth) {
            const Floats left = Isa::F32::Load(reinterpret_cast<const char *>(x + i));
            const Floats right = Isa::F32::Load(reinterpret_cast<const char *>(y + i));
            const Floats difference = Isa::Subtract(left, right);
            const auto high = Isa::Greater(left, right);
            const auto low = Isa::Greater(difference, Isa::Select(high, up, down));
            const Floats code =
                Isa::Add(Isa::Select(high, Isa::Broadcast(0.5f), Isa::Broadcast(-1.5f)),
                         Isa::Select(low, Isa::Broadcast(1), Isa::Zero()));
            residual = Isa::MultiplyAdd(code, difference, residual);
            node = Isa::MultiplyAdd(code, right, node);
            high_bits |= Isa::BitsOf(high) << i;
            low_bits |= Isa::BitsOf(low) << i;
        }
        StoreBits(to_high, high_bits);
        StoreBits(to_low, low_bits);
    }
};

template <class Isa>
CodeSums EncodeSigns(const float *x, const float *y, size_t n, uint8_t *bits) noexcept {
    CodeRegisters<Isa> sums0 = {Isa::Zero(), Isa::Zero()}, sums1 = sums0;
    size_t i = 0;
    for (; i + 2 * kEncodeStep <= n; i += 2 * kEncodeStep) {
        sums0.AddSigns(x + i, y + i, bits + i / 8);
        sums1.AddSigns(x + i + kEncodeStep, y + i + kEncodeStep, bits + i / 8 + 2);
    }
    if (i < n) sums0.AddSigns(x + i, y + i, bits + i / 8);
    return {Isa::Reduce(Isa::Add(sums0.residual, sums1.residual)),
            Isa::Reduce(Isa::Add(sums0.node, sums1.node))};
}

template <class Isa>
CodeSums EncodeLevels(const float *x, const float *y, size_t n, float step, uint8_t *high,
                      uint8_t *low) noexcept {
    CodeRegisters<Isa> sums0 = {Isa::Zero(), Isa::Zero()}, sums1 = sums0;
    size_t i = 0;
    for (; i + 2 * kEncodeStep <= n; i += 2 * kEncodeStep) {
        sums0.AddLevels(x + i, y + i, step, high + i / 8, low + i / 8);
        sums1.AddLevels(x + i + kEncodeStep, y + i + kEncodeStep, step, high + i / 8 + 2,
                        low + i / 8 + 2);
    }
    if (i < n) sums0.AddLevels(x + i, y + i, step, high + i / 8, low + i / 8);
    return {Isa::Reduce(Isa::Add(sums0.residual, sums1.residual)),
            Isa::Reduce(Isa::Add(sums0.node, sums1.node))};
}

// The sum modulo 2^32 of bytes times what Right loads, bytes or 16-bit integers. Additions of
// integers take one cycle: two sums are for the loop's overhead only.
template <class Isa, class Right>
uint32_t SumOfProducts(const void *a, const void *b, size_t n) noexcept {
    using Left = typename Isa::BytesAsShorts;
    constexpr size_t kStep = Isa::kShorts, kRightStride = kStep * Right::kBytes;
    const char *left = static_cast<const char *>(a);
    const char *right = static_cast<const char *>(b);
    auto sum0 = Isa::ZeroIntegers(), sum1 = Isa::ZeroIntegers();
    for (; n >= 2 * kStep; n -= 2 * kStep) {
        sum0 = Isa::AddProducts(sum0, Left::Load(left), Right::Load(right));
        sum1 = Isa::AddProducts(sum1, Left::Load(left + kStep), Right::Load(right + kRightStride));
        left += 2 * kStep;
        right += 2 * kRightStride;
    }
    if (n >= kStep) {
        sum0 = Isa::AddProducts(sum0, Left::Load(left), Right::Load(right));
        left += kStep;
        right += kRightStride;
        n -= kStep;
    }
    if (n > 0) sum1 = Isa::AddProducts(sum1, Left::LoadTail(left, n), Right::LoadTail(right, n));
    return Isa::ReduceIntegers(Isa::AddIntegers(sum0, sum1));
}

template <class Isa>
uint32_t DotU8(const uint8_t *a, const uint8_t *b, size_t n) noexcept {
    return SumOfProducts<Isa, typename Isa::BytesAsShorts>(a, b, n);
}

template <class Isa>
int32_t DotU8I16(const uint8_t *a, const int16_t *b, size_t n) noexcept {
    return static_cast<int32_t>(SumOfProducts<Isa, typename Isa::ShortsInMemory>(a, b, n));
}

template <class Isa>
void EncodeU8(const float *values, float inverse_scale, float offset, uint8_t *codes,
              size_t n) noexcept {
    const auto factor = Isa::Broadcast(inverse_scale), origin = Isa::Broadcast(offset);
    const char *from = reinterpret_cast<const char *>(values);
    for (; n >= Isa::kWidth; n -= Isa::kWidth) {
        Isa::StoreRounded(codes,
                          Isa::Multiply(Isa::Subtract(Isa::F32::Load(from), origin), factor));
        from += Isa::kWidth * Isa::F32::kBytes;
        codes += Isa::kWidth;
    }
    if (n > 0)
        Isa::StoreRoundedTail(
            codes, Isa::Multiply(Isa::Subtract(Isa::F32::LoadTail(from, n), origin), factor), n);
}

template <class Isa>
void DecodeU8(const uint8_t *codes, float scale, float offset, float *values, size_t n) noexcept {
    const auto factor = Isa::Broadcast(scale), origin = Isa::Broadcast(offset);
    const char *from = reinterpret_cast<const char *>(codes);
    for (; n >= Isa::kWidth; n -= Isa::kWidth) {
        Isa::Store(values, Isa::MultiplyAdd(factor, Isa::U8::Load(from), origin));
        from += Isa::kWidth;
        values += Isa::kWidth;
    }
    if (n > 0)
        Isa::StoreTail(values, Isa::MultiplyAdd(factor, Isa::U8::LoadTail(from, n), origin), n);
}

// In the compiler's vectors, which it makes of the registers that the level has.
using Floats16 __attribute__((vector_size(64))) = float;
using Integers16 __attribute__((vector_size(64))) = int32_t;
using Shorts16 __attribute__((vector_size(32))) = int16_t;
using Bytes16 __attribute__((vector_size(16))) = uint8_t;

template <class Isa>
SizeSums Sizes(const float *values, size_t n) noexcept {
    Floats16 largest = {}, widest = {}, sum = {};
    for (size_t i = 0; i < n; i += 16) {
        Integers16 bits;
        __builtin_memcpy(&bits, values + i, sizeof(bits));
        bits &= 0x7fffffff;
        Floats16 size;
        __builtin_memcpy(&size, &bits, sizeof(size));
        // Each lane gets the sum of its four.
        const Floats16 pairs = size + __builtin_shufflevector(size, size, 1, 0, 3, 2, 5, 4, 7, 6, 9,
                                                              8, 11, 10, 13, 12, 15, 14);
        const Floats16 fours = pairs + __builtin_shufflevector(pairs, pairs, 2, 3, 0, 1, 6, 7, 4, 5,
                                                               10, 11, 8, 9, 14, 15, 12, 13);
        largest = size > largest ? size : largest;
        widest = fours > widest ? fours : widest;
        sum += size;
    }
    SizeSums sums = {};
#pragma GCC unroll 16
    for (int lane = 0; lane < 16; lane++) {
        sums.largest = sums.largest > largest[lane] ? sums.largest : largest[lane];
        sums.widest = sums.widest > widest[lane] ? sums.widest : widest[lane];
        sums.sum += sum[lane];
    }
    return sums;
}

inline void FillGroup(const int16_t *sizes, int16_t least, uint8_t *entries) noexcept {
    constexpr Shorts16 kFirst = {0, -1, 0, -1, 0, -1, 0, -1, 0, -1, 0, -1, 0, -1, 0, -1};
    constexpr Shorts16 kSecond = {0, 0, -1, -1, 0, 0, -1, -1, 0, 0, -1, -1, 0, 0, -1, -1};
    constexpr Shorts16 kThird = {0, 0, 0, 0, -1, -1, -1, -1, 0, 0, 0, 0, -1, -1, -1, -1};
    constexpr Shorts16 kFourth = {0, 0, 0, 0, 0, 0, 0, 0, -1, -1, -1, -1, -1, -1, -1, -1};
    constexpr int16_t kHalf = 1 << (kTableFractionBits - 1);
    const Shorts16 start = Shorts16{} + static_cast<int16_t>(least + kHalf);
    const Shorts16 sums = (start + (kFirst & sizes[0])) + (kSecond & sizes[1]) +
                          ((kThird & sizes[2]) + (kFourth & sizes[3]));
    const Bytes16 rounded = __builtin_convertvector(sums >> kTableFractionBits, Bytes16);
    __builtin_memcpy(entries, &rounded, sizeof(rounded));
    __builtin_memcpy(entries + 16, &rounded, sizeof(rounded));
}

// Two rows share 128 bytes, and every table stands twice: see CodeTable.
template <class Isa>
void FillTable(const float *values, size_t n, float factor, uint8_t *entries) noexcept {
    constexpr uint64_t kOnes = 0x0001000100010001;
    for (size_t i = 0; i < n; i += 16, entries += 128) {
        Floats16 part;
        __builtin_memcpy(&part, values + i, sizeof(part));
        const Shorts16 twice = __builtin_convertvector(
            __builtin_convertvector(part * (2 * factor), Integers16), Shorts16);
        const Shorts16 below = (twice < 0) & -twice;
        int16_t sizes[16];
        uint64_t least[4];
        __builtin_memcpy(sizes, &twice, sizeof(sizes));
        __builtin_memcpy(least, &below, sizeof(least));
        constexpr size_t kPlaces[] = {0, 64, 32, 96};
#pragma GCC unroll 4
        for (size_t group = 0; group < 4; group++)
            FillGroup(sizes + 4 * group, static_cast<int16_t>(least[group] * kOnes >> 48),
                      entries + kPlaces[group]);
    }
}

template <class Isa>
RoundingSums EncodeI16(const float *values, float inverse_step, float step, int16_t *codes,
                       size_t n) noexcept {
    // Adding a large number and taking it away again rounds to an integer.
    constexpr float kRounder = 0x1.8p23f;
    Floats16 norm = {}, error = {}, sum = {};
    for (size_t i = 0; i < n; i += 16) {
        Floats16 part;
        __builtin_memcpy(&part, values + i, sizeof(part));
        const Floats16 rounded = (part * inverse_step + kRounder) - kRounder;
        const Shorts16 integers =
            __builtin_convertvector(__builtin_convertvector(rounded, Integers16), Shorts16);
        __builtin_memcpy(codes + i, &integers, sizeof(integers));
        const Floats16 lost = part - rounded * step;
        norm += part * part;
        error += lost * lost;
        sum += part;
    }
    RoundingSums sums = {};
#pragma GCC unroll 16
    for (int lane = 0; lane < 16; lane++) {
        sums.squared_norm += norm[lane];
        sums.squared_error += error[lane];
        sums.sum += sum[lane];
    }
    return sums;
}

template <class Isa>
inline void Butterfly(typename Isa::Floats &a, typename Isa::Floats &b) noexcept {
    const auto sum = Isa::Add(a, b);
    b = Isa::Subtract(a, b);
    a = sum;
}

// kRadix registers that lie `step` floats apart meet each other. The first pass, with step =
// Isa::kWidth, also multiplies by the factors and transforms each register by itself.
template <class Isa, size_t kRadix, bool kFirst>
void HadamardPass(float *values, [[maybe_unused]] const float *factors, size_t n,
                  size_t step) noexcept {
    for (size_t block = 0; block < n; block += kRadix * step) {
        for (size_t at = block; at < block + step; at += Isa::kWidth) {
            typename Isa::Floats part[kRadix];
#pragma GCC unroll 8
            for (size_t i = 0; i < kRadix; i++) {
                const size_t from = at + i * step;
                part[i] = Isa::F32::Load(reinterpret_cast<const char *>(values + from));
                if constexpr (kFirst)
                    part[i] = Isa::WithinRegister(Isa::Multiply(
                        part[i], Isa::F32::Load(reinterpret_cast<const char *>(factors + from))));
            }
            if constexpr (kRadix == 8) {
                Butterfly<Isa>(part[0], part[4]);
                Butterfly<Isa>(part[1], part[5]);
                Butterfly<Isa>(part[2], part[6]);
                Butterfly<Isa>(part[3], part[7]);
                Butterfly<Isa>(part[4], part[6]);
                Butterfly<Isa>(part[5], part[7]);
                Butterfly<Isa>(part[6], part[7]);
                Butterfly<Isa>(part[4], part[5]);
            }
            if constexpr (kRadix >= 4) {
                Butterfly<Isa>(part[0], part[2]);
                Butterfly<Isa>(part[1], part[3]);
                Butterfly<Isa>(part[2], part[3]);
            }
            if constexpr (kRadix >= 2) Butterfly<Isa>(part[0], part[1]);
#pragma GCC unroll 8
            for (size_t i = 0; i < kRadix; i++) Isa::Store(values + at + i * step, part[i]);
        }
    }
}

// Steps may be taken in any order. Three per pass over the values: memory is touched a third as
// often as by single steps, and 8 registers fit at every level.
template <class Isa>
void Hadamard(float *values, const float *factors, size_t n) noexcept {
    size_t step = Isa::kWidth;
    if (n >= 8 * step) {
        HadamardPass<Isa, 8, true>(values, factors, n, step);
        step *= 8;
        for (; step <= n / 8; step *= 8) HadamardPass<Isa, 8, false>(values, nullptr, n, step);
        if (step == n / 4)
            HadamardPass<Isa, 4, false>(values, nullptr, n, step);
        else if (step == n / 2)
            HadamardPass<Isa, 2, false>(values, nullptr, n, step);
    } else if (n == 4 * step) {
        HadamardPass<Isa, 4, true>(values, factors, n, step);
    } else if (n == 2 * step) {
        HadamardPass<Isa, 2, true>(values, factors, n, step);
    } else {
        HadamardPass<Isa, 1, true>(values, factors, n, step);
    }
}

// All sums stay in registers: two of columns and kTileRows of rows, so that each value read from
// memory is used in two multiplications or in kTileRows.
template <class Isa>
void MultiplyTile(const float *tile, const float *columns, size_t n, bool add,
                  float *sums) noexcept {
    using Floats = typename Isa::Floats;
    constexpr size_t kRows = Isa::kTileRows, kPanel = 2 * Isa::kWidth;
    Floats low[kRows], high[kRows];
#pragma GCC unroll 16
    for (size_t r = 0; r < kRows; r++) {
        low[r] = add ? LoadFloats<Isa>(sums + r * kPanel) : Isa::Zero();
        high[r] = add ? LoadFloats<Isa>(sums + r * kPanel + Isa::kWidth) : Isa::Zero();
    }
    for (size_t i = 0; i < n; i++) {
        const Floats left = LoadFloats<Isa>(columns),
                     right = LoadFloats<Isa>(columns + Isa::kWidth);
#pragma GCC unroll 16
        for (size_t r = 0; r < kRows; r++) {
            const Floats value = Isa::Broadcast(tile[r]);
            low[r] = Isa::MultiplyAdd(value, left, low[r]);
            high[r] = Isa::MultiplyAdd(value, right, high[r]);
        }
        tile += kRows;
        columns += kPanel;
    }
#pragma GCC unroll 16
    for (size_t r = 0; r < kRows; r++) {
        Isa::Store(sums + r * kPanel, low[r]);
        Isa::Store(sums + r * kPanel + Isa::kWidth, high[r]);
    }
}

// Sixteen registers of sums at most, each over n terms.
template <class Isa, class Term, size_t kParts>
void SumColumns(const float *x, const float *columns, size_t n, size_t width, float *out) noexcept {
    typename Isa::Floats sums[kParts];
#pragma GCC unroll 16
    for (size_t i = 0; i < kParts; i++) sums[i] = Isa::Zero();
    for (size_t i = 0; i < n; i++) {
        const auto value = Isa::Broadcast(x[i]);
#pragma GCC unroll 16
        for (size_t j = 0; j < kParts; j++)
            sums[j] = Term::Add(sums[j], value, LoadFloats<Isa>(columns + j * Isa::kWidth));
        columns += width;
    }
#pragma GCC unroll 16
    for (size_t i = 0; i < kParts; i++) Isa::Store(out + i * Isa::kWidth, sums[i]);
}

template <class Isa, class Term>
void OverColumns(const float *x, const float *columns, size_t n, size_t width,
                 float *out) noexcept {
    constexpr size_t kMany = 8 * Isa::kWidth;
    size_t at = 0;
    for (; at + kMany <= width; at += kMany)
        SumColumns<Isa, Term, 8>(x, columns + at, n, width, out + at);
    for (; at < width; at += Isa::kWidth)
        SumColumns<Isa, Term, 1>(x, columns + at, n, width, out + at);
}

template <class Isa>
void NearestInPanel(const float *sums, const float *factors, const float *addends, float first,
                    float *keys, float *columns) noexcept {
    using Floats = typename Isa::Floats;
    constexpr size_t kPanel = 2 * Isa::kWidth;
    static constexpr float kPlaces[] = {0,  1,  2,  3,  4,  5,  6,  7,  8,  9,  10,
                                        11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21,
                                        22, 23, 24, 25, 26, 27, 28, 29, 30, 31};
    for (size_t half = 0; half < kPanel; half += Isa::kWidth) {
        const Floats factor = LoadFloats<Isa>(factors + half),
                     addend = LoadFloats<Isa>(addends + half);
        const Floats column = Isa::Add(Isa::Broadcast(first), LoadFloats<Isa>(kPlaces + half));
        for (size_t at = half; at < Isa::kTileRows * kPanel; at += kPanel) {
            const Floats key = Isa::MultiplyAdd(factor, LoadFloats<Isa>(sums + at), addend);
            const Floats best = LoadFloats<Isa>(keys + at);
            const auto less = Isa::Greater(best, key);
            Isa::Store(keys + at, Isa::Select(less, key, best));
            Isa::Store(columns + at, Isa::Select(less, column, LoadFloats<Isa>(columns + at)));
        }
    }
}

template <class Isa>
void BestOfRows(const float *keys, const float *columns, float *best_keys,
                float *best_columns) noexcept {
    using Floats = typename Isa::Floats;
    const Floats none = Isa::Broadcast(__FLT_MAX__);
    for (size_t r = 0; r < Isa::kTileRows; r++) {
        const size_t at = 2 * Isa::kWidth * r;
        const Floats low = LoadFloats<Isa>(keys + at),
                     high = LoadFloats<Isa>(keys + at + Isa::kWidth);
        best_keys[r] = Isa::ReduceMinimum(Isa::Minimum(low, high));
        const Floats least = Isa::Broadcast(best_keys[r]);
        const Floats left =
            Isa::Select(Isa::Greater(low, least), none, LoadFloats<Isa>(columns + at));
        const Floats right = Isa::Select(Isa::Greater(high, least), none,
                                         LoadFloats<Isa>(columns + at + Isa::kWidth));
        best_columns[r] = Isa::ReduceMinimum(Isa::Minimum(left, right));
    }
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
        {Estimate<Isa>, CompareEdges<Isa>, EstimateList<Isa>, EstimateListBytes<Isa>,
         EncodeSigns<Isa>, EncodeLevels<Isa>, DotU8<Isa>, DotU8I16<Isa>, EncodeU8<Isa>,
         DecodeU8<Isa>, Sizes<Isa>, FillTable<Isa>, EncodeI16<Isa>, Smallest<Isa>, Rank<Isa>,
         Range<Isa>, Hadamard<Isa>},
        {Isa::kTileRows, 2 * Isa::kWidth, MultiplyTile<Isa>, OverColumns<Isa, Product<Isa>>,
         OverColumns<Isa, SquaredDifference<Isa>>, NearestInPanel<Isa>, BestOfRows<Isa>},
        HalfToFloats<Isa>,
        FloatsToHalf<Isa>,
    };
}

}  // namespace
}  // namespace vecx

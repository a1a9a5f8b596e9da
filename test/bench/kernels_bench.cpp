// Speed of the distance kernels of every CPU level, in cache and over memory. A command line
// program on Google Benchmark; --benchmark_filter picks lines such as Stream/l2/f32/768/avx512.

#include "core/kernels.h"

#include <benchmark/benchmark.h>
#include <sys/mman.h>

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <random>
#include <string>

#include "core/half.h"

namespace vecx {
namespace {

constexpr size_t kMemory = 300u << 20;  // well over any second-level cache
constexpr size_t kTupleOffset = 8;      // vectors follow a header of 8 bytes

enum class Element { kF32, kF16 };
enum class Distance { kL2, kInnerProduct, kCosine };

struct Case {
    Element element;
    Distance distance;
    size_t dimensions;
    const Kernels *kernels;

    size_t Bytes() const { return dimensions * (element == Element::kF32 ? 4 : 2); }

    float Run(const void *a, const void *b) const {
        const DistanceKernels &of = element == Element::kF32 ? kernels->f32 : kernels->f16;
        switch (distance) {
            case Distance::kL2:
                return of.l2_squared(a, b, dimensions);
            case Distance::kInnerProduct:
                return of.inner_product(a, b, dimensions);
            default:
                return of.cosine(a, b, dimensions).dot;
        }
    }
};

// Memory as shared buffers are: shared, in small pages, filled with numbers of the element type.
const char *Memory(Element element) {
    static char *filled[2];
    char *&memory = filled[element == Element::kF16];
    if (memory != nullptr) return memory;
    void *mapped =
        mmap(nullptr, kMemory, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (mapped == MAP_FAILED) abort();
    memory = static_cast<char *>(mapped);
    std::minstd_rand random(1);
    std::uniform_real_distribution<float> value(-1, 1);
    for (size_t i = 0; i < 4096; i++) {
        const float number = value(random);
        const uint16_t half = FloatToHalf(number).bits;
        if (element == Element::kF32)
            memcpy(memory + i * sizeof number, &number, sizeof number);
        else
            memcpy(memory + i * sizeof half, &half, sizeof half);
    }
    const size_t block = element == Element::kF32 ? 4096 * 4 : 4096 * 2;
    for (size_t at = block; at < kMemory; at += block) memcpy(memory + at, memory, block);
    return memory;
}

// Two vectors in the first-level cache; both count as read.
void InCache(benchmark::State &state, Case c) {
    const char *a = Memory(c.element) + kTupleOffset;
    const char *b = a + c.Bytes() + kTupleOffset;
    for (auto _ : state) benchmark::DoNotOptimize(c.Run(a, b));
    state.SetBytesProcessed(state.iterations() * 2 * static_cast<int64_t>(c.Bytes()));
}

// One vector against all others, each read once: what a sequential scan does.
void Stream(benchmark::State &state, Case c) {
    const char *memory = Memory(c.element);
    const size_t stride = c.Bytes() + kTupleOffset;
    size_t at = stride;
    for (auto _ : state) {
        benchmark::DoNotOptimize(c.Run(memory + kTupleOffset, memory + at + kTupleOffset));
        at += stride;
        if (at + stride > kMemory) at = stride;
    }
    state.SetBytesProcessed(state.iterations() * static_cast<int64_t>(c.Bytes()));
}

// The same with tuples as they lie in a heap page of 8 kB: from its end downward, pages ascending.
void Pages(benchmark::State &state, Case c) {
    constexpr size_t kPage = 8192, kPageHeader = 24, kTupleHeader = 24 + kTupleOffset;
    const char *memory = Memory(c.element);
    const size_t tuple = c.Bytes() + kTupleHeader;
    const size_t per_page = (kPage - kPageHeader) / (tuple + 4);
    size_t page = 0, in_page = 0;
    for (auto _ : state) {
        const char *vector = memory + page + kPage - (in_page + 1) * tuple + kTupleHeader;
        benchmark::DoNotOptimize(c.Run(memory + kTupleOffset, vector));
        if (++in_page < per_page) continue;
        in_page = 0;
        page = page + kPage < kMemory / kPage * kPage ? page + kPage : 0;
    }
    state.SetBytesProcessed(state.iterations() * static_cast<int64_t>(c.Bytes()));
}

// How fast this machine reads memory at all: the C library copies blocks, each as large as a vector
// of 768 floats, into a buffer that stays in cache.
void MemorySpeed(benchmark::State &state) {
    constexpr size_t kBlock = 3072;
    char buffer[kBlock];
    const char *memory = Memory(Element::kF32);
    size_t at = 0;
    for (auto _ : state) {
        memcpy(buffer, memory + at, kBlock);
        benchmark::DoNotOptimize(buffer);
        benchmark::ClobberMemory();
        at = at + 2 * kBlock <= kMemory ? at + kBlock : 0;
    }
    state.SetBytesProcessed(state.iterations() * static_cast<int64_t>(kBlock));
}

// Estimates of 32 edges, one record or those of all memory. Bytes are the record's: codes and three
// arrays of halves.
struct CodeCase {
    size_t dimensions;
    int bits;
    const Kernels *kernels;

    size_t Rows() const { return dimensions / 8; }
    size_t CodeBytes() const { return Rows() * kEdgeBatch * static_cast<size_t>(bits); }
    size_t Bytes() const { return CodeBytes() + 3 * kEdgeBatch * sizeof(uint16_t); }
};

void Estimate(benchmark::State &state, CodeCase c, bool stream) {
    alignas(64) static uint8_t entries[kMaxCodeRows * 64];
    for (size_t i = 0; i < sizeof entries; i++) entries[i] = i * 37 % 128;
    const CodeTable table = {entries, c.Rows(), c.bits, 0.01f, -3};
    const char *memory = Memory(Element::kF16);
    const size_t stride = c.Bytes() + kTupleOffset;
    float estimates[kEdgeBatch];
    size_t at = 0;
    for (auto _ : state) {
        const char *record = memory + at + kTupleOffset;
        const auto *halves = reinterpret_cast<const uint16_t *>(record + c.CodeBytes());
        const EdgeBatch batch = {reinterpret_cast<const uint8_t *>(record),
                                 halves,
                                 halves + kEdgeBatch,
                                 halves + 2 * kEdgeBatch,
                                 2,
                                 1};
        benchmark::DoNotOptimize(c.kernels->codes.estimate(batch, table, 1, 0.5f, estimates));
        benchmark::ClobberMemory();
        if (stream) at = at + 2 * stride <= kMemory ? at + stride : 0;
    }
    state.SetBytesProcessed(state.iterations() * static_cast<int64_t>(c.Bytes()));
}

void EncodeSigns(benchmark::State &state, CodeCase c) {
    const auto *x = reinterpret_cast<const float *>(Memory(Element::kF32)), *y = x + c.dimensions;
    uint8_t bits[kMaxCodeRows];
    for (auto _ : state) {
        benchmark::DoNotOptimize(c.kernels->codes.encode_signs(x, y, c.dimensions, bits));
        benchmark::ClobberMemory();
    }
}

void EncodeLevels(benchmark::State &state, CodeCase c) {
    const auto *x = reinterpret_cast<const float *>(Memory(Element::kF32)), *y = x + c.dimensions;
    uint8_t high[kMaxCodeRows], low[kMaxCodeRows];
    for (auto _ : state) {
        benchmark::DoNotOptimize(
            c.kernels->codes.encode_levels(x, y, c.dimensions, 0.5f, high, low));
        benchmark::ClobberMemory();
    }
}

void DotU8(benchmark::State &state, CodeCase c) {
    const auto *a = reinterpret_cast<const uint8_t *>(Memory(Element::kF32));
    for (auto _ : state)
        benchmark::DoNotOptimize(c.kernels->codes.dot_u8(a, a + c.dimensions, c.dimensions));
}

void DotU8I16(benchmark::State &state, CodeCase c) {
    const auto *a = reinterpret_cast<const uint8_t *>(Memory(Element::kF32));
    int16_t b[kMaxCodeRows * 8] = {};
    for (auto _ : state) benchmark::DoNotOptimize(c.kernels->codes.dot_u8_i16(a, b, c.dimensions));
}

void EncodeU8(benchmark::State &state, CodeCase c) {
    const auto *x = reinterpret_cast<const float *>(Memory(Element::kF32));
    uint8_t codes[kMaxCodeRows * 8];
    for (auto _ : state) {
        c.kernels->codes.encode_u8(x, 127, -1, codes, c.dimensions);
        benchmark::ClobberMemory();
    }
}

void DecodeU8(benchmark::State &state, CodeCase c) {
    const auto *codes = reinterpret_cast<const uint8_t *>(Memory(Element::kF32));
    float values[kMaxCodeRows * 8];
    for (auto _ : state) {
        c.kernels->codes.decode_u8(codes, 0.01f, -1, values, c.dimensions);
        benchmark::ClobberMemory();
    }
}

// Zeros stay zeros: repeated transforms of other numbers would reach infinity.
void Hadamard(benchmark::State &state, CodeCase c) {
    alignas(64) float values[2048] = {};
    for (auto _ : state) {
        c.kernels->codes.hadamard(values, values, c.dimensions);
        benchmark::ClobberMemory();
    }
}

void RegisterCodes(const Kernels *kernels) {
    const auto add = [&](const char *name, size_t dimensions, auto function, CodeCase c) {
        benchmark::RegisterBenchmark(
            (std::string("Codes/") + name + "/" + std::to_string(dimensions) + "/" + kernels->name)
                .c_str(),
            function, c);
    };
    const auto estimate = [](bool stream) {
        return [stream](benchmark::State &state, CodeCase c) { Estimate(state, c, stream); };
    };
    for (size_t dimensions : {128, 704, 1536}) {
        const CodeCase one = {dimensions, 1, kernels}, two = {dimensions, 2, kernels};
        add("InCache/estimate1", dimensions, estimate(false), one);
        add("Stream/estimate1", dimensions, estimate(true), one);
        add("InCache/estimate2", dimensions, estimate(false), two);
        add("Stream/estimate2", dimensions, estimate(true), two);
        add("encode_signs", dimensions, EncodeSigns, one);
        add("encode_levels", dimensions, EncodeLevels, two);
        add("dot_u8", dimensions, DotU8, one);
        add("dot_u8_i16", dimensions, DotU8I16, one);
        add("encode_u8", dimensions, EncodeU8, one);
        add("decode_u8", dimensions, DecodeU8, one);
    }
    for (size_t dimensions : {128, 512, 1024, 2048})
        add("hadamard", dimensions, Hadamard, {dimensions, 0, kernels});
}

void RegisterAll() {
    benchmark::RegisterBenchmark("MemorySpeed/3072", MemorySpeed);
    for (SimdLevel level :
         {SimdLevel::kScalar, SimdLevel::kNeon, SimdLevel::kAvx2, SimdLevel::kAvx512})
        if (const Kernels *kernels = KernelsOf(level)) RegisterCodes(kernels);
    const char *const element_names[] = {"f32", "f16"};
    const char *const distance_names[] = {"l2", "ip", "cosine"};
    for (Element element : {Element::kF32, Element::kF16})
        for (Distance distance : {Distance::kL2, Distance::kInnerProduct, Distance::kCosine})
            for (size_t dimensions : {128, 768, 1536})
                for (SimdLevel level :
                     {SimdLevel::kScalar, SimdLevel::kNeon, SimdLevel::kAvx2, SimdLevel::kAvx512}) {
                    const Kernels *kernels = KernelsOf(level);
                    if (kernels == nullptr) continue;
                    const Case c = {element, distance, dimensions, kernels};
                    const std::string name = std::string("/") +
                                             distance_names[static_cast<int>(distance)] + "/" +
                                             element_names[static_cast<int>(element)] + "/" +
                                             std::to_string(dimensions) + "/" + kernels->name;
                    benchmark::RegisterBenchmark(("InCache" + name).c_str(), InCache, c);
                    benchmark::RegisterBenchmark(("Stream" + name).c_str(), Stream, c);
                    benchmark::RegisterBenchmark(("Pages" + name).c_str(), Pages, c);
                }
}

}  // namespace
}  // namespace vecx

int main(int argc, char **argv) {
    benchmark::Initialize(&argc, argv);
    if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
    vecx::RegisterAll();
    benchmark::RunSpecifiedBenchmarks();
    return 0;
}

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

void RegisterAll() {
    benchmark::RegisterBenchmark("MemorySpeed/3072", MemorySpeed);
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

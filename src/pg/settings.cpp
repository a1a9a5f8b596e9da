// Settings. vecx.simd chooses the kernels of this process, for tests and comparisons; those of hnsw
// have pgvector's names, values and ranges, see settings.h.

#include "core/kernels.h"

#include "pg/settings.h"

#include "pg/pg.h"

namespace vecx::pg {
namespace {

constexpr int kAutomatic = -1;

int simd_level = kAutomatic;

const config_enum_entry kSimdLevels[] = {
    {"auto", kAutomatic, false},
    {"avx512", static_cast<int>(SimdLevel::kAvx512), false},
    {"avx2", static_cast<int>(SimdLevel::kAvx2), false},
    {"neon", static_cast<int>(SimdLevel::kNeon), false},
    {"scalar", static_cast<int>(SimdLevel::kScalar), false},
    {nullptr, 0, false},
};

const Kernels *KernelsFor(int level) {
    return level == kAutomatic ? BestKernels() : KernelsOf(static_cast<SimdLevel>(level));
}

bool CheckSimd(int *level, void **, GucSource) {
    if (KernelsFor(*level) != nullptr) return true;
    GUC_check_errdetail("This processor or this build lacks the instructions.");
    return false;
}

void AssignSimd(int level, void *) { UseKernels(KernelsFor(level)); }

// Whether a setting is explicit. Only the check hook hears where a value comes from; it leaves a
// mark in `extra`, which PostgreSQL keeps beside the value through SET LOCAL, rollback and RESET
// and gives to the assign hook.
bool MarkExplicit(int *, void **extra, GucSource source) {
    if (source == PGC_S_DEFAULT) return true;
    *extra = AllocateGucExtra(1);
    return *extra != nullptr;
}

template <bool *is_explicit>
void AssignExplicit(int, void *extra) {
    *is_explicit = extra != nullptr;
}

int ef_search = kDefaultEfSearch;
bool ef_search_is_explicit = false;
int iterative_scan = static_cast<int>(IterativeScan::kStrictOrder);
int max_scan_tuples = std::numeric_limits<int>::max();
double scan_mem_multiplier = 1;

const config_enum_entry kIterativeScans[] = {
    {"off", static_cast<int>(IterativeScan::kOff), false},
    {"relaxed_order", static_cast<int>(IterativeScan::kRelaxedOrder), false},
    {"strict_order", static_cast<int>(IterativeScan::kStrictOrder), false},
    {nullptr, 0, false},
};

void DefineHnswSettings() {
    DefineCustomIntVariable("hnsw.ef_search", "Candidates that a search keeps.",
                            "More of them find more of the nearest rows and take longer.",
                            &ef_search, kDefaultEfSearch, kMinEfSearch, kMaxEfSearch, PGC_USERSET,
                            0, MarkExplicit, AssignExplicit<&ef_search_is_explicit>, nullptr);
    DefineCustomEnumVariable("hnsw.iterative_scan",
                             "How a scan goes on when its first rows were not enough.", nullptr,
                             &iterative_scan, static_cast<int>(IterativeScan::kStrictOrder),
                             kIterativeScans, PGC_USERSET, 0, nullptr, nullptr, nullptr);
    DefineCustomIntVariable("hnsw.max_scan_tuples", "Rows that a scan visits at most, about.",
                            "The highest value means no limit.", &max_scan_tuples,
                            std::numeric_limits<int>::max(), 1, std::numeric_limits<int>::max(),
                            PGC_USERSET, 0, nullptr, nullptr, nullptr);
    DefineCustomRealVariable(
        "hnsw.scan_mem_multiplier", "Memory that a scan may use, as a multiple of work_mem.",
        nullptr, &scan_mem_multiplier, 1, 1, 1000, PGC_USERSET, 0, nullptr, nullptr, nullptr);
    MarkGUCPrefixReserved("hnsw");
}

int ivfflat_probes = 1;
bool ivfflat_probes_is_explicit = false;
int ivfflat_iterative_scan = static_cast<int>(IterativeScan::kRelaxedOrder);
int ivfflat_max_probes = kMaxProbes;
int ivfpq_probes = 0;
bool ivfpq_probes_is_explicit = false;
int ivfpq_rerank = 0;
bool ivfpq_rerank_is_explicit = false;

const config_enum_entry kIvfflatIterativeScans[] = {
    {"off", static_cast<int>(IterativeScan::kOff), false},
    {"relaxed_order", static_cast<int>(IterativeScan::kRelaxedOrder), false},
    {nullptr, 0, false},
};

void DefineIvfSettings() {
    DefineCustomIntVariable("ivfflat.probes", "Lists that a search opens.",
                            "More of them find more of the nearest rows and take longer.",
                            &ivfflat_probes, 1, 1, kMaxProbes, PGC_USERSET, 0, MarkExplicit,
                            AssignExplicit<&ivfflat_probes_is_explicit>, nullptr);
    DefineCustomEnumVariable(
        "ivfflat.iterative_scan", "How a scan goes on when its first rows were not enough.",
        nullptr, &ivfflat_iterative_scan, static_cast<int>(IterativeScan::kRelaxedOrder),
        kIvfflatIterativeScans, PGC_USERSET, 0, nullptr, nullptr, nullptr);
    DefineCustomIntVariable("ivfflat.max_probes", "Lists that a scan opens at most.", nullptr,
                            &ivfflat_max_probes, kMaxProbes, 1, kMaxProbes, PGC_USERSET, 0, nullptr,
                            nullptr, nullptr);
    MarkGUCPrefixReserved("ivfflat");
    DefineCustomIntVariable("ivfpq.probes", "Lists that a search opens.",
                            "0 means the square root of the number of lists.", &ivfpq_probes, 0, 0,
                            kMaxProbes, PGC_USERSET, 0, MarkExplicit,
                            AssignExplicit<&ivfpq_probes_is_explicit>, nullptr);
    DefineCustomIntVariable("ivfpq.rerank",
                            "Rows that are compared exactly for each row that is wanted.",
                            "0 means as many as the error bounds of the codes ask for.",
                            &ivfpq_rerank, 0, 0, kMaxRerank, PGC_USERSET, 0, MarkExplicit,
                            AssignExplicit<&ivfpq_rerank_is_explicit>, nullptr);
    MarkGUCPrefixReserved("ivfpq");
}

// Where an index has an option of its own, 0 being none.
int Effective(int setting, bool is_explicit, int index_option) {
    return is_explicit || index_option == 0 ? setting : index_option;
}

}  // namespace

void DefineSettings() {
    DefineCustomEnumVariable("vecx.simd", "Instruction set of the distance kernels.",
                             "\"auto\" takes the fastest that the processor has.", &simd_level,
                             kAutomatic, kSimdLevels, PGC_SUSET, 0, CheckSimd, AssignSimd, nullptr);
    MarkGUCPrefixReserved("vecx");
    DefineHnswSettings();
    DefineIvfSettings();
}

int EffectiveEfSearch(int index_option) {
    return Effective(ef_search, ef_search_is_explicit, index_option);
}

IterativeScan HnswIterativeScan() { return static_cast<IterativeScan>(iterative_scan); }

int HnswMaxScanTuples() { return max_scan_tuples; }

double HnswScanMemMultiplier() { return scan_mem_multiplier; }

int EffectiveIvfflatProbes(int index_option) {
    return Effective(ivfflat_probes, ivfflat_probes_is_explicit, index_option);
}

int EffectiveIvfpqProbes(int index_option) {
    return Effective(ivfpq_probes, ivfpq_probes_is_explicit, index_option);
}

int EffectiveIvfpqRerank(int index_option) {
    return Effective(ivfpq_rerank, ivfpq_rerank_is_explicit, index_option);
}

IterativeScan IvfflatIterativeScan() { return static_cast<IterativeScan>(ivfflat_iterative_scan); }

int IvfflatMaxProbes() { return ivfflat_max_probes; }

}  // namespace vecx::pg

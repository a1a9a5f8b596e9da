// The settings (GUCs) of vecx. Defined once, when the library is loaded.

#pragma once

namespace vecx::pg {

void DefineSettings();

constexpr int kMinEfSearch = 1;
constexpr int kMaxEfSearch = 1000;
constexpr int kDefaultEfSearch = 40;

// Candidates that a search of hnsw keeps: the setting where it is explicit, that is, where it came
// from anywhere but the built-in default, be it the configuration file, a database, a role or SET;
// else the index's own option, where that is not 0; else the default.
int EffectiveEfSearch(int index_option);

// What a scan does when the rows it found first were not enough.
enum class IterativeScan : int { kOff, kRelaxedOrder, kStrictOrder };

IterativeScan HnswIterativeScan();
int HnswMaxScanTuples();         // INT_MAX: no limit
double HnswScanMemMultiplier();  // of work_mem

constexpr int kMaxProbes = 32768;
constexpr int kMaxRerank = 1000;

// The same rule as for EffectiveEfSearch. Of ivfpq 0 means: by the number of lists, and by bounds.
int EffectiveIvfflatProbes(int index_option);
int EffectiveIvfpqProbes(int index_option);
int EffectiveIvfpqRerank(int index_option);

IterativeScan IvfflatIterativeScan();  // kOff or kRelaxedOrder
int IvfflatMaxProbes();

}  // namespace vecx::pg

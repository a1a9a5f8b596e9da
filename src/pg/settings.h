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

}  // namespace vecx::pg

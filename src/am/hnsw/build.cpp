// CREATE INDEX: the graph is built in memory on several threads, put in order, and written once.
//
// Called by am.cpp for CREATE INDEX and REINDEX, CONCURRENTLY or not, and for the init fork of an
// unlogged index.

#include "am/build.h"
#include "am/hnsw/hnsw.h"
#include "am/hnsw/node_vector.h"
#include "am/hnsw/write.h"
#include "am/options.h"
#include "am/rows.h"
#include "am/value.h"
#include "core/graph_builder.h"

#include "pg/pause_point.h"
#include "pg/temporary_memory.h"
#include "store/page.h"
#include "types/argument.h"

namespace vecx::hnsw {
namespace {

constexpr uint64_t kSeed = 0x76656378;  // the same rows give the same graph

enum Phase : int64 {
    kSampling = PROGRESS_CREATEIDX_SUBPHASE_INITIALIZE,
    kLoading,
    kWriting,
};

// Rows that are looked at for the centre of the data: a mean of so many is good enough for any.
constexpr int kSampleBlocks = 64;
constexpr int kSampleRows = 2000;

// That a record of sparse vectors has room for, where the table is empty.
constexpr int kInlineElements = 128;

struct BuildState {
    Relation index;
    const Graph *graph;
    GraphBuilder *builder;
    NodeVector vector;
    MemoryContext row_context;  // what reading a row leaves behind
    CallSite *site;             // of values out of line, which follow each other
    double rows;                // of the table that were seen

    // Of the sample.
    double *sum;
    float *lengths;  // for the inner product
    int *counts;     // elements of sparse vectors
    int sampled;
};

void SetPhase(Phase phase) { pgstat_progress_update_param(PROGRESS_CREATEIDX_SUBPHASE, phase); }

void AddToCentre(BuildState *state) {
    const float *coordinates = state->vector.coordinates;
    const int n = state->graph->dimensions;
    for (int i = 0; i < n; i++) state->sum[i] += coordinates[i];
    state->lengths[state->sampled] = std::sqrt(ActiveKernels().f32.squared_norm(coordinates, n));
}

void MeasureSparse(BuildState *state) {
    const RecordShape &shape = state->graph->shape;
    state->counts[state->sampled] = SparseCapacity(OwnBytesOf(shape, state->vector.copy));
    state->lengths[state->sampled] = std::sqrt(OwnNorm(shape, state->vector.copy));
}

void AddToSample(Relation, ItemPointer, Datum *values, bool *isnull, bool, void *opaque) {
    auto *state = static_cast<BuildState *>(opaque);
    if (isnull[0] || state->sampled >= kSampleRows) return;
    const MemoryContext before = MemoryContextSwitchTo(state->row_context);
    if (ReadNodeVector(*state->graph, values[0], &state->vector)) {
        if (state->graph->shape.codec == Codec::kSparse)
            MeasureSparse(state);
        else
            AddToCentre(state);
        state->sampled++;
    }
    MemoryContextSwitchTo(before);
    MemoryContextReset(state->row_context);
}

// Shows AddToSample rows from all over the table.
void Sample(Relation heap, IndexInfo *info, BuildState *state) {
    const BlockNumber blocks = RelationGetNumberOfBlocks(heap);
    BlockSamplerData sampler;
    BlockSampler_Init(&sampler, blocks, kSampleBlocks, static_cast<uint32>(kSeed));
    while (BlockSampler_HasMore(&sampler) && state->sampled < kSampleRows) {
        CHECK_FOR_INTERRUPTS();
        table_index_build_range_scan(heap, state->index, info, false, true, false,
                                     BlockSampler_Next(&sampler), 1, AddToSample, state, nullptr);
    }
}

// What RecordShape::longest is to be. Some lengths far beyond the usual would leave the rest no
// digits.
float LongestOf(float *lengths, int count) {
    constexpr float kMostTimesMedian = 4;
    if (count == 0) return 0;
    std::sort(lengths, lengths + count);
    return std::min(lengths[count - 1], kMostTimesMedian * lengths[count / 2]);
}

// The mean of rows from all over the table, as points of the graph. Codes are made of differences,
// and lose least where the numbers are small.
struct SampledCentre {
    const float *coordinates;
    float longest;
};

SampledCentre SampleCentre(Relation heap, IndexInfo *info, BuildState *state) {
    const int dimensions = state->graph->dimensions, points = state->graph->shape.dimensions;
    auto *centre = static_cast<float *>(palloc0(points * sizeof(float)));
    state->sum = static_cast<double *>(palloc0(dimensions * sizeof(double)));
    state->lengths = static_cast<float *>(palloc(kSampleRows * sizeof(float)));
    Sample(heap, info, state);
    if (state->sampled == 0) return {centre, 0};
    for (int i = 0; i < dimensions; i++)
        centre[i] = static_cast<float>(state->sum[i] / state->sampled);
    if (points == dimensions) return {centre, 0};
    const float longest = LongestOf(state->lengths, state->sampled);
    double sum = 0;
    for (int i = 0; i < state->sampled; i++)
        sum += AugmentingCoordinate(longest, state->lengths[i]);
    centre[dimensions] = static_cast<float>(sum / state->sampled);
    return {centre, longest};
}

struct SparseSample {
    int inline_elements;  // that a record has room for: nine of ten vectors go in as a whole
    float longest;
};

SparseSample SampleSparse(Relation heap, IndexInfo *info, BuildState *state) {
    constexpr int kLeast = 32;
    state->counts = static_cast<int *>(palloc(kSampleRows * sizeof(int)));
    state->lengths = static_cast<float *>(palloc(kSampleRows * sizeof(float)));
    Sample(heap, info, state);
    if (state->sampled == 0) return {kInlineElements, 0};
    int *most = state->counts + state->sampled * 9 / 10;
    std::nth_element(state->counts, most, state->counts + state->sampled);
    const bool augmented = IsAugmented(state->graph->shape);
    return {std::max(*most, kLeast), augmented ? LongestOf(state->lengths, state->sampled) : 0};
}

void ShowProgress(const BuildState *state) {
    pgstat_progress_update_param(PROGRESS_CREATEIDX_TUPLES_DONE,
                                 static_cast<int64>(state->builder->linked_rows()));
}

void Work(BuildState *state) {
    while (state->builder->Step()) {
        CHECK_FOR_INTERRUPTS();
        ShowProgress(state);
    }
}

void AddRow(Relation, ItemPointer tid, Datum *values, bool *isnull, bool, void *opaque) {
    auto *state = static_cast<BuildState *>(opaque);
    state->rows++;
    if (isnull[0]) return;
    const MemoryContext before = MemoryContextSwitchTo(state->row_context);
    varlena *raw = RawValue(values[0]);
    const Datum value = VARATT_IS_EXTERNAL(raw)
                            ? PointerGetDatum(DetoastedOutOfLine(raw, state->site, 0))
                            : values[0];
    const bool indexed = ReadNodeVector(*state->graph, value, &state->vector);
    MemoryContextSwitchTo(before);
    MemoryContextReset(state->row_context);
    if (!indexed) return;
    if (state->builder->Add(state->vector.coordinates, state->vector.shortened,
                            state->vector.excess, ToRowId(tid), state->vector.copy))
        Work(state);
    ShowProgress(state);
}

// Tables that grow with the rows count like records.
void *AllocateForBuilder(void *memory, size_t bytes) {
    constexpr size_t kLarge = 1 << 20;
    auto *of = static_cast<pg::TemporaryMemory *>(memory);
    return bytes < kLarge ? of->Allocate(bytes) : memset(of->AllocateLarge(bytes), 0, bytes);
}

void *AllocateRecords(void *memory, size_t bytes) {
    return static_cast<pg::TemporaryMemory *>(memory)->AllocateLarge(bytes);
}

const Graph *NewGraph(Relation index, SampledCentre centre, int inline_elements = kInlineElements) {
    const OperatorClass &opclass = OperatorClassOf(index);
    const HnswOptions options = HnswOptionsOf(index);
    CheckOptions(options);
    const int dimensions = IndexedDimensions(index);
    return MakeGraph(opclass, dimensions, options.m, options.ef_construction,
                     options.vectors == StoredVectors::kFloat ? CopyKind::kFloat : CopyKind::kHalf,
                     options.storage == HnswStorage::kCompact, inline_elements, NewBuildId(), kSeed,
                     centre.coordinates, centre.longest);
}

}  // namespace

IndexBuildResult *Build(Relation heap, Relation index, IndexInfo *info) {
    const MemoryContext context =
        AllocSetContextCreate(CurrentMemoryContext, "hnsw build", ALLOCSET_DEFAULT_SIZES);
    const MemoryContext before = MemoryContextSwitchTo(context);
    BuildState state = {};
    state.index = index;
    state.row_context = AllocSetContextCreate(context, "hnsw build row", ALLOCSET_DEFAULT_SIZES);
    state.site = new (palloc(sizeof(CallSite))) CallSite();

    SetPhase(kSampling);
    state.graph = NewGraph(index, {});
    state.vector = NewNodeVector(*state.graph);
    if (state.graph->shape.codec == Codec::kSparse) {
        const SparseSample sample = SampleSparse(heap, info, &state);
        state.graph = NewGraph(index, {nullptr, sample.longest}, sample.inline_elements);
    } else if (state.graph->shape.HasEdgeCodes()) {
        state.graph = NewGraph(index, SampleCentre(heap, info, &state));
    }

    SetPhase(kLoading);
    pg::TemporaryMemory *memory =
        pg::TemporaryMemory::Create(static_cast<Size>(maintenance_work_mem) * 1024);
    const BuilderOptions options = {state.graph->shape,
                                    state.graph->ef_construction,
                                    BuildThreads(heap),
                                    kSeed,
                                    state.graph->HasCopies() ? state.vector.copy_bytes : 0,
                                    AllocateForBuilder,
                                    AllocateRecords,
                                    memory};
    state.builder = new (palloc(sizeof(GraphBuilder))) GraphBuilder(options, state.graph->rotation);
    table_index_build_scan(heap, index, info, true, true, AddRow, &state, nullptr);
    state.builder->Flush();
    Work(&state);

    pg::PausePoint(pg::PausePlace::kBuildWrites);
    SetPhase(kWriting);
    WriteGraph(index, MAIN_FORKNUM, *state.graph, kSeed, *state.builder, memory);

    auto *result =
        static_cast<IndexBuildResult *>(MemoryContextAllocZero(before, sizeof(IndexBuildResult)));
    result->heap_tuples = state.rows;
    result->index_tuples = static_cast<double>(state.builder->rows());
    MemoryContextSwitchTo(before);
    MemoryContextDelete(context);
    return result;
}

void BuildEmpty(Relation index) {
    WriteEmptyGraph(index, INIT_FORKNUM, *NewGraph(index, {}), kSeed);
}

const char *BuildPhaseName(int64 phase) {
    switch (phase) {
        case kSampling:
            return "initializing";
        case kLoading:
            return "loading tuples";
        case kWriting:
            return "writing pages";
        default:
            return nullptr;
    }
}

}  // namespace vecx::hnsw

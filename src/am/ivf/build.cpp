// CREATE INDEX: rows are gathered, lists are trained with some of them on several threads, and
// written once.
//
// Called by am.cpp for CREATE INDEX and REINDEX, CONCURRENTLY or not, and for the init fork of an
// unlogged index.

#include "am/build.h"
#include "am/ivf/ivf.h"
#include "am/ivf/lists_builder.h"
#include "am/ivf/train.h"
#include "am/rows.h"
#include "am/value.h"

#include "pg/pause_point.h"
#include "store/bulk.h"
#include "store/log.h"

namespace vecx::ivf {
namespace {

enum Phase : int64 {
    kInitializing = PROGRESS_CREATEIDX_SUBPHASE_INITIALIZE,
    kLoading,
    kTraining,  // these three as BuildPhase
    kAssigning,
    kWriting,
};

struct BuildState {
    ValueFormat format;
    Rows *rows;
    MemoryContext row_context;  // what reading a row leaves behind
    double seen;                // rows of the table
};

void AddRow(Relation, ItemPointer tid, Datum *values, bool *isnull, bool, void *opaque) {
    auto *state = static_cast<BuildState *>(opaque);
    state->seen++;
    if (isnull[0]) return;
    char *raw = state->rows->Next();
    const MemoryContext before = MemoryContextSwitchTo(state->row_context);
    const bool indexed = ReadRaw(state->format, values[0], raw);
    MemoryContextSwitchTo(before);
    MemoryContextReset(state->row_context);
    if (!indexed) return;
    state->rows->Add(ToRowId(tid));
    pgstat_progress_update_param(PROGRESS_CREATEIDX_TUPLES_DONE, state->rows->count());
}

class BulkSink final : public PageSink {
  public:
    explicit BulkSink(store::BulkWriter *writer) : writer_(writer) {}
    char *Next(store::PageKind kind) override { return writer_->Next(kind); }

  private:
    store::BulkWriter *writer_;
};

// All pages of the index, in this fork.
void WriteIndex(Relation index, ForkNumber fork, ListsBuilder *builder) {
    constexpr BlockNumber kFirst = kMetaBlock + 1;
    const BlockNumber blocks = builder->Place(kFirst);
    store::BulkWriter writer(index, fork);
    MetaPage meta = builder->meta();
    meta.allocated = kFirst + blocks;
    memcpy(writer.Next(store::PageKind::kMeta), &meta, sizeof(meta));
    BulkSink sink(&writer);
    builder->Write(&sink);
    writer.Finish();
}

// What the metapage says before there are lists.
MetaPage NewMeta(Relation index) {
    const OperatorClass &opclass = OperatorClassOf(index);
    const IvfOptions options = IvfOptionsOf(index);
    MetaPage meta = {};
    meta.magic = kMagic;
    meta.version = kFormatVersion;
    meta.build_id = NewBuildId();
    meta.generation = 1;
    meta.dimensions = static_cast<uint32_t>(IndexedDimensions(index));
    const Method method = MethodOf(index);
    meta.method = static_cast<uint8_t>(method);
    meta.element = static_cast<uint8_t>(opclass.element);
    meta.metric = static_cast<uint8_t>(opclass.metric);
    meta.wanted.lists = static_cast<uint32_t>(options.lists);
    if (IsOfBits(opclass)) {
        meta.wanted.quantizer = static_cast<uint8_t>(ListQuantizer::kFlat);
    } else if (method == Method::kIvfflat) {
        meta.wanted.quantizer = static_cast<uint8_t>(ListQuantizer::kSq8);
        meta.vectors = static_cast<uint8_t>(Vectors::kHalf);
    } else {
        const CodeOptions code = ResolveCodeOptions(options, static_cast<int>(meta.dimensions));
        constexpr ListQuantizer kQuantizers[] = {ListQuantizer::kRabitq, ListQuantizer::kPq,
                                                 ListQuantizer::kRabitq, ListQuantizer::kSq8};
        meta.wanted.quantizer = static_cast<uint8_t>(kQuantizers[static_cast<int>(code.quantizer)]);
        meta.wanted.m = static_cast<uint16_t>(code.m);
        meta.wanted.bits = static_cast<uint8_t>(code.bits);
        meta.wanted.opq = code.opq;
        constexpr Vectors kVectors[] = {Vectors::kNone, Vectors::kHalf, Vectors::kFloat,
                                        Vectors::kHeap};
        meta.vectors = static_cast<uint8_t>(kVectors[static_cast<int>(options.vectors)]);
    }
    return meta;
}

void SayLittleData(Relation index, const MetaPage &meta, int64 rows) {
    const int64 needed = RowsNeeded(meta);
    const bool by_lists = needed == static_cast<int64>(meta.wanted.lists) * kRowsToTrain;
    ereport(NOTICE, (errmsg("%s index created with little data",
                            MethodOf(index) == Method::kIvfpq ? "ivfpq" : "ivfflat"),
                     errdetail_plural("Index \"%s\" has " INT64_FORMAT
                                      " row, in one list, which each search reads as a whole.",
                                      "Index \"%s\" has " INT64_FORMAT
                                      " rows, in one list, which each search reads as a whole.",
                                      static_cast<unsigned long>(rows),
                                      RelationGetRelationName(index), rows),
                     errhint("%s makes the lists once there are " INT64_FORMAT " rows%s.",
                             CanTrainLater(meta) ? "VACUUM or REINDEX" : "REINDEX", needed,
                             by_lists ? psprintf(", %d for each list", kRowsToTrain) : "")));
}

}  // namespace

IndexBuildResult *Build(Relation heap, Relation index, IndexInfo *info) {
    const MemoryContext context =
        AllocSetContextCreate(CurrentMemoryContext, "ivf build", ALLOCSET_DEFAULT_SIZES);
    const MemoryContext before = MemoryContextSwitchTo(context);
    MetaPage meta = NewMeta(index);
    BuildState state = {};
    state.row_context = AllocSetContextCreate(context, "ivf build row", ALLOCSET_DEFAULT_SIZES);
    state.format = FormatOf(index, meta);
    pg::TemporaryMemory *memory =
        pg::TemporaryMemory::Create(static_cast<Size>(maintenance_work_mem) * 1024);
    Rows rows(state.format, memory, false);
    state.rows = &rows;

    pgstat_progress_update_param(PROGRESS_CREATEIDX_SUBPHASE, kLoading);
    table_index_build_scan(heap, index, info, true, true, AddRow, &state, nullptr);
    CheckRowCount(index, rows.count());

    ChooseLists(&meta, rows.count());
    ListsBuilder builder(index, meta, rows, memory, BuildThreads(heap), true);
    if (!meta.lists.trained) SayLittleData(index, meta, rows.count());
    if (IsToTrain(meta))
        builder.Train();
    else
        builder.Gather();
    pg::PausePoint(pg::PausePlace::kBuildWrites);
    WriteIndex(index, MAIN_FORKNUM, &builder);

    auto *result =
        static_cast<IndexBuildResult *>(MemoryContextAllocZero(before, sizeof(IndexBuildResult)));
    result->heap_tuples = state.seen;
    result->index_tuples = static_cast<double>(rows.count());
    MemoryContextSwitchTo(before);
    MemoryContextDelete(context);
    return result;
}

void BuildEmpty(Relation index) {
    MetaPage meta = NewMeta(index);
    pg::TemporaryMemory *memory =
        pg::TemporaryMemory::Create(static_cast<Size>(maintenance_work_mem) * 1024);
    const Rows rows(FormatOf(index, meta), memory, false);
    ChooseLists(&meta, 0);
    ListsBuilder builder(index, meta, rows, memory, 1, false);
    builder.Gather();
    WriteIndex(index, INIT_FORKNUM, &builder);
}

const char *BuildPhaseName(int64 phase) {
    switch (phase) {
        case kInitializing:
            return "initializing";
        case kLoading:
            return "loading tuples";
        case kTraining:
            return "performing k-means";
        case kAssigning:
            return "assigning tuples";
        case kWriting:
            return "writing pages";
        default:
            return nullptr;
    }
}

}  // namespace vecx::ivf

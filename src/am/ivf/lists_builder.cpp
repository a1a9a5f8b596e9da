// Training and writing of lists; see the header.

#include "am/ivf/lists_builder.h"

#include "am/ivf/list_pages.h"
#include "core/kmeans.h"
#include "core/parallel.h"
#include "core/random.h"

namespace vecx::ivf {
namespace {

constexpr Size kAlignment = 64;
// Rows that are coded at a time: some 20 ms of work, since interrupts wait.
int64 WindowFor(int dimensions) { return std::clamp<int64>((1 << 20) / dimensions, 32, 4096); }

Size AlignedFloats(Size floats) { return TYPEALIGN(kAlignment / sizeof(float), floats); }

}  // namespace

Rows::Rows(const ValueFormat &format, pg::TemporaryMemory *memory, bool keeps_copies)
    : format_(format), memory_(memory), keeps_copies_(keeps_copies) {
    stride_ = TYPEALIGN(8, format.RawBytes() + CopyBytes() + sizeof(RowId));
    constexpr Size kLeastChunk = 4 << 20, kLargestChunk = 64 << 20;
    const Size chunk = std::clamp<Size>(static_cast<Size>(maintenance_work_mem) * 1024 / 8,
                                        kLeastChunk, kLargestChunk);
    per_chunk_ = static_cast<int64>(std::max<Size>(chunk / stride_, 1));
}

char *Rows::Next() {
    if (count_ == chunk_count_ * per_chunk_) {
        if (chunk_count_ == chunk_capacity_) {
            chunk_capacity_ = std::max<int64>(16, chunk_capacity_ * 2);
            auto **more = static_cast<char **>(palloc(chunk_capacity_ * sizeof(char *)));
            if (chunk_count_ > 0) memcpy(more, chunks_, chunk_count_ * sizeof(char *));
            chunks_ = more;
        }
        chunks_[chunk_count_++] = static_cast<char *>(memory_->AllocateLarge(per_chunk_ * stride_));
    }
    return Place(count_);
}

void Rows::Add(RowId row) {
    memcpy(Place(count_) + format_.RawBytes() + CopyBytes(), &row, sizeof(row));
    count_++;
}

void ListsBuilder::Report(BuildPhase phase) {
    if (!report_) return;
    pgstat_progress_update_param(
        PROGRESS_CREATEIDX_SUBPHASE,
        PROGRESS_CREATEIDX_SUBPHASE_INITIALIZE + 2 + static_cast<int64>(phase));
    pgstat_progress_update_param(PROGRESS_CREATEIDX_TUPLES_TOTAL, rows_.count());
    ReportDone(0);
}

void ListsBuilder::ReportDone(int64 done) {
    if (report_) pgstat_progress_update_param(PROGRESS_CREATEIDX_TUPLES_DONE, done);
}

// As many rows as training makes use of, evenly chosen.
void ListsBuilder::Sample() {
    const int64 wanted = std::min<int64>(
        rows_.count(), static_cast<int64>(meta_.lists.lists) * kTrainingRowsPerList);
    sample_ = Allocate<float>(static_cast<Size>(wanted) * dimensions_);
    Random random(meta_.lists.seed);
    for (int64 i = 0; i < rows_.count() && sampled_ < wanted; i++) {
        if (i % 4096 == 0) CHECK_FOR_INTERRUPTS();
        // Knuth's selection sampling.
        const uint64_t rest = static_cast<uint64_t>(rows_.count() - i);
        if (random.Next() % rest >= static_cast<uint64_t>(wanted - sampled_)) continue;
        MakeCoordinates(rows_.format(), rows_.Raw(i), sample_ + sampled_++ * dimensions_);
    }
}

void ListsBuilder::Train() {
    Report(BuildPhase::kTraining);
    Sample();
    const Metric metric = static_cast<Metric>(meta_.metric);
    KMeansOptions options = {};
    options.dimensions = dimensions_;
    options.lists = meta_.lists.lists;
    options.rows = static_cast<uint64_t>(sampled_);
    options.spherical = metric == Metric::kInnerProduct || metric == Metric::kCosine;
    options.seed = meta_.lists.seed;
    options.threads = threads_;
    const uint32_t groups = GroupsFor(options.lists);
    centroids_ = Allocate<float>(static_cast<Size>(options.lists) * dimensions_);
    float *group = groups > 0 ? Allocate<float>(static_cast<Size>(groups) * dimensions_) : nullptr;
    uint32_t *first = groups > 0 ? Allocate<uint32_t>(groups + 1) : nullptr;
    KMeans kmeans(options, sample_, centroids_, group, first,
                  memory_->AllocateLarge(KMeansBytes(options)));
    while (kmeans.Step()) CHECK_FOR_INTERRUPTS();
    if (meta_.lists.quantizer == static_cast<uint8_t>(ListQuantizer::kPq))
        TrainPq(kmeans.assignment());
    else
        MakeModel(nullptr);
    const Centroids centroids = kmeans.centroids();
    const Assigner assigner(centroids, memory_->AllocateLarge(AssignerBytes(centroids)));
    Assign(assigner);
    SortRows();
}

// Codebooks are those of what centroids leave.
void ListsBuilder::TrainPq(const uint32_t *assignment) {
    for (int64 i = 0; i < sampled_; i++) {
        if (i % 4096 == 0) CHECK_FOR_INTERRUPTS();
        float *row = sample_ + i * dimensions_;
        const float *centroid = centroids_ + static_cast<Size>(assignment[i]) * dimensions_;
        for (int j = 0; j < dimensions_; j++) row[j] -= centroid[j];
    }
    PqOptions options = {};
    options.shape = {dimensions_, meta_.lists.m, meta_.lists.bits, meta_.lists.opq != 0};
    options.rows = static_cast<uint64_t>(sampled_);
    options.seed = meta_.lists.seed;
    options.threads = threads_;
    PqTrainer trainer(options, sample_, memory_->AllocateLarge(PqTrainer::MemoryBytes(options)));
    while (trainer.Step()) CHECK_FOR_INTERRUPTS();
    const PqBook book = trainer.book();
    MakeModel(&book);
}

const float *ListsBuilder::MeanOfCentroids() {
    auto *mean = Allocate<float>(dimensions_);
    memset(mean, 0, dimensions_ * sizeof(float));
    for (uint32_t list = 0; list < meta_.lists.lists; list++)
        for (int i = 0; i < dimensions_; i++)
            mean[i] += centroids_[static_cast<Size>(list) * dimensions_ + i] /
                       static_cast<float>(meta_.lists.lists);
    for (int i = 0; i < dimensions_; i++)
        if (!std::isfinite(mean[i])) mean[i] = 0;
    return mean;
}

void ListsBuilder::MakeModel(const PqBook *book) {
    ListShape shape;
    if (!ShapeOf(meta_, &shape)) elog(ERROR, "no such codes");
    const Size bytes = ListModelBytes(shape);
    model_ = Allocate<char>(bytes);
    meta_.lists.model_bytes = static_cast<uint32_t>(bytes);
    WriteListModel(shape, meta_.lists.seed, MeanOfCentroids(), book, model_);
    lists_ = MakeLists(index_, meta_, model_);
    scratch_floats_ = AlignedFloats(lists_->codec.ScratchFloats()) +
                      2 * AlignedFloats(std::max(shape.padded, dimensions_));
    scratch_ = Allocate<float>(scratch_floats_ * threads_);
    TransformCentroids();
}

void ListsBuilder::TransformCentroids() {
    const ListShape &shape = lists_->shape;
    if (shape.quantizer == ListQuantizer::kFlat) return;
    transformed_ = Allocate<float>(static_cast<Size>(meta_.lists.lists) * shape.padded);
    for (uint32_t list = 0; list < meta_.lists.lists; list++) {
        if (list % 64 == 0) CHECK_FOR_INTERRUPTS();
        lists_->codec.Transform(centroids_ + static_cast<Size>(list) * dimensions_,
                                transformed_ + static_cast<Size>(list) * shape.padded);
    }
}

void ListsBuilder::Gather() {
    Report(BuildPhase::kTraining);
    meta_.lists.lists = 1;
    centroids_ = Allocate<float>(dimensions_);
    auto *sum = static_cast<double *>(palloc0(dimensions_ * sizeof(double)));
    auto *row = static_cast<float *>(palloc(dimensions_ * sizeof(float)));
    for (int64 i = 0; i < rows_.count(); i++) {
        if (i % 4096 == 0) CHECK_FOR_INTERRUPTS();
        MakeCoordinates(rows_.format(), rows_.Raw(i), row);
        for (int j = 0; j < dimensions_; j++) sum[j] += row[j];
    }
    for (int j = 0; j < dimensions_; j++)
        centroids_[j] =
            static_cast<float>(sum[j] / static_cast<double>(std::max<int64>(rows_.count(), 1)));
    MakeModel(nullptr);
    assignment_ = Allocate<uint32_t>(rows_.count());
    memset(assignment_, 0, rows_.count() * sizeof(uint32_t));
    SortRows();
}

void ListsBuilder::Assign(const Assigner &assigner) {
    Report(BuildPhase::kAssigning);
    assignment_ = Allocate<uint32_t>(rows_.count());
    const Size scratch_floats = AlignedFloats(assigner.ScratchFloats());
    const Size row_floats = AlignedFloats(kAssignRows * dimensions_);
    auto *scratch = Allocate<float>((scratch_floats + row_floats) * threads_);
    // Regions of some 20 ms.
    const double work = static_cast<double>(kAssignRows) * meta_.lists.lists * dimensions_;
    const int64 blocks = std::clamp<int64>(static_cast<int64>(5e8 / work), 1, 256) * threads_;
    const int64 step = blocks * static_cast<int64>(kAssignRows);
    for (int64 first = 0; first < rows_.count(); first += step) {
        CHECK_FOR_INTERRUPTS();
        const int64 end = std::min(first + step, rows_.count());
        ParallelFor((end - first + kAssignRows - 1) / kAssignRows, threads_,
                    [&](ptrdiff_t block, int thread) noexcept {
                        const int64 from = first + block * static_cast<int64>(kAssignRows);
                        const int64 to = std::min(from + static_cast<int64>(kAssignRows), end);
                        float *own = scratch + (scratch_floats + row_floats) * thread;
                        for (int64 i = from; i < to; i++)
                            MakeCoordinates(rows_.format(), rows_.Raw(i),
                                            own + scratch_floats + (i - from) * dimensions_);
                        assigner.Nearest(own + scratch_floats, to - from, assignment_ + from,
                                         nullptr, own);
                    });
        ReportDone(end);
    }
}

// By list, and within a list as they came.
void ListsBuilder::SortRows() {
    const uint32_t lists = meta_.lists.lists;
    starts_ = static_cast<int64 *>(MemoryContextAllocExtended(
        CurrentMemoryContext, (lists + 1) * sizeof(int64), MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO));
    order_ = Allocate<uint32_t>(rows_.count());
    for (int64 i = 0; i < rows_.count(); i++) starts_[assignment_[i] + 1]++;
    for (uint32_t list = 0; list < lists; list++) starts_[list + 1] += starts_[list];
    auto *next = static_cast<int64 *>(
        MemoryContextAllocHuge(CurrentMemoryContext, (lists + 1) * sizeof(int64)));
    memcpy(next, starts_, (lists + 1) * sizeof(int64));
    for (int64 i = 0; i < rows_.count(); i++)
        order_[next[assignment_[i]]++] = static_cast<uint32_t>(i);
}

BlockNumber ListsBuilder::Place(BlockNumber first) {
    meta_.lists.centroid_block = first;
    uint64_t block = first + lists_->CentroidPages();
    meta_.lists.model_block = static_cast<BlockNumber>(block);
    block += (meta_.lists.model_bytes + store::kPageCapacity - 1) / store::kPageCapacity;
    heads_ = static_cast<BlockNumber *>(
        MemoryContextAllocHuge(CurrentMemoryContext, meta_.lists.lists * sizeof(BlockNumber)));
    for (uint32_t list = 0; list < meta_.lists.lists; list++) {
        heads_[list] = static_cast<BlockNumber>(block);
        block += SizeOfExtent(lists_->geometry, static_cast<uint32_t>(RowsOf(list))).Pages();
        if (block > MaxBlockNumber)
            ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
                            errmsg("index \"%s\" would have more than %u blocks",
                                   RelationGetRelationName(index_), MaxBlockNumber)));
    }
    lists_->set = meta_.lists;
    return static_cast<BlockNumber>(block - first);
}

void ListsBuilder::Write(PageSink *sink) {
    Report(BuildPhase::kWriting);
    const ListShape &shape = lists_->shape;
    window_ = WindowFor(dimensions_);
    codes_ = Allocate<uint8_t>(window_ * shape.row_bytes);
    if (lists_->HasCopies()) copies_ = Allocate<char>(window_ * lists_->geometry.copy_size);
    WriteCentroids(sink);
    WriteModel(sink);
    for (uint32_t list = 0; list < meta_.lists.lists; list++) WriteList(sink, list);
}

void ListsBuilder::WriteCentroids(PageSink *sink) {
    const Size stride = lists_->CentroidBytes();
    auto *entry = static_cast<char *>(palloc(stride));
    const int per_page = lists_->CentroidsPerPage();
    char *content = nullptr;
    for (uint32_t list = 0; list < meta_.lists.lists; list++) {
        const float *centroid = centroids_ + static_cast<Size>(list) * dimensions_;
        const CentroidHeader header = {
            heads_[list],
            static_cast<float>(ActiveKernels().f32.squared_norm(centroid, dimensions_))};
        memcpy(entry, &header, sizeof(header));
        memcpy(entry + sizeof(header), centroid, dimensions_ * sizeof(float));
        if (per_page > 0) {
            if (list % per_page == 0) content = sink->Next(store::PageKind::kCentroids);
            memcpy(content + list % per_page * stride, entry, stride);
            continue;
        }
        for (Size from = 0; from < stride; from += store::kPageCapacity)
            memcpy(sink->Next(store::PageKind::kCentroids), entry + from,
                   std::min<Size>(store::kPageCapacity, stride - from));
    }
    pfree(entry);
}

void ListsBuilder::WriteModel(PageSink *sink) {
    for (Size from = 0; from < meta_.lists.model_bytes; from += store::kPageCapacity)
        memcpy(sink->Next(store::PageKind::kBlob), model_ + from,
               std::min<Size>(store::kPageCapacity, meta_.lists.model_bytes - from));
}

// Codes of rows from `first` on in the order of lists.
void ListsBuilder::FillCodes(int64 first) {
    CHECK_FOR_INTERRUPTS();
    const ListShape &shape = lists_->shape;
    codes_first_ = first;
    codes_end_ = std::min(first + window_, rows_.count());
    constexpr int64 kPart = 16;
    const bool flat = shape.quantizer == ListQuantizer::kFlat;
    ParallelFor(
        (codes_end_ - first + kPart - 1) / kPart, threads_,
        [&](ptrdiff_t part, int thread) noexcept {
            float *scratch = scratch_ + scratch_floats_ * thread;
            float *row = scratch + AlignedFloats(lists_->codec.ScratchFloats());
            float *moved = row + AlignedFloats(std::max(shape.padded, dimensions_));
            const int64 end = std::min(first + (part + 1) * kPart, codes_end_);
            for (int64 at = first + part * kPart; at < end; at++) {
                const char *raw = rows_.Raw(order_[at]);
                uint8_t *code = codes_ + (at - first) * shape.row_bytes;
                if (flat) {
                    memcpy(code, raw, shape.row_bytes);
                    continue;
                }
                if (HasUnknownCode(*lists_, raw)) {
                    lists_->codec.EncodeUnknown(code);
                    continue;
                }
                MakeCoordinates(rows_.format(), raw, row);
                lists_->codec.Transform(row, moved);
                lists_->codec.EncodeRow(
                    moved, transformed_ + static_cast<Size>(assignment_[order_[at]]) * shape.padded,
                    code, scratch);
            }
        });
    ReportDone(codes_end_);
}

void ListsBuilder::FillCopies(int64 first) {
    CHECK_FOR_INTERRUPTS();
    copies_first_ = first;
    copies_end_ = std::min(first + window_, rows_.count());
    constexpr int64 kPart = 16;
    const int size = lists_->geometry.copy_size;
    const int bytes = rows_.format().CopyBytes();
    ParallelFor((copies_end_ - first + kPart - 1) / kPart, threads_,
                [&](ptrdiff_t part, int) noexcept {
                    const int64 end = std::min(first + (part + 1) * kPart, copies_end_);
                    for (int64 at = first + part * kPart; at < end; at++) {
                        char *out = copies_ + (at - first) * size;
                        const char *copy = rows_.Copy(order_[at], out);
                        if (copy != out) memcpy(out, copy, bytes);
                    }
                });
}

const uint8_t *ListsBuilder::Code(int64 at) {
    if (at < codes_first_ || at >= codes_end_) FillCodes(at);
    return codes_ + (at - codes_first_) * lists_->shape.row_bytes;
}

const char *ListsBuilder::Copy(int64 at) {
    if (at < copies_first_ || at >= copies_end_) FillCopies(at);
    return copies_ + (at - copies_first_) * lists_->geometry.copy_size;
}

void ListsBuilder::WriteList(PageSink *sink, uint32_t list) {
    const ExtentSize size = SizeOfExtent(lists_->geometry, static_cast<uint32_t>(RowsOf(list)));
    WriteCodes(sink, list, size);
    if (size.copy_pages > 0) WriteCopies(sink, list, size);
}

void ListsBuilder::StoreInUnit(uint32_t block, int lane, const uint8_t *code, RowId row,
                               char *unit) {
    const ListShape &shape = lists_->shape;
    const Geometry &geometry = lists_->geometry;
    const BlockPlace &place = geometry.PlaceOf(block);
    const Piece *pieces = geometry.PiecesOf(block);
    StoreHead(shape, geometry, block, lane, code, row,
              unit + static_cast<Size>(place.page) * store::kPageCapacity);
    for (int i = 0; i < place.pieces; i++)
        if (i == 0 || pieces[i].page != pieces[i - 1].page)
            StoreCodes(shape, geometry, block, lane, code, pieces[i].page,
                       unit + static_cast<Size>(pieces[i].page) * store::kPageCapacity);
}

void ListsBuilder::WriteCodes(PageSink *sink, uint32_t list, const ExtentSize &size) {
    const Geometry &geometry = lists_->geometry;
    const auto rows = static_cast<uint32_t>(RowsOf(list));
    const Size unit_bytes = static_cast<Size>(geometry.unit_pages) * store::kPageCapacity;
    auto *unit = static_cast<char *>(MemoryContextAllocHuge(CurrentMemoryContext, unit_bytes));
    uint32_t row = 0;
    for (uint32_t page = 0; page < size.code_pages; page += geometry.unit_pages) {
        memset(unit, 0, unit_bytes);
        const int pages = std::min<int>(geometry.unit_pages, size.code_pages - page);
        for (int i = 0; i < pages; i++) {
            CodePage *header = HeaderOf(unit + static_cast<Size>(i) * store::kPageCapacity);
            header->list = list;
            header->position = page + i;
        }
        const uint32_t first_block = page / geometry.unit_pages * geometry.unit_blocks;
        const auto end = static_cast<uint32_t>(
            std::min<uint64_t>(rows, geometry.Rows(page + static_cast<uint32_t>(pages))));
        for (uint32_t block = first_block; row < end; block++)
            for (int lane = 0; lane < kListBlock && row < end; lane++, row++) {
                const int64 at = starts_[list] + row;
                StoreInUnit(block, lane, Code(at), rows_.Row(order_[at]), unit);
            }
        if (page == 0) {
            CodePage *head = HeaderOf(unit);
            head->code_pages = size.code_pages;
            head->pages = size.Pages();
            head->slots = size.slots;
            head->flags = kHead | kExtent;
            head->rows = head->tail_rows = rows;
            head->tail = heads_[list];
        }
        for (int i = 0; i < pages; i++)
            memcpy(sink->Next(store::PageKind::kCodes),
                   unit + static_cast<Size>(i) * store::kPageCapacity, store::kPageCapacity);
    }
    pfree(unit);
}

void ListsBuilder::WriteCopies(PageSink *sink, uint32_t list, const ExtentSize &size) {
    const Geometry &geometry = lists_->geometry;
    const auto rows = static_cast<uint32_t>(RowsOf(list));
    if (geometry.copies_per_page == 0) {
        for (uint32_t row = 0; row < rows; row++) {
            const char *copy = Copy(starts_[list] + row);
            for (int from = 0; from < geometry.copy_size; from += store::kPageCapacity)
                memcpy(sink->Next(store::PageKind::kVectors), copy + from,
                       std::min(store::kPageCapacity, geometry.copy_size - from));
        }
        for (uint32_t page = rows * geometry.pages_per_copy; page < size.copy_pages; page++)
            sink->Next(store::PageKind::kVectors);
        return;
    }
    uint32_t row = 0;
    for (uint32_t page = 0; page < size.copy_pages; page++) {
        char *content = sink->Next(store::PageKind::kVectors);
        for (int i = 0; i < geometry.copies_per_page && row < rows; i++, row++)
            memcpy(content + i * geometry.copy_size, Copy(starts_[list] + row), geometry.copy_size);
    }
}

}  // namespace vecx::ivf

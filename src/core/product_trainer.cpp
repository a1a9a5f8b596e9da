// Training of a product quantizer; see core/product_quantizer.h.

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstring>
#include <new>

#include "core/lloyd.h"
#include "core/product_quantizer.h"

namespace vecx {
namespace {

constexpr size_t kBlockRows = 96;   // a multiple of every level's tile
constexpr size_t kGramDepth = 256;  // rows that are packed at once

// The nearest rotation of a matrix by Newton's and Schulz's iteration. Its smallest singular values
// grow by half each time; a part of the last rotation is added beforehand, since rows that never
// vary in some direction leave that one undetermined.
constexpr int kCorrections = 40;
constexpr float kOfLastRotation = 1e-3f;
constexpr float kCloseEnough = 1e-5f;  // of the elements of R'R - I
constexpr float kStillRotation = 1e-3f;

// Steps of k-means over a part are short, and threads wait for each other after each region.
constexpr auto kStep = std::chrono::milliseconds(40);

// k-means iterations between two changes of the rotation.
constexpr int kFirstIterations = 5;
constexpr int kNextIterations = 1;

size_t UsedRows(const PqOptions &options) {
    return static_cast<size_t>(std::min(options.rows, MostPqRows(options.shape.bits)));
}

}  // namespace

LloydOptions PqTrainer::PartOptions(int part) const {
    LloydOptions options = {};
    options.dimensions = static_cast<size_t>(options_.shape.PartDimensions());
    options.lists = static_cast<uint32_t>(options_.shape.Centroids());
    options.rows = used_;
    options.spherical = false;
    options.seed = options_.seed + static_cast<uint64_t>(part);
    options.threads = 1;  // each thread works on parts of its own
    options.iterations = options_.iterations;
    if (phase_ != Phase::kLast) options.iterations = seeded_ ? kNextIterations : kFirstIterations;
    // Seeds drawn by distance lose less in total, but most in dense places, where neighbours are:
    // recall is lower (photo-sift, 32 parts of 8 bits: .783 against .797).
    options.even = true;
    options.seeded = seeded_;
    return options;
}

void PqTrainer::Carve(Carver *carver) {
    const PqShape &shape = options_.shape;
    const auto n = static_cast<size_t>(shape.dimensions);
    const auto threads = static_cast<size_t>(options_.threads);
    const size_t lloyd_bytes = Lloyd::MemoryBytes(PartOptions(0));
    lanes_ = carver->Take<Lane>(threads);
    for (size_t i = 0; i < threads; i++) {
        auto *lloyd = carver->Take<Lloyd>(1);
        auto *memory = carver->Take<char>(lloyd_bytes);
        auto *assignment = carver->Take<uint32_t>(used_);
        if (lanes_ != nullptr) lanes_[i] = {lloyd, -1, memory, assignment};
    }
    centroids_ = carver->Take<float>(shape.CodebookFloats());
    codebooks_ = carver->Take<float>(shape.CodebookFloats());
    costs_ = carver->Take<double>(static_cast<size_t>(shape.m));
    if (!shape.rotated) {
        ids_ = carver->Take<uint32_t>(used_);
        return;
    }
    const TileKernels &kernels = ActiveKernels().tiles;
    chosen_ = carver->Take<float>(used_ * n);
    turned_ = carver->Take<float>(used_ * n);
    rotation_ = carver->Take<float>(n * n);
    next_ = carver->Take<float>(n * n);
    gram_ = carver->Take<float>(n * n);
    corrected_ = carver->Take<float>(n * n);
    columns_ = TakeColumns(carver, n, n);
    scratch_ = carver->Take<TileScratch>(threads);
    packed_ = carver->Take<float *>(threads);
    for (size_t i = 0; i < threads; i++) {
        const size_t depth = std::max(n, kGramDepth);
        const size_t tiles = std::max(kBlockRows / kernels.rows, columns_.Panels());
        const TileScratch scratch = TakeTileScratch(carver, kernels, tiles, depth);
        auto *packed = carver->Take<float>(kGramDepth * kernels.panel);
        if (scratch_ != nullptr) {
            scratch_[i] = scratch;
            packed_[i] = packed;
        }
    }
}

size_t PqTrainer::MemoryBytes(const PqOptions &options) {
    Carver counter(nullptr);
    PqTrainer(options, nullptr, nullptr).Carve(&counter);
    return counter.taken();
}

PqTrainer::PqTrainer(const PqOptions &options, const float *rows, void *memory)
    : options_(options), rows_(rows), used_(UsedRows(options)), slices_(options.threads) {
    if (memory == nullptr) return;
    Carver carver(memory);
    Carve(&carver);
    const auto n = static_cast<size_t>(options.shape.dimensions);
    const auto source = [&](size_t i) { return static_cast<size_t>(i * options.rows / used_); };
    if (!options.shape.rotated) {
        for (size_t i = 0; i < used_; i++) ids_[i] = static_cast<uint32_t>(source(i));
        BeginCodes(Phase::kLast);
        return;
    }
    for (size_t i = 0; i < used_; i++)
        memcpy(chosen_ + i * n, rows + source(i) * n, n * sizeof(float));
    std::fill_n(rotation_, n * n, 0.0f);
    for (size_t i = 0; i < n; i++) rotation_[i * n + i] = 1;
    BeginTimes(Phase::kRotate, rotation_);
}

// Each thread trains a part, then the next one that nobody has.
void PqTrainer::BeginCodes(Phase phase) {
    phase_ = phase;
    next_part_ = parts_done_ = 0;
    for (int i = 0; i < options_.threads; i++) lanes_[i].part = -1;
    TakeParts();
}

void PqTrainer::TakeParts() {
    const PqShape &shape = options_.shape;
    const auto n = static_cast<size_t>(shape.dimensions);
    const auto width = static_cast<size_t>(shape.PartDimensions());
    for (int i = 0; i < options_.threads; i++) {
        Lane &lane = lanes_[i];
        if (lane.part >= 0 || next_part_ == shape.m) continue;
        lane.part = next_part_++;
        const auto part = static_cast<size_t>(lane.part);
        const LloydRows rows = shape.rotated ? LloydRows{turned_ + part * width, n, nullptr}
                                             : LloydRows{rows_ + part * width, n, ids_};
        new (lane.lloyd)
            Lloyd(PartOptions(lane.part), rows, centroids_ + part * (width << shape.bits),
                  lane.assignment, lane.memory);
    }
}

void PqTrainer::EndPart(Lane *lane) {
    const PqShape &shape = options_.shape;
    const auto n = static_cast<size_t>(shape.dimensions);
    const auto width = static_cast<size_t>(shape.PartDimensions());
    const auto part = static_cast<size_t>(lane->part), count = size_t{1} << shape.bits;
    const float *centroids = centroids_ + part * width * count;
    costs_[part] = lane->lloyd->objective();
    lane->part = -1;
    parts_done_++;
    if (phase_ == Phase::kLast) {
        float *codebook = codebooks_ + part * width * count;
        for (size_t c = 0; c < count; c++)
            for (size_t i = 0; i < width; i++) codebook[i * count + c] = centroids[c * width + i];
        return;
    }
    for (size_t i = 0; i < used_; i++)
        memcpy(turned_ + i * n + part * width, centroids + lane->assignment[i] * width,
               width * sizeof(float));
}

// False once all parts are done.
bool PqTrainer::StepCodes() {
    using Clock = std::chrono::steady_clock;
    const Clock::time_point end = Clock::now() + kStep;
    ParallelFor(options_.threads, options_.threads, [this, end](ptrdiff_t i, int) noexcept {
        const Lane &lane = lanes_[i];
        if (lane.part < 0) return;
        while (lane.lloyd->Step() && Clock::now() < end) {
        }
    });
    for (int i = 0; i < options_.threads; i++)
        if (lanes_[i].part >= 0 && lanes_[i].lloyd->IsDone()) EndPart(&lanes_[i]);
    TakeParts();
    return parts_done_ < options_.shape.m;
}

void PqTrainer::BeginTimes(Phase phase, const float *vectors) {
    const auto n = static_cast<size_t>(options_.shape.dimensions);
    PackColumns(columns_, vectors, n, nullptr, 0, n);
    const size_t rows = phase == Phase::kRotate ? used_ : n;
    phase_ = phase;
    slices_.Begin((rows + kBlockRows - 1) / kBlockRows);
}

// out = the products of rows with all columns.
void PqTrainer::TimesBlock(const float *rows, size_t count, size_t block, int thread,
                           float *out) noexcept {
    const TileKernels &kernels = *columns_.kernels;
    const auto n = static_cast<size_t>(options_.shape.dimensions);
    const size_t end = std::min((block + 1) * kBlockRows, count);
    for (size_t begin = block * kBlockRows; begin < end; begin += kernels.rows) {
        const size_t here = std::min(kernels.rows, end - begin);
        const float *pointers[kMostTileRows];
        for (size_t i = 0; i < here; i++) pointers[i] = rows + (begin + i) * n;
        const TileScratch &scratch = scratch_[thread];
        PackTiles(kernels, pointers, here, n, nullptr, scratch.tiles);
        MultiplyColumns(columns_, scratch.tiles, here, scratch.sums, out + begin * n, n);
    }
}

// out = left' * right, both of `count` rows: so many rows of it as a tile has.
void PqTrainer::GramBlock(const float *left, const float *right, size_t count, size_t block,
                          int thread, float *out) noexcept {
    const TileKernels &kernels = *columns_.kernels;
    const size_t height = kernels.rows, width = kernels.panel, cells = height * width;
    const auto n = static_cast<size_t>(options_.shape.dimensions);
    const size_t first = block * height, here = std::min(height, n - first);
    const TileScratch &scratch = scratch_[thread];
    float *packed = packed_[thread];
    for (size_t from = 0; from < count; from += kGramDepth) {
        const size_t depth = std::min(kGramDepth, count - from);
        for (size_t i = 0; i < depth; i++)
            for (size_t r = 0; r < height; r++)
                scratch.tiles[i * height + r] = r < here ? left[(from + i) * n + first + r] : 0;
        for (size_t p = 0; p < columns_.Panels(); p++) {
            const size_t columns = std::min(width, n - p * width);
            for (size_t i = 0; i < depth; i++) {
                float *to = packed + i * width;
                memcpy(to, right + (from + i) * n + p * width, columns * sizeof(float));
                std::fill(to + columns, to + width, 0.0f);
            }
            kernels.multiply(scratch.tiles, packed, depth, from > 0, scratch.sums + p * cells);
        }
    }
    for (size_t p = 0; p < columns_.Panels(); p++)
        for (size_t r = 0; r < here; r++)
            memcpy(out + (first + r) * n + p * width, scratch.sums + p * cells + r * width,
                   std::min(width, n - p * width) * sizeof(float));
}

// Ge et al. 2013: codebooks given, the best rotation is U V' where U S V' is the product of decoded
// and plain rows; that is the rotation nearest to it.
void PqTrainer::BeginPolar() {
    const auto n = static_cast<size_t>(options_.shape.dimensions);
    // No singular value exceeds the root of the greatest sums of a row and of a column.
    const auto most = [n](const float *matrix) {
        double rows = 0, columns = 0;
        for (size_t i = 0; i < n; i++) {
            double row = 0, column = 0;
            for (size_t j = 0; j < n; j++) {
                row += static_cast<double>(std::fabs(matrix[i * n + j]));
                column += static_cast<double>(std::fabs(matrix[j * n + i]));
            }
            rows = std::max(rows, row);
            columns = std::max(columns, column);
        }
        return std::sqrt(rows * columns);
    };
    const double bound = most(next_);
    const double scale = bound > 0 && std::isfinite(bound) ? 1 / bound : 0;
    for (size_t i = 0; i < n * n; i++)
        next_[i] = static_cast<float>(next_[i] * scale) + kOfLastRotation * rotation_[i];
    correction_ = 0;
    phase_ = Phase::kGram;
    slices_.Begin((n + columns_.kernels->rows - 1) / columns_.kernels->rows);
}

void PqTrainer::EndGram() {
    const auto n = static_cast<size_t>(options_.shape.dimensions);
    float off = 0;
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < n; j++)
            off = std::max(off, std::fabs(gram_[i * n + j] - (i == j ? 1.0f : 0.0f)));
    if (off > kCloseEnough && correction_ < kCorrections) {
        BeginTimes(Phase::kCorrect, gram_);
        return;
    }
    // The comparison is false for NaN too: then the last rotation stays.
    if (off < kStillRotation) memcpy(rotation_, next_, n * n * sizeof(float));
    round_++;
    BeginTimes(Phase::kRotate, rotation_);
}

void PqTrainer::EndCorrection() {
    const auto n = static_cast<size_t>(options_.shape.dimensions);
    for (size_t i = 0; i < n * n; i++) next_[i] = 1.5f * next_[i] - 0.5f * corrected_[i];
    correction_++;
    phase_ = Phase::kGram;
    slices_.Begin((n + columns_.kernels->rows - 1) / columns_.kernels->rows);
}

bool PqTrainer::Step() {
    const auto n = static_cast<size_t>(options_.shape.dimensions);
    switch (phase_) {
        case Phase::kRotate:
            if (!slices_.Run([this](size_t block, int thread) noexcept {
                    TimesBlock(chosen_, used_, block, thread, turned_);
                }))
                BeginCodes(round_ < options_.opq_iterations ? Phase::kCode : Phase::kLast);
            return true;
        case Phase::kCode:
            if (!StepCodes()) {
                seeded_ = true;
                phase_ = Phase::kProduct;
                slices_.Begin((n + columns_.kernels->rows - 1) / columns_.kernels->rows);
            }
            return true;
        case Phase::kProduct:
            if (!slices_.Run([this](size_t block, int thread) noexcept {
                    GramBlock(turned_, chosen_, used_, block, thread, next_);
                }))
                BeginPolar();
            return true;
        case Phase::kGram:
            if (!slices_.Run([this, n](size_t block, int thread) noexcept {
                    GramBlock(next_, next_, n, block, thread, gram_);
                }))
                EndGram();
            return true;
        case Phase::kCorrect:
            if (!slices_.Run([this, n](size_t block, int thread) noexcept {
                    TimesBlock(next_, n, block, thread, corrected_);
                }))
                EndCorrection();
            return true;
        case Phase::kLast:
            if (!StepCodes()) {
                double cost = 0;
                for (int part = 0; part < options_.shape.m; part++) cost += costs_[part];
                objective_ = cost / static_cast<double>(used_);
                phase_ = Phase::kDone;
            }
            return phase_ != Phase::kDone;
        case Phase::kDone:
            return false;
    }
    return false;
}

double PqTrainer::Progress() const {
    if (phase_ == Phase::kDone) return 1;
    const double last = static_cast<double>(parts_done_) / options_.shape.m;
    if (!options_.shape.rotated) return last;
    // The last codebooks take about as long as some rounds.
    constexpr double kLastRounds = 4;
    const double rounds = options_.opq_iterations + kLastRounds;
    return phase_ == Phase::kLast ? (options_.opq_iterations + kLastRounds * last) / rounds
                                  : round_ / rounds;
}

PqBook PqTrainer::book() const {
    return {options_.shape, codebooks_, options_.shape.rotated ? rotation_ : nullptr};
}

}  // namespace vecx

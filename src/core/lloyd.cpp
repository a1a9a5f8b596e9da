// One run of k-means; see the header.

#include "core/lloyd.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "core/metric.h"

namespace vecx {
namespace {

constexpr size_t kBlockRows = 96;     // a multiple of every level's tile
constexpr double kBlockWork = 2e8;    // multiplications in a block, at most, if rows are many
constexpr size_t kMeanWidth = 256;    // dimensions of a mean that are summed at once
constexpr size_t kMeanRows = 64;      // summed as floats, before their sum is added as doubles
constexpr size_t kCentreRows = 1024;  // enough for a point among the rows

// A round draws an eighth of the seeds that are there: none of them sees another of the same round.
constexpr uint32_t kRoundPart = 8;
constexpr size_t kSeedRows = 32;  // per list are enough to draw seeds from
constexpr size_t kLeastSeedRows = 4096;
constexpr uint32_t kFewSeeds = 16;  // in a round: rows are not worth packing

// A list that costs more than so many times the mean is split, at the price of a list that can be
// merged with its neighbour for less than this part of that.
constexpr double kCostlyList = 8;
constexpr double kCheapMerge = 0.25;
constexpr size_t kMostMerges = 64;  // are looked at
constexpr double kMergeWork = 2e8;  // multiplications

// Where lists are to be even, a row counts by its distance from so many times the mean on.
constexpr double kFarRow = 4;

// A round that changes the cost by less than this part of it is the last.
constexpr double kSettled = 5e-4;

// Squared distances below this part of the squared length are rounding errors.
constexpr float kRounding = 4e-6f;

// Lists of more than so many times the mean length give rows away, to lists of less than this part
// of it.
constexpr uint32_t kLongList = 4;
constexpr uint32_t kShortList = 8;

uint32_t RoundSeeds(uint32_t seeded) { return std::max(1u, seeded / kRoundPart); }

size_t BlockRowsFor(const LloydOptions &options) {
    const double work =
        static_cast<double>(options.lists) * static_cast<double>(options.dimensions);
    const double rows = std::clamp(kBlockWork / work, 12.0, static_cast<double>(kBlockRows));
    return static_cast<size_t>(rows) / 12 * 12;
}

float Positive(float distance, float scale) { return distance > kRounding * scale ? distance : 0; }

}  // namespace

void Lloyd::Carve(Carver *carver) {
    const TileKernels &kernels = ActiveKernels().tiles;
    const size_t n = options_.dimensions, rows = options_.rows, lists = options_.lists;
    centre_ = carver->Take<float>(n);
    distances_ = carver->Take<float>(rows);
    inverses_ = options_.spherical ? carver->Take<float>(rows) : nullptr;
    norms_ = options_.spherical ? nullptr : carver->Take<float>(rows);
    weights_ = carver->Take<double>(Blocks());
    order_ = carver->Take<uint32_t>(rows);
    starts_ = carver->Take<uint32_t>(lists + 1);
    counts_ = carver->Take<uint32_t>(lists);
    costs_ = carver->Take<double>(lists);
    nearest_ = carver->Take<uint32_t>(options_.threads * kBlockRows);
    keys_ = carver->Take<float>(options_.threads * kBlockRows);
    scratch_ = carver->Take<TileScratch>(options_.threads);
    for (int thread = 0; thread < options_.threads; thread++) {
        const TileScratch scratch = TakeTileScratch(carver, kernels, kBlockRows / kernels.rows, n);
        if (scratch_ != nullptr) scratch_[thread] = scratch;
    }
    columns_ = TakeColumns(carver, lists, n);
    const uint32_t round = RoundSeeds(options_.lists);
    seeds_ = TakeColumns(carver, round, n);
}

size_t Lloyd::MemoryBytes(const LloydOptions &options) {
    Carver counter(nullptr);
    Lloyd(options, {}, nullptr, nullptr, nullptr).Carve(&counter);
    return counter.taken();
}

Lloyd::Lloyd(const LloydOptions &options, const LloydRows &rows, float *centroids,
             uint32_t *assignment, void *memory)
    : options_(options),
      rows_(rows),
      centroids_(centroids),
      assignment_(assignment),
      random_(options.seed),
      slices_(options.threads),
      block_rows_(BlockRowsFor(options)),
      seed_rows_(std::min(options.rows, std::max(kSeedRows * options.lists, kLeastSeedRows))),
      mean_parts_((options.dimensions + kMeanWidth - 1) / kMeanWidth),
      mean_width_((options.dimensions + mean_parts_ - 1) / mean_parts_) {
    if (memory == nullptr) return;
    Carver carver(memory);
    Carve(&carver);
}

// A point in the middle, by an even choice of the rows: without it the differences of long vectors
// would cancel.
void Lloyd::FindCentre() noexcept {
    const size_t n = options_.dimensions, count = std::min(options_.rows, kCentreRows);
    std::fill_n(centre_, n, 0.0f);
    if (options_.spherical) return;
    const float factor = 1 / static_cast<float>(count);
    for (size_t i = 0; i < count; i++) {
        const float *row = rows_.Row(i * options_.rows / count);
        for (size_t j = 0; j < n; j++) centre_[j] += factor * row[j];
    }
}

// The mean of a list's rows in some dimensions; spherical: the direction of the sum of the rows'
// directions, yet of any length.
void Lloyd::MeansPiece(size_t piece) noexcept {
    const size_t list = piece / mean_parts_, first = piece % mean_parts_ * mean_width_;
    if (counts_[list] == 0) return;
    const size_t begin = starts_[list], end = starts_[list + 1];
    const size_t width = std::min(mean_width_, options_.dimensions - first);
    float *mean = centroids_ + list * options_.dimensions + first;
    double sums[kMeanWidth] = {};
    float part[kMeanWidth];
    for (size_t at = begin; at < end; at += kMeanRows) {
        std::fill_n(part, width, 0.0f);
        for (size_t i = at; i < std::min(at + kMeanRows, end); i++) {
            const uint32_t row = order_[i];
            const float *vector = rows_.Row(row) + first;
            const float weight = inverses_ != nullptr ? inverses_[row] : 1;
            for (size_t j = 0; j < width; j++) part[j] += weight * vector[j];
        }
        for (size_t j = 0; j < width; j++) sums[j] += part[j];
    }
    const double factor = 1 / static_cast<double>(end - begin);
    for (size_t j = 0; j < width; j++) mean[j] = static_cast<float>(sums[j] * factor);
}

void Lloyd::Pack(const float *const *rows, size_t count, int thread) noexcept {
    const float *centre = options_.spherical ? nullptr : centre_;
    PackTiles(*columns_.kernels, rows, count, options_.dimensions, centre, scratch_[thread].tiles);
}

// What is needed of each row, and the distances before there is a seed.
void Lloyd::MeasureBlock(size_t block) noexcept {
    const size_t begin = block * block_rows_;
    const size_t end = std::min(begin + block_rows_, options_.rows);
    const DistanceKernels &kernels = ActiveKernels().f32;
    for (size_t i = begin; i < end; i++) {
        if (options_.spherical) {
            const double norm = kernels.squared_norm(rows_.Row(i), options_.dimensions);
            inverses_[i] = norm > 0 ? static_cast<float>(1 / std::sqrt(norm)) : 0;
        } else {
            norms_[i] = kernels.l2_squared(rows_.Row(i), centre_, options_.dimensions);
        }
        distances_[i] = std::numeric_limits<float>::max();
    }
}

// Distances to the nearest seed, now that there are those of another round.
void Lloyd::SeedBlock(size_t block, int thread) noexcept {
    const size_t begin = block * block_rows_;
    const size_t end = std::min(begin + block_rows_, seed_rows_);
    if (round_ <= kFewSeeds) {
        for (size_t i = begin; i < end; i++)
            distances_[i] = std::min(distances_[i], DistanceToRound(SeedRow(i)));
        return;
    }
    const float *rows[kBlockRows];
    for (size_t i = begin; i < end; i++) rows[i - begin] = rows_.Row(SeedRow(i));
    Pack(rows, end - begin, thread);
    uint32_t *nearest = nearest_ + thread * kBlockRows;
    float *keys = keys_ + thread * kBlockRows;
    SearchColumns(seeds_, end - begin, scratch_[thread], nearest, keys);
    for (size_t i = begin; i < end; i++) {
        const size_t row = SeedRow(i);
        const float key = keys[i - begin];
        const float distance = options_.spherical ? Positive(1 + key * inverses_[row], 1)
                                                  : Positive(norms_[row] + key, norms_[row]);
        distances_[i] = std::min(distances_[i], distance);
    }
}

float Lloyd::DistanceToRound(size_t row) const noexcept {
    const size_t n = options_.dimensions;
    const DistanceKernels &kernels = ActiveKernels().f32;
    const float *vector = rows_.Row(row);
    const float *seed = centroids_ + (seeded_ - round_) * n;
    float least = std::numeric_limits<float>::max();
    for (uint32_t i = 0; i < round_; i++, seed += n) {
        float distance;
        if (options_.spherical) {
            const float product = kernels.inner_product(vector, seed, n);
            distance = Positive(1 + seeds_.factors[i] * product * inverses_[row], 1);
        } else {
            distance = Positive(kernels.l2_squared(vector, seed, n), norms_[row]);
        }
        least = std::min(least, distance);
    }
    return least;
}

double Lloyd::WeightOf(float distance) const {
    if (distance == 0) return 0;
    return options_.even ? std::max(1.0, distance * weight_scale_) : distance;
}

void Lloyd::WeighBlock(size_t block) noexcept {
    const size_t begin = block * block_rows_;
    const size_t end = std::min(begin + block_rows_, seed_rows_);
    double weight = 0;
    for (size_t i = begin; i < end; i++) weight += WeightOf(distances_[i]);
    weights_[block] = weight;
}

void Lloyd::AssignBlock(size_t block, int thread) noexcept {
    const size_t begin = block * block_rows_;
    const size_t end = std::min(begin + block_rows_, options_.rows);
    const float *rows[kBlockRows];
    for (size_t i = begin; i < end; i++) rows[i - begin] = rows_.Row(i);
    Pack(rows, end - begin, thread);
    float *keys = keys_ + thread * kBlockRows;
    SearchColumns(columns_, end - begin, scratch_[thread], assignment_ + begin, keys);
    for (size_t i = begin; i < end; i++) {
        const float key = keys[i - begin];
        distances_[i] = options_.spherical ? Positive(1 + key * inverses_[i], 1)
                                           : Positive(norms_[i] + key, norms_[i]);
    }
}

// A row that is no seed yet, in proportion to its weight; seed_rows_ if all are at one.
size_t Lloyd::DrawRow() {
    const size_t blocks = SeedBlocks();
    double total = 0;
    for (size_t block = 0; block < blocks; block++) total += weights_[block];
    if (!(total > 0)) return seed_rows_;
    double rest = static_cast<double>(random_.Next() >> 11) * 0x1p-53 * total;
    size_t block = 0;
    for (; block + 1 < blocks && rest >= weights_[block]; block++) rest -= weights_[block];
    // Rounding may lead to a block, or past a row, of weight 0.
    size_t found = seed_rows_;
    for (size_t tried = 0; tried < blocks && found == seed_rows_; tried++) {
        const size_t begin = (block + tried) % blocks * block_rows_;
        const size_t end = std::min(begin + block_rows_, seed_rows_);
        for (size_t i = begin; i < end; i++) {
            if (distances_[i] == 0) continue;
            found = i;
            const double weight = WeightOf(distances_[i]);
            if (rest < weight) break;
            rest -= weight;
        }
    }
    return found;
}

// The seeds of a round, packed. None where every row is a seed, or equal to one.
void Lloyd::DrawSeeds() {
    const size_t n = options_.dimensions;
    const uint32_t wanted = std::min(RoundSeeds(seeded_), options_.lists - seeded_);
    double total = 0;
    for (size_t i = 0; i < seed_rows_; i++) total += distances_[i];
    weight_scale_ = total > 0 ? static_cast<double>(seed_rows_) / (kFarRow * total) : 1;
    for (size_t block = 0; block < SeedBlocks(); block++) WeighBlock(block);
    float *first = centroids_ + seeded_ * n;
    round_ = 0;
    while (round_ < wanted) {
        // Before there is a seed, all rows are as far.
        const size_t row =
            seeded_ == 0 ? random_.Below(static_cast<uint32_t>(seed_rows_)) : DrawRow();
        if (row == seed_rows_) break;
        memcpy(first + round_ * n, rows_.Row(SeedRow(row)), n * sizeof(float));
        distances_[row] = 0;
        WeighBlock(row / block_rows_);
        round_++;
    }
    if (round_ == 0) return;
    seeded_ += round_;
    seeds_.count = round_;
    if (options_.spherical)
        PackForAngle(seeds_, first, n);
    else
        PackForDistance(seeds_, first, n, centre_);
}

void Lloyd::EndSeeds() {
    const size_t n = options_.dimensions;
    for (uint32_t list = seeded_; list < options_.lists; list++)
        memcpy(centroids_ + list * n, centroids_, n * sizeof(float));
    BeginAssign();
}

void Lloyd::BeginAssign() {
    if (options_.spherical)
        PackForAngle(columns_, centroids_, options_.dimensions);
    else
        PackForDistance(columns_, centroids_, options_.dimensions, centre_);
    phase_ = Phase::kAssign;
    slices_.Begin(Blocks());
}

// Sorts the rows by list.
void Lloyd::EndAssign() {
    std::fill_n(counts_, options_.lists, 0);
    std::fill_n(costs_, options_.lists, 0.0);
    const double before = objective_;
    objective_ = 0;
    for (size_t i = 0; i < options_.rows; i++) {
        counts_[assignment_[i]]++;
        costs_[assignment_[i]] += distances_[i];
        objective_ += distances_[i];
    }
    starts_[0] = 0;
    for (uint32_t list = 0; list < options_.lists; list++)
        starts_[list + 1] = starts_[list] + counts_[list];
    for (size_t i = 0; i < options_.rows; i++)
        order_[starts_[assignment_[i]]++] = static_cast<uint32_t>(i);
    for (uint32_t list = options_.lists; list > 0; list--) starts_[list] = starts_[list - 1];
    starts_[0] = 0;
    const bool settled = std::fabs(before - objective_) < kSettled * before;
    if (iteration_ == options_.iterations || (iteration_ > 0 && settled)) {
        if (options_.spherical) ScaleDirections();
        for (uint32_t list = 0; list < options_.lists; list++) filled_ += counts_[list] > 0;
        phase_ = Phase::kDone;
        return;
    }
    phase_ = Phase::kMeans;
    slices_.Begin(MeanPieces());
}

void Lloyd::EndMeans() {
    iteration_++;
    Refill();
    BeginAssign();
}

// A row of the list that is not at its centroid.
uint32_t Lloyd::RowOf(uint32_t list) {
    const uint32_t count = counts_[list];
    const uint32_t first = random_.Below(count);
    for (uint32_t i = 0; i < count; i++) {
        const uint32_t row = order_[starts_[list] + (first + i) % count];
        if (distances_[row] > 0) return row;
    }
    return order_[starts_[list] + first];
}

uint32_t Lloyd::Costliest() const {
    return static_cast<uint32_t>(std::max_element(costs_, costs_ + options_.lists) - costs_);
}

// The list goes to a row of another.
void Lloyd::TakeFrom(uint32_t donor, uint32_t list) {
    const size_t n = options_.dimensions;
    memcpy(centroids_ + list * n, rows_.Row(RowOf(donor)), n * sizeof(float));
    // What half of the rows cost is less than half: their centroid is their own.
    costs_[donor] /= 4;
    costs_[list] = costs_[donor];
}

// By how much the cost grows if a list is merged with its nearest neighbour.
double Lloyd::MergeCost(uint32_t list) const {
    const size_t n = options_.dimensions;
    const DistanceKernels &kernels = ActiveKernels().f32;
    const float *own = centroids_ + list * n;
    double least = std::numeric_limits<double>::infinity();
    for (uint32_t other = 0; other < seeded_; other++) {
        if (other == list || counts_[other] == 0) continue;
        const float *centroid = centroids_ + other * n;
        const double distance = options_.spherical
                                    ? 1 - CosineSimilarity(kernels.cosine(own, centroid, n))
                                    : static_cast<double>(kernels.l2_squared(own, centroid, n));
        const double a = counts_[list], b = counts_[other];
        least = std::min(least, distance * a * b / (a + b));
    }
    return least;
}

// Seeds may have missed what is far from all others, and Lloyd's steps do not get there.
void Lloyd::SplitCostly() {
    const double mean = objective_ / seeded_;
    if (!(costs_[Costliest()] > kCostlyList * mean)) return;
    const double work = static_cast<double>(seeded_) * static_cast<double>(options_.dimensions);
    const auto most =
        static_cast<size_t>(std::clamp(kMergeWork / work, 8.0, static_cast<double>(kMostMerges)));
    struct Merge {
        double cost;
        uint32_t list;
    } merges[kMostMerges];
    size_t count = 0;
    const uint32_t first = random_.Below(seeded_);
    for (uint32_t i = 0; i < seeded_ && count < most; i++) {
        const uint32_t list = (first + i) % seeded_;
        if (counts_[list] > 0) merges[count++] = {MergeCost(list), list};
    }
    std::sort(merges, merges + count, [](const Merge &a, const Merge &b) {
        return a.cost < b.cost || (a.cost == b.cost && a.list < b.list);
    });
    for (size_t i = 0; i < count; i++) {
        const uint32_t donor = Costliest(), list = merges[i].list;
        if (!(costs_[donor] > kCostlyList * mean) || counts_[donor] < 2) return;
        if (donor == list || !(merges[i].cost < kCheapMerge * costs_[donor])) continue;
        TakeFrom(donor, list);
    }
}

void Lloyd::Refill() {
    for (uint32_t list = 0; list < seeded_; list++) {
        if (counts_[list] > 0) continue;
        // None to take from where all rows lie at their centroids.
        const uint32_t donor = Costliest();
        if (!(costs_[donor] > 0) || counts_[donor] < 2) return;
        TakeFrom(donor, list);
    }
    // The last rounds let the lists settle.
    if (iteration_ + 2 > options_.iterations) return;
    SplitCostly();
    if (!options_.even) return;
    const double mean = static_cast<double>(options_.rows) / seeded_;
    for (uint32_t list = 0; list < seeded_; list++) {
        if (counts_[list] == 0 || counts_[list] > mean / kShortList) continue;
        uint32_t longest = seeded_;
        for (uint32_t other = 0; other < seeded_; other++)
            if (counts_[other] > kLongList * mean && costs_[other] > 0 &&
                (longest == seeded_ || counts_[other] > counts_[longest]))
                longest = other;
        if (longest == seeded_) return;
        TakeFrom(longest, list);
        counts_[longest] /= 2;
    }
}

// Directions become as long as their rows are in that direction, on average.
void Lloyd::ScaleDirections() noexcept {
    const size_t n = options_.dimensions;
    const DistanceKernels &kernels = ActiveKernels().f32;
    for (uint32_t list = 0; list < options_.lists; list++) {
        float *centroid = centroids_ + list * n;
        const double norm = kernels.squared_norm(centroid, n);
        if (!(norm > 0) || counts_[list] == 0) continue;
        double sum = 0;
        for (uint32_t at = starts_[list]; at < starts_[list + 1]; at++)
            sum += static_cast<double>(kernels.inner_product(rows_.Row(order_[at]), centroid, n));
        const double factor = sum / counts_[list] / norm;
        if (!(factor > 0) || !std::isfinite(factor)) continue;
        for (size_t i = 0; i < n; i++) centroid[i] = static_cast<float>(centroid[i] * factor);
    }
}

bool Lloyd::Step() {
    switch (phase_) {
        case Phase::kCentre:
            FindCentre();
            phase_ = Phase::kMeasure;
            slices_.Begin(Blocks());
            return true;
        case Phase::kMeasure:
            if (!slices_.Run([this](size_t block, int) noexcept { MeasureBlock(block); })) {
                if (options_.seeded) {
                    seeded_ = options_.lists;
                    BeginAssign();
                    return true;
                }
                DrawSeeds();
                phase_ = Phase::kSeed;
                slices_.Begin(SeedBlocks());
            }
            return true;
        case Phase::kSeed:
            if (!slices_.Run(
                    [this](size_t block, int thread) noexcept { SeedBlock(block, thread); })) {
                if (seeded_ < options_.lists) DrawSeeds();
                if (seeded_ == options_.lists || round_ == 0)
                    EndSeeds();
                else
                    slices_.Begin(SeedBlocks());
            }
            return true;
        case Phase::kAssign:
            if (!slices_.Run(
                    [this](size_t block, int thread) noexcept { AssignBlock(block, thread); }))
                EndAssign();
            return phase_ != Phase::kDone;
        case Phase::kMeans:
            if (!slices_.Run([this](size_t piece, int) noexcept { MeansPiece(piece); })) EndMeans();
            return true;
        case Phase::kDone:
            return false;
    }
    return false;
}

double Lloyd::Progress() const {
    // Seeding costs about as much as an assignment.
    const double rounds = options_.iterations + 2;
    switch (phase_) {
        case Phase::kCentre:
        case Phase::kMeasure:
            return 0;
        case Phase::kSeed:
            return static_cast<double>(seeded_) / options_.lists / rounds;
        case Phase::kAssign:
            return (iteration_ + 1 + slices_.Done()) / rounds;
        case Phase::kMeans:
            return (iteration_ + 2) / rounds;
        case Phase::kDone:
            return 1;
    }
    return 1;
}

}  // namespace vecx

// Centroids of inverted lists; see the header.

#include "core/kmeans.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <new>

#include "core/kernels.h"
#include "core/lloyd.h"

namespace vecx {
namespace {

// So many rows of the sample a group are enough for its centroid.
constexpr size_t kRowsPerGroup = 1024;

// A row looks at the lists of so many of the nearest groups: of a 16th of them.
constexpr uint32_t kLeastGroups = 4, kMostGroups = 16;
constexpr uint32_t kGroupPart = 16;

// Rows that are held against groups at once, so that enough of them meet in each.
constexpr size_t kGroupedRows = 4 * kAssignRows;

uint32_t GroupsLookedAt(uint32_t groups) {
    return std::min(groups, std::clamp(groups / kGroupPart, kLeastGroups, kMostGroups));
}

LloydOptions OptionsFor(const KMeansOptions &options, uint32_t lists, size_t rows, uint64_t seed) {
    return {static_cast<size_t>(options.dimensions),
            lists,
            rows,
            options.spherical,
            seed,
            options.threads,
            options.iterations,
            !options.clusters};
}

// The pieces of a training's memory.
struct KMeansMemory {
    uint32_t *assignment;
    uint32_t *members;
    uint32_t *starts;
    uint32_t *within;
    char *lloyd_memory;
    Lloyd *lloyd;
};

size_t RowsForGroups(const KMeansOptions &options, uint32_t groups) {
    return std::min(static_cast<size_t>(options.rows), groups * kRowsPerGroup);
}

KMeansMemory TakeMemory(Carver *carver, const KMeansOptions &options) {
    const uint32_t groups = GroupsFor(options.lists);
    const size_t rows = options.rows;
    KMeansMemory memory = {};
    memory.assignment = carver->Take<uint32_t>(rows);
    // A group may have all rows and then has all lists.
    memory.lloyd_memory =
        carver->Take<char>(Lloyd::MemoryBytes(OptionsFor(options, options.lists, rows, 0)));
    if (groups > 0) {
        memory.members = carver->Take<uint32_t>(rows);
        memory.starts = carver->Take<uint32_t>(groups + 1);
        memory.within = carver->Take<uint32_t>(rows);
    }
    memory.lloyd = carver->Take<Lloyd>(1);
    return memory;
}

// Memory for the search of one thread.
struct AssignScratch {
    TileScratch tiles;
    float *norms;
    uint32_t *nearest;
    float *keys;
    float *group_keys;  // of kGroupedRows rows, each with all groups
    uint32_t *ranking;  // of the groups of a row
    uint32_t *starts;   // of the groups in `rows`
    uint32_t *rows;     // that look at each group
    uint32_t *chosen;   // groups of each row
};

AssignScratch TakeScratch(Carver *carver, const TileKernels &kernels, size_t n, uint32_t groups) {
    AssignScratch scratch = {};
    scratch.tiles = TakeTileScratch(carver, kernels, kAssignRows / kernels.rows, n);
    scratch.norms = carver->Take<float>(kAssignRows);
    scratch.nearest = carver->Take<uint32_t>(kAssignRows);
    scratch.keys = carver->Take<float>(kAssignRows);
    if (groups == 0) return scratch;
    const size_t looks = kGroupedRows * GroupsLookedAt(groups);
    scratch.group_keys = carver->Take<float>(kGroupedRows * groups);
    scratch.ranking = carver->Take<uint32_t>(groups);
    scratch.starts = carver->Take<uint32_t>(groups + 1);
    scratch.rows = carver->Take<uint32_t>(looks);
    scratch.chosen = carver->Take<uint32_t>(looks);
    return scratch;
}

// The parts of an Assigner's memory.
struct AssignerParts {
    float *centre;
    uint32_t *first;
    Columns lists;
    Columns groups;
    Columns *within;
};

AssignerParts TakeParts(Carver *carver, const Centroids &centroids) {
    const auto n = static_cast<size_t>(centroids.dimensions);
    AssignerParts parts = {};
    parts.centre = carver->Take<float>(n);
    if (centroids.groups == 0) {
        parts.lists = TakeColumns(carver, centroids.lists, n);
        return parts;
    }
    parts.first = carver->Take<uint32_t>(centroids.groups + 1);
    parts.groups = TakeColumns(carver, centroids.groups, n);
    parts.within = carver->Take<Columns>(centroids.groups);
    for (uint32_t group = 0; group < centroids.groups; group++) {
        const Columns columns =
            TakeColumns(carver, centroids.first[group + 1] - centroids.first[group], n);
        if (parts.within != nullptr) parts.within[group] = columns;
    }
    return parts;
}

void Pack(const Columns &columns, const float *vectors, bool spherical, const float *centre) {
    if (spherical)
        PackForAngle(columns, vectors, columns.n);
    else
        PackForDistance(columns, vectors, columns.n, centre);
}

// Squared length of a row less the centre; spherical: 1 / length of the row.
float MeasureOf(const float *row, int dimensions, bool spherical, const float *centre) noexcept {
    const DistanceKernels &kernels = ActiveKernels().f32;
    if (!spherical) return kernels.l2_squared(row, centre, dimensions);
    const double norm = kernels.squared_norm(row, dimensions);
    return norm > 0 ? static_cast<float>(1 / std::sqrt(norm)) : 0;
}

float DistanceOf(float key, float measure, bool spherical) {
    return std::max(0.0f, spherical ? 1 + key * measure : measure + key);
}

}  // namespace

uint32_t GroupsFor(uint32_t lists) {
    if (lists <= kMaxFlatLists) return 0;
    return static_cast<uint32_t>(std::ceil(std::sqrt(static_cast<double>(lists))));
}

size_t KMeansBytes(const KMeansOptions &options) {
    Carver counter(nullptr);
    TakeMemory(&counter, options);
    return counter.taken();
}

KMeans::KMeans(const KMeansOptions &options, const float *rows, float *vectors, float *group,
               uint32_t *first, void *memory)
    : options_(options),
      rows_(rows),
      vectors_(vectors),
      group_(group),
      first_(first),
      groups_(GroupsFor(options.lists)),
      phase_(groups_ > 0 ? Phase::kGroups : Phase::kLists) {
    Carver carver(memory);
    const KMeansMemory pieces = TakeMemory(&carver, options);
    assignment_ = pieces.assignment;
    members_ = pieces.members;
    starts_ = pieces.starts;
    within_ = pieces.within;
    lloyd_memory_ = pieces.lloyd_memory;
    const auto n = static_cast<size_t>(options.dimensions);
    if (groups_ == 0) {
        lloyd_ =
            new (pieces.lloyd) Lloyd(OptionsFor(options, options.lists, options.rows, options.seed),
                                     {rows, n, nullptr}, vectors, assignment_, lloyd_memory_);
        return;
    }
    // An even choice of the rows: members_ and within_ are not in use yet.
    const size_t chosen = RowsForGroups(options, groups_);
    for (size_t i = 0; i < chosen; i++)
        members_[i] = static_cast<uint32_t>(i * options.rows / chosen);
    lloyd_ = new (pieces.lloyd) Lloyd(OptionsFor(options, groups_, chosen, options.seed),
                                      {rows, n, members_}, group, within_, lloyd_memory_);
}

// Sorts the rows by group and shares the lists out among the groups, by their rows.
void KMeans::EndGroups() {
    const size_t rows = options_.rows;
    const uint32_t *counts = lloyd_->counts();
    starts_[0] = 0;
    for (uint32_t group = 0; group < groups_; group++)
        starts_[group + 1] = starts_[group] + counts[group];
    for (size_t i = 0; i < rows; i++) members_[starts_[within_[i]]++] = static_cast<uint32_t>(i);
    for (uint32_t group = groups_; group > 0; group--) starts_[group] = starts_[group - 1];
    starts_[0] = 0;
    // Each group with rows gets one list, the others are shared out: the first of each group's are
    // counted by the rows up to its end, so that the sum is right whatever is rounded.
    uint32_t filled = 0;
    for (uint32_t group = 0; group < groups_; group++) filled += counts[group] > 0;
    const uint64_t shared = options_.lists - filled;
    uint32_t seen = 0;
    first_[0] = 0;
    for (uint32_t group = 0; group < groups_; group++) {
        seen += counts[group] > 0;
        first_[group + 1] = seen + static_cast<uint32_t>(shared * starts_[group + 1] / rows);
    }
}

void KMeans::BeginGroup() {
    while (at_group_ < groups_ && starts_[at_group_ + 1] == starts_[at_group_]) at_group_++;
    if (at_group_ == groups_) {
        result_.objective = total_ / static_cast<double>(options_.rows);
        phase_ = Phase::kDone;
        return;
    }
    const auto n = static_cast<size_t>(options_.dimensions);
    const uint32_t begin = starts_[at_group_], first = first_[at_group_];
    lloyd_ = new (lloyd_)
        Lloyd(OptionsFor(options_, first_[at_group_ + 1] - first, starts_[at_group_ + 1] - begin,
                         options_.seed + at_group_ + 1),
              {rows_, n, members_ + begin}, vectors_ + first * n, within_, lloyd_memory_);
}

// Of the lists that are done: all, or those of a group.
void KMeans::EndLists() {
    const uint32_t lists =
        groups_ == 0 ? options_.lists : first_[at_group_ + 1] - first_[at_group_];
    const double mean = static_cast<double>(options_.rows) / options_.lists;
    for (uint32_t list = 0; list < lists; list++) {
        const uint32_t count = lloyd_->counts()[list];
        result_.largest = std::max(result_.largest, count);
        result_.imbalance += count / mean * count / static_cast<double>(options_.rows);
    }
    result_.filled += lloyd_->filled();
    total_ += lloyd_->objective();
}

bool KMeans::Step() {
    if (phase_ == Phase::kDone) return false;
    if (lloyd_->Step()) return true;
    switch (phase_) {
        case Phase::kLists:
            EndLists();
            result_.objective = total_ / static_cast<double>(options_.rows);
            phase_ = Phase::kDone;
            break;
        case Phase::kGroups: {
            // All rows to the groups that a choice of them has given.
            LloydOptions options = OptionsFor(options_, groups_, options_.rows, options_.seed);
            options.iterations = 0;
            options.seeded = true;
            lloyd_ = new (lloyd_)
                Lloyd(options, {rows_, static_cast<size_t>(options_.dimensions), nullptr}, group_,
                      within_, lloyd_memory_);
            phase_ = Phase::kMembers;
            break;
        }
        case Phase::kMembers:
            EndGroups();
            phase_ = Phase::kWithin;
            BeginGroup();
            break;
        case Phase::kWithin: {
            EndLists();
            const uint32_t begin = starts_[at_group_];
            for (uint32_t i = begin; i < starts_[at_group_ + 1]; i++)
                assignment_[members_[i]] = first_[at_group_] + within_[i - begin];
            at_group_++;
            BeginGroup();
            break;
        }
        case Phase::kDone:
            break;
    }
    return phase_ != Phase::kDone;
}

double KMeans::Progress() const {
    // The groups are a small part of the work.
    constexpr double kGroupsPart = 0.1;
    switch (phase_) {
        case Phase::kLists:
            return lloyd_->Progress();
        case Phase::kGroups:
            return kGroupsPart * lloyd_->Progress();
        case Phase::kMembers:
            return kGroupsPart;
        case Phase::kWithin: {
            const double size = starts_[at_group_ + 1] - starts_[at_group_];
            return kGroupsPart + (1 - kGroupsPart) *
                                     (starts_[at_group_] + size * lloyd_->Progress()) /
                                     static_cast<double>(options_.rows);
        }
        case Phase::kDone:
            return 1;
    }
    return 1;
}

Centroids KMeans::centroids() const {
    return {options_.dimensions, options_.lists, groups_, vectors_, group_, first_,
            options_.spherical};
}

size_t AssignerBytes(const Centroids &centroids) {
    Carver counter(nullptr);
    TakeParts(&counter, centroids);
    return counter.taken();
}

Assigner::Assigner(const Centroids &centroids, void *memory)
    : group_count_(centroids.groups),
      dimensions_(centroids.dimensions),
      spherical_(centroids.spherical) {
    Carver carver(memory);
    const AssignerParts parts = TakeParts(&carver, centroids);
    lists_ = parts.lists;
    groups_ = parts.groups;
    within_ = parts.within;
    first_ = parts.first;
    centre_ = parts.centre;
    const auto n = static_cast<size_t>(dimensions_);
    const float *tops = group_count_ == 0 ? centroids.vectors : centroids.group;
    const uint32_t count = group_count_ == 0 ? centroids.lists : group_count_;
    for (size_t i = 0; i < n; i++) {
        double sum = 0;
        for (uint32_t c = 0; c < count; c++) sum += tops[c * n + i];
        centre_[i] = spherical_ ? 0 : static_cast<float>(sum / count);
    }
    if (group_count_ == 0) {
        Pack(lists_, centroids.vectors, spherical_, centre_);
        return;
    }
    memcpy(first_, centroids.first, (group_count_ + 1) * sizeof(uint32_t));
    Pack(groups_, centroids.group, spherical_, centre_);
    for (uint32_t group = 0; group < group_count_; group++)
        Pack(within_[group], centroids.vectors + first_[group] * n, spherical_, centre_);
}

size_t Assigner::ScratchFloats() const {
    Carver counter(nullptr);
    const Columns &columns = group_count_ == 0 ? lists_ : groups_;
    TakeScratch(&counter, *columns.kernels, static_cast<size_t>(dimensions_), group_count_);
    return counter.taken() / sizeof(float);
}

void Assigner::Nearest(const float *rows, size_t count, uint32_t *lists, float *keys,
                       float *scratch) const noexcept {
    const auto n = static_cast<size_t>(dimensions_);
    if (group_count_ > 0) {
        for (size_t at = 0; at < count; at += kGroupedRows)
            NearestInGroups(rows + at * n, std::min(kGroupedRows, count - at), lists + at,
                            keys != nullptr ? keys + at : nullptr, scratch);
        return;
    }
    const TileKernels &kernels = *lists_.kernels;
    Carver carver(scratch);
    const AssignScratch pieces = TakeScratch(&carver, kernels, n, 0);
    for (size_t begin = 0; begin < count; begin += kAssignRows) {
        const size_t here = std::min(kAssignRows, count - begin);
        const float *pointers[kAssignRows];
        for (size_t i = 0; i < here; i++) pointers[i] = rows + (begin + i) * n;
        PackTiles(kernels, pointers, here, n, spherical_ ? nullptr : centre_, pieces.tiles.tiles);
        SearchColumns(lists_, here, pieces.tiles, lists + begin, pieces.keys);
        if (keys == nullptr) continue;
        for (size_t i = 0; i < here; i++)
            keys[begin + i] =
                DistanceOf(pieces.keys[i], MeasureOf(pointers[i], dimensions_, spherical_, centre_),
                           spherical_);
    }
}

// First the products with all groups, then, group by group, the rows that look at it.
void Assigner::NearestInGroups(const float *rows, size_t count, uint32_t *lists, float *keys,
                               float *scratch) const noexcept {
    const auto n = static_cast<size_t>(dimensions_);
    const TileKernels &kernels = *groups_.kernels;
    const uint32_t looks = GroupsLookedAt(group_count_);
    const float *centre = spherical_ ? nullptr : centre_;
    Carver carver(scratch);
    const AssignScratch pieces = TakeScratch(&carver, kernels, n, group_count_);

    std::fill_n(pieces.starts, group_count_ + 1, 0);
    for (size_t begin = 0; begin < count; begin += kernels.rows) {
        const size_t here = std::min(kernels.rows, count - begin);
        const float *pointers[kMostTileRows];
        for (size_t i = 0; i < here; i++) pointers[i] = rows + (begin + i) * n;
        PackTiles(kernels, pointers, here, n, centre, pieces.tiles.tiles);
        float *products = pieces.group_keys + begin * group_count_;
        MultiplyColumns(groups_, pieces.tiles.tiles, here, pieces.tiles.sums, products,
                        group_count_);
        for (size_t i = 0; i < here; i++) {
            float *row_keys = products + i * group_count_;
            for (uint32_t g = 0; g < group_count_; g++) {
                row_keys[g] = groups_.addends[g] + groups_.factors[g] * row_keys[g];
                pieces.ranking[g] = g;
            }
            const auto nearer = [row_keys](uint32_t a, uint32_t b) {
                return row_keys[a] < row_keys[b] || (row_keys[a] == row_keys[b] && a < b);
            };
            std::nth_element(pieces.ranking, pieces.ranking + looks - 1,
                             pieces.ranking + group_count_, nearer);
            for (uint32_t look = 0; look < looks; look++) {
                pieces.chosen[(begin + i) * looks + look] = pieces.ranking[look];
                pieces.starts[pieces.ranking[look] + 1]++;
            }
        }
    }
    for (uint32_t g = 0; g < group_count_; g++) pieces.starts[g + 1] += pieces.starts[g];
    for (size_t i = 0; i < count * looks; i++)
        pieces.rows[pieces.starts[pieces.chosen[i]]++] = static_cast<uint32_t>(i / looks);
    for (uint32_t g = group_count_; g > 0; g--) pieces.starts[g] = pieces.starts[g - 1];
    pieces.starts[0] = 0;

    float *best = pieces.group_keys;  // not needed any more
    std::fill_n(best, count, std::numeric_limits<float>::infinity());
    for (size_t i = 0; i < count; i++) lists[i] = first_[pieces.chosen[i * looks]];
    for (uint32_t group = 0; group < group_count_; group++) {
        if (first_[group] == first_[group + 1]) continue;
        for (uint32_t at = pieces.starts[group]; at < pieces.starts[group + 1]; at += kAssignRows) {
            const size_t here = std::min<size_t>(kAssignRows, pieces.starts[group + 1] - at);
            const float *pointers[kAssignRows];
            for (size_t i = 0; i < here; i++) pointers[i] = rows + pieces.rows[at + i] * n;
            PackTiles(kernels, pointers, here, n, centre, pieces.tiles.tiles);
            SearchColumns(within_[group], here, pieces.tiles, pieces.nearest, pieces.keys);
            for (size_t i = 0; i < here; i++) {
                const uint32_t row = pieces.rows[at + i];
                if (!(pieces.keys[i] < best[row])) continue;
                best[row] = pieces.keys[i];
                lists[row] = first_[group] + pieces.nearest[i];
            }
        }
    }
    if (keys == nullptr) return;
    for (size_t i = 0; i < count; i++)
        keys[i] = DistanceOf(best[i], MeasureOf(rows + i * n, dimensions_, spherical_, centre_),
                             spherical_);
}

namespace {

// Halves become floats in parts of so many.
constexpr size_t kHalvesAtOnce = 256;

template <class Add>
void ForHalves(const char *halves, size_t n, Add add) noexcept {
    float part[kHalvesAtOnce];
    for (size_t i = 0; i < n; i += kHalvesAtOnce) {
        const size_t here = std::min(kHalvesAtOnce, n - i);
        ActiveKernels().half_to_float(halves + 2 * i, part, here);
        add(i, part, here);
    }
}

float KeyOfCosine(const CosineSums &sums) {
    const double similarity = CosineSimilarity(sums);
    return std::isnan(similarity) ? 1 : static_cast<float>(1 - similarity);
}

float CentroidKey(Metric metric, const float *query, size_t n, const char *centroid,
                  bool halves) noexcept {
    const DistanceKernels &kernels = ActiveKernels().f32;
    CosineSums sums = {};
    switch (metric) {
        case Metric::kInnerProduct:
            if (!halves) return -kernels.inner_product(query, centroid, n);
            ForHalves(centroid, n, [&](size_t i, const float *part, size_t count) {
                sums.dot += kernels.inner_product(query + i, part, count);
            });
            return -sums.dot;
        case Metric::kCosine:
            if (!halves) return KeyOfCosine(kernels.cosine(query, centroid, n));
            ForHalves(centroid, n, [&](size_t i, const float *part, size_t count) {
                const CosineSums more = kernels.cosine(query + i, part, count);
                sums.dot += more.dot;
                sums.squared_norm_a += more.squared_norm_a;
                sums.squared_norm_b += more.squared_norm_b;
            });
            return KeyOfCosine(sums);
        default:
            if (!halves) return kernels.l2_squared(query, centroid, n);
            ForHalves(centroid, n, [&](size_t i, const float *part, size_t count) {
                sums.dot += kernels.l2_squared(query + i, part, count);
            });
            return sums.dot;
    }
}

}  // namespace

void CentroidKeys(Metric metric, const float *query, int dimensions, const void *centroids,
                  bool halves, size_t count, size_t stride, float *keys) noexcept {
    const char *centroid = static_cast<const char *>(centroids);
    for (size_t i = 0; i < count; i++, centroid += stride)
        keys[i] = CentroidKey(metric, query, static_cast<size_t>(dimensions), centroid, halves);
}

}  // namespace vecx

// One run of k-means over one set of rows: seeds, then assignment and means in turn. Called by
// core/kmeans.h, once or once for each group, and by the product quantizer for each part.
//
// Seeds are drawn as in k-means++ (Arthur, Vassilvitskii 2007), each row in proportion to its
// squared distance from the seeds so far, but from a choice of the rows, and soon several in a
// round, so that distances are computed in tiles. Where lists are to be of even length all rows but
// the farthest are equal in that: drawn by distance, few seeds fall where rows are dense, and lists
// become twice as uneven (photo-sift, 1,000 lists: imbalance 2.0 against 1.27, at the same mean
// distance). A list that stays empty takes a row of the list that costs the most; one much longer
// than the others gives rows to one much shorter.

#pragma once

#include <cstddef>
#include <cstdint>

#include "core/random.h"
#include "core/slices.h"
#include "core/tiles.h"

namespace vecx {

struct LloydOptions {
    size_t dimensions;
    uint32_t lists;
    size_t rows;  // from 1 on
    bool spherical;
    uint64_t seed;
    int threads;
    int iterations;
    bool even;            // lists are to be of even length, else of the least cost
    bool seeded = false;  // the centroids are there already
};

// Where the rows are: `stride` floats apart, all or those with the given numbers.
struct LloydRows {
    const float *first;
    size_t stride;
    const uint32_t *ids;  // or nullptr

    const float *Row(size_t i) const { return first + (ids != nullptr ? ids[i] : i) * stride; }
};

class Lloyd {
  public:
    static size_t MemoryBytes(const LloydOptions &options);  // aligned to 64

    // Writes `centroids` (lists * dimensions) and `assignment` (one per row).
    Lloyd(const LloydOptions &options, const LloydRows &rows, float *centroids,
          uint32_t *assignment, void *memory);

    bool Step();
    bool IsDone() const { return phase_ == Phase::kDone; }
    double Progress() const;

    // After the last step: the sum over rows of the squared distance (or 1 - cosine) to their
    // centroid; the rows of each list; lists that have any.
    double objective() const { return objective_; }
    const uint32_t *counts() const { return counts_; }
    uint32_t filled() const { return filled_; }

  private:
    enum class Phase : uint8_t { kCentre, kMeasure, kSeed, kAssign, kMeans, kDone };

    void Carve(Carver *carver);
    size_t Blocks() const { return (options_.rows + block_rows_ - 1) / block_rows_; }
    size_t MeanPieces() const { return options_.lists * mean_parts_; }

    void FindCentre() noexcept;
    size_t SeedBlocks() const { return (seed_rows_ + block_rows_ - 1) / block_rows_; }
    // Seeds come from an even choice of the rows.
    size_t SeedRow(size_t i) const { return i * options_.rows / seed_rows_; }

    void Pack(const float *const *rows, size_t count, int thread) noexcept;
    void MeasureBlock(size_t block) noexcept;
    void SeedBlock(size_t block, int thread) noexcept;
    float DistanceToRound(size_t row) const noexcept;
    void AssignBlock(size_t block, int thread) noexcept;
    void MeansPiece(size_t piece) noexcept;

    double WeightOf(float distance) const;
    void WeighBlock(size_t block) noexcept;
    size_t DrawRow();
    void DrawSeeds();
    void EndSeeds();
    void BeginAssign();
    void EndAssign();
    void EndMeans();
    void Refill();
    void SplitCostly();
    double MergeCost(uint32_t list) const;
    uint32_t Costliest() const;
    void TakeFrom(uint32_t donor, uint32_t list);
    uint32_t RowOf(uint32_t list);
    void ScaleDirections() noexcept;

    LloydOptions options_;
    LloydRows rows_;
    float *centroids_;
    uint32_t *assignment_;
    Random random_;
    Slices slices_;
    Phase phase_ = Phase::kCentre;
    int iteration_ = 0;
    size_t block_rows_;
    size_t seed_rows_;
    size_t mean_parts_;  // pieces of the dimensions of a mean
    size_t mean_width_;  // dimensions of a piece

    float *centre_;     // of all rows
    float *distances_;  // of each row to its centroid, or to the nearest seed
    float *inverses_;   // spherical: 1 / length of each row, 0 for zero
    float *norms_;      // squared length of each row from the centre
    double *weights_;   // of a block of rows: sum of distances
    uint32_t *order_;   // rows by list
    uint32_t *starts_;  // of the lists in it
    uint32_t *counts_;
    double *costs_;      // of each list
    uint32_t *nearest_;  // scratch of the threads from here on
    float *keys_;
    TileScratch *scratch_;
    Columns columns_;
    Columns seeds_;  // of one round
    double weight_scale_ = 1;
    uint32_t seeded_ = 0;
    uint32_t round_ = 0;  // seeds drawn in this round
    uint32_t filled_ = 0;
    double objective_ = 0;
};

}  // namespace vecx

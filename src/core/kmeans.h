// Centroids of inverted lists and of quantizers: Lloyd's k-means, sliced for a caller that has to
// look for interrupts, and the search for the nearest centroids of many rows or of one query.
//
// Rows and centroids are arrays of floats, one vector after the other. Nothing here allocates: the
// caller gives memory of the size that is asked for. The same rows and seed give the same centroids
// whatever the number of threads. Rows must be finite; sums that overflow give useless centroids,
// but finite ones.
//
// Above kMaxFlatLists centroids there are two levels: about the root of their number of groups,
// each with a centroid of its own, and in each group the lists that follow each other. Rows and
// queries then look at the lists of the nearest groups only.

#pragma once

#include <cstddef>
#include <cstdint>

#include "core/metric.h"
#include "core/tiles.h"

namespace vecx {

class Lloyd;

constexpr uint32_t kMaxFlatLists = 4096;
constexpr uint32_t kMaxLists = 1u << 20;

// Rows to train with: more bring little (measured), fewer than the least are refused nowhere but
// give lists that follow chance.
constexpr int kTrainingRowsPerList = 128;
constexpr int kLeastRowsPerList = 50;

constexpr int kKMeansIterations = 10;

// Groups above the lists; 0 if there is one level.
uint32_t GroupsFor(uint32_t lists);

// What is to be near: rows by distance, or, spherical, by angle: rows then count with length 1
// whatever their length is, and so do centroids where they are compared.
struct KMeansOptions {
    int dimensions;
    uint32_t lists;  // 1..kMaxLists, may exceed the rows
    uint64_t rows;   // from 1 on
    bool spherical;
    uint64_t seed;
    int threads;
    int iterations = kKMeansIterations;
    bool clusters = false;  // find clusters of whatever size; else lists are of even length
};

// Where the centroids are. Views of memory of the caller.
struct Centroids {
    int dimensions;
    uint32_t lists;
    uint32_t groups;        // 0: one level
    const float *vectors;   // lists * dimensions
    const float *group;     // groups * dimensions; of lists
    const uint32_t *first;  // groups + 1: the lists of group g are first[g]..first[g + 1] - 1
    bool spherical;
};

struct KMeansResult {
    double objective;  // L2: mean squared distance of the sample's rows to their centroids; else
                       // the mean of 1 - cosine. Of the last assignment.
    double imbalance;  // lists * sum(n_l^2) / (sum n_l)^2 of the sample: 1 where all are equal
    uint32_t largest;  // rows of the sample in the largest list
    uint32_t filled;   // lists with rows: fewer than all where fewer rows are distinct
};

// Memory that training needs beside rows and centroids, aligned to 64.
size_t KMeansBytes(const KMeansOptions &options);

class KMeans {
  public:
    // `rows` stays as it is; `vectors` (lists * dimensions), `group` (GroupsFor() * dimensions) and
    // `first` (GroupsFor() + 1) are written; the last two may be nullptr where there are no groups.
    // All must outlive the training, as must `memory`, of KMeansBytes.
    KMeans(const KMeansOptions &options, const float *rows, float *vectors, float *group,
           uint32_t *first, void *memory);

    // Works for at most some 50 ms; false once there is nothing to do.
    bool Step();

    // From 0 to 1, for reports.
    double Progress() const;

    // After the last step.
    Centroids centroids() const;
    const KMeansResult &result() const { return result_; }
    // The list of each row of the sample.
    const uint32_t *assignment() const { return assignment_; }

  private:
    enum class Phase : uint8_t { kLists, kGroups, kMembers, kWithin, kDone };

    void EndGroups();
    void BeginGroup();
    void EndLists();

    KMeansOptions options_;
    const float *rows_;
    float *vectors_;
    float *group_;
    uint32_t *first_;
    uint32_t groups_;
    Phase phase_;
    uint32_t at_group_ = 0;
    uint32_t *assignment_;
    uint32_t *members_;  // rows by group
    uint32_t *starts_;   // of the groups in it
    uint32_t *within_;   // assignment of a group's rows to its lists
    void *lloyd_memory_;
    Lloyd *lloyd_;
    KMeansResult result_ = {};
    double total_ = 0;  // of the objective, over the groups that are done
};

// Memory for Assigner, aligned to 64.
size_t AssignerBytes(const Centroids &centroids);

// Finds the nearest centroids of blocks of rows. Made once for a set of centroids.
class Assigner {
  public:
    // Packs the centroids into `memory`, which must outlive this; the centroids need not.
    Assigner(const Centroids &centroids, void *memory);

    // Floats of scratch memory for each thread, aligned to 64.
    size_t ScratchFloats() const;

    // For each of `count` rows the nearest list; `keys`, which may be nullptr, gets the squared
    // distance to it (spherical: 1 - cosine). Of lists that are equally near, the first. For calls
    // on several threads at once, each with its own scratch; kAssignRows rows or a multiple at once
    // are the fastest.
    void Nearest(const float *rows, size_t count, uint32_t *lists, float *keys,
                 float *scratch) const noexcept;

  private:
    void NearestInGroups(const float *rows, size_t count, uint32_t *lists, float *keys,
                         float *scratch) const noexcept;

    Columns lists_;   // one level
    Columns groups_;  // two levels: and of each group its lists
    Columns *within_;
    uint32_t *first_;
    float *centre_;  // subtracted from rows and centroids: differences of long vectors cancel
    uint32_t group_count_;
    int dimensions_;
    bool spherical_;
};
constexpr size_t kAssignRows = 96;

// To find the list of a single row, as an insert does: the least key by kL2 or, spherical, kCosine.
//
// The key of a query and each of `count` centroids that lie `stride` bytes apart: by L2 the squared
// distance, by inner product its negative, by cosine 1 - similarity (1 for zero vectors). `halves`
// says what the centroids' elements are; the query's are floats. Pointers may have any alignment,
// as in a page.
void CentroidKeys(Metric metric, const float *query, int dimensions, const void *centroids,
                  bool halves, size_t count, size_t stride, float *keys) noexcept;

}  // namespace vecx

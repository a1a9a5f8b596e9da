// Products of many vectors with many others: what is packed how for the kernels' tiles, and the
// search for the nearest of a set of columns. Called by k-means and the product quantizer.

#pragma once

#include <cstddef>
#include <cstdint>

#include "core/kernels.h"

namespace vecx {

constexpr size_t kTileAlignment = 64;

constexpr size_t AlignTile(size_t bytes) {
    return (bytes + kTileAlignment - 1) / kTileAlignment * kTileAlignment;
}

// Gives out one block of memory piece by piece, or only counts what that would take.
class Carver {
  public:
    explicit Carver(void *memory) : at_(static_cast<char *>(memory)) {}

    template <class T>
    T *Take(size_t count) {
        T *const piece = reinterpret_cast<T *>(at_);
        const size_t bytes = AlignTile(count * sizeof(T));
        if (at_ != nullptr) at_ += bytes;
        taken_ += bytes;
        return piece;
    }
    size_t taken() const { return taken_; }

  private:
    char *at_;
    size_t taken_ = 0;
};

// Columns packed for the tiles, each with a factor and an addend, that turn an inner product into
// what is to be least.
struct Columns {
    const TileKernels *kernels;
    size_t count;
    size_t n;        // dimensions
    float *panels;   // panel by panel; in each the dimensions one after the other
    float *factors;  // of whole panels, as are the addends: what is beyond the columns is never
    float *addends;  // the nearest

    size_t Panels() const { return (count + kernels->panel - 1) / kernels->panel; }
    const float *Panel(size_t i) const { return panels + i * n * kernels->panel; }
};

// Memory for so many columns; a carver that only counts says how much.
Columns TakeColumns(Carver *carver, size_t count, size_t n);

// Packs columns first..first + count - 1, `stride` floats apart, less `centre` (or nullptr); those
// beyond, up to the end of their panel, become zero. first is a multiple of the panel.
void PackColumns(const Columns &columns, const float *vectors, size_t stride, const float *centre,
                 size_t first, size_t count) noexcept;
// All of them, to be searched for by squared distance: |c|^2 - 2 <x, c>.
void PackForDistance(const Columns &columns, const float *vectors, size_t stride,
                     const float *centre) noexcept;
// By angle: -<x, c> / |c|; a zero column is as far as a perpendicular one.
void PackForAngle(const Columns &columns, const float *vectors, size_t stride) noexcept;

// Packs rows of n floats, less `centre`, tile by tile; `rows`: a pointer for each. What the last
// tile has no rows for repeats its last.
void PackTiles(const TileKernels &kernels, const float *const *rows, size_t count, size_t n,
               const float *centre, float *tiles) noexcept;

// Scratch of SearchColumns for so many tiles of n dimensions.
struct TileScratch {
    float *tiles;    // packed rows
    float *sums;     // of one panel
    float *keys;     // running
    float *columns;  // running
};
TileScratch TakeTileScratch(Carver *carver, const TileKernels &kernels, size_t tiles, size_t n);

// The nearest column of each of `rows` rows that were packed into scratch.tiles; `keys` gets the
// least of addend + factor * <x, c>.
void SearchColumns(const Columns &columns, size_t rows, const TileScratch &scratch,
                   uint32_t *nearest, float *keys) noexcept;

// The products of one packed tile with all columns: out[r * out_stride + c].
void MultiplyColumns(const Columns &columns, const float *tile, size_t rows, float *sums,
                     float *out, size_t out_stride) noexcept;

}  // namespace vecx

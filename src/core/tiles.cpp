// Tiles and panels; see the header.

#include "core/tiles.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

namespace vecx {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

// So many dimensions of a panel stay in the first-level cache while tiles pass by.
constexpr size_t kDepth = 256;

// Parts of nearly equal size.
size_t DepthOf(size_t n) {
    const size_t parts = (n + kDepth - 1) / kDepth;
    return parts == 0 ? 1 : (n + parts - 1) / parts;
}

}  // namespace

Columns TakeColumns(Carver *carver, size_t count, size_t n) {
    const TileKernels &kernels = ActiveKernels().tiles;
    Columns columns = {&kernels, count, n, nullptr, nullptr, nullptr};
    const size_t whole = columns.Panels() * kernels.panel;
    columns.panels = carver->Take<float>(whole * n);
    columns.factors = carver->Take<float>(whole);
    columns.addends = carver->Take<float>(whole);
    return columns;
}

void PackColumns(const Columns &columns, const float *vectors, size_t stride, const float *centre,
                 size_t first, size_t count) noexcept {
    const size_t width = columns.kernels->panel, n = columns.n;
    for (size_t begin = 0; begin < count; begin += width) {
        float *panel = columns.panels + (first + begin) * n;
        const size_t here = std::min(width, count - begin);
        for (size_t c = 0; c < here; c++) {
            const float *vector = vectors + (begin + c) * stride;
            if (centre == nullptr)
                for (size_t i = 0; i < n; i++) panel[i * width + c] = vector[i];
            else
                for (size_t i = 0; i < n; i++) panel[i * width + c] = vector[i] - centre[i];
        }
        for (size_t c = here; c < width; c++)
            for (size_t i = 0; i < n; i++) panel[i * width + c] = 0;
    }
}

namespace {

void FillBeyond(const Columns &columns) noexcept {
    for (size_t c = columns.count; c < columns.Panels() * columns.kernels->panel; c++) {
        columns.factors[c] = 0;
        columns.addends[c] = kInfinity;
    }
}

}  // namespace

void PackForDistance(const Columns &columns, const float *vectors, size_t stride,
                     const float *centre) noexcept {
    PackColumns(columns, vectors, stride, centre, 0, columns.count);
    const size_t width = columns.kernels->panel;
    for (size_t c = 0; c < columns.count; c++) {
        const float *column = columns.Panel(c / width) + c % width;
        double norm = 0;
        for (size_t i = 0; i < columns.n; i++)
            norm += static_cast<double>(column[i * width]) * column[i * width];
        columns.factors[c] = -2;
        columns.addends[c] = static_cast<float>(norm);
    }
    FillBeyond(columns);
}

void PackForAngle(const Columns &columns, const float *vectors, size_t stride) noexcept {
    PackColumns(columns, vectors, stride, nullptr, 0, columns.count);
    for (size_t c = 0; c < columns.count; c++) {
        const double norm = ActiveKernels().f32.squared_norm(vectors + c * stride, columns.n);
        columns.factors[c] = norm > 0 ? static_cast<float>(-1 / std::sqrt(norm)) : 0;
        columns.addends[c] = 0;
    }
    FillBeyond(columns);
}

void PackTiles(const TileKernels &kernels, const float *const *rows, size_t count, size_t n,
               const float *centre, float *tiles) noexcept {
    const size_t height = kernels.rows;
    for (size_t begin = 0; begin < count; begin += height, tiles += height * n) {
        const float *from[kMostTileRows];
        for (size_t r = 0; r < height; r++) from[r] = rows[std::min(begin + r, count - 1)];
        for (size_t i = 0; i < n; i++) {
            const float origin = centre != nullptr ? centre[i] : 0;
            for (size_t r = 0; r < height; r++) tiles[i * height + r] = from[r][i] - origin;
        }
    }
}

TileScratch TakeTileScratch(Carver *carver, const TileKernels &kernels, size_t tiles, size_t n) {
    const size_t cells = kernels.rows * kernels.panel;
    TileScratch scratch;
    scratch.tiles = carver->Take<float>(tiles * kernels.rows * n);
    scratch.sums = carver->Take<float>(tiles * cells);
    scratch.keys = carver->Take<float>(tiles * cells);
    scratch.columns = carver->Take<float>(tiles * cells);
    return scratch;
}

void SearchColumns(const Columns &columns, size_t rows, const TileScratch &scratch,
                   uint32_t *nearest, float *keys) noexcept {
    const TileKernels &kernels = *columns.kernels;
    const size_t height = kernels.rows, width = kernels.panel, n = columns.n;
    const size_t cells = height * width, tiles = (rows + height - 1) / height;
    std::fill_n(scratch.keys, tiles * cells, kInfinity);
    std::fill_n(scratch.columns, tiles * cells, 0.0f);
    const size_t depth = DepthOf(n);
    for (size_t p = 0; p < columns.Panels(); p++) {
        const float *panel = columns.Panel(p);
        for (size_t from = 0; from < n; from += depth)
            for (size_t t = 0; t < tiles; t++)
                kernels.multiply(scratch.tiles + (t * n + from) * height, panel + from * width,
                                 std::min(depth, n - from), from > 0, scratch.sums + t * cells);
        for (size_t t = 0; t < tiles; t++)
            kernels.nearest(scratch.sums + t * cells, columns.factors + p * width,
                            columns.addends + p * width, static_cast<float>(p * width),
                            scratch.keys + t * cells, scratch.columns + t * cells);
    }
    for (size_t t = 0; t < tiles; t++) {
        float best_keys[kMostTileRows], best_columns[kMostTileRows];
        kernels.best(scratch.keys + t * cells, scratch.columns + t * cells, best_keys,
                     best_columns);
        const size_t first = t * height;
        for (size_t r = 0; r < std::min(height, rows - first); r++) {
            nearest[first + r] = static_cast<uint32_t>(best_columns[r]);
            keys[first + r] = best_keys[r];
        }
    }
}

void MultiplyColumns(const Columns &columns, const float *tile, size_t rows, float *sums,
                     float *out, size_t out_stride) noexcept {
    const TileKernels &kernels = *columns.kernels;
    const size_t width = kernels.panel, n = columns.n, depth = DepthOf(n);
    for (size_t p = 0; p < columns.Panels(); p++) {
        const float *panel = columns.Panel(p);
        for (size_t from = 0; from < n; from += depth)
            kernels.multiply(tile + from * kernels.rows, panel + from * width,
                             std::min(depth, n - from), from > 0, sums);
        const size_t here = std::min(width, columns.count - p * width);
        for (size_t r = 0; r < rows; r++)
            memcpy(out + r * out_stride + p * width, sums + r * width, here * sizeof(float));
    }
}

}  // namespace vecx

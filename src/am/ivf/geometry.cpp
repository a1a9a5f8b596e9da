// Where blocks and copies lie in an extent; see format.h.

#include "am/ivf/format.h"

namespace vecx::ivf {
namespace {

constexpr int kCut = kCodePieceRows * kListBlock;  // codes are cut at multiples of this
constexpr int kUsualUnit = 8;                      // pages that a unit has at most, if it can
constexpr int kMaxWastePercent = 4;

struct Measures {
    int head_bytes;
    int code_bytes;
    int cut;
    bool row_aligned;
};

Measures Measure(const ListShape &shape) {
    Measures measures = {};
    measures.head_bytes = static_cast<int>(sizeof(BlockHead)) + shape.factor_bytes;
    measures.cut = kCut;
    if (!shape.by_row) {
        measures.code_bytes = shape.code_rows * kListBlock;
        return measures;
    }
    measures.code_bytes = shape.row_bytes * kListBlock;
    measures.row_aligned = shape.row_bytes <= kCodeBytes &&
                           kCodeBytes % shape.row_bytes * 100 <= kCodeBytes * 2 * kMaxWastePercent;
    if (measures.row_aligned) measures.cut = shape.row_bytes;
    return measures;
}

// Puts blocks into pages one after the other, a block's head in one piece.
class Filler {
  public:
    explicit Filler(const Measures &measures) : measures_(measures) {}

    // Whether the next block ends within so many pages.
    bool Place(int pages) {
        int page = page_, at = at_;
        if (kCodeBytes - at < measures_.head_bytes) page++, at = 0;
        head_page_ = page;
        head_offset_ = at;
        at += measures_.head_bytes;
        pieces_ = 0;
        for (int from = 0; from < measures_.code_bytes;) {
            int room = (kCodeBytes - at) / measures_.cut * measures_.cut;
            if (room == 0) page++, at = 0, room = kCodeBytes / measures_.cut * measures_.cut;
            if (page >= pages) return false;
            const int bytes = std::min(room, measures_.code_bytes - from);
            if (out_ != nullptr)
                out_[pieces_] = {static_cast<uint16_t>(page),
                                 static_cast<uint16_t>(sizeof(CodePage) + at),
                                 static_cast<uint32_t>(from), static_cast<uint32_t>(bytes)};
            pieces_++;
            from += bytes;
            at += bytes;
        }
        if (page >= pages) return false;
        page_ = page;
        at_ = at;
        return true;
    }

    void WriteTo(Piece *out) { out_ = out; }
    int page() const { return page_; }
    int pieces() const { return pieces_; }
    BlockPlace Head(int first_piece) const {
        return {static_cast<uint16_t>(head_page_),
                static_cast<uint16_t>(sizeof(CodePage) + head_offset_),
                static_cast<uint16_t>(first_piece), static_cast<uint16_t>(pieces_)};
    }

  private:
    Measures measures_;
    int page_ = 0, at_ = 0;
    int head_page_ = 0, head_offset_ = 0;
    int pieces_ = 0;
    Piece *out_ = nullptr;
};

struct Unit {
    int pages;
    int blocks;
    int pieces;
};

Unit CountUnit(const Measures &measures, int pages) {
    Filler filler(measures);
    Unit unit = {pages, 0, 0};
    while (filler.Place(pages)) {
        unit.blocks++;
        unit.pieces += filler.pieces();
    }
    return unit;
}

Unit ChooseUnit(const Measures &measures) {
    Unit best = {};
    const int64 block = measures.head_bytes + measures.code_bytes;
    for (int pages = 1; pages <= kUsualUnit || best.blocks == 0; pages++) {
        const Unit unit = CountUnit(measures, pages);
        if (unit.blocks == 0) continue;
        if (best.blocks == 0 || unit.blocks * best.pages > best.blocks * unit.pages) best = unit;
        if (unit.blocks * block * 100 >=
            static_cast<int64>(pages) * kCodeBytes * (100 - kMaxWastePercent))
            break;
    }
    return best;
}

}  // namespace

Size GeometryBytes(const ListShape &shape) {
    const Unit unit = ChooseUnit(Measure(shape));
    return MAXALIGN(unit.blocks * sizeof(BlockPlace)) + MAXALIGN(unit.pieces * sizeof(Piece)) +
           MAXALIGN((unit.pages + 1) * sizeof(uint16_t));
}

Geometry SolveGeometry(const ListShape &shape, int copy_size, void *memory) {
    const Measures measures = Measure(shape);
    const Unit unit = ChooseUnit(measures);
    auto *places = static_cast<BlockPlace *>(memory);
    auto *pieces = reinterpret_cast<Piece *>(static_cast<char *>(memory) +
                                             MAXALIGN(unit.blocks * sizeof(BlockPlace)));
    auto *within = reinterpret_cast<uint16_t *>(reinterpret_cast<char *>(pieces) +
                                                MAXALIGN(unit.pieces * sizeof(Piece)));
    Filler filler(measures);
    memset(within, 0, (unit.pages + 1) * sizeof(uint16_t));
    int first_piece = 0;
    for (int block = 0; block < unit.blocks; block++) {
        filler.WriteTo(pieces + first_piece);
        filler.Place(unit.pages);
        places[block] = filler.Head(first_piece);
        first_piece += filler.pieces();
        for (int pages = filler.page() + 1; pages <= unit.pages; pages++) within[pages]++;
    }
    Geometry geometry = {};
    geometry.head_bytes = measures.head_bytes;
    geometry.code_bytes = measures.code_bytes;
    geometry.row_aligned = measures.row_aligned;
    geometry.row_bytes = shape.by_row ? shape.row_bytes : 0;
    geometry.unit_pages = unit.pages;
    geometry.unit_blocks = unit.blocks;
    geometry.places = places;
    geometry.piece_list = pieces;
    geometry.within = within;
    geometry.copy_size = (copy_size + 7) / 8 * 8;
    if (copy_size > 0) {
        geometry.copies_per_page = store::kPageCapacity / geometry.copy_size;
        geometry.pages_per_copy =
            (geometry.copy_size + store::kPageCapacity - 1) / store::kPageCapacity;
    }
    return geometry;
}

uint64_t Geometry::Rows(uint32_t code_pages) const {
    const uint32_t pages = code_pages % unit_pages;
    const uint32_t whole = within[pages];
    uint64_t rows =
        (static_cast<uint64_t>(code_pages / unit_pages) * unit_blocks + whole) * kListBlock;
    if (row_bytes == 0 || pages == 0 || places[whole].page >= pages) return rows;
    uint32_t bytes = 0;
    for (const Piece *piece = PiecesOf(whole); piece->page < pages; piece++) bytes += piece->bytes;
    return rows + bytes / row_bytes;
}

uint32_t Geometry::CodePages(uint32_t rows) const {
    const uint32_t of_unit = static_cast<uint32_t>(unit_blocks) * kListBlock;
    uint32_t pages = rows / of_unit * unit_pages;
    while (Rows(pages) < rows) pages++;
    return pages;
}

ExtentSize SizeOfExtent(const Geometry &geometry, uint32_t rows) {
    rows = std::max<uint32_t>(rows, 1);
    ExtentSize size;
    size.code_pages = geometry.CodePages(rows);
    size.copy_pages = geometry.CopyPages(rows);
    size.slots = static_cast<uint32_t>(geometry.Rows(size.code_pages));
    if (geometry.copy_size > 0)
        size.slots = std::min<uint64_t>(
            size.slots, geometry.copies_per_page > 0
                            ? static_cast<uint64_t>(size.copy_pages) * geometry.copies_per_page
                            : rows);
    return size;
}

void StoreHead(const ListShape &shape, const Geometry &geometry, uint32_t block, int lane,
               const uint8_t *code, RowId row, char *content) {
    BlockHead *head = HeadAt(geometry, block, content);
    head->live |= 1u << lane;
    head->rows[lane] = row;
    if (!shape.by_row) StoreFactors(shape, code, lane, head + 1);
}

namespace {

// The part of a row that stands by itself that a piece holds.
struct Part {
    uint32_t from;  // byte of the row
    uint32_t bytes;
    uint32_t at;  // byte of the piece
};

Part PartOf(const ListShape &shape, const Piece &piece, int lane) {
    const uint32_t row = static_cast<uint32_t>(lane) * shape.row_bytes;
    const uint32_t from = std::max(row, piece.from);
    const uint32_t to = std::min(row + shape.row_bytes, piece.from + piece.bytes);
    if (from >= to) return {};
    return {from - row, to - from, from - piece.from};
}

}  // namespace

void StoreCodes(const ListShape &shape, const Geometry &geometry, uint32_t block, int lane,
                const uint8_t *code, int page, char *content) {
    const BlockPlace &place = geometry.PlaceOf(block);
    const Piece *pieces = geometry.PiecesOf(block);
    for (int i = 0; i < place.pieces; i++) {
        if (pieces[i].page != page) continue;
        char *out = content + pieces[i].offset;
        if (!shape.by_row) {
            StoreCode(shape, code, lane, static_cast<int>(pieces[i].from / kListBlock),
                      static_cast<int>(pieces[i].bytes / kListBlock),
                      reinterpret_cast<uint8_t *>(out));
            continue;
        }
        const Part part = PartOf(shape, pieces[i], lane);
        memcpy(out + part.at, code + part.from, part.bytes);
    }
}

bool HasCodes(const ListShape &shape, const Geometry &geometry, uint32_t block, int lane,
              int page) {
    const BlockPlace &place = geometry.PlaceOf(block);
    const Piece *pieces = geometry.PiecesOf(block);
    for (int i = 0; i < place.pieces; i++)
        if (pieces[i].page == page && (!shape.by_row || PartOf(shape, pieces[i], lane).bytes > 0))
            return true;
    return false;
}

}  // namespace vecx::ivf

// What an index of inverted lists looks like on disk. The prose is in README.md beside this file.

#pragma once

#include "am/copy.h"
#include "am/opclass.h"
#include "core/kmeans.h"
#include "core/list_code.h"
#include "core/node_record.h"

#include "pg/pg.h"
#include "store/page.h"

namespace vecx::ivf {

constexpr uint32_t kMagic = 0x78667669;  // "ivfx"
constexpr uint32_t kFormatVersion = 1;
constexpr BlockNumber kMetaBlock = 0;

constexpr int kMaxLists = 32768;

// An index whose rows are fewer than this many a list keeps them in one.
constexpr int kRowsToTrain = kLeastRowsPerList;

// Which access method the index is of; numbers are stored.
enum class Method : uint8_t { kIvfflat = 1, kIvfpq = 2 };

// What rows are kept as beside their codes; numbers are stored, those of CopyKind the same. kHeap:
// not at all, they are ranked by the table's own.
enum class Vectors : uint8_t { kNone = 0, kHalf = 1, kFloat = 2, kHeap = 3 };

// One set of lists: where they are, and how their rows are coded. Training puts another in its
// place.
struct ListSet {
    BlockNumber centroid_block;  // the first page of centroids
    BlockNumber model_block;     // of the blob
    uint32_t model_bytes;
    uint32_t lists;
    uint64_t seed;      // of the rotation
    uint8_t quantizer;  // ListQuantizer
    uint8_t bits;
    uint8_t opq;
    uint8_t trained;  // 0: one list, until there are rows enough
    uint16_t m;
    uint16_t reserved;
    // Rows whose codes were made of their copies may be so much nearer, or farther, than their
    // codes say: a length, of coordinates. 0: all codes were made of the values.
    float copy_error;
    uint32_t reserved2;
};

// What was asked for when the index was made, for training it later.
struct Wanted {
    uint32_t lists;  // 0: by the number of rows
    uint8_t quantizer;
    uint8_t bits;
    uint8_t opq;
    uint8_t reserved;
    uint16_t m;
    uint16_t reserved2;
};

// The content of block 0.
struct MetaPage {
    uint32_t magic;
    uint32_t version;
    uint64_t build_id;      // random: tells these lists from any others that were in these blocks
    uint64_t generation;    // one more with each other set of lists
    uint64_t move_counter;  // odd while rows move from list to list; they do not, in this version
    uint32_t dimensions;
    uint8_t method;   // Method
    uint8_t element;  // ElementType
    uint8_t metric;   // Metric
    uint8_t vectors;  // Vectors
    ListSet lists;
    Wanted wanted;
    BlockNumber allocated;  // blocks from here on belong to nobody
    BlockNumber retired;    // the first extent that scans may still read, or 0
    BlockNumber free;       // the first extent that is to be used again, or 0
    BlockNumber pending;    // blocks of lists that are being made by VACUUM, or 0
    BlockNumber pending_blocks;
    uint32_t attribute_bytes;  // of a row, for columns to filter by; 0 in this version
    uint8_t reserved[160];
};
static_assert(std::is_trivially_copyable_v<MetaPage> && std::is_standard_layout_v<MetaPage>);
static_assert(sizeof(ListSet) == 40 && sizeof(Wanted) == 12);
static_assert(offsetof(MetaPage, lists) == 40 && offsetof(MetaPage, allocated) == 92);
static_assert(sizeof(MetaPage) == 280 && sizeof(MetaPage) <= store::kPageCapacity);

// Leads each centroid, whose floats follow.
struct CentroidHeader {
    BlockNumber head;  // the first block of the list
    float norm;        // squared length
};
static_assert(sizeof(CentroidHeader) == 8);

// Leads each page of codes. An extent is a run of pages: of codes, then of copies. Its members are
// those of the first page only; those of the list are in the first page of its first extent.
struct CodePage {
    uint32_t list;
    uint32_t position;  // of this page in its extent

    // Of the extent.
    BlockNumber next;  // extent of the list, or 0
    uint32_t code_pages;
    uint32_t slots;  // rows that it has room for
    uint32_t flags;
    uint64_t delete_xid;  // where it was taken out of a list: when

    // Of the list.
    uint64_t generation;  // one more with each row that is removed, or put in its place
    uint32_t rows;        // slots taken, in the order of the extents, of live rows and dead ones
    uint32_t dead;        // of them, without a row
    BlockNumber tail;     // the last extent
    uint32_t tail_rows;   // slots taken there
    BlockNumber free_extent;  // where to look for a slot without a row
    uint32_t free_block;      // in that extent

    // Of the extent.
    uint32_t pages;     // in all
    BlockNumber chain;  // the next in a chain of the metapage

    uint8_t reserved[32];
};
static_assert(std::is_trivially_copyable_v<CodePage> && std::is_standard_layout_v<CodePage>);
static_assert(sizeof(CodePage) == 104 && offsetof(CodePage, generation) == 32);

// Of CodePage::flags.
constexpr uint32_t kHead = 1;     // the first extent of a list
constexpr uint32_t kExtent = 2;   // the first page of an extent
constexpr uint32_t kRetired = 4;  // taken out of the index; kept for scans that know it
constexpr uint32_t kFree = 8;     // in no list, and nobody reads it
constexpr uint32_t kFrozen = 16;  // a list whose rows VACUUM is copying: none is put between them

// Leads each block of kListBlock rows; factors follow, and codes.
struct BlockHead {
    uint32_t live;  // a bit for each slot that holds a row
    uint32_t reserved;
    RowId rows[kListBlock];
};
static_assert(sizeof(BlockHead) == 200);

constexpr int kCodeBytes = store::kPageCapacity - static_cast<int>(sizeof(CodePage));

// A run of a block's codes.
struct Piece {
    uint16_t page;    // within the unit
    uint16_t offset;  // within the page's content
    uint32_t from;    // byte of the block's codes
    uint32_t bytes;
};

struct BlockPlace {
    uint16_t page;  // of the head
    uint16_t offset;
    uint16_t first_piece;
    uint16_t pieces;
};

// Where the blocks of an extent lie. Pages of codes are used in units of a few, so that blocks that
// do not fill a page go on in the next; an extent may end within a unit.
struct Geometry {
    int head_bytes;    // BlockHead and factors
    int code_bytes;    // of a block
    bool row_aligned;  // by row: no row is cut
    int row_bytes;     // by row, else 0
    int unit_pages;
    int unit_blocks;
    const BlockPlace *places;
    const Piece *piece_list;
    const uint16_t *within;  // blocks that end within so many pages of a unit

    int copy_size;        // 0: there are no copies
    int copies_per_page;  // 0: a copy takes more than a page
    int pages_per_copy;

    // Rows that stand by themselves may have room where their block does not end.
    uint64_t Rows(uint32_t code_pages) const;
    // The fewest pages of codes, and of copies, for so many rows.
    uint32_t CodePages(uint32_t rows) const;
    uint32_t CopyPages(uint32_t rows) const {
        if (copy_size == 0) return 0;
        if (copies_per_page == 0) return rows * pages_per_copy;
        return (rows + copies_per_page - 1) / copies_per_page;
    }
    const BlockPlace &PlaceOf(uint32_t block) const { return places[block % unit_blocks]; }
    const Piece *PiecesOf(uint32_t block) const { return piece_list + PlaceOf(block).first_piece; }
    // The block number, from the extent's first, of the page that a unit of it begins with.
    uint32_t UnitPage(uint32_t block) const { return block / unit_blocks * unit_pages; }
};

// The size of memory for the tables, and the geometry with the tables in it.
Size GeometryBytes(const ListShape &shape);
Geometry SolveGeometry(const ListShape &shape, int copy_size, void *memory);

// An extent for so many rows; there may be room for some more.
struct ExtentSize {
    uint32_t code_pages;
    uint32_t copy_pages;
    uint32_t slots;

    BlockNumber Pages() const { return code_pages + copy_pages; }
};
ExtentSize SizeOfExtent(const Geometry &geometry, uint32_t rows);

// Puts a row into a block, given what ListCodec made of it: which row it is, and its factors, into
// the content of the page with the block's head; and whatever of its code lies on one page of the
// unit. The live bit is set by the first.
void StoreHead(const ListShape &shape, const Geometry &geometry, uint32_t block, int lane,
               const uint8_t *code, RowId row, char *content);
void StoreCodes(const ListShape &shape, const Geometry &geometry, uint32_t block, int lane,
                const uint8_t *code, int page, char *content);
// Whether any of it lies there.
bool HasCodes(const ListShape &shape, const Geometry &geometry, uint32_t block, int lane, int page);

inline BlockHead *HeadAt(const Geometry &geometry, uint32_t block, char *content) {
    return reinterpret_cast<BlockHead *>(content + geometry.PlaceOf(block).offset);
}

inline bool IsOfBits(const OperatorClass &opclass) { return opclass.element == ElementType::kBit; }

}  // namespace vecx::ivf

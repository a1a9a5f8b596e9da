// What an hnsw index looks like on disk. The prose is in README.md beside this file.

#pragma once

#include "core/node_codec.h"
#include "core/node_record.h"

#include "pg/pg.h"
#include "store/page.h"

namespace vecx::hnsw {

constexpr uint32_t kMagic = 0x78636568;  // "hecx"
constexpr uint32_t kFormatVersion = 3;
constexpr BlockNumber kMetaBlock = 0;
constexpr BlockNumber kCentreBlock = 1;

// The content of block 0. Written by the build; afterwards only the entry changes, and what VACUUM
// leaves to the next one.
struct MetaPage {
    uint32_t magic;
    uint32_t version;
    uint64_t build_id;  // random: tells this graph from any other that was in these blocks
    uint64_t rotation_seed;
    uint32_t dimensions;
    uint16_t m;
    uint16_t ef_construction;
    uint16_t edges;
    uint16_t code_dimensions;
    uint8_t code_bits;
    uint8_t element;  // ElementType
    uint8_t metric;   // Metric
    uint8_t copies;   // CopyKind
    uint8_t own_inside;
    uint8_t has_excesses;
    uint8_t attribute_bytes;  // of a record, for columns to filter by; 0 in this version
    uint8_t codec;            // Codec
    uint32_t record_size;
    uint32_t copy_size;
    uint16_t nodes_per_page;
    uint16_t node_pages;  // of a group
    uint32_t copy_pages;  // of a group
    BlockNumber first_group;
    uint32_t inline_elements;  // of a sparse vector, in its record

    NodeId entry;  // kNoNode while the graph is empty
    uint8_t entry_generation;
    uint8_t entry_level;
    uint16_t reserved3;

    float longest;  // for the inner product, see RecordShape

    // The latest stamp of a tombstone that is still there, or 0: a VACUUM that finds nothing dead
    // has slots to free once no transaction before it is left. A hint: a crash may lose it.
    uint64_t last_stamp;

    uint8_t reserved[152];
};
static_assert(std::is_trivially_copyable_v<MetaPage> && std::is_standard_layout_v<MetaPage>);
static_assert(offsetof(MetaPage, entry) == 68 && offsetof(MetaPage, last_stamp) == 80);
static_assert(sizeof(MetaPage) == 240);
static_assert(sizeof(MetaPage) <= store::kPageCapacity);

// Where the nodes and their copies lie. After the metapage and the centre come groups of blocks of
// equal size: node pages, then the pages of these nodes' copies. All follows from the node's id.
struct Layout {
    int nodes_per_page;
    int node_pages;
    int copy_size;        // bytes, with the own vector where it is not in the record
    int copies_per_page;  // 0: a copy takes more than a page
    int pages_per_copy;   // 1, or more; 0: there are none, all is in the records
    int copy_pages;
    BlockNumber first_group;

    BlockNumber GroupBlocks() const { return node_pages + copy_pages; }
    NodeId GroupNodes() const { return static_cast<NodeId>(node_pages) * nodes_per_page; }
    BlockNumber GroupBlock(NodeId group) const { return first_group + group * GroupBlocks(); }

    BlockNumber NodeBlock(NodeId id) const {
        const NodeId page = id / nodes_per_page;
        return GroupBlock(page / node_pages) + page % node_pages;
    }
    int NodeSlot(NodeId id) const { return static_cast<int>(id % nodes_per_page); }
    NodeId FirstNode(BlockNumber block) const {
        const BlockNumber group = (block - first_group) / GroupBlocks();
        return (group * node_pages + (block - first_group) % GroupBlocks()) * nodes_per_page;
    }
    bool IsNodeBlock(BlockNumber block) const {
        return block >= first_group &&
               (block - first_group) % GroupBlocks() < static_cast<BlockNumber>(node_pages);
    }

    // Where the group of a block ends.
    BlockNumber GroupEnd(BlockNumber block) const {
        return GroupBlock((block - first_group) / GroupBlocks() + 1);
    }

    // The first block of a node's copy, and where in its content the copy starts.
    BlockNumber CopyBlock(NodeId id) const {
        const BlockNumber first = GroupBlock(id / GroupNodes()) + node_pages;
        const NodeId in_group = id % GroupNodes();
        return pages_per_copy > 1 ? first + in_group * pages_per_copy
                                  : first + in_group / copies_per_page;
    }
    int CopyOffset(NodeId id) const {
        if (pages_per_copy > 1) return 0;
        return static_cast<int>(id % GroupNodes() % copies_per_page) * copy_size;
    }
    // Ids below this have their page within a relation of so many blocks.
    uint64_t NodesWithin(BlockNumber blocks) const {
        if (blocks <= first_group) return 0;
        const BlockNumber rest = blocks - first_group;
        const uint64_t pages = static_cast<uint64_t>(rest / GroupBlocks()) * node_pages +
                               std::min<BlockNumber>(rest % GroupBlocks(), node_pages);
        return pages * nodes_per_page;
    }
};

// `copy_size` is rounded up to 8 by this.
Layout SolveLayout(const RecordShape &shape, int copy_size, BlockNumber first_group);

}  // namespace vecx::hnsw

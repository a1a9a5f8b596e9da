// An open index of inverted lists: what its metapage says, checked and made ready for use. Kept
// with the relation's cache entry, as that of hnsw is: read the value first, then open the index,
// and hold it within one call only.

#pragma once

#include "am/copy.h"
#include "am/ivf/format.h"

#include "pg/pg.h"

namespace vecx::ivf {

// A centroid in 8 bits a coordinate, and its header.
struct CentroidCode {
    CentroidHeader header;
    Sq8Parameters parameters;
};

// Those of all lists, for list_ranking.h.
struct CentroidCodes {
    CentroidCode *heads;  // nullptr: none are kept
    uint8_t *codes;
    uint32_t padded;  // codes of one
    mutable bool filled;

    uint8_t *CodesOf(uint32_t list) const { return codes + static_cast<Size>(list) * padded; }
};

struct Lists {
    uint64_t build_id;
    uint64_t generation;
    uint64_t load;  // differs whenever this was read again, and `codec` lies elsewhere
    OperatorClass opclass;
    Method method;
    Vectors vectors;
    int dimensions;
    ListSet set;
    Wanted wanted;
    ListShape shape;
    ListCodec codec;
    Geometry geometry;
    CentroidCodes centroids;
    mutable BlockNumber known_blocks;  // the index has at least so many

    bool HasCopies() const { return vectors == Vectors::kHalf || vectors == Vectors::kFloat; }
    // Whether rows are ranked by more than their codes.
    bool HasVectors() const { return vectors != Vectors::kNone; }
    CopyFormat Copies() const { return {opclass, dimensions, static_cast<CopyKind>(vectors)}; }
    // Floats are kept of each coordinate; bits count as 0 or 1.
    Size CentroidBytes() const { return sizeof(CentroidHeader) + dimensions * sizeof(float); }
    int CentroidsPerPage() const {
        return static_cast<int>(store::kPageCapacity / CentroidBytes());  // 0: more than a page
    }
    BlockNumber CentroidPages() const {
        const int per_page = CentroidsPerPage();
        if (per_page > 0) return (set.lists + per_page - 1) / per_page;
        return set.lists * PagesPerCentroid();
    }
    BlockNumber PagesPerCentroid() const {
        return static_cast<BlockNumber>((CentroidBytes() + store::kPageCapacity - 1) /
                                        store::kPageCapacity);
    }
    Metric KeyMetric() const {
        return opclass.metric == Metric::kHamming ? Metric::kL2 : opclass.metric;
    }
    bool IsSpherical() const {
        return opclass.metric == Metric::kInnerProduct || opclass.metric == Metric::kCosine;
    }
    // What keys of centroids are by: squared distances, or negative products.
    Metric CentroidMetric() const { return IsSpherical() ? Metric::kInnerProduct : Metric::kL2; }
};

// The index as this backend knows it; reads the metapage, to see whether it is so still. Raises an
// error for an index that is damaged, of another version or of pgvector.
const Lists &OpenLists(Relation index);

// The same in memory of the current context, which nobody takes away.
const Lists *LoadLists(Relation index);

// The index as it was opened last, if it is in the cache; the metapage is not read.
const Lists &OpenListsAgain(Relation index);

// A copy of the metapage, sound as far as it can be told from itself.
MetaPage ReadMeta(Relation index);
// What is wrong with a metapage of ours, or nullptr.
const char *FindMetaFault(Relation index, const MetaPage &meta);

// How lists are coded: the shape that belongs to a metapage; false if there is no such.
bool ShapeOf(const MetaPage &meta, ListShape *shape);
int CopySizeOf(const MetaPage &meta);

// Rows that are ranked by their copies for each that goes out; 0: as many as bounds ask for.
int RerankOf(Relation index, const Lists &lists);

// The same for a check: a sound metapage whose model may be damaged, which gives nullptr.
const Lists *TryLoadLists(Relation index, const MetaPage &meta);

// Lists that an index is to have, in memory of the current context. `model`: ListModelBytes(shape).
Lists *MakeLists(Relation index, const MetaPage &meta, const void *model);

}  // namespace vecx::ivf

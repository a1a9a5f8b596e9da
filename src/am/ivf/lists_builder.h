// Makes the lists of an index from rows that it gathers: training, assignment, coding, pages. For
// CREATE INDEX, and for VACUUM where an index that was made of few rows has come to many.

#pragma once

#include "am/ivf/index.h"
#include "am/ivf/row_vector.h"
#include "am/options.h"

#include "pg/pg.h"
#include "pg/temporary_memory.h"
#include "store/page.h"

namespace vecx::ivf {

// Rows in memory, and in temporary files beyond the limit of the build's memory.
class Rows {
  public:
    // `keeps_copies`: copies are given with the rows, else they are made from the values.
    Rows(const ValueFormat &format, pg::TemporaryMemory *memory, bool keeps_copies);

    // Where the next row's value is to be put, and its copy; Add then counts it in.
    char *Next();
    char *NextCopy() { return Next() + format_.RawBytes(); }
    void Add(RowId row);

    int64 count() const { return count_; }
    const char *Raw(int64 i) const { return Place(i); }
    RowId Row(int64 i) const {
        RowId row;
        memcpy(&row, Place(i) + format_.RawBytes() + CopyBytes(), sizeof(row));
        return row;
    }
    // The copy, made in `out` or where it is kept.
    const char *Copy(int64 i, char *out) const noexcept {
        if (keeps_copies_) return Place(i) + format_.RawBytes();
        MakeCopy(format_, Place(i), out);
        return out;
    }
    const ValueFormat &format() const { return format_; }

  private:
    int CopyBytes() const { return keeps_copies_ ? format_.CopyBytes() : 0; }
    char *Place(int64 i) const { return chunks_[i / per_chunk_] + i % per_chunk_ * stride_; }

    ValueFormat format_;
    pg::TemporaryMemory *memory_;
    bool keeps_copies_;
    Size stride_;
    int64 per_chunk_;
    int64 count_ = 0;
    char **chunks_ = nullptr;
    int64 chunk_count_ = 0, chunk_capacity_ = 0;
};

// Takes pages in the order of their blocks.
class PageSink {
  public:
    // The content of the next page, zeroed, good until the next call.
    virtual char *Next(store::PageKind kind) = 0;

  protected:
    ~PageSink() = default;
};

enum class BuildPhase { kTraining, kAssigning, kWriting };

class ListsBuilder {
  public:
    // `meta` says all but where the lists are. `report`: progress, as of CREATE INDEX.
    ListsBuilder(Relation index, const MetaPage &meta, const Rows &rows,
                 pg::TemporaryMemory *memory, int threads, bool report)
        : index_(index),
          meta_(meta),
          rows_(rows),
          memory_(memory),
          threads_(threads),
          report_(report),
          dimensions_(static_cast<int>(meta.dimensions)) {}

    // As many lists as meta.lists says.
    void Train();
    // One list for all rows, as long as there are few.
    void Gather();

    // From which block on the pages are going to lie, and how many there are; then where lists,
    // model and centroids are is in meta().
    BlockNumber Place(BlockNumber first);
    void Write(PageSink *sink);

    const MetaPage &meta() const { return meta_; }
    const Lists *lists() const { return lists_; }
    BlockNumber Head(uint32_t list) const { return heads_[list]; }

  private:
    template <class T>
    T *Allocate(Size count) {
        return static_cast<T *>(memory_->AllocateLarge(std::max<Size>(count, 1) * sizeof(T)));
    }
    void Report(BuildPhase phase);
    void ReportDone(int64 done);

    void Sample();
    void MakeModel(const PqBook *book);
    const float *MeanOfCentroids();
    void TrainPq(const uint32_t *assignment);
    void TransformCentroids();
    void Assign(const Assigner &assigner);
    void SortRows();
    void WriteCentroids(PageSink *sink);
    void WriteModel(PageSink *sink);
    void WriteList(PageSink *sink, uint32_t list);
    void StoreInUnit(uint32_t block, int lane, const uint8_t *code, RowId row, char *unit);
    void WriteCodes(PageSink *sink, uint32_t list, const ExtentSize &size);
    void WriteCopies(PageSink *sink, uint32_t list, const ExtentSize &size);
    int64 RowsOf(uint32_t list) const { return starts_[list + 1] - starts_[list]; }

    const uint8_t *Code(int64 at);
    const char *Copy(int64 at);
    void FillCodes(int64 first);
    void FillCopies(int64 first);

    Relation index_;
    MetaPage meta_;
    const Rows &rows_;
    pg::TemporaryMemory *memory_;
    int threads_;
    bool report_;
    int dimensions_;

    float *sample_ = nullptr;
    int64 sampled_ = 0;
    float *centroids_ = nullptr;
    float *transformed_ = nullptr;  // of the centroids
    char *model_ = nullptr;
    Lists *lists_ = nullptr;
    uint32_t *assignment_ = nullptr;  // of each row
    int64 *starts_ = nullptr;         // of each list in `order_`, and the end
    uint32_t *order_ = nullptr;       // rows, list by list
    BlockNumber *heads_ = nullptr;

    // Codes and copies of some rows of `order_`.
    uint8_t *codes_ = nullptr;
    char *copies_ = nullptr;
    int64 window_ = 0;
    int64 codes_first_ = 0, codes_end_ = 0, copies_first_ = 0, copies_end_ = 0;
    float *scratch_ = nullptr;  // of each thread
    Size scratch_floats_ = 0;
    int64 written_ = 0;
};

}  // namespace vecx::ivf

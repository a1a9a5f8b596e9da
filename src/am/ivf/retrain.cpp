// Training by VACUUM; see the header.
//
// The rows of the one list there is are gathered from its copies. Lists are made of them in blocks
// that are set aside for this in the metapage, and nobody knows of. What is inserted meanwhile is
// put into both, for the last few rows with the old list locked. One record then changes the
// metapage over and retires the old list: scans that have begun read on there, and what is inserted
// later no snapshot of theirs sees. An insert that finds its list retired looks for another.
//
// Stopped anywhere before, all is as it was; the next VACUUM frees the blocks.

#include "am/ivf/retrain.h"

#include "am/build.h"
#include "am/ivf/extents.h"
#include "am/ivf/insert.h"
#include "am/ivf/ivf.h"
#include "am/ivf/lists_builder.h"
#include "am/ivf/train.h"

#include "pg/pause_point.h"
#include "store/log.h"

namespace vecx::ivf {
namespace {

constexpr int64 kFewRows = 64;  // that are put into the new lists while the old one is locked
constexpr int kMostRounds = 10;

MetaPage *MetaOf(char *content) { return reinterpret_cast<MetaPage *>(content); }

// Writes pages past each other into blocks that belong to nobody.
class BufferSink final : public PageSink {
  public:
    BufferSink(Relation index, BlockNumber first)
        : index_(index),
          next_(first),
          content_(static_cast<char *>(palloc(store::kPageCapacity))) {}

    char *Next(store::PageKind kind) override {
        Flush();
        kind_ = kind;
        filled_ = true;
        memset(content_, 0, store::kPageCapacity);
        return content_;
    }
    void Flush() {
        if (!filled_) return;
        VacuumDelayPoint();
        store::PageRef page = store::OpenAnyExclusive(index_, next_++);
        store::PageEdit edit(index_);
        memcpy(edit.Fresh(page, kind_), content_, store::kPageCapacity);
        edit.Commit();
        store::Close(page);
        filled_ = false;
    }

  private:
    Relation index_;
    BlockNumber next_;
    char *content_;
    store::PageKind kind_ = store::PageKind::kCodes;
    bool filled_ = false;
};

// A place in the old list, up to which rows have been read.
struct Position {
    BlockNumber extent;
    uint32_t slot;
};

class Trainer {
  public:
    explicit Trainer(const IndexVacuumInfo *info)
        : index_(info->index), old_(*LoadLists(info->index)), geometry_(old_.geometry) {
        ForEachCentroid(
            index_, old_,
            [this](uint32_t, const CentroidHeader &header, const float *) { head_ = header.head; });
        position_ = {head_, 0};
        raw_ = static_cast<char *>(palloc(FormatOf(old_).RawBytes()));
        copy_ = static_cast<char *>(palloc0(geometry_.copy_size + 1));
    }

    int64 CountRows() {
        const Extent extent = ReadExtent(index_, old_, 0, head_);
        return static_cast<int64>(extent.header.rows) - extent.header.dead;
    }

    // What a VACUUM that did not come to its end left.
    void Thaw() {
        if (ReadExtent(index_, old_, 0, head_).header.flags & kFrozen) Freeze(false);
    }

    void Run() {
        Freeze(true);
        pg::TemporaryMemory *memory =
            pg::TemporaryMemory::Create(static_cast<Size>(VacuumWorkMem()) * 1024);
        MetaPage meta = ReadMeta(index_);
        Rows rows(FormatOf(old_), memory, old_.HasCopies());
        ReadRows([&](RowId row) {
            memcpy(rows.Next(), raw_, FormatOf(old_).RawBytes());
            if (old_.HasCopies()) memcpy(rows.NextCopy(), copy_, FormatOf(old_).CopyBytes());
            rows.Add(row);
            NoteError();
        });
        pg::PausePoint(pg::PausePlace::kTrainingHasRead);
        ChooseLists(&meta, rows.count());
        if (!meta.lists.trained || !IsToTrain(meta)) {
            // Rows have died since they were counted.
            Freeze(false);
            return;
        }
        ListsBuilder builder(index_, meta, rows, memory, 1, false);
        builder.Train();
        const BlockNumber blocks = builder.Place(0);
        const BlockNumber first = SetAside(index_, blocks);
        builder.Place(first);
        BufferSink sink(index_, first);
        builder.Write(&sink);
        sink.Flush();
        pg::PausePoint(pg::PausePlace::kTrainingHasWritten);
        const Lists *lists = builder.lists();
        const CodeMemory code = NewCodeMemory(*lists);
        const auto insert = [&](RowId row) {
            NoteError();
            InsertRow(index_, *lists, raw_, old_.HasCopies() ? copy_ : nullptr, row, code);
        };
        for (int round = 0; round < kMostRounds; round++)
            if (ReadRows(insert) < kFewRows) break;
        pg::PausePoint(pg::PausePlace::kTrainingChangesOver);
        ChangeOver(builder.meta(), insert);
    }

  private:
    // Whether inserts put rows at the end only.
    void Freeze(bool freeze) {
        store::PageRef head = store::OpenExclusive(index_, head_, store::PageKind::kCodes);
        ExtentOf(index_, old_, 0, head);
        store::PageEdit edit(index_);
        CodePage *header = HeaderOf(edit.Change(head));
        header->flags = freeze ? header->flags | kFrozen : header->flags & ~kFrozen;
        edit.Commit();
        store::Close(head);
    }

    // Shows the rows from where the last call ended on; the value is in raw_, the copy in copy_.
    // `locked`: the head, where the caller has it.
    template <class Visit>
    int64 ReadRows(Visit visit, const store::PageRef *locked = nullptr) {
        int64 count = 0;
        const Extent first = ReadOld(head_, locked);
        for (;;) {
            const Extent extent =
                position_.extent == head_ ? first : ReadOld(position_.extent, locked);
            const bool last = extent.first == first.header.tail;
            const uint32_t end = last ? first.header.tail_rows : extent.header.slots;
            for (; position_.slot < end; position_.slot++) {
                if (locked == nullptr) CHECK_FOR_INTERRUPTS();
                RowId row;
                if (!ReadRow(extent, position_.slot, locked, &row)) continue;
                visit(row);
                count++;
            }
            if (last || extent.header.next == kMetaBlock) return count;
            position_ = {extent.header.next, 0};
        }
    }

    Extent ReadOld(BlockNumber block, const store::PageRef *locked) {
        return locked != nullptr && block == BlockOf(*locked) ? ExtentOf(index_, old_, 0, *locked)
                                                              : ReadExtent(index_, old_, 0, block);
    }

    bool ReadRow(const Extent &extent, uint32_t slot, const store::PageRef *locked, RowId *row) {
        const uint32_t block = slot / kListBlock;
        const int lane = static_cast<int>(slot % kListBlock);
        const BlockNumber at = extent.HeadBlock(geometry_, block);
        store::PageRef page = Open(at, locked);
        bool live = false;
        if (!page.fresh) {
            const BlockHead *head = HeadAt(geometry_, block, page.content);
            live = head->live >> lane & 1;
            *row = head->rows[lane];
        }
        Release(page, locked);
        if (!live) return false;
        if (old_.HasCopies())
            ReadFromCopy(extent, slot);
        else
            ReadFlat(extent, block, lane, locked);
        return true;
    }

    store::PageRef Open(BlockNumber block, const store::PageRef *locked) {
        if (locked != nullptr && block == BlockOf(*locked)) return *locked;
        return store::OpenShared(index_, block, store::PageKind::kCodes);
    }
    void Release(store::PageRef &page, const store::PageRef *locked) {
        if (locked == nullptr || page.buffer != locked->buffer) store::Close(page);
    }

    void ReadFromCopy(const Extent &extent, uint32_t slot) {
        store::PageRef page;
        const BlockNumber block = extent.CopyBlock(geometry_, slot);
        const char *copy =
            OpenCopy(index_, old_, block, extent.CopyOffset(geometry_, slot), copy_, &page);
        if (copy == nullptr) store::RaiseDamaged(index_, block, "A row has no copy.");
        const int bytes = FormatOf(old_).CopyBytes();
        if (copy != copy_) memcpy(copy_, copy, bytes);
        store::Close(page);
        DecodeCopy(old_.Copies(), copy_, reinterpret_cast<float *>(raw_));
    }

    // Bits, which are kept as codes.
    void ReadFlat(const Extent &extent, uint32_t block, int lane, const store::PageRef *locked) {
        const BlockPlace &place = geometry_.PlaceOf(block);
        const Piece *pieces = geometry_.PiecesOf(block);
        const uint32_t bytes = old_.shape.row_bytes, from = lane * bytes;
        for (int i = 0; i < place.pieces; i++) {
            const uint32_t begin = std::max(from, pieces[i].from);
            const uint32_t end = std::min(from + bytes, pieces[i].from + pieces[i].bytes);
            if (begin >= end) continue;
            const BlockNumber at = extent.first + geometry_.UnitPage(block) + pieces[i].page;
            store::PageRef page = Open(at, locked);
            if (page.fresh) store::RaiseDamaged(index_, at, "A row has no code.");
            memcpy(raw_ + begin - from, page.content + pieces[i].offset + begin - pieces[i].from,
                   end - begin);
            Release(page, locked);
        }
    }

    // How far the value may be from what the copy says.
    void NoteError() {
        if (!old_.HasCopies()) return;
        CopyHeader header;
        memcpy(&header, copy_, sizeof(header));
        double error = header.error;
        if (old_.opclass.metric == Metric::kCosine) {
            const double norm = Norm(reinterpret_cast<const float *>(raw_), old_.dimensions);
            error = norm > 0 ? 2 * error / norm : 2;
        }
        copy_error_ = std::max(copy_error_, static_cast<float>(error * 1.0001));
    }

    template <class Visit>
    void ChangeOver(const MetaPage &made, Visit insert) {
        store::PageRef head = store::OpenExclusive(index_, head_, store::PageKind::kCodes);
        ExtentOf(index_, old_, 0, head);
        ReadRows(insert, &head);
        store::PageRef meta = store::OpenExclusive(index_, kMetaBlock, store::PageKind::kMeta);
        store::PageEdit edit(index_);
        CodePage *header = HeaderOf(edit.Change(head));
        MetaPage *page = MetaOf(edit.Change(meta));
        page->lists = made.lists;
        page->lists.copy_error = copy_error_;
        page->generation++;
        page->pending = kMetaBlock;
        page->pending_blocks = 0;
        header->flags |= kRetired;
        header->delete_xid = U64FromFullTransactionId(ReadNextFullTransactionId());
        header->chain = page->retired;
        page->retired = head_;
        edit.Commit();
        store::Close(meta);
        store::Close(head);
    }

    Relation index_;
    const Lists &old_;
    const Geometry &geometry_;
    BlockNumber head_ = kMetaBlock;
    Position position_ = {};
    char *raw_;
    char *copy_;
    float copy_error_ = 0;
};

}  // namespace

void TrainIfDue(const IndexVacuumInfo *info) {
    const MetaPage meta = ReadMeta(info->index);
    if (meta.lists.trained || !CanTrainLater(meta)) return;
    FreePending(info->index);
    Trainer trainer(info);
    if (trainer.CountRows() < RowsNeeded(meta)) return trainer.Thaw();
    trainer.Run();
}

}  // namespace vecx::ivf

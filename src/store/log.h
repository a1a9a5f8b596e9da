// Changes to pages of an index that is in use: up to four pages in one WAL record, all or nothing.
// The only place that writes pages of such an index; store/bulk.h writes those nobody sees yet.
//
// GenericXLog: redo needs no library of ours, so neither standbys nor recovery depend on vecx.
// It works on copies of the pages, which take the pages' places with Commit. Until then nothing is
// changed, so an error may be raised at any point before it.

#pragma once

#include "pg/pg.h"
#include "store/page.h"

namespace vecx::store {

// Whether changes to this index are logged; not so for temporary and unlogged ones, and for those
// that their own transaction created under wal_level = minimal.
inline bool NeedsWal(Relation index) { return RelationNeedsWAL(index); }

//     PageRef ref = OpenExclusive(...);
//     PageEdit edit(index);
//     char *content = edit.Change(ref);
//     ...
//     edit.Commit();
//     Close(ref);
//
// Pages are locked exclusively from before Change or Fresh until after Commit. A fifth page raises
// an error. After an error nothing is to be done; the memory belongs to the current context.
class PageEdit {
  public:
    static constexpr int kMaxPages = 4;
    static_assert(kMaxPages <= MAX_GENERIC_XLOG_PAGES);

    explicit PageEdit(Relation index);

    // The content of the copy, to be modified in place. The record holds the bytes that differ.
    char *Change(const PageRef &ref);

    // The copy as a new page, its content zeroed; whatever was in the block before. Logged whole.
    char *Fresh(const PageRef &ref, PageKind kind);

    // Once, and then the object is spent. The pages stay locked and pinned, `fresh` as it was.
    void Commit();
    void Abandon();

  private:
    GenericXLogState *state_;
    bool changed_ = false;
};
static_assert(std::is_trivially_destructible_v<PageEdit>);

// Bytes that are to be put at `offset` of a page's content.
struct ByteChange {
    PageRef page;
    PageKind kind;  // what a fresh page becomes
    int offset;
    const void *bytes;
    int length;
};

// Puts bytes into up to kMaxPages different pages that are locked exclusively, in one record: the
// same record, byte for byte, that PageEdit would write, without its copies of the pages. For what
// an insert does a score of times. Only bytes that differ are logged, and so they are for fresh
// pages: each is begun first, in a short record of its own (see BeginPage), where PageEdit logs the
// whole page.
void ChangeBytes(Relation index, const ByteChange *changes, int count);

// The same for one page that is not fresh.
void ChangeBytes(Relation index, const PageRef &page, int offset, const void *bytes, int length);

}  // namespace vecx::store

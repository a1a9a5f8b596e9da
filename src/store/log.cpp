#include "store/log.h"

namespace vecx::store {

PageEdit::PageEdit(Relation index) : state_(GenericXLogStart(index)) {}

char *PageEdit::Change(const PageRef &ref) {
    Assert(!ref.fresh);
    changed_ = true;
    return Content(GenericXLogRegisterBuffer(state_, ref.buffer, 0));
}

char *PageEdit::Fresh(const PageRef &ref, PageKind kind) {
    changed_ = true;
    const Page copy = GenericXLogRegisterBuffer(state_, ref.buffer, GENERIC_XLOG_FULL_IMAGE);
    InitPage(copy, kind);
    return Content(copy);
}

void PageEdit::Commit() {
    // Not a record of nothing.
    if (!changed_) return Abandon();
    GenericXLogFinish(state_);
    state_ = nullptr;
}

void PageEdit::Abandon() {
    GenericXLogAbort(state_);
    state_ = nullptr;
}

namespace {

// The delta of one page as generic_xlog.c's redo reads it: offset, length, bytes; and so on.
class Delta {
  public:
    // The differences between `before` and `after`, which stand at `offset` of the page. Short
    // stretches in between that are equal cost less than a further header.
    void Compare(const char *before, const char *after, int offset, int length) {
        for (int at = 0; at < length;) {
            if (before[at] == after[at]) {
                at += SkipEqual(before + at, after + at, length - at);
                continue;
            }
            int end = at + 1;
            for (int equal = 0, i = end; i < length && equal < kHeader; i++) {
                equal = before[i] == after[i] ? equal + 1 : 0;
                if (equal == 0) end = i + 1;
            }
            Append(offset + at, after + at, end - at);
            at = end;
        }
    }

    // What closes the hole of a page that was begun.
    void Close() {
        const LocationIndex lower = kTailOffset;
        Append(offsetof(PageHeaderData, pd_lower), reinterpret_cast<const char *>(&lower),
               sizeof(lower));
    }

    char *data() { return data_; }
    int size() const { return size_; }

  private:
    static constexpr int kHeader = 2 * sizeof(OffsetNumber);
    static constexpr int kBlock = 64;

    static int SkipEqual(const char *before, const char *after, int length) {
        int at = 0;
        while (at + kBlock <= length && memcmp(before + at, after + at, kBlock) == 0) at += kBlock;
        for (uint64 a, b; at + 8 <= length; at += 8) {
            memcpy(&a, before + at, 8);
            memcpy(&b, after + at, 8);
            if (a != b) break;
        }
        while (at < length && before[at] == after[at]) at++;
        return at;
    }

    void Append(int offset, const char *bytes, int length) {
        const OffsetNumber header[2] = {static_cast<OffsetNumber>(offset),
                                        static_cast<OffsetNumber>(length)};
        memcpy(data_ + size_, header, sizeof(header));
        memcpy(data_ + size_ + kHeader, bytes, length);
        size_ += kHeader + length;
    }

    // Each stretch is followed by at least kHeader equal bytes: never more than the page and one,
    // beside that of Close.
    char data_[BLCKSZ + 2 * kHeader + sizeof(LocationIndex)];
    int size_ = 0;
};

// Makes a fresh page one of the kind, with a hole only if that is logged.
void Begin(const PageRef &page, PageKind kind, bool logged) {
    START_CRIT_SECTION();
    logged ? BeginPage(page.page, kind) : InitPage(page.page, kind);
    MarkBufferDirty(page.buffer);
    if (logged) {
        XLogBeginInsert();
        // Not by its changes: redo takes a page of zeros for one that is missing.
        XLogRegisterBuffer(0, page.buffer, REGBUF_STANDARD | REGBUF_FORCE_IMAGE);
        const XLogRecPtr record = XLogInsert(RM_GENERIC_ID, 0);
        PageSetLSN(page.page, record);  // a macro that would insert twice
    }
    END_CRIT_SECTION();
}

template <int kMost>
void Change(Relation index, const ByteChange *changes, int count) {
    const bool logged = NeedsWal(index);
    Delta deltas[kMost];
    int changed = 0;
    for (int i = 0; i < count; i++) {
        const ByteChange &change = changes[i];
        Assert(change.offset >= 0 && change.offset + change.length <= kPageCapacity);
        if (change.page.fresh) {
            Begin(change.page, change.kind, logged);
            if (logged) deltas[i].Close();
        }
        deltas[i].Compare(change.page.content + change.offset,
                          static_cast<const char *>(change.bytes), kContentOffset + change.offset,
                          change.length);
        changed += deltas[i].size() != 0;
    }
    if (changed == 0) return;
    START_CRIT_SECTION();
    if (logged) XLogBeginInsert();
    for (int i = 0, block = 0; i < count; i++) {
        if (deltas[i].size() == 0) continue;
        const PageRef &page = changes[i].page;
        memcpy(page.content + changes[i].offset, changes[i].bytes, changes[i].length);
        reinterpret_cast<PageHeader>(page.page)->pd_lower = kTailOffset;
        MarkBufferDirty(page.buffer);
        if (!logged) continue;
        XLogRegisterBuffer(block, page.buffer, REGBUF_STANDARD);
        XLogRegisterBufData(block++, deltas[i].data(), deltas[i].size());
    }
    if (logged) {
        const XLogRecPtr record = XLogInsert(RM_GENERIC_ID, 0);
        for (int i = 0; i < count; i++)
            if (deltas[i].size() != 0) PageSetLSN(changes[i].page.page, record);
    }
    END_CRIT_SECTION();
}

}  // namespace

void ChangeBytes(Relation index, const ByteChange *changes, int count) {
    Assert(count <= PageEdit::kMaxPages);
    Change<PageEdit::kMaxPages>(index, changes, count);
}

void ChangeBytes(Relation index, const PageRef &page, int offset, const void *bytes, int length) {
    Assert(!page.fresh);
    const ByteChange change = {page, PageKind{}, offset, bytes, length};
    Change<1>(index, &change, 1);
}

}  // namespace vecx::store

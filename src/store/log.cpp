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

    char *data() { return data_; }
    int size() const { return size_; }

  private:
    static constexpr int kHeader = 2 * sizeof(OffsetNumber);

    static int SkipEqual(const char *before, const char *after, int length) {
        int at = 0;
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

    // Each stretch is followed by at least kHeader equal bytes: never more than the page and one.
    char data_[BLCKSZ + kHeader];
    int size_ = 0;
};

}  // namespace

void ChangeBytes(Relation index, const PageRef &page, int offset, const void *bytes, int length) {
    Assert(offset >= 0 && offset + length <= kPageCapacity && !page.fresh);
    char *place = page.content + offset;
    Delta delta;
    delta.Compare(place, static_cast<const char *>(bytes), kContentOffset + offset, length);
    if (delta.size() == 0) return;
    const bool logged = NeedsWal(index);
    START_CRIT_SECTION();
    memcpy(place, bytes, length);
    MarkBufferDirty(page.buffer);
    if (logged) {
        XLogBeginInsert();
        XLogRegisterBuffer(0, page.buffer, REGBUF_STANDARD);
        XLogRegisterBufData(0, delta.data(), delta.size());
        const XLogRecPtr record = XLogInsert(RM_GENERIC_ID, 0);
        PageSetLSN(page.page, record);  // a macro that would insert twice
    }
    END_CRIT_SECTION();
}

}  // namespace vecx::store

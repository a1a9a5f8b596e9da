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

}  // namespace vecx::store

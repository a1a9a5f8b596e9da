// Rows for the end of a scan; see the header.

#include "am/hnsw/held_back.h"

namespace vecx::hnsw {

void HeldBack::Close() {
    if (file_ != nullptr) BufFileClose(file_);
    file_ = nullptr;
}

void HeldBack::MakeRoom() {
    constexpr int64 kFirst = 64;
    if (capacity_ < limit_) {
        const int64 larger = std::min(std::max(kFirst, capacity_ * 2), limit_);
        const Size bytes = static_cast<Size>(larger) * sizeof(Found);
        rows_ = static_cast<Found *>(rows_ == nullptr ? MemoryContextAllocHuge(context_, bytes)
                                                      : repalloc_huge(rows_, bytes));
        capacity_ = larger;
        return;
    }
    if (file_ == nullptr) {
        const MemoryContext before = MemoryContextSwitchTo(context_);
        PrepareTempTablespaces();
        file_ = BufFileCreateTemp(false);
        MemoryContextSwitchTo(before);
    }
    BufFileWrite(file_, rows_, static_cast<Size>(count_) * sizeof(Found));
    file_rows_ += count_;
    count_ = 0;
}

const Found *HeldBack::Take(int64 *count) {
    if (count_ == 0 && file_rows_ > 0) {
        if (!reading_ && BufFileSeek(file_, 0, 0, SEEK_SET) != 0)
            ereport(ERROR, (errcode_for_file_access(),
                            errmsg("could not rewind a temporary file of an index scan")));
        reading_ = true;
        count_ = std::min(file_rows_, capacity_);
        const Size bytes = static_cast<Size>(count_) * sizeof(Found);
        if (BufFileRead(file_, rows_, bytes) != bytes)
            ereport(ERROR, (errcode_for_file_access(),
                            errmsg("could not read a temporary file of an index scan")));
        file_rows_ -= count_;
    }
    *count = count_;
    count_ = 0;
    return rows_;
}

}  // namespace vecx::hnsw

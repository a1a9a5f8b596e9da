// Memory with a forbidden page behind it: what reads or writes past the end crashes.

#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <vector>

namespace vecx {

class GuardedMemory {
  public:
    GuardedMemory() : page_(static_cast<size_t>(sysconf(_SC_PAGESIZE))) {
        size_ = (1 << 17) / page_ * page_ + page_;
        void *memory = mmap(nullptr, size_ + page_, PROT_READ | PROT_WRITE,
                            MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (memory == MAP_FAILED) abort();
        begin_ = static_cast<char *>(memory);
        if (mprotect(begin_ + size_, page_, PROT_NONE) != 0) abort();
    }
    ~GuardedMemory() { munmap(begin_, size_ + page_); }
    GuardedMemory(const GuardedMemory &) = delete;
    GuardedMemory &operator=(const GuardedMemory &) = delete;

    // A place for n values right before the forbidden page.
    template <class T>
    T *Place(size_t n) {
        return reinterpret_cast<T *>(begin_ + size_ - n * sizeof(T));
    }

    // The same with `gap` bytes in between. The pointer may be misaligned: only pass it on.
    template <class T>
    const T *Copy(const std::vector<T> &values, size_t gap = 0) {
        char *place = begin_ + size_ - gap - values.size() * sizeof(T);
        if (!values.empty()) memcpy(place, values.data(), values.size() * sizeof(T));
        return reinterpret_cast<const T *>(place);
    }

  private:
    size_t page_;
    size_t size_;
    char *begin_;
};

}  // namespace vecx

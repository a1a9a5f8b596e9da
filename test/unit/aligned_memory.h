// Memory as callers of core give it: aligned to 64, of just the size that was asked for, so that
// sanitizers see what goes beyond.

#pragma once

#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <new>

namespace vecx {

class AlignedBytes {
  public:
    explicit AlignedBytes(size_t size)
        : data_(static_cast<char *>(::operator new (size, std::align_val_t{64}))) {
        memset(data_, 0x7f, size);  // not zero: nobody may count on that
    }
    ~AlignedBytes() { ::operator delete (data_, std::align_val_t{64}); }
    AlignedBytes(const AlignedBytes &) = delete;
    AlignedBytes &operator=(const AlignedBytes &) = delete;

    char *data() { return data_; }

  private:
    char *data_;
};

class AlignedFloats {
  public:
    explicit AlignedFloats(size_t count) : bytes_(count * sizeof(float)) {}
    float *data() { return reinterpret_cast<float *>(bytes_.data()); }

  private:
    AlignedBytes bytes_;
};

}  // namespace vecx

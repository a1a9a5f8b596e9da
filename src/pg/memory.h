// A MemoryContext as core's std::pmr::memory_resource, so that what core allocates counts where
// PostgreSQL looks and dies with its context. Backend thread only.
//
// The resource has a destructor (its base class is virtual): let it live inside a call to core, in
// a scope that ends before anything can ereport.

#pragma once

#include "pg/pg.h"

namespace vecx::pg {

class ContextMemory final : public std::pmr::memory_resource {
  public:
    explicit ContextMemory(MemoryContext context) : context_(context) {}

  private:
    // Throws instead of raising: C++ frames that own things lie between here and the guard. An
    // absurd size would raise even with NO_OOM, hence the test.
    void *do_allocate(size_t size, size_t alignment) override {
        if (alignment > MAXIMUM_ALIGNOF || size > MaxAllocHugeSize) throw std::bad_alloc();
        void *memory =
            MemoryContextAllocExtended(context_, size, MCXT_ALLOC_NO_OOM | MCXT_ALLOC_HUGE);
        if (memory == nullptr) throw std::bad_alloc();
        return memory;
    }

    void do_deallocate(void *memory, size_t, size_t) override { pfree(memory); }

    bool do_is_equal(const std::pmr::memory_resource &other) const noexcept override {
        return this == &other;
    }

    MemoryContext context_;
};

}  // namespace vecx::pg

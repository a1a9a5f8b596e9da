// Memory beyond maintenance_work_mem; see the header.

#include "pg/temporary_memory.h"

#include <fcntl.h>
#include <sys/mman.h>

namespace vecx::pg {
namespace {

constexpr Size kAlignment = 64;

// Records are visited in no order: with small pages most visits miss the CPU's table of pages, too.
// Only a hint.
void AdviseHugePages(void *memory, Size bytes) {
#ifdef MADV_HUGEPAGE
    constexpr Size kHugePage = 2 << 20;
    const auto begin = TYPEALIGN(kHugePage, memory);
    const auto end = TYPEALIGN_DOWN(kHugePage, reinterpret_cast<uintptr_t>(memory) + bytes);
    if (begin < end) madvise(reinterpret_cast<void *>(begin), end - begin, MADV_HUGEPAGE);
#endif
}

}  // namespace

// Undone when the context goes, after an error too.
struct TemporaryMemory::Mapping {
    MemoryContextCallback callback;
    void *memory;
    Size bytes;
};

TemporaryMemory *TemporaryMemory::Create(Size limit) {
    auto *memory = static_cast<TemporaryMemory *>(palloc(sizeof(TemporaryMemory)));
    memory->context_ = CurrentMemoryContext;
    memory->limit_ = limit;
    memory->used_ = memory->mapped_ = 0;
    return memory;
}

void *TemporaryMemory::Allocate(Size bytes) {
    used_ += bytes;
    void *memory =
        MemoryContextAllocExtended(context_, bytes + kAlignment, MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
    return reinterpret_cast<void *>(TYPEALIGN(kAlignment, memory));
}

void *TemporaryMemory::AllocateLarge(Size bytes) {
    if (used_ + bytes > limit_) return Map(bytes);
    used_ += bytes;
    void *memory = MemoryContextAllocHuge(context_, bytes + kAlignment);
    AdviseHugePages(memory, bytes);
    return reinterpret_cast<void *>(TYPEALIGN(kAlignment, memory));
}

void *TemporaryMemory::Map(Size bytes) {
    // PostgreSQL holds against the limit what is written through its functions, not a mapping.
    mapped_ += bytes;
    if (temp_file_limit >= 0 && mapped_ > static_cast<Size>(temp_file_limit) * 1024)
        ereport(ERROR,
                (errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
                 errmsg("temporary file size exceeds temp_file_limit (%dkB)", temp_file_limit),
                 errhint("Raise maintenance_work_mem, or let a superuser raise temp_file_limit.")));
    // The resource owner closes the file at the end of the transaction if nobody does, and a
    // restart of the server removes what a crash left.
    const File file = OpenTemporaryFile(false);
    const int descriptor = FileGetRawDesc(file);
    // Room on the disk first: a page of a mapping that has none would be a bus error.
    const int error = posix_fallocate(descriptor, 0, static_cast<off_t>(bytes));
    if (error != 0) {
        errno = error;
        ereport(ERROR, (errcode_for_file_access(),
                        errmsg("could not extend temporary file \"%s\" to %zu bytes: %m",
                               FilePathName(file), bytes),
                        errhint("Free disk space or raise maintenance_work_mem.")));
    }
    auto *mapping = static_cast<Mapping *>(MemoryContextAlloc(context_, sizeof(Mapping)));
    mapping->bytes = bytes;
    mapping->memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
    if (mapping->memory == MAP_FAILED)
        ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY),
                        errmsg("could not map %zu bytes of a temporary file: %m", bytes)));
    mapping->callback.func = Unmap;
    mapping->callback.arg = mapping;
    MemoryContextRegisterResetCallback(context_, &mapping->callback);
    // A mapping holds its file by itself; the name can go already.
    FileClose(file);
    return mapping->memory;
}

void TemporaryMemory::Unmap(void *argument) {
    auto *mapping = static_cast<Mapping *>(argument);
    munmap(mapping->memory, mapping->bytes);
}

}  // namespace vecx::pg

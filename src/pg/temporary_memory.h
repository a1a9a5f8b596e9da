// Memory for a build: up to a limit from a memory context, beyond it from temporary files that are
// mapped. What lies in such a file is memory that the operating system may write out and take back
// whenever it needs to, and it counts against temp_file_limit, not against maintenance_work_mem. So
// a build that outgrows the limit goes on at full speed while there is room in the page cache, and
// at the speed of the disk after that.

#pragma once

#include "pg/pg.h"

namespace vecx::pg {

class TemporaryMemory {
  public:
    // Lives and dies with the current memory context. The limit is in bytes.
    static TemporaryMemory *Create(Size limit);

    // Zeroed, aligned to 64; counts, but stays in memory.
    void *Allocate(Size bytes);

    // Neither zeroed nor touched; from a file once the limit is reached.
    void *AllocateLarge(Size bytes);

  private:
    struct Mapping;

    void *Map(Size bytes);
    static void Unmap(void *mapping);

    MemoryContext context_;
    Size limit_;
    Size used_;    // in memory
    Size mapped_;  // in files
};

}  // namespace vecx::pg

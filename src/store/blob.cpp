#include "store/blob.h"

namespace vecx::store {

void AppendBlob(BulkWriter &writer, const void *data, size_t bytes) {
    const char *from = static_cast<const char *>(data);
    while (bytes > 0) {
        const size_t part = std::min<size_t>(bytes, kPageCapacity);
        memcpy(writer.Next(PageKind::kBlob), from, part);
        from += part;
        bytes -= part;
    }
}

void ReadBlob(Relation index, BlockNumber first, void *out, size_t bytes) {
    char *to = static_cast<char *>(out);
    for (BlockNumber block = first; bytes > 0; block++) {
        CHECK_FOR_INTERRUPTS();
        PageRef ref = OpenShared(index, block, PageKind::kBlob);
        if (ref.fresh) RaiseDamaged(index, block, "The page is empty, within an array.");
        const size_t part = std::min<size_t>(bytes, kPageCapacity);
        memcpy(to, ref.content, part);
        Close(ref);
        to += part;
        bytes -= part;
    }
}

}  // namespace vecx::store

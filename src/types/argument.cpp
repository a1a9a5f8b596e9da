// See argument.h.

#include "types/argument.h"

namespace vecx {

const varlena *DetoastedOutOfLine(varlena *value, CallSite *site, int number) {
    if (!VARATT_IS_EXTERNAL_ONDISK(value) || site == nullptr) return pg_detoast_datum_packed(value);
    varatt_external pointer;
    memcpy(&pointer, VARDATA_EXTERNAL(value), sizeof(pointer));  // unaligned in the tuple

    KeptValue &kept = site->kept[number];
    if (kept.seen && memcmp(&pointer, &kept.pointer, sizeof(pointer)) == 0) {
        if (kept.value == nullptr) {
            varlena *fetched = pg_detoast_datum_packed(value);
            const Size size = VARSIZE_ANY(fetched);
            // The call site's own memory context is that of its state.
            auto *copy =
                static_cast<varlena *>(MemoryContextAlloc(GetMemoryChunkContext(site), size));
            memcpy(copy, fetched, size);
            kept.value = copy;
            pfree(fetched);
        }
        return kept.value;
    }
    if (kept.value != nullptr) pfree(kept.value);
    kept.value = nullptr;
    kept.pointer = pointer;
    kept.seen = true;
    kept.checked = false;
    if (VARATT_EXTERNAL_IS_COMPRESSED(pointer)) return pg_detoast_datum_packed(value);
    const varlena *fetched = site->toast_reader[number].Fetch(pointer);
    return fetched != nullptr ? fetched : pg_detoast_datum_packed(value);
}

}  // namespace vecx

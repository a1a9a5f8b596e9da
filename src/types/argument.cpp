// See argument.h.

#include "types/argument.h"

namespace vecx {
namespace {

struct KeptArgument {
    bool seen;                 // is `pointer` set?
    varatt_external pointer;   // of the call before
    varlena *value;            // kept since that pointer came twice, or nullptr
};

struct KeptArguments {
    KeptArgument argument[2];
};

}  // namespace

const varlena *DetoastedOutOfLine(FunctionCallInfo fcinfo, int number) {
    varlena *value = RawValue(PG_GETARG_DATUM(number));
    FmgrInfo *call_site = fcinfo->flinfo;
    if (!VARATT_IS_EXTERNAL_ONDISK(value) || call_site == nullptr)
        return pg_detoast_datum_packed(value);

    if (call_site->fn_extra == nullptr)
        call_site->fn_extra = MemoryContextAllocZero(call_site->fn_mcxt, sizeof(KeptArguments));
    KeptArgument &kept = static_cast<KeptArguments *>(call_site->fn_extra)->argument[number];

    varatt_external pointer;
    memcpy(&pointer, VARDATA_EXTERNAL(value), sizeof(pointer));  // unaligned in the tuple
    if (kept.seen && memcmp(&pointer, &kept.pointer, sizeof(pointer)) == 0) {
        if (kept.value == nullptr) {
            varlena *fetched = pg_detoast_datum_packed(value);
            const Size size = VARSIZE_ANY(fetched);
            auto *copy = static_cast<varlena *>(MemoryContextAlloc(call_site->fn_mcxt, size));
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
    return pg_detoast_datum_packed(value);
}

}  // namespace vecx

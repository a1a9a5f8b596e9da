// Arguments of distance functions: detoasted once, and fetched into the cache ahead of their turn.
// Called by types/distance.cpp and types/bit.cpp.
//
// What is remembered from call to call belongs to the call site: one expression of one running
// plan.

#pragma once

#include "types/vector.h"

#include "pg/pg.h"
#include "pg/readahead.h"
#include "pg/toast_reader.h"

namespace vecx {

// In `ORDER BY v <-> (SELECT v FROM t WHERE id = 1)` the query is out of line and arrives anew with
// every row. A value whose TOAST pointer comes a second time in a row is therefore kept; a column,
// whose pointer changes from row to row, costs a comparison.
struct KeptValue {
    bool seen = false;         // is `pointer` set?
    varatt_external pointer;   // of the call before
    varlena *value = nullptr;  // kept since that pointer came twice
    bool checked = false;      // for callers whose checks take long: has `value` passed them?
};

struct CallSite {
    KeptValue kept[2];
    pg::ReadAhead read_ahead[2];
    pg::ToastReader toast_reader[2];
};

static_assert(std::is_trivially_destructible_v<CallSite>);  // dies with its memory context

// The state of this call site, or nullptr where the caller gives none (DirectFunctionCall).
inline CallSite *CallSiteOf(FunctionCallInfo fcinfo) {
    FmgrInfo *flinfo = fcinfo->flinfo;
    if (unlikely(flinfo == nullptr)) return nullptr;
    if (unlikely(flinfo->fn_extra == nullptr))
        flinfo->fn_extra = new (MemoryContextAlloc(flinfo->fn_mcxt, sizeof(CallSite))) CallSite();
    return static_cast<CallSite *>(flinfo->fn_extra);
}

// For values that are compressed or out of line.
const varlena *DetoastedOutOfLine(varlena *value, CallSite *site, int number);

// The value of argument `number` (0 or 1), detoasted but with its short header, if it has one.
inline const varlena *DetoastedArgument(FunctionCallInfo fcinfo, CallSite *site, int number) {
    varlena *value = RawValue(PG_GETARG_DATUM(number));
    if (unlikely(VARATT_IS_EXTERNAL(value) || VARATT_IS_COMPRESSED(value)))
        return DetoastedOutOfLine(value, site, number);
    if (likely(site != nullptr)) site->read_ahead[number].Visit(value, VARSIZE_ANY(value));
    return value;
}

}  // namespace vecx

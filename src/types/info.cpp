// vecx_version(), vecx_build_info(), and the check that opens the install script.

#include "core/kernels.h"

#include "pg/guard.h"

#if defined(__clang__)
#define VECX_COMPILER "clang " __clang_version__
#else
#define VECX_COMPILER "gcc " __VERSION__
#endif

namespace vecx {

VECX_FUNCTION(vecx_version) { PG_RETURN_TEXT_P(cstring_to_text(VECX_VERSION)); }

// One row: version, compiler, postgres (what the library was built for), simd (in use),
// simd_available (all that this processor and this build have).
VECX_FUNCTION(vecx_build_info) {
    TupleDesc row;
    if (get_call_result_type(fcinfo, nullptr, &row) != TYPEFUNC_COMPOSITE)
        elog(ERROR, "return type must be a row type");

    StringInfoData available;
    initStringInfo(&available);
    for (const SimdLevel level :
         {SimdLevel::kScalar, SimdLevel::kNeon, SimdLevel::kAvx2, SimdLevel::kAvx512}) {
        const Kernels *kernels = KernelsOf(level);
        if (kernels == nullptr) continue;
        if (available.len > 0) appendStringInfoString(&available, ", ");
        appendStringInfoString(&available, kernels->name);
    }

    Datum values[] = {
        CStringGetTextDatum(VECX_VERSION),   CStringGetTextDatum(VECX_COMPILER),
        CStringGetTextDatum(PG_VERSION),     CStringGetTextDatum(ActiveKernels().name),
        CStringGetTextDatum(available.data),
    };
    bool nulls[lengthof(values)] = {};
    PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(row), values, nulls)));
}

// pgvector owns types and operators of the same names: which of the two a query means would be up
// to search_path. Said before the first of many name clashes is.
VECX_FUNCTION(vecx_refuse_pgvector) {
    if (OidIsValid(get_extension_oid("vector", true)))
        ereport(ERROR,
                (errcode(ERRCODE_DUPLICATE_OBJECT),
                 errmsg("extension \"vecx\" cannot be installed beside extension \"vector\" "
                        "(pgvector)"),
                 errdetail(
                     "Both define the types vector, halfvec and sparsevec, their operators and the "
                     "access method hnsw."),
                 errhint("Use another database, or drop extension \"vector\" first.")));
    PG_RETURN_VOID();
}

}  // namespace vecx

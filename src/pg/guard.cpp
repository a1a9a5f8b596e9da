// Exceptions to errors; see guard.h.

#include "pg/guard.h"

namespace vecx::pg {

void Describe(Failure *failure) noexcept {
    failure->sqlstate = ERRCODE_INTERNAL_ERROR;
    try {
        throw;
    } catch (const std::bad_alloc &) {
        failure->sqlstate = ERRCODE_OUT_OF_MEMORY;
        strlcpy(failure->text, "out of memory", sizeof(failure->text));
    } catch (const std::exception &exception) {
        strlcpy(failure->text, exception.what(), sizeof(failure->text));
    } catch (...) {
        strlcpy(failure->text, "unknown C++ exception", sizeof(failure->text));
    }
}

void Raise(const Failure &failure) {
    ereport(ERROR, (errcode(failure.sqlstate), errmsg("%s", failure.text)));
    pg_unreachable();
}

}  // namespace vecx::pg

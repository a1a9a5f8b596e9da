// The C++ -> PostgreSQL edge: the only try/catch outside core, and the declaration of SQL
// functions.
//
// A C++ exception must not reach a C frame, and ereport() must not be called while a handler is
// active: it jumps, and the handler would never be left. So Guard catches, copies what there is to
// say into plain memory, leaves the handler, and raises then, when every C++ frame above is gone.
//
// What may be alive in a frame that PostgreSQL can jump over is trivially destructible; the lambda
// given to Guard is checked for it, and test/check_layers.sh refuses owning types by name.

#pragma once

#include "pg/pg.h"

namespace vecx::pg {

struct Failure {
    int sqlstate;
    char text[256];
};

// To be called inside a catch block; allocates nothing and raises nothing.
void Describe(Failure *failure) noexcept;

[[noreturn]] void Raise(const Failure &failure);

template <class Body>
auto Guard(Body body) -> decltype(body()) {
    static_assert(std::is_trivially_destructible_v<Body>);
    ErrorContextCallback *context = error_context_stack;
    Failure failure;
    try {
        return body();
    } catch (...) {
        Describe(&failure);
    }
    error_context_stack = context;
    Raise(failure);
}

}  // namespace vecx::pg

// Opens the body of an SQL function: VECX_FUNCTION(vecx_name) { ... PG_RETURN_INT32(1); }
// The body may let core's exceptions pass.
#define VECX_FUNCTION(name)                                               \
    static Datum name##_body(FunctionCallInfo fcinfo);                    \
    extern "C" {                                                          \
    PGDLLEXPORT Datum name(PG_FUNCTION_ARGS);                             \
    PG_FUNCTION_INFO_V1(name);                                            \
    Datum name(PG_FUNCTION_ARGS) {                                        \
        return vecx::pg::Guard([fcinfo] { return name##_body(fcinfo); }); \
    }                                                                     \
    }                                                                     \
    static Datum name##_body([[maybe_unused]] FunctionCallInfo fcinfo)

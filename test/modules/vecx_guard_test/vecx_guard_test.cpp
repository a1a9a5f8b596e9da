// Throws what vecx's guard must turn into errors, for test/t/007_guard.pl. Built from vecx's own
// guard.h, guard.cpp and memory.h; loaded by its path, never installed.

#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "pg/guard.h"
#include "pg/memory.h"

extern "C" {
PG_MODULE_MAGIC;
}

namespace {

using vecx::pg::ContextMemory;
using vecx::pg::Guard;

// Counts its instances: what an exception passes on its way to the guard must be destroyed.
struct Witness {
    static inline int alive = 0;
    Witness() { alive++; }
    Witness(const Witness &) = delete;
    Witness &operator=(const Witness &) = delete;
    ~Witness() { alive--; }
};

struct Unnamed {};

// Throws at the bottom of `depth` frames, each with something to destroy.
void ThrowDeep(const std::string &what, int depth) {
    const Witness witness;
    const auto owned = std::make_unique<std::vector<int>>(1000);
    if (depth > 0) {
        ThrowDeep(what, depth - 1);
        return;
    }
    if (what == "bad_alloc") throw std::bad_alloc();
    if (what == "runtime_error") throw std::runtime_error("thrown on purpose");
    if (what == "percent") throw std::runtime_error("100%s of %d %n");
    if (what == "long") throw std::runtime_error(std::string(10000, 'x'));
    if (what == "empty") throw std::runtime_error("");
    if (what == "int") throw 42;
    if (what == "struct") throw Unnamed();
    if (what == "length_error")
        static_cast<void>(std::string("x").append(std::string().max_size(), 'x'));
}

void AddContext(void *name) { errcontext("in %s", static_cast<const char *>(name)); }

// Throws below an error context that a C++ frame has set and not taken back.
void ThrowInContext(const char *what) {
    ErrorContextCallback inner = {error_context_stack, AddContext,
                                  const_cast<char *>("inner context")};
    error_context_stack = &inner;
    ThrowDeep(what, 3);
    error_context_stack = inner.previous;
}

struct SizeAndAlignment {
    size_t size;
    size_t alignment;
};

}  // namespace

// guard_throw(what, depth): returns normally where `what` names nothing.
VECX_FUNCTION(guard_throw) {
    const char *what = text_to_cstring(PG_GETARG_TEXT_PP(0));
    ThrowDeep(what, PG_GETARG_INT32(1));
    PG_RETURN_TEXT_P(cstring_to_text("nothing thrown"));
}

VECX_FUNCTION(guard_throw_in_context) {
    const char *what = text_to_cstring(PG_GETARG_TEXT_PP(0));
    ThrowInContext(what);
    PG_RETURN_VOID();
}

// A guard within a guard: what the inner one raises is PostgreSQL's, and passes the outer one.
VECX_FUNCTION(guard_nested) {
    const char *what = text_to_cstring(PG_GETARG_TEXT_PP(0));
    Guard([what] {
        ThrowDeep(what, 1);
        return 0;
    });
    PG_RETURN_TEXT_P(cstring_to_text("nothing thrown"));
}

// The same, caught by the caller with PG_TRY and raised anew: the way of PL/pgSQL's EXCEPTION, in
// C.
VECX_FUNCTION(guard_caught) {
    const char *what = text_to_cstring(PG_GETARG_TEXT_PP(0));
    volatile int sqlstate = 0;
    MemoryContext context = CurrentMemoryContext;
    PG_TRY();
    {
        Guard([what] {
            ThrowDeep(what, 1);
            return 0;
        });
    }
    PG_CATCH();
    {
        MemoryContextSwitchTo(context);
        ErrorData *error = CopyErrorData();
        sqlstate = error->sqlerrcode;
        FlushErrorState();
    }
    PG_END_TRY();
    PG_RETURN_TEXT_P(cstring_to_text(sqlstate == 0 ? "none" : unpack_sql_state(sqlstate)));
}

// How many objects the exceptions left behind.
VECX_FUNCTION(guard_alive) { PG_RETURN_INT32(Witness::alive); }

// What an allocation of that size gives: "allocated", or the exception. PostgreSQL's own functions
// would raise an error for some of these sizes, past the C++ frames.
VECX_FUNCTION(guard_allocate) {
    const SizeAndAlignment wanted = {static_cast<size_t>(PG_GETARG_INT64(0)),
                                     static_cast<size_t>(PG_GETARG_INT32(1))};
    const char *result = nullptr;
    {
        ContextMemory memory(CurrentMemoryContext);
        const Witness witness;
        try {
            void *block = memory.allocate(wanted.size, wanted.alignment);
            memset(block, 1, std::min<size_t>(wanted.size, 1000000));
            memory.deallocate(block, wanted.size, wanted.alignment);
            result = "allocated";
        } catch (const std::bad_alloc &) {
            result = "bad_alloc";
        }
    }
    PG_RETURN_TEXT_P(cstring_to_text(result));
}

// A container on the resource grows until memory ends, and the exception reaches the guard.
VECX_FUNCTION(guard_grow) {
    const Witness witness;
    ContextMemory memory(CurrentMemoryContext);
    std::pmr::vector<char> bytes(&memory);
    bytes.resize(1000);
    bytes.resize(static_cast<size_t>(PG_GETARG_INT64(0)));
    PG_RETURN_INT64(static_cast<int64>(bytes.size()));
}

// What the resource allocated belongs to the memory context: deleting that frees it all.
VECX_FUNCTION(guard_context) {
    MemoryContext context =
        AllocSetContextCreate(CurrentMemoryContext, "guard test", ALLOCSET_DEFAULT_SIZES);
    Size used = 0;
    {
        ContextMemory memory(context);
        ContextMemory same(context);
        void *block = memory.allocate(1 << 20, 8);
        used = MemoryContextMemAllocated(context, false);
        if (!memory.is_equal(memory) || memory.is_equal(same)) used = 0;
        static_cast<void>(block);
    }
    MemoryContextDelete(context);
    PG_RETURN_BOOL(used >= 1 << 20);
}

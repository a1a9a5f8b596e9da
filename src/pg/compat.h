// What differs between PostgreSQL 15 and 18, each shim with its reason. Included by pg/pg.h only.

#pragma once

// 16 moved the varlena macros out of postgres.h.
#if PG_VERSION_NUM >= 160000
extern "C" {
#include "varatt.h"
}
#endif

// 16 brought soft errors: an input function reports to `context` and returns. Before, it throws.
#if PG_VERSION_NUM >= 160000
extern "C" {
#include "nodes/miscnodes.h"
}
#define VECX_ERRSAVE(context, ...) errsave(context, __VA_ARGS__)
#else
#define VECX_ERRSAVE(context, ...)     \
    do {                               \
        static_cast<void>(context);    \
        ereport(ERROR, (__VA_ARGS__)); \
    } while (0)
#endif

// 18 stores the name and version of a module in its magic block.
#if PG_VERSION_NUM >= 180000
#define VECX_MODULE_MAGIC PG_MODULE_MAGIC_EXT(.name = "vecx", .version = VECX_VERSION)
#else
#define VECX_MODULE_MAGIC PG_MODULE_MAGIC
#endif

// 16 renamed the identity of a relation's file.
#if PG_VERSION_NUM >= 160000
inline RelFileLocator RelationFile(Relation relation) { return relation->rd_locator; }
#else
inline RelFileNode RelationFile(Relation relation) { return relation->rd_node; }
#endif

// 18 keeps the snapshot for TOAST tables itself; before, the caller lends the room for it.
inline Snapshot ToastSnapshot([[maybe_unused]] SnapshotData *room) {
#if PG_VERSION_NUM >= 180000
    return get_toast_snapshot();
#else
    init_toast_snapshot(room);
    return room;
#endif
}

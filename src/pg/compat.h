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
inline Oid RelationFileNumber(Relation relation) { return relation->rd_locator.relNumber; }
#else
inline RelFileNode RelationFile(Relation relation) { return relation->rd_node; }
inline Oid RelationFileNumber(Relation relation) { return relation->rd_node.relNode; }
#endif

// 17 writes new relations by a module of its own.
#if PG_VERSION_NUM >= 170000
extern "C" {
#include "storage/bulk_write.h"
}
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

// 16 moved what the hooks of settings keep from malloc to a memory context. Nullptr where there is
// no memory.
inline void *AllocateGucExtra(Size size) {
#if PG_VERSION_NUM >= 160000
    return guc_malloc(LOG, size);
#else
    return malloc(size);
#endif
}

// 18 asks whether it is VACUUM or ANALYZE that may pause here.
inline void VacuumDelayPoint() {
#if PG_VERSION_NUM >= 180000
    vacuum_delay_point(false);
#else
    vacuum_delay_point();
#endif
}

// What VACUUM may take, in kB: an automatic one has a setting of its own.
inline int VacuumWorkMem() {
#if PG_VERSION_NUM >= 170000
    const bool automatic = AmAutoVacuumWorkerProcess();
#else
    const bool automatic = IsAutoVacuumWorkerProcess();
#endif
    return automatic && autovacuum_work_mem != -1 ? autovacuum_work_mem : maintenance_work_mem;
}

// 16 tells an index's VACUUM its table. Before, nobody knows: the horizon of all databases serves.
inline Relation TableOfVacuum([[maybe_unused]] const IndexVacuumInfo *info) {
#if PG_VERSION_NUM >= 160000
    return info->heaprel;
#else
    return nullptr;
#endif
}

// Says in the WAL that what was deleted before `xid` is about to be overwritten, so that standbys
// end the snapshots that could still look for it. GiST's record: its replay does this and nothing
// else. 16 wants the table, to tell catalogs from others.
inline void LogReuse(Relation index, [[maybe_unused]] Relation table, BlockNumber block,
                     FullTransactionId xid) {
#if PG_VERSION_NUM >= 160000
    gistXLogPageReuse(index, table, block, xid);
#else
    gistXLogPageReuse(index, block, xid);
#endif
}

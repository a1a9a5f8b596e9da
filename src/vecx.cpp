// The module: its magic block and what happens when the library is loaded.

#include "am/options.h"
#include "pg/settings.h"
#include "planner/hooks.h"

#include "pg/pg.h"

extern "C" {

VECX_MODULE_MAGIC;

PGDLLEXPORT void _PG_init(void);

void _PG_init(void) {
    vecx::pg::DefineSettings();
    vecx::DefineOptions();
    vecx::planner::InstallHooks();
}
}

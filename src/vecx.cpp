// The module: its magic block and what happens when the library is loaded.

#include "pg/settings.h"

#include "pg/pg.h"

extern "C" {

VECX_MODULE_MAGIC;

PGDLLEXPORT void _PG_init(void);

void _PG_init(void) { vecx::pg::DefineSettings(); }
}

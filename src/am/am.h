// The access methods as PostgreSQL's catalog names them.

#pragma once

#include "pg/pg.h"

extern "C" {
PGDLLEXPORT Datum vecx_hnsw_handler(PG_FUNCTION_ARGS);
PGDLLEXPORT Datum vecx_ivfflat_handler(PG_FUNCTION_ARGS);
PGDLLEXPORT Datum vecx_ivfpq_handler(PG_FUNCTION_ARGS);
}

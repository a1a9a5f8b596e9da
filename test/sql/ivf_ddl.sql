-- The life of ivfflat indexes: kinds of tables and indexes, rebuilding, emptying, transactions.
\getenv abs_srcdir PG_ABS_SRCDIR
\set compare :abs_srcdir '/sql/hnsw_compare.psql'
\i :compare
\set error_of :abs_srcdir '/sql/error_of.psql'
\i :error_of
SET ivfflat.probes = 100;
SET client_min_messages = warning;
\set method ivfflat
\set options 'WITH (lists = 4)'
\set ddl :abs_srcdir '/sql/index_ddl.psql'
\i :ddl
-- What a build goes through, for pg_stat_progress_create_index.
SELECT amname, n, pg_indexam_progress_phasename(oid, n) FROM pg_am, generate_series(1, 6) n WHERE amname IN ('ivfflat', 'ivfpq') ORDER BY amname, n;
DROP TABLE index_ddl, index_ddl_temp, index_ddl_brief, index_ddl_unlogged;

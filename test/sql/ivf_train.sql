-- Indexes of few rows: one list, exact, until VACUUM or REINDEX finds enough. Options and settings.
\getenv abs_srcdir PG_ABS_SRCDIR
\set compare :abs_srcdir '/sql/hnsw_compare.psql'
\i :compare
\set error_of :abs_srcdir '/sql/error_of.psql'
\i :error_of
\set plan_of :abs_srcdir '/sql/plan_of.psql'
\i :plan_of
-- Rows of lists that are opened later may be nearer.
SET hnsw.iterative_scan = relaxed_order;
CREATE TABLE ivf_t (id int PRIMARY KEY, v vector(12));
CREATE FUNCTION pg_temp.look() RETURNS text LANGUAGE sql AS
    $$SELECT pg_temp.compare('ivf_t', format('v <-> %L', pg_temp.make(9999, 12)), 10) || ' and ' || pg_temp.compare_all('ivf_t', format('v <-> %L', pg_temp.make(77777, 12)))$$;
CREATE INDEX ivf_t_empty ON ivf_t USING ivfflat (v) WITH (lists = 5);
SELECT lists, trained, rows FROM vecx_index_info('ivf_t_empty');
SELECT pg_temp.look();
INSERT INTO ivf_t SELECT i, pg_temp.make(i, 12) FROM generate_series(1, 200) i;
VACUUM ivf_t;
SELECT lists, trained, rows FROM vecx_index_info('ivf_t_empty');
SELECT pg_temp.look();
INSERT INTO ivf_t SELECT i, pg_temp.make(i, 12) FROM generate_series(201, 400) i;
DELETE FROM ivf_t WHERE id % 10 = 0;
VACUUM (INDEX_CLEANUP ON) ivf_t;
SELECT lists, trained, rows FROM vecx_index_info('ivf_t_empty');
SET ivfflat.probes = 5;
SELECT pg_temp.look();
SELECT message FROM pg_temp.damage('ivf_t_empty');
INSERT INTO ivf_t SELECT i, pg_temp.make(i, 12) FROM generate_series(401, 600) i;
SELECT pg_temp.look();
-- The old list's pages are used again.
DELETE FROM ivf_t WHERE id < 300;
VACUUM (INDEX_CLEANUP ON) ivf_t;
SELECT free_pages > 0 FROM vecx_index_info('ivf_t_empty');
INSERT INTO ivf_t SELECT i, pg_temp.make(i, 12) FROM generate_series(601, 1800) i;
SELECT pg_temp.look();
SELECT message FROM pg_temp.damage('ivf_t_empty');
DROP INDEX ivf_t_empty;

-- Also where a block of the new lists takes more pages than the extents of the old one had.
CREATE TABLE ivf_t_wide (id int, v vector(2000)) WITH (autovacuum_enabled = off);
CREATE INDEX ivf_t_wide_index ON ivf_t_wide USING ivfpq (v vector_l2_ops) WITH (lists = 2, m = 1000, bits = 4);
INSERT INTO ivf_t_wide SELECT i, pg_temp.make(i, 2000) FROM generate_series(1, 150) i;
VACUUM ivf_t_wide;
INSERT INTO ivf_t_wide VALUES (0, pg_temp.make(1, 2000));
DELETE FROM ivf_t_wide WHERE id = 0;
VACUUM (INDEX_CLEANUP ON) ivf_t_wide;
CREATE TABLE ivf_t_before AS SELECT * FROM vecx_index_info('ivf_t_wide_index');
INSERT INTO ivf_t_wide SELECT i, pg_temp.make(i, 2000) FROM generate_series(201, 320) i;
-- A transaction of another session may have kept VACUUM from freeing them.
SELECT now.trained, now.total_pages = before.total_pages OR before.free_pages < 100 AS reused FROM ivf_t_before before, vecx_index_info('ivf_t_wide_index') now;
SELECT message FROM pg_temp.damage('ivf_t_wide_index');
DROP TABLE ivf_t_wide, ivf_t_before;

-- In a table that only grows, too, whose VACUUMs find nothing dead.
CREATE TABLE ivf_t_grows (id int, v vector(12)) WITH (autovacuum_enabled = off);
CREATE INDEX ivf_t_grows_index ON ivf_t_grows USING ivfflat (v) WITH (lists = 5);
INSERT INTO ivf_t_grows SELECT i, pg_temp.make(i, 12) FROM generate_series(1, 2000) i;
VACUUM ivf_t_grows;
CREATE TABLE ivf_t_before AS SELECT * FROM vecx_index_info('ivf_t_grows_index');
VACUUM ivf_t_grows;
SELECT now.trained, now.free_pages > before.free_pages AS freed FROM ivf_t_before before, vecx_index_info('ivf_t_grows_index') now;
INSERT INTO ivf_t_grows SELECT i, pg_temp.make(i, 12) FROM generate_series(2001, 2500) i;
SELECT now.total_pages - before.total_pages AS more_pages FROM ivf_t_before before, vecx_index_info('ivf_t_grows_index') now;
SELECT message FROM pg_temp.damage('ivf_t_grows_index');
DROP TABLE ivf_t_grows, ivf_t_before;

-- The number of lists is chosen from that of rows; few are one list.
CREATE INDEX ivf_t_few ON ivf_t USING ivfflat (v);
SELECT lists, trained FROM vecx_index_info('ivf_t_few');
INSERT INTO ivf_t SELECT i, pg_temp.make(i, 12) FROM generate_series(2001, 6000) i;
REINDEX INDEX ivf_t_few;
SELECT lists, trained FROM vecx_index_info('ivf_t_few');
DROP INDEX ivf_t_few;
CREATE INDEX ivf_t_one ON ivf_t USING ivfflat (v) WITH (lists = 1);
SELECT lists, trained FROM vecx_index_info('ivf_t_one');
DROP TABLE ivf_t;

-- Settings and options: the setting where it is explicit, else the option.
SHOW ivfflat.probes;
SHOW ivfflat.iterative_scan;
SHOW ivfflat.max_probes;
SHOW ivfpq.probes;
SHOW ivfpq.rerank;
SELECT pg_temp.error_of('SET ivfflat.probes = 0'), pg_temp.error_of('SET ivfflat.probes = 32769');
SELECT pg_temp.error_of('SET ivfflat.iterative_scan = strict_order');
SELECT pg_temp.error_of('SET ivfflat.max_probes = 0'), pg_temp.error_of('SET ivfpq.probes = -1'), pg_temp.error_of('SET ivfpq.rerank = 1001');
SELECT pg_temp.error_of('SET ivfflat.no_such = 1'), pg_temp.error_of('SET ivfpq.no_such = 1');
CREATE TABLE ivf_o (id int, v vector(8));
INSERT INTO ivf_o SELECT i, pg_temp.make(i, 8) FROM generate_series(1, 600) i;
SELECT pg_temp.error_of('CREATE INDEX ON ivf_o USING ivfflat (v) WITH (lists = 0)'), pg_temp.error_of('CREATE INDEX ON ivf_o USING ivfflat (v) WITH (lists = 32769)');
SELECT pg_temp.error_of('CREATE INDEX ON ivf_o USING ivfflat (v) WITH (m = 8)');
CREATE INDEX ivf_o_index ON ivf_o USING ivfflat (v) WITH (lists = 6, probes = 6);
CREATE FUNCTION pg_temp.rows() RETURNS bigint LANGUAGE sql SET enable_seqscan = off SET enable_sort = off SET ivfflat.iterative_scan = off AS
    $$SELECT count(*) FROM (SELECT FROM ivf_o ORDER BY v <-> '[1,2,3,4,5,6,7,8]' LIMIT 600) q$$;
RESET ivfflat.probes;
SELECT pg_temp.rows();
SET ivfflat.probes = 1;
SELECT pg_temp.rows() < 400;
RESET ivfflat.probes;
ALTER INDEX ivf_o_index SET (probes = 1);
SELECT pg_temp.rows() < 400;

-- Plans: by the index where there is an order and a limit, never without.
ANALYZE ivf_o;
SELECT pg_temp.plan_of($$SELECT id FROM ivf_o$$);
SET enable_seqscan = off;
SELECT pg_temp.plan_of($$SELECT id FROM ivf_o WHERE v IS NOT NULL$$);
SELECT pg_temp.plan_of($$SELECT id FROM ivf_o ORDER BY v <-> '[1,2,3,4,5,6,7,8]' LIMIT 5$$);
SELECT pg_temp.plan_of($$SELECT id FROM ivf_o ORDER BY v <-> '[1,2,3,4,5,6,7,8]' DESC LIMIT 5$$);
SELECT pg_temp.plan_of($$SELECT id FROM ivf_o ORDER BY v <#> '[1,2,3,4,5,6,7,8]' LIMIT 5$$);
-- Lists know only the first of two distances.
SELECT pg_temp.plan_of($$SELECT id FROM ivf_o ORDER BY v <-> '[1,2,3,4,5,6,7,8]', v <-> '[2,1,1,1,1,1,1,1]' LIMIT 5$$);
DROP TABLE ivf_o;

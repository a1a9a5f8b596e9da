-- When the planner takes an hnsw index, and what moves its cost. No costs are shown: they follow the settings of the machine.
\getenv abs_srcdir PG_ABS_SRCDIR
\set error_of :abs_srcdir '/sql/error_of.psql'
\i :error_of
\set plan_of :abs_srcdir '/sql/plan_of.psql'
\i :plan_of
SET max_parallel_workers_per_gather = 0;

CREATE TABLE hnsw_plan (id int, kind int, v vector(8));
INSERT INTO hnsw_plan SELECT i, i % 1000, ARRAY[i % 7, i % 11, i % 13, i % 17, i % 19, i % 23, i % 29, i % 31]::vector FROM generate_series(1, 20000) i;
CREATE INDEX hnsw_plan_index ON hnsw_plan USING hnsw (v vector_l2_ops) WITH (m = 4, ef_construction = 16);
CREATE TABLE hnsw_plan_small AS SELECT * FROM hnsw_plan WHERE id <= 300;
CREATE INDEX ON hnsw_plan_small USING hnsw (v vector_l2_ops) WITH (m = 4, ef_construction = 16);
CREATE TABLE hnsw_plan_empty (v vector(8));
CREATE INDEX ON hnsw_plan_empty USING hnsw (v vector_l2_ops);
VACUUM ANALYZE hnsw_plan, hnsw_plan_small, hnsw_plan_empty;

-- A few of many rows come from the index, with a subquery, a parameter or another table's column as well as with a constant.
SELECT pg_temp.plan_of($$SELECT id FROM hnsw_plan ORDER BY v <-> '[1,1,1,1,1,1,1,1]' LIMIT 10$$);
SELECT pg_temp.plan_of($$SELECT id FROM hnsw_plan ORDER BY v <-> (SELECT v FROM hnsw_plan_small WHERE id = 1) LIMIT 10$$);
PREPARE nearest(vector) AS SELECT id FROM hnsw_plan ORDER BY v <-> $1 LIMIT 10;
SET plan_cache_mode = force_generic_plan;
SELECT pg_temp.plan_of($$EXECUTE nearest('[1,1,1,1,1,1,1,1]')$$);
RESET plan_cache_mode;
SELECT pg_temp.plan_of($$SELECT l.id, r.id FROM hnsw_plan_small l CROSS JOIN LATERAL (SELECT id FROM hnsw_plan ORDER BY v <-> l.v LIMIT 3) r$$);

-- A small table is sorted, which is exact.
SELECT pg_temp.plan_of($$SELECT id FROM hnsw_plan_small ORDER BY v <-> '[1,1,1,1,1,1,1,1]' LIMIT 10$$);

-- So are all rows of a large one.
SELECT pg_temp.plan_of($$SELECT id FROM hnsw_plan ORDER BY v <-> '[1,1,1,1,1,1,1,1]'$$);

-- Only the order that the class is for, upwards.
SELECT pg_temp.plan_of($$SELECT id FROM hnsw_plan ORDER BY v <=> '[1,1,1,1,1,1,1,1]' LIMIT 10$$);
SELECT pg_temp.plan_of($$SELECT id FROM hnsw_plan ORDER BY v <-> '[1,1,1,1,1,1,1,1]' DESC LIMIT 10$$);

-- Never without an order, not even where nothing else is wanted.
SET enable_seqscan = off;
SELECT pg_temp.plan_of($$SELECT v FROM hnsw_plan$$);
SELECT pg_temp.plan_of($$SELECT count(*) FROM hnsw_plan WHERE v <-> '[1,1,1,1,1,1,1,1]' < 1$$);
SELECT pg_temp.plan_of($$SELECT id FROM hnsw_plan WHERE v = '[1,1,1,1,1,1,1,1]' AND v IS NOT NULL$$);
RESET enable_seqscan;

-- Nor for an order by two distances: the graph knows only the first, and rows of equal distance would come as they like.
SET enable_seqscan = off;
SELECT pg_temp.plan_of($$SELECT id FROM hnsw_plan ORDER BY v <-> '[1,1,1,1,1,1,1,1]', v <-> '[2,1,1,1,1,1,1,1]' LIMIT 10$$);
SELECT pg_temp.plan_of($$SELECT id FROM hnsw_plan ORDER BY v <-> '[1,1,1,1,1,1,1,1]', v <-> '[1,1,1,1,1,1,1,1]' LIMIT 10$$);
RESET enable_seqscan;

-- A filter that keeps much is applied to what the index gives; one that keeps little goes to its own index, or to the table.
SELECT pg_temp.plan_of($$SELECT id FROM hnsw_plan WHERE kind < 900 ORDER BY v <-> '[1,1,1,1,1,1,1,1]' LIMIT 10$$);
SELECT pg_temp.plan_of($$SELECT id FROM hnsw_plan WHERE kind = 7 ORDER BY v <-> '[1,1,1,1,1,1,1,1]' LIMIT 10$$);
CREATE INDEX hnsw_plan_kind ON hnsw_plan (kind);
SELECT pg_temp.plan_of($$SELECT id FROM hnsw_plan WHERE kind < 900 ORDER BY v <-> '[1,1,1,1,1,1,1,1]' LIMIT 10$$);
SELECT pg_temp.plan_of($$SELECT id FROM hnsw_plan WHERE kind = 7 ORDER BY v <-> '[1,1,1,1,1,1,1,1]' LIMIT 10$$);
DROP INDEX hnsw_plan_kind;
-- So in a small table, where going on beyond the first search would cost more than a sort of all: ef_search rows come without it.
CREATE TABLE hnsw_plan_low AS SELECT id, id % 50 AS kind, subvector(v, 1, 3)::vector(3) AS v FROM hnsw_plan WHERE id <= 10000;
CREATE INDEX hnsw_plan_low_v ON hnsw_plan_low USING hnsw (v vector_l2_ops);
CREATE TABLE hnsw_plan_kinds AS SELECT kind, kind % 5 = 0 AS rare FROM generate_series(0, 49) kind;
VACUUM ANALYZE hnsw_plan_low, hnsw_plan_kinds;
SELECT pg_temp.plan_of($$SELECT id FROM hnsw_plan_low ORDER BY v <-> '[1,1,1]' LIMIT 20$$);
SELECT pg_temp.plan_of($$SELECT id FROM hnsw_plan_low WHERE kind <> 49 ORDER BY v <-> '[1,1,1]' LIMIT 20$$);
SELECT pg_temp.plan_of($$SELECT id FROM hnsw_plan_low WHERE kind = 7 ORDER BY v <-> '[1,1,1]' LIMIT 20$$);
SELECT pg_temp.plan_of($$SELECT id FROM hnsw_plan_low ORDER BY v <-> '[1,1,1]' LIMIT 2000$$);
-- What a join throws away counts, too.
SELECT split_part(pg_temp.plan_of($$SELECT id FROM hnsw_plan_low JOIN hnsw_plan_kinds USING (kind) ORDER BY v <-> '[1,1,1]' LIMIT 20$$), ' > ', 3);
SELECT split_part(pg_temp.plan_of($$SELECT id FROM hnsw_plan_low JOIN hnsw_plan_kinds USING (kind) WHERE rare ORDER BY v <-> '[1,1,1]' LIMIT 20$$), ' > ', 2);
DROP TABLE hnsw_plan_low, hnsw_plan_kinds;

-- What a query costs, before the first row and in all.
CREATE FUNCTION pg_temp.cost_of(query text, OUT startup float8, OUT total float8) LANGUAGE plpgsql AS $$
DECLARE
    plan json;
BEGIN
    EXECUTE 'EXPLAIN (FORMAT json) ' || query INTO plan;
    startup := plan -> 0 -> 'Plan' ->> 'Startup Cost';
    total := plan -> 0 -> 'Plan' ->> 'Total Cost';
END $$;
SET enable_seqscan = off;
SET enable_sort = off;

-- A number above zero, whatever is known about the table and whatever the settings are.
CREATE TABLE hnsw_plan_new (v vector(8));
CREATE INDEX ON hnsw_plan_new USING hnsw (v vector_l2_ops);
SELECT t, startup > 0 AND startup < 1000 AND total > startup AND total < 10000 AS sound
FROM unnest(ARRAY['hnsw_plan_small', 'hnsw_plan_empty', 'hnsw_plan_new']) t, pg_temp.cost_of(format($$SELECT * FROM %I ORDER BY v <-> '[1,1,1,1,1,1,1,1]'$$, t)) ORDER BY t;
BEGIN;
SET LOCAL cpu_operator_cost = 0;
SET LOCAL cpu_index_tuple_cost = 0;
SET LOCAL cpu_tuple_cost = 0;
SET LOCAL random_page_cost = 0;
SET LOCAL seq_page_cost = 0;
SELECT startup >= 0 AND total >= startup AND total < 10000 AS sound FROM pg_temp.cost_of($$SELECT * FROM hnsw_plan ORDER BY v <-> '[1,1,1,1,1,1,1,1]'$$);
ROLLBACK;

-- The index counts as being in the cache as far as it and the table fit.
BEGIN;
CREATE TEMP TABLE cached AS SELECT * FROM pg_temp.cost_of($$SELECT id FROM hnsw_plan ORDER BY v <-> '[1,1,1,1,1,1,1,1]' LIMIT 10$$);
SET LOCAL effective_cache_size = '8kB';
SELECT uncached.startup > 2 * cached.startup AS dearer
FROM cached, pg_temp.cost_of($$SELECT id FROM hnsw_plan ORDER BY v <-> '[1,1,1,1,1,1,1,1]' LIMIT 10$$) uncached;
ROLLBACK;

-- A partial index is reckoned by its own rows.
CREATE INDEX hnsw_plan_partial ON hnsw_plan USING hnsw (v vector_l2_ops) WHERE kind < 100;
SELECT pg_temp.plan_of($$SELECT id FROM hnsw_plan WHERE kind < 100 ORDER BY v <-> '[1,1,1,1,1,1,1,1]' LIMIT 10$$);
DROP INDEX hnsw_plan_partial;

-- More candidates cost more. Those of the session, where it says how many; else those of the index; else the default.
CREATE FUNCTION pg_temp.search_cost() RETURNS float8 LANGUAGE sql AS $$SELECT startup FROM pg_temp.cost_of('SELECT id FROM hnsw_plan ORDER BY v <-> ''[1,1,1,1,1,1,1,1]'' LIMIT 10')$$;
CREATE TEMP TABLE costs (ef int, cost float8);
SET hnsw.ef_search = 10;
INSERT INTO costs VALUES (10, pg_temp.search_cost());
SET hnsw.ef_search = 40;
INSERT INTO costs VALUES (40, pg_temp.search_cost());
SET hnsw.ef_search = 200;
INSERT INTO costs VALUES (200, pg_temp.search_cost());
RESET hnsw.ef_search;
SELECT count(DISTINCT cost), array_agg(ef ORDER BY cost) FROM costs;
CREATE FUNCTION pg_temp.ef() RETURNS int LANGUAGE sql AS $$SELECT ef FROM costs WHERE abs(cost - pg_temp.search_cost()) < 1e-6$$;
SELECT pg_temp.ef() AS by_default;
ALTER INDEX hnsw_plan_index SET (ef_search = 200);
SELECT pg_temp.ef() AS by_index;
SET hnsw.ef_search = 10;
SELECT pg_temp.ef() AS by_session;
-- The value of the default counts too, once it was said.
SET hnsw.ef_search = 40;
SELECT pg_temp.ef() AS by_session;
RESET hnsw.ef_search;
SELECT pg_temp.ef() AS by_index;
SET hnsw.ef_search TO DEFAULT;
SELECT pg_temp.ef() AS by_index;
BEGIN;
SET LOCAL hnsw.ef_search = 40;
SAVEPOINT inner_one;
SET LOCAL hnsw.ef_search = 10;
SELECT pg_temp.ef() AS by_transaction;
ROLLBACK TO inner_one;
SELECT pg_temp.ef() AS by_transaction;
ROLLBACK;
SELECT pg_temp.ef() AS by_index;
SET hnsw.ef_search = 2000;
SELECT pg_temp.ef() AS by_index;
CREATE FUNCTION pg_temp.ef_40() RETURNS int LANGUAGE plpgsql SET hnsw.ef_search = 40 AS 'BEGIN RETURN pg_temp.ef(); END';
SELECT pg_temp.ef_40() AS by_function, pg_temp.ef() AS by_index;
SET hnsw.ef_search = 10;
DISCARD PLANS;
RESET ALL;
SET enable_seqscan = off;
SET enable_sort = off;
SELECT pg_temp.ef() AS by_index;
ALTER INDEX hnsw_plan_index RESET (ef_search);
SELECT pg_temp.ef() AS by_default;

-- So does that of a database, in new sessions.
ALTER INDEX hnsw_plan_index SET (ef_search = 200);
SELECT current_database() AS this \gset
ALTER DATABASE :"this" SET hnsw.ef_search = 40;
\c -
SELECT '[1]'::vector;
SELECT source, setting FROM pg_settings WHERE name = 'hnsw.ef_search';
SET enable_seqscan = off;
SET enable_sort = off;
CREATE FUNCTION pg_temp.startup() RETURNS float8 LANGUAGE plpgsql AS $$
DECLARE
    plan json;
BEGIN
    EXECUTE 'EXPLAIN (FORMAT json) SELECT id FROM hnsw_plan ORDER BY v <-> ''[1,1,1,1,1,1,1,1]'' LIMIT 10' INTO plan;
    RETURN plan -> 0 -> 'Plan' ->> 'Startup Cost';
END $$;
SELECT pg_temp.startup() AS by_database \gset
SET hnsw.ef_search = 40;
SELECT pg_temp.startup() = :by_database AS by_database;
ALTER DATABASE :"this" RESET hnsw.ef_search;
DROP TABLE hnsw_plan, hnsw_plan_small, hnsw_plan_empty, hnsw_plan_new;

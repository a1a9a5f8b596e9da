-- What a query can ask of an hnsw index: filters, cursors, rescans, prepared statements, many equal rows, the number of candidates.
\getenv abs_srcdir PG_ABS_SRCDIR
\set compare :abs_srcdir '/sql/hnsw_compare.psql'
\i :compare
\set error_of :abs_srcdir '/sql/error_of.psql'
\i :error_of
CREATE TABLE hnsw_scan (id int PRIMARY KEY, kind int, v vector(12));
INSERT INTO hnsw_scan SELECT i, i % 100, pg_temp.make(i, 12) FROM generate_series(1, 2000) i;
CREATE INDEX hnsw_scan_index ON hnsw_scan USING hnsw (v vector_l2_ops);
ANALYZE hnsw_scan;
SELECT pg_temp.make(5000, 12) AS q \gset
SET enable_seqscan = off;
SET enable_sort = off;
SET enable_bitmapscan = off;

-- A filter: the limit is filled, but where the scan ends with its candidates.
SET hnsw.iterative_scan = off;
SELECT count(*) < 20 AS too_few FROM (SELECT id FROM hnsw_scan WHERE kind % 25 = 7 ORDER BY v <-> :'q' LIMIT 20) found;
SELECT count(*) FROM (SELECT id FROM hnsw_scan ORDER BY v <-> :'q' LIMIT 100) found;
SET hnsw.iterative_scan = relaxed_order;
SELECT count(*), count(DISTINCT id) FROM (SELECT id FROM hnsw_scan WHERE kind % 25 = 7 ORDER BY v <-> :'q' LIMIT 20) found;
SELECT count(*), count(DISTINCT id) FROM (SELECT id FROM hnsw_scan WHERE kind = 7 ORDER BY v <-> :'q' LIMIT 100) found;
SELECT pg_temp.compare_all('hnsw_scan', format('v <-> %L', :'q')), pg_temp.compare_all('hnsw_scan WHERE kind = 7', format('v <-> %L', :'q'));
SET hnsw.iterative_scan = strict_order;
SELECT count(*), count(DISTINCT id) FROM (SELECT id FROM hnsw_scan WHERE kind % 25 = 7 ORDER BY v <-> :'q' LIMIT 20) found;
SELECT pg_temp.compare('hnsw_scan WHERE kind % 25 = 7', format('v <-> %L', :'q'), 5);
SELECT pg_temp.compare_all('hnsw_scan', format('v <-> %L', :'q')), pg_temp.compare_all('hnsw_scan WHERE kind = 7', format('v <-> %L', :'q'));
SELECT count(*) FROM (SELECT id FROM hnsw_scan ORDER BY v <-> :'q' LIMIT 0) found;
SELECT count(*) FROM (SELECT id FROM hnsw_scan WHERE false ORDER BY v <-> :'q' LIMIT 1) found;
SELECT count(*) FROM (SELECT id FROM hnsw_scan WHERE kind = 1000 ORDER BY v <-> :'q' LIMIT 1) found;

-- The scan gives up after so many rows; and when it may not remember more.
SET hnsw.max_scan_tuples = 100;
SELECT count(*) BETWEEN 40 AND 400 AS bounded FROM (SELECT id FROM hnsw_scan ORDER BY v <-> :'q') found;
RESET hnsw.max_scan_tuples;
SET work_mem = '64kB';
SELECT count(*) = count(DISTINCT id) AS once, count(*) > 1000 AS many FROM (SELECT id FROM hnsw_scan ORDER BY v <-> :'q') found;
RESET work_mem;

-- Cursors: read in parts, while rows come and go; after the transaction.
BEGIN;
DECLARE nearest CURSOR FOR SELECT id FROM hnsw_scan ORDER BY v <-> :'q';
CREATE TEMP TABLE fetched (part int, id int);
CREATE FUNCTION pg_temp.fetch(part int, rows int) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    nearest refcursor := 'nearest';
    id int;
BEGIN
    FOR i IN 1 .. rows LOOP
        FETCH nearest INTO id;
        EXIT WHEN NOT FOUND;
        INSERT INTO fetched VALUES (part, id);
    END LOOP;
END $$;
SELECT pg_temp.fetch(1, 5);
DELETE FROM hnsw_scan WHERE id IN (SELECT id FROM fetched) OR id > 1990;
INSERT INTO hnsw_scan SELECT i, i % 100, pg_temp.make(i, 12) FROM generate_series(3000, 3100) i;
SELECT pg_temp.fetch(2, 100), pg_temp.fetch(3, 5000);
SELECT part, count(*), count(DISTINCT id), max(id) <= 2000 AS of_the_snapshot FROM fetched GROUP BY part ORDER BY part;
FETCH BACKWARD 1 FROM nearest;
ROLLBACK;
BEGIN;
DECLARE held CURSOR WITH HOLD FOR SELECT id, v <-> :'q' AS distance FROM hnsw_scan ORDER BY v <-> :'q' LIMIT 3;
DECLARE scrolled SCROLL CURSOR FOR SELECT id FROM hnsw_scan ORDER BY v <-> :'q' LIMIT 3;
FETCH 3 FROM scrolled;
FETCH BACKWARD 2 FROM scrolled;
COMMIT;
FETCH 1 FROM held;
CLOSE held;

-- Rescans: for each row of another table, with another vector, with NULL, with the same one.
SELECT l.id, count(r.id), bool_and(r.n <> 1 OR r.id = l.id) AS itself_first
FROM (SELECT * FROM hnsw_scan WHERE id <= 5 ORDER BY id) l
    CROSS JOIN LATERAL (SELECT id, row_number() OVER () AS n FROM (SELECT id FROM hnsw_scan ORDER BY v <-> l.v LIMIT 3) found) r GROUP BY l.id ORDER BY l.id;
SELECT number, (SELECT id FROM hnsw_scan ORDER BY v <-> q LIMIT 1) FROM (VALUES (1, pg_temp.make(77, 12)), (2, NULL), (3, pg_temp.make(78, 12)), (4, pg_temp.make(78, 12))) t(number, q) WHERE number <> 2 ORDER BY number;
SELECT number, (SELECT count(*) FROM (SELECT id FROM hnsw_scan ORDER BY v <-> q LIMIT 7) found) FROM (VALUES (1, pg_temp.make(77, 12)), (2, NULL), (3, pg_temp.make(78, 12))) t(number, q) ORDER BY number;

-- Prepared statements, with plans for any value too.
PREPARE nearest(vector, int) AS SELECT id FROM hnsw_scan WHERE kind < $2 ORDER BY v <-> $1 LIMIT 3;
SET plan_cache_mode = force_generic_plan;
CREATE TEMP TABLE generic AS EXECUTE nearest(:'q', 50);
EXPLAIN (COSTS OFF) EXECUTE nearest(:'q', 50);
SET plan_cache_mode = force_custom_plan;
CREATE TEMP TABLE custom AS EXECUTE nearest(:'q', 50);
SELECT count(*) FROM generic JOIN custom USING (id);
RESET plan_cache_mode;
EXECUTE nearest(NULL, 0);
DEALLOCATE nearest;

-- FOR UPDATE, and an order by two things.
SELECT count(*) FROM (SELECT id FROM hnsw_scan ORDER BY v <-> :'q' LIMIT 5 FOR UPDATE) found;
SET enable_sort = on;
SET enable_incremental_sort = on;
SELECT count(*) FROM (SELECT id FROM hnsw_scan ORDER BY v <-> :'q', id LIMIT 5) found;
SET enable_sort = off;

-- How many candidates: the session's word, else the index's, else the default. Without going on, so many rows come.
REINDEX INDEX hnsw_scan_index;
SET hnsw.iterative_scan = off;
CREATE FUNCTION pg_temp.rows_found() RETURNS bigint LANGUAGE sql AS $$SELECT count(*) FROM (SELECT id FROM hnsw_scan ORDER BY v <-> array_fill(0.1, ARRAY[12])::vector) found$$;
SELECT pg_temp.rows_found();
ALTER INDEX hnsw_scan_index SET (ef_search = 10);
SELECT pg_temp.rows_found();
SET hnsw.ef_search = 40;
SELECT pg_temp.rows_found();
SET hnsw.ef_search = 1;
SELECT pg_temp.rows_found();
SET hnsw.ef_search = 1000;
SELECT pg_temp.rows_found();
RESET hnsw.ef_search;
SELECT pg_temp.rows_found();
ALTER INDEX hnsw_scan_index RESET (ef_search);
SELECT pg_temp.rows_found();
RESET hnsw.iterative_scan;
SELECT * FROM pg_temp.damage('hnsw_scan_index');

-- Many rows of equal vectors: each is found, once; some go, others come, one changes sides.
CREATE TABLE hnsw_scan_equal (id int, v vector(12));
CREATE INDEX hnsw_scan_equal_index ON hnsw_scan_equal USING hnsw (v vector_l2_ops);
INSERT INTO hnsw_scan_equal SELECT i, pg_temp.make(i % 3, 12) FROM generate_series(1, 3000) i;
SELECT rows, nodes, duplicates FROM vecx_index_info('hnsw_scan_equal_index');
SELECT pg_temp.compare_all('hnsw_scan_equal', format('v <-> %L', :'q')), pg_temp.compare('hnsw_scan_equal', format('v <-> %L', :'q'), 2500);
SELECT * FROM pg_temp.damage('hnsw_scan_equal_index');
DELETE FROM hnsw_scan_equal WHERE id % 2 = 0 OR id % 3 = 1;
UPDATE hnsw_scan_equal SET v = pg_temp.make(0, 12) WHERE id < 100;
VACUUM (INDEX_CLEANUP ON) hnsw_scan_equal;
SELECT pg_temp.compare_all('hnsw_scan_equal', format('v <-> %L', :'q'));
SELECT * FROM pg_temp.damage('hnsw_scan_equal_index');
INSERT INTO hnsw_scan_equal SELECT i, pg_temp.make(i % 4, 12) FROM generate_series(3001, 6000) i;
SELECT pg_temp.compare_all('hnsw_scan_equal', format('v <-> %L', :'q'));
REINDEX INDEX hnsw_scan_equal_index;
SELECT rows, nodes, duplicates FROM vecx_index_info('hnsw_scan_equal_index');
SELECT pg_temp.compare_all('hnsw_scan_equal', format('v <-> %L', :'q'));
SELECT * FROM pg_temp.damage('hnsw_scan_equal_index');
-- An UPDATE that leaves the vector alone adds no node.
UPDATE hnsw_scan_equal SET id = id + 10000;
SELECT rows >= 8000 AS more_rows, nodes FROM vecx_index_info('hnsw_scan_equal_index');
SELECT pg_temp.compare_all('hnsw_scan_equal', format('v <-> %L', :'q'));

-- Hundreds of rows in one direction, each of another length, and hundreds that are all but equal.
SET hnsw.iterative_scan = relaxed_order;
CREATE TABLE hnsw_scan_near (id int, v vector(12));
INSERT INTO hnsw_scan_near SELECT i, pg_temp.make(1, 12) * array_fill(i, ARRAY[12])::vector FROM generate_series(1, 500) i;
INSERT INTO hnsw_scan_near SELECT i, pg_temp.make(2, 12) + pg_temp.make(i, 12) * array_fill(1e-6, ARRAY[12])::vector FROM generate_series(501, 1000) i;
CREATE INDEX hnsw_scan_near_cosine ON hnsw_scan_near USING hnsw (v vector_cosine_ops);
SELECT pg_temp.compare_all('hnsw_scan_near', format('v <=> %L', :'q'));
CREATE INDEX hnsw_scan_near_l2 ON hnsw_scan_near USING hnsw (v vector_l2_ops);
SELECT pg_temp.compare_all('hnsw_scan_near', format('v <-> %L', :'q'));
INSERT INTO hnsw_scan_near SELECT id + 1000, v FROM hnsw_scan_near;
INSERT INTO hnsw_scan_near SELECT i, pg_temp.make(3, 12) * array_fill(i, ARRAY[12])::vector FROM generate_series(2001, 2500) i;
SELECT pg_temp.compare_all('hnsw_scan_near', format('v <=> %L', :'q')), pg_temp.compare_all('hnsw_scan_near', format('v <-> %L', :'q'));
SELECT i, d.* FROM unnest('{hnsw_scan_near_cosine,hnsw_scan_near_l2}'::regclass[]) i, pg_temp.damage(i) d;

-- Vectors that differ, by less than their copies in halves can show, and that lose the same: they are no duplicates.
SET hnsw.iterative_scan = strict_order;
CREATE TABLE hnsw_scan_alike (id int, v vector(8));
INSERT INTO hnsw_scan_alike SELECT 2 * i, ARRAY[1.5 - 0.0001220703125, i, 1, 1, 1, 1, 1, 1]::vector FROM generate_series(1, 250) i;
INSERT INTO hnsw_scan_alike SELECT 2 * i + 1, ARRAY[1.5 + 0.0001220703125, i, 1, 1, 1, 1, 1, 1]::vector FROM generate_series(1, 250) i;
CREATE INDEX hnsw_scan_alike_index ON hnsw_scan_alike USING hnsw (v vector_l2_ops);
SELECT rows, duplicates FROM vecx_index_info('hnsw_scan_alike_index');
SELECT id FROM hnsw_scan_alike ORDER BY v <-> '[2,200,1,1,1,1,1,1]' LIMIT 2;
INSERT INTO hnsw_scan_alike SELECT 2 * i, ARRAY[1.5 - 0.0001220703125, i, 1, 1, 1, 1, 1, 1]::vector FROM generate_series(251, 300) i;
INSERT INTO hnsw_scan_alike SELECT 2 * i + 1, ARRAY[1.5 + 0.0001220703125, i, 1, 1, 1, 1, 1, 1]::vector FROM generate_series(251, 300) i;
SELECT id FROM hnsw_scan_alike ORDER BY v <-> '[2,280,1,1,1,1,1,1]' LIMIT 2;
SELECT rows, duplicates FROM vecx_index_info('hnsw_scan_alike_index');

-- Rows whose 8-bit vectors tell their order, so that their copies are not read, among others, in a scan that goes on: in order all the same.
SET hnsw.ef_search = 10;
CREATE TABLE hnsw_scan_apart (id int, v vector(100));
INSERT INTO hnsw_scan_apart SELECT i, pg_temp.make(i, 100) * array_fill(1 + i % 7 * 0.1, ARRAY[100])::vector FROM generate_series(1, 3000) i;
CREATE INDEX hnsw_scan_apart_index ON hnsw_scan_apart USING hnsw (v vector_l2_ops);
SELECT count(*), count(*) FILTER (WHERE distance < before) AS inversions FROM (SELECT distance, lag(distance) OVER (PARTITION BY k ORDER BY place) AS before FROM generate_series(1, 20) k, LATERAL (SELECT pg_temp.make(10000 + k, 100) AS q OFFSET 0) query, LATERAL (SELECT row_number() OVER () AS place, v <-> q AS distance FROM (SELECT v FROM hnsw_scan_apart ORDER BY v <-> q LIMIT 200) found) numbered) pairs;
RESET hnsw.ef_search;

-- Tight clusters of few rows, each of which leads to all others: a search as wide as the graph gives all rows, none of them late.
SET hnsw.ef_search = 1000;
CREATE TABLE hnsw_scan_tight (id int, v vector(5));
INSERT INTO hnsw_scan_tight SELECT i, pg_temp.make(i, 5) + ARRAY[(i % 2 * 2 - 1) * (1 + i % 3) * 1e6, (i % 5 / 2 - 1) * 1e6, 0, 0, 0]::vector FROM generate_series(1, 400) i;
CREATE INDEX hnsw_scan_tight_index ON hnsw_scan_tight USING hnsw (v vector_l2_ops);
SELECT count(*), count(*) FILTER (WHERE distance < before) AS inversions FROM (SELECT distance, lag(distance) OVER (PARTITION BY k ORDER BY place) AS before FROM generate_series(1, 20) k, LATERAL (SELECT v AS q FROM hnsw_scan_tight WHERE id = k OFFSET 0) query, LATERAL (SELECT row_number() OVER () AS place, v <-> q AS distance FROM (SELECT v FROM hnsw_scan_tight ORDER BY v <-> q) found) numbered) pairs;
RESET hnsw.ef_search;
DROP TABLE hnsw_scan_tight;

-- Copies that end where their page ends.
CREATE TABLE hnsw_scan_full (id int, v vector);
INSERT INTO hnsw_scan_full SELECT i, pg_temp.make(i, 5426) FROM generate_series(1, 30) i;
CREATE INDEX hnsw_scan_full_index ON hnsw_scan_full USING hnsw ((v::vector(5426)) vector_ip_ops);
SELECT count(*) FROM (SELECT id FROM hnsw_scan_full ORDER BY v::vector(5426) <#> pg_temp.make(5, 5426)) found;
DROP TABLE hnsw_scan, hnsw_scan_equal, hnsw_scan_near, hnsw_scan_alike, hnsw_scan_apart, hnsw_scan_full;

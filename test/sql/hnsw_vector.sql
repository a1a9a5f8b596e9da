-- hnsw indexes of vectors, one of each class: order, NULLs, vectors of zeros, queries that do not fit, changes of rows.
\getenv abs_srcdir PG_ABS_SRCDIR
\set compare :abs_srcdir '/sql/hnsw_compare.psql'
\i :compare
\set error_of :abs_srcdir '/sql/error_of.psql'
\i :error_of
-- More candidates than rows: then what comes first is exact.
SET hnsw.ef_search = 1000;
CREATE TABLE hnsw_vector (id int PRIMARY KEY, kind int, v vector(20));
INSERT INTO hnsw_vector SELECT i, i % 10, pg_temp.make(i, 20) * array_fill(1 + i % 3, ARRAY[20])::vector FROM generate_series(1, 400) i;
INSERT INTO hnsw_vector SELECT i, i % 10, NULL FROM generate_series(401, 410) i;
INSERT INTO hnsw_vector SELECT i, i % 10, array_fill(0, ARRAY[20])::vector FROM generate_series(411, 415) i;

-- Queries: one of the rows, others, zeros, a far one.
CREATE TABLE hnsw_vector_query (number int, q vector(20));
INSERT INTO hnsw_vector_query SELECT 1, v FROM hnsw_vector WHERE id = 17;
INSERT INTO hnsw_vector_query SELECT i, pg_temp.make(1000 + i, 20) FROM generate_series(2, 6) i;
INSERT INTO hnsw_vector_query VALUES (7, array_fill(0, ARRAY[20])::vector), (8, array_fill(1000, ARRAY[20])::vector);
ANALYZE hnsw_vector;

-- The first rows, and all rows.
CREATE INDEX hnsw_vector_index ON hnsw_vector USING hnsw (v vector_l2_ops);
SELECT number, pg_temp.compare('hnsw_vector', format('v <-> %L', q), 10), pg_temp.compare_all('hnsw_vector', format('v <-> %L', q)) FROM hnsw_vector_query ORDER BY number;
SELECT * FROM pg_temp.damage('hnsw_vector_index');
SELECT rows, nodes, duplicates, tombstones, unlinked, dimensions, m, ef_construction, vectors FROM vecx_index_info('hnsw_vector_index');
DROP INDEX hnsw_vector_index;

CREATE INDEX hnsw_vector_index ON hnsw_vector USING hnsw (v vector_ip_ops);
SELECT number, pg_temp.compare('hnsw_vector', format('v <#> %L', q), 10), pg_temp.compare_all('hnsw_vector', format('v <#> %L', q)) FROM hnsw_vector_query ORDER BY number;
SELECT * FROM pg_temp.damage('hnsw_vector_index');
-- Those of the values, not of the points that the graph makes of them.
SELECT dimensions FROM vecx_index_info('hnsw_vector_index');
DROP INDEX hnsw_vector_index;

-- Vectors of zeros have no direction: they are not in the index, and a query of zeros has no distance.
CREATE INDEX hnsw_vector_index ON hnsw_vector USING hnsw (v vector_cosine_ops);
SELECT number, pg_temp.compare('hnsw_vector', format('v <=> %L', q), 10), pg_temp.compare_all('hnsw_vector', format('v <=> %L', q)) FROM hnsw_vector_query WHERE number <> 7 ORDER BY number;
SELECT rows, nodes FROM vecx_index_info('hnsw_vector_index');
BEGIN;
SET LOCAL enable_seqscan = off;
SELECT count(*), count(DISTINCT id), min(id), max(id), bool_and(distance = 'NaN') FROM (SELECT id, v <=> array_fill(0, ARRAY[20])::vector AS distance FROM hnsw_vector ORDER BY v <=> array_fill(0, ARRAY[20])::vector) found;
ROLLBACK;
SELECT * FROM pg_temp.damage('hnsw_vector_index');
DROP INDEX hnsw_vector_index;

-- The same by inserts alone; with float copies; with the first row inserted into the empty index.
CREATE TABLE hnsw_vector_late (id int, kind int, v vector(20));
CREATE INDEX hnsw_vector_late_l2 ON hnsw_vector_late USING hnsw (v vector_l2_ops);
CREATE INDEX hnsw_vector_late_ip ON hnsw_vector_late USING hnsw (v vector_ip_ops) WITH (vectors = 'float');
CREATE INDEX hnsw_vector_late_cosine ON hnsw_vector_late USING hnsw (v vector_cosine_ops);
SELECT pg_temp.compare_all('hnsw_vector_late', format('v <-> %L', q)), pg_temp.compare_all('hnsw_vector_late', format('v <#> %L', q)) FROM hnsw_vector_query WHERE number = 2;
INSERT INTO hnsw_vector_late SELECT * FROM hnsw_vector WHERE id = 411;
INSERT INTO hnsw_vector_late SELECT * FROM hnsw_vector WHERE id <> 411;
SELECT number, pg_temp.compare('hnsw_vector_late', format('v <-> %L', q), 10), pg_temp.compare_all('hnsw_vector_late', format('v <-> %L', q)) FROM hnsw_vector_query ORDER BY number;
SELECT number, pg_temp.compare('hnsw_vector_late', format('v <#> %L', q), 10), pg_temp.compare_all('hnsw_vector_late', format('v <#> %L', q)) FROM hnsw_vector_query ORDER BY number;
SELECT number, pg_temp.compare('hnsw_vector_late', format('v <=> %L', q), 10), pg_temp.compare_all('hnsw_vector_late', format('v <=> %L', q)) FROM hnsw_vector_query WHERE number <> 7 ORDER BY number;
SELECT i, d.* FROM unnest('{hnsw_vector_late_l2,hnsw_vector_late_ip,hnsw_vector_late_cosine}'::regclass[]) i, pg_temp.damage(i) d;
DROP TABLE hnsw_vector_late;

-- Queries that do not fit.
CREATE INDEX hnsw_vector_index ON hnsw_vector USING hnsw (v vector_l2_ops);
SET enable_seqscan = off;
SELECT count(*), count(DISTINCT id) FROM (SELECT id FROM hnsw_vector ORDER BY v <-> NULL) found;
SELECT count(*) FROM (SELECT id FROM hnsw_vector ORDER BY v <-> (SELECT q FROM hnsw_vector_query WHERE number = 99) LIMIT 5) found;
SELECT pg_temp.error_of($$SELECT id FROM hnsw_vector ORDER BY v <-> '[1,2,3]' LIMIT 1$$);
SELECT pg_temp.error_of($$INSERT INTO hnsw_vector VALUES (0, 0, '[1,2,3]')$$);
RESET enable_seqscan;

-- Rows are deleted, vacuumed, inserted again, updated, with and without another vector.
DELETE FROM hnsw_vector WHERE id % 3 = 0;
SELECT number, pg_temp.compare_all('hnsw_vector', format('v <-> %L', q)) FROM hnsw_vector_query WHERE number <= 2 ORDER BY number;
VACUUM (INDEX_CLEANUP ON) hnsw_vector;
SELECT number, pg_temp.compare_all('hnsw_vector', format('v <-> %L', q)) FROM hnsw_vector_query WHERE number <= 2 ORDER BY number;
SELECT * FROM pg_temp.damage('hnsw_vector_index');
INSERT INTO hnsw_vector SELECT i, i % 10, pg_temp.make(i + 1000, 20) FROM generate_series(1, 400) i WHERE i % 3 = 0;
UPDATE hnsw_vector SET kind = kind + 100 WHERE id % 5 = 0;
UPDATE hnsw_vector SET v = pg_temp.make(id + 2000, 20) WHERE id % 7 = 0;
UPDATE hnsw_vector SET v = NULL WHERE id % 11 = 0;
SELECT number, pg_temp.compare_all('hnsw_vector', format('v <-> %L', q)) FROM hnsw_vector_query ORDER BY number;
VACUUM (INDEX_CLEANUP ON) hnsw_vector;
SELECT number, pg_temp.compare_all('hnsw_vector', format('v <-> %L', q)) FROM hnsw_vector_query ORDER BY number;
SELECT * FROM pg_temp.damage('hnsw_vector_index');

-- All of them go; others come.
DELETE FROM hnsw_vector;
VACUUM (INDEX_CLEANUP ON) hnsw_vector;
SELECT pg_temp.compare_all('hnsw_vector', format('v <-> %L', q)) FROM hnsw_vector_query WHERE number = 1;
SELECT * FROM pg_temp.damage('hnsw_vector_index');
INSERT INTO hnsw_vector SELECT i, i % 10, pg_temp.make(i, 20) FROM generate_series(1, 100) i;
SELECT number, pg_temp.compare_all('hnsw_vector', format('v <-> %L', q)) FROM hnsw_vector_query ORDER BY number;
VACUUM (INDEX_CLEANUP ON) hnsw_vector;
SELECT number, pg_temp.compare_all('hnsw_vector', format('v <-> %L', q)) FROM hnsw_vector_query ORDER BY number;
SELECT * FROM pg_temp.damage('hnsw_vector_index');
DROP TABLE hnsw_vector, hnsw_vector_query;

-- Rows between others that all die at once were left as an island: 4 of these 104 were not found.
CREATE TABLE hnsw_vector_island (id int, v vector(3)) WITH (autovacuum_enabled = off);
CREATE INDEX hnsw_vector_island_index ON hnsw_vector_island USING hnsw (v vector_l2_ops);
INSERT INTO hnsw_vector_island SELECT i, ARRAY[i, i % 7, i % 11]::vector FROM generate_series(1, 300) i;
DELETE FROM hnsw_vector_island WHERE id BETWEEN 5 AND 200;
VACUUM (INDEX_CLEANUP ON) hnsw_vector_island;
SELECT i, pg_temp.compare_all('hnsw_vector_island', format('v <-> %L', ARRAY[i, 1, 1]::vector)) FROM unnest('{1,50,250}'::int[]) i;
SELECT * FROM pg_temp.damage('hnsw_vector_island_index');
DROP TABLE hnsw_vector_island;

-- One row; none but NULLs; numbers at the ends of their range.
CREATE TABLE hnsw_vector_few (id int, v vector(3));
CREATE INDEX hnsw_vector_few_index ON hnsw_vector_few USING hnsw (v vector_l2_ops);
INSERT INTO hnsw_vector_few VALUES (1, NULL), (2, NULL);
SELECT pg_temp.compare_all('hnsw_vector_few', $$v <-> '[1,2,3]'$$);
INSERT INTO hnsw_vector_few VALUES (3, '[1,2,3]');
SELECT pg_temp.compare_all('hnsw_vector_few', $$v <-> '[3,2,1]'$$);
INSERT INTO hnsw_vector_few VALUES (4, '[3e38,-3e38,3e38]'), (5, '[1e-45,0,-1e-45]'), (6, '[-0,0,0]'), (7, '[-3e38,3e38,3e38]'), (8, '[1e-30,2e-30,3e-30]'), (9, '[1e20,1e20,1]'), (10, '[1e20,1e20,2]');
SELECT q, pg_temp.compare('hnsw_vector_few', format('v <-> %L', q), 7) FROM unnest('{"[1,2,3]","[0,0,0]","[-3e38,0,0]","[1e20,1e20,0]"}'::vector[]) q;
REINDEX INDEX hnsw_vector_few_index;
SELECT q, pg_temp.compare('hnsw_vector_few', format('v <-> %L', q), 7) FROM unnest('{"[1,2,3]","[0,0,0]","[-3e38,0,0]","[1e20,1e20,0]"}'::vector[]) q;
SELECT * FROM pg_temp.damage('hnsw_vector_few_index');
DROP TABLE hnsw_vector_few;

-- One dimension, and as many as an index takes. Values that long are stored out of line.
CREATE TABLE hnsw_vector_narrow (id int, v vector(1));
INSERT INTO hnsw_vector_narrow SELECT i, ARRAY[i]::vector FROM generate_series(1, 300) i;
CREATE INDEX hnsw_vector_narrow_l2 ON hnsw_vector_narrow USING hnsw (v vector_l2_ops);
CREATE INDEX hnsw_vector_narrow_ip ON hnsw_vector_narrow USING hnsw (v vector_ip_ops);
CREATE INDEX hnsw_vector_narrow_cosine ON hnsw_vector_narrow USING hnsw (v vector_cosine_ops);
SELECT pg_temp.compare_all('hnsw_vector_narrow', $$v <-> '[100.3]'$$), pg_temp.compare_all('hnsw_vector_narrow', $$v <#> '[-2]'$$), pg_temp.compare_all('hnsw_vector_narrow', $$v <=> '[5]'$$);
SELECT i, d.* FROM unnest('{hnsw_vector_narrow_l2,hnsw_vector_narrow_ip,hnsw_vector_narrow_cosine}'::regclass[]) i, pg_temp.damage(i) d;
CREATE TABLE hnsw_vector_wide (id int, v vector(16000));
ALTER TABLE hnsw_vector_wide ALTER v SET STORAGE EXTERNAL;
INSERT INTO hnsw_vector_wide SELECT i, pg_temp.make(i, 16000) FROM generate_series(1, 12) i;
CREATE INDEX hnsw_vector_wide_index ON hnsw_vector_wide USING hnsw (v vector_l2_ops);
INSERT INTO hnsw_vector_wide SELECT i, pg_temp.make(i, 16000) FROM generate_series(13, 20) i;
SELECT pg_temp.compare('hnsw_vector_wide', format('v <-> %L', pg_temp.make(100, 16000)), 30);
SELECT * FROM pg_temp.damage('hnsw_vector_wide_index');
DELETE FROM hnsw_vector_wide WHERE id < 10;
VACUUM (INDEX_CLEANUP ON) hnsw_vector_wide;
INSERT INTO hnsw_vector_wide SELECT i, pg_temp.make(i, 16000) FROM generate_series(21, 23) i;
SELECT pg_temp.compare('hnsw_vector_wide', format('v <-> %L', pg_temp.make(100, 16000)), 30);
SELECT * FROM pg_temp.damage('hnsw_vector_wide_index');
DROP TABLE hnsw_vector_narrow, hnsw_vector_wide;

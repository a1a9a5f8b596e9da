-- hnsw indexes by taxicab distance: of vectors, by copies in halves and in floats, and of halfvecs.
\getenv abs_srcdir PG_ABS_SRCDIR
\set compare :abs_srcdir '/sql/hnsw_compare.psql'
\i :compare
\set error_of :abs_srcdir '/sql/error_of.psql'
\i :error_of
-- More candidates than rows: then what comes first is exact.
SET hnsw.ef_search = 1000;
CREATE TABLE hnsw_l1 (id int PRIMARY KEY, v vector(20), h halfvec(20));
INSERT INTO hnsw_l1 SELECT i, v, v::halfvec FROM (SELECT i, pg_temp.make(i, 20) * array_fill(1 + i % 3, ARRAY[20])::vector AS v FROM generate_series(1, 400) i) made;
INSERT INTO hnsw_l1 VALUES (401, NULL, NULL), (402, array_fill(0, ARRAY[20])::vector, array_fill(0, ARRAY[20])::halfvec);
-- Halves have no room for the one and few digits for the other.
INSERT INTO hnsw_l1 (id, v) VALUES (403, array_fill(1e6, ARRAY[20])::vector), (404, array_fill(1e-6, ARRAY[20])::vector);
CREATE TABLE hnsw_l1_query (number int, q vector(20));
INSERT INTO hnsw_l1_query SELECT i, pg_temp.make(i * 1000 + 17, 20) FROM generate_series(0, 4) i;
INSERT INTO hnsw_l1_query VALUES (5, array_fill(0, ARRAY[20])::vector), (6, array_fill(2e6, ARRAY[20])::vector);
ANALYZE hnsw_l1;

CREATE INDEX hnsw_l1_index ON hnsw_l1 USING hnsw (v vector_l1_ops);
SELECT number, pg_temp.compare('hnsw_l1', format('v <+> %L', q), 10), pg_temp.compare_all('hnsw_l1', format('v <+> %L', q)) FROM hnsw_l1_query ORDER BY number;
INSERT INTO hnsw_l1 SELECT 500 + i, pg_temp.make(i, 20) FROM generate_series(300, 450) i;
DELETE FROM hnsw_l1 WHERE id % 3 = 0;
VACUUM hnsw_l1;
VACUUM hnsw_l1;
INSERT INTO hnsw_l1 SELECT 1000 + i, pg_temp.make(i, 20) FROM generate_series(440, 500) i;
SELECT number, pg_temp.compare('hnsw_l1', format('v <+> %L', q), 10), pg_temp.compare_all('hnsw_l1', format('v <+> %L', q)) FROM hnsw_l1_query ORDER BY number;
SELECT * FROM pg_temp.damage('hnsw_l1_index');
DROP INDEX hnsw_l1_index;

CREATE INDEX hnsw_l1_index ON hnsw_l1 USING hnsw (v vector_l1_ops) WITH (vectors = float);
SELECT number, pg_temp.compare('hnsw_l1', format('v <+> %L', q), 10), pg_temp.compare_all('hnsw_l1', format('v <+> %L', q)) FROM hnsw_l1_query ORDER BY number;
SELECT * FROM pg_temp.damage('hnsw_l1_index');

CREATE INDEX hnsw_l1_half_index ON hnsw_l1 USING hnsw (h halfvec_l1_ops);
SELECT number, pg_temp.compare('hnsw_l1', format('h <+> %L', q), 10), pg_temp.compare_all('hnsw_l1', format('h <+> %L', q)) FROM hnsw_l1_query WHERE number < 6 ORDER BY number;
SELECT * FROM pg_temp.damage('hnsw_l1_half_index');
BEGIN;
SET LOCAL enable_seqscan = off;
SELECT count(*) FROM (SELECT id FROM hnsw_l1 ORDER BY v <+> (SELECT NULL::vector)) found;
SELECT pg_temp.error_of($$SELECT id FROM hnsw_l1 ORDER BY v <+> '[1,2]' LIMIT 1$$);
ROLLBACK;
SELECT pg_temp.error_of($$INSERT INTO hnsw_l1 (id, v) VALUES (9999, '[1,2]')$$);

-- Vectors that have no room beside their edges.
CREATE TABLE hnsw_l1_long (id int, v vector(6000));
CREATE INDEX hnsw_l1_long_index ON hnsw_l1_long USING hnsw (v vector_l1_ops) WITH (m = 4, ef_construction = 20);
INSERT INTO hnsw_l1_long SELECT i, array_fill(i % 9 + i / 100.0, ARRAY[6000])::vector FROM generate_series(1, 30) i;
SELECT pg_temp.compare('hnsw_l1_long', format('v <+> %L', array_fill(3.1, ARRAY[6000])::vector), 10);
REINDEX INDEX hnsw_l1_long_index;
SELECT pg_temp.compare('hnsw_l1_long', format('v <+> %L', array_fill(3.1, ARRAY[6000])::vector), 10);
SELECT * FROM pg_temp.damage('hnsw_l1_long_index');
DROP TABLE hnsw_l1, hnsw_l1_query, hnsw_l1_long;

-- hnsw indexes of half vectors, one of each class. What all classes share is in hnsw_vector.sql.
\getenv abs_srcdir PG_ABS_SRCDIR
\set compare :abs_srcdir '/sql/hnsw_compare.psql'
\i :compare
\set error_of :abs_srcdir '/sql/error_of.psql'
\i :error_of
-- More candidates than rows: then what comes first is exact.
SET hnsw.ef_search = 1000;
CREATE TABLE hnsw_halfvec (id int, h halfvec(40));
INSERT INTO hnsw_halfvec SELECT i, (pg_temp.make(i, 40) * array_fill(1 + i % 3, ARRAY[40])::vector)::halfvec FROM generate_series(1, 400) i;
INSERT INTO hnsw_halfvec SELECT i, NULL FROM generate_series(401, 410) i;
INSERT INTO hnsw_halfvec SELECT i, array_fill(0, ARRAY[40])::halfvec FROM generate_series(411, 415) i;
CREATE TABLE hnsw_halfvec_query (number int, q halfvec(40));
INSERT INTO hnsw_halfvec_query SELECT 1, h FROM hnsw_halfvec WHERE id = 17;
INSERT INTO hnsw_halfvec_query SELECT i, pg_temp.make(1000 + i, 40) FROM generate_series(2, 5) i;
INSERT INTO hnsw_halfvec_query VALUES (6, array_fill(0, ARRAY[40])::halfvec), (7, array_fill(1000, ARRAY[40])::halfvec), (8, array_fill(65504, ARRAY[40])::halfvec);
ANALYZE hnsw_halfvec;

CREATE INDEX hnsw_halfvec_index ON hnsw_halfvec USING hnsw (h halfvec_l2_ops);
SELECT number, pg_temp.compare('hnsw_halfvec', format('h <-> %L', q), 10), pg_temp.compare_all('hnsw_halfvec', format('h <-> %L', q)) FROM hnsw_halfvec_query ORDER BY number;
SELECT * FROM pg_temp.damage('hnsw_halfvec_index');
DROP INDEX hnsw_halfvec_index;
CREATE INDEX hnsw_halfvec_index ON hnsw_halfvec USING hnsw (h halfvec_ip_ops);
SELECT number, pg_temp.compare('hnsw_halfvec', format('h <#> %L', q), 10), pg_temp.compare_all('hnsw_halfvec', format('h <#> %L', q)) FROM hnsw_halfvec_query ORDER BY number;
SELECT * FROM pg_temp.damage('hnsw_halfvec_index');
DROP INDEX hnsw_halfvec_index;
CREATE INDEX hnsw_halfvec_index ON hnsw_halfvec USING hnsw (h halfvec_cosine_ops) WITH (vectors = 'float');
SELECT number, pg_temp.compare('hnsw_halfvec', format('h <=> %L', q), 10), pg_temp.compare_all('hnsw_halfvec', format('h <=> %L', q)) FROM hnsw_halfvec_query WHERE number <> 6 ORDER BY number;
SELECT rows FROM vecx_index_info('hnsw_halfvec_index');
SELECT * FROM pg_temp.damage('hnsw_halfvec_index');
DROP INDEX hnsw_halfvec_index;

-- Numbers at the ends of their range, in the index and as queries.
INSERT INTO hnsw_halfvec VALUES (416, array_fill(65504, ARRAY[40])::halfvec), (417, array_fill(-65504, ARRAY[40])::halfvec), (418, array_fill(6e-8, ARRAY[40])::halfvec);
CREATE INDEX hnsw_halfvec_index ON hnsw_halfvec USING hnsw (h halfvec_l2_ops);
SELECT number, pg_temp.compare('hnsw_halfvec', format('h <-> %L', q), 10), pg_temp.compare_all('hnsw_halfvec', format('h <-> %L', q)) FROM hnsw_halfvec_query ORDER BY number;
DROP INDEX hnsw_halfvec_index;
CREATE INDEX hnsw_halfvec_index ON hnsw_halfvec USING hnsw (h halfvec_ip_ops);
SELECT number, pg_temp.compare_all('hnsw_halfvec', format('h <#> %L', q)) FROM hnsw_halfvec_query ORDER BY number;
SELECT * FROM pg_temp.damage('hnsw_halfvec_index');
DROP INDEX hnsw_halfvec_index;
DELETE FROM hnsw_halfvec WHERE id > 415;

-- By inserts alone.
CREATE TABLE hnsw_halfvec_late (id int, h halfvec(40));
CREATE INDEX hnsw_halfvec_late_l2 ON hnsw_halfvec_late USING hnsw (h halfvec_l2_ops);
CREATE INDEX hnsw_halfvec_late_ip ON hnsw_halfvec_late USING hnsw (h halfvec_ip_ops);
CREATE INDEX hnsw_halfvec_late_cosine ON hnsw_halfvec_late USING hnsw (h halfvec_cosine_ops);
INSERT INTO hnsw_halfvec_late SELECT * FROM hnsw_halfvec;
SELECT number, pg_temp.compare('hnsw_halfvec_late', format('h <-> %L', q), 10), pg_temp.compare_all('hnsw_halfvec_late', format('h <-> %L', q)) FROM hnsw_halfvec_query ORDER BY number;
SELECT number, pg_temp.compare('hnsw_halfvec_late', format('h <#> %L', q), 10), pg_temp.compare_all('hnsw_halfvec_late', format('h <#> %L', q)) FROM hnsw_halfvec_query ORDER BY number;
SELECT number, pg_temp.compare('hnsw_halfvec_late', format('h <=> %L', q), 10), pg_temp.compare_all('hnsw_halfvec_late', format('h <=> %L', q)) FROM hnsw_halfvec_query WHERE number <> 6 ORDER BY number;
DELETE FROM hnsw_halfvec_late WHERE id % 3 = 0;
VACUUM (INDEX_CLEANUP ON) hnsw_halfvec_late;
INSERT INTO hnsw_halfvec_late SELECT i, pg_temp.make(i + 1000, 40) FROM generate_series(1, 400) i WHERE i % 3 = 0;
SELECT number, pg_temp.compare('hnsw_halfvec_late', format('h <-> %L', q), 10), pg_temp.compare_all('hnsw_halfvec_late', format('h <-> %L', q)) FROM hnsw_halfvec_query ORDER BY number;
SELECT i, d.* FROM unnest('{hnsw_halfvec_late_l2,hnsw_halfvec_late_ip,hnsw_halfvec_late_cosine}'::regclass[]) i, pg_temp.damage(i) d;
SELECT pg_temp.error_of($$INSERT INTO hnsw_halfvec_late VALUES (0, '[1,2,3]')$$);
BEGIN;
SET LOCAL enable_seqscan = off;
SELECT count(*), count(DISTINCT id) FROM (SELECT id FROM hnsw_halfvec_late ORDER BY h <-> NULL) found;
ROLLBACK;

-- An index of a vector column in half precision: the query must be cast as the column is.
CREATE TABLE hnsw_halfvec_cast (id int, v vector(40));
INSERT INTO hnsw_halfvec_cast SELECT i, pg_temp.make(i, 40) FROM generate_series(1, 200) i;
CREATE INDEX hnsw_halfvec_cast_index ON hnsw_halfvec_cast USING hnsw ((v::halfvec(40)) halfvec_l2_ops);
SELECT number, pg_temp.compare('hnsw_halfvec_cast', format('v::halfvec(40) <-> %L', q), 10) FROM hnsw_halfvec_query WHERE number < 5 ORDER BY number;
SELECT * FROM pg_temp.damage('hnsw_halfvec_cast_index');
DROP TABLE hnsw_halfvec, hnsw_halfvec_query, hnsw_halfvec_late, hnsw_halfvec_cast;

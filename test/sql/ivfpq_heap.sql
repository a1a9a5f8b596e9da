-- ivfpq indexes WITH (vectors = heap): no copies, rows are ranked by the vectors that the table holds.
\getenv abs_srcdir PG_ABS_SRCDIR
\set compare :abs_srcdir '/sql/hnsw_compare.psql'
\i :compare
SET client_min_messages = warning;
SET hnsw.iterative_scan = relaxed_order;
-- Values of 300 dimensions lie out of line in `far`.
CREATE TABLE ivf_heap (id int PRIMARY KEY, n int DEFAULT 0, v vector(24), h halfvec(24), far vector(300));
ALTER TABLE ivf_heap ALTER far SET STORAGE external;
INSERT INTO ivf_heap SELECT i, 0, pg_temp.make(i, 24), pg_temp.make(i, 24)::halfvec, pg_temp.make(i, 300) FROM generate_series(1, 1500) i;
INSERT INTO ivf_heap VALUES (0, 0, NULL, NULL, NULL), (-1, 0, array_fill(0, '{24}')::vector, array_fill(0, '{24}')::halfvec, array_fill(0, '{300}')::vector);
CREATE INDEX ivf_heap_l2 ON ivf_heap USING ivfpq (v vector_l2_ops) WITH (lists = 8, vectors = heap);
CREATE INDEX ivf_heap_pq ON ivf_heap USING ivfpq (v vector_ip_ops) WITH (lists = 8, vectors = heap, m = 8);
CREATE INDEX ivf_heap_sq8 ON ivf_heap USING ivfpq (v vector_cosine_ops) WITH (lists = 8, vectors = heap, quantizer = sq8);
CREATE INDEX ivf_heap_half ON ivf_heap USING ivfpq (h halfvec_l2_ops) WITH (lists = 8, vectors = heap);
CREATE INDEX ivf_heap_half_cosine ON ivf_heap USING ivfpq (h halfvec_cosine_ops) WITH (lists = 8, vectors = heap, quantizer = sq8);
CREATE INDEX ivf_heap_far ON ivf_heap USING ivfpq (far vector_l2_ops) WITH (lists = 8, vectors = heap);
CREATE INDEX ivf_heap_part ON ivf_heap USING ivfpq ((subvector(far, 1, 20)::vector(20)) vector_l2_ops) WITH (lists = 8, vectors = heap, quantizer = sq8) WHERE id % 2 = 0;
SELECT indexrelid::regclass, quantizer, lists, trained, vectors, rows, vector_pages FROM pg_index, vecx_index_info(indexrelid) WHERE indrelid = 'ivf_heap'::regclass AND NOT indisprimary ORDER BY 1;
SET ivfpq.probes = 8;
SET ivfpq.rerank = 200;
CREATE FUNCTION pg_temp.all_ways() RETURNS SETOF text LANGUAGE sql AS $$
    SELECT 'L2: ' || pg_temp.compare_all('ivf_heap', format('v <-> %L', pg_temp.make(9999, 24)))
    UNION ALL SELECT 'inner product: ' || pg_temp.compare_all('ivf_heap', format('v <#> %L', pg_temp.make(9998, 24)))
    UNION ALL SELECT 'cosine: ' || pg_temp.compare_all('ivf_heap', format('v <=> %L', pg_temp.make(9997, 24)))
    UNION ALL SELECT 'halves, L2: ' || pg_temp.compare_all('ivf_heap', format('h <-> %L', pg_temp.make(9996, 24)::halfvec))
    UNION ALL SELECT 'halves, cosine: ' || pg_temp.compare_all('ivf_heap', format('h <=> %L', pg_temp.make(9995, 24)::halfvec))
    UNION ALL SELECT 'out of line: ' || pg_temp.compare_all('ivf_heap', format('far <-> %L', pg_temp.make(9994, 300)))
$$;
SELECT * FROM pg_temp.all_ways();
-- Other versions of rows, in their page and out of it; rows that are gone, and those of a transaction that was rolled back.
UPDATE ivf_heap SET n = 1 WHERE id % 3 = 0;
UPDATE ivf_heap SET v = pg_temp.make(id + 5000, 24), h = pg_temp.make(id + 5000, 24)::halfvec WHERE id % 5 = 0;
UPDATE ivf_heap SET far = pg_temp.make(id + 5000, 300) WHERE id % 7 = 0;
DELETE FROM ivf_heap WHERE id % 11 = 0;
BEGIN;
INSERT INTO ivf_heap SELECT i, 0, pg_temp.make(i, 24), pg_temp.make(i, 24)::halfvec, pg_temp.make(i, 300) FROM generate_series(8001, 8100) i;
SELECT * FROM pg_temp.all_ways();
ROLLBACK;
SELECT * FROM pg_temp.all_ways();
VACUUM (INDEX_CLEANUP ON) ivf_heap;
INSERT INTO ivf_heap SELECT i, 0, pg_temp.make(i, 24), pg_temp.make(i, 24)::halfvec, pg_temp.make(i, 300) FROM generate_series(6001, 6400) i;
SELECT * FROM pg_temp.all_ways();
SELECT indexrelid::regclass, message FROM pg_index, LATERAL pg_temp.damage(indexrelid) WHERE indrelid = 'ivf_heap'::regclass AND NOT indisprimary;
-- An expression is computed of each row; a cursor goes on where the table has changed.
SET enable_seqscan = off;
SET enable_sort = off;
EXPLAIN (COSTS off) SELECT id FROM ivf_heap WHERE id % 2 = 0 ORDER BY subvector(far, 1, 20)::vector(20) <-> pg_temp.make(3, 20) LIMIT 3;
SELECT count(*), count(DISTINCT id), bool_and(in_order) FROM (
    SELECT id, distance >= lag(distance, 1, 0::float8) OVER () AS in_order FROM (
        SELECT id, subvector(far, 1, 20)::vector(20) <-> pg_temp.make(3, 20) AS distance
        FROM ivf_heap WHERE id % 2 = 0 ORDER BY subvector(far, 1, 20)::vector(20) <-> pg_temp.make(3, 20) OFFSET 0) r) q;
CREATE FUNCTION pg_temp.deletes_meanwhile() RETURNS int LANGUAGE plpgsql AS $$
DECLARE
    c CURSOR FOR SELECT id FROM ivf_heap ORDER BY far <-> pg_temp.make(77, 300);
    number int := 0;
BEGIN
    FOR r IN c LOOP
        number := number + 1;
        IF number = 10 THEN
            BEGIN
                DELETE FROM ivf_heap WHERE id % 4 = 0;
                RAISE EXCEPTION 'undone';
            EXCEPTION WHEN raise_exception THEN
                DELETE FROM ivf_heap WHERE id % 4 = 1;
            END;
        END IF;
    END LOOP;
    RETURN number;
END $$;
SELECT count(*) FROM ivf_heap WHERE far IS NOT NULL;
SELECT pg_temp.deletes_meanwhile();
SELECT count(*) FROM ivf_heap WHERE far IS NOT NULL;
-- Joins scan again and again, with another query each time.
SELECT count(*), count(DISTINCT (a, b)) FROM (SELECT a.id AS a, b.id AS b FROM (SELECT id, far FROM ivf_heap WHERE id BETWEEN 20 AND 60 AND far IS NOT NULL ORDER BY id) a,
    LATERAL (SELECT id FROM ivf_heap b ORDER BY b.far <-> a.far LIMIT 3) b) q;
-- Trained by REINDEX only.
RESET client_min_messages;
CREATE TABLE ivf_heap_grows (v vector(24));
CREATE INDEX ivf_heap_grows_v ON ivf_heap_grows USING ivfpq (v vector_l2_ops) WITH (lists = 4, vectors = heap);
INSERT INTO ivf_heap_grows SELECT pg_temp.make(i, 24) FROM generate_series(1, 400) i;
VACUUM ivf_heap_grows;
SELECT trained, quantizer, rows FROM vecx_index_info('ivf_heap_grows_v');
REINDEX INDEX ivf_heap_grows_v;
SELECT trained, quantizer, rows FROM vecx_index_info('ivf_heap_grows_v');
DROP TABLE ivf_heap, ivf_heap_grows;

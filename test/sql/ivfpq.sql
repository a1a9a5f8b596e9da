-- ivfpq: its codes, its options, and what does not go together.
\getenv abs_srcdir PG_ABS_SRCDIR
\set compare :abs_srcdir '/sql/hnsw_compare.psql'
\i :compare
\set error_of :abs_srcdir '/sql/error_of.psql'
\i :error_of
SET client_min_messages = warning;
-- Rows of lists that are opened later may be nearer.
SET hnsw.iterative_scan = relaxed_order;
CREATE TABLE ivf_q (id int PRIMARY KEY, v vector(32));
INSERT INTO ivf_q SELECT i, pg_temp.make(i, 32) FROM generate_series(1, 2000) i;
-- Recall of the ten nearest over twenty queries, and whether all rows come when all are wanted.
CREATE FUNCTION pg_temp.recall(operator text) RETURNS float8 LANGUAGE plpgsql AS $$
DECLARE
    found int[];
    expected int[];
    hits int := 0;
BEGIN
    FOR i IN 1 .. 20 LOOP
        SET LOCAL enable_seqscan = off;
        SET LOCAL enable_sort = off;
        SET LOCAL enable_indexscan = on;
        EXECUTE format('SELECT array_agg(id) FROM (SELECT id FROM ivf_q ORDER BY v %s %L LIMIT 10) q', operator, pg_temp.make(90000 + i, 32)) INTO found;
        SET LOCAL enable_indexscan = off;
        SET LOCAL enable_seqscan = on;
        SET LOCAL enable_sort = on;
        EXECUTE format('SELECT array_agg(id) FROM (SELECT id FROM ivf_q ORDER BY v %s %L LIMIT 10) q', operator, pg_temp.make(90000 + i, 32)) INTO expected;
        hits := hits + (SELECT count(*) FROM unnest(found) f WHERE f = ANY (expected));
    END LOOP;
    RETURN hits / 200.0;
END $$;
CREATE FUNCTION pg_temp.try(class text, operator text, options text, wanted float8) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    answer text;
    reached float8;
BEGIN
    EXECUTE format('CREATE INDEX ivf_q_try ON ivf_q USING ivfpq (v %s) WITH (lists = 16%s)', class, options);
    reached := pg_temp.recall(operator);
    answer := format('%s: ', (SELECT concat_ws(' ', quantizer, m, code_bits, vectors) FROM vecx_index_info('ivf_q_try'))) ||
        CASE WHEN reached >= wanted THEN 'recall as it should be' ELSE 'recall ' || reached END || ', ' ||
        pg_temp.compare_all('ivf_q', format('v %s %L', operator, pg_temp.make(9999, 32))) ||
        coalesce((SELECT '; ' || string_agg(message, '; ') FROM pg_temp.damage('ivf_q_try')), '');
    DROP INDEX ivf_q_try;
    RETURN answer;
END $$;
SET ivfpq.probes = 16;
-- Of all lists, codes with error bounds lose next to nothing.
SELECT pg_temp.try('vector_l2_ops', '<->', '', 0.98);
SELECT pg_temp.try('vector_ip_ops', '<#>', '', 0.98);
SELECT pg_temp.try('vector_cosine_ops', '<=>', '', 0.98);
SELECT pg_temp.try('vector_l2_ops', '<->', ', quantizer = rabitq, bits = 1, vectors = float', 0.98);
SELECT pg_temp.try('vector_l2_ops', '<->', ', quantizer = sq8', 1);
SELECT pg_temp.try('vector_ip_ops', '<#>', ', quantizer = sq8, vectors = none', 1);
-- Of pq a hundred rows are compared for ten.
SELECT pg_temp.try('vector_l2_ops', '<->', ', m = 16', 0.9);
SELECT pg_temp.try('vector_l2_ops', '<->', ', m = 16, bits = 4', 0.8);
SELECT pg_temp.try('vector_cosine_ops', '<=>', ', m = 8, opq = true', 0.7);
SELECT pg_temp.try('vector_ip_ops', '<#>', ', quantizer = pq', 0.7);
SELECT pg_temp.try('vector_l2_ops', '<->', ', quantizer = pq, vectors = none', 0.2);
SET ivfpq.rerank = 60;
SELECT pg_temp.try('vector_l2_ops', '<->', ', m = 8', 0.9);
RESET ivfpq.rerank;
SELECT pg_temp.try('vector_l2_ops', '<->', ', m = 8, rerank = 60', 0.9);

-- halfvec, and inserts into coded lists.
CREATE TABLE ivf_q_half (id int, v halfvec(32));
INSERT INTO ivf_q_half SELECT id, v::halfvec FROM ivf_q WHERE id <= 1000;
CREATE INDEX ivf_q_half_rabitq ON ivf_q_half USING ivfpq (v halfvec_l2_ops) WITH (lists = 8);
CREATE INDEX ivf_q_half_pq ON ivf_q_half USING ivfpq (v halfvec_cosine_ops) WITH (lists = 8, m = 8, bits = 4);
INSERT INTO ivf_q_half SELECT id, v::halfvec FROM ivf_q WHERE id > 1000;
DELETE FROM ivf_q_half WHERE id % 3 = 0;
SELECT pg_temp.compare_all('ivf_q_half', format('v <-> %L', pg_temp.make(9999, 32)::halfvec)), pg_temp.compare_all('ivf_q_half', format('v <=> %L', pg_temp.make(9999, 32)::halfvec));
VACUUM (INDEX_CLEANUP ON) ivf_q_half;
INSERT INTO ivf_q_half SELECT id + 5000, v::halfvec FROM ivf_q WHERE id % 3 = 0;
SELECT pg_temp.compare_all('ivf_q_half', format('v <-> %L', pg_temp.make(9999, 32)::halfvec)), pg_temp.compare_all('ivf_q_half', format('v <=> %L', pg_temp.make(9999, 32)::halfvec));
SELECT message FROM (VALUES ('ivf_q_half_rabitq'), ('ivf_q_half_pq')) i (name), LATERAL pg_temp.damage(name::regclass);
DROP TABLE ivf_q_half;

-- Trained by VACUUM.
CREATE TABLE ivf_q_grows (LIKE ivf_q);
CREATE INDEX ivf_q_grows_pq ON ivf_q_grows USING ivfpq (v vector_l2_ops) WITH (lists = 8, m = 8, bits = 4);
CREATE INDEX ivf_q_grows_rabitq ON ivf_q_grows USING ivfpq (v vector_l2_ops) WITH (lists = 8);
INSERT INTO ivf_q_grows SELECT * FROM ivf_q;
SELECT quantizer, lists, trained FROM vecx_index_info('ivf_q_grows_pq');
VACUUM ivf_q_grows;
SELECT quantizer, lists, trained, rows FROM vecx_index_info('ivf_q_grows_pq');
SELECT quantizer, lists, trained, rows FROM vecx_index_info('ivf_q_grows_rabitq');
SELECT message FROM (VALUES ('ivf_q_grows_pq'), ('ivf_q_grows_rabitq')) i (name), LATERAL pg_temp.damage(name::regclass);
SELECT pg_temp.compare_all('ivf_q_grows', format('v <-> %L', pg_temp.make(9999, 32)));
DROP TABLE ivf_q_grows;

-- A row far longer than those that it comes to stand beside leaves their codes as they are, by which a search that goes on knows
-- which rows it has given: each comes once.
CREATE TABLE ivf_q_far AS SELECT i AS id, pg_temp.make(i, 16)::vector(16) AS v FROM generate_series(1, 2015) i;
CREATE INDEX ivf_q_far_index ON ivf_q_far USING ivfpq (v vector_l2_ops) WITH (lists = 1);
BEGIN;
SET LOCAL enable_seqscan = off;
SET LOCAL enable_sort = off;
DECLARE far_cursor CURSOR FOR SELECT id FROM ivf_q_far ORDER BY v <-> array_fill(0.1, ARRAY[16])::vector;
CREATE FUNCTION pg_temp.fetch_far(most int, OUT ids int[]) LANGUAGE plpgsql AS $$
DECLARE
    c refcursor := 'far_cursor';
    id int;
BEGIN
    FOR n IN 1 .. most LOOP
        FETCH c INTO id;
        EXIT WHEN NOT FOUND;
        ids := ids || id;
    END LOOP;
END $$;
CREATE TEMP TABLE far_first AS SELECT pg_temp.fetch_far(40) AS ids;
INSERT INTO ivf_q_far VALUES (3000, array_fill(1e7, ARRAY[16]));
CREATE TEMP TABLE far_rest AS SELECT pg_temp.fetch_far(5000) AS ids;
SELECT count(*), count(DISTINCT id) FROM (SELECT unnest(ids) AS id FROM far_first UNION ALL SELECT unnest(ids) FROM far_rest) s;
COMMIT;
SELECT pg_temp.compare('ivf_q_far', format('v <-> %L', array_fill(0.1, ARRAY[16])::vector), 100);
SELECT pg_temp.compare('ivf_q_far', format('v <-> %L', array_fill(1e6, ARRAY[16])::vector), 100);
DROP TABLE ivf_q_far;

-- The codebook of an index codes what centroids leave.
CREATE INDEX ivf_q_book ON ivf_q USING ivfpq (v vector_l2_ops) WITH (lists = 16, m = 16);
SELECT avg(vecx_pq_distance(b, v - c, vecx_pq_encode(b, v - c))) < avg(vector_norm(v - c)) / 2
FROM ivf_q, LATERAL (SELECT vecx_pq_codebook('ivf_q_book') AS b OFFSET 0) x, LATERAL (SELECT avg(v) AS c FROM ivf_q) y WHERE id <= 20;
SELECT pg_temp.error_of($$SELECT vecx_pq_codebook('ivf_q_pkey')$$);
DROP INDEX ivf_q_book;
CREATE INDEX ivf_q_book ON ivf_q USING ivfpq (v vector_l2_ops) WITH (lists = 16);
SELECT pg_temp.error_of($$SELECT vecx_pq_codebook('ivf_q_book')$$);
DROP INDEX ivf_q_book;

-- What does not go together.
SELECT pg_temp.error_of('CREATE INDEX ON ivf_q USING ivfpq (v vector_l2_ops) WITH (m = 5)');
SELECT pg_temp.error_of('CREATE INDEX ON ivf_q USING ivfpq (v vector_l2_ops) WITH (m = 14)');
SELECT pg_temp.error_of('CREATE INDEX ON ivf_q USING ivfpq (v vector_l2_ops) WITH (m = 64)');
SELECT pg_temp.error_of('CREATE INDEX ON ivf_q USING ivfpq (v vector_l2_ops) WITH (m = 8, bits = 5)');
SELECT pg_temp.error_of('CREATE INDEX ON ivf_q USING ivfpq (v vector_l2_ops) WITH (bits = 5)');
SELECT pg_temp.error_of('CREATE INDEX ON ivf_q USING ivfpq (v vector_l2_ops) WITH (quantizer = rabitq, bits = 4)');
SELECT pg_temp.error_of('CREATE INDEX ON ivf_q USING ivfpq (v vector_l2_ops) WITH (quantizer = rabitq, m = 8)');
SELECT pg_temp.error_of('CREATE INDEX ON ivf_q USING ivfpq (v vector_l2_ops) WITH (quantizer = sq8, bits = 4)');
SELECT pg_temp.error_of('CREATE INDEX ON ivf_q USING ivfpq (v vector_l2_ops) WITH (quantizer = sq8, opq = true)');
SELECT pg_temp.error_of('CREATE INDEX ON ivf_q USING ivfpq (v vector_l2_ops) WITH (quantizer = lsh)');
SELECT pg_temp.error_of('CREATE INDEX ON ivf_q USING ivfpq (v vector_l2_ops) WITH (vectors = double)');
SELECT pg_temp.error_of('CREATE INDEX ON ivf_q USING ivfpq (v vector_l2_ops) WITH (lists = 0)');
SELECT pg_temp.error_of('CREATE INDEX ON ivf_q USING ivfpq (v)');
SELECT pg_temp.error_of('CREATE INDEX ON ivf_q USING ivfpq (v vector_l1_ops)');
DROP TABLE ivf_q;

-- hnsw indexes of bit strings: Hamming and Jaccard distance, changes of rows, what is refused.
\getenv abs_srcdir PG_ABS_SRCDIR
\set compare :abs_srcdir '/sql/hnsw_compare.psql'
\i :compare
\set error_of :abs_srcdir '/sql/error_of.psql'
\i :error_of
-- More candidates than rows: then what comes first is exact.
SET hnsw.ef_search = 1000;
CREATE FUNCTION pg_temp.bits(i bigint, length int) RETURNS text LANGUAGE sql IMMUTABLE AS
    $$SELECT string_agg((sin(i * 12.9898 + j * 78.233) > 0.3)::int::text, '' ORDER BY j) FROM generate_series(1, length) j$$;
CREATE TABLE hnsw_bit (id int PRIMARY KEY, b bit(77));
INSERT INTO hnsw_bit SELECT i, pg_temp.bits(i, 77)::bit(77) FROM generate_series(1, 400) i;
INSERT INTO hnsw_bit VALUES (401, NULL), (402, repeat('0', 77)::bit(77)), (403, repeat('1', 77)::bit(77));
CREATE TABLE hnsw_bit_query (number int, q bit(77));
INSERT INTO hnsw_bit_query SELECT i, pg_temp.bits(i * 1000 + 17, 77)::bit(77) FROM generate_series(0, 4) i;
INSERT INTO hnsw_bit_query VALUES (5, repeat('0', 77)::bit(77));
ANALYZE hnsw_bit;

CREATE INDEX hnsw_bit_index ON hnsw_bit USING hnsw (b bit_hamming_ops);
SELECT number, pg_temp.compare('hnsw_bit', format('b <~> B%L', q), 10), pg_temp.compare_all('hnsw_bit', format('b <~> B%L', q)) FROM hnsw_bit_query ORDER BY number;
SELECT * FROM pg_temp.damage('hnsw_bit_index');
SELECT rows, nodes, duplicates, dimensions, code_bits, edges FROM vecx_index_info('hnsw_bit_index');

-- Rows come and go; equal bits share a node.
INSERT INTO hnsw_bit SELECT 500 + i, pg_temp.bits(i, 77)::bit(77) FROM generate_series(390, 450) i;
DELETE FROM hnsw_bit WHERE id % 3 = 0;
VACUUM hnsw_bit;
VACUUM hnsw_bit;
INSERT INTO hnsw_bit SELECT 1000 + i, pg_temp.bits(i, 77)::bit(77) FROM generate_series(440, 500) i;
SELECT number, pg_temp.compare('hnsw_bit', format('b <~> B%L', q), 10), pg_temp.compare_all('hnsw_bit', format('b <~> B%L', q)) FROM hnsw_bit_query ORDER BY number;
SELECT * FROM pg_temp.damage('hnsw_bit_index');
DROP INDEX hnsw_bit_index;

CREATE INDEX hnsw_bit_index ON hnsw_bit USING hnsw (b bit_jaccard_ops);
SELECT number, pg_temp.compare('hnsw_bit', format('b <%%> B%L', q), 10), pg_temp.compare_all('hnsw_bit', format('b <%%> B%L', q)) FROM hnsw_bit_query ORDER BY number;
SELECT * FROM pg_temp.damage('hnsw_bit_index');
BEGIN;
SET LOCAL enable_seqscan = off;
SELECT count(*) FROM (SELECT id FROM hnsw_bit ORDER BY b <%> (SELECT NULL::bit)) found;
SELECT pg_temp.error_of($$SELECT id FROM hnsw_bit ORDER BY b <%> B'101' LIMIT 1$$);
ROLLBACK;

-- An index that begins empty; strings as long as an index takes, which have no room beside their edges.
CREATE TABLE hnsw_bit_long (id int, b bit(64000));
CREATE INDEX hnsw_bit_long_index ON hnsw_bit_long USING hnsw (b bit_hamming_ops) WITH (m = 4, ef_construction = 20);
INSERT INTO hnsw_bit_long SELECT i, repeat(pg_temp.bits(i, 64), 1000)::bit(64000) FROM generate_series(1, 30) i;
SELECT pg_temp.compare('hnsw_bit_long', format('b <~> B%L', repeat(pg_temp.bits(77, 64), 1000)), 10);
REINDEX INDEX hnsw_bit_long_index;
SELECT pg_temp.compare('hnsw_bit_long', format('b <~> B%L', repeat(pg_temp.bits(77, 64), 1000)), 10);
DELETE FROM hnsw_bit_long WHERE id % 2 = 0;
VACUUM hnsw_bit_long;
SELECT pg_temp.compare('hnsw_bit_long', format('b <~> B%L', repeat(pg_temp.bits(77, 64), 1000)), 10);
SELECT * FROM pg_temp.damage('hnsw_bit_long_index');

-- Only bit, by an expression too; and not more of them.
CREATE TABLE hnsw_bit_refused (v varbit(3), b bit(64001));
SELECT pg_temp.error_of('CREATE INDEX ON hnsw_bit_refused USING hnsw (v bit_hamming_ops)');
SELECT pg_temp.error_of('CREATE INDEX ON hnsw_bit_refused USING hnsw ((v::bit(3)) bit_hamming_ops)');
SELECT pg_temp.error_of('CREATE INDEX ON hnsw_bit_refused USING hnsw ((v::bit(64001)) bit_hamming_ops)');
SELECT pg_temp.error_of('CREATE INDEX ON hnsw_bit_refused USING hnsw (b bit_hamming_ops)');
DROP TABLE hnsw_bit, hnsw_bit_query, hnsw_bit_long, hnsw_bit_refused;

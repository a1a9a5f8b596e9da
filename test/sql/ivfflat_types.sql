-- ivfflat on halfvec and bit.
\getenv abs_srcdir PG_ABS_SRCDIR
\set compare :abs_srcdir '/sql/hnsw_compare.psql'
\i :compare
\set error_of :abs_srcdir '/sql/error_of.psql'
\i :error_of
SET ivfflat.probes = 8;
-- Rows of lists that are opened later may be nearer.
SET hnsw.iterative_scan = relaxed_order;
CREATE TABLE ivf_h (id int PRIMARY KEY, v halfvec(20));
INSERT INTO ivf_h SELECT i, pg_temp.make(i, 20)::halfvec FROM generate_series(1, 600) i;
CREATE INDEX ivf_h_l2 ON ivf_h USING ivfflat (v halfvec_l2_ops) WITH (lists = 8);
CREATE INDEX ivf_h_ip ON ivf_h USING ivfflat (v halfvec_ip_ops) WITH (lists = 8);
CREATE INDEX ivf_h_cosine ON ivf_h USING ivfflat (v halfvec_cosine_ops) WITH (lists = 8);
INSERT INTO ivf_h SELECT i, pg_temp.make(i, 20)::halfvec FROM generate_series(601, 800) i;
DELETE FROM ivf_h WHERE id % 4 = 0;
SELECT o, pg_temp.compare('ivf_h', format('v %s %L', o, pg_temp.make(9999, 20)::halfvec), 10), pg_temp.compare_all('ivf_h', format('v %s %L', o, pg_temp.make(9999, 20)::halfvec))
FROM unnest(ARRAY['<->', '<#>', '<=>']) o;
VACUUM (INDEX_CLEANUP ON) ivf_h;
SELECT message FROM (VALUES ('ivf_h_l2'), ('ivf_h_ip'), ('ivf_h_cosine')) i (name), LATERAL pg_temp.damage(name::regclass);
DROP TABLE ivf_h;

CREATE TABLE ivf_b (id int PRIMARY KEY, v bit(300));
CREATE FUNCTION pg_temp.bits(i bigint, n int) RETURNS bit LANGUAGE sql IMMUTABLE AS
    $$SELECT string_agg(CASE WHEN x > 0 THEN '1' ELSE '0' END, '' ORDER BY ordinality)::bit(300) FROM unnest(pg_temp.make(i, n)::real[]) WITH ORDINALITY x$$;
INSERT INTO ivf_b SELECT i, pg_temp.bits(i, 300) FROM generate_series(1, 600) i;
CREATE INDEX ivf_b_hamming ON ivf_b USING ivfflat (v bit_hamming_ops) WITH (lists = 8);
INSERT INTO ivf_b SELECT i, pg_temp.bits(i, 300) FROM generate_series(601, 800) i;
DELETE FROM ivf_b WHERE id % 4 = 0;
SELECT pg_temp.compare('ivf_b', format('v <~> %L::bit(300)', pg_temp.bits(9999, 300)), 10), pg_temp.compare_all('ivf_b', format('v <~> %L::bit(300)', pg_temp.bits(9999, 300)));
VACUUM (INDEX_CLEANUP ON) ivf_b;
SELECT message FROM pg_temp.damage('ivf_b_hamming');
SELECT quantizer, vectors, record_bytes FROM vecx_index_info('ivf_b_hamming');
SELECT pg_temp.error_of($$SELECT FROM ivf_b ORDER BY v <~> B'101'$$);
DROP TABLE ivf_b;
CREATE TABLE ivf_b (v bit varying(30), w bit, x vector, y sparsevec(3));
SELECT pg_temp.error_of('CREATE INDEX ON ivf_b USING ivfflat (v bit_hamming_ops)');
SELECT pg_temp.error_of('CREATE INDEX ON ivf_b USING ivfflat ((v::bit(64001)) bit_hamming_ops)');
SELECT pg_temp.error_of('CREATE INDEX ON ivf_b USING ivfflat (x)');
SELECT pg_temp.error_of('CREATE INDEX ON ivf_b USING ivfflat (y)');
SELECT pg_temp.error_of('CREATE INDEX ON ivf_b USING ivfflat (x vector_l1_ops)');
DROP TABLE ivf_b;

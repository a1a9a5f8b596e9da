-- ivfflat on vector: exact within the lists that are opened, whatever the metric; inserts, deletes, VACUUM.
\getenv abs_srcdir PG_ABS_SRCDIR
\set compare :abs_srcdir '/sql/hnsw_compare.psql'
\i :compare
\set error_of :abs_srcdir '/sql/error_of.psql'
\i :error_of
-- Rows of lists that are opened later may be nearer.
SET hnsw.iterative_scan = relaxed_order;
CREATE TABLE ivf_v (id int PRIMARY KEY, v vector(24));
INSERT INTO ivf_v SELECT i, CASE WHEN i % 50 <> 0 THEN pg_temp.make(i, 24) END FROM generate_series(1, 1200) i;
INSERT INTO ivf_v VALUES (5000, array_fill(0, ARRAY[24])::vector);
CREATE INDEX ivf_v_l2 ON ivf_v USING ivfflat (v) WITH (lists = 12);
CREATE INDEX ivf_v_ip ON ivf_v USING ivfflat (v vector_ip_ops) WITH (lists = 12);
CREATE INDEX ivf_v_cosine ON ivf_v USING ivfflat (v vector_cosine_ops) WITH (lists = 12);

-- With all lists open the rows are those of an exact search; with one, further lists are opened until there are rows enough.
CREATE FUNCTION pg_temp.look() RETURNS TABLE (operator text, first_ten text, every text) LANGUAGE sql AS
    $$SELECT o, pg_temp.compare('ivf_v', format('v %s %L', o, pg_temp.make(9999, 24)), 10), pg_temp.compare_all('ivf_v', format('v %s %L', o, pg_temp.make(77777, 24)))
      FROM unnest(ARRAY['<->', '<#>', '<=>']) o$$;
SET ivfflat.probes = 12;
SELECT * FROM pg_temp.look();
SET ivfflat.probes = 1;
SELECT operator, every FROM pg_temp.look();

-- The rows of one list, in order; and off, no more than these.
SET ivfflat.iterative_scan = off;
SET enable_seqscan = off;
SET enable_sort = off;
SELECT count(*) BETWEEN 20 AND 300 FROM (SELECT FROM ivf_v ORDER BY v <-> pg_temp.make(9999, 24) LIMIT 1000) q;
WITH found AS (SELECT v <-> pg_temp.make(9999, 24) AS distance, row_number() OVER () AS n FROM (SELECT v FROM ivf_v ORDER BY v <-> pg_temp.make(9999, 24) LIMIT 1000) q)
SELECT count(*) FROM found a JOIN found b ON b.n = a.n + 1 WHERE b.distance < a.distance;
SET ivfflat.probes = 3;
SELECT count(*) BETWEEN 100 AND 700 FROM (SELECT FROM ivf_v ORDER BY v <-> pg_temp.make(9999, 24) LIMIT 1000) q;
RESET ivfflat.iterative_scan;
SET ivfflat.max_probes = 2;
SELECT count(*) BETWEEN 50 AND 500 FROM (SELECT FROM ivf_v ORDER BY v <-> pg_temp.make(9999, 24) LIMIT 1000) q;
RESET ivfflat.max_probes;
-- A filter that few rows pass is no reason to give fewer than there are.
SET ivfflat.probes = 1;
SELECT count(*) FROM (SELECT FROM ivf_v WHERE id % 100 = 7 ORDER BY v <-> pg_temp.make(9999, 24) LIMIT 12) q;

-- NULL as a query, and a zero vector.
SELECT count(*) FROM (SELECT FROM ivf_v ORDER BY v <-> (SELECT NULL::vector)) q;
SELECT count(*) FROM (SELECT FROM ivf_v ORDER BY v <=> array_fill(0, ARRAY[24])::vector) q;
SELECT pg_temp.error_of($$SELECT FROM ivf_v ORDER BY v <-> '[1,2]'$$);
RESET enable_seqscan;
RESET enable_sort;

-- One by one, and out again; what dies leaves its slot to others.
INSERT INTO ivf_v SELECT i, pg_temp.make(i, 24) FROM generate_series(1201, 1500) i;
DELETE FROM ivf_v WHERE id % 3 = 0;
UPDATE ivf_v SET v = pg_temp.make(id + 7000, 24) WHERE id % 10 = 1;
SET ivfflat.probes = 12;
SELECT * FROM pg_temp.look();
VACUUM (INDEX_CLEANUP ON) ivf_v;
SELECT * FROM pg_temp.look();
SELECT rows, tombstones > 0 AS dead FROM vecx_index_info('ivf_v_l2');
SELECT total_pages AS pages FROM vecx_index_info('ivf_v_l2') \gset
INSERT INTO ivf_v SELECT i, pg_temp.make(i, 24) FROM generate_series(2001, 2300) i;
SELECT * FROM pg_temp.look();
SELECT total_pages <= :pages + 12 FROM vecx_index_info('ivf_v_l2');
SELECT message FROM (VALUES ('ivf_v_l2'), ('ivf_v_ip'), ('ivf_v_cosine')) i (name), LATERAL pg_temp.damage(name::regclass);
SELECT method, lists, trained, quantizer, vectors, dimensions, rows FROM vecx_index_info('ivf_v_l2');
SELECT count(*), sum(rows), bool_and(radius > 0), bool_and(centroid_norm > 0) FROM vecx_index_lists('ivf_v_l2');
SELECT pg_temp.error_of($$SELECT * FROM vecx_index_lists('ivf_v_pkey')$$);

-- All dead: extents leave the lists, and are used again.
DELETE FROM ivf_v;
VACUUM (INDEX_CLEANUP ON) ivf_v;
VACUUM (INDEX_CLEANUP ON) ivf_v;
SELECT rows FROM vecx_index_info('ivf_v_l2');
INSERT INTO ivf_v SELECT i, pg_temp.make(i, 24) FROM generate_series(1, 1500) i;
SELECT * FROM pg_temp.look();
SELECT message FROM (VALUES ('ivf_v_l2'), ('ivf_v_ip'), ('ivf_v_cosine')) i (name), LATERAL pg_temp.damage(name::regclass);
DROP TABLE ivf_v;

-- More than a page for each row.
CREATE TABLE ivf_v (id int, v vector(9000));
INSERT INTO ivf_v SELECT i, pg_temp.make(i, 9000) FROM generate_series(1, 20) i;
CREATE INDEX ivf_v_long ON ivf_v USING ivfflat (v) WITH (lists = 1);
INSERT INTO ivf_v SELECT i, pg_temp.make(i, 9000) FROM generate_series(21, 40) i;
DELETE FROM ivf_v WHERE id % 2 = 0;
VACUUM (INDEX_CLEANUP ON) ivf_v;
INSERT INTO ivf_v SELECT i, pg_temp.make(i, 9000) FROM generate_series(41, 50) i;
SELECT pg_temp.compare_all('ivf_v', format('v <-> %L', pg_temp.make(3, 9000)));
SELECT pg_temp.compare('ivf_v', format('v <-> %L', pg_temp.make(3, 9000)), 10);
SELECT message FROM pg_temp.damage('ivf_v_long');
DROP TABLE ivf_v;

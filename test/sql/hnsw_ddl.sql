-- The life of hnsw indexes: kinds of tables and indexes, rebuilding, emptying, transactions, options at their ends.
\getenv abs_srcdir PG_ABS_SRCDIR
\set compare :abs_srcdir '/sql/hnsw_compare.psql'
\i :compare
\set error_of :abs_srcdir '/sql/error_of.psql'
\i :error_of
SET hnsw.ef_search = 400;
\set method hnsw
\set options ''
\set ddl :abs_srcdir '/sql/index_ddl.psql'
\i :ddl

-- What VACUUM frees is used again, also where it freed one of the three nodes that a page has room for.
CREATE TABLE index_ddl_reuse (id int, v vector(400)) WITH (autovacuum_enabled = off);
INSERT INTO index_ddl_reuse SELECT i, pg_temp.make(i, 400) FROM generate_series(1, 900) i;
CREATE INDEX index_ddl_reuse_index ON index_ddl_reuse USING hnsw (v vector_l2_ops);
DELETE FROM index_ddl_reuse WHERE id % 3 = 0;
VACUUM (INDEX_CLEANUP ON) index_ddl_reuse;
DELETE FROM index_ddl_reuse WHERE id = 1;
VACUUM (INDEX_CLEANUP ON) index_ddl_reuse;
CREATE TABLE index_ddl_reuse_before AS SELECT * FROM vecx_index_info('index_ddl_reuse_index');
INSERT INTO index_ddl_reuse SELECT i, pg_temp.make(i, 400) FROM generate_series(1001, 1280) i;
-- A transaction of another session may have kept VACUUM from freeing them.
SELECT 8152 / before.record_bytes AS nodes_per_page, now.total_pages = before.total_pages OR before.free_slots < 300 AS reused
FROM index_ddl_reuse_before before, vecx_index_info('index_ddl_reuse_index') now;
DROP TABLE index_ddl_reuse, index_ddl_reuse_before;

SELECT pg_temp.error_of($$SELECT * FROM vecx_check('index_ddl_index', sample => -1)$$);

-- Options at their ends.
TRUNCATE index_ddl;
DROP INDEX index_ddl_index;
SELECT pg_temp.fill(1, 300);
CREATE FUNCTION pg_temp.try(options text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    answer text;
BEGIN
    EXECUTE format('CREATE INDEX index_ddl_try ON index_ddl USING hnsw (v vector_l2_ops) WITH (%s)', options);
    PERFORM pg_temp.fill(301, 350);
    SELECT format('m %s, ef_construction %s, %s edges: %s', m, ef_construction, edges, pg_temp.look()) INTO answer FROM vecx_index_info('index_ddl_try');
    answer := answer || coalesce((SELECT '; ' || string_agg(message, '; ') FROM pg_temp.damage('index_ddl_try')), '');
    DROP INDEX index_ddl_try;
    DELETE FROM index_ddl WHERE id > 300;
    RETURN answer;
END $$;
SELECT pg_temp.try('m = 2, ef_construction = 4');
SELECT pg_temp.try('m = 17, ef_construction = 34');
SELECT pg_temp.try('m = 100, ef_construction = 200');
SELECT pg_temp.try('m = 4, ef_construction = 1000, vectors = ''float''');

-- What a build goes through, for pg_stat_progress_create_index.
SELECT n, pg_indexam_progress_phasename(oid, n) FROM pg_am, generate_series(1, 4) n WHERE amname = 'hnsw' ORDER BY n;
DROP TABLE index_ddl, index_ddl_temp, index_ddl_brief, index_ddl_unlogged;

-- The values of a domain are as long as it says; where it does not, nobody does.
CREATE DOMAIN index_ddl_domain AS vector(3);
CREATE DOMAIN index_ddl_any AS vector;
CREATE TABLE index_ddl_domains (id int, v index_ddl_domain, w index_ddl_any);
INSERT INTO index_ddl_domains SELECT i, ARRAY[i, 1, 2]::vector, ARRAY[i, 1]::vector FROM generate_series(1, 20) i;
CREATE INDEX index_ddl_domain_index ON index_ddl_domains USING hnsw (v vector_l2_ops);
SET enable_seqscan = off;
SELECT id FROM index_ddl_domains ORDER BY v <-> '[7.2,1,2]' LIMIT 3;
CREATE INDEX ON index_ddl_domains USING hnsw (w vector_l2_ops);

-- What a failed CREATE INDEX CONCURRENTLY leaves is no damage.
CREATE INDEX CONCURRENTLY index_ddl_failed ON index_ddl_domains USING hnsw ((ARRAY[1 / (id - 5), 2]::vector(2)) vector_l2_ops);
SELECT * FROM vecx_index_info('index_ddl_failed');
SELECT * FROM vecx_check('index_ddl_failed');
DROP TABLE index_ddl_domains;
DROP DOMAIN index_ddl_domain, index_ddl_any;
RESET enable_seqscan;

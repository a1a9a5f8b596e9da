-- The life of hnsw indexes: kinds of tables and indexes, rebuilding, emptying, transactions, options at their ends.
\getenv abs_srcdir PG_ABS_SRCDIR
\set compare :abs_srcdir '/sql/hnsw_compare.psql'
\i :compare
\set error_of :abs_srcdir '/sql/error_of.psql'
\i :error_of
SET hnsw.ef_search = 400;
CREATE TABLE hnsw_ddl (id int PRIMARY KEY, kind int, v vector(16));
CREATE FUNCTION pg_temp.fill(first int, last int, name text DEFAULT 'hnsw_ddl') RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('INSERT INTO %I SELECT i, i %% 10, pg_temp.make(i, 16) FROM generate_series(%s, %s) i', name, first, last);
END $$;
CREATE FUNCTION pg_temp.look(source text DEFAULT 'hnsw_ddl') RETURNS text LANGUAGE sql AS
    $$SELECT pg_temp.compare(source, format('v <-> %L', pg_temp.make(9999, 16)), 10) || ' and ' || pg_temp.compare_all(source, format('v <-> %L', pg_temp.make(9999, 16)))$$;
SELECT pg_temp.fill(1, 300);

-- A partial index is taken where its condition holds.
CREATE INDEX hnsw_ddl_partial ON hnsw_ddl USING hnsw (v vector_l2_ops) WHERE kind < 5;
SELECT pg_temp.fill(301, 400);
SELECT pg_temp.look('hnsw_ddl WHERE kind < 5'), pg_temp.look('hnsw_ddl');
UPDATE hnsw_ddl SET kind = 9 - kind WHERE id % 4 = 0;
SELECT pg_temp.look('hnsw_ddl WHERE kind < 5');
VACUUM (INDEX_CLEANUP ON) hnsw_ddl;
SELECT * FROM pg_temp.damage('hnsw_ddl_partial');
DROP INDEX hnsw_ddl_partial;

-- An index of an expression.
CREATE INDEX hnsw_ddl_expression ON hnsw_ddl USING hnsw ((subvector(v, 1, 8)::vector(8)) vector_l2_ops);
SELECT pg_temp.compare('hnsw_ddl', format('subvector(v, 1, 8)::vector(8) <-> %L', pg_temp.make(9999, 8)), 10);
SELECT * FROM pg_temp.damage('hnsw_ddl_expression');
DROP INDEX hnsw_ddl_expression;

-- Nothing but the vector.
SELECT pg_temp.error_of('CREATE INDEX ON hnsw_ddl USING hnsw (v vector_l2_ops, kind)');
SELECT pg_temp.error_of('CREATE INDEX ON hnsw_ddl USING hnsw (v vector_l2_ops, v vector_ip_ops)');
SELECT pg_temp.error_of('CREATE INDEX ON hnsw_ddl USING hnsw (v vector_l2_ops) INCLUDE (kind)');
SELECT pg_temp.error_of('CREATE UNIQUE INDEX ON hnsw_ddl USING hnsw (v vector_l2_ops)');
CREATE INDEX hnsw_ddl_index ON hnsw_ddl USING hnsw (v vector_l2_ops);
SELECT pg_temp.error_of('CLUSTER hnsw_ddl USING hnsw_ddl_index');

-- Rebuilt in every way.
REINDEX INDEX hnsw_ddl_index;
SELECT pg_temp.look();
REINDEX TABLE CONCURRENTLY hnsw_ddl;
SELECT pg_temp.look();
VACUUM FULL hnsw_ddl;
SELECT pg_temp.look();
ALTER TABLE hnsw_ddl ALTER kind TYPE bigint;
SELECT pg_temp.look();
ALTER TABLE hnsw_ddl ALTER v TYPE vector(8) USING subvector(v, 1, 8);
SELECT pg_temp.compare('hnsw_ddl', format('v <-> %L', pg_temp.make(9999, 8)), 10);
ALTER TABLE hnsw_ddl ALTER v TYPE vector(16) USING pg_temp.make(id, 16);
SELECT pg_temp.look();
ALTER TABLE hnsw_ddl SET UNLOGGED;
SELECT pg_temp.look();
ALTER TABLE hnsw_ddl SET LOGGED;
SELECT pg_temp.look();
SELECT * FROM pg_temp.damage('hnsw_ddl_index');
DROP INDEX hnsw_ddl_index;
CREATE INDEX CONCURRENTLY hnsw_ddl_index ON hnsw_ddl USING hnsw (v vector_l2_ops);
SELECT pg_temp.look();
SELECT indisvalid FROM pg_index WHERE indexrelid = 'hnsw_ddl_index'::regclass;
SELECT * FROM pg_temp.damage('hnsw_ddl_index');

-- Transactions that go back.
BEGIN;
SELECT pg_temp.fill(1001, 1100);
SAVEPOINT inner_one;
SELECT pg_temp.fill(1101, 1200);
DELETE FROM hnsw_ddl WHERE id <= 50;
SELECT pg_temp.look();
ROLLBACK TO inner_one;
SELECT pg_temp.look();
SELECT pg_temp.fill(1101, 1110);
COMMIT;
SELECT pg_temp.look();
BEGIN;
SELECT pg_temp.fill(1201, 1300);
ROLLBACK;
DO $$
BEGIN
    FOR i IN 1 .. 70 LOOP
        BEGIN
            INSERT INTO hnsw_ddl VALUES (2000 + i, 0, pg_temp.make(2000 + i, 16));
            IF i % 2 = 0 THEN
                RAISE division_by_zero;
            END IF;
        EXCEPTION WHEN division_by_zero THEN
        END;
    END LOOP;
END $$;
SELECT pg_temp.look();
VACUUM (INDEX_CLEANUP ON) hnsw_ddl;
SELECT pg_temp.look();
VACUUM (INDEX_CLEANUP ON) hnsw_ddl;
SELECT pg_temp.fill(1201, 1300);
SELECT pg_temp.look();
SELECT * FROM pg_temp.damage('hnsw_ddl_index');
BEGIN;
REINDEX INDEX hnsw_ddl_index;
DROP INDEX hnsw_ddl_index;
ROLLBACK;
SELECT pg_temp.look();

-- Emptied, also within the transaction that made it: that builds anew in the same file.
TRUNCATE hnsw_ddl;
SELECT pg_temp.look();
SELECT pg_temp.fill(1, 100);
SELECT pg_temp.look();
BEGIN;
TRUNCATE hnsw_ddl;
SELECT pg_temp.fill(101, 150);
SELECT pg_temp.look();
ROLLBACK;
SELECT pg_temp.look();
SELECT * FROM pg_temp.damage('hnsw_ddl_index');
BEGIN;
CREATE TABLE hnsw_ddl_new (id int, kind int, v vector(16));
CREATE INDEX hnsw_ddl_new_index ON hnsw_ddl_new USING hnsw (v vector_l2_ops);
SELECT pg_temp.fill(1, 100, 'hnsw_ddl_new');
SELECT pg_temp.look('hnsw_ddl_new');
TRUNCATE hnsw_ddl_new;
SELECT pg_temp.look('hnsw_ddl_new');
SELECT pg_temp.fill(101, 120, 'hnsw_ddl_new');
SELECT pg_temp.look('hnsw_ddl_new');
TRUNCATE hnsw_ddl_new;
SELECT pg_temp.fill(1, 200, 'hnsw_ddl_new');
COMMIT;
SELECT pg_temp.look('hnsw_ddl_new');
SELECT * FROM pg_temp.damage('hnsw_ddl_new_index');
DROP TABLE hnsw_ddl_new;

-- Temporary tables, emptied at the end of transactions too.
CREATE TEMP TABLE hnsw_ddl_temp (id int, kind int, v vector(16));
SELECT pg_temp.fill(1, 200, 'hnsw_ddl_temp');
CREATE INDEX hnsw_ddl_temp_index ON hnsw_ddl_temp USING hnsw (v vector_l2_ops);
SELECT pg_temp.fill(201, 300, 'hnsw_ddl_temp');
DELETE FROM hnsw_ddl_temp WHERE id % 2 = 0;
VACUUM (INDEX_CLEANUP ON) hnsw_ddl_temp;
SELECT pg_temp.look('hnsw_ddl_temp');
SELECT * FROM pg_temp.damage('hnsw_ddl_temp_index');
CREATE TEMP TABLE hnsw_ddl_brief (id int, kind int, v vector(16)) ON COMMIT DELETE ROWS;
CREATE INDEX ON hnsw_ddl_brief USING hnsw (v vector_l2_ops);
BEGIN;
SELECT pg_temp.fill(1, 50, 'hnsw_ddl_brief');
SELECT pg_temp.look('hnsw_ddl_brief');
COMMIT;
SELECT pg_temp.look('hnsw_ddl_brief');

-- Unlogged tables.
CREATE UNLOGGED TABLE hnsw_ddl_unlogged (id int, kind int, v vector(16));
CREATE INDEX hnsw_ddl_unlogged_index ON hnsw_ddl_unlogged USING hnsw (v vector_l2_ops);
SELECT pg_temp.fill(1, 200, 'hnsw_ddl_unlogged');
DELETE FROM hnsw_ddl_unlogged WHERE id % 2 = 0;
VACUUM (INDEX_CLEANUP ON) hnsw_ddl_unlogged;
SELECT pg_temp.look('hnsw_ddl_unlogged');
SELECT * FROM pg_temp.damage('hnsw_ddl_unlogged_index');

-- What VACUUM frees is used again, also where it freed one of the three nodes that a page has room for.
CREATE TABLE hnsw_ddl_reuse (id int, v vector(400)) WITH (autovacuum_enabled = off);
INSERT INTO hnsw_ddl_reuse SELECT i, pg_temp.make(i, 400) FROM generate_series(1, 900) i;
CREATE INDEX hnsw_ddl_reuse_index ON hnsw_ddl_reuse USING hnsw (v vector_l2_ops);
DELETE FROM hnsw_ddl_reuse WHERE id % 3 = 0;
VACUUM (INDEX_CLEANUP ON) hnsw_ddl_reuse;
DELETE FROM hnsw_ddl_reuse WHERE id = 1;
VACUUM (INDEX_CLEANUP ON) hnsw_ddl_reuse;
CREATE TABLE hnsw_ddl_reuse_before AS SELECT * FROM vecx_index_info('hnsw_ddl_reuse_index');
INSERT INTO hnsw_ddl_reuse SELECT i, pg_temp.make(i, 400) FROM generate_series(1001, 1280) i;
-- A transaction of another session may have kept VACUUM from freeing them.
SELECT 8152 / before.record_bytes AS nodes_per_page, now.total_pages = before.total_pages OR before.free_slots < 300 AS reused
FROM hnsw_ddl_reuse_before before, vecx_index_info('hnsw_ddl_reuse_index') now;
DROP TABLE hnsw_ddl_reuse, hnsw_ddl_reuse_before;

-- Partitions, each with an index of its own, attached ones too.
CREATE TABLE hnsw_ddl_parts (id int, kind int, v vector(16)) PARTITION BY RANGE (id);
CREATE TABLE hnsw_ddl_part1 PARTITION OF hnsw_ddl_parts FOR VALUES FROM (0) TO (100);
CREATE TABLE hnsw_ddl_part2 PARTITION OF hnsw_ddl_parts FOR VALUES FROM (100) TO (200);
CREATE INDEX hnsw_ddl_parts_index ON hnsw_ddl_parts USING hnsw (v vector_l2_ops);
CREATE TABLE hnsw_ddl_part3 (LIKE hnsw_ddl_parts);
CREATE INDEX ON hnsw_ddl_part3 USING hnsw (v vector_l2_ops);
ALTER TABLE hnsw_ddl_parts ATTACH PARTITION hnsw_ddl_part3 FOR VALUES FROM (200) TO (301);
SELECT pg_temp.fill(1, 300, 'hnsw_ddl_parts');
SET hnsw.iterative_scan = relaxed_order;
SELECT pg_temp.look('hnsw_ddl_parts');
RESET hnsw.iterative_scan;
SELECT relname, (vecx_index_info(oid)).rows FROM pg_class WHERE relname LIKE 'hnsw_ddl_part%' AND relkind = 'i' ORDER BY relname;
SELECT pg_temp.error_of($$SELECT * FROM vecx_index_info('hnsw_ddl_parts_index')$$), pg_temp.error_of($$SELECT * FROM vecx_check('hnsw_ddl_parts_index')$$);
SELECT pg_temp.error_of($$SELECT * FROM vecx_index_info('hnsw_ddl')$$), pg_temp.error_of($$SELECT * FROM vecx_index_info('hnsw_ddl_pkey')$$);
SELECT pg_temp.error_of($$SELECT * FROM vecx_check('hnsw_ddl_index', sample => -1)$$);
DROP TABLE hnsw_ddl_parts;

-- Options at their ends.
TRUNCATE hnsw_ddl;
DROP INDEX hnsw_ddl_index;
SELECT pg_temp.fill(1, 300);
CREATE FUNCTION pg_temp.try(options text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    answer text;
BEGIN
    EXECUTE format('CREATE INDEX hnsw_ddl_try ON hnsw_ddl USING hnsw (v vector_l2_ops) WITH (%s)', options);
    PERFORM pg_temp.fill(301, 350);
    SELECT format('m %s, ef_construction %s, %s edges: %s', m, ef_construction, edges, pg_temp.look()) INTO answer FROM vecx_index_info('hnsw_ddl_try');
    answer := answer || coalesce((SELECT '; ' || string_agg(message, '; ') FROM pg_temp.damage('hnsw_ddl_try')), '');
    DROP INDEX hnsw_ddl_try;
    DELETE FROM hnsw_ddl WHERE id > 300;
    RETURN answer;
END $$;
SELECT pg_temp.try('m = 2, ef_construction = 4');
SELECT pg_temp.try('m = 17, ef_construction = 34');
SELECT pg_temp.try('m = 100, ef_construction = 200');
SELECT pg_temp.try('m = 4, ef_construction = 1000, vectors = ''float''');

-- What a build goes through, for pg_stat_progress_create_index.
SELECT n, pg_indexam_progress_phasename(oid, n) FROM pg_am, generate_series(1, 4) n WHERE amname = 'hnsw' ORDER BY n;
DROP TABLE hnsw_ddl, hnsw_ddl_temp, hnsw_ddl_brief, hnsw_ddl_unlogged;

-- The values of a domain are as long as it says; where it does not, nobody does.
CREATE DOMAIN hnsw_ddl_domain AS vector(3);
CREATE DOMAIN hnsw_ddl_any AS vector;
CREATE TABLE hnsw_ddl_domains (id int, v hnsw_ddl_domain, w hnsw_ddl_any);
INSERT INTO hnsw_ddl_domains SELECT i, ARRAY[i, 1, 2]::vector, ARRAY[i, 1]::vector FROM generate_series(1, 20) i;
CREATE INDEX hnsw_ddl_domain_index ON hnsw_ddl_domains USING hnsw (v vector_l2_ops);
SET enable_seqscan = off;
SELECT id FROM hnsw_ddl_domains ORDER BY v <-> '[7.2,1,2]' LIMIT 3;
CREATE INDEX ON hnsw_ddl_domains USING hnsw (w vector_l2_ops);

-- What a failed CREATE INDEX CONCURRENTLY leaves is no damage.
CREATE INDEX CONCURRENTLY hnsw_ddl_failed ON hnsw_ddl_domains USING hnsw ((ARRAY[1 / (id - 5), 2]::vector(2)) vector_l2_ops);
SELECT * FROM vecx_index_info('hnsw_ddl_failed');
SELECT * FROM vecx_check('hnsw_ddl_failed');
DROP TABLE hnsw_ddl_domains;
DROP DOMAIN hnsw_ddl_domain, hnsw_ddl_any;
RESET enable_seqscan;

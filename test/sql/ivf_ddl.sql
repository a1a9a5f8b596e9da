-- The life of ivfflat indexes: kinds of tables and indexes, rebuilding, emptying, transactions.
\getenv abs_srcdir PG_ABS_SRCDIR
\set compare :abs_srcdir '/sql/hnsw_compare.psql'
\i :compare
\set error_of :abs_srcdir '/sql/error_of.psql'
\i :error_of
SET ivfflat.probes = 100;
SET client_min_messages = warning;
CREATE TABLE ivf_ddl (id int PRIMARY KEY, kind int, v vector(16));
CREATE FUNCTION pg_temp.fill(first int, last int, name text DEFAULT 'ivf_ddl') RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('INSERT INTO %I SELECT i, i %% 10, pg_temp.make(i, 16) FROM generate_series(%s, %s) i', name, first, last);
END $$;
CREATE FUNCTION pg_temp.look(source text DEFAULT 'ivf_ddl') RETURNS text LANGUAGE sql AS
    $$SELECT pg_temp.compare(source, format('v <-> %L', pg_temp.make(9999, 16)), 10) || ' and ' || pg_temp.compare_all(source, format('v <-> %L', pg_temp.make(9999, 16)))$$;
SELECT pg_temp.fill(1, 300);

-- A partial index is taken where its condition holds.
CREATE INDEX ivf_ddl_partial ON ivf_ddl USING ivfflat (v vector_l2_ops) WITH (lists = 3) WHERE kind < 5;
SELECT pg_temp.fill(301, 400);
SELECT pg_temp.look('ivf_ddl WHERE kind < 5'), pg_temp.look('ivf_ddl');
UPDATE ivf_ddl SET kind = 9 - kind WHERE id % 4 = 0;
SELECT pg_temp.look('ivf_ddl WHERE kind < 5');
VACUUM (INDEX_CLEANUP ON) ivf_ddl;
SELECT * FROM pg_temp.damage('ivf_ddl_partial');
DROP INDEX ivf_ddl_partial;

-- An index of an expression.
CREATE INDEX ivf_ddl_expression ON ivf_ddl USING ivfflat ((subvector(v, 1, 8)::vector(8)) vector_l2_ops) WITH (lists = 4);
SELECT pg_temp.compare('ivf_ddl', format('subvector(v, 1, 8)::vector(8) <-> %L', pg_temp.make(9999, 8)), 10);
SELECT * FROM pg_temp.damage('ivf_ddl_expression');
DROP INDEX ivf_ddl_expression;

-- Nothing but the vector.
SELECT pg_temp.error_of('CREATE INDEX ON ivf_ddl USING ivfflat (v vector_l2_ops, kind)');
SELECT pg_temp.error_of('CREATE INDEX ON ivf_ddl USING ivfflat (v vector_l2_ops, v vector_ip_ops)');
SELECT pg_temp.error_of('CREATE INDEX ON ivf_ddl USING ivfflat (v vector_l2_ops) INCLUDE (kind)');
SELECT pg_temp.error_of('CREATE UNIQUE INDEX ON ivf_ddl USING ivfflat (v vector_l2_ops)');
CREATE INDEX ivf_ddl_index ON ivf_ddl USING ivfflat (v vector_l2_ops) WITH (lists = 4);
SELECT pg_temp.error_of('CLUSTER ivf_ddl USING ivf_ddl_index');

-- Rebuilt in every way.
REINDEX INDEX ivf_ddl_index;
SELECT pg_temp.look();
REINDEX TABLE CONCURRENTLY ivf_ddl;
SELECT pg_temp.look();
VACUUM FULL ivf_ddl;
SELECT pg_temp.look();
ALTER TABLE ivf_ddl ALTER kind TYPE bigint;
SELECT pg_temp.look();
ALTER TABLE ivf_ddl ALTER v TYPE vector(8) USING subvector(v, 1, 8);
SELECT pg_temp.compare('ivf_ddl', format('v <-> %L', pg_temp.make(9999, 8)), 10);
ALTER TABLE ivf_ddl ALTER v TYPE vector(16) USING pg_temp.make(id, 16);
SELECT pg_temp.look();
ALTER TABLE ivf_ddl SET UNLOGGED;
SELECT pg_temp.look();
ALTER TABLE ivf_ddl SET LOGGED;
SELECT pg_temp.look();
SELECT * FROM pg_temp.damage('ivf_ddl_index');
DROP INDEX ivf_ddl_index;
CREATE INDEX CONCURRENTLY ivf_ddl_index ON ivf_ddl USING ivfflat (v vector_l2_ops) WITH (lists = 4);
SELECT pg_temp.look();
SELECT indisvalid FROM pg_index WHERE indexrelid = 'ivf_ddl_index'::regclass;
SELECT * FROM pg_temp.damage('ivf_ddl_index');

-- Transactions that go back.
BEGIN;
SELECT pg_temp.fill(1001, 1100);
SAVEPOINT inner_one;
SELECT pg_temp.fill(1101, 1200);
DELETE FROM ivf_ddl WHERE id <= 50;
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
            INSERT INTO ivf_ddl VALUES (2000 + i, 0, pg_temp.make(2000 + i, 16));
            IF i % 2 = 0 THEN
                RAISE division_by_zero;
            END IF;
        EXCEPTION WHEN division_by_zero THEN
        END;
    END LOOP;
END $$;
SELECT pg_temp.look();
VACUUM (INDEX_CLEANUP ON) ivf_ddl;
SELECT pg_temp.look();
VACUUM (INDEX_CLEANUP ON) ivf_ddl;
SELECT pg_temp.fill(1201, 1300);
SELECT pg_temp.look();
SELECT * FROM pg_temp.damage('ivf_ddl_index');
BEGIN;
REINDEX INDEX ivf_ddl_index;
DROP INDEX ivf_ddl_index;
ROLLBACK;
SELECT pg_temp.look();

-- Emptied, also within the transaction that made it: that builds anew in the same file.
TRUNCATE ivf_ddl;
SELECT pg_temp.look();
SELECT pg_temp.fill(1, 100);
SELECT pg_temp.look();
BEGIN;
TRUNCATE ivf_ddl;
SELECT pg_temp.fill(101, 150);
SELECT pg_temp.look();
ROLLBACK;
SELECT pg_temp.look();
SELECT * FROM pg_temp.damage('ivf_ddl_index');
BEGIN;
CREATE TABLE ivf_ddl_new (id int, kind int, v vector(16));
CREATE INDEX ivf_ddl_new_index ON ivf_ddl_new USING ivfflat (v vector_l2_ops) WITH (lists = 4);
SELECT pg_temp.fill(1, 100, 'ivf_ddl_new');
SELECT pg_temp.look('ivf_ddl_new');
TRUNCATE ivf_ddl_new;
SELECT pg_temp.look('ivf_ddl_new');
SELECT pg_temp.fill(101, 120, 'ivf_ddl_new');
SELECT pg_temp.look('ivf_ddl_new');
TRUNCATE ivf_ddl_new;
SELECT pg_temp.fill(1, 200, 'ivf_ddl_new');
COMMIT;
SELECT pg_temp.look('ivf_ddl_new');
SELECT * FROM pg_temp.damage('ivf_ddl_new_index');
DROP TABLE ivf_ddl_new;

-- Temporary tables, emptied at the end of transactions too.
CREATE TEMP TABLE ivf_ddl_temp (id int, kind int, v vector(16));
SELECT pg_temp.fill(1, 200, 'ivf_ddl_temp');
CREATE INDEX ivf_ddl_temp_index ON ivf_ddl_temp USING ivfflat (v vector_l2_ops) WITH (lists = 4);
SELECT pg_temp.fill(201, 300, 'ivf_ddl_temp');
DELETE FROM ivf_ddl_temp WHERE id % 2 = 0;
VACUUM (INDEX_CLEANUP ON) ivf_ddl_temp;
SELECT pg_temp.look('ivf_ddl_temp');
SELECT * FROM pg_temp.damage('ivf_ddl_temp_index');
CREATE TEMP TABLE ivf_ddl_brief (id int, kind int, v vector(16)) ON COMMIT DELETE ROWS;
CREATE INDEX ON ivf_ddl_brief USING ivfflat (v vector_l2_ops) WITH (lists = 4);
BEGIN;
SELECT pg_temp.fill(1, 50, 'ivf_ddl_brief');
SELECT pg_temp.look('ivf_ddl_brief');
COMMIT;
SELECT pg_temp.look('ivf_ddl_brief');

-- Unlogged tables.
CREATE UNLOGGED TABLE ivf_ddl_unlogged (id int, kind int, v vector(16));
CREATE INDEX ivf_ddl_unlogged_index ON ivf_ddl_unlogged USING ivfflat (v vector_l2_ops) WITH (lists = 4);
SELECT pg_temp.fill(1, 200, 'ivf_ddl_unlogged');
DELETE FROM ivf_ddl_unlogged WHERE id % 2 = 0;
VACUUM (INDEX_CLEANUP ON) ivf_ddl_unlogged;
SELECT pg_temp.look('ivf_ddl_unlogged');
SELECT * FROM pg_temp.damage('ivf_ddl_unlogged_index');

-- Partitions, each with an index of its own, attached ones too.
CREATE TABLE ivf_ddl_parts (id int, kind int, v vector(16)) PARTITION BY RANGE (id);
CREATE TABLE ivf_ddl_part1 PARTITION OF ivf_ddl_parts FOR VALUES FROM (0) TO (100);
CREATE TABLE ivf_ddl_part2 PARTITION OF ivf_ddl_parts FOR VALUES FROM (100) TO (200);
CREATE INDEX ivf_ddl_parts_index ON ivf_ddl_parts USING ivfflat (v vector_l2_ops) WITH (lists = 4);
CREATE TABLE ivf_ddl_part3 (LIKE ivf_ddl_parts);
CREATE INDEX ON ivf_ddl_part3 USING ivfflat (v vector_l2_ops) WITH (lists = 4);
ALTER TABLE ivf_ddl_parts ATTACH PARTITION ivf_ddl_part3 FOR VALUES FROM (200) TO (301);
SELECT pg_temp.fill(1, 300, 'ivf_ddl_parts');
SELECT pg_temp.look('ivf_ddl_parts');
SELECT relname, (vecx_index_info(oid)).rows FROM pg_class WHERE relname LIKE 'ivf_ddl_part%' AND relkind = 'i' ORDER BY relname;
SELECT pg_temp.error_of($$SELECT * FROM vecx_index_info('ivf_ddl_parts_index')$$), pg_temp.error_of($$SELECT * FROM vecx_check('ivf_ddl_parts_index')$$);
SELECT pg_temp.error_of($$SELECT * FROM vecx_index_info('ivf_ddl')$$), pg_temp.error_of($$SELECT * FROM vecx_index_info('ivf_ddl_pkey')$$);
DROP TABLE ivf_ddl_parts;

-- What a build goes through, for pg_stat_progress_create_index.
SELECT amname, n, pg_indexam_progress_phasename(oid, n) FROM pg_am, generate_series(1, 6) n WHERE amname IN ('ivfflat', 'ivfpq') ORDER BY amname, n;
DROP TABLE ivf_ddl, ivf_ddl_temp, ivf_ddl_brief, ivf_ddl_unlogged;

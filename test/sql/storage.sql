-- Values as they lie in tables: short headers, compressed, out of line; and distances to them while the
-- table changes. A distance reads an out-of-line value from where it expects it, behind the value read
-- before; the same value taken apart and put together again in memory is what it is compared with.
\getenv abs_srcdir PG_ABS_SRCDIR
\set error_of :abs_srcdir '/sql/error_of.psql'
\i :error_of

-- A vector of n elements, at most 15,000, that no other seed gives.
CREATE TEMP TABLE base AS SELECT array_agg(sin(i * 78.233) * 10 ORDER BY i)::vector AS v FROM generate_series(1, 16000) i;
CREATE FUNCTION pg_temp.made(seed int, n int) RETURNS vector LANGUAGE sql STABLE AS
    'SELECT subvector(v, abs(seed) % 997 + 1, n) * (1 + seed / 1e6::float8) FROM base';

-- The four kinds of storage, each with small, large and very large values, give the same distances.
CREATE TABLE storage_kinds (id int, n int, plain vector, main vector, external vector, extended vector, half halfvec, sparse sparsevec);
ALTER TABLE storage_kinds ALTER plain SET STORAGE plain, ALTER main SET STORAGE main, ALTER extended SET STORAGE extended, ALTER sparse SET STORAGE extended;
SELECT attname, attstorage FROM pg_attribute WHERE attrelid = 'storage_kinds'::regclass AND attnum > 2 ORDER BY attnum;
INSERT INTO storage_kinds (id, n, main, external, extended, half, sparse)
SELECT id, n, v, v, v, v, v FROM (SELECT id, n, CASE WHEN id % 2 = 0 THEN pg_temp.made(id, n) ELSE array_fill(id, ARRAY[n])::vector END AS v
    FROM generate_series(1, 40) id, LATERAL (VALUES ((ARRAY[1, 3, 30, 31, 32, 500, 600, 1500, 4000, 15000])[id % 10 + 1])) d(n)) t;
UPDATE storage_kinds SET plain = main WHERE n <= 1500;
SELECT pg_column_compression(main) IS NOT NULL AS main, pg_column_compression(external) IS NOT NULL AS external, pg_column_compression(extended) IS NOT NULL AS extended, count(*) > 0 AS there
FROM storage_kinds WHERE n >= 4000 AND id % 2 = 1 GROUP BY 1, 2, 3;
SELECT n, count(*) AS rows, count(*) FILTER (WHERE plain <-> external <> 0 OR main <-> external <> 0 OR extended <-> external <> 0 OR external <-> external <> 0) AS different,
    count(*) FILTER (WHERE (half <-> half) <> 0 OR (sparse <-> external::sparsevec) <> 0) AS others_different,
    count(*) FILTER (WHERE (external <-> q) <> (extended <-> q) OR (main <-> q) <> (external <-> q) OR (external <#> q) <> (extended <#> q)
        OR (external <+> q) <> (main <+> q) OR (half <-> q::halfvec) <> (subvector(half, 1, n) <-> q::halfvec)) AS query_different
FROM storage_kinds, LATERAL (SELECT pg_temp.made(7, n) AS q) query GROUP BY n ORDER BY n;
DROP TABLE storage_kinds;

-- The table that changes: values of several sizes, most of them out of line, some in chunks of several pages.
CREATE TABLE storage_changed (id int PRIMARY KEY, n int, v vector, w vector, h halfvec);
INSERT INTO storage_changed SELECT id, n, pg_temp.made(id, n), pg_temp.made(-id, n), pg_temp.made(id, n)
FROM generate_series(1, 200) id, LATERAL (VALUES ((ARRAY[3, 600, 1500, 1500, 1500, 5000, 499, 1500])[id % 8 + 1])) d(n);
CREATE TEMP TABLE queries AS SELECT n, pg_temp.made(1000, n) AS q, pg_temp.made(1000, n)::halfvec AS hq FROM (VALUES (3), (499), (600), (1500), (5000)) d(n);

-- Rows whose distances, computed from where they lie, differ from those of copies in memory.
CREATE FUNCTION pg_temp.wrong(condition text DEFAULT 'true', ordering text DEFAULT 'id', relation text DEFAULT 'storage_changed') RETURNS TABLE (rows bigint, wrong bigint) LANGUAGE plpgsql AS $$
BEGIN
    RETURN QUERY EXECUTE format('
        SELECT count(*), count(*) FILTER (WHERE a IS DISTINCT FROM b OR c IS DISTINCT FROM d OR e IS DISTINCT FROM f OR g IS DISTINCT FROM h)
        FROM (SELECT v <-> q AS a, subvector(v, 1, n) <-> q AS b, v <-> w AS c, subvector(v, 1, n) <-> subvector(w, 1, n) AS d,
                w <#> v AS e, subvector(w, 1, n) <#> subvector(v, 1, n) AS f, t.h <+> hq AS g, subvector(t.h, 1, n) <+> hq AS h
              FROM (SELECT * FROM %s WHERE %s ORDER BY %s OFFSET 0) t JOIN queries USING (n) OFFSET 0) distances', relation, condition, ordering);
END $$;
SELECT * FROM pg_temp.wrong();

-- In other orders than they were stored in: backward, and scattered.
SELECT * FROM pg_temp.wrong(ordering => 'id DESC');
SELECT * FROM pg_temp.wrong(ordering => 'id * 7919 % 211');

-- The whole expression at once, with v and w from one scan.
SELECT count(*) AS rows, count(*) FILTER (WHERE (v <-> w) <> (subvector(v, 1, n) <-> subvector(w, 1, n))) AS wrong FROM storage_changed;

-- After updates of some rows, whose new values lie behind all others; of one column of two; after updates that change nothing.
UPDATE storage_changed SET v = pg_temp.made(id + 5000, n) WHERE id % 3 = 0;
SELECT * FROM pg_temp.wrong();
UPDATE storage_changed SET w = pg_temp.made(id + 6000, n) WHERE id % 5 = 0;
UPDATE storage_changed SET id = id;
SELECT * FROM pg_temp.wrong();

-- After deleting every other row, and filling the space that VACUUM has freed.
DELETE FROM storage_changed WHERE id % 2 = 0;
SELECT * FROM pg_temp.wrong();
VACUUM storage_changed;
SELECT * FROM pg_temp.wrong();
INSERT INTO storage_changed SELECT id, n, pg_temp.made(id + 7000, n), pg_temp.made(-id, n), pg_temp.made(id, n)
FROM generate_series(2, 200, 2) id, LATERAL (VALUES ((ARRAY[1500, 600, 5000])[id % 3 + 1])) d(n);
SELECT * FROM pg_temp.wrong();

-- What an aborted transaction left behind is never taken for a value.
BEGIN;
INSERT INTO storage_changed SELECT id + 1000, 1500, pg_temp.made(id + 8000, 1500), pg_temp.made(id, 1500), pg_temp.made(id, 1500) FROM generate_series(1, 20) id;
UPDATE storage_changed SET v = pg_temp.made(id + 9000, n) WHERE id % 4 = 1;
SELECT * FROM pg_temp.wrong();
ROLLBACK;
SELECT * FROM pg_temp.wrong();

-- Nor what a savepoint left; the values before it are those that were.
BEGIN;
UPDATE storage_changed SET v = pg_temp.made(id + 10000, n) WHERE id <= 50;
SAVEPOINT before;
UPDATE storage_changed SET v = pg_temp.made(id + 11000, n) WHERE id <= 100;
DELETE FROM storage_changed WHERE id > 150;
SELECT * FROM pg_temp.wrong();
ROLLBACK TO before;
INSERT INTO storage_changed SELECT id + 1000, 1500, pg_temp.made(id + 12000, 1500), pg_temp.made(id, 1500), pg_temp.made(id, 1500) FROM generate_series(1, 20) id;
SELECT * FROM pg_temp.wrong();
SELECT count(*) FROM storage_changed WHERE id <= 50 AND v <-> pg_temp.made(id + 10000, n) <> 0;
COMMIT;
SELECT * FROM pg_temp.wrong();

-- After VACUUM FULL, CLUSTER and a rewrite of the table, all of which move every value.
VACUUM FULL storage_changed;
SELECT * FROM pg_temp.wrong();
CLUSTER storage_changed USING storage_changed_pkey;
SELECT * FROM pg_temp.wrong();
ALTER TABLE storage_changed ALTER h TYPE halfvec USING subvector(h, 1, n);
SELECT * FROM pg_temp.wrong();

-- In one transaction: a plan that is kept computes before and after TRUNCATE, which gives the table a new file.
PREPARE nearest AS SELECT count(*) AS rows, count(*) FILTER (WHERE (v <-> w) <> (subvector(v, 1, n) <-> subvector(w, 1, n))) AS wrong FROM storage_changed;
CREATE TEMP TABLE saved AS SELECT * FROM storage_changed;
BEGIN;
EXECUTE nearest;
TRUNCATE storage_changed;
EXECUTE nearest;
INSERT INTO storage_changed SELECT id, n, w, v, h FROM saved ORDER BY id DESC;
EXECUTE nearest;
SELECT * FROM pg_temp.wrong();
COMMIT;
EXECUTE nearest;

CREATE FUNCTION pg_temp.fetched(direction text, number int) RETURNS TABLE (rows int, wrong int) LANGUAGE plpgsql AS $$
DECLARE
    cursor_ refcursor := 'open_cursor';
    row record;
BEGIN
    rows := 0;
    wrong := 0;
    LOOP
        IF direction = 'forward' THEN FETCH FORWARD FROM cursor_ INTO row; ELSE FETCH BACKWARD FROM cursor_ INTO row; END IF;
        EXIT WHEN NOT FOUND;
        rows := rows + 1;
        IF row.distance IS DISTINCT FROM (SELECT distance FROM known WHERE id = row.id) THEN wrong := wrong + 1; END IF;
        EXIT WHEN rows = number;
    END LOOP;
    RETURN NEXT;
END $$;

-- In a cursor that is open while the table changes: it goes on with the values of its snapshot.
CREATE TEMP TABLE known AS SELECT id, subvector(v, 1, n) <-> subvector(w, 1, n) AS distance FROM storage_changed;
BEGIN;
DECLARE open_cursor NO SCROLL CURSOR FOR SELECT s.id, known.distance = (v <-> w) AS right FROM storage_changed s JOIN known USING (id) WHERE s.id <= 6 ORDER BY s.id;
FETCH 2 FROM open_cursor;
UPDATE storage_changed SET v = w WHERE id <= 6;
FETCH 2 FROM open_cursor;
DELETE FROM storage_changed WHERE id <= 6;
FETCH 2 FROM open_cursor;
ROLLBACK;
BEGIN;
DECLARE open_cursor CURSOR FOR SELECT id, v <-> w AS distance FROM storage_changed;
SELECT * FROM pg_temp.fetched('forward', 50);
UPDATE storage_changed SET v = pg_temp.made(id + 13000, n) WHERE id % 2 = 0;
DELETE FROM storage_changed WHERE id % 3 = 0;
SELECT * FROM pg_temp.fetched('forward', 50);
SELECT * FROM pg_temp.fetched('backward', 70);
INSERT INTO storage_changed SELECT id + 2000, n, w, v, h FROM saved WHERE id <= 60;
SELECT * FROM pg_temp.fetched('forward', 1000);
CLOSE open_cursor;
ROLLBACK;
SELECT * FROM pg_temp.wrong();

-- WITH HOLD, after its transaction has ended and the table has changed.
BEGIN;
DECLARE open_cursor CURSOR WITH HOLD FOR SELECT id, v <-> w AS distance FROM storage_changed;
COMMIT;
BEGIN;
UPDATE storage_changed SET v = w;
SELECT * FROM pg_temp.fetched('forward', 1000);
ROLLBACK;
CLOSE open_cursor;

-- In a PL/pgSQL loop that changes the table between its calls; subtransactions begin and fail in between.
DO $$
DECLARE
    item record;
    fresh vector;
    found_distance float8;
    wrong int := 0;
    loops int := 0;
BEGIN
    FOR item IN SELECT id, n, v, w FROM storage_changed ORDER BY id LIMIT 120 LOOP
        fresh := pg_temp.made(item.id + 14000, item.n);
        IF (item.v <-> item.w) IS DISTINCT FROM (subvector(item.v, 1, item.n) <-> subvector(item.w, 1, item.n)) THEN wrong := wrong + 1; END IF;
        UPDATE storage_changed SET v = fresh WHERE id = item.id;
        SELECT v <-> fresh INTO found_distance FROM storage_changed WHERE id = item.id;
        IF found_distance <> 0 THEN wrong := wrong + 1; END IF;
        BEGIN
            UPDATE storage_changed SET v = w, w = v WHERE id = item.id;
            SELECT v <-> item.w INTO found_distance FROM storage_changed WHERE id = item.id;
            IF found_distance <> 0 THEN wrong := wrong + 1; END IF;
            RAISE division_by_zero;
        EXCEPTION WHEN division_by_zero THEN
            NULL;
        END;
        SELECT (v <-> fresh) + (w <-> item.w) INTO found_distance FROM storage_changed WHERE id = item.id;
        IF found_distance <> 0 THEN wrong := wrong + 1; END IF;
        IF item.id % 7 = 0 THEN
            DELETE FROM storage_changed WHERE id = item.id;
            INSERT INTO storage_changed (id, n, v, w, h) VALUES (item.id, item.n, item.w, item.v, item.w);
            SELECT (v <-> item.w) + (w <-> item.v) INTO found_distance FROM storage_changed WHERE id = item.id;
            IF found_distance <> 0 THEN wrong := wrong + 1; END IF;
        END IF;
        loops := loops + 1;
    END LOOP;
    RAISE NOTICE '% loops, % wrong', loops, wrong;
END $$;
SELECT * FROM pg_temp.wrong();

-- At random, eight rounds of five changes, with their savepoints.
DO $$
DECLARE
    wrong_rows bigint;
    all_wrong bigint := 0;
    all_rows bigint := 0;
    row_count bigint;
BEGIN
    PERFORM setseed(0.25);
    FOR round IN 1 .. 8 LOOP
        FOR change IN 1 .. 5 LOOP
            BEGIN
                CASE floor(random() * 4)
                    WHEN 0 THEN UPDATE storage_changed SET v = pg_temp.made((random() * 1e6)::int, n) WHERE random() < 0.2;
                    WHEN 1 THEN DELETE FROM storage_changed WHERE random() < 0.1;
                    WHEN 2 THEN INSERT INTO storage_changed SELECT 100000 + round * 1000 + change * 100 + i, d.n, pg_temp.made(i + round * 31, d.n), pg_temp.made(i, d.n), pg_temp.made(i, d.n)
                        FROM generate_series(1, 15) i, LATERAL (SELECT queries.n FROM queries ORDER BY random() + i LIMIT 1) d;
                    ELSE UPDATE storage_changed SET w = v, v = w WHERE random() < 0.2;
                END CASE;
                IF random() < 0.3 THEN RAISE division_by_zero; END IF;
            EXCEPTION WHEN division_by_zero THEN
                NULL;
            END;
        END LOOP;
        SELECT rows, wrong INTO row_count, wrong_rows FROM pg_temp.wrong(ordering => (ARRAY['id', 'ctid', 'ctid DESC'])[round % 3 + 1]);
        all_wrong := all_wrong + wrong_rows;
        all_rows := all_rows + row_count;
    END LOOP;
    RAISE NOTICE 'many rows: %, wrong %', all_rows > 500, all_wrong;
END $$;
VACUUM storage_changed;
SELECT rows > 30 AS many, wrong FROM pg_temp.wrong();

-- A query that is out of line itself: from a subselect, from a join, from a lateral reference to every row.
SELECT count(*) AS rows, count(*) FILTER (WHERE (v <-> (SELECT v FROM saved WHERE id = 3)) IS DISTINCT FROM (subvector(v, 1, n) <-> (SELECT subvector(v, 1, n) FROM saved WHERE id = 3))) AS wrong
FROM saved WHERE n = 1500;
SELECT count(*) AS pairs, count(*) FILTER (WHERE (a.v <-> b.v) <> (subvector(a.v, 1, a.n) <-> subvector(b.v, 1, b.n)) OR (b.v <-> a.v) <> (a.v <-> b.v)) AS wrong
FROM saved a JOIN saved b ON a.n = b.n WHERE a.id <= 40 AND b.id <= 40;
SELECT a.id, nearest.id AS nearest FROM saved a, LATERAL (SELECT b.id FROM saved b WHERE b.n = a.n ORDER BY b.v <-> a.v, b.id LIMIT 1) nearest WHERE a.id BETWEEN 1 AND 5 ORDER BY a.id;
PREPARE by_row(int) AS SELECT count(*) FILTER (WHERE (v <-> (SELECT v FROM saved WHERE id = $1)) = 0) AS itself FROM saved WHERE n = (SELECT n FROM saved WHERE id = $1);
EXECUTE by_row(3);
EXECUTE by_row(4);
EXECUTE by_row(5);

-- The same value many times in a row, and two in turn, as both sides of an operator.
SELECT count(*) AS rows, count(*) FILTER (WHERE d <> 0) AS wrong FROM (SELECT v <-> v AS d FROM saved, generate_series(1, 5)) t;
SELECT count(*) AS rows, count(DISTINCT d) AS distances FROM (SELECT CASE WHEN i % 2 = 0 THEN a.v ELSE b.v END <-> CASE WHEN i % 3 = 0 THEN a.v ELSE b.v END AS d
    FROM generate_series(1, 60) i, (SELECT v FROM saved WHERE id = 3) a, (SELECT v FROM saved WHERE id = 11) b) t;

-- In parallel workers, each of which reads its own blocks.
CREATE TABLE storage_parallel AS SELECT * FROM saved;
ANALYZE storage_parallel;
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SET parallel_leader_participation = off;
EXPLAIN (COSTS OFF) SELECT count(*), count(*) FILTER (WHERE (v <-> w) <> (subvector(v, 1, n) <-> subvector(w, 1, n))) FROM storage_parallel;
SELECT count(*) AS rows, count(*) FILTER (WHERE (v <-> w) <> (subvector(v, 1, n) <-> subvector(w, 1, n))) AS wrong FROM storage_parallel;
RESET parallel_setup_cost;
RESET parallel_tuple_cost;
RESET min_parallel_table_scan_size;
RESET parallel_leader_participation;
DROP TABLE storage_parallel;

-- A temporary table, in local buffers, and an unlogged one.
CREATE TEMP TABLE storage_temporary AS SELECT * FROM saved;
SELECT * FROM pg_temp.wrong(relation => 'storage_temporary');
UPDATE storage_temporary SET v = w, w = v WHERE id % 3 = 1;
DELETE FROM storage_temporary WHERE id % 5 = 0;
SELECT * FROM pg_temp.wrong(relation => 'storage_temporary');
CREATE UNLOGGED TABLE storage_unlogged AS SELECT * FROM saved;
UPDATE storage_unlogged SET v = w, w = v WHERE id % 3 = 1;
SELECT * FROM pg_temp.wrong(relation => 'storage_unlogged');
DROP TABLE storage_unlogged;

-- Two tables at once, whose values are read in turn.
SELECT count(*) > 10 AS many, count(*) FILTER (WHERE (a.v <-> b.v) <> (subvector(a.v, 1, a.n) <-> subvector(b.v, 1, b.n))) AS wrong FROM storage_changed a JOIN saved b USING (id) WHERE a.n = b.n;
SELECT count(*) > 10 AS many, count(*) FILTER (WHERE d <> e) AS wrong FROM (
    SELECT (CASE WHEN i = 1 THEN a.v ELSE b.v END) <-> q.q AS d, subvector(CASE WHEN i = 1 THEN a.v ELSE b.v END, 1, 1500) <-> q.q AS e
    FROM storage_changed a JOIN storage_temporary b ON b.id = a.id AND a.n = 1500 AND b.n = 1500, generate_series(1, 2) i, queries q WHERE q.n = 1500) t;

-- Partitions have a TOAST table each.
CREATE TEMP TABLE storage_parts (LIKE saved) PARTITION BY LIST (n);
CREATE TEMP TABLE storage_part_1500 PARTITION OF storage_parts FOR VALUES IN (1500);
CREATE TEMP TABLE storage_part_rest PARTITION OF storage_parts DEFAULT;
INSERT INTO storage_parts SELECT * FROM saved;
SELECT * FROM pg_temp.wrong(relation => 'storage_parts');

-- Bit strings go the same way.
CREATE TEMP TABLE bits AS SELECT id, string_agg(CASE WHEN sin(id * 12.9898 + i * 78.233) > 0 THEN '1' ELSE '0' END, '' ORDER BY i)::varbit AS b FROM generate_series(1, 10) id, generate_series(1, 40000) i GROUP BY id;
ALTER TABLE bits ALTER b SET STORAGE external;
CREATE TEMP TABLE more_bits (LIKE bits INCLUDING STORAGE);
INSERT INTO more_bits SELECT * FROM bits;
SELECT count(*) AS pairs, count(*) FILTER (WHERE (x.b <~> y.b) <> length(replace((x.b # y.b)::text, '0', ''))) AS wrong FROM more_bits x, more_bits y;

-- The dimensions alone need not fetch the whole value.
SELECT count(*) AS rows, count(*) FILTER (WHERE vector_dims(v) <> n OR vector_dims(h) <> n) AS wrong FROM saved;

-- A value out of line that has been compressed.
CREATE TEMP TABLE squeezed (n int, v vector);
ALTER TABLE squeezed ALTER v SET STORAGE extended;
INSERT INTO squeezed SELECT n, array_fill(n, ARRAY[n])::vector FROM (VALUES (15000), (15999), (16000), (1000)) d(n);
SELECT n, pg_column_compression(v) IS NOT NULL AS compressed, v <-> array_fill(n, ARRAY[n])::vector AS zero, round((v <-> array_fill(n - 1, ARRAY[n])::vector) ^ 2) AS squared FROM squeezed ORDER BY n;

DROP TABLE storage_changed;

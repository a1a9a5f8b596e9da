-- hnsw indexes WITH (storage = compact): vectors in halves at the nodes, no codes of neighbors.
\getenv abs_srcdir PG_ABS_SRCDIR
\set compare :abs_srcdir '/sql/hnsw_compare.psql'
\i :compare
-- More candidates than rows: then what comes first is exact.
SET hnsw.ef_search = 1000;
CREATE TABLE hnsw_compact (id int PRIMARY KEY, v vector(20), h halfvec(20));
INSERT INTO hnsw_compact SELECT i, v, v::halfvec FROM (SELECT i, pg_temp.make(i, 20) * array_fill(1 + i % 3, ARRAY[20])::vector AS v FROM generate_series(1, 400) i) made;
INSERT INTO hnsw_compact VALUES (401, NULL, NULL), (402, array_fill(0, ARRAY[20])::vector, array_fill(0, ARRAY[20])::halfvec);
CREATE TABLE hnsw_compact_query (number int, q vector(20));
INSERT INTO hnsw_compact_query SELECT i, pg_temp.make(i * 1000 + 17, 20) FROM generate_series(0, 4) i;
ANALYZE hnsw_compact;

-- Each class: as built, and after rows have come and gone.
CREATE FUNCTION pg_temp.try_class(class text, operator text, options text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
    col text := CASE WHEN class LIKE 'half%' THEN 'h' ELSE 'v' END;
BEGIN
    EXECUTE format('CREATE INDEX hnsw_compact_index ON hnsw_compact USING hnsw (%s %s) WITH (storage = compact%s)', col, class, options);
    RETURN QUERY SELECT format('%s: %s, %s', number, pg_temp.compare('hnsw_compact', format('%s %s %L', col, operator, q), 10),
        pg_temp.compare_all('hnsw_compact', format('%s %s %L', col, operator, q))) FROM hnsw_compact_query ORDER BY number;
    INSERT INTO hnsw_compact SELECT 1000 + i, pg_temp.make(i + 7, 20), pg_temp.make(i + 7, 20)::halfvec FROM generate_series(1, 50) i;
    RETURN QUERY SELECT format('%s: %s', number, pg_temp.compare('hnsw_compact', format('%s %s %L', col, operator, q), 10)) FROM hnsw_compact_query ORDER BY number;
    RETURN QUERY SELECT damage::text FROM pg_temp.damage('hnsw_compact_index') damage;
    DELETE FROM hnsw_compact WHERE id > 1000;
    DROP INDEX hnsw_compact_index;
END $$;
SELECT * FROM pg_temp.try_class('vector_l2_ops', '<->', '');
SELECT * FROM pg_temp.try_class('vector_ip_ops', '<#>', '');
SELECT * FROM pg_temp.try_class('vector_cosine_ops', '<=>', '');
SELECT * FROM pg_temp.try_class('vector_l2_ops', '<->', ', vectors = float');
SELECT * FROM pg_temp.try_class('halfvec_l2_ops', '<->', '');
SELECT * FROM pg_temp.try_class('halfvec_ip_ops', '<#>', '');
SELECT * FROM pg_temp.try_class('halfvec_cosine_ops', '<=>', '');

-- VACUUM, and what it frees is used again.
CREATE INDEX hnsw_compact_index ON hnsw_compact USING hnsw (v vector_l2_ops) WITH (storage = compact);
DELETE FROM hnsw_compact WHERE id % 3 = 0;
VACUUM hnsw_compact;
VACUUM hnsw_compact;
INSERT INTO hnsw_compact SELECT 1000 + i, pg_temp.make(i + 7, 20) FROM generate_series(1, 100) i;
SELECT number, pg_temp.compare('hnsw_compact', format('v <-> %L', q), 10), pg_temp.compare_all('hnsw_compact', format('v <-> %L', q)) FROM hnsw_compact_query ORDER BY number;
SELECT * FROM pg_temp.damage('hnsw_compact_index');

-- Smaller than with codes.
CREATE INDEX hnsw_compact_fast ON hnsw_compact USING hnsw (v vector_l2_ops);
SELECT pg_relation_size('hnsw_compact_index') < pg_relation_size('hnsw_compact_fast') AS smaller;
DROP TABLE hnsw_compact, hnsw_compact_query;

-- Values whose squares are beyond floats are no damage.
CREATE TABLE hnsw_compact_long (id int, v vector(4));
INSERT INTO hnsw_compact_long SELECT i, ARRAY[i * 1e36, 1e37, 1, i % 7]::vector FROM generate_series(1, 100) i;
CREATE INDEX hnsw_compact_long_index ON hnsw_compact_long USING hnsw (v vector_cosine_ops) WITH (storage = compact);
SELECT * FROM vecx_check('hnsw_compact_long_index', true);
DROP TABLE hnsw_compact_long;

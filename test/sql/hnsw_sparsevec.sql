-- hnsw indexes of sparse vectors: each distance, vectors longer than their node, what is refused.
\getenv abs_srcdir PG_ABS_SRCDIR
\set compare :abs_srcdir '/sql/hnsw_compare.psql'
\i :compare
\set error_of :abs_srcdir '/sql/error_of.psql'
\i :error_of
-- More candidates than rows: then what comes first is exact.
SET hnsw.ef_search = 1000;
CREATE FUNCTION pg_temp.sparse(i bigint, count int) RETURNS sparsevec LANGUAGE sql IMMUTABLE AS
    $$SELECT ('{' || string_agg(format('%s:%s', at, 1 + at * i % 7), ',' ORDER BY at) || '}/3000')::sparsevec
      FROM (SELECT DISTINCT 1 + (i * j * j + j * 7) % 300 AS at FROM generate_series(1, count) j) places$$;
-- One in twenty has more elements than a node has room for.
CREATE TABLE hnsw_sparse (id int PRIMARY KEY, s sparsevec(3000));
INSERT INTO hnsw_sparse SELECT i, pg_temp.sparse(i, CASE WHEN i % 20 = 0 THEN 250 ELSE 5 + i % 20 END) FROM generate_series(1, 400) i;
INSERT INTO hnsw_sparse VALUES (401, NULL), (402, '{}/3000');
CREATE TABLE hnsw_sparse_query (number int, q sparsevec(3000));
INSERT INTO hnsw_sparse_query SELECT i, pg_temp.sparse(i * 1000 + 17, 10 + 40 * i) FROM generate_series(0, 4) i;
ANALYZE hnsw_sparse;

-- Each class: as built, and after rows have come and gone.
CREATE FUNCTION pg_temp.try_class(class text, operator text) RETURNS SETOF text LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('CREATE INDEX hnsw_sparse_index ON hnsw_sparse USING hnsw (s %s)', class);
    RETURN QUERY SELECT format('%s: %s, %s', number, pg_temp.compare('hnsw_sparse', format('s %s %L', operator, q), 10),
        pg_temp.compare_all('hnsw_sparse', format('s %s %L', operator, q))) FROM hnsw_sparse_query ORDER BY number;
    INSERT INTO hnsw_sparse SELECT 1000 + i, pg_temp.sparse(i, 5 + i * 4) FROM generate_series(401, 450) i;
    RETURN QUERY SELECT format('%s: %s', number, pg_temp.compare('hnsw_sparse', format('s %s %L', operator, q), 10)) FROM hnsw_sparse_query ORDER BY number;
    RETURN QUERY SELECT damage::text FROM pg_temp.damage('hnsw_sparse_index') damage;
    DELETE FROM hnsw_sparse WHERE id > 1000;
    DROP INDEX hnsw_sparse_index;
END $$;
SELECT * FROM pg_temp.try_class('sparsevec_l2_ops', '<->');
SELECT * FROM pg_temp.try_class('sparsevec_ip_ops', '<#>');
SELECT * FROM pg_temp.try_class('sparsevec_cosine_ops', '<=>');
SELECT * FROM pg_temp.try_class('sparsevec_l1_ops', '<+>');

-- The largest products of vectors of few elements, built and inserted: of the ten nearest all but few are found.
CREATE FUNCTION pg_temp.of_three(i bigint) RETURNS sparsevec LANGUAGE sql IMMUTABLE AS
    $$SELECT format('{1:%s,2:%s,3:%s}/3', 0.01 + power(sin(i * 12.9898), 2), 0.01 + power(sin(i * 78.233), 2), 0.01 + power(sin(i * 37.719), 2))::sparsevec$$;
CREATE TABLE hnsw_sparse_three AS SELECT i::int AS id, pg_temp.of_three(i) AS s FROM generate_series(1, 3000) i;
ALTER TABLE hnsw_sparse_three ALTER s TYPE sparsevec(3);
CREATE INDEX hnsw_sparse_three_s ON hnsw_sparse_three USING hnsw (s sparsevec_ip_ops);
INSERT INTO hnsw_sparse_three SELECT i, pg_temp.of_three(i) FROM generate_series(3001, 5000) i;
CREATE FUNCTION pg_temp.recall_of_three() RETURNS float8 LANGUAGE sql SET hnsw.ef_search = 40 SET enable_sort = off AS $$
    SELECT count(*) FILTER (WHERE place <= 10 AND found)::float8 / 300 FROM (
        SELECT q, row_number() OVER (PARTITION BY q ORDER BY (s <#> pg_temp.of_three(q)) + 0, id) AS place, id = ANY (ids) AS found FROM hnsw_sparse_three, (
            SELECT q, ARRAY(SELECT id FROM hnsw_sparse_three ORDER BY s <#> pg_temp.of_three(q) LIMIT 10) AS ids FROM generate_series(90001, 90030) q) searches) r
$$;
SELECT pg_temp.recall_of_three() >= 0.985;
SELECT message FROM pg_temp.damage('hnsw_sparse_three_s');
TRUNCATE hnsw_sparse_three;
INSERT INTO hnsw_sparse_three SELECT i, pg_temp.of_three(i) FROM generate_series(1, 3000) i;
SELECT pg_temp.recall_of_three() >= 0.985;
DROP TABLE hnsw_sparse_three;

-- VACUUM frees long vectors as a whole.
CREATE INDEX hnsw_sparse_index ON hnsw_sparse USING hnsw (s sparsevec_l2_ops);
DELETE FROM hnsw_sparse WHERE id % 4 = 0;
VACUUM hnsw_sparse;
VACUUM hnsw_sparse;
INSERT INTO hnsw_sparse SELECT 1000 + i, pg_temp.sparse(i + 400, CASE WHEN i % 20 = 0 THEN 250 ELSE 5 + i % 20 END) FROM generate_series(1, 100) i;
SELECT number, pg_temp.compare('hnsw_sparse', format('s <-> %L', q), 10), pg_temp.compare_all('hnsw_sparse', format('s <-> %L', q)) FROM hnsw_sparse_query ORDER BY number;
SELECT * FROM pg_temp.damage('hnsw_sparse_index');

-- Zeros, NULL, other dimensions.
BEGIN;
SET LOCAL enable_seqscan = off;
SELECT pg_temp.compare('hnsw_sparse', $$s <-> '{}/3000'$$, 10);
SELECT count(*) FROM (SELECT id FROM hnsw_sparse ORDER BY s <-> (SELECT NULL::sparsevec)) found;
SELECT pg_temp.error_of($$SELECT id FROM hnsw_sparse ORDER BY s <-> '{1:1}/5' LIMIT 1$$);
ROLLBACK;

-- A vector may have more dimensions than anything else, but not so many elements.
CREATE TABLE hnsw_sparse_wide (id int, s sparsevec(1000000000));
CREATE INDEX hnsw_sparse_wide_index ON hnsw_sparse_wide USING hnsw (s sparsevec_cosine_ops);
INSERT INTO hnsw_sparse_wide VALUES (1, '{1:1,1000000000:1}/1000000000'), (2, '{1000000000:1}/1000000000'), (3, '{5:1}/1000000000'), (4, '{}/1000000000');
SELECT pg_temp.compare('hnsw_sparse_wide', $$s <=> '{1000000000:2,5:1}/1000000000'$$, 10);
CREATE TABLE hnsw_sparse_long (s sparsevec(1001));
CREATE INDEX hnsw_sparse_long_index ON hnsw_sparse_long USING hnsw (s sparsevec_l2_ops);
SELECT pg_temp.error_of('INSERT INTO hnsw_sparse_long VALUES (array_fill(1, ARRAY[1001])::vector::sparsevec)');
DROP INDEX hnsw_sparse_long_index;
INSERT INTO hnsw_sparse_long VALUES (array_fill(1, ARRAY[1001])::vector::sparsevec);
SELECT pg_temp.error_of('CREATE INDEX ON hnsw_sparse_long USING hnsw (s sparsevec_l2_ops)');
UPDATE hnsw_sparse_long SET s = ('{' || (SELECT string_agg(i || ':1', ',' ORDER BY i) FROM generate_series(2, 1001) i) || '}/1001')::sparsevec;
CREATE INDEX ON hnsw_sparse_long USING hnsw (s sparsevec_l2_ops);
DROP TABLE hnsw_sparse, hnsw_sparse_query, hnsw_sparse_wide, hnsw_sparse_long;

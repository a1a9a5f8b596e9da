-- Plans of exact searches: what the planner makes of the cost of a distance.
\getenv abs_srcdir PG_ABS_SRCDIR
\set error_of :abs_srcdir '/sql/error_of.psql'
\i :error_of
SET work_mem = '4MB';
SET max_parallel_workers_per_gather = 2;

-- The cost that the planner gives a query.
CREATE FUNCTION pg_temp.cost_of(query text) RETURNS float8 LANGUAGE plpgsql AS $$
DECLARE
    plan json;
BEGIN
    EXECUTE 'EXPLAIN (FORMAT json) ' || query INTO plan;
    RETURN plan -> 0 -> 'Plan' ->> 'Total Cost';
END $$;

-- A small table is searched by one process.
CREATE TABLE plan_small (id int PRIMARY KEY, kind int, v vector(8), h halfvec(8), s sparsevec(8), b bit(8));
INSERT INTO plan_small SELECT i, i % 10, array_fill(i, ARRAY[8]), array_fill(i % 100, ARRAY[8]), array_fill(i, ARRAY[8]), (i % 256)::bit(8) FROM generate_series(1, 1000) i;
ANALYZE plan_small;
EXPLAIN (COSTS OFF) SELECT id FROM plan_small ORDER BY v <-> '[1,1,1,1,1,1,1,1]' LIMIT 5;
SELECT id FROM plan_small ORDER BY v <-> '[7,7,7,7,7,7,7,7]', id LIMIT 3;

-- A table of long vectors by several: 7,000 rows are few, but each costs its dimensions.
CREATE TABLE plan_large (id int, kind int, v vector(1000));
INSERT INTO plan_large SELECT i, i % 10, array_fill(i % 100, ARRAY[1000]) FROM generate_series(1, 7000) i;
ANALYZE plan_large;
SET min_parallel_table_scan_size = '64kB';
SET plan_cache_mode = force_generic_plan;
PREPARE nearest_large(vector) AS SELECT id FROM plan_large ORDER BY v <-> $1 LIMIT 5;
EXPLAIN (COSTS OFF) EXECUTE nearest_large(NULL);
EXPLAIN (COSTS OFF) SELECT id FROM plan_large ORDER BY kind + id LIMIT 5;
SELECT id FROM plan_large ORDER BY v <-> array_fill(7, ARRAY[1000])::vector, id LIMIT 3;

-- Serial, when parallel plans are switched off: the same rows.
SET max_parallel_workers_per_gather = 0;
DISCARD PLANS;
EXPLAIN (COSTS OFF) EXECUTE nearest_large(NULL);
SELECT id FROM plan_large ORDER BY v <-> array_fill(7, ARRAY[1000])::vector, id LIMIT 3;
RESET plan_cache_mode;
RESET min_parallel_table_scan_size;

-- A distance costs more than a comparison, one of more dimensions more than one of fewer, one out of line more than one in the row.
CREATE TABLE plan_storage (v vector(1000), p vector(1000), few vector(10));
ALTER TABLE plan_storage ALTER p SET STORAGE plain;
INSERT INTO plan_storage SELECT v, v, subvector(v, 1, 10) FROM generate_series(1, 100) i, LATERAL (SELECT array_fill(i, ARRAY[1000])::vector AS v) made;
ANALYZE plan_storage;
SELECT pg_temp.cost_of('SELECT p <-> p FROM plan_storage') > pg_temp.cost_of('SELECT p < p FROM plan_storage') AS distance,
    pg_temp.cost_of('SELECT p <-> p FROM plan_storage') > pg_temp.cost_of('SELECT few <-> few FROM plan_storage') AS dimensions,
    pg_temp.cost_of('SELECT v <-> p FROM plan_storage') > pg_temp.cost_of('SELECT p <-> p FROM plan_storage') AS out_of_line,
    pg_temp.cost_of('SELECT v <-> v FROM plan_storage') > pg_temp.cost_of('SELECT v <-> p FROM plan_storage') AS both_out_of_line;
DROP TABLE plan_storage;

-- Cheap conditions are checked before the distance, whichever is written first.
EXPLAIN (COSTS OFF) SELECT id FROM plan_small WHERE v <-> '[1,1,1,1,1,1,1,1]' < 5 AND kind = 3;
EXPLAIN (COSTS OFF) SELECT id FROM plan_small WHERE h <=> '[1,1,1,1,1,1,1,1]' < 5 AND kind = 3 AND s <+> '{1:1}/8' < 9 AND b <~> B'11110000' < 3;
SELECT count(*) FROM plan_small WHERE v <-> '[1,1,1,1,1,1,1,1]' < 100 AND kind = 3;

-- A condition on the rows keeps the order of the distance; an index on it is used.
EXPLAIN (COSTS OFF) SELECT id FROM plan_small WHERE id BETWEEN 10 AND 15 ORDER BY v <-> '[1,1,1,1,1,1,1,1]' LIMIT 5;
SELECT id FROM plan_small WHERE id BETWEEN 10 AND 15 ORDER BY v <-> '[12,12,12,12,12,12,12,12]', id LIMIT 5;

-- No index serves the order of a distance: a btree on the column is not used for it.
CREATE INDEX plan_small_v ON plan_small (v);
EXPLAIN (COSTS OFF) SELECT id FROM plan_small ORDER BY v <-> '[1,1,1,1,1,1,1,1]' LIMIT 5;

-- An expression of constants is computed once, when the plan is made.
EXPLAIN (COSTS OFF, VERBOSE) SELECT id FROM plan_small WHERE '[3,0]'::vector <-> '[0,4]' = id;

-- All operators and functions of distance can be planned: with constants, NULL, parameters, subselects, records and columns of any kind.
CREATE VIEW plan_view AS SELECT id, v || v AS v, h FROM plan_small;
SELECT query, pg_temp.error_of('EXPLAIN ' || query)
FROM (VALUES ('SELECT v <-> NULL FROM plan_small'), ('SELECT NULL::vector <#> NULL'), ('SELECT v <=> v, l2_distance(v, v), h <+> h, s <-> s, b <~> b, b <%> B''11111111'' FROM plan_small'),
    ('SELECT cosine_similarity(v, v), vecx_l2_squared(s, s), jaccard_distance(b, b), vector_spherical_distance(v, v) FROM plan_small'),
    ('SELECT v <-> (v + v) FROM plan_view'), ('SELECT a.v <-> b.v FROM plan_small a LEFT JOIN plan_small b USING (id)'),
    ('SELECT (SELECT p.v <-> q.v FROM plan_small q LIMIT 1) FROM plan_small p'), ('SELECT min(v <-> ''[1,1,1,1,1,1,1,1]'') FROM plan_small GROUP BY kind HAVING min(v <-> ''[1,1,1,1,1,1,1,1]'') > 1'),
    ('SELECT x <-> y FROM (VALUES (''[1]''::vector, ''[2]''::vector)) t(x, y)'), ('SELECT x <-> ''[1]'' FROM unnest(ARRAY[''[1]'']::vector[]) x'),
    ('WITH c AS MATERIALIZED (SELECT v FROM plan_small) SELECT v <-> v FROM c'), ('SELECT v <-> (plan_small).v FROM plan_small'),
    ('SELECT sum(v) <-> avg(v) FROM plan_small'), ('SELECT max(v <-> v) OVER (ORDER BY h <-> h) FROM plan_small'),
    ('UPDATE plan_small SET v = v WHERE v <-> v > 1 RETURNING v <-> v'), ('SELECT b::bit(3) <~> B''101'' FROM plan_small'), ('SELECT tableoid, ctid FROM plan_small ORDER BY v <-> v')) q(query);

-- An index on the distance to a point is built and used.
CREATE INDEX plan_small_distance ON plan_small ((v <-> '[1,1,1,1,1,1,1,1]'));
EXPLAIN (COSTS OFF) SELECT id FROM plan_small ORDER BY v <-> '[1,1,1,1,1,1,1,1]' LIMIT 5;
DROP INDEX plan_small_distance;

-- Statistics that are not there, of a table that is empty or was never analyzed.
CREATE TABLE plan_empty (v vector, w vector(3) DEFAULT '[1,2,3]');
EXPLAIN (COSTS OFF) SELECT v FROM plan_empty ORDER BY v <-> '[1]' LIMIT 1;
SELECT v FROM plan_empty ORDER BY v <-> '[1]' LIMIT 1;
ALTER TABLE plan_empty DROP COLUMN v;
SELECT pg_temp.error_of('EXPLAIN SELECT w <-> w FROM plan_empty');

-- A table with children.
CREATE TABLE plan_child () INHERITS (plan_empty);
INSERT INTO plan_child VALUES ('[1,2,4]'), ('[1,2,3]');
SELECT w, w <-> '[1,2,3]' AS distance FROM plan_empty ORDER BY distance LIMIT 2;

-- Prepared: with a plan for each parameter and with one for all.
PREPARE nearest(vector) AS SELECT id FROM plan_small ORDER BY v <-> $1, id LIMIT 2;
SET plan_cache_mode = force_generic_plan;
EXPLAIN (COSTS OFF) EXECUTE nearest('[1,1,1,1,1,1,1,1]');
EXECUTE nearest('[5,5,5,5,5,5,5,5]');
SET plan_cache_mode = force_custom_plan;
EXECUTE nearest('[5,5,5,5,5,5,5,5]');
RESET plan_cache_mode;

-- The support functions bear any function that they are attached to: of no arguments, of other types, of sets.
CREATE FUNCTION plan_none() RETURNS float8 LANGUAGE sql STABLE AS 'SELECT 1::float8' SUPPORT vecx_vector_distance_support;
CREATE FUNCTION plan_int(int) RETURNS float8 LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN $1; END' SUPPORT vecx_vector_distance_support;
CREATE FUNCTION plan_text(text, text, text) RETURNS float8 LANGUAGE plpgsql IMMUTABLE STRICT AS 'BEGIN RETURN length($1 || $2 || $3); END' SUPPORT vecx_halfvec_distance_support;
CREATE FUNCTION plan_name(name, "char", bool) RETURNS float8 LANGUAGE plpgsql STABLE AS 'BEGIN RETURN 2; END' SUPPORT vecx_sparsevec_distance_support;
CREATE FUNCTION plan_record(record) RETURNS float8 LANGUAGE plpgsql STABLE AS 'BEGIN RETURN 3; END' SUPPORT vecx_bit_distance_support;
CREATE FUNCTION plan_variadic(VARIADIC int[]) RETURNS float8 LANGUAGE plpgsql STABLE AS 'BEGIN RETURN 4; END' SUPPORT vecx_bit_distance_support;
CREATE FUNCTION plan_set(vector) RETURNS SETOF int LANGUAGE plpgsql STABLE AS 'BEGIN RETURN NEXT 5; END' SUPPORT vecx_vector_distance_support;
CREATE FUNCTION plan_bool(vector, vector) RETURNS bool LANGUAGE plpgsql STABLE AS 'BEGIN RETURN true; END' SUPPORT vecx_vector_distance_support;
CREATE OPERATOR @@@ (LEFTARG = int, RIGHTARG = int, FUNCTION = int4pl);
CREATE OPERATOR @@! (RIGHTARG = int, FUNCTION = plan_int);
CREATE OPERATOR @@? (LEFTARG = vector, RIGHTARG = vector, FUNCTION = plan_bool);
SELECT plan_none(), plan_int(1), plan_int(NULL), plan_text('a', NULL, 'b'), plan_text('a', 'b', repeat('x', 100)), plan_name('n', 'c', true), plan_record(ROW(1, 2)), plan_variadic(1, 2, 3), plan_set('[1]'), @@! 5;
SELECT count(plan_none() + plan_int(id) + plan_int(kind) + plan_text(id::text, 'x', NULL) + plan_name(id::text::name, 'x', v = v) + plan_record(p) + plan_variadic(id, kind)) AS counted, count(*) FILTER (WHERE v @@? v) AS selected
FROM plan_small p WHERE id <= 10 AND plan_bool(v, '[1]') AND v @@? '[2]' AND plan_int(id) > 3 AND @@! kind >= 0;
SELECT id, five FROM plan_small p, plan_set(v) five WHERE id <= 2 ORDER BY id;

-- A non-superuser may not attach one.
CREATE ROLE regress_vecx_user;
GRANT CREATE ON SCHEMA public TO regress_vecx_user;
SET ROLE regress_vecx_user;
CREATE FUNCTION plan_denied(int) RETURNS int LANGUAGE sql AS 'SELECT 1' SUPPORT vecx_vector_distance_support;
RESET ROLE;
REVOKE CREATE ON SCHEMA public FROM regress_vecx_user;
DROP ROLE regress_vecx_user;

-- Row-level security hides rows before a distance is computed: another dimension there is not noticed.
CREATE TABLE plan_tenants (tenant text, v vector);
INSERT INTO plan_tenants VALUES ('regress_vecx_tenant', '[1,2]'), ('other', '[1,2,3]');
ALTER TABLE plan_tenants ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON plan_tenants USING (tenant = current_user);
CREATE ROLE regress_vecx_tenant;
GRANT SELECT ON plan_tenants TO regress_vecx_tenant;
SET ROLE regress_vecx_tenant;
EXPLAIN (COSTS OFF) SELECT * FROM plan_tenants WHERE v <-> '[1,3]' < 5;
SELECT *, v <-> '[1,3]' AS distance FROM plan_tenants WHERE v <-> '[1,3]' < 5;
RESET ROLE;
DROP TABLE plan_tenants;
DROP ROLE regress_vecx_tenant;

\set VERBOSITY terse
DROP OPERATOR @@@ (int, int);
DROP OPERATOR @@! (NONE, int);
DROP OPERATOR @@? (vector, vector);
DROP FUNCTION plan_none, plan_int, plan_text, plan_name, plan_record, plan_variadic, plan_set, plan_bool;
DROP TABLE plan_small, plan_large, plan_empty, plan_child CASCADE;

-- set operations make columns of relation 0, which the support function must not look up
BEGIN;
CREATE TABLE plan_setop (v vector(3));
ALTER FUNCTION vector_to_sparsevec(vector, integer, boolean) SUPPORT vecx_vector_distance_support;
(SELECT v FROM plan_setop INTERSECT ALL SELECT v FROM plan_setop) UNION ALL SELECT '{1:1}/3'::sparsevec;
ROLLBACK;

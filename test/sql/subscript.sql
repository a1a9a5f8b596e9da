-- v[i]: element i of a vector or halfvec, from 1.
\getenv abs_srcdir PG_ABS_SRCDIR
\set error_of :abs_srcdir '/sql/error_of.psql'
\i :error_of

-- The element is a real.
SELECT ('[1,2.5,-3]'::vector)[1], ('[1,2.5,-3]'::vector)[3], ('[1,0.1]'::halfvec)[2] AS half, pg_typeof(('[1]'::vector)[1]), pg_typeof(('[1]'::halfvec)[1]) AS half_type;

-- Outside of the vector it is NULL, as with arrays.
SELECT i, ('[1,2]'::vector)[i], ('[1,2]'::halfvec)[i] AS half
FROM (VALUES (0), (-1), (3), (2147483647), (-2147483648), (1)) v(i);

-- NULL of a NULL vector and at a NULL index.
SELECT (NULL::vector)[1] IS NULL AS vector, ('[1]'::vector)[NULL] IS NULL AS index, ('[1]'::vector)[NULL::int] IS NULL AS int,
    (NULL::halfvec)[NULL] IS NULL AS both;

-- The index may be of any type that is assigned to integer; a number is rounded.
SELECT ('[1,2,3]'::vector)[2::smallint] AS smallint, ('[1,2,3]'::vector)[2::bigint] AS bigint, ('[1,2,3]'::vector)[1.6] AS numeric, ('[1,2,3]'::vector)['3'] AS literal;
SELECT pg_temp.error_of($$SELECT ('[1]'::vector)[3000000000]$$);
SELECT pg_temp.error_of($$SELECT ('[1]'::vector)['one']$$);
SELECT pg_temp.error_of($$SELECT ('[1]'::vector)['1'::text]$$);
SELECT pg_temp.error_of($$SELECT ('[1]'::vector)[true]$$);
SELECT pg_temp.error_of($$SELECT ('[1]'::halfvec)[now()]$$);

-- The index may be any expression, also one that reads the row.
SELECT id, v[id], v[id + 1], v[vector_dims(v)] AS last, v[(SELECT 1)] AS first
FROM (VALUES (1, '[1,2,3]'::vector), (2, '[4,5]'), (3, '[6]')) t(id, v) ORDER BY id;

-- Slices, more than one subscript and assignment are refused, with a hint.
SELECT pg_temp.error_of($$SELECT ('[1,2,3]'::vector)[1:2]$$);
SELECT pg_temp.error_of($$SELECT ('[1,2,3]'::vector)[:]$$);
SELECT pg_temp.error_of($$SELECT ('[1,2,3]'::halfvec)[2:]$$);
SELECT pg_temp.error_of($$SELECT ('[1,2,3]'::vector)[1][1]$$);
CREATE TEMP TABLE items (id int, v vector(3), h halfvec, many vector[]);
INSERT INTO items VALUES (1, '[1,2,3]', '[4,5]', ARRAY['[1,2]', '[3,4,5]']::vector[]), (2, NULL, NULL, NULL);
SELECT pg_temp.error_of($$UPDATE items SET v[1] = 5$$);
SELECT pg_temp.error_of($$UPDATE items SET v[1:2] = '{1,2}'$$);
SELECT pg_temp.error_of($$UPDATE items SET h[1] = NULL$$);
SELECT pg_temp.error_of($$INSERT INTO items (v[1]) VALUES (1)$$);
SELECT pg_temp.error_of($$DO 'DECLARE v vector := ''[1,2]''; BEGIN v[1] := 3; END'$$);
SELECT * FROM items ORDER BY id;

-- sparsevec has no subscripts.
SELECT pg_temp.error_of($$SELECT ('{1:1}/1'::sparsevec)[1]$$);

-- An element of a column can be filtered, sorted, grouped and indexed by.
SELECT id FROM items WHERE v[2] = 2;
SELECT id, v[1] FROM items ORDER BY v[1] DESC NULLS FIRST;
CREATE INDEX ON items ((v[3]));
SET enable_seqscan = off;
EXPLAIN (COSTS OFF) SELECT id FROM items WHERE v[3] = 3;
SELECT id FROM items WHERE v[3] = 3;
RESET enable_seqscan;
SELECT sum(v[1] * h[2]) FROM items;

-- An array of vectors: the subscripts are those of the array; an element of it has its own in parentheses.
SELECT many[1], many[2], many[3] IS NULL AS outside, (many[2])[3], many[1:1], many[1][2] IS NULL AS two_subscripts FROM items WHERE id = 1;

-- Elements of an array of vectors can be assigned.
UPDATE items SET many[2] = '[7]' WHERE id = 1;
SELECT many FROM items WHERE id = 1;

-- A domain over a vector has subscripts too.
CREATE DOMAIN pg_temp.embedding AS vector(3);
SELECT ('[1,2,3]'::pg_temp.embedding)[2];

-- A field of a composite value.
SELECT (i).v[1], (i).h[1] AS half FROM items AS i WHERE id = 1;

-- In a view, which prints as it was written.
CREATE TEMP VIEW firsts AS SELECT a.id, a.v[1] AS first, a.h[b.id + 1] AS half, (a.many[1])[2] AS nested, (a.v + b.v)[1] AS sum
FROM items a JOIN items b ON b.id = a.id;
SELECT pg_get_viewdef('firsts'::regclass, true);
SELECT * FROM firsts ORDER BY id;

-- In a generated column, a check and an SQL function.
CREATE TEMP TABLE generated (v vector CHECK (v[1] > 0), second real GENERATED ALWAYS AS (v[2]) STORED);
INSERT INTO generated VALUES ('[1,2]'), ('[3]');
INSERT INTO generated VALUES ('[0,2]');
SELECT * FROM generated ORDER BY v;
CREATE FUNCTION pg_temp.element(vector, int) RETURNS real LANGUAGE sql IMMUTABLE AS 'SELECT $1[$2]';
SELECT pg_temp.element('[1,2]', 2);

-- In PL/pgSQL, where a variable is read by index.
DO $$
DECLARE
    v vector := '[1,2,3]';
    sum real := 0;
BEGIN
    FOR i IN 1 .. vector_dims(v) LOOP sum := sum + v[i]; END LOOP;
    RAISE NOTICE 'sum % outside %', sum, v[4];
END $$;

-- A parameter of a prepared statement.
PREPARE element(vector, int) AS SELECT ($1)[$2];
EXECUTE element('[1,2]', 2);
EXECUTE element('[1,2]', NULL);

-- Elements of long values, which lie out of line.
CREATE TEMP TABLE long (v vector, h halfvec);
INSERT INTO long SELECT array_agg(i)::vector, array_agg(i % 2000)::halfvec FROM generate_series(1, 16000) i;
SELECT v[1], v[2000], v[16000], v[16001], h[1999], h[16000] FROM long;

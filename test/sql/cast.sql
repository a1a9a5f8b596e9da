-- Casts between vector, halfvec, sparsevec and arrays.
\getenv abs_srcdir PG_ABS_SRCDIR
\set error_of :abs_srcdir '/sql/error_of.psql'
\i :error_of

-- The 23 casts, i implicit, a on assignment.
SELECT format_type(castsource, NULL) AS source, format_type(casttarget, NULL) AS target, castcontext AS context,
    castmethod AS method, castfunc::regprocedure AS function
FROM pg_cast
WHERE castsource::regtype::text ~ '^(vector|halfvec|sparsevec)$' OR casttarget::regtype::text ~ '^(vector|halfvec|sparsevec)$'
ORDER BY castcontext DESC, format_type(castsource, NULL) COLLATE "C", format_type(casttarget, NULL) COLLATE "C";

-- From vector to the others.
SELECT '[1,-2.5,0]'::vector::real[], '[1,-2.5,0]'::vector::halfvec, '[1,-2.5,0]'::vector::sparsevec, '[1,-2.5,0]'::vector::vector;

-- From halfvec to the others.
SELECT '[1,-2.5,0]'::halfvec::real[], '[1,-2.5,0]'::halfvec::vector, '[1,-2.5,0]'::halfvec::sparsevec, '[1,-2.5,0]'::halfvec::halfvec;

-- From sparsevec to the others.
SELECT '{1:1,2:-2.5}/3'::sparsevec::vector, '{1:1,2:-2.5}/3'::sparsevec::halfvec, '{}/2'::sparsevec::vector;

-- From arrays.
SELECT '{1,-2,0}'::int[]::vector, '{1,-2.5,0}'::real[]::vector, '{1,-2.5,0}'::float8[]::vector, '{1,-2.5,0}'::numeric[]::vector;
SELECT '{1,-2,0}'::int[]::halfvec, '{1,-2.5,0}'::real[]::halfvec, '{1,-2.5,0}'::float8[]::halfvec, '{1,-2.5,0}'::numeric[]::halfvec;
SELECT '{1,-2,0}'::int[]::sparsevec, '{1,-2.5,0}'::real[]::sparsevec, '{1,-2.5,0}'::float8[]::sparsevec,
    '{1,-2.5,0}'::numeric[]::sparsevec;

-- There is no other cast: not from other arrays, not from sparsevec to an array, not from or to bit.
SELECT cast_, pg_temp.error_of('SELECT ' || cast_)
FROM (VALUES ('''{1}''::smallint[]::vector'), ('''{1}''::bigint[]::vector'), ('''{1}''::text[]::vector'),
    ('''[1]''::vector::float8[]'), ('''[1]''::vector::int[]'), ('''{1:1}/1''::sparsevec::real[]'),
    ('B''1''::vector'), ('''[1]''::vector::bit'), ('1::vector')) v(cast_);

-- A vector is a real[] where a function asks for one; a halfvec is not.
CREATE FUNCTION pg_temp.length_of(real[]) RETURNS int LANGUAGE sql AS 'SELECT cardinality($1)';
SELECT pg_temp.length_of('[1,2,3]'::vector), pg_temp.error_of($$SELECT pg_temp.length_of('[1]'::halfvec)$$) LIKE '42883%' AS refused;

-- A vector is a halfvec or a sparsevec where an operator has one of them on the other side; so is a halfvec a sparsevec.
SELECT '[1,2]'::vector <-> '[1,4]'::halfvec AS half, '{1:1}/2'::sparsevec <-> '[1,3]'::vector AS sparse,
    '[1,5]'::halfvec <-> '{1:1}/2'::sparsevec AS half_sparse, pg_typeof('[1]'::vector + '[2]'::halfvec) AS type;

-- Assignment converts.
CREATE TEMP TABLE assigned (v vector(2), h halfvec(2), s sparsevec(2), r real[]);
INSERT INTO assigned (v, h, s) VALUES (ARRAY[1,2], ARRAY[3.5,4], ARRAY[0,5::float8]);
INSERT INTO assigned (v, h, s) SELECT h, s, v FROM assigned;
INSERT INTO assigned (v, h, s) SELECT s, v, h FROM assigned WHERE v = '[1,2]';
INSERT INTO assigned (r) VALUES ('[1,2]'::vector), ('[3,4]'::halfvec);
SELECT * FROM assigned;

-- The type modifier is held against what comes in, by all casts.
SELECT cast_, pg_temp.error_of('SELECT ' || cast_)
FROM (VALUES ('''[1,2]''::vector::halfvec(3)'), ('''[1,2]''::vector::sparsevec(3)'), ('''[1,2]''::halfvec::vector(3)'),
    ('''[1,2]''::halfvec::sparsevec(3)'), ('''{1:1}/2''::sparsevec::vector(3)'), ('''{1:1}/2''::sparsevec::halfvec(3)'),
    ('ARRAY[1,2]::vector(3)'), ('ARRAY[1,2]::real[]::vector(3)'), ('ARRAY[1,2]::float8[]::vector(3)'),
    ('ARRAY[1,2]::numeric[]::vector(3)'), ('ARRAY[1,2]::halfvec(3)'), ('ARRAY[1,2]::real[]::halfvec(3)'),
    ('ARRAY[1,2]::float8[]::halfvec(3)'), ('ARRAY[1,2]::numeric[]::halfvec(3)'), ('ARRAY[1,2]::sparsevec(3)'),
    ('ARRAY[1,2]::real[]::sparsevec(3)'), ('ARRAY[1,2]::float8[]::sparsevec(3)'), ('ARRAY[1,2]::numeric[]::sparsevec(3)')) v(cast_);
SELECT '[1,2]'::vector::halfvec(2), '[1,2]'::vector::sparsevec(2), '{1:1}/2'::sparsevec::vector(2), ARRAY[1,2]::vector(2);

-- NULL gives NULL.
SELECT NULL::vector::halfvec IS NULL AS vector, NULL::halfvec::sparsevec IS NULL AS halfvec,
    NULL::sparsevec::vector IS NULL AS sparsevec, NULL::real[]::vector IS NULL AS "array", NULL::vector::real[] IS NULL AS to_array;

-- NULL elements are refused, also when none is left of a null bitmap that says so.
SELECT array_, pg_temp.error_of(format('SELECT %s::vector', array_)), pg_temp.error_of(format('SELECT %s::halfvec', array_)) AS halfvec,
    pg_temp.error_of(format('SELECT %s::sparsevec', array_)) AS sparsevec
FROM (VALUES ('''{1,NULL}''::int[]'), ('''{NULL}''::real[]'), ('''{1,NULL}''::float8[]'), ('''{1,NULL}''::numeric[]')) v(array_);
SELECT (array_replace('{1,NULL,3}'::real[], NULL, 2))::vector, ('{1,NULL,3}'::real[])[3:3]::vector;

-- NaN and infinity are refused.
SELECT array_, pg_temp.error_of(format('SELECT %s::vector', array_)), pg_temp.error_of(format('SELECT %s::halfvec', array_)) AS halfvec,
    pg_temp.error_of(format('SELECT %s::sparsevec', array_)) AS sparsevec
FROM (VALUES ('''{NaN}''::real[]'), ('''{1,NaN}''::float8[]'), ('''{NaN}''::numeric[]'), ('''{Infinity}''::real[]'),
    ('''{-Infinity}''::float8[]'), ('''{Infinity}''::numeric[]')) v(array_);

-- What is too large for the element type is refused.
SELECT array_, pg_temp.error_of(format('SELECT %s::vector', array_)), pg_temp.error_of(format('SELECT %s::halfvec', array_)) AS halfvec,
    pg_temp.error_of(format('SELECT %s::sparsevec', array_)) AS sparsevec
FROM (VALUES ('''{65519}''::int[]'), ('''{65520}''::int[]'), ('''{-1e5}''::real[]'), ('''{1e39}''::float8[]'), ('''{1e39}''::numeric[]')) v(array_);
SELECT pg_temp.error_of($$SELECT '[65520]'::vector::halfvec$$);
SELECT pg_temp.error_of($$SELECT '{1:-1e6}/1'::sparsevec::halfvec$$);
SELECT '[65519]'::vector::halfvec, '{1:65519}/1'::sparsevec::halfvec;

-- Elements are rounded to the nearest.
SELECT '{16777217,2147483647}'::int[]::vector, '{0.1}'::float8[]::vector, '{0.1}'::numeric[]::vector, '[2049,0.1]'::vector::halfvec;

-- What is too small becomes zero, with its sign, and is not stored in a sparsevec; numeric says so in its own words.
SELECT '{1e-46,-1e-46}'::float8[]::vector, '[1e-8,-1e-8]'::vector::halfvec, '{1e-46,1}'::float8[]::sparsevec;
SELECT pg_temp.error_of($$SELECT '{1e-46}'::numeric[]::vector$$);

-- Arrays must have one dimension and an element.
SELECT array_, pg_temp.error_of(format('SELECT %s::vector', array_)), pg_temp.error_of(format('SELECT %s::halfvec', array_)) AS halfvec,
    pg_temp.error_of(format('SELECT %s::sparsevec', array_)) AS sparsevec
FROM (VALUES ('''{{1,2},{3,4}}''::int[]'), ('''{{{1}}}''::real[]'), ('''{}''::int[]'), ('''{}''::numeric[]')) v(array_);

-- Where an array begins does not matter; a real[] begins with 1.
SELECT '[5:7]={1,2,3}'::real[]::vector, '[-1:1]={1,2,3}'::int[]::halfvec, '[0:1]={0,4}'::numeric[]::sparsevec;
SELECT array_dims('[1,2,3]'::vector::real[]), array_dims('[1,2,3]'::halfvec::real[]);

-- The most dimensions of each type.
SELECT vector_dims(array_fill(1, ARRAY[16000])::vector), vector_dims(array_fill(1, ARRAY[16000])::halfvec),
    l2_norm(array_fill(1, ARRAY[16000])::sparsevec) ^ 2 AS sparsevec, vector_dims('{1:1}/16000'::sparsevec::vector);
SELECT cast_, pg_temp.error_of('SELECT ' || cast_)
FROM (VALUES ('array_fill(1, ARRAY[16001])::vector'), ('array_fill(1::real, ARRAY[16001])::vector'),
    ('array_fill(1::float8, ARRAY[16001])::vector'), ('array_fill(1::numeric, ARRAY[16001])::vector'),
    ('array_fill(1, ARRAY[16001])::halfvec'), ('array_fill(1, ARRAY[16001])::sparsevec'),
    ('''{1:1}/16001''::sparsevec::vector'), ('''{1:1}/1000000000''::sparsevec::vector'),
    ('''{1:1}/16001''::sparsevec::halfvec')) v(cast_);

-- An array may have more elements than a sparsevec stores, when enough of them are zero.
SELECT (array_fill(0, ARRAY[20000]) || 7)::sparsevec;

-- A negative zero is a zero to a sparsevec.
SELECT '[-0,1]'::vector::sparsevec, '[-0,1]'::halfvec::sparsevec;

-- What has been cast to a wider type and back is what it was.
CREATE TEMP TABLE made AS
SELECT ('[' || string_agg(round((sin(n * 12.9898 + i * 78.233) * 1000)::numeric, 2)::text, ',' ORDER BY i) || ']')::halfvec AS h
FROM (VALUES (1), (2), (3), (7), (8), (15), (16), (17), (31), (33), (100), (1000)) d(n), generate_series(1, n) i GROUP BY n;
SELECT count(*) AS values, count(*) FILTER (WHERE h::vector::halfvec = h) AS through_vector,
    count(*) FILTER (WHERE h::sparsevec::halfvec = h) AS through_sparsevec,
    count(*) FILTER (WHERE h::real[]::halfvec = h) AS through_array,
    count(*) FILTER (WHERE h::vector::sparsevec::vector::real[] = h::real[]) AS elements
FROM made;

-- The functions behind the casts can be called by name.
SELECT array_to_vector(ARRAY[1,2], 2, false), vector_to_float4('[1,2]', -1, true), vector('[1,2]'::vector, 2, true);
SELECT pg_temp.error_of($$SELECT array_to_vector(ARRAY[1,2], 3, false)$$);

-- of two faults the one that pgvector finds first is reported: range of all elements, then NaN and infinity
SELECT '{NaN,1e10}'::float8[]::halfvec;
SELECT '{-3,Infinity,65520}'::float8[]::halfvec;
SELECT '{1e10,1e-50}'::numeric[]::halfvec;
SELECT '{NaN,Infinity}'::float8[]::halfvec;

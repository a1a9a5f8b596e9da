-- Stored values whose size does not fit their dimensions: by a broken disk, or by other code that wrote
-- them. A superuser's cast makes such values here. Every function reports them and none crashes.
\getenv abs_srcdir PG_ABS_SRCDIR
\set error_of :abs_srcdir '/sql/error_of.psql'
\i :error_of
CREATE CAST (bytea AS vector) WITHOUT FUNCTION;
CREATE CAST (bytea AS halfvec) WITHOUT FUNCTION;
CREATE CAST (bytea AS sparsevec) WITHOUT FUNCTION;

-- A well-formed value passes: two bytes of dimensions, two of zero, the elements, in the order of the machine.
SELECT '\x020000000000803f000000c0'::bytea::vector AS vector, '\x02000000003c00c0'::bytea::halfvec AS halfvec,
    '\x05000000020000000000000000000000040000000000803f000000c0'::bytea::sparsevec AS sparsevec;

CREATE TEMP TABLE damaged (type regtype, what text, value bytea);
INSERT INTO damaged VALUES
    ('vector', 'empty', ''), ('vector', 'half of a header', '\x0100'), ('vector', 'three bytes', '\x010000'), ('vector', 'no elements', '\x01000000'),
    ('vector', 'too short', '\x020000000000803f'), ('vector', 'too long', '\x010000000000803f000000c0'), ('vector', 'a byte too long', '\x010000000000803f00'),
    ('vector', 'no dimensions', '\x00000000'), ('vector', 'negative', '\xffff00000000803f'), ('vector', 'the most negative', '\x00800000'), ('vector', 'a halfvec', '\x02000000003c00c0'),
    ('vector', 'too many dimensions', '\x813e0000' || decode(repeat('00000000', 16001), 'hex')),
    ('halfvec', 'empty', ''), ('halfvec', 'half of a header', '\x0100'), ('halfvec', 'no elements', '\x01000000'), ('halfvec', 'too short', '\x02000000003c'), ('halfvec', 'too long', '\x01000000003c003c'),
    ('halfvec', 'a byte too long', '\x01000000003c00'), ('halfvec', 'no dimensions', '\x00000000'), ('halfvec', 'negative', '\xffff0000003c'), ('halfvec', 'a vector', '\x020000000000803f000000c0'),
    ('halfvec', 'too many dimensions', '\x813e0000' || decode(repeat('0000', 16001), 'hex')),
    ('sparsevec', 'empty', ''), ('sparsevec', 'half of a header', '\x050000000200'), ('sparsevec', 'no header to the end', '\x0500000000000000000000'), ('sparsevec', 'too short', '\x050000000100000000000000000000'),
    ('sparsevec', 'too long', '\x05000000000000000000000000000000'), ('sparsevec', 'no dimensions', '\x000000000000000000000000'), ('sparsevec', 'negative dimensions', '\xffffffff0000000000000000'),
    ('sparsevec', 'negative elements', '\x05000000ffffffff00000000'), ('sparsevec', 'more elements than dimensions', '\x010000000200000000000000' || decode(repeat('00', 16), 'hex')),
    ('sparsevec', 'elements without end', '\xffffff7fffffff7f00000000'), ('sparsevec', 'too many dimensions', '\x01ca9a3b0000000000000000');

-- Each of them is told apart.
SELECT type, what, pg_temp.error_of(format('SELECT %L::bytea::%s', value, type) || '::text') FROM damaged WHERE length(value) < 1000;
SELECT type, what, pg_temp.error_of(format('SELECT (value::%s)::text FROM damaged WHERE what = %L AND type = %L::regtype', type, what, type)) FROM damaged WHERE length(value) >= 1000;

-- Calls every function of the extension with the value in place of each argument of its type, together with good values in the others.
CREATE FUNCTION pg_temp.answers(damaged_type regtype, value bytea) RETURNS TABLE (function text, answer text) LANGUAGE plpgsql AS $$
DECLARE
    called record;
    arguments text;
    place int;
BEGIN
    FOR called IN
        SELECT p.oid, p.proname, p.proargtypes::regtype[] AS types FROM pg_proc p JOIN pg_depend d ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e'
        WHERE d.refobjid = (SELECT oid FROM pg_extension WHERE extname = 'vecx') AND damaged_type = ANY (p.proargtypes::regtype[]) AND p.prokind = 'f'
        ORDER BY p.oid::regprocedure::text COLLATE "C"
    LOOP
        FOR place IN 0 .. cardinality(called.types) - 1 LOOP
            CONTINUE WHEN called.types[place] <> damaged_type;
            SELECT string_agg(CASE WHEN i = place THEN '$1::' || t ELSE CASE t::text
                    WHEN 'vector' THEN '''[1]''::vector' WHEN 'halfvec' THEN '''[1]''::halfvec' WHEN 'sparsevec' THEN '''{1:1}/1''::sparsevec'
                    WHEN 'integer' THEN '1' WHEN 'bigint' THEN '1::bigint' WHEN 'boolean' THEN 'true' WHEN 'double precision' THEN '2::float8' WHEN 'double precision[]' THEN '''{0}''::float8[]'
                    WHEN 'bytea' THEN 'vecx_pq_train(ARRAY[''[1]'', ''[2]'']::vector[], 1, 4)' END END, ', ' ORDER BY i)
            INTO arguments FROM unnest(called.types) WITH ORDINALITY u(t, n), LATERAL (SELECT n - 1 AS i) zero;
            function := called.oid::regprocedure;
            BEGIN
                EXECUTE format('SELECT %I(%s)', called.proname, arguments) USING value;
                answer := 'no error';
            EXCEPTION WHEN OTHERS THEN
                answer := SQLSTATE || ' ' || SQLERRM;
            END;
            RETURN NEXT;
        END LOOP;
    END LOOP;
END $$;
SELECT type, answer, count(DISTINCT function) > 20 AS many_functions
FROM damaged, LATERAL pg_temp.answers(type, value) GROUP BY type, answer ORDER BY type::text, answer;

-- Operators, subscripts, casts, aggregates and sorting.
SELECT expression, pg_temp.error_of('SELECT ' || expression || ' FROM (SELECT ''\x020000000000803f''::bytea::vector AS v, ''[1,2]''::vector AS good) t')
FROM (VALUES ('v <-> good'), ('good <#> v'), ('v <=> v'), ('v <+> good'), ('v + good'), ('v || good'), ('v * 2'), ('v[1]'), ('v[9]'), ('v = v'), ('v < good'), ('v::halfvec'), ('v::sparsevec'), ('v::real[]'),
    ('v::vector(2)'), ('avg(v)'), ('sum(v) + sum(v)'), ('vector_dims(v)'), ('l2_normalize(v)')) e(expression);
SELECT pg_temp.error_of('SELECT v FROM (SELECT value::vector AS v FROM damaged WHERE type = ''vector''::regtype) t ORDER BY v') LIKE 'XX001 | stored vector is damaged%' AS sort,
    pg_temp.error_of('SELECT v, count(*) FROM (SELECT value::vector AS v FROM damaged WHERE type = ''vector''::regtype OFFSET 0) t GROUP BY v') LIKE 'XX001 | stored vector is damaged%' AS "group";

-- In a table: behind a short header, and out of line, where only the size tells.
CREATE TEMP TABLE stored (id int, v vector, h halfvec, s sparsevec);
INSERT INTO stored VALUES (1, '\x020000000000803f'::bytea::vector, '\x0100'::bytea::halfvec, ''::bytea::sparsevec),
    (2, ('\xe8030000' || decode(repeat('0000803f', 999), 'hex'))::vector, ('\xe8030000' || decode(repeat('003c', 1001), 'hex'))::halfvec, ('\x00ca9a3be803000000000000' || decode(repeat('00000000', 1999), 'hex'))::sparsevec);
SELECT id, pg_column_size(v) AS vector, pg_column_size(h) AS halfvec, pg_column_size(s) AS sparsevec FROM stored ORDER BY id;
SELECT id, expression, pg_temp.error_of(format('SELECT %s FROM stored WHERE id = %s', expression, id))
FROM (VALUES (1), (2)) r(id), (VALUES ('v <-> v'), ('v::text'), ('vector_dims(v)'), ('v[1]'), ('h <=> h'), ('vector_dims(h)'), ('s <+> s'), ('l2_norm(s)'), ('avg(v)')) e(expression) ORDER BY id, expression COLLATE "C";

-- A sparsevec of the right size with indices that are wrong: no element outside is read or written.
SELECT pg_temp.error_of($$SELECT '\x0300000001000000000000000a0000000000803f'::bytea::sparsevec::vector$$) AS too_large,
    pg_temp.error_of($$SELECT '\x030000000100000000000000ffffffff0000803f'::bytea::sparsevec::vector$$) AS negative,
    pg_temp.error_of($$SELECT '\x030000000100000000000000ffffff7f0000803f'::bytea::sparsevec::halfvec$$) AS largest;
SELECT pg_temp.error_of(format('SELECT s %s s, s %s ''{1:1}/3'', s < ''{1:1}/3'', l2_normalize(s), s::text, sparsevec_send(s), vecx_sparsevec_hash(s) FROM (SELECT ''\x030000000200000000000000ffffff7f000000800000803f0000803f''::bytea::sparsevec AS s) t', operator, operator))
FROM (VALUES ('<->'), ('<#>'), ('<=>'), ('<+>')) o(operator);

-- Elements that are NaN or infinite are computed with; sorting ends.
SELECT '\x010000000000c07f'::bytea::vector AS nan, '\x010000000000807f'::bytea::vector AS infinite, '\x010000000000c07f'::bytea::vector <-> '[1]' AS distance;
SELECT count(*) FROM (SELECT v FROM (SELECT CASE WHEN i % 3 = 0 THEN '\x010000000000c07f'::bytea::vector ELSE ARRAY[i * 7919 % 101]::vector END AS v FROM generate_series(1, 1000) i) t ORDER BY v OFFSET 0) sorted;

-- Bit strings, too.
CREATE CAST (bytea AS bit) WITHOUT FUNCTION;
SELECT value, pg_temp.error_of(format('SELECT %L::bytea::"bit" <~> B''11111111''', value)) AS hamming, pg_temp.error_of(format('SELECT B''11111111'' <%%> %L::bytea::"bit"', value)) AS jaccard
FROM (VALUES ('\x'::bytea), ('\x0800'), ('\x08000000'), ('\x08000000ffff'), ('\xffffffff'), ('\xffffff7f00'), ('\x08000000ff')) v(value);
DROP CAST (bytea AS bit);

DROP CAST (bytea AS vector);
DROP CAST (bytea AS halfvec);
DROP CAST (bytea AS sparsevec);

-- Soft errors: from PostgreSQL 16 on pg_input_is_valid() and COPY can pass over a wrong value. Before
-- that there is no such function: here one stands in that catches the error, with the same answer.
SELECT current_setting('server_version_num')::int >= 160000 AS has_soft_errors \gset
\set ECHO none
\if :has_soft_errors
CREATE FUNCTION pg_temp.judge(value text, type text, OUT state text, OUT message text, OUT detail text)
LANGUAGE sql AS $$
    SELECT sql_error_code, message, detail FROM pg_input_error_info(value, type);
$$;
\else
CREATE FUNCTION pg_temp.judge(value text, type text, OUT state text, OUT message text, OUT detail text)
LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('SELECT (jsonb_populate_record(NULL::pg_temp.%I, jsonb_build_object(''value'', $1))).value', 'holder ' || type) USING value;
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL;
    detail := nullif(detail, '');
END $$;
CREATE TYPE pg_temp."holder vector" AS (value vector);
CREATE TYPE pg_temp."holder vector(2)" AS (value vector(2));
CREATE TYPE pg_temp."holder halfvec" AS (value halfvec);
CREATE TYPE pg_temp."holder halfvec(2)" AS (value halfvec(2));
CREATE TYPE pg_temp."holder sparsevec" AS (value sparsevec);
CREATE TYPE pg_temp."holder sparsevec(2)" AS (value sparsevec(2));
CREATE TYPE pg_temp."holder vector[]" AS (value vector[]);
\endif
\set ECHO all

-- vector: every kind of error, and none.
SELECT type, value, state, message, detail
FROM (VALUES (1, 'vector', '[1,2]'), (2, 'vector(2)', '[1,2]'), (3, 'vector', '1'), (4, 'vector', '[1'), (5, 'vector', '[1,]'), (6, 'vector', '[1]x'), (7, 'vector', '[]'),
    (8, 'vector', '[nan]'), (9, 'vector', '[inf]'), (10, 'vector', '[1e39]'), (11, 'vector(2)', '[1]'), (12, 'vector', '[1e-46]')) v(n, type, value),
    LATERAL pg_temp.judge(value, type)
ORDER BY n;
SELECT state, message, detail FROM pg_temp.judge('[' || repeat('1,', 16000) || '1]', 'vector');

-- halfvec.
SELECT type, value, state, message, detail
FROM (VALUES (1, 'halfvec', '[1,2]'), (2, 'halfvec(2)', '[1,2]'), (3, 'halfvec', '1'), (4, 'halfvec', '[1'), (5, 'halfvec', '[1]x'), (6, 'halfvec', '[]'),
    (7, 'halfvec', '[nan]'), (8, 'halfvec', '[-inf]'), (9, 'halfvec', '[65520]'), (10, 'halfvec(2)', '[1]')) v(n, type, value),
    LATERAL pg_temp.judge(value, type)
ORDER BY n;
SELECT state, message, detail FROM pg_temp.judge('[' || repeat('1,', 16000) || '1]', 'halfvec');

-- sparsevec.
SELECT type, value, state, message, detail
FROM (VALUES (1, 'sparsevec', '{1:1}/2'), (2, 'sparsevec(2)', '{1:1}/2'), (3, 'sparsevec', '1'), (4, 'sparsevec', '{1'), (5, 'sparsevec', '{}'), (6, 'sparsevec', '{}/1x'),
    (7, 'sparsevec', '{}/0'), (8, 'sparsevec', '{}/1000000001'), (9, 'sparsevec', '{2:1}/1'), (10, 'sparsevec', '{1:1,1:1}/1'), (11, 'sparsevec', '{1:nan}/1'),
    (12, 'sparsevec', '{1:inf}/1'), (13, 'sparsevec', '{1:1e39}/1'), (14, 'sparsevec', '{1:1e-46}/1'), (15, 'sparsevec(2)', '{}/1'), (16, 'sparsevec(2)', '{9:1}/1')) v(n, type, value),
    LATERAL pg_temp.judge(value, type)
ORDER BY n;
SELECT state, message, detail
FROM (SELECT '{' || string_agg(i || ':1', ',') || '}/20000' AS value FROM generate_series(1, 16001) i) v, LATERAL pg_temp.judge(value, 'sparsevec');

-- An array of vectors judges its elements.
SELECT value, state, message FROM (VALUES ('{"[1]","[2,3]"}'), ('{"[1]","[2,"}')) v(value), LATERAL pg_temp.judge(value, 'vector[]');

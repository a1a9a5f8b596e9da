-- vecx.simd and the reserved prefix.
\getenv abs_srcdir PG_ABS_SRCDIR
\set error_of :abs_srcdir '/sql/error_of.psql'
\i :error_of

-- The library is loaded by its first use.
SELECT '[1]'::vector;

-- It is an enum that only superusers set.
SELECT name, context, vartype, boot_val, reset_val, enumvals, short_desc FROM pg_settings WHERE name LIKE 'vecx.%' ORDER BY name;

-- scalar and auto are there everywhere.
SET vecx.simd = scalar;
SHOW vecx.simd;
SELECT simd FROM vecx_build_info();
SET vecx.simd = auto;
SELECT simd = (regexp_match(simd_available, '\w+$'))[1] AS the_last_is_the_fastest FROM vecx_build_info();

-- Each that is available can be set, the others are refused in words that say why.
DO $$
DECLARE
    level text;
    available text[] := string_to_array((vecx_build_info()).simd_available, ', ');
    detail text;
BEGIN
    FOREACH level IN ARRAY ARRAY['scalar', 'neon', 'avx2', 'avx512'] LOOP
        BEGIN
            PERFORM set_config('vecx.simd', level, true);
            IF level <> ALL (available) THEN RAISE WARNING '% was let in', level; END IF;
            IF (vecx_build_info()).simd <> level THEN RAISE WARNING '% is not in use', level; END IF;
        EXCEPTION WHEN invalid_parameter_value THEN
            GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL;
            IF level = ANY (available) THEN RAISE WARNING '% was refused', level; END IF;
            IF detail <> 'This processor or this build lacks the instructions.' THEN RAISE WARNING '%', detail; END IF;
        END;
    END LOOP;
END $$;

-- No processor has both AVX2 and NEON.
SELECT count(*) > 0 AS refused
FROM (VALUES ('avx2'), ('neon')) l(level)
WHERE pg_temp.error_of(format('SET LOCAL vecx.simd = %s', level))
    = format('22023 | invalid value for parameter "vecx.simd": "%s" | This processor or this build lacks the instructions.', level);

-- Nothing else is a value.
SET vecx.simd = sse;
SET vecx.simd = 1;

-- What was refused changed nothing; SET LOCAL and RESET work.
BEGIN;
SET LOCAL vecx.simd = scalar;
SELECT simd FROM vecx_build_info();
ROLLBACK;
SHOW vecx.simd;
SET vecx.simd = scalar;
RESET vecx.simd;
SHOW vecx.simd;

-- An ordinary user can read it and not set it, unless that was granted.
CREATE ROLE regress_vecx_user;
SET ROLE regress_vecx_user;
SHOW vecx.simd;
SET vecx.simd = scalar;
RESET ROLE;
GRANT SET ON PARAMETER vecx.simd TO regress_vecx_user;
SET ROLE regress_vecx_user;
SET vecx.simd = scalar;
SHOW vecx.simd;
RESET vecx.simd;
RESET ROLE;
REVOKE SET ON PARAMETER vecx.simd FROM regress_vecx_user;

-- Other names that begin with vecx do not exist.
SET vecx.foo = 1;
SELECT pg_temp.error_of($$SELECT set_config('vecx.sim', 'auto', false)$$);

-- Parallel workers compute with the level that was set.
CREATE TABLE settings_parallel AS SELECT i AS id, ARRAY[i, 1]::vector AS v FROM generate_series(1, 3000) i;
ANALYZE settings_parallel;
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SET parallel_leader_participation = off;
SET vecx.simd = scalar;
EXPLAIN (COSTS OFF) SELECT min((vecx_build_info()).simd), max((vecx_build_info()).simd), max(v <-> '[1,1]') FROM settings_parallel;
SELECT min((vecx_build_info()).simd), max((vecx_build_info()).simd), max(v <-> '[1,1]') FROM settings_parallel;
RESET parallel_setup_cost;
RESET parallel_tuple_cost;
RESET min_parallel_table_scan_size;
RESET parallel_leader_participation;
RESET vecx.simd;
DROP TABLE settings_parallel;

-- A function can have it set for itself.
CREATE FUNCTION pg_temp.scalar_distance(vector, vector) RETURNS float8 LANGUAGE sql SET vecx.simd = scalar AS 'SELECT $1 <-> $2';
SELECT pg_temp.scalar_distance('[3,0]', '[0,4]');
SHOW vecx.simd;

-- What is installed.
SELECT vecx_version() = extversion AS same_version FROM pg_extension WHERE extname = 'vecx';
SELECT version = vecx_version() AS version, compiler ~ '^(gcc|clang) \d' AS compiler, postgres ~ '^\d+' AS postgres,
    simd = ANY (string_to_array(simd_available, ', ')) AS simd, simd_available ~ '^scalar' AS scalar FROM vecx_build_info();

-- In a new session it can be set before the library is loaded, and is judged then.
\c -
SET vecx.simd = scalar;
SELECT simd FROM vecx_build_info();
\c -
SET vecx.simd = sse;
SELECT simd = (regexp_match(simd_available, '\w+$'))[1] AS fastest FROM vecx_build_info();
SHOW vecx.simd;

-- What an ordinary user set then does not count.
\c -
SET ROLE regress_vecx_user;
SET vecx.simd = scalar;
SELECT simd = (regexp_match(simd_available, '\w+$'))[1] AS fastest FROM vecx_build_info();
SHOW vecx.simd;
RESET ROLE;

-- An unknown name is removed when the library is loaded.
\c -
SET vecx.foo = 1;
SELECT vecx_version() IS NOT NULL AS loaded;
SHOW vecx.foo;
DROP ROLE regress_vecx_user;

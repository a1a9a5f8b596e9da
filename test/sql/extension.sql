-- CREATE, ALTER and DROP EXTENSION, by whom and into which schema; hostile objects in the way.
-- In a database of its own, so that the other tests keep theirs.
CREATE ROLE regress_vecx_owner LOGIN;
CREATE DATABASE regression_vecx_extension OWNER regress_vecx_owner TEMPLATE template0;
SELECT current_database() AS tested_database \gset
\c regression_vecx_extension
\getenv abs_srcdir PG_ABS_SRCDIR
\set error_of :abs_srcdir '/sql/error_of.psql'
\set SHOW_CONTEXT never

-- Some other user may not install it.
CREATE ROLE regress_vecx_other;
SET ROLE regress_vecx_other;
CREATE EXTENSION vecx;
RESET ROLE;
DROP ROLE regress_vecx_other;

-- From here on as the owner of the database, who is no superuser: the extension is trusted.
SET SESSION AUTHORIZATION regress_vecx_owner;
CREATE EXTENSION vecx;
SELECT extname, extowner::regrole, extnamespace::regnamespace FROM pg_extension WHERE extname = 'vecx';
SELECT '[1,2]'::vector <-> '[1,4]';

-- What is installed in C belongs to the superuser: its owner cannot redefine it.
\i :error_of
SELECT pg_temp.error_of($$CREATE OR REPLACE FUNCTION public.l2_distance(vector, vector) RETURNS float8 LANGUAGE sql AS 'SELECT 0::float8'$$);

-- A second time is an error, or a notice when it may be there.
CREATE EXTENSION vecx;
CREATE EXTENSION IF NOT EXISTS vecx;

-- A superuser can move it to another schema with all that uses it.
CREATE TABLE items (id int, v vector(3), h halfvec, s sparsevec);
INSERT INTO items VALUES (1, '[1,2,3]', '[1]', '{1:1}/2'), (2, '[3,2,1]', '[2]', '{}/2');
CREATE INDEX items_v ON items (v);
CREATE VIEW near AS SELECT id, v <-> '[1,2,3]' AS distance, v + v AS sum, v[1] AS first FROM items WHERE v <> '[0,0,0]';
CREATE SCHEMA elsewhere;
RESET SESSION AUTHORIZATION;
ALTER EXTENSION vecx SET SCHEMA elsewhere;
SET SESSION AUTHORIZATION regress_vecx_owner;
SELECT * FROM items ORDER BY id;
SELECT * FROM near ORDER BY id;
SELECT pg_get_viewdef('near'::regclass) ~ 'OPERATOR\(elsewhere\.<->\)' AS qualified;
SELECT pg_temp.error_of($$SELECT '[1]'::vector$$);
SELECT '[1,2]'::elsewhere.vector OPERATOR(elsewhere.<->) '[1,5]'::elsewhere.vector;
SELECT count(*) FROM pg_proc WHERE pronamespace = 'public'::regnamespace;
SET search_path = elsewhere, public;
SELECT avg(v), sum(h) FROM items;
RESET SESSION AUTHORIZATION;
ALTER EXTENSION vecx SET SCHEMA public;
SET SESSION AUTHORIZATION regress_vecx_owner;
RESET search_path;
SELECT '[1,2]'::vector <-> '[1,5]';

-- It is not dropped while something uses it, and with CASCADE all goes.
DROP EXTENSION vecx;
\set VERBOSITY terse
DROP EXTENSION vecx CASCADE;
\set VERBOSITY default
SELECT count(*) AS left_over FROM pg_proc WHERE probin LIKE '%vecx%';
SELECT attname FROM pg_attribute WHERE attrelid = 'items'::regclass AND attnum > 0 AND NOT attisdropped;

-- Into a schema of choice, and again into another after dropping it.
CREATE EXTENSION vecx SCHEMA elsewhere;
SELECT '[1,2]'::elsewhere.vector OPERATOR(elsewhere.<=>) '[2,4]'::elsewhere.vector;
DROP EXTENSION vecx;
CREATE EXTENSION vecx SCHEMA public;
SELECT '[1,2]'::vector <=> '[2,4]';
DROP EXTENSION vecx;

-- Into a schema that does not exist: refused.
CREATE EXTENSION vecx SCHEMA nowhere;

-- An object in the way, of the same name and signature in the same schema: refused, and nothing is left.
\set VERBOSITY terse
CREATE FUNCTION vecx_version() RETURNS text LANGUAGE sql AS $$SELECT 'mine'$$;
CREATE EXTENSION vecx;
DROP FUNCTION vecx_version();
CREATE FUNCTION hamming_distance(bit, bit) RETURNS float8 LANGUAGE sql AS 'SELECT 0::float8';
CREATE EXTENSION vecx;
DROP FUNCTION hamming_distance(bit, bit);
CREATE FUNCTION vector_avg(float8[]) RETURNS text LANGUAGE sql AS $$SELECT 'mine'$$;
CREATE EXTENSION vecx;
DROP FUNCTION vector_avg(float8[]);
CREATE FUNCTION vecx_refuse_pgvector() RETURNS void LANGUAGE sql AS '';
CREATE EXTENSION vecx;
DROP FUNCTION vecx_refuse_pgvector();
RESET SESSION AUTHORIZATION;
CREATE FUNCTION public.vecx_vector_distance_support(internal) RETURNS internal LANGUAGE internal AS 'generate_series_int4_support';
SET SESSION AUTHORIZATION regress_vecx_owner;
CREATE EXTENSION vecx;
RESET SESSION AUTHORIZATION;
DROP FUNCTION public.vecx_vector_distance_support(internal);
SET SESSION AUTHORIZATION regress_vecx_owner;
CREATE TYPE vector AS (x real);
CREATE EXTENSION vecx;
DROP TYPE vector;
CREATE DOMAIN halfvec AS text;
CREATE EXTENSION vecx;
DROP DOMAIN halfvec;
CREATE TABLE sparsevec (x int);
CREATE EXTENSION vecx;
DROP TABLE sparsevec;
RESET SESSION AUTHORIZATION;
CREATE TYPE public.vector;
SET SESSION AUTHORIZATION regress_vecx_owner;
CREATE EXTENSION vecx;
RESET SESSION AUTHORIZATION;
DROP TYPE public.vector;
SET SESSION AUTHORIZATION regress_vecx_owner;
CREATE OPERATOR <~> (LEFTARG = bit, RIGHTARG = bit, FUNCTION = bitxor);
CREATE EXTENSION vecx;
DROP OPERATOR <~> (bit, bit);

-- Also a mere name for an operator, left behind by a commutator: vecx does not fill in what is not its own.
CREATE FUNCTION nearly(bit, bit) RETURNS float8 LANGUAGE sql AS 'SELECT 0::float8';
CREATE OPERATOR <~~~> (LEFTARG = bit, RIGHTARG = bit, FUNCTION = nearly, COMMUTATOR = <~>);
SELECT pg_temp.error_of('CREATE EXTENSION vecx') ~ '^42501|^55000' AS refused;
DROP OPERATOR <~~~> (bit, bit);
DROP OPERATOR <~> (bit, bit);
DROP FUNCTION nearly;

-- What has one of the names and another signature is not in the way.
CREATE FUNCTION vector(int) RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE EXTENSION vecx;
SELECT '[1]'::vector, vector(5);
DROP EXTENSION vecx;
DROP FUNCTION vector(int);
\set VERBOSITY default
SELECT count(*) AS left_over FROM pg_proc WHERE probin LIKE '%vecx%';

-- The same objects in another schema that comes first in the search path: harmless, vecx uses its own.
CREATE SCHEMA hostile;
SET search_path = hostile, public;
CREATE TYPE hostile.vector AS (x real);
CREATE FUNCTION hostile.l2_distance(hostile.vector, hostile.vector) RETURNS float8 LANGUAGE sql AS 'SELECT -1::float8';
CREATE FUNCTION hostile.hamming_distance(bit, bit) RETURNS float8 LANGUAGE sql AS 'SELECT -1::float8';
CREATE FUNCTION hostile.array_to_vector(real[], int, bool) RETURNS hostile.vector LANGUAGE sql AS 'SELECT ROW(666)::hostile.vector';
CREATE FUNCTION hostile.vecx_refuse_pgvector() RETURNS void LANGUAGE plpgsql AS $$BEGIN RAISE EXCEPTION 'hostile function called'; END$$;
CREATE FUNCTION hostile.vector_accum(float8[], hostile.vector) RETURNS float8[] LANGUAGE sql AS 'SELECT $1';
CREATE OPERATOR hostile.<-> (LEFTARG = hostile.vector, RIGHTARG = hostile.vector, FUNCTION = hostile.l2_distance);
CREATE OPERATOR hostile.<~> (LEFTARG = bit, RIGHTARG = bit, FUNCTION = hostile.hamming_distance);
CREATE EXTENSION vecx SCHEMA public;
SELECT '[0,0]'::public.vector OPERATOR(public.<->) '[3,4]' AS distance, B'11' OPERATOR(public.<~>) B'10' AS hamming, ARRAY[1,2]::real[]::public.vector AS cast,
    (SELECT public.avg(v) FROM (VALUES ('[1]'::public.vector), ('[2]')) t(v)) AS avg;
SELECT o.oid::regoperator, o.oprcode FROM pg_operator o JOIN pg_depend d ON d.classid = 'pg_operator'::regclass AND d.objid = o.oid AND d.deptype = 'e'
WHERE (SELECT pronamespace FROM pg_proc WHERE oid = o.oprcode) <> 'public'::regnamespace;
SELECT c.castfunc::regprocedure FROM pg_cast c JOIN pg_depend d ON d.classid = 'pg_cast'::regclass AND d.objid = c.oid AND d.deptype = 'e'
WHERE (SELECT pronamespace FROM pg_proc WHERE oid = c.castfunc) <> 'public'::regnamespace;
SELECT a.aggfnoid::regprocedure FROM pg_aggregate a JOIN pg_depend d ON d.classid = 'pg_proc'::regclass AND d.objid = a.aggfnoid AND d.deptype = 'e'
WHERE (SELECT pronamespace FROM pg_proc WHERE oid = a.aggtransfn) <> 'public'::regnamespace;
DROP EXTENSION vecx;
\set VERBOSITY terse
DROP SCHEMA hostile CASCADE;
\set VERBOSITY default
RESET search_path;

-- So are those in the temporary schema, which the search path has in front unless it says otherwise.
CREATE TYPE pg_temp.vector AS (x real);
CREATE DOMAIN pg_temp.halfvec AS text;
CREATE TABLE pg_temp.sparsevec (x int);
CREATE FUNCTION pg_temp.vecx_refuse_pgvector() RETURNS void LANGUAGE plpgsql AS $$BEGIN RAISE EXCEPTION 'hostile function called'; END$$;
CREATE EXTENSION vecx;
SELECT '[0,0]'::public.vector OPERATOR(public.<->) '[3,4]' AS distance, ARRAY[1,2]::real[]::public.halfvec, '{1:1}/1'::public.sparsevec;
SELECT p.oid::regprocedure FROM pg_proc p JOIN pg_depend d ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e'
WHERE (SELECT array_agg(typnamespace) FROM pg_type WHERE oid = ANY (p.proargtypes::oid[] || p.prorettype)) && ARRAY[pg_my_temp_schema()];
DROP EXTENSION vecx;
DROP TYPE pg_temp.vector;
DROP DOMAIN pg_temp.halfvec;
DROP TABLE pg_temp.sparsevec;

-- Operators of pg_catalog hidden behind others: harmless, too.
CREATE SCHEMA hostile;
CREATE FUNCTION hostile.never(int, int) RETURNS bool LANGUAGE plpgsql AS $$BEGIN RAISE EXCEPTION 'hostile operator called'; END$$;
CREATE OPERATOR hostile.= (LEFTARG = int, RIGHTARG = int, FUNCTION = hostile.never);
SET search_path = hostile, pg_catalog, public;
CREATE EXTENSION vecx SCHEMA public;
RESET search_path;
SELECT '[1]'::vector = '[1]';
DROP EXTENSION vecx;
\set VERBOSITY terse
DROP SCHEMA hostile CASCADE;
\set VERBOSITY default

-- Beside pgvector, told by an extension of that name, there is one clear error.
RESET SESSION AUTHORIZATION;
INSERT INTO pg_extension (oid, extname, extowner, extnamespace, extrelocatable, extversion) VALUES (4294967290, 'vector', 10, 'public'::regnamespace, true, '0.8.6');
CREATE EXTENSION vecx;
DELETE FROM pg_extension WHERE extname = 'vector';
CREATE EXTENSION vecx;

-- Any user may use what is installed.
CREATE ROLE regress_vecx_user;
SET ROLE regress_vecx_user;
SELECT '[1,2]'::vector <-> '[1,5]', vecx_version() IS NOT NULL AS version;
RESET ROLE;
DROP ROLE regress_vecx_user;

\c :tested_database
DROP DATABASE regression_vecx_extension;
DROP ROLE regress_vecx_owner;

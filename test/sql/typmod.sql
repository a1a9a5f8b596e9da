-- Type modifiers: vector(n), halfvec(n), sparsevec(n).
\getenv abs_srcdir PG_ABS_SRCDIR
\set error_of :abs_srcdir '/sql/error_of.psql'
\i :error_of

-- The modifier is the number of dimensions and shows in the names of types.
CREATE TEMP TABLE typed (v vector(3), h halfvec(16000), s sparsevec(1000000000), u vector, a vector(2)[]);
SELECT attname, format_type(atttypid, atttypmod), atttypmod
FROM pg_attribute WHERE attrelid = 'typed'::regclass AND attnum > 0 ORDER BY attnum;

-- From 1 to the most that the type can have.
SELECT type, pg_temp.error_of(format('SELECT NULL::%s', type))
FROM (VALUES ('vector(1)'), ('vector(16000)'), ('halfvec(1)'), ('halfvec(16000)'), ('sparsevec(1)'),
    ('sparsevec(1000000000)'), ('vector(0)'), ('vector(-1)'), ('vector(16001)'), ('vector(2147483647)'),
    ('halfvec(0)'), ('halfvec(16001)'), ('sparsevec(0)'), ('sparsevec(1000000001)')) v(type);

-- One integer, nothing else.
SELECT type, pg_temp.error_of(format('SELECT NULL::%s', type))
FROM (VALUES ('vector(3,2)'), ('halfvec(3,2)'), ('sparsevec(3,2)'), ('vector(''three'')'),
    ('vector(3.5)'), ('vector(2147483648)')) v(type);

-- Literals are held against it.
SELECT '[1,2,3]'::vector(3), '[1,2,3]'::halfvec(3), '{1:1}/3'::sparsevec(3);
SELECT type, pg_temp.error_of(format('SELECT %L::%s', literal, type))
FROM (VALUES ('vector(2)', '[1,2,3]'), ('halfvec(2)', '[1,2,3]'), ('sparsevec(2)', '{1:1}/3')) v(type, literal);

-- Values are held against it.
SELECT type, pg_temp.error_of(format('SELECT value::%s FROM (SELECT %L::%s AS value) v', type, literal, base))
FROM (VALUES ('vector(2)', 'vector', '[1,2,3]'), ('halfvec(2)', 'halfvec', '[1,2,3]'),
    ('sparsevec(2)', 'sparsevec', '{1:1}/3'), ('vector(3)', 'vector', '[1,2,3]'),
    ('halfvec(3)', 'halfvec', '[1,2,3]'), ('sparsevec(3)', 'sparsevec', '{1:1}/3')) v(type, base, literal);

-- Columns are too, on INSERT and on UPDATE, also from other types and elements of arrays.
INSERT INTO typed (v) VALUES ('[1,2,3]');
INSERT INTO typed (v) VALUES ('[1,2]');
INSERT INTO typed (v) SELECT '[1,2,3]'::vector || '[4]';
INSERT INTO typed (v) VALUES (ARRAY[1,2]);
UPDATE typed SET v = '{1:1}/2'::sparsevec;
INSERT INTO typed (a) VALUES (ARRAY['[1,2]', '[1,2,3]']::vector[]);
INSERT INTO typed (h) VALUES ('[1]');
INSERT INTO typed (s) VALUES ('{}/1');

-- A column without a modifier takes any dimensions.
INSERT INTO typed (u) VALUES ('[1]'), ('[1,2]'), (NULL);
SELECT v, u FROM typed;

-- A column can be given a modifier when its values fit.
ALTER TABLE typed ALTER u TYPE vector(2);
DELETE FROM typed WHERE vector_dims(u) = 1;
ALTER TABLE typed ALTER u TYPE vector(2);
ALTER TABLE typed ALTER v TYPE vector(4);

-- It can be taken away.
ALTER TABLE typed ALTER v TYPE vector;
SELECT format_type(atttypid, atttypmod) FROM pg_attribute WHERE attrelid = 'typed'::regclass AND attname = 'v';

-- A function takes the type without its modifier.
CREATE FUNCTION pg_temp.same(vector(2)) RETURNS vector(5) LANGUAGE sql AS 'SELECT $1';
SELECT pg_temp.same('[1,2,3]');

-- A domain has one.
CREATE DOMAIN pg_temp.pair AS vector(2) CHECK (vector_norm(VALUE) <= 1);
SELECT '[0.6,0.75]'::pg_temp.pair;
SELECT pg_temp.error_of($$SELECT '[1,2,3]'::pg_temp.pair$$);
SELECT pg_temp.error_of($$SELECT '[1,1]'::pg_temp.pair$$);

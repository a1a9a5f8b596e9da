-- Text input and output of sparsevec.
\getenv abs_srcdir PG_ABS_SRCDIR
\set error_of :abs_srcdir '/sql/error_of.psql'
\i :error_of

-- Elements print with their indices, from 1, and the number of dimensions.
SELECT '{1:1.5,3:-2}/5'::sparsevec;

-- White space may stand between all tokens.
SELECT E' \t\n\r\x0b\f{ \t\n\r\x0b\f1 \t\n\r\x0b\f: \t\n\r\x0b\f2 \t\n\r\x0b\f, \t\n\r\x0b\f3:4 \t\n\r\x0b\f} \t\n\r\x0b\f/ \t\n\r\x0b\f5 \t\n\r\x0b\f'::sparsevec;

-- Elements come in any order and are sorted.
SELECT '{5:5,1:1,3:3,2:2,4:4}/5'::sparsevec;

-- Zeros are not stored.
SELECT '{1:0,2:3,3:-0,4:0x0}/4'::sparsevec;

-- A vector may have no elements.
SELECT '{}/5'::sparsevec, '{ } / 1'::sparsevec, '{1:0}/1'::sparsevec;

-- Numbers are written as in C, indices and dimensions as integers with a sign.
SELECT '{+1:1.,2:.5,03:+2,4:1e5,5:0x10,6:-0x1p-1}/+0006'::sparsevec;

-- Output has the shortest digits, whatever extra_float_digits says.
SET extra_float_digits = -15;
SELECT '{1:0.1,2:16777216,3:0.333333333}/3'::sparsevec;
RESET extra_float_digits;

-- The last index is the number of dimensions; there may be a billion.
SELECT '{1:1,1000000000:2}/1000000000'::sparsevec;
SELECT text, pg_temp.error_of(format('SELECT %L::sparsevec', text))
FROM (VALUES ('{}/1000000001'), ('{}/2147483647'), ('{}/99999999999999999999')) v(text);

-- There must be a dimension.
SELECT text, pg_temp.error_of(format('SELECT %L::sparsevec', text))
FROM (VALUES ('{}/0'), ('{}/-1'), ('{1:1}/0'), ('{}/-99999999999999999999')) v(text);

-- 16,000 elements are the most, also when some of them are zero and would not be stored.
SELECT l2_norm(('{' || string_agg(i || ':1', ',') || '}/20000')::sparsevec) ^ 2 AS elements
FROM generate_series(1, 16000) i;
SELECT pg_temp.error_of(format('SELECT %L::sparsevec', '{' || string_agg(i || ':1', ',') || '}/20000'))
FROM generate_series(1, 16001) i;
SELECT pg_temp.error_of(format('SELECT %L::sparsevec', '{' || string_agg(i || ':0', ',') || '}/20000'))
FROM generate_series(1, 16001) i;

-- Indices lie within the dimensions.
SELECT text, pg_temp.error_of(format('SELECT %L::sparsevec', text))
FROM (VALUES ('{0:1}/1'), ('{-1:1}/1'), ('{2:1}/1'), ('{1:1,3:1}/2'), ('{1000000001:1}/1000000000'),
    ('{2147483648:1}/1'), ('{-2147483649:1}/1')) v(text);

-- Indices do not come twice.
SELECT text, pg_temp.error_of(format('SELECT %L::sparsevec', text))
FROM (VALUES ('{1:1,1:1}/2'), ('{2:1,1:2,2:3}/2')) v(text);

-- Neither NaN nor infinity.
SELECT text, pg_temp.error_of(format('SELECT %L::sparsevec', text))
FROM (VALUES ('{1:nan}/1'), ('{1:NaN}/1'), ('{1:inf}/1'), ('{1:-Infinity}/1')) v(text);

-- What is too large or too small for a float is out of range: it would vanish from the vector.
SELECT text, pg_temp.error_of(format('SELECT %L::sparsevec', text))
FROM (VALUES ('{1:1e39}/1'), ('{1:-1e39}/1'), ('{1:1e-46}/1'), ('{1:-1e-400}/1')) v(text);

-- The smallest float is let in.
SELECT '{1:1.4e-45}/1'::sparsevec;

-- Malformed texts.
SELECT text, pg_temp.error_of(format('SELECT %L::sparsevec', text))
FROM (VALUES (''), ('1'), ('[1]'), ('{'), ('{ '), ('{1'), ('{1:'), ('{1:1'), ('{1:1,'), ('{,}/1'), ('{1:1,}/1'),
    ('{,1:1}/1'), ('{1:1,,2:1}/2'), ('{:1}/1'), ('{a:1}/1'), ('{1:a}/1'), ('{1.5:1}/2'), ('{1 1}/1'), ('{1:1 2:1}/2'),
    ('{1:}/1'), ('{1::1}/1'), ('{0x1:1}/1')) v(text);

-- Malformed numbers of dimensions.
SELECT text, pg_temp.error_of(format('SELECT %L::sparsevec', text))
FROM (VALUES ('{}'), ('{} '), ('{}/'), ('{}/ '), ('{}/a'), ('{}/1a'), ('{}/1.5'), ('{}/1/2'), ('{}/1 2'), ('{}1'),
    ('{}]/1'), ('{}//1'), ('{}/- 1')) v(text);

-- The error tells the whole literal, and psql the place of it.
SELECT '{1:1'::sparsevec;

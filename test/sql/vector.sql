-- Text input and output of vector.
\getenv abs_srcdir PG_ABS_SRCDIR
\set error_of :abs_srcdir '/sql/error_of.psql'
\i :error_of

-- A vector prints without spaces.
SELECT '[1,2,3]'::vector;

-- White space may stand between all tokens.
SELECT E' \t\n\r\x0b\f[ \t\n\r\x0b\f1 \t\n\r\x0b\f, \t\n\r\x0b\f2 \t\n\r\x0b\f] \t\n\r\x0b\f'::vector;

-- Numbers are written as in C: with a sign, without a digit on one side of the point, in hexadecimal.
SELECT '[1.,.5,+2,-3,007,1e5,1E+2,1e-2,0x10,0X1.8P1,0x.8,-0x1p-1]'::vector;

-- The sign of zero is kept.
SELECT '[0,-0,-0.0,-0x0]'::vector;

-- Output has the shortest digits that read back as the same float.
SELECT '[0.1,0.3,16777217,1e6,123456.789,3.4028235e38,1.17549435e-38,1.4e-45,1e-5,0.0001]'::vector;

-- Between two floats the nearer one is taken, and in the middle the even one, however many digits it takes.
SELECT '[16777217,16777217.000000000000000000000000000001,16777219,16777218.999999999999999999]'::vector;

-- The digits do not depend on extra_float_digits.
SET extra_float_digits = 0;
SELECT '[0.1,16777216,0.333333333]'::vector;
SET extra_float_digits = -15;
SELECT '[0.1,16777216,0.333333333]'::vector;
SET extra_float_digits = 3;
SELECT '[0.1,16777216,0.333333333]'::vector;
RESET extra_float_digits;

-- What is too small for a float becomes zero, with its sign.
SELECT '[1e-46,-1e-46,1e-400,0x1p-151]'::vector;

-- Just above half of the smallest float rounds up to it, half of it rounds down.
SELECT '[0.71e-45,0x1p-150,0x1.000001p-150]'::vector;

-- Every float of many magnitudes survives output and input.
SELECT count(*) AS floats, count(*) FILTER (WHERE ('[' || x || ']')::vector::text::vector::real[] <> ARRAY[x]) AS changed
FROM (SELECT (sin(i) * exp(i % 170 - 85))::real AS x FROM generate_series(1, 5000) i) t;

-- text is not cast but converted by input and output.
SELECT '[1,2]'::text::vector, '[1,2]'::vector::text, '[1,2]'::varchar(3)::text;

-- NULL in, NULL out.
SELECT NULL::text::vector IS NULL AS is_null;

-- 16,000 dimensions are the most.
SELECT vector_dims(('[' || repeat('1,', 15999) || '1]')::vector);
SELECT pg_temp.error_of($$SELECT ('[' || repeat('1,', 16000) || '1]')::vector$$);

-- A text with far more elements is refused in the same words.
SELECT pg_temp.error_of($$SELECT ('[' || repeat('1,', 1000000) || '1]')::vector$$);

-- There must be a dimension.
SELECT text, pg_temp.error_of(format('SELECT %L::vector', text))
FROM (VALUES ('[]'), ('[ ]')) v(text);

-- Wrong beginnings.
SELECT text, pg_temp.error_of(format('SELECT %L::vector', text))
FROM (VALUES (''), (' '), ('1'), ('1,2]'), ('{1,2}'), ('(1,2)'), ('x[1]'), ('null')) v(text);

-- Wrong ends.
SELECT text, pg_temp.error_of(format('SELECT %L::vector', text))
FROM (VALUES ('['), ('[1'), ('[1,'), ('[1,2'), ('[1 2]'), ('[1}')) v(text);

-- Something after the end.
SELECT text, pg_temp.error_of(format('SELECT %L::vector', text))
FROM (VALUES ('[1]x'), ('[1],'), ('[1]]'), ('[1][2]'), ('[1] 2'), ('[1]/1')) v(text);

-- Wrong commas.
SELECT text, pg_temp.error_of(format('SELECT %L::vector', text))
FROM (VALUES ('[,]'), ('[,1]'), ('[1,]'), ('[1,,2]'), ('[1, ,2]'), ('[1;2]')) v(text);

-- Wrong numbers.
SELECT text, pg_temp.error_of(format('SELECT %L::vector', text))
FROM (VALUES ('[a]'), ('[1a]'), ('[--1]'), ('[+-1]'), ('[- 1]'), ('[.]'), ('[e1]'), ('[1e]'), ('[1e+]'),
    ('[0x]'), ('[0xg]'), ('[1_000]'), ('[''1'']'), ('[1.2.3]'), ('[[1]]'), ('[null]')) v(text);

-- NaN and infinity are read, and refused.
SELECT text, pg_temp.error_of(format('SELECT %L::vector', text))
FROM (VALUES ('[nan]'), ('[NaN]'), ('[1,-nan]'), ('[nan(7)]'), ('[inf]'), ('[-Inf]'), ('[1,infinity]'),
    ('[+INFINITY]')) v(text);

-- What is too large for a float is out of range.
SELECT text, pg_temp.error_of(format('SELECT %L::vector', text))
FROM (VALUES ('[3.4028236e38]'), ('[1e39]'), ('[-1e39,1]'), ('[1, 1e400 ]'), ('[0x1p128]')) v(text);

-- The error tells the whole literal, and psql the place of it.
SELECT '[1,2'::vector;

-- No operator takes two literals for vectors by itself.
SELECT pg_temp.error_of($$SELECT '[1]' <-> '[2]'$$) LIKE '42725 | operator is not unique%' AS ambiguous;

-- An unknown literal beside a vector becomes one.
SELECT '[1,2]'::vector + '[3,4]' AS sum, '[3,4]' = '[3,4]'::vector AS equal;

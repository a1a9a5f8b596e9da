-- Text input and output of halfvec.
\getenv abs_srcdir PG_ABS_SRCDIR
\set error_of :abs_srcdir '/sql/error_of.psql'
\i :error_of

-- A halfvec prints without spaces.
SELECT '[1,2,3]'::halfvec;

-- White space may stand between all tokens.
SELECT E' \t\n\r\x0b\f[ \t\n\r\x0b\f1 \t\n\r\x0b\f, \t\n\r\x0b\f2 \t\n\r\x0b\f] \t\n\r\x0b\f'::halfvec;

-- Numbers are written as in C: with a sign, without a digit on one side of the point, in hexadecimal.
SELECT '[1.,.5,+2,-3,007,1e4,1E+2,1e-2,0x10,0X1.8P1,0x.8,-0x1p-1]'::halfvec;

-- The sign of zero is kept.
SELECT '[0,-0,-0.0]'::halfvec;

-- Output shows the float that the half is.
SELECT '[0.1,0.2,0.333333,1000.5,2049,65504,-65504]'::halfvec;

-- The digits do not depend on extra_float_digits.
SET extra_float_digits = -15;
SELECT '[0.1,0.333333]'::halfvec;
RESET extra_float_digits;

-- Between two halves the nearer one is taken, and in the middle the even one.
SELECT '[2049,2051,2049.01,1.00048828125,1.00146484375]'::halfvec;

-- The largest half is 65504; what rounds to it is let in, what does not is out of range.
SELECT '[65519,-65519.9]'::halfvec;
SELECT text, pg_temp.error_of(format('SELECT %L::halfvec', text))
FROM (VALUES ('[65520]'), ('[-65520]'), ('[1,1e5]'), ('[1e39]'), ('[1e400]')) v(text);

-- What is too small for a half becomes zero, with its sign; subnormals are kept.
SELECT '[1e-8,-1e-8,1e-46,6e-8,0x1p-24,0x1p-25,0x1.8p-25]'::halfvec;

-- Every normal half is read as what it is and survives output and input.
SELECT count(*) AS halves, count(*) FILTER (WHERE (h::real[])[1] <> x) AS misread,
    count(*) FILTER (WHERE h::text::halfvec::text <> h::text) AS changed
FROM (SELECT x, ('[' || x || ']')::halfvec AS h
      FROM (SELECT sign * mantissa * 2.0::float8 ^ exponent AS x
            FROM (VALUES (1), (-1)) s(sign), generate_series(1024, 2047) mantissa,
                generate_series(-24, 5) exponent) numbers) halves;

-- 16,000 dimensions are the most.
SELECT vector_dims(('[' || repeat('1,', 15999) || '1]')::halfvec);
SELECT pg_temp.error_of($$SELECT ('[' || repeat('1,', 16000) || '1]')::halfvec$$);

-- There must be a dimension.
SELECT text, pg_temp.error_of(format('SELECT %L::halfvec', text))
FROM (VALUES ('[]'), ('[ ]')) v(text);

-- Malformed texts.
SELECT text, pg_temp.error_of(format('SELECT %L::halfvec', text))
FROM (VALUES (''), ('1'), ('{1,2}'), ('['), ('[1'), ('[1,'), ('[1 2]'), ('[1]x'), ('[1]]'), ('[,]'), ('[,1]'),
    ('[1,]'), ('[1,,2]'), ('[a]'), ('[1e]'), ('[0x]'), ('[.]'), ('[- 1]')) v(text);

-- NaN and infinity are read, and refused.
SELECT text, pg_temp.error_of(format('SELECT %L::halfvec', text))
FROM (VALUES ('[nan]'), ('[1,-NaN]'), ('[inf]'), ('[-Infinity]')) v(text);

-- The error tells the whole literal, and psql the place of it.
SELECT '[1,2'::halfvec;

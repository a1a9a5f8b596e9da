-- Operators and functions from vectors to vectors and numbers.
\getenv abs_srcdir PG_ABS_SRCDIR
\set error_of :abs_srcdir '/sql/error_of.psql'
\i :error_of

-- Element by element.
SELECT '[1,2,3]'::vector + '[4,5.5,-6]' AS sum, '[1,2,3]'::vector - '[4,5.5,-6]' AS difference, '[1,2,3]'::vector * '[4,5.5,-6]' AS product;
SELECT '[1,2,3]'::halfvec + '[4,5.5,-6]' AS sum, '[1,2,3]'::halfvec - '[4,5.5,-6]' AS difference, '[1,2,3]'::halfvec * '[4,5.5,-6]' AS product;

-- Both sides must have the same dimensions.
SELECT operator, type, pg_temp.error_of(format('SELECT %L::%s %s %L', '[1]', type, operator, '[1,2]'))
FROM (VALUES ('+'), ('-'), ('*')) o(operator), (VALUES ('vector'), ('halfvec')) t(type);

-- What is too large is an error.
SELECT expression, pg_temp.error_of('SELECT ' || expression)
FROM (VALUES ('''[3e38]''::vector + ''[3e38]'''), ('''[-3e38]''::vector - ''[3e38]'''), ('''[1e20]''::vector * ''[-1e20]'''),
    ('''[65504]''::halfvec + ''[32]'''), ('''[65504]''::halfvec + ''[16]'''), ('''[-65504]''::halfvec - ''[65504]'''),
    ('''[256]''::halfvec * ''[256]''')) v(expression);

-- A half sum is rounded like every half: 65504 + 15 is 65504.
SELECT '[65504]'::halfvec + '[15]' AS sum;

-- A product that is too small is an error, a zero factor is not.
SELECT pg_temp.error_of($$SELECT '[1e-30]'::vector * '[1e-30]'$$);
SELECT pg_temp.error_of($$SELECT '[1e-4]'::halfvec * '[1e-4]'$$);
SELECT '[0,1e-30]'::vector * '[1e-30,0]' AS vector, '[0,1e-4]'::halfvec * '[1e-4,-0]' AS halfvec;

-- So small that it is subnormal is not too small.
SELECT '[1e-20]'::vector * '[1e-20]' AS vector, '[1e-3]'::halfvec * '[1e-3]' AS halfvec;

-- Concatenation.
SELECT '[1,2]'::vector || '[3]' AS vector, '[1]'::halfvec || '[2,3]' AS halfvec;
SELECT vector_dims((SELECT array_fill(1, ARRAY[8000])::vector) || (SELECT array_fill(1, ARRAY[8000])::vector));
SELECT pg_temp.error_of($$SELECT array_fill(1, ARRAY[16000])::vector || '[1]'$$);
SELECT pg_temp.error_of($$SELECT array_fill(1, ARRAY[16000])::halfvec || array_fill(1, ARRAY[16000])::halfvec$$);

-- A vector times a number, from both sides, and divided by one.
SELECT '[1,2,-4]'::vector * 2.5::float8 AS right, 2.5::float8 * '[1,2,-4]'::vector AS left, '[1,2,-4]'::vector / 2::float8 AS divided;
SELECT '[1,2,-4]'::halfvec * 2.5::float8 AS right, 2.5::float8 * '[1,2,-4]'::halfvec AS left, '[1,2,-4]'::halfvec / 2::float8 AS divided;

-- The number may be of any numeric type.
SELECT '[1,2]'::vector * 2 AS integer, 2::smallint * '[1,2]'::vector AS smallint, '[1,2]'::vector * 2::bigint AS bigint,
    2.5 * '[1,2]'::vector AS numeric, '[1,2]'::vector / 0.5::real AS real, '[1,2]'::halfvec / 4 AS half;

-- The number is not rounded to a float first; the result is, once.
SELECT '[3]'::vector * (1::float8 / 3) AS one, '[16777214]'::vector * 1.0000000596::float8 AS rounded, '[5,7]'::vector / 3 AS thirds;

-- An unknown literal beside a vector is a vector, not a number.
SELECT pg_temp.error_of($$SELECT '[1,2]'::vector * '2'$$);

-- Zero times anything is zero; what is divided by zero is an error.
SELECT '[1,-2]'::vector * 0 AS zero, '[0,-0]'::vector * -1 AS signs, '[0,5]'::vector / 5 AS quotient;
SELECT expression, pg_temp.error_of('SELECT ' || expression)
FROM (VALUES ('''[1]''::vector / 0'), ('''[0]''::vector / 0::float8'), ('''[1]''::vector / ''-0''::float8'), ('''[1]''::halfvec / 0')) v(expression);

-- NaN is refused, infinity where it makes an element infinite or NaN.
SELECT expression, pg_temp.error_of('SELECT ' || expression)
FROM (VALUES ('''[1]''::vector * ''NaN''::float8'), ('''NaN''::float8 * ''[1]''::vector'), ('''[1]''::vector / ''NaN''::float8'),
    ('''[1]''::halfvec * ''NaN''::float8'), ('''[1]''::vector * ''Infinity''::float8'), ('''[0]''::vector * ''Infinity''::float8'),
    ('''-Infinity''::float8 * ''[1]''::vector'), ('''[1]''::halfvec * ''Infinity''::float8')) v(expression);
SELECT '[1,-2]'::vector / 'Infinity'::float8 AS vector, '[1]'::halfvec / '-Infinity'::float8 AS halfvec;

-- What is too large or too small is an error.
SELECT expression, pg_temp.error_of('SELECT ' || expression)
FROM (VALUES ('''[1e20]''::vector * 1e20'), ('''[1e20]''::vector / 1e-20'), ('''[1]''::vector * 1e300::float8'),
    ('''[60000]''::halfvec * 2'), ('''[1]''::halfvec / 1e-6'), ('''[1e-30]''::vector * 1e-30'),
    ('''[1e-30]''::vector / 1e30'), ('''[1e-4]''::halfvec * 1e-5'), ('''[1]''::vector * 1e-300::float8')) v(expression);

-- NULL gives NULL.
SELECT '[1]'::vector + NULL AS sum, '[1]'::vector * NULL::float8 AS scaled, NULL::float8 * '[1]'::vector AS left,
    NULL::vector / 2 AS divided, '[1]'::vector || NULL AS concatenated;

-- Euclidean norm, summed in double precision.
SELECT vector_norm('[3,4]'), vector_norm('[0,0]') AS zero, vector_norm('[3e37,4e37]')::real AS large, vector_norm('[3e-45,4e-45]') > 4.1e-45 AS small,
    l2_norm('[3,4]'::halfvec) AS halfvec, l2_norm('[65504]'::halfvec) AS half_large, l2_norm('{1:3,7:4}/9'::sparsevec) AS sparsevec,
    l2_norm('{}/3'::sparsevec) AS sparse_zero;

-- The norm has the digits of a double.
SELECT abs(vector_norm('[1,1]') - sqrt(2::float8)) < 1e-15 AS vector, abs(l2_norm('{1:1,2:1}/2'::sparsevec) - sqrt(2::float8)) < 1e-15 AS sparsevec;

-- l2_norm(vector) does not exist, and the casts to halfvec and sparsevec do not stand in for it.
SELECT pg_temp.error_of($$SELECT l2_norm('[3,4]'::vector)$$) LIKE '42725 | function l2_norm(vector) is not unique%' AS ambiguous;

-- A vector of the same direction with norm 1.
SELECT l2_normalize('[3,4]'::vector) AS vector, l2_normalize('[3,4]'::halfvec) AS halfvec, l2_normalize('{1:3,9:-4}/9'::sparsevec) AS sparsevec;

-- Zero stays zero.
SELECT l2_normalize('[0,-0]'::vector) AS vector, l2_normalize('[0,0]'::halfvec) AS halfvec, l2_normalize('{}/3'::sparsevec) AS sparsevec;

-- Very large and very small vectors can be normalized.
SELECT l2_normalize('[3e38,0]'::vector) AS large, l2_normalize('[1e-45,0]'::vector) AS small, l2_normalize('{1:3e38}/2'::sparsevec) AS sparsevec;

-- An element that becomes zero is not stored in a sparsevec.
SELECT l2_normalize('{1:1e20,2:1e-30}/2'::sparsevec) AS sparsevec, l2_normalize('[1e20,1e-30]'::vector) AS vector;

-- Normalized vectors of many lengths have norm 1.
SELECT count(*) FILTER (WHERE abs(vector_norm(l2_normalize(v)) - 1) < 1e-6) AS vector, count(*) FILTER (WHERE abs(l2_norm(l2_normalize(v::halfvec)) - 1) < 1e-3) AS halfvec,
    count(*) FILTER (WHERE abs(l2_norm(l2_normalize(v::sparsevec)) - 1) < 1e-6) AS sparsevec
FROM (SELECT array_agg(sin(n * 12.9898 + i * 78.233) * 100 ORDER BY i)::vector AS v FROM generate_series(1, 70) n, generate_series(1, n) i GROUP BY n) t;

-- Dimensions.
SELECT vector_dims('[1,2,3]'::vector), vector_dims('[1,2]'::halfvec);

-- A bit per element, set where it is above zero, in the order of the elements.
SELECT binary_quantize('[1,0,-1,2,-0,1e-45,3,-4,5]'::vector) AS vector, binary_quantize('[1,0,-1,2,-0,6e-8,3,-4,5]'::halfvec) AS halfvec;
SELECT length(binary_quantize(array_fill(1, ARRAY[16000])::vector)) AS bits;

-- A part: count elements from start.
SELECT subvector('[1,2,3,4,5]'::vector, 1, 3) AS first, subvector('[1,2,3,4,5]'::vector, 3, 2) AS middle, subvector('[1,2,3,4,5]'::halfvec, 5, 1) AS last;

-- What lies outside of the vector is cut off.
SELECT subvector('[1,2,3,4,5]'::vector, 3, 9) AS behind, subvector('[1,2,3,4,5]'::vector, -1, 3) AS before, subvector('[1,2,3,4,5]'::vector, -9, 99) AS both,
    subvector('[1,2,3,4,5]'::vector, 0, 2) AS zero, subvector('[1,2,3,4,5]'::halfvec, 4, 2147483647) AS largest,
    subvector('[1,2,3,4,5]'::vector, 2147483647 - 2147483647, 2147483647) AS all, subvector('[1,2,3]'::vector, -2147483645, 2147483647) AS one;

-- Nothing left is an error.
SELECT type, start, count, pg_temp.error_of(format('SELECT subvector(%L::%s, %s, %s)', '[1,2,3]', type, start, count))
FROM (VALUES ('vector'), ('halfvec')) t(type),
    (VALUES (1, 0), (1, -1), (4, 1), (0, 1), (-5, 3), (2147483647, 2147483647), (-2147483648, 2147483647), (-2147483648, -2147483648), (1, -2147483648)) v(start, count);

-- The operators do the same for values that lie in tables, with short headers, in columns of several lengths.
CREATE TEMP TABLE stored (pad "char", v vector, w vector, h halfvec);
INSERT INTO stored
SELECT 'x', array_agg(i ORDER BY i)::vector, array_agg(-i ORDER BY i)::vector, array_agg(i ORDER BY i)::halfvec
FROM generate_series(1, 60) n, generate_series(1, n) i GROUP BY n;
SELECT count(*) AS rows,
    count(*) FILTER (WHERE vector_norm(v + w) = 0 AND v - w = v * 2 AND v * w = (v * v) * -1 AND (v || w) - (w || v) = (v || w) * 2
        AND subvector(v || w, vector_dims(v) + 1, vector_dims(v)) = w AND v / 2 * 2 = v) AS vector,
    count(*) FILTER (WHERE l2_norm(h - h) = 0 AND h + h = 2 * h AND h = v::halfvec) AS halfvec
FROM stored;

-- of two faults in a product the first is reported
SELECT '[1e-45,-65504]'::vector * '[3e-4,1e38]';
SELECT '[-65504,1e-45]'::vector * '[1e38,3e-4]';

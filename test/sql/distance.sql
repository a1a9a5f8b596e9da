-- Distances: <-> <#> <=> <+> and their functions.
\getenv abs_srcdir PG_ABS_SRCDIR
\set error_of :abs_srcdir '/sql/error_of.psql'
\i :error_of

-- Euclidean distance.
SELECT l2_distance('[0,0]'::vector, '[3,4]') AS vector, l2_distance('[0,0]'::halfvec, '[3,4]') AS halfvec,
    l2_distance('{}/2'::sparsevec, '{1:3,2:4}/2') AS sparsevec, '[0,0]'::vector <-> '[3,4]' AS operator,
    '[0,0]'::halfvec <-> '[3,4]' AS half_operator, '{}/2'::sparsevec <-> '{1:3,2:4}/2' AS sparse_operator;

-- Squared Euclidean distance has no operator.
SELECT vecx_l2_squared('[0,0]'::vector, '[3,4]') AS vector, vecx_l2_squared('[0,0]'::halfvec, '[3,4]') AS halfvec,
    vecx_l2_squared('{}/2'::sparsevec, '{1:3,2:4}/2') AS sparsevec, vector_l2_squared_distance('[0,0]', '[3,4]') AS for_classes,
    halfvec_l2_squared_distance('[0,0]', '[3,4]') AS half, sparsevec_l2_squared_distance('{}/2', '{1:3,2:4}/2') AS sparse;

-- Inner product; its operator is negative, so that near is small.
SELECT inner_product('[1,2]'::vector, '[3,4]') AS vector, inner_product('[1,2]'::halfvec, '[3,4]') AS halfvec,
    inner_product('{1:1,2:2}/2'::sparsevec, '{1:3,2:4}/2') AS sparsevec, '[1,2]'::vector <#> '[3,4]' AS operator,
    '[1,2]'::halfvec <#> '[3,4]' AS half_operator, '{1:1,2:2}/2'::sparsevec <#> '{1:3,2:4}/2' AS sparse_operator;
SELECT vector_negative_inner_product('[1,2]', '[3,4]') AS vector, halfvec_negative_inner_product('[1,2]', '[3,4]') AS halfvec,
    sparsevec_negative_inner_product('{1:1,2:2}/2', '{1:3,2:4}/2') AS sparsevec;

-- Cosine distance and similarity: of the same, the opposite and the orthogonal direction.
SELECT '[1,2]'::vector <=> '[2,4]' AS same, '[1,2]'::vector <=> '[-1,-2]' AS opposite, '[1,0]'::vector <=> '[0,1]' AS orthogonal,
    cosine_distance('[1,2]'::halfvec, '[2,4]') AS half_same, '[1,0]'::halfvec <=> '[0,2]' AS half_orthogonal,
    cosine_distance('{1:1}/2'::sparsevec, '{1:4}/2') AS sparse_same, '{1:1}/2'::sparsevec <=> '{2:1}/2' AS sparse_orthogonal;
SELECT cosine_similarity('[1,2]'::vector, '[2,4]') AS vector, cosine_similarity('[1,2]'::halfvec, '[-2,-4]') AS halfvec,
    cosine_similarity('{1:1}/2'::sparsevec, '{2:1}/2') AS sparsevec;

-- Cosine distance lies between 0 and 2, and a vector is at distance 0 of itself, whatever its length.
SELECT count(*) FILTER (WHERE v <=> v = 0) AS self, count(*) FILTER (WHERE (v <=> (v * -1)) = 2) AS opposite,
    count(*) FILTER (WHERE (v <=> (v * 3)) BETWEEN 0 AND 1e-6) AS scaled, count(*) FILTER (WHERE (v <=> (v * -3)) BETWEEN 2 - 1e-6 AND 2) AS opposite_scaled
FROM (SELECT array_agg(sin(n * 12.9898 + i * 78.233) ORDER BY i)::vector AS v FROM generate_series(1, 100) n, generate_series(1, n) i GROUP BY n) t;

-- With a zero vector it is NaN.
SELECT '[1,2]'::vector <=> '[0,0]' AS vector, '[0,0]'::vector <=> '[0,0]' AS both, '[0,0]'::halfvec <=> '[1,2]' AS halfvec,
    '{}/2'::sparsevec <=> '{1:1}/2' AS sparsevec, cosine_similarity('[0]'::vector, '[1]') AS similarity;

-- NaN sorts behind all numbers.
SELECT v FROM (VALUES ('[0,0]'::vector), ('[0,1]'), ('[1,0]')) t(v) ORDER BY v <=> '[1,1e-3]';

-- The angle as a part of pi, of unit vectors.
SELECT vector_spherical_distance('[1,0]', '[0,1]') AS right_angle, vector_spherical_distance('[1,0]', '[-1,0]') AS opposite,
    vector_spherical_distance('[2,0]', '[2,0]') AS clamped, halfvec_spherical_distance('[1,0]', '[1,0]') AS halfvec;

-- Taxicab distance.
SELECT l1_distance('[0,0]'::vector, '[3,-4]') AS vector, l1_distance('[0,0]'::halfvec, '[3,-4]') AS halfvec,
    l1_distance('{1:1}/2'::sparsevec, '{2:-4}/2') AS sparsevec, '[0,0]'::vector <+> '[3,-4]' AS operator,
    '[0,0]'::halfvec <+> '[3,-4]' AS half_operator, '{1:1}/2'::sparsevec <+> '{2:-4}/2' AS sparse_operator;

-- Both sides must have the same dimensions.
SELECT operator, type, pg_temp.error_of(format('SELECT %L::%s %s %L', a, type, operator, b))
FROM (VALUES ('<->'), ('<#>'), ('<=>'), ('<+>')) o(operator),
    (VALUES ('vector', '[1,2]', '[3]'), ('halfvec', '[1,2]', '[3]'), ('sparsevec', '{}/2', '{}/1')) t(type, a, b);
SELECT function, type, pg_temp.error_of(format('SELECT %s(%L::%s, %L)', function, a, type, b))
FROM (VALUES ('vecx_l2_squared'), ('cosine_similarity'), ('inner_product')) o(function),
    (VALUES ('vector', '[1,2]', '[3]'), ('halfvec', '[1,2]', '[3]'), ('sparsevec', '{}/2', '{}/1')) t(type, a, b);

-- NULL gives NULL.
SELECT '[1]'::vector <-> NULL AS l2, NULL::vector <#> '[1]' AS ip, '[1]'::halfvec <=> NULL AS cosine, NULL::sparsevec <+> '{}/1' AS l1;

-- What is too large for a float is infinite, not an error.
SELECT '[3e38]'::vector <-> '[-3e38]' AS l2, '[1e20,1e20]'::vector <#> '[1e20,1e20]' AS ip, '[3e38,3e38]'::vector <+> '[-3e38,-3e38]' AS l1,
    '{1:3e38}/1'::sparsevec <-> '{1:-3e38}/1' AS sparse_l2, '{1:1e20}/1'::sparsevec <#> '{1:-1e20}/1' AS sparse_ip;

-- Halves are summed as floats: nothing overflows.
SELECT '[65504,65504]'::halfvec <-> '[-65504,-65504]' AS l2, '[65504]'::halfvec <#> '[65504]' AS ip, '[65504,65504]'::halfvec <+> '[-65504,-65504]' AS l1;

-- What is too small for a float is zero.
SELECT '[1e-30]'::vector <-> '[0]' AS l2, '[1e-30]'::vector <#> '[1e-30]' AS ip, '[1e-30]'::vector <+> '[0]' < 1.1e-30 AS l1;

-- Vectors of all odd and even lengths, in a table with short and long headers, at odd places.
CREATE TEMP TABLE pairs (pad text, n int, a vector, b vector, ha halfvec, hb halfvec, sa sparsevec, sb sparsevec);
INSERT INTO pairs (pad, n, a, b)
SELECT repeat('x', n % 5), n, array_agg(sin(n * 12.9898 + i * 78.233) ORDER BY i)::vector, array_agg(sin(n * 4.1414 + i * 39.425) * 2 ORDER BY i)::vector
FROM (SELECT generate_series(1, 40) UNION ALL VALUES (63), (64), (65), (100), (127), (129), (500), (768), (1001)) l(n), generate_series(1, n) i
GROUP BY n;
UPDATE pairs SET ha = a, hb = b, sa = (SELECT array_agg(CASE WHEN i % 3 = 0 THEN 0 ELSE a[i] END ORDER BY i) FROM generate_series(1, n) i),
    sb = (SELECT array_agg(CASE WHEN i % 5 < 2 THEN 0 ELSE b[i] END ORDER BY i) FROM generate_series(1, n) i);

-- The metrics by their formulas, in double precision.
CREATE TEMP VIEW expected AS
SELECT type, n, sqrt(l2) AS l2, l2 AS l2_squared, ip, coalesce(1 - ip / nullif(sqrt(aa * bb), 0), 'NaN') AS cosine, l1, sqrt(aa * bb) AS scale
FROM (SELECT type, n, sum((x - y) ^ 2) AS l2, sum(x * y) AS ip, sum(x * x) AS aa, sum(y * y) AS bb, sum(abs(x - y)) AS l1
      FROM (SELECT 'vector' AS type, n, unnest(a::real[])::float8 AS x, unnest(b::real[])::float8 AS y FROM pairs
            UNION ALL SELECT 'halfvec', n, unnest(ha::real[]), unnest(hb::real[]) FROM pairs
            UNION ALL SELECT 'sparsevec', n, unnest(sa::vector::real[]), unnest(sb::vector::real[]) FROM pairs) elements
      GROUP BY type, n) sums;

-- What vecx computes, by function, by operator and the other way round.
CREATE TEMP VIEW computed AS
SELECT 'vector' AS type, n, l2_distance(a, b) AS l2, a <-> b AS l2_op, b <-> a AS l2_turned, vecx_l2_squared(a, b) AS l2_squared, inner_product(a, b) AS ip,
    a <#> b AS ip_op, cosine_distance(a, b) AS cosine, a <=> b AS cosine_op, cosine_similarity(a, b) AS similarity, l1_distance(a, b) AS l1, a <+> b AS l1_op FROM pairs
UNION ALL SELECT 'halfvec', n, l2_distance(ha, hb), ha <-> hb, hb <-> ha, vecx_l2_squared(ha, hb), inner_product(ha, hb),
    ha <#> hb, cosine_distance(ha, hb), ha <=> hb, cosine_similarity(ha, hb), l1_distance(ha, hb), ha <+> hb FROM pairs
UNION ALL SELECT 'sparsevec', n, l2_distance(sa, sb), sa <-> sb, sb <-> sa, vecx_l2_squared(sa, sb), inner_product(sa, sb),
    sa <#> sb, cosine_distance(sa, sb), sa <=> sb, cosine_similarity(sa, sb), l1_distance(sa, sb), sa <+> sb FROM pairs;

-- Runs a query with each set of instructions that there is, and returns what it gives each time.
CREATE FUNCTION pg_temp.at_each_level(query text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
    level text;
BEGIN
    FOREACH level IN ARRAY 'auto'::text || string_to_array((vecx_build_info()).simd_available, ', ') LOOP
        PERFORM set_config('vecx.simd', level, true);
        IF level <> 'auto' AND (vecx_build_info()).simd <> level THEN RAISE EXCEPTION '% is not in use', level; END IF;
        RETURN QUERY EXECUTE query;
    END LOOP;
END $$;

-- Each is within 1e-5 of the formula: relative to the distance, and for sums that cancel out to the size of the vectors.
SELECT DISTINCT at_each_level FROM pg_temp.at_each_level($$
    SELECT concat_ws(' ', type, 'pairs', count(*), 'wrong',
        count(*) FILTER (WHERE abs(c.l2 - e.l2) > 1e-5 * e.l2), count(*) FILTER (WHERE abs(c.l2_squared - e.l2_squared) > 1e-5 * e.l2_squared),
        count(*) FILTER (WHERE abs(c.ip - e.ip) > 1e-5 * scale), count(*) FILTER (WHERE c.cosine <> e.cosine AND NOT abs(c.cosine - e.cosine) <= 1e-5),
        count(*) FILTER (WHERE abs(c.l1 - e.l1) > 1e-5 * e.l1))
    FROM computed c JOIN expected e USING (type, n) GROUP BY type$$)
ORDER BY 1;

-- Operator and function are the same, symmetric, and similarity is 1 - distance.
SELECT DISTINCT at_each_level FROM pg_temp.at_each_level($$
    SELECT concat_ws(' ', type, 'pairs', count(*), 'different',
        count(*) FILTER (WHERE l2 <> l2_op OR l2 <> l2_turned), count(*) FILTER (WHERE ip <> -ip_op),
        count(*) FILTER (WHERE cosine <> cosine_op OR 1 - similarity <> cosine), count(*) FILTER (WHERE l1 <> l1_op))
    FROM computed GROUP BY type$$)
ORDER BY 1;

-- A value in a table and the same value made in memory are at the same distances.
SELECT DISTINCT at_each_level FROM pg_temp.at_each_level($$
    SELECT concat_ws(' ', 'different', count(*) FILTER (WHERE (a <-> b) <> (subvector(a, 1, n) <-> subvector(b, 1, n))),
        count(*) FILTER (WHERE (a <=> b) <> (subvector(a, 1, n) <=> b)), count(*) FILTER (WHERE (ha <-> hb) <> (ha <-> subvector(hb, 1, n))),
        count(*) FILTER (WHERE (a <#> b) <> (a <#> subvector(b, 1, n))), count(*) FILTER (WHERE (ha <+> hb) <> (subvector(ha, 1, n) <+> hb)))
    FROM pairs$$);

-- Dense and sparse agree.
SELECT count(*) AS pairs, count(*) FILTER (WHERE abs((sa <-> sb) - (sa::vector <-> sb::vector)) > 1e-5 * (sa <-> sb)) AS different FROM pairs;

-- The largest vectors that there can be.
SELECT DISTINCT at_each_level FROM pg_temp.at_each_level($$
    SELECT concat_ws(' ', v <-> w, v <#> w, v <=> w, v <+> w, h <-> g, h <+> g) FROM (
        SELECT array_fill(1, ARRAY[16000])::vector AS v, array_fill(2, ARRAY[16000])::vector AS w,
            array_fill(1, ARRAY[16000])::halfvec AS h, array_fill(2, ARRAY[16000])::halfvec AS g) large$$);

-- Nearest neighbours, ties broken by id, the same with each set of instructions.
SELECT DISTINCT at_each_level FROM pg_temp.at_each_level($$
    SELECT string_agg(i::text, ' ') FROM (
        SELECT i FROM generate_series(1, 30) i ORDER BY ARRAY[i, i * i % 7, 1]::vector <-> '[10.2,3,1]', i LIMIT 8) nearest$$);

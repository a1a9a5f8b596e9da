-- Distances between bit strings.
\getenv abs_srcdir PG_ABS_SRCDIR
\set error_of :abs_srcdir '/sql/error_of.psql'
\i :error_of

-- Hamming distance: the bits that differ, by function and by operator.
SELECT hamming_distance(B'111', B'111') AS none, hamming_distance(B'111', B'110') AS one,
    hamming_distance(B'111', B'000') AS all, B'10101010101' <~> B'01010101010' AS operator;

-- Jaccard distance: 1 - bits in both / bits in either.
SELECT jaccard_distance(B'1111', B'1111') AS same, jaccard_distance(B'1111', B'1110') AS quarter,
    jaccard_distance(B'1100', B'1000') AS half, B'110011' <%> B'100001' AS operator;

-- Without a common bit the Jaccard distance is 1, also between empty sets.
SELECT B'1100' <%> B'0011' AS disjoint, B'0000' <%> B'0000' AS empty, B'' <%> B'' AS no_bits;

-- Without bits nothing differs.
SELECT B'' <~> B'' AS distance;

-- Both sides must have the same number of bits.
SELECT pg_temp.error_of($$SELECT hamming_distance(B'111', B'00')$$);
SELECT pg_temp.error_of($$SELECT B'11' <~> B''$$);
SELECT pg_temp.error_of($$SELECT jaccard_distance(B'111', B'00')$$);

-- NULL gives NULL.
SELECT B'1' <~> NULL::bit AS hamming, NULL::bit <%> B'1' AS jaccard;

-- Bit strings of varying length work through their cast to bit.
SELECT '1010'::varbit <~> '0110'::varbit AS distance;

-- All lengths, where they lie in a table, agree with counting bit by bit.
CREATE TEMP TABLE bits AS
SELECT n, string_agg(((i::bigint * 7919 + n) % 3 / 2)::text, '' ORDER BY i)::varbit AS a,
    string_agg(((i::bigint * 104729 + n) % 5 / 3)::text, '' ORDER BY i)::varbit AS b
FROM (SELECT generate_series(1, 300) UNION ALL VALUES (1000), (4096), (20000), (64001)) l(n),
    generate_series(1, n) i
GROUP BY n;
SELECT count(*) AS pairs,
    count(*) FILTER (WHERE (a <~> b) <> differ) AS wrong_hamming,
    count(*) FILTER (WHERE (a <%> b) <> CASE WHEN "both" = 0 THEN 1 ELSE 1 - "both"::float8 / "either" END) AS wrong_jaccard
FROM bits, LATERAL (
    SELECT length(replace((a # b)::text, '0', '')) AS differ, length(replace((a & b)::text, '0', '')) AS "both",
        length(replace((a | b)::text, '0', '')) AS "either") counted;

-- So they do with every set of instructions that there is.
DO $$
DECLARE
    level text;
    wrong int;
BEGIN
    FOREACH level IN ARRAY string_to_array((vecx_build_info()).simd_available, ', ') LOOP
        PERFORM set_config('vecx.simd', level, true);
        SELECT count(*) INTO wrong FROM bits
        WHERE (a <~> b) <> length(replace((a # b)::text, '0', ''))
            OR (a <%> b) <> (1 - length(replace((a & b)::text, '0', ''))::float8
                             / nullif(length(replace((a | b)::text, '0', '')), 0));
        IF wrong > 0 THEN RAISE WARNING '%: % wrong', level, wrong; END IF;
    END LOOP;
END $$;

-- A binary quantized vector is compared so.
SELECT binary_quantize('[1,-1,0,2,-0.5]'::vector) <~> binary_quantize('[-1,-1,1,2,3]'::vector) AS distance;

-- No distance is defined between vectors and bits.
SELECT pg_temp.error_of($$SELECT B'1' <-> B'1'$$) LIKE '42883 | operator does not exist: bit <-> bit%' AS refused;

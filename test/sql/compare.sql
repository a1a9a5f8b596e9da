-- Order and equality: btree, hash, sorting, grouping, joins.
\getenv abs_srcdir PG_ABS_SRCDIR
\set error_of :abs_srcdir '/sql/error_of.psql'
\i :error_of

-- The six operators, element by element; of equal beginnings the shorter comes first.
SELECT type, a, b, lt, le, eq, ne, ge, gt, cmp FROM (
    SELECT 'vector' AS type, a, b, a::vector < b::vector AS lt, a::vector <= b::vector AS le, a::vector = b::vector AS eq,
        a::vector <> b::vector AS ne, a::vector >= b::vector AS ge, a::vector > b::vector AS gt, vector_cmp(a::vector, b::vector) AS cmp
    FROM (VALUES ('[1,2,3]', '[1,2,3]'), ('[1,2,3]', '[1,2,4]'), ('[1,2,3]', '[1,2]'), ('[1,2]', '[1,3,0]'), ('[2]', '[1,9,9]'), ('[-1]', '[-2]'), ('[0]', '[-0]')) v(a, b)
    UNION ALL
    SELECT 'halfvec', a, b, a::halfvec < b::halfvec, a::halfvec <= b::halfvec, a::halfvec = b::halfvec,
        a::halfvec <> b::halfvec, a::halfvec >= b::halfvec, a::halfvec > b::halfvec, halfvec_cmp(a::halfvec, b::halfvec)
    FROM (VALUES ('[1,2,3]', '[1,2,3]'), ('[1,2,3]', '[1,2,4]'), ('[1,2,3]', '[1,2]'), ('[-1]', '[-2]'), ('[0]', '[-0]')) v(a, b)
    UNION ALL
    SELECT 'sparsevec', a, b, a::sparsevec < b::sparsevec, a::sparsevec <= b::sparsevec, a::sparsevec = b::sparsevec,
        a::sparsevec <> b::sparsevec, a::sparsevec >= b::sparsevec, a::sparsevec > b::sparsevec, sparsevec_cmp(a::sparsevec, b::sparsevec)
    FROM (VALUES ('{1:1,3:2}/3', '{1:1,3:2}/3'), ('{1:1}/3', '{2:1}/3'), ('{1:-1}/3', '{2:1}/3'), ('{}/3', '{1:-1}/3'), ('{}/3', '{3:1}/3'), ('{}/2', '{}/3'), ('{1:1}/2', '{1:1,3:-1}/3')) v(a, b)) t;

-- Dense and sparse vectors of the same elements have the same order.
CREATE TEMP TABLE small AS
SELECT ARRAY[x, y, z]::vector AS v FROM generate_series(-1, 1) x, generate_series(-1, 1) y, generate_series(-1, 1) z
UNION ALL SELECT ARRAY[x, y]::vector FROM generate_series(-1, 1) x, generate_series(-1, 1) y UNION ALL SELECT ARRAY[x]::vector FROM generate_series(-1, 1) x;
SELECT count(*) AS pairs, count(*) FILTER (WHERE sparsevec_cmp(a.v, b.v) <> vector_cmp(a.v, b.v)) AS sparse_differs,
    count(*) FILTER (WHERE halfvec_cmp(a.v, b.v) <> vector_cmp(a.v, b.v)) AS half_differs,
    count(*) FILTER (WHERE sign(btarraycmp(a.v::real[], b.v::real[])) <> vector_cmp(a.v, b.v)) AS array_differs,
    count(*) FILTER (WHERE vector_cmp(a.v, b.v) <> -vector_cmp(b.v, a.v)) AS not_antisymmetric
FROM small a, small b;

-- ORDER BY, with mixed dimensions and NULLs.
SELECT v FROM (VALUES ('[2]'::vector), ('[1,2,3]'), (NULL), ('[1,2]'), ('[-1,5]'), ('[1,1,9]')) t(v) ORDER BY v;
SELECT v FROM (VALUES ('[2]'::halfvec), ('[1,2,3]'), (NULL), ('[1,2]')) t(v) ORDER BY v DESC;
SELECT v FROM (VALUES ('{1:2}/1'::sparsevec), ('{1:1,2:2}/3'), ('{}/5'), ('{1:-1}/2')) t(v) ORDER BY v;

-- min and max do not exist.
SELECT pg_temp.error_of($$SELECT max('[1]'::vector)$$) LIKE '42883%' AS refused;

-- GREATEST and LEAST do.
SELECT greatest('[1,2]'::vector, '[1,3]', '[1]'), least('[1,2]'::vector, '[1,3]', '[1]');

-- A negative zero equals zero, and so hashes.
SELECT '[0,1]'::vector = '[-0,1]' AS vector, vecx_vector_hash('[0,1]') = vecx_vector_hash('[-0,1]') AS hash,
    vecx_halfvec_hash('[0,1]') = vecx_halfvec_hash('[-0,1]') AS half_hash, vecx_vector_hash_extended('[0,1]', 7) = vecx_vector_hash_extended('[-0,1]', 7) AS extended;

-- Hashes depend on all elements, on the dimensions, and on the seed; without one both functions agree.
SELECT count(DISTINCT vecx_vector_hash(v)) AS vector, count(DISTINCT vecx_halfvec_hash(v)) AS halfvec, count(DISTINCT vecx_sparsevec_hash(v)) AS sparsevec,
    count(DISTINCT vecx_vector_hash_extended(v, 1)) AS seeded, bool_and(vecx_vector_hash_extended(v, 1) <> vecx_vector_hash_extended(v, 2)) AS seeds_differ,
    bool_and(vecx_vector_hash_extended(v, 0) & 4294967295 = vecx_vector_hash(v)::bigint & 4294967295) AS agree
FROM (SELECT array_agg(CASE WHEN i = at THEN n ELSE 0.5 END ORDER BY i)::vector AS v
      FROM generate_series(1, 200, 7) n, LATERAL (VALUES (1), (n), ((n + 1) / 2)) p(at), generate_series(1, n) i WHERE n <> 1 GROUP BY n, at) t;

-- A unique index keeps equal vectors out, of any dimensions; several NULLs are let in.
CREATE TEMP TABLE keys (v vector UNIQUE, h halfvec UNIQUE, s sparsevec PRIMARY KEY);
INSERT INTO keys VALUES ('[1,2]', '[1,2]', '{1:1}/2'), ('[1,2,3]', NULL, '{1:1}/3'), (NULL, NULL, '{}/1'), (NULL, '[0]', '{}/2');
INSERT INTO keys VALUES ('[1,2]', NULL, '{}/3');
INSERT INTO keys VALUES (NULL, '[-0]', '{}/3');
INSERT INTO keys VALUES (NULL, NULL, '{1:1}/2');
INSERT INTO keys VALUES ('[1,2]', NULL, '{}/3') ON CONFLICT (v) DO UPDATE SET h = '[9]' RETURNING *;

-- A btree finds, and returns in order.
SET enable_seqscan = off;
SET enable_sort = off;
EXPLAIN (COSTS OFF) SELECT v FROM keys WHERE v = '[1,2]';
SELECT v FROM keys WHERE v = '[1,2]';
SELECT v FROM keys WHERE v > '[1]' ORDER BY v;
SELECT s FROM keys WHERE s <= '{1:1}/2' ORDER BY s DESC;
RESET enable_seqscan;
RESET enable_sort;

-- IN lists, also those long enough to be hashed.
SELECT v FROM keys WHERE v IN ('[1,2]', '[3]') ORDER BY v;
SELECT v FROM keys WHERE v IN ('[1]', '[2]', '[3]', '[4]', '[5]', '[6]', '[7]', '[8]', '[9]', '[1,2,3]') ORDER BY v;
SELECT v FROM keys WHERE v NOT IN ('[1]', '[2]', '[3]', '[4]', '[5]', '[6]', '[7]', '[8]', '[9]', '[1,2,3]') ORDER BY v;
SELECT h FROM keys WHERE h = ANY (ARRAY['[1,2]', '[7]']::halfvec[]);

-- DISTINCT, GROUP BY and set operations by hashing and by sorting give the same.
CREATE TEMP TABLE doubles (id int, v vector, h halfvec, s sparsevec);
INSERT INTO doubles SELECT i, ARRAY[i % 5, i % 3], ARRAY[i % 5, i % 3], ARRAY[i % 5, i % 3] FROM generate_series(1, 60) i;
INSERT INTO doubles VALUES (61, '[-0,0]', '[0,-0]', '{}/2'), (62, '[0]', '[0]', '{}/1'), (63, NULL, NULL, NULL);
ANALYZE doubles;
SET enable_sort = off;
EXPLAIN (COSTS OFF) SELECT v, count(*) FROM doubles GROUP BY v;
SELECT (SELECT count(*) FROM (SELECT DISTINCT v FROM doubles) d) AS vector, (SELECT count(*) FROM (SELECT DISTINCT h FROM doubles) d) AS halfvec,
    (SELECT count(*) FROM (SELECT DISTINCT s FROM doubles) d) AS sparsevec, (SELECT max(n) FROM (SELECT count(*) AS n FROM doubles GROUP BY v) d) AS largest;
SELECT count(*) FROM (SELECT v FROM doubles INTERSECT SELECT h::vector FROM doubles) d;
RESET enable_sort;
SET enable_hashagg = off;
EXPLAIN (COSTS OFF) SELECT v, count(*) FROM doubles GROUP BY v;
SELECT (SELECT count(*) FROM (SELECT DISTINCT v FROM doubles) d) AS vector, (SELECT count(*) FROM (SELECT DISTINCT h FROM doubles) d) AS halfvec,
    (SELECT count(*) FROM (SELECT DISTINCT s FROM doubles) d) AS sparsevec, (SELECT max(n) FROM (SELECT count(*) AS n FROM doubles GROUP BY v) d) AS largest;
SELECT count(*) FROM (SELECT v FROM doubles INTERSECT SELECT h::vector FROM doubles) d;
RESET enable_hashagg;

-- Joins by hash, by merge and by nested loop give the same.
SET enable_mergejoin = off;
SET enable_nestloop = off;
EXPLAIN (COSTS OFF) SELECT count(*) FROM doubles a JOIN doubles b ON a.v = b.v;
SELECT (SELECT count(*) FROM doubles a JOIN doubles b ON a.v = b.v) AS vector, (SELECT count(*) FROM doubles a JOIN doubles b ON a.h = b.h) AS halfvec,
    (SELECT count(*) FROM doubles a JOIN doubles b ON a.s = b.s) AS sparsevec;
RESET enable_mergejoin;
SET enable_hashjoin = off;
EXPLAIN (COSTS OFF) SELECT count(*) FROM doubles a JOIN doubles b ON a.v = b.v;
SELECT (SELECT count(*) FROM doubles a JOIN doubles b ON a.v = b.v) AS vector, (SELECT count(*) FROM doubles a JOIN doubles b ON a.h = b.h) AS halfvec,
    (SELECT count(*) FROM doubles a JOIN doubles b ON a.s = b.s) AS sparsevec;
SET enable_mergejoin = off;
RESET enable_nestloop;
SELECT (SELECT count(*) FROM doubles a JOIN doubles b ON a.v = b.v) AS vector, (SELECT count(*) FROM doubles a JOIN doubles b ON a.h = b.h) AS halfvec,
    (SELECT count(*) FROM doubles a JOIN doubles b ON a.s = b.s) AS sparsevec;
RESET enable_hashjoin;
RESET enable_mergejoin;

-- A full join needs one of the two: = merges and hashes.
SELECT count(*) FROM doubles a FULL JOIN (VALUES ('[0,0]'::vector), ('[7,7]')) b(v) USING (v);

-- <> is estimated to keep most rows: its estimator is that of inequality.
CREATE FUNCTION pg_temp.estimated(query text) RETURNS int LANGUAGE plpgsql AS $$
DECLARE
    plan json;
BEGIN
    EXECUTE 'EXPLAIN (FORMAT json) ' || query INTO plan;
    RETURN plan -> 0 -> 'Plan' ->> 'Plan Rows';
END $$;
SELECT pg_temp.estimated($$SELECT * FROM doubles WHERE v <> '[1,1]'$$) > 40 AS most, pg_temp.estimated($$SELECT * FROM doubles WHERE v = '[1,1]'$$) < 10 AS few;

-- A hash index finds.
CREATE INDEX ON doubles USING hash (v);
SET enable_seqscan = off;
SET enable_bitmapscan = off;
EXPLAIN (COSTS OFF) SELECT id FROM doubles WHERE v = '[3,0]' ORDER BY id;
SELECT id FROM doubles WHERE v = '[3,0]' ORDER BY id;
SELECT id FROM doubles WHERE v = '[0,0]' ORDER BY id;
RESET enable_seqscan;
RESET enable_bitmapscan;

-- Tables can be partitioned by hash, by range and by list of a vector.
CREATE TEMP TABLE hashed (v vector, s sparsevec) PARTITION BY HASH (v);
CREATE TEMP TABLE hashed_0 PARTITION OF hashed FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TEMP TABLE hashed_1 PARTITION OF hashed FOR VALUES WITH (MODULUS 2, REMAINDER 1);
INSERT INTO hashed (v) SELECT v FROM small;
SELECT count(*) AS all, count(*) FILTER (WHERE tableoid = 'hashed_0'::regclass) BETWEEN 10 AND 29 AS spread FROM hashed;
SELECT count(*) FROM hashed WHERE v = '[1,0,-1]';
SELECT count(*) FROM hashed WHERE v = '[-0,0,1]';
CREATE TEMP TABLE ranged (v vector) PARTITION BY RANGE (v);
CREATE TEMP TABLE ranged_low PARTITION OF ranged FOR VALUES FROM (MINVALUE) TO ('[0]');
CREATE TEMP TABLE ranged_high PARTITION OF ranged FOR VALUES FROM ('[0]') TO (MAXVALUE);
INSERT INTO ranged SELECT v FROM small;
SELECT tableoid::regclass, count(*) FROM ranged GROUP BY tableoid ORDER BY tableoid::regclass::text COLLATE "C";

-- Statistics of a column of vectors are gathered.
ANALYZE doubles;
SELECT attname, round(n_distinct * -63) AS values, null_frac > 0 AS nulls FROM pg_stats WHERE tablename = 'doubles' AND attname <> 'id' ORDER BY attname;

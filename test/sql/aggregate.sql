-- avg and sum of vector and halfvec.
\getenv abs_srcdir PG_ABS_SRCDIR
\set error_of :abs_srcdir '/sql/error_of.psql'
\i :error_of

-- Element by element.
SELECT avg(v), sum(v), avg(v::halfvec) AS half_avg, sum(v::halfvec) AS half_sum FROM (VALUES ('[1,2,3]'::vector), ('[3,5,-3]')) t(v);

-- NULLs are passed over.
SELECT avg(v), sum(v), count(v) FROM (VALUES ('[1,2]'::vector), (NULL), ('[3,4]')) t(v);

-- Of nothing, or nothing but NULLs, they are NULL.
SELECT avg(v) IS NULL AS avg, sum(v) IS NULL AS sum, avg(v::halfvec) IS NULL AS half_avg, sum(v::halfvec) IS NULL AS half_sum FROM (VALUES (NULL::vector)) t(v);
SELECT avg(v) IS NULL AS avg, sum(v) IS NULL AS sum FROM (VALUES ('[1]'::vector)) t(v) WHERE false;

-- They are vectors of the type that went in.
SELECT pg_typeof(avg(v)), pg_typeof(sum(v)), pg_typeof(avg(v::halfvec)) AS half_avg, pg_typeof(sum(v::halfvec)) AS half_sum FROM (VALUES ('[1]'::vector)) t(v);

-- avg sums in double precision: the mean of the largest floats is one, their sum overflows.
SELECT avg(v), avg('[65504]'::halfvec) AS half FROM (VALUES ('[3e38]'::vector), ('[3e38]'), ('[3e38]')) t(v);
SELECT pg_temp.error_of($$SELECT sum(v) FROM (VALUES ('[3e38]'::vector), ('[3e38]')) t(v)$$);
SELECT pg_temp.error_of($$SELECT sum(v) FROM (VALUES ('[65504]'::halfvec), ('[65504]')) t(v)$$);

-- avg does not lose the small beside the large, sum does.
SELECT avg(v ORDER BY n), sum(v ORDER BY n) FROM (VALUES (1, '[16777216]'::vector), (2, '[1]'), (3, '[1]'), (4, '[-16777216]')) t(n, v);

-- sum(halfvec) is rounded at every step.
SELECT sum(h ORDER BY n) FROM (VALUES (1, '[2048]'::halfvec), (2, '[1]'), (3, '[1]')) t(n, h);

-- All rows have the same dimensions.
SELECT type, function, pg_temp.error_of(format('SELECT %s(v ORDER BY v) FROM (VALUES (%L::%s), (%L)) t(v)', function, '[1,2]', type, '[3]'))
FROM (VALUES ('vector'), ('halfvec')) t(type), (VALUES ('avg'), ('sum')) f(function);

-- Many rows of the most dimensions.
SELECT vector_dims(avg(v)), (avg(v))[16000], (sum(v))[1], (avg(v::halfvec))[16000] AS half
FROM (SELECT array_fill(i, ARRAY[16000])::vector AS v FROM generate_series(1, 21) i) t;

-- Groups, grouping sets, DISTINCT and FILTER.
CREATE TEMP TABLE items (id int, kind text, v vector(2), h halfvec(2));
INSERT INTO items SELECT i, chr(97 + i % 3), ARRAY[i, i * i], ARRAY[i, -i] FROM generate_series(1, 9) i;
SELECT kind, avg(v), sum(v), avg(h) AS half_avg, sum(h) AS half_sum FROM items GROUP BY kind ORDER BY kind;
SELECT kind, grouping(kind), avg(v), sum(h) FROM items GROUP BY GROUPING SETS ((kind), ()) ORDER BY kind;
SELECT avg(DISTINCT v) FROM (SELECT v FROM items UNION ALL SELECT v FROM items WHERE id = 1) t;
SELECT avg(v) FILTER (WHERE id <= 2) AS two, avg(v) FILTER (WHERE id > 99) IS NULL AS none FROM items;
SELECT kind FROM items GROUP BY kind HAVING avg(v) <-> '[5,29]' < 3 ORDER BY kind;

-- Window frames: a running total, and a frame that moves.
SELECT id, avg(v) OVER (ORDER BY id) AS running, sum(v) OVER (ORDER BY id ROWS BETWEEN 1 PRECEDING AND 1 FOLLOWING) AS around,
    avg(h) OVER (PARTITION BY kind ORDER BY id ROWS UNBOUNDED PRECEDING) AS of_kind FROM items ORDER BY id;

-- The centre of each kind, nearest first.
SELECT kind, avg(v) <-> '[4,20]' AS distance FROM items GROUP BY kind ORDER BY 2 LIMIT 1;

-- The state of a plan that is combined from parts is the same as of one in sequence.
CREATE TABLE aggregate_parallel (id int, v vector(3), h halfvec(3));
INSERT INTO aggregate_parallel SELECT i, ARRAY[i % 7, i % 11, -i % 13], ARRAY[i % 2, i % 4 / 3, 0] FROM generate_series(1, 3000) i;
INSERT INTO aggregate_parallel (id) VALUES (0);
ANALYZE aggregate_parallel;
SELECT avg(v), sum(v), avg(h) AS half_avg, sum(h) AS half_sum FROM aggregate_parallel;
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SET max_parallel_workers_per_gather = 2;
EXPLAIN (COSTS OFF) SELECT avg(v), sum(v), avg(h), sum(h) FROM aggregate_parallel;
SELECT avg(v), sum(v), avg(h) AS half_avg, sum(h) AS half_sum FROM aggregate_parallel;
SELECT avg(v) IS NULL AS avg, sum(v) IS NULL AS sum FROM aggregate_parallel WHERE id = 0;
SELECT avg(v), sum(h) FROM aggregate_parallel WHERE id = 5;
RESET parallel_setup_cost;
RESET parallel_tuple_cost;
RESET min_parallel_table_scan_size;
RESET max_parallel_workers_per_gather;
DROP TABLE aggregate_parallel;

-- The functions behind avg take an array {rows, sums...} from anybody; they do not change it.
SELECT vector_accum('{0}', '[1,2]'), vector_accum('{1,1,2}', '[3,4]'), halfvec_accum('{1,1,2}', '[3,4]'), vector_combine('{1,1,2}', '{2,3,4}'),
    vector_combine('{0}', '{2,3,4}') AS combine_left, vector_combine('{2,3,4}', '{0}') AS combine_right, vector_combine('{0}', '{0}') AS combine_empty, halfvec_combine('{1,1,2}', '{2,3,4}');
SELECT vector_avg('{2,3,4}'), halfvec_avg('{2,3,4}'), vector_avg('{0}') IS NULL AS empty, vector_avg('{0,1}') IS NULL AS no_rows;
WITH state AS MATERIALIZED (SELECT '{1,1,2}'::float8[] AS s) SELECT vector_accum(s, '[1,1]'), s FROM state;

-- A state that is no state is refused.
SELECT call, pg_temp.error_of('SELECT ' || call)
FROM (VALUES ('vector_accum(''{}'', ''[1]'')'), ('vector_accum(''{{1,2}}'', ''[1]'')'), ('vector_accum(''{1,NULL}'', ''[1]'')'),
    ('vector_accum(''{1,2,3}'', ''[1]'')'), ('halfvec_accum(''{}'', ''[1]'')'), ('vector_avg(''{}'')'), ('vector_avg(''{{1}}'')'), ('vector_avg(''{NULL,1}'')'),
    ('vector_avg(''{1}'')'), ('halfvec_avg(''{}'')'), ('vector_combine(''{}'', ''{0}'')'), ('vector_combine(''{0}'', ''{}'')'),
    ('vector_combine(''{1,1}'', ''{1,1,2}'')'), ('halfvec_combine(''{{0}}'', ''{0}'')')) c(call);

-- So is one whose mean is no vector.
SELECT call, pg_temp.error_of('SELECT ' || call)
FROM (VALUES ('vector_avg(''{1,NaN}'')'), ('vector_avg(''{NaN,1}'')'), ('vector_avg(''{1,Infinity}'')'), ('vector_avg(''{1,1e39}'')'), ('vector_avg(''{1e-300,1}'')'),
    ('halfvec_avg(''{1,65520}'')'), ('halfvec_avg(''{1,NaN}'')'), ('vector_avg(array_fill(1::float8, ARRAY[16002]))'),
    ('vector_combine(array_fill(1::float8, ARRAY[16002]), array_fill(1::float8, ARRAY[16002]))'),
    ('vector_accum(''{1,Infinity}'', ''[1]'')'), ('vector_combine(''{1,1.7e308}'', ''{1,1.7e308}'')')) c(call);

-- Where the array of a state begins does not matter.
SELECT vector_accum('[5:6]={1,2}', '[3]'), vector_avg('[-1:1]={2,4,6}');

-- the first row is taken as it is: -0 keeps its sign
SELECT avg(v), avg(v::halfvec) FROM (VALUES ('[-0,0]'::vector)) t (v);
SELECT vector_accum('{0}', '[-0]'), halfvec_accum('{0}', '[-0]');

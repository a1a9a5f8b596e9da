-- vecx_kmeans and the product quantizer: vecx_pq_train, encode, decode, distance.
\getenv abs_srcdir PG_ABS_SRCDIR
\set error_of :abs_srcdir '/sql/error_of.psql'
\i :error_of

-- Three clusters, of 100, 50 and 10 vectors.
CREATE TABLE points AS
    SELECT i, ARRAY[c + sin(i) / 10, 2 * c + cos(i) / 10, c * c, -c]::float8[]::vector AS v
    FROM (SELECT i, CASE WHEN i <= 100 THEN 0 WHEN i <= 150 THEN 10 ELSE 30 END AS c FROM generate_series(1, 160) i) s;
SELECT count(*), min(distance) < 0.2 AND max(distance) < 0.2 AS near FROM points, LATERAL (
    SELECT min(v <-> c) AS distance FROM unnest((SELECT vecx_kmeans(array_agg(v ORDER BY i), 3) FROM points)) c) d;

-- Exact where each vector can have its own centroid.
SELECT c FROM unnest(vecx_kmeans(ARRAY['[1,2]', '[3,4]', '[-5,6]']::vector[], 3, 7)) c ORDER BY c;
SELECT vecx_kmeans(ARRAY['[1,2]', '[3,4]', '[2,6]']::vector[], 1);

-- The same seed gives the same; so do defaults and NULL.
SELECT vecx_kmeans(a, 20, 5) = vecx_kmeans(a, 20, 5) AS same, vecx_kmeans(a, 20) = vecx_kmeans(a, 20, 0) AS default,
    vecx_kmeans(a, 20, 5) = vecx_kmeans(a, 20, 6) AS other, vecx_kmeans(a, NULL) IS NULL AS none, pg_typeof(vecx_kmeans(a, 2)), array_length(vecx_kmeans(a, 20), 1)
    FROM (SELECT array_agg(v ORDER BY i) AS a FROM points) s;

-- Fewer distinct vectors than centroids: some come several times.
SELECT count(*), count(DISTINCT c) FROM unnest(vecx_kmeans(array_fill('[1,2]'::vector, '{6}') || '[3,4]'::vector, 5)) c;

-- So many that they are found in two steps.
SELECT count(*), bool_and(vector_norm(c) < 1) AS inside FROM unnest((
    SELECT vecx_kmeans(array_agg(ARRAY[sin(i) / 2, cos(i * i) / 2]::float8[]::vector), 4200) FROM generate_series(1, 5000) i)) c;

-- What is wrong is said.
SELECT pg_temp.error_of($$SELECT vecx_kmeans('{}', 1)$$);
SELECT pg_temp.error_of($$SELECT vecx_kmeans(ARRAY['[1]', NULL]::vector[], 1)$$);
SELECT pg_temp.error_of($$SELECT vecx_kmeans(ARRAY['[1]', '[1,2]']::vector[], 1)$$);
SELECT pg_temp.error_of($$SELECT vecx_kmeans(ARRAY[['[1]'], ['[2]']]::vector[], 1)$$);
SELECT pg_temp.error_of($$SELECT vecx_kmeans(ARRAY['[1]', '[2]']::vector[], 0)$$);
SELECT pg_temp.error_of($$SELECT vecx_kmeans(ARRAY['[1]', '[2]']::vector[], 3)$$);

-- A codebook: its size, and codes of it.
CREATE TABLE rows AS
    SELECT i, (SELECT array_agg(sin(i * j) + j)::vector FROM generate_series(1, 12) j) AS v FROM generate_series(1, 400) i;
CREATE TABLE books AS
    SELECT name, vecx_pq_train(a, m, bits, opq, 3) AS book
    FROM (SELECT array_agg(v ORDER BY i) AS a FROM rows) s,
        (VALUES ('m4', 4, 8, false), ('m6x4', 6, 4, false), ('m3x4', 3, 4, false), ('opq', 6, 4, true)) t(name, m, bits, opq);
SELECT name, length(book), length(vecx_pq_encode(book, v)) AS code FROM books, rows WHERE i = 1 ORDER BY name;

-- What a code stands for is near, nearer with more bits; the distance is that to what it stands for.
SELECT name, avg(v <-> vecx_pq_decode(book, code)) < CASE name WHEN 'm3x4' THEN 1.9 WHEN 'm4' THEN 0.4 ELSE 1.2 END AS near,
    bool_and(abs(vecx_pq_distance(book, v, code) - (v <-> vecx_pq_decode(book, code))) < 1e-4) AS same,
    bool_and(abs(vecx_pq_distance(book, '[1,2,3,4,5,6,7,8,9,10,11,12]', code) - ('[1,2,3,4,5,6,7,8,9,10,11,12]' <-> vecx_pq_decode(book, code))) < 1e-3) AS other
    FROM books, rows, LATERAL (SELECT vecx_pq_encode(book, v) AS code) c GROUP BY name ORDER BY name;

-- Codes of equal vectors are equal, and what is decoded has its own code.
SELECT name, bool_and(vecx_pq_encode(book, vecx_pq_decode(book, code)) = code) AS again
    FROM books, rows, LATERAL (SELECT vecx_pq_encode(book, v) AS code) c WHERE name <> 'opq' GROUP BY name ORDER BY name;

-- As many centroids as vectors: exact.
SELECT vecx_pq_decode(book, vecx_pq_encode(book, '[5,6]')) FROM vecx_pq_train(ARRAY['[1,2]', '[5,6]']::vector[], 2) book;

-- Defaults, and NULL.
SELECT vecx_pq_train(a, 2) = vecx_pq_train(a, 2, 8, false, 0) AS default, vecx_pq_train(a, NULL) IS NULL AS none FROM (SELECT ARRAY['[1,2]', '[3,4]']::vector[] AS a) s;

SELECT pg_temp.error_of($$SELECT vecx_pq_train(ARRAY['[1,2,3]']::vector[], 2)$$);
SELECT pg_temp.error_of($$SELECT vecx_pq_train(ARRAY['[1,2,3]']::vector[], 0)$$);
SELECT pg_temp.error_of($$SELECT vecx_pq_train(ARRAY['[1,2,3]']::vector[], 6)$$);
SELECT pg_temp.error_of($$SELECT vecx_pq_train(ARRAY['[1,2,3]']::vector[], 3, 5)$$);
SELECT pg_temp.error_of($$SELECT vecx_pq_train(ARRAY['[1,2,3]', NULL]::vector[], 3)$$);
SELECT pg_temp.error_of($$SELECT vecx_pq_train(ARRAY['[1,2,3]', '[1]']::vector[], 3)$$);
SELECT pg_temp.error_of($$SELECT vecx_pq_train('{}', 3)$$);
SELECT pg_temp.error_of($$SELECT vecx_pq_train(ARRAY[array_fill(1, '{3000}')::vector], 3, 4, true)$$);

-- Bytes that are no codebook, or not all of it; codes of another size; vectors of other dimensions.
SELECT pg_temp.error_of($$SELECT vecx_pq_encode('', '[1,2]')$$);
SELECT pg_temp.error_of($$SELECT vecx_pq_encode('\xdeadbeef', '[1,2]')$$);
SELECT pg_temp.error_of($$SELECT vecx_pq_decode(substr(book, 1, length(book) - 1), '\x00010203') FROM books WHERE name = 'm4'$$);
SELECT pg_temp.error_of($$SELECT vecx_pq_decode(book || '\x00', '\x00010203') FROM books WHERE name = 'm4'$$);
SELECT pg_temp.error_of($$SELECT vecx_pq_distance(set_byte(book, 8, 13), '[1,2]', '\x00010203') FROM books WHERE name = 'm4'$$);
-- A number that is infinite.
SELECT pg_temp.error_of($$SELECT vecx_pq_decode(set_byte(set_byte(book, 35, 127), 34, 128), '\x00010203') FROM books WHERE name = 'm4'$$);
SELECT pg_temp.error_of($$SELECT vecx_pq_decode(book, '\x000102') FROM books WHERE name = 'm4'$$);
SELECT pg_temp.error_of($$SELECT vecx_pq_decode(book, '') FROM books WHERE name = 'm6x4'$$);
SELECT pg_temp.error_of($$SELECT vecx_pq_distance(book, '[1,2]', '\x00010203') FROM books WHERE name = 'm4'$$);
SELECT pg_temp.error_of($$SELECT vecx_pq_encode(book, '[1,2]') FROM books WHERE name = 'm4'$$);

-- A codebook changes from row to row, and within a function's expression.
DO $$
DECLARE
    book bytea;
    decoded vector;
BEGIN
    FOR i IN 1..3 LOOP
        book := vecx_pq_train(ARRAY[ARRAY[i, 2 * i]::vector, ARRAY[-i, 7]::vector], 1, 4);
        decoded := vecx_pq_decode(book, vecx_pq_encode(book, ARRAY[i, 2 * i]::vector));
        RAISE NOTICE '%', decoded;
    END LOOP;
END $$;

-- Codebooks out of line, compressed and not, the same one with every row and then another; each row
-- has to be as if its codebook came alone. One that has a NaN is found behind others.
CREATE TABLE wide_books (name text, book bytea);
ALTER TABLE wide_books ALTER book SET STORAGE EXTERNAL;
INSERT INTO wide_books SELECT 'a', vecx_pq_train(array_agg((array_fill(i, '{15}') || ARRAY[i * i % 11])::vector), 8) FROM generate_series(1, 400) i;
ALTER TABLE wide_books ALTER book SET STORAGE EXTENDED;
INSERT INTO wide_books SELECT 'b', vecx_pq_train(array_agg((ARRAY[i, i % 7] || array_fill(0, '{14}'))::vector), 8) FROM generate_series(1, 400) i;
INSERT INTO wide_books SELECT 'c', vecx_pq_train(array_agg((array_fill(0, '{14}') || ARRAY[i, i % 7])::vector), 8) FROM generate_series(1, 400) i;
SELECT name, pg_column_size(book) < length(book) AS compressed FROM wide_books ORDER BY name;
CREATE TABLE wide_codes AS
SELECT name, i, (array_fill(i, '{16}'))::vector AS v, set_byte('\x0001020304050607'::bytea, 0, i) AS code
FROM wide_books, generate_series(1, 5) i;
SELECT name, count(*), count(DISTINCT distance), bool_and(abs(distance - (vecx_pq_decode(book, code) <-> v)) < 1e-4 * distance) AS right
FROM (
    SELECT name, code, v, book, vecx_pq_distance(book, v, code) AS distance
    FROM wide_books JOIN wide_codes USING (name) ORDER BY name, i
) d GROUP BY name ORDER BY name;
UPDATE wide_books SET book = set_byte(set_byte(book, 35, 127), 34, 200) WHERE name = 'c';
SELECT pg_temp.error_of($$SELECT count(vecx_pq_distance(book, v, code)) FROM (SELECT * FROM wide_books JOIN wide_codes USING (name) ORDER BY name, i) d$$);
DROP TABLE wide_books, wide_codes;

-- Training can be cancelled: without that, this would take a while.
SET statement_timeout = '500ms';
SELECT vecx_kmeans(array_fill('[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16]'::vector, '{300000}'), 4000);
RESET statement_timeout;

DROP TABLE points, rows, books;
-- Of vectors whose squares overflow there is no rotation.
SELECT vecx_pq_train(ARRAY['[3e38,3e38,3e38,3e38]', '[-3e38,-3e38,1,1]', '[1,2,3,4]']::vector[], 2, 8, true);

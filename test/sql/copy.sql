-- COPY in text and CSV, and the binary form.
\getenv abs_srcdir PG_ABS_SRCDIR
\set error_of :abs_srcdir '/sql/error_of.psql'
\i :error_of

-- Text: in, with white space and NULL, and out.
CREATE TEMP TABLE copied (id int, v vector(3), h halfvec, s sparsevec(5), many vector[]);
COPY copied FROM STDIN;
1	[1,2,3]	[0.5]	{1:1.5,5:-2}/5	{"[1]","[2,3]"}
2	[ 1.0 , 2 , 0x3 ]	[ 1e2 ]	{ 2 : 1 } / 5	{}
3	\N	\N	\N	\N
\.
COPY copied TO STDOUT;

-- CSV, where a vector with commas is quoted.
COPY copied FROM STDIN (FORMAT csv);
4,"[4,5,6]","[1,2]","{1:1,2:2}/5","{""[1,2]""}"
5,,,,
\.
COPY copied TO STDOUT (FORMAT csv);

-- The same comes back from what went out.
SELECT count(*) FROM copied a JOIN copied b USING (id)
WHERE a.v::text::vector = b.v AND a.h::text::halfvec = b.h AND a.s::text::sparsevec = b.s AND a.many::text::vector[] = b.many;

-- A row that is wrong stops COPY, which tells the line; nothing is loaded.
COPY copied (id, v) FROM STDIN;
6	[1,2,3]
7	[1,2]
\.
COPY copied (id, v) FROM STDIN;
6	[1,2,3]
7	[1,2,x]
\.
COPY copied (id, s) FROM STDIN;
8	{}/4
\.
SELECT count(*) FROM copied;

-- Of two faults in a sparsevec the number of dimensions is reported first.
COPY copied (id, s) FROM STDIN;
8	{9:1}/4
\.

-- The binary form of a vector: two-byte dimensions, two zero bytes, four-byte floats, big-endian.
SELECT encode(vector_send('[1,-2.5,0]'), 'hex');

-- Of a halfvec: the same with two-byte halves.
SELECT encode(halfvec_send('[1,-2.5,65504]'), 'hex');

-- Of a sparsevec: four-byte dimensions, number of elements and zero, then the indices from 0, then the floats.
SELECT encode(sparsevec_send('{1:1,5:-2.5}/5'), 'hex'), encode(sparsevec_send('{}/1000000000'), 'hex') AS empty;

-- The sign of zero is sent.
SELECT encode(vector_send('[-0,0]'), 'hex') AS vector, encode(halfvec_send('[-0,0]'), 'hex') AS halfvec;

-- Values in a table, behind short headers and out of line, are sent like those in memory.
CREATE TEMP TABLE sent (n int, v vector, h halfvec, s sparsevec);
INSERT INTO sent SELECT n, array_agg(i % 1000 ORDER BY i)::vector, array_agg(i % 1000 ORDER BY i)::halfvec, array_agg(i % 1000 ORDER BY i)::sparsevec
FROM (VALUES (1), (2), (3), (5), (8), (25), (31), (32), (700), (16000)) l(n), generate_series(1, n) i GROUP BY n;
SELECT n, vector_send(v) = vector_send(v::text::vector) AS vector, halfvec_send(h) = halfvec_send(h::text::halfvec) AS halfvec,
    sparsevec_send(s) = sparsevec_send(s::text::sparsevec) AS sparsevec, length(vector_send(v)) - 4 * n AS vector_header, length(halfvec_send(h)) - 2 * n AS half_header
FROM sent ORDER BY n;

-- The stored form has the size that it has in pgvector: 8 + 4 n, 8 + 2 n, 16 + 8 elements.
SELECT pg_column_size('[1,2,3]'::vector) AS vector, pg_column_size('[1,2,3]'::halfvec) AS halfvec, pg_column_size('{1:1,5:2}/9'::sparsevec) AS sparsevec;

-- In a table a small value has a header of one byte instead of four.
SELECT n, pg_column_size(v) AS vector, pg_column_size(h) AS halfvec, pg_column_size(s) AS sparsevec FROM sent WHERE n IN (1, 25, 32) ORDER BY n;

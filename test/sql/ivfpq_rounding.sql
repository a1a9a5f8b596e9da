-- Rows of indexes without copies are compared by the executor, which raises an error where the operator gives less than the bound: by rounding, too.
\getenv abs_srcdir PG_ABS_SRCDIR
\set compare :abs_srcdir '/sql/hnsw_compare.psql'
\i :compare
SET client_min_messages = warning;
SET ivfpq.probes = 100;
CREATE TABLE ivf_r (id int PRIMARY KEY, v vector(48));
CREATE FUNCTION pg_temp.fill(scale float8, away float8) RETURNS void LANGUAGE sql AS $$
    TRUNCATE ivf_r;
    INSERT INTO ivf_r SELECT i, (SELECT array_agg((x * (pow(10, scale)) + away * (1 + n % 3))::real ORDER BY n) FROM unnest(pg_temp.make(i, 48)::real[]) WITH ORDINALITY u (x, n))::vector FROM generate_series(1, 500) i;
$$;
-- For the first rows as queries, and one that is perpendicular to what all have in common: whether all rows come, in order.
CREATE FUNCTION pg_temp.ordered(operator text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    query vector;
    wrong int;
    all_wrong int := 0;
BEGIN
    SET LOCAL enable_seqscan = off;
    FOR query IN (SELECT v FROM ivf_r ORDER BY id LIMIT 10) UNION ALL SELECT (SELECT array_agg(CASE n % 3 WHEN 0 THEN 2 WHEN 1 THEN 1 ELSE -3 END) FROM generate_series(0, 47) n)::vector LOOP
        EXECUTE format('SELECT count(*) FILTER (WHERE d < before) + abs(count(*) - 500) FROM (SELECT d, lag(d) OVER () AS before FROM (SELECT v %1$s %2$L AS d FROM ivf_r ORDER BY v %1$s %2$L LIMIT 1000) q) q', operator, query) INTO wrong;
        all_wrong := all_wrong + wrong;
    END LOOP;
    RETURN CASE WHEN all_wrong = 0 THEN 'in order' ELSE all_wrong || ' out of order' END;
EXCEPTION WHEN OTHERS THEN
    RETURN SQLERRM;
END $$;
CREATE FUNCTION pg_temp.try_all(options text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
    class text;
    operator text;
    answers text;
BEGIN
    FOR class, operator IN VALUES ('l2', '<->'), ('ip', '<#>'), ('cosine', '<=>') LOOP
        EXECUTE format('CREATE INDEX ivf_r_v ON ivf_r USING ivfpq (v vector_%s_ops) WITH (%s)', class, options);
        answers := pg_temp.ordered(operator);
        -- Through inserts, too.
        DELETE FROM ivf_r WHERE id > 400;
        INSERT INTO ivf_r SELECT id + 400, v FROM ivf_r WHERE id <= 100;
        RETURN NEXT format('%s: %s, %s%s', class, answers, pg_temp.ordered(operator), (SELECT '; ' || string_agg(message, '; ') FROM pg_temp.damage('ivf_r_v')));
        DROP INDEX ivf_r_v;
    END LOOP;
END $$;
-- Far from the origin, where products cancel each other out.
SELECT pg_temp.fill(0, 0), pg_temp.try_all('vectors = none');
SELECT pg_temp.fill(0, 1000), pg_temp.try_all('vectors = none');
SELECT pg_temp.fill(0, 1000), pg_temp.try_all('vectors = none, quantizer = sq8, lists = 8');
SELECT pg_temp.fill(0, 1000000), pg_temp.try_all('vectors = none, quantizer = sq8, lists = 8');
-- Where squares of floats vanish or overflow.
SELECT pg_temp.fill(-21, 0), pg_temp.try_all('vectors = none, quantizer = sq8, lists = 8');
SELECT pg_temp.fill(-30, 0), pg_temp.try_all('vectors = none');
SELECT pg_temp.fill(16, 0), pg_temp.try_all('vectors = none, quantizer = sq8, lists = 8');
SELECT pg_temp.fill(16, 0), pg_temp.try_all('vectors = half, quantizer = sq8, lists = 8');
SELECT pg_temp.fill(30, 0), pg_temp.try_all('vectors = none');
DROP TABLE ivf_r;

-- Lists are ranked by codes of their centroids, kept by the backend, and the nearest by the centroids themselves: the lists that are opened
-- are the same as without codes, which indexes WITH (vectors = heap) do without. Few lists are opened, so that another list would show.
\getenv abs_srcdir PG_ABS_SRCDIR
\set compare :abs_srcdir '/sql/hnsw_compare.psql'
\i :compare
SET client_min_messages = warning;
SET enable_seqscan = off;
SET enable_sort = off;
-- Around the origin; far from it, where codes lose most; and of different lengths.
CREATE TABLE ivf_ranking (id int, near vector(20), far vector(20), lengths vector(20));
INSERT INTO ivf_ranking SELECT i, v, (v + array_fill(1000, '{20}')::vector)::vector(20), (v * array_fill(1 + i % 50, '{20}')::vector)::vector(20)
FROM (SELECT i, pg_temp.make(i, 20) AS v FROM generate_series(1, 3000) i) f;
CREATE FUNCTION pg_temp.answers(attribute text, operator text) RETURNS int[] LANGUAGE plpgsql AS $$
DECLARE
    found int[];
    answers int[];
BEGIN
    FOR i IN 1 .. 60 LOOP
        EXECUTE format('SELECT array_agg(id) FROM (SELECT id FROM ivf_ranking ORDER BY %1$I %2$s (SELECT %1$I FROM ivf_ranking WHERE id = %3$s) LIMIT 10) q', attribute, operator, i * 50) INTO found;
        answers := answers || found;
    END LOOP;
    RETURN answers;
END $$;
-- The answers of both ways, and whether they are those of all lists, which few should not give.
CREATE FUNCTION pg_temp.compare_ways(attribute text, class text, operator text, probes int) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    by_codes int[];
    by_centroids int[];
    of_all int[];
BEGIN
    PERFORM set_config('ivfpq.probes', probes::text, true);
    EXECUTE format('CREATE INDEX ivf_ranking_index ON ivf_ranking USING ivfpq (%I %s) WITH (lists = 50, vectors = float)', attribute, class);
    by_codes := pg_temp.answers(attribute, operator);
    PERFORM set_config('ivfpq.probes', '50', true);
    of_all := pg_temp.answers(attribute, operator);
    PERFORM set_config('ivfpq.probes', probes::text, true);
    EXECUTE format('DROP INDEX ivf_ranking_index; CREATE INDEX ivf_ranking_index ON ivf_ranking USING ivfpq (%I %s) WITH (lists = 50, vectors = heap)', attribute, class);
    by_centroids := pg_temp.answers(attribute, operator);
    DROP INDEX ivf_ranking_index;
    RETURN format('%s answers, %s, %s', cardinality(by_codes), CASE WHEN by_codes = by_centroids THEN 'the same' ELSE 'others' END,
        CASE WHEN by_codes = of_all THEN 'as of all lists' ELSE 'some of all' END);
END $$;
SELECT attribute, class, probes, pg_temp.compare_ways(attribute, class, operator, probes)
FROM (VALUES ('near', 'vector_l2_ops', '<->'), ('near', 'vector_ip_ops', '<#>'), ('near', 'vector_cosine_ops', '<=>'), ('far', 'vector_l2_ops', '<->'),
    ('far', 'vector_cosine_ops', '<=>'), ('lengths', 'vector_l2_ops', '<->'), ('lengths', 'vector_ip_ops', '<#>')) f (attribute, class, operator), (VALUES (1), (3)) p (probes);
DROP TABLE ivf_ranking;

-- hnsw indexes of vectors of all magnitudes that floats have: all rows come, in the order of what the operators give.
\getenv abs_srcdir PG_ABS_SRCDIR
\set compare :abs_srcdir '/sql/hnsw_compare.psql'
\i :compare
SET hnsw.ef_search = 1000;

-- The i-th vector whose elements are between 10^low and 10^high.
CREATE FUNCTION pg_temp.extreme(i int, dimensions int, low float8, high float8) RETURNS vector LANGUAGE sql IMMUTABLE AS
    $$SELECT array_agg(((CASE WHEN (i * 31 + j * 17) % 2 = 0 THEN 1 ELSE -1 END) * 10 ^ (low + (high - low) * abs(sin(i * 12.9898 + j * 78.233))))::real ORDER BY j)::vector FROM generate_series(1, dimensions) j$$;

-- Of all magnitudes, of huge ones, of tiny ones, and some ordinary ones among each.
CREATE TABLE hnsw_extreme_kind (kind int, low float8, high float8);
INSERT INTO hnsw_extreme_kind VALUES (0, -44, 38), (1, 30, 38.4), (2, -44.8, -30);
CREATE TABLE hnsw_extreme_query (number int, q vector(5));
INSERT INTO hnsw_extreme_query SELECT kind, pg_temp.extreme(1000 + kind, 5, low, high) FROM hnsw_extreme_kind UNION ALL SELECT 3, pg_temp.extreme(1003, 5, -1, 1);

-- What is not as it should be, of all kinds, classes, storages and numbers of neighbours: nothing.
CREATE FUNCTION pg_temp.check_extremes(class text, operator text) RETURNS SETOF text LANGUAGE plpgsql SET client_min_messages = warning AS $$
DECLARE
    of record;
    distance text;
    number int;
    steps_back int;
BEGIN
    FOR of IN SELECT * FROM hnsw_extreme_kind, unnest('{fast,compact}'::text[]) storage, unnest('{half,float}'::text[]) vectors, unnest('{2,16}'::int[]) m LOOP
        CREATE TABLE hnsw_extreme (id int, v vector(5));
        INSERT INTO hnsw_extreme SELECT i, CASE WHEN i % 10 = 0 THEN pg_temp.extreme(i, 5, -1, 1) ELSE pg_temp.extreme(i, 5, of.low, of.high) END
            FROM generate_series(1, 200) i;
        EXECUTE format('CREATE INDEX hnsw_extreme_index ON hnsw_extreme USING hnsw (v %I) WITH (storage = %s, vectors = %L, m = %s)', class, of.storage, of.vectors, of.m);
        INSERT INTO hnsw_extreme SELECT i, CASE WHEN i % 10 = 0 THEN pg_temp.extreme(i, 5, -1, 1) ELSE pg_temp.extreme(i, 5, of.low, of.high) END
            FROM generate_series(201, 300) i;
        FOR distance IN SELECT format('v %s %L', operator, q) FROM hnsw_extreme_query q ORDER BY q.number LOOP
            -- What the search found too late comes last, again in order: so there is one step back, or none.
            EXECUTE format('SELECT count(DISTINCT id), count(*) FILTER (WHERE distance < before)
                FROM (SELECT id, distance, lag(distance) OVER () AS before FROM (SELECT id, %1$s AS distance FROM hnsw_extreme ORDER BY %1$s) s) t', distance)
                INTO number, steps_back;
            IF number <> 300 OR steps_back > 1 THEN
                RETURN NEXT format('%s, %s, %s, m = %s, %s: %s rows, %s steps back', of.kind, of.storage, of.vectors, of.m, distance, number, steps_back);
            END IF;
        END LOOP;
        RETURN QUERY SELECT format('%s, %s, %s, m = %s: %s', of.kind, of.storage, of.vectors, of.m, message) FROM pg_temp.damage('hnsw_extreme_index');
        DROP TABLE hnsw_extreme;
    END LOOP;
END $$;
SET enable_seqscan = off;
SET enable_sort = off;
SELECT pg_temp.check_extremes('vector_l2_ops', '<->');
SELECT pg_temp.check_extremes('vector_ip_ops', '<#>');
SELECT pg_temp.check_extremes('vector_cosine_ops', '<=>');
SELECT pg_temp.check_extremes('vector_l1_ops', '<+>');

DROP TABLE hnsw_extreme_kind, hnsw_extreme_query;

-- The searches of the demonstration, shown with their results. Run by tools/demo through psql -e.
\set QUIET on
\pset footer off
\pset pager off
\echo
\echo '---- Query image' :image
SELECT q.id, c.name AS class FROM query q JOIN class c ON c.id = q.class_id WHERE q.id = :image;
\setenv IMAGE :image
\setenv HERE :here
\setenv FOLDER :folder
\! "$HERE/demo.py" picture "$FOLDER/query.npy" "$IMAGE"

\echo '---- Ten garments most like it'
SELECT g.id, c.name AS class, g.embedding <-> q.embedding AS distance
FROM query q, garment g JOIN class c ON c.id = g.class_id
WHERE q.id = :image
ORDER BY distance
LIMIT 10;

\echo '---- The same, only shirts'
SELECT g.id, c.name AS class, g.embedding <-> q.embedding AS distance
FROM query q, garment g JOIN class c ON c.id = g.class_id
WHERE q.id = :image AND c.name = 'Shirt'
ORDER BY distance
LIMIT 10;

\echo '---- What is it? The ten nearest vote'
WITH nearest AS (
    SELECT class_id
    FROM garment
    ORDER BY embedding <-> (SELECT embedding FROM query WHERE id = :image)
    LIMIT 10
)
SELECT c.name AS class, count(*) AS votes
FROM nearest n JOIN class c ON c.id = n.class_id
GROUP BY c.name
ORDER BY votes DESC, c.name;

\echo '---- How a search runs: one process'
SET max_parallel_workers_per_gather = 0;
EXPLAIN (ANALYZE, BUFFERS, COSTS off)
SELECT id FROM garment
ORDER BY embedding <-> (SELECT embedding FROM query WHERE id = :image) LIMIT 10;

\echo '---- and several'
SET max_parallel_workers_per_gather = :workers;
EXPLAIN (ANALYZE, BUFFERS, COSTS off)
SELECT id FROM garment
ORDER BY embedding <-> (SELECT embedding FROM query WHERE id = :image) LIMIT 10;

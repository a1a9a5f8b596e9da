-- The index of the demonstration, shown with what it changes. Run by tools/demo through psql -e, after
-- demo_search.sql; the index stays.
\set QUIET on
\pset footer off
\pset pager off
\echo
\echo '---- An index: a graph of nearest neighbours'
\timing on
CREATE INDEX garment_embedding_idx ON garment USING hnsw (embedding vector_l2_ops);
\timing off
SELECT pg_size_pretty(pg_relation_size('garment')) AS garments,
       pg_size_pretty(pg_relation_size('garment_embedding_idx')) AS index;
SELECT rows, nodes, levels, m, round(average_degree::numeric, 1) AS edges_of_a_node, vectors,
       round(bytes_per_row) AS bytes_per_row
FROM vecx_index_info('garment_embedding_idx');

\echo '---- How the search runs now'
EXPLAIN (ANALYZE, BUFFERS, COSTS off)
SELECT id FROM garment
ORDER BY embedding <-> (SELECT embedding FROM query WHERE id = :image) LIMIT 10;

# Every query gives the same in a parallel worker as in the session itself: PostgreSQL's own test mode
# puts a Gather on top of whatever may run in one.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('parallel');
$node->init;
$node->start;
$node->safe_psql(
    'postgres', q{
    CREATE EXTENSION vecx;
    CREATE TABLE items (id int, n int, v vector, w vector, h halfvec, s sparsevec, b bit(64));
    INSERT INTO items SELECT i, n, v, w, v, w, (i * 7919)::bit(64)
    FROM generate_series(1, 300) i, LATERAL (VALUES ((ARRAY[3, 30, 600, 1500])[i % 4 + 1])) d(n),
        LATERAL (SELECT array_agg(sin(i * 12.9898 + j * 78.233) ORDER BY j)::vector AS v, array_agg(cos(i * 4.1414 + j * 39.425) ORDER BY j)::vector AS w FROM generate_series(1, n) j) made;
    INSERT INTO items (id) VALUES (0);
    ANALYZE items;
    CREATE FUNCTION distance(vector, vector) RETURNS float8 LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS 'BEGIN RETURN $1 <-> $2; END';
});
my $setting = $node->safe_psql('postgres', q{SELECT name FROM pg_settings WHERE name IN ('force_parallel_mode', 'debug_parallel_query')});

my @queries = (
    q{SELECT id, v <-> w, v <#> w, v <=> w, v <+> w, cosine_similarity(v, w), vecx_l2_squared(v, w) FROM items ORDER BY id},
    q{SELECT id, h <-> w::halfvec, h <#> h, h <=> w::halfvec, h <+> w::halfvec FROM items ORDER BY id},
    q{SELECT id, s <-> v::sparsevec, s <#> s, s <=> v::sparsevec, s <+> v::sparsevec, b <~> B'1'::bit(64), b <%> (-1)::bit(64) FROM items ORDER BY id},
    q{SELECT id FROM items WHERE n = 600 ORDER BY v <-> (SELECT v FROM items WHERE id = 2), id LIMIT 10},
    q{SELECT id FROM items WHERE n = 1500 ORDER BY h <=> (SELECT h FROM items WHERE id = 3), id LIMIT 10},
    q{SELECT a.id, (SELECT b.id FROM items b WHERE b.n = a.n AND b.id <> a.id ORDER BY b.v <-> a.v, b.id LIMIT 1) FROM items a WHERE a.id BETWEEN 1 AND 20 ORDER BY a.id},
    q{SELECT n, avg(subvector(v, 1, 3)), sum(round((v[1])::numeric, 3)) FROM items GROUP BY n ORDER BY n},
    q{SELECT count(*) FROM (SELECT DISTINCT v FROM items) d},
    q{SELECT count(*) FROM items a JOIN items b ON a.v = b.v},
    q{SELECT id, v + w, v - w, v * w, v || w, v * 2, v / 3, l2_normalize(v), vector_norm(v), binary_quantize(v), subvector(v, 2, 2) FROM items WHERE n <= 30 ORDER BY id},
    q{SELECT id, v::halfvec, v::sparsevec, v::real[], v::text, vector_send(v), halfvec_send(h), sparsevec_send(s) FROM items WHERE n <= 30 ORDER BY id},
    q{SELECT id, v[1], h[2], v[id] FROM items ORDER BY id},
    q{SELECT id FROM items ORDER BY v, id},
    q{SELECT id FROM items ORDER BY s DESC, id LIMIT 20},
    q{SELECT id, distance(v, w) FROM items WHERE n IS NOT NULL ORDER BY id},
    q{SELECT vecx_version(), (vecx_build_info()).simd});

for my $query (@queries)
{
    my $name = substr($query, 0, 70);
    my $alone = $node->safe_psql('postgres', "SET $setting = off; SET max_parallel_workers_per_gather = 0; $query");
    # Subselects of other kinds keep some versions from moving the whole query into a worker.
    like($node->safe_psql('postgres', "SET $setting = on; EXPLAIN (COSTS OFF) $query"), qr/Gather/, "in a worker: $name") unless $query =~ /\(SELECT [vhb]/;
    is($node->safe_psql('postgres', "SET $setting = $_; $query"), $alone, "$_: $name") for 'on', 'regress';
}

# An error in a worker is the error of the query.
my ($status, undef, $stderr) = $node->psql('postgres', "SET $setting = regress; SELECT v <-> '[1]' FROM items WHERE n = 3");
like($stderr, qr/ERROR:  different vector dimensions 3 and 1/, 'an error in a worker arrives');

# Workers compute with the instructions that were set.
is( $node->safe_psql('postgres', "SET $setting = on; SET vecx.simd = scalar; SELECT simd FROM vecx_build_info()"),
    'scalar', 'the instructions that were set');

$node->stop;
done_testing();

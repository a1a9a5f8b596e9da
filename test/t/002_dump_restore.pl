# What pg_dump writes restores the same tables, indexes, views and functions, in plain and custom format.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('dump');
$node->init;
$node->start;
$node->safe_psql('postgres', 'CREATE DATABASE source');
$node->safe_psql(
    'source', q{
    CREATE EXTENSION vecx;
    CREATE DOMAIN unit AS vector(2) CHECK (abs(vector_norm(VALUE) - 1) < 1e-6);
    CREATE TYPE pair AS (a vector(2), b halfvec);
    CREATE TABLE items (
        id int PRIMARY KEY,
        v vector(3) NOT NULL DEFAULT '[0,0,0]',
        any_v vector,
        h halfvec(4),
        s sparsevec(1000000),
        many vector(2)[],
        direction unit DEFAULT '[1,0]',
        two pair,
        first real GENERATED ALWAYS AS (v[1]) STORED,
        CHECK (v <> '[1,1,1]'));
    ALTER TABLE items ALTER any_v SET STORAGE plain;
    INSERT INTO items (id, v, any_v, h, s, many, two)
        SELECT i, ARRAY[i, 1e-30, -0.1], array_fill(i / 3.0, ARRAY[i]), ARRAY[i, 0.1, -0.0, 65504], ('{' || i || ':0.1}/1000000')::sparsevec,
            ARRAY['[1,2]', NULL]::vector[], ROW(ARRAY[i, 3.4e38]::vector, '[6e-8]'::halfvec)::pair FROM generate_series(1, 50) i;
    INSERT INTO items (id) VALUES (100);
    CREATE INDEX items_btree ON items (v, h DESC);
    CREATE INDEX items_hash ON items USING hash (s);
    CREATE UNIQUE INDEX items_expression ON items ((v + v));
    CREATE INDEX items_distance ON items ((v <-> '[1,2,3]')) WHERE h <> '[0,0,0,0]';
    CREATE STATISTICS items_statistics ON (v <-> '[1,2,3]'), id FROM items;
    CREATE VIEW near AS
        SELECT id, v <-> '[1,2,3]' AS l2, v <#> '[1,2,3]' AS ip, h <=> '[1,2,3,4]' AS cosine, s <+> '{1:1}/1000000' AS l1, v * 2 AS twice, 2 * v AS two_times,
            v / 3 AS third, v || v AS joined, v[2] AS second, (many[1])[1] AS nested, binary_quantize(v) <~> B'101' AS hamming, binary_quantize(v) <%> B'101' AS jaccard
        FROM items WHERE v < '[40]' AND h >= '[0]' ORDER BY v <-> '[9,9,9]', id;
    CREATE MATERIALIZED VIEW centre AS SELECT avg(v) AS v, sum(h) FILTER (WHERE id = 9) AS h FROM items WHERE id < 50;
    CREATE FUNCTION nearest(vector, int DEFAULT 1) RETURNS SETOF int LANGUAGE sql STABLE AS 'SELECT id FROM items ORDER BY v <-> $1, id LIMIT $2';
    CREATE FUNCTION element(v vector, i int) RETURNS real LANGUAGE sql IMMUTABLE RETURN v[i];
    CREATE AGGREGATE centroid(vector) (SFUNC = vector_accum, STYPE = float8[], FINALFUNC = vector_avg, COMBINEFUNC = vector_combine, INITCOND = '{0}');
    CREATE TABLE parts (v vector(2), n int) PARTITION BY HASH (v);
    CREATE TABLE parts_0 PARTITION OF parts FOR VALUES WITH (MODULUS 2, REMAINDER 0);
    CREATE TABLE parts_1 PARTITION OF parts FOR VALUES WITH (MODULUS 2, REMAINDER 1);
    INSERT INTO parts SELECT ARRAY[i, -i], i FROM generate_series(1, 20) i;
});

my $contents = q{
    SELECT md5(string_agg(i::text, '|' ORDER BY id)) FROM items i;
    SELECT md5(string_agg(n::text, '|')) FROM near n;
    SELECT * FROM centre;
    SELECT nearest('[7,0,0]', 2), element('[1,2]', 2);
    SELECT centroid(v) FROM items;
    SELECT tableoid::regclass, count(*), sum(v) FROM parts GROUP BY tableoid ORDER BY tableoid::regclass::text;
    SELECT count(*) FROM parts WHERE v = '[3,-3]';
    SELECT attname, format_type(atttypid, atttypmod), attstorage FROM pg_attribute WHERE attrelid = 'items'::regclass AND attnum > 0 ORDER BY attnum;
    SELECT indexdef FROM pg_indexes WHERE schemaname = 'public' ORDER BY indexname;
    SELECT pg_get_viewdef('near'::regclass);
};
my $expected = $node->safe_psql('source', $contents);
like($expected, qr/^v\|vector\(3\)\|e$/m, 'the source has its columns');

sub dump_of
{
    my ($database) = @_;
    my ($stdout) = run_command([ 'pg_dump', '-d', $node->connstr($database) ]);
    # The keys against injection are random.
    $stdout =~ s/^\\(un)?restrict .*$//mg;
    return $stdout;
}
my $dump = dump_of('source');
like($dump, qr/CREATE EXTENSION IF NOT EXISTS vecx WITH SCHEMA public/, 'the dump asks for the extension');
unlike($dump, qr/CREATE (FUNCTION|OPERATOR|TYPE) public\.(l2_distance|<->|vector\b)/, 'and has no object of it');
like($dump, qr/OPERATOR\(public\.<->\)/, 'operators are told with their schema');

my $folder = PostgreSQL::Test::Utils::tempdir;
for my $format ('plain', 'custom', 'directory')
{
    my $file = "$folder/$format";
    my $target = "from_$format";
    $node->safe_psql('postgres', "CREATE DATABASE $target");
    $node->command_ok([ 'pg_dump', '-F', $format, '-f', $file, 'source' ], "pg_dump, $format");
    if ($format eq 'plain')
    {
        $node->command_ok([ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-f', $file, $target ], 'psql restores it');
    }
    else
    {
        $node->command_ok([ 'pg_restore', '-e', '-j', '2', '-d', $target, $file ], 'pg_restore restores it');
    }
    is($node->safe_psql($target, $contents), $expected, "$format: the same contents");
    is(dump_of($target), $dump, "$format: the same dump");
}

$node->stop;
done_testing();

# An index half of whose rows came after it was built answers as well as one that was built over all of them, and so does one that
# was there before the first row: for the types and distances that 015_hnsw_recall.pl does not have.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use VecxHnsw;

my ($rows, $queries) = (4000, 100);
my $node = PostgreSQL::Test::Cluster->new('half_inserted');
$node->init;
$node->append_conf('postgresql.conf', "autovacuum = off\nshared_buffers = 128MB\nfsync = off\nlog_line_prefix = '%m [%p] %e '\n");
$node->start;
make_helpers($node);
make_points($node);

# Rows of each type, of a corner of space where most are short: by inner product few of them are near anything, and a graph that is
# careless about them is soon in pieces.
my $corner = 'SELECT i, ARRAY[random() * random(), random() * random(), random() * random()]::vector AS v';
my %source = (
    (map { $_ => [ "$_(3)", "SELECT i, v::$_(3) FROM ($corner FROM generate_series(1, %d) i) s" ] } qw(vector halfvec sparsevec)),
    bit => [ 'bit(96)', 'SELECT i, binary_quantize(v)::bit(96) AS v FROM points(random(), 96, %d)' ]);
my @distances = ([ 'l2', '<->' ], [ 'ip', '<#>' ], [ 'cosine', '<=>' ], [ 'l1', '<+>' ]);
my @cases = map { my $type = $_; map { [ $type, "${type}_$_->[0]_ops", $_->[1], '' ] } @distances } qw(vector halfvec sparsevec);
# 015_hnsw_recall.pl has these, with real vectors.
@cases = grep { $_->[1] !~ /^vector_(l2|ip|cosine)_ops$/ } @cases;
push @cases, [ 'vector', 'vector_l2_ops', '<->', 'WITH (storage = compact)' ], [ 'vector', 'vector_ip_ops', '<#>', 'WITH (storage = compact)' ];
push @cases, [ 'bit', 'bit_hamming_ops', '<~>', '' ], [ 'bit', 'bit_jaccard_ops', '<%>', '' ];

# Rows among the ten given that are at least as near as the tenth, of all.
sub recall
{
    my ($operator) = @_;
    return $node->safe_psql(
        'postgres', qq{
        SET enable_seqscan = off; SET enable_sort = off; SET max_parallel_workers_per_gather = 0;
        SELECT round(avg((SELECT count(*) FROM (SELECT t.v $operator q.v AS d FROM t ORDER BY t.v $operator q.v LIMIT 10) f WHERE d <= q.distance)) / 10, 4) FROM q});
}

for my $type (qw(vector halfvec sparsevec bit))
{
    my ($column, $select) = @{ $source{$type} };
    my ($source, $asked) = map { sprintf $select, $_ } $rows, $queries;
    $node->safe_psql(
        'postgres', qq{
        SELECT setseed(0.5);
        CREATE TABLE source AS $source;
        CREATE TABLE asked AS $asked;
        CREATE TABLE t (i int, v $column)});
    for my $case (grep { $_->[0] eq $type } @cases)
    {
        my (undef, $class, $operator, $with) = @$case;
        my $index = "CREATE INDEX t_v ON t USING hnsw (v $class) $with";
        my $what = $class . ($with ? ", $with" : '');
        $node->safe_psql(
            'postgres', qq{
            DROP TABLE IF EXISTS q;
            CREATE TABLE q AS SELECT a.*, (SELECT s.v $operator a.v AS distance FROM source s ORDER BY 1 LIMIT 1 OFFSET 9) FROM asked a;
            TRUNCATE t; INSERT INTO t SELECT * FROM source; $index});
        my $built = recall($operator);
        $node->safe_psql('postgres', "DROP INDEX t_v; TRUNCATE t; INSERT INTO t SELECT * FROM source WHERE i % 2 = 0; $index; INSERT INTO t SELECT * FROM source WHERE i % 2 = 1");
        my $half = recall($operator);
        $node->safe_psql('postgres', "DROP INDEX t_v; TRUNCATE t; $index; INSERT INTO t SELECT * FROM source");
        my $inserted = recall($operator);
        is(index_errors($node, 't', 1), '', "$what: vecx_check is silent");
        $node->safe_psql('postgres', 'DROP INDEX t_v');
        note("$what: built $built, half of it inserted $half, all of it $inserted");
        cmp_ok($built, '>=', 0.9, "$what: built, $built");
        cmp_ok($half, '>=', $built - 0.01, "$what: half inserted, $half is within a point of $built");
        cmp_ok($inserted, '>=', $built - 0.02, "$what: all inserted, $inserted is within two points of $built");
    }
    $node->safe_psql('postgres', 'DROP TABLE source, asked, t, q');
}
# The first row of an index for the inner product that is made over none tells it what lengths to expect. It leaves .991
# of 1.0, without being told .973; so does a first row of zeros, which tells nothing.
my $corner_of_ten = 'SELECT i, ARRAY[' . join(', ', ('random()') x 10) . ']::vector(10) AS v';
$node->safe_psql(
    'postgres', qq{
    SELECT setseed(0.5);
    CREATE TABLE source AS $corner_of_ten FROM generate_series(1, 10000) i;
    UPDATE source SET v = v * v;
    CREATE TABLE asked AS $corner_of_ten FROM generate_series(1, $queries) i;
    CREATE TABLE t (i int, v vector(10));
    CREATE TABLE q AS SELECT a.*, (SELECT s.v <#> a.v AS distance FROM source s ORDER BY 1 LIMIT 1 OFFSET 9) FROM asked a;
    INSERT INTO t SELECT * FROM source;
    CREATE INDEX t_v ON t USING hnsw (v vector_ip_ops)});
my $built = recall('<#>');
my $zeros = "INSERT INTO t VALUES (0, array_fill(0, ARRAY[10])::vector)";
for my $case ([ 'a row like the others', '', 0.015 ], [ 'a row of zeros', $zeros, 0.05 ])
{
    my ($what, $first, $less) = @$case;
    $node->safe_psql('postgres', "DROP INDEX t_v; TRUNCATE t; CREATE INDEX t_v ON t USING hnsw (v vector_ip_ops); $first; INSERT INTO t SELECT * FROM source");
    my $inserted = recall('<#>');
    is(index_errors($node, 't', 1), '', "$what first: vecx_check is silent");
    cmp_ok($inserted, '>=', $built - $less, "$what first, inner product: $inserted, built $built");
}
is(bad_log_lines($node), '', 'nothing bad in the log');
$node->stop;
done_testing();

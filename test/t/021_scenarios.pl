# What people do with vectors in other systems, done in SQL, on 10,000 images of Fashion-MNIST where Debian's package of it is
# installed: quantized lists after a projection; lengths made equal, exact search and a graph; many lists; a row of points in order.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use IO::Uncompress::Gunzip;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use VecxHnsw;

my $folder = environment('VECX_DATASETS', '/usr/share/datasets/fashion-mnist');
my $node = PostgreSQL::Test::Cluster->new('scenarios');
$node->init;
$node->append_conf('postgresql.conf', "autovacuum = off\nshared_buffers = 128MB\nmaintenance_work_mem = 256MB\nmax_wal_size = 4GB\n");
$node->start;
make_helpers($node);

# Loads the first images of a file; false where there is none.
sub load
{
    my ($table, $file, $count) = @_;
    my $in = IO::Uncompress::Gunzip->new("$folder/$file") or return 0;
    my $read = sub { my ($bytes, $data) = ($_[0], ''); while (length $data < $bytes) { $in->read(my $part, $bytes - length $data) > 0 or last; $data .= $part; } return $data; };
    $read->(16);
    my $to = PostgreSQL::Test::Utils::tempdir() . "/$table";
    open my $out, '>', $to or die;
    print $out "$_\t[" . join(',', unpack 'C*', $read->(784)) . "]\n" for 1 .. $count;
    close $out;
    $node->safe_psql('postgres', "\\copy $table FROM '$to'");
    unlink $to;
    return 1;
}
$node->safe_psql('postgres', 'CREATE TABLE t (id int, v vector(784)); CREATE TABLE q (i int, v vector(784))');
if (!load('t', 't10k-images-idx3-ubyte.gz', 10000) || !load('q', 'train-images-idx3-ubyte.gz', 50))
{
    note('no images: other vectors');
    $node->safe_psql('postgres', 'TRUNCATE t, q; INSERT INTO t SELECT i, make(i, 784) FROM generate_series(1, 10000) i; INSERT INTO q SELECT i, make(100000 + i, 784) FROM generate_series(1, 50) i');
}
$node->safe_psql(
    'postgres', q{
    -- The share of the nearest rows by an exact search that a search by the index finds.
    CREATE FUNCTION recall(source text, query text, operator text, k int) RETURNS float8 LANGUAGE plpgsql AS $f$
    DECLARE
        row record;
        found int[];
        expected int[];
        hits float8 := 0;
    BEGIN
        FOR row IN EXECUTE query LOOP
            PERFORM set_config('enable_seqscan', 'off', true), set_config('enable_indexscan', 'on', true), set_config('enable_sort', 'off', true);
            EXECUTE format('SELECT array_agg(id) FROM (SELECT id FROM %I ORDER BY v %s $1 LIMIT %s) x', source, operator, k) INTO found USING row.v;
            PERFORM set_config('enable_seqscan', 'on', true), set_config('enable_indexscan', 'off', true), set_config('enable_sort', 'on', true);
            EXECUTE format('SELECT array_agg(id) FROM (SELECT id FROM %I ORDER BY v %s $1 LIMIT %s) x', source, operator, k) INTO expected USING row.v;
            hits := hits + (SELECT count(*) FROM unnest(found) f WHERE f = ANY (expected));
        END LOOP;
        EXECUTE format('SELECT $1 / (%s * count(*)) FROM (%s) x', k, query) INTO hits USING hits;
        RETURN hits;
    END $f$});

sub recall_at_least
{
    my ($least, $what, @arguments) = @_;
    my $recall = $node->safe_psql('postgres', "SET ivfpq.probes = 12; SET ivfflat.probes = 12; SELECT recall(\$q\$$arguments[0]\$q\$, \$q\$$arguments[1]\$q\$, '$arguments[2]', $arguments[3])");
    cmp_ok($recall, '>=', $least, "$what: recall $recall");
}

# A: a part of the dimensions, as after PCA; product quantization in lists, the nearest hundred.
$node->safe_psql('postgres', 'CREATE TABLE a AS SELECT id, subvector(v, 361, 64)::vector(64) AS v FROM t; CREATE INDEX a_v ON a USING ivfpq (v vector_l2_ops) WITH (lists = 100, m = 16)');
recall_at_least(0.90, 'A, pq', 'a', 'SELECT subvector(v, 361, 64) AS v FROM q', '<->', 100);
note('A: ' . $node->safe_psql('postgres', "SELECT pg_size_pretty(pg_relation_size('a_v')) || ', ' || record_bytes || ' bytes a code' FROM vecx_index_info('a_v')"));
$node->safe_psql('postgres', 'DROP INDEX a_v; CREATE INDEX a_v ON a USING ivfpq (v vector_l2_ops) WITH (lists = 100)');
recall_at_least(0.95, 'A, rabitq', 'a', 'SELECT subvector(v, 361, 64) AS v FROM q', '<->', 100);

# B: all lengths made equal, so that L2 orders as the cosine does; exact, then by a graph.
$node->safe_psql('postgres', 'CREATE TABLE b AS SELECT id, l2_normalize(v)::vector(784) AS v FROM t WHERE l2_norm(v::halfvec) > 0');
is( $node->safe_psql('postgres', 'SELECT avg((SELECT count(*) FROM (SELECT id FROM b ORDER BY v <-> l2_normalize(q.v) LIMIT 5) x
        WHERE id IN (SELECT id FROM t ORDER BY v <=> q.v LIMIT 5)))::float8 FROM q WHERE i <= 10'),
    '5', 'B, exact: L2 of unit vectors is the order of the cosine');
$node->safe_psql('postgres', 'CREATE INDEX b_v ON b USING hnsw (v vector_l2_ops)');
recall_at_least(0.95, 'B, hnsw', 'b', 'SELECT l2_normalize(v) AS v FROM q', '<->', 5);

# C: far more lists than so few rows have use for, which then are one; and a number that fits.
$node->safe_psql('postgres', 'CREATE TABLE c AS SELECT id, subvector(v, 137, 512)::vector(512) AS v FROM t; CREATE INDEX c_v ON c USING ivfflat (v vector_l2_ops) WITH (lists = 1024)');
recall_at_least(0.95, 'C, 1,024 lists', 'c', 'SELECT subvector(v, 137, 512) AS v FROM q', '<->', 10);
$node->safe_psql('postgres', 'DROP INDEX c_v; CREATE INDEX c_v ON c USING ivfflat (v vector_l2_ops) WITH (lists = 128)');
recall_at_least(0.95, 'C, 128 lists', 'c', 'SELECT subvector(v, 137, 512) AS v FROM q', '<->', 10);

# D: points in a row; the nearest ten of the first, in order.
$node->safe_psql('postgres', 'CREATE TABLE d AS SELECT i AS id, array_fill((0.01 * i)::real, ARRAY[40])::vector(40) AS v FROM generate_series(0, 999) i');
for my $index ('ivfflat (v vector_l2_ops) WITH (lists = 10)', 'ivfpq (v vector_l2_ops) WITH (lists = 10)', 'ivfpq (v vector_l2_ops) WITH (lists = 10, m = 10)',
    'ivfpq (v vector_l2_ops) WITH (lists = 10, quantizer = sq8)')
{
    $node->safe_psql('postgres', "CREATE INDEX d_v ON d USING $index");
    is($node->safe_psql('postgres', 'SET enable_seqscan = off; SET enable_sort = off; SELECT ARRAY(SELECT id FROM d ORDER BY v <-> (SELECT v FROM d WHERE id = 0) LIMIT 10)'),
        '{0,1,2,3,4,5,6,7,8,9}', "D, $index");
    $node->safe_psql('postgres', 'DROP INDEX d_v');
}
$node->stop;
done_testing();

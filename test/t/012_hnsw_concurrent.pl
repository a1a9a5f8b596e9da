# Many sessions at once: indexes made and rebuilt concurrently under a load, inserts of equal vectors, inserts while VACUUM goes
# round and round. No error, every row found, and found as well as by an index that was built over them.
# VECX_CONCURRENT_SECONDS for each of the loads.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Time::HiRes qw(sleep time);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use IPC::Run;
use VecxHnsw;

my $seconds = environment('VECX_CONCURRENT_SECONDS', 6);
seed_random();

my $node = PostgreSQL::Test::Cluster->new('concurrent');
$node->init;
$node->append_conf('postgresql.conf', "autovacuum = off\nlog_line_prefix = '%m [%p] %e '\nmax_wal_size = 2GB\ndeadlock_timeout = 200ms\n");
$node->start;
make_helpers($node);
$node->safe_psql(
    'postgres', q{
    CREATE TABLE t (id bigserial PRIMARY KEY, n int DEFAULT 0, v vector(16));
    INSERT INTO t (v) SELECT make(i, 16) FROM generate_series(1, 2000) i;
    CREATE INDEX t_v ON t USING hnsw (v vector_l2_ops);
});

my $loads = 0;

sub pgbench
{
    my ($clients, $text, $time) = @_;
    my $file = PostgreSQL::Test::Utils::tempdir() . '/load' . ++$loads . '.sql';
    append_to_file($file, $text);
    my $run = IPC::Run::start(
        [ 'pgbench', '-n', '-c', $clients, '-j', 1, '-T', $time, '-f', $file, '-h', $node->host, '-p', $node->port, 'postgres' ],
        '<', '/dev/null', '>', "$file.out", '2>', "$file.err");
    return { run => $run, file => $file };
}

sub ended
{
    my ($load, $what) = @_;
    eval { $load->{run}->finish };
    my $err = join "\n", grep { /error|abort|fatal/i } split /\n/, slurp_file("$load->{file}.err");
    is($err, '', "$what: no error");
    my ($count) = slurp_file("$load->{file}.out") =~ /actually processed: (\d+)/;
    cmp_ok($count // 0, '>', 0, "$what: " . ($count // 0) . ' transactions');
}

# Of the ten nearest by a sort, how many does the index find, over 200 queries?
sub recall
{
    return $node->safe_psql(
        'postgres', q{
        SET max_parallel_workers_per_gather = 0;
        CREATE TEMP TABLE q AS SELECT i, make(i, 16) AS v FROM generate_series(1000001, 1000200) i;
        SET enable_indexscan = off;
        CREATE TEMP TABLE truth AS SELECT q.i, f.id FROM q CROSS JOIN LATERAL (SELECT id FROM t ORDER BY t.v <-> q.v LIMIT 10) f;
        SET enable_indexscan = on; SET enable_seqscan = off; SET enable_sort = off; SET hnsw.ef_search = 40;
        CREATE TEMP TABLE found AS SELECT q.i, f.id FROM q CROSS JOIN LATERAL (SELECT id FROM t ORDER BY t.v <-> q.v LIMIT 10) f;
        SELECT count(*) / 2000.0 FROM truth JOIN found USING (i, id)});
}

my $mixed = q{
\set i random(1, 4000)
\set r random(1, 10)
\if :r <= 4
INSERT INTO t (v) VALUES (make(:i, 16)), (make(:i + 10000, 16));
\elif :r <= 6
UPDATE t SET n = n + 1 WHERE id = :i;
\elif :r = 7
UPDATE t SET v = make(:i + 5000, 16) WHERE id = :i;
\elif :r = 8
DELETE FROM t WHERE id = :i;
\elif :r = 9
BEGIN;
INSERT INTO t (v) VALUES (make(:i, 16));
ROLLBACK;
\else
SELECT count(*) FROM (SELECT id FROM t ORDER BY v <-> make(:i, 16) LIMIT 10) q;
\endif
};

sub sound
{
    my ($what) = @_;
    is(index_errors($node, 't', 1), '', "$what: vecx_check is silent");
    my ($lost, $ghosts, $twice, $all) = check_index($node, 't');
    is("$lost $ghosts $twice", '0 0 0', "$what: the index has the $all rows of the table");
}

# CREATE INDEX CONCURRENTLY and REINDEX CONCURRENTLY under it.
my $load = pgbench(3, $mixed, $seconds);
my $begin = time;
my $made = 0;
while (time - $begin < $seconds - 1)
{
    for my $statement ('CREATE INDEX CONCURRENTLY other ON t USING hnsw (v vector_ip_ops)', 'REINDEX INDEX CONCURRENTLY t_v', 'REINDEX INDEX CONCURRENTLY other', 'DROP INDEX CONCURRENTLY other')
    {
        my ($status, undef, $err) = $node->psql('postgres', $statement);
        is($status, 0, "$statement: $err") if $status;
        $made++ unless $status;
    }
}
ended($load, 'CONCURRENTLY');
cmp_ok($made, '>=', 4, "CONCURRENTLY: $made statements");
is($node->safe_psql('postgres', 'SELECT count(*) FROM pg_index WHERE NOT indisvalid'), 0, 'CONCURRENTLY: all indexes are valid');
sound('CONCURRENTLY');

# A build that fails leaves an index that is not valid; it goes on getting rows, and can be rebuilt.
$node->safe_psql('postgres', "CREATE TABLE f (id int, v vector(16)); INSERT INTO f SELECT i, make(i, 16) FROM generate_series(1, 500) i;");
$node->psql('postgres', "SET statement_timeout = '30ms'; CREATE INDEX CONCURRENTLY f_v ON f USING hnsw (v vector_l2_ops) WITH (ef_construction = 1000)");
$node->safe_psql('postgres', 'INSERT INTO f SELECT i, make(i, 16) FROM generate_series(501, 600) i');
$node->safe_psql('postgres', 'DELETE FROM f WHERE id < 50; ');
$node->safe_psql('postgres', 'VACUUM (INDEX_CLEANUP ON) f');
if ($node->safe_psql('postgres', "SELECT count(*) FROM pg_class WHERE relname = 'f_v'"))
{
    $node->safe_psql('postgres', 'REINDEX INDEX CONCURRENTLY f_v');
    is(join('|', check_index($node, 'f')), '0|0|0|551', 'a failed build is made good');
}

# Writers and readers, then the recall against that of a new index.
$load = pgbench(6, $mixed, $seconds);
ended($load, 'writers and readers');
sound('writers and readers');
my $grown = recall();
$node->safe_psql('postgres', 'REINDEX INDEX t_v');
my $built = recall();
note("recall at 10, grown under load $grown, built anew $built");
cmp_ok($grown, '>=', $built - 0.01, 'as good as built');
cmp_ok($built, '>=', 0.95, 'which is good');

# Equal vectors from several sessions at once, into an empty index and a full one.
$node->safe_psql('postgres', 'CREATE TABLE e (id bigserial, v vector(16)); CREATE INDEX e_v ON e USING hnsw (v vector_l2_ops)');
$load = pgbench(5, "\\set i random(1, 4)\nINSERT INTO e (v) VALUES (make(:i, 16));\n", $seconds / 2);
ended($load, 'equal vectors');
my ($lost, $ghosts, $twice, $all) = check_index($node, 'e');
is("$lost $ghosts $twice", '0 0 0', "equal vectors: all of $all rows");
is(index_errors($node, 'e', 1), '', 'equal vectors: vecx_check is silent');
note('nodes|duplicates: ' . $node->safe_psql('postgres', "SELECT nodes, duplicates FROM vecx_index_info('e_v')"));

# The same while they are deleted and VACUUM goes round.
$load = pgbench(4, "\\set i random(1, 4)\n\\set k random(0, 9)\nINSERT INTO e (v) VALUES (make(:i, 16)), (make(:i, 16));\nDELETE FROM e WHERE id IN (SELECT id FROM e WHERE id % 10 = :k LIMIT 5 FOR UPDATE SKIP LOCKED);\n", $seconds);
$begin = time;
my $rounds = 0;
while (time - $begin < $seconds) { $node->safe_psql('postgres', 'VACUUM (INDEX_CLEANUP ON) e'); $rounds++; }
ended($load, "equal vectors under $rounds rounds of VACUUM");
($lost, $ghosts, $twice, $all) = check_index($node, 'e');
is("$lost $ghosts $twice", '0 0 0', "equal vectors under VACUUM: all of $all rows");
$node->safe_psql('postgres', 'VACUUM (INDEX_CLEANUP ON) e');
is(index_errors($node, 'e', 1), '', 'equal vectors under VACUUM: vecx_check is silent');

# Inserts and searches while VACUUM goes round.
$load = pgbench(4, $mixed, $seconds);
$begin = time;
$rounds = 0;
while (time - $begin < $seconds)
{
    $node->safe_psql('postgres', "DELETE FROM t WHERE id % 20 = $rounds % 20");
    $node->safe_psql('postgres', 'VACUUM (INDEX_CLEANUP ON) t');
    $rounds++;
}
ended($load, "$rounds rounds of VACUUM");
($lost, $ghosts, $twice, $all) = check_index($node, 't');
is("$ghosts $twice", '0 0', 'under VACUUM: no row but those of the table');
cmp_ok($lost, '<=', $all / 1000, "under VACUUM: next to no row out of reach, $lost of $all");
$node->safe_psql('postgres', 'VACUUM (INDEX_CLEANUP ON) t');
sound('under VACUUM, after one more');
$grown = recall();
$node->safe_psql('postgres', 'REINDEX INDEX t_v');
$built = recall();
note("recall at 10, after VACUUMs $grown, built anew $built");
cmp_ok($grown, '>=', $built - 0.02, 'almost as good as built');

is(bad_log_lines($node), '', 'nothing bad in the log');
$node->stop;
done_testing();

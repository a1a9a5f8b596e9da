# What the work on inverted lists takes that graphs do not have: lists that VACUUM makes are made within maintenance_work_mem, and a
# search through all rows keeps as many of them as work_mem has room for. Cancelled at any time, VACUUM and searches are soon over.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Time::HiRes qw(sleep time);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use VecxHnsw;

plan skip_all => 'no /proc' unless -r '/proc/self/status';
my $rows = environment('VECX_MEMORY_ROWS', 20000);
my $node = PostgreSQL::Test::Cluster->new('ivf_memory');
$node->init;
$node->append_conf('postgresql.conf', "autovacuum = off\nlog_line_prefix = '%m [%p] %e '\nshared_buffers = 32MB\nmax_wal_size = 4GB\nclient_min_messages = warning\n");
$node->start;
make_helpers($node);
# Half of the rows are to be deleted later.
$node->safe_psql(
    'postgres', qq{
    CREATE TABLE base AS SELECT i, make(i, 256) AS v FROM generate_series(1, 500) i;
    CREATE TABLE t AS SELECT row_number() OVER () AS id, a.v + b.v AS v FROM base a, base b WHERE a.i < b.i LIMIT $rows;
    ALTER TABLE t ALTER v TYPE vector(256);
    CREATE TABLE grows (LIKE t);
    CREATE INDEX grows_v ON grows USING ivfpq (v vector_l2_ops) WITH (lists = 100);
    INSERT INTO grows SELECT * FROM t});

# Megabytes.
sub peak
{
    my ($prepare, $statement) = @_;
    my ($kb, $err) = peak_memory($node, $statement, $prepare);
    is($err, '', 'no error');
    return $kb / 1024;
}

# Runs a statement with each limit of time; returns how many were cancelled, and the longest that one went on after that.
sub cancel
{
    my ($statement, @timeouts) = @_;
    my ($cancelled, $longest) = (0, 0);
    for my $timeout (@timeouts)
    {
        my $begin = time;
        my ($status, undef, $err) = $node->psql('postgres', $statement, connstr => $node->connstr('postgres') . " options='-c statement_timeout=$timeout -c maintenance_work_mem=8MB'");
        my $took = time - $begin - $timeout / 1000;
        next unless $status;
        like($err, qr/canceling statement due to statement timeout/, "cancelled after $timeout ms");
        $cancelled++;
        $longest = $took if $took > $longest;
    }
    note(sprintf '%s: %d cancelled, the longest was over after %.2f s', substr($statement, 0, 40), $cancelled, $longest);
    return ($cancelled, $longest);
}

# VACUUM that makes lists. Half a second is promised; a loaded machine, and the start of a session, are given time.
my ($cancelled, $longest) = cancel('VACUUM grows', 5, 10, 20, 40, 60, 80, 100, 130);
cmp_ok($cancelled, '>', 0, 'VACUUM is cancelled while it makes lists');
cmp_ok($longest, '<', 1.5, 'and soon over');
is(index_errors($node, 'grows', 1), '', 'vecx_check is silent');
$node->safe_psql('postgres', "DROP INDEX grows_v; TRUNCATE grows; CREATE INDEX grows_v ON grows USING ivfpq (v vector_l2_ops) WITH (lists = 100); INSERT INTO grows SELECT * FROM t");
my $mb = peak("SET maintenance_work_mem = '8MB';", 'VACUUM grows;');
note(sprintf 'VACUUM that makes lists, maintenance_work_mem 8 MB: %.1f MB', $mb);
cmp_ok($mb, '<=', 8 + 32, 'VACUUM makes lists within maintenance_work_mem and 32 MB');
is($node->safe_psql('postgres', "SELECT trained FROM vecx_index_info('grows_v')"), 't', 'it has made them');
is(join('|', check_index($node, 'grows')), "0|0|0|$rows", 'all rows are found');
is(index_errors($node, 'grows', 1), '', 'vecx_check is silent');

# VACUUM that removes rows.
$node->safe_psql('postgres', 'DELETE FROM grows WHERE id % 2 = 0');
($cancelled, $longest) = cancel('VACUUM (INDEX_CLEANUP ON) grows', 1, 2, 3, 5, 8, 12, 20);
cmp_ok($longest, '<', 1.5, "VACUUM that removes rows is soon over ($cancelled cancelled)");
$mb = peak("SET maintenance_work_mem = '8MB';", 'VACUUM (INDEX_CLEANUP ON) grows;');
cmp_ok($mb, '<=', 8 + 32, sprintf('VACUUM that removes rows: %.1f MB', $mb));

# A search through all rows, and many searches in one statement. What is beside the rows that are kept is a query, its tables and the
# lists.
my $searches = "SET enable_seqscan = off; SET enable_sort = off; SET max_parallel_workers_per_gather = 0; SET jit = off; SET ivfpq.probes = 100; SET work_mem = '1MB';";
my $cursor = "BEGIN; DECLARE c CURSOR FOR SELECT id FROM grows ORDER BY v <-> make(3, 256); MOVE FORWARD %d IN c; SELECT pg_sleep(0.5); COMMIT;";
my ($few, $many) = map { peak("$searches\nSELECT id FROM grows ORDER BY v <-> make(3, 256) LIMIT 1;", sprintf $cursor, $_) } 1, $rows / 2 - 10;
note(sprintf 'a search, work_mem 1 MB: %.1f MB for a row, %.1f MB for nearly all', $few, $many);
cmp_ok($many, '<=', 1 + 4, 'a search through all rows: work_mem and 4 MB');
cmp_ok($many, '>', $few, 'which takes more than one for a row');
($cancelled, $longest) = cancel("$searches SELECT sum(n) FROM base b, LATERAL (SELECT count(*) AS n FROM (SELECT id FROM grows ORDER BY v <-> b.v) q) c", 20, 50, 100, 300);
cmp_ok($cancelled, '>', 2, 'searches are cancelled');
cmp_ok($longest, '<', 1.5, 'and soon over');
is(bad_log_lines($node), '', 'nothing bad in the log');
$node->stop;
done_testing();

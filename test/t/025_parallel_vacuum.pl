# VACUUM whose workers take an index each: graphs, lists, and lists that are still to be made. Rows that died are taken out, what
# that leaves is used again, and lists are made.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use VecxHnsw;

my $node = PostgreSQL::Test::Cluster->new('parallel_vacuum');
$node->init;
$node->append_conf('postgresql.conf', "autovacuum = off\nlog_line_prefix = '%m [%p] %e '\nclient_min_messages = warning\nmin_parallel_index_scan_size = 0\nmax_parallel_maintenance_workers = 4\n");
$node->start;
make_helpers($node);
my @operators = ('<->', '<=>', '<#>', '<+>');
$node->safe_psql(
    'postgres', q{
    CREATE TABLE t (id int, v vector(16));
    CREATE INDEX t_untrained ON t USING ivfpq (v vector_ip_ops) WITH (lists = 8);
    INSERT INTO t SELECT i, make(i, 16) FROM generate_series(1, 300) i;
    CREATE INDEX t_hnsw ON t USING hnsw (v vector_l1_ops);
    CREATE INDEX t_flat ON t USING ivfflat (v vector_l2_ops) WITH (lists = 4);
    CREATE INDEX t_pq ON t USING ivfpq (v vector_cosine_ops) WITH (lists = 1, m = 8, bits = 4)});
for my $round (1 .. 4)
{
    $node->safe_psql('postgres', "INSERT INTO t SELECT i, make(i, 16) FROM generate_series($round * 1000, $round * 1000 + 299) i; DELETE FROM t WHERE id % 4 = $round % 4");
    my ($status, undef, $err) = $node->psql('postgres', 'SET client_min_messages = info; VACUUM (VERBOSE, PARALLEL 4, INDEX_CLEANUP ON) t');
    like($err, qr/launched [1-4] parallel vacuum workers? for index vacuuming/, "round $round: there were workers");
    for my $operator (@operators)
    {
        my ($lost, $ghosts, $twice, $all) = check_index($node, 't', $operator);
        is("$lost $ghosts $twice", '0 0 0', "round $round, $operator: all $all rows");
    }
    is(index_errors($node, 't', 1), '', "round $round: vecx_check is silent");
}
is($node->safe_psql('postgres', "SELECT trained FROM vecx_index_info('t_untrained')"), 't', 'lists were made');
is(bad_log_lines($node), '', 'nothing bad in the log');
$node->stop;
done_testing();

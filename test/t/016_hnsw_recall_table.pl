# How good the answers are at the corners of what an index may be: few dimensions and many, few edges and many. Ten nearest, at
# ef_search 200. With VECX_RECALL_TABLE=1 all cells of the table, on 20,000 rows (5,000 of 16,000 dimensions), else some of them
# on few rows.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use VecxHnsw;

my $node = PostgreSQL::Test::Cluster->new('recall_table');
$node->init;
$node->append_conf('postgresql.conf', "autovacuum = off\nshared_buffers = 256MB\nmaintenance_work_mem = 512MB\nmax_wal_size = 8GB\nfsync = off\nlog_line_prefix = '%m [%p] %e '\n");
$node->start;
make_helpers($node);
make_points($node);

# Rows among the ten given that are at least as near as the tenth, of all.
sub recall
{
    my $by_index = 'SET enable_seqscan = off; SET enable_sort = off; SET hnsw.ef_search = 200; SET max_parallel_workers_per_gather = 0;';
    like($node->safe_psql('postgres', "$by_index EXPLAIN (COSTS off) SELECT i FROM t ORDER BY v <-> (SELECT v FROM q LIMIT 1) LIMIT 10"),
        qr/Index Scan using t_v/, 'by the index');
    return $node->safe_psql(
        'postgres', qq{
        $by_index
        SELECT round(avg((SELECT count(*) FROM (SELECT t.v <-> q.v AS d FROM t ORDER BY t.v <-> q.v LIMIT 10) f WHERE d <= distance)) / 10, 4) FROM q});
}

my $all = environment('VECX_RECALL_TABLE', 0);
my $edges = [ 2, 16, 100 ];
my @table =
  $all
  ? ([ 1, $edges, 20000 ], [ 3, $edges, 20000 ], [ 128, $edges, 20000 ], [ 2000, $edges, 20000 ], [ 2001, $edges, 20000 ], [ 4096, $edges, 20000 ], [ 16000, $edges, 5000 ])
  : ([ 1, [16], 20000 ], [ 3, [2], 4000 ], [ 128, [ 2, 16 ], 4000 ], [ 2001, [ 2, 100 ], 1000 ], [ 16000, [16], 300 ]);
for my $row (@table)
{
    my ($d, $edges, $rows) = @$row;
    my $queries = $d > 4000 ? 50 : 100;
    $node->safe_psql(
        'postgres', qq{
        CREATE TABLE t (i int, v vector($d));
        ALTER TABLE t ALTER v SET STORAGE EXTERNAL;
        INSERT INTO t SELECT * FROM points(0.5, $d, $rows);
        VACUUM ANALYZE t;
        CREATE TABLE q AS SELECT p.*, (SELECT t.v <-> p.v AS distance FROM t ORDER BY 1 LIMIT 1 OFFSET 9) FROM points(0.75, $d, $queries) p});
    for my $m (@$edges)
    {
        my $ef_construction = 2 * $m > 64 ? 2 * $m : 64;
        # What m = 2 means depends on what nodes keep: 32 edges with their codes, or 4 that lead to other nodes' vectors. So few
        # leave some nodes out of reach, for which vecx_check has a warning: 0.80 to 0.85 were measured, and 0.87 with pgvector's
        # index. The floor is 0.05 below.
        for my $storage ('fast', $all && $d < 16000 ? 'compact' : ())
        {
            my $what = "$d dimensions, m = $m, $storage";
            my $begin = time;
            $node->safe_psql('postgres', "CREATE INDEX t_v ON t USING hnsw (v vector_l2_ops) WITH (m = $m, ef_construction = $ef_construction, storage = $storage)");
            my $took = time - $begin;
            my $recall = recall();
            note("$what, $rows rows: $recall, built in $took s");
            # Up to three dimensions are stored as with compact.
            my $few = ($storage eq 'compact' || $d <= 3) && $m == 2;
            cmp_ok($recall, '>=', $few && $d > 3 ? 0.75 : 0.95, "$what: recall at 10 of $recall");
            is(index_errors($node, 't', !$few), '', "$what: vecx_check is silent");
            $node->safe_psql('postgres', 'DROP INDEX t_v');
        }
    }
    $node->safe_psql('postgres', 'DROP TABLE t, q');
}
is(bad_log_lines($node), '', 'nothing bad in the log');
$node->stop;
done_testing();

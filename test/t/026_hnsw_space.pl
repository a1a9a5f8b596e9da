# The room of deleted rows: a VACUUM that finds nothing dead frees what one before it had to leave, looks at no page where there is
# nothing to free, and knows of it after a crash.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use VecxHnsw;

my $node = PostgreSQL::Test::Cluster->new('space');
$node->init;
$node->append_conf('postgresql.conf', "autovacuum = off\nmax_prepared_transactions = 2\nstats_fetch_consistency = none\n");
$node->start;
make_helpers($node);
$node->safe_psql(
    'postgres', q{
    CREATE TABLE t (id int, v vector(12));
    CREATE INDEX t_v ON t USING hnsw (v vector_l2_ops);
    CREATE TABLE other (id int);
    INSERT INTO t SELECT i, make(i, 12) FROM generate_series(1, 2000) i});

sub room { return split /\|/, $node->safe_psql('postgres', "SELECT tombstones, free_slots, nodes FROM vecx_index_info('t_v')"); }

# VACUUM; how many pages of the index it looked at. (Sessions tell their numbers when they end.)
sub vacuumed
{
    my $looked = "SELECT idx_blks_read + idx_blks_hit FROM pg_statio_user_indexes WHERE indexrelname = 't_v'";
    my $before = $node->safe_psql('postgres', $looked);
    $node->safe_psql('postgres', 'VACUUM t');
    return $node->safe_psql('postgres', $looked) - $before;
}
my $pages = $node->safe_psql('postgres', "SELECT pg_relation_size('t_v') / current_setting('block_size')::int");

$node->safe_psql('postgres', q{DELETE FROM t WHERE id % 2 = 0; BEGIN; SELECT pg_current_xact_id(); PREPARE TRANSACTION 'old'});
$node->safe_psql('postgres', 'VACUUM (INDEX_CLEANUP ON) t');
my ($tombstones, $free, $nodes) = room();
cmp_ok($tombstones, '>=', 1000, 'nodes of deleted rows stay as long as others may know of them');
$node->safe_psql('postgres', 'INSERT INTO other VALUES (1)');
my $looked = vacuumed();
cmp_ok($looked, '<', 10, "nothing is dead and nothing can be freed: $looked of $pages pages are looked at");
is((room())[0], $tombstones, 'they are still there');

$node->safe_psql('postgres', q{COMMIT PREPARED 'old'});
vacuumed();
my ($left, $now_free) = room();
is($left, 0, 'a VACUUM that finds nothing dead frees them once nobody can know of them');
cmp_ok($now_free, '>=', $free + $tombstones, 'all of them');
$looked = vacuumed();
cmp_ok($looked, '<', 10, "the next one looks at $looked of $pages pages");
is(index_errors($node, 't', 1), '', 'vecx_check is silent');
my $size = $node->safe_psql('postgres', "SELECT pg_relation_size('t_v')");
$node->safe_psql('postgres', 'INSERT INTO t SELECT i, make(i, 12) FROM generate_series(2001, 2900) i');
is($node->safe_psql('postgres', "SELECT pg_relation_size('t_v')"), $size, 'new rows take their room');

# The same over a crash.
$node->safe_psql('postgres', 'DELETE FROM t WHERE id % 3 = 0; VACUUM (INDEX_CLEANUP ON) t');
($tombstones) = room();
cmp_ok($tombstones, '>', 500, 'there are some again');
# A commit flushes the WAL: what VACUUM wrote last would else be lost.
$node->safe_psql('postgres', 'INSERT INTO other VALUES (2)');
$node->stop('immediate');
$node->start;
$node->safe_psql('postgres', 'INSERT INTO other VALUES (3)');
vacuumed();
is((room())[0], 0, 'freed after a crash, too');
is(index_errors($node, 't', 1), '', 'vecx_check is silent');
my ($lost, $ghosts, $twice) = check_index($node, 't');
is("$lost $ghosts $twice", '0 0 0', 'all rows are found');
is(bad_log_lines($node), '', 'nothing bad in the log');
$node->stop;
done_testing();

# Recovery to points in time: a backup, and the WAL that was archived after it, up to positions in the midst of builds, inserts and
# VACUUMs. Each server that comes of it is sound, finds what its tables hold, and can be written to. VECX_POINTS of them.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Time::HiRes qw(sleep time);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use VecxHnsw;

my $points = environment('VECX_POINTS', 4);
seed_random();

my %operator = (graph => '<->', sparse => '<#>', flat => '<->', codes => '<=>');
my @tables = sort keys %operator;
my $primary = PostgreSQL::Test::Cluster->new('primary');
$primary->init(has_archiving => 1, allows_streaming => 1);
$primary->append_conf('postgresql.conf', "autovacuum = off\nmax_wal_size = 1GB\nlog_line_prefix = '%m [%p] %e '\n");
$primary->start;
make_helpers($primary);
$primary->safe_psql(
    'postgres', q{
    CREATE FUNCTION make_sparse(i bigint) RETURNS sparsevec LANGUAGE sql IMMUTABLE AS
        $$SELECT format('{%s:1,%s:%s}/900', 1 + i % 300, 400 + i % 400, 1 + i % 5)::sparsevec$$;
    CREATE TABLE graph (id int, v vector(32));
    CREATE TABLE sparse (id int, v sparsevec(900));
    CREATE TABLE flat (id int, v halfvec(32));
    CREATE TABLE codes (id int, v vector(32));
    INSERT INTO graph SELECT i, make(i, 32) FROM generate_series(1, 500) i;
    INSERT INTO sparse SELECT i, make_sparse(i) FROM generate_series(1, 300) i;
    INSERT INTO flat SELECT i, make(i, 32)::halfvec FROM generate_series(1, 300) i;
    INSERT INTO codes SELECT i, make(i, 32) FROM generate_series(1, 300) i;
    CREATE INDEX graph_v ON graph USING hnsw (v vector_l2_ops);
    CREATE INDEX sparse_v ON sparse USING hnsw (v sparsevec_ip_ops);
    CREATE INDEX flat_v ON flat USING ivfflat (v halfvec_l2_ops) WITH (lists = 4);
    CREATE INDEX codes_v ON codes USING ivfpq (v vector_cosine_ops) WITH (lists = 4)});
$primary->backup('backup');

my %value = (graph => 'make(i, 32)', sparse => 'make_sparse(i)', flat => 'make(i, 32)::halfvec', codes => 'make(i, 32)');
my @load = map {
    my $table = $_;
    join '', map {
        my ($from, $k) = (1000 * $_ + int rand 900, int rand 9);
        (   "INSERT INTO $table SELECT i, $value{$table} FROM generate_series($from, $from + 60) i;\n",
            "DELETE FROM $table WHERE id % 9 = $k; VACUUM (INDEX_CLEANUP ON) $table;\n",
            "UPDATE $table SET id = id + 1 WHERE id % 9 = $k;\n",
            "BEGIN; INSERT INTO $table SELECT i, $value{$table} FROM generate_series($from, $from + 60) i; ROLLBACK;\n",
            "REINDEX INDEX ${table}_v;\n",
            "REINDEX INDEX CONCURRENTLY ${table}_v;\n")[ (0, 0, 0, 1, 1, 2, 3, 4, 5)[ int rand 9 ] ]
    } 1 .. 60 + 4 * $points;
} @tables;
my @sessions = map { session($primary, $_) } @load;
my @positions;
while (@positions < $points)
{
    sleep 0.05 + rand 0.4;
    push @positions, $primary->safe_psql('postgres', 'SELECT pg_current_wal_insert_lsn()');
}
$_->{run}->kill_kill for @sessions;
$primary->safe_psql('postgres', 'CHECKPOINT; SELECT pg_switch_wal()');
my $last = $primary->safe_psql('postgres', q{SELECT pg_walfile_name(pg_current_wal_lsn())});
$primary->safe_psql('postgres', 'CREATE TABLE something (); SELECT pg_switch_wal()');
$primary->poll_query_until('postgres', "SELECT last_archived_wal >= '$last' FROM pg_stat_archiver") or BAIL_OUT('the WAL is not archived');

my ($lost, $wrong, $rows) = (0, 0, 0);
for my $number (0 .. $#positions)
{
    my $node = PostgreSQL::Test::Cluster->new("point_$number");
    $node->init_from_backup($primary, 'backup', has_restoring => 1, standby => 0);
    $node->append_conf('postgresql.conf', "recovery_target_lsn = '$positions[$number]'\nrecovery_target_action = promote\nrecovery_target_timeline = current\narchive_mode = off\n");
    $node->start;
    $node->poll_query_until('postgres', 'SELECT NOT pg_is_in_recovery()') or BAIL_OUT("no recovery to $positions[$number]");
    my @errors;
    for my $table (@tables)
    {
        push @errors, index_errors($node, $table);
        my ($unreached, $ghosts, $twice, $all) = check_index($node, $table, $operator{$table});
        $lost += $unreached;
        $wrong += $ghosts + $twice;
        $rows += $all;
        my $more = sprintf 'INSERT INTO %s SELECT i, %s FROM generate_series(1, 50) i; DELETE FROM %1$s WHERE id %% 5 = 1; VACUUM (INDEX_CLEANUP ON) %1$s', $table, $value{$table};
        $node->safe_psql('postgres', $_) for split /; /, $more;
        push @errors, index_errors($node, $table, 1);
        is(join('|', (check_index($node, $table, $operator{$table}))[ 0 .. 2 ]), '0|0|0', "$positions[$number], $table: all rows are found after VACUUM");
    }
    is(join("\n", grep { $_ ne '' } @errors), '', "$positions[$number]: vecx_check is silent");
    is(bad_log_lines($node), '', "$positions[$number]: nothing bad in the log");
    $node->stop('immediate');
    $node->clean_node;
}
cmp_ok($rows, '>', 500 * $points, "there were rows to lose: $rows");
cmp_ok($lost, '<=', $rows / 1000, "rows out of reach before VACUUM: $lost");
is($wrong, 0, 'no row twice, none that the table does not have');
$primary->stop;
done_testing();

# pg_upgrade to a new cluster of the same version, by copies and by links: indexes are taken over as they are.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use VecxHnsw;

my $bindir = (run_command([ 'pg_config', '--bindir' ]))[0];
my %operator = (graph => '<->', flat => '<#>', codes => '<=>');
for my $mode (qw(copy link))
{
    my $old = PostgreSQL::Test::Cluster->new("old_$mode");
    $old->init;
    $old->append_conf('postgresql.conf', 'autovacuum = off');
    $old->start;
    make_helpers($old);
    $old->safe_psql(
        'postgres', q{
        CREATE TABLE graph (id int, v vector(24));
        CREATE TABLE flat (id int, v halfvec(24));
        CREATE TABLE codes (id int, v vector(24));
        INSERT INTO graph SELECT i, make(i, 24) FROM generate_series(1, 500) i;
        INSERT INTO flat SELECT i, make(i, 24)::halfvec FROM generate_series(1, 500) i;
        INSERT INTO codes SELECT i, make(i, 24) FROM generate_series(1, 500) i;
        CREATE INDEX graph_v ON graph USING hnsw (v vector_l2_ops);
        CREATE INDEX flat_v ON flat USING ivfflat (v halfvec_ip_ops) WITH (lists = 4);
        CREATE INDEX codes_v ON codes USING ivfpq (v vector_cosine_ops) WITH (lists = 4);
        INSERT INTO graph SELECT i, make(i, 24) FROM generate_series(501, 600) i;
        INSERT INTO flat SELECT i, make(i, 24)::halfvec FROM generate_series(501, 600) i;
        INSERT INTO codes SELECT i, make(i, 24) FROM generate_series(501, 600) i;
        DELETE FROM graph WHERE id % 9 = 2; DELETE FROM flat WHERE id % 9 = 2; DELETE FROM codes WHERE id % 9 = 2});
    $old->safe_psql('postgres', "VACUUM (INDEX_CLEANUP ON) $_") for sort keys %operator;
    my $answers = sub {
        my ($node) = @_;
        return join "\n", map {
            $node->safe_psql('postgres',
                "SET enable_seqscan = off; SET enable_sort = off; SELECT build_id, rows FROM vecx_index_info('${_}_v'); SELECT id FROM $_ ORDER BY v $operator{$_} (SELECT v FROM $_ WHERE id = 7) LIMIT 30")
        } sort keys %operator;
    };
    my $before = $answers->($old);
    $old->stop;

    my $new = PostgreSQL::Test::Cluster->new("new_$mode");
    $new->init;
    $new->append_conf('postgresql.conf', 'autovacuum = off');
    chdir $new->basedir or die $!;
    command_ok(
        [ 'pg_upgrade', '--no-sync', '-d', $old->data_dir, '-D', $new->data_dir, '-b', $bindir, '-B', $bindir, '-s', $new->host, '-p', $old->port, '-P', $new->port, $mode eq 'link' ? '--link' : () ],
        "$mode: pg_upgrade");
    $new->start;
    is($answers->($new), $before, "$mode: the same answers from the same indexes");
    for my $table (sort keys %operator)
    {
        is(index_errors($new, $table, 1), '', "$mode, $table: vecx_check is silent");
        $new->safe_psql('postgres', "INSERT INTO $table SELECT id + 1000, v FROM $table WHERE id % 2 = 0");
        $new->safe_psql('postgres', "DELETE FROM $table WHERE id % 5 = 1");
        $new->safe_psql('postgres', "VACUUM (INDEX_CLEANUP ON) $table");
        is(index_errors($new, $table, 1), '', "$mode, $table: and after it was written to");
        is(join('|', (check_index($new, $table, $operator{$table}))[ 0 .. 2 ]), '0|0|0', "$mode, $table: all rows are found");
    }
    is(bad_log_lines($new), '', "$mode: nothing bad in the log");
    $new->stop;
}
done_testing();

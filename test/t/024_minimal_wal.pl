# With wal_level = minimal what is made in the transaction that made the table is not logged but written at its end. The server is
# killed right after that: indexes of each method are whole, those of a transaction that is rolled back are gone.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use VecxHnsw;

my $node = PostgreSQL::Test::Cluster->new('minimal');
$node->init;
$node->append_conf('postgresql.conf', "wal_level = minimal\nmax_wal_senders = 0\nautovacuum = off\nlog_line_prefix = '%m [%p] %e '\nclient_min_messages = warning\n");
$node->start;
make_helpers($node);
my %index = (
    hnsw => 'hnsw (v vector_l2_ops)',
    ivfflat => 'ivfflat (v vector_l2_ops) WITH (lists = 4)',
    ivfpq => 'ivfpq (v vector_l2_ops) WITH (lists = 4)',
    untrained => 'ivfpq (v vector_l2_ops) WITH (lists = 4, m = 4, bits = 4)');

# Files that are small are logged as a whole at the end of the transaction, large ones are flushed.
for my $threshold ('0', '1GB')
{
    for my $name (sort keys %index)
    {
        my $rows = $name eq 'untrained' ? 20 : 400;
        $node->safe_psql(
            'postgres', qq{
            SET wal_skip_threshold = '$threshold';
            BEGIN;
            CREATE TABLE $name (id int, v vector(16));
            INSERT INTO $name SELECT i, make(i, 16) FROM generate_series(1, $rows) i;
            CREATE INDEX ${name}_v ON $name USING $index{$name};
            INSERT INTO $name SELECT i, make(i, 16) FROM generate_series(1001, 1300) i;
            SAVEPOINT s;
            TRUNCATE $name;
            INSERT INTO $name SELECT i, make(i, 16) FROM generate_series(1, 30) i;
            ROLLBACK TO s;
            DELETE FROM $name WHERE id % 3 = 0;
            COMMIT;
            BEGIN;
            TRUNCATE $name;
            INSERT INTO $name SELECT i, make(i, 16) FROM generate_series(1, 30) i;
            ROLLBACK});
    }
    $node->stop('immediate');
    $node->start;
    for my $name (sort keys %index)
    {
        my $rows = ($name eq 'untrained' ? 14 : 267) + 200;
        is(join('|', check_index($node, $name)), "0|0|0|$rows", "wal_skip_threshold $threshold, $name: all rows");
        is(index_errors($node, $name, 1), '', "wal_skip_threshold $threshold, $name: vecx_check is silent");
        $node->safe_psql('postgres', "INSERT INTO $name SELECT i, make(i, 16) FROM generate_series(2001, 2100) i");
        $node->safe_psql('postgres', "VACUUM (INDEX_CLEANUP ON) $name");
        is(join('|', check_index($node, $name)), '0|0|0|' . ($rows + 100), "wal_skip_threshold $threshold, $name: inserts and VACUUM go on");
        is(index_errors($node, $name, 1), '', "wal_skip_threshold $threshold, $name: vecx_check is silent then, too");
        $node->safe_psql('postgres', "DROP TABLE $name");
    }
}
is(bad_log_lines($node), '', 'nothing bad in the log');
$node->stop;
done_testing();

# The id of a deleted TOAST value may be given away again while its chunks still lie in the TOAST table
# without index entries. A search must read the new value, never the deleted one.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('toast');
$node->init;
$node->start;
$node->safe_psql(
    'postgres', q{
    CREATE EXTENSION vecx;
    CREATE TABLE t (id int, v vector(1000));
    INSERT INTO t SELECT i, array_fill(i, ARRAY[1000])::vector FROM generate_series(1, 10) i;
});
my $toast = $node->safe_psql('postgres', "SELECT reltoastrelid::regclass FROM pg_class WHERE relname = 't'");
my $id = $node->safe_psql('postgres', "SELECT max(chunk_id::bigint) FROM $toast");

# Row 10 goes; VACUUM leaves its chunks, and the index is made anew without them.
$node->safe_psql('postgres', 'DELETE FROM t WHERE id = 10');
$node->safe_psql('postgres', 'VACUUM (PROCESS_TOAST false) t');
$node->safe_psql('postgres', "REINDEX TABLE $toast");
is($node->safe_psql('postgres', "SELECT count(*) FROM $toast WHERE chunk_id::bigint = $id"), 0, 'the old value is gone for everybody');

# The counter of ids has gone round.
$node->stop;
command_ok([ 'pg_resetwal', '-o', $id, $node->data_dir ], 'pg_resetwal');
$node->start;
$node->safe_psql('postgres', 'INSERT INTO t SELECT 42, array_fill(42, ARRAY[1000])::vector');
is($node->safe_psql('postgres', "SELECT count(DISTINCT chunk_id) FROM $toast WHERE chunk_id::bigint = $id"), 1, 'the id was given away again');

my $zero = 'array_fill(0, ARRAY[1000])::vector';
is( $node->safe_psql('postgres', "SELECT string_agg(id::text, ' ' ORDER BY id) FROM t WHERE abs((v <-> $zero) - id * sqrt(1000)) > 0.01"),
    '', 'every distance is that of the row');
is( $node->safe_psql('postgres', "SELECT round((v <-> $zero)::numeric, 1) FROM t OFFSET 9"),
    '1328.2', 'also that of the new row, read in the order of the table');

$node->stop;
done_testing();

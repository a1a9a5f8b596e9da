# Many sessions at inverted lists, as VecxConcurrent.pm has it, with searches that open all of them; and autovacuum, which makes the
# lists of an index that was made over no rows.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use PostgreSQL::Test::Utils;
use Test::More;
use VecxHnsw;
use VecxConcurrent;

my $node = run_concurrent(
    index => 'ivfflat (v vector_l2_ops) WITH (lists = 10)',
    other => 'ivfpq (v vector_ip_ops) WITH (lists = 20)',
    slow => 'ivfpq (v vector_l2_ops) WITH (lists = 5, m = 16, bits = 4, opq = true)',
    conf => "ivfflat.probes = 10\nclient_min_messages = warning",
    lost => 0);

$node->append_conf('postgresql.conf', "autovacuum = on\nautovacuum_naptime = 1s\nautovacuum_vacuum_insert_threshold = 100\nautovacuum_vacuum_threshold = 100\n");
$node->reload;
$node->safe_psql(
    'postgres', q{
    CREATE TABLE a (id int, v vector(16));
    CREATE INDEX a_v ON a USING ivfflat (v vector_l2_ops) WITH (lists = 10);
    INSERT INTO a SELECT i, make(i, 16) FROM generate_series(1, 1500) i});
ok($node->poll_query_until('postgres', "SELECT trained FROM vecx_index_info('a_v')"), 'autovacuum makes the lists');
my $load = session($node, join "\n", map { "INSERT INTO a SELECT i, make(i, 16) FROM generate_series($_ * 10000, $_ * 10000 + 199) i; DELETE FROM a WHERE id % 10 = $_ % 10; SELECT pg_sleep(0.1);" } 1 .. 30);
finish($load);
is($load->{err}, '', 'a load under autovacuum');
is(join('|', (check_index($node, 'a'))[ 0 .. 2 ]), '0|0|0', 'all rows are found');
is(index_errors($node, 'a', 1), '', 'vecx_check is silent');
is(bad_log_lines($node), '', 'nothing bad in the log');
$node->stop;
done_testing();

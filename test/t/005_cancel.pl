# Long searches, aggregates, sorts and COPY can be cancelled at any time.
use strict;
use warnings;
use Time::HiRes qw(time);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('cancel');
$node->init;
$node->append_conf('postgresql.conf', 'max_parallel_workers_per_gather = 2');
$node->start;
$node->safe_psql(
    'postgres', q{
    CREATE EXTENSION vecx;
    CREATE TABLE items (id int, v vector, p vector, s sparsevec);
    ALTER TABLE items ALTER p SET STORAGE plain;
    INSERT INTO items SELECT i, w, subvector(w, 1, 1900), w FROM generate_series(1, 200) i, LATERAL (SELECT array_fill(i, ARRAY[16000])::vector AS w) made;
    ANALYZE items;
});

# Each would run for many minutes. A loaded machine is given time.
my $many = 'generate_series(1, 1000000) i';
my %long = (
    'an exact search' => "SELECT count(*) FROM items, $many WHERE p <-> array_fill(1, ARRAY[1900])::vector < -i",
    'a search of values out of line' => "SELECT count(*) FROM items, $many WHERE v <-> (SELECT v FROM items WHERE id = 1) < -i",
    'a search of sparse vectors' => "SELECT count(*) FROM items, $many WHERE s <+> s < -i",
    'an average' => "SELECT avg(v) FROM items, $many",
    'a sum' => "SELECT sum(p) FROM items, $many",
    'a sort' => "SELECT p FROM items, $many ORDER BY p, i",
    'a hash join' => "SELECT count(*) FROM (SELECT p FROM items, $many) a JOIN items b ON a.p = b.p",
    'casts and text' => "SELECT count(v::halfvec::text::halfvec::sparsevec::vector) FROM items, $many");
for my $what (sort keys %long)
{
    for my $workers (0, 2)
    {
        my $begin = time;
        my ($status, undef, $stderr) = $node->psql('postgres',
            "SET statement_timeout = '200ms'; SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0;"
              . "SET max_parallel_workers_per_gather = $workers; $long{$what}");
        my $took = time - $begin;
        like($stderr, qr/canceling statement due to statement timeout/, "$what is cancelled, with $workers workers");
        cmp_ok($took, '<', 3, 'soon');
    }
}

# By another session.
SKIP:
{
    skip 'no sessions in the background', 2 unless eval { require PostgreSQL::Test::BackgroundPsql };
    my $session = $node->background_psql('postgres', on_error_stop => 0);
    my $pid = $session->query_safe('SELECT pg_backend_pid()');
    $session->query_until(qr/started/, "\\echo started\n$long{'an average'};\n");
    $node->poll_query_until('postgres', "SELECT state = 'active' FROM pg_stat_activity WHERE pid = $pid");
    my $begin = time;
    $node->safe_psql('postgres', "SELECT pg_cancel_backend($pid)");
    is($session->query('SELECT 1'), '1', 'the session takes the next statement');
    cmp_ok(time - $begin, '<', 3, 'soon');
    $session->quit;
}
is($node->safe_psql('postgres', 'SELECT count(*) FROM items'), '200', 'nothing is harmed');
ok(!$node->log_contains('terminated by signal|PANIC'), 'no crash');

$node->stop;
done_testing();

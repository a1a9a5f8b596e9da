# Logical replication in binary form and a streaming standby give the values of all types as they are.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $primary = PostgreSQL::Test::Cluster->new('primary');
$primary->init(allows_streaming => 'logical');
$primary->start;

my $schema = q{
    CREATE EXTENSION vecx;
    CREATE TABLE items (id int PRIMARY KEY, v vector(3), long vector, h halfvec, s sparsevec, many vector[]);
    ALTER TABLE items REPLICA IDENTITY FULL;
};
my $rows = q{
    SELECT i, ARRAY[i, -i, i / 8.0]::vector, array_fill(i, ARRAY[i * 40])::vector,
        ARRAY[i, 0.1, -0.5]::halfvec, ('{1:' || i || ',' || i + 9 || ':0.25}/1000000000')::sparsevec,
        ARRAY['[1,2]', NULL, ARRAY[i]::vector]::vector[]
};
my $contents = q{SELECT count(*), md5(string_agg(items::text, '|' ORDER BY id)) FROM items};
my $nearest = q{SELECT string_agg(id || ' ' || (v <-> '[7,-7,1]') || ' ' || (h <=> '[7,0,0]') || ' ' || (s <#> '{1:1}/1000000000') || ' ' || (long <+> long),
    ',' ORDER BY v <-> '[7,-7,1]', id) FROM items};

$primary->safe_psql('postgres', $schema);
$primary->safe_psql('postgres', "INSERT INTO items $rows FROM generate_series(1, 100) i");
$primary->safe_psql('postgres', 'CREATE PUBLICATION published FOR TABLE items');

my $subscriber = PostgreSQL::Test::Cluster->new('subscriber');
$subscriber->init;
$subscriber->start;
$subscriber->safe_psql('postgres', $schema);
my $connection = $primary->connstr . ' dbname=postgres';
$subscriber->safe_psql('postgres', "CREATE SUBSCRIPTION subscribed CONNECTION '$connection' PUBLICATION published WITH (binary = true)");
$subscriber->wait_for_subscription_sync($primary, 'subscribed');
my $expected = $primary->safe_psql('postgres', $contents);
like($expected, qr/^100\|/, 'the rows are there');
is($subscriber->safe_psql('postgres', $contents), $expected, 'the initial copy is the same');

$primary->backup('backup');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($primary, 'backup', has_streaming => 1);
$standby->start;

# Changes of every kind: they are sent in binary form.
$primary->safe_psql('postgres', "INSERT INTO items $rows FROM generate_series(101, 150) i");
$primary->safe_psql('postgres', q{UPDATE items SET v = v * 2, long = long || long, h = h + h, s = NULL WHERE id % 3 = 0});
$primary->safe_psql('postgres', q{UPDATE items SET v = NULL, many = many || '[-0,1e-45]'::vector WHERE id % 7 = 0});
$primary->safe_psql('postgres', q{UPDATE items SET id = id + 1000 WHERE id > 140});
$primary->safe_psql('postgres', q{DELETE FROM items WHERE id % 5 = 0});
$primary->wait_for_catchup('subscribed');
$primary->wait_for_catchup($standby);

$expected = $primary->safe_psql('postgres', $contents);
is($subscriber->safe_psql('postgres', $contents), $expected, 'the changes arrive on the subscriber');
is($standby->safe_psql('postgres', $contents), $expected, 'the changes arrive on the standby');
unlike(slurp_file($subscriber->logfile), qr/ERROR/, 'the subscriber applied them without an error');

$expected = $primary->safe_psql('postgres', $nearest);
is($subscriber->safe_psql('postgres', $nearest), $expected, 'the subscriber computes the same distances');
is($standby->safe_psql('postgres', $nearest), $expected, 'the standby computes the same distances');

$standby->promote;
is( $standby->safe_psql('postgres', "UPDATE items SET v = v + v WHERE v IS NOT NULL; $contents"),
    $primary->safe_psql('postgres', "UPDATE items SET v = v + v WHERE v IS NOT NULL; $contents"),
    'the standby goes on after its promotion');

$subscriber->stop;
$standby->stop;
$primary->stop;
done_testing();

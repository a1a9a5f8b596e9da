# The extension "vector", an alias of vecx, for clients that say CREATE EXTENSION vector.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('alias');
$node->init;
$node->start;
$node->safe_psql('postgres', 'CREATE ROLE owner LOGIN; CREATE DATABASE owned OWNER owner; CREATE DATABASE cascaded OWNER owner; CREATE DATABASE restored OWNER owner');
my @as_owner = (extra_params => [ '-U', 'owner' ]);
my $versions = q{SELECT string_agg(extname || ' ' || extowner::regrole, ', ' ORDER BY extname COLLATE "C") FROM pg_extension WHERE extname IN ('vecx', 'vector')};

# Without vecx it is refused, and tells what it lacks.
my ($status, undef, $stderr) = $node->psql('owned', 'CREATE EXTENSION vector', @as_owner);
isnt($status, 0, 'the alias alone is refused');
like($stderr, qr/required extension "vecx" is not installed/, 'the error names vecx');
like($stderr, qr/HINT:.*CASCADE/, 'the hint names CASCADE');

# CASCADE installs both, for a database owner who is no superuser.
$node->safe_psql('cascaded', 'CREATE EXTENSION vector CASCADE', @as_owner);
is($node->safe_psql('cascaded', $versions), 'vector owner, vecx owner', 'CASCADE installs both');
is($node->safe_psql('cascaded', q{SELECT '[1,2]'::vector <-> '[1,4]'}), '2', 'and all works');

# Where vecx is there, the statement of the clients succeeds, as often as they like.
$node->safe_psql('owned', 'CREATE EXTENSION vecx', @as_owner);
$node->safe_psql('owned', 'CREATE EXTENSION IF NOT EXISTS vector', @as_owner) for 1 .. 2;
is($node->safe_psql('owned', $versions), 'vector owner, vecx owner', 'CREATE EXTENSION IF NOT EXISTS vector');
is($node->safe_psql('owned', q{SELECT extversion FROM pg_extension WHERE extname = 'vector'}), '0.8.6', 'the version is that of the pgvector it stands for');
is($node->safe_psql('owned', q{SELECT count(*) FROM pg_depend WHERE refclassid = 'pg_extension'::regclass AND refobjid = (SELECT oid FROM pg_extension WHERE extname = 'vector') AND deptype = 'e'}),
    '0', 'nothing belongs to the alias');
$node->safe_psql('owned', 'ALTER EXTENSION vector UPDATE');

# vecx stays as long as the alias does; the alias goes without harm.
($status, undef, $stderr) = $node->psql('owned', 'DROP EXTENSION vecx');
isnt($status, 0, 'vecx is not dropped from under the alias');
like($stderr, qr/extension vector depends on extension vecx/, 'the error names the alias');
$node->safe_psql('owned', q{CREATE TABLE items (v vector(2)); INSERT INTO items VALUES ('[1,2]')}, @as_owner);

# A dump has both, in the right order.
my ($dump) = run_command([ 'pg_dump', '-d', $node->connstr('owned') ]);
like($dump, qr/CREATE EXTENSION IF NOT EXISTS vecx.*CREATE EXTENSION IF NOT EXISTS vector/s, 'a dump has vecx before the alias');
my $file = PostgreSQL::Test::Utils::tempdir . '/dump.sql';
append_to_file($file, $dump);
$node->command_ok([ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-f', $file, 'restored' ], 'it restores');
is($node->safe_psql('restored', 'SELECT * FROM items'), '[1,2]', 'with its rows');

$node->safe_psql('owned', 'DROP EXTENSION vector', @as_owner);
is($node->safe_psql('owned', 'SELECT * FROM items'), '[1,2]', 'dropping the alias harms nothing');
$node->safe_psql('restored', 'DROP EXTENSION vecx CASCADE');
is($node->safe_psql('restored', $versions), '', 'CASCADE drops both');

# In template1 it is there for all databases to come.
$node->safe_psql('template1', 'CREATE EXTENSION vecx');
$node->safe_psql('postgres', 'CREATE DATABASE later OWNER owner');
$node->safe_psql('later', 'CREATE EXTENSION IF NOT EXISTS vector', @as_owner);
is($node->safe_psql('later', q{SELECT '[1]'::vector}), '[1]', 'vecx in template1 serves a new database');

$node->stop;
done_testing();

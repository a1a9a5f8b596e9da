# Where an extension "vector" is installed that is not vecx's alias, CREATE EXTENSION vecx is one clear error.
# An installation of our own, copied with links, has a stand-in for pgvector.
use strict;
use warnings;
use File::Path qw(make_path);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

sub directory
{
    chomp(my $path = `pg_config --$_[0]`);
    return $path;
}

# Programs find their libraries and data from where they lie: they are copied, the rest may be links.
my $folder = PostgreSQL::Test::Utils::tempdir;
my ($bin, $lib, $share) = map { directory($_) } qw(bindir pkglibdir sharedir);
make_path("$folder$bin", "$folder$share/extension");
make_path("$folder$lib" =~ s{/[^/]+$}{}r);
system_or_bail('sh', '-c', "cp -L '$bin'/* '$folder$bin/' && { [ -e '$folder$lib' ] || ln -s '$lib' '$folder$lib'; }");
for (glob("'$lib/*'")) { my $name = s{.*/}{}r; symlink $_, "$folder$lib/$name" unless -e "$folder$lib/$name"; }
for (glob("'$share/*'")) { my $name = s{.*/}{}r; symlink $_, "$folder$share/$name" unless $name eq 'extension'; }
for (glob("'$share/extension/*'")) { my $name = s{.*/}{}r; symlink $_, "$folder$share/extension/$name" unless $name =~ /^vector(--|\.)/; }
append_to_file("$folder$share/extension/vector.control", "comment = 'stand-in for pgvector'\ndefault_version = '0.8.6'\nrelocatable = true\n");
append_to_file("$folder$share/extension/vector--0.8.6.sql", "CREATE TYPE vector AS (x real);\nCREATE FUNCTION l2_distance(vector, vector) RETURNS float8 LANGUAGE sql AS 'SELECT 0::float8';\n");

my $node = PostgreSQL::Test::Cluster->new('pgvector', install_path => "$folder$bin" =~ s{/bin$}{}r);
$node->init;
$node->start;

my $message = qr/ERROR:  extension "vecx" cannot be installed beside extension "vector" \(pgvector\)\nDETAIL:  .*\nHINT:  Use another database, or drop extension "vector" first\./;

$node->safe_psql('postgres', 'CREATE EXTENSION vector');
my ($status, undef, $stderr) = $node->psql('postgres', 'CREATE EXTENSION vecx');
isnt($status, 0, 'vecx is refused beside it');
like($stderr, $message, 'with a detail and a hint');
is($node->safe_psql('postgres', q{SELECT count(*) FROM pg_proc WHERE probin LIKE '%vecx%'}), '0', 'nothing is left of it');

# In another schema, too.
$node->safe_psql('postgres', 'CREATE SCHEMA other');
(undef, undef, $stderr) = $node->psql('postgres', 'CREATE EXTENSION vecx SCHEMA other');
like($stderr, $message, 'another schema is no way out');

# Another database is.
$node->safe_psql('postgres', 'CREATE DATABASE other');
$node->safe_psql('other', 'CREATE EXTENSION vecx');
is($node->safe_psql('other', q{SELECT '[1,2]'::vector <-> '[1,4]'}), '2', 'another database takes vecx');

# There pgvector finds its names taken.
(undef, undef, $stderr) = $node->psql('other', 'CREATE EXTENSION vector');
like($stderr, qr/type "vector" already exists/, 'pgvector is refused beside vecx');

# Without it vecx can be installed.
$node->safe_psql('postgres', 'DROP EXTENSION vector; CREATE EXTENSION vecx');
is($node->safe_psql('postgres', q{SELECT '[1,2]'::vector <-> '[1,4]'}), '2', 'vecx follows when it is gone');

$node->stop;
done_testing();

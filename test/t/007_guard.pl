# C++ exceptions become errors at the guard, and the session goes on: a module of our own throws them.
# It is built here, from vecx's guard, in a temporary folder, and loaded by its path.
use strict;
use warnings;
use Cwd qw(abs_path);
use File::Basename qw(dirname);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

# The source of vecx: told by the environment, or the folder that this file is in a folder of.
my $here = dirname(abs_path(__FILE__));
my ($top) = grep { defined && -e "$_/src/pg/guard.h" } $ENV{VECX_SOURCE}, "$here/../..", "$here/..";
my ($module) = grep { -e } map { "$_/vecx_guard_test/vecx_guard_test.cpp" } "$here/../modules", "$here/../test/modules";
die "no source of vecx beside $here, nor in VECX_SOURCE" unless $top && $module;

my $library = PostgreSQL::Test::Utils::tempdir . '/vecx_guard_test.so';
# Headers stay where they are when an installation is copied into a folder for tests: there, the
# path that pg_config tells is theirs with the folder before it.
chomp(my $include = `pg_config --includedir-server`);
while (!-e "$include/postgres.h") { $include =~ s{^/[^/]+}{} or die 'no headers of PostgreSQL'; }
command_ok(
    [   'g++', '-std=c++20', '-O1', '-g', '-fPIC', '-shared', '-Wall', '-Wno-register', '-fvisibility=hidden',
        '-DPGDLLEXPORT=__attribute__((visibility("default")))', "-I$top/src", "-I$include", '-o', $library, $module, "$top/src/pg/guard.cpp" ],
    'the module compiles');

my $node = PostgreSQL::Test::Cluster->new('guard');
$node->init;
$node->start;
my %arguments = (
    guard_throw => 'text, int', guard_throw_in_context => 'text', guard_nested => 'text', guard_caught => 'text', guard_alive => '',
    guard_allocate => 'bigint, int', guard_grow => 'bigint', guard_context => '');
my %results = (guard_throw_in_context => 'void', guard_alive => 'int', guard_grow => 'bigint', guard_context => 'bool');
for my $function (sort keys %arguments)
{
    my $result = $results{$function} // 'text';
    $node->safe_psql('postgres', "CREATE FUNCTION $function($arguments{$function}) RETURNS $result AS '$library' LANGUAGE C STRICT");
}

# What each exception becomes: SQLSTATE and message, from whatever depth.
my %expected = (
    bad_alloc => '53200 out of memory',
    runtime_error => 'XX000 thrown on purpose',
    percent => 'XX000 100%s of %d %n',
    empty => 'XX000 ',
    int => 'XX000 unknown C\+\+ exception',
    struct => 'XX000 unknown C\+\+ exception',
    length_error => 'XX000 basic_string',
    long => 'XX000 x{255}$');
for my $what (sort keys %expected)
{
    for my $call ("guard_throw('$what', 0)", "guard_throw('$what', 50)", "guard_nested('$what')")
    {
        my ($sqlstate, $message) = split / /, $expected{$what}, 2;
        my (undef, undef, $stderr) = $node->psql('postgres', "SELECT $call", extra_params => [ '-v', 'VERBOSITY=verbose' ]);
        like($stderr, qr/ERROR:  \Q$sqlstate\E: \s*$message/m, "$call is an error $sqlstate");
    }
}

# One session takes them one after the other, in and out of subtransactions, and forgets nothing.
is( $node->safe_psql(
        'postgres', q{
    CREATE TABLE kept (n int);
    DO $$
    DECLARE
        what text;
        states text[] := '{}';
    BEGIN
        FOR i IN 1 .. 200 LOOP
            FOREACH what IN ARRAY ARRAY['bad_alloc', 'runtime_error', 'int', 'nothing'] LOOP
                BEGIN
                    INSERT INTO kept VALUES (i);
                    PERFORM guard_throw(what, i % 20);
                EXCEPTION WHEN OTHERS THEN
                    IF SQLSTATE <> (CASE what WHEN 'bad_alloc' THEN '53200' ELSE 'XX000' END) THEN RAISE; END IF;
                END;
            END LOOP;
        END LOOP;
    END $$;
    SELECT count(*), sum(n), guard_alive() FROM kept}),
    '200|20100|0', 'subtransactions roll back, the others stay, and every C++ object is destroyed');

is($node->safe_psql('postgres', "SELECT string_agg(guard_caught(w), ' ') FROM unnest(ARRAY['bad_alloc', 'runtime_error', 'int', 'nothing']) w"),
    '53200 XX000 XX000 none', 'C code catches the error with PG_TRY');

# The error context that was set below the guard is gone, that above it is told.
my (undef, undef, $stderr) = $node->psql('postgres', q{DO $$ BEGIN PERFORM guard_throw_in_context('runtime_error'); END $$});
like($stderr, qr/thrown on purpose/, 'an error from below an error context');
like($stderr, qr/PL\/pgSQL function inline_code_block/, 'has the context of its caller');
unlike($stderr, qr/inner context/, 'and not that of the frames that are gone');
is( $node->safe_psql(
        'postgres', q{
    DO $$ BEGIN
        FOR i IN 1 .. 100 LOOP
            BEGIN PERFORM guard_throw_in_context('bad_alloc'); EXCEPTION WHEN out_of_memory THEN NULL; END;
        END LOOP;
    END $$;
    SELECT guard_throw('nothing', 5)}),
    'nothing thrown', 'a session survives it a hundred times');

# The memory resource throws, instead of raising an error, whatever the size.
for my $case (
    [ '1', 1, 'allocated' ], [ '1000000', 8, 'allocated' ], [ '1073741824', 1, 'allocated' ],
    [ '4611686018427387904', 1, 'bad_alloc' ], [ '9223372036854775807', 1, 'bad_alloc' ], [ '-1', 1, 'bad_alloc' ], [ '8', 4096, 'bad_alloc' ])
{
    my ($size, $alignment, $result) = @$case;
    is($node->safe_psql('postgres', "SELECT guard_allocate($size, $alignment)"), $result, "$size bytes aligned to $alignment: $result");
}
is($node->safe_psql('postgres', 'SELECT guard_grow(5000000)'), '5000000', 'a container grows in a memory context');
my ($status, undef, $error) = $node->psql('postgres', "SELECT guard_grow(4611686018427387904)", extra_params => [ '-v', 'VERBOSITY=verbose' ]);
like($error, qr/ERROR:  53200: out of memory/, 'a container that cannot grow is an error');
is($node->safe_psql('postgres', 'SELECT guard_context()'), 't', 'what it allocated belongs to the context');

ok(!$node->log_contains('terminated by signal|PANIC'), 'no crash');
$node->stop;
done_testing();

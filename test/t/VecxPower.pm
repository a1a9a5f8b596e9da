# A server whose machine loses power: what it has written and not synced is undone in part after it was killed, by a library that is
# preloaded and a program, both in modules/unsynced_writes.
package VecxPower;
use strict;
use warnings;
use FindBin;
use PostgreSQL::Test::Utils;
use Test::More;

# Builds the library in `folder`, where its journal is kept, too, and tests that it does what it is for.
sub new
{
    my ($class, $folder) = @_;
    my ($source) = grep { -d } map { "$_/unsynced_writes" } "$FindBin::Bin/../modules", "$FindBin::Bin/../test/modules";
    my $self = bless {
        library => "$folder/unsynced_writes.so",
        journal => "$folder/unsynced.journal",
        program => "$source/lose_power.py",
    }, $class;
    run_log([ 'c++', '-std=c++20', '-O2', '-shared', '-fPIC', '-o', $self->{library}, "$source/unsynced_writes.cpp", '-ldl' ]) or BAIL_OUT('no unsynced_writes');
    $self->try("$folder/unsynced");
    return $self;
}

# Calls what starts processes whose writes below `root` are noted, from an empty journal on.
sub noted
{
    my ($self, $root, $start) = @_;
    unlink $self->{journal};
    local $ENV{LD_PRELOAD} = $self->{library};
    local $ENV{UNSYNCED_JOURNAL} = $self->{journal};
    local $ENV{UNSYNCED_ROOT} = "$root/";
    return $start->();
}

sub start
{
    my ($self, $node, %options) = @_;
    return $self->noted($node->data_dir, sub { $node->start(%options) });
}

# Of a server that was killed. The number of blocks that were undone.
sub lose
{
    my ($self, $node) = @_;
    return $self->undo($node->data_dir, int rand 2**31);
}

sub undo
{
    my ($self, $root, $seed) = @_;
    my ($undone, $error) = run_command([ $self->{program}, $self->{journal}, $root, $seed ]);
    BAIL_OUT("lose_power.py failed: $error") if $error ne '' || $undone !~ /^(\d+) blocks/;
    return $1;
}

# A program writes two files and syncs one of them.
sub try
{
    my ($self, $root) = @_;
    mkdir $root;
    my $program = 'import os, sys
for name in ("synced", "unsynced"):
    file = os.open(f"{sys.argv[1]}/{name}", os.O_WRONLY | os.O_CREAT)
    os.pwrite(file, b"a" * 20000, 0)
    os.fsync(file)
    os.pwrite(file, b"b" * 20000, 10000)
    if name == "synced": os.fdatasync(file)';
    $self->noted($root, sub { run_log([ '/usr/bin/python3', '-c', $program, $root ]) }) or BAIL_OUT('a program does not run with unsynced_writes');
    my %seen;
    for my $seed (1 .. 20)
    {
        $self->undo($root, $seed);
        $seen{ slurp_file("$root/unsynced") }++;
    }
    is(slurp_file("$root/synced"), 'a' x 10000 . 'b' x 20000, 'what was synced stays');
    is_deeply([ grep { !/^a{10000}[ab\0]{10000,20000}$/ } keys %seen ], [], 'of the rest, parts are undone');
    cmp_ok(scalar keys %seen, '>', 1, 'in more ways than one');
    return;
}

1;

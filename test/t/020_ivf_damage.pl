# Damaged inverted lists, as VecxDamage.pm has it: of several extents, some of them retired or free.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use PostgreSQL::Test::Utils;
use Test::More;
use VecxHnsw;
use VecxDamage;

my ($node, $t) = run_damage(
    settings => '',
    dimensions_at => 32,
    kinds => [
        [ 24, 'vector_l2_ops', '<->', 'ivfflat', 'WITH (lists = 4)' ],
        [ 24, 'vector_ip_ops', '<#>', 'ivfpq', 'WITH (lists = 3)' ],
        [ 200, 'vector_cosine_ops', '<=>', 'ivfpq', 'WITH (lists = 3, m = 25, bits = 4)' ],
        [ 2500, 'vector_l2_ops', '<->', 'ivfflat', 'WITH (lists = 1)' ],
        [ 3, 'vector_l2_ops', '<->', 'ivfflat', 'WITH (lists = 100)' ],
        [ 64, 'vector_l2_ops', '<->', 'ivfpq', 'WITH (lists = 2, quantizer = sq8, vectors = none)' ],
        [ 32, 'vector_l2_ops', '<->', 'ivfpq', 'WITH (lists = 3, vectors = heap)' ] ]);

# The file of the stopped server's index, the first block of its first list, and the centroid of that as a value.
sub first_list
{
    $node->start;
    my $file = $node->data_dir . '/' . $node->safe_psql('postgres', "SELECT pg_relation_filepath('$t->{name}_v')");
    $node->stop;
    open my $handle, '<:raw', $file or die $!;
    seek $handle, 8192 + 24, 0;
    read $handle, my $bytes, 8 + 4 * $t->{d};
    close $handle;
    my ($head, undef, @floats) = unpack 'Vf<*', $bytes;
    return ($file, $head, '[' . join(',', map { sprintf '%.9g', $_ } @floats) . ']');
}

# A centroid that is turned round has the length that it had, and its list has rows that are others'. It is the first of the page
# behind the metapage: the first block of the list, its squared length, its floats.
{
    my ($file, undef, $centroid) = first_list();
    patch($file, 8192 + 24 + 8, pack 'f<*', map { -$_ } split /,/, substr $centroid, 1, -1);
    $node->start;
    like(index_errors($node, $t->{name}, 1), qr/^\w+: warning  *\d+ of \d+ rows are not in the list of the nearest centroid; the first, row \(\d+,\d+\), is in list \d+$/,
        'rows that are not in the nearest list');
    $node->safe_psql('postgres', "REINDEX INDEX $t->{name}_v");
    is(index_errors($node, $t->{name}, 1), '', 'sound after REINDEX');
    $node->stop;
}

# The list of the row is marked as retired: an insert does not look for the list in its place for ever.
{
    my ($file, $head, $row) = first_list();
    my $at = $head * 8192 + 24 + 20;
    open my $handle, '<:raw', $file or die $!;
    seek $handle, $at, 0;
    read $handle, my $flags, 4;
    close $handle;
    patch($file, $at, pack 'V', 4 | unpack 'V', $flags);
    $node->start;
    my (undef, undef, $error) = $node->psql('postgres', "\\set VERBOSITY verbose\nSET statement_timeout = '20s'; INSERT INTO $t->{name} VALUES (1, '$row')");
    like($error, qr/XX002: index "$t->{name}_v" has a damaged page at block 0/, 'a list that is marked as retired');
    $node->safe_psql('postgres', "REINDEX INDEX $t->{name}_v");
    $node->stop;
}

# The chain of free extents leads to the head of the list that is to grow, which is locked: nobody waits for himself. The row is the
# centroid of the list.
{
    my ($file, $head, $row) = first_list();
    patch($file, 24 + 100, pack 'V', $head);
    $node->start;
    my $s = finish(session($node, "\\set VERBOSITY verbose\nINSERT INTO $t->{name} SELECT i, '$row' FROM generate_series(1, 3000) i;\n"));
    like($s->{err}, qr/XX00[12]: index "$t->{name}_v" has a damaged page/, 'a chain that leads to a page that is locked');
    $node->stop('immediate');
}
done_testing();

# COPY BINARY takes what was sent, and refuses everything else in the words and with the SQLSTATE of the contract.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('binary');
$node->init;
$node->start;
$node->safe_psql(
    'postgres', q{
    CREATE EXTENSION vecx;
    CREATE TABLE vectors (x vector);
    CREATE TABLE vectors3 (x vector(3));
    CREATE TABLE halfvecs (x halfvec);
    CREATE TABLE halfvecs3 (x halfvec(3));
    CREATE TABLE sparsevecs (x sparsevec);
    CREATE TABLE sparsevecs3 (x sparsevec(3));
});
my $folder = PostgreSQL::Test::Utils::tempdir;

# Copies one row with one value in binary form; returns the value as text, or SQLSTATE and message.
sub taken
{
    my ($table, $bytes) = @_;
    my $file = "$folder/binary";
    open my $out, '>:raw', $file or die $!;
    print $out "PGCOPY\n\377\r\n\0", pack('N N n N', 0, 0, 1, length $bytes), $bytes, pack('n', 0xffff);
    close $out;
    chmod 0644, $file;
    my ($status, undef, $stderr) = $node->psql('postgres', "TRUNCATE $table; COPY $table FROM '$file' (FORMAT binary)", extra_params => [ '-v', 'VERBOSITY=verbose' ]);
    return "$1 $2" if $stderr =~ /ERROR:  (\w{5}): (.*)/;
    return $node->safe_psql('postgres', "SELECT x FROM $table");
}

sub dense { my ($template, $dimensions, $unused, @elements) = @_; return pack("s> s> ($template>)*", $dimensions, $unused, @elements); }
sub vector { return dense('f', scalar @_, 0, @_); }
# Halves are given as bits.
sub halfvec { return dense('S', scalar @_, 0, @_); }
sub sparsevec { my ($dimensions, $indices, $values) = @_; return pack('l> l> l> (l>)* (f>)*', $dimensions, scalar @$indices, 0, @$indices) . pack('(f>)*', @$values); }

my $infinity = 9**9**9;
my $nan = -sin($infinity);
my $truncated = '08P01 insufficient data left in message';
my @cases = (
    # What is right.
    [ vectors => vector(1, -2.5, 0), '[1,-2.5,0]' ],
    [ vectors3 => vector(1, 2, 3), '[1,2,3]' ],
    [ vectors => pack('s> s> N N', 2, 0, 0x80000000, 1), '[-0,1e-45]' ],
    [ halfvecs => halfvec(0x3c00, 0xc100, 0x7bff, 0x0001, 0x8000), '[1,-2.5,65504,5.9604645e-08,-0]' ],
    [ halfvecs3 => halfvec(0x3c00, 0, 0), '[1,0,0]' ],
    [ sparsevecs => sparsevec(5, [ 0, 4 ], [ 1, -2.5 ]), '{1:1,5:-2.5}/5' ],
    [ sparsevecs => sparsevec(1000000000, [], []), '{}/1000000000' ],
    [ sparsevecs3 => sparsevec(3, [2], [1]), '{3:1}/3' ],

    # Dimensions: none, negative, too many, others than the column has.
    [ vectors => dense('f', 0, 0), '22000 vector must have at least 1 dimension' ],
    [ vectors => dense('f', -1, 0, 1), '22000 vector must have at least 1 dimension' ],
    [ vectors => vector((0) x 16000), '[' . join(',', (0) x 16000) . ']' ],
    [ vectors => vector((0) x 16001), '54000 vector cannot have more than 16000 dimensions' ],
    [ vectors => dense('f', 32767, 0), '54000 vector cannot have more than 16000 dimensions' ],
    [ vectors3 => vector(1, 2), '22000 expected 3 dimensions, not 2' ],
    [ halfvecs => dense('S', 0, 0), '22000 halfvec must have at least 1 dimension' ],
    [ halfvecs => halfvec((0) x 16001), '54000 halfvec cannot have more than 16000 dimensions' ],
    [ halfvecs3 => halfvec(0), '22000 expected 3 dimensions, not 1' ],
    [ sparsevecs => sparsevec(0, [], []), '22000 sparsevec must have at least 1 dimension' ],
    [ sparsevecs => sparsevec(-5, [], []), '22000 sparsevec must have at least 1 dimension' ],
    [ sparsevecs => sparsevec(1000000001, [], []), '54000 sparsevec cannot have more than 1000000000 dimensions' ],
    [ sparsevecs3 => sparsevec(4, [], []), '22000 expected 3 dimensions, not 4' ],

    # The field that is not used must be zero.
    [ vectors => dense('f', 1, 1, 5), '22000 expected unused to be 0, not 1' ],
    [ halfvecs => dense('S', 1, -1, 0), '22000 expected unused to be 0, not -1' ],
    [ sparsevecs => pack('l>*', 3, 0, 7), '22000 expected unused to be 0, not 7' ],

    # NaN and infinity, of both signs, in every place.
    [ vectors => vector($nan), '22000 NaN not allowed in vector' ],
    [ vectors => vector((1) x 40, $nan, 1), '22000 NaN not allowed in vector' ],
    [ vectors => vector(1, $infinity), '22000 infinite value not allowed in vector' ],
    [ vectors => vector(-$infinity, 1), '22000 infinite value not allowed in vector' ],
    [ vectors => pack('s> s> N', 1, 0, 0x7f800001), '22000 NaN not allowed in vector' ],
    [ halfvecs => halfvec(0x7c00), '22000 infinite value not allowed in halfvec' ],
    [ halfvecs => halfvec((0) x 20, 0xfc00), '22000 infinite value not allowed in halfvec' ],
    [ halfvecs => halfvec(0x7c01), '22000 NaN not allowed in halfvec' ],
    [ halfvecs => halfvec(0xffff), '22000 NaN not allowed in halfvec' ],
    [ sparsevecs => sparsevec(1, [0], [$nan]), '22000 NaN not allowed in sparsevec' ],
    [ sparsevecs => sparsevec(1, [0], [-$infinity]), '22000 infinite value not allowed in sparsevec' ],

    # The elements of a sparsevec: how many, which, and none of them zero.
    [ sparsevecs => pack('l>*', 3, -1, 0), '22000 sparsevec cannot have negative number of elements' ],
    [ sparsevecs => sparsevec(2, [ 0, 1, 1 ], [ 1, 1, 1 ]), '54000 sparsevec cannot have more elements than dimensions' ],
    [ sparsevecs => pack('l>*', 1000000, 16001, 0), '54000 sparsevec cannot have more than 16000 non-zero elements' ],
    [ sparsevecs => sparsevec(3, [3], [1]), '22000 sparsevec index out of bounds' ],
    [ sparsevecs => sparsevec(3, [-1], [1]), '22000 sparsevec index out of bounds' ],
    [ sparsevecs => sparsevec(3, [ 1, 0 ], [ 1, 1 ]), '22000 sparsevec indices must be in ascending order' ],
    [ sparsevecs => sparsevec(3, [ 1, 1 ], [ 1, 1 ]), '22000 sparsevec indices must not contain duplicates' ],
    [ sparsevecs => sparsevec(3, [1], [0]), '22000 binary representation of sparsevec cannot contain zero values' ],
    [ sparsevecs => sparsevec(3, [1], [-0.0]), '22000 binary representation of sparsevec cannot contain zero values' ],

    # Too short, at every place, and too long.
    (map { [ vectors => substr(vector(1, 2), 0, $_), $truncated ] } 0 .. 11),
    (map { [ halfvecs => substr(halfvec(0, 0), 0, $_), $truncated ] } 0 .. 7),
    (map { [ sparsevecs => substr(sparsevec(3, [1], [1]), 0, $_), $truncated ] } 0 .. 19),
    [ vectors => vector(1) . 'x', '22P03 incorrect binary data format' ],
    [ halfvecs => halfvec(0) . "\0\0", '22P03 incorrect binary data format' ],
    [ sparsevecs => sparsevec(3, [1], [1]) . "\0" x 8, '22P03 incorrect binary data format' ]);
for my $case (@cases)
{
    my ($table, $bytes, $expected) = @$case;
    my $shown = length $bytes > 24 ? length($bytes) . ' bytes' : unpack('H*', $bytes);
    is(taken($table, $bytes), $expected, "$table $shown: " . substr($expected, 0, 60));
}

# A client asks for a whole table in binary form and gives it back.
$node->safe_psql('postgres', q{
    CREATE TABLE every (id int, v vector, h halfvec, s sparsevec, many vector[]);
    INSERT INTO every SELECT i, array_fill(i / 7.0, ARRAY[i])::vector, array_fill(i / 7.0, ARRAY[i])::halfvec, ('{' || i || ':' || i / 7.0 || '}/1000')::sparsevec, ARRAY['[1]', NULL]::vector[]
        FROM (VALUES (1), (2), (3), (7), (31), (32), (500), (999)) n(i);
    INSERT INTO every (id) VALUES (0);
    CREATE TABLE back (LIKE every);
});
$node->safe_psql('postgres', "COPY every TO '$folder/every' (FORMAT binary); COPY back FROM '$folder/every' (FORMAT binary)");
is($node->safe_psql('postgres', 'SELECT count(*) FROM every JOIN back USING (id) WHERE every::text = back::text'), '9', 'COPY TO and FROM in binary form');

$node->stop;
done_testing();

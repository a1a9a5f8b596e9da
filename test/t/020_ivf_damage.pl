# Damaged inverted lists, as VecxDamage.pm has it: of several extents, some of them retired or free.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Test::More;
use VecxDamage;

run_damage(
    settings => '',
    dimensions_at => 32,
    kinds => [
        [ 24, 'vector_l2_ops', '<->', 'ivfflat', 'WITH (lists = 4)' ],
        [ 24, 'vector_ip_ops', '<#>', 'ivfpq', 'WITH (lists = 3)' ],
        [ 200, 'vector_cosine_ops', '<=>', 'ivfpq', 'WITH (lists = 3, m = 25, bits = 4)' ],
        [ 2500, 'vector_l2_ops', '<->', 'ivfflat', 'WITH (lists = 1)' ],
        [ 3, 'vector_l2_ops', '<->', 'ivfflat', 'WITH (lists = 100)' ],
        [ 64, 'vector_l2_ops', '<->', 'ivfpq', 'WITH (lists = 2, quantizer = sq8, vectors = none)' ] ]);
done_testing();

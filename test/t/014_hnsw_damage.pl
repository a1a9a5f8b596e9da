# Damaged graphs, as VecxDamage.pm has it: with chains of duplicates, tombstones and free slots.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Test::More;
use VecxDamage;

run_damage(
    settings => 'SET hnsw.iterative_scan = relaxed_order;',
    dimensions_at => 24,
    kinds => [
        [ 24, 'vector_l2_ops', '<->', 'hnsw', '' ],
        [ 24, 'vector_ip_ops', '<#>', 'hnsw', 'WITH (m = 4)' ],
        [ 200, 'vector_cosine_ops', '<=>', 'hnsw', 'WITH (m = 24)' ],
        [ 2500, 'vector_l2_ops', '<->', 'hnsw', '' ],
        [ 3, 'vector_l2_ops', '<->', 'hnsw', "WITH (vectors = 'float')" ] ]);
done_testing();

# Many sessions at a graph, as VecxConcurrent.pm has it.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Test::More;
use VecxConcurrent;

my $node = run_concurrent(
    index => 'hnsw (v vector_l2_ops)',
    other => 'hnsw (v vector_ip_ops)',
    slow => 'hnsw (v vector_l2_ops) WITH (ef_construction = 1000)',
    conf => '',
    lost => 0.001);
$node->stop;
done_testing();

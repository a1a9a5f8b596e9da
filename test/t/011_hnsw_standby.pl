# Searches of a graph on a standby, as VecxStandby.pm has it.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Test::More;
use VecxStandby;

run_standby(
    index => 'hnsw (v vector_l2_ops)',
    settings => 'SET hnsw.iterative_scan = relaxed_order;',
    slots => 'nodes + tombstones + free_slots');
done_testing();

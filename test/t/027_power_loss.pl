# Loss of power under a load, as VecxCrash.pm has it: beside the kill, some of what was written and not synced is gone. Once with a WAL
# that has all, once with the least, where what a transaction makes is not logged but synced.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use PostgreSQL::Test::Utils;
use Test::More;
use VecxCrash;

for my $level (qw(replica minimal))
{
    my $node = run_crashes(
        name => $level,
        power => 1,
        configuration => "wal_level = $level\nmax_wal_senders = 0\nwal_skip_threshold = " . ($level eq 'minimal' ? '0' : '2MB') . "\n",
        methods => [ 'hnsw', 'ivfflat', 'ivfpq' ],
        settings => 'SET hnsw.iterative_scan = relaxed_order;',
        lost => 0.001,
        refill => 120,
        tables => {
            graph => { value => 'make(%s, 8)', operator => '<->', extra => 'hnsw (v vector_cosine_ops) WITH (storage = compact)', most => 2000, rows => 12, write => 3, vacuum => 2, ddl => 3 },
            lost => { value => 'make(%s, 8)', operator => '<->', extra => 'ivfflat (v vector_l2_ops) WITH (lists = 2)', rows => 12, write => 1, vacuum => 1, ddl => 1 },
            wide => { value => 'make(%s, 1536)', operator => '<->', extra => 'ivfflat (v vector_l2_ops) WITH (lists = 1)', most => 200, rows => 3, write => 1, vacuum => 1, ddl => 1 },
            flat => { value => 'make(%s, 64)::halfvec', operator => '<->', extra => 'hnsw (v halfvec_l2_ops)', most => 600, rows => 12, write => 2, vacuum => 1, ddl => 2 },
            codes => { value => 'make(%s, 8)', operator => '<->', extra => 'ivfpq (v vector_cosine_ops)', most => 2000, rows => 12, write => 2, vacuum => 1, ddl => 2 } },
        setup => q{
        CREATE TABLE graph (id int, n int DEFAULT 0, v vector(8));
        CREATE TABLE wide (id int, n int DEFAULT 0, v vector(1536));
        CREATE UNLOGGED TABLE lost (id int, n int DEFAULT 0, v vector(8));
        CREATE TABLE flat (id int, n int DEFAULT 0, v halfvec(64));
        CREATE TABLE codes (id int, n int DEFAULT 0, v vector(8));
        INSERT INTO graph SELECT i, 0, make(i % 600, 8) FROM generate_series(1, 800) i;
        INSERT INTO wide SELECT i, 0, make(i, 1536) FROM generate_series(1, 60) i;
        INSERT INTO flat SELECT i, 0, make(i, 64)::halfvec FROM generate_series(1, 300) i;
        INSERT INTO codes SELECT i, 0, make(i % 600, 8) FROM generate_series(1, 800) i;
        CREATE INDEX graph_v ON graph USING hnsw (v vector_l2_ops);
        CREATE INDEX wide_v ON wide USING hnsw (v vector_l2_ops) WITH (m = 8, ef_construction = 32);
        CREATE INDEX lost_v ON lost USING hnsw (v vector_l2_ops);
        CREATE INDEX flat_v ON flat USING ivfflat (v halfvec_l2_ops) WITH (lists = 4);
        CREATE INDEX codes_v ON codes USING ivfpq (v vector_l2_ops) WITH (lists = 8);
        CREATE INDEX graph_id ON graph (id);
        CREATE INDEX wide_id ON wide (id);
        CREATE INDEX flat_id ON flat (id);
        CREATE INDEX codes_id ON codes (id);
        });
    $node->stop;
}
done_testing();

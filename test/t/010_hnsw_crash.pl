# Kills of a server under a load, as VecxCrash.pm has it: graphs with edge codes, records without their own vector, bits, sparse
# vectors longer than their record.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use VecxHnsw;
use VecxCrash;

my $node = run_crashes(
    methods => ['hnsw'],
    settings => 'SET hnsw.iterative_scan = relaxed_order;',
    lost => 0.001,
    refill => 20,
    tables => {
        small => { value => 'make(%s, 8)', operator => '<->', extra => 'hnsw (v vector_cosine_ops)', most => 3000, rows => 12, write => 4, vacuum => 3, ddl => 2 },
        lost => { value => 'make(%s, 8)', operator => '<->', extra => 'hnsw (v vector_cosine_ops)', rows => 12, write => 1, vacuum => 1, ddl => 1 },
        wide => { value => 'make(%s, 1536)', operator => '<->', extra => 'hnsw (v vector_l1_ops) WITH (storage = compact)', most => 300, rows => 3, write => 1, vacuum => 1, ddl => 1 },
        sparse => { value => 'make_sparse(%s)', operator => '<->', extra => 'hnsw (v sparsevec_l1_ops)', most => 300, rows => 12, write => 2, vacuum => 1, ddl => 1 },
        bits => { value => 'make_bits(%s)', operator => '<~>', extra => 'hnsw (v bit_jaccard_ops)', most => 300, rows => 12, write => 1, vacuum => 1, ddl => 1 } },
    setup => q{
    -- One in eleven has more elements than a node has room for: the rest is a chain of slots.
    CREATE FUNCTION make_sparse(i bigint) RETURNS sparsevec LANGUAGE sql IMMUTABLE AS
        $$SELECT ('{' || string_agg(format('%s:%s', 4 * j + i % 4, 1 + (i * j) % 7), ',' ORDER BY j) || '}/2000')::sparsevec
          FROM generate_series(1, CASE WHEN i % 11 = 0 THEN 400 ELSE 5 + i % 20 END) j$$;
    CREATE FUNCTION make_bits(i bigint) RETURNS bit LANGUAGE sql IMMUTABLE AS $$SELECT ('x' || md5((i % 600)::text))::bit(128)$$;
    CREATE TABLE small (id int, n int DEFAULT 0, v vector(8));
    CREATE TABLE wide (id int, n int DEFAULT 0, v vector(1536));
    CREATE UNLOGGED TABLE lost (id int, n int DEFAULT 0, v vector(8));
    INSERT INTO small SELECT i, 0, make(i % 600, 8) FROM generate_series(1, 800) i;
    INSERT INTO wide SELECT i, 0, make(i, 1536) FROM generate_series(1, 60) i;
    CREATE TABLE sparse (id int, n int DEFAULT 0, v sparsevec(2000));
    CREATE TABLE bits (id int, n int DEFAULT 0, v bit(128));
    INSERT INTO sparse SELECT i, 0, make_sparse(i) FROM generate_series(1, 200) i;
    INSERT INTO bits SELECT i, 0, make_bits(i) FROM generate_series(1, 300) i;
    CREATE INDEX sparse_v ON sparse USING hnsw (v sparsevec_l2_ops);
    CREATE INDEX bits_v ON bits USING hnsw (v bit_hamming_ops);
    CREATE INDEX sparse_id ON sparse (id);
    CREATE INDEX bits_id ON bits (id);
    CREATE INDEX small_v ON small USING hnsw (v vector_l2_ops);
    CREATE INDEX wide_v ON wide USING hnsw (v vector_l2_ops) WITH (m = 8, ef_construction = 32);
    CREATE INDEX lost_v ON lost USING hnsw (v vector_l2_ops);
    CREATE INDEX small_id ON small (id);
    CREATE INDEX wide_id ON wide (id);
    });

# The file ends within a group, as where the system died while it grew. VACUUM knows the free slots of its node pages.
$node->safe_psql(
    'postgres', q{CREATE TABLE cut (id int, v vector(300)); CREATE INDEX cut_v ON cut USING hnsw (v vector_l2_ops);
    INSERT INTO cut SELECT i, make(i, 300) FROM generate_series(1, 4) i; CHECKPOINT});
my $file = $node->data_dir . '/' . $node->safe_psql('postgres', q{SELECT pg_relation_filepath('cut_v')});
$node->stop;
truncate $file, (-s $file) - 8192 or die "could not truncate $file: $!";
$node->start;
$node->safe_psql('postgres', 'DELETE FROM cut WHERE id = 1; VACUUM (INDEX_CLEANUP ON) cut');
$node->safe_psql('postgres', 'INSERT INTO cut SELECT i, make(i, 300) FROM generate_series(5, 100) i');
is(join('|', check_index($node, 'cut')), '0|0|0|99', 'a group without its last page is made whole');

$node->stop;
done_testing();

# Kills of a server under a load, as VecxCrash.pm has it: inverted lists of ivfflat and ivfpq, with codes of each kind, trained from
# the start or by VACUUM.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use PostgreSQL::Test::Utils;
use Test::More;
use VecxCrash;

my $node = run_crashes(
    methods => [ 'ivfflat', 'ivfpq' ],
    settings => '',
    lost => 0,
    refill => 120,
    tables => {
        small => { value => 'make(%s, 8)', operator => '<->', extra => 'ivfpq (v vector_cosine_ops)', most => 3000, rows => 12, write => 4, vacuum => 3, ddl => 2 },
        lost => { value => 'make(%s, 8)', operator => '<->', extra => 'ivfflat (v vector_cosine_ops)', rows => 12, write => 1, vacuum => 1, ddl => 1 },
        wide => { value => 'make(%s, 1536)', operator => '<->', extra => 'ivfpq (v vector_ip_ops) WITH (lists = 1, quantizer = sq8)', most => 300, rows => 3, write => 1, vacuum => 1, ddl => 1 },
        half => { value => 'make(%s, 64)::halfvec', operator => '<->', extra => 'ivfflat (v halfvec_cosine_ops) WITH (lists = 2)', most => 600, rows => 12, write => 2, vacuum => 1, ddl => 1 },
        heap => { value => 'make(%s, 8)', operator => '<=>', extra => 'ivfpq (v vector_l2_ops) WITH (lists = 4, vectors = heap)', most => 1000, rows => 12, write => 1, vacuum => 1, ddl => 1 },
        bits => { value => 'make_bits(%s)', operator => '<~>', extra => 'ivfflat (v bit_hamming_ops) WITH (lists = 1)', most => 300, rows => 12, write => 1, vacuum => 1, ddl => 1 } },
    setup => q{
    CREATE FUNCTION make_bits(i bigint) RETURNS bit LANGUAGE sql IMMUTABLE AS $$SELECT ('x' || md5((i % 600)::text))::bit(128)$$;
    CREATE TABLE small (id int, n int DEFAULT 0, v vector(8));
    CREATE TABLE wide (id int, n int DEFAULT 0, v vector(1536));
    CREATE UNLOGGED TABLE lost (id int, n int DEFAULT 0, v vector(8));
    CREATE TABLE half (id int, n int DEFAULT 0, v halfvec(64));
    CREATE TABLE bits (id int, n int DEFAULT 0, v bit(128));
    CREATE TABLE heap (id int, n int DEFAULT 0, v vector(8));
    INSERT INTO small SELECT i, 0, make(i % 600, 8) FROM generate_series(1, 800) i;
    INSERT INTO wide SELECT i, 0, make(i, 1536) FROM generate_series(1, 120) i;
    INSERT INTO half SELECT i, 0, make(i, 64)::halfvec FROM generate_series(1, 100) i;
    INSERT INTO bits SELECT i, 0, make_bits(i) FROM generate_series(1, 300) i;
    CREATE INDEX small_v ON small USING ivfflat (v vector_l2_ops) WITH (lists = 8);
    CREATE INDEX wide_v ON wide USING ivfpq (v vector_l2_ops) WITH (lists = 2);
    CREATE INDEX lost_v ON lost USING ivfflat (v vector_l2_ops) WITH (lists = 2);
    CREATE INDEX half_v ON half USING ivfpq (v halfvec_l2_ops) WITH (lists = 3, m = 16, bits = 4);
    CREATE INDEX bits_v ON bits USING ivfflat (v bit_hamming_ops) WITH (lists = 4);
    INSERT INTO heap SELECT i, 0, make(i % 300, 8) FROM generate_series(1, 100) i;
    CREATE INDEX heap_v ON heap USING ivfpq (v vector_cosine_ops) WITH (lists = 3, vectors = heap);
    CREATE INDEX heap_id ON heap (id);
    CREATE INDEX small_id ON small (id);
    CREATE INDEX wide_id ON wide (id);
    CREATE INDEX half_id ON half (id);
    CREATE INDEX bits_id ON bits (id);
    });
$node->stop;
done_testing();

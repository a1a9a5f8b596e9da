# Damaged graphs, as VecxDamage.pm has it: with chains of duplicates, tombstones and free slots.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use File::Copy;
use PostgreSQL::Test::Utils;
use Test::More;
use VecxDamage;
use VecxHnsw;

# What a crash can leave of a page that was empty: its header and tail, see BeginPage. It is as good as a page of zeros.
sub pages_that_are_begun
{
    my ($node) = @_;
    my $t = { name => 'begun', d => 24, operator => '<->' };
    # Until there is a group more, with one node.
    $node->start;
    $node->safe_psql(
        'postgres', q{
        CREATE TABLE begun (id int, v vector(24));
        INSERT INTO begun SELECT i, make(i, 24) FROM generate_series(1, 250) i;
        CREATE INDEX begun_v ON begun USING hnsw (v vector_l2_ops);
        DO $$
        DECLARE
            size bigint := pg_relation_size('begun_v');
        BEGIN
            FOR i IN 251 .. 5000 LOOP
                INSERT INTO begun VALUES (i, make(i, 24));
                EXIT WHEN pg_relation_size('begun_v') > size;
            END LOOP;
        END $$;
        CHECKPOINT});
    $t->{file} = $node->data_dir . '/' . $node->safe_psql('postgres', q{SELECT pg_relation_filepath('begun_v')});
    $node->stop;
    copy($t->{file}, "$t->{file}.whole") || die;
    my $whole = slurp_file("$t->{file}.whole");
    my ($node_pages, $copy_pages, $first) = unpack('v V V', substr $whole, 24 + 54, 10);
    my (@begun, @filled);
    for my $block ($first .. length($whole) / 8192 - 1)
    {
        next if substr($whole, $block * 8192, 8192) =~ /[^\0]/;
        my $kind = ($block - $first) % ($node_pages + $copy_pages) < $node_pages ? 3 : 4;
        my $page = pack('x12 v4 x4 x8152 x8 v4', 24, 8176, 8176, 8192 | 4, $kind, 1, 0, 0xFEC5);
        push @begun, $block * 8192, $page;
        substr($page, 100, 1) = 'x';
        push @filled, $block * 8192, $page;
    }
    cmp_ok(scalar(@begun), '>', 2, 'there are empty pages');
    my ($search, $insert, $found) = damaged($t, @begun);
    is("$search$insert$found", '0', 'pages that are only begun are no damage');
    ($search, $insert, $found) = damaged($t, @filled);
    cmp_ok($found, '>=', @filled / 2, 'but such pages with content are');

    copy("$t->{file}.whole", $t->{file}) || die;
    patch($t->{file}, @begun);
    $node->start;
    # The rows that were inserted into what is gone.
    $node->safe_psql('postgres', 'DELETE FROM begun WHERE id = 0');
    $node->safe_psql('postgres', "INSERT INTO $t->{name} SELECT i, make(i, $t->{d}) FROM generate_series(200000, 202000) i");
    is(index_errors($node, $t->{name}, 1), '', 'rows come into pages that were begun');
    $node->stop('immediate');
    $node->start;
    is(index_errors($node, $t->{name}, 1), '', 'and are there after a crash');
    $node->stop;
    my $after = slurp_file($t->{file});
    is(join(' ', grep { unpack('v', substr $after, $begun[ 2 * $_ ] + 12, 2) == 24 } 0 .. @begun / 2 - 1), '', 'no page is left begun');
}

run_damage(
    settings => 'SET hnsw.iterative_scan = relaxed_order;',
    dimensions_at => 24,
    kinds => [
        [ 24, 'vector_l2_ops', '<->', 'hnsw', '' ],
        [ 24, 'vector_ip_ops', '<#>', 'hnsw', 'WITH (m = 4)' ],
        [ 200, 'vector_cosine_ops', '<=>', 'hnsw', 'WITH (m = 24)' ],
        [ 2500, 'vector_l2_ops', '<->', 'hnsw', '' ],
        [ 3, 'vector_l2_ops', '<->', 'hnsw', "WITH (vectors = 'float')" ] ],
    also => \&pages_that_are_begun);
done_testing();

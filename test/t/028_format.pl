# Indexes of every version that there was, as files in formats/VERSION, opened by this one: sound, searched, changed and vacuumed. An
# index file takes the place of that of an index which this version made over the same table. A version is added by
# VECX_FORMATS_TO=FOLDER, which writes the files of the present one there.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use File::Basename;
use IO::Compress::Gzip;
use IO::Uncompress::Gunzip;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use VecxHnsw;

# Of each index: the type of the column, how a value is made of i, the operator, the index, and how many rows. The names are those of
# the files, and stay.
my %kinds = (
    hnsw_l2 => [ 'vector(24)', 'make(i, 24)', '<->', 'hnsw (v vector_l2_ops)', 80 ],
    hnsw_compact => [ 'vector(24)', 'make(i, 24)', '<->', q{hnsw (v vector_l2_ops) WITH (storage = compact)}, 80 ],
    hnsw_few_dimensions => [ 'vector(2)', 'make(i, 2)', '<->', q{hnsw (v vector_l2_ops) WITH (m = 5, vectors = 'float')}, 80 ],
    hnsw_many_dimensions => [ 'vector(3000)', 'make(i, 3000)', '<=>', 'hnsw (v vector_cosine_ops)', 12 ],
    hnsw_product => [ 'vector(33)', 'make(i, 33)', '<#>', 'hnsw (v vector_ip_ops)', 80 ],
    hnsw_taxicab => [ 'vector(16)', 'make(i, 16)', '<+>', 'hnsw (v vector_l1_ops)', 80 ],
    hnsw_half => [ 'halfvec(40)', 'make(i, 40)::halfvec', '<=>', 'hnsw (v halfvec_cosine_ops)', 80 ],
    hnsw_sparse => [ 'sparsevec(900)', q{format('{%s:1,%s:%s}/900', 1 + i % 300, 400 + i % 400, 1 + i % 5)::sparsevec}, '<#>', 'hnsw (v sparsevec_ip_ops)', 80 ],
    hnsw_bits => [ 'bit(100)', q{('x' || md5(i::text))::bit(100)}, '<%>', 'hnsw (v bit_jaccard_ops)', 80 ],
    hnsw_empty => [ 'vector(5)', 'make(i, 5)', '<->', 'hnsw (v vector_l2_ops)', 0 ],
    ivfflat_l2 => [ 'vector(24)', 'make(i, 24)', '<->', 'ivfflat (v vector_l2_ops) WITH (lists = 2)', 130 ],
    ivfflat_half => [ 'halfvec(40)', 'make(i, 40)::halfvec', '<#>', 'ivfflat (v halfvec_ip_ops) WITH (lists = 2)', 130 ],
    ivfflat_bits => [ 'bit(100)', q{('x' || md5(i::text))::bit(100)}, '<~>', 'ivfflat (v bit_hamming_ops) WITH (lists = 2)', 130 ],
    ivfflat_untrained => [ 'vector(8)', 'make(i, 8)', '<->', 'ivfflat (v vector_l2_ops) WITH (lists = 50)', 40 ],
    ivfpq_rabitq => [ 'vector(24)', 'make(i, 24)', '<=>', q{ivfpq (v vector_cosine_ops) WITH (lists = 2, quantizer = rabitq)}, 130 ],
    ivfpq_rabitq_2 => [ 'vector(24)', 'make(i, 24)', '<->', q{ivfpq (v vector_l2_ops) WITH (lists = 2, quantizer = rabitq, bits = 2, vectors = float)}, 130 ],
    ivfpq_pq_8 => [ 'vector(24)', 'make(i, 24)', '<->', q{ivfpq (v vector_l2_ops) WITH (lists = 2, quantizer = pq, m = 6, bits = 8)}, 300 ],
    ivfpq_pq_4 => [ 'halfvec(24)', 'make(i, 24)::halfvec', '<#>', q{ivfpq (v halfvec_ip_ops) WITH (lists = 2, quantizer = pq, m = 6, bits = 4, opq = on)}, 130 ],
    ivfpq_sq8 => [ 'vector(24)', 'make(i, 24)', '<->', q{ivfpq (v vector_l2_ops) WITH (lists = 2, quantizer = sq8, vectors = none)}, 130 ],
    ivfpq_heap => [ 'vector(24)', 'make(i, 24)', '<->', q{ivfpq (v vector_l2_ops) WITH (lists = 2, vectors = heap)}, 130 ]);

my $node = PostgreSQL::Test::Cluster->new('format');
$node->init;
$node->append_conf('postgresql.conf', "autovacuum = off\nlog_line_prefix = '%m [%p] %e '\n");
$node->start;
make_helpers($node);

# The same places of the rows whenever this is done; with the index from the start it has what was built, inserted and removed.
sub fill
{
    my ($name, $create) = @_;
    my ($type, $value, undef, $index, $rows) = @{ $kinds{$name} };
    my $insert = "INSERT INTO $name SELECT i, $value FROM generate_series";
    my ($before, $after) = ("CREATE TABLE $name (id int, v $type); $insert(1, $rows) i;",
        ($rows ? "$insert($rows + 1, $rows + $rows / 5) i; DELETE FROM $name WHERE id % 7 = 3;" : '') . ' ' . "VACUUM (INDEX_CLEANUP ON) $name;");
    my $made = "CREATE INDEX ${name}_v ON $name USING $index;";
    $node->safe_psql('postgres', "SET client_min_messages = warning; $_") for $create ? ($before, $made, split /(?<=;) /, $after) : ($before, split(/(?<=;) /, $after), $made);
}

sub file_of { return $node->data_dir . '/' . $node->safe_psql('postgres', "SELECT pg_relation_filepath('$_[0]_v')") }

if (my $folder = $ENV{VECX_FORMATS_TO})
{
    fill($_, 1) for sort keys %kinds;
    my %files = map { $_ => file_of($_) } keys %kinds;
    $node->stop;
    for my $name (sort keys %kinds)
    {
        my $pages = slurp_file($files{$name});
        # The WAL that they speak of is another server's.
        substr($pages, $_ * 8192, 8) = "\0" x 8 for 0 .. length($pages) / 8192 - 1;
        IO::Compress::Gzip::gzip(\$pages => "$folder/$name.gz", -Time => 0, -Level => 9) or die "$name: $IO::Compress::Gzip::GzipError";
    }
    $node->start;
}

for my $version (map { basename $_ } grep { -d } glob "$FindBin::Bin/formats/*")
{
    my %files;
    for my $name (sort keys %kinds)
    {
        next unless -e "$FindBin::Bin/formats/$version/$name.gz";
        $node->safe_psql('postgres', "DROP TABLE IF EXISTS $name");
        fill($name, 0);
        $files{$name} = file_of($name);
    }
    $node->stop;
    for my $name (keys %files)
    {
        my $pages;
        IO::Uncompress::Gunzip::gunzip("$FindBin::Bin/formats/$version/$name.gz" => \$pages) or die "$name: $IO::Uncompress::Gunzip::GunzipError";
        open my $handle, '>:raw', $files{$name} or die $!;
        print $handle $pages;
        close $handle or die $!;
    }
    $node->start;
    for my $name (sort keys %files)
    {
        my ($type, $value, $operator, $index, $rows) = @{ $kinds{$name} };
        is(index_errors($node, $name, 1), '', "$version, $name: vecx_check is silent");
        is($node->safe_psql('postgres', "SELECT count(*) FROM held_against('$name', '$operator') WHERE lost > 0 OR ghosts > 0 OR twice > 0"), '0', "$version, $name: all rows are found") if $rows;
        my $more = sprintf 'INSERT INTO %s SELECT i, %s FROM generate_series(2001, 2040) i; DELETE FROM %1$s WHERE id %% 5 = 1; VACUUM (INDEX_CLEANUP ON) %1$s', $name, $value;
        $node->safe_psql('postgres', $_) for split /; /, $more;
        is(index_errors($node, $name, 1), '', "$version, $name: and after it was written to");
        is($node->safe_psql('postgres', "SELECT count(*) FROM held_against('$name', '$operator') WHERE lost > 0 OR ghosts > 0 OR twice > 0"), '0', "$version, $name: all rows are found again");
    }
}
is(bad_log_lines($node), '', 'nothing bad in the log');
$node->stop;
done_testing();

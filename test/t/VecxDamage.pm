# Damaged indexes: bytes of the file are changed at random, without checksums to notice. Searches, inserts, VACUUM and vecx_check
# work or raise an error that says so; no process crashes and none hangs. VECX_FLIPS damaged indexes, 100 by default.
package VecxDamage;
use strict;
use warnings;
use Exporter 'import';
use File::Copy;
use Time::HiRes qw(time);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use VecxHnsw;
our @EXPORT = qw(run_damage damaged patch);

my ($node, $settings);

sub patch
{
    my ($file, @changes) = @_;
    open my $handle, '+<:raw', $file or die $!;
    while (my ($at, $bytes) = splice @changes, 0, 2)
    {
        seek $handle, $at, 0;
        print $handle $bytes;
    }
    close $handle or die $!;
}

# Returns what was done, as arguments of patch.
sub damage
{
    my ($file) = @_;
    my $pages = int((-s $file) / 8192);
    my $page = rand() < 0.2 ? 0 : int rand $pages;
    my @changes;
    my $kind = rand;
    if ($kind < 0.3)    # one byte
    {
        @changes = ($page * 8192 + int rand 8192, chr int rand 256);
    }
    elsif ($kind < 0.5)    # of what leads: the page's header, the first record's header
    {
        push @changes, $page * 8192 + int rand 96, chr int rand 256 for 1 .. 1 + int rand 4;
    }
    elsif ($kind < 0.85)    # anywhere
    {
        push @changes, (rand() < 0.5 ? $page : int rand $pages) * 8192 + int rand 8192, chr int rand 256 for 1 .. 1 + int rand 64;
    }
    else                     # a stretch of the same
    {
        my $length = 1 + int rand 300;
        my $byte = rand() < 0.5 ? "\xff" : "\0";
        @changes = ($page * 8192 + int rand(8192 - $length), "$byte" x $length);
    }
    return @changes;
}

sub statements
{
    my ($t) = @_;
    my ($name, $d, $operator) = @$t{qw(name d operator)};
    my $id = $t->{next}++ + 100000;
    my $text = "$settings SET enable_seqscan = off; SET enable_sort = off;\n";
    $text .= "\\echo $_->[0]\n$_->[1];\n\\echo :LAST_ERROR_SQLSTATE :ERROR\n" for (
        [ search => "SELECT id FROM $name ORDER BY v $operator make(7, $d) LIMIT 10" ],
        [ all => "SELECT count(*) FROM (SELECT id FROM $name ORDER BY v $operator make(5, $d)) q" ],
        [ check => "SELECT count(*) FROM vecx_check('${name}_v', heapallindexed => true, sample => 10)" ],
        [ info => "SELECT rows FROM vecx_index_info('${name}_v')" ],
        [ insert => "INSERT INTO $name VALUES ($id, make($id, $d)), ($id, make(3, $d)), ($id, make($id + 1, $d))" ],
        [ update => "UPDATE $name SET id = id WHERE id < 20" ],
        [ delete => "DELETE FROM $name WHERE id % 11 = 2" ],
        [ vacuum => "VACUUM (INDEX_CLEANUP ON) $name" ],
        [ again => "SELECT count(*) FROM (SELECT id FROM $name ORDER BY v $operator make(9, $d)) q" ],
        [ recheck => "SELECT count(*) FROM vecx_check('${name}_v')" ]);
    return $text;
}

sub damaged
{
    my ($t, @changes) = @_;
    my $name = $t->{name};
    copy("$t->{file}.whole", $t->{file}) || die;
    patch($t->{file}, @changes);
    $node->start;
    my ($status, $out, $err) = $node->psql('postgres', "\\set VERBOSITY verbose\nSET enable_seqscan = off; SET enable_sort = off; SELECT id FROM $name ORDER BY v $t->{operator} make(7, $t->{d}) LIMIT 10");
    my ($status2, $out2, $err2) = $node->psql('postgres', "\\set VERBOSITY verbose\nINSERT INTO $name VALUES (0, make(7, $t->{d}))");
    my $found = $node->safe_psql('postgres', "SELECT count(*) FROM vecx_check('${name}_v') WHERE severity = 'error'");
    $node->stop('immediate');
    $node->start;
    $node->stop;
    return ($err, $err2, $found);
}
# `kinds` of indexes: dimensions, operator class, operator, method, and what comes behind; `settings` of searches; `dimensions_at`: where
# the metapage has the dimensions, in its content; `also`: a function that is called with the stopped server. Returns
# that and one of its tables, its index made anew.
sub run_damage
{
    my (%options) = @_;
    $settings = $options{settings};
    my @kinds = @{ $options{kinds} };
    my $flips = environment('VECX_FLIPS', 100);
    seed_random();

    $node = PostgreSQL::Test::Cluster->new('damage');
    $node->init(extra => $node->pg_version >= 18 ? ['--no-data-checksums'] : []);
    $node->append_conf('postgresql.conf', "autovacuum = off\nlog_line_prefix = '%m [%p] %e '\nstatement_timeout = '20s'\nwork_mem = '4MB'\nmaintenance_work_mem = '8MB'\n");
    $node->start;
    make_helpers($node);

    # Each table has duplicates, rows that were inserted, slots of rows that are gone.
    my $per_round = 25;
    my @tables;
    for my $n (1 .. $per_round)
    {
        my ($d, $class, $operator, $method, $with) = @{ $kinds[ $n % @kinds ] };
        my $rows = $d > 1000 ? 40 : 250;
        $node->safe_psql(
            'postgres', qq{
            CREATE TABLE t$n (id int, v vector($d));
            INSERT INTO t$n SELECT i, make(CASE WHEN i % 3 = 0 THEN i % 9 ELSE i END, $d) FROM generate_series(1, $rows) i;
            CREATE INDEX t${n}_v ON t$n USING $method (v $class) $with;
            INSERT INTO t$n SELECT i, make(CASE WHEN i % 3 = 0 THEN i % 9 ELSE i END, $d) FROM generate_series($rows + 1, $rows + 20) i;
            DELETE FROM t$n WHERE id % 7 = 0});
        $node->safe_psql('postgres', "VACUUM (INDEX_CLEANUP ON) t$n");
        $node->safe_psql('postgres', "DELETE FROM t$n WHERE id % 7 = 1");
        $node->safe_psql('postgres', "VACUUM (INDEX_CLEANUP ON) t$n");
        push @tables, { name => "t$n", d => $d, operator => $operator, rows => $rows, file => $node->data_dir . '/' . $node->safe_psql('postgres', "SELECT pg_relation_filepath('t${n}_v')") };
    }
    $node->safe_psql('postgres', 'CHECKPOINT');
    $node->stop;
    copy($_->{file}, "$_->{file}.whole") || die for @tables;
    # Undamaged, nothing fails.
    $node->start;
    for my $t (@tables[ 0 .. $#kinds ])
    {
        my $s = finish(session($node, statements($t)));
        unlike($s->{out}, qr/ true$/m, "undamaged: $t->{d} dimensions, $t->{operator} $s->{err}");
    }
    $node->stop;

    my ($done, $errors, $hangs, $odd, $crashed) = (0, 0, '', '', '');
    my $begin = time;
    while ($done < $flips)
    {
        my %what;
        for my $t (@tables)
        {
            copy("$t->{file}.whole", $t->{file}) || die;
            $what{ $t->{name} } = [ damage($t->{file}) ];
            patch($t->{file}, @{ $what{ $t->{name} } });
        }
        $node->start;
        for my $t (@tables)
        {
            my $log_begin = -s $node->logfile;
            my $begin_one = time;
            my $s = finish(session($node, statements($t)));
            $done++;
            my $changes = sprintf '%s, %d rows of %d dimensions (%s): %s', $t->{name}, $t->{rows}, $t->{d}, $t->{operator},
              join ' ', map { $_ % 2 ? unpack('H*', $what{ $t->{name} }[$_]) : $what{ $t->{name} }[$_] } 0 .. $#{ $what{ $t->{name} } };
            # Each statement: its name, and then SQLSTATE and whether it failed.
            my ($step, %states);
            for my $line (split /\n/, $s->{out})
            {
                if ($line =~ /^[a-z]+$/ && $line ne 't') { $step = $line; }
                elsif ($line =~ /^(\w{5}) true$/) { $states{$step} = $1; $errors++; }
            }
            for my $step (sort keys %states)
            {
                $hangs .= "$step: $changes\n" if $states{$step} eq '57014';
                # PostgreSQL's own words, where numbers that look sound lie about a distance or a row's place.
                next if $states{$step} eq 'XX000' && $s->{err} =~ /index returned tuples in wrong order|could not (open file|read block)/;
                $odd .= "$step: $states{$step}: $changes\n$s->{err}" unless $states{$step} =~ /^(XX00[12]|57014|0A000)$/;
            }
            my $log = substr slurp_file($node->logfile), $log_begin;
            if ($log =~ /terminated by signal|PANIC|TRAP/ || $s->{err} =~ /server closed the connection/)
            {
                $crashed .= "after " . ($step // 'nothing') . ": $changes\n";
                $node->poll_query_until('postgres', 'SELECT true');
            }
            note(sprintf '%.1f s: %s', time - $begin_one, $changes) if time - $begin_one > 10;
        }
        $node->stop('immediate');
        # What the server was about to write must not come back.
        $node->start;
        $node->stop;
    }
    note(sprintf '%d damaged indexes, %d statements failed, in %.0f s', $done, $errors, time - $begin);
    is($crashed, '', 'no crash');
    is($hangs, '', 'no hang');
    is($odd, '', 'errors say that the index is damaged');
    cmp_ok($errors, '>', $flips / 20, 'much of the damage was noticed');

    # Damage of a known kind.
    my $t = $tables[0];
    my $name = $t->{name};

    my $index = "${name}_v";
    # The content of a page begins after the 24 bytes of PostgreSQL's header; that of block 0 with the magic number and the version.
    for my $case (
        [ 'no magic number', qr/XX002: index "$index" was not made by vecx.*REINDEX/s, 24, "\0\0\0\0" ],
        [ 'a version of the future', qr/0A000: index "$index" has format version 99, .*REINDEX/s, 28, pack('V', 99) ],
        [ 'no dimensions', qr/XX002: .*REINDEX/s, 24 + $options{dimensions_at}, pack('V', 0) ],
        [ 'other dimensions', qr/XX002: .*REINDEX/s, 24 + $options{dimensions_at}, pack('V', $t->{d} - 1) ],
        [ 'a metapage of zeros', qr/XX002: .*REINDEX/s, 0, "\0" x 8192 ],
        [ 'a metapage of noise', qr/XX00[12]: /s, 24, join '', map { chr int rand 256 } 1 .. 8000 ])
    {
        my ($what, $pattern, @changes) = @$case;
        my ($search, $insert, $found) = damaged($t, @changes);
        like($search, $pattern, "$what: a search");
        like($insert, $pattern, "$what: an insert");
        cmp_ok($found, '>', 0, "$what: vecx_check");
    }

    $options{also}->($node) if $options{also};

    # A file cut short.
    copy("$t->{file}.whole", $t->{file}) || die;
    truncate $t->{file}, 5 * 8192;
    $node->start;
    my $s = finish(session($node, statements($t)));
    $node->stop('immediate');
    ok(slurp_file($node->logfile) !~ /terminated by signal|PANIC/, 'a file that was cut short makes no process crash');

    # And a rebuild makes it good.
    copy("$t->{file}.whole", $t->{file}) || die;
    $node->start;
    $node->safe_psql('postgres', "REINDEX INDEX $index");
    is(index_errors($node, $name, 1), '', 'sound after REINDEX');
    $node->stop;
    return ($node, $t);
}

1;

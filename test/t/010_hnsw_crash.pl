# The server is killed at random moments under a mixed load, again and again: edge codes, records without their own vector, bits,
# sparse vectors longer than their record. After recovery each index gives what its table
# holds, vecx_check finds nothing wrong, and every page that was replayed is as it was (wal_consistency_checking).
# VECX_CRASH_CYCLES kills, 60 by default, but not longer than VECX_CRASH_SECONDS, 75 by default. VECX_SEED repeats a run's choices.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Time::HiRes qw(sleep time);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use VecxHnsw;

my $cycles = environment('VECX_CRASH_CYCLES', 60);
my $seconds = environment('VECX_CRASH_SECONDS', $cycles > 60 ? 100 * $cycles : 75);
seed_random();

my $node = PostgreSQL::Test::Cluster->new('crash');
$node->init;
$node->append_conf(
    'postgresql.conf', q{
    wal_consistency_checking = 'generic'
    full_page_writes = on
    autovacuum = off
    shared_buffers = 4MB
    checkpoint_timeout = 30s
    min_wal_size = 32MB
    max_wal_size = 48MB
    log_line_prefix = '%m [%p] %e '
    restart_after_crash = on
    maintenance_work_mem = 8MB
});
$node->start;
make_helpers($node);
$node->safe_psql(
    'postgres', q{
    CREATE EXTENSION IF NOT EXISTS vecx;
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
my %value = (small => 'make(%s, 8)', lost => 'make(%s, 8)', wide => 'make(%s, 1536)', sparse => 'make_sparse(%s)', bits => 'make_bits(%s)');
my %operator = (small => '<->', lost => '<->', wide => '<->', sparse => '<->', bits => '<~>');
my %extra = (small => 'vector_cosine_ops', lost => 'vector_cosine_ops', wide => "vector_l1_ops) WITH (storage = 'compact'", sparse => 'sparsevec_l1_ops', bits => 'bit_jaccard_ops');
my @tables = sort keys %value;

# A thousand statements or so for one session; more than it will come to.
sub statements
{
    my ($kind) = @_;
    my $text = "SET hnsw.iterative_scan = relaxed_order; SET enable_seqscan = off;\n";
    if ($kind eq 'write')
    {
        for (1 .. 300)
        {
            my $table = (qw(small small small small lost wide sparse sparse bits))[ int rand 9 ];
            my ($i, $many, $k) = (int(rand 3000), 1 + int(rand($table eq 'wide' ? 3 : 12)), int(rand 40));
            my ($value, $moved, $query) = map { sprintf $value{$table}, $_ } ('i % 2000', "id + $k", $i);
            my $insert = "INSERT INTO $table SELECT i, 0, $value FROM generate_series($i, $i + $many) i;";
            my $delete = "DELETE FROM $table WHERE id % 40 = $k;";
            my $update = "UPDATE $table SET n = n + 1 WHERE id BETWEEN $i AND $i + 20;";
            my $move = "UPDATE $table SET v = $moved WHERE id BETWEEN $i AND $i + 10;";
            $text .= (
                $insert, $insert, $insert, $insert, $insert, $delete, $update, $move,
                "BEGIN; $insert $delete ROLLBACK;",
                "BEGIN; $insert SAVEPOINT s; $insert $delete ROLLBACK TO s; $move COMMIT;",
                "BEGIN; SAVEPOINT a; $insert SAVEPOINT b; $update RELEASE b; RELEASE a; COMMIT;",
                "SELECT count(*) FROM (SELECT id FROM $table ORDER BY v $operator{$table} $query LIMIT 20) q;")[ int rand 12 ] . "\n";
        }
    }
    elsif ($kind eq 'vacuum')
    {
        $text .= "SELECT pg_sleep(0.05); VACUUM (INDEX_CLEANUP ON, TRUNCATE " . (qw(on off))[ int rand 2 ] . ') '
          . (qw(small small small wide lost sparse bits))[ int rand 7 ] . ';' . (rand() < 0.2 ? 'CHECKPOINT;' : '') . "\n"
          for 1 .. 100;
    }
    else
    {
        for (1 .. 50)
        {
            my $table = (qw(small small wide lost sparse bits))[ int rand 6 ];
            my $make = "INDEX %s extra ON $table USING hnsw (v $extra{$table});";
            $text .= "SELECT pg_sleep(random() * 0.2);\n"
              . (
                'DROP INDEX IF EXISTS extra;' . "\n" . sprintf("CREATE $make", ''),
                'DROP INDEX IF EXISTS extra;' . "\n" . sprintf("CREATE $make", 'CONCURRENTLY'),
                "REINDEX INDEX ${table}_v;", "REINDEX INDEX CONCURRENTLY ${table}_v;",
                # No rollback: a crash before its record is on disk leaves an unlogged table of
                # PostgreSQL's own in a state from which recovery cannot start ("could not create
                # file ...: File exists"), whatever its indexes.
                "BEGIN; TRUNCATE lost; INSERT INTO lost SELECT i, 0, make(i, 8) FROM generate_series(1, 20) i; COMMIT;"
              )[ int rand 5 ] . "\n";
        }
    }
    return $text;
}

# Kills all of the server, or one process of it, which makes the postmaster start anew.
sub kill_something
{
    my $pid = $node->safe_psql('postgres', 'SELECT 1') && (split /\n/, slurp_file($node->data_dir . '/postmaster.pid'))[0];
    if (rand() < 0.3)
    {
        my @backends = split ' ', `ps -o pid= --ppid $pid`;
        # One that serves a session, as its title says; whichever.
        my @serving = grep { (`ps -o args= -p $_` // '') =~ /\[local\]/ } @backends;
        if (@serving)
        {
            kill 'KILL', $serving[ int rand @serving ];
            return 'a backend';
        }
    }
    kill 'STOP', $pid;
    my @children = split ' ', `ps -o pid= --ppid $pid`;
    kill 'KILL', $pid;
    kill 'KILL', @children;
    # Until they are gone no server starts in their place, and each vain start would copy the server's log.
    # One that only waits to be reaped, for seconds where init is slow, holds nothing but the names in lock files, which go below.
    my $all = join ',', $pid, @children;
    for (1 .. 500) { last unless grep { !/^Z/ } split ' ', `ps -o stat= -p $all`; sleep 0.02; }
    return 'all';
}

sub held_against_query
{
    my ($table) = @_;
    return "SELECT 'held', '$table', * FROM held_against('$table', '$operator{$table}')";
}

# What the load has made beside the tables' own indexes.
my $drop_others = q{SELECT 'DROP INDEX ' || indexrelid::regclass FROM pg_index i JOIN pg_class c ON c.oid = indexrelid
    JOIN pg_am a ON a.oid = c.relam WHERE amname = 'hnsw' AND (NOT indisvalid OR relname <> indrelid::regclass || '_v')
    \gexec};
# Tables stay small, so that the load does much to few pages.
my %most = (small => 3000, wide => 300, sparse => 300, bits => 300);
my @keep_small = map { "DELETE FROM $_ WHERE id % 3 = 0 AND (SELECT count(*) FROM $_) > $most{$_};" } sort keys %most;

my ($cycle, $begin) = (0, time);
my (%killed, %rows, %compared);
my ($lost, $ghosts, $twice, $worst, $lost_after_vacuum) = (0, 0, 0, 0, 0);
my ($errors, $warnings) = ('', '');
for ($cycle = 1; $cycle <= $cycles && time - $begin < $seconds; $cycle++)
{
    my @sessions = map { session($node, statements($_)) } qw(write write write vacuum ddl);
    sleep(0.1 + rand 0.7);
    my $what = kill_something();
    $killed{$what}++;
    if ($what eq 'all') { finish($_) for @sessions; }
    else
    {
        $_->{run}->kill_kill for @sessions;
    }
    if ($what eq 'all')
    {
        # Processes that are dying hold on to the shared memory for a moment.
        my $started = 0;
        for (1 .. 50)
        {
            unlink $node->data_dir . '/postmaster.pid', $node->host . '/.s.PGSQL.' . $node->port . '.lock';
            $node->{_pid} = undef;
            last if $started = $node->start(fail_ok => 1);
            sleep 0.2;
        }
        BAIL_OUT('the server does not start again, see ' . $node->logfile) unless $started;
    }
    else
    {
        $node->poll_query_until('postgres', 'SELECT true') or BAIL_OUT('no recovery');
    }

    # Half of the time as it was left, else after VACUUM. In one session, since starts of psql take as long as all that it asks.
    my $vacuumed = rand() < 0.5;
    for (split /\n/, $node->safe_psql('postgres', join "\n", ($vacuumed ? map { "VACUUM (INDEX_CLEANUP ON) $_;" } @tables : ()),
            (map { index_errors_query($_, $vacuumed) . ';' } @tables), $drop_others, (map { held_against_query($_) . ';' } @tables), @keep_small))
    {
        my ($table, $l, $g, $t, $all) = /^held\|(\w+)\|(\d+)\|(\d+)\|(\d+)\|(\d+)$/;
        if (!defined $table)
        {
            $errors .= "cycle $cycle, $_\n";
            next;
        }
        $compared{$table}++;
        $rows{$table} += $all;
        $ghosts += $g;
        $twice += $t;
        note("cycle $cycle, $table: $l lost, $g ghosts, $t twice of $all rows" . ($vacuumed ? ', after VACUUM' : '')) if $l || $g || $t;
        if ($vacuumed) { $lost_after_vacuum += $l; }
        else { $lost += $l; }
    }
}
$cycle--;
my $all = $rows{small} + $rows{wide} + $rows{sparse} + $rows{bits};
note(sprintf('%d kills in %.0f s (all %d, a backend %d); %d rows compared',
        $cycle, time - $begin, $killed{all} // 0, $killed{'a backend'} // 0, $all));
cmp_ok($cycle, '>=', $cycles < 5 ? $cycles : 5, 'killed often');
cmp_ok($all, '>', 1000, 'there were rows to lose');
is_deeply([ map { $compared{$_} } @tables ], [ ($cycle) x @tables ], 'each table after each kill');
is($errors, '', 'vecx_check finds nothing');
is($ghosts, 0, 'no row but those of the table');
is($twice, 0, 'no row twice');
cmp_ok($lost, '<=', $all / 1000, "next to no row out of reach ($lost)");
is($lost_after_vacuum, 0, 'none at all after VACUUM');
is(bad_log_lines($node, qr/terminated by signal 9/), '', 'nothing bad in the log');

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

# The server is killed at random moments under a mixed load, again and again: inverted lists of ivfflat and ivfpq, with codes of each
# kind, trained from the start or by VACUUM. After recovery each index gives what its table
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
    CREATE FUNCTION make_bits(i bigint) RETURNS bit LANGUAGE sql IMMUTABLE AS $$SELECT ('x' || md5((i % 600)::text))::bit(128)$$;
    CREATE TABLE small (id int, n int DEFAULT 0, v vector(8));
    CREATE TABLE wide (id int, n int DEFAULT 0, v vector(1536));
    CREATE UNLOGGED TABLE lost (id int, n int DEFAULT 0, v vector(8));
    CREATE TABLE half (id int, n int DEFAULT 0, v halfvec(64));
    CREATE TABLE bits (id int, n int DEFAULT 0, v bit(128));
    INSERT INTO small SELECT i, 0, make(i % 600, 8) FROM generate_series(1, 800) i;
    INSERT INTO wide SELECT i, 0, make(i, 1536) FROM generate_series(1, 120) i;
    INSERT INTO half SELECT i, 0, make(i, 64)::halfvec FROM generate_series(1, 100) i;
    INSERT INTO bits SELECT i, 0, make_bits(i) FROM generate_series(1, 300) i;
    CREATE INDEX small_v ON small USING ivfflat (v vector_l2_ops) WITH (lists = 8);
    CREATE INDEX wide_v ON wide USING ivfpq (v vector_l2_ops) WITH (lists = 2);
    CREATE INDEX lost_v ON lost USING ivfflat (v vector_l2_ops) WITH (lists = 2);
    CREATE INDEX half_v ON half USING ivfpq (v halfvec_l2_ops) WITH (lists = 3, m = 16, bits = 4);
    CREATE INDEX bits_v ON bits USING ivfflat (v bit_hamming_ops) WITH (lists = 4);
    CREATE INDEX small_id ON small (id);
    CREATE INDEX wide_id ON wide (id);
    CREATE INDEX half_id ON half (id);
    CREATE INDEX bits_id ON bits (id);
});
my %value = (small => 'make(%s, 8)', lost => 'make(%s, 8)', wide => 'make(%s, 1536)', half => 'make(%s, 64)::halfvec', bits => 'make_bits(%s)');
my %operator = (small => '<->', lost => '<->', wide => '<->', half => '<->', bits => '<~>');
my %extra = (small => 'ivfpq (v vector_cosine_ops)', lost => 'ivfflat (v vector_cosine_ops)', wide => 'ivfpq (v vector_ip_ops) WITH (lists = 1, quantizer = sq8)', half => 'ivfflat (v halfvec_cosine_ops) WITH (lists = 2)', bits => 'ivfflat (v bit_hamming_ops) WITH (lists = 1)');
my @tables = sort keys %value;

# A thousand statements or so for one session; more than it will come to.
sub statements
{
    my ($kind) = @_;
    my $text = "SET enable_seqscan = off; SET client_min_messages = warning;\n";
    if ($kind eq 'write')
    {
        for (1 .. 300)
        {
            my $table = (qw(small small small small lost wide half half bits))[ int rand 9 ];
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
          . (qw(small small small wide lost half bits))[ int rand 7 ] . ';' . (rand() < 0.2 ? 'CHECKPOINT;' : '') . "\n"
          for 1 .. 100;
    }
    else
    {
        for (1 .. 50)
        {
            my $table = (qw(small small wide lost half bits))[ int rand 6 ];
            my $make = "INDEX %s extra ON $table USING $extra{$table};";
            $text .= "SELECT pg_sleep(random() * 0.2);\n"
              . (
                'DROP INDEX IF EXISTS extra;' . "\n" . sprintf("CREATE $make", ''),
                'DROP INDEX IF EXISTS extra;' . "\n" . sprintf("CREATE $make", 'CONCURRENTLY'),
                "REINDEX INDEX ${table}_v;", "REINDEX INDEX CONCURRENTLY ${table}_v;",
                # No rollback: a crash before its record is on disk leaves an unlogged table of
                # PostgreSQL's own in a state from which recovery cannot start ("could not create
                # file ...: File exists"), whatever its indexes.
                "BEGIN; TRUNCATE lost; INSERT INTO lost SELECT i, 0, make(i, 8) FROM generate_series(1, 120) i; COMMIT;"
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
    JOIN pg_am a ON a.oid = c.relam WHERE amname IN ('ivfflat', 'ivfpq') AND (NOT indisvalid OR relname <> indrelid::regclass || '_v')
    \gexec};
# Tables stay small, so that the load does much to few pages.
my %most = (small => 3000, wide => 300, half => 600, bits => 300);
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
my $all = $rows{small} + $rows{wide} + $rows{half} + $rows{bits};
note(sprintf('%d kills in %.0f s (all %d, a backend %d); %d rows compared',
        $cycle, time - $begin, $killed{all} // 0, $killed{'a backend'} // 0, $all));
cmp_ok($cycle, '>=', $cycles < 5 ? $cycles : 5, 'killed often');
cmp_ok($all, '>', 1000, 'there were rows to lose');
is_deeply([ map { $compared{$_} } @tables ], [ ($cycle) x @tables ], 'each table after each kill');
is($errors, '', 'vecx_check finds nothing');
is($ghosts, 0, 'no row but those of the table');
is($twice, 0, 'no row twice');
is($lost, 0, 'no row is out of reach');
is($lost_after_vacuum, 0, 'nor after VACUUM');
is(bad_log_lines($node, qr/terminated by signal 9/), '', 'nothing bad in the log');

$node->stop;
done_testing();

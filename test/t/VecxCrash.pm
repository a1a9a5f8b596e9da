# The server is killed at random moments under a mixed load, again and again. After recovery each index gives what its table holds,
# vecx_check finds nothing wrong, and every page that was replayed is as it was (wal_consistency_checking).
# VECX_CRASH_CYCLES kills, 60 by default, but not longer than VECX_CRASH_SECONDS, 75 by default. VECX_SEED repeats a run's choices.
# With a loss of power, what no sync has followed is undone in part, too, as VecxPower.pm has it; then VECX_POWER_CYCLES.
package VecxCrash;
use strict;
use warnings;
use Exporter 'import';
use Time::HiRes qw(sleep time);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use VecxHnsw;
use VecxPower;
our @EXPORT = qw(run_crashes);

# The tables: columns id, n, v, an index NAME_v of v and one of id. `lost` is not logged, all but that one have rows. Of each table
# %table says how a value is made of a number, `value`; the operator; what the index `extra` is, that comes and goes; how many rows it
# has at most; how often it is chosen, `write`, `vacuum` and `ddl`; and how many rows a statement inserts.
my ($node, %table, @tables, $settings, $methods, $refill);
my $power;    # VecxPower, where power is lost, too

# Those of a kind, each as often as it is to be chosen.
sub chosen
{
    my ($kind) = @_;
    my @chosen = map { ($_) x $table{$_}{$kind} } @tables;
    return $chosen[ int rand @chosen ];
}

# New files, made and filled in one transaction.
sub rewrite
{
    my ($table) = @_;
    my $i = int rand 3000;
    my $insert = "INSERT INTO $table SELECT i, 0, " . sprintf($table{$table}{value}, 'i % 2000') . " FROM generate_series($i, $i + 60) i;";
    return $table eq 'lost' || rand() < 0.5 ? "BEGIN; REINDEX INDEX ${table}_v; $insert COMMIT;" : "BEGIN; TRUNCATE $table; $insert COMMIT;";
}

# A thousand statements or so for one session; more than it will come to.
sub statements
{
    my ($kind) = @_;
    my $text = "$settings SET enable_seqscan = off; SET client_min_messages = warning;\n";
    if ($kind eq 'write')
    {
        for (1 .. 300)
        {
            my $table = chosen('write');
            my ($i, $many, $k) = (int(rand 3000), 1 + int(rand $table{$table}{rows}), int(rand 40));
            my ($value, $moved, $query) = map { sprintf $table{$table}{value}, $_ } ('i % 2000', "id + $k", $i);
            my $insert = "INSERT INTO $table SELECT i, 0, $value FROM generate_series($i, $i + $many) i;";
            my $delete = "DELETE FROM $table WHERE id % 40 = $k;";
            my $update = "UPDATE $table SET n = n + 1 WHERE id BETWEEN $i AND $i + 20;";
            my $move = "UPDATE $table SET v = $moved WHERE id BETWEEN $i AND $i + 10;";
            $text .= (
                $insert, $insert, $insert, $insert, $insert, $delete, $update, $move,
                "BEGIN; $insert $delete ROLLBACK;",
                "BEGIN; $insert SAVEPOINT s; $insert $delete ROLLBACK TO s; $move COMMIT;",
                "BEGIN; SAVEPOINT a; $insert SAVEPOINT b; $update RELEASE b; RELEASE a; COMMIT;",
                "SELECT count(*) FROM (SELECT id FROM $table ORDER BY v $table{$table}{operator} $query LIMIT 20) q;")[ int rand 12 ] . "\n";
        }
    }
    elsif ($kind eq 'vacuum')
    {
        $text .= "SELECT pg_sleep(0.05); VACUUM (INDEX_CLEANUP ON, TRUNCATE " . (qw(on off))[ int rand 2 ] . ') '
          . chosen('vacuum') . ';' . (rand() < 0.2 ? 'CHECKPOINT;' : '') . "\n"
          for 1 .. 100;
    }
    else
    {
        for (1 .. 50)
        {
            my $table = chosen('ddl');
            my $make = "INDEX %s extra ON $table USING $table{$table}{extra};";
            $text .= "SELECT pg_sleep(random() * 0.2);\n"
              . (
                'DROP INDEX IF EXISTS extra;' . "\n" . sprintf("CREATE $make", ''),
                'DROP INDEX IF EXISTS extra;' . "\n" . sprintf("CREATE $make", 'CONCURRENTLY'),
                "REINDEX INDEX ${table}_v;", "REINDEX INDEX CONCURRENTLY ${table}_v;",
                # No rollback: a crash before its record is on disk leaves an unlogged table of
                # PostgreSQL's own in a state from which recovery cannot start ("could not create
                # file ...: File exists"), whatever its indexes.
                "BEGIN; TRUNCATE lost; INSERT INTO lost SELECT i, 0, make(i, 8) FROM generate_series(1, $refill) i; COMMIT;",
                # With wal_level minimal these are not logged, but on disk when the transaction ends.
                $power ? rewrite($table) : ()
              )[ int rand($power ? 6 : 5) ] . "\n";
        }
    }
    return $text;
}

# Kills all of the server, or one process of it, which makes the postmaster start anew.
sub kill_something
{
    my $pid = $node->safe_psql('postgres', 'SELECT 1') && (split /\n/, slurp_file($node->data_dir . '/postmaster.pid'))[0];
    if (!$power && rand() < 0.3)
    {
        my @backends = split ' ', `ps -o pid= --ppid $pid`;
        # One that serves a session, as its title says; whichever.
        my @serving = grep { (`ps -o args= -p $_` // '') =~ /\[local\]/ } @backends;
        if (@serving)
        {
            my $backend = $serving[ int rand @serving ];
            kill 'KILL', $backend;
            # Until the postmaster has seen it: before, it still lets sessions in, and ends them when it does.
            for (1 .. 500) { last unless kill 0, $backend; sleep 0.02; }
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

sub start_server
{
    my (%options) = @_;
    return $power ? $power->start($node, %options) : $node->start(%options);
}

sub held_against_query
{
    my ($table) = @_;
    return "SELECT 'held', '$table', * FROM held_against('$table', '$table{$table}{operator}')";
}

# `tables`, as above; `setup` makes them; `settings` of the sessions; `methods` of the indexes that are looked at; `refill`: rows that
# `lost` gets when it is emptied; `lost`: the part of all rows that may be out of reach before a VACUUM; `power`: power is lost, too;
# `configuration` and `name`: of the server. Returns the server.
sub run_crashes
{
    my (%options) = @_;
    %table = %{ $options{tables} };
    @tables = sort keys %table;
    $settings = $options{settings};
    $methods = join ', ', map { "'$_'" } @{ $options{methods} };
    $refill = $options{refill};
    my $cycles = $options{power} ? environment('VECX_POWER_CYCLES', 20) : environment('VECX_CRASH_CYCLES', 60);
    my $seconds = environment('VECX_CRASH_SECONDS', $cycles > 60 ? 100 * $cycles : 75);
    seed_random();
    $node = PostgreSQL::Test::Cluster->new($options{name} // 'crash');
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
    $node->append_conf('postgresql.conf', $options{configuration} // '');
    if ($options{power})
    {
        $power = VecxPower->new($node->basedir);
        $node->append_conf('postgresql.conf', 'fsync = on');
    }
    start_server();
    make_helpers($node);
    $node->safe_psql('postgres', $options{setup});

    # What the load has made beside the tables' own indexes.
    my $drop_others = qq{SELECT 'DROP INDEX ' || indexrelid::regclass FROM pg_index i JOIN pg_class c ON c.oid = indexrelid
        JOIN pg_am a ON a.oid = c.relam WHERE amname IN ($methods) AND (NOT indisvalid OR relname <> indrelid::regclass || '_v')
        \\gexec};
    # Tables stay small, so that the load does much to few pages.
    my @keep_small = map { "DELETE FROM $_ WHERE id % 3 = 0 AND (SELECT count(*) FROM $_) > $table{$_}{most};" } grep { $table{$_}{most} } @tables;

    my ($cycle, $begin) = (0, time);
    my (%killed, %rows, %compared);
    my ($lost, $ghosts, $twice, $lost_after_vacuum) = (0, 0, 0, 0);
    my $errors = '';
    my $blocks_undone = 0;
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
            $blocks_undone += $power->lose($node) if $power;
            # Processes that are dying hold on to the shared memory for a moment.
            my $started = 0;
            for (1 .. 50)
            {
                unlink $node->data_dir . '/postmaster.pid', $node->host . '/.s.PGSQL.' . $node->port . '.lock';
                $node->{_pid} = undef;
                last if $started = start_server(fail_ok => 1);
                sleep 0.2;
            }
            BAIL_OUT('the server does not start again, see ' . $node->logfile) unless $started;
        }
        else
        {
            # psql may be refused before it has read what is sent to it, for which poll_query_until would die.
            my $recovered = 0;
            for (1 .. 900) { last if $recovered = eval { $node->psql('postgres', 'SELECT true') == 0 }; sleep 0.2; }
            BAIL_OUT('no recovery') unless $recovered;
        }

        # Half of the time as it was left, else after VACUUM. In one session, since starts of psql take as long as all that it asks.
        my $vacuumed = rand() < 0.5;
        my ($status, $answers, $complaints) = $node->psql('postgres', join "\n", ($vacuumed ? map { "VACUUM (INDEX_CLEANUP ON) $_;" } @tables : ()),
            (map { index_errors_query($_, $vacuumed) . ';' } @tables), $drop_others, (map { held_against_query($_) . ';' } @tables), @keep_small);
        $errors .= "cycle $cycle, $complaints\n" if $status;
        for (split /\n/, $answers)
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
    my $all = 0;
    $all += $rows{$_} for grep { $_ ne 'lost' } @tables;
    note(sprintf('%d kills in %.0f s (all %d, a backend %d); %d rows compared',
            $cycle, time - $begin, $killed{all} // 0, $killed{'a backend'} // 0, $all));
    cmp_ok($cycle, '>=', $cycles < 5 ? $cycles : 5, 'killed often');
    cmp_ok($all, '>', 1000, 'there were rows to lose');
    is_deeply([ map { $compared{$_} } @tables ], [ ($cycle) x @tables ], 'each table after each kill');
    is($errors, '', 'vecx_check finds nothing');
    is($ghosts, 0, 'no row but those of the table');
    is($twice, 0, 'no row twice');
    cmp_ok($lost, '<=', $all * $options{lost}, "rows out of reach: $lost");
    is($lost_after_vacuum, 0, 'none at all after VACUUM');
    cmp_ok($blocks_undone, '>', 10 * $cycle, "$blocks_undone blocks were undone") if $options{power};
    # PostgreSQL makes a torn page of a free space map anew; the context is that of the warning.
    my $expected = $options{power} ? qr/_fsm; zeroing out page|XX001 CONTEXT:/ : qr/terminated by signal 9/;
    is(bad_log_lines($node, $expected), '', 'nothing bad in the log');
    return $node;
}

1;

# Searches on a streaming standby while the primary deletes, vacuums and inserts into the slots that this frees: no error but that
# of a conflict with recovery, and no row missing. Then the standby takes over in the midst of it. VECX_STANDBY_SECONDS for each
# of the two settings of hot_standby_feedback.
package VecxStandby;
use strict;
use warnings;
use Exporter 'import';
use Time::HiRes qw(sleep time);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use VecxHnsw;
our @EXPORT = qw(run_standby);

# `index`: of the table t (id, keep, v), as of CREATE INDEX; `settings` of searches; `slots`: what it has of them, of vecx_index_info;
# `more`: called with primary and standby before the standby takes over.
sub run_standby
{
    my (%options) = @_;
    my $seconds = environment('VECX_STANDBY_SECONDS', 12);
    seed_random();

    my $primary = PostgreSQL::Test::Cluster->new('primary');
    $primary->init(allows_streaming => 1);
    $primary->append_conf('postgresql.conf', "autovacuum = off\nwal_keep_size = 4GB\nmax_wal_size = 2GB\nlog_line_prefix = '%m [%p] %e '\nwal_receiver_status_interval = 1\n");
    $primary->start;
    make_helpers($primary);
    # Rows with keep stay, the others come and go around them.
    $primary->safe_psql(
        'postgres', qq{
        CREATE TABLE t (id int, keep bool, v vector(8));
        INSERT INTO t SELECT i, i % 4 = 0, make(i, 8) FROM generate_series(1, 1200) i;
        CREATE INDEX t_v ON t USING $options{index};
    });
    $primary->backup('backup');
    my $standby = PostgreSQL::Test::Cluster->new('standby');
    $standby->init_from_backup($primary, 'backup', has_streaming => 1);
    $standby->append_conf('postgresql.conf', "max_standby_streaming_delay = 200ms\n");
    $standby->start;
    $primary->wait_for_catchup($standby);

    # Four rounds of an order, until it is told to stop by the table `stop`.
    my $churn = join "\n", map {
        my $from = 1200 + 300 * $_;
        "DELETE FROM t WHERE NOT keep" . ($_ % 5 ? " AND id % 3 = " . ($_ % 3) : "") . ";",
          "VACUUM (INDEX_CLEANUP ON) t;",
          "INSERT INTO t SELECT i, false, make(i, 8) FROM generate_series($from, $from + 299) i; SELECT pg_sleep(0.02);",
          "VACUUM (INDEX_CLEANUP ON) t;", "UPDATE t SET v = make(id + $_, 8) WHERE NOT keep AND id % 7 = 1;";
    } 1 .. 400;

    # Each answer is held against the table's in the same snapshot; rows that are kept are always all there.
    my $search = qq{SELECT format('lost %s ghosts %s twice %s', lost, ghosts, twice) FROM held_against('t') WHERE lost + ghosts + twice > 0;
    $options{settings} SET enable_seqscan = off; SET enable_sort = off;
    SELECT 'kept ' || count(*) FROM (SELECT keep FROM t ORDER BY v <-> make(5000, 8)) q WHERE keep HAVING count(*) <> 300;
    SELECT 'first ' || count(*) FROM (SELECT id FROM t WHERE keep ORDER BY v <-> make(6000, 8) LIMIT 10) q HAVING count(*) <> 10;
    \\echo done
    };

    my $conflict = qr/conflict with recovery|connection to server was lost|no connection to the server|terminating connection/;
    for my $feedback (qw(on off))
    {
        $standby->safe_psql('postgres', "ALTER SYSTEM SET hot_standby_feedback = $feedback; SELECT pg_reload_conf()");
        sleep 1.5;
        my $writer = session($primary, $churn);
        my $begin = time;
        my ($wrong, $errors, $done, $cancelled) = ('', '', 0, 0);
        while (time - $begin < $seconds)
        {
            my @readers = map { session($standby, $search x 5) } 1 .. 2;
            for my $reader (@readers)
            {
                finish($reader);
                $wrong .= join '', grep { !/^done$/ } map { "$_\n" } split /\n/, $reader->{out};
                $done += () = $reader->{out} =~ /^done$/mg;
                $cancelled += () = $reader->{err} =~ /conflict with recovery/g;
                $errors .= join '', map { "$_\n" } grep { /ERROR|FATAL|PANIC|connection/ && !/$conflict|server closed the connection/ } split /\n/, $reader->{err};
            }
        }
        $writer->{run}->kill_kill;
        $primary->poll_query_until('postgres', "SELECT count(*) = 0 FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()");
        note("feedback $feedback: $done rounds of searches, $cancelled cancelled");
        cmp_ok($done, '>', 3, "feedback $feedback: there were searches");
        is($wrong, '', "feedback $feedback: every answer is that of the table");
        is($errors, '', "feedback $feedback: no error but conflicts");
        $primary->wait_for_catchup($standby);
        is($standby->safe_psql('postgres', "SELECT * FROM vecx_check('t_v', heapallindexed => true) WHERE severity = 'error'"), '', 'vecx_check on the standby');
        is(join('|', (check_index($standby, 't'))[ 0 .. 2 ]), '0|0|0', 'the whole index, at rest');
    }
    # Slots are used again: the index has not grown with each round.
    my ($rows, $slots) = split /\|/, $primary->safe_psql('postgres', "SELECT rows, $options{slots} FROM vecx_index_info('t_v')");
    note("$rows rows, $slots slots");
    cmp_ok($slots, '<', 20 * 1200, 'slots are used again');

    $options{more}->($primary, $standby) if $options{more};

    # An old snapshot on the standby, and a vacuum on the primary that frees what it sees: either it is cancelled, or it finds all.
    {
        $standby->safe_psql('postgres', "ALTER SYSTEM SET max_standby_streaming_delay = '1s'; SELECT pg_reload_conf()");
        my $text = "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) AS n FROM t \\gset\nSELECT pg_sleep(3);\n"
          . "$options{settings} SET enable_seqscan = off; SET enable_sort = off; SELECT 'n ' || (count(*) = :n) FROM (SELECT id FROM t ORDER BY v <-> make(1, 8)) q;\n";
        my $reader = session($standby, $text);
        sleep 0.5;
        $primary->safe_psql('postgres', 'DELETE FROM t WHERE NOT keep');
        $primary->safe_psql('postgres', 'VACUUM (INDEX_CLEANUP ON) t');
        $primary->safe_psql('postgres', 'VACUUM (INDEX_CLEANUP ON) t');
        $primary->safe_psql('postgres', 'INSERT INTO t SELECT i, false, make(i, 8) FROM generate_series(900001, 900900) i');
        finish($reader);
        ok($reader->{out} =~ /^n true$/m || $reader->{err} =~ /conflict with recovery/, "an old snapshot sees its rows, or is told: $reader->{out}$reader->{err}");
        $primary->wait_for_catchup($standby);
    }

    # Promotion in the midst of a load.
    my $writer = session($primary, $churn);
    sleep 2;
    $standby->promote;
    $primary->stop('immediate');
    finish($writer);
    is($standby->safe_psql('postgres', "SELECT * FROM vecx_check('t_v', heapallindexed => true) WHERE severity = 'error'"), '', 'vecx_check after promotion');
    my ($lost, $ghosts, $twice, $all) = check_index($standby, 't');
    cmp_ok($lost, '<=', $all / 1000, "rows out of reach after promotion: $lost of $all");
    is("$ghosts $twice", '0 0', 'no ghosts');
    $standby->safe_psql('postgres', 'INSERT INTO t SELECT i, false, make(i, 8) FROM generate_series(800001, 800300) i');
    $standby->safe_psql('postgres', 'DELETE FROM t WHERE id % 5 = 0');
    $standby->safe_psql('postgres', 'VACUUM (INDEX_CLEANUP ON) t');
    is(join('|', (check_index($standby, 't'))[ 0 .. 2 ]), '0|0|0', 'insert and vacuum after promotion');
    is(index_errors($standby, 't', 1), '', 'vecx_check is silent');
    is(bad_log_lines($standby), '', 'nothing bad in the log of the standby');
    is(bad_log_lines($primary), '', 'nor of the primary');
    $standby->stop;
}

1;

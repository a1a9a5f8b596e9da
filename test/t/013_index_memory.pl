# What a build and a scan take, for each method, and that they give it back: memory within maintenance_work_mem, an end soon after a cancel, nothing
# left behind when disk space runs out, no growth over many rescans.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Time::HiRes qw(sleep time);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use VecxHnsw;

plan skip_all => 'no /proc' unless -r '/proc/self/status';
my $rows = environment('VECX_MEMORY_ROWS', 20000);
my $node = PostgreSQL::Test::Cluster->new('memory');
$node->init;
$node->append_conf('postgresql.conf', "autovacuum = off\nlog_line_prefix = '%m [%p] %e '\nshared_buffers = 32MB\nmax_wal_size = 4GB\nmax_parallel_maintenance_workers = 2\n");
$node->start;
make_helpers($node);
$node->safe_psql(
    'postgres', qq{
    CREATE TABLE t (id int, v vector(256));
    CREATE TABLE base AS SELECT i, make(i, 256) AS v FROM generate_series(1, 500) i;
    INSERT INTO t SELECT row_number() OVER (), a.v + b.v FROM base a, base b WHERE a.i < b.i LIMIT $rows;
    VACUUM ANALYZE t});

sub peak { return peak_memory($node, @_); }

# A scan of all rows takes what its setting says, and the 128 kB of its first search. It finds nearly all of them, each once, and few
# late; those that are come at the end, and at least nearly all rows are in order. (With the whole of them in memory it takes 4 MB.)
sub scan_memory
{
    my ($memory, $order) = @_;
    my $query = '(SELECT v FROM t WHERE id = 77)';
    my $step = int($rows / 8);
    my $out = $node->safe_psql(
        'postgres', "SET work_mem = '$memory'; SET hnsw.iterative_scan = $order; SET enable_seqscan = off; SET enable_sort = off;\nBEGIN; DECLARE c CURSOR FOR SELECT id FROM t ORDER BY v <-> $query;\n"
          . "MOVE $step IN c; SELECT 'memory', sum(total_bytes) FROM pg_backend_memory_contexts WHERE name LIKE 'hnsw scan%';\n" x 7
          . "COMMIT;\nSELECT count(*), count(DISTINCT id), count(*) FILTER (WHERE d < before) FROM (SELECT id, d, lag(d) OVER () AS before FROM (SELECT id, v <-> $query AS d FROM t ORDER BY v <-> $query) a) b");
    my ($most) = sort { $b <=> $a } $out =~ /^memory\|(\d+)$/mg;
    my ($found, $distinct, $late) = $out =~ /^(\d+)\|(\d+)\|(\d+)$/m;
    note("work_mem $memory, $order: $most bytes, $found of $rows rows, $late before which one was farther");
    is($found, $distinct, "$memory, $order: no row twice");
    return ($most, $found, $late);
}

# How many there are, of tables and temporary ones.
sub files
{
    my $base = $node->safe_psql('postgres', "SELECT count(*) FROM pg_ls_dir('base/' || (SELECT oid FROM pg_database WHERE datname = 'postgres')) f WHERE f !~ '^t'");
    my $temporary = $node->safe_psql('postgres', "SELECT count(*) FROM pg_ls_tmpdir()");
    return "$base $temporary";
}

# `large` takes more room than the table.
my @methods = (
    { method => 'hnsw', index => 'hnsw (v vector_l2_ops)', large => "hnsw (v vector_l2_ops) WITH (m = 48, ef_construction = 96, vectors = 'float')" },
    { method => 'ivfpq', index => 'ivfpq (v vector_l2_ops) WITH (lists = 100)', large => 'ivfflat (((v || v)::vector(512)) vector_l2_ops) WITH (lists = 100)' });
for my $m (@methods)
{
    my %seconds;
    for my $limit (1, 8, 64, 256)
    {
        my ($kb, $err, $took) = peak("SET maintenance_work_mem = '${limit}MB'; CREATE INDEX t_v ON t USING $m->{index};");
        $seconds{$limit} = $took;
        note(sprintf '%s, maintenance_work_mem %d MB: %.1f MB, %.1f s', $m->{method}, $limit, $kb / 1024, $took);
        unlike($err, qr/ERROR/, "$m->{method}, $limit MB: the index is built");
        cmp_ok($kb / 1024, '<=', $limit + 32, "$m->{method}, $limit MB: memory is within the limit and 32 MB");
        is(index_errors($node, 't', 1), '', "$m->{method}, $limit MB: vecx_check is silent");
        $node->safe_psql('postgres', 'DROP INDEX t_v');
    }
    # A limit far too low costs time, not more than a build is worth.
    cmp_ok($seconds{1}, '<', 20 * $seconds{256} + 5, "$m->{method}: no cliff");

    # Cancelled at any time: soon over, and nothing is left.
    $node->safe_psql('postgres', 'CHECKPOINT');
    my $before = files();
    my ($longest, $cancelled) = (0, 0);
    for my $timeout (1, 2, 5, 10, 20, 50, 100, 200, 400, 700, 1000, 1500, 2000, 3000)
    {
        for my $memory ('4MB', '256MB')
        {
            my $begin = time;
            my ($status, undef, $err) = $node->psql('postgres', "SET maintenance_work_mem = '$memory'; SET statement_timeout = '${timeout}ms'; CREATE INDEX t_v ON t USING $m->{index};");
            my $took = time - $begin - $timeout / 1000;
            if ($status)
            {
                $cancelled++;
                like($err, qr/canceling statement due to statement timeout/, "cancelled after $timeout ms") unless $err =~ /canceling statement due to statement timeout/;
                $longest = $took if $took > $longest;
            }
            else { $node->safe_psql('postgres', 'DROP INDEX t_v'); }
        }
    }
    note(sprintf '%s: %d builds cancelled, the longest was over after %.2f s', $m->{method}, $cancelled, $longest);
    cmp_ok($cancelled, '>', 5, "$m->{method}: builds were cancelled");
    # Half a second is promised; a loaded machine, and the start of a session, are given time.
    cmp_ok($longest, '<', 1.5, "$m->{method}: soon");
    $node->safe_psql('postgres', 'CHECKPOINT');
    is(files(), $before, "$m->{method}: no file is left");
    is($node->safe_psql('postgres', "SELECT count(*) FROM pg_class WHERE relname = 't_v'"), 0, "$m->{method}: no index either");
    is($node->safe_psql('postgres', "SELECT count(*) FROM pg_locks WHERE relation = 't'::regclass"), 0, "$m->{method}: nor a lock");

    # Killed in the midst of it.
    my $s = session($node, "CREATE INDEX t_v ON t USING $m->{index};");
    sleep 1;
    $node->safe_psql('postgres', "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'CREATE INDEX t_v%' AND pid <> pg_backend_pid()");
    finish($s);
    ok($node->poll_query_until('postgres', "SELECT count(*) = 0 FROM pg_stat_activity WHERE query LIKE 'CREATE INDEX t_v%' AND pid <> pg_backend_pid()"), "$m->{method}: terminated");
    $node->safe_psql('postgres', 'DROP INDEX IF EXISTS t_v; CHECKPOINT');
    is(files(), $before, "$m->{method}: no file is left");

    # Many rescans in one statement, and many statements in one session: memory does not grow.
    $node->safe_psql('postgres', "CREATE INDEX t_v ON t USING $m->{index}");
    my $scans = q{SET enable_seqscan = off; SET enable_sort = off; SET enable_material = off; SET enable_memoize = off; SET jit = off;
    SELECT sum(n) FROM (SELECT (SELECT count(*) FROM (SELECT id FROM t ORDER BY v <-> b.v LIMIT 3) q) AS n FROM base b, generate_series(1, %d) g) q;
    };
    my ($few) = peak(sprintf($scans, 1) . "SELECT pg_sleep(0.1);");
    my ($many) = peak(sprintf($scans, 20) . "SELECT pg_sleep(0.1);");
    note("500 rescans: $few kB, 10000: $many kB");
    cmp_ok($many, '<', $few + 2048, "$m->{method}: 10,000 rescans take what 500 take");
    if ($m->{method} eq 'hnsw')
    {
        for ([ '64kB', 64, 0.95 ], [ '256kB', 256, 0.98 ], [ '1MB', 1024, 0.99 ])
        {
            my ($memory, $kb, $share) = @$_;
            for my $order ('strict_order', 'relaxed_order')
            {
                my ($most, $found, $late) = scan_memory($memory, $order);
                cmp_ok($most, '<=', ($kb + 128) * 1024, "$memory, $order: a scan stays within its memory");
                cmp_ok($found, '>=', $share * $rows, "$memory, $order: and gives nearly all rows");
                cmp_ok($late, '<=', 0.1 * $rows, "$memory, $order: most of them in order");
            }
        }
        my (undef, $all) = scan_memory('64MB', 'strict_order');
        is($all, $rows, 'with more memory it gives all');
    }
    my $inserts = "INSERT INTO t SELECT i, make(i, 256) FROM generate_series(1000001, %d) i;\n";
    ($few) = peak(sprintf($inserts, 1000100) . "SELECT pg_sleep(0.1);");
    ($many) = peak(sprintf($inserts, 1002000) . "SELECT pg_sleep(0.1);");
    note("100 inserts: $few kB, 2000: $many kB");
    cmp_ok($many, '<', $few + 4096, "$m->{method}: 2,000 inserts take what 100 take");

    # No space left: a server whose files may not grow beyond so many bytes. The build fails, and the server goes on.
    $node->safe_psql('postgres', 'DROP INDEX t_v; CHECKPOINT');
    $before = files();
    my ($status, undef, $err) = $node->psql('postgres', "SET temp_file_limit = '1MB'; SET maintenance_work_mem = '4MB'; CREATE INDEX t_v ON t USING $m->{index}");
    like($err, qr/ERROR:  temporary file size exceeds temp_file_limit \(1024kB\)/, "$m->{method}: temp_file_limit holds for what is mapped");
    $node->safe_psql('postgres', 'DROP INDEX IF EXISTS t_v; CHECKPOINT');
    is(files(), $before, "$m->{method}: temp_file_limit: no file is left");
    $node->stop;

    # In kilobytes: the table fits, the index does not.
    my $bound = int($rows * 1200 / 1024) + 4096;
    my $pg_ctl = sub { return system('bash', '-c', "ulimit -f $bound; exec pg_ctl -w -D '" . $node->data_dir . "' -l '" . $node->logfile . "' start >/dev/null 2>&1") };
    SKIP:
    {
        if ($pg_ctl->() != 0) { skip 'the server does not start with a limit on the size of files', 3; }
        my $dsn = $node->connstr('postgres');
        my $out = `psql -XqAt -d "$dsn" -c "CREATE TABLE many AS SELECT t.id, t.v FROM t LIMIT 100" -c "CREATE INDEX many_v ON many USING $m->{method} ((v::vector(256)) vector_l2_ops)" -c "SELECT count(*) FROM many" 2>&1`;
        like($out, qr/^100$/m, "small files can be written: $out");
        $out = `psql -XqAt -d "$dsn" -c "SET maintenance_work_mem = '256MB'" -c "CREATE INDEX t_v ON t USING $m->{large}" 2>&1`;
        like($out, qr/ERROR:  (could not extend|could not write)/, "$m->{method}: a build that finds no space fails");
        is(`psql -XqAt -d "$dsn" -c "SELECT count(*) FROM t, many WHERE many.id = 1 AND t.id = 1" 2>&1`, "1\n", "$m->{method}: the server goes on");
        system('pg_ctl', '-w', '-s', '-D', $node->data_dir, '-m', 'fast', 'stop');
    }
    $node->{_pid} = undef;
    $node->start;
    $node->safe_psql('postgres', 'DROP INDEX IF EXISTS t_v');
    $node->safe_psql('postgres', "CREATE INDEX t_v ON t USING $m->{index}");
    is(index_errors($node, 't', 1), '', "$m->{method}: and with space it is built");
    is(bad_log_lines($node), '', "$m->{method}: nothing bad in the log");
    $node->safe_psql('postgres', 'DROP TABLE many; DROP INDEX t_v; DELETE FROM t WHERE id > 1000000; VACUUM t');
}
$node->stop;
done_testing();

# What the tests of indexes share: vectors by number, an index held against its table, a server's log.
package VecxHnsw;
use strict;
use warnings;
use Exporter 'import';
use IPC::Run;
use Time::HiRes qw(sleep time);
use PostgreSQL::Test::Utils;
our @EXPORT = qw(make_helpers make_points session finish check_index index_errors index_errors_query bad_log_lines peak_memory environment seed_random);

# A number from the environment, else the default.
sub environment
{
    my ($name, $default) = @_;
    return defined $ENV{$name} && $ENV{$name} ne '' ? $ENV{$name} : $default;
}

# Random numbers of the test; the seed is printed, and can be given to have the same again.
sub seed_random
{
    my $seed = environment('VECX_SEED', time ^ $$);
    srand($seed);
    Test::More::note("VECX_SEED=$seed");
    return $seed;
}

sub make_helpers
{
    my ($node) = @_;
    $node->safe_psql(
        'postgres', q{
        CREATE EXTENSION vecx;
        CREATE FUNCTION make(i bigint, dimensions int) RETURNS vector LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
            'SELECT array_agg(sin(i * 12.9898 + j * 78.233 + (i * j) % 97)::real ORDER BY j)::vector FROM generate_series(1, dimensions) j';
        -- Every row by the index, and every row of the table, in one snapshot: rows that the index does not find, that only it
        -- finds, that it finds twice; and their number. The table has columns id and v.
        CREATE FUNCTION held_against(name text, operator text DEFAULT '<->', OUT lost bigint, OUT ghosts bigint, OUT twice bigint, OUT all_rows bigint) LANGUAGE plpgsql
            SET hnsw.iterative_scan = relaxed_order SET hnsw.max_scan_tuples = 2147483647 SET hnsw.scan_mem_multiplier = 1000
            SET enable_seqscan = off SET enable_sort = off SET max_parallel_workers_per_gather = 0 AS $f$
        DECLARE
            query text := format('SELECT ctid AS place, id FROM %I ORDER BY v %s (SELECT v FROM %1$I WHERE v IS NOT NULL LIMIT 1)', name, operator);
            plan json;
        BEGIN
            EXECUTE 'EXPLAIN (FORMAT json) ' || query INTO plan;
            IF plan::text NOT LIKE '%"Order By"%' THEN
                RAISE 'not by the index';
            END IF;
            EXECUTE format($q$WITH found AS MATERIALIZED (%s), kept AS MATERIALIZED (SELECT ctid AS place, id FROM %I WHERE v IS NOT NULL)
                SELECT (SELECT count(*) FROM kept k WHERE NOT EXISTS (SELECT FROM found f WHERE f.place = k.place AND f.id = k.id)),
                       (SELECT count(*) FROM found f WHERE NOT EXISTS (SELECT FROM kept k WHERE f.place = k.place AND f.id = k.id)),
                       (SELECT count(*) - count(DISTINCT place) FROM found), (SELECT count(*) FROM kept)$q$, query, name) INTO lost, ghosts, twice, all_rows;
        END $f$;
    });
}

# Points near a plane of at most twelve dimensions, which is how real vectors are spread: no two are equal, and the farther directions
# of the plane hold less and less.
sub make_points
{
    my ($node) = @_;
    $node->safe_psql(
        'postgres', q{
        CREATE FUNCTION points(seed float8, dimensions int, rows int) RETURNS TABLE (i int, v vector) LANGUAGE plpgsql AS $f$
        BEGIN
            PERFORM setseed(0.25);
            CREATE TEMP TABLE direction AS
                SELECT k, (SELECT array_agg((random() - 0.5)::real) FROM generate_series(1, dimensions) WHERE k > 0)::vector AS v
                FROM generate_series(1, least(dimensions, 12)) k;
            PERFORM setseed(seed);
            RETURN QUERY SELECT n, (SELECT sum(d.v * array_fill(((random() - 0.5) / sqrt(d.k))::real, ARRAY[dimensions])::vector)
                FROM direction d WHERE n > 0) FROM generate_series(1, rows) n;
            DROP TABLE direction;
        END $f$});
}

# A session in the background that runs a script. (IPC::Run would feed it from memory only while somebody pumps.)
my $sessions = 0;

sub session
{
    my ($node, $text) = @_;
    my $file = PostgreSQL::Test::Utils::tempdir() . '/' . $node->name . '-' . ++$sessions;
    append_to_file("$file.sql", $text);
    my $s = { node => $node, file => $file };
    $s->{run} = IPC::Run::start([ 'psql', '-XqAt', '-d', $node->connstr('postgres'), '-f', "$file.sql" ], '<', '/dev/null', '>', "$file.out", '2>', "$file.err");
    return $s;
}

# Waits for its end; what it wrote is in out and err.
sub finish
{
    my ($s) = @_;
    eval { $s->{run}->finish };
    $s->{$_} = slurp_file("$s->{file}.$_") for qw(out err);
    unlink map { "$s->{file}.$_" } qw(sql out err);
    return $s;
}

# lost, ghosts, twice, rows
sub check_index
{
    my ($node, $table, $operator) = @_;
    $operator //= '<->';
    return split /\|/, $node->safe_psql('postgres', "SELECT * FROM held_against('$table', '$operator')");
}

# What vecx_check finds wrong with the valid indexes of ours of a table; with warnings if they are wanted.
sub index_errors
{
    my ($node, $table, $warnings) = @_;
    return $node->safe_psql('postgres', index_errors_query($table, $warnings));
}

sub index_errors_query
{
    my ($table, $warnings) = @_;
    my $severities = $warnings ? "('error', 'warning')" : "('error')";
    return qq{
        SELECT format('%s: %s %s %s %s', c.relname, severity, block, item, message)
        FROM pg_index i JOIN pg_class c ON c.oid = indexrelid JOIN pg_am a ON a.oid = c.relam, vecx_check(indexrelid, heapallindexed => true)
        WHERE indrelid = '$table'::regclass AND amname IN ('hnsw', 'ivfflat', 'ivfpq') AND indisvalid AND severity IN $severities ORDER BY 1 LIMIT 20};
}

# Kilobytes that a session's own memory grows by while a statement runs, after another that prepares it; what it says on standard
# error; seconds.
sub peak_memory
{
    my ($node, $statement, $prepare) = @_;
    my $s = session($node, ($prepare // '') . "\nSELECT 'pid ' || pg_backend_pid();\nSELECT pg_sleep(0.2);\n$statement\n");
    my ($pid, $most, $first) = (0, 0, 0);
    my $begin = time;
    while (time - $begin < 170)
    {
        if (!$pid && -s "$s->{file}.out") { ($pid) = slurp_file("$s->{file}.out") =~ /^pid (\d+)\n/m; $pid //= 0; }
        if ($pid)
        {
            open my $status, '<', "/proc/$pid/status" or last;
            my ($kb) = join('', <$status>) =~ /RssAnon:\s+(\d+)/;
            last unless defined $kb;
            $first ||= $kb;
            $most = $kb if $kb > $most;
        }
        sleep 0.002;
    }
    finish($s);
    return ($most - $first, $s->{err}, time - $begin);
}

# Lines of a server's log that no test may bring about.
sub bad_log_lines
{
    my ($node, $allowed) = @_;
    my @lines = grep { /PANIC|TRAP:|inconsistent page|terminated by signal|damaged page|XX00[012]|could not read block|invalid memory alloc/ } split /\n/,
      slurp_file($node->logfile);
    @lines = grep { !/$allowed/ } @lines if defined $allowed;
    return join "\n", @lines[ 0 .. ($#lines < 20 ? $#lines : 20) ];
}

1;

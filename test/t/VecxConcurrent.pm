# Many sessions at once: indexes made and rebuilt concurrently under a load, inserts of equal vectors, inserts while VACUUM goes
# round and round. No error, every row found, and found as well as by an index that was built over them.
# VECX_CONCURRENT_SECONDS for each of the loads, VECX_LOAD_SECONDS for that of four writers and two readers, who compare.
package VecxConcurrent;
use strict;
use warnings;
use Exporter 'import';
use Time::HiRes qw(sleep time);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use IPC::Run;
use VecxHnsw;
our @EXPORT = qw(run_concurrent);

my $node;
my $loads = 0;

sub pgbench
{
    my ($clients, $text, $time) = @_;
    my $file = PostgreSQL::Test::Utils::tempdir() . '/load' . ++$loads . '.sql';
    append_to_file($file, $text);
    my $run = IPC::Run::start(
        [ 'pgbench', '-n', '-c', $clients, '-j', 1, '-T', $time, '-f', $file, '-h', $node->host, '-p', $node->port, 'postgres' ],
        '<', '/dev/null', '>', "$file.out", '2>', "$file.err");
    return { run => $run, file => $file };
}

sub ended
{
    my ($load, $what) = @_;
    eval { $load->{run}->finish };
    my $err = join "\n", grep { /error|abort|fatal/i } split /\n/, slurp_file("$load->{file}.err");
    is($err, '', "$what: no error");
    my ($count) = slurp_file("$load->{file}.out") =~ /actually processed: (\d+)/;
    cmp_ok($count // 0, '>', 0, "$what: " . ($count // 0) . ' transactions');
}

# Of the ten nearest by a sort, how many does the index find, over 200 queries?
# A row as near as the tenth counts as found: of equal rows any may come.
sub recall
{
    return $node->safe_psql(
        'postgres', q{
        SET max_parallel_workers_per_gather = 0;
        CREATE TEMP TABLE q AS SELECT i, make(i, 16) AS v FROM generate_series(1000001, 1000200) i;
        SET enable_indexscan = off;
        CREATE TEMP TABLE truth AS SELECT q.i, max(f.distance) AS tenth FROM q CROSS JOIN LATERAL (SELECT t.v <-> q.v AS distance FROM t ORDER BY 1 LIMIT 10) f GROUP BY q.i;
        SET enable_indexscan = on; SET enable_seqscan = off; SET enable_sort = off;
        CREATE TEMP TABLE found AS SELECT q.i, f.distance FROM q CROSS JOIN LATERAL (SELECT t.v <-> q.v AS distance FROM t ORDER BY t.v <-> q.v LIMIT 10) f;
        SELECT count(*) / 2000.0 FROM truth JOIN found USING (i) WHERE distance <= tenth});
}

my $mixed = q{
\set i random(1, 4000)
\set r random(1, 10)
\if :r <= 4
INSERT INTO t (v) VALUES (make(:i, 16)), (make(:i + 10000, 16));
\elif :r <= 6
UPDATE t SET n = n + 1 WHERE id = :i;
\elif :r = 7
UPDATE t SET v = make(:i + 5000, 16) WHERE id = :i;
\elif :r = 8
DELETE FROM t WHERE id = :i;
\elif :r = 9
BEGIN;
INSERT INTO t (v) VALUES (make(:i, 16));
ROLLBACK;
\else
SELECT count(*) FROM (SELECT id FROM t ORDER BY v <-> make(:i, 16) LIMIT 10) q;
\endif
};

sub sound
{
    my ($what) = @_;
    is(index_errors($node, 't', 1), '', "$what: vecx_check is silent");
    my ($lost, $ghosts, $twice, $all) = check_index($node, 't');
    is("$lost $ghosts $twice", '0 0 0', "$what: the index has the $all rows of the table");
}

# Four writers, each with ids of its own, so that none waits for another for long; their inserts and deletes keep the number of rows.
my $write = q{
\set id 1000000 + 4 * random(1, 1500) + :client_id
\set i random(1, 100000)
\set r random(1, 12)
\if :r <= 3
INSERT INTO t (id, v) VALUES (:id, make(:i, 16)) ON CONFLICT DO NOTHING;
\elif :r = 4
INSERT INTO t (id, v) VALUES (:id, make(:i % 10, 16)) ON CONFLICT DO NOTHING;
\elif :r = 5
UPDATE t SET n = n + 1 WHERE id = :id;
\elif :r = 6
UPDATE t SET v = make(:i, 16) WHERE id BETWEEN :id AND :id + 20 AND id % 4 = :id % 4;
\elif :r <= 8
DELETE FROM t WHERE id = :id;
\elif :r = 9
BEGIN;
DELETE FROM t WHERE id = :id;
INSERT INTO t (id, v) VALUES (:id, make(:i, 16));
ROLLBACK;
\elif :r = 10
BEGIN;
SAVEPOINT s;
DELETE FROM t WHERE id = :id;
INSERT INTO t (id, v) VALUES (:id, make(:i, 16));
ROLLBACK TO s;
UPDATE t SET v = make(:i, 16) WHERE id = :id;
COMMIT;
\elif :r = 11
BEGIN;
INSERT INTO t (id, v) VALUES (:id, make(:i, 16)) ON CONFLICT DO NOTHING;
SAVEPOINT s;
UPDATE t SET n = n + 1, v = make(:i + 1, 16) WHERE id = :id;
ROLLBACK TO s;
COMMIT;
\else
BEGIN;
DELETE FROM t WHERE id BETWEEN :id AND :id + 20 AND id % 4 = :id % 4;
SAVEPOINT s;
INSERT INTO t (id, v) VALUES (:id, make(:i, 16));
RELEASE s;
ROLLBACK;
\endif
};

# `index`, `other` of another distance, `slow`, as of CREATE INDEX; `conf`: settings of the server; `lost`: the part of the rows that
# may be out of reach before a VACUUM. Returns the server.
sub run_concurrent
{
    my (%options) = @_;
    my $seconds = environment('VECX_CONCURRENT_SECONDS', 6);
    my $load_seconds = environment('VECX_LOAD_SECONDS', 10);
    seed_random();

    $node = PostgreSQL::Test::Cluster->new('concurrent');
    $node->init;
    $node->append_conf('postgresql.conf', "autovacuum = off\nlog_line_prefix = '%m [%p] %e '\nmax_wal_size = 2GB\ndeadlock_timeout = 200ms\n$options{conf}\n");
    $node->start;
    make_helpers($node);
    $node->safe_psql(
        'postgres', qq{
        CREATE TABLE t (id bigserial PRIMARY KEY, n int DEFAULT 0, v vector(16));
        INSERT INTO t (v) SELECT make(i, 16) FROM generate_series(1, 2000) i;
        CREATE INDEX t_v ON t USING $options{index};
    });

    # CREATE INDEX CONCURRENTLY and REINDEX CONCURRENTLY under it.
    my $load = pgbench(3, $mixed, $seconds);
    my $begin = time;
    my $made = 0;
    while (time - $begin < $seconds - 1)
    {
        for my $statement ("CREATE INDEX CONCURRENTLY other ON t USING $options{other}", 'REINDEX INDEX CONCURRENTLY t_v', 'REINDEX INDEX CONCURRENTLY other', 'DROP INDEX CONCURRENTLY other')
        {
            my ($status, undef, $err) = $node->psql('postgres', $statement);
            is($status, 0, "$statement: $err") if $status;
            $made++ unless $status;
        }
    }
    ended($load, 'CONCURRENTLY');
    cmp_ok($made, '>=', 4, "CONCURRENTLY: $made statements");
    is($node->safe_psql('postgres', 'SELECT count(*) FROM pg_index WHERE NOT indisvalid'), 0, 'CONCURRENTLY: all indexes are valid');
    sound('CONCURRENTLY');

    # A build that fails leaves an index that is not valid; it goes on getting rows, and can be rebuilt.
    $node->safe_psql('postgres', "CREATE TABLE f (id int, v vector(16)); INSERT INTO f SELECT i, make(i, 16) FROM generate_series(1, 500) i;");
    $node->psql('postgres', "SET statement_timeout = '30ms'; CREATE INDEX CONCURRENTLY f_v ON f USING $options{slow}");
    $node->safe_psql('postgres', 'INSERT INTO f SELECT i, make(i, 16) FROM generate_series(501, 600) i');
    $node->safe_psql('postgres', 'DELETE FROM f WHERE id < 50; ');
    $node->safe_psql('postgres', 'VACUUM (INDEX_CLEANUP ON) f');
    if ($node->safe_psql('postgres', "SELECT count(*) FROM pg_class WHERE relname = 'f_v'"))
    {
        $node->safe_psql('postgres', 'REINDEX INDEX CONCURRENTLY f_v');
        is(join('|', check_index($node, 'f')), '0|0|0|551', 'a failed build is made good');
    }

    # Two readers. In one snapshot, the nearest rows by the index and by a sort; and once more when the snapshot has become old.
    $node->safe_psql(
        'postgres', q{
        CREATE TABLE answers (wanted bigint, near bigint);
        CREATE FUNCTION compare(query vector, wanted int, every int) RETURNS void LANGUAGE plpgsql
            SET enable_seqscan = off SET enable_sort = off SET max_parallel_workers_per_gather = 0 SET jit = off AS $f$
        DECLARE
            given bigint; places bigint; ghosts bigint; inversions bigint; near bigint; there bigint; worst text;
        BEGIN
            WITH found AS MATERIALIZED (SELECT row_number() OVER () AS number, s.* FROM
                    (SELECT ctid AS place, id, v <-> query AS distance FROM t WHERE id % every = 0 ORDER BY v <-> query LIMIT wanted) s),
                nearest AS MATERIALIZED (SELECT v <-> query AS distance FROM t WHERE id % every = 0 ORDER BY (v <-> query) + 0 LIMIT wanted)
            SELECT (SELECT count(*) FROM found), (SELECT count(DISTINCT place) FROM found),
                (SELECT count(*) FROM found f WHERE NOT EXISTS (SELECT FROM t WHERE t.ctid = f.place AND t.id = f.id AND t.v <-> query = f.distance)),
                (SELECT count(*) FROM found f JOIN found g ON g.number = f.number + 1 WHERE g.distance < f.distance),
                (SELECT count(*) FROM found WHERE distance <= (SELECT max(distance) FROM nearest)),
                (SELECT count(*) FROM t WHERE id % every = 0),
                (SELECT string_agg(format('%s after %s at %s', g.distance, f.distance, g.number), ', ') FROM found f JOIN found g ON g.number = f.number + 1
                    WHERE g.distance < f.distance)
            INTO given, places, ghosts, inversions, near, there, worst;
            IF given <> least(wanted, there) OR places <> given OR ghosts > 0 OR inversions > 0 THEN
                RAISE 'of % rows % wanted, % given, % of them different, % ghosts, % inversions: %', there, wanted, given, places, ghosts, inversions, worst;
            END IF;
            INSERT INTO answers VALUES (given, near);
        END $f$});
    my $read = q{
    \set i random(1, 110000)
    \set wanted random(1, 60)
    \set every random(1, 5)
    BEGIN ISOLATION LEVEL REPEATABLE READ;
    SELECT compare(make(:i, 16), :wanted, :every);
    SELECT pg_sleep(0.2);
    SELECT compare(make(:i % 12, 16), :wanted, :every);
    SELECT compare(make(:i + 1, 16), 10, 1);
    COMMIT;
    };
    my $plan = $node->safe_psql('postgres', 'SET enable_seqscan = off; SET enable_sort = off; EXPLAIN (COSTS off) SELECT ctid FROM t WHERE id % 2 = 0 ORDER BY v <-> make(1, 16) LIMIT 10');
    like($plan, qr/Index Scan using t_v/, 'readers read by the index');

    $node->safe_psql('postgres', 'DELETE FROM t WHERE id BETWEEN 2000 AND 1000000');
    my $readers = pgbench(2, $read, $load_seconds);
    my $writers = pgbench(4, $write, $load_seconds);
    $begin = time;
    my $vacuums = 0;
    while (time - $begin < $load_seconds)
    {
        sleep 2;
        $node->safe_psql('postgres', 'VACUUM (INDEX_CLEANUP ON) t');
        $vacuums++;
    }
    ended($writers, "four writers under $vacuums rounds of VACUUM");
    ended($readers, 'two readers');
    my $answers = $node->safe_psql('postgres', 'SELECT round(sum(near) / sum(wanted), 4) FROM answers');
    # 0.95 to 1.00 were measured: rows behind those that ef_search holds come in their order or not among the first.
    cmp_ok($answers, '>=', 0.9, "meanwhile, recall of $answers");
    $node->safe_psql('postgres', 'VACUUM (INDEX_CLEANUP ON) t');
    sound('writers and readers');
    my $grown = recall();
    $node->safe_psql('postgres', 'REINDEX INDEX t_v');
    my $built = recall();
    note("recall at 10, grown under load $grown, built anew $built");
    cmp_ok($grown, '>=', $built - 0.01, 'as good as built');
    cmp_ok($built, '>=', 0.95, 'which is good');

    # Equal vectors from several sessions at once, into an empty index and a full one.
    $node->safe_psql('postgres', "CREATE TABLE e (id bigserial, v vector(16)); CREATE INDEX e_v ON e USING $options{index}");
    $load = pgbench(5, "\\set i random(1, 4)\nINSERT INTO e (v) VALUES (make(:i, 16));\n", $seconds / 2);
    ended($load, 'equal vectors');
    my ($lost, $ghosts, $twice, $all) = check_index($node, 'e');
    is("$lost $ghosts $twice", '0 0 0', "equal vectors: all of $all rows");
    is(index_errors($node, 'e', 1), '', 'equal vectors: vecx_check is silent');
    note($node->safe_psql('postgres', "SELECT i FROM vecx_index_info('e_v') i"));

    # The same while they are deleted and VACUUM goes round.
    $load = pgbench(4, "\\set i random(1, 4)\n\\set k random(0, 9)\nINSERT INTO e (v) VALUES (make(:i, 16)), (make(:i, 16));\nDELETE FROM e WHERE id IN (SELECT id FROM e WHERE id % 10 = :k LIMIT 5 FOR UPDATE SKIP LOCKED);\n", $seconds);
    $begin = time;
    my $rounds = 0;
    while (time - $begin < $seconds) { $node->safe_psql('postgres', 'VACUUM (INDEX_CLEANUP ON) e'); $rounds++; }
    ended($load, "equal vectors under $rounds rounds of VACUUM");
    ($lost, $ghosts, $twice, $all) = check_index($node, 'e');
    is("$lost $ghosts $twice", '0 0 0', "equal vectors under VACUUM: all of $all rows");
    $node->safe_psql('postgres', 'VACUUM (INDEX_CLEANUP ON) e');
    is(index_errors($node, 'e', 1), '', 'equal vectors under VACUUM: vecx_check is silent');

    # Inserts and searches while VACUUM goes round.
    $load = pgbench(4, $mixed, $seconds);
    $begin = time;
    $rounds = 0;
    while (time - $begin < $seconds)
    {
        $node->safe_psql('postgres', "DELETE FROM t WHERE id % 20 = $rounds % 20");
        $node->safe_psql('postgres', 'VACUUM (INDEX_CLEANUP ON) t');
        $rounds++;
    }
    ended($load, "$rounds rounds of VACUUM");
    ($lost, $ghosts, $twice, $all) = check_index($node, 't');
    is("$ghosts $twice", '0 0', 'under VACUUM: no row but those of the table');
    cmp_ok($lost, '<=', $all * $options{lost}, "under VACUUM: rows out of reach, $lost of $all");
    $node->safe_psql('postgres', 'VACUUM (INDEX_CLEANUP ON) t');
    sound('under VACUUM, after one more');
    $grown = recall();
    $node->safe_psql('postgres', 'REINDEX INDEX t_v');
    $built = recall();
    note("recall at 10, after VACUUMs $grown, built anew $built");
    cmp_ok($grown, '>=', $built - 0.01, 'almost as good as built');

    is(bad_log_lines($node), '', 'nothing bad in the log');
    return $node;
}

1;

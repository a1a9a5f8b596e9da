# Searches of inverted lists on a standby, as VecxStandby.pm has it, and one while VACUUM on the primary trains.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Time::HiRes qw(sleep);
use Test::More;
use VecxHnsw;
use VecxStandby;

# A search on the standby that has begun reads on where VACUUM on the primary puts other lists in place of the one it knows.
sub train_under_search
{
    my ($primary, $standby) = @_;
    $primary->safe_psql('postgres', 'CREATE TABLE grows (id int, v vector(8)); CREATE INDEX grows_v ON grows USING ivfflat (v vector_l2_ops) WITH (lists = 6);
        INSERT INTO grows SELECT i, make(i, 8) FROM generate_series(1, 900) i');
    $primary->wait_for_catchup($standby);
    $standby->safe_psql('postgres', "ALTER SYSTEM SET max_standby_streaming_delay = -1; SELECT pg_reload_conf()");
    my $text = "BEGIN; SET enable_seqscan = off; SET enable_sort = off; DECLARE c CURSOR FOR SELECT id FROM grows ORDER BY v <-> make(3, 8);\nFETCH 5 FROM c;\nSELECT pg_sleep(3);\n"
      . "SELECT 'trained ' || trained FROM vecx_index_info('grows_v');\nMOVE FORWARD ALL FROM c;\n";
    my $reader = session($standby, $text =~ s/MOVE FORWARD ALL FROM c;/FETCH ALL FROM c;/r);
    sleep 0.5;
    $primary->safe_psql('postgres', 'VACUUM grows');
    $primary->safe_psql('postgres', 'INSERT INTO grows SELECT i, make(i, 8) FROM generate_series(901, 1200) i');
    finish($reader);
    my %ids = map { $_ => 1 } grep { /^\d+$/ } split /\n/, $reader->{out};
    is(scalar(keys %ids), 900, "a search goes on in the lists that it began in: $reader->{err}");
    like($reader->{out}, qr/^trained true$/m, 'which are not those of the index any more');
    $primary->wait_for_catchup($standby);
    is(join('|', check_index($standby, 'grows')), '0|0|0|1200', 'and a new search finds all in the new ones');
}

run_standby(
    index => 'ivfflat (v vector_l2_ops) WITH (lists = 12)',
    settings => '',
    slots => 'rows + tombstones + free_slots',
    more => \&train_under_search);
done_testing();

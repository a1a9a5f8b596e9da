#!/usr/bin/python3
"""The access methods ivfflat and ivfpq of vecx against pgvector's ivfflat and hnsw, and against Faiss, on
the same rows in the same run.

Each command appends one record to the file of --output; ivf_report.py makes tables and plots of them.
vecx and pgvector are two databases (--vecx, --vector), best of one server; Faiss runs in this process, one
thread, and is left out where it is missing:

    tools/install-deps bench
    python3 -m venv --system-site-packages build/bench
    build/bench/bin/pip install faiss-cpu

All of it, on a machine that does nothing else:

    set -- --vecx 'dbname=a' --vector 'dbname=b' --data DIR --output ivf.json --set fashion-mnist
    for what in build search opq churn; do
        build/bench/bin/python3 test/bench/ivf.py $what "$@"
    done
    test/bench/ivf_report.py ivf.json --plots DIR

On a machine that does something else OMP_WAIT_POLICY=passive keeps Faiss's threads from waiting busily while
it builds. DIR is that of hnsw.py, as is what a role must be able to do. `build` leaves the indexes that `search` needs.
Several indexes are on one column; for a search the others are dropped in a transaction, which is then rolled
back. ivf_large.py measures ten million rows.
"""
import argparse
import datetime
import os

import numpy as np

import bench_curve
import ivf_library
from bench_churn import Subject, measure_churn
from bench_data import DataSet, K, recall
from bench_database import Database, TableSearch
from bench_environment import environment
from bench_results import Results, add_shared_options, numbers


def parts_of(dimensions):
    """m by which codes of 8 and of 4 bits take about a bit a dimension: what vecx takes by itself."""
    def largest(most):
        return max(part for part in range(1, most + 1) if dimensions % part == 0)
    return largest(max(dimensions // 8, 1)), largest(max(dimensions // 4, 1))


def subjects_of(databases, data, options):
    """All indexes of the databases, in the order of the report."""
    vecx, vector = databases
    lists = f'lists = {options.lists or round(data.rows ** .5)}'
    eight, four = parts_of(data.dimensions)
    found = [Subject('vecx ivfpq', vecx, 'ivfpq', lists, 'ivfpq.probes', options.probes),
             Subject('vecx ivfpq, pq', vecx, 'ivfpq', f'{lists}, quantizer = pq, m = {eight}, bits = 8',
                     'ivfpq.probes', options.probes),
             Subject('vecx ivfpq, pq of 4 bits', vecx, 'ivfpq', f'{lists}, quantizer = pq, m = {four}, bits = 4',
                     'ivfpq.probes', options.probes),
             Subject('vecx ivfpq, sq8', vecx, 'ivfpq', f'{lists}, quantizer = sq8', 'ivfpq.probes', options.probes),
             Subject('vecx ivfflat', vecx, 'ivfflat', lists, 'ivfflat.probes', options.probes),
             Subject('pgvector ivfflat', vector, 'ivfflat', lists, 'ivfflat.probes', options.probes),
             Subject('pgvector hnsw', vector, 'hnsw', 'm = 16, ef_construction = 64', 'hnsw.ef_search',
                     options.ef_search)]
    chosen = options.only.split(';') if options.only else [subject.name for subject in found]
    return [subject for subject in found if subject.name in chosen]


def index_of(subject, data):
    return f"{data.tables}_{subject.name.replace(' ', '_').replace(',', '')}"


def ensure_tables(databases, data):
    for database in databases:
        database.ensure_table(data.tables + '_items', data.base)
        database.ensure_table(data.tables + '_queries', data.queries)


def build_index(subject, data, options, processes):
    figure = subject.database.build_index(index_of(subject, data), data.tables + '_items', 'vector_l2_ops',
                                          subject.parameters, options.memory, processes - 1, subject.method)
    figure = {'label': subject.name, 'processes': processes, **figure}
    if subject.database.label == 'vecx':
        figure['code_pages'], figure['copy_pages'], figure['code_bytes'] = subject.database.rows(
            f"SELECT node_pages, vector_pages, record_bytes FROM vecx_index_info('{index_of(subject, data)}')")[0]
    print(f"{subject.name:<26} {processes} processes: {figure['seconds']:.2f} s, "
          f"{figure['bytes'] / data.rows:.0f} bytes a row", flush=True)
    return figure


def run_build(databases, data, options):
    ensure_tables(databases, data)
    figures = []
    for _ in range(options.rounds):
        for processes in options.processes:
            for subject in subjects_of(databases, data, options):
                figures.append(build_index(subject, data, options, processes))
    return figures


def ensure_indexes(subjects, data, options):
    for subject in subjects:
        if not subject.database.has_index(index_of(subject, data), subject.parameters):
            build_index(subject, data, options, os.cpu_count())


def drop_indexes(database, data, keep=''):
    """All indexes of the table but this one and the primary key."""
    for name, in database.rows('SELECT relname FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid '
                               f"WHERE indrelid = '{data.tables}_items'::regclass AND NOT indisprimary"):
        if name != keep:
            database.execute(f'DROP INDEX {name}')


class IndexSearch:
    """Searches by one of several indexes on the same column."""

    def __init__(self, subject, data):
        self.label, self.subject, self.data = subject.name, subject, data
        self.efforts, self.query_count = subject.efforts, len(data.queries)

    def turn(self, act):
        """What `act` gives for a TableSearch that can only use this index."""
        database = self.subject.database
        database.execute('BEGIN')
        drop_indexes(database, self.data, index_of(self.subject, self.data))
        search = TableSearch(database, self.data.tables + '_items', self.data.tables + '_queries',
                             setting=self.subject.setting)
        search.check_plan(index_of(self.subject, self.data))
        result = act(search)
        database.execute('ROLLBACK')
        return result


class LibraryTurn:
    """The same of a library, which needs no preparation."""

    def __init__(self, search, efforts):
        self.label, self.search, self.efforts, self.query_count = search.label, search, efforts, search.query_count

    def turn(self, act):
        return act(self.search)


def sweep(turns, rounds, judge):
    """Recall and time of each search at each of its efforts. They take turns, so that a change of the
    machine's speed hits all of them; finding the rows for the judge is the warm-up."""
    found, taken = {}, {turn.label: [] for turn in turns}

    def measure(turn, search):
        search.find(turn.efforts[0])  # What was forgotten since the last turn is read again.
        return [search.seconds(effort) for effort in turn.efforts]

    for turn in turns:
        found[turn.label] = turn.turn(lambda search, turn=turn: [search.find(effort) for effort in turn.efforts])
    for _ in range(rounds):
        for turn in turns:
            taken[turn.label].append(turn.turn(lambda search, turn=turn: measure(turn, search)))
    curves = {}
    for turn in turns:
        times = np.array(taken[turn.label]) / turn.query_count * 1e6
        curves[turn.label] = []
        for number, effort in enumerate(turn.efforts):
            rows = found[turn.label][number]
            column = times[:, number]
            point = {'effort': effort, 'recall': judge(rows), 'microseconds': round(float(np.median(column)), 2),
                     'fastest': round(float(column.min()), 2), 'slowest': round(float(column.max()), 2),
                     'short': sum(len(ids) < K for ids in rows)}
            curves[turn.label].append(point)
            print(f"{turn.label:<40} {effort:<4} recall {point['recall']:.4f} {point['microseconds']:9.1f} us",
                  flush=True)
    return curves


def run_search(databases, data, options):
    ensure_tables(databases, data)
    subjects = subjects_of(databases, data, options)
    ensure_indexes(subjects, data, options)
    turns = [IndexSearch(subject, data) for subject in subjects]
    library_seconds = {}
    if not options.no_library and ivf_library.available():
        print('Faiss: building', flush=True)
        searches, library_seconds = ivf_library.build(data, options.lists or round(data.rows ** .5),
                                                      parts_of(data.dimensions), options.refine, os.cpu_count())
        turns += [LibraryTurn(search, options.probes) for search in searches]
    truth = data.exact_neighbors()
    curves = sweep(turns, options.rounds, lambda found: recall(found, truth))
    for label in list(curves)[1:]:
        factors = []
        for target in options.recall:
            ratio, exact = bench_curve.ratio_at_recall(next(iter(curves.values())), curves[label], target)
            factors.append('-' if ratio is None else f"{'' if exact else 'about '}{ratio:.2f}")
        print(f"{label:<40} times as long at {options.recall}: {', '.join(factors)}", flush=True)
    return {'curves': curves, 'recalls': options.recall, 'library_build_seconds': library_seconds}


def run_opq(databases, data, options):
    """Recall by codes of pq with and without a learned rotation, with few rows reranked and with many."""
    ensure_tables(databases, data)
    vecx = databases[0]
    lists = f'lists = {options.lists or round(data.rows ** .5)}'
    eight, four = parts_of(data.dimensions)
    truth = data.exact_neighbors()
    figures, index = [], data.tables + '_opq'
    vecx.execute('BEGIN')
    drop_indexes(vecx, data)
    vecx.execute(f"SET LOCAL maintenance_work_mem = '{options.memory}'")
    vecx.execute(f'SET LOCAL max_parallel_maintenance_workers = {os.cpu_count() - 1}')
    for m, bits in ((eight, 8), (four, 4)):
        for opq in ('off', 'on'):
            seconds = vecx.seconds(f'CREATE INDEX {index} ON {data.tables}_items USING ivfpq (embedding vector_l2_ops) '
                                   f'WITH ({lists}, quantizer = pq, m = {m}, bits = {bits}, opq = {opq})')
            search = TableSearch(vecx, data.tables + '_items', data.tables + '_queries', setting='ivfpq.probes')
            search.check_plan(index)
            for rerank in options.rerank:
                vecx.execute(f'SET LOCAL ivfpq.rerank = {rerank}')
                found = search.find(options.probes[-1])
                times = [search.seconds(options.probes[-1]) for _ in range(options.rounds)]
                figures.append({'m': m, 'bits': bits, 'opq': opq, 'build_seconds': seconds, 'rerank': rerank,
                                'probes': options.probes[-1], 'recall': recall(found, truth),
                                'microseconds': round(float(np.median(times)) / len(data.queries) * 1e6, 1)})
                print(figures[-1], flush=True)
            vecx.execute(f'DROP INDEX {index}')
    vecx.execute('ROLLBACK')
    return figures


def run_churn(databases, data, options):
    subjects = [subject for subject in subjects_of(databases, data, options)
                if subject.name in ('vecx ivfpq', 'vecx ivfflat', 'pgvector ivfflat')]
    return measure_churn(subjects, data, options)


def add_command(commands, name, run, words, rows=0, queries=500, rounds=5, probes=(1, 2, 4, 8, 16, 32, 64)):
    """A command with the options that all have; the last four are its defaults."""
    parser = commands.add_parser(name, help=words, description=words)
    parser.set_defaults(run=run)
    add_shared_options(parser, 'ivf.json', rows, queries, rounds, '1GB')
    parser.add_argument('--lists', type=int, default=0, help='(default: the root of the number of rows)')
    parser.add_argument('--probes', type=numbers(int), default=list(probes))
    parser.add_argument('--ef-search', type=numbers(int), default=[10, 20, 40, 100, 200, 400])
    parser.add_argument('--only', default='', help="names of indexes, as in 'vecx ivfpq;pgvector hnsw' (default: all)")
    return parser


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest='command', required=True)
    build = add_command(commands, 'build', run_build, 'CREATE INDEX: time, size, WAL', rounds=1)
    build.add_argument('--processes', type=numbers(int), default=[2], help='that build at once (default 2)')
    search = add_command(commands, 'search', run_search, 'recall and time over probes')
    search.add_argument('--recall', type=numbers(float), default=[.9, .95, .97, .99], help='where times are compared')
    search.add_argument('--refine', type=numbers(int), default=[10, 30],
                        help='rows that Faiss refines for each that is wanted (default 10,30)')
    search.add_argument('--no-library', action='store_true', help='without Faiss')
    opq = add_command(commands, 'opq', run_opq, 'recall of pq with a learned rotation and without', rounds=3,
                      probes=[64])
    opq.add_argument('--rerank', type=numbers(int), default=[1, 4, 10], help='ivfpq.rerank (default 1,4,10)')
    churn = add_command(commands, 'churn', run_churn, 'INSERT, DELETE, VACUUM, and recall after each',
                        rows=30000, rounds=5, probes=[8, 32])
    churn.add_argument('--inserts', type=int, default=5000, help='rows for each number of clients (default 5000)')
    churn.add_argument('--clients', type=numbers(int), default=[1, 2])
    options = parser.parse_args()

    # churn builds with the first rows and inserts those behind them.
    extra = options.inserts * len(options.clients) if options.command == 'churn' else 0
    data = DataSet(options.set, options.data, options.rows + extra, options.queries, 'ivf')
    databases = [Database('vecx', options.vecx), Database('vector', options.vector)]
    record = {'command': options.command, 'set': data.name, 'rows': data.rows, 'dimensions': data.dimensions,
              'started': datetime.datetime.now().isoformat(timespec='seconds'),
              'load_average': os.getloadavg()[0],
              'options': {name: value for name, value in vars(options).items()
                          if name not in ('run', 'vecx', 'vector', 'data', 'output')},
              'environment': environment(databases, {'Faiss': ivf_library.version()})}
    record['figures'] = options.run(databases, data, options)
    Results(options.output).append(record)


if __name__ == '__main__':
    main()

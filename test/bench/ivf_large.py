#!/usr/bin/python3
"""ivfpq at ten million rows and more: the build, its memory, recall and time of searches.

Rows are made by this program, the same for the same seed: 50,000 clusters whose centres lie on a surface
of 16 dimensions, each a normal distribution in a random subspace of 12 dimensions with a little noise in
all. They overlap, and the neighbors of a row come from several. Queries are drawn in the same way.

    test/bench/ivf_large.py --vecx 'dbname=a' --output ivf.json
    test/bench/ivf_report.py ivf.json

Without --keep the table is dropped in the end. The program must run on the server's machine as a user who
may read /proc of its processes: there it reads what memory the build takes.
"""
import argparse
import datetime
import os
import threading
import time

import numpy as np

from bench_data import K, recall
from bench_database import Database, TableSearch, sweep
from bench_environment import environment
from bench_results import Results, numbers

TABLE, QUERIES, INDEX = 'ivf_large_items', 'ivf_large_queries', 'ivf_large_index'


class Mixture:
    """Where rows come from. Any part of the rows can be made by itself."""

    SURFACE, SUBSPACE, WITHIN, NOISE = 16, 12, .6, .1
    PART = 500_000

    def __init__(self, dimensions, clusters, seed):
        random = np.random.default_rng([seed, 0])
        self.seed, self.dimensions = seed, dimensions
        surface = random.standard_normal((self.SURFACE, dimensions), np.float32) / np.sqrt(self.SURFACE)
        self.centres = random.standard_normal((clusters, self.SURFACE), np.float32) @ surface
        self.subspaces = random.standard_normal((clusters, self.SUBSPACE, dimensions), np.float32)
        lengths = np.linspace(1.6, .4, self.SUBSPACE, dtype=np.float32) / np.sqrt(self.SUBSPACE)
        self.subspaces *= (self.WITHIN * lengths)[None, :, None]

    def draw(self, count, *stream):
        random = np.random.default_rng([self.seed, *stream])
        clusters = np.sort(random.integers(0, len(self.centres), count))
        rows = self.NOISE * random.standard_normal((count, self.dimensions), np.float32)
        rows += self.centres[clusters]
        places = random.standard_normal((count, self.SUBSPACE), np.float32)
        ends = np.searchsorted(clusters, np.arange(len(self.centres) + 1))
        for cluster, (start, end) in enumerate(zip(ends, ends[1:])):
            if end > start:
                rows[start:end] += places[start:end] @ self.subspaces[cluster]
        random.shuffle(rows)
        return rows

    def parts(self, count):
        """(number of the first row, rows) of all of them in turn."""
        for start in range(0, count, self.PART):
            yield start, self.draw(min(self.PART, count - start), 1, start)

    def queries(self, count):
        return self.draw(count, 2)


class Nearest:
    """The exact neighbors of some queries among rows that come in parts."""

    def __init__(self, queries):
        self.queries = queries
        self.distances = np.full((len(queries), K), np.inf)
        self.found = np.zeros((len(queries), K), np.int64)

    def add(self, first, rows):
        # Without the query's own norm, which changes no order; then those that may count, in doubles.
        rough = (rows * rows).sum(1)[None, :] - 2 * self.queries @ rows.T
        width = min(4 * K, len(rows))
        chosen = np.argpartition(rough, width - 1, axis=1)[:, :width]
        for number, query in enumerate(self.queries):
            difference = rows[chosen[number]].astype(np.float64) - query
            distances = np.concatenate([self.distances[number], (difference * difference).sum(1)])
            order = np.argsort(distances, kind='stable')[:K]
            self.distances[number] = distances[order]
            self.found[number] = np.concatenate([self.found[number], first + chosen[number]])[order]


class Memory(threading.Thread):
    """The most memory that a process has had, read ten times a second."""

    def __init__(self, process):
        super().__init__(daemon=True)
        self.path, self.most, self.ended = f'/proc/{process}/status', {}, threading.Event()
        self.start()

    def run(self):
        while not self.ended.wait(.1):
            with open(self.path, encoding='ascii') as file:
                for line in file:
                    name, _, value = line.partition(':')
                    if name in ('RssAnon', 'RssFile', 'RssShmem'):
                        self.most[name] = max(self.most.get(name, 0), int(value.split()[0]) * 1024)

    def finish(self):
        self.ended.set()
        self.join()
        return self.most


def ensure_rows(database, mixture, options):
    """The table, and the exact neighbors of the queries, which are kept in it, too."""
    queries = mixture.queries(options.queries)
    if database.exists(QUERIES) and database.value(f'SELECT count(*) FROM {QUERIES}') == options.queries:
        print('the table is there', flush=True)
    else:
        nearest, started = Nearest(queries), time.perf_counter()
        database.create_table(TABLE, np.zeros((0, options.dimensions), np.float32))
        for first, rows in mixture.parts(options.rows):
            database.copy_rows(TABLE, rows, first)
            nearest.add(first, rows)
            print(f'{first + len(rows):,} rows, {time.perf_counter() - started:.0f} s', flush=True)
        database.execute(f'VACUUM ANALYZE {TABLE}')
        database.create_table(QUERIES, queries)
        database.execute(f'ALTER TABLE {QUERIES} ADD nearest int[]')
        for number, found in enumerate(nearest.found.tolist()):
            database.execute(f'UPDATE {QUERIES} SET nearest = %s WHERE id = %s', (found, number))
        database.execute(f'VACUUM ANALYZE {QUERIES}')
    return np.array([row[0] for row in database.rows(f'SELECT nearest FROM {QUERIES} ORDER BY id')])


def measure_build(database, options):
    memory = Memory(database.value('SELECT pg_backend_pid()'))
    figure = database.build_index(INDEX, TABLE, 'vector_l2_ops', options.parameters, options.memory,
                                  options.processes - 1, 'ivfpq')
    figure.update(memory.finish())
    for name in ('code_bits', 'rows'):
        figure[name] = database.value(f"SELECT {name} FROM vecx_index_info('{INDEX}')")
    figure['lists'] = database.value(f"SELECT count(*) FROM vecx_index_lists('{INDEX}')")
    print(figure, flush=True)
    return figure


def measure_search(database, truth, options):
    search = TableSearch(database, TABLE, QUERIES, setting='ivfpq.probes')
    search.check_plan(INDEX)
    curves = sweep([search], options.probes, options.rounds, lambda found: recall(found, truth))
    return {'curve': curves['vecx'], 'blocks_read': search.blocks_read()}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--vecx', required=True, metavar='DSN')
    parser.add_argument('--output', default='ivf.json', metavar='FILE')
    parser.add_argument('--rows', type=int, default=10_000_000)
    parser.add_argument('--dimensions', type=int, default=96)
    parser.add_argument('--clusters', type=int, default=50_000)
    parser.add_argument('--seed', type=int, default=96)
    parser.add_argument('--queries', type=int, default=200)
    parser.add_argument('--rounds', type=int, default=5)
    parser.add_argument('--parameters', default='quantizer = rabitq', help='of the index')
    parser.add_argument('--memory', default='2GB', help='maintenance_work_mem (default 2GB)')
    parser.add_argument('--processes', type=int, default=2, help='threads of the build (default 2)')
    parser.add_argument('--probes', type=numbers(int), default=[1, 2, 4, 8, 16, 32, 64, 128, 256])
    parser.add_argument('--only', choices=['load', 'build', 'search'], help='one part, of a table that is kept')
    parser.add_argument('--keep', action='store_true', help='the table for further runs')
    options = parser.parse_args()

    database = Database('vecx', options.vecx)
    record = {'command': 'large', 'set': 'generated', 'rows': options.rows, 'dimensions': options.dimensions,
              'started': datetime.datetime.now().isoformat(timespec='seconds'),
              'load_average': os.getloadavg()[0],
              'options': {name: value for name, value in vars(options).items() if name not in ('vecx', 'output')},
              'environment': environment([database], {}), 'figures': {}}
    truth = ensure_rows(database, Mixture(options.dimensions, options.clusters, options.seed), options)
    if options.only in (None, 'build'):
        record['figures']['build'] = measure_build(database, options)
    if options.only in (None, 'search'):
        record['figures']['search'] = measure_search(database, truth, options)
    if record['figures']:
        Results(options.output).append(record)
    if not options.keep:
        database.execute(f'DROP TABLE {TABLE}, {QUERIES}')


if __name__ == '__main__':
    main()

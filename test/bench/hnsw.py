#!/usr/bin/python3
"""The access method hnsw of vecx against pgvector's and against hnswlib, on the same rows in the same run.

Each command appends one record to the file of --output; hnsw_report.py makes tables and plots of them.
vecx and pgvector are two databases (--vecx, --vector), best of one server; hnswlib runs in this process,
compiled from its source with its own flags (-O3 -march=native), and is left out where it is missing:

    tools/install-deps bench
    python3 -m venv --system-site-packages build/bench
    build/bench/bin/pip install --no-binary hnswlib hnswlib

All of it, on a machine that does nothing else:

    set -- --vecx 'dbname=a' --vector 'dbname=b' --data DIR --output hnsw.json --set fashion-mnist
    for what in build search clients churn classes; do
        build/bench/bin/python3 test/bench/hnsw.py $what "$@"
    done
    test/bench/hnsw_report.py hnsw.json --plots DIR

DIR has NAME_base.npy, NAME_query.npy and, better, NAME_gt.npy of each set; see bench_data.py. Tables and
indexes are made where they are missing and kept for the next command: `build` leaves those that `search`
needs, and `clients` takes the settings for equal recall from the records of `search`. The role must be a
superuser, because a checkpoint precedes what counts WAL. `COMMAND --help` lists the options.
"""
import argparse
import datetime
import json
import os

import numpy as np

import bench_curve
import hnsw_build
import hnsw_classes
import hnsw_library
from bench_churn import Subject, measure_churn
from bench_data import DataSet, K, recall
from bench_database import Database, TableSearch, sweep
from bench_environment import environment
from bench_results import Results, add_shared_options, numbers


def ensure_tables(databases, data):
    for database in databases:
        database.ensure_table(data.tables + '_items', data.base)
        database.ensure_table(data.tables + '_queries', data.queries)


def ensure_indexes(databases, data, options):
    for database in databases:
        index = data.tables + '_index'
        if not database.has_index(index, options.parameters):
            print(f'{database.label}: building {index}', flush=True)
            database.build_index(index, data.tables + '_items', 'vector_l2_ops', options.parameters,
                                 options.memory, os.cpu_count() - 1)


def run_load(databases, data, options, _):
    ensure_tables(databases, data)
    ensure_indexes(databases, data, options)


def run_build(databases, data, options, _):
    ensure_tables(databases, data)
    return hnsw_build.measure_build(databases, data, options)


def run_search(databases, data, options, _):
    ensure_tables(databases, data)
    ensure_indexes(databases, data, options)
    searches = [TableSearch(database, data.tables + '_items', data.tables + '_queries') for database in databases]
    for search in searches:
        search.check_plan(data.tables + '_index')
    tables = list(searches)
    if hnsw_library.available():
        print('hnswlib: building', flush=True)
        index, _ = hnsw_library.build(data.base, options.m, options.ef_construction, os.cpu_count())
        searches.append(hnsw_library.LibrarySearch(index, data.queries))
    truth = data.exact_neighbors()
    curves = sweep(searches, options.ef_search, options.rounds, lambda found: recall(found, truth))
    for target in options.recall:
        for label in list(curves)[1:]:
            ratio, exact = bench_curve.ratio_at_recall(curves['vecx'], curves[label], target)
            if ratio is not None:
                about = '' if exact else 'about '
                print(f'recall {target}: {label} takes {about}{ratio:.2f} times as long', flush=True)
    return {'curves': curves, 'recalls': options.recall,
            'blocks_read': {search.label: search.blocks_read() for search in tables}}


def run_clients(databases, data, options, results):
    known = results.latest('search', data)
    if known is None:
        raise SystemExit('run the command search for this set first: it tells which ef_search gives which recall')
    ensure_tables(databases, data)
    ensure_indexes(databases, data, options)
    truth = data.exact_neighbors()
    figures, measured = [], []
    for target in options.recall:
        settings = {}
        for database in databases:
            effort, _ = bench_curve.at_recall(known['curves'][database.label], target, 'effort')
            if effort is None:
                print(f'{database.label} did not reach a recall of {target}: left out', flush=True)
                break
            search = TableSearch(database, data.tables + '_items', data.tables + '_queries')
            found = search.find(round(effort))
            settings[database.label] = {'ef_search': round(effort), 'recall': recall(found, truth)}
        # Curves that begin above two of the targets give the same settings for both.
        if len(settings) == len(databases) and settings not in measured:
            measured.append(settings)
            figures += measure_clients(databases, data, options, target, settings)
    return figures


def measure_clients(databases, data, options, target, settings):
    statement = (f'SELECT id FROM {data.tables}_items ORDER BY embedding <-> '
                 f'(SELECT embedding FROM {data.tables}_queries WHERE id = %s) LIMIT {K}')
    script = (f'\\set query random(0, {len(data.queries) - 1})\n' + statement % ':query' + ';\n')
    for database in databases:
        plan = database.value('EXPLAIN (COSTS off, FORMAT json) ' + statement % 1)
        if f'"Index Name": "{data.tables}_index"' not in json.dumps(plan):
            raise SystemExit(f'{database.label}: the plan of pgbench does not use the index')
    figures = []
    for clients in options.clients:
        rates = {database.label: [] for database in databases}
        for _ in range(options.rounds):
            for database in databases:
                effort = {'hnsw.ef_search': settings[database.label]['ef_search']}
                rates[database.label].append(
                    database.pgbench(script, clients, ['-T', str(options.seconds)], effort))
        for label, values in rates.items():
            figures.append({'target': target, 'clients': clients, 'label': label, **settings[label],
                            'queries_per_second': round(float(np.median(values)), 1)})
            print(f"{label:<8} {clients} clients, ef_search {settings[label]['ef_search']}, recall "
                  f"{settings[label]['recall']:.4f}: {figures[-1]['queries_per_second']:.0f} a second", flush=True)
    return figures


def run_churn(databases, data, options, _):
    return measure_churn([Subject(database.label, database, 'hnsw', options.parameters, 'hnsw.ef_search',
                                  options.ef_search) for database in databases], data, options)


def run_classes(databases, data, options, _):
    return hnsw_classes.measure_classes(databases, data, options)


def add_command(commands, name, run, words, rows=0, queries=500, rounds=7):
    """A command with the options that all have; the three numbers are its defaults."""
    parser = commands.add_parser(name, help=words, description=words)
    parser.set_defaults(run=run)
    add_shared_options(parser, 'hnsw.json', rows, queries, rounds, '4GB')
    parser.add_argument('--m', type=int, default=16)
    parser.add_argument('--ef-construction', type=int, default=64)
    return parser


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest='command', required=True)
    add_command(commands, 'load', run_load, 'tables and indexes only, no measurement')
    search = add_command(commands, 'search', run_search, 'recall and time over ef_search')
    search.add_argument('--ef-search', type=numbers(int), default=[10, 20, 40, 100, 200, 400])
    search.add_argument('--recall', type=numbers(float), default=[.95, .97, .99], help='where times are compared')
    clients = add_command(commands, 'clients', run_clients, 'queries a second by pgbench, at equal recall', rounds=3)
    clients.add_argument('--clients', type=numbers(int), default=[1, 2])
    clients.add_argument('--recall', type=numbers(float), default=[.97, .99])
    clients.add_argument('--seconds', type=int, default=10, help='of each pgbench (default 10)')
    build = add_command(commands, 'build', run_build, 'CREATE INDEX: time, size, WAL', rounds=1)
    build.add_argument('--processes', type=numbers(int), default=[1, 2], help='that build at once (default 1,2)')
    build.add_argument('--small-memory', default='64MB', help='less than the index needs (default 64MB)')
    churn = add_command(commands, 'churn', run_churn, 'INSERT, DELETE, VACUUM, and recall after each',
                        rows=30000, rounds=5)
    churn.add_argument('--inserts', type=int, default=5000, help='rows for each number of clients (default 5000)')
    churn.add_argument('--clients', type=numbers(int), default=[1, 2])
    churn.add_argument('--ef-search', type=numbers(int), default=[40, 100])
    classes = add_command(commands, 'classes', run_classes, 'every operator class', rows=20000, queries=200, rounds=5)
    classes.add_argument('--ef-search', type=numbers(int), default=[10, 40, 100, 200])
    classes.add_argument('--dense', type=float, default=.15, help='share of values kept for sparsevec (default .15)')
    classes.add_argument('--only', default='', help='classes whose name has this in it')
    add_command(commands, 'environment', lambda *_: {}, 'a record of machine and versions only')
    options = parser.parse_args()
    options.parameters = f'm = {options.m}, ef_construction = {options.ef_construction}'

    results = Results(options.output)
    # churn builds with the first rows and inserts those behind them.
    extra = options.inserts * len(options.clients) if options.command == 'churn' else 0
    data = DataSet(options.set, options.data, options.rows + extra, options.queries)
    databases = [Database('vecx', options.vecx), Database('vector', options.vector)]
    record = {'command': options.command, 'set': data.name, 'rows': data.rows, 'dimensions': data.dimensions,
              'started': datetime.datetime.now().isoformat(timespec='seconds'),
              'load_average': os.getloadavg()[0],
              'options': {name: value for name, value in vars(options).items()
                          if name not in ('run', 'vecx', 'vector', 'data', 'output')},
              'environment': environment(databases, {'hnswlib': hnsw_library.version()})}
    record['figures'] = options.run(databases, data, options, results)
    if options.command != 'load':
        results.append(record)


if __name__ == '__main__':
    main()

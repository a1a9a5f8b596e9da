#!/usr/bin/python3
"""Exact search without an index: time of sequential scans with a distance, beside a scan that only
reads the column, for one or several databases in turn.

    test/bench/scan.py --database vecx='host=/tmp dbname=a' --database pgvector='host=/tmp dbname=b'

Each database needs one of the extensions vecx and vector, and gets the same tables of generated rows,
which are kept for the next run: `plain` (STORAGE PLAIN), `toasted` (the default storage) and
`plain_half`, `toasted_half`. Databases take turns query by query, so that a change of the machine's
speed hits all alike; figures are the shortest times in milliseconds. The last columns are ratios of the second
database to the first: of the whole scan, and of the time above the scan that only reads.
"""
import argparse
import os
import struct
import time

import numpy as np
import psycopg

OPERATORS = ('<->', '<#>', '<=>', '<+>')
TABLES = {  # name: (type, storage, times --dimensions)
    'plain': ('vector', 'PLAIN', 1),
    'toasted': ('vector', None, 1),
    'plain_half': ('halfvec', 'PLAIN', 1),
    'toasted_half': ('halfvec', None, 2),  # below 2 kB a value stays in its row
}


def copy_rows(cursor, table, kind, rows):
    code = '>f4' if kind == 'vector' else '>f2'
    dimensions = rows.shape[1]
    with cursor.copy(f'COPY {table} FROM STDIN (FORMAT binary)') as copy:
        copy.write(b'PGCOPY\n\xff\r\n\0' + struct.pack('>ii', 0, 0))
        for number, row in enumerate(rows):
            body = struct.pack('>HH', dimensions, 0) + row.astype(code).tobytes()
            copy.write(struct.pack('>hiii', 2, 4, number, len(body)) + body)
        copy.write(struct.pack('>h', -1))


def prepare(connection, tables, base_rows):
    cursor = connection.cursor()
    cursor.execute("SELECT count(*) FROM pg_extension WHERE extname IN ('vecx', 'vector')")
    if cursor.fetchone()[0] == 0:
        cursor.execute('CREATE EXTENSION vecx')
    for table in tables:
        kind, storage, times = TABLES[table]
        rows = np.tile(base_rows, times)
        cursor.execute('SELECT to_regclass(%s)', (table,))
        if cursor.fetchone()[0] is not None:
            cursor.execute(f'SELECT count(*), max(vector_dims(v)) FROM {table}')
            if cursor.fetchone() == (len(rows), rows.shape[1]):
                continue
        cursor.execute(f'DROP TABLE IF EXISTS {table}')
        cursor.execute(f'CREATE TABLE {table} (id int, v {kind}({rows.shape[1]}))')
        if storage:
            cursor.execute(f'ALTER TABLE {table} ALTER v SET STORAGE {storage}')
        copy_rows(cursor, table, kind, rows)
        cursor.execute(f'VACUUM ANALYZE {table}')


def milliseconds(cursor, statement, parameters=None):
    start = time.perf_counter()
    cursor.execute(statement, parameters)
    cursor.fetchall()
    return (time.perf_counter() - start) * 1000


def main():
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('--database', action='append', required=True, metavar='LABEL=DSN')
    parser.add_argument('--rows', type=int, default=100000)
    parser.add_argument('--dimensions', type=int, default=768)
    parser.add_argument('--repeat', type=int, default=15)
    parser.add_argument('--workers', type=int, default=0, help='max_parallel_workers_per_gather')
    parser.add_argument('--tables', default=','.join(TABLES))
    parser.add_argument('--operators', default=','.join(OPERATORS))
    options = parser.parse_args()

    random = np.random.default_rng(1)
    rows = random.standard_normal((options.rows, options.dimensions), dtype=np.float32)
    query_values = random.standard_normal(options.dimensions)

    tables = options.tables.split(',')
    cursors = {}
    for database in options.database:
        label, dsn = database.split('=', 1)
        connection = psycopg.connect(dsn, autocommit=True)
        connection.prepare_threshold = None
        prepare(connection, tables, rows)
        cursor = connection.cursor()
        cursor.execute('SET jit = off')
        cursor.execute(f'SET max_parallel_workers_per_gather = {options.workers}')
        if options.workers:  # a parallel plan is what is measured, whatever it is thought to cost
            cursor.execute('SET min_parallel_table_scan_size = 0')
            cursor.execute('SET parallel_setup_cost = 0')
            cursor.execute('SET parallel_tuple_cost = 0')
        cursors[label] = cursor

    labels = list(cursors)
    print(f'{options.rows} x {options.dimensions}, {options.workers} workers, '
          f'best of {options.repeat}, CPUs: {os.cpu_count()}')
    print('%-13s %-4s' % ('table', '') + ''.join(f'{label:>12} {"read only":>10}' for label in labels) +
          ('  whole  above' if len(labels) > 1 else ''))
    for table in tables:
        kind, _, times = TABLES[table]
        query = '[' + ','.join(f'{value:.6g}' for value in np.tile(query_values, times)) + ']'
        for operator in options.operators.split(','):
            search = f"SELECT id FROM {table} ORDER BY v {operator} '{query}'::{kind} LIMIT 10"
            read = f'SELECT id FROM {table} ORDER BY pg_column_size(v) LIMIT 10'
            taken = {(label, what): [] for label in labels for what in (search, read)}
            for _ in range(options.repeat + 1):
                for (label, what), values in taken.items():
                    values.append(milliseconds(cursors[label], what))
            best = {key: min(values[1:]) for key, values in taken.items()}
            line = f'{table:<13} {operator:<4}'
            for label in labels:
                line += f'{best[label, search]:12.1f} {best[label, read]:10.1f}'
            if len(labels) > 1:
                first, second = labels[:2]
                # The same base for both: the cheaper of the two ways to read the column.
                base = min(best[first, read], best[second, read])
                whole = best[second, search] / best[first, search]
                above = (best[second, search] - base) / (best[first, search] - base)
                line += f' {whole:6.2f} {above:6.2f}'
            print(line, flush=True)


if __name__ == '__main__':
    main()

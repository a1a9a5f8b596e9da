"""A database with vecx or pgvector as the index benchmarks use it: tables, index builds, pgbench."""
import json
import os
import shutil
import struct
import subprocess
import tempfile
import time

import numpy as np
import psycopg

from bench_data import K

# What is measured is the index: no other plan may win, and nothing else may run beside it.
SETTINGS = {'jit': 'off', 'enable_seqscan': 'off', 'max_parallel_workers_per_gather': '0'}


class Database:
    def __init__(self, label, dsn):
        """`label` is the extension: vecx or vector."""
        self.label, self.dsn = label, dsn
        self.cursor = psycopg.connect(dsn, autocommit=True).cursor()
        self.cursor.execute(f'CREATE EXTENSION IF NOT EXISTS {label}')
        # vecx can stand in for the extension `vector` by name; that would compare vecx with itself.
        self.library = self.value("SELECT probin FROM pg_proc WHERE proname = 'vector_in'")
        if ('vecx' in self.library) != (label == 'vecx'):
            raise SystemExit(f'the extension {label} of "{dsn}" is in fact {self.library}')
        for name, setting in SETTINGS.items():
            self.cursor.execute(f'SET {name} = {setting}')

    def execute(self, statement, parameters=None):
        self.cursor.execute(statement, parameters)

    def value(self, statement, parameters=None):
        self.cursor.execute(statement, parameters)
        return self.cursor.fetchone()[0]

    def rows(self, statement, parameters=None):
        self.cursor.execute(statement, parameters)
        return self.cursor.fetchall()

    def exists(self, relation):
        return self.value('SELECT to_regclass(%s)', (relation,)) is not None

    def create_table(self, table, values, first_id=0):
        """A table of id and vector, filled by COPY (FORMAT binary)."""
        dimensions = values.shape[1]
        self.execute(f'DROP TABLE IF EXISTS {table}')
        # A vacuum of its own accord would take time from whatever is being measured.
        self.execute(f'CREATE TABLE {table} (id int PRIMARY KEY, embedding vector({dimensions})) '
                     'WITH (autovacuum_enabled = off)')
        self.copy_rows(table, values, first_id)
        self.execute(f'VACUUM ANALYZE {table}')

    def copy_rows(self, table, values, first_id):
        dimensions = values.shape[1]
        layout = np.dtype([('fields', '>i2'), ('id_size', '>i4'), ('id', '>i4'), ('size', '>i4'),
                           ('dimensions', '>i2'), ('unused', '>i2'), ('values', '>f4', dimensions)])
        with self.cursor.copy(f'COPY {table} FROM STDIN (FORMAT binary)') as copy:
            copy.write(b'PGCOPY\n\xff\r\n\0' + struct.pack('>ii', 0, 0))
            for start in range(0, len(values), 1000):
                block = values[start:start + 1000]
                message = np.zeros(len(block), layout)
                message['fields'], message['id_size'] = 2, 4
                message['id'] = np.arange(first_id + start, first_id + start + len(block))
                message['size'], message['dimensions'] = 4 + 4 * dimensions, dimensions
                message['values'] = block
                copy.write(message.tobytes())
            copy.write(struct.pack('>h', -1))

    def ensure_table(self, table, values):
        """Keeps a table of an earlier run if it has as many rows; the name says what is in it."""
        if not self.exists(table) or self.value(f'SELECT count(*) FROM {table}') != len(values):
            print(f'{self.label}: loading {len(values)} rows into {table}', flush=True)
            self.create_table(table, values)

    def seconds(self, statement):
        start = time.perf_counter()
        self.execute(statement)
        return round(time.perf_counter() - start, 3)

    def wal_position(self):
        return self.value("SELECT pg_current_wal_insert_lsn() - '0/0'::pg_lsn")

    def build_index(self, index, table, operator_class, parameters, memory, workers, method='hnsw'):
        self.execute(f'DROP INDEX IF EXISTS {index}')
        self.execute(f"SET maintenance_work_mem = '{memory}'")
        self.execute(f'SET max_parallel_maintenance_workers = {workers}')
        self.execute('CHECKPOINT')
        wal_before = self.wal_position()
        seconds = self.seconds(f'CREATE INDEX {index} ON {table} USING {method} (embedding {operator_class}) '
                               f'WITH ({parameters})')
        return {'seconds': seconds, 'bytes': self.value(f"SELECT pg_relation_size('{index}')"),
                'wal_bytes': int(self.wal_position() - wal_before)}

    def has_index(self, index, parameters):
        """Whether it is there with exactly these parameters."""
        options = self.rows('SELECT reloptions FROM pg_class WHERE oid = to_regclass(%s)', (index,))
        wanted = parameters.replace(' ', '').split(',')
        return bool(options) and sorted(options[0][0] or []) == sorted(wanted)

    def pgbench(self, script, clients, arguments, settings=None):
        """Transactions per second of a script, prepared, without the time to connect."""
        program = shutil.which('pgbench')
        if program is None:
            raise SystemExit('pgbench is not in PATH')
        given = ' '.join(f'-c {name}={value}' for name, value in {**SETTINGS, **(settings or {})}.items())
        with tempfile.NamedTemporaryFile('w', suffix='.sql') as file:
            file.write(script)
            file.flush()
            outcome = subprocess.run(
                [program, '-n', '-M', 'prepared', '-c', str(clients), *arguments, '-f', file.name, self.dsn],
                capture_output=True, text=True, env=dict(os.environ, PGOPTIONS=given), check=False)
        rates = [line.split()[2] for line in outcome.stdout.splitlines() if line.startswith('tps')]
        if outcome.returncode != 0 or not rates:
            raise SystemExit(f'pgbench: {outcome.stderr[-500:]}')
        return float(rates[-1])


class TableSearch:
    """All queries of a table in one statement: the server's time, without the protocol."""

    def __init__(self, database, items, queries, operator='<->', setting='hnsw.ef_search'):
        """`setting`: what makes the index try harder."""
        self.label, self.database, self.operator, self.setting = database.label, database, operator, setting
        self.items, self.queries = items, queries
        self.query_count = database.value(f'SELECT count(*) FROM {queries}')
        self.source = (f'FROM {queries} q CROSS JOIN LATERAL (SELECT i.id FROM {items} i '
                       f'ORDER BY i.embedding {operator} q.embedding LIMIT {K}) n')

    def set_effort(self, effort):
        self.database.execute(f'SET {self.setting} = {effort}')

    def explain(self, options):
        return self.database.value(f'EXPLAIN ({options}, FORMAT json) SELECT count(n.id) {self.source}')[0]

    def check_plan(self, index):
        if f'"Index Name": "{index}"' not in json.dumps(self.explain('COSTS off')):
            raise SystemExit(f'{self.label}: the plan does not use the index {index}')

    def find(self, effort):
        self.set_effort(effort)
        found = [[] for _ in range(self.query_count)]
        for query, row in self.database.rows(f'SELECT q.id, n.id {self.source}'):
            found[query].append(row)
        return found

    def seconds(self, effort):
        self.set_effort(effort)
        start = time.perf_counter()
        self.database.cursor.execute(f'SELECT count(n.id) {self.source}', prepare=True)
        return time.perf_counter() - start

    def blocks_read(self):
        """Blocks that were not in shared buffers: more than none means that memory was too small."""
        return self.explain('ANALYZE, BUFFERS, TIMING off')['Plan']['Shared Read Blocks']


def sweep(searches, efforts, rounds, judge):
    """Recall and time of each search at each effort. They take turns round by round, so that a
    change of the machine's speed hits all of them; finding the rows for the judge is the warm-up."""
    points = {search.label: [] for search in searches}
    for effort in efforts:
        found = {search.label: search.find(effort) for search in searches}
        taken = {search.label: [] for search in searches}
        for _ in range(rounds):
            for search in searches:
                taken[search.label].append(search.seconds(effort))
        for search in searches:
            times = np.array(taken[search.label]) / search.query_count * 1e6
            rows = found[search.label]
            point = {'effort': effort, 'recall': judge(rows),
                     'microseconds': round(float(np.median(times)), 2),
                     'fastest': round(float(times.min()), 2), 'slowest': round(float(times.max()), 2),
                     'short': sum(len(ids) < K for ids in rows)}
            points[search.label].append(point)
            print(f"{search.label:<8} {effort:<4} recall {point['recall']:.4f} "
                  f"{point['microseconds']:9.1f} us", flush=True)
    return points

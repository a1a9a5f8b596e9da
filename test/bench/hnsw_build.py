"""Commands build and churn of the hnsw benchmark: what changes an index, its time, its size and its WAL."""
import numpy as np

import hnsw_library
from bench_data import nearest, recall
from bench_database import TableSearch


def measure_build(databases, data, options):
    """Builds by each number of processes; the systems take turns. What is left at the end is the index
    that the command search uses."""
    items, index = data.tables + '_items', data.tables + '_index'
    figures = []

    def note(label, variant, processes, figure):
        figures.append({'label': label, 'variant': variant, 'processes': processes, **figure})
        print(f"{label:<8} {variant:<12} {processes} processes: {figure['seconds']:.2f} s", flush=True)

    vecx = databases[0]
    small = f'within {options.small_memory}'
    with_library = hnsw_library.available()
    for _ in range(options.rounds):
        for processes in options.processes:
            for database, variant, parameters, memory in (
                    (vecx, small, options.parameters, options.small_memory),
                    (vecx, 'compact', options.parameters + ', storage = compact', options.memory),
                    *((database, 'default', options.parameters, options.memory) for database in databases)):
                note(database.label, variant, processes, database.build_index(
                    index, items, 'vector_l2_ops', parameters, memory, processes - 1))
            if with_library:
                _, seconds = hnsw_library.build(data.base, options.m, options.ef_construction, processes)
                note(hnsw_library.LABEL, 'default', processes, {'seconds': seconds})
    return figures


class Churn:
    """The table of one database that rows are inserted into and deleted from."""

    def __init__(self, database, data, options):
        self.database, self.data, self.options = database, data, options
        self.items, self.index = data.tables + '_churn', data.tables + '_churn_index'
        self.staging, self.sequence = data.tables + '_staging', data.tables + '_next'
        self.queries = data.tables + '_churn_queries'
        database.create_table(self.items, data.base[:options.rows])
        database.create_table(self.staging, data.base[options.rows:], options.rows)
        database.create_table(self.queries, data.queries)
        self.figures = {'label': database.label}
        self.figures['build'] = database.build_index(self.index, self.items, 'vector_l2_ops', options.parameters,
                                                     options.memory, 0)
        database.execute(f'DROP SEQUENCE IF EXISTS {self.sequence}')
        database.execute(f'CREATE SEQUENCE {self.sequence} MINVALUE 0 START {options.rows}')
        self.search = TableSearch(database, self.items, self.queries)
        self.search.check_plan(self.index)
        self.turns = {clients: [] for clients in options.clients}

    def insert(self, clients, rows):
        """Rows one by one, each its own transaction, from a table so that no client's speed counts."""
        script = (f'INSERT INTO {self.items} SELECT id, embedding FROM {self.staging} '
                  f"WHERE id = (SELECT nextval('{self.sequence}'));\n")
        each = rows // clients
        wal_before = self.database.wal_position()
        rate = self.database.pgbench(script, clients, ['-t', str(each)])
        inserted = each * clients
        self.turns[clients].append((inserted, inserted / rate, int(self.database.wal_position() - wal_before)))

    def note_inserts(self):
        self.figures['inserts'] = []
        for clients, turns in self.turns.items():
            rows, seconds, wal_bytes = (sum(column) for column in zip(*turns))
            self.figures['inserts'].append(
                {'clients': clients, 'rows': rows, 'rows_per_second': round(rows / seconds, 1),
                 'wal_bytes_per_row': round(wal_bytes / rows),
                 # Most page images come soon after the checkpoint.
                 'wal_bytes_per_row_last_turn': round(turns[-1][2] / turns[-1][0])})

    def live(self):
        return np.array([row[0] for row in self.database.rows(f'SELECT id FROM {self.items} ORDER BY id')])

    def note_recall(self, when, truth):
        self.figures.setdefault('recall', {})[when] = {
            ef_search: recall(self.search.find(ef_search), truth) for ef_search in self.options.ef_search}

    def delete_and_vacuum(self, dead):
        self.database.execute(f'DELETE FROM {self.items} WHERE id = ANY(%s)', (dead.tolist(),))
        self.figures['vacuum_seconds'] = self.timed(f'VACUUM (INDEX_CLEANUP on, PARALLEL 0) {self.items}')
        self.figures['bytes_after_vacuum'] = self.size()

    def reindex(self):
        self.figures['reindex_seconds'] = self.timed(f'REINDEX INDEX {self.index}')
        self.figures['bytes_after_reindex'] = self.size()

    def timed(self, statement):
        self.database.execute('CHECKPOINT')
        return self.database.seconds(statement)

    def size(self):
        return self.database.value(f"SELECT pg_relation_size('{self.index}')")

    def drop(self):
        self.database.execute(f'DROP TABLE {self.items}, {self.staging}, {self.queries}')
        self.database.execute(f'DROP SEQUENCE {self.sequence}')


def measure_churn(databases, data, options):
    if data.rows < options.rows + options.inserts * len(options.clients):
        raise SystemExit(f'the set has {data.rows} rows: too few for --rows and --inserts')
    churns = [Churn(database, data, options) for database in databases]
    for clients in options.clients:
        for churn in churns:
            # From here on the first change of each page puts the whole page into the WAL, for both.
            churn.database.execute('CHECKPOINT')
        for _ in range(options.rounds):
            for churn in churns:
                churn.insert(clients, options.inserts // options.rounds)
    live = churns[0].live()
    truth = nearest(data.base, data.queries, live)
    for churn in churns:
        churn.note_inserts()
        if not np.array_equal(churn.live(), live):
            raise SystemExit('the two tables do not have the same rows')
        churn.note_recall('insert', truth)
    dead = np.random.default_rng(5).permutation(live)[:len(live) // 5]
    live = np.setdiff1d(live, dead)
    truth = nearest(data.base, data.queries, live)
    for step, when in ((lambda churn: churn.delete_and_vacuum(dead), 'vacuum'), (Churn.reindex, 'reindex')):
        for churn in churns:
            step(churn)
            churn.note_recall(when, truth)
    for churn in churns:
        print('\n    '.join(f'{name}: {figure}' for name, figure in churn.figures.items()), flush=True)
        churn.drop()
    return [churn.figures for churn in churns]

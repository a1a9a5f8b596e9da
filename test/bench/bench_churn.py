"""Rows inserted into an indexed table and deleted from it: rates, WAL, VACUUM and recall after each."""
from dataclasses import dataclass

import numpy as np

from bench_data import nearest, recall
from bench_database import TableSearch


@dataclass
class Subject:
    """An index that is measured."""

    name: str
    database: object
    method: str
    parameters: str
    setting: str  # what makes its searches try harder
    efforts: list


class Churn:
    """The table that rows are inserted into and deleted from."""

    def __init__(self, subject, prefix, data, options):
        """`prefix`: of the names of its tables."""
        database = subject.database
        self.subject, self.database, self.data, self.options = subject, database, data, options
        self.items, self.index = prefix, prefix + '_index'
        self.staging, self.sequence, self.queries = prefix + '_staging', prefix + '_next', prefix + '_queries'
        database.create_table(self.items, data.base[:options.rows])
        database.create_table(self.staging, data.base[options.rows:], options.rows)
        database.create_table(self.queries, data.queries)
        self.figures = {'label': subject.name}
        self.figures['build'] = database.build_index(self.index, self.items, 'vector_l2_ops', subject.parameters,
                                                     options.memory, 0, subject.method)
        database.execute(f'DROP SEQUENCE IF EXISTS {self.sequence}')
        database.execute(f'CREATE SEQUENCE {self.sequence} MINVALUE 0 START {options.rows}')
        self.search = TableSearch(database, self.items, self.queries, setting=subject.setting)
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
            effort: recall(self.search.find(effort), truth) for effort in self.subject.efforts}

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


def measure_churn(subjects, data, options):
    """Subjects, in turns, each with tables of its own."""
    if data.rows < options.rows + options.inserts * len(options.clients):
        raise SystemExit(f'the set has {data.rows} rows: too few for --rows and --inserts')
    churns = [Churn(subject, f'{data.tables}_churn_{number}', data, options)
              for number, subject in enumerate(subjects)]
    for clients in options.clients:
        for churn in churns:
            # From here on the first change of each page puts the whole page into the WAL, for all.
            churn.database.execute('CHECKPOINT')
        for _ in range(options.rounds):
            for churn in churns:
                churn.insert(clients, options.inserts // options.rounds)
    live = churns[0].live()
    truth = nearest(data.base, data.queries, live)
    for churn in churns:
        churn.note_inserts()
        if not np.array_equal(churn.live(), live):
            raise SystemExit('the tables do not have the same rows')
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

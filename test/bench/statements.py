#!/usr/bin/python3
"""Times of statements other than plain searches, for two databases in turn.

    test/bench/statements.py --database vecx='dbname=a' --database pgvector='dbname=b'

Needs the tables `plain` and `toasted` that test/bench/scan.py leaves, and makes `shuffled` from them: rows
out of line after updates, deletes and VACUUM. Milliseconds in one process, the shortest of --repeat; the
ratio is the second database's time by the first's. Results are compared, too.
"""
import argparse
import time

import numpy as np
import psycopg

SHUFFLED = '''
DROP TABLE IF EXISTS shuffled, pick;
CREATE TABLE shuffled AS SELECT id, v FROM toasted WHERE id < 30000;
UPDATE shuffled SET v = v + v WHERE id % 7 = 3;
DELETE FROM shuffled WHERE id % 11 = 5;
VACUUM shuffled;
INSERT INTO shuffled SELECT id, v FROM toasted WHERE id BETWEEN 30000 AND 34999;
CREATE INDEX ON shuffled (id);
CREATE TABLE pick AS SELECT id, hashint4(id) AS place FROM shuffled;
VACUUM ANALYZE shuffled, pick
'''

STATEMENTS = {
    'out of line, churned': 'SELECT sum(v <-> {query}) FROM shuffled',
    'the query out of line': 'SELECT sum(v <-> (SELECT v FROM shuffled WHERE id = 100)) FROM shuffled',
    'in random order': 'SELECT sum(s.v <-> {query}) FROM (SELECT id FROM pick ORDER BY place OFFSET 0) p '
                       'CROSS JOIN LATERAL (SELECT v FROM shuffled s WHERE s.id = p.id OFFSET 0) s',
    'avg': 'SELECT avg(v) FROM plain',
    'sum': 'SELECT sum(v) FROM plain',
    'v + v': 'SELECT sum(vector_norm(v + v)) FROM (SELECT v FROM plain LIMIT 40000) s',
    'to half and back': 'SELECT sum(vector_norm(v::halfvec::vector)) FROM (SELECT v FROM plain LIMIT 20000) s',
    'vector_norm': 'SELECT sum(vector_norm(v)) FROM plain',
    'vector_dims': 'SELECT max(vector_dims(v)) FROM toasted',
    'count distinct': 'SELECT count(DISTINCT v) FROM (SELECT v FROM plain LIMIT 20000) s',
    'text': 'SELECT sum(length(v::text)) FROM (SELECT v FROM plain LIMIT 5000) s',
}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('--database', action='append', required=True, metavar='LABEL=DSN')
    parser.add_argument('--repeat', type=int, default=5)
    options = parser.parse_args()
    if len(options.database) != 2:
        parser.error('two databases are compared')

    cursors = {}
    for database in options.database:
        label, dsn = database.split('=', 1)
        cursors[label] = psycopg.connect(dsn, autocommit=True).cursor()
        for statement in SHUFFLED.split(';'):
            cursors[label].execute(statement)
        for setting in ('jit', 'enable_hashjoin', 'enable_mergejoin'):
            cursors[label].execute(f'SET {setting} = off')
        cursors[label].execute('SET max_parallel_workers_per_gather = 0')
    cursors[label].execute('SELECT max(vector_dims(v)) FROM plain')
    values = np.random.default_rng(3).standard_normal(cursors[label].fetchone()[0])
    query = "'[" + ','.join(f'{value:.6g}' for value in values) + "]'"

    for name, statement in STATEMENTS.items():
        taken = {label: [] for label in cursors}
        results = []
        for _ in range(options.repeat):
            for label, cursor in cursors.items():
                start = time.perf_counter()
                cursor.execute(statement.format(query=query))
                taken[label].append((time.perf_counter() - start) * 1000)
                results.append(cursor.fetchone()[0])
        first, second = (min(times) for times in taken.values())
        numbers = isinstance(results[0], (int, float))
        same = np.allclose(results, results[0], rtol=1e-5) if numbers else len(set(results)) == 1
        print(f'{name:<22} {first:8.1f} {second:8.1f} {second / first:6.2f}'
              + ('' if same else '  different results'), flush=True)


if __name__ == '__main__':
    main()

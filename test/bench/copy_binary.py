#!/usr/bin/python3
"""COPY (FORMAT binary) of generated vectors into a table, for one or several databases in turn.

    test/bench/copy_binary.py --database vecx='host=/tmp dbname=a' --database pgvector='host=/tmp dbname=b'

Each database needs vecx or vector. The message is made once and sent from memory; databases take
turns; the figure is the shortest of --repeat runs in seconds, for COPY in and for COPY out.
"""
import argparse
import time

import numpy as np
import psycopg


def main():
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('--database', action='append', required=True, metavar='LABEL=DSN')
    parser.add_argument('--rows', type=int, default=1000000)
    parser.add_argument('--dimensions', type=int, default=128)
    parser.add_argument('--repeat', type=int, default=5)
    options = parser.parse_args()

    values = np.random.default_rng(1).standard_normal((options.rows, options.dimensions))
    message = np.zeros(options.rows, dtype=[('fields', '>i2'), ('id_size', '>i4'), ('id', '>i4'),
                                            ('size', '>i4'), ('dimensions', '>i2'), ('unused', '>i2'),
                                            ('values', '>f4', options.dimensions)])
    message['fields'], message['id_size'], message['id'] = 2, 4, np.arange(options.rows)
    message['size'], message['dimensions'] = 4 + 4 * options.dimensions, options.dimensions
    message['values'] = values
    blocks = [message[i:i + 4096].tobytes() for i in range(0, options.rows, 4096)]
    del message, values

    connections = {}
    for database in options.database:
        label, dsn = database.split('=', 1)
        connections[label] = psycopg.connect(dsn, autocommit=True)
        connections[label].execute('DROP TABLE IF EXISTS copied')
        connections[label].execute(f'CREATE UNLOGGED TABLE copied (id int, v vector({options.dimensions}))')
    best = {label: [1e9, 1e9] for label in connections}
    for _ in range(options.repeat):
        for label, connection in connections.items():
            connection.execute('TRUNCATE copied')
            start = time.perf_counter()
            with connection.cursor().copy('COPY copied FROM STDIN (FORMAT binary)') as copy:
                copy.write(b'PGCOPY\n\xff\r\n\0' + bytes(8))
                for block in blocks:
                    copy.write(block)
                copy.write(b'\xff\xff')
            middle = time.perf_counter()
            with connection.cursor().copy('COPY copied TO STDOUT (FORMAT binary)') as copy:
                for _ in copy:
                    pass
            end = time.perf_counter()
            best[label] = [min(best[label][0], middle - start), min(best[label][1], end - middle)]
    print(f'{options.rows} x {options.dimensions}, best of {options.repeat}')
    for label, (into, out) in best.items():
        print(f'{label:>12}  in {into:6.2f} s  out {out:6.2f} s')


if __name__ == '__main__':
    main()

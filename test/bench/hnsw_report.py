#!/usr/bin/python3
"""Markdown tables for docs/benchmarks.md, and plots, from the file that test/bench/hnsw.py writes.

    test/bench/hnsw_report.py hnsw.json --plots DIR > tables.md

Of several records of one command, set and number of rows the last counts. Ratios are pgvector's or
hnswlib's figure by vecx's unless the head of the column says otherwise; above 1 vecx is better.
"""
import argparse
import statistics

from bench_curve import NAMES, at_recall, ratio_at_recall
from bench_table import number, print_report, ratio, short, table


def report_search(record):
    curves, options = record['figures']['curves'], record['options']
    head = ['ef_search']
    for label in curves:
        head += [f'{NAMES[label]} recall', 'us']
    rows = []
    for points in zip(*curves.values()):
        row = [str(points[0]['effort'])]
        for point in points:
            row += [short(point['recall']), number(point['microseconds'], 1)]
        rows.append(row)
    yield (f"Recall@10 and time a query at m = {options['m']}, ef_construction = {options['ef_construction']}; "
           f"{options['queries']} queries in one statement, the median of {options['rounds']} turns; hnswlib "
           'without a server, one thread.')
    yield table(head, rows)

    head = ['recall', 'vecx, us']
    others = [label for label in curves if label != 'vecx']
    for label in others:
        head += [f'{NAMES[label]}, us', 'ratio']
    rows, inexact = [], False
    for target in record['figures']['recalls']:
        own, exact = at_recall(curves['vecx'], target)
        cells = [short(target), ('' if exact or own is None else '<= ') + number(own, 1)]
        for label in others:
            other, other_exact = at_recall(curves[label], target)
            factor, _ = ratio_at_recall(curves['vecx'], curves[label], target)
            cells += [('' if other_exact or other is None else '<= ') + number(other, 1), ratio(factor)]
        inexact = inexact or any(cell.startswith('<=') for cell in cells)
        rows.append(cells)
    yield 'At equal recall, the logarithm of the time interpolated over recall:'
    yield table(head, rows)
    if inexact:
        yield ('`<=`: the least ef_search that was measured gives more recall than that; its time stands for it.')
    read = {NAMES[label]: count for label, count in record['figures']['blocks_read'].items() if count}
    if read:
        yield 'Not all was in shared buffers; blocks read by one execution at the last ef_search: ' + ', '.join(
            f'{name} {count}' for name, count in read.items()) + '.'
    few = {NAMES[label]: sum(point['short'] for point in points) for label, points in curves.items()}
    if any(few.values()):
        yield 'Queries that gave fewer than 10 rows: ' + ', '.join(
            f'{name} {count}' for name, count in few.items()) + '.'


def report_clients(record):
    found = {}
    for figure in record['figures']:
        found.setdefault((figure['target'], figure['clients']), {})[figure['label']] = figure
    rows = []
    for (target, clients), figures in found.items():
        row = [short(target), str(clients)]
        for label in ('vecx', 'vector'):
            figure = figures[label]
            row += [str(figure['ef_search']), short(figure['recall']), number(figure['queries_per_second'])]
        rows.append(row + [ratio(figures['vecx']['queries_per_second'] / figures['vector']['queries_per_second'])])
    yield (f"Queries a second by pgbench, prepared statements, the median of {record['options']['rounds']} turns of "
           f"{record['options']['seconds']} s, each at the ef_search that comes nearest to the recall; the ratio is "
           "vecx's by pgvector's.")
    yield table(['recall', 'clients', 'vecx ef_search', 'recall', 'a second',
                 'pgvector ef_search', 'recall', 'a second', 'ratio'], rows)


def report_build(record):
    found = {}
    for figure in record['figures']:
        found.setdefault((figure['processes'], figure['label'], figure['variant']), []).append(figure)

    def median(key, quantity):
        values = [figure[quantity] for figure in found.get(key, []) if quantity in figure]
        return statistics.median(values) if values else None

    rows = []
    for key in sorted(found, key=lambda key: (key[0], list(NAMES).index(key[1]), key[2] != 'default')):
        processes, label, variant = key
        seconds, size, wal = (median(key, quantity) for quantity in ('seconds', 'bytes', 'wal_bytes'))
        own = median((processes, 'vecx', 'default'), 'seconds')
        peer = median((processes, 'vector', 'default'), 'bytes')
        name = NAMES[label] + ('' if variant == 'default' else ', ' + variant)
        relative = '1' if name == 'vecx' else ratio(seconds / own)
        each = record['rows']
        rows.append([name, str(processes), number(seconds, 1), number(each / seconds), relative,
                     number(size and size / each), number(size and size / peer, 2), number(wal and wal / each)])
    options = record['options']
    yield (f"CREATE INDEX with m = {options['m']}, ef_construction = {options['ef_construction']} and "
           f"maintenance_work_mem = {options['memory']}, where nothing else is said; processes of PostgreSQL, "
           "threads of hnswlib.")
    yield table(['', 'processes', 'seconds', 'rows/s', "time by vecx's", 'index, bytes a row', "size by pgvector's",
                 'WAL, bytes a row'], rows)


def report_churn(record):
    vecx, vector = record['figures']
    rows = []

    def compare(what, own, other, digits, factor):
        rows.append([what, number(own, digits), number(other, digits), ratio(factor)])

    for own, other in zip(vecx['inserts'], vector['inserts']):
        compare(f"INSERT rows/s, {own['clients']} clients", own['rows_per_second'], other['rows_per_second'], 0,
                own['rows_per_second'] / other['rows_per_second'])
    for own, other in zip(vecx['inserts'], vector['inserts']):
        for what, quantity in (('', 'wal_bytes_per_row'), (', last turn', 'wal_bytes_per_row_last_turn')):
            compare(f"WAL bytes a row, {own['clients']} clients{what}", own[quantity], other[quantity], 0,
                    other[quantity] / own[quantity])
    for what, quantity in (('VACUUM after deleting 20 %, s', 'vacuum_seconds'), ('REINDEX, s', 'reindex_seconds')):
        compare(what, vecx[quantity], vector[quantity], 2, vector[quantity] / vecx[quantity])
    for when in ('insert', 'vacuum', 'reindex'):
        for effort, own in vecx['recall'][when].items():
            other = vector['recall'][when][effort]
            rows.append([f'recall after {when}, ef_search {effort}', short(own), short(other), ''])
    options = record['options']
    yield (f"{options['rows']:,} rows built, {options['inserts']:,} more inserted one by one for each number of "
           f"clients, in {options['rounds']} turns; the WAL from a checkpoint on, with the table's.")
    yield table(['', 'vecx', 'pgvector', 'ratio'], rows)


def report_classes(record):
    builds, searches, equal = [], [], []
    for figure in record['figures']:
        row = [f"`{figure['class']}`"]
        for target in (.9, .95, .99):
            factor, exact = ratio_at_recall(figure['curves']['vecx'], figure['curves']['vector'], target)
            row.append(('' if exact or factor is None else '~ ') + ratio(factor))
        equal.append(row)
        own, other = figure['builds']['vecx'], figure['builds']['vector']
        builds.append([f"`{figure['class']}`", number(own['seconds'], 2), number(other['seconds'], 2),
                       ratio(other['seconds'] / own['seconds']), number(own['bytes'] / record['rows']),
                       number(other['bytes'] / record['rows']), number(own['bytes'] / other['bytes'], 2)])
        for mine, theirs in zip(figure['curves']['vecx'], figure['curves']['vector']):
            searches.append([f"`{figure['class']}`", str(mine['effort']),
                             short(mine['recall']), short(theirs['recall']),
                             number(mine['microseconds'], 1), number(theirs['microseconds'], 1),
                             ratio(theirs['microseconds'] / mine['microseconds'])])
    yield ('Every operator class. Rows for `sparsevec` keep their largest values '
           f"({100 * record['options']['dense']:.0f} % of all), rows for `bit` are binary_quantize of the values "
           'less their medians. A row as near as the tenth counts as found.')
    yield table(['class', 'ef_search', 'vecx recall', 'pgvector recall', 'vecx, us', 'pgvector, us', 'ratio'],
                searches)
    yield ("Times at equal recall, pgvector's by vecx's; `~`: a curve begins above that recall, and its first point "
           'counts.')
    yield table(['class', '.9', '.95', '.99'], equal)
    yield table(['class', 'vecx build, s', 'pgvector build, s', 'ratio', 'vecx, bytes a row', 'pgvector, bytes a row',
                 "size by pgvector's"], builds)


COMMANDS = {'search': report_search, 'clients': report_clients, 'build': report_build, 'churn': report_churn,
            'classes': report_classes}  # in the order of the report


def main():
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('results', metavar='FILE')
    parser.add_argument('--plots', metavar='DIR', help='write a PNG of recall and time for each search')
    options = parser.parse_args()

    def curves_of(record):
        return ({NAMES[label]: points for label, points in record['figures']['curves'].items()},
                f"m = {record['options']['m']}, ef_construction = {record['options']['ef_construction']}")

    print_report(options, COMMANDS, lambda record: record['options'].get('only'), 'hnsw', curves_of)


if __name__ == '__main__':
    main()

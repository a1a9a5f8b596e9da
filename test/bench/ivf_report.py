#!/usr/bin/python3
"""Markdown tables for docs/benchmarks.md, and plots, from the file that ivf.py and ivf_large.py write.

    test/bench/ivf_report.py ivf.json --plots DIR > tables.md

Of several records of one command, set and number of rows the last counts. Ratios are the other's figure by
vecx's unless the head of the column says otherwise; above 1 vecx is better.
"""
import argparse
import statistics

from bench_curve import at_recall, ratio_at_recall
from bench_table import number, print_report, ratio, short, table

OWN = 'vecx ivfpq'  # what others are compared with


def report_search(record):
    curves, options, targets = record['figures']['curves'], record['options'], record['figures']['recalls']
    lists = options['lists'] or round(record['rows'] ** .5)
    yield (f"{lists} lists; {options['queries']} queries in one statement, the median of {options['rounds']} turns; "
           'Faiss without a server, one thread, all queries in one call or one by one. Microseconds a query at equal '
           "recall@10, the logarithm of the time interpolated over recall, and in brackets by those of vecx's ivfpq; "
           '`<=`: already the least effort gives more recall, and its time stands for it.')
    rows = []
    for label, points in curves.items():
        row = [label]
        for target in targets:
            time, exact = at_recall(points, target)
            factor, _ = ratio_at_recall(curves[OWN], points, target)
            cell = number(time, 1) if exact or time is None else '<= ' + number(time, 1)
            row.append(cell if label == OWN or factor is None else f'{cell} ({ratio(factor)})')
        rows.append(row)
    yield table(['', *(short(target) for target in targets)], rows)

    yield 'Recall and microseconds at each number of probes (of hnsw, ef_search):'
    efforts = sorted({point['effort'] for label, points in curves.items() if 'hnsw' not in label
                      for point in points})
    rows = []
    for label, points in curves.items():
        found = {point['effort']: point for point in points}
        if set(found) <= set(efforts):
            rows.append([label, *(f"{short(found[effort]['recall'])}, {number(found[effort]['microseconds'])}"
                                  if effort in found else '-' for effort in efforts)])
    yield table(['', *map(str, efforts)], rows)
    for label, points in curves.items():
        if not {point['effort'] for point in points} <= set(efforts):
            yield f'{label}: ' + '; '.join(f"{point['effort']}: {short(point['recall'])}, "
                                           f"{number(point['microseconds'])}" for point in points)

    own, other = curves.get('vecx ivfflat'), curves.get('pgvector ivfflat')
    if own and other:
        yield 'ivfflat beside pgvector\'s at the same lists and probes:'
        yield table(['probes', 'vecx recall', 'pgvector recall', 'vecx, us', 'pgvector, us', 'ratio'],
                    [[str(mine['effort']), short(mine['recall']), short(theirs['recall']),
                      number(mine['microseconds'], 1), number(theirs['microseconds'], 1),
                      ratio(theirs['microseconds'] / mine['microseconds'])] for mine, theirs in zip(own, other)])


def report_build(record):
    found = {}
    for figure in record['figures']:
        found.setdefault((figure['processes'], figure['label']), []).append(figure)

    def median(key, quantity):
        values = [figure[quantity] for figure in found.get(key, []) if quantity in figure]
        return statistics.median(values) if values else None

    rows, each = [], record['rows']
    for processes, label in found:
        seconds, size, wal = (median((processes, label), quantity) for quantity in ('seconds', 'bytes', 'wal_bytes'))
        own = median((processes, OWN), 'seconds')
        code_pages = median((processes, label), 'code_pages')
        rows.append([label, str(processes), number(seconds, 2), number(each / seconds),
                     '1' if label == OWN else ratio(own and seconds / own), number(size / each),
                     number(median((processes, label), 'code_bytes')),
                     number(code_pages and code_pages * 8192 / each, 1), number(wal / each)])
    yield f"CREATE INDEX with maintenance_work_mem = {record['options']['memory']}, bytes a row of table."
    yield table(['', 'processes', 'seconds', 'rows/s', "time by ivfpq's", 'index', 'a code', 'pages of codes', 'WAL'],
                rows)


def report_churn(record):
    figures, options = record['figures'], record['options']
    rows = []

    def compare(what, value, digits):
        rows.append([what, *(number(value(figure), digits) for figure in figures)])

    for number_of, insert in enumerate(figures[0]['inserts']):
        for what, quantity in (('INSERT rows/s', 'rows_per_second'), ('WAL bytes a row', 'wal_bytes_per_row')):
            compare(f"{what}, {insert['clients']} clients",
                    lambda figure, n=number_of, q=quantity: figure['inserts'][n][q], 0)
    for what, quantity in (('VACUUM after deleting 20 %, s', 'vacuum_seconds'), ('REINDEX, s', 'reindex_seconds')):
        compare(what, lambda figure, q=quantity: figure[q], 2)
    for when in ('insert', 'vacuum', 'reindex'):
        for effort in figures[0]['recall'][when]:
            rows.append([f'recall after {when}, probes {effort}',
                         *(short(figure['recall'][when][effort]) for figure in figures)])
    yield (f"{options['rows']:,} rows built, {options['inserts']:,} more inserted one by one for each number of "
           f"clients, in {options['rounds']} turns; the WAL from a checkpoint on, with the table's.")
    yield table(['', *(figure['label'] for figure in figures)], rows)


def report_opq(record):
    found = {}
    for figure in record['figures']:
        found.setdefault((figure['bits'], figure['m']), {})[figure['opq'], figure['rerank']] = figure
    reranks = list(dict.fromkeys(figure['rerank'] for figure in record['figures']))
    rows = []
    for (bits, m), figures in found.items():
        for opq in ('off', 'on'):
            rows.append([f'm = {m}, {bits} bits', opq, number(figures[opq, reranks[0]]['build_seconds'], 1),
                         *(short(figures[opq, rerank]['recall']) for rerank in reranks)])
    yield (f"Recall@10 of pq with a learned rotation and without, at {record['figures'][0]['probes']} probes, by "
           '`ivfpq.rerank`; seconds of CREATE INDEX.')
    yield table(['', 'opq', 'build, s', *(f'rerank {rerank}' for rerank in reranks)], rows)


def report_large(record):
    build, search = record['figures'].get('build'), record['figures'].get('search')
    options = record['options']
    if build:
        yield (f"{options['parameters']}, {build['lists']:,} lists, {options['processes']} threads, "
               f"maintenance_work_mem = {options['memory']}.")
        yield table(['build, s', 'rows/s', 'index, bytes a row', 'WAL, bytes a row', 'most own memory, MB',
                     'mapped files, MB', 'shared buffers, MB'],
                    [[number(build['seconds'], 1), number(record['rows'] / build['seconds']),
                      number(build['bytes'] / record['rows'], 1), number(build['wal_bytes'] / record['rows'], 1),
                      *(number(build[name] / 1e6) for name in ('RssAnon', 'RssFile', 'RssShmem'))]])
    if search:
        yield f"{options['queries']} queries in one statement, the median of {options['rounds']} turns."
        yield table(['probes', 'recall@10', 'us', 'queries a second'],
                    [[str(point['effort']), short(point['recall']), number(point['microseconds'], 1),
                      number(1e6 / point['microseconds'])] for point in search['curve']])


COMMANDS = {'search': report_search, 'build': report_build, 'opq': report_opq, 'churn': report_churn,
            'large': report_large}  # in the order of the report
PLOTTED = ('vecx ivfpq', 'vecx ivfpq, pq of 4 bits', 'vecx ivfflat', 'pgvector ivfflat', 'pgvector hnsw',
           'Faiss IVFFlat', 'Faiss IVFPQ, refine 10', 'Faiss IVFPQFastScan, refine 10')


def main():
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('results', metavar='FILE')
    parser.add_argument('--plots', metavar='DIR', help='write a PNG of recall and time for each search')
    options = parser.parse_args()

    def key(record):
        return tuple(record['figures']) if record['command'] == 'large' else record['options'].get('only')

    def curves_of(record):
        curves = record['figures']['curves']
        return ({label: curves[label] for label in PLOTTED if label in curves},
                f"{record['options']['lists'] or round(record['rows'] ** .5)} lists")

    print_report(options, COMMANDS, key, 'ivf', curves_of)


if __name__ == '__main__':
    main()

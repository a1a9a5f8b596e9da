"""Command classes of the hnsw benchmark: every operator class on part of a set."""
import numpy as np

from bench_data import distance_matrix, recall_by_distance
from bench_database import TableSearch, sweep

FLOAT_METRICS = (('l2', '<->'), ('ip', '<#>'), ('cosine', '<=>'), ('l1', '<+>'))
TYPES = {  # name: (the column's type, from a vector, metrics and their operators)
    'vector': ('vector({0})', 'embedding', FLOAT_METRICS),
    'halfvec': ('halfvec({0})', 'embedding::halfvec', FLOAT_METRICS),
    'sparsevec': ('sparsevec({0})', 'embedding::sparsevec', FLOAT_METRICS),
    'bit': ('bit({0})', 'binary_quantize(embedding)', (('hamming', '<~>'), ('jaccard', '<%>'))),
}


def preparation(kind, base, dense):
    """What the rows of a set go through before they are loaded as vectors and cast in SQL."""
    if kind == 'halfvec':
        return lambda rows: rows.astype(np.float16).astype(np.float32)
    if kind == 'sparsevec':
        limit = np.quantile(base, 1 - dense)
        # A row keeps its largest value in any case: the cosine of a row of zeros is undefined.
        return lambda rows: np.where(rows >= np.minimum(limit, rows.max(axis=1, keepdims=True)), rows, 0)
    if kind == 'bit':
        middle = np.median(base, axis=0)
        return lambda rows: rows - middle
    return lambda rows: rows


def create_typed(database, kind, table, values):
    """The table `table` with a column of that type, by way of a table of vectors."""
    column, expression, _ = TYPES[kind]
    database.create_table(table + '_raw', values)
    database.execute(f'DROP TABLE IF EXISTS {table}')
    database.execute(f'CREATE TABLE {table} (id int PRIMARY KEY, embedding {column.format(values.shape[1])}) '
                     'WITH (autovacuum_enabled = off)')
    database.execute(f'INSERT INTO {table} SELECT id, {expression} FROM {table}_raw ORDER BY id')
    database.execute(f'DROP TABLE {table}_raw')
    database.execute(f'VACUUM ANALYZE {table}')


def measure_classes(databases, data, options):
    base = np.asarray(data.base, np.float32)
    items, queries, index = (f'{data.tables}_class_{part}' for part in ('items', 'queries', 'index'))
    figures = []
    for kind, (_, _, metrics) in TYPES.items():
        chosen = [(metric, operator) for metric, operator in metrics if options.only in f'{kind}_{metric}_ops']
        if not chosen:
            continue
        prepare = preparation(kind, base, options.dense)
        rows, asked = prepare(base), prepare(data.queries)
        for database in databases:
            create_typed(database, kind, items, rows)
            create_typed(database, kind, queries, asked)
        if kind == 'bit':
            rows, asked = rows > 0, asked > 0
        for metric, operator in chosen:
            figures.append(measure_class(databases, f'{kind}_{metric}_ops', operator, (items, queries, index),
                                         distance_matrix(metric, rows, asked), options))
    for database in databases:
        database.execute(f'DROP TABLE {items}, {queries}')
    return figures


def measure_class(databases, operator_class, operator, names, distances, options):
    items, queries, index = names
    print(operator_class, flush=True)
    builds, searches = {}, []
    for database in databases:
        builds[database.label] = database.build_index(index, items, operator_class, options.parameters,
                                                      options.memory, 0)
        search = TableSearch(database, items, queries, operator)
        search.check_plan(index)
        searches.append(search)
    curves = sweep(searches, options.ef_search, options.rounds, lambda found: recall_by_distance(found, distances))
    return {'class': operator_class, 'builds': builds, 'curves': curves}

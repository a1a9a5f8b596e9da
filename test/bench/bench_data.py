"""Data sets of the index benchmarks and their exact neighbors, by numpy. Knows no server.

A set is NAME_base.npy and NAME_query.npy (rows x dimensions) in one folder, and where it exists
NAME_gt.npy (for each query the numbers of its nearest rows by L2, nearest first). The set fashion-mnist
is read from Debian's package dataset-fashion-mnist where the folder does not have it.
"""
import gzip
import os
import re

import numpy as np

K = 10
DEBIAN_FOLDER = '/usr/share/datasets/fashion-mnist/'


def read_images(name):
    with gzip.open(DEBIAN_FOLDER + name) as file:
        return np.frombuffer(file.read(), np.uint8, offset=16).reshape(-1, 784).astype(np.float32)


class DataSet:
    """Base rows, queries and truth; `rows` takes the first rows only, 0 all of them."""

    def __init__(self, name, folder, rows, query_count, prefix='hnsw'):
        """`prefix`: of the names of its tables."""
        def path(part):
            return os.path.join(folder, f'{name}_{part}.npy')

        if os.path.exists(path('base')):
            base, queries = np.load(path('base'), mmap_mode='r'), np.load(path('query'))
        elif name == 'fashion-mnist' and os.path.isdir(DEBIAN_FOLDER):
            base, queries = read_images('train-images-idx3-ubyte.gz'), read_images('t10k-images-idx3-ubyte.gz')
        else:
            raise SystemExit(f'there is no {path("base")}')
        whole = not 0 < rows < len(base)
        self.name = name
        self.base = base if whole else base[:rows]
        self.queries = np.asarray(queries[:query_count], np.float32)
        self.rows, self.dimensions = self.base.shape
        self.tables = f'{prefix}_' + re.sub(r'\W', '_', name) + ('' if whole else f'_{self.rows}')
        if whole and os.path.exists(path('gt')):
            self.truth = np.load(path('gt'), mmap_mode='r')[:query_count, :K]
        else:
            self.truth = None

    def exact_neighbors(self):
        if self.truth is None:
            self.truth = nearest(self.base, self.queries)
        return self.truth


def nearest(base, queries, numbers=None):
    """The numbers of the K rows nearest to each query by L2; `numbers` restricts and names the rows."""
    block_rows = 50000
    count = len(base) if numbers is None else len(numbers)
    kept = [np.zeros(0, np.int64)] * len(queries)
    distances = [np.zeros(0)] * len(queries)
    for start in range(0, count, block_rows):
        rows = np.arange(start, min(start + block_rows, count))
        if numbers is not None:
            rows = numbers[rows]
        block = np.asarray(base[rows[0]:rows[-1] + 1], np.float32)[rows - rows[0]]
        # Without the query's own norm, which changes no order. Cancellation costs digits, so more than K
        # are taken and judged by the differences themselves.
        rough = (block * block).sum(1)[None, :] - 2 * queries @ block.T
        width = min(4 * K, len(rows))
        chosen = np.argpartition(rough, width - 1, axis=1)[:, :width]
        for number, query in enumerate(queries):
            difference = block[chosen[number]].astype(np.float64) - query
            merged = np.concatenate([distances[number], (difference * difference).sum(1)])
            order = np.argsort(merged, kind='stable')[:K]
            distances[number] = merged[order]
            kept[number] = np.concatenate([kept[number], rows[chosen[number]]])[order]
    return np.array(kept)


def recall(found, truth):
    hits = sum(len(set(ids) & set(exact)) for ids, exact in zip(found, truth.tolist()))
    return round(hits / truth.size, 5)


def distance_matrix(metric, base, queries):
    """All distances of every query (a row each), for sets where that fits into memory."""
    rows, queries = base.astype(np.float64), queries.astype(np.float64)
    if metric == 'l1':
        return np.array([np.abs(rows - query).sum(1) for query in queries])
    products = queries @ rows.T
    if metric == 'ip':
        return -products
    if metric == 'cosine':
        lengths = np.linalg.norm(queries, axis=1)[:, None] * np.linalg.norm(rows, axis=1)[None, :]
        return 1 - products / lengths
    # For zeros and ones the square is the value, and the squared L2 distance is the Hamming distance.
    sizes = (queries * queries).sum(1)[:, None] + (rows * rows).sum(1)[None, :]
    if metric in ('l2', 'hamming'):
        return sizes - 2 * products
    if metric == 'jaccard':
        return 1 - products / (sizes - products)
    raise ValueError(metric)


def recall_by_distance(found, distances):
    """Recall where many rows are equally far, as with bits: any row as near as the K-th counts."""
    hits = 0
    for ids, row in zip(found, distances):
        limit = np.partition(row, K - 1)[K - 1]
        hits += int((row[ids] <= limit + 1e-9 * (1 + abs(limit))).sum())
    return round(hits / (K * len(distances)), 5)

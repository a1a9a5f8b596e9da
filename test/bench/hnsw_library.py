"""hnswlib in this process, beside the two databases: https://github.com/nmslib/hnswlib. Optional."""
import importlib.metadata
import time

import numpy as np

from bench_data import K

try:
    import hnswlib
except ImportError:
    hnswlib = None

LABEL = 'hnswlib'


def available():
    if hnswlib is None:
        print('hnswlib is not installed: left out', flush=True)
    return hnswlib is not None


def version():
    return importlib.metadata.version('hnswlib') if hnswlib else None


def build(base, m, ef_construction, threads):
    """The index and the seconds that it took, reading the file of the data set not counted."""
    rows = np.ascontiguousarray(base, np.float32)
    index = hnswlib.Index(space='l2', dim=rows.shape[1])
    start = time.perf_counter()
    index.init_index(max_elements=len(rows), M=m, ef_construction=ef_construction, random_seed=1)
    index.add_items(rows, num_threads=threads)
    return index, round(time.perf_counter() - start, 3)


class LibrarySearch:
    """The same questions as bench_database.TableSearch answers; one thread."""

    label = LABEL

    def __init__(self, index, queries):
        self.index, self.queries, self.query_count = index, queries, len(queries)

    def query(self, effort):
        self.index.set_ef(effort)
        return self.index.knn_query(self.queries, k=K, num_threads=1)[0]

    def find(self, effort):
        return self.query(effort).tolist()

    def seconds(self, effort):
        start = time.perf_counter()
        self.query(effort)
        return time.perf_counter() - start

"""Faiss in this process, beside the two databases: https://github.com/facebookresearch/faiss. Optional."""
import time

import numpy as np

from bench_data import K

try:
    import faiss
except ImportError:
    faiss = None


def available():
    if faiss is None:
        print('faiss is not installed: left out', flush=True)
    return faiss is not None


def version():
    return faiss and f'{faiss.__version__} ({faiss.get_compile_options().strip()})'


TRAINING_ROWS = 128  # for each list


class LibrarySearch:
    """The same questions as bench_database.TableSearch answers; one thread. Rows of codes are refined:
    `refine` times as many as are wanted get their distance by the vectors themselves."""

    def __init__(self, label, index, queries, refine=0):
        """`refine`: 0 where the index has the vectors anyway."""
        self.label, self.index, self.queries, self.query_count = label, index, queries, len(queries)
        self.refine = refine

    def parameters(self, probes):
        inner = faiss.SearchParametersIVF(nprobe=probes)
        if self.refine == 0:
            return inner
        return faiss.IndexRefineSearchParameters(k_factor=self.refine, base_index_params=inner)

    def find(self, probes):
        return self.index.search(self.queries, K, params=self.parameters(probes))[1].tolist()

    def seconds(self, probes):
        """All queries in one call."""
        parameters = self.parameters(probes)
        start = time.perf_counter()
        self.index.search(self.queries, K, params=parameters)
        return time.perf_counter() - start


class SingleSearch(LibrarySearch):
    """One call for each query, as queries come to a server."""

    def seconds(self, probes):
        parameters = self.parameters(probes)
        rows = [self.queries[i:i + 1] for i in range(self.query_count)]
        start = time.perf_counter()
        for row in rows:
            self.index.search(row, K, params=parameters)
        return time.perf_counter() - start


def build(data, lists, parts, refinements, threads):
    """Searches by Faiss over IndexIVFFlat, IndexIVFPQ and IndexIVFPQFastScan, which have the same
    centroids; `parts`: m with 8 and with 4 bits. And the seconds that each index took, training included:
    with as many rows as vecx takes."""
    faiss.omp_set_num_threads(threads)
    rows = np.ascontiguousarray(data.base, np.float32)
    dimensions = rows.shape[1]
    sample = rows[np.random.default_rng(1).permutation(len(rows))[:TRAINING_ROWS * lists]]
    start = time.perf_counter()
    quantizer = faiss.IndexFlatL2(dimensions)
    flat = faiss.IndexIVFFlat(quantizer, dimensions, lists)
    flat.train(sample)
    trained = time.perf_counter() - start
    bare = {'Faiss IVFPQ': faiss.IndexIVFPQ(quantizer, dimensions, lists, parts[0], 8),
            'Faiss IVFPQFastScan': faiss.IndexIVFPQFastScan(quantizer, dimensions, lists, parts[1], 4)}
    vectors = faiss.IndexFlatL2(dimensions)
    vectors.add(rows)
    seconds, searches = {}, []

    def add(label, index, refine):
        searches.append(LibrarySearch(label, index, data.queries, refine))
        searches.append(SingleSearch(label + ', one by one', index, data.queries, refine))

    start = time.perf_counter()
    flat.add(rows)
    seconds['Faiss IVFFlat'] = trained + time.perf_counter() - start
    add('Faiss IVFFlat', flat, 0)
    for label, index in bare.items():
        start = time.perf_counter()
        index.train(sample)
        index.add(rows)
        seconds[label] = trained + time.perf_counter() - start
        refined = faiss.IndexRefine(index, vectors)
        for refine in refinements:
            add(f'{label}, refine {refine}', refined, refine)
    faiss.omp_set_num_threads(1)
    return searches, {label: round(value, 3) for label, value in seconds.items()}

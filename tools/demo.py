#!/usr/bin/python3
"""The parts of the demonstration that SQL cannot do. Called by tools/demo.

  demo.py convert DATASETS FOLDER   Fashion-MNIST to .npy files and lists of labels
  demo.py picture FILE.npy N        image N in letters
  demo.py measure DATASETS          searches of the server, exact and by the index, against numpy:
                                    recall, accuracy, speed
"""
from __future__ import annotations

import gzip
import os
import sys
from collections import Counter
from pathlib import Path

import numpy as np

SETS = {"train": ("train", 60000), "query": ("t10k", 10000)}
NEIGHBORS = 10
QUERIES = 500
EXACT_QUERIES = 100  # the first of them, for exact searches
TIMED_EXACT_QUERIES = 20  # the first of those
INDEX = "garment_embedding_idx"
EF_SEARCHES = (10, 40, 100, 200)
LEAST_RECALL = 0.98  # at the largest ef_search; a sound index gives more


def idx(path: Path, dims: int) -> np.ndarray:
    """Reads an IDX file of bytes: a magic number, one big-endian size a dimension, the bytes."""
    raw = gzip.decompress(path.read_bytes())
    head = np.frombuffer(raw, ">u4", count=1 + dims)
    if head[0] != 0x0800 + dims:
        sys.exit(f"{path}: not an IDX file of bytes with {dims} dimensions")
    return np.frombuffer(raw, "u1", offset=4 * (1 + dims)).reshape(head[1], -1)


def images(datasets: str, name: str) -> np.ndarray:
    return idx(Path(datasets, f"{SETS[name][0]}-images-idx3-ubyte.gz"), 3)


def labels(datasets: str, name: str) -> np.ndarray:
    return idx(Path(datasets, f"{SETS[name][0]}-labels-idx1-ubyte.gz"), 1)[:, 0]


def convert(datasets: str, folder: str) -> None:
    Path(folder).mkdir(exist_ok=True)
    for name, (_, count) in SETS.items():
        pixels, classes = images(datasets, name), labels(datasets, name)
        if pixels.shape != (count, 784) or classes.shape != (count,):
            sys.exit(f"{name}: {count} images of 784 pixels expected, {pixels.shape} found")
        np.save(Path(folder, f"{name}.npy"), pixels)
        lines = (f"{row}\t{label}\n" for row, label in enumerate(classes))
        Path(folder, f"{name}.labels").write_text("".join(lines))


def picture(file: str, number: str) -> None:
    image = np.load(file, mmap_mode="r")[int(number)].reshape(28, 28).astype(int)
    for above, below in zip(image[::2], image[1::2]):
        print("    " + "".join(" .:-=+*#%@"[(a + b) * 10 // 512] for a, b in zip(above, below)))
    print()


def tenth_distances(garments: np.ndarray, queries: np.ndarray) -> np.ndarray:
    """Squared distance of each query's tenth neighbour: exact, being whole numbers far below 2^53."""
    q = queries.astype(np.float64)
    nearest = np.full((len(q), NEIGHBORS), np.inf)
    for start in range(0, len(garments), 10000):
        g = garments[start : start + 10000].astype(np.float64)
        distances = (g * g).sum(1) - 2 * q @ g.T + (q * q).sum(1)[:, None]
        nearest = np.partition(np.hstack([nearest, distances]), NEIGHBORS - 1, axis=1)[:, :NEIGHBORS]
    return nearest.max(1)


def statement(query: np.ndarray) -> str:
    return (
        "SELECT id, class_id FROM garment "
        f"ORDER BY embedding <-> '[{','.join(map(str, query))}]' LIMIT {NEIGHBORS}"
    )


def describe(plan: dict) -> str:
    """The nodes of a plan, from the top down."""
    nodes = [plan["Node Type"] + (f" using {plan['Index Name']}" if "Index Name" in plan else "")]
    return ", ".join(nodes + [describe(below) for below in plan.get("Plans", [])])


def server_seconds(connection, query: np.ndarray, index: str | None) -> float:
    """The time that the server says it took, and a check that it searched as it was meant to."""
    explain = "EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) " + statement(query)
    (explained,) = connection.execute(explain).fetchone()[0]
    plan = describe(explained["Plan"])
    meant = f"Index Scan using {index}" if index else "Seq Scan"
    if meant not in plan:
        sys.exit(f"the planner was to take {meant}, and took: {plan}")
    return explained["Execution Time"] / 1000


def check_index(connection) -> None:
    found = connection.execute(
        "SELECT severity, message FROM vecx_check(%s, heapallindexed => true)", (INDEX,)
    ).fetchall()
    print("---- Is the index sound? vecx_check reads all of it and looks for each garment")
    for severity, message in found:
        print(f"{severity}: {message}")
    if any(severity == "error" for severity, _ in found):
        sys.exit("the index is damaged")
    print("no error" if found else "nothing to report")


def measure(datasets: str) -> None:
    import psycopg

    numbers = np.random.default_rng(20260101).choice(SETS["query"][1], QUERIES, replace=False)
    garments, queries = images(datasets, "train"), images(datasets, "query")[numbers]
    # A garment as near as the tenth is as good as the tenth. The server's distances have 24 bits.
    bound = tenth_distances(garments, queries) * (1 + 2.0**-22)

    def recall_of(answers: list) -> float:
        hits = 0
        for row, answer in enumerate(answers):
            difference = garments[[id for id, _ in answer]].astype(np.int64) - queries[row]
            hits += ((difference**2).sum(1) <= bound[row]).sum()
        return hits / (NEIGHBORS * len(answers))

    workers = max(1, (os.cpu_count() or 2) - 1)
    searches = [("exact, one process", None, 0, None), (f"exact, {workers} more", None, workers, None)]
    searches += [(f"hnsw, ef_search = {ef}", INDEX, 0, ef) for ef in EF_SEARCHES]
    recalls, votes = {}, None

    with psycopg.connect("dbname=demo", autocommit=True) as connection:
        check_index(connection)
        simd = connection.execute("SELECT simd FROM vecx_build_info()").fetchone()[0]
        print(f"\n---- {QUERIES} query images, {EXACT_QUERIES} of them searched exactly, against numpy")
        print(f"{'search (' + simd + ')':22} {'recall@' + str(NEIGHBORS):>10} {'queries/s':>10}")
        for name, index, more, ef_search in searches:
            connection.execute(f"SET max_parallel_workers_per_gather = {more}")
            connection.execute(f"SET enable_indexscan = {'on' if index else 'off'}")
            if ef_search:
                connection.execute(f"SET hnsw.ef_search = {ef_search}")
            asked = queries if index else queries[:EXACT_QUERIES]
            answers = [connection.execute(statement(q)).fetchall() for q in asked]
            timed = asked if index else asked[:TIMED_EXACT_QUERIES]
            seconds = sum(server_seconds(connection, q, index) for q in timed)
            recalls[name] = recall_of(answers)
            print(f"{name:22} {recalls[name]:10.4f} {len(timed) / seconds:10.0f}", flush=True)
            if votes is None:
                votes = [Counter(c for _, c in answer).most_common(1)[0][0] for answer in answers]

    classes = labels(datasets, "query")[numbers[:EXACT_QUERIES]]
    right = (np.array(votes) == classes).sum()
    print("queries/s: of one client, by the execution time of EXPLAIN ANALYZE")
    print(f"the vote of the ten nearest is right for {right} of {EXACT_QUERIES}")
    if any(recalls[name] != 1 for name, index, *_ in searches if index is None):
        sys.exit("an exact search missed a neighbour")
    if recalls[searches[-1][0]] < LEAST_RECALL:
        sys.exit(f"{searches[-1][0]}: a recall of at least {LEAST_RECALL} was expected")


if __name__ == "__main__":
    commands = {"convert": (convert, 2), "picture": (picture, 2), "measure": (measure, 1)}
    command, count = commands.get(sys.argv[1] if len(sys.argv) > 1 else "", (None, 0))
    if command is None or len(sys.argv) != 2 + count:
        sys.exit(__doc__)
    command(*sys.argv[2:])

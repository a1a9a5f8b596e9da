#!/usr/bin/python3
"""The parts of the demonstration that SQL cannot do. Called by tools/demo.

  demo.py convert DATASETS FOLDER   Fashion-MNIST to .npy files and lists of labels
  demo.py picture FILE.npy N        image N in letters
  demo.py measure DATASETS          searches of the server against numpy: recall, accuracy, speed
"""
from __future__ import annotations

import gzip
import os
import sys
import time
from collections import Counter
from pathlib import Path

import numpy as np

SETS = {"train": ("train", 60000), "query": ("t10k", 10000)}
NEIGHBORS = 10
QUERIES = 100
SEARCH = """SELECT id, class_id FROM garment
ORDER BY embedding <-> (SELECT embedding FROM query WHERE id = %s) LIMIT 10"""


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


def search(connection, numbers) -> tuple[list, float]:
    """The answers for all query images one after the other, and the searches a second."""
    connection.execute(SEARCH, (0,))
    begin = time.perf_counter()
    answers = [connection.execute(SEARCH, (int(n),)).fetchall() for n in numbers]
    return answers, len(answers) / (time.perf_counter() - begin)


def true_distances(garments: np.ndarray, queries: np.ndarray) -> np.ndarray:
    """Squared distances, exact: all are whole numbers far below 2^53."""
    q = queries.astype(np.float64)
    out = np.empty((len(q), len(garments)))
    for start in range(0, len(garments), 10000):
        g = garments[start : start + 10000].astype(np.float64)
        out[:, start : start + len(g)] = (g * g).sum(1) - 2 * q @ g.T
    return out + (q * q).sum(1)[:, None]


def measure(datasets: str) -> None:
    import psycopg

    numbers = np.sort(np.random.default_rng(20260101).choice(SETS["query"][1], QUERIES, replace=False))
    truth = true_distances(images(datasets, "train"), images(datasets, "query")[numbers])
    # A garment as near as the tenth is as good as the tenth. The server's distances have 24 bits.
    bound = np.partition(truth, NEIGHBORS - 1, axis=1)[:, NEIGHBORS - 1] * (1 + 2.0**-22)
    classes = labels(datasets, "query")[numbers]

    with psycopg.connect("dbname=demo", autocommit=True, prepare_threshold=0) as connection:
        simd = connection.execute("SELECT simd FROM vecx_build_info()").fetchone()[0]
        workers = max(1, (os.cpu_count() or 2) - 1)
        runs = []
        for count in (0, workers):
            connection.execute(f"SET max_parallel_workers_per_gather = {count}")
            runs.append(search(connection, numbers))

    print(f"---- {QUERIES} query images, exact search, against brute force by numpy in float64")
    worst = 1.0
    for what, (answers, _) in zip(("one process", f"parallel plan, {workers} more"), runs):
        hits = 0
        for row, answer in enumerate(answers):
            ids = {id for id, _ in answer}
            hits += sum(truth[row, id] <= bound[row] for id in ids)
        recall = hits / (NEIGHBORS * QUERIES)
        worst = min(worst, recall)
        print(f"recall@{NEIGHBORS} ({what}): {recall:.4f}")
    votes = [Counter(c for _, c in answer).most_common(1)[0][0] for answer in runs[0][0]]
    print(f"the vote of the ten nearest is right for {(np.array(votes) == classes).sum()} of {QUERIES}")
    print(f"queries per second: {runs[0][1]:.1f} in one process, {runs[1][1]:.1f} with {workers} more ({simd})")
    if worst != 1:
        sys.exit("an exact search missed a neighbour")


if __name__ == "__main__":
    commands = {"convert": (convert, 2), "picture": (picture, 2), "measure": (measure, 1)}
    command, count = commands.get(sys.argv[1] if len(sys.argv) > 1 else "", (None, 0))
    if command is None or len(sys.argv) != 2 + count:
        sys.exit(__doc__)
    command(*sys.argv[2:])

#!/usr/bin/python3
"""Writes two sets for hnsw.py whose rows lie in many tight clusters, where a graph falls apart easily.

    test/bench/make_clusters.py DIR
    for set in tight-clusters clusters-elsewhere; do
        for what in build search; do
            test/bench/hnsw.py $what --set $set --data DIR --vecx DSN --vector DSN --output hnsw.json
        done
    done

Centres are normal of deviation 1, rows normal about their centre of deviation .05. Queries of tight-clusters are
drawn as the rows are; of clusters-elsewhere, which has the same rows, one in twenty is drawn about the origin with
deviation 2 instead.
"""
import argparse
import os

import numpy as np


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('folder', metavar='DIR')
    parser.add_argument('--rows', type=int, default=1000000)
    parser.add_argument('--dimensions', type=int, default=128)
    parser.add_argument('--clusters', type=int, default=10000)
    parser.add_argument('--queries', type=int, default=500)
    options = parser.parse_args()
    random = np.random.default_rng(1)

    def normal(count, deviation):
        return random.standard_normal((count, options.dimensions), np.float32) * np.float32(deviation)

    centres = normal(options.clusters, 1)

    def draw(count):
        return centres[random.integers(0, options.clusters, count)] + normal(count, .05)

    base, queries, elsewhere = draw(options.rows), draw(options.queries), draw(options.queries)
    elsewhere[::20] = normal(len(elsewhere[::20]), 2)
    path = os.path.join(options.folder, '{}_{}.npy').format
    np.save(path('tight-clusters', 'base'), base)
    np.save(path('tight-clusters', 'query'), queries)
    np.save(path('clusters-elsewhere', 'query'), elsewhere)
    link = path('clusters-elsewhere', 'base')
    if not os.path.lexists(link):
        os.symlink('tight-clusters_base.npy', link)


if __name__ == '__main__':
    main()

"""What the figures of test/bench/hnsw.py and ivf.py rest on: exact neighbors and the time at a recall."""
import sys
import unittest
from pathlib import Path

import numpy as np

sys.path.append(str(Path(__file__).resolve().parents[1] / "bench"))
import bench_curve
import bench_data
import ivf
import ivf_large


def curve(*points):
    return [{"effort": effort, "recall": recall, "microseconds": time} for effort, recall, time in points]


class Neighbors(unittest.TestCase):
    def setUp(self):
        random = np.random.default_rng(1)
        self.base = random.integers(0, 200, (700, 16)).astype(np.float32)
        self.queries = random.integers(0, 200, (5, 16)).astype(np.float32)

    def test_nearest_of_all_and_of_some(self):
        for numbers in (None, np.arange(3, 700, 7)):
            rows = np.arange(700) if numbers is None else numbers
            found = bench_data.nearest(self.base, self.queries, numbers)
            for query, ids in zip(self.queries, found):
                distances = ((self.base[rows] - query) ** 2).sum(1)
                self.assertEqual(sorted(((self.base[ids] - query) ** 2).sum(1)), sorted(distances)[:bench_data.K])
                self.assertTrue(set(ids) <= set(rows))

    def test_a_tie_counts_as_found(self):
        distances = np.array([[0.0] * 12 + [1.0] * 8])
        self.assertEqual(bench_data.recall_by_distance([list(range(2, 12))], distances), 1)
        self.assertEqual(bench_data.recall_by_distance([list(range(7, 17))], distances), .5)
        self.assertEqual(bench_data.recall_by_distance([[1, 2]], distances), .2)

    def test_distances_of_bits(self):
        rows, queries = np.array([[1, 1, 0, 0], [1, 0, 1, 1]]), np.array([[1, 0, 0, 0]])
        self.assertEqual(bench_data.distance_matrix("hamming", rows, queries).tolist(), [[1, 2]])
        self.assertEqual(bench_data.distance_matrix("jaccard", rows, queries).tolist(), [[.5, 1 - 1 / 3]])


class Curve(unittest.TestCase):
    points = curve((10, .9, 100.0), (20, .96, 200.0), (40, .95, 300.0), (100, .98, 400.0))

    def test_between_points_the_logarithm_is_interpolated(self):
        time, exact = bench_curve.at_recall(self.points, .93)
        self.assertAlmostEqual(time, 100 * 2 ** .5)
        self.assertTrue(exact)

    def test_a_point_of_less_recall_for_more_effort_is_left_out(self):
        self.assertAlmostEqual(bench_curve.at_recall(self.points, .97)[0], 200 * 2 ** .5)

    def test_below_and_above_the_curve(self):
        self.assertEqual(bench_curve.at_recall(self.points, .5), (100.0, False))
        self.assertEqual(bench_curve.at_recall(self.points, .99), (None, False))

    def test_ratio(self):
        slower = curve((10, .9, 300.0), (20, .98, 1200.0))
        ratio, exact = bench_curve.ratio_at_recall(self.points, slower, .98)
        self.assertAlmostEqual(ratio, 3)
        self.assertTrue(exact)


class Large(unittest.TestCase):
    def test_neighbors_from_parts_are_those_of_all_rows(self):
        random = np.random.default_rng(2)
        rows = random.standard_normal((900, 8)).astype(np.float32)
        queries = random.standard_normal((4, 8)).astype(np.float32)
        nearest = ivf_large.Nearest(queries)
        for start in range(0, 900, 250):
            nearest.add(start, rows[start:start + 250])
        self.assertEqual(nearest.found.tolist(), bench_data.nearest(rows, queries).tolist())

    def test_the_same_seed_makes_the_same_rows_part_by_part(self):
        first, second = (ivf_large.Mixture(24, 50, 3) for _ in range(2))
        rows = first.draw(400, 1, 0)
        self.assertTrue(np.array_equal(rows, second.draw(400, 1, 0)))
        self.assertFalse(np.array_equal(rows, second.draw(400, 1, 400)))
        self.assertTrue(np.isfinite(rows).all())


class Parts(unittest.TestCase):
    def test_parts_divide_the_dimensions(self):
        self.assertEqual([ivf.parts_of(n) for n in (784, 128, 97, 3)], [(98, 196), (16, 32), (1, 1), (1, 1)])


if __name__ == "__main__":
    unittest.main()

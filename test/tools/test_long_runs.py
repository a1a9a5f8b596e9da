"""What test/reliability/long_runs.py counts, and what it takes for a failure."""
import io
import sys
import tempfile
import unittest
from contextlib import redirect_stdout
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1] / "reliability"))
import long_runs

PASSED = """ok 1 - killed often
# 1000 kills in 1,322 s (all 702, a backend 298); 5000000 rows compared
ok 2 - no row twice
1..2
"""


class Reports(unittest.TestCase):
    def report(self, output):
        return long_runs.report(output, long_runs.KILLS)

    def test_passed(self):
        self.assertEqual(self.report(PASSED), (1000, True, []))

    def test_several_parts_add_up(self):
        self.assertEqual(self.report("# 7 kills in 1 s\n" + PASSED), (1007, True, []))

    def test_a_test_that_failed_is_named(self):
        done, passed, failed = self.report(PASSED.replace("ok 2", "not ok 2"))
        self.assertEqual((done, passed, failed), (1000, False, ["not ok 2 - no row twice"]))

    def test_died_on_the_way(self):
        self.assertFalse(self.report("ok 1 - killed often\n")[1])
        self.assertFalse(self.report("")[1])
        self.assertFalse(self.report(PASSED.replace("1..2", "1..3"))[1])
        self.assertFalse(self.report(PASSED.replace("# 1000 kills", "# no kills"))[1])


class Counting(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.top = Path(self.folder.name)

    def test_runs_of_the_same_sources_add_up(self):
        path = self.top / "runs.jsonl"
        self.assertEqual(long_runs.read_runs(path), [])
        for test, sources, passed in (("a", "x", True), ("a", "x", False), ("a", "y", True), ("b", "x", True)):
            long_runs.append_run(path, {"test": test, "sources": sources, "count": 10, "seconds": 2, "passed": passed})
        counts = long_runs.count(long_runs.read_runs(path), "a", "x")
        self.assertEqual(counts, long_runs.Counts(done=20, runs=2, failed=1, seconds=4))

    def test_a_line_that_is_not_json_is_named(self):
        path = self.top / "runs.jsonl"
        path.write_text("{}\n{\n")
        with self.assertRaisesRegex(long_runs.Failure, "line 2"):
            long_runs.read_runs(path)

    def test_hash_of_sources(self):
        for name, text in (("a.cpp", "1"), ("a.h", "2"), ("a.o", "3")):
            (self.top / name).write_text(text)
        before = long_runs.hash_of(self.top, ("*",))
        self.assertEqual(before, long_runs.hash_of(self.top, ("a.h", "*.cpp")))
        (self.top / "a.o").write_text("4")
        self.assertEqual(before, long_runs.hash_of(self.top, ("*",)))
        (self.top / "a.h").write_text("4")
        self.assertNotEqual(before, long_runs.hash_of(self.top, ("*",)))

    def test_each_test_has_sources_and_a_file(self):
        for name, test in long_runs.TESTS.items():
            for pattern in test.sources:
                self.assertTrue(list(long_runs.TOP.glob(pattern)), f"{name}: {pattern}")
            self.assertTrue((long_runs.TOP / "test" / test.command.split()[1]).exists(), name)

    def test_counts_are_printed(self):
        with redirect_stdout(io.StringIO()) as out:
            long_runs.print_counts(markdown=True)
        self.assertEqual(len(out.getvalue().splitlines()), 2 + len(long_runs.TESTS))


if __name__ == "__main__":
    unittest.main()

#!/usr/bin/python3
"""Run the long tests of reliability, and count what they have done over all runs.

    test/reliability/long_runs.py run TEST [--count N] [--seed N]
    test/reliability/long_runs.py counts [--markdown]

A run is one of the random tests of test/t (or of malformed messages) with a larger number.  What it did is appended
to runs.jsonl beside this file, with a hash of the sources that it tests: runs of the same sources add up, and a
change of them begins anew.  A run that fails is recorded, too; its data directory and log are kept in
build/reliability/failed, and the command that repeats it is printed.

Several tests can run at a time.  Needs what `make check` installs.
"""
from __future__ import annotations

import argparse
import datetime
import fcntl
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
RUNS = Path(__file__).resolve().with_name("runs.jsonl")
BUILD = TOP / "build" / "reliability"


@dataclass(frozen=True)
class LongTest:
    what: str  # is counted
    command: str
    variable: str  # of the environment, which says how many
    count: int  # unless said otherwise
    wanted: int  # before a release
    done: str  # the numbers that were done, in the output
    sources: tuple[str, ...]


COMMON = ("src/am/*", "src/store/*", "src/core/*")
HNSW = (*COMMON, "src/am/hnsw/*")
IVF = (*COMMON, "src/am/ivf/*")
KILLS = r"^# (\d+) kills in "
FLIPS = r"^# (\d+) damaged indexes, "

TESTS = {
    "hnsw-kills": LongTest("kills of a server under load", "test/tap t/010_hnsw_crash.pl", "VECX_CRASH_CYCLES", 1000,
                           3000, KILLS, HNSW),
    "ivf-kills": LongTest("kills of a server under load", "test/tap t/018_ivf_crash.pl", "VECX_CRASH_CYCLES", 1000,
                          3000, KILLS, IVF),
    # Of each level of the WAL so many.
    "power": LongTest("losses of power", "test/tap t/027_power_loss.pl", "VECX_POWER_CYCLES", 250, 500, KILLS,
                      (*HNSW, *IVF)),
    "hnsw-damage": LongTest("damaged indexes", "test/tap t/014_hnsw_damage.pl", "VECX_FLIPS", 5000, 5000, FLIPS, HNSW),
    "ivf-damage": LongTest("damaged indexes", "test/tap t/020_ivf_damage.pl", "VECX_FLIPS", 5000, 5000, FLIPS, IVF),
}


class Failure(Exception):
    """What the user is told, without a traceback."""


def hash_of(top: Path, patterns: tuple[str, ...]) -> str:
    """Of the names and the contents of sources, in whatever order the patterns give them."""
    files = {path for pattern in patterns for path in top.glob(pattern) if path.suffix in (".cpp", ".h")}
    total = hashlib.sha256()
    for path in sorted(files):
        total.update(f"{path.relative_to(top)}\n{path.stat().st_size}\n".encode())
        total.update(path.read_bytes())
    return total.hexdigest()[:16]


def read_runs(path: Path) -> list[dict]:
    if not path.exists():
        return []
    runs = []
    for number, line in enumerate(path.read_text().splitlines(), 1):
        try:
            runs.append(json.loads(line))
        except json.JSONDecodeError as exc:
            raise Failure(f"{path}, line {number}: {exc}") from exc
    return runs


def append_run(path: Path, run: dict) -> None:
    with path.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.write(json.dumps(run) + "\n")


@dataclass
class Counts:
    done: int = 0
    runs: int = 0
    failed: int = 0
    seconds: float = 0


def count(runs: list[dict], test: str, sources: str) -> Counts:
    counts = Counts()
    for run in runs:
        if run["test"] == test and run["sources"] == sources:
            counts.done += run["count"]
            counts.runs += 1
            counts.failed += not run["passed"]
            counts.seconds += run["seconds"]
    return counts


def report(output: str, done: str) -> tuple[int, bool, list[str]]:
    """The number that was done, whether all tests passed, and those that did not."""
    found = [int(number) for number in re.findall(done, output, re.MULTILINE)]
    failed = re.findall(r"^not ok .*", output, re.MULTILINE)
    plan = re.search(r"^1\.\.(\d+)$", output, re.MULTILINE)
    passed = len(re.findall(r"^ok \d+", output, re.MULTILINE))
    whole = bool(found) and plan is not None and passed == int(plan.group(1)) > 0
    return sum(found), whole and not failed, failed


def run_test(name: str, number: int, seed: int) -> bool:
    test = TESTS[name]
    folder = BUILD / name
    folder.mkdir(parents=True, exist_ok=True)
    sources = hash_of(TOP, test.sources)
    with (BUILD / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        subprocess.run(["bash", "-c", '. tools/common.sh; build_copy "$1"', "build_copy", str(BUILD / "tree")], cwd=TOP,
                       check=True)
    environment = {**os.environ, test.variable: str(number), "VECX_SEED": str(seed)}
    server = folder / "server"
    begin = time.monotonic()
    log = folder / "log"
    with log.open("w") as out:
        status = subprocess.run(["tools/private-server", "-t", "-d", str(server), "-s", str(BUILD / "tree"), "run",
                                 *test.command.split()], cwd=TOP, env=environment, stdout=out, stderr=out,
                                stdin=subprocess.DEVNULL, check=False).returncode
    seconds = time.monotonic() - begin
    done, passed, failed = report(log.read_text(errors="replace"), test.done)
    passed = passed and status == 0
    append_run(RUNS, {"test": name, "date": datetime.date.today().isoformat(), "sources": sources, "seed": seed,
                      "count": done, "seconds": round(seconds), "passed": passed})
    print(f"{name}: {done:,} {test.what} in {seconds:,.0f} s, seed {seed}: {'passed' if passed else 'FAILED'}")
    if not passed:
        kept = BUILD / "failed" / f"{name}-{seed}-{int(time.time())}"
        shutil.copytree(server / "tap", kept / "tap", ignore=shutil.ignore_patterns(".s.PGSQL.*"))
        shutil.copy(log, kept)
        print("\n".join(failed))
        print(f"kept: {kept}\nrepeat: test/reliability/long_runs.py run {name} --count {number} --seed {seed}")
    return passed


def print_counts(markdown: bool) -> None:
    runs = read_runs(RUNS)
    rows = [("test", "of the present sources", "wanted", "runs", "failed", "hours")]
    for name, test in TESTS.items():
        counts = count(runs, name, hash_of(TOP, test.sources))
        rows.append((name, f"{counts.done:,} {test.what}", f"{test.wanted:,}", str(counts.runs), str(counts.failed),
                     f"{counts.seconds / 3600:.1f}"))
    if markdown:
        rows.insert(1, ("---",) * len(rows[0]))
        for row in rows:
            print("| " + " | ".join(row) + " |")
        return
    widths = [max(map(len, column)) for column in zip(*rows)]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip())


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    actions = parser.add_subparsers(dest="action", required=True)
    run = actions.add_parser("run", help="run a test and record it")
    run.add_argument("test", choices=sorted(TESTS))
    run.add_argument("--count", type=int, help="how many; by default as many as make check-long")
    run.add_argument("--seed", type=int, help="of the random choices")
    counts = actions.add_parser("counts", help="what has been done of the present sources")
    counts.add_argument("--markdown", action="store_true")
    arguments = parser.parse_args()
    if arguments.action == "counts":
        print_counts(arguments.markdown)
        return 0
    number = arguments.count or TESTS[arguments.test].count
    seed = arguments.seed if arguments.seed is not None else int.from_bytes(os.urandom(4), "little") >> 1
    return 0 if run_test(arguments.test, number, seed) else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Failure as failure:
        sys.exit(f"long_runs.py: {failure}")

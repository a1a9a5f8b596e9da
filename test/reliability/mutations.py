#!/usr/bin/python3
"""Do the tests notice faults?

    test/reliability/mutations.py [PATCH...]

Each file of test/mutations puts a fault into the sources, chosen by somebody who had not read the tests.  It is applied
to a copy, and the suites of `make check` run there, the quick ones first, until one fails.  Prints for each fault which
test noticed it, and at the end how many did; what is known is kept in build/mutations/results.jsonl, so that a run that
was stopped goes on.  A fault that no suite notices takes half an hour.
"""
from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import time
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
PATCHES = TOP / "test" / "mutations"
BUILD = TOP / "build" / "mutations"
SUITES = ("regress", "assert", "unit", "tap", "unit-asan")
NOTICED = re.compile(r"^(?:not ok \d+ .*|# *Failed test .*|.*\.\.\. +FAILED.*|\[  FAILED  \] .*|.*error: .*)$", re.MULTILINE)


def prepare(tree: Path, patch: Path) -> None:
    """A copy of the checkout with the fault."""
    subprocess.run(["bash", "-c", '. tools/common.sh; copy_source "$1"', "copy_source", str(tree)], cwd=TOP, check=True)
    # Copies keep their times: make must see that a file is without the last fault again.
    touched = BUILD / "touched"
    for name in touched.read_text().split() if touched.exists() else ():
        (tree / name).touch()
    touched.write_text("\n".join(re.findall(r"^\+\+\+ b/(\S+)", patch.read_text(), re.MULTILINE)))
    subprocess.run(["patch", "-p1", "--quiet", "-i", str(patch)], cwd=tree, check=True)


def noticed_by(tree: Path, patch: Path) -> tuple[str, str] | None:
    """The suite and the first test that fails, or None."""
    for suite in SUITES:
        status = subprocess.run(["test/check", suite], cwd=tree, stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT,
                                stdin=subprocess.DEVNULL, check=False).returncode
        if status == 0:
            continue
        log = (tree / "build" / "check" / "log" / f"{suite}.log").read_text(errors="replace")
        found = NOTICED.search(log)
        return suite, found.group(0).strip() if found else "the suite did not end well"
    return None


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("patches", nargs="*", type=Path, help="of test/mutations; all, unless said")
    arguments = parser.parse_args()
    BUILD.mkdir(parents=True, exist_ok=True)
    results = BUILD / "results.jsonl"
    known = {}
    if results.exists() and not arguments.patches:
        known = {line["patch"]: line for line in map(json.loads, results.read_text().splitlines())}
    patches = arguments.patches or sorted(PATCHES.glob("*.patch"))
    caught = 0
    for patch in patches:
        if patch.name not in known:
            begin = time.monotonic()
            tree = BUILD / "tree"
            prepare(tree, patch.resolve())
            found = noticed_by(tree, patch)
            known[patch.name] = {"patch": patch.name, "suite": found and found[0], "test": found and found[1],
                                 "seconds": round(time.monotonic() - begin)}
            with results.open("a") as file:
                file.write(json.dumps(known[patch.name]) + "\n")
        line = known[patch.name]
        caught += line["suite"] is not None
        print(f"{patch.stem}: {line['suite'] + ': ' + line['test'] if line['suite'] else 'NOT NOTICED'}", flush=True)
    print(f"{caught} of {len(patches)} faults noticed")
    return 0 if caught >= len(patches) * 0.95 else 1


if __name__ == "__main__":
    sys.exit(main())

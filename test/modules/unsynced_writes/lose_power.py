#!/usr/bin/python3
"""Undo some of the writes that no sync followed, as a loss of power may.

    lose_power.py JOURNAL ROOT SEED

JOURNAL is what unsynced_writes.cpp has noted, ROOT the folder of the files.  Of each block of 4 kB any of the versions
since the last sync may be what the disk has: from the last back to the one that was synced.  Blocks by which a file
grew may be zeros, or missing at its end.  No process may have the files open.  Prints what was done.
"""
from __future__ import annotations

import os
import random
import struct
import sys
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Iterator

BLOCK = 4096
HEAD = struct.Struct("<IIQQQQQ")
WRITE, SYNC, GONE = 1, 2, 3


@dataclass(frozen=True)
class Write:
    at: int  # in the journal
    offset: int
    bytes: int
    before: int  # length of the file
    old: bytes


def entries(journal: bytes) -> Iterator[tuple[int, int, tuple[int, int], Write]]:
    at = 0
    while at + HEAD.size <= len(journal):
        size, kind, device, inode, offset, before, count = HEAD.unpack_from(journal, at)
        end = at + 4 + size
        if end > len(journal):
            break  # the process was killed while it wrote this
        yield at, kind, (device, inode), Write(at, offset, count, before, journal[at + HEAD.size:end])
        at = end


def unsynced(journal: bytes) -> dict[tuple[int, int], list[Write]]:
    """The writes of each file that may be undone, in order."""
    files: dict[tuple[int, int], list[Write]] = defaultdict(list)
    for _, kind, file, entry in entries(journal):
        if kind == WRITE:
            files[file].append(entry)
        elif kind == SYNC:
            files[file] = [write for write in files[file] if write.at >= entry.before]
        else:
            files[file] = []
    return {file: writes for file, writes in files.items() if writes}


def blocks_of(write: Write) -> range:
    return range(write.offset // BLOCK, (write.offset + write.bytes - 1) // BLOCK + 1)


def undo(path: Path, writes: list[Write], chance: float, choose: random.Random) -> int:
    """Takes each block back to a version that the disk may have. Returns the number of blocks."""
    history: dict[int, list[Write]] = defaultdict(list)
    for write in writes:
        for block in blocks_of(write):
            history[block].append(write)
    synced = writes[0].before  # length
    undone = 0
    with path.open("r+b") as file:
        length = file.seek(0, os.SEEK_END)
        missing = length
        for block in sorted(history, reverse=True):
            if choose.random() >= chance:
                continue
            undone += 1
            versions = history[block]
            back = versions[choose.randrange(len(versions)):]
            for write in reversed(back):
                begin = max(write.offset, block * BLOCK)
                end = min(write.offset + write.bytes, (block + 1) * BLOCK)
                old = write.old[begin - write.offset:end - write.offset]
                old += bytes(end - begin - len(old))
                file.seek(begin)
                file.write(old)
            grew = len(back) == len(versions) and block * BLOCK >= synced
            if grew and (block + 1) * BLOCK >= missing:
                missing = block * BLOCK
        if missing < length and choose.random() < 0.5:
            file.truncate(max(missing, synced))
        else:
            file.seek(0, os.SEEK_END)
            if file.tell() > length:  # of a write that the kill came before
                file.truncate(length)
    return undone


def main() -> None:
    journal, root, seed = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
    choose = random.Random(seed)
    files = unsynced(journal.read_bytes())
    paths = {(status.st_dev, status.st_ino): path for path in root.rglob("*") if path.is_file()
             for status in [path.stat()]}
    chance = choose.choice((0.05, 0.3, 0.7, 1))
    blocks = touched = 0
    for file in sorted(files):
        if file in paths:
            undone = undo(paths[file], files[file], chance, choose)
            blocks += undone
            touched += undone > 0
    print(f"{blocks} blocks of {touched} files undone")


if __name__ == "__main__":
    main()

#!/usr/bin/python3
"""Send valid and spoiled binary values of vector, halfvec and sparsevec to a server with vecx.

One in eight travels as a COPY BINARY of one row, the others as binary parameters of
`SELECT vector_send($1)` and its like, many to a round trip.  A model of the formats tells for each
message whether it must be refused and by which SQLSTATEs it may be; what is accepted must come back
byte for byte; the backend must live to the end.  Run by test/check.

    test/fuzz/copy_binary.py [N] [--dsn DSN] [--seed S] [--dry-run]
"""
from __future__ import annotations

import argparse
import random
import struct
import sys
import time
from collections import Counter
from dataclasses import dataclass

import numpy as np

MAX_DIMENSIONS = 16000
MAX_SPARSE_DIMENSIONS = 1_000_000_000
MAX_NONZEROS = 16000

DATA = "22000"
LIMIT = "54000"
PROTOCOL = "08P01"  # the message ends too early
BINARY = "22P03"  # the message does not end where the value does
COPY_FORMAT = "22P04"
REFUSALS = {DATA, "22003", LIMIT, PROTOCOL, BINARY, COPY_FORMAT}

TYPES = ("vector", "halfvec", "sparsevec")
BATCH_MESSAGES = 200
BATCH_BYTES = 200_000

INT16 = (-32768, -2, -1, 0, 1, 2, 3, 15999, 16000, 16001, 32767)
INT32 = (-(2**31), -2, -1, 0, 1, 2, 3, 16000, 16001, 10**9 - 1, 10**9, 10**9 + 1, 2**31 - 1)

COPY_HEADER = b"PGCOPY\n\xff\r\n\0" + struct.pack(">ii", 0, 0)
COPY_TRAILER = struct.pack(">h", -1)


# --- The model ---------------------------------------------------------------------------------


def float_faults(values: np.ndarray) -> set[str]:
    return set() if np.isfinite(values).all() else {DATA}


def dense_faults(message: bytes, element: str, typmod: int | None) -> set[str]:
    """Every SQLSTATE that the message deserves; which comes first is not judged."""
    if len(message) < 4:
        return {PROTOCOL}
    dimensions, unused = struct.unpack_from(">hh", message)
    faults = set()
    if dimensions < 1:
        faults.add(DATA)
    if dimensions > MAX_DIMENSIONS:
        faults.add(LIMIT)
    if unused != 0 or (typmod is not None and dimensions != typmod):
        faults.add(DATA)
    size = np.dtype(element).itemsize
    needed = 4 + max(dimensions, 0) * size
    if len(message) < needed:
        faults.add(PROTOCOL)
    elif len(message) > needed:
        faults.add(BINARY)
    count = min(max(dimensions, 0), (len(message) - 4) // size)
    return faults | float_faults(np.frombuffer(message, element, count, 4))


def sparse_faults(message: bytes, typmod: int | None) -> set[str]:
    if len(message) < 12:
        return {PROTOCOL}
    dimensions, count, unused = struct.unpack_from(">iii", message)
    faults = set()
    if dimensions < 1 or count < 0:
        faults.add(DATA)
    if dimensions > MAX_SPARSE_DIMENSIONS or count > MAX_NONZEROS or count > dimensions:
        faults.add(LIMIT)
    if unused != 0 or (typmod is not None and dimensions != typmod):
        faults.add(DATA)
    needed = 12 + 8 * max(count, 0)
    if len(message) < needed:
        faults.add(PROTOCOL)
    elif len(message) > needed:
        faults.add(BINARY)
    whole = min(max(count, 0), (len(message) - 12) // 4)
    indices = np.frombuffer(message, ">i4", whole, 12).astype(np.int64)
    if ((indices < 0) | (indices >= dimensions)).any() or (np.diff(indices) <= 0).any():
        faults.add(DATA)
    if len(message) >= needed:
        values = np.frombuffer(message, ">f4", max(count, 0), 12 + 4 * max(count, 0))
        if (values == 0).any():
            faults.add(DATA)
        faults |= float_faults(values)
    return faults


def faults_of(kind: str, message: bytes, typmod: int | None = None) -> set[str]:
    if kind == "sparsevec":
        return sparse_faults(message, typmod)
    return dense_faults(message, ">f4" if kind == "vector" else ">f2", typmod)


# --- Messages ----------------------------------------------------------------------------------


@dataclass
class Message:
    kind: str
    content: bytes  # the value
    faults: set[str]
    typmod: int | None = None
    frame: bytes | None = None  # COPY only: everything sent
    broken_frame: bool = False  # the model says nothing about it

    def wrong(self, state: str | None) -> bool:
        """Whether the server's answer, None for accepted, is one that the model forbids."""
        if self.broken_frame:
            return state is not None and state not in REFUSALS
        return state not in self.faults if self.faults else state is not None


class Maker:
    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        generator = np.random.default_rng(seed)
        bits = generator.integers(0, 2**32, 1 << 17, dtype=np.uint32)
        floats = bits.view(np.float32)
        self.floats = bits[np.isfinite(floats) & (floats != 0)].astype(">u4").tobytes()
        bits = bits.astype(np.uint16)
        self.halves = bits[np.isfinite(bits.view(np.float16))].astype(">u2").tobytes()

    def count(self) -> int:
        """Mostly a few, seldom the most there may be."""
        choice = self.random.random()
        if choice < 0.90:
            return self.random.randint(1, 20)
        if choice < 0.995:
            return self.random.randint(20, 400)
        return self.random.choice((1536, 4096, 15999, MAX_DIMENSIONS))

    def elements(self, pool: bytes, size: int, count: int) -> bytes:
        start = self.random.randrange(len(pool) // size - count) * size
        return pool[start : start + count * size]

    def valid(self, kind: str) -> bytes:
        count = 3 if self.random.random() < 0.2 else self.count()
        if kind == "vector":
            return struct.pack(">hh", count, 0) + self.elements(self.floats, 4, count)
        if kind == "halfvec":
            return struct.pack(">hh", count, 0) + self.elements(self.halves, 2, count)
        dimensions = self.random.choice(
            (3, count, 2 * count, 1000, 100_000, MAX_SPARSE_DIMENSIONS)
        )
        count = min(self.random.choice((0, 1, count, count)), dimensions)
        indices = sorted(self.random.sample(range(dimensions), count))
        return (
            struct.pack(">iii", dimensions, count, 0)
            + np.array(indices, ">i4").tobytes()
            + self.elements(self.floats, 4, count)
        )

    def spoil(self, kind: str, message: bytes) -> bytes:
        spoiled = bytearray(message)
        choose = self.random
        header = 12 if kind == "sparsevec" else 4
        size = 2 if kind == "halfvec" else 4
        places = (len(spoiled) - header) // size  # of elements

        def place() -> int:
            return header + size * choose.randrange(places)

        action = choose.randrange(12)
        if action == 0:
            del spoiled[choose.randrange(len(spoiled) + 1) :]
        elif action == 1:
            del spoiled[-choose.randint(1, 8) :]
        elif action == 2:
            spoiled += choose.randbytes(choose.choice((1, 2, 3, 4, 8, choose.randrange(1, 100))))
        elif action == 3 and spoiled:
            for _ in range(choose.choice((1, 1, 2, 16))):
                spoiled[choose.randrange(len(spoiled))] ^= 1 << choose.randrange(8)
        elif action == 4 and len(spoiled) >= header:
            if kind == "sparsevec":
                struct.pack_into(">i", spoiled, 4 * choose.randrange(3), choose.choice(INT32))
            else:
                struct.pack_into(">h", spoiled, 2 * choose.randrange(2), choose.choice(INT16))
        elif action == 5 and len(spoiled) >= header:  # a count that is nearly right
            at, form = (4, ">i") if kind == "sparsevec" else (0, ">h")
            (count,) = struct.unpack_from(form, spoiled, at)
            if -1000 < count < 17000:
                struct.pack_into(form, spoiled, at, count + choose.choice((-2, -1, 1, 2)))
        elif action in (6, 7) and places > 0:  # NaN, infinity, zero; sparsevec: also as an index
            bits = choose.choice((0x7F80, 0xFF80, 0x7FC0, 0x7F81, 0xFFFF, 0, 0x8000))
            if kind == "halfvec":
                bits = choose.choice((0x7C00, 0xFC00, 0x7E00, 0x7C01, 0xFFFF, 0, 0x8000))
                struct.pack_into(">H", spoiled, place(), bits)
            else:
                struct.pack_into(">HH", spoiled, place(), bits, 0)
        elif action == 8 and places > 1:  # two elements change places
            one, other = place(), place()
            spoiled[one : one + size], spoiled[other : other + size] = (
                spoiled[other : other + size],
                spoiled[one : one + size],
            )
        elif action == 9 and places > 1:  # one is written over the next
            at = header + size * choose.randrange(places - 1)
            spoiled[at + size : at + 2 * size] = spoiled[at : at + size]
        elif action == 10 and places > 0 and kind == "sparsevec":
            struct.pack_into(">i", spoiled, place(), choose.choice(INT32))
        elif action == 11 and choose.random() < 0.3:
            spoiled = bytearray(choose.randbytes(choose.randrange(64)))
        return bytes(spoiled)

    def message(self) -> Message:
        kind = self.random.choice(TYPES)
        content = self.valid(kind)
        for _ in range(self.random.choice((0, 1, 1, 1, 1, 2, 3))):
            content = self.spoil(kind, content)
        return Message(kind, content, faults_of(kind, content))

    def copy_message(self) -> Message:
        """A COPY file of one row, for a column with or without a type modifier of 3."""
        message = self.message()
        if self.random.random() < 0.3:
            message.typmod = 3
            message.faults = faults_of(message.kind, message.content, 3)
        row = struct.pack(">hi", 1, len(message.content)) + message.content
        message.frame = COPY_HEADER + row + COPY_TRAILER
        if self.random.random() < 0.1:
            message.broken_frame = True
            frame = bytearray(message.frame)
            fields = len(COPY_HEADER)
            action = self.random.randrange(5)
            if action == 0:
                struct.pack_into(">h", frame, fields, self.random.choice(INT16))
            elif action == 1:
                length = self.random.choice((*INT32[:-1], len(message.content) - 1, 100_000))
                struct.pack_into(">i", frame, fields + 2, length)
            elif action == 2:
                del frame[self.random.randrange(len(frame)) :]
            elif action == 3:
                frame += self.random.randbytes(self.random.randint(1, 20))
            else:
                frame[self.random.randrange(len(frame))] ^= 1 << self.random.randrange(8)
            message.frame = bytes(frame)
        return message


def make_batches(maker: Maker, total: int):
    """Lists of messages that travel together: parameters, or every eighth time COPY files."""
    made = batch = 0
    while made < total:
        batch += 1
        make = maker.copy_message if batch % 8 == 0 else maker.message
        messages: list[Message] = []
        volume = 0
        while len(messages) < BATCH_MESSAGES and volume < BATCH_BYTES and made < total:
            messages.append(make())
            volume += len(messages[-1].content)
            made += 1
        yield messages


# --- The server --------------------------------------------------------------------------------


class LostConnection(Exception):
    pass


class Server:
    """One connection by libpq's own calls: psycopg's cursors stop a pipeline at an error."""

    def __init__(self, dsn: str) -> None:
        import psycopg
        from psycopg import pq

        self.pq = pq
        self.connection = psycopg.connect(dsn, autocommit=True)
        self.libpq = self.connection.pgconn
        # psycopg's non-blocking mode waits for room to send without reading: with a batch of
        # answers on its way back, neither side could go on.
        self.libpq.nonblocking = 0
        execute = self.connection.execute
        self.made_extension = not execute(
            "SELECT FROM pg_extension WHERE extname = 'vecx'"
        ).fetchall()
        execute("SET client_min_messages TO warning")
        execute("CREATE EXTENSION IF NOT EXISTS vecx")
        if execute("SELECT rolsuper FROM pg_roles WHERE rolname = current_user").fetchone()[0]:
            execute("SET log_min_messages TO fatal")  # not a line of the log for each message
        for kind in TYPES:
            execute(f"PREPARE send_{kind}({kind}) AS SELECT {kind}_send($1)")
            execute(f"CREATE TEMPORARY TABLE copied_{kind} (value {kind})")
            execute(f"CREATE TEMPORARY TABLE copied_{kind}_3 (value {kind}(3))")
        self.accepted_copies: Counter[str] = Counter()

    def identity(self) -> tuple:
        query = "SELECT pg_backend_pid(), pg_postmaster_start_time()"
        return self.connection.execute(query).fetchone()

    def drop(self) -> None:
        self.connection.execute("DISCARD TEMP")
        if self.made_extension:
            self.connection.execute("DEALLOCATE ALL")
            self.connection.execute("DROP EXTENSION vecx")

    def check_alive(self) -> None:
        if self.libpq.status != self.pq.ConnStatus.OK:
            raise LostConnection(self.libpq.error_message.decode(errors="replace"))

    def results(self) -> list:
        """Up to the end of one statement."""
        found = []
        while (result := self.libpq.get_result()) is not None:
            found.append(result)
            if result.status in (self.pq.ExecStatus.COPY_IN, self.pq.ExecStatus.PIPELINE_SYNC):
                break
        self.check_alive()
        return found

    def judge(self, results: list) -> tuple[str | None, bytes | None]:
        """The SQLSTATE of the refusal, or None and the bytes that came back, if any."""
        sqlstate = None
        value = None
        for result in results:
            if result.status == self.pq.ExecStatus.FATAL_ERROR:
                field = result.error_field(self.pq.DiagnosticField.SQLSTATE)
                sqlstate = field.decode() if field else "none"
            elif result.status == self.pq.ExecStatus.TUPLES_OK and result.ntuples == 1:
                value = result.get_value(0, 0)
        return sqlstate, value

    def send_parameters(self, messages: list[Message]) -> list[tuple[str | None, bytes | None]]:
        self.libpq.enter_pipeline_mode()
        for message in messages:
            name = b"send_" + message.kind.encode()
            self.libpq.send_query_prepared(name, [message.content], [1], 1)
            self.libpq.pipeline_sync()
        answers = []
        for _ in messages:
            answers.append(self.judge(self.results()))
            end = self.results()  # of the pipeline up to here
            if [result.status for result in end] != [self.pq.ExecStatus.PIPELINE_SYNC]:
                raise LostConnection("the pipeline fell out of step")
        self.libpq.exit_pipeline_mode()
        return answers

    def copy(self, message: Message) -> tuple[str | None, bytes | None]:
        table = "copied_" + message.kind + ("_3" if message.typmod else "")
        self.libpq.send_query(f"COPY {table} FROM STDIN (FORMAT binary)".encode())
        self.results()
        self.libpq.put_copy_data(message.frame)
        self.libpq.put_copy_end()
        sqlstate, _ = self.judge(self.results())
        if sqlstate is not None:
            return sqlstate, None
        query = f"DELETE FROM {table} RETURNING {message.kind}_send(value)"
        result = self.libpq.exec_params(query.encode(), [], result_format=1)
        _, value = self.judge([result])
        self.check_alive()
        self.accepted_copies[table] += 1
        if self.accepted_copies[table] % 100 == 0:
            self.libpq.exec_(f"TRUNCATE {table}".encode())
        return None, value

    def send(self, messages: list[Message]) -> list[tuple[str | None, bytes | None]]:
        import psycopg

        try:
            if messages[0].frame is None:
                return self.send_parameters(messages)
            return [self.copy(message) for message in messages]
        except psycopg.OperationalError as error:
            raise LostConnection(str(error)) from error


# --- The run -----------------------------------------------------------------------------------


class Tally:
    def __init__(self) -> None:
        self.sent = 0
        self.copied = 0
        self.accepted = 0
        self.refused: Counter[str] = Counter()
        self.wrong = 0
        self.crashes = 0

    def add(self, message: Message, sqlstate: str | None, value: bytes | None) -> None:
        self.sent += 1
        self.copied += message.frame is not None
        if sqlstate is None:
            self.accepted += 1
        else:
            self.refused[sqlstate] += 1
        if message.wrong(sqlstate):
            allowed = "/".join(sorted(message.faults)) or "acceptance"
            self.report(message, f"answered by {sqlstate or 'acceptance'}, expected {allowed}")
        elif sqlstate is None and not message.broken_frame and value != message.content:
            back = "nothing" if value is None else value.hex()
            self.report(message, f"was accepted and came back as {back}")

    def report(self, message: Message, what: str) -> None:
        self.wrong += 1
        if self.wrong <= 20:
            way = "parameter" if message.frame is None else "COPY"
            print(f"{message.kind} by {way} {what[:400]}", file=sys.stderr)
            print(f"    {(message.frame or message.content)[:2000].hex()}", file=sys.stderr)

    def print(self) -> None:
        print(f"sent      {self.sent}, of these {self.copied} by COPY")
        print(f"accepted  {self.accepted}")
        for sqlstate, count in sorted(self.refused.items()):
            print(f"refused   {count} by {sqlstate}")
        print(f"wrong     {self.wrong}")
        print(f"crashes   {self.crashes}")


def run(options: argparse.Namespace) -> int:
    server = None if options.dry_run else Server(options.dsn)
    before = server.identity() if server else None
    tally = Tally()
    shown = time.monotonic()
    for messages in make_batches(Maker(options.seed), options.count):
        if server is None:
            for message in messages:
                sqlstate = min(message.faults, default=None)
                tally.add(message, sqlstate, message.content)
            answers = []
        else:
            try:
                answers = server.send(messages)
            except LostConnection as error:
                tally.crashes += 1
                print(f"the connection broke: {error}", file=sys.stderr)
                last = tally.sent + len(messages)
                print(f"    in messages {tally.sent} to {last}", file=sys.stderr)
                break
        for message, (sqlstate, value) in zip(messages, answers):
            tally.add(message, sqlstate, value)
        if time.monotonic() - shown > 5:
            shown = time.monotonic()
            counts = f"{tally.sent} sent, {tally.accepted} accepted, {tally.wrong} wrong"
            print(counts, file=sys.stderr)
    if server and tally.crashes == 0:
        if server.identity() != before:
            tally.crashes += 1
            print("the backend or the server is not the one it was", file=sys.stderr)
        server.drop()
    tally.print()
    return 1 if tally.wrong or tally.crashes or tally.sent != options.count else 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("count", nargs="?", type=int, default=500_000, help="messages to send")
    parser.add_argument("--dsn", default="", help="libpq connection string, else its environment")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--dry-run", action="store_true", help="make and judge, but send nothing")
    return run(parser.parse_args())


if __name__ == "__main__":
    sys.exit(main())

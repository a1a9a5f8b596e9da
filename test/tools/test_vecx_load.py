#!/usr/bin/python3
"""Tests of tools/vecx-load: readers, encoder, and loading into a server.

The server is the one of the libpq environment variables (PGHOST, PGPORT, ...);
its user must be allowed to create databases and the extension vecx, or vector
where that is the one installed.  Everything happens in a database made here and
dropped at the end.  Without any of these variables, and with no server where
libpq looks by itself, the tests that need one are skipped.

    test/tools/test_vecx_load.py [-v] [TEST...]
"""
from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path
from typing import Any

sys.dont_write_bytecode = True
TOOLS = Path(__file__).resolve().parents[2] / "tools"
sys.path.insert(0, str(TOOLS))

import numpy as np
import psycopg
from psycopg import sql

import vecx_load_formats as formats

try:
    import h5py
except ImportError:
    h5py = None

RNG = np.random.default_rng(20240229)


def write_vecs(path: Path, array: np.ndarray) -> Path:
    """.fvecs, .ivecs or .bvecs, written the slow and obvious way."""
    with open(path, "wb") as out:
        for row in array:
            out.write(len(row).to_bytes(4, "little") + row.tobytes())
    return path


def save(path: Path, array: np.ndarray) -> Path:
    np.save(path, array)
    return path


def decode(data: bytes, element: str) -> list[tuple[list[int], np.ndarray]]:
    """COPY BINARY rows by the book, field by field: (integers before the vector, vector)."""
    rows, at = [], 0

    def take(size: int) -> int:
        nonlocal at
        at += size
        return int.from_bytes(data[at - size : at], "big", signed=True)

    while at < len(data):
        integers = [take(take(4)) for _ in range(take(2) - 1)]
        length, dim, unused = take(4), take(2), take(2)
        size = np.dtype(element).itemsize
        assert length == 4 + dim * size and unused == 0, (length, dim, unused)
        rows.append((integers, np.frombuffer(data, element, dim, at)))
        at += dim * size
    return rows


class Files(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.dir = Path(folder.name)

    def run_tool(self, *arguments: Any) -> subprocess.CompletedProcess[str]:
        return subprocess.run([TOOLS / "vecx-load", *map(str, arguments)], capture_output=True, text=True)

    def write_hdf5(self, **datasets: np.ndarray) -> Path:
        if h5py is None:
            self.skipTest("h5py is not installed")
        path = self.dir / "data.hdf5"
        with h5py.File(path, "w") as file:
            for name, array in datasets.items():
                file[name] = array
        return path


class Readers(Files):
    def check(self, path: Path, array: np.ndarray, dataset: str = "train") -> None:
        source = formats.open_source(path, dataset)
        self.assertEqual((source.rows, source.dim), array.shape)
        np.testing.assert_array_equal(source.read(0, source.rows), array)
        np.testing.assert_array_equal(source.read(2, 5), array[2:5])

    def fails(self, message: str, path: Path, dataset: str = "train") -> None:
        with self.assertRaisesRegex(formats.LoadError, message) as caught:
            source = formats.open_source(path, dataset)
            source.read(0, source.rows)
        self.assertNotIn("\n", str(caught.exception))

    def test_npy(self) -> None:
        values = RNG.integers(0, 100, (20, 6))
        for name in "f2 f4 f8 >f4 >f8 g i1 u1 i2 u2 i4 u4 i8 u8 >i4".split():
            with self.subTest(name):
                self.check(save(self.dir / "a.npy", values.astype(name)), values.astype(name))

    def test_npy_in_column_order(self) -> None:
        values = np.asfortranarray(RNG.random((20, 6)))
        self.check(save(self.dir / "a.npy", values), values)

    def test_npy_is_mapped(self) -> None:
        path = save(self.dir / "a.npy", RNG.random((20, 6)))
        self.assertIsInstance(formats.open_source(path, "").read(0, 2), np.memmap)

    def test_vecs(self) -> None:
        for suffix, element in ((".fvecs", "<f4"), (".ivecs", "<i4"), (".bvecs", "u1"), (".FVECS", "<f4")):
            for dim in (1, 7, 128):
                with self.subTest(suffix=suffix, dim=dim):
                    values = RNG.integers(0, 255, (20, dim)).astype(element)
                    self.check(write_vecs(self.dir / ("a" + suffix), values), values)

    def test_hdf5(self) -> None:
        train, test = RNG.random((20, 6), "f4"), RNG.integers(0, 9, (10, 3))
        path = self.write_hdf5(train=train, test=test)
        self.check(path, train)
        self.check(path, test, "test")
        self.check(path.rename(self.dir / "a.h5"), train)

    def test_hdf5_errors(self) -> None:
        path = self.write_hdf5(test=np.zeros((2, 3)), line=np.zeros(4), flags=np.zeros((2, 3), bool))
        self.fails('no dataset "train", there is: flags, line, test: use --dataset', path)
        self.fails(r"wrong shape \(4,\)", path, "line")
        self.fails("elements are bool", path, "flags")
        (self.dir / "b.hdf5").write_bytes(b"no HDF5")
        self.fails("not a readable HDF5 file", self.dir / "b.hdf5")

    def test_npy_errors(self) -> None:
        for array, message in ((np.zeros(3), r"wrong shape \(3,\)"), (np.array(1.0), r"wrong shape \(\)"),
                               (np.zeros((2, 3, 4)), r"wrong shape \(2, 3, 4\)"),
                               (np.zeros((2, 3), complex), "elements are complex"),
                               (np.zeros((2, 3), bool), "elements are bool"),
                               (np.array([["a", "b"]]), "elements are <U1"),
                               (np.array([[None]]), "Python objects"), (np.zeros((0, 3)), "no rows"),
                               (np.zeros((3, 0)), "0 dimensions"), (np.zeros((2, 16001), "u1"), "16001 dimensions")):
            with self.subTest(message):
                self.fails(message, save(self.dir / "a.npy", array))
        path = save(self.dir / "a.npy", np.zeros((20, 6)))
        whole = path.read_bytes()
        for size in (0, 5, 60, len(whole) - 1):
            with self.subTest(size=size):
                path.write_bytes(whole[:size])
                self.fails("not a readable .npy file", path)
        path.write_bytes(b"something else entirely, and quite a bit longer than a header of .npy would have to be")
        self.fails("not a readable .npy file", path)

    def test_largest_dimension(self) -> None:
        values = np.zeros((5, 16000), "u1")
        self.check(save(self.dir / "a.npy", values), values)
        self.check(write_vecs(self.dir / "a.bvecs", values), values)

    def test_vecs_errors(self) -> None:
        path = self.dir / "a.fvecs"
        path.write_bytes(b"")
        self.fails("no rows", path)
        path.write_bytes(b"\3\0")
        self.fails("truncated: 2 bytes", path)
        for dim in (0, -1, 16001, 0x7FFFFFFF):
            path.write_bytes(dim.to_bytes(4, "little", signed=True) + bytes(100))
            self.fails(f"dimension {dim} in row 0 is not in 1..16000", path)
        whole = write_vecs(path, RNG.random((10, 6), "f4")).read_bytes()
        for cut, row, rest in ((1, 9, 27), (27, 9, 1), (28 * 9 + 1, 0, 27)):
            path.write_bytes(whole[:-cut])
            self.fails(f"truncated: row {row} has {rest} of 28 bytes", path)

    def test_vecs_of_differing_dimensions(self) -> None:
        path = self.dir / "a.fvecs"
        six, five, twelve = RNG.random((4, 6), "f4"), RNG.random((3, 5), "f4"), RNG.random((1, 13), "f4")
        write_vecs(path, [*six, *five])  # the size does not divide by the first row's
        self.fails("row 4 has dimension 5, row 0 has 6", path)
        write_vecs(path, [*six, *twelve])  # and here it does: 56 = 2 * 28 bytes
        self.fails("row 4 has dimension 13, row 0 has 6", path)

    def test_files(self) -> None:
        (self.dir / "a.csv").write_text("1,2")
        self.fails('unknown extension ".csv", known are .npy .fvecs', self.dir / "a.csv")
        with self.assertRaises(FileNotFoundError):
            formats.open_source(self.dir / "a.npy", "")
        with self.assertRaises(FileNotFoundError):
            formats.open_source(self.dir / "a.fvecs", "")


class Encoder(unittest.TestCase):
    def test_bytes_of_one_row(self) -> None:
        encode, _ = formats.encoder(2, "vector", "int8")
        self.assertEqual(encode(np.array([[1.0, -2.5]]), 0, 258).hex(" "),
                         "00 02 00 00 00 08 00 00 00 00 00 00 01 02 00 00 00 0c 00 02 00 00 3f 80 00 00 c0 20 00 00")
        encode, _ = formats.encoder(2, "halfvec", None)
        self.assertEqual(encode(np.array([[1.0, -2.5]]), 0, 0).hex(" "), "00 01 00 00 00 08 00 02 00 00 3c 00 c1 00")

    def test_every_source_type(self) -> None:
        values = RNG.integers(0, 100, (9, 5))
        for source in "f2 f4 f8 >f4 >f8 g i1 u1 i2 u2 i4 u4 i8 u8".split():
            for type_name, element in (("vector", ">f4"), ("halfvec", ">f2")):
                for id_type in (None, "int2", "int4", "int8"):
                    with self.subTest(source=source, type=type_name, id=id_type):
                        block = (values / 7).astype(source)
                        encode, _ = formats.encoder(5, type_name, id_type)
                        rows = decode(encode(block, 0, -3), element)
                        self.assertEqual([ids for ids, _ in rows], [[i] if id_type else [] for i in range(-3, 6)])
                        np.testing.assert_array_equal([v for _, v in rows], block.astype(element[1:]))

    def test_blocks_of_every_size(self) -> None:
        """The buffer is used again: a shorter block must not show rows of the one before."""
        encode, most = formats.encoder(3, "vector", "int4")
        for size in (most, 1, 5, most - 1):
            block = RNG.random((size, 3), "f4")
            rows = decode(encode(block, 0, size), ">f4")
            self.assertEqual([ids[0] for ids, _ in rows], list(range(size, 2 * size)))
            np.testing.assert_array_equal([v for _, v in rows], block)
        self.assertEqual(formats.encoder(16000, "vector", "int8")[1], formats.BLOCK_BYTES // 64022)

    def test_rejected_values(self) -> None:
        for type_name, source, value, message in (
                ("vector", "f4", np.nan, "nan is not allowed in vector"),
                ("vector", "f4", np.inf, "inf is not allowed in vector"),
                ("vector", "f8", -np.inf, "-inf is not allowed in vector"),
                ("vector", "f2", np.nan, "nan is not allowed in vector"),
                ("vector", "f8", 1e39, r"1e\+39 is out of range for vector"),
                ("halfvec", "f4", np.nan, "nan is not allowed in halfvec"),
                ("halfvec", "f4", 65520, "65520.0 is out of range for halfvec"),
                ("halfvec", "f8", -65520, "-65520.0 is out of range for halfvec"),
                ("halfvec", "i4", 65520, "65520 is out of range for halfvec"),
                ("halfvec", "u8", 2**40, "1099511627776 is out of range for halfvec")):
            with self.subTest(message, source=source):
                block = np.zeros((4, 6), source)
                block[2, 5] = value
                block[3, 0] = value
                with self.assertRaisesRegex(formats.LoadError, rf"^row 12, column 5 \(counted from 0\): {message}$"):
                    formats.encoder(6, type_name, None)[0](block, 10, 0)

    def test_accepted_extremes(self) -> None:
        for type_name, element, values in (("vector", ">f4", [3.4028234e38, -3.4028234e38, 1e-45, -0.0, 1e-60]),
                                           ("halfvec", ">f2", [65519.9, -65504, 6e-8, -0.0, 1e-60])):
            block = np.array([values])
            (_, vector), = decode(formats.encoder(5, type_name, None)[0](block, 0, 0), element)
            self.assertEqual(vector.tobytes(), block.astype(element).tobytes())


class Arguments(Files):
    def test_usage(self) -> None:
        for arguments in ((), ("a.npy",), ("a.npy", "--table", "a.b.c"),
                          ("a.npy", "--table", ""), ("a.npy", "--table", "a."),
                          ("a.npy", "--table", '"a'), ("a.npy", "--table", '"a"b'),
                          ("a.npy", "--table", "t", "--limit", "0"), ("a.npy", "--table", "t", "--limit", "-1"),
                          ("a.npy", "--table", "t", "--offset", "x"), ("a.npy", "--table", "t", "--type", "bit"),
                          ("a.npy", "--table", "t", "--no-id", "--first-id", "1")):
            with self.subTest(arguments):
                self.assertEqual(self.run_tool(*arguments).returncode, 2)

    def test_one_line_and_1(self) -> None:
        path = save(self.dir / "a.npy", np.zeros((2, 3)))
        nowhere = f"host={self.dir} dbname=x"
        for arguments, message in (((self.dir / "b.npy",), "b.npy: No such file or directory"),
                                   ((self.dir / "b.txt",), 'b.txt: unknown extension ".txt"'),
                                   ((path, "--dsn", nowhere), "cannot connect: .*No such file or directory"),
                                   ((path, "--dsn", "nonsense"), 'cannot connect: missing "="')):
            with self.subTest(message):
                done = self.run_tool(*arguments, "--table", "t")
                self.assertEqual((done.returncode, done.stdout), (1, ""))
                self.assertRegex(done.stderr, rf"^vecx-load: .*{message}.*\n$")

    def test_without_h5py(self) -> None:
        (self.dir / "h5py.py").write_text("raise ImportError")
        (self.dir / "a.hdf5").write_bytes(b"")
        environment = {**os.environ, "PYTHONPATH": str(self.dir)}
        done = subprocess.run([TOOLS / "vecx-load", self.dir / "a.hdf5", "--table", "t"],
                              capture_output=True, text=True, env=environment)
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stderr, "^vecx-load: .*a.hdf5: reading HDF5 needs h5py: install python3-h5py\n$")


class Server(Files):
    """Each test has the database for itself: tables are dropped behind it."""
    database = f"vecx_load_test_{os.getpid()}"

    @classmethod
    def setUpClass(cls) -> None:
        try:
            cls.admin = psycopg.connect(dbname=os.environ.get("PGDATABASE", "postgres"), autocommit=True)
        except psycopg.OperationalError as exc:
            if any(os.environ.get(name) for name in ("PGHOST", "PGHOSTADDR", "PGPORT", "PGSERVICE")):
                raise  # a server was promised
            raise unittest.SkipTest(f"no server: {exc}")
        cls.addClassCleanup(cls.admin.close)
        # A shared database of the suite may have other encodings: names here are not ASCII.
        cls.admin.execute(f"CREATE DATABASE {cls.database} TEMPLATE template0 ENCODING 'UTF8'")
        cls.addClassCleanup(lambda: cls.admin.execute(f"DROP DATABASE {cls.database} WITH (FORCE)"))
        # The name only, so the rest (also a PGSERVICE) stays as the environment says.
        cls.dsn = f"dbname={cls.database}"
        cls.db = psycopg.connect(cls.dsn, autocommit=True)
        cls.addClassCleanup(cls.db.close)
        known = {name for name, in cls.db.execute("SELECT name FROM pg_available_extensions")}
        cls.extension = "vecx" if "vecx" in known else "vector"
        cls.db.execute("SET lock_timeout = '20s'")
        cls.db.execute(f"CREATE EXTENSION {cls.extension}")

    def setUp(self) -> None:
        super().setUp()
        self.addCleanup(self.drop_tables)  # runs behind the cleanups of a test: no load holds a lock any more

    def drop_tables(self) -> None:
        self.query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'vecx-load'")
        for table, in self.query("SELECT oid::regclass::text FROM pg_class WHERE relkind = 'r' AND oid >= 16384 "
                                 "AND relnamespace::regnamespace::text !~ '^pg_|^information_schema'"):
            self.db.execute(f"DROP TABLE {table} CASCADE")

    def query(self, text: str) -> list[tuple]:
        return self.db.execute(text).fetchall()

    def run_tool(self, *arguments: Any) -> subprocess.CompletedProcess[str]:
        return super().run_tool(*arguments, *([] if "--dsn" in arguments else ["--dsn", self.dsn]))

    def load(self, *arguments: Any) -> str:
        done = self.run_tool(*arguments)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return done.stdout

    def fails(self, message: str, *arguments: Any) -> None:
        done = self.run_tool(*arguments)
        self.assertEqual((done.returncode, done.stdout), (1, ""), done.stderr)
        self.assertRegex(done.stderr, rf"^vecx-load: nothing was loaded: .*{message}.*\n$")

    def check(self, table: str, array: np.ndarray, first_id: int | None = 0, element: str = "f4") -> None:
        """Compare by the server's own binary output, decoded independently."""
        columns = "embedding" if first_id is None else "id, embedding"
        statement = f"COPY (SELECT {columns} FROM {table} ORDER BY 1) TO STDOUT (FORMAT binary)"
        with self.db.cursor().copy(statement) as copy:
            data = b"".join(bytes(part) for part in copy)
        rows = decode(data[19:-2], ">" + element)
        if first_id is not None:
            self.assertEqual([ids for ids, _ in rows], [[i] for i in range(first_id, first_id + len(array))])
        else:
            rows.sort(key=lambda row: row[1].tolist())
            array = array[np.lexsort(array.T[::-1])]
        np.testing.assert_array_equal(np.array([v for _, v in rows]), array.astype(element))

    def test_every_format_and_type(self) -> None:
        small = RNG.integers(0, 200, (50, 12))
        files = [(save(self.dir / f"{name}.npy", array), array)
                 for name in "f2 f4 f8 i1 u1 i2 i4 i8 u8".split() for array in [(small / 3).astype(name)]]
        files += [(write_vecs(self.dir / "a.fvecs", (small / 3).astype("<f4")), (small / 3).astype("f4")),
                  (write_vecs(self.dir / "a.ivecs", small.astype("<i4")), small),
                  (write_vecs(self.dir / "a.bvecs", small.astype("u1")), small)]
        if h5py is not None:
            files += [(self.write_hdf5(train=small / 3), small / 3)]
        for path, array in files:
            for type_name, element in formats.ELEMENT.items():
                with self.subTest(path.name, type=type_name):
                    out = self.load(path, "--table", "t", "--create-table", "--type", type_name)
                    self.assertRegex(out, r"^50 rows x 12 in [\d.]+ s: \d+ rows/s, [\d.]+ MB/s\n$")
                    self.check("t", array, element=element)
                    self.db.execute("DROP TABLE t")

    def test_hdf5_dataset(self) -> None:
        test = RNG.random((7, 3), "f4")
        path = self.write_hdf5(train=np.zeros((2, 4)), test=test)
        self.load(path, "--table", "t", "--create-table", "--dataset", "test")
        self.check("t", test)

    def test_many_blocks_and_copies(self) -> None:
        """More than COPY_BYTES, in rows that do not divide the blocks."""
        array = RNG.random((140_001, 128), "f4")
        self.load(save(self.dir / "a.npy", array), "--table", "t", "--create-table")
        self.check("t", array)

    def test_created_table(self) -> None:
        path = save(self.dir / "a.npy", RNG.random((3, 4)))
        self.load(path, "--table", "t", "--create-table")
        self.assertEqual(self.query("SELECT attname, format_type(atttypid, atttypmod), attnotnull FROM pg_attribute "
                                    "WHERE attrelid = 't'::regclass AND attnum > 0 ORDER BY attnum"),
                         [("id", "bigint", True), ("embedding", "vector(4)", False)])
        self.assertEqual(self.query("SELECT pg_get_constraintdef(oid) FROM pg_constraint "
                                    "WHERE conrelid = 't'::regclass"), [("PRIMARY KEY (id)",)])
        self.load(path, "--table", "h", "--create-table", "--no-id", "--type", "halfvec", "--column", "V")
        self.assertEqual(self.query("SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute "
                                    "WHERE attrelid = 'h'::regclass AND attnum > 0"), [("V", "halfvec(4)")])

    def test_into_existing_table(self) -> None:
        array = RNG.random((9, 4), "f4")
        path = save(self.dir / "a.npy", array)
        for id_type in ("smallint", "integer", "bigint"):
            for type_name, element in (("vector", "f4"), ("vector(4)", "f4"), ("halfvec", "f2")):
                with self.subTest(id=id_type, type=type_name):
                    self.db.execute(f"CREATE TABLE t (embedding {type_name}, note text DEFAULT 'x', "
                                    f"id {id_type} PRIMARY KEY)")
                    self.load(path, "--table", "t")
                    self.load(path, "--table", "t", "--first-id", "9")
                    self.check("t", np.concatenate([array, array]), element=element)
                    self.assertEqual(self.query("SELECT DISTINCT note FROM t"), [("x",)])
                    self.db.execute("DROP TABLE t")

    def test_no_id(self) -> None:
        array = RNG.random((9, 4), "f4")
        path = save(self.dir / "a.npy", array)
        self.db.execute("CREATE TABLE t (id bigserial, embedding vector(4))")
        self.load(path, "--table", "t", "--no-id")
        self.check("t", array, first_id=1)
        self.load(path, "--table", "n", "--no-id", "--create-table")
        self.check("n", array, first_id=None)

    def test_part_of_a_file(self) -> None:
        array = RNG.random((20, 4), "f4")
        path = save(self.dir / "a.npy", array)
        self.load(path, "--table", "t", "--create-table", "--limit", "5")
        self.check("t", array[:5])
        self.load(path, "--table", "t", "--offset", "5")  # ids go on: they are the row numbers
        self.check("t", array)
        self.load(path, "--table", "u", "--create-table", "--offset", "18", "--limit", "100", "--first-id", "-1")
        self.check("u", array[18:], first_id=-1)
        self.load(path, "--table", "w", "--create-table", "--offset", "2", "--limit", "3")
        self.check("w", array[2:5], first_id=2)
        self.fails("no rows: --offset 20, but the file has 20", path, "--table", "t", "--offset", "20")

    def test_three_rows_and_none(self) -> None:
        array = RNG.random((3, 1), "f4")
        self.load(save(self.dir / "a.npy", array), "--table", "t", "--create-table", "--quiet")
        self.check("t", array)
        done = self.run_tool(save(self.dir / "b.npy", array[:0]), "--table", "u", "--create-table")
        self.assertEqual((done.returncode, done.stderr), (1, f"vecx-load: {self.dir}/b.npy: no rows\n"))
        self.assertEqual(self.query("SELECT to_regclass('u')"), [(None,)])

    def test_largest_dimension(self) -> None:
        array = RNG.random((40, 16000), "f4")
        path = save(self.dir / "a.npy", array)
        self.db.execute("CREATE TABLE t (id int, embedding vector)")
        self.load(path, "--table", "t")
        self.check("t", array)
        self.load(path, "--table", "u", "--create-table", "--type", "halfvec")
        self.check("u", array, element="f2")

    def test_names(self) -> None:
        array = RNG.random((3, 2), "f4")
        path = save(self.dir / "a.npy", array)
        self.db.execute('CREATE SCHEMA "My Schema"')
        self.addCleanup(self.db.execute, 'DROP SCHEMA "My Schema"')
        for given, table in (("Items", ["Items"]), ('we"ird', ['we"ird']), ("it's %s; DROP", ["it's %s; DROP"]),
                             ("My Schema.Größe", ["My Schema", "Größe"]), ('"a.b"', ["a.b"]),
                             ('"My Schema"."x.""y"', ["My Schema", 'x."y']), ("SELECT", ["SELECT"])):
            with self.subTest(given):
                self.load(path, "--table", given, "--create-table", "--column", 'V "1"', "--id-column", "ID %")
                name = sql.Identifier(*table).as_string(self.db)
                text = sql.SQL("SELECT {}::text, {}::text FROM {} ORDER BY 1").format(
                    sql.Identifier("ID %"), sql.Identifier('V "1"'), sql.Identifier(*table))
                found = self.db.execute(text).fetchall()
                self.assertEqual([i for i, _ in found], ["0", "1", "2"])
                np.testing.assert_array_equal(np.array([eval(v) for _, v in found], "f4"), array)
                self.db.execute(f"DROP TABLE {name}")

    def test_extension_outside_the_search_path(self) -> None:
        path = save(self.dir / "a.npy", RNG.random((3, 2)))
        self.load(path, "--table", "public.t", "--create-table", "--dsn", self.dsn + " options='-c search_path='")
        self.assertEqual(self.query("SELECT count(*) FROM t"), [(3,)])

    def test_errors_of_names_and_types(self) -> None:
        path = save(self.dir / "a.npy", RNG.random((3, 4)))
        self.db.execute("CREATE TABLE t (id bigint, embedding vector(3), h halfvec(3), name text)")
        for message, *arguments in (
                (r'table "T" does not exist \(upper and lower case count\): use --create-table', "--table", "T"),
                ('table "no.t" does not exist', "--table", "no.t"),
                ('schema "no" does not exist', "--table", "no.t", "--create-table"),
                ('relation "t" already exists', "--table", "t", "--create-table"),
                ('table "t" has no column "e": use --column', "--table", "t", "--column", "e"),
                ('table "t" has no column "i": use --id-column or --no-id', "--table", "t", "--id-column", "i"),
                ('column "name" is of type text, not vector or halfvec', "--table", "t", "--column", "name"),
                ('column "h" is of type halfvec, not vector', "--table", "t", "--column", "h", "--type", "vector"),
                ('column "name" is of type text, not an integer: use --no-id', "--table", "t", "--id-column", "name"),
                ("expected 3 dimensions, not 4", "--table", "t"),
                ("expected 3 dimensions, not 4", "--table", "t", "--column", "h", "--no-id"),
                ('column "id" specified more than once', "--table", "n", "--create-table", "--column", "id"),
                (r"do not fit column \"id\" \(int8\)", "--table", "t", "--first-id", 2**63 - 2)):
            with self.subTest(message):
                self.fails(message, path, *arguments)
        self.assertEqual(self.query("SELECT count(*) FROM t"), [(0,)])
        self.assertEqual(self.query("SELECT to_regclass('n')"), [(None,)])

    def test_without_the_extension(self) -> None:
        name = self.database + "_bare"
        self.admin.execute(f"CREATE DATABASE {name} TEMPLATE template0")
        self.addCleanup(self.admin.execute, f"DROP DATABASE {name}")
        path = save(self.dir / "a.npy", RNG.random((3, 4)))
        for type_name in formats.ELEMENT:
            self.fails(f"type {type_name} does not exist in this database: run CREATE EXTENSION vecx",
                       path, "--table", "t", "--create-table", "--type", type_name, "--dsn", f"dbname={name}")

    def test_without_permission(self) -> None:
        role = f"{self.database}_reader"
        self.db.execute(f"CREATE ROLE {role}")
        self.addCleanup(self.db.execute, f"DROP ROLE {role}")
        self.db.execute("CREATE TABLE t (id bigint, embedding vector(4))")
        self.fails("permission denied for table t", save(self.dir / "a.npy", RNG.random((3, 4))),
                   "--table", "t", "--dsn", f"{self.dsn} options='-c role={role}'")

    # ---- nothing half-loaded

    def test_bad_data_in_the_middle(self) -> None:
        """Behind several COPYs, with rows that were already there."""
        array = RNG.random((300_000, 64), "f4")
        array[290_000, 63] = np.nan
        path = save(self.dir / "a.npy", array)
        message = r"row 290000, column 63 \(counted from 0\): nan is not allowed in vector"
        self.fails(message, path, "--table", "t", "--create-table")
        self.assertEqual(self.query("SELECT to_regclass('t')"), [(None,)])
        self.db.execute("CREATE TABLE t (id bigint, embedding vector(64))")
        self.load(path, "--table", "t", "--limit", "10")
        self.fails(message, path, "--table", "t")
        self.assertEqual(self.query("SELECT count(*) FROM t"), [(10,)])

    def test_differing_dimension_in_the_middle(self) -> None:
        path = write_vecs(self.dir / "a.bvecs", [*np.ones((90_000, 12), "u1"), np.ones(28, "u1"), np.ones(12, "u1")])
        self.fails("row 90000 has dimension 28, row 0 has 12", path, "--table", "t", "--create-table")
        self.assertEqual(self.query("SELECT to_regclass('t')"), [(None,)])

    def test_value_out_of_range_in_the_middle(self) -> None:
        array = np.zeros((5000, 128))
        array[4321, 1] = 70000
        self.fails("row 4321, column 1 .*: 70000.0 is out of range for halfvec", save(self.dir / "a.npy", array),
                   "--table", "t", "--create-table", "--type", "halfvec")
        self.assertEqual(self.query("SELECT to_regclass('t')"), [(None,)])

    def test_server_error_in_the_middle(self) -> None:
        """A duplicate key in the first of several COPYs: told before the whole file is sent."""
        path = save(self.dir / "a.npy", RNG.random((300_000, 64), "f4"))
        self.db.execute("CREATE TABLE t (id bigint PRIMARY KEY, embedding vector(64))")
        self.db.execute("INSERT INTO t VALUES (5000, NULL)")
        self.fails(r'duplicate key .*"t_pkey"; Key \(id\)=\(5000\) already exists', path, "--table", "t")
        self.assertEqual(self.query("SELECT count(*) FROM t"), [(1,)])

    def slow_table(self) -> Path:
        """A table whose rows take 10 ms each, and a file that would take minutes."""
        self.db.execute("CREATE TABLE t (id bigint, embedding vector(64))")
        self.db.execute("""CREATE OR REPLACE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql
                           AS 'BEGIN PERFORM pg_sleep(0.01); RETURN new; END'""")
        self.db.execute("CREATE TRIGGER slow BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION slow()")
        return save(self.dir / "a.npy", RNG.random((100_000, 64), "f4"))

    def start_and_wait(self, path: Path, where: str) -> tuple[subprocess.Popen[str], int]:
        """The tool, started, and its backend once that is seen in the state `where`."""
        tool = subprocess.Popen([TOOLS / "vecx-load", path, "--table", "t", "--dsn", self.dsn],
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.addCleanup(tool.communicate)
        self.addCleanup(tool.kill)
        for _ in range(500):
            found = self.query(f"SELECT pid FROM pg_stat_activity WHERE application_name = 'vecx-load' AND {where}")
            if found:
                return tool, found[0][0]
            self.assertIsNone(tool.poll())
            time.sleep(0.02)
        self.fail("the load never came into this state")

    def check_nothing_left(self) -> None:
        self.assertEqual(self.query("SELECT count(*) FROM t"), [(0,)])
        for _ in range(250):  # a backend may need a moment to end
            if self.query("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'vecx-load'") == [(0,)]:
                return
            time.sleep(0.02)
        self.fail("the backend is still there")

    def test_interrupt(self) -> None:
        path = self.slow_table()
        for signum in (signal.SIGINT, signal.SIGTERM):
            with self.subTest(signum):
                tool, _ = self.start_and_wait(path, "wait_event = 'PgSleep'")
                tool.send_signal(signum)
                self.assertEqual(tool.communicate(timeout=20), ("", "vecx-load: interrupted, nothing was loaded\n"))
                self.assertEqual(tool.returncode, 130)
                self.check_nothing_left()

    def test_interrupt_while_waiting_for_a_lock(self) -> None:
        path = self.slow_table()
        with psycopg.connect(self.dsn) as other:
            other.execute("LOCK TABLE t")
            tool, _ = self.start_and_wait(path, "wait_event_type = 'Lock'")
            tool.send_signal(signal.SIGINT)
            self.assertEqual(tool.communicate(timeout=20), ("", "vecx-load: interrupted, nothing was loaded\n"))
        self.check_nothing_left()

    def test_interrupt_at_any_time(self) -> None:
        """Either everything is there and the tool said so, or nothing."""
        array = RNG.random((60_000, 64), "f4")
        path = save(self.dir / "a.npy", array)
        self.db.execute("CREATE TABLE t (id bigint, embedding vector(64))")
        seen = set()
        for step in range(14):
            tool, _ = self.start_and_wait(path, "true")
            time.sleep(step * 0.03)
            tool.send_signal(signal.SIGINT)
            out, err = tool.communicate(timeout=20)
            rows, = self.query("SELECT count(*) FROM t")[0]
            seen.add(rows)
            if tool.returncode == 0:
                self.assertEqual((rows, err), (60_000, ""))
                self.db.execute("TRUNCATE t")
            else:
                # -2: it came when all was said and done, or before the handler was there
                self.assertIn(tool.returncode, (130, -2))
                if tool.returncode == 130:
                    self.assertEqual((rows, out, err), (0, "", "vecx-load: interrupted, nothing was loaded\n"))
                self.db.execute("TRUNCATE t")
        self.assertLessEqual(seen, {0, 60_000})

    def test_lost_connection(self) -> None:
        path = self.slow_table()
        tool, backend = self.start_and_wait(path, "wait_event = 'PgSleep'")
        self.query(f"SELECT pg_terminate_backend({backend})")
        out, err = tool.communicate(timeout=20)
        self.assertEqual((tool.returncode, out), (1, ""))
        self.assertRegex(err, "^vecx-load: nothing was loaded: .*(terminat|server closed|lost).*\n$")
        self.check_nothing_left()

    def test_killed(self) -> None:
        """No word from the client at all: the server rolls back when the rows it has are read."""
        path = self.slow_table()
        tool, backend = self.start_and_wait(path, "wait_event = 'PgSleep'")
        tool.kill()
        tool.communicate()
        self.query(f"SELECT pg_cancel_backend({backend})")  # or it would first chew what is in the socket, slowly
        self.check_nothing_left()

    def test_statement_timeout_is_no_interrupt(self) -> None:
        path = self.slow_table()
        self.fails("canceling statement due to statement timeout", path, "--table", "t",
                   "--dsn", self.dsn + " options='-c statement_timeout=300ms'")
        self.check_nothing_left()

    def test_plain_progress(self) -> None:
        """No terminal: a line every five seconds."""
        self.slow_table()
        path = save(self.dir / "b.npy", RNG.random((700, 3000), "f4"))
        self.db.execute("ALTER TABLE t ALTER embedding TYPE vector(3000)")
        done = self.run_tool(path, "--table", "t")
        self.assertEqual(done.returncode, 0)
        self.assertRegex(done.stderr, r"^(\d+/700 rows \(\d+ %\), \d+ rows/s, ETA \d+ s\n)+$")

    def test_progress_bar(self) -> None:
        path = save(self.dir / "a.npy", RNG.random((1000, 8), "f4"))
        master, slave = pty.openpty()
        self.addCleanup(os.close, master)
        command = [TOOLS / "vecx-load", path, "--table", "t", "--create-table", "--dsn", self.dsn]
        for options, shown in (([], True), (["--quiet"], False)):
            done = subprocess.run(command + options, stdout=subprocess.PIPE, stderr=slave, text=True, timeout=60)
            self.assertEqual((done.returncode, done.stdout == ""), (0, not shown))
            os.write(slave, b"end")
            seen = b""
            while not seen.endswith(b"end"):
                seen += os.read(master, 65536)
            self.assertEqual((b"1000/1000" in seen, b"rows/s" in seen), (shown, shown))
            self.db.execute("DROP TABLE t")


if __name__ == "__main__":
    unittest.main()

"""The file formats of vecx-load, and their encoding as rows of COPY BINARY.

Nothing here knows of a server: open_source() gives a Source, whose blocks of
rows encoder() turns into bytes, both in bulk with numpy.
"""
from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Callable

import numpy as np

MAX_DIM = 16000
BLOCK_BYTES = 512 << 10  # encoded at once: stays in the processor's cache
HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)  # signature, flags, extension length
TRAILER = b"\xff\xff"
ELEMENT = {"vector": "f4", "halfvec": "f2"}
INTEGER = {"int2": "i2", "int4": "i4", "int8": "i8"}  # types an id column may have


class LoadError(Exception):
    """What the user has to know, in one line."""


# ---- reading -----------------------------------------------------------------


@dataclass
class Source:
    rows: int
    dim: int
    read: Callable[[int, int], np.ndarray]  # rows [first, end) as a 2-D array


def array_source(array: Any) -> Source:
    """A numpy array or an HDF5 dataset: both have shape and dtype, and slice."""
    if len(array.shape) != 2:
        raise LoadError(f"wrong shape {tuple(array.shape)}: rows x dimensions are needed")
    if array.dtype.kind not in "fiu":
        raise LoadError(f"elements are {array.dtype}: floats or integers are needed")
    return Source(*array.shape, lambda first, end: array[first:end])


def open_npy(path: Path, _: str) -> Source:
    try:
        return array_source(np.lib.format.open_memmap(path, mode="r"))
    except (ValueError, EOFError) as exc:  # no .npy, pickled objects, shorter than its header says
        raise LoadError(f"not a readable .npy file: {exc}") from exc


def open_vecs(path: Path, element: str) -> Source:
    """Each vector is a little-endian int32 dimension and that many elements."""
    size = path.stat().st_size
    if size == 0:
        return Source(0, 1, lambda first, end: np.empty((0, 1), element))
    if size < 4:
        raise LoadError(f"truncated: {size} bytes")
    dim = int(np.fromfile(path, "<i4", 1)[0])
    if not 1 <= dim <= MAX_DIM:
        raise LoadError(f"dimension {dim} in row 0 is not in 1..{MAX_DIM}: is this a {path.suffix} file?")
    record = np.dtype([("dim", "<i4"), ("vector", element, (dim,))])
    rows, rest = divmod(size, record.itemsize)
    data = np.memmap(path, record, "r", shape=rows) if rows else np.empty(0, record)

    def read(first: int, end: int) -> np.ndarray:
        block = data[first:end]
        other = np.flatnonzero(block["dim"] != dim)
        if other.size:
            row = other[0]
            raise LoadError(f"row {first + row} has dimension {block['dim'][row]}, row 0 has {dim}")
        return block["vector"]

    if rest:
        # Another dimension in the middle shifts everything behind it, so look for
        # one first: the message should name the cause, not the end of the file.
        step = max(1, (64 << 20) // record.itemsize)
        for first in range(0, rows, step):
            read(first, min(rows, first + step))
        raise LoadError(f"truncated: row {rows} has {rest} of {record.itemsize} bytes")
    return Source(rows, dim, read)


def open_hdf5(path: Path, dataset: str) -> Source:
    try:
        import h5py
    except ImportError as exc:
        raise LoadError("reading HDF5 needs h5py: install python3-h5py") from exc
    try:
        file = h5py.File(path, "r")
    except OSError as exc:
        raise LoadError(f"not a readable HDF5 file: {exc}") from exc
    if not isinstance(file.get(dataset), h5py.Dataset):
        raise LoadError(f'no dataset "{dataset}", there is: {", ".join(file)}: use --dataset')
    return array_source(file[dataset])


FORMATS: dict[str, tuple[Callable[[Path, str], Source], str]] = {
    ".npy": (open_npy, ""),
    ".fvecs": (open_vecs, "<f4"),
    ".ivecs": (open_vecs, "<i4"),
    ".bvecs": (open_vecs, "u1"),
    ".hdf5": (open_hdf5, ""),
    ".h5": (open_hdf5, ""),
}


def open_source(path: Path, dataset: str) -> Source:
    if path.suffix.lower() not in FORMATS:
        raise LoadError(f'unknown extension "{path.suffix}", known are {" ".join(FORMATS)}')
    opener, element = FORMATS[path.suffix.lower()]
    source = opener(path, element or dataset)
    if source.rows == 0:
        raise LoadError("no rows")
    if not 1 <= source.dim <= MAX_DIM:
        raise LoadError(f"{source.dim} dimensions: a vector has 1 to {MAX_DIM}")
    return source


# ---- encoding ----------------------------------------------------------------


def record_type(dim: int, type_name: str, id_type: str | None) -> np.dtype:
    """One row of COPY BINARY: every row has the same length, so a numpy record fits."""
    element = ELEMENT[type_name]
    fields: list[tuple] = [("fields", ">i2")]
    if id_type:
        fields += [("id_length", ">i4"), ("id", ">" + INTEGER[id_type])]
    fields += [("length", ">i4"), ("dim", ">i2"), ("unused", ">i2"), ("vector", ">" + element, (dim,))]
    return np.dtype(fields)


Encode = Callable[[np.ndarray, int, int], bytes]


def encoder(dim: int, type_name: str, id_type: str | None) -> tuple[Encode, int]:
    """Returns encode(block, its first row in the file, its first id), and the most rows a block may have."""
    record = record_type(dim, type_name, id_type)
    element = np.dtype(ELEMENT[type_name])
    block_rows = max(1, BLOCK_BYTES // record.itemsize)
    buffer = np.zeros(block_rows, record)
    buffer["fields"] = 2 if id_type else 1
    buffer["length"] = 4 + dim * element.itemsize
    buffer["dim"] = dim
    if id_type:
        buffer["id_length"] = buffer["id"].itemsize

    def encode(block: np.ndarray, first_row: int, first_id: int) -> bytes:
        rows = buffer[: len(block)]
        with np.errstate(over="ignore", invalid="ignore"):
            values = block.astype(element, copy=False)
        if not np.isfinite(values).all():
            row, column = np.argwhere(~np.isfinite(values))[0]
            value = block[row, column]
            what = f"{value} is out of range for" if np.isfinite(value) else f"{value} is not allowed in"
            raise LoadError(f"row {first_row + row}, column {column} (counted from 0): {what} {type_name}")
        rows["vector"] = values
        if id_type:
            rows["id"] = np.arange(first_id, first_id + len(block))
        return rows.tobytes()

    return encode, block_rows

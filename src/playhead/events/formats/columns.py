"""Columns of an NPZ file without pickles, checked before they are unpacked.

The declared types and sizes are compared with the actual data, so that neither a damaged file nor a
compression bomb takes more memory than the limit.
"""

import json
import math
import re
import zipfile
import zlib
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["UNREADABLE", "ColumnKind", "Columns", "check_members", "parse_json", "read_column"]

MAX_BYTES = 1 << 30  # unpacked: 40 million boxes, a day of five faces at 100 frames a second
HEADER = re.compile(
    r"\{'descr': '([<>=|]?\w{1,4})', 'fortran_order': False, 'shape': \(([\d, ]{0,60})\), \} *\n"
)
# RuntimeError: a damaged header can name an encryption; NotImplementedError: a compression.
UNREADABLE = (
    EOFError,
    NotImplementedError,
    OSError,
    RuntimeError,
    ValueError,
    zipfile.BadZipFile,
    zlib.error,
)
"""What reading a damaged archive raises."""

ColumnKind = tuple[str, tuple[int, ...]]
"""The type of a column, as NumPy writes it, and the shape of one row."""

Columns = dict[str, NDArray[Any]]


def check_members(archive: zipfile.ZipFile, columns: Mapping[str, ColumnKind]) -> None:
    """Raise ValueError unless the archive has exactly these columns, within the limit of bytes."""
    names = [info.filename.removesuffix(".npy") for info in archive.infolist()]
    if sorted(names) != sorted(columns):
        raise ValueError(f"it has {', '.join(names[:16])}; needs {', '.join(columns)}")
    total = sum(info.file_size for info in archive.infolist())
    if total > MAX_BYTES:
        raise ValueError(
            f"it unpacks to {total} bytes, but the limit is {MAX_BYTES}; split the video"
        )


def read_column(archive: zipfile.ZipFile, name: str, kind: ColumnKind) -> NDArray[Any]:
    """The array of a member, with its declared type and size checked against its bytes.

    Raises ValueError if it is missing, too large, or of another type or shape of rows.
    """
    try:
        info = archive.getinfo(f"{name}.npy")
    except KeyError as error:
        raise ValueError(f"the column {name!r} is missing") from error
    if info.file_size > MAX_BYTES:
        raise ValueError(f"the column {name!r} unpacks to {info.file_size} bytes")
    with archive.open(info) as member:
        # One byte more than declared: zipfile checks the checksum and never unpacks a bomb.
        data = member.read(info.file_size + 1)
    start = 10 + int.from_bytes(data[8:10], "little")
    header = HEADER.fullmatch(data[10:start].decode("latin-1"))
    dtype, row = kind
    if data[:8] != b"\x93NUMPY\x01\x00" or header is None or header[1] != dtype:
        raise ValueError(f"the column {name!r} is not an array of type {dtype}")
    shape = tuple(int(size) for size in header[2].replace(",", " ").split())
    bytes_needed = math.prod(shape) * np.dtype(dtype).itemsize
    if shape[1:] != row or not shape or bytes_needed != len(data) - start:
        raise ValueError(
            f"the column {name!r} declares the shape {shape}, which does not match its bytes"
        )
    return np.frombuffer(data, dtype, offset=start).reshape(shape)


def parse_json(column: NDArray[np.uint8]) -> Any:
    """The JSON document in a column of bytes. Raises ValueError if it is not valid."""
    try:
        return json.loads(column.tobytes().decode("utf-8"), parse_constant=_refuse_constant)
    except RecursionError as error:
        raise ValueError("its JSON is nested too deep") from error


def _refuse_constant(name: str) -> float:
    raise ValueError(f"{name} is not a JSON number")

"""Columns of an NPZ file without pickles, checked before they are unpacked.

The declared types and sizes are compared with the actual data, so that neither a damaged file nor a
compression bomb takes more memory than the limit.
"""

import json
import math
import re
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from playhead.errors import LabelError
from playhead.events.source import JsonEntry

__all__ = [
    "UNREADABLE",
    "ColumnKind",
    "Columns",
    "check_members",
    "json_column",
    "parse_json",
    "read_archive",
    "read_column",
]

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


def json_column(path: Path, document: Mapping[str, Any]) -> NDArray[np.uint8]:
    """A JSON document as the column `meta` of the file at `path`.

    Raises LabelError naming the file if the document, which holds the user's settings, is not JSON.
    """
    try:
        text = json.dumps(document, allow_nan=False).encode("ascii")
    except (TypeError, ValueError) as error:
        raise LabelError(f"{path}: the settings are not JSON: {error}") from error
    return np.frombuffer(text, np.uint8)


def read_archive(
    path: Path,
    columns: Mapping[str, ColumnKind],
    *,
    keys: Sequence[str],
    schema: int,
    kind: str,
) -> tuple[JsonEntry, Columns]:
    """The document of the column `meta`, and all columns of a file.

    keys: of the document, all of which it needs to have, with `schema`
    schema: the newest that is read
    kind: of the file, in words, as "track file"
    Raises LabelError naming the file if it is damaged, of another kind or has a newer schema.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            document = parse_json(read_column(archive, "meta", columns["meta"]))
            meta = JsonEntry.of(document, str(path))
            found = meta.whole("schema")
            if found > schema:
                raise LabelError(
                    f"{path}: has schema {found}, but this version reads up to {schema}; update "
                    "playhead"
                )
            if sorted(meta.values) != sorted(keys):
                raise LabelError(
                    f"{path}: has the keys {sorted(meta.values)}; needs {sorted(keys)}"
                )
            check_members(archive, columns)
            return meta, {name: read_column(archive, name, of) for name, of in columns.items()}
    except UNREADABLE as error:
        reason = getattr(error, "strerror", None) or error
        raise LabelError(f"{path}: cannot be read as a {kind}: {reason}") from error


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

"""Text and typed values of label files; every error names the file and line or entry."""

import csv
import gzip
import io
import json
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from playhead.errors import LabelError

__all__ = ["JsonEntry", "check_header", "csv_rows", "read_json", "read_text"]

SURROGATE = re.compile("[\ud800-\udfff]")  # half a character, which UTF-8 cannot encode
MAX_BYTES = 1 << 30  # longer than any label file; bounds decompression bombs
MAX_FRAME = (1 << 31) - 1  # frame indices are int32 everywhere


def read_text(path: Path) -> str:
    """The text of a UTF-8 file, with or without a byte-order mark; `.gz` is unpacked."""
    data = _read_bytes(path)
    if not data:
        raise LabelError(f"{path}: the file is empty; needs at least one label")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise LabelError(
            f"{path}: not UTF-8 (byte {error.start} is {data[error.start]:#04x}); "
            "save it as UTF-8 text"
        ) from error


def _read_bytes(path: Path) -> bytes:
    try:
        if path.suffix == ".gz":
            with gzip.open(path) as file:
                data = file.read(MAX_BYTES + 1)
        else:
            with path.open("rb") as plain:
                data = plain.read(MAX_BYTES + 1)
    except (OSError, EOFError, zlib.error) as error:
        reason = getattr(error, "strerror", None) or error
        raise LabelError(f"{path}: cannot be read: {reason}") from error
    if len(data) > MAX_BYTES:
        raise LabelError(f"{path}: is longer than the limit of {MAX_BYTES} bytes; split it")
    return data


def read_json(path: Path) -> Any:
    """The JSON document in `path`. Raises LabelError naming the line of a syntax error."""
    try:
        return json.loads(read_text(path))
    except json.JSONDecodeError as error:
        raise LabelError(
            f"{path}: line {error.lineno}, column {error.colno}: not valid JSON: "
            f"{error.msg[:1].lower()}{error.msg[1:]}"
        ) from error
    except (RecursionError, ValueError) as error:  # nested too deep, a number with too many digits
        raise LabelError(f"{path}: not a JSON document of labels: {error}") from error


@dataclass(frozen=True, slots=True)
class JsonEntry:
    """A JSON object with its location; getters return typed values or raise LabelError."""

    where: str
    values: dict[str, Any]

    @classmethod
    def of(cls, value: Any, where: str) -> "JsonEntry":
        """Wrap `value`. Raises LabelError if it is not a JSON object."""
        if not isinstance(value, dict):
            raise LabelError(f"{where}: needs a JSON object, got {_short(value)}")
        return cls(where, value)

    def text(self, key: str) -> str:
        """A required, non-empty string."""
        value = self._get(key)
        if not isinstance(value, str) or not value or SURROGATE.search(value):
            raise self._wrong(key, "text", value)
        return value

    def optional_text(self, key: str) -> str | None:
        """A string, or None if it is absent or null."""
        return None if self.values.get(key) is None else self.text(key)

    def number(self, key: str, default: float | None = None) -> float:
        """A number, also one written as text; `default` if it is absent."""
        value = self.values.get(key, default) if default is not None else self._get(key)
        if isinstance(value, bool) or not isinstance(value, int | float | str):
            raise self._wrong(key, "a number", value)
        try:
            return float(value)
        except (ValueError, OverflowError) as error:
            raise self._wrong(key, "a number", value) from error

    def whole(self, key: str) -> int:
        """A whole number from 0, also one written as text."""
        value = self.number(key)
        if not (value.is_integer() and 0 <= value <= MAX_FRAME):
            raise self._wrong(key, "a whole number from 0", self.values[key])
        return int(value)

    def milliseconds(self, key: str) -> Fraction:
        """Milliseconds from 0, as exact seconds."""
        value = self.number(key)
        if not 0 <= value < 1e15:
            raise self._wrong(key, "milliseconds from 0", self.values[key])
        return Fraction(value) / 1000

    def items(self, key: str) -> Iterator[tuple[int, Any]]:
        """The list under `key`, numbered from 1."""
        value = self._get(key)
        if not isinstance(value, list):
            raise self._wrong(key, "a list", value)
        return enumerate(value, start=1)

    def _get(self, key: str) -> Any:
        if key not in self.values:
            got = ", ".join(list(self.values)[:8]) or "nothing"
            raise LabelError(f"{self.where}: needs {key!r}, but has {got}")
        return self.values[key]

    def _wrong(self, key: str, need: str, value: Any) -> LabelError:
        return LabelError(f"{self.where}: {key!r} needs {need}, got {_short(value)}")


def csv_rows(
    path: Path, required: tuple[str, ...], optional: tuple[str, ...]
) -> Iterator[tuple[str, dict[str, str]]]:
    """The rows of a CSV with a header, each with its location (`file: line n`) and stripped cells.

    Raises LabelError for a missing, unknown or repeated column, a row of another length, no rows.
    """
    reader = csv.reader(io.StringIO(read_text(path), newline=""), strict=True)
    try:
        header = [name.strip() for name in next(reader, [])]
        check_header(path, header, required, optional)
        empty = True
        for cells in reader:
            if not cells or cells == [""]:
                continue
            empty = False
            where = f"{path}: line {reader.line_num}"
            if len(cells) != len(header):
                raise LabelError(
                    f"{where}: has {len(cells)} cells, but the header has {len(header)}"
                )
            yield where, dict(zip(header, (cell.strip() for cell in cells), strict=True))
    except csv.Error as error:
        raise LabelError(f"{path}: line {reader.line_num}: not valid CSV: {error}") from error
    if empty:
        raise LabelError(f"{path}: has only a header; needs at least one row")


def check_header(
    path: Path, header: list[str], required: tuple[str, ...], optional: tuple[str, ...]
) -> None:
    """Raise LabelError for a missing, unknown or repeated column."""
    known = (*required, *optional)
    for name in required:
        if name not in header:
            other = next((mark for mark in ";\t" if mark in "".join(header)), None)
            hint = f" (the cells are separated by {other!r}; needs commas)" if other else ""
            raise LabelError(
                f"{path}: the column {name!r} is missing; the header is "
                f"{', '.join(header) or 'empty'}{hint}; needs {', '.join(required)}"
            )
    for name in header:
        if name not in known:
            raise LabelError(
                f"{path}: unknown column {name!r}; the known columns are {', '.join(known)}"
            )
        if header.count(name) > 1:
            raise LabelError(f"{path}: the column {name!r} appears twice; keep one")


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 40 else text[:37] + "..."

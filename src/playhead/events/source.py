"""Text and typed values of label files; every error names the file and line or entry."""

import codecs
import csv
import gzip
import io
import json
import re
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from playhead.errors import LabelError

__all__ = [
    "JsonEntry",
    "Mistakes",
    "WholeFileError",
    "cell_rows",
    "check_header",
    "csv_rows",
    "parse_json",
    "read_json",
    "read_text",
    "read_xml",
    "separator_of",
    "without_file",
]

SURROGATE = re.compile("[\ud800-\udfff]")  # half a character, which UTF-8 cannot encode
MAX_BYTES = 1 << 30  # longer than any label file; bounds decompression bombs
MAX_FRAME = (1 << 31) - 1  # frame indices are int32 everywhere
MAX_MISTAKES = 20  # that are listed; more are counted
SEPARATORS = ",;\t"
NOT_TEXT = re.compile(rb"[\x00-\x08\x0e-\x1a]")


class WholeFileError(LabelError):
    """What is wrong with every row of a file alike, and so is told once."""


@dataclass(slots=True)
class Mistakes:
    """Collects the mistakes of a label file, to raise them together as one LabelError."""

    messages: list[str] = field(default_factory=list)

    @contextmanager
    def collect(self) -> Iterator[None]:
        """Keep a LabelError instead of raising it, but for one that every row has."""
        try:
            yield
        except WholeFileError:
            raise
        except LabelError as error:
            self.messages.append(str(error))

    def raise_any(self) -> None:
        """Raise LabelError with all mistakes, the file named once; do nothing if there are none."""
        messages = self.messages
        if len(messages) > 1:
            file, listed = without_file(messages)
            raise LabelError(f"{file}{len(messages)} mistakes: {listed}")
        if messages:
            raise LabelError(messages[0])


def without_file(messages: Sequence[str], separator: str = "; ") -> tuple[str, str]:
    """The file that all messages begin with (`file: `), and the messages without it, joined.

    At most MAX_MISTAKES are listed; more are counted.
    """
    file = messages[0][: messages[0].find(": ") + 2]
    if not all(message.startswith(file) for message in messages):
        file = ""
    listed = [message.removeprefix(file) for message in messages[:MAX_MISTAKES]]
    if len(messages) > MAX_MISTAKES:
        listed.append(f"and {len(messages) - MAX_MISTAKES} more")
    return file, separator.join(listed)


def read_text(path: Path, *, notes: list[str] | None = None) -> str:
    """The text of a file in UTF-8, or in UTF-16 with a byte-order mark; `.gz` is unpacked.

    notes: if given, text in neither is read as Windows-1252, which older programs of spreadsheets
        write, and noted here
    Raises LabelError if the file is empty or in another encoding.
    """
    data = _read_bytes(path)
    if not data:
        raise LabelError(f"{path}: the file is empty; needs at least one label")
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        try:
            return data.decode("utf-16")
        except UnicodeDecodeError as error:
            raise LabelError(f"{path}: not UTF-16 text, though it begins like it") from error
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        if notes is not None and NOT_TEXT.search(data) is None:
            try:
                text = data.decode("cp1252")
            except UnicodeDecodeError:
                pass
            else:
                notes.append(f"{path}: not UTF-8; read as Windows-1252 (Western European)")
                return text
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
    return parse_json(read_text(path), str(path))


def parse_json(text: str, where: str) -> Any:
    """The document of a JSON text; where: the file, for the LabelError of a syntax error."""
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise LabelError(
            f"{where}: line {error.lineno}, column {error.colno}: not valid JSON: "
            f"{error.msg[:1].lower()}{error.msg[1:]}"
        ) from error
    except (RecursionError, ValueError) as error:  # nested too deep, a number with too many digits
        raise LabelError(f"{where}: not a JSON document of labels: {error}") from error


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


def read_xml(path: Path) -> ElementTree.Element:
    """The root of the XML document in `path`; `.gz` is unpacked.

    Raises LabelError naming the line of a syntax error, and for a document type, which can define
    entities that expand without end.
    """
    data = _read_bytes(path)
    if not data:
        raise LabelError(f"{path}: the file is empty; needs an XML document")
    try:
        return ElementTree.fromstring(data, ElementTree.XMLParser(target=_NoDoctype()))
    except ElementTree.ParseError as error:
        raise LabelError(f"{path}: line {error.position[0]}: not valid XML: {error}") from error
    except (LabelError, LookupError, ValueError) as error:  # a document type, an unknown encoding
        raise LabelError(f"{path}: {error}") from error


class _NoDoctype(ElementTree.TreeBuilder):
    def doctype(self, *_: str | None) -> None:
        raise LabelError("declares a document type, which is not supported; remove it")


def separator_of(text: str, is_known: Callable[[str], bool]) -> str:
    """What separates the cells of a table: the mark that makes most known columns of its header.

    The header is the first line of `text`, below `sep=;` if that is the first.
    """
    first, _, rest = text.lstrip("\r\n").partition("\n")
    if first[:4].lower() == "sep=" and first[4:5]:
        return first[4]
    if not first.strip() and rest:
        return separator_of(rest, is_known)

    def found(mark: str) -> tuple[int, int]:
        try:
            names = next(csv.reader([first[:100_000]], delimiter=mark), [])
        except csv.Error:
            return 0, 0
        return sum(is_known(name.strip()) for name in names), len(names)

    return max(SEPARATORS, key=found)


def cell_rows(path: Path, text: str, separator: str) -> Iterator[tuple[int, list[str]]]:
    """The rows of a table with their lines, cells stripped; blank rows and `sep=;` are skipped.

    Raises LabelError naming the line of a broken quote.
    """
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    try:
        for row in reader:
            cells = [cell.strip() for cell in row]
            if any(cells) and not (reader.line_num == 1 and cells[0].lower().startswith("sep=")):
                yield reader.line_num, cells
    except csv.Error as error:
        raise LabelError(f"{path}: line {reader.line_num}: not valid CSV: {error}") from error


def csv_rows(
    path: Path, required: tuple[str, ...], optional: tuple[str, ...]
) -> Iterator[tuple[str, dict[str, str]]]:
    """The rows of a table with a header, each with its location (`file: line n`) and its cells.

    Cells are separated by commas, semicolons or tabs, and stripped; blank rows are skipped.
    Raises LabelError for a missing, unknown or repeated column, a row of another length, no rows.
    """
    text = read_text(path)
    known = {*required, *optional}
    rows = cell_rows(path, text, separator_of(text, known.__contains__))
    _, header = next(rows, (0, []))
    check_header(path, header, required, optional)
    empty = True
    for line, cells in rows:
        empty = False
        where = f"{path}: line {line}"
        if len(cells) != len(header):
            raise LabelError(f"{where}: has {len(cells)} cells, but the header has {len(header)}")
        yield where, dict(zip(header, cells, strict=True))
    if empty:
        raise LabelError(f"{path}: has only a header; needs at least one row")


def check_header(
    path: Path, header: list[str], required: tuple[str, ...], optional: tuple[str, ...]
) -> None:
    """Raise LabelError for a missing, unknown or repeated column."""
    known = (*required, *optional)
    for name in required:
        if name not in header:
            raise LabelError(
                f"{path}: the column {name!r} is missing; the header is "
                f"{', '.join(header) or 'empty'}; needs {', '.join(required)}"
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

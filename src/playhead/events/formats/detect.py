"""Detection of a label file's format, by its name and then by its content."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from playhead.errors import LabelError
from playhead.events.formats import (
    boris,
    cvat,
    e2espot,
    elan,
    labelstudio,
    native,
    nfl,
    soccernet,
    soccernet_games,
    sportscode,
    srt,
    table,
)
from playhead.events.formats.headers import is_known
from playhead.events.formats.raw import RawVideo
from playhead.events.source import cell_rows, read_json, read_text, read_xml, separator_of

__all__ = [
    "FORMATS",
    "READ",
    "TABLES",
    "WRITTEN",
    "detect",
    "format_to_write",
    "holds_table",
    "parse",
    "unknown_format",
]

TABLES = (".csv", ".tsv", ".txt")
"""Suffixes of tables; `.txt` is also that of MOTChallenge."""
WRITTEN = ("native", "csv", "soccernet", "e2espot", "srt", "sportscode", "edl", "nfl")
TOOLS = ("boris", "elan", "labelstudio", "cvat")
READ = ("native", "csv", "manifest", "soccernet", "e2espot", "srt", "sportscode", *TOOLS, "nfl")
FORMATS = (*WRITTEN, *TOOLS, "manifest")
PLAIN = {
    "native": native.parse,
    "soccernet": soccernet.parse,
    "e2espot": e2espot.parse,
    "nfl": nfl.parse,
    "sportscode": sportscode.parse,
}
NOTING = {
    "srt": srt.parse,
    "boris": boris.parse,
    "labelstudio": labelstudio.parse,
    "cvat": cvat.parse,
}
ROOTS = {"ANNOTATION_DOCUMENT": "elan", "file": "sportscode", "annotations": "cvat"}


def detect(path: Path) -> str:
    """The format of the file at `path`. Raises LabelError if it is not a known format."""
    name = path.name.lower().removesuffix(".gz")
    match Path(name).suffix:
        case ".srt":
            return "srt"
        case ".zip":
            return "soccernet"
        case ".boris":
            return "boris"
        case ".eaf":
            return "elan"
        case ".xml":
            return _detect_xml(path)
        case ".json":
            return "native" if name.endswith(".events.json") else _detect_json(path)
        case suffix if suffix in TABLES:
            return _detect_table(path)
        case ".xlsx" | ".xls" | ".ods":
            raise LabelError(f"{path}: is a spreadsheet; save it as CSV or Unicode text")
        case suffix:
            raise unknown_format(path, suffix or path.name, READ)


def format_to_write(path: Path) -> str:
    """The format for a file name to write; native for a folder."""
    name = path.name.lower()
    by_suffix = {
        ".csv": "csv",
        ".srt": "srt",
        ".xml": "sportscode",
        ".edl": "edl",
        ".zip": "soccernet",
    }
    if path.suffix.lower() in by_suffix:
        return by_suffix[path.suffix.lower()]
    if name.endswith(".events.json") or path.is_dir() or not path.suffix:
        return "native"
    if name.endswith(".json") and name.startswith(("labels-", "results_")):
        return "soccernet"
    raise unknown_format(path, path.name, WRITTEN)


def parse(
    path: Path,
    name: str,
    *,
    columns: Mapping[str, str] | None = None,
    notes: list[str] | None = None,
) -> tuple[RawVideo, ...]:
    """Parse a file of format `name`, without checking it against a video.

    columns: of a table, see `table.parse`; for ELAN, `{"label": "tier"}`
    notes: what the user should know is appended, as columns that were ignored
    """
    notes = [] if notes is None else notes
    if columns and name not in ("csv", "elan"):
        raise LabelError(f"{path}: --columns are for tables, but this is {name}")
    match name:
        case "csv":
            return table.parse(path, columns=columns, notes=notes)
        case "soccernet" if path.suffix.lower() == ".zip":
            return soccernet_games.parse_zip(path)
        case "elan":
            return elan.parse(path, columns=columns, notes=notes)
        case "edl":
            raise LabelError(f"{path}: an EDL is only written; choose one of {', '.join(READ)}")
        case _ if name in PLAIN:
            return PLAIN[name](path)
        case _ if name in NOTING:
            return NOTING[name](path, notes=notes)
        case _:
            raise unknown_format(path, name, READ)


def unknown_format(path: Path, got: str, names: Sequence[str]) -> LabelError:
    """The error for a format that is not one of `names`."""
    return LabelError(f"{path}: {got!r} is not a known format; choose one of {', '.join(names)}")


def holds_table(path: Path) -> bool:
    """Whether a `.txt` file is a table with a header, and not MOTChallenge, which has only numbers.

    A file that is not there is no table.
    """
    try:
        with path.open("rb") as file:
            start = file.read(64)
    except OSError:
        return False
    return (
        start[:2] in (b"\xff\xfe", b"\xfe\xff")
        or start.lstrip(b'\xef\xbb\xbf \t\r\n"')[:1].isalpha()
    )


def _detect_table(path: Path) -> str:
    text = read_text(path, notes=[])
    if text.lstrip('"\r\n ')[:14].lower() == "observation id":
        return "boris"
    separator = separator_of(text, lambda name: is_known(name) or name == "labels")
    header = set(next(cell_rows(path, text, separator), (0, []))[1])
    if "labels" in header:
        return "manifest"
    return "nfl" if {"gameKey", "playID"} <= header else "csv"


def _detect_xml(path: Path) -> str:
    root = read_xml(path).tag
    if root not in ROOTS:
        raise LabelError(
            f"{path}: has <{root}>; XML is read of ELAN (<ANNOTATION_DOCUMENT>), Sportscode "
            "(<file>) and CVAT (<annotations>)"
        )
    return ROOTS[root]


def _detect_json(path: Path) -> str:
    try:
        document: Any = read_json(path)
    except LabelError:
        # Whose reader reports where the file is cut off.
        return "e2espot" if read_text(path).lstrip().startswith("[") else "native"
    if isinstance(document, list):
        first = document[0] if document and isinstance(document[0], dict) else {}
        if {"annotations", "completions"} & set(first) or {"data", "result"} <= set(first):
            return "labelstudio"
        return "cvat" if {"tags", "tracks"} & set(first) else "e2espot"
    keys = set(document) if isinstance(document, dict) else set()
    if {"observations", "behaviors_conf"} <= keys:
        return "boris"
    if {"tags", "tracks"} <= keys:
        return "cvat"
    if "data" in keys and "annotations" in keys:
        return "labelstudio"
    return "soccernet" if {"annotations", "predictions"} & keys else "native"

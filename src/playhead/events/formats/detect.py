"""Detection of a label file's format, by its name and then by its content."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from playhead.errors import LabelError
from playhead.events.formats import e2espot, native, nfl, soccernet, srt, table
from playhead.events.formats.raw import RawVideo
from playhead.events.source import read_text

__all__ = ["FORMATS", "WRITTEN", "detect", "format_to_write", "parse", "unknown_format"]

WRITTEN = ("native", "csv", "soccernet", "e2espot", "srt", "nfl")
FORMATS = (*WRITTEN, "manifest")


def detect(path: Path) -> str:
    """The format of the file at `path`. Raises LabelError if it is not a known format."""
    name = path.name.lower().removesuffix(".gz")
    if name.endswith(".srt"):
        return "srt"
    if name.endswith(".events.json"):
        return "native"
    if name.endswith(".csv"):
        return _detect_csv(path)
    if name.endswith(".json"):
        return _detect_json(path)
    raise unknown_format(path, path.suffix or path.name, FORMATS)


def format_to_write(path: Path) -> str:
    """The format for a file name to write; native for a folder."""
    name = path.name.lower()
    if name.endswith(".csv"):
        return "csv"
    if name.endswith(".srt"):
        return "srt"
    if name.endswith(".events.json") or path.is_dir() or not path.suffix:
        return "native"
    if name.endswith(".json") and name.startswith(("labels-", "results_")):
        return "soccernet"
    raise unknown_format(path, path.name, WRITTEN)


def parse(path: Path, name: str) -> tuple[RawVideo, ...]:
    """Parse a file of format `name`, without checking it against a video."""
    match name:
        case "native":
            return native.parse(path)
        case "csv":
            return table.parse(path)
        case "soccernet":
            return soccernet.parse(path)
        case "e2espot":
            return e2espot.parse(path)
        case "srt":
            return srt.parse(path)
        case "nfl":
            return nfl.parse(path)
        case _:
            raise unknown_format(path, name, FORMATS)


def unknown_format(path: Path, got: str, names: Sequence[str]) -> LabelError:
    """The error for a format that is not one of `names`."""
    return LabelError(f"{path}: {got!r} is not a known format; choose one of {', '.join(names)}")


def _detect_csv(path: Path) -> str:
    header = {cell.strip(' "\r') for cell in read_text(path).partition("\n")[0].split(",")}
    if "labels" in header:
        return "manifest"
    return "nfl" if {"gameKey", "playID"} <= header else "csv"


def _detect_json(path: Path) -> str:
    text = read_text(path).lstrip()
    if text.startswith("["):
        return "e2espot"
    try:
        document: Any = json.loads(text)
    except (ValueError, RecursionError):
        return "native"  # whose reader reports where the file is cut off
    is_game = isinstance(document, dict) and not {"annotations", "predictions"}.isdisjoint(document)
    return "soccernet" if is_game else "native"

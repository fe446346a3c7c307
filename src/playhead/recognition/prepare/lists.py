"""Lists of clips to make from videos of the web: `label,youtube_id,time_start,time_end,split`.

These are the columns of Kinetics. `split` and `is_cc` are optional, and so is `url`, the address of
the video itself; with it the id may be any name. Spans of several rows may share a video.
"""

import csv
import io
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from playhead.errors import LabelError
from playhead.events.source import csv_rows
from playhead.files import write_text
from playhead.output import counted
from playhead.recognition.tables import SPLITS, merged_labels, refuse_mistakes, seconds, split_name

__all__ = [
    "MISSING",
    "ListedClip",
    "Missing",
    "is_list",
    "read_list",
    "read_missing",
    "stamp",
    "write_missing",
]

REQUIRED = ("label", "youtube_id", "time_start", "time_end")
OPTIONAL = ("split", "is_cc", "url")
MISSING = "missing.csv"
COLUMNS = ("name", "label", "kind", "reason")

_ID = re.compile(r"[A-Za-z0-9_-]{11}")
_NAME = re.compile(r"[\w-][\w.-]{0,120}")
_URL = re.compile(r"https?://\S+")


@dataclass(frozen=True, slots=True)
class ListedClip:
    """One row: the span `[start, end)` in seconds of a video, its class and its split."""

    video: str
    label: str
    start: float
    end: float
    split: str | None = None
    url: str | None = None

    @property
    def name(self) -> str:
        """The file name of the clip without its suffix, as Kinetics names it."""
        return f"{self.video}_{stamp(self.start)}_{stamp(self.end)}"


@dataclass(frozen=True, slots=True)
class Missing:
    """A video or a clip that is not there, or not all of it.

    kind: of a video `gone` if the server says that it will not come back, or `failed` after all
        retries; of a clip `no video`, `failed`, or `partial` if it is there, but not all of it
    """

    name: str
    label: str
    kind: str
    reason: str

    def to_json(self) -> dict[str, str]:
        """As a plain mapping."""
        return {name: getattr(self, name) for name in COLUMNS}


def is_list(path: Path) -> bool:
    """Whether a file is a list of clips to make, by its header."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return b"youtube_id" in file.readline(4096)


def read_list(path: Path, *, skip_mistakes: bool = False) -> tuple[list[ListedClip], list[str]]:
    """The clips of a list in its order, and notes: merged labels, and mistakes that were skipped.

    Raises LabelError with all mistakes at once, each with its line, unless `skip_mistakes`: a
    malformed or duplicated id, a span that is none, a class without a name.
    """
    clips: list[ListedClip] = []
    mistakes: list[str] = []
    seen: dict[str, tuple[str, ListedClip]] = {}
    for where, cells in csv_rows(path, REQUIRED, OPTIONAL):
        line = where.removeprefix(f"{path}: ")
        try:
            clip = _listed(cells)
        except LabelError as error:
            mistakes.append(f"{line}: {error}")
            continue
        first, same = seen.setdefault(clip.name, (line, clip))
        if first != line:
            both = "" if same.label == clip.label else f" as {same.label!r} and {clip.label!r}"
            mistakes.append(f"{line}: {clip.name} is listed twice{both} (first: {first})")
            continue
        clips.append(clip)
    if not skip_mistakes:
        refuse_mistakes(path, mistakes, "correct the list, or leave these rows out with --skip-bad")
    if not clips:
        raise LabelError(f"{path}: has no row that can be used; the first: {mistakes[0]}")
    labels, notes = merged_labels(clip.label for clip in clips)
    if mistakes:
        notes.insert(0, f"{counted(len(mistakes), 'row')} left out: {'; '.join(mistakes)}")
    return [replace(clip, label=labels[clip.label]) for clip in clips], notes


def read_missing(folder: Path) -> dict[str, Missing]:
    """What an earlier run into `folder` recorded as missing, by name; empty if it did not."""
    path = folder / MISSING
    if not path.exists():
        return {}
    found = [
        Missing(*(cells[name] for name in COLUMNS)) for _, cells in csv_rows(path, COLUMNS, ())
    ]
    return {row.name: row for row in found}


def write_missing(folder: Path, missing: Iterable[Missing]) -> Path | None:
    """Write what is missing to `missing.csv` in `folder`, atomically; None if nothing is.

    The file is removed where nothing is missing any more.
    """
    path, rows = folder / MISSING, list(missing)
    if not rows:
        path.unlink(missing_ok=True)
        return None
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for row in rows:
        writer.writerow(
            " ".join(cell.split()) for cell in (row.name, row.label, row.kind, row.reason)
        )
    write_text(path, text.getvalue())
    return path


def stamp(moment: float) -> str:
    """`000012` for whole seconds, else with milliseconds, `000012.480`."""
    milliseconds = round(moment * 1000)
    whole, rest = divmod(milliseconds, 1000)
    return f"{whole:06d}.{rest:03d}" if rest else f"{whole:06d}"


def _listed(cells: dict[str, str]) -> ListedClip:
    video, label, url = cells["youtube_id"], cells["label"], cells.get("url") or None
    if not label:
        raise LabelError("has no label")
    if url is not None and not _URL.fullmatch(url):
        raise LabelError(f"the url {url!r} is not one of http or https")
    if not (_ID if url is None else _NAME).fullmatch(video):
        need = "11 letters, digits, - or _" if url is None else "a name that can be one of a file"
        raise LabelError(f"the id {video!r} is malformed; needs {need}")
    start, end = (seconds(column, cells[column]) for column in ("time_start", "time_end"))
    if start is None or end is None:
        raise LabelError("needs time_start and time_end")
    if end <= start:
        raise LabelError(f"the span from {start:g} s to {end:g} s is empty")
    split = split_name(cells.get("split"))
    if split not in {None, *SPLITS.values()}:
        raise LabelError(f"the split {split!r} is not train, validate or test")
    return ListedClip(video, label, start, end, split, url)

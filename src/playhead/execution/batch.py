"""Batches: one file after the other, each with a status; a bad file never ends the batch.

Outputs mirror the inputs' relative paths below their common folder, so two inputs never write to
one place: where they would, nothing is started.
"""

import os
import re
import resource
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NoReturn

from playhead.errors import FileFailure, PlayheadError
from playhead.files import is_temporary
from playhead.media.kinds import VIDEO_SUFFIXES
from playhead.progress import Progress, progress

__all__ = [
    "BatchResult",
    "FileOutcome",
    "Item",
    "Work",
    "check_folder",
    "exit_code",
    "find_items",
    "is_video",
    "output_path",
    "peak_memory_bytes",
    "run_files",
    "run_items",
]


@dataclass(frozen=True, slots=True)
class Item:
    """One input; `stem` is its path below the common folder, without the suffix."""

    path: Path
    stem: Path

    def target(self, out: Path | None) -> Path:
        """Where its outputs go, without a suffix: below `out`, or beside it where that is None."""
        return self.path.with_suffix("") if out is None else out / self.stem


@dataclass(frozen=True, slots=True)
class FileOutcome:
    """How one file ended; `reason` says why where it is not ok, `notes` what else to know."""

    path: Path
    status: Literal["ok", "partial", "failed"]
    outputs: tuple[Path, ...] = ()
    reason: str | None = None
    notes: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """As a plain mapping."""
        return {
            "path": str(self.path),
            "status": self.status,
            "outputs": [str(output) for output in self.outputs],
            "reason": self.reason,
            **({"notes": list(self.notes)} if self.notes else {}),
        }


Work = Callable[[Path, Path, Progress], FileOutcome]
"""Does one file: its path, where its outputs go without a suffix (see `output_path`), and the
progress of this file, from 0 to 1."""


@dataclass(frozen=True, slots=True)
class BatchResult:
    """How every file ended, how long all took, and the most memory the process ever held."""

    files: tuple[FileOutcome, ...]
    seconds: float
    peak_memory_bytes: int

    def to_json(self) -> dict[str, Any]:
        """As a plain mapping."""
        return {
            "files": [file.to_json() for file in self.files],
            "seconds": round(self.seconds, 3),
            "peak_memory_bytes": self.peak_memory_bytes,
        }

    def describe(self) -> str:
        """A line for each output, and one for each file that did not end well."""
        lines = []
        for file in self.files:
            lines += [str(output) for output in file.outputs]
            lines += [f"{file.path}: {note}" for note in file.notes]
            if file.status != "ok":
                reason = (file.reason or "").removeprefix(f"{file.path}: ")
                lines.append(f"{file.path}: {file.status}: {reason}")
        return "\n".join(lines)


def find_items(
    paths: Sequence[Path],
    root: Path | None = None,
    *,
    accept: Callable[[Path], bool] | None = None,
    wanted: str = "video",
    key: Callable[[Path], Path] | None = None,
) -> list[Item]:
    """The files that `paths` name, each once whatever its suffix, folders searched.

    Their common folder is `root`, or the deepest that holds every named folder and file.
    accept: which files of a folder are taken; videos, by their names, where None
    wanted: what these are, for the error
    key: what two inputs may not share, from their path; the path without suffix where None
    Raises PlayheadError for a folder without such files or one that may not be listed, or two
    inputs with one key.
    """
    accept, key = accept or is_video, key or _without_suffix
    files = {_place(file): file for path in paths for file in _files(path, accept, wanted)}
    folders = [path.resolve() if path.is_dir() else _place(path).parent for path in paths]
    common = _common(folders) if root is None else root.resolve()
    items: dict[Path, Item] = {}
    for place, file in files.items():
        own = key(place)
        if own in items:
            raise PlayheadError(
                f"{items[own].path} and {file} would write to the same outputs; "
                "rename one, or run them into different folders"
            )
        items[own] = Item(file, place.relative_to(common).with_suffix(""))
    return list(items.values())


def is_video(file: Path) -> bool:
    """Whether a file's name is that of a video."""
    return file.suffix.lower() in VIDEO_SUFFIXES


def output_path(target: Path, suffix: str) -> Path:
    """`out/match.1` and `.events.json` → `out/match.1.events.json`."""
    return target.with_name(target.name + suffix)


def run_files(
    paths: Sequence[Path],
    out: Path,
    work: Work,
    *,
    task: str = "files",
    root: Path | None = None,
) -> BatchResult:
    """Run `work` on every file that `paths` name, with outputs below `out`; see `run_items`."""
    check_folder(out)
    return run_items(find_items(paths, root), out, work, task=task)


def check_folder(out: Path) -> None:
    """Raise PlayheadError where `out` is a file."""
    if out.exists() and not out.is_dir():
        raise PlayheadError(f"{out}: is a file; --out needs a folder to write into")


def run_items(
    items: Sequence[Item], out: Path | None, work: Work, *, task: str = "files"
) -> BatchResult:
    """Run `work` on every item; whatever it raises is that file's failure.

    out: the folder that outputs go below; None writes beside each input
    Only an interruption and a lack of memory end the batch.
    """
    started = time.monotonic()
    outcomes = []
    with progress(task, len(items)) as live:
        for item in items:
            live.advance(0, note=item.path.name)
            share = _Share(live)
            outcomes.append(_run_one(item, item.target(out), work, share))
            share.advance(1 - share.done)
    return BatchResult(tuple(outcomes), time.monotonic() - started, peak_memory_bytes())


def exit_code(outcomes: Sequence[FileOutcome]) -> int:
    """0 where every file is ok, else 3."""
    return 0 if all(outcome.status == "ok" for outcome in outcomes) else 3


def peak_memory_bytes() -> int:
    """The most memory this process ever held (resident set)."""
    status = Path("/proc/self/status")
    if status.is_file():  # Linux's ru_maxrss also counts what the parent held when it forked
        held = re.search(r"^VmHWM:\s*(\d+) kB$", status.read_text(encoding="ascii"), re.MULTILINE)
        if held is not None:
            return int(held[1]) * 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024  # macOS counts bytes, others KiB


class _Share:
    """The progress of one file, so that one that fails early still counts as done."""

    def __init__(self, whole: Progress) -> None:
        self._whole = whole
        self.done = 0.0

    def advance(self, steps: float = 1, note: str = "") -> None:
        self.done += steps
        self._whole.advance(steps, note)


def _run_one(item: Item, target: Path, work: Work, share: Progress) -> FileOutcome:
    with FileFailure(item.path) as failure:
        return work(item.path, target, share)
    return FileOutcome(item.path, "failed", reason=failure.reason)


def _files(path: Path, accept: Callable[[Path], bool], wanted: str) -> list[Path]:
    if not path.is_dir():
        return [path]

    def refuse(error: OSError) -> NoReturn:
        raise PlayheadError(
            f"{error.filename}: cannot be looked at ({error.strerror}); name the files or folders "
            "that can be read"
        )

    listed = os.walk(path, onerror=refuse)
    inside = (Path(folder, name) for folder, _, names in listed for name in names)
    try:
        found = sorted(
            file for file in inside if not is_temporary(file) and file.is_file() and accept(file)
        )
    except PermissionError as error:  # a folder that may be listed and not entered
        refuse(error)
    if not found:
        raise PlayheadError(f"{path}: holds no {wanted}; name the files to take them anyway")
    return found


def _without_suffix(place: Path) -> Path:
    return place.with_suffix("")


def _place(file: Path) -> Path:
    """Where a file lies, without `..`, under its own name (a link keeps its name)."""
    return file.parent.resolve() / file.name


def _common(folders: Sequence[Path]) -> Path:
    try:
        return Path(os.path.commonpath(folders))
    except ValueError as error:  # two drives
        raise PlayheadError("the inputs have no common folder: run them one by one") from error

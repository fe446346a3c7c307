"""Items: the files of a batch, and where the outputs of each go.

Outputs mirror the inputs' relative paths below their common folder, so two inputs never write to
one place: where they would, nothing is started.
"""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from playhead.errors import PlayheadError
from playhead.files import is_temporary
from playhead.media.kinds import VIDEO_SUFFIXES

__all__ = ["Item", "find_items", "is_video", "output_path"]


@dataclass(frozen=True, slots=True)
class Item:
    """One input; `stem` is its path below the common folder, without the suffix."""

    path: Path
    stem: Path

    def target(self, out: Path | None) -> Path:
        """Where its outputs go, without a suffix: below `out`, or beside it where that is None."""
        return self.path.with_suffix("") if out is None else out / self.stem


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
    wanted: what these are, for the error message
    key: what two inputs may not share, from their path; the path without suffix where None
    Raises PlayheadError for a folder without such files or one that may not be listed, or two
    inputs with one key.
    """
    accept, key = accept or is_video, key or _without_suffix
    files = {_location(file): file for path in paths for file in _files(path, accept, wanted)}
    folders = [path.resolve() if path.is_dir() else _location(path).parent for path in paths]
    common = _common(folders) if root is None else root.resolve()
    items: dict[Path, Item] = {}
    for location, file in files.items():
        identity = key(location)
        if identity in items:
            raise PlayheadError(
                f"{items[identity].path} and {file} would write to the same outputs; "
                "rename one, or run them into different folders"
            )
        items[identity] = Item(file, location.relative_to(common).with_suffix(""))
    return list(items.values())


def is_video(file: Path) -> bool:
    """Whether a file's name is that of a video."""
    return file.suffix.lower() in VIDEO_SUFFIXES


def output_path(target: Path, suffix: str) -> Path:
    """`out/match.1` and `.events.json` → `out/match.1.events.json`."""
    return target.with_name(target.name + suffix)


def _files(path: Path, accept: Callable[[Path], bool], wanted: str) -> list[Path]:
    if not path.is_dir():
        return [path]

    def refuse(error: OSError) -> NoReturn:
        raise PlayheadError(
            f"{error.filename}: cannot be listed ({error.strerror}); name the files or folders "
            "that can be read"
        )

    listed = os.walk(path, onerror=refuse)
    inside = (Path(folder, name) for folder, _, names in listed for name in names)
    try:
        found = sorted(
            file for file in inside if not is_temporary(file) and file.is_file() and accept(file)
        )
    except PermissionError as error:  # a folder that may be listed but not entered
        refuse(error)
    if not found:
        raise PlayheadError(f"{path}: holds no {wanted}; name the files to take them anyway")
    return found


def _without_suffix(path: Path) -> Path:
    return path.with_suffix("")


def _location(file: Path) -> Path:
    """Where a file lies, without `..`, under its own name (a link keeps its name)."""
    return file.parent.resolve() / file.name


def _common(folders: Sequence[Path]) -> Path:
    try:
        return Path(os.path.commonpath(folders))
    except ValueError as error:  # two drives
        raise PlayheadError("the inputs have no common folder: run them one by one") from error

"""Items: the input files of a batch, and their output paths.

Outputs mirror the inputs' relative paths below their common folder. If two inputs would write to
the same path, that is an error before anything starts.
"""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from playhead.errors import PlayheadError
from playhead.files import is_temporary
from playhead.media.kinds import VIDEO_SUFFIXES

__all__ = ["Item", "find_items", "is_video", "output_path", "require_paths"]


@dataclass(frozen=True, slots=True)
class Item:
    """One input; `stem` is its path below the common folder, without the suffix."""

    path: Path
    stem: Path

    def target(self, out: Path | None) -> Path:
        """The output path without a suffix: below `out`, or beside the input if that is None."""
        return self.path.with_suffix("") if out is None else out / self.stem


def find_items(
    paths: Sequence[Path],
    root: Path | None = None,
    *,
    accept: Callable[[Path], bool] | None = None,
    wanted: str = "video",
    key: Callable[[Path], Path] | None = None,
) -> list[Item]:
    """The files in `paths`, without duplicates; folders are searched, named files always included.

    root: the common folder; by default the deepest that contains all `paths`
    accept: selects the files of a folder; by default videos, by suffix
    wanted: the kind of these files, for the error message
    key: maps a path to what must be unique; by default the path without its suffix
    Raises PlayheadError if a folder has no such files or cannot be listed, or if two inputs have
    the same key.
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


def require_paths(paths: Sequence[Path]) -> None:
    """Raise PlayheadError for a path at which there is nothing, as after a typing error."""
    for path in paths:
        if not path.exists():
            raise PlayheadError(f"{path}: there is no such file or folder; check the name")


def is_video(file: Path) -> bool:
    """Whether a file has the suffix of a video."""
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
        files = sorted(
            file for file in inside if not is_temporary(file) and file.is_file() and accept(file)
        )
    except PermissionError as error:  # a folder that may be listed but not entered
        refuse(error)
    if not files:
        raise PlayheadError(f"{path}: has no {wanted}; name the files to use them anyway")
    return files


def _without_suffix(path: Path) -> Path:
    return path.with_suffix("")


def _location(file: Path) -> Path:
    """The absolute path of a file without `..`; a link keeps its own name."""
    return file.parent.resolve() / file.name


def _common(folders: Sequence[Path]) -> Path:
    try:
        return Path(os.path.commonpath(folders))
    except ValueError as error:  # two drives
        raise PlayheadError("the inputs have no common folder: run them one by one") from error

"""Names: what the pictures of a set are called in files that are written and read again elsewhere.

A name is a path relative to a root, so that two pictures of one file name in different folders do
not clash.
"""

import os
from collections.abc import Sequence
from pathlib import Path

from playhead.detection.labels.finding import picture_name, plain_name, without_suffix
from playhead.errors import LabelError

__all__ = ["is_text", "label_names", "names_of"]


def is_text(name: str) -> bool:
    """Whether a name is UTF-8; one of other bytes can stand in a file system and in no file."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def names_of(paths: Sequence[Path], root: Path | None = None) -> tuple[str, ...]:
    """The name of each picture, in order, no two the same.

    Relative to `root`; without one what stands after the last folder `images`, and where that is no
    name for each, relative to the folder that holds them all.
    Raises LabelError for a picture outside `root`, or one that stands there twice.
    """
    if root is not None:
        return _unique(paths, tuple(_relative(path, root) for path in paths))
    names = tuple(picture_name(path) for path in paths)
    if len(set(names)) == len(names) and not any(Path(name).is_absolute() for name in names):
        return names
    if len({path.is_absolute() for path in paths}) > 1:
        return _unique(paths, names)
    folder = os.path.commonpath([path.parent for path in paths]) if paths else ""
    return _unique(paths, tuple(plain_name(path.relative_to(folder)) for path in paths))


def label_names(names: Sequence[str], suffix: str) -> tuple[str, ...]:
    """The name of the label file of each picture.

    Raises LabelError where two would share one, as those of `a.jpg` and `a.png`.
    """
    first: dict[str, str] = {}
    for name in names:
        stem = without_suffix(name)
        if first.setdefault(stem.casefold(), name) != name:
            raise LabelError(
                f"{name} and {first[stem.casefold()]} would share the label file {stem}{suffix}; "
                "rename one"
            )
    return tuple(without_suffix(name) + suffix for name in names)


def _relative(path: Path, root: Path) -> str:
    for one, folder in ((path, root), (path.resolve(), root.resolve())):
        if one.is_relative_to(folder):
            return one.relative_to(folder).as_posix()
    raise LabelError(f"{path}: lies outside {root}; name the folder that holds all pictures")


def _unique(paths: Sequence[Path], names: tuple[str, ...]) -> tuple[str, ...]:
    first: dict[str, Path] = {}
    for path, name in zip(paths, names, strict=True):
        if first.setdefault(name, path) is not path:
            raise LabelError(
                f"{path} and {first[name]} would both be called {name}; name the folder that "
                "holds all pictures, or leave one out"
            )
    return names

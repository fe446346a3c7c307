"""Names of images: the parts of a path that identify an image, and its split.

The folders `images`, `labels`, `JPEGImages` and `Annotations` are not part of a name:
`train/labels/a.txt` belongs to `train/images/a.jpg`. A folder called train, valid (or val) or test
is the split.
"""

import re
import unicodedata
from pathlib import PurePath, PurePosixPath

from playhead.media.stills import IMAGE_SUFFIXES

__all__ = ["composed", "image_name", "plain_name", "split_of", "split_of_stem", "without_suffix"]

_KINDS = frozenset({"images", "labels", "jpegimages", "annotations"})
_SPLITS = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("val", "valid", "validation"), "valid"),
    **dict.fromkeys(("test", "testing"), "test"),
}


def plain_name(path: PurePath) -> str:
    """A path without the folders `images`, `labels`, `JPEGImages` and `Annotations`."""
    kept = (part for part in path.parts[:-1] if part.lower() not in _KINDS)
    return PurePosixPath(*kept, *path.parts[-1:]).as_posix()


def image_name(path: PurePath) -> str:
    """The path after its last folder `images` (or `labels`, ...); the whole path without one."""
    parts = path.parts
    indices = [k for k, part in enumerate(parts[:-1]) if part.lower() in _KINDS]
    return PurePosixPath(*parts[indices[-1] + 1 if indices else 0 :]).as_posix()


def without_suffix(name: str) -> str:
    """A name without the suffix of an image or label file: `a/b.jpg` → `a/b`; `a/b.1` is kept."""
    path = PurePosixPath(name)
    known = path.suffix.lower() in IMAGE_SUFFIXES | {".txt", ".xml"}
    return path.with_suffix("").as_posix() if known else name


def composed(name: str) -> str:
    """A name in Unicode form NFC; archives differ in how they store accents."""
    return unicodedata.normalize("NFC", name)


def split_of(path: PurePath) -> str | None:
    """The split by the folders of a path: train, valid, test, or None."""
    return next((split for part in path.parts[:-1] if (split := _split(part))), None)


def split_of_stem(stem: str) -> str | None:
    """The split in a label file's name, as in `instances_val2017`."""
    return next(
        (split for word in re.split("[^A-Za-z0-9]+", stem) if (split := _split(word))), None
    )


def _split(word: str) -> str | None:
    return _SPLITS.get(re.sub(r"20\d\d$", "", word.lower()))

"""Finding: which picture file a label speaks of, by its path under a root, or else by its name.

The folders `images`, `labels`, `JPEGImages` and `Annotations` say what lies in them and are no part
of a name: `train/labels/a.txt` speaks of `train/images/a.jpg`.
"""

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from playhead.media.stills import IMAGE_SUFFIXES

__all__ = ["Shelf", "picture_name", "pictures_under", "plain_name", "split_of", "without_suffix"]

_KINDS = frozenset({"images", "labels", "JPEGImages", "Annotations"})
_SPLITS = {
    "train": "train",
    "training": "train",
    "val": "valid",
    "valid": "valid",
    "validation": "valid",
    "test": "test",
    "testing": "test",
}


def plain_name(relative: PurePosixPath | Path) -> str:
    """A path without the folders that only say what lies in them."""
    parts = relative.parts
    kept = (part for part in parts[:-1] if part not in _KINDS)
    return PurePosixPath(*kept, *parts[-1:]).as_posix()


def without_suffix(name: str) -> str:
    """A name without the suffix of a picture or label file: `a/b.jpg` is `a/b`, `a/b.1` stays."""
    path = PurePosixPath(name)
    known = path.suffix.lower() in IMAGE_SUFFIXES | {".txt", ".xml"}
    return path.with_suffix("").as_posix() if known else name


def picture_name(path: Path) -> str:
    """What stands after the last folder `images` of a path; the whole path where there is none."""
    parts = path.parts
    places = [place for place, part in enumerate(parts[:-1]) if part in _KINDS]
    return PurePosixPath(*parts[places[-1] + 1 if places else 0 :]).as_posix()


def split_of(relative: PurePosixPath | Path) -> str | None:
    """The split that a folder of a path is named after, as train, valid or test."""
    named = (_SPLITS.get(part.lower()) for part in relative.parts[:-1])
    return next((split for split in named if split), None)


def pictures_under(root: Path) -> list[Path]:
    """The picture files under a folder, sorted; hidden ones are left out."""
    return sorted(
        path
        for path in root.rglob("*")
        if path.suffix.lower() in IMAGE_SUFFIXES
        and not path.name.startswith(".")
        and path.is_file()
    )


class Shelf:
    """The picture files under a folder, found by the names that labels give.

    pictures: the name of each under the folder; those under the folder `without` are passed over
    """

    def __init__(self, root: Path, without: Path | None = None) -> None:
        self.root = root
        self.pictures = {
            path: plain_name(path.relative_to(root))
            for path in pictures_under(root)
            if without is None or not path.absolute().is_relative_to(without.absolute())
        }
        self._by_name: defaultdict[str, list[Path]] = defaultdict(list)
        for path, name in self.pictures.items():
            for key in dict.fromkeys(_keys(name)):
                self._by_name[key].append(path)

    def find(self, name: str) -> Sequence[Path]:
        """The pictures that `name` can mean: one at best, none, or several.

        A path under a root comes before a name alone, and a name with its suffix before one without
        """
        return next((found for key in _keys(name) if (found := self._by_name.get(key))), [])


def _keys(name: str) -> tuple[str, ...]:
    last = PurePosixPath(name).name
    return (f"/{name}", f"/{without_suffix(name)}", last, without_suffix(last))

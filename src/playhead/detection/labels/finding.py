"""Finding: which picture file a label speaks of, by its path under a root, or else by its name.

The folders `images`, `labels`, `JPEGImages` and `Annotations` say what lies in them and are no part
of a name: `train/labels/a.txt` speaks of `train/images/a.jpg`. Links to folders are followed, since
the pictures of a set often lie on another disk. An accented letter is the same in one piece and in
two, as file systems and archives differ in which they write.
"""

import os
import unicodedata
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from playhead.errors import LabelError
from playhead.media.stills import IMAGE_SUFFIXES

__all__ = [
    "Shelf",
    "Walk",
    "composed",
    "is_other_kind",
    "picture_name",
    "pictures_under",
    "plain_name",
    "shelf_of",
    "split_of",
    "walk",
    "without_suffix",
]

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
_OTHER_PICTURES = frozenset(
    {".gif", ".heic", ".heif", ".avif", ".jxl", ".jp2", ".jfif", ".svg", ".tga", ".dng"}
)
"""Suffixes of pictures that cannot be read here: they are found only to say so."""


@dataclass(frozen=True, slots=True)
class Walk:
    """What lies under a folder.

    links: the links to folders that were followed; unread: folders that cannot be listed, and why
    """

    files: list[Path] = field(default_factory=list)
    links: list[Path] = field(default_factory=list)
    unread: list[tuple[Path, str]] = field(default_factory=list)


def walk(root: Path) -> Walk:
    """The files under a folder, sorted, hidden ones left out; links to folders are followed.

    Each folder is listed once, first where it really lies, so that no circle of links goes
    on for ever; a link to a folder around `root` is passed over.
    """
    found = Walk()
    seen = set(root.resolve().parents)
    folders, links = [root], list[Path]()
    while folders or links:
        followed = not folders
        folder = links.pop(0) if followed else folders.pop()
        real = folder.resolve()
        if real in seen:
            continue
        seen.add(real)
        found.links.extend([folder] if followed else [])
        for entry in _entries(folder, found.unread):
            if _leads_to_folder(entry):
                (links if entry.is_symlink() else folders).append(Path(entry))
            # A link that leads nowhere is a file too: its reader says what is wrong with it.
            elif not entry.name.startswith(".") and _may_be_file(entry):
                found.files.append(Path(entry))
    found.files.sort()
    return found


def _entries(folder: Path, unread: list[tuple[Path, str]]) -> list["os.DirEntry[str]"]:
    try:
        with os.scandir(folder) as entries:
            return sorted(entries, key=lambda entry: entry.name)
    except OSError as error:
        # Such folders belong to the system, not to anyone's labels.
        if not folder.name.startswith(".") and folder.name != "lost+found":
            why = f"cannot be listed: {error.strerror or error}; see that it may be read"
            unread.append((folder, why))
        return []


def _leads_to_folder(entry: "os.DirEntry[str]") -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link into what may not be read
        return False


def _may_be_file(entry: "os.DirEntry[str]") -> bool:
    """Whether an entry is a file or a link, which is told without leave to read it."""
    return entry.is_file(follow_symlinks=False) or entry.is_symlink()


def composed(name: str) -> str:
    """A name with each accented letter in one piece (Unicode's form NFC)."""
    return unicodedata.normalize("NFC", name)


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
    return [path for path in walk(root).files if _is_picture(path)]


class Shelf:
    """The picture files under a folder, found by the names that labels give.

    pictures: the name of each under the folder; those under the folder `without` are passed over
    unread: folders that cannot be listed, and why
    """

    def __init__(self, root: Path, without: Path | None = None) -> None:
        self.root = root
        found = walk(root)
        self.unread = found.unread
        self.pictures: dict[Path, str] = {}
        self._unusable: dict[str, Path] = {}
        for path in found.files:
            if without is not None and path.absolute().is_relative_to(without.absolute()):
                continue
            if _is_picture(path):
                self.pictures[path] = plain_name(path.relative_to(root))
            elif path.suffix.lower() in IMAGE_SUFFIXES or is_other_kind(path):
                self._unusable.setdefault(composed(path.stem), path)
        self._by_name: defaultdict[str, list[Path]] = defaultdict(list)
        for path, name in self.pictures.items():
            for key in dict.fromkeys(_keys(name)):
                self._by_name[key].append(path)

    def find(self, name: str) -> Sequence[Path]:
        """The pictures that `name` can mean: one at best, none, or several.

        A path under a root comes before a name alone, and a name with its suffix before one
        without; before all of them the name as it is spelled.
        """
        return next((found for key in _keys(name) if (found := self._by_name.get(key))), [])

    def unusable(self, name: str) -> Path | None:
        """The file that `name` may mean where it means no picture.

        One of a kind that cannot be read here, or a picture that is a link to nowhere.
        """
        last = PurePosixPath(composed(name))
        return self._unusable.get(last.name) or self._unusable.get(last.stem)

    def missing(self, name: str) -> str:
        """What to say where `name` means no picture, with the file that it may have meant."""
        path = self.unusable(name)
        said = f"there is no picture {name!r} under {self.root}"
        if path is None:
            return said
        if is_other_kind(path):
            return (
                f"{said}: {path.name} is of a kind that cannot be read here (JPEG, PNG, WebP, TIFF "
                "and BMP can); save it as a PNG"
            )
        return f"{said}: {path.name} is a link that leads nowhere, or may not be read"


def is_other_kind(path: Path) -> bool:
    """Whether a file is a picture of a kind that cannot be read here, by its name."""
    return path.suffix.lower() in _OTHER_PICTURES


def shelf_of(path: Path, images: Path | None, without: Path | None = None) -> Shelf:
    """The pictures that labels in `path` may speak of: those in `images`, or else beside them.

    Beside them is in the same folder; where that holds none, in `images` or `JPEGImages` next to
    it, or in the folder above one that is called `labels` or the like. Those under the folder
    `without` are passed over.
    """
    if images is not None:
        if not images.is_dir():
            raise LabelError(f"{images}: is no folder; name the one that holds the pictures")
        return Shelf(images, without)
    folder = path if path.is_dir() else path.parent
    shelf = Shelf(folder, without)
    if shelf.pictures:
        return shelf
    above = folder.absolute().parent
    beside = [above / name for name in ("images", "JPEGImages") if (above / name).is_dir()]
    if beside:
        return Shelf(beside[0], without)
    return Shelf(above, without) if folder.name.lower() in {"labels", "annotations"} else shelf


def _is_picture(path: Path) -> bool:
    try:
        return path.suffix.lower() in IMAGE_SUFFIXES and path.is_file()
    except OSError:
        return False


def _keys(name: str) -> tuple[str, ...]:
    plain = composed(name)
    last = PurePosixPath(plain).name
    spelled = (f"={name}", f"={without_suffix(name)}")
    return (*spelled, f"/{plain}", f"/{without_suffix(plain)}", last, without_suffix(last))

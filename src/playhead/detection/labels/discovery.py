"""Discovery: which files of a folder are labels, of which kind, and which of them are not read.

A text is a label of YOLO, unless its name is one that texts beside labels usually have (a licence,
a list of pictures). Even then it is one where a picture has its name, or where its first line is a
box. Whether a folder is one of YOLO is told by such texts alone where files of another kind lie
there too: beside those a text is often a note.
"""

from collections.abc import Callable
from functools import cached_property
from pathlib import Path

from playhead.detection.labels.finding import Shelf, plain_name, shelf_of, walk, without_suffix
from playhead.detection.labels.raw import Fault, Report

__all__ = ["LabelFiles"]

_CLASS_LISTS = frozenset({"classes.txt", "predefined_classes.txt"})
_WELL_KNOWN = frozenset(
    {
        *("readme.txt", "readme.dataset.txt", "readme.roboflow.txt", "notes.txt"),
        *("license.txt", "licence.txt", "copying.txt", "changelog.txt"),
        *("train.txt", "val.txt", "valid.txt", "test.txt", "trainval.txt"),
        *("autosplit_train.txt", "autosplit_val.txt", "autosplit_test.txt"),
    }
)
_HEAD = 1 << 16
"""Bytes of a file that are looked at to tell what it is."""


class LabelFiles:
    """The label files of a folder by kind.

    shelf: the pictures that they speak of; without one those beside them
    """

    def __init__(self, folder: Path, shelf: Shelf | None = None) -> None:
        self.folder = folder
        self._given = shelf
        self._walk = walk(folder)
        texts = [path for path in self._of(".txt") if self._may_be_label(path)]
        self._inner = [path for path in texts if "labels" in self._folders(path)]
        self.texts = self._inner or texts
        self._outer = [
            path for path in texts if self._inner and "labels" not in self._folders(path)
        ]
        self.documents = {"voc": self._of(".xml"), "coco": self._of(".json")}

    @property
    def unread(self) -> list[tuple[Path, str]]:
        """The folders that cannot be listed, and why."""
        return self._walk.unread

    def kind(self) -> str | None:
        """The format of the folder: that of most label files; None where there are none."""
        if not any(self.documents.values()):
            return "yolo" if self.texts else None
        texts = [path for path in self.texts if self._is_label(path)]
        annotations = [path for path in self.documents["voc"] if _is_annotation(path)]
        if texts or annotations:
            return "yolo" if len(texts) >= len(annotations) else "voc"
        kinds = ("coco", "voc")
        return next((kind for kind in kinds if self.documents[kind]), "yolo")

    def tell(self, kind: str, named: set[str], report: Report) -> None:
        """Report what is not read where the folder is read as `kind`.

        named: the pictures that what is read speaks of, without suffix
        """
        for folder, why in self.unread:
            report(Fault.UNREADABLE_FOLDER, str(folder), why)
        for path in sorted(self._others(kind)):
            if kind == "yolo" and path in self._outer:
                what = "lies outside the folders `labels` and is not read"
                report(Fault.UNREAD, str(path), f"{what}; {_REMEDY}")
                continue
            is_named = without_suffix(plain_name(path.relative_to(self.folder))) in named
            # A document speaks of many pictures, and may say the same again.
            fault = Fault.BESIDE if is_named or path.suffix.lower() == ".json" else Fault.UNREAD
            what = f"is a label file of another kind than {kind} and is not read"
            report(fault, str(path), f"{what}; {_REMEDY}")

    def _others(self, kind: str) -> list[Path]:
        match kind:
            case "yolo":
                texts = [path for path in self._outer if self._is_label(path)]
                return [*texts, *self._documents("voc", _is_annotation), *self._documents("coco")]
            case "voc":
                texts = [path for path in (*self.texts, *self._outer) if self._is_label(path)]
                return [*texts, *self._documents("coco")]
        return []

    def _documents(self, kind: str, is_label: Callable[[Path], bool] | None = None) -> list[Path]:
        return [path for path in self.documents[kind] if (is_label or _is_set)(path)]

    def _of(self, suffix: str) -> list[Path]:
        return [path for path in self._walk.files if path.suffix.lower() == suffix]

    def _folders(self, path: Path) -> tuple[str, ...]:
        return path.relative_to(self.folder).parts[:-1]

    def _may_be_label(self, path: Path) -> bool:
        name = path.name.lower()
        if name in _CLASS_LISTS or "ImageSets" in self._folders(path):
            return False
        return name not in _WELL_KNOWN or self._is_label(path)

    def _is_label(self, path: Path) -> bool:
        """Whether a picture has the name of a text, or its first line is a box."""
        name = without_suffix(plain_name(path.relative_to(self.folder)))
        return bool(self._shelf.find(name)) or _begins_with_box(path)

    @cached_property
    def _shelf(self) -> Shelf:
        return self._given or shelf_of(self.folder, None)


_REMEDY = "move it out, or let `playhead detection normalise` read it as a source of its own"


def _head(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(_HEAD)
    except OSError:  # whose reader says what is wrong with it
        return b""


def _begins_with_box(path: Path) -> bool:
    lines = _head(path).decode("utf-8-sig", errors="replace").split("\n")
    cells = next((line.split() for line in lines if line.strip()), [])
    try:
        return len([float(cell) for cell in cells]) >= 5
    except ValueError:
        return False


def _is_annotation(path: Path) -> bool:
    """Whether an XML file is one of VOC; in UTF-16 there is a zero beside each letter."""
    return b"<annotation" in _head(path).replace(b"\0", b"")


def _is_set(path: Path) -> bool:
    """Whether a JSON file is a document of COCO, by a key that hardly any other has."""
    try:
        return b'"annotations"' in path.read_bytes()
    except OSError:
        return False

"""Assembly: raw labels, held against their pictures, become a set; what is wrong is an error."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from playhead.detection.labels.finding import (
    Shelf,
    plain_name,
    shelf_of,
    split_of,
    without_suffix,
)
from playhead.detection.labels.pairing import Matcher
from playhead.detection.labels.raw import RawBox, RawPicture, RawSet
from playhead.errors import LabelError
from playhead.events.images import LabelledPicture, PictureSet
from playhead.media.stills import still_size

__all__ = ["UnseenPicture", "assemble", "refuse_unseen"]


@dataclass(frozen=True, slots=True, eq=False)
class UnseenPicture(LabelledPicture):
    """A picture that labels name and that is not in the folder of the pictures.

    Its path is the name that the labels give it, which pairs it with what was found. Whatever file
    that leads to, wherever the program was started, is none of the set and must not be opened.
    """


def refuse_unseen(pictures: PictureSet, source: Path | str) -> None:
    """Raise LabelError where labels name pictures that are not there to be opened."""
    unseen = [one for one in pictures.pictures if isinstance(one, UnseenPicture)]
    if unseen:
        raise LabelError(
            f"{source}: {len(unseen)} of {len(pictures)} pictures are not there, the first is "
            f"{unseen[0].path}; put them into the folder of the pictures"
        )


@dataclass(frozen=True, slots=True)
class _Found:
    """A picture that labels speak of: its file and its size if known; unseen, its name alone.

    missing: what to say of one that is needed and not there
    """

    path: Path
    size: tuple[int, int] | None
    unseen: bool = False
    missing: str = ""


def assemble(
    path: Path,
    kind: str,
    raws: RawSet,
    *,
    classes: Sequence[str] | None = None,
    images: Path | None = None,
    like: PictureSet | None = None,
) -> PictureSet:
    """The set that raw labels of `path` mean; see `files.read_pictures` for the rest.

    Raises LabelError for a box of an unknown class, a score outside 0 to 1, two files that speak of
    one picture, and a YOLO label without its picture.
    """
    known = _classes(path, raws, classes, like)
    shelf = None if like is not None or kind == "manifest" else shelf_of(path, images)
    if shelf is not None:
        _refuse_unread(shelf)
        found = [_on_shelf(raw, shelf, images) for raw in raws.pictures]
    elif like is not None:
        found = _in_truth(raws, like)
    else:
        found = [_at(raw) for raw in raws.pictures]
    _refuse_twice(raws, found)
    pictures = [_picture(raw, one, known) for raw, one in zip(raws.pictures, found, strict=True)]
    if kind == "yolo" and shelf is not None and path.is_dir():
        spoken = {one.path for one in found}
        pictures += [_without_objects(one, shelf) for one in shelf.pictures if one not in spoken]
        pictures.sort(key=lambda one: one.path)
    return PictureSet(tuple(known), tuple(pictures))


def _refuse_unread(shelf: Shelf) -> None:
    """Raise LabelError where pictures may be missing, which would flatter every figure."""
    for folder, why in shelf.unread:
        raise LabelError(f"{folder}: {why}")


def _classes(
    path: Path, raws: RawSet, classes: Sequence[str] | None, like: PictureSet | None
) -> dict[str, int]:
    """The place of each class; a label that is none of those given is refused later.

    Raises LabelError for a class that stands twice in a list, of which labels are places.
    """
    names = list(classes or ())
    if not names:
        labels = {box.label for raw in raws.pictures for box in raw.boxes}
        first = raws.classes or (() if like is None else like.classes)
        names = [*first, *sorted({one for one in labels if isinstance(one, str)} - {*first})]
        if not names and labels:
            raise LabelError(
                f"{path}: its classes are numbers without names; put a classes.txt beside the "
                "labels, or name the classes"
            )
    twice = next((name for place, name in enumerate(names) if name in names[:place]), None)
    if twice is not None:
        raise LabelError(
            f"{path}: names the class {twice} twice among its {len(names)}; name each once, or let "
            "`playhead detection normalise` make both numbers one class"
        )
    return {name: place for place, name in enumerate(names)}


def _at(raw: RawPicture) -> _Found:
    """The picture that a manifest names."""
    path = raw.path or Path(raw.names[0])
    return _Found(path, raw.size or still_size(path))


def _in_truth(raws: RawSet, like: PictureSet) -> list[_Found]:
    matcher = Matcher([one.path for one in like.pictures])
    found = []
    for raw in raws.pictures:
        places = (matcher.place(Path(name)) for name in raw.names)
        place = next((one for one in places if one is not None), None)
        if place is None:
            found.append(_Found(Path(raw.names[0]), raw.size, unseen=True))
        else:
            true = like.pictures[place]
            size = true.size if any(true.size) else raw.size
            found.append(_Found(true.path, size, isinstance(true, UnseenPicture)))
    return found


def _on_shelf(raw: RawPicture, shelf: Shelf, images: Path | None) -> _Found:
    """The picture on the shelf, or else one by the name that the file gives it."""
    files = next((files for name in raw.names if (files := shelf.find(name))), [])
    if len(files) > 1:
        names = ", ".join(str(file) for file in files[:3])
        raise LabelError(f"{raw.file}: {raw.names[0]!r} can be {names}; keep one, or its folder")
    if files:
        return _Found(files[0], raw.size or still_size(files[0]))
    path = (images or Path()) / raw.names[0]
    return _Found(path, raw.size, unseen=True, missing=shelf.missing(raw.names[0]))


def _refuse_twice(raws: RawSet, found: Sequence[_Found]) -> None:
    first: dict[Path, RawPicture] = {}
    for raw, one in zip(raws.pictures, found, strict=True):
        other = first.setdefault(one.path, raw)
        if other is not raw:
            raise LabelError(
                f"{raw.file}: speaks of {one.path}, and so does {other.file}; "
                "`playhead detection normalise` merges them"
            )


def _picture(raw: RawPicture, found: _Found, classes: dict[str, int]) -> LabelledPicture:
    if raw.shares and found.size is None:
        missing = found.missing or f"there is no picture {raw.names[0]!r}"
        raise LabelError(
            f"{raw.file}: {missing}; the shares of YOLO need its size; name the folder of the "
            "pictures"
        )
    size = found.size or (0, 0)
    boxes = np.array([box.corners for box in raw.boxes], np.float64).reshape(-1, 4)
    if raw.shares:
        boxes = boxes * np.array([*size, *size], np.float64)
    kind = UnseenPicture if found.unseen else LabelledPicture
    return kind(
        path=found.path,
        size=size,
        boxes=boxes,
        labels=np.array([_label(raw, box, classes) for box in raw.boxes], np.int32),
        scores=np.array([_score(raw, box) for box in raw.boxes], np.float32),
        group=raw.group or without_suffix(plain_name(Path(raw.names[0]))),
        split=raw.split,
    )


def _label(raw: RawPicture, box: RawBox, classes: dict[str, int]) -> int:
    place = box.label if isinstance(box.label, int) else classes.get(box.label, len(classes))
    if not 0 <= place < len(classes):
        raise LabelError(
            f"{raw.where(box)}: has the class {box.label!r}; known are "
            + ", ".join(f"{number} {name}" for name, number in classes.items())
        )
    return place


def _score(raw: RawPicture, box: RawBox) -> float:
    score = 1.0 if box.score is None else box.score
    if not 0 <= score <= 1:
        raise LabelError(f"{raw.where(box)}: a score is from 0 to 1, got {score:g}")
    return score


def _without_objects(path: Path, shelf: Shelf) -> LabelledPicture:
    empty = np.zeros((0, 4), np.float64)
    labels, scores = np.zeros(0, np.int32), np.zeros(0, np.float32)
    group, split = without_suffix(shelf.pictures[path]), split_of(path.relative_to(shelf.root))
    return LabelledPicture(path, still_size(path), empty, labels, scores, group, split)

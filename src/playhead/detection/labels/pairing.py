"""Pairing: what was found, in the order of what is true.

Predictions name pictures by paths relative to some root. A name means the picture whose path is the
same, or else the only one whose path ends in it, be it without the folders that only say what lies
in them (`images`, `labels`). A missing suffix does not matter, nor whether an accented letter is
one character or two; a name as it is spelled comes before all.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray

from playhead.detection.labels.finding import composed, picture_name, plain_name, without_suffix
from playhead.errors import LabelError
from playhead.events.images import LabelledPicture, PictureSet

__all__ = ["Matcher", "pair"]


class Matcher:
    """Finds the place of a picture in a list by any name that it may have elsewhere."""

    def __init__(self, paths: Sequence[Path]) -> None:
        self._paths = list(paths)
        self._composed = [_composed(path) for path in paths]
        self._exact: defaultdict[str, list[int]] = defaultdict(list)
        self._last: defaultdict[str, list[int]] = defaultdict(list)
        for place, path in enumerate(paths):
            names = (path.as_posix(), path.absolute().as_posix(), picture_name(path))
            spellings = (key for name in names for key in (name, without_suffix(name)))
            for key in dict.fromkeys(key for name in spellings for key in _keys(name)):
                self._exact[key].append(place)
            self._last[composed(without_suffix(path.name))].append(place)

    def is_exact(self, path: Path) -> bool:
        """Whether the name is that of one picture, and not only the end of its path."""
        return self._own(path) is not None

    def place(self, path: Path) -> int | None:
        """The place of the picture that `path` means; None where there is none.

        Raises LabelError where it could be several.
        """
        own = self._own(path)
        if own is not None:
            return own
        if path.is_absolute():
            return self._elsewhere(path)
        places = self._ending(self._paths, path) or self._ending(self._composed, _composed(path))
        if len(places) > 1:
            names = ", ".join(str(self._paths[place]) for place in places[:3])
            raise LabelError(f"{path}: can be {names}; name the picture with its folder")
        return places[0] if places else None

    def _elsewhere(self, path: Path) -> int | None:
        """The place of a file that was named by a link, or that lies under another root."""
        for name in (path.resolve(), Path(picture_name(path))):
            own = self._own(name)
            if own is not None:
                return own
        name = Path(picture_name(path))
        return None if name.is_absolute() else self.place(name)

    def _ending(self, paths: Sequence[Path], name: Path) -> list[int]:
        """The places of the paths that end in a name, or else do so plainly."""
        near = self._last.get(composed(without_suffix(name.name)), [])
        plain = Path(plain_name(name))
        return [place for place in near if _ends_in(paths[place], name)] or [
            place for place in near if _ends_in(Path(plain_name(paths[place])), plain)
        ]

    def _own(self, path: Path) -> int | None:
        """The place of the only picture that is called so."""
        known = (self._exact.get(key, ()) for key in _keys(path.as_posix()))
        return next((places[0] for places in known if len(places) == 1), None)


def _composed(path: Path) -> Path:
    return Path(composed(str(path)))


def _keys(name: str) -> tuple[str, str]:
    """A name as it is spelled, and however its accents are."""
    return f"={name}", composed(name)


def pair(
    truth: PictureSet,
    predictions: PictureSet,
    *,
    ignore_pictures: bool = False,
    ignore_classes: bool = False,
) -> PictureSet:
    """The predictions in the order of the truth's pictures and classes, with its paths and sizes.

    A picture that the predictions do not name has no boxes.
    ignore_pictures, ignore_classes: leave out what the truth does not know instead of refusing it.
    Raises LabelError for predictions of a picture or a class that the truth does not know, of a
    picture of another size, or twice of one picture.
    """
    classes = _class_places(truth, predictions, ignore=ignore_classes)
    found = _by_place(truth, predictions, ignore=ignore_pictures)
    empty = LabelledPicture(
        Path(), (0, 0), np.zeros((0, 4)), np.zeros(0, np.int32), np.zeros(0, np.float32)
    )
    pictures = []
    for place, true in enumerate(truth.pictures):
        one = found.get(place, empty)
        labels = classes[one.labels]
        known = labels >= 0
        pictures.append(
            replace(true, boxes=one.boxes[known], labels=labels[known], scores=one.scores[known])
        )
    return PictureSet(truth.classes, tuple(pictures))


def _class_places(truth: PictureSet, predictions: PictureSet, *, ignore: bool) -> NDArray[np.int32]:
    """The place in the truth of each class of the predictions, -1 for one that it does not know."""
    known = {name: place for place, name in enumerate(truth.classes)}
    used = [name for name, count in predictions.count().items() if count]
    unknown = [name for name in used if name not in known]
    if unknown and not ignore:
        raise LabelError(
            f"the predictions have boxes of {', '.join(unknown)}; the truth knows "
            f"{', '.join(truth.classes)}"
        )
    # One more, so that a set without classes has something to index.
    return np.array([*(known.get(name, -1) for name in predictions.classes), -1], np.int32)


def _by_place(
    truth: PictureSet, predictions: PictureSet, *, ignore: bool
) -> dict[int, LabelledPicture]:
    matcher = Matcher([one.path for one in truth.pictures])
    found: dict[int, LabelledPicture] = {}
    # A name that is a picture's own comes before one that only ends like it.
    for one in sorted(predictions.pictures, key=lambda one: not matcher.is_exact(one.path)):
        place = matcher.place(one.path)
        taken = place is not None and place in found
        if place is None or (taken and not matcher.is_exact(one.path)):
            if ignore:
                continue
            raise LabelError(
                f"{one.path}: the predictions are of a picture that the truth does not have"
            )
        if taken:
            raise LabelError(
                f"{one.path}: the predictions speak twice of {truth.pictures[place].path}"
            )
        _check_size(truth.pictures[place], one)
        found[place] = one
    return found


def _check_size(true: LabelledPicture, found: LabelledPicture) -> None:
    if all(found.size) and all(true.size) and found.size != true.size:
        raise LabelError(
            f"{found.path}: the predictions are of {found.size[0]}x{found.size[1]} pixels, the "
            f"picture has {true.size[0]}x{true.size[1]}; predict on the picture itself"
        )


def _ends_in(path: Path, name: Path) -> bool:
    whole = PurePosixPath(without_suffix(path.as_posix())).parts
    end = PurePosixPath(without_suffix(name.as_posix())).parts
    same_suffix = not _has_suffix(name) or name.suffix.lower() == path.suffix.lower()
    return same_suffix and whole[-len(end) :] == end


def _has_suffix(name: Path) -> bool:
    return without_suffix(name.as_posix()) != name.as_posix()

"""Labelled images: what is true of, or was found in, each image of a set.

Boxes are `x1, y1, x2, y2` in pixels of the displayed image (EXIF orientation applied), half-open.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from playhead.errors import LabelError

__all__ = ["ImageSet", "LabelledImage"]


@dataclass(frozen=True, slots=True, eq=False)
class LabelledImage:
    """One image and its N boxes.

    path: of the image file; size: (width, height) as displayed; boxes: float64 (N, 4)
    labels: int32 (N,), places in the classes of the set; scores: float32 (N,), 1 for what is true
    group: what folds keep together; without one, an image is a group of its own
    Raises LabelError for arrays of other shapes.
    """

    path: Path
    size: tuple[int, int]
    boxes: NDArray[np.float64]
    labels: NDArray[np.int32]
    scores: NDArray[np.float32]
    group: str = ""
    split: str | None = None

    def __post_init__(self) -> None:
        n = len(self.labels)
        if (self.boxes.shape, self.labels.shape, self.scores.shape) != ((n, 4), (n,), (n,)):
            raise LabelError(
                f"{self.path}: boxes {self.boxes.shape}, labels {self.labels.shape} and scores "
                f"{self.scores.shape}: (N, 4), (N,) and (N,) are needed"
            )
        if not self.group:
            object.__setattr__(self, "group", self.path.stem)


@dataclass(frozen=True, slots=True, eq=False)
class ImageSet:
    """Images whose labels are places in one list of classes.

    Raises LabelError for a class named twice, or a label that is no place in the list.
    """

    classes: tuple[str, ...]
    images: tuple[LabelledImage, ...] = field(repr=False)

    def __post_init__(self) -> None:
        if len(set(self.classes)) != len(self.classes):
            raise LabelError(f"a class is named twice: {', '.join(self.classes)}")
        for one in self.images:
            if len(one.labels) and not 0 <= one.labels.min() <= one.labels.max() < len(
                self.classes
            ):
                raise LabelError(
                    f"{one.path}: label {one.labels.max()} is no place in the "
                    f"{len(self.classes)} classes"
                )

    def __len__(self) -> int:
        return len(self.images)

    def chosen(self, places: Sequence[int]) -> Self:
        """The images at these places, in that order."""
        return type(self)(self.classes, tuple(self.images[place] for place in places))

    def of_classes(self, classes: Sequence[str], *, source: Path | str = "the set") -> Self:
        """Only the boxes of these classes, numbered in their order; every image stays.

        source: what an error names. Raises LabelError for a class that the set does not know.
        """
        unknown = [label for label in classes if label not in self.classes]
        if unknown:
            raise LabelError(
                f"{source}: has no class {', '.join(unknown)}; its classes are "
                f"{', '.join(self.classes)}"
            )
        new = np.array(
            [classes.index(label) if label in classes else -1 for label in self.classes], np.int32
        )
        return type(self)(tuple(classes), tuple(_numbered(one, new) for one in self.images))

    def count(self) -> dict[str, int]:
        """How many boxes each class has, in the order of the classes."""
        labels = [one.labels for one in self.images]
        counted = np.bincount(
            np.concatenate(labels) if labels else np.zeros(0, np.int32), minlength=len(self.classes)
        )
        return dict(zip(self.classes, counted.tolist(), strict=True))


def _numbered(one: LabelledImage, new: NDArray[np.int32]) -> LabelledImage:
    """new: (classes,), the new number of each old one, -1 for one whose boxes go."""
    labels = new[one.labels]
    stays = labels >= 0
    return replace(one, boxes=one.boxes[stays], labels=labels[stays], scores=one.scores[stays])

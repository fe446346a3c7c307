"""Labelled images: the ground truth or the detections of each image of a set.

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

    path: the image file; size: (width, height) as displayed; boxes: float64 (N, 4)
    labels: int32 (N,), indices into the classes of the set
    scores: float32 (N,), 1 for ground truth
    group: images that folds keep together; by default each image is its own group
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
                f"{self.scores.shape}; (N, 4), (N,) and (N,) are needed"
            )
        if not self.group:
            object.__setattr__(self, "group", self.path.stem)


@dataclass(frozen=True, slots=True, eq=False)
class ImageSet:
    """Images whose labels are indices into one list of classes.

    Raises LabelError if a class is listed twice, or a label is not a valid index.
    """

    classes: tuple[str, ...]
    images: tuple[LabelledImage, ...] = field(repr=False)

    def __post_init__(self) -> None:
        if len(set(self.classes)) != len(self.classes):
            raise LabelError(f"a class is listed twice: {', '.join(self.classes)}")
        for image in self.images:
            if len(image.labels) and not 0 <= image.labels.min() <= image.labels.max() < len(
                self.classes
            ):
                raise LabelError(
                    f"{image.path}: label {image.labels.max()} is not an index of the "
                    f"{len(self.classes)} classes"
                )

    def __len__(self) -> int:
        return len(self.images)

    def chosen(self, indices: Sequence[int]) -> Self:
        """The images at these indices, in that order."""
        return type(self)(self.classes, tuple(self.images[index] for index in indices))

    def of_classes(self, classes: Sequence[str], *, source: Path | str = "the set") -> Self:
        """Keep only the boxes of these classes, relabelled in their order; every image stays.

        source: the name of the set in error messages
        Raises LabelError if the set does not have one of the classes.
        """
        unknown = [label for label in classes if label not in self.classes]
        if unknown:
            raise LabelError(
                f"{source}: has no class {', '.join(unknown)}; its classes are "
                f"{', '.join(self.classes)}"
            )
        new_labels = np.array(
            [classes.index(label) if label in classes else -1 for label in self.classes], np.int32
        )
        return type(self)(
            tuple(classes), tuple(_relabelled(image, new_labels) for image in self.images)
        )

    def count(self) -> dict[str, int]:
        """The number of boxes of each class, in the order of the classes."""
        labels = [image.labels for image in self.images]
        counted = np.bincount(
            np.concatenate(labels) if labels else np.zeros(0, np.int32), minlength=len(self.classes)
        )
        return dict(zip(self.classes, counted.tolist(), strict=True))


def _relabelled(image: LabelledImage, new_labels: NDArray[np.int32]) -> LabelledImage:
    """new_labels: (classes,), the new index of each old class, -1 to drop its boxes."""
    labels = new_labels[image.labels]
    kept = labels >= 0
    return replace(image, boxes=image.boxes[kept], labels=labels[kept], scores=image.scores[kept])

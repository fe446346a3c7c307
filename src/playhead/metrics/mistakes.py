"""Mistakes: each false positive, by kind, and each missed object.

At the thresholds of the classes, matched as for average precision. A false positive is a duplicate
if an object of its class overlaps it enough (a box with a higher score took that), else of the
wrong class if an object of another class does, else in the wrong place if it touches an object of
its class, else nothing is there.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from playhead.decisions.boxes import iou
from playhead.events.images import ImageSet, LabelledImage
from playhead.metrics.box_matching import BoxTable, match_boxes
from playhead.metrics.confusion import Thresholds, above_threshold
from playhead.metrics.detection import check_sets

__all__ = ["KINDS", "Kind", "Mistake", "find_mistakes"]

Kind = Literal["nothing there", "wrong place", "wrong class", "duplicate", "missed"]
KINDS: tuple[Kind, ...] = ("nothing there", "wrong place", "wrong class", "duplicate", "missed")

TOUCHES = 0.1
"""Minimum IoU of a false positive in the wrong place with its object."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mistake:
    """One false positive, or one missed object.

    image: index of the image in the set
    label: of the false positive, or of the missed object
    found: index in its image of the false positive, or of the highest-scoring box below the
        threshold on a missed object
    true: index of the object that the box overlaps, or that was missed
    score: of the box `found`, None without one; size: area of the box in pixels
    """

    image: int
    kind: Kind
    label: str
    found: int | None
    true: int | None
    score: float | None
    size: float


def find_mistakes(
    truth: ImageSet, detections: ImageSet, *, thresholds: Thresholds, overlap: float = 0.5
) -> list[Mistake]:
    """Every mistake, image by image; both sets have the same images in the same order.

    Raises LabelError if the sets do not match, or a class has no threshold.
    """
    check_sets(truth, detections)
    real, detected = BoxTable.of_truth(truth), BoxTable.of_detections(detections)
    below = ~above_threshold(detected, truth.classes, thresholds)
    kept = np.flatnonzero(~below)
    match = match_boxes(real, detected.chosen(kept), overlaps=[overlap])
    taken, counted = match.taken[0, 0], match.counted[0, 0]
    false = np.zeros(len(detected), np.bool_)
    false[kept[counted & (taken < 0)]] = True
    missed = match.sought[0].copy()
    missed[taken[counted & (taken >= 0)]] = False

    edges = [
        np.cumsum([0, *(len(image.labels) for image in s.images)]) for s in (truth, detections)
    ]
    mistakes: list[Mistake] = []
    for index in np.union1d(real.images[missed], detected.images[false]).tolist():
        overlaps = _ImageOverlaps(
            index, truth.images[index], detections.images[index], truth.classes
        )
        true_at, detected_at = (slice(edge[index], edge[index + 1]) for edge in edges)
        mistakes += overlaps.wrong(np.flatnonzero(false[detected_at]), overlap)
        mistakes += overlaps.missed(np.flatnonzero(missed[true_at]), below[detected_at], overlap)
    return mistakes


class _ImageOverlaps:
    """One image, with the IoU of each detection and each object in it."""

    def __init__(
        self, index: int, truth: LabelledImage, detections: LabelledImage, classes: tuple[str, ...]
    ) -> None:
        self.index, self.truth, self.detections, self.classes = index, truth, detections, classes
        self.shared = np.where(truth.scores > 0, iou(detections.boxes, truth.boxes), 0.0)
        self.same = detections.labels[:, None] == truth.labels

    def wrong(self, boxes: NDArray[np.intp], overlap: float) -> Iterator[Mistake]:
        """The kind of each false positive."""
        for box in boxes.tolist():
            own, own_at = _highest(np.where(self.same[box], self.shared[box], 0.0))
            other, other_at = _highest(np.where(self.same[box], 0.0, self.shared[box]))
            kind: Kind
            if own >= overlap:
                kind, true = "duplicate", own_at
            elif other >= overlap:
                kind, true = "wrong class", other_at
            elif own >= TOUCHES:
                kind, true = "wrong place", own_at
            else:
                kind, true = "nothing there", None
            yield Mistake(
                image=self.index,
                kind=kind,
                label=self.classes[self.detections.labels[box]],
                found=box,
                true=true,
                score=float(self.detections.scores[box]),
                size=_area(self.detections.boxes[box]),
            )

    def missed(
        self, boxes: NDArray[np.intp], below: NDArray[np.bool_], overlap: float
    ) -> Iterator[Mistake]:
        """Each missed object; below: which detections score less than their threshold."""
        for box in boxes.tolist():
            seen = below & self.same[:, box] & (self.shared[:, box] >= overlap)
            score, at = _highest(np.where(seen, self.detections.scores, 0.0))
            yield Mistake(
                image=self.index,
                kind="missed",
                label=self.classes[self.truth.labels[box]],
                found=at if score > 0 else None,
                true=box,
                score=score if score > 0 else None,
                size=_area(self.truth.boxes[box]),
            )


def _highest(values: NDArray[np.floating]) -> tuple[float, int | None]:
    if not len(values):
        return 0.0, None
    at = int(values.argmax())
    return float(values[at]), at


def _area(box: NDArray[np.float64]) -> float:
    return float((box[2] - box[0]) * (box[3] - box[1]))

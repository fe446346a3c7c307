"""Mistakes: each box that is wrong, told by what it overlaps, and each true box that none found.

At the thresholds of the classes, matched as for average precision. A false box is a duplicate of an
object of its class that a surer box found, else of the wrong class where it lies on an object of
another, else in the wrong place where it touches an object of its class, else nothing is there.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from playhead.decisions.boxes import iou
from playhead.events.images import ImageSet, LabelledImage
from playhead.metrics.box_matching import BoxTable, match_boxes
from playhead.metrics.confusion import Thresholds, believed
from playhead.metrics.detection import check_sets

__all__ = ["KINDS", "Kind", "Mistake", "find_mistakes"]

Kind = Literal["nothing there", "wrong place", "wrong class", "duplicate", "missed"]
KINDS: tuple[Kind, ...] = ("nothing there", "wrong place", "wrong class", "duplicate", "missed")

TOUCHES = 0.1
"""Intersection over union from which a false box is in the wrong place."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mistake:
    """One box that is wrong, or one object that was missed.

    image: its place in the set; label: of the false box, or of what was missed
    found: the place of the false box in its image, or of the surest box below the threshold that
    saw a missed object; true: the place of the object that it overlaps, or that was missed
    score: of the found box, None without one; size: area of the box in pixels
    """

    image: int
    kind: Kind
    label: str
    found: int | None
    true: int | None
    score: float | None
    size: float


def find_mistakes(
    truth: ImageSet, found: ImageSet, *, thresholds: Thresholds, overlap: float = 0.5
) -> list[Mistake]:
    """Every mistake, image by image; both sets hold the same images in one order.

    Raises LabelError for sets that do not belong together, or a class without a threshold.
    """
    check_sets(truth, found)
    real, made = BoxTable.true(truth), BoxTable.found(found)
    doubted = ~believed(made, truth.classes, thresholds)
    kept = np.flatnonzero(~doubted)
    match = match_boxes(real, made.chosen(kept), overlaps=[overlap])
    taken, counted = match.taken[0, 0], match.counted[0, 0]
    false = np.zeros(len(made), np.bool_)
    false[kept[counted & (taken < 0)]] = True
    missed = match.sought[0].copy()
    missed[taken[counted & (taken >= 0)]] = False

    edges = [np.cumsum([0, *(len(one.labels) for one in s.images)]) for s in (truth, found)]
    mistakes: list[Mistake] = []
    for place in np.union1d(real.images[missed], made.images[false]).tolist():
        looked = _Looked(place, truth.images[place], found.images[place], truth.classes)
        true_at, made_at = (slice(edge[place], edge[place + 1]) for edge in edges)
        mistakes += looked.wrong(np.flatnonzero(false[made_at]), overlap)
        mistakes += looked.missed(np.flatnonzero(missed[true_at]), doubted[made_at], overlap)
    return mistakes


class _Looked:
    """One image, with every overlap in it."""

    def __init__(
        self, place: int, truth: LabelledImage, found: LabelledImage, classes: tuple[str, ...]
    ) -> None:
        self.place, self.truth, self.found, self.classes = place, truth, found, classes
        self.shared = np.where(truth.scores > 0, iou(found.boxes, truth.boxes), 0.0)
        self.same = found.labels[:, None] == truth.labels

    def wrong(self, boxes: NDArray[np.intp], overlap: float) -> Iterator[Mistake]:
        """What each false box is."""
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
                image=self.place,
                kind=kind,
                label=self.classes[self.found.labels[box]],
                found=box,
                true=true,
                score=float(self.found.scores[box]),
                size=_area(self.found.boxes[box]),
            )

    def missed(
        self, boxes: NDArray[np.intp], doubted: NDArray[np.bool_], overlap: float
    ) -> Iterator[Mistake]:
        """Each true box that none found; doubted: which found boxes are below their threshold."""
        for box in boxes.tolist():
            seen = doubted & self.same[:, box] & (self.shared[:, box] >= overlap)
            score, at = _highest(np.where(seen, self.found.scores, 0.0))
            yield Mistake(
                image=self.place,
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

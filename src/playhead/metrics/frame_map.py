"""Frame mAP: average precision of instants in frames, as E2E-Spot and its successors report it.

Predictions in score order each take the nearest unmatched truth within k frames; AP is the full
area under the interpolated precision; the mean runs over the classes that have truth. It is another
number than SoccerNet's mAP and goes by another name.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from playhead.events.model import Event, VideoEvents
from playhead.metrics.alignment import align, check_tolerance, nearest_frame
from playhead.metrics.matching import ScoredHits, scored_hits

__all__ = ["FRAME_TOLERANCES", "FrameMap", "frame_map"]

FRAME_TOLERANCES = (0, 1, 2, 4)


@dataclass(frozen=True, slots=True, eq=False)
class FrameMap:
    """Average precision for each tolerance and each class that has truth.

    tolerances: D reaches in frames; classes: those with truth; ap: float64 (D, C).
    """

    tolerances: tuple[int, ...]
    classes: tuple[str, ...]
    ap: NDArray[np.float64]

    def map_at(self, tolerance: int) -> float:
        """The mean over the classes that have truth, 0 where none has any."""
        return float(np.mean(self.ap[self.tolerances.index(tolerance)])) if self.classes else 0.0

    def per_class(self, tolerance: int) -> dict[str, float]:
        """Average precision of each class that has truth."""
        values = self.ap[self.tolerances.index(tolerance)]
        return {label: float(ap) for label, ap in zip(self.classes, values, strict=True)}


def frame_map(
    truth: Sequence[VideoEvents],
    predictions: Sequence[VideoEvents],
    *,
    tolerances: Sequence[int] = FRAME_TOLERANCES,
    rate: Fraction | int = 25,
    classes: Sequence[str] | None = None,
) -> FrameMap:
    """Average precision within so many frames, as E2E-Spot computes it.

    tolerances: a hit is |Δframe| ≤ k. An event counts at its `frame` where it has one, else at the
    frame nearest to `start * rate` (of two as near the earlier): `rate` must be the video's own
    where frames are missing, and is not looked at elsewhere. Equal scores rank as given, video by
    video in the order of `predictions`; of two truths as near the earlier is taken. Two truths of
    a class on one frame are two events (the original can find only one of them).

    Raises LabelError for a class that is not scored or predictions for a video without truth.
    """
    aligned = align(truth, predictions, classes)
    reaches = tuple(int(check_tolerance(tolerance, "frames")) for tolerance in tolerances)
    real = {event.label for pair in aligned.pairs for event in pair.truth}
    present = tuple(label for label in aligned.classes if label in real)

    def frame(event: Event) -> float:
        return float(nearest_frame(event, rate))

    ap = [
        [_area(scored_hits(aligned, label, frame, reach)) for label in present] for reach in reaches
    ]
    return FrameMap(reaches, present, np.array(ap, np.float64).reshape(len(reaches), len(present)))


def _area(found: ScoredHits) -> float:
    ranks = np.flatnonzero(found.hits) + 1
    precision = np.arange(1, len(ranks) + 1) / ranks
    interpolated = np.maximum.accumulate(precision[::-1])
    return float(np.sum(interpolated)) / found.truths

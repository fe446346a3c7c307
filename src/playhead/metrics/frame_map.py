"""Frame mAP: average precision of instants in frames, as E2E-Spot and its successors report it.

Predictions in order of score each take the nearest unmatched event within k frames; AP is the full
area under the interpolated precision; the mean is over the classes with ground truth. This is not
SoccerNet's mAP.
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
    """Average precision for each tolerance and each class with ground truth.

    tolerances: D tolerances in frames; classes: C classes with ground truth; ap: float64 (D, C)
    """

    tolerances: tuple[int, ...]
    classes: tuple[str, ...]
    ap: NDArray[np.float64]

    def map_at(self, tolerance: int) -> float:
        """The mean over the classes with ground truth, 0 if there are none."""
        return float(np.mean(self.ap[self.tolerances.index(tolerance)])) if self.classes else 0.0

    def per_class(self, tolerance: int) -> dict[str, float]:
        """Average precision of each class with ground truth."""
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
    """Average precision within k frames, as E2E-Spot computes it.

    tolerances: values of k; a hit is |Δframe| ≤ k
    rate: frames per second of the videos, used only for events without `frame`, which are placed
        at the frame nearest to `start * rate` (in a tie the earlier)
    Equal scores rank in input order, video by video as in `predictions`; of two equally near events
    the earlier is taken. Two events of a class on one frame are two (the original can match only
    one of them).

    Raises LabelError for a class that is not scored, or predictions for a video without ground
    truth.
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


def _area(matched: ScoredHits) -> float:
    ranks = np.flatnonzero(matched.hits) + 1
    precision = np.arange(1, len(ranks) + 1) / ranks
    interpolated = np.maximum.accumulate(precision[::-1])
    return float(np.sum(interpolated)) / matched.truths

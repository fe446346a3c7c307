"""All spotting metrics from one call.

There are two families: SoccerNet's (`map@1`, `tight`, `loose`; tolerances are widths of the
matching window in seconds) and E2E-Spot's (`frame_map@1`; tolerances are frames to either side).
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from playhead.events.model import VideoEvents
from playhead.metrics.alignment import align
from playhead.metrics.curves import best_f1
from playhead.metrics.frame_map import FRAME_TOLERANCES, frame_map
from playhead.metrics.references import chance_map, confused_map
from playhead.metrics.soccernet_map import LOOSE, TIGHT, soccernet_map

__all__ = ["SpottingResult", "chance_map", "confused_map", "evaluate_spotting"]


@dataclass(frozen=True, slots=True)
class SpottingResult:
    """Metrics over all classes, and of each class under the same names.

    metrics: `map@1` … `map@5` (and any further `map@T`), `tight`, `loose`, `frame_map@0|1|2|4`,
        `best_f1`, all in [0, 1]
    per_class: the same, without `frame_map` for a class without ground truth, with `best_f1` at the
        class's own threshold; and the numbers of `truths` and `predictions`
    """

    metrics: dict[str, float]
    per_class: dict[str, dict[str, float]]

    def to_json(self) -> dict[str, Any]:
        """As a JSON object: `metrics` and `per_class`."""
        per_class = {label: dict(values) for label, values in self.per_class.items()}
        return {"metrics": dict(self.metrics), "per_class": per_class}


def evaluate_spotting(
    truth: Sequence[VideoEvents],
    predictions: Sequence[VideoEvents],
    *,
    rate: int = 25,
    frame_rate: Fraction | None = None,
    extra_tolerances: Sequence[float] = (),
    f1_tolerance: float = 1.0,
    classes: Sequence[str] | None = None,
) -> SpottingResult:
    """Compare predictions with the ground truth.

    rate: whole frames per second for the SoccerNet metrics
    frame_rate: frames per second of the videos, for events without a frame; by default `rate`
    extra_tolerances: further tolerances in seconds beside 1 to 5
    f1_tolerance: the tolerance of `best_f1` in seconds

    Videos without predictions count. Only beyond two hours do SoccerNet's metrics differ from the
    public evaluator, which cuts longer videos.
    Raises LabelError for predictions of a class or a video that is not in the ground truth,
    PlayheadError if the rate is not whole.
    """
    widths = tuple(dict.fromkeys((*TIGHT, *map(float, extra_tolerances))))
    wanted = tuple(dict.fromkeys((*widths, *LOOSE)))
    aligned = align(truth, predictions, classes)
    soccernet = soccernet_map(
        truth,
        predictions,
        rate=rate,
        tolerances=wanted,
        classes=aligned.classes,
        longest_seconds=None,
    )
    frames = frame_map(truth, predictions, rate=frame_rate or rate, classes=aligned.classes)
    f1 = best_f1(truth, predictions, tolerance=f1_tolerance, classes=aligned.classes)

    metrics = {f"map@{width:g}": soccernet.map_at(width) for width in widths}
    metrics |= {"tight": soccernet.average(TIGHT), "loose": soccernet.average(LOOSE)}
    metrics |= {f"frame_map@{reach}": frames.map_at(reach) for reach in FRAME_TOLERANCES}
    metrics["best_f1"] = f1.overall.f1

    columns = {f"map@{width:g}": soccernet.per_class(width) for width in widths}
    columns["tight"] = soccernet.average_per_class(TIGHT)
    columns["loose"] = soccernet.average_per_class(LOOSE)
    columns |= {f"frame_map@{reach}": frames.per_class(reach) for reach in FRAME_TOLERANCES}
    columns["best_f1"] = {label: best.f1 for label, best in f1.per_class.items()}
    columns["truths"] = _counts(aligned.classes, truth)
    columns["predictions"] = _counts(aligned.classes, predictions)
    return SpottingResult(metrics, _by_class(aligned.classes, columns))


def _by_class(
    classes: Sequence[str], columns: dict[str, dict[str, float]]
) -> dict[str, dict[str, float]]:
    return {
        label: {name: values[label] for name, values in columns.items() if label in values}
        for label in classes
    }


def _counts(classes: Sequence[str], videos: Sequence[VideoEvents]) -> dict[str, float]:
    labels = Counter(event.label for events in videos for event in events.events)
    return {label: labels[label] for label in classes}

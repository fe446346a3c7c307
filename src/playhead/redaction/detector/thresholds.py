"""Choosing the thresholds of a detector: by the best F1, or by a precision or recall to be reached.

They are chosen on pictures that did not train, class by class, from saved predictions or by running
the bundle, and written into its post-processing where that is asked for.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playhead.errors import ConfigError, LabelError
from playhead.events.pictures.files import read_pictures
from playhead.events.pictures.model import PictureSet
from playhead.events.pictures.pairing import pair
from playhead.inference.bundle import Bundle, load_bundle, note_in_bundle
from playhead.inference.detectors.own import decisions_of
from playhead.metrics.curves import F1, hits_curve
from playhead.metrics.detection import measure_classes
from playhead.metrics.matching import ScoredHits
from playhead.metrics.thresholds import (
    at_threshold,
    best_f1_threshold,
    threshold_of_precision,
    threshold_of_recall,
)
from playhead.redaction.detector.evaluate import read_sets
from playhead.redaction.detector.predict import PredictOptions, predict_set

__all__ = [
    "Choice",
    "Goal",
    "ThresholdSearch",
    "choose_thresholds",
    "search_thresholds",
    "write_thresholds",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """What a threshold is for: at least this recall or precision, or else the best F1.

    Raises ConfigError for both at once, or a share outside (0, 1].
    """

    recall: float | None = None
    precision: float | None = None

    def __post_init__(self) -> None:
        if self.recall is not None and self.precision is not None:
            raise ConfigError("thresholds are for a recall or for a precision, not for both")
        for name, value in (("recall", self.recall), ("precision", self.precision)):
            if value is not None and not 0 < value <= 1:
                raise ConfigError(f"{name} must be above 0 and at most 1, got {value:g}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """The threshold of one class.

    boxes: true ones; chosen: what is had with it, or what comes nearest where the goal is out of
    reach; before: what is had with the threshold that the bundle has, None without a bundle
    """

    boxes: int
    chosen: F1
    reached: bool
    before: F1 | None

    def columns(self) -> dict[str, Any]:
        """As a plain mapping."""
        columns: dict[str, Any] = {
            "boxes": self.boxes,
            "threshold": self.chosen.threshold,
            "precision": round(self.chosen.precision, 4),
            "recall": round(self.chosen.recall, 4),
            "f1": round(self.chosen.f1, 4),
            "reached": self.reached,
        }
        if self.before is not None:
            columns |= {"before": self.before.threshold, "f1 before": round(self.before.f1, 4)}
        return columns


@dataclass(frozen=True, slots=True, kw_only=True)
class ThresholdSearch:
    """The choice for each class, and the bundle if they were written into it.

    left: classes without true boxes, of which nothing can be said
    """

    pictures: int
    choices: dict[str, Choice]
    left: tuple[str, ...]
    written: Path | None

    def to_json(self) -> dict[str, Any]:
        """As a plain mapping."""
        return {
            "job": "redaction",
            "pictures": self.pictures,
            "per_class": {label: one.columns() for label, one in self.choices.items()},
            "without_boxes": list(self.left),
            "written": None if self.written is None else str(self.written),
        }

    def rows(self) -> list[dict[str, Any]]:
        """A row for each class."""
        return [{"class": label, **one.columns()} for label, one in self.choices.items()]

    def notes(self) -> list[str]:
        """Sentences on what stays as it is, and on what was written."""
        unreached = [label for label, one in self.choices.items() if not one.reached]
        notes = []
        if self.left:
            notes.append(f"no true boxes of {', '.join(self.left)}: nothing can be said of them")
        if unreached:
            notes.append(f"out of reach for {', '.join(unreached)}: what comes nearest is shown")
        if self.written is not None:
            stays = " except for those" if notes else ""
            notes.append(f"written into {self.written}{stays}")
        return notes


def search_thresholds(
    folder: Path | None,
    truth: Path,
    goal: Goal,
    *,
    predictions: Path | None = None,
    split: str | None = None,
    images: Path | None = None,
    options: PredictOptions | None = None,
    write: bool = False,
) -> ThresholdSearch:
    """Choose thresholds on labelled pictures, and write them into the bundle `folder` if asked to.

    predictions: what was found in them; without it, the bundle is run
    Raises ConfigError where there is nothing to run or to write into, and as the parts do.
    """
    if folder is None and (predictions is None or write):
        raise ConfigError(
            "needs a bundle: name its folder first" + (" to write into" if write else "")
        )
    bundle = None if folder is None else load_bundle(folder)
    if predictions is not None:
        real, found = read_sets(truth, predictions, split=split, images=images)
    else:
        assert bundle is not None
        real = read_pictures(truth, split, images=images, crowds=True)
        found = pair(real, predict_set([bundle], real, options), ignore_classes=True)
    choices = choose_thresholds(real, found, goal, bundle)
    if folder is not None and write:
        write_thresholds(folder, choices)
    classes = real.classes if bundle is None else bundle.manifest.classes
    return ThresholdSearch(
        pictures=len(real),
        choices=choices,
        left=tuple(label for label in classes if label not in choices),
        written=folder if write else None,
    )


def choose_thresholds(
    truth: PictureSet, found: PictureSet, goal: Goal, bundle: Bundle | None = None
) -> dict[str, Choice]:
    """A threshold for each class that has true boxes.

    Raises LabelError where no class has any, or for sets that do not belong together.
    """
    known = None if bundle is None else decisions_of(bundle)
    measured = {label: one for label, one in measure_classes(truth, found).items() if one.boxes}
    if bundle is not None:
        own = bundle.manifest.classes
        measured = {label: one for label, one in measured.items() if label in own}
    if not measured:
        raise LabelError(
            f"the {len(truth)} true pictures have no box of "
            f"{', '.join(truth.classes if bundle is None else bundle.manifest.classes)}; "
            "thresholds need some"
        )
    choices = {}
    for label, one in measured.items():
        chosen, reached = _chosen(one.hits, goal)
        before = None if known is None else at_threshold(one.hits, known.threshold(label))
        choices[label] = Choice(boxes=one.boxes, chosen=chosen, reached=reached, before=before)
    return choices


def write_thresholds(folder: Path, choices: dict[str, Choice]) -> Bundle:
    """Put the thresholds that reach their goal into a bundle; all others stay as they are."""
    bundle = load_bundle(folder)
    thresholds = dict(bundle.manifest.post_processing.get("thresholds", {}))
    thresholds |= {
        label: one.chosen.threshold
        for label, one in choices.items()
        if one.reached and one.chosen.threshold is not None
    }
    return note_in_bundle(folder, post_processing={"thresholds": thresholds})


def _chosen(hits: ScoredHits, goal: Goal) -> tuple[F1, bool]:
    """The figures at the threshold of a goal, or nearest to it, and whether they reach it."""
    if goal.recall is not None:
        found = threshold_of_recall(hits, goal.recall)
        most = float(hits_curve(hits).recall.max(initial=0))
        nearest = threshold_of_recall(hits, most) if most else None
    elif goal.precision is not None:
        found = threshold_of_precision(hits, goal.precision)
        most = float(hits_curve(hits).precision.max(initial=0))
        nearest = threshold_of_precision(hits, most) if most else None
    else:
        best = best_f1_threshold(hits)
        return best, best.threshold is not None
    return found or nearest or best_f1_threshold(hits), found is not None

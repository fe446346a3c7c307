"""Search of confidence thresholds: the best F1 of each class, or a required precision or recall.

Thresholds are chosen on images that were not used for training, class by class, from saved
predictions or by running the bundle, and can be saved to its post-processing. The score of a child
class depends on the threshold of its parent, so parents come first.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from playhead.decisions.detection_config import DetectionDecisions
from playhead.decisions.hierarchy import parents_first
from playhead.detection.evaluate import read_sets
from playhead.detection.labels.read import read_image_set
from playhead.detection.predict import PredictOptions, apply_hierarchy, predict_set
from playhead.errors import ConfigError, LabelError
from playhead.events.images import ImageSet
from playhead.inference.bundle import Bundle, note_in_bundle
from playhead.inference.detectors.custom import decisions_of, open_bundle
from playhead.metrics.curves import F1, hits_curve
from playhead.metrics.detection import ClassDetection, measure_classes
from playhead.metrics.matching import ScoredHits
from playhead.metrics.thresholds import (
    at_threshold,
    best_f1_threshold,
    threshold_of_precision,
    threshold_of_recall,
)

__all__ = [
    "Choice",
    "Goal",
    "ThresholdSearch",
    "choose_thresholds",
    "reached_thresholds",
    "search_thresholds",
    "write_thresholds",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """The goal of a threshold: at least this recall or precision, or by default the best F1.

    Raises ConfigError for both at once, or a share outside (0, 1].
    """

    recall: float | None = None
    precision: float | None = None

    def __post_init__(self) -> None:
        if self.recall is not None and self.precision is not None:
            raise ConfigError("got both a recall and a precision; give one of them as the goal")
        for name, value in (("recall", self.recall), ("precision", self.precision)):
            if value is not None and not 0 < value <= 1:
                raise ConfigError(f"{name} must be above 0 and at most 1, got {value:g}")

    def __str__(self) -> str:
        if self.recall is not None:
            return f"a recall of {self.recall:g}"
        return "the best F1" if self.precision is None else f"a precision of {self.precision:g}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """The threshold chosen for one class.

    boxes: number of true boxes
    chosen: the metrics at the threshold, or the nearest ones if the goal was not reached
    before: the metrics at the bundle's threshold, None without a bundle; best: at the best F1
    """

    boxes: int
    chosen: F1
    reached: bool
    before: F1 | None
    goal: Goal
    best: F1

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

    def advice(self) -> str:
        """For a class that does not reach its goal: what is possible, and what to do."""
        unchanged = "its threshold is unchanged"
        if self.before is not None:
            unchanged += f" ({self.before.threshold:g})"
        if self.best.threshold is None:
            return (
                f"{self.goal} cannot be reached, no detection is correct at any score; "
                f"{unchanged}. Train longer, or on more images of it"
            )
        of, other = ("recall", "precision") if self.goal.recall else ("precision", "recall")
        most, rest = getattr(self.chosen, of), getattr(self.chosen, other)
        return (
            f"{self.goal} cannot be reached, the highest is {most:.3g} at a threshold of "
            f"{self.chosen.threshold:g}, with a {other} of {rest:.3g}; {unchanged}. The best F1 is "
            f"{self.best.f1:.3g} at {self.best.threshold:g}: omit the goal to use it, lower the "
            "goal, or train longer or on more images of it"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ThresholdSearch:
    """The choices for all classes.

    left: classes without true boxes, for which no threshold can be chosen
    folder: of the bundle to save thresholds to, None if that was not requested
    """

    images: int
    choices: dict[str, Choice]
    left: tuple[str, ...]
    folder: Path | None

    @property
    def written(self) -> Path | None:
        """The bundle that was changed, if any."""
        return self.folder if reached_thresholds(self.choices) else None

    def to_json(self) -> dict[str, Any]:
        """As a plain mapping."""
        return {
            "job": "detection",
            "images": self.images,
            "per_class": {label: choice.columns() for label, choice in self.choices.items()},
            "without_boxes": list(self.left),
            "written": None if self.written is None else str(self.written),
        }

    def rows(self) -> list[dict[str, Any]]:
        """A row for each class."""
        return [{"class": label, **choice.columns()} for label, choice in self.choices.items()]

    def notes(self) -> list[str]:
        """Sentences on classes that keep their threshold, and on what was saved."""
        unreached = [label for label, choice in self.choices.items() if not choice.reached]
        notes = []
        if self.left:
            notes.append(
                f"no true boxes of {', '.join(self.left)}: no threshold can be chosen for them"
            )
        notes += [f"{label}: {self.choices[label].advice()}" for label in unreached]
        if self.written is not None:
            unchanged = ", ".join([*self.left, *unreached])
            notes.append(
                f"saved to {self.written}" + (f", except for {unchanged}" if unchanged else "")
            )
        elif self.folder is not None:
            notes.append(f"nothing was saved to {self.folder}: no class reaches its goal")
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
    ignore_below: float = 0,
) -> ThresholdSearch:
    """Choose thresholds on labelled images, and save them to the bundle `folder` if `write` is set.

    predictions: saved predictions for the images; if None, the bundle is run
    ignore_below: narrower boxes are ignored, in pixels of the image
    Raises ConfigError if there is no bundle to run or to save to, or if it names parent classes and
    `predictions` are given; and as `read_sets`, `predict_set` and `choose_thresholds` do.
    """
    if folder is None and (predictions is None or write):
        raise ConfigError(
            "no bundle is given; give its folder " + ("to save to" if write else "to run it")
        )
    bundle = None if folder is None else open_bundle(folder)
    decisions = None if bundle is None else decisions_of(bundle)
    if predictions is not None:
        if decisions is not None and decisions.parents:
            pairs = ", ".join(f"{child} in {parent}" for child, parent in decisions.parents.items())
            raise ConfigError(
                f"{folder}: has parent classes ({pairs}), so saved scores depend on the thresholds "
                "they were predicted with; omit --predictions, so that the bundle is run"
            )
        real, predicted, _ = read_sets(truth, predictions, split=split, images=images)
        if bundle is not None:
            known = bundle.manifest.classes
            predicted = predicted.of_classes([name for name in predicted.classes if name in known])
    else:
        assert bundle is not None
        real = read_image_set(truth, split, images=images, crowds=True)
        options = replace(options or PredictOptions(), hierarchy=False)
        predicted = predict_set([bundle], real, options)
    choices = choose_thresholds(
        real, predicted, goal, decisions=decisions, ignore_below=ignore_below
    )
    if folder is not None and write:
        write_thresholds(folder, choices)
    classes = real.classes if bundle is None else bundle.manifest.classes
    return ThresholdSearch(
        images=len(real),
        choices=choices,
        left=tuple(label for label in classes if label not in choices),
        folder=folder if write else None,
    )


def choose_thresholds(
    truth: ImageSet,
    predictions: ImageSet,
    goal: Goal | None = None,
    *,
    decisions: DetectionDecisions | None = None,
    keep: Collection[str] = (),
    ignore_below: float = 0,
) -> dict[str, Choice]:
    """A threshold for each class that has true boxes; without a goal, that of the best F1.

    predictions: for the same images in the same order, of any classes; predicted without the
    hierarchy (`PredictOptions(hierarchy=False)`) if `decisions` names parents
    decisions: the detector's, with its current thresholds
    keep: classes to leave out, which keep their thresholds, like a parent that misses its goal
    ignore_below: narrower boxes are ignored, in pixels of the image
    Raises LabelError if no class has a true box, or for sets of other images.
    """
    goal, used = goal or Goal(), decisions or DetectionDecisions()
    before = predictions if decisions is None else apply_hierarchy(predictions, decisions)
    searched = [name for name in truth.classes if name in predictions.classes and name not in keep]
    children = parents_first(used.parents)
    choices = {}
    for label in sorted(
        searched, key=lambda name: children.index(name) if name in children else -1
    ):
        scored = apply_hierarchy(predictions, used) if label in children else predictions
        measured = _measured(label, truth, scored, ignore_below)
        if not measured.boxes:
            continue
        at_present = None
        if decisions is not None:
            hits = _measured(label, truth, before, ignore_below).hits
            at_present = at_threshold(hits, decisions.threshold(label))
        chosen, reached = _chosen(measured.hits, goal)
        choices[label] = Choice(
            boxes=measured.boxes,
            chosen=chosen,
            reached=reached,
            before=at_present,
            goal=goal,
            best=best_f1_threshold(measured.hits),
        )
        if reached:
            thresholds = {**used.thresholds, label: chosen.threshold}
            used = used.model_copy(update={"thresholds": thresholds})
    if not choices and not keep:
        raise LabelError(
            f"the ground truth ({len(truth)} images) has no box of "
            f"{', '.join(predictions.classes)}; thresholds need some"
        )
    return {label: choices[label] for label in searched if label in choices}


def reached_thresholds(choices: Mapping[str, Choice]) -> dict[str, float]:
    """The thresholds of the classes that reach their goal."""
    return {
        label: choice.chosen.threshold
        for label, choice in choices.items()
        if choice.reached and choice.chosen.threshold is not None
    }


def write_thresholds(folder: Path, choices: dict[str, Choice]) -> Bundle:
    """Save the thresholds that reach their goal to a bundle; all others are unchanged."""
    bundle = open_bundle(folder)
    reached = reached_thresholds(choices)
    if not reached:
        return bundle
    known = bundle.manifest.post_processing.get("thresholds", {})
    return note_in_bundle(folder, post_processing={"thresholds": {**known, **reached}})


def _measured(
    label: str, truth: ImageSet, predictions: ImageSet, ignore_below: float
) -> ClassDetection:
    of_class = truth.of_classes([label]), predictions.of_classes([label])
    return measure_classes(*of_class, min_width=ignore_below)[label]


def _chosen(hits: ScoredHits, goal: Goal) -> tuple[F1, bool]:
    """The metrics at the threshold that reaches the goal, or nearest to it; whether it does."""
    if goal.recall is not None:
        reached = threshold_of_recall(hits, goal.recall)
        most = float(hits_curve(hits).recall.max(initial=0))
        nearest = threshold_of_recall(hits, most) if most else None
    elif goal.precision is not None:
        reached = threshold_of_precision(hits, goal.precision)
        most = float(hits_curve(hits).precision.max(initial=0))
        nearest = threshold_of_precision(hits, most) if most else None
    else:
        best = best_f1_threshold(hits)
        return best, best.threshold is not None
    return reached or nearest or best_f1_threshold(hits), reached is not None

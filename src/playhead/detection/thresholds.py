"""Choosing the thresholds of a detector: by the best F1, or by a precision or recall to be reached.

They are chosen on images that did not train, class by class, from saved predictions or by running
the bundle, and written into its post-processing where that is asked for. What lies in something is
doubted by where its parent is believed, so parents come first and children follow under the
thresholds that their parents get.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from playhead.decisions.detection_config import DetectionDecisions
from playhead.decisions.hierarchy import parents_first
from playhead.detection.evaluate import read_sets
from playhead.detection.labels.read import read_image_set
from playhead.detection.predict import PredictOptions, doubted, predict_set
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

    def __str__(self) -> str:
        if self.recall is not None:
            return f"a recall of {self.recall:g}"
        return "the best F1" if self.precision is None else f"a precision of {self.precision:g}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """The threshold of one class.

    boxes: true ones; chosen: what is had with it, or what comes nearest where the goal is out of
    reach; before: what is had with the threshold that the bundle has, None without a bundle
    goal: what was asked for; best: the best F1
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
        """What there is, and what to do, where the goal is out of reach."""
        stays = "its threshold stays"
        if self.before is not None:
            stays += f" {self.before.threshold:g}"
        if self.best.threshold is None:
            return (
                f"{self.goal} is out of reach, nothing true is found at any score; {stays}. "
                "Train longer, or on more images of it"
            )
        of, other = ("recall", "precision") if self.goal.recall else ("precision", "recall")
        most, rest = getattr(self.chosen, of), getattr(self.chosen, other)
        return (
            f"{self.goal} is out of reach, {most:.3g} is the highest, at "
            f"{self.chosen.threshold:g} with a {other} of {rest:.3g}; {stays}. The best F1 is "
            f"{self.best.f1:.3g} at {self.best.threshold:g}: leave the goal out to take it, ask "
            "for less, or train longer or on more images of it"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ThresholdSearch:
    """The choice for each class.

    left: classes without true boxes, of which nothing can be said; folder: of the bundle that the
    choices were to be written into, None where that was not asked for
    """

    images: int
    choices: dict[str, Choice]
    left: tuple[str, ...]
    folder: Path | None

    @property
    def written(self) -> Path | None:
        """The bundle that was changed; None where nothing was asked for or nothing was reached."""
        return self.folder if reached_thresholds(self.choices) else None

    def to_json(self) -> dict[str, Any]:
        """As a plain mapping."""
        return {
            "job": "detection",
            "images": self.images,
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
        notes += [f"{label}: {self.choices[label].advice()}" for label in unreached]
        if self.folder is not None:
            notes.append(self._told(self.folder, [*self.left, *unreached]))
        return notes

    def _told(self, folder: Path, others: list[str]) -> str:
        """What became of the bundle, whose other classes stay as they are."""
        if self.written is None:
            return f"nothing was written into {folder}: no class reaches its goal"
        return f"written into {folder}" + (f" except for {', '.join(others)}" if others else "")


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
    """Choose thresholds on labelled images, and write them into the bundle `folder` if asked to.

    predictions: what was found in them; without it, the bundle is run
    Raises ConfigError where there is nothing to run or to write into, and as the parts do.
    """
    if folder is None and (predictions is None or write):
        raise ConfigError(
            "needs a bundle: name its folder first" + (" to write into" if write else "")
        )
    bundle = None if folder is None else open_bundle(folder)
    decisions = None if bundle is None else decisions_of(bundle)
    if predictions is not None:
        _check_not_doubted(folder, decisions)
        real, found, _ = read_sets(truth, predictions, split=split, images=images)
        if bundle is not None:
            own = bundle.manifest.classes
            found = found.of_classes([label for label in found.classes if label in own])
    else:
        assert bundle is not None
        real = read_image_set(truth, split, images=images, crowds=True)
        options = replace(options or PredictOptions(), hierarchy=False)
        found = predict_set([bundle], real, options)
    choices = choose_thresholds(real, found, goal, decisions=decisions)
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
    found: ImageSet,
    goal: Goal | None = None,
    *,
    decisions: DetectionDecisions | None = None,
    keep: Collection[str] = (),
) -> dict[str, Choice]:
    """A threshold for each class that has true boxes, the best F1 where no goal is said.

    found: predictions in the same images in the same order, made without the hierarchy
    (`PredictOptions(hierarchy=False)`) where `decisions` name parents; of any classes.
    decisions: those of the detector, with the thresholds it has. keep: classes that keep theirs and
    are not among the choices; a parent that does not reach its goal keeps its own too.
    Raises LabelError where no class has any true box, or for sets that do not belong together.
    """
    used = decisions or DetectionDecisions()
    before = found if decisions is None else doubted(found, decisions)
    asked = [one for one in truth.classes if one in found.classes and one not in keep]
    children = parents_first(used.parents)
    choices = {}
    for label in sorted(asked, key=lambda one: children.index(one) if one in children else -1):
        measured = _measured(label, truth, doubted(found, used) if label in children else found)
        if not measured.boxes:
            continue
        wanted = goal or Goal()
        chosen, reached = _chosen(measured.hits, wanted)
        choices[label] = Choice(
            boxes=measured.boxes,
            chosen=chosen,
            reached=reached,
            before=None if decisions is None else _before(label, truth, before, decisions),
            goal=wanted,
            best=best_f1_threshold(measured.hits),
        )
        if reached:
            thresholds = {**used.thresholds, label: chosen.threshold}
            used = used.model_copy(update={"thresholds": thresholds})
    if not choices and not keep:
        raise LabelError(
            f"the {len(truth)} true images have no box of {', '.join(found.classes)}; "
            "thresholds need some"
        )
    return {label: choices[label] for label in asked if label in choices}


def reached_thresholds(choices: Mapping[str, Choice]) -> dict[str, float]:
    """The thresholds of the classes that reach their goal."""
    return {
        label: one.chosen.threshold
        for label, one in choices.items()
        if one.reached and one.chosen.threshold is not None
    }


def write_thresholds(folder: Path, choices: dict[str, Choice]) -> Bundle:
    """Put the thresholds that reach their goal into a bundle; all others stay as they are."""
    bundle = open_bundle(folder)
    reached = reached_thresholds(choices)
    if not reached:
        return bundle
    known = bundle.manifest.post_processing.get("thresholds", {})
    return note_in_bundle(folder, post_processing={"thresholds": {**known, **reached}})


def _check_not_doubted(folder: Path | None, decisions: DetectionDecisions | None) -> None:
    """Refuse saved predictions of a hierarchy: their doubt is that of the old thresholds."""
    parents = {} if decisions is None else decisions.parents
    if parents:
        said = ", ".join(f"{child} in {parent}" for child, parent in parents.items())
        raise ConfigError(
            f"{folder}: looks for {said}, and saved scores depend on the thresholds they were "
            "predicted with; leave --predictions out, so that the bundle is run"
        )


def _measured(label: str, truth: ImageSet, found: ImageSet) -> ClassDetection:
    return measure_classes(truth.of_classes([label]), found.of_classes([label]))[label]


def _before(label: str, truth: ImageSet, found: ImageSet, decisions: DetectionDecisions) -> F1:
    """What is had with the threshold that the detector has."""
    return at_threshold(_measured(label, truth, found).hits, decisions.threshold(label))


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

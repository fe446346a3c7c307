"""Classification of clips: top-k accuracy, macro F1, precision and recall of each class.

A clip has one true class and a probability for every class. Intervals draw whole groups (people,
source videos), because clips of one group depend on each other.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from playhead.errors import LabelError, PlayheadError
from playhead.metrics.bootstrap import Interval

__all__ = [
    "ClassCounts",
    "Classification",
    "chance",
    "classify",
    "group_interval",
    "macro_f1",
    "top_k",
]

Labels = NDArray[np.intp]
Probabilities = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class ClassCounts:
    """A class: its clips, those predicted as it, and those of them that are right."""

    label: str
    clips: int
    predicted: int
    hits: int

    @property
    def precision(self) -> float:
        """The share of its predictions that are right; 0 without any."""
        return self.hits / self.predicted if self.predicted else 0.0

    @property
    def recall(self) -> float:
        """The share of its clips that are predicted as it; 0 without any."""
        return self.hits / self.clips if self.clips else 0.0

    @property
    def f1(self) -> float:
        """The harmonic mean of precision and recall."""
        return 2 * self.hits / (self.predicted + self.clips) if self.hits else 0.0


@dataclass(frozen=True, slots=True, eq=False)
class Classification:
    """The result on some clips.

    confusion: int64 (C, C), rows ground truth, columns predictions
    macro_f1: over the classes that have a clip or a prediction, as scikit-learn's
    """

    classes: tuple[str, ...]
    confusion: NDArray[np.intp]
    top1: float
    top5: float
    macro_f1: float

    @property
    def per_class(self) -> tuple[ClassCounts, ...]:
        """Each class in order."""
        clips, predicted = self.confusion.sum(1), self.confusion.sum(0)
        rows = zip(self.classes, clips, predicted, self.confusion.diagonal(), strict=True)
        return tuple(ClassCounts(name, *(int(count) for count in row)) for name, *row in rows)


def classify(
    truth: Sequence[int] | Labels, probabilities: Probabilities, classes: tuple[str, ...]
) -> Classification:
    """Measure probabilities (N, C) against the true classes (N,).

    Raises LabelError if shapes do not match, there are no clips, or a probability is not finite.
    """
    labels = _checked(truth, probabilities, len(classes))
    confusion = np.zeros((len(classes), len(classes)), np.intp)
    np.add.at(confusion, (labels, probabilities.argmax(1)), 1)
    return Classification(
        classes=classes,
        confusion=confusion,
        top1=top_k(labels, probabilities, 1),
        top5=top_k(labels, probabilities, 5),
        macro_f1=macro_f1(labels, probabilities),
    )


def top_k(truth: Labels, probabilities: Probabilities, k: int) -> float:
    """The share of clips whose class is among the k most probable; of equals the first classes."""
    order = np.argsort(-probabilities, axis=1, kind="stable")[:, :k]
    return float((order == truth[:, None]).any(1).mean())


def macro_f1(truth: Labels, probabilities: Probabilities) -> float:
    """The mean F1 of the classes that have a clip or a prediction."""
    classes = probabilities.shape[1]
    predicted = probabilities.argmax(1)
    hits = np.bincount(truth[truth == predicted], minlength=classes)
    both = np.bincount(truth, minlength=classes) + np.bincount(predicted, minlength=classes)
    return float((2 * hits[both > 0] / both[both > 0]).mean())


def chance(truth: Labels, classes: int) -> float:
    """The expected macro F1 of answers drawn with the frequencies of the classes."""
    shares = np.bincount(truth, minlength=classes) / len(truth)
    return float(shares[shares > 0].mean())


def group_interval(
    metric: Callable[[Labels, Probabilities], float],
    truth: Labels,
    probabilities: Probabilities,
    groups: Sequence[str],
    *,
    resamples: int = 1000,
    level: float = 0.95,
    seed: int = 0,
) -> Interval:
    """The percentile interval of a metric over groups that are drawn with replacement.

    Raises PlayheadError for fewer than two groups.
    """
    names, group_of = np.unique(np.asarray(groups), return_inverse=True)
    if len(names) < 2 or len(groups) != len(truth):
        raise PlayheadError(
            f"an interval over groups needs at least 2 groups and one for each of {len(truth)} "
            f"clips, got {len(names)} groups of {len(groups)} clips"
        )
    members = [np.flatnonzero(group_of == index) for index in range(len(names))]
    rng = np.random.default_rng(seed)
    drawn = []
    for _ in range(resamples):
        rows = np.concatenate([members[i] for i in rng.integers(0, len(names), len(names))])
        drawn.append(metric(truth[rows], probabilities[rows]))
    low, high = np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2])
    return Interval(metric(truth, probabilities), float(low), float(high), level)


def _checked(truth: Sequence[int] | Labels, probabilities: Probabilities, classes: int) -> Labels:
    labels = np.asarray(truth, np.intp)
    if not len(labels) or probabilities.shape != (len(labels), classes):
        raise LabelError(
            f"{len(labels)} clips of {classes} classes need probabilities ({len(labels)}, "
            f"{classes}), got {probabilities.shape}"
        )
    if not np.isfinite(probabilities).all():
        raise LabelError("a probability is not finite")
    if labels.min() < 0 or labels.max() >= classes:
        raise LabelError(f"a clip has the class index {labels.max()}, of {classes} classes")
    return labels

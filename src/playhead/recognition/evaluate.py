"""Evaluation: labelled clips and predictions, or the answers of folds, to metrics."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from playhead.errors import LabelError
from playhead.inference.scores import read_scores
from playhead.metrics.bootstrap import Interval
from playhead.metrics.classification import (
    Classification,
    chance,
    classify,
    group_interval,
    macro_f1,
    top_k,
)
from playhead.output import counted
from playhead.recognition.answers import Answers
from playhead.recognition.clips import KEYPOINTS, Clip
from playhead.recognition.predict import SCORES
from playhead.samples.folds import Fold, refuse_leaks

__all__ = ["Evaluation", "evaluate_answers", "evaluate_predictions", "read_predictions"]


@dataclass(frozen=True, slots=True, eq=False)
class Evaluation:
    """The metrics of answers to labelled clips.

    intervals: of `macro_f1` and `top1` over groups; empty if there is one group only
    unknown: clips that are answered `unknown`, and how many of them would have been right
    chance: macro F1 of guessing
    """

    answers: Answers
    result: Classification
    intervals: dict[str, Interval]
    unknown: tuple[int, int]
    chance: float

    @property
    def metrics(self) -> dict[str, float]:
        """The metrics by name."""
        result = self.result
        return {"top1": result.top1, "top5": result.top5, "macro_f1": result.macro_f1}

    def rows(self) -> list[dict[str, Any]]:
        """A row for each class, with what it was taken for most often."""
        rows = []
        for index, row in enumerate(self.result.per_class):
            others = self.result.confusion[index].copy()
            others[index] = 0
            taken = int(others.argmax())
            shown = f"{self.result.classes[taken]} ({others[taken]})" if others[taken] else ""
            figures = {"precision": row.precision, "recall": row.recall, "f1": row.f1}
            rows.append({"class": row.label, "clips": row.clips, **figures, "taken for": shown})
        return rows

    def lines(self) -> list[str]:
        """The metrics as lines of text."""
        result = self.result

        def within(name: str) -> str:
            interval = self.intervals.get(name)
            return "" if interval is None else f" ({interval.low:.3f} to {interval.high:.3f})"

        groups = counted(len(set(self.answers.groups)), "group")
        lines = [
            f"macro F1 {result.macro_f1:.3f}{within('macro_f1')}, top-1 {result.top1:.3f}"
            f"{within('top1')}, top-5 {result.top5:.3f}; chance {self.chance:.3f}",
            f"{counted(len(self.answers.clips), 'clip')} of {groups}",
        ]
        if self.intervals:
            lines[1] += "; in brackets 95 % intervals over groups"
        if self.unknown[0]:
            count, right = self.unknown
            lines.append(f"answered unknown: {count}, of which {right} would have been right")
        return lines

    def to_json(self) -> dict[str, Any]:
        """As a plain mapping."""
        return {
            "job": "recognition",
            "metrics": self.metrics,
            "intervals": {
                name: [interval.low, interval.high] for name, interval in self.intervals.items()
            },
            "chance": self.chance,
            "clips": len(self.answers.clips),
            "groups": len(set(self.answers.groups)),
            "unknown": {"clips": self.unknown[0], "right": self.unknown[1]},
            "per_class": {
                row.label: {
                    "clips": row.clips,
                    "predicted": row.predicted,
                    "hits": row.hits,
                    "precision": row.precision,
                    "recall": row.recall,
                    "f1": row.f1,
                }
                for row in self.result.per_class
            },
            "confusion": self.result.confusion.tolist(),
        }


def evaluate_answers(answers: Answers, *, unknown_below: float = 0.0) -> Evaluation:
    """Measure answers; their probabilities are taken as they are."""
    probabilities = answers.probabilities
    result = classify(answers.targets, probabilities, answers.classes)
    intervals = {}
    if len(set(answers.groups)) > 1:
        metrics = {"macro_f1": macro_f1, "top1": lambda truth, values: top_k(truth, values, 1)}
        intervals = {
            name: group_interval(metric, answers.targets, probabilities, answers.groups)
            for name, metric in metrics.items()
        }
    unknown = probabilities.max(1) < unknown_below
    right = probabilities.argmax(1) == answers.targets
    counts = int(unknown.sum()), int((unknown & right).sum())
    guessing = chance(answers.targets, len(answers.classes))
    return Evaluation(answers, result, intervals, counts, guessing)


def evaluate_predictions(
    clips: Sequence[Clip], predictions: Path, *, split: str | None = None
) -> Evaluation:
    """Measure a folder of predictions against labelled clips, or those of one split.

    Raises LabelError if a group is in two splits of the clips, a clip has no prediction, or a class
    was not predicted.
    """
    refuse_shared_groups(clips)
    if split is not None:
        splits = sorted({clip.split or "none" for clip in clips})
        clips = [clip for clip in clips if clip.split == split]
        if not clips:
            raise LabelError(
                f"no clip has the split {split!r}; splits of the clips: {', '.join(splits)}"
            )
    answers, below = read_predictions(clips, predictions)
    return evaluate_answers(answers, unknown_below=below)


def read_predictions(clips: Sequence[Clip], folder: Path) -> tuple[Answers, float]:
    """The predictions of clips, and the threshold of `unknown` that they were decided with."""
    found = {
        path.relative_to(folder).as_posix().removesuffix(SCORES): path
        for path in sorted(folder.rglob(f"*{SCORES}"))
    }
    if not found:
        raise LabelError(f"{folder}: has no predictions (X{SCORES}); name the --out of `predict`")
    rows: list[NDArray[np.float64]] = []
    classes: tuple[str, ...] = ()
    below = 0.0
    missing = []
    for clip in clips:
        path = _matching(clip, found)
        if path is None:
            missing.append(clip.name)
            continue
        scores = read_scores(path)
        if classes and scores.classes != classes:
            raise LabelError(f"{path}: has other classes than the predictions before it")
        classes = scores.classes
        below = float(scores.decisions.get("unknown_below", 0.0))
        start, end = clip.start or 0.0, np.inf if clip.end is None else clip.end
        inside = (scores.times >= start) & (scores.times < end)
        if not inside.any():
            missing.append(f"{clip.name} from {start:g} s on")
            continue
        rows.append(scores.values[inside].astype(np.float64).mean(0))
    if missing:
        shown = ", ".join(missing[:3]) + (", ..." if len(missing) > 3 else "")
        raise LabelError(
            f"{folder}: has no prediction of {len(missing)} of {len(clips)} clips ({shown}); "
            "predict them, or choose a --split"
        )
    unknown = sorted({clip.label for clip in clips} - set(classes))
    if unknown:
        raise LabelError(
            f"{', '.join(unknown)}: a class of the clips that was not predicted; the bundle knows "
            f"{', '.join(classes)}"
        )
    probabilities = np.stack(rows)
    return (
        Answers(
            classes,
            tuple(clip.name for clip in clips),
            tuple(clip.group for clip in clips),
            tuple((clip.start or 0.0, clip.end or np.inf) for clip in clips),
            np.array([classes.index(clip.label) for clip in clips]),
            np.log(probabilities.clip(1e-12)),
        ),
        below,
    )


def refuse_shared_groups(clips: Sequence[Clip]) -> None:
    """Raise LabelError if a group is in two splits: the metrics would be too high."""
    groups = [clip.group for clip in clips]
    splits = sorted({clip.split for clip in clips if clip.split is not None})
    for k, first in enumerate(splits):
        for second in splits[k + 1 :]:
            sides = (
                tuple(n for n, clip in enumerate(clips) if clip.split == name)
                for name in (first, second)
            )
            refuse_leaks(groups, Fold(*sides), names=(first, second))


def _matching(clip: Clip, found: dict[str, Path]) -> Path | None:
    """The scores of a clip: by its path below the data set, or the end of it."""
    stem = clip.path.name.removesuffix(KEYPOINTS) if not clip.has_video else clip.path.stem
    parts = Path(clip.name).with_name(stem).parts
    stems = ["/".join(parts[k:]) for k in range(len(parts))]
    return next((found[stem] for stem in stems if stem in found), None)

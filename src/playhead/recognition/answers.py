"""Answers to labelled clips: log probabilities, from which fusion and `unknown` are decided.

They are saved before anything is decided from them, as `answers.npz` of a run.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar

from playhead.errors import LabelError, PlayheadError
from playhead.files import atomic_path

__all__ = [
    "ANSWERS",
    "UNKNOWN",
    "Answers",
    "calibrate",
    "joined",
    "probabilities_of",
    "read_answers",
    "unknown_threshold",
    "write_answers",
]

ANSWERS = "answers.npz"
UNKNOWN = "unknown"
"""The answer where no class is probable enough."""

SCHEMA = 1
COLDEST, WARMEST = 0.2, 20.0

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Answers:
    """The answers to N clips with C classes.

    spans: seconds of each clip in its video
    targets: int (N,), the true class of each
    log_probabilities: float64 (N, C)
    """

    classes: tuple[str, ...]
    clips: tuple[str, ...]
    groups: tuple[str, ...]
    spans: tuple[tuple[float, float], ...]
    targets: NDArray[np.int64]
    log_probabilities: Floats

    @property
    def probabilities(self) -> Floats:
        """(N, C), without a temperature."""
        return np.exp(self.log_probabilities)

    @property
    def keys(self) -> list[tuple[str, float]]:
        """What a clip is known by: its name and its start."""
        return [(name, span[0]) for name, span in zip(self.clips, self.spans, strict=True)]

    def rows(self, chosen: Sequence[int]) -> "Answers":
        """The answers to some of the clips."""
        at = list(chosen)
        return Answers(
            self.classes,
            tuple(self.clips[k] for k in at),
            tuple(self.groups[k] for k in at),
            tuple(self.spans[k] for k in at),
            self.targets[at],
            self.log_probabilities[at],
        )


def joined(parts: Sequence[Answers]) -> Answers:
    """The answers of several folds as one.

    Raises LabelError if classes differ, or a clip is answered twice.
    """
    first = parts[0]
    if any(part.classes != first.classes for part in parts):
        raise LabelError("the folds have different classes, so that they cannot be joined")
    keys = [key for part in parts for key in part.keys]
    if len(set(keys)) < len(keys):
        twice = next(key for k, key in enumerate(keys) if key in keys[:k])
        raise LabelError(f"{twice[0]}: is answered in two folds")
    return Answers(
        first.classes,
        tuple(name for part in parts for name in part.clips),
        tuple(name for part in parts for name in part.groups),
        tuple(span for part in parts for span in part.spans),
        np.concatenate([part.targets for part in parts]),
        np.concatenate([part.log_probabilities for part in parts]),
    )


def probabilities_of(log_probabilities: Floats, temperature: float) -> Floats:
    """Probabilities (..., C) after dividing log probabilities by a temperature."""
    scaled = log_probabilities / temperature
    weights = np.exp(scaled - scaled.max(axis=-1, keepdims=True))
    probabilities: Floats = weights / weights.sum(axis=-1, keepdims=True)
    return probabilities


def calibrate(answers: Answers) -> dict[str, float]:
    """The temperature and the threshold of `unknown` for clips that were not trained on.

    The temperature has the lowest cross-entropy ("On Calibration of Modern Neural Networks", 2017);
    the threshold is that of `unknown_threshold`.
    """
    rows = np.arange(len(answers.targets))

    def entropy(log_temperature: float) -> float:
        probabilities = probabilities_of(answers.log_probabilities, float(np.exp(log_temperature)))
        return float(-np.log(probabilities[rows, answers.targets] + 1e-12).mean())

    bounds = (float(np.log(COLDEST)), float(np.log(WARMEST)))
    best = minimize_scalar(entropy, bounds=bounds, method="bounded")
    temperature = round(float(np.exp(best.x)), 4)
    probabilities = probabilities_of(answers.log_probabilities, temperature)
    return {
        "temperature": temperature,
        "unknown_below": unknown_threshold(answers.targets, probabilities),
    }


def unknown_threshold(targets: NDArray[np.int64], probabilities: Floats) -> float:
    """The confidence below which answers are more often wrong than right.

    It has the largest number of right answers less wrong ones above it; of equals the lowest, so
    that a model without a wrong answer has 0. Between two confidences it is the middle.
    """
    confidence = probabilities.max(1)
    right = probabilities.argmax(1) == targets
    order = np.argsort(confidence, kind="stable")
    gains = np.where(right[order], 1, -1)
    above = np.concatenate([np.cumsum(gains[::-1])[::-1], [0]])  # gain of keeping order[k:]
    values = confidence[order]
    # A threshold cannot lie between equal confidences.
    possible = np.concatenate([[True], values[1:] > values[:-1], [True]])
    best = int(np.flatnonzero(possible & (above == above[possible].max()))[0])
    if best == 0:
        return 0.0
    if best == len(values):
        return 1.0
    return round(float((values[best - 1] + values[best]) / 2), 4)


def write_answers(answers: Answers, path: Path) -> None:
    """Write NPZ without pickles, atomically."""
    with atomic_path(path) as temporary, temporary.open("wb") as file:
        np.savez_compressed(
            file,
            schema=np.int64(SCHEMA),
            classes=np.array(answers.classes, np.str_),
            clips=np.array(answers.clips, np.str_),
            groups=np.array(answers.groups, np.str_),
            spans=np.array(answers.spans, np.float64).reshape(-1, 2),
            targets=answers.targets.astype(np.int64),
            log_probabilities=answers.log_probabilities,
        )


def read_answers(path: Path) -> Answers:
    """Read answers. Raises PlayheadError if the file is none, or has a newer schema."""
    try:
        with np.load(path, allow_pickle=False) as file:
            columns: dict[str, Any] = {name: file[name] for name in file.files}
        schema = int(columns["schema"])
        if schema > SCHEMA:
            raise PlayheadError(f"{path}: has schema {schema}; update playhead")
        answers = Answers(
            tuple(columns["classes"].tolist()),
            tuple(columns["clips"].tolist()),
            tuple(columns["groups"].tolist()),
            tuple((start, end) for start, end in columns["spans"].tolist()),
            columns["targets"],
            columns["log_probabilities"],
        )
    except (OSError, ValueError, KeyError, TypeError, EOFError) as error:
        raise PlayheadError(f"{path}: is not a file of answers: {error}") from error
    shape = (len(answers.clips), len(answers.classes))
    if answers.log_probabilities.shape != shape or answers.targets.shape != shape[:1]:
        raise PlayheadError(f"{path}: its columns do not match")
    return answers

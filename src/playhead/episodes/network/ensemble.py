"""Ensembles: the answers of several members to the same clips, fused into one.

By 2-means: of a clip's answers, the mean of the larger of two clusters, so that a member that found
another song does not count. In one dimension clusters are neighbours, and all divisions are tried:
the result is the optimum and depends on no seed. Where clusters are of one size, or two divisions
equally good, the median is the answer.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np

from playhead.episodes.features.contest import (
    Answers,
    AnswerScore,
    read_answers,
    read_labels,
    score_answers,
    write_answers,
)
from playhead.errors import PlayheadError
from playhead.execution.outputs import check_outputs

__all__ = [
    "EnsembleResult",
    "Method",
    "ensemble",
    "ensemble_files",
    "fuse",
    "read_members",
    "two_means",
]

Method = Literal["two-means", "median", "mean"]

_TIE = 1e-9
"""Squared seconds by which the costs of two divisions may differ and count as equal."""


def two_means(answers: Sequence[float]) -> float:
    """The mean of the larger of the two clusters of answers in seconds; the median in a tie."""
    values = np.sort(np.asarray(answers, np.float64))
    costs = [
        values[:k].var() * k + values[k:].var() * (len(values) - k) for k in range(1, len(values))
    ]
    if values[0] == values[-1]:
        return float(values[0])
    best = [k for k, cost in enumerate(costs, start=1) if cost <= min(costs) + _TIE]
    if len(best) > 1 or 2 * best[0] == len(values):
        return float(np.median(values))
    clusters = values[: best[0]], values[best[0] :]
    return float(max(clusters, key=len).mean())


def fuse(
    answers: Sequence[float | None], method: Method, weights: Sequence[float] | None = None
) -> float | None:
    """One answer of those of all members, in their order; None if at least half say `none`.

    weights: of the members, for `mean`, by default equal; they also weight the vote on `none`
    """
    shares = [1.0] * len(answers) if weights is None else list(weights)
    given = [(a, w) for a, w in zip(answers, shares, strict=True) if a is not None]
    if 2 * sum(share for _, share in given) <= sum(shares):
        return None
    values = [answer for answer, _ in given]
    match method:
        case "two-means":
            return two_means(values)
        case "median":
            return float(np.median(values))
        case "mean":
            return float(np.average(values, weights=[share for _, share in given]))
        case _:
            raise PlayheadError(f"method {method!r}: choose two-means, median or mean")


@dataclass(frozen=True, slots=True, kw_only=True)
class EnsembleResult:
    """Fused answers, and with labels the scores of each member and of all `fused`.

    alike: pairs of members whose answers are equal for every clip, probably one saved twice
    """

    answers: Answers
    members: tuple[str, ...]
    method: Method
    scores: Mapping[str, AnswerScore] = field(default_factory=dict)
    alike: tuple[tuple[str, str], ...] = ()

    def to_json(self) -> dict[str, Any]:
        """As a plain mapping."""
        return {
            "job": "episodes",
            "method": self.method,
            "members": list(self.members),
            "alike": [list(pair) for pair in self.alike],
            "clips": len(self.answers),
            "metrics": {name: score.to_json() for name, score in self.scores.items()},
        }

    def rows(self) -> list[dict[str, Any]]:
        """The scores as rows of a table."""
        return [
            {
                "member": name,
                "clips": score.clips,
                "score": None if math.isnan(score.score) else score.score,
                "missed": score.missed,
                "false": score.false,
            }
            for name, score in self.scores.items()
        ]


def read_members(members: Sequence[str]) -> dict[str, Answers]:
    """Read `NAME=FILE` each; without a name it is that of the file.

    Raises PlayheadError for two members of one name or file, and for members of other clips.
    """
    answers: dict[str, Answers] = {}
    paths: dict[str, Path] = {}
    for member in members:
        name, mark, file = member.partition("=")
        path = Path(file if mark else member)
        name = name if mark else path.stem
        if not name or name == "fused":
            raise PlayheadError(f"{member}: a member cannot be called {name!r}; use NAME=FILE")
        if name in paths:
            raise PlayheadError(
                f"{name}: {paths[name]} and {path} have the same name; name each member, as in "
                f"{name}-2={path}"
            )
        for other, earlier in paths.items():
            if earlier.resolve() == path.resolve():
                raise PlayheadError(f"{path}: is given twice, as {other} and as {name}; leave one")
        paths[name], answers[name] = path, read_answers(path)
    first = next(iter(answers), "")
    for name, given in answers.items():
        apart = sorted(given.keys() ^ answers[first].keys())
        if apart:
            raise PlayheadError(
                f"{paths[name]}: {apart[0]} is answered by only one of {first} and {name} "
                f"({len(apart)} such clips); an ensemble needs the same clips from every member"
            )
    return answers


def ensemble(
    members: Mapping[str, Answers],
    *,
    method: Method = "two-means",
    weights: Sequence[float] | None = None,
    labels: Mapping[str, float | None] | None = None,
) -> EnsembleResult:
    """Fuse the answers of named members to the same clips.

    weights: one for each member, for `mean` only; labels: to score members and the ensemble
    Raises PlayheadError without members, or for weights with another method.
    """
    if not members:
        raise PlayheadError("an ensemble needs at least one member")
    if weights is not None and method != "mean":
        raise PlayheadError(f"--weights need --method mean, not {method}")
    names = tuple(members)
    fused = {
        clip: fuse([members[name][clip] for name in names], method, weights)
        for clip in members[names[0]]
    }
    scores = {}
    if labels is not None:
        scores = {name: score_answers(given, labels) for name, given in members.items()}
        scores["fused"] = score_answers(fused, labels)
    alike = tuple(
        (first, second)
        for k, first in enumerate(names)
        for second in names[k + 1 :]
        if members[first] == members[second]
    )
    return EnsembleResult(answers=fused, members=names, method=method, scores=scores, alike=alike)


def ensemble_files(
    members: Sequence[str],
    out: Path,
    *,
    method: Method = "two-means",
    weights: Sequence[float] | None = None,
    labels: Path | None = None,
) -> EnsembleResult:
    """Fuse files of answers into the file `out`; see `read_members` and `ensemble`.

    Raises PlayheadError if `out` is one of the members' files.
    """
    paths = [Path(member.partition("=")[2] or member) for member in members]
    check_outputs(paths, [out], overwrite=True)
    result = ensemble(
        read_members(members),
        method=method,
        weights=weights,
        labels=None if labels is None else read_labels(labels),
    )
    write_answers(result.answers, out)
    return result

"""The score of boundaries in clips: the mean of max(0, |error| - 1 s); lower is better."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from playhead.episodes.config import KINDS_OF_CLIPS

__all__ = ["FREE_SECONDS", "BoundaryScores", "boundary_score", "score_boundaries"]

FREE_SECONDS = 1.0
"""An error up to this long costs nothing."""


def boundary_score(errors: NDArray[np.floating]) -> float:
    """The mean of max(0, |error| - 1 s) of errors in seconds, (N,); NaN without any."""
    costs = np.maximum(0, np.abs(errors) - FREE_SECONDS)
    return float(costs.mean()) if len(costs) else float("nan")


@dataclass(frozen=True, slots=True, kw_only=True)
class BoundaryScores:
    """The scores of `clips` answers; errors in seconds.

    constant: the score of the median of these boundaries as the answer to all
    """

    clips: int
    score: float
    median_error: float
    p90_error: float
    constant: float

    @classmethod
    def of(cls, answers: NDArray[np.floating], truth: NDArray[np.floating]) -> "BoundaryScores":
        """answers, truth: (N,) seconds. Without clips all scores are NaN."""
        errors = np.abs(answers - truth)
        if not len(errors):
            nothing = float("nan")
            return cls(
                clips=0, score=nothing, median_error=nothing, p90_error=nothing, constant=nothing
            )
        return cls(
            clips=len(errors),
            score=boundary_score(errors),
            median_error=float(np.median(errors)),
            p90_error=float(np.quantile(errors, 0.9)),
            constant=boundary_score(truth - np.median(truth)),
        )


def score_boundaries(
    answers: Sequence[float], truth: Sequence[float | None], kinds: Sequence[str]
) -> dict[str, BoundaryScores]:
    """The scores of `all` clips with a boundary, and of each kind among them.

    answers, truth: seconds from the start of the clip; truth: None where there is no boundary
    """
    known = np.array([boundary is not None for boundary in truth], bool)
    given = np.array(answers, np.float64)[known]
    right = np.array([boundary for boundary in truth if boundary is not None], np.float64)
    names = np.array(kinds, object)[known]
    scores = {"all": BoundaryScores.of(given, right)}
    for kind in KINDS_OF_CLIPS:
        chosen = names == kind
        if chosen.any():
            scores[kind] = BoundaryScores.of(given[chosen], right[chosen])
    return scores

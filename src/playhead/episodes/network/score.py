"""Scores of the boundaries in clips: the contest's, errors, and that of a constant answer."""

from collections.abc import Sequence

import numpy as np

from playhead.episodes.features.contest import contest_score
from playhead.episodes.network.clips import NAMES

__all__ = ["NEAR", "score_boundaries"]

NEAR = 1.5
"""Seconds between a boundary and an answer that is right."""


def score_boundaries(
    answers: Sequence[float], labels: Sequence[float | None], parts: Sequence[str]
) -> dict[str, float]:
    """Scores in seconds over the clips that have a boundary, lower is better.

    answers, labels: seconds from the start of each clip, None where there is no boundary
    parts: `start` or `end` of each clip
    `score` is the contest's, `median_error` and `p90_error` are of absolute errors, `near_share` is
    the share of answers within `NEAR` seconds, `constant` is the contest's score of the median of
    these labels as the answer to all of each part. The same over openings alone are `opening_score`
    and so on, over endings `ending_score`. Without a clip a score is missing.
    """
    known = [
        (part, answer, label)
        for part, answer, label in zip(parts, answers, labels, strict=True)
        if label is not None
    ]
    scores: dict[str, float] = {}
    constants = []
    for part, name in NAMES.items():
        pairs = np.array([pair for of, *pair in known if of == part], np.float64)
        if len(pairs):
            constants.append(pairs[:, 1] - np.median(pairs[:, 1]))
            scores |= {f"{name}_{key}": value for key, value in _scores(pairs).items()}
            scores[f"{name}_constant"] = contest_score(constants[-1])
    if known:
        both = _scores(np.array([pair for _, *pair in known], np.float64))
        scores = {**both, "constant": contest_score(np.concatenate(constants)), **scores}
    return scores


def _scores(pairs: np.ndarray) -> dict[str, float]:
    """pairs: (N, 2), answers and labels."""
    errors = np.abs(pairs[:, 0] - pairs[:, 1])
    return {
        "score": contest_score(errors),
        "median_error": float(np.median(errors)),
        "p90_error": float(np.quantile(errors, 0.9)),
        "near_share": float((errors <= NEAR).mean()),
    }

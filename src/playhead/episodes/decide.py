"""From repeated sounds to labelled segments with a calibrated confidence.

The place of an occurrence in its episode decides what it is there, so a song that opens one episode
and ends another is an opening and an ending. The confidence is a logistic function of a few
features, fitted on generated seasons with music that returns under the story; below the threshold
a segment is shown but not used, because a wrong skip is worse than none.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from playhead.episodes.matching.clusters import Cluster, Occurrence
from playhead.episodes.segments import in_conflict
from playhead.episodes.sound.fingerprint import RATE

__all__ = ["FEATURES", "THRESHOLD", "Candidate", "candidates", "confidence", "decide"]

THRESHOLD = 0.5
"""Default confidence below which a segment is rejected."""
_EYECATCH_SECONDS = 10.0
_MIDDLE = (0.2, 0.8)
"""Where in an episode the middle of an eyecatch lies."""
_UNCLEAR = 0.1
"""An occurrence whose middle is so near to that of its episode has no clear place."""

FEATURES = (
    "constant",
    "recap",
    "eyecatch",
    "log of the episodes that agree",
    "share of the episodes that agree",
    "log of the evidence",
    "log of the peak",
    "length",
    "place",
)
_WEIGHTS = np.array([-12.33, 7.93, 2.40, 0.66, 3.27, 0.09, 1.25, 4.33, 6.00])


@dataclass(frozen=True, slots=True)
class Candidate:
    """An occurrence with its kind there and its features, float64 (len(FEATURES),)."""

    kind: str
    cluster: int
    occurrence: Occurrence
    features: NDArray[np.float64]


def candidates(clusters: Sequence[Cluster], lengths: Sequence[int]) -> list[Candidate]:
    """All occurrences of all clusters, as candidates.

    lengths: of the episodes, in samples
    """
    found = []
    for number, cluster in enumerate(clusters):
        places = [
            (item.start + item.end) / 2 / lengths[item.episode] for item in cluster.occurrences
        ]
        usual = float(np.median(places))
        middle = _MIDDLE[0] < usual < _MIDDLE[1]
        for item, place in zip(cluster.occurrences, places, strict=True):
            if cluster.recap:
                kind = "recap"
            elif cluster.length < _EYECATCH_SECONDS and middle:
                kind = "eyecatch"
            else:
                # Near the middle of an episode, or filling it, a song is what it is elsewhere.
                clear = abs(place - 0.5) > _UNCLEAR
                kind = "opening" if (place if clear else usual) < 0.5 else "ending"
            found.append(Candidate(kind, number, item, _features(kind, item, lengths)))
    return found


def _features(kind: str, item: Occurrence, lengths: Sequence[int]) -> NDArray[np.float64]:
    length = lengths[item.episode]
    match kind:
        case "opening" | "recap":
            away = item.start / length
        case "ending":
            away = 1 - item.end / length
        case _:
            away = abs(0.5 - (item.start + item.end) / 2 / length)
    seconds = (item.end - item.start) / RATE
    song = kind in {"opening", "ending"}
    return np.array([
        1.0,
        kind == "recap",
        kind == "eyecatch",
        math.log(len(item.partners)) * (kind != "recap"),
        len(item.partners) / max(len(lengths) - 1, 1) * (kind != "recap"),
        math.log(max(item.evidence, 1.0) / 100),
        math.log(max(item.peak, 1.0) / 20),
        min(seconds / 20, 1.0) if song else 0.0,
        max(0.0, 1 - away / 0.4),
    ])  # fmt: skip


def confidence(features: NDArray[np.float64]) -> float:
    """The probability that a candidate is right."""
    return float(1 / (1 + np.exp(-np.clip(features @ _WEIGHTS, -30, 30))))


def decide(
    clusters: Sequence[Cluster], lengths: Sequence[int], *, threshold: float = THRESHOLD
) -> list[tuple[list[tuple[Candidate, float]], list[tuple[Candidate, float]]]]:
    """Of every episode the accepted and the rejected candidates, each with its confidence.

    An episode has one opening, one ending and one recap. Of those above the threshold the one with
    the most evidence is taken, which is a whole song rather than a verse of it; what overlaps a
    segment that was taken is rejected.
    """
    ranked: list[list[tuple[Candidate, float]]] = [[] for _ in lengths]
    for candidate in candidates(clusters, lengths):
        trust = confidence(candidate.features)
        ranked[candidate.occurrence.episode].append((candidate, trust))
    answer = []
    for found in ranked:
        accepted: list[tuple[Candidate, float]] = []
        rejected: list[tuple[Candidate, float]] = []
        for candidate, trust in sorted(
            found, key=lambda entry: (entry[1] < threshold, -entry[0].occurrence.evidence)
        ):
            taken = any(
                (candidate.kind == other.kind and candidate.kind != "eyecatch")
                or in_conflict(candidate.occurrence, other.occurrence)
                for other, _ in accepted
            )
            (rejected if taken or trust < threshold else accepted).append((candidate, trust))
        answer.append((accepted, rejected))
    return answer

"""Groups and splits: what belongs together lies on one side, and each side has its share.

Groups are dealt out one after another, the largest first, each to the split where it leaves the
least error between the shares wanted and those there are, squared and over the share wanted, of
pictures and of the boxes of every class alike. Then single groups move while that makes the error
less. Groups of one size come in an order that only the seed and their names decide.
"""

import hashlib
import re
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

__all__ = ["deal_out", "group_of"]

_PASSES = 20
_LEAST_GAIN = 1e-12
"""Of an error: below it a group stays, so that rounding never decides."""


def group_of(name: str, expression: str) -> str | None:
    """The first group of a regular expression in a picture's name, or all that it matches."""
    found = re.search(expression, name)
    if found is None:
        return None
    return (found[1] if found.re.groups else found[0]) or None


def deal_out(
    groups: Sequence[str], counts: NDArray[np.integer], shares: Mapping[str, float], seed: int
) -> list[str]:
    """The split of each of N pictures, whole groups to one split.

    groups: of the pictures; counts: (N, C), boxes of each class; shares: of each split, 1 in all
    """
    names = sorted(set(groups), key=lambda group: _order(seed, group))
    place = {group: row for row, group in enumerate(names)}
    owners = np.array([place[group] for group in groups], np.intp)
    weights = _weights(owners, len(names), counts)
    wanted = np.array(list(shares.values()))[:, None]
    chosen = _dealt(weights, wanted)
    splits = list(shares)
    return [splits[chosen[owner]] for owner in owners]


def _dealt(weights: NDArray[np.float64], wanted: NDArray[np.float64]) -> NDArray[np.intp]:
    """The split of each group, of (G, C) weights and (S, 1) shares."""
    there = np.zeros((len(wanted), weights.shape[1]))
    chosen = np.full(len(weights), -1, np.intp)
    order = np.argsort(-weights.sum(axis=1), kind="stable")
    for _ in range(_PASSES):
        moved = False
        for group in order:
            weight, before = weights[group], chosen[group]
            if before >= 0:
                there[before] -= weight
            # Of ((there + w - wanted)² - (there - wanted)²) / wanted, for every split at once.
            grown = (weight * (2 * (there - wanted) + weight) / wanted).sum(axis=1)
            best = int(np.argmin(grown))
            if before >= 0 and grown[before] <= grown[best] + _LEAST_GAIN:
                best = int(before)
            moved = moved or best != before
            chosen[group] = best
            there[best] += weight
        if not moved:
            break
    return chosen


def _weights(
    owners: NDArray[np.intp], groups: int, counts: NDArray[np.integer]
) -> NDArray[np.float64]:
    """The share of all pictures, and of all boxes of each class, that each group has."""
    columns = np.concatenate([np.ones((len(counts), 1)), counts], axis=1).astype(np.float64)
    weights = np.zeros((groups, columns.shape[1]))
    np.add.at(weights, owners, columns)
    total = weights.sum(axis=0)
    weights /= np.where(total > 0, total, 1.0)
    return weights


def _order(seed: int, group: str) -> str:
    return hashlib.sha256(f"{seed}:{group}".encode()).hexdigest()

"""Assignment of groups to splits: each group is in one split, and each split gets its share.

Groups are assigned greedily, the largest first, each to the split that minimises the squared error
between wanted and actual shares (divided by the wanted share), summed over items and what is
counted of every class (the boxes of images, the clips of a class). Then single groups move while
that lowers the error. Groups of equal size are ordered by a hash of the seed and their names.
"""

import hashlib
import re
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

__all__ = ["assign_splits", "class_counts", "group_of"]

_PASSES = 20
_LEAST_GAIN = 1e-12
"""Smallest gain for which a group moves, so that rounding errors never decide."""


def group_of(name: str, expression: str) -> str | None:
    """The first group of a regular expression in an item's name, or the whole match."""
    match = re.search(expression, name)
    if match is None:
        return None
    return (match[1] if match.re.groups else match[0]) or None


def class_counts(labels: Sequence[str]) -> NDArray[np.int64]:
    """int64 (N, C): 1 where the column is the class of the item; classes in alphabetical order."""
    classes, codes = np.unique(np.array(labels), return_inverse=True)
    return np.eye(len(classes), dtype=np.int64)[codes]


def assign_splits(
    groups: Sequence[str], counts: NDArray[np.integer], shares: Mapping[str, float], seed: int
) -> list[str]:
    """The split of each of N items, whole groups to one split.

    groups: of the items; counts: (N, C), what each has of every class; shares: of each split, 1 in
    all
    """
    names = sorted(
        set(groups), key=lambda group: hashlib.sha256(f"{seed}:{group}".encode()).hexdigest()
    )
    rows = {group: row for row, group in enumerate(names)}
    owners = np.array([rows[group] for group in groups], np.intp)
    # (G, 1 + C): each group's share of all items, and of each class.
    columns = np.concatenate([np.ones((len(counts), 1)), counts], axis=1).astype(np.float64)
    weights = np.zeros((len(names), columns.shape[1]))
    np.add.at(weights, owners, columns)
    total = weights.sum(axis=0)
    weights /= np.where(total > 0, total, 1.0)
    chosen = _assigned(weights, np.array(list(shares.values()))[:, None])
    splits = list(shares)
    return [splits[chosen[owner]] for owner in owners]


def _assigned(weights: NDArray[np.float64], wanted: NDArray[np.float64]) -> NDArray[np.intp]:
    """The split of each group, of (G, C) weights and (S, 1) shares."""
    actual = np.zeros((len(wanted), weights.shape[1]))
    chosen = np.full(len(weights), -1, np.intp)
    order = np.argsort(-weights.sum(axis=1), kind="stable")
    for _ in range(_PASSES):
        moved = False
        for group in order:
            weight, before = weights[group], chosen[group]
            if before >= 0:
                actual[before] -= weight
            # Of ((actual + w - wanted)² - (actual - wanted)²) / wanted, for every split at once.
            added = (weight * (2 * (actual - wanted) + weight) / wanted).sum(axis=1)
            best = int(np.argmin(added))
            if before >= 0 and added[before] <= added[best] + _LEAST_GAIN:
                best = int(before)
            moved = moved or best != before
            chosen[group] = best
            actual[best] += weight
        if not moved:
            break
    return chosen

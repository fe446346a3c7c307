"""Candidate diagonals of a season: at which lags two episodes may share sound.

Words of all episodes go into one inverted index. A key is a word without a quarter of its bits,
so that a word with bit errors in one quarter still finds its partner; four such indexes find a
word with errors anywhere in one quarter. Two words that share a key vote for a diagonal (a, b,
lag), lag being the position in b less the position in a; diagonals with enough votes are
candidates. The cost is near-linear in the words, because only equal keys meet.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Diagonals", "find_diagonals"]

_QUARTERS = tuple(np.uint32(0xFFFFFFFF ^ (0xFF << shift)) for shift in (0, 8, 16, 24))
"""Masks: bits of a word that make its key."""
_DIFFERENT_BITS = 5
"""Words with equal keys vote if they differ in at most this many of the 8 other bits."""
_NEAR = 40
"""Words (5 s): a candidate needs two votes so near to each other, which chance seldom gives."""
_REPEATS = 12
"""A key that returns more often per episode says nothing (silence, a hum) and is dropped."""


@dataclass(frozen=True, slots=True)
class Diagonals:
    """Candidates, each one row of the arrays, in the order of pair and lag.

    pair: index into the pairs that were asked for
    lag: position of a word in b less that of its partner in a
    votes: pairs of words with equal keys on the diagonal and its two neighbours
    """

    pair: NDArray[np.int64]  # (D,)
    lag: NDArray[np.int64]  # (D,)
    votes: NDArray[np.int64]  # (D,)


def find_diagonals(
    words: Sequence[NDArray[np.uint32]], pairs: NDArray[np.int64], *, votes: int = 2
) -> Diagonals:
    """The diagonals of `pairs` (P, 2), each row two indices into `words`, first below second.

    votes: the least number of pairs of words; neighbouring diagonals vote together, because
        words are computed every 0.124 s and the true lag lies in between
    """
    episodes = len(words)
    none = np.empty(0, np.int64)
    lengths = np.array([len(part) for part in words], np.int64)
    if not len(pairs) or not lengths.any():
        return Diagonals(none, none, none)
    every = np.concatenate(words)
    table = np.full((episodes, episodes), -1, np.int64)
    table[pairs[:, 0], pairs[:, 1]] = np.arange(len(pairs))
    index = _Index(
        words=every,
        episode=np.repeat(np.arange(episodes), lengths),
        position=np.concatenate([np.arange(length) for length in lengths]),
        pairs=table,
        widest=int(np.max(pairs[:, 1] - pairs[:, 0])),
        span=2 * int(lengths.max()) + 3,
    )
    codes = [index.votes(mask) for mask in _QUARTERS]
    span = index.span
    unique = np.unique(np.concatenate(codes))  # words that share several keys vote once
    place, position = np.divmod(unique, max(1, len(every)))
    diagonal, first, count = np.unique(place, return_index=True, return_counts=True)
    near = np.zeros(len(place), np.int64)
    near[1:] = (np.diff(place) == 0) & (np.diff(position) <= _NEAR)
    close = np.add.reduceat(near, first) if len(first) else near
    beside = np.diff(diagonal) == 1
    total, closest = count.copy(), close.copy()
    for own, summed in ((count, total), (close, closest)):
        summed[:-1][beside] += own[1:][beside]
        summed[1:][beside] += own[:-1][beside]
    # A local maximum represents its neighbours; of equal ones the first.
    left, right = np.zeros_like(total), np.zeros_like(total)
    left[1:][beside] = total[:-1][beside]
    right[:-1][beside] = total[1:][beside]
    pair, lag = np.divmod(diagonal, span)
    # Next to each other two episodes may share the short pieces of a recap.
    neighbours = (pairs[:, 1] - pairs[:, 0] == 1)[pair]
    kept = (total >= votes) & ((closest > 0) | neighbours) & (total > left) & (total >= right)
    pair, lag = pair[kept], lag[kept]
    return Diagonals(pair, lag - span // 2, total[kept])


@dataclass(frozen=True, slots=True)
class _Index:
    """All words of a season, each with its episode and its position there.

    pairs: number of the pair of two episodes, -1 if it was not asked for; widest: its reach
    span: lags that a pair can have, with a free diagonal at both ends
    """

    words: NDArray[np.uint32]  # (N,)
    episode: NDArray[np.int64]  # (N,)
    position: NDArray[np.int64]  # (N,)
    pairs: NDArray[np.int64]  # (episodes, episodes)
    widest: int
    span: int

    def votes(self, mask: np.uint32) -> NDArray[np.int64]:
        """Codes ((pair * span + lag) * N + word in a) of words that are equal under the mask."""
        keys = self.words & mask
        # Steady sound repeats its word: of a row of equal keys only the first is listed.
        first = np.ones(len(keys), bool)
        first[1:] = (keys[1:] != keys[:-1]) | (self.episode[1:] != self.episode[:-1])
        listed = np.flatnonzero(first)
        listed = listed[np.argsort(keys[listed], kind="stable")]  # then by episode and position
        sorted_keys = keys[listed]
        starts = np.flatnonzero(np.r_[True, sorted_keys[1:] != sorted_keys[:-1]])
        sizes = np.diff(np.r_[starts, len(listed)])
        most = _REPEATS * min(len(self.pairs), 2 * self.widest + 1)
        usable = np.repeat((sizes > 1) & (sizes <= most), sizes)
        listed, sorted_keys = listed[usable], sorted_keys[usable]
        codes = []
        alive = np.arange(len(listed))
        for distance in range(1, most):
            alive = alive[alive + distance < len(listed)]
            alive = alive[sorted_keys[alive] == sorted_keys[alive + distance]]
            near, far = listed[alive], listed[alive + distance]
            close = self.episode[far] - self.episode[near] <= self.widest
            alive, near, far = alive[close], near[close], far[close]
            if not len(alive):
                break
            pair = self.pairs[self.episode[near], self.episode[far]]
            different = np.bitwise_count(self.words[near] ^ self.words[far])
            good = (pair >= 0) & (different <= _DIFFERENT_BITS)
            near, far, pair = near[good], far[good], pair[good]
            lag = self.position[far] - self.position[near] + self.span // 2
            codes.append((pair * self.span + lag) * len(self.words) + near)
        return np.concatenate(codes) if codes else np.empty(0, np.int64)

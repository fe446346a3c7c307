"""Texture synthesis: fill holes of any size with patches of the rest of the image.

Every patch over the hole is matched to the most similar known patch; then every pixel becomes the
mean of the matches of the patches over it; this repeats from coarse to fine ("Space-Time Completion
of Video", 2007, with the search of "PatchMatch", 2009). At the end each pixel is copied from the
match of its patch, so the filled area is as sharp as the rest.

The random seed is fixed, so an image is always filled the same way.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
import scipy.ndimage
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from playhead.media.filling import push_pull, spread

__all__ = ["textured"]

Bytes = NDArray[np.uint8]
Mask = NDArray[np.bool_]
Floats32 = NDArray[np.float32]
Places = NDArray[np.intp]  # (2, N): rows and columns

_REACH = 2
"""A patch has 2 · _REACH + 1 pixels a side."""

_LONGEST = 220  # largest longer side of the finest level, pixels
_SHORTEST = 40  # largest longer side of the coarsest level
# Rounds of search and averaging, the coarsest level first; the last value is for all finer levels.
_ROUNDS = (8, 5, 3)
_JUMPS = (8, 4, 2, 1)  # distances over which matches are propagated
_LEAST_SOURCES = 24
_TRUST = 1.3  # a patch's weight is divided by this for each pixel from the edge of the hole


def textured(image: Bytes, hidden: Mask) -> Bytes | None:
    """The image, RGB (H, W, 3), with the hidden pixels (H, W) filled from the rest.

    None if too little of the image is left.
    """
    step, levels = _levels(image, hidden)
    if not levels:
        return None
    matches = _matched(np.random.default_rng(0), levels)
    at = np.stack(np.nonzero(hidden))
    copied = matches[:, at[0] // step, at[1] // step] * step + at % step
    result = image.copy()
    result[at[0], at[1]] = image[copied[0], copied[1]]
    return result


@dataclass(frozen=True, slots=True, eq=False)
class _Level:
    """The image at one size.

    pixels: float32 (h, w, 3), 0 where hidden; hidden: (h, w); sources: centres of known patches
    targets: centres of all patches that touch a hole; trust: their weights
    """

    pixels: Floats32
    hidden: Mask
    sources: Mask
    targets: Places
    trust: Floats32

    @classmethod
    def of(cls, pixels: Floats32, hidden: Mask) -> Self:
        sources = ~spread(hidden, _REACH)
        inside = np.zeros_like(sources)
        inside[_REACH:-_REACH, _REACH:-_REACH] = True
        targets = np.stack(np.nonzero(spread(hidden, _REACH)))
        depth = np.asarray(scipy.ndimage.distance_transform_edt(hidden), np.float32)
        # Far inside the hole the weight is constant, so that none becomes zero.
        trust = np.maximum(_TRUST ** -np.maximum(depth - 1, 0), 1e-3)
        return cls(pixels, hidden, sources & inside, targets, trust[targets[0], targets[1]])

    @property
    def longest(self) -> int:
        """The longer side."""
        return int(max(self.hidden.shape))

    def random_sources(self, rng: np.random.Generator, count: int) -> Places:
        """`count` uniformly drawn sources."""
        sources = np.stack(np.nonzero(self.sources))
        return sources[:, rng.integers(sources.shape[1], size=count)]


def _levels(image: Bytes, hidden: Mask) -> tuple[int, list[_Level]]:
    """The scale of the finest level (image pixels a pixel), and the levels from fine to coarse.

    Each level has half the size of the one before, as long as enough sources are left.
    """
    known, whole = (~hidden).astype(np.float32), np.ones(hidden.shape, np.float32)
    sums, step = image * known[..., None], 1
    levels: list[_Level] = []
    while True:
        if max(known.shape) > _LONGEST:
            step *= 2
        else:
            # A pixel is hidden if any part of it is.
            gone = known < whole
            level = _Level.of(np.where(gone[..., None], 0, sums / whole[..., None]), gone)
            if np.count_nonzero(level.sources) < _LEAST_SOURCES:
                return step, levels
            levels.append(level)
            if level.longest <= _SHORTEST:
                return step, levels
        sums, known, whole = _halved(sums), _halved(known), _halved(whole)


def _halved(values: Floats32) -> Floats32:
    """Sums of 2x2 pixels; pixels past the edge count as 0."""
    pad = [(0, values.shape[0] % 2), (0, values.shape[1] % 2)] + [(0, 0)] * (values.ndim - 2)
    even = np.pad(values, pad)
    halved: Floats32 = even[::2, ::2] + even[1::2, ::2] + even[::2, 1::2] + even[1::2, 1::2]
    return halved


def _matched(rng: np.random.Generator, levels: list[_Level]) -> Places:
    """The source of each pixel of the finest level → (2, h, w)."""
    coarsest, *finer = reversed(levels)
    matches = coarsest.random_sources(rng, coarsest.targets.shape[1])
    matches = _improved(rng, coarsest, matches, _smooth(coarsest), _ROUNDS[0])
    places = _as_map(coarsest, matches)
    for depth, level in enumerate(finer, 1):
        matches = _finer(rng, places, level)
        filled = _averaged(level, matches, level.trust)
        rounds = _ROUNDS[min(depth, len(_ROUNDS) - 1)]
        places = _as_map(level, _improved(rng, level, matches, filled, rounds))
    return places


def _improved(
    rng: np.random.Generator, level: _Level, matches: Places, filled: Floats32, rounds: int
) -> Places:
    """Better sources for the targets of a level, after rounds of search and averaging."""
    known = level.sources[level.targets[0], level.targets[1]]
    matches[:, known] = level.targets[:, known]
    for number in range(rounds):
        search = _Search.start(level, filled, matches)
        search.propagate(_JUMPS if number == 0 else _JUMPS[-2:])
        search.search_randomly(rng)
        filled = _averaged(level, matches, level.trust * search.similarity())
    return matches


def _as_map(level: _Level, matches: Places) -> Places:
    places = np.zeros((2, *level.hidden.shape), np.intp)
    places[:, level.targets[0], level.targets[1]] = matches
    return places


def _smooth(level: _Level) -> Floats32:
    channels = [push_pull(level.pixels[..., c], ~level.hidden) for c in range(3)]
    return np.stack(channels, axis=2)


def _finer(rng: np.random.Generator, coarse: Places, level: _Level) -> Places:
    """The matches (2, h, w) at half the size, for the targets of this level → (2, N)."""
    targets, shape = level.targets, np.array(level.hidden.shape)[:, None]
    matches = 2 * coarse[:, targets[0] // 2, targets[1] // 2] + targets % 2
    matches = np.asarray(np.minimum(matches, shape - 1), np.intp)
    lost = ~level.sources[matches[0], matches[1]]
    matches[:, lost] = level.random_sources(rng, int(lost.sum()))
    return matches


def _averaged(level: _Level, matches: Places, weights: Floats32) -> Floats32:
    """The image whose hidden pixels are the means of the matches of the patches over them."""
    high, wide = level.hidden.shape
    sums = np.zeros((high + 2 * _REACH, wide + 2 * _REACH, 4), np.float32)
    # The fourth channel sums the weights.
    pixels = np.concatenate([level.pixels, np.ones((high, wide, 1), np.float32)], axis=2)
    flat_pixels, flat_sums = pixels.reshape(-1, 4), sums.reshape(-1, 4)
    sources = matches[0] * wide + matches[1]
    targets = (level.targets[0] + _REACH) * sums.shape[1] + level.targets[1] + _REACH
    for dy in range(-_REACH, _REACH + 1):
        for dx in range(-_REACH, _REACH + 1):
            values = flat_pixels.take(sources + (dy * wide + dx), axis=0)
            flat_sums[targets + (dy * sums.shape[1] + dx)] += weights[:, None] * values
    inner = sums[_REACH:-_REACH, _REACH:-_REACH]
    means = inner[..., :3] / np.maximum(inner[..., 3:], 1e-12)
    return np.where(level.hidden[..., None], means, level.pixels)


@dataclass(slots=True, eq=False)
class _Search:
    """The best source of each target so far; `matches` (2, N) is changed in place.

    patches: (h w, 3pp) of the current image; wanted: (N, 3pp) of the targets
    numbers: (h, w) index of each target, -1 elsewhere; best: squared differences (N,)
    """

    level: _Level
    patches: NDArray[np.float32]
    wanted: Floats32
    numbers: NDArray[np.intp]
    matches: Places
    best: Floats32

    @classmethod
    def start(cls, level: _Level, filled: Floats32, matches: Places) -> Self:
        side = 2 * _REACH + 1
        padded = np.pad(filled, ((_REACH, _REACH), (_REACH, _REACH), (0, 0)), mode="edge")
        windows = sliding_window_view(padded, (side, side), axis=(0, 1))
        patches, targets = windows.reshape(-1, 3 * side * side), level.targets
        numbers = np.full(level.hidden.shape, -1, np.intp)
        numbers[targets[0], targets[1]] = np.arange(targets.shape[1])
        wanted = patches.take(targets[0] * level.hidden.shape[1] + targets[1], axis=0)
        search = cls(level, patches, wanted, numbers, matches, np.zeros(0, np.float32))
        search.best = search._differences(np.arange(targets.shape[1]), matches)
        return search

    def propagate(self, jumps: tuple[int, ...]) -> None:
        """Try the sources implied by the matches of targets at these distances, in 4 directions."""
        for jump in jumps:
            for dy, dx in ((0, jump), (0, -jump), (jump, 0), (-jump, 0)):
                step = np.array([[dy], [dx]])
                at = self.level.targets + step
                which = np.flatnonzero(self._within(at))
                others = self.numbers[at[0, which], at[1, which]]
                which, others = which[others >= 0], others[others >= 0]
                self._try(which, self.matches[:, others] - step)

    def search_randomly(self, rng: np.random.Generator) -> None:
        """Try random sources around the matches, within a shrinking radius."""
        reach = self.level.longest
        all_targets = np.arange(self.matches.shape[1])
        while reach >= 1:
            self._try(
                all_targets, self.matches + rng.integers(-reach, reach + 1, self.matches.shape)
            )
            reach //= 3

    def similarity(self) -> Floats32:
        """The weight of each match: 1 for an identical patch, near 0 for a very different one."""
        scale = 2 * (np.percentile(self.best, 75) + 1e-3)
        return np.asarray(np.exp(-self.best / scale) + 1e-4, np.float32)

    def _try(self, which: Places, sources: Places) -> None:
        fine = self._within(sources)
        which, sources = which[fine], sources[:, fine]
        fine = self.level.sources[sources[0], sources[1]] & (self.best[which] > 0)
        which, sources = which[fine], sources[:, fine]
        differences = self._differences(which, sources)
        better = differences < self.best[which]
        self.best[which[better]] = differences[better]
        self.matches[:, which[better]] = sources[:, better]

    def _within(self, places: Places) -> Mask:
        shape = np.array(self.level.hidden.shape)[:, None]
        return np.asarray(((places >= 0) & (places < shape)).all(axis=0), np.bool_)

    def _differences(self, which: NDArray[np.intp], sources: Places) -> Floats32:
        apart = self.patches.take(sources[0] * self.numbers.shape[1] + sources[1], axis=0)
        apart -= self.wanted.take(which, axis=0)
        differences: Floats32 = np.einsum("ij,ij->i", apart, apart)
        return differences

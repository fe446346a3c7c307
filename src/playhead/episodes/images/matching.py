"""Which images two episodes share, and at which lag: runs along diagonals of hashed frames.

An opening whose sound was replaced still shows the same images. Unlike words of sound, hashes
stand still for as long as a shot does, and a place of the story returns in other episodes. So a
frame votes with the share that it has of its image, and a run counts only if enough different
images agree in it.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["ImageRun", "at_speed", "distinct_images", "find_image_runs"]

_ALIKE = 12
"""Bits: hashes of one image differ in 6 or fewer as a rule, of different images in 32 +- 4."""
_THRESHOLD = 18.0
"""Bits: half-way between moving images that are half a second apart, and different ones."""
_AGAINST = -6.0
"""The least evidence of a frame: a caption over one shot must not cut a run in two."""
_LEAST_VOTES = 3.0
_DIAGONALS = 24
"""Diagonals of a pair that are followed, those of the most votes."""
_ROWS = 1024
"""Frames compared at once with all of the other episode: 3 MB for 24 minutes."""


@dataclass(frozen=True, slots=True)
class ImageRun:
    """Images that two episodes share, in sampled frames, half-open.

    lag: position in the second less position in the first
    distinct: number of different images among them; alike: share of the frames that agree
    """

    start: int
    end: int
    lag: int
    distinct: int
    alike: float


def at_speed(hashes: NDArray[np.uint64], speed: float) -> NDArray[np.uint64]:
    """The hashes of an episode as it would be sampled if it played at the speed of its season."""
    count = round(len(hashes) * speed)
    taken = np.minimum(np.round(np.arange(count) / speed).astype(np.int64), len(hashes) - 1)
    return hashes[taken]


def distinct_images(hashes: NDArray[np.uint64]) -> int:
    """How many different images (N,) hashes show; those without structure do not count."""
    images: list[np.uint64] = []
    for value in hashes[hashes != 0]:
        if not images or np.bitwise_count(np.array(images) ^ value).min() > _ALIKE:
            images.append(value)
    return len(images)


def find_image_runs(
    first: NDArray[np.uint64],
    second: NDArray[np.uint64],
    *,
    shortest: int = 12,
    images: int = 4,
) -> list[ImageRun]:
    """All runs of two episodes that do not compete, the one with the most evidence first.

    first, second: hashes (N,), 0 for frames without structure, which agree with nothing
    shortest: frames; images: the least number of distinct images
    """
    if not len(first) or not len(second):
        return []
    votes = _votes(first, second)
    # The true lag may lie between two diagonals.
    near = votes.copy()
    near[1:] += votes[:-1]
    near[:-1] += votes[1:]
    highest = np.flatnonzero(near >= _LEAST_VOTES)
    highest = highest[np.argsort(-near[highest], kind="stable")][:_DIAGONALS]
    found: list[tuple[float, ImageRun]] = []
    for diagonal in highest.tolist():
        found += _runs_of(first, second, diagonal - len(first) + 1, shortest)
    kept: list[ImageRun] = []
    for _, run in sorted(found, key=lambda entry: -entry[0]):
        if any(_competes(run, other) for other in kept):
            continue
        if run.distinct >= images:
            kept.append(run)
    return kept


def _votes(first: NDArray[np.uint64], second: NDArray[np.uint64]) -> NDArray[np.float64]:
    """Agreeing images of every diagonal, (N + M - 1,), lag -(N - 1) first."""
    votes = np.zeros(len(first) + len(second) - 1)
    share = _shares(first)
    for low in range(0, len(first), _ROWS):
        rows = first[low : low + _ROWS]
        alike = np.bitwise_count(rows[:, None] ^ second) <= _ALIKE
        alike &= (rows != 0)[:, None] & (second != 0)
        i, j = np.nonzero(alike)
        votes += np.bincount(
            j - i - low + len(first) - 1, weights=share[low + i], minlength=len(votes)
        )
    return votes


def _shares(hashes: NDArray[np.uint64]) -> NDArray[np.float64]:
    """1 / (the frames for which the image of each frame stands still)."""
    changes = np.bitwise_count(hashes[1:] ^ hashes[:-1]) > _ALIKE
    number = np.concatenate([[0], np.cumsum(changes)])
    shares: NDArray[np.float64] = 1 / np.bincount(number)[number]
    return shares


def _runs_of(
    first: NDArray[np.uint64], second: NDArray[np.uint64], lag: int, shortest: int
) -> list[tuple[float, ImageRun]]:
    """The best run of a diagonal and what is beside it, each with its evidence."""
    offset = max(0, -lag)
    count = min(len(first) - offset, len(second) - offset - lag)
    if count < shortest:
        return []
    rows = first[offset : offset + count]
    places = np.arange(offset + lag, offset + lag + count)
    # Two samplings of one moving shot are up to half an interval apart.
    beside = second[np.clip(np.stack([places, places - 1, places + 1]), 0, len(second) - 1)]
    distance = np.bitwise_count(rows ^ beside).astype(np.float32)
    distance[(beside == 0) | (rows == 0)] = np.nan
    distance[1:] += 2  # the diagonal itself explains best
    bits = np.nanmin(np.where(np.isnan(distance), 64, distance), axis=0)
    flat = (rows == 0) & (beside[0] == 0)
    score = np.where(flat, 0, np.maximum(_THRESHOLD - bits, _AGAINST))
    runs = []
    spans = [(0, count)]
    while spans:
        low, high = spans.pop()
        if high - low < shortest:
            continue
        sums = np.concatenate([[0], np.cumsum(score[low:high])])
        gain = sums - np.minimum.accumulate(sums)
        end = int(np.argmax(gain))
        start = int(np.argmin(sums[: end + 1]))
        if end - start < shortest:
            continue
        # Frames without structure at either end say nothing.
        inside = slice(low + start, low + end)
        run = ImageRun(
            offset + low + start,
            offset + low + end,
            lag,
            distinct_images(rows[inside][bits[inside] <= _ALIKE]),
            float(np.mean(bits[inside][~flat[inside]] < _THRESHOLD)),
        )
        runs.append((float(gain[end]), run))
        spans += [(low, low + start), (low + end, high)]
    return runs


def _competes(run: ImageRun, other: ImageRun) -> bool:
    """Whether two runs explain the same frames of either episode differently."""
    shorter = min(run.end - run.start, other.end - other.start)
    in_first = min(run.end, other.end) - max(run.start, other.start)
    in_second = min(run.end + run.lag, other.end + other.lag) - max(
        run.start + run.lag, other.start + other.lag
    )
    return max(in_first, in_second) > shorter / 2

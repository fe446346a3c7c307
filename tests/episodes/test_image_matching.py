"""Runs of common images are found where they were put, and a returning place is none."""

import numpy as np
from numpy.typing import NDArray

from playhead.episodes.images.matching import at_speed, distinct_images, find_image_runs

Hashes = NDArray[np.uint64]


def images(seed: int, count: int, still: int = 4) -> Hashes:
    """`count` different images, each for `still` frames."""
    random = np.random.default_rng(seed)
    return np.repeat(random.integers(1, 2**64, count, dtype=np.uint64), still)


def noisy(hashes: Hashes, seed: int, bits: int = 3) -> Hashes:
    """With a few bits of every hash flipped, as a codec does."""
    random = np.random.default_rng(seed)
    flips = np.zeros(len(hashes), np.uint64)
    for _ in range(bits):
        flips |= np.uint64(1) << random.integers(0, 64, len(hashes), dtype=np.uint64)
    return hashes ^ flips


OPENING = images(1, 12)
FIRST = np.concatenate([images(2, 10), OPENING, images(3, 80)])
SECOND = np.concatenate([images(4, 25), noisy(OPENING, 5), images(6, 60)])


def test_common_images_are_one_run_from_their_first_frame_to_their_last() -> None:
    [run] = find_image_runs(FIRST, SECOND)
    assert (run.start, run.end, run.lag) == (40, 88, 60)
    assert run.distinct == 12
    assert run.alike == 1.0


def test_a_run_seen_from_the_other_episode_is_the_same() -> None:
    [run] = find_image_runs(SECOND, FIRST)
    assert (run.start, run.end, run.lag) == (100, 148, -60)


def test_a_caption_over_one_shot_does_not_cut_a_run() -> None:
    changed = SECOND.copy()
    changed[120:124] = images(7, 1)
    [run] = find_image_runs(FIRST, changed)
    assert (run.start, run.end) == (40, 88)
    assert run.distinct == 11


def test_a_place_that_returns_for_long_is_no_run() -> None:
    place = images(8, 1, still=60)
    first = np.concatenate([images(2, 30), place, images(3, 30)])
    second = np.concatenate([images(4, 60), place, images(5, 30)])
    assert find_image_runs(first, second) == []


def test_frames_without_structure_agree_with_nothing() -> None:
    black = np.zeros(200, np.uint64)
    assert find_image_runs(black, black) == []
    assert find_image_runs(FIRST, np.zeros(0, np.uint64)) == []
    assert distinct_images(black) == 0


def test_black_between_shots_belongs_to_the_run() -> None:
    first, second = FIRST.copy(), SECOND.copy()
    first[60:64], second[120:124] = 0, 0
    [run] = find_image_runs(first, second)
    assert (run.start, run.end) == (40, 88)


def test_an_episode_that_plays_faster_is_laid_over_its_season() -> None:
    slow = images(9, 50)
    fast = slow[np.round(np.arange(0, 199, 1.0427)).astype(int)]
    assert find_image_runs(slow, at_speed(fast, 1.0427))[0].end >= 190


def test_distinct_images_count_a_returning_image_once() -> None:
    hashes = images(10, 3)
    assert distinct_images(np.concatenate([hashes, noisy(hashes, 11)])) == 3

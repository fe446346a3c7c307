"""Near-duplicates: the same footage twice, as another encoding, another size, or cut a little off.

A clip is twelve small grey images over its length. Each has a hash of 256 bits, one for every two
horizontal neighbours of 16 rows of 17 pixels: whether it gets brighter to the right (a difference
hash). Two clips are alike if the frames of one, at the median, have a frame of the other within 40
bits. Clips of a fixed camera share their background, so what moves must be alike as well: with the
better of 25 offsets in time, images of the same moment, each less the mean of its clip, must
correlate by 0.85, unless nothing moves in either.

Not found: mirrored copies, copies at another speed, and clips that share less than half of their
length. What is reported is for a person to look at.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from playhead.errors import FileFailure, MediaError
from playhead.inference.runtime import available_cores
from playhead.media import open_video
from playhead.progress import progress
from playhead.recognition.clips import Clip
from playhead.times import displayed_frames

__all__ = ["ClipHash", "Duplicate", "are_alike", "duplicates_across", "hash_clip", "hash_clips"]

FRAMES = 12
ROWS, COLUMNS = 16, 17
MOST_BITS = 40
"""Of 256: a quarter of what is usual between different places."""

_LEAST_CORRELATION = 0.85
"""Chosen on copies of half the size, crf 32 and up to 1.5 s off, in UR Fall Detection and in
UT-Interaction. In the first all clips are of one room and one camera."""
_OFFSETS = np.linspace(-0.5, 0.5, 25)
"""Tried offsets, as a share of the longer clip."""
_STILL = 1.5
"""Grey levels: with a smaller deviation over time nothing moves."""
_FLAT = 3.0
"""Grey levels: an image with a smaller deviation is black or fades; its hash is noise."""
_BLOCK = 2048


@dataclass(frozen=True, slots=True, eq=False)
class ClipHash:
    """The hash of one clip.

    bits: uint64 (F, 4); images: float32 (F, 16, 17), grey levels; times: float64 (F,), seconds from
        the start of the clip; F may be 0 if all are flat
    """

    bits: NDArray[np.uint64]
    images: NDArray[np.float32]
    times: NDArray[np.float64]
    seconds: float


@dataclass(frozen=True, slots=True)
class Duplicate:
    """Two clips of different splits that show the same footage; bits: their distance of 256."""

    first: Clip
    second: Clip
    bits: int


def hash_clip(path: Path, start: float | None = None, end: float | None = None) -> ClipHash:
    """The hash of a video, or of its span `[start, end)` in seconds.

    Raises MediaError if it cannot be read.
    """
    with open_video(path) as video:
        past = video.duration if end is None else end
        frames = displayed_frames(video.times, video.duration, start or 0.0, past)
        if not frames:
            raise MediaError(f"{path}: has no frame from {start or 0:g} s to {past:g} s")
        places = frames.start + (np.arange(FRAMES) + 0.5) / FRAMES * len(frames)
        wanted = np.unique(places.astype(np.int64))
        shown = video.stream(
            frames.start, frames.stop, pixels="luma", size=(COLUMNS, ROWS), wanted=wanted
        )
        found = [(k, image) for k, image in shown]
        if not found:
            raise MediaError(f"{path}: no frame of the clip can be decoded")
        times = video.times[[k for k, _ in found]] - video.times[frames.start]
        seconds = min(past, video.duration) - (start or 0.0)
    images = np.array([image for _, image in found], np.float32)
    vivid = images.std(axis=(1, 2)) >= _FLAT
    images, times = images[vivid], times[vivid]
    brighter = (images[:, :, 1:] > images[:, :, :-1]).reshape(-1, ROWS * (COLUMNS - 1))
    bits = np.packbits(brighter, axis=1).view(np.uint64).reshape(-1, ROWS * (COLUMNS - 1) // 64)
    return ClipHash(bits, images, times, seconds)


def hash_clips(clips: Sequence[Clip]) -> list[ClipHash | str | None]:
    """The hash of each clip; None if it has no video, the reason if it cannot be read."""

    def hashed(clip: Clip) -> ClipHash | str | None:
        if not clip.has_video:
            return None
        with FileFailure(clip.path) as failure:
            return hash_clip(clip.path, clip.start, clip.end)
        return failure.reason

    hashes = []
    pool = ThreadPoolExecutor(available_cores())  # decoding releases Python's lock
    try:
        with progress("comparing", len(clips)) as live:
            for clip, made in zip(clips, pool.map(hashed, clips), strict=True):
                hashes.append(made)
                live.advance(note=clip.name)
    finally:
        pool.shutdown(cancel_futures=True)
    return hashes


def duplicates_across(
    clips: Sequence[Clip], hashes: Sequence[ClipHash | None]
) -> tuple[Duplicate, ...]:
    """The pairs of clips in different splits that show the same footage, the most alike first."""
    usable = {k: made for k, made in enumerate(hashes) if made is not None and len(made.bits)}
    by_split: dict[str, list[int]] = {}
    for k in usable:
        by_split.setdefault(clips[k].split or "", []).append(k)
    found = []
    for one, other in combinations(sorted(by_split), 2):
        few, many = sorted((by_split[one], by_split[other]), key=len)
        repeated = [_repeated(usable[k].bits) for k in many]
        for k in few:
            for begin in range(0, len(many), _BLOCK):
                block = np.stack(repeated[begin : begin + _BLOCK])
                for near in np.flatnonzero(_distances(usable[k].bits, block) <= MOST_BITS):
                    other_clip = many[begin + near]
                    bits = are_alike(usable[k], usable[other_clip])
                    if bits is not None:
                        found.append(Duplicate(clips[k], clips[other_clip], bits))
    return tuple(sorted(found, key=lambda pair: (pair.bits, pair.first.name, pair.second.name)))


def are_alike(first: ClipHash, second: ClipHash) -> int | None:
    """The distance in bits of two clips that show the same footage; None if they do not."""
    distance = float(_distances(first.bits, _repeated(second.bits)[None])[0])
    if distance > MOST_BITS:
        return None
    moving = [clip.images - clip.images.mean(axis=0) for clip in (first, second)]
    if max(part.std() for part in moving) < _STILL:
        return round(distance)
    longer = max(first.seconds, second.seconds)
    for offset in _OFFSETS * longer:
        gaps = np.abs(first.times[:, None] + offset - second.times)
        pairs, nearest = gaps.min(axis=1) <= 0.6 * longer / FRAMES, gaps.argmin(axis=1)
        if 2 * pairs.sum() < len(pairs):
            continue
        ours, theirs = first.images[pairs], second.images[nearest[pairs]]
        ours, theirs = ours - ours.mean(axis=0), theirs - theirs.mean(axis=0)
        norm = float(np.linalg.norm(ours) * np.linalg.norm(theirs))
        if norm > 0 and float((ours * theirs).sum()) / norm >= _LEAST_CORRELATION:
            return round(distance)
    return None


def _distances(clip: NDArray[np.uint64], block: NDArray[np.uint64]) -> NDArray[np.float64]:
    """The smaller of both median distances of (F, 4) bits to each of (N, FRAMES, 4), (N,)."""
    bits = np.bitwise_count(clip[None, :, None] ^ block[:, None]).sum(axis=3, dtype=np.int16)
    forth = np.median(bits.min(axis=2), axis=1)
    back = np.median(bits.min(axis=1), axis=1)
    smaller: NDArray[np.float64] = np.minimum(forth, back)
    return smaller


def _repeated(bits: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """(F, 4) → (FRAMES, 4), so that clips with fewer frames can be stacked."""
    return bits[np.arange(FRAMES) * len(bits) // FRAMES]

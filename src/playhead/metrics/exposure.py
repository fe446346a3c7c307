"""Exposure: how much of each ground truth box a redacted video still shows, in pixels.

A pixel is hidden if it has the redaction colour, or differs from the original by far more than
compression causes: at H.264's crf 23 or better nearly every pixel stays within `CHANGED` of the
original. If the original has about the redaction colour, the colour of the pixel is inconclusive
and it is ignored; `by_detail` (for the audit) compares the detail around such a pixel instead,
because a dark face can still be recognised.

An object is exposed in a frame if less than 95 % of its box is hidden.
"""

import math
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter

from playhead.errors import MediaError
from playhead.events.formats.tracks import TrackFile, by_frame
from playhead.events.model import Box
from playhead.media.video import Video, open_video

__all__ = [
    "CHANGED",
    "DETAIL",
    "HIDDEN",
    "REMAINS",
    "TOLERANCE",
    "Exposed",
    "Exposure",
    "covered_share",
    "exposure",
    "hidden_share",
]

HIDDEN = 0.95
"""An object is not exposed if at least this share of its box is hidden."""

TOLERANCE = 24
"""Levels of 255 in every channel within which a pixel has the redaction colour."""

CHANGED = 60
"""Levels of 255 in any channel: a larger difference is not due to compression."""

DETAIL = 1.0
"""Levels of 255: a smaller standard deviation of the original means no detail."""

REMAINS = 0.5
"""Slope of a regression on the original from which its detail counts as visible."""

Bytes = NDArray[np.uint8]
Colour = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Exposed:
    """One object in one frame of which too much is visible."""

    frame: int
    track: int
    share: float  # hidden part of its box


@dataclass(frozen=True, slots=True)
class Exposure:
    """The number of measured boxes (track-frames), and those that are exposed."""

    track_frames: int
    exposed: tuple[Exposed, ...]

    @property
    def share(self) -> float:
        """Exposed track-frames over all; NaN if there are none."""
        return len(self.exposed) / self.track_frames if self.track_frames else math.nan


def exposure(
    truth: TrackFile,
    before: Path,
    after: Path,
    *,
    labels: Collection[str] | None = None,
    colour: Colour | None = (0, 0, 0),
    tolerance: int = TOLERANCE,
    changed: int = CHANGED,
    hidden: float = HIDDEN,
) -> Exposure:
    """Measure every box of `truth` in `after`, which hides what `before` shows, frame by frame.

    labels: only boxes of these labels; None for all. The others as in `hidden_share`.
    Raises MediaError if the videos differ in frames or size, or `truth` belongs to another video;
    DamagedError if a frame with a box cannot be read.
    """
    chosen = {
        index: track
        for index, track in enumerate(truth.tracks)
        if labels is None or track.label in labels
    }
    wanted = np.unique(np.concatenate([[], *(track.frames for track in chosen.values())]))
    boxes_of = by_frame(truth)
    exposed, count = [], 0
    with open_video(before) as original, open_video(after) as redacted:
        _check(truth, original, redacted)
        frames = wanted.astype(np.int64)
        pairs = zip(_images(original, frames), _images(redacted, frames), strict=True)
        for (frame, first), (_, second) in pairs:
            for index, box in boxes_of(frame):
                if index in chosen:
                    share = hidden_share(
                        first, second, box, colour=colour, tolerance=tolerance, changed=changed
                    )
                    count += 1
                    if share < hidden:
                        exposed.append(Exposed(frame, chosen[index].id, share))
    return Exposure(count, tuple(exposed))


def hidden_share(
    before: Bytes,
    after: Bytes,
    box: Box,
    *,
    colour: Colour | None = (0, 0, 0),
    tolerance: int = TOLERANCE,
    changed: int = CHANGED,
    by_detail: bool = False,
) -> float:
    """The share of a box's pixels that are hidden in `after`, 0..1.

    before, after: RGB (H, W, 3) or RGBA (H, W, 4) of the same size
    box: half-open, clipped to the image; partly covered pixels count by their covered part
    colour: the redaction colour; None if there is no single one
    by_detail: an ignored pixel (see below) counts as visible if `after` still has the original's
        detail around it, as hidden if that detail is gone, and is ignored if there was none

    A pixel is hidden if any channel differs by more than `changed`, or if every channel of `after`
    is within `tolerance` of `colour`. It is ignored if it is hidden only by its colour and `before`
    is within twice the tolerance of that colour too. In RGBA, a transparent pixel of `after` is
    never hidden, since redaction is opaque.
    A box without pixels in the image, or with only ignored pixels, counts as hidden: 1.
    """
    weights, part = _weights(box, before.shape)
    first, second = before[part].astype(np.int16), after[part].astype(np.int16)
    hidden = np.abs(first - second).max(axis=-1, initial=0) > changed
    see_through = (second[..., 3:] < 255).any(axis=-1)
    if colour is not None:
        paint = np.array(colour, np.int16)
        painted = np.abs(second[..., :3] - paint).max(axis=-1, initial=0) <= tolerance
        close = np.abs(first[..., :3] - paint).max(axis=-1, initial=0) <= 2 * tolerance
        unknown = painted & close & ~hidden & ~see_through
        hidden |= painted
        if by_detail:
            detailed, visible = _detail(first[..., :3], second[..., :3], unknown)
            hidden &= ~(unknown & visible)
            unknown &= ~detailed
        weights = np.where(unknown, 0, weights)
    return _share(weights, hidden & ~see_through)


def covered_share(box: Box, regions: NDArray[np.bool_]) -> float:
    """The share of a box, clipped to the image, that a mask (H, W) covers; 1 for an empty box."""
    weights, part = _weights(box, regions.shape)
    return _share(weights, regions[part])


def _detail(
    before: NDArray[np.int16], after: NDArray[np.int16], part: NDArray[np.bool_]
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """(detailed, visible): which pixels have detail around them in `before`, and still in `after`.

    In a window of a quarter of the box's shorter side, the grey values of `after` are regressed on
    those of `before`, over pixels of `part`: the slope is 1 in an unredacted copy, however it is
    encoded, and 0 under a uniform colour.
    """
    side = max(5, min(part.shape) // 4)

    def mean(values: NDArray[np.float64]) -> NDArray[np.float64]:
        averaged: NDArray[np.float64] = uniform_filter(values * part, side, mode="constant")
        return averaged

    old, new = before.mean(axis=-1), after.mean(axis=-1)
    share = np.maximum(mean(np.ones(part.shape)), 1e-9)
    old_mean, new_mean = mean(old) / share, mean(new) / share
    variance = mean(old**2) / share - old_mean**2
    slope = (mean(old * new) / share - old_mean * new_mean) / np.maximum(variance, DETAIL**2)
    detailed = variance >= DETAIL**2
    return detailed, detailed & (slope >= REMAINS)


def _share(weights: NDArray[np.float64], hidden: NDArray[np.bool_]) -> float:
    total = float(weights.sum())
    return float(weights[hidden].sum()) / total if total > 0 else 1.0


def _weights(box: Box, shape: tuple[int, ...]) -> tuple[NDArray[np.float64], tuple[slice, slice]]:
    """The share of each pixel that a box covers, and the slices of the pixels it touches."""
    columns, across = _covered(box[0], box[2], shape[1])
    rows, down = _covered(box[1], box[3], shape[0])
    return down[:, None] * across[None, :], (rows, columns)


def _covered(start: float, stop: float, size: int) -> tuple[slice, NDArray[np.float64]]:
    """The pixels that [start, stop) touches along an axis, and the covered share of each."""
    start, stop = min(max(start, 0.0), size), min(max(stop, 0.0), size)
    first, last = math.floor(start), max(math.ceil(stop), math.floor(start))
    edges = np.arange(first, last, dtype=np.float64)
    return slice(first, last), np.clip(np.minimum(edges + 1, stop) - np.maximum(edges, start), 0, 1)


def _images(video: Video, wanted: NDArray[np.int64]) -> Iterator[tuple[int, Bytes]]:
    """The wanted frames in order. Raises DamagedError if one cannot be read."""
    remaining = iter(wanted.tolist())
    for frame, image in video.stream(wanted=wanted):
        if frame != (expected := next(remaining)):
            video.read([expected])  # raises, naming the frame and the damage
        yield frame, image
    for expected in remaining:
        video.read([expected])


def _check(truth: TrackFile, original: Video, redacted: Video) -> None:
    counts = (truth.frames, original.frames, redacted.frames)
    if len(set(counts)) > 1:
        raise MediaError(
            f"{redacted.path}: has {counts[2]} frames, {original.path} has {counts[1]} and the "
            f"ground truth {counts[0]}; all must have the same number"
        )
    sizes = {(truth.width, truth.height)}
    sizes |= {(video.width, video.height) for video in (original, redacted)}
    if len(sizes) > 1:
        raise MediaError(
            f"{redacted.path}: is {redacted.width}x{redacted.height}, {original.path} is "
            f"{original.width}x{original.height} and the ground truth "
            f"{truth.width}x{truth.height}; all must have the same size"
        )

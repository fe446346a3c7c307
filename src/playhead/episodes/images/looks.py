"""Looks of an episode: hashes of two frames a second, dark frames, rolling text, shot changes.

Hashes find an opening that is silent or dubbed, as fingerprints do for sound: two frames of one
shot differ in few of 64 bits whatever their size and codec. Black frames and rolling text tell
where credits lie that have no song of their own.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import fft, ndimage

from playhead.episodes.sound.store import entry_path, load_entry, new_entry
from playhead.errors import StorageError
from playhead.media import Video, open_video, require_file

__all__ = [
    "LOOKS_RATE",
    "Looks",
    "ScoredSpan",
    "black_spans",
    "key_frames_near",
    "perceptual_hashes",
    "read_looks",
    "rolling_spans",
    "shot_changes_near",
]

LOOKS_RATE = 2
"""Sampled frames per second."""
_VERSION = 1
_SIDE = 128
"""Pixels: sampled frames are scaled to a square of this side, whatever their shape."""
_FLAT = 2.0
"""Standard deviation of luma below which a frame has no structure to hash."""
_DARK, _BRIGHT = 40, 130
"""Luma of a dark ground, and of text on it."""
_BATCH = 64


@dataclass(frozen=True, slots=True, eq=False)
class Looks:
    """N sampled frames of an episode; frame k is the nearest to k / LOOKS_RATE seconds.

    hashes: uint64 (N,), 0 for frames without structure and those that cannot be read
    brightness, contrast: float32 (N,), mean and standard deviation of luma; NaN if unreadable
    dark, text: float32 (N,), shares of dark and of bright pixels
    shift: float32 (N,), upward motion since the frame before in image heights
    steadiness: float32 (N,), peak of the phase correlation with the frame before; 1: a pure shift
    """

    hashes: NDArray[np.uint64]
    brightness: NDArray[np.float32]
    contrast: NDArray[np.float32]
    dark: NDArray[np.float32]
    text: NDArray[np.float32]
    shift: NDArray[np.float32]
    steadiness: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class ScoredSpan:
    """Seconds from the first frame, half-open, with a score in [0, 1]."""

    start: float
    end: float
    score: float


def read_looks(path: Path, *, folder: Path | None = None) -> Looks:
    """The looks of an episode, from the store if they are there, else from the file.

    folder: the store; the default one in the cache if None
    Raises MediaError if the file is not a readable video, StorageError if the store cannot be
    written to.
    """
    path = require_file(path)
    entry = entry_path(path, f"looks-{_VERSION}", folder)
    looks = _stored(entry)
    if looks is None:
        _read(path, entry)
        looks = _stored(entry)
    if looks is None:
        raise StorageError(f"{entry}: cannot be read after it was written; check the disk")
    return looks


def _stored(entry: Path) -> Looks | None:
    stored = load_entry(entry)
    if stored is None:
        return None
    try:
        hashes, columns = np.array(stored[0]["hashes"]), np.array(stored[0]["columns"])
        return Looks(hashes, *columns.T)
    except (KeyError, TypeError, ValueError):
        return None


def _read(path: Path, entry: Path) -> None:
    with open_video(path) as video, new_entry(entry) as writer:
        # A video of one second has two samples; its end is not one.
        count = max(1, int(np.ceil(video.duration * LOOKS_RATE - 1e-6)))
        sampled = video.nearest(np.arange(count) / LOOKS_RATE)
        images = video.stream(wanted=np.unique(sampled), pixels="luma", size=(_SIDE, _SIDE))
        latest = next(images, None)
        before: NDArray[np.uint8] | None = None
        for first in range(0, count, _BATCH):
            wanted = sampled[first : first + _BATCH]
            batch = np.zeros((len(wanted), _SIDE, _SIDE), np.uint8)
            readable = np.zeros(len(wanted), np.bool_)
            for row, frame in enumerate(wanted.tolist()):
                while latest is not None and latest[0] < frame:
                    latest = next(images, None)
                if latest is not None and latest[0] == frame:
                    batch[row], readable[row] = latest[1], True
            columns = _columns(batch, before)
            columns[~readable] = np.nan
            before = batch[-1]
            writer.append("hashes", perceptual_hashes(batch))
            writer.append("columns", columns)


def _columns(images: NDArray[np.uint8], before: NDArray[np.uint8] | None) -> NDArray[np.float32]:
    """The columns of `Looks` for uint8 (N, 128, 128): float32 (N, 6)."""
    flat = images.reshape(len(images), -1)
    shift, steadiness = np.zeros(len(images)), np.zeros(len(images))
    for row, image in enumerate(images):
        if before is not None:
            shift[row], steadiness[row] = _vertical_shift(before, image)
        before = image
    columns = [
        flat.mean(axis=1),
        flat.std(axis=1),
        (flat < _DARK).mean(axis=1),
        (flat > _BRIGHT).mean(axis=1),
        shift,
        steadiness,
    ]
    return np.stack(columns, axis=1).astype(np.float32)


def _vertical_shift(before: NDArray[np.uint8], after: NDArray[np.uint8]) -> tuple[float, float]:
    """(upward motion in image heights, peak of the phase correlation); 0, 0 if it is not vertical.

    Source: C. Kuglin and D. Hines, The phase correlation image alignment method, 1975.
    """
    if min(before.std(), after.std()) < _FLAT:
        return 0.0, 0.0
    window = np.hanning(_SIDE)[:, None] * np.hanning(_SIDE)
    one, two = ((image - image.mean()) * window for image in (before, after))
    cross = fft.rfft2(one) * np.conj(fft.rfft2(two))
    magnitude = np.abs(cross)
    # Frequencies without energy would add noise of full weight.
    cross = cross / (magnitude + 0.01 * magnitude.max())
    surface = fft.irfft2(cross, s=one.shape) * cross.size / np.abs(cross).sum()
    y, x = np.unravel_index(np.argmax(surface), surface.shape)
    across = min(int(x), _SIDE - int(x))
    down = (int(y) + _SIDE // 2) % _SIDE - _SIDE // 2
    if across > 1:
        return 0.0, 0.0
    return down / _SIDE, float(np.clip(surface[y, x], 0, 1))


def perceptual_hashes(images: NDArray[np.uint8]) -> NDArray[np.uint64]:
    """64 bits of each image: uint8 (N, 128, 128) luma → uint64 (N,); 0 without structure.

    Bit k tells whether the k-th of the lowest 8 x 8 frequencies, without the mean, is above their
    median. Source: C. Zauner, Implementation and benchmarking of perceptual image hash functions,
    2010.
    """
    small = images.reshape(len(images), 32, _SIDE // 32, 32, _SIDE // 32).mean(axis=(2, 4))
    waves = fft.dctn(small, axes=(1, 2), norm="ortho")[:, 1:9, 1:9].reshape(len(images), 64)
    bits = waves > np.median(waves, axis=1, keepdims=True)
    hashes = bits.astype(np.uint64) @ (np.uint64(1) << np.arange(64, dtype=np.uint64))
    flat = images.reshape(len(images), -1).std(axis=1) < _FLAT
    return np.where(flat, np.uint64(0), hashes)


def black_spans(looks: Looks, *, brightest: float = 24.0) -> list[ScoredSpan]:
    """Spans of black frames, scored by their mean luma, from 1 at 16 to 0 at `brightest`.

    A single black frame between two samples is not seen.
    """
    score = np.clip((brightest - looks.brightness) / (brightest - 16), 0, 1)
    score = np.where(looks.contrast < 4 * _FLAT, score, 0)
    return _spans(np.nan_to_num(score), 0.0, shortest=1)


def rolling_spans(looks: Looks, *, shortest: float = 5.0) -> list[ScoredSpan]:
    """Spans in which text rolls steadily upward over a dark ground.

    shortest: seconds; shorter motion is not reported
    The score is the mean steadiness of the motion times how constant its speed is.
    """
    speed = ndimage.median_filter(np.nan_to_num(looks.shift), 5)
    same = np.abs(looks.shift - speed) <= 2.5 / _SIDE
    rolls = same & (speed > 0.75 / _SIDE) & (looks.dark > 0.5) & (looks.text > 0.002)
    # A gap between two names may interrupt the motion for a moment.
    closed = ndimage.binary_closing(rolls, np.ones(5, np.bool_)) | rolls
    score = np.where(rolls, np.clip(2 * looks.steadiness, 0, 1), 0)
    return _spans(
        np.where(closed, np.maximum(score, 1e-6), 0), 0.0, shortest=round(shortest * LOOKS_RATE)
    )


def _spans(score: NDArray[np.floating], threshold: float, *, shortest: int) -> list[ScoredSpan]:
    """Runs of samples above `threshold`, with their mean score."""
    labels, count = ndimage.label(score > threshold)
    spans = []
    for (run,) in ndimage.find_objects(labels, max_label=count):
        if run.stop - run.start >= shortest:
            mean = float(np.mean(score[run]))
            spans.append(ScoredSpan(run.start / LOOKS_RATE, run.stop / LOOKS_RATE, mean))
    return spans


def shot_changes_near(video: Video, time: float, *, seconds: float = 1.0) -> NDArray[np.float64]:
    """Times of the first frames of new shots within `seconds` of a time: float64 (N,), rising.

    Only the frames around that time are decoded. A cut is a frame that differs from the one before
    much more than its neighbours do; slow fades are not found.
    """
    first, last = np.searchsorted(video.times, [time - seconds, time + seconds + 1e-9])
    # Differences on both sides of the window tell what is usual.
    begin, end = max(0, int(first) - 8), min(video.frames, int(last) + 8)
    frames, images = [], []
    for k, image in video.stream(begin, end, pixels="luma", size=(64, 36)):
        frames.append(k)
        images.append(image.astype(np.int16))
    if len(frames) < 2:
        return np.empty(0)
    change = np.abs(np.diff(np.stack(images), axis=0)).mean(axis=(1, 2))
    usual = ndimage.median_filter(change, 9, mode="nearest")
    highest = change == ndimage.maximum_filter(change, 3, mode="nearest")
    cuts = np.array(frames[1:])[(change > 8 + 3 * usual) & highest]
    times: NDArray[np.float64] = video.times[cuts[(cuts >= first) & (cuts < last)]]
    return times


def key_frames_near(video: Video, time: float, *, seconds: float = 1.0) -> NDArray[np.float64]:
    """Times of the key frames within `seconds` of a time, from the frame table: float64, rising."""
    times = video.times[video.table.key_frames]
    return times[np.abs(times - time) <= seconds]

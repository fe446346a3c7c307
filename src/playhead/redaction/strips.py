"""Film strips: pictures of every track and of the whole video, read in one pass.

How many pictures there are is bounded, so that neither memory nor the page grows with the video.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from playhead.events.model import Box, Origin, Track
from playhead.media import Video
from playhead.progress import Progress
from playhead.report.markup import picture_uri

__all__ = [
    "Shots",
    "best_score",
    "boxed_crop",
    "moment_frames",
    "shrunk",
    "strip_frames",
    "take_shots",
]

STRIP_PICTURES = 7
MAX_PICTURES = 6000
CROP_SIDE = 128  # pixels of the longest side: about 4 kB
CROP_CONTEXT = 2.2  # sides of a crop to sides of its box
CROP_LEAST = 48  # pixels of the video: a tiny object needs its surroundings to be told
MOMENT_WIDTH = 640
MOMENT_SECONDS = 2.0
MOMENTS = (8, 200)


@dataclass(frozen=True, slots=True)
class Shots:
    """Pictures as data URIs: of each track (frame, picture), by index, and of each moment."""

    strips: dict[int, list[tuple[int, str]]] = field(default_factory=lambda: defaultdict(list))
    moments: dict[int, str] = field(default_factory=dict)


def take_shots(
    video: Video,
    tracks: Sequence[Track],
    strips: Sequence[NDArray[np.int32]],
    moments: NDArray[np.int32],
    progress: Progress | None = None,
) -> Shots:
    """Crops of each track at the frames of its strip, and small pictures of the moments.

    Frames that cannot be read have no picture. `progress` advances by 1 in all.
    """
    at: dict[int, list[int]] = defaultdict(list)
    for index, frames in enumerate(strips):
        for k in frames.tolist():
            at[k].append(index)
    wanted = np.array(sorted({*at, *moments.tolist()}), np.int32)
    shots, whole = Shots(), set(moments.tolist())
    for k, picture in video.stream(wanted=wanted):
        for index in at[k]:
            track = tracks[index]
            box = track.boxes[np.searchsorted(track.frames, k)].tolist()
            shots.strips[index].append((k, picture_uri(boxed_crop(picture, box), quality=72)))
        if k in whole:
            shots.moments[k] = picture_uri(shrunk(picture), quality=60)
        if progress is not None:
            progress.advance(1 / len(wanted))
    return shots


def strip_frames(tracks: Sequence[Track]) -> tuple[list[NDArray[np.int32]], int]:
    """For each track the frames to show, and how many tracks have fewer than they should.

    Where there are too many tracks, the longest and those of the lowest score have full strips,
    the others their surest frame while that lasts.
    """
    order = _by_interest(tracks)
    chosen = [track.frames[:0] for track in tracks]
    for index in order[:MAX_PICTURES]:
        chosen[index] = _frames(tracks[index], 1)
    left = MAX_PICTURES - len(tracks)
    for place, index in enumerate(order):
        frames = _frames(tracks[index], STRIP_PICTURES)
        left -= len(frames) - 1
        if left < 0:
            return chosen, len(order) - place
        chosen[index] = frames
    return chosen, 0


def moment_frames(times: NDArray[np.float64]) -> NDArray[np.int32]:
    """Frames about two seconds apart from the first to the last, at least 8 and at most 200."""
    least, most = MOMENTS
    count = int(np.clip(times[-1] / MOMENT_SECONDS + 1, least, most))
    wanted = np.linspace(0, times[-1], count)
    return np.unique(np.searchsorted(times, wanted).clip(0, len(times) - 1)).astype(np.int32)


def best_score(track: Track) -> float:
    """The best score of what a network saw; of all boxes where it saw none itself.

    It is what a threshold let pass: the mean may lie below, since weak sightings go on a track.
    """
    seen = track.origin == Origin.DETECTED
    return float(track.scores[seen if seen.any() else slice(None)].max())


def boxed_crop(
    picture: NDArray[np.uint8], box: Box, *, longest: int = CROP_SIDE
) -> NDArray[np.uint8]:
    """The box drawn in what is around it: RGB, its longest side of `longest` pixels."""
    height, width = picture.shape[:2]
    x1, y1, x2, y2 = box
    side = max(CROP_LEAST, CROP_CONTEXT * max(x2 - x1, y2 - y1))
    left, right = _window((x1 + x2) / 2, side, width)
    top, bottom = _window((y1 + y2) / 2, side, height)
    scale = longest / max(right - left, bottom - top)
    size = (max(1, round((right - left) * scale)), max(1, round((bottom - top) * scale)))
    crop = Image.fromarray(picture[top:bottom, left:right]).resize(size, Image.Resampling.BICUBIC)
    corners = ((x1 - left) * scale, (y1 - top) * scale, (x2 - left) * scale, (y2 - top) * scale)
    _draw(crop, corners)
    return np.asarray(crop)


def shrunk(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """An RGB picture at most 640 pixels wide and high."""
    image = Image.fromarray(picture)
    image.thumbnail((MOMENT_WIDTH, MOMENT_WIDTH), Image.Resampling.BILINEAR)
    return np.asarray(image)


def _window(centre: float, side: float, length: int) -> tuple[int, int]:
    """The pixels [first, past) of about `side` around `centre`, moved into the picture."""
    size = int(min(np.ceil(side), length))
    first = int(np.clip(round(centre - size / 2), 0, length - size))
    return first, first + size


def _draw(image: Image.Image, box: Box) -> None:
    """A light line beside a dark one is seen on every background."""
    pen = ImageDraw.Draw(image)
    x1, y1, x2, y2 = (round(value) for value in box)
    pen.rectangle((x1 - 1, y1 - 1, max(x1, x2) + 1, max(y1, y2) + 1), outline=(0, 0, 0))
    pen.rectangle((x1, y1, max(x1, x2), max(y1, y2)), outline=(255, 214, 10))


def _frames(track: Track, count: int) -> NDArray[np.int32]:
    """Frames spread over the track's sightings: the first, the last and the surest among them."""
    seen = np.flatnonzero(track.origin == Origin.DETECTED)
    rows = seen if len(seen) else np.arange(len(track.frames))
    best = int(track.scores[rows].argmax())
    places = np.array([best])
    if count > 1:
        places = np.unique(np.linspace(0, len(rows) - 1, count).round().astype(int))
        inner = places[1:-1]
        if len(inner) and best not in places:
            inner[np.abs(inner - best).argmin()] = best
    frames: NDArray[np.int32] = track.frames[rows[np.unique(places)]]
    return frames


def _by_interest(tracks: Sequence[Track]) -> list[int]:
    """The longest and those of the lowest best score first, in turn."""
    longest = np.argsort([-len(track.frames) for track in tracks], kind="stable")
    unsure = np.argsort([best_score(track) for track in tracks], kind="stable")
    turns = np.stack([longest, unsure], axis=1).ravel()
    return list(dict.fromkeys(turns.tolist()))

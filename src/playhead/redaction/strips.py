"""Film strips of the review page: crops of every track, and an overview of the whole video.

The video is read in one pass. The number of crops is bounded, so that memory and page size do not
grow with the length of the video.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from playhead.events.model import Origin, Track
from playhead.media import Video
from playhead.progress import Progress
from playhead.report.crops import boxed_crop
from playhead.report.images import image_uri, resize

__all__ = [
    "FilmStrips",
    "best_score",
    "overview_frames",
    "read_film_strips",
    "strip_frames",
]

CROPS_PER_TRACK = 7
MAX_CROPS = 6000
OVERVIEW_SIZE = 640  # pixels of the longer side
OVERVIEW_SPACING = 2.0  # seconds
OVERVIEW_FRAMES = (8, 200)  # least and most


@dataclass(frozen=True, slots=True)
class FilmStrips:
    """Images as data URIs: (frame, URI) crops by index of the track; overview frames by number."""

    crops: dict[int, list[tuple[int, str]]] = field(default_factory=lambda: defaultdict(list))
    overview: dict[int, str] = field(default_factory=dict)


def read_film_strips(
    video: Video,
    tracks: Sequence[Track],
    strips: Sequence[NDArray[np.int32]],
    overview: NDArray[np.int32],
    progress: Progress | None = None,
) -> FilmStrips:
    """Read crops of each track at the frames of its strip, and the frames of the overview.

    strips: for each track the frames to show; overview: frames
    progress: advances by 1 in all
    Frames that cannot be read have no image.
    """
    tracks_at: dict[int, list[int]] = defaultdict(list)
    for index, frames in enumerate(strips):
        for k in frames.tolist():
            tracks_at[k].append(index)
    wanted = np.array(sorted({*tracks_at, *overview.tolist()}), np.int32)
    images, whole = FilmStrips(), set(overview.tolist())
    for k, image in video.stream(wanted=wanted):
        for index in tracks_at[k]:
            track = tracks[index]
            box = track.boxes[np.searchsorted(track.frames, k)]
            images.crops[index].append((k, image_uri(boxed_crop(image, box), quality=72)))
        if k in whole:
            images.overview[k] = image_uri(resize(image, OVERVIEW_SIZE), quality=60)
        if progress is not None:
            progress.advance(1 / len(wanted))
    return images


def strip_frames(tracks: Sequence[Track]) -> tuple[list[NDArray[np.int32]], int]:
    """For each track the frames to show, and the number of tracks without a full strip.

    If there are too many tracks, the longest and those with the lowest scores get full strips, the
    others the frame with their highest score, until the limit is reached.
    """
    order = _by_interest(tracks)
    chosen = [track.frames[:0] for track in tracks]
    for index in order[:MAX_CROPS]:
        chosen[index] = _frames(tracks[index], 1)
    left = MAX_CROPS - len(tracks)
    for rank, index in enumerate(order):
        frames = _frames(tracks[index], CROPS_PER_TRACK)
        left -= len(frames) - 1
        if left < 0:
            return chosen, len(order) - rank
        chosen[index] = frames
    return chosen, 0


def overview_frames(times: NDArray[np.float64]) -> NDArray[np.int32]:
    """Frames about two seconds apart from the first to the last, at least 8 and at most 200.

    times: of all frames, in seconds
    """
    least, most = OVERVIEW_FRAMES
    count = int(np.clip(times[-1] / OVERVIEW_SPACING + 1, least, most))
    wanted = np.linspace(0, times[-1], count)
    return np.unique(np.searchsorted(times, wanted).clip(0, len(times) - 1)).astype(np.int32)


def best_score(track: Track) -> float:
    """The highest score of the track's detections, or of all its boxes if it has no detection.

    This score passed the threshold; the mean may be below it, since weak detections continue a
    track.
    """
    detected = track.origin == Origin.DETECTED
    return float(track.scores[detected if detected.any() else slice(None)].max())


def _frames(track: Track, count: int) -> NDArray[np.int32]:
    """Frames spread over the track's detections: the first, the last and the best among them."""
    detected = np.flatnonzero(track.origin == Origin.DETECTED)
    rows = detected if len(detected) else np.arange(len(track.frames))
    best = int(track.scores[rows].argmax())
    chosen = np.array([best])
    if count > 1:
        chosen = np.unique(np.linspace(0, len(rows) - 1, count).round().astype(int))
        inner = chosen[1:-1]
        if len(inner) and best not in chosen:
            inner[np.abs(inner - best).argmin()] = best
    frames: NDArray[np.int32] = track.frames[rows[np.unique(chosen)]]
    return frames


def _by_interest(tracks: Sequence[Track]) -> list[int]:
    """Indices of tracks: alternating between the longest and the lowest best score."""
    longest = np.argsort([-len(track.frames) for track in tracks], kind="stable")
    uncertain = np.argsort([best_score(track) for track in tracks], kind="stable")
    turns = np.stack([longest, uncertain], axis=1).ravel()
    return list(dict.fromkeys(turns.tolist()))

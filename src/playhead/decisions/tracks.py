"""Tracks: from boxes in the frames that were looked at to objects with a box in every frame.

Made for hiding people, so that a miss costs more than a box too many: one good sighting is a track,
gaps are filled, both ends reach over the frames nobody looked at, and no box is smaller than what
was detected. The method is in two passes: `track_links` says which boxes are the same object,
forwards and then backwards, `track_paths` makes a box for every frame of each.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from playhead.decisions.boxes import Boxes, cover
from playhead.decisions.track_config import TrackConfig
from playhead.decisions.track_links import Sightings, link
from playhead.decisions.track_motion import seen_as
from playhead.decisions.track_paths import Video, path_of
from playhead.errors import PlayheadError
from playhead.events.model import Track

__all__ = ["TrackConfig", "track_boxes"]


def track_boxes(
    times: NDArray[np.float64],
    frames: NDArray[np.int32],
    found: Sequence[Boxes],
    *,
    label: str,
    config: TrackConfig,
    size: tuple[int, int],
    first_id: int = 0,
) -> list[Track]:
    """The objects of one label in a video, numbered from `first_id` in order of their start.

    times: (T,) seconds of all frames, never falling; frames: (D,) those that were looked at,
    rising; found: the boxes of each of them, after non-maximum suppression; size: width and height
    of the displayed picture. Boxes without area, or wholly outside the picture, are left out.

    A track has a box for every frame from its (extended) start to its end, with some of it inside
    the picture (all of it where `config.clip` says so); it contains the detection where there is
    one (`Origin.DETECTED`).
    Raises PlayheadError where times, frames and boxes do not fit each other.
    """
    times, frames = np.asarray(times, np.float64), np.asarray(frames, np.int32)
    _check(times, frames, found, size)
    usable = [_usable(boxes, config, size) for boxes in found]
    all_boxes = Boxes.joined(usable)
    counts = [len(boxes) for boxes in usable]
    looks = np.repeat(np.arange(len(frames), dtype=np.int32), counts)
    sightings = Sightings(
        times=times[frames],
        bounds=np.concatenate(([0], np.cumsum(counts, dtype=np.int64))),
        looks=looks,
        seen=seen_as(all_boxes.boxes),
        scores=all_boxes.scores,
    )
    video = Video(times, frames, *size)
    return [
        path_of(
            frames[looks[rows]],
            all_boxes.chosen(rows),
            video,
            config,
            number=first_id + number,
            label=label,
        )
        for number, rows in enumerate(link(sightings, config))
    ]


def _usable(found: Boxes, config: TrackConfig, size: tuple[int, int]) -> Boxes:
    found = found.above(min(config.low_score, config.start_score)).valid()
    picture = np.array([[0, 0, *size]], np.float32)
    return found.chosen(cover(found.boxes, picture)[:, 0] > 0)


def _check(
    times: NDArray[np.float64],
    frames: NDArray[np.int32],
    found: Sequence[Boxes],
    size: tuple[int, int],
) -> None:
    if times.ndim != 1 or frames.shape != (len(found),):
        raise PlayheadError(
            f"boxes of {len(found)} pictures need as many frames, got shapes {frames.shape} of "
            f"frames and {times.shape} of times"
        )
    if not np.all(np.isfinite(times)) or not np.all(np.diff(times) >= 0):
        raise PlayheadError("the times of frames must be finite and not fall from frame to frame")
    if not np.all(np.diff(frames) > 0):
        raise PlayheadError("the frames that were looked at must rise")
    if len(frames) and not 0 <= frames[0] <= frames[-1] < len(times):
        raise PlayheadError(
            f"frames {frames[0]} to {frames[-1]} were looked at, the video has {len(times)}"
        )
    if min(size) < 1:
        raise PlayheadError(f"a picture of {size[0]}x{size[1]} pixels holds no boxes")

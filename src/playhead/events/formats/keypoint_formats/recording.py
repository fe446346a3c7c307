"""A recording: people and their joints by frame, as a file of another program tells them.

Most of these programs do not follow people: detections are joined into people here.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from playhead.errors import LabelError
from playhead.events.keypoints import Keypoints, Skeleton

__all__ = ["Recording", "people_of", "tracked"]

_REACH = 0.5
"""How far joints may move from one frame to the next, as a share of the person's size."""
_PAUSE = 10
"""Frames for which a person may be unseen and still be the same."""
_MOST_FRAMES = 1 << 24
"""More than a week at 25 frames per second: a larger number is not one of a frame."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Recording:
    """The keypoints of one video or recording, without its times.

    stem: the path of the file to write, without its suffix
    frames: how many there are; rate: frames per second if the file tells it
    """

    video: str
    stem: str
    skeleton: Skeleton
    people: tuple[Keypoints, ...]
    frames: int
    coordinates: int = 2
    size: tuple[int, int] | None = None
    rate: float | None = None


def people_of(
    where: str, skeleton: Skeleton, detections: Iterable[tuple[int, int, NDArray[np.float64]]]
) -> tuple[Keypoints, ...]:
    """People of (track, frame, points (J, D + 1)). Raises LabelError for two of one in a frame."""
    by_track: dict[int, dict[int, NDArray[np.float64]]] = {}
    for track, frame, points in detections:
        if not 0 <= frame < _MOST_FRAMES:
            raise LabelError(f"{where}: {frame} is not the number of a frame")
        if frame in by_track.setdefault(track, {}):
            raise LabelError(f"{where}: person {track} is twice in frame {frame}")
        by_track[track][frame] = points
    try:
        return tuple(
            Keypoints(
                track,
                skeleton,
                np.array(sorted(frames), np.int32),
                np.stack([frames[k] for k in sorted(frames)]).astype(np.float32),
            )
            for track, frames in sorted(by_track.items())
        )
    except LabelError as error:
        raise LabelError(f"{where}: {error}") from error


def tracked(
    frames: Mapping[int, Sequence[NDArray[np.float64]]],
) -> list[tuple[int, int, NDArray[np.float64]]]:
    """Follow people through frames: (track, frame, points) for points (J, 3) of each frame.

    In each frame detections are assigned to people so that joints move least; a detection whose
    joints move by more than half of the person's size begins a new person.
    """
    followed: list[tuple[int, int, NDArray[np.float64]]] = []
    latest: dict[int, tuple[int, NDArray[np.float64]]] = {}
    count = 0
    for frame in sorted(frames):
        found = frames[frame]
        latest = {k: last for k, last in latest.items() if frame - last[0] <= _PAUSE}
        alive = list(latest)
        moved = np.array([[_moved(last, new) for new in found] for _, last in latest.values()])
        owners: dict[int, int] = {}
        if moved.size:
            rows, columns = linear_sum_assignment(np.minimum(moved, 1e3))
            for row, column in zip(rows.tolist(), columns.tolist(), strict=True):
                if moved[row, column] <= _REACH:
                    owners[column] = alive[row]
        for number, points in enumerate(found):
            if number not in owners:
                owners[number] = count
                count += 1
            latest[owners[number]] = frame, points
            followed.append((owners[number], frame, points))
    return followed


def _moved(before: NDArray[np.float64], after: NDArray[np.float64]) -> float:
    """The mean distance of joints seen in both, as a share of the person's size."""
    both = (before[:, 2] > 0) & (after[:, 2] > 0)
    if not both.any():
        return math.inf
    seen = before[before[:, 2] > 0, :2]
    size = float(np.linalg.norm(seen.max(axis=0) - seen.min(axis=0)))
    distance = float(np.linalg.norm(before[both, :2] - after[both, :2], axis=1).mean())
    return distance / max(size, 1.0)

"""Moving boxes for tests of tracks: exact positions and detections, and what tracks cover."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from playhead.decisions.boxes import Boxes, cover
from playhead.events.model import Track

SIZE = (1280, 720)


RATE = 25


Path = Callable[[float], tuple[float, float, float, float]]  # seconds → centre x, y, width, height


def box_of(path: Path, time: float) -> NDArray[np.float32]:
    x, y, w, h = path(time)
    return np.array([x - w / 2, y - h / 2, x + w / 2, y + h / 2], np.float32)


def constant(x: float, y: float, vx: float, vy: float, *, w: float = 40, h: float = 50) -> Path:
    return lambda t: (x + vx * t, y + vy * t, w, h)


def detections_of(
    paths: Sequence[Path],
    times: NDArray[np.float64],
    frames: Sequence[int],
    missed: Sequence[int] = (),
    scores: dict[int, float] | None = None,
) -> list[Boxes]:
    """Exact detections with score .9, or that of `scores` at a frame; none at `missed` frames."""
    found = []
    for frame in frames:
        there = [] if frame in missed else [box_of(path, times[frame]) for path in paths]
        score = (scores or {}).get(frame, 0.9)
        boxes = np.array(there, np.float32).reshape(-1, 4)
        found.append(Boxes(boxes, np.full(len(there), score, np.float32)))
    return found


def boxes_at(tracks: Sequence[Track], frame: int) -> NDArray[np.float32]:
    return np.concatenate(
        [np.zeros((0, 4), np.float32), *(one.boxes[one.frames == frame] for one in tracks)]
    )


def covered(tracks: Sequence[Track], frame: int, box: NDArray[np.float32], scale: float) -> float:
    """The greatest share of `box` that a box of the tracks, scaled about its centre, covers."""
    boxes = boxes_at(tracks, frame)
    middle, half = (boxes[:, :2] + boxes[:, 2:]) / 2, (boxes[:, 2:] - boxes[:, :2]) / 2 * scale
    scaled = np.concatenate((middle - half, middle + half), axis=1)
    return float(cover(box[None], scaled).max(initial=0))

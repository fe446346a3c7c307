"""Candidates made by hand: one row a helmet, as (frame, x, helmet score, impact score)."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from playhead.impact.candidates import Candidates

SIDE = 20.0
Row = tuple[int, float, float, float]


def of(rows: Sequence[Row], *, frames: int = 60, rate: float = 60.0, **more: Any) -> Candidates:
    """Boxes of 20 x 20 pixels at x, in a video of `frames` frames."""
    rows = sorted(rows, key=lambda row: row[0])
    values = {"video": "play_left.mp4", "view": "left", "play": "play", **more}
    return Candidates(
        label="impact",
        size=(640, 360),
        times=np.arange(frames) / rate,
        frames=np.array([row[0] for row in rows], np.int32),
        boxes=np.array([(row[1], 0, row[1] + SIDE, SIDE) for row in rows], np.float32).reshape(
            -1, 4
        ),
        helmet=np.array([row[2] for row in rows], np.float32),
        impact=np.array([row[3] for row in rows], np.float32),
        **values,
    )

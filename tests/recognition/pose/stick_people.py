"""People made of COCO's 17 joints, and videos whose bright squares stand for people."""

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from playhead.events.keypoints import COCO_17
from playhead.media import VideoWriter
from playhead.recognition.pose.protocol import Pose

WIDTH, HEIGHT, SIDE = 192, 96, 24

# x and y of each joint, from the middle of the hips, in heights of the body.
BODY = np.array(
    [
        (0, -0.45), (0.02, -0.47), (-0.02, -0.47), (0.04, -0.46), (-0.04, -0.46),
        (0.1, -0.3), (-0.1, -0.3), (0.14, -0.15), (-0.14, -0.15), (0.15, 0), (-0.15, 0),
        (0.06, 0), (-0.06, 0), (0.07, 0.25), (-0.07, 0.25), (0.07, 0.5), (-0.07, 0.5),
    ],
    np.float32,
)  # fmt: skip


def person(x: float, y: float, height: float = 100, confidence: float = 0.9) -> Pose:
    """A person whose hips are at x, y."""
    points = np.full((17, 3), confidence, np.float32)
    points[:, :2] = BODY * height + (x, y)
    return Pose(points, confidence)


def square_at(frame: int) -> tuple[int, int]:
    """The upper left corner of the square of a frame."""
    return 20 + 2 * frame, 20 + frame


def write_squares(
    path: Path, frames: int, *, empty: Sequence[int] = (), rate: Fraction = Fraction(25)
) -> Path:
    """A video in which a bright square moves, but for the frames in `empty`."""
    with VideoWriter(path, WIDTH, HEIGHT, rate, gop=5, crf=10) as writer:
        for k in range(frames):
            image = np.full((HEIGHT, WIDTH, 3), 30, np.uint8)
            if k not in empty:
                x, y = square_at(k)
                image[y : y + SIDE, x : x + SIDE] = 235
            writer.write(image)
    return path


class SquareEstimator:
    """Takes the bright square of an image for a person, whose joints are all in its middle."""

    name = "squares"
    skeleton = COCO_17

    def __init__(self) -> None:
        self.images = 0
        self.restarts = 0

    def restart(self, *, rate: float = 30.0) -> None:
        assert rate > 0
        self.restarts += 1

    def people(self, image: NDArray[np.uint8]) -> list[Pose]:
        self.images += 1
        rows, columns = np.nonzero(image[..., 1] > 150)
        if not len(rows):
            return []
        return [person(float(columns.mean() + 0.5), float(rows.mean() + 0.5), SIDE)]

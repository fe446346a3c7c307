"""Skeletons drawn on an image: the chosen people in colour, the others in grey."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from playhead.events.formats.keypoints import KeypointFile
from playhead.events.keypoints import Skeleton
from playhead.recognition.pose.people import INTERPOLATED
from playhead.recognition.pose.similarity import MIN_CONFIDENCE

__all__ = ["CHOSEN", "OTHER", "PosedFrames", "draw_skeletons"]

RGB = NDArray[np.uint8]
Colour = tuple[int, int, int]

CHOSEN: tuple[Colour, ...] = ((255, 214, 10), (10, 200, 255))
"""Of the first chosen person and of the second."""
OTHER: Colour = (148, 163, 184)


class PosedFrames:
    """The people of each frame of a keypoint file of images, ready to be drawn."""

    def __init__(self, file: KeypointFile) -> None:
        self._file = file
        self._rows = [
            {frame: row for row, frame in enumerate(person.frames.tolist())}
            for person in file.people
        ]

    def drawn(self, frame: int, image: RGB) -> RGB:
        """Frame `frame`, already scaled (H, W, 3), with its people; the chosen ones on top."""
        width, height = self._file.size or (image.shape[1], image.shape[0])
        scale = np.array([image.shape[1] / width, image.shape[0] / height, 1], np.float32)
        chosen = self._file.chosen
        people = [
            (person.points[rows[frame]] * scale, _colour(person.track, chosen))
            for person, rows in zip(self._file.people, self._rows, strict=True)
            if frame in rows
        ]
        people.sort(key=lambda person: person[1] != OTHER)
        return draw_skeletons(image, self._file.skeleton, people)


def draw_skeletons(
    image: RGB,
    skeleton: Skeleton,
    people: Sequence[tuple[NDArray[np.float32], Colour]],
) -> RGB:
    """A copy of an RGB image (H, W, 3) with people, each its points (J, 3) and a colour.

    Joints of low confidence are left out; interpolated ones are drawn as thin lines without dots.
    """
    canvas = Image.fromarray(image)
    pen = ImageDraw.Draw(canvas)
    line = max(1, round(max(image.shape[:2]) / 240))
    edges = [skeleton.indices(edge) for edge in skeleton.edges]
    for points, colour in people:
        guessed = bool(points[:, 2].max() <= INTERPOLATED)
        least = np.finfo(np.float32).tiny if guessed else MIN_CONFIDENCE
        shown = points[:, 2] >= least
        for a, b in edges:
            if shown[a] and shown[b]:
                ends = (*points[a, :2].tolist(), *points[b, :2].tolist())
                if not guessed:
                    pen.line(ends, fill=(0, 0, 0), width=line + 2)
                pen.line(ends, fill=colour, width=1 if guessed else line)
        if not guessed:
            for x, y in points[shown, :2].tolist():
                pen.ellipse((x - line, y - line, x + line, y + line), fill=colour)
    return np.asarray(canvas)


def _colour(track: int, chosen: Sequence[int]) -> Colour:
    return CHOSEN[chosen.index(track) % len(CHOSEN)] if track in chosen else OTHER

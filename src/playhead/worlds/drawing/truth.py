"""Ground truth of composed frames: the visible part of each object, as boxes and as tracks.

A box is the bounding box of the visible pixels of an object or a part of it. There is none if less
than 30 % of its pixels are visible, or the box would be less than 4 pixels wide or high.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from playhead.events.model import Box, Origin, Track
from playhead.worlds.drawing.layer import Composition, Layer

__all__ = ["LEAST_SHARE", "PARTS", "VisibleBox", "box_tracks", "visible_boxes"]

LEAST_SHARE = 0.3
"""Of an object's pixels, those that must be visible for it to have a box."""

LEAST_PIXELS = 4
"""A box narrower or lower than this is left out."""

PARTS = 4
"""Part `part` of object `number` has the track `number * PARTS + part`; part 0 is all of it."""


@dataclass(frozen=True, slots=True)
class VisibleBox:
    """The box of the visible pixels of an object, or of a part of it, in one frame."""

    track: int
    label: str
    box: Box
    share: float  # of its pixels that are visible


def visible_boxes(
    frame: Composition, number: int, layer: Layer, labels: Mapping[int, str]
) -> list[VisibleBox]:
    """The boxes of one object and its parts, once all layers of the frame are laid.

    number: the object's, as its layer was added; labels: of the parts, 0 for the whole object
    """
    boxes = []
    for part, mask in {0: layer.mask, **layer.parts}.items():
        visible = frame.visible(mask, number)
        if visible is None or visible[1] < LEAST_SHARE * mask.whole:
            continue
        (x1, y1, x2, y2), pixels = visible
        if min(x2 - x1, y2 - y1) >= LEAST_PIXELS:
            share = min(pixels / mask.whole, 1.0)
            track = number * PARTS + part
            boxes.append(VisibleBox(track, labels[part], (x1, y1, x2, y2), share))
    return boxes


def box_tracks(frames: Sequence[Sequence[VisibleBox]]) -> tuple[Track, ...]:
    """The boxes of a video, frame by frame → one track for each object or part ever visible."""
    tracks: dict[int, list[tuple[int, VisibleBox]]] = {}
    for index, boxes in enumerate(frames):
        for box in boxes:
            tracks.setdefault(box.track, []).append((index, box))
    return tuple(
        Track(
            id=number,
            label=boxes[0][1].label,
            frames=np.array([index for index, _ in boxes], np.int32),
            boxes=np.array([box.box for _, box in boxes], np.float32),
            scores=np.ones(len(boxes), np.float32),
            origin=np.full(len(boxes), Origin.DRAWN, np.uint8),
        )
        for number, boxes in sorted(tracks.items())
    )

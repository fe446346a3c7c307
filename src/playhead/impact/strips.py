"""Film strips of impacts: frames around a moment, cropped, with the boxes of its outcomes."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from playhead.errors import LabelError, MediaError
from playhead.events.model import Event
from playhead.events.pairing import pair_videos
from playhead.execution.items import is_video
from playhead.impact.outcomes import COLOURS, TRUTH_COLOUR, Moment, Outcome
from playhead.impact.report_data import StripImage
from playhead.media import open_video
from playhead.report.crops import crop_window, draw_boxes
from playhead.report.images import RGB, resize

__all__ = [
    "FrameReader",
    "StripFrame",
    "StripMiddle",
    "strip_image",
    "strip_middle",
    "video_frames",
]

STRIP_OFFSETS = (-4, -2, 0, 2, 4)  # frames
CROP_CONTEXT = 3.0  # of the size of a box, added to the hull of all boxes
CROP_SIZE = 208  # pixels of the longer side
WHOLE_SIZE = 320  # the same, of a view without a box


class StripFrame(NamedTuple):
    """A frame of strip number `strip`, `offset` frames from its middle; seconds: in the video."""

    strip: int
    offset: int
    frame: int
    seconds: float
    image: RGB


class StripMiddle(NamedTuple):
    """The frame in the middle of a strip; if it is not known, the one nearest to `seconds`."""

    seconds: float
    frame: int | None = None


FrameReader = Callable[[str, Sequence[StripMiddle]], Iterator[StripFrame]]
"""Reads, from a video by name, the frames at STRIP_OFFSETS around each middle, in any order; raises
MediaError if the video is missing or cannot be read."""


def video_frames(folder: Path | None) -> FrameReader:
    """A reader of video files: those that are named by their path, and those below a folder."""

    def read(name: str, middles: Sequence[StripMiddle]) -> Iterator[StripFrame]:
        path = Path(name)
        if not path.is_file():
            found = _below(folder, name)
            if found is None:
                raise MediaError(f"{path.name}: the video was not found")
            path = found
        with open_video(path) as video:
            wanted: dict[int, list[tuple[int, int]]] = {}
            nearest = video.nearest(np.array([middle.seconds for middle in middles])).tolist()
            for strip, (known, timed) in enumerate(zip(middles, nearest, strict=True)):
                middle = timed if known.frame is None else known.frame
                for offset in STRIP_OFFSETS:
                    if 0 <= middle + offset < video.frames:
                        wanted.setdefault(middle + offset, []).append((strip, offset))
            for k, image in video.stream(wanted=np.array(sorted(wanted), np.int32)):
                for strip, offset in wanted[k]:
                    yield StripFrame(strip, offset, k, float(video.times[k]), image)

    return read


def _below(folder: Path | None, name: str) -> Path | None:
    """The video of this name below a folder; None without exactly one."""
    if folder is None or not folder.is_dir():
        return None
    files = sorted(path for path in folder.rglob("*") if is_video(path) and path.is_file())
    try:
        [index] = pair_videos([name], [path.as_posix() for path in files])
    except LabelError:  # two of the name
        return None
    return None if index is None else files[index]


def strip_middle(moment: Moment, view: int, offset: float) -> StripMiddle:
    """The middle of a moment's strip in a view: its first true impact, or else its first one.

    offset: seconds from the play's clock to the times of the view
    """
    outcomes = moment.views[view]
    true = [outcome for outcome in outcomes if outcome.truth is not None]
    for outcome in true or outcomes:
        return StripMiddle(outcome.event.start, outcome.frame)
    return StripMiddle(max(0.0, moment.time + offset))


def strip_image(frame: StripFrame, outcomes: Sequence[Outcome]) -> StripImage:
    """The surroundings of the outcomes, with the boxes that belong to this frame of the strip.

    A box is drawn in the frame nearest to its event. Without outcomes it is the whole image.
    """
    image, middle = frame.image, frame.frame - frame.offset
    events = [event for outcome in outcomes for event in outcome.events]
    if not events:
        return StripImage(frame.offset, frame.frame, frame.seconds, resize(image, WHOLE_SIZE))
    boxes = np.array([event.box for event in events])
    hull = boxes[:, 2:].max(axis=0) - boxes[:, :2].min(axis=0)
    side = hull.max() + CROP_CONTEXT * (boxes[:, 2:] - boxes[:, :2]).mean()
    height, width = image.shape[:2]
    window = crop_window(boxes, (width, height), context=1.0, min_side=float(side))
    crop = resize(window.of(image), CROP_SIZE, enlarge=True)
    scale = CROP_SIZE / max(window.width, window.height)
    corner = np.array([window.x, window.y] * 2)
    for outcome in outcomes:
        for event in outcome.events:
            if _shown_at(event, middle) == frame.offset:
                hit = outcome.kind == "hit" and event is outcome.truth
                colour = TRUTH_COLOUR if hit else COLOURS[outcome.kind]
                box = (np.array(event.box) - corner) * scale
                crop = draw_boxes(crop, box, colour=colour, width=2)
    return StripImage(frame.offset, frame.frame, frame.seconds, crop)


def _shown_at(event: Event, middle: int) -> int:
    """The offset of the strip's frame that is nearest to an event."""
    assert event.frame is not None
    away = event.frame - middle
    return min(STRIP_OFFSETS, key=lambda offset: (abs(offset - away), abs(offset)))

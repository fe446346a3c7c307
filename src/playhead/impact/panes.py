"""Panes: the views of a rendered play, with helmets, impacts and their outcomes drawn.

An impact flashes: its box and the border of its view are drawn for a moment around its frame.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from playhead.events.formats.tracks import read_tracks
from playhead.events.model import Event
from playhead.impact.candidates import CANDIDATES, read_candidates
from playhead.impact.decide import find_helmets
from playhead.impact.outcomes import COLOURS, TRUTH_COLOUR, Kind, Outcome
from playhead.impact.predict import recorded_decisions
from playhead.media import Video
from playhead.report.crops import draw_boxes
from playhead.report.images import RGB
from playhead.report.markup import clock
from playhead.samples.views import partner_frames

__all__ = ["HELMET", "Pane", "RenderedView"]

FLASH = 0.1  # seconds before and after an impact
HELMET = (148, 163, 184)
PLAIN: tuple[Kind, ...] = ("impact", "hit", "false positive", "miss")  # the last is drawn on top


@dataclass(frozen=True, slots=True)
class RenderedView:
    """A view of a play to render; helmets: the file with their tracks or candidates, if any."""

    video: Path
    name: str
    offset: float
    outcomes: tuple[Outcome, ...]
    helmets: Path | None


class Pane:
    """A view with its open video: reads its frames and draws on them."""

    def __init__(self, view: RenderedView, video: Video) -> None:
        self.view = view
        self.video = video
        self.helmets = {} if view.helmets is None else _helmets(view.helmets)

    def time_of(self, event: Event) -> float:
        """The time of an event's frame in this video."""
        frame = event.frame
        known = frame is not None and frame < self.video.frames
        return float(self.video.times[frame]) if known else event.start

    def partners(self, first: "Pane", times: NDArray[np.float64]) -> NDArray[np.int64]:
        """The frame at each time of the first view; -1 before the first and after the last."""
        offset = first.view.offset - self.view.offset
        own = self.video.times
        frames = partner_frames(times, own, offset=offset).astype(np.int64)
        step = self.video.duration / max(1, self.video.frames)
        outside = (times - offset < -step) | (times - offset > own[-1] + step)
        return np.where(outside, -1, frames)

    def images(self, frames: NDArray[np.int64], size: tuple[int, int]) -> Iterator[RGB]:
        """The drawn images (H, W, 3) of frames, which do not fall; dark where there is none."""
        wanted = np.unique(frames[frames >= 0])
        stream = self.video.stream(size=size, wanted=wanted)
        held = next(stream, None)
        for k in frames.tolist():
            while held is not None and held[0] < k:
                held = next(stream, None)
            if held is not None and held[0] == k:
                yield self.drawn(k, held[1])
            else:
                dark = np.full((size[1], size[0], 3), 24, np.uint8)
                yield _titled(dark, f"{self.view.name}: no frame")

    def drawn(self, k: int, image: RGB) -> RGB:
        """Frame k, already scaled, with helmets, flashing impacts and a title."""
        height, width = image.shape[:2]
        scale = np.array([width / self.video.width, height / self.video.height] * 2)
        if k in self.helmets:
            image = draw_boxes(image, self.helmets[k] * scale, colour=HELMET)
        time = float(self.video.times[k])
        line = 2 if height < 480 else 3
        flashing = [
            outcome
            for kind in PLAIN
            for outcome in self.view.outcomes
            if outcome.kind == kind
            and any(abs(self.time_of(event) - time) <= FLASH for event in outcome.events)
        ]
        for outcome in flashing:
            colour = COLOURS[outcome.kind]
            for event in outcome.events:
                true = outcome.kind == "hit" and event is outcome.truth
                box = np.array(event.box) * scale
                image = draw_boxes(
                    image,
                    box,
                    colour=TRUTH_COLOUR if true else colour,
                    width=line + 2 * (event.frame == k),
                )
        image = _titled(image, f"{self.view.name}   {clock(time)}   frame {k}")
        if flashing:
            colour = COLOURS[flashing[-1].kind]
            edge = 2 * line
            image[:edge], image[-edge:], image[:, :edge], image[:, -edge:] = (colour,) * 4
            image = _labelled(image, flashing, scale)
        return image


def _helmets(path: Path) -> dict[int, NDArray[np.float64]]:
    """Boxes (M, 4) by frame, of tracks or of candidates that pass for helmets."""
    if path.name.endswith(CANDIDATES):
        candidates = read_candidates(path)
        decisions = recorded_decisions(candidates)
        helmets = find_helmets(candidates, decisions.helmet_threshold, decisions.overlap)
        frames, boxes = helmets.frames, helmets.boxes
    else:
        tracks = read_tracks(path).tracks
        frames = np.concatenate([np.zeros(0, np.int32), *(track.frames for track in tracks)])
        boxes = np.concatenate([np.zeros((0, 4), np.float32), *(track.boxes for track in tracks)])
    order = np.argsort(frames, kind="stable")
    numbers, starts = np.unique(frames[order], return_index=True)
    parts = np.split(boxes[order].astype(np.float64), starts[1:])
    return dict(zip(numbers.tolist(), parts, strict=False))


def _titled(image: RGB, text: str) -> RGB:
    """A copy with a line of text at the top."""
    canvas = Image.fromarray(image)
    font = ImageFont.load_default(max(11, image.shape[0] // 30))
    ImageDraw.Draw(canvas).text(
        (14, 12), text, font=font, fill=(255, 255, 255), stroke_width=2, stroke_fill=(0, 0, 0)
    )
    return np.array(canvas)


def _labelled(image: RGB, outcomes: Sequence[Outcome], scale: NDArray[np.float64]) -> RGB:
    """A copy with the kind and the score of each outcome: above a miss, below a prediction."""
    canvas = Image.fromarray(image)
    pen = ImageDraw.Draw(canvas)
    size = max(10, image.shape[0] // 40)
    font = ImageFont.load_default(size)
    for outcome in outcomes:
        score = "" if outcome.score is None else f" {outcome.score:.2f}"
        x1, y1, _, y2 = (np.array(outcome.box) * scale).tolist()
        pen.text(
            (x1, y1 - size - 8 if outcome.kind == "miss" else y2 + 6),
            f"{outcome.kind}{score}",
            font=font,
            fill=COLOURS[outcome.kind],
            stroke_width=2,
            stroke_fill=(0, 0, 0),
        )
    return np.array(canvas)

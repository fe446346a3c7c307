"""Drawing on a rendered video: the scores of each class over time, and events that flash by name.

Below the image every class has a lane, in which time runs past a line in the middle: what is at the
line happens now. A dot is a prediction, at the height of its score; a triangle is an annotation.
"""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from playhead.events.model import Event
from playhead.inference.scores import Scores
from playhead.report.images import RGB
from playhead.report.markup import clock

__all__ = ["COLOURS", "Kind", "Lanes", "Mark", "draw_flashes", "drawable", "lane_height"]

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont

_FONTS = ("DejaVuSans.ttf", "NotoSans-Regular.ttf", "Arial.ttf", "arial.ttf")
"""Fonts that systems often have, for letters beyond ASCII."""

Kind = Literal["event", "hit", "miss", "false alarm", "truth"]
Colour = tuple[int, int, int]

COLOURS: dict[Kind, Colour] = {
    "event": (255, 214, 10),
    "hit": (46, 204, 113),
    "miss": (255, 140, 26),
    "false alarm": (236, 72, 153),
    "truth": (203, 213, 225),
}
"""event: a prediction without ground truth; truth: an annotation that is only shown."""
FLASH = 0.6  # seconds for which a name stays
STRUCK = 0.1  # seconds for which the border of the image is lit
FLASHES = 4  # names at once

_BACKGROUND, _PAST, _CURVE = (15, 20, 30), (34, 41, 56), (86, 143, 214)
_UNKNOWN, _LINE, _TEXT = (8, 10, 15), (226, 232, 240), (226, 232, 240)


@dataclass(frozen=True, slots=True)
class Mark:
    """An event to show: `time` in seconds of the video; annotated: an annotation."""

    event: Event
    time: float
    kind: Kind
    annotated: bool = False

    @property
    def end(self) -> float:
        """When it ends: at its time, for an instant."""
        return self.time + (0.0 if self.event.end is None else self.event.end - self.event.start)

    @property
    def text(self) -> str:
        """Its label, its score if it is a prediction, and its kind."""
        score = "" if self.annotated else f" {self.event.score:.2f}"
        kind = "" if self.kind == "event" else f"  {self.kind}"
        return f"{self.event.label}{score}{kind}"


def lane_height(classes: int) -> int:
    """Pixels of a lane for a number of classes: even, and lower the more there are."""
    return 44 if classes <= 4 else 28 if classes <= 10 else 18


class Lanes:
    """The lanes of one video.

    scores: drawn as curves; None draws only marks
    window: seconds that are shown at once
    """

    def __init__(
        self,
        classes: Sequence[str],
        scores: Scores | None,
        marks: Sequence[Mark],
        *,
        width: int,
        window: float,
    ) -> None:
        self._classes, self._scores, self._width = classes, scores, width
        self._window = window
        self._marks = sorted(marks, key=lambda mark: mark.time)
        self._times = np.array([mark.time for mark in self._marks], np.float64)
        self._longest = max((mark.end - mark.time for mark in marks), default=0.0)
        self._lane = lane_height(len(classes))
        self._gutter = min(160, width // 4)
        self._size = max(10, min(14, self._lane - 6))
        self._font = _font(self._size)

    @property
    def height(self) -> int:
        """Pixels of all lanes: even."""
        return self._lane * len(self._classes)

    def drawn(self, time: float) -> RGB:
        """The lanes (height, width, 3) at a time in seconds."""
        lane, gutter = self._lane, self._gutter
        canvas = np.empty((self.height, self._width, 3), np.uint8)
        canvas[:] = _BACKGROUND
        columns = time + (np.arange(self._width - gutter) / (self._width - gutter) - 0.5) * (
            self._window
        )
        for row, label in enumerate(self._classes):
            self._curve(canvas[row * lane : (row + 1) * lane, gutter:], label, columns)
            canvas[(row + 1) * lane - 1] = _PAST
        middle = self._x(time, time)
        canvas[:, middle] = _LINE
        image = Image.fromarray(canvas)
        pen = ImageDraw.Draw(image)
        first, last = (
            int(np.searchsorted(self._times, edge))
            for edge in (columns[0] - self._longest, columns[-1])
        )
        for mark in self._marks[first:last]:
            self._mark(pen, mark, time)
        for row, label in enumerate(self._classes):
            self._name(pen, row, label, time)
        return np.asarray(image)

    def _curve(self, part: RGB, label: str, columns: NDArray[np.float64]) -> None:
        """Fill the area below the scores of a class in its lane (lane, columns, 3), in place."""
        values = self._values(label)
        if values is None or self._scores is None:
            return
        heights = np.interp(columns, self._scores.times, values, left=np.nan, right=np.nan)
        part[:, np.isnan(heights)] = _UNKNOWN
        rows = np.arange(len(part))[::-1, None]
        part[rows < np.nan_to_num(heights) * (len(part) - 4)] = _CURVE
        least = self._scores.decisions.get("min_height")
        if isinstance(least, int | float) and 0 < least < 1:
            part[len(part) - 1 - round(least * (len(part) - 4)), ::4] = _LINE

    def _mark(self, pen: ImageDraw.ImageDraw, mark: Mark, time: float) -> None:
        if mark.event.label not in self._classes:
            return
        bottom = (self._classes.index(mark.event.label) + 1) * self._lane - 2
        x, colour = max(self._gutter, self._x(mark.time, time)), COLOURS[mark.kind]
        if mark.end > mark.time:
            right = min(self._width - 1, self._x(mark.end, time))
            level = bottom - (1 if mark.annotated else self._lane // 3)
            pen.line((x, level, max(x, right), level), fill=colour, width=3)
        if mark.annotated:
            size = max(4, self._lane // 5)
            pen.polygon(
                [(x, bottom - 2 * size), (x - size, bottom), (x + size, bottom)],
                fill=colour,
                outline=(0, 0, 0),
            )
        else:
            size = max(3, self._lane // 8)
            y = bottom - min(1.0, max(0.0, mark.event.score)) * (self._lane - 6)
            pen.line((x, bottom, x, y), fill=colour, width=2)
            pen.ellipse((x - size, y - size, x + size, y + size), fill=colour, outline=(0, 0, 0))

    def _name(self, pen: ImageDraw.ImageDraw, row: int, label: str, time: float) -> None:
        """The name of a class and its score now, in the gutter."""
        top, values = row * self._lane, self._values(label)
        pen.rectangle((0, top, self._gutter - 1, top + self._lane - 2), fill=_PAST)
        score = ""
        if values is not None and self._scores is not None:
            now = float(np.interp(time, self._scores.times, values))
            score = "" if np.isnan(now) else f"{now:.2f}"
        y = top + self._lane // 2
        text, font = drawable(label, self._size)
        pen.text((6, y), text, font=font, fill=_TEXT, anchor="lm")
        room = pen.textlength(score, font=self._font)
        left = self._gutter - room - 12
        pen.rectangle((left, top, self._gutter - 1, top + self._lane - 2), fill=_PAST)
        pen.text((self._gutter - 6, y), score, font=self._font, fill=_TEXT, anchor="rm")

    def _values(self, label: str) -> NDArray[np.float32] | None:
        """The scores of a class (T,); None without any."""
        if self._scores is None or label not in self._scores.classes or not len(self._scores.times):
            return None
        return self._scores.values[:, self._scores.classes.index(label)]

    def _x(self, moment: float, time: float) -> int:
        share = (moment - time) / self._window + 0.5
        return self._gutter + round(share * (self._width - self._gutter))


def draw_flashes(image: RGB, time: float, frame: int, name: str, marks: Sequence[Mark]) -> RGB:
    """A copy of an image (H, W, 3) with its time, and the names of what just happened.

    marks: predictions and misses; the latest are shown, and light the border when they happen
    """
    shown = [
        mark
        for mark in marks
        if mark.time <= time + 1e-6 and time < max(mark.time + FLASH, mark.end)
    ][-FLASHES:]
    canvas = Image.fromarray(image)
    pen = ImageDraw.Draw(canvas)
    struck = [mark for mark in shown if time < mark.time + STRUCK]
    if struck:
        edge = max(4, image.shape[0] // 90)
        pen.rectangle(
            (0, 0, image.shape[1] - 1, image.shape[0] - 1),
            outline=COLOURS[struck[-1].kind],
            width=edge,
        )
    small = max(12, image.shape[0] // 32)
    text, font = drawable(f"{clock(time)}   frame {frame}   {name}", small)
    pen.text(
        (14, 12),
        text,
        font=font,
        fill=(255, 255, 255),
        stroke_width=2,
        stroke_fill=(0, 0, 0),
    )
    large = max(18, image.shape[0] // 16)
    for row, mark in enumerate(reversed(shown)):
        text, font = drawable(mark.text, large)
        pen.text(
            (14, 12 + 2 * small + row * round(1.25 * large)),
            text,
            font=font,
            fill=COLOURS[mark.kind],
            stroke_width=2,
            stroke_fill=(0, 0, 0),
        )
    return np.asarray(canvas)


def drawable(text: str, size: int) -> tuple[str, Font]:
    """Text and a font that has its letters.

    Pillow's own font has those of ASCII. For others a font of the system is used; without one,
    letters lose their accents, and what is no Latin letter becomes a question mark.
    """
    if text.isascii():
        return text, _font(size)
    if (font := _system_font(size)) is not None:
        return text, font
    split = unicodedata.normalize("NFKD", text)
    bare = "".join(letter for letter in split if not unicodedata.combining(letter))
    return bare.encode("ascii", "replace").decode("ascii"), _font(size)


@cache
def _font(size: int) -> Font:
    return ImageFont.load_default(size)


@cache
def _system_font(size: int) -> ImageFont.FreeTypeFont | None:
    for name in _FONTS:
        try:
            return ImageFont.truetype(name, size)
        except OSError:  # not on this system
            continue
    return None

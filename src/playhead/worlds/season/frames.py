"""Draw the frames of an episode, and the exact boxes of the text in them."""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from playhead.events.model import Box
from playhead.worlds.season.look import (
    Colour,
    SeriesLook,
    SongShot,
    draw_figure,
    draw_place,
    draw_storyboard,
    made_up_name,
    text_mask,
)
from playhead.worlds.season.plan import (
    CLOCK,
    ENDING,
    EYECATCH,
    Episode,
    Part,
    Scene,
    Shot,
    SongPlan,
)

__all__ = ["Drawn", "EpisodeRenderer", "TextKey"]

Image8 = NDArray[np.uint8]
TextKey = tuple[int, int, int]
"""A line of text: the part, the shot or card in it, and the line in that."""

SpanT = TypeVar("SpanT", Scene, Shot)

_STEPS = 5
"""Poses and pans change so many times a second, as in limited animation."""
_POSES = 8
"""So many frames of the story are kept, since the poses of a shot return."""
_ROLL = 0.2
"""Heights of the frame a second, of rolling credits."""
_CARD = 3
"""Seconds that a card of credits is shown."""


@dataclass(frozen=True, slots=True, eq=False)
class Drawn:
    """A frame, RGB (H, W, 3), and the boxes of its lines of text, in pixels.

    The image of a frame that looks like the one before it is the same object.
    """

    image: Image8
    text: tuple[tuple[TextKey, Box], ...]


class EpisodeRenderer:
    """Draws any frame of an episode; consecutive ones fastest.

    size: (width, height)
    """

    def __init__(
        self,
        look: SeriesLook,
        songs: Sequence[SongPlan],
        episodes: Sequence[Episode],
        number: int,
        size: tuple[int, int],
    ) -> None:
        self._look = look
        self._songs = songs
        self._episodes = episodes
        self._number = number
        self._size = size
        self._key: object = None
        self._drawn = Drawn(np.zeros((size[1], size[0], 3), np.uint8), ())
        self._black = self._drawn
        self._poses: dict[object, Drawn] = {}

    def frames(self, times: Sequence[float]) -> Iterator[Drawn]:
        """The frames at these times of the file, in seconds."""
        episode = self._episodes[self._number]
        starts = [part.start for part in episode.parts]
        for time in times:
            sample = episode.sample(time)
            index = max(bisect_right(starts, sample) - 1, 0)
            yield self._frame(index, episode.parts[index], sample)

    def _frame(self, index: int, part: Part, sample: int) -> Drawn:
        seconds = (sample - part.start) / CLOCK
        match part.kind:
            case "black":
                return self._black
            case "title":
                return self._title(index)
            case "credits":
                return self._credits(index, seconds, place=-1)
            case "recap":
                at = part.start
                for cut in part.cuts:
                    if sample < at + cut.samples:
                        return self._story(self._number - 1, cut.start + sample - at)
                    at += cut.samples
                return self._black
            case "story":
                return self._story(self._number, sample)
            case _:
                assert part.song is not None
                if part.song == EYECATCH:
                    return self._eyecatch(index, seconds)
                if part.song == ENDING:
                    return self._credits(index, seconds, place=7)
                return self._opening(index, part.song, seconds)

    def _story(self, number: int, sample: int) -> Drawn:
        """A frame of the story of this episode or, in a recap, of the one before it."""
        scene, shot = _shot_at(self._episodes[number], sample)
        step = (sample - shot.start) * _STEPS // CLOCK
        share = min(step * CLOCK / _STEPS / (shot.stop - shot.start), 1.0)
        pan = shot.pan[0] + (shot.pan[1] - shot.pan[0]) * share
        talking = {line.who for line in scene.lines if line.start <= sample < line.stop}
        mouths = tuple(who in talking and step % 2 == 0 for who, _, _ in shot.figures)
        key = (number, shot.start, round(pan * self._size[0] / 4), mouths)
        if key in self._poses:
            return self._poses[key]
        image = self._place(shot.place, pan)
        for (who, x, tall), talks in zip(shot.figures, mouths, strict=True):
            self._paste_figure(image, who, x, tall, talks)
        if shot.pan[0] != shot.pan[1] or len(self._poses) >= _POSES:
            self._poses.clear()
        self._poses[key] = Drawn(image, ())
        return self._poses[key]

    def _title(self, index: int) -> Drawn:
        key = ("title", index)
        if key == self._key:
            return self._drawn
        look = self._look
        image = self._plain(look.palette[index % 5]) // 2
        rng = np.random.default_rng((*look.seed, 4, self._number))
        name = f"{made_up_name(rng, 2)} {made_up_name(rng, 2)}"
        lines = (f"EPISODE {self._number + 1}", name)
        return self._keep(key, image, self._write(image, lines, (index, 0), big=True))

    def _eyecatch(self, index: int, seconds: float) -> Drawn:
        step = int(seconds * 2 * _STEPS)
        key = ("eyecatch", index, min(step, 10))
        if key == self._key:
            return self._drawn
        look = self._look
        image = self._plain(look.palette[3])
        width, height = self._size
        wide = int(width * min(step, 10) / 10)
        image[height // 3 : 2 * height // 3, :wide] = look.palette[4]
        text = self._write(image, (look.name,), (index, 0), big=True) if step >= 4 else ()
        return self._keep(key, image, text)

    def _opening(self, index: int, song: int, seconds: float) -> Drawn:
        shots = _storyboard(self._look, song, self._songs[song].samples / CLOCK)
        number = bisect_right([shot.start for shot in shots], seconds) - 1
        shot: SongShot = shots[number]
        time = seconds - shot.start
        height = self._size[1]
        if shot.place >= 0:
            image = self._place(shot.place, time / (shot.stop - shot.start))
        else:
            image = self._plain(shot.ground)
        for kind, x, y, big, dx, dy, colour in shot.shapes:
            middle = int((x + dx * time) * height), int((y + dy * time) * height)
            mask = _shape(kind, max(int(big * height), 2))
            _paste(image, mask, (middle[0] - mask.shape[1] // 2, middle[1] - mask.shape[0] // 2),
                   colour)  # fmt: skip
        if shot.figure >= 0:
            self._paste_figure(image, shot.figure, 0.3 + 0.1 * time, 0.9, False)
        lines = (self._look.name,) if shot.title else shot.text
        text = self._write(image, lines, (index, number), big=shot.title) if lines else ()
        return self._keep(None, image, text)

    def _credits(self, index: int, seconds: float, *, place: int) -> Drawn:
        """Rolling lines or cards, over a dimmed place or black."""
        look, (_, height) = self._look, self._size
        if look.credits == "cards":
            card = int(seconds // _CARD)
            key = ("card", index, card)
            if key == self._key:
                return self._drawn
            image = self._dimmed(place)
            people = look.people
            lines = tuple(people[(card * 3 + line) % len(people)] for line in range(3))
            return self._keep(key, image, self._write(image, lines, (index, card), big=False))
        letters, spacing = self._letters(big=False), int(height * look.text * 1.9)
        scrolled = int(seconds * _ROLL * height)
        key = ("roll", index, scrolled)
        if key == self._key:
            return self._drawn
        image = self._dimmed(place)
        boxes = []
        first = max((scrolled - height - spacing) // spacing, 0)
        for line in range(first, scrolled // spacing + 1):
            mask = text_mask(look.people[line % len(look.people)], letters)
            corner = (self._size[0] - mask.shape[1]) // 2, height - scrolled + line * spacing
            box = _blend(image, mask, corner, look.ink)
            if box is not None:
                boxes.append(((index, 0, line), box))
        return self._keep(key, image, tuple(boxes))

    def _write(
        self, image: Image8, lines: Sequence[str], where: tuple[int, int], *, big: bool
    ) -> tuple[tuple[TextKey, Box], ...]:
        """Draw lines below each other, centred where they are big; return their boxes."""
        width, height = self._size
        letters = self._letters(big=big)
        top = int(height * (0.4 if big else self._look.corner[1]))
        boxes = []
        for number, line in enumerate(lines):
            mask = text_mask(line, letters)
            left = int(width * self._look.corner[0])
            left = min(left, width - mask.shape[1] - 2)
            if big or left < 0:
                left = (width - mask.shape[1]) // 2
            box = _blend(image, mask, (left, top), self._look.ink)
            if box is not None:
                boxes.append(((*where, number), box))
            top += int(letters * 1.7)
        return tuple(boxes)

    def _letters(self, *, big: bool) -> int:
        return max(round(self._size[1] * self._look.text * (1.5 if big else 1.0)), 6)

    def _place(self, place: int, pan: float) -> Image8:
        whole = draw_place(self._look, place, self._size)
        left = round(min(max(pan, 0.0), 1.0) * (whole.shape[1] - self._size[0]) / 2) * 2
        left = min(left, whole.shape[1] - self._size[0])
        return whole[:, left : left + self._size[0]].copy()

    def _dimmed(self, place: int) -> Image8:
        if place < 0:
            return np.zeros_like(self._black.image)
        return self._place(place, 0.5) // 3

    def _plain(self, colour: Colour) -> Image8:
        return np.full_like(self._black.image, np.array(colour, np.uint8))

    def _paste_figure(self, image: Image8, who: int, x: float, tall: float, talking: bool) -> None:
        pixels, mask = draw_figure(self._look, who, int(tall * self._size[1]), talking)
        corner = (
            int(x * self._size[0]) - mask.shape[1] // 2,
            self._size[1] - int(mask.shape[0] * 0.9),
        )
        view, part = _overlap(image, mask.shape, corner)
        np.copyto(view, pixels[part], where=mask[part])

    def _keep(
        self, key: object, image: Image8, text: tuple[tuple[TextKey, Box], ...] = ()
    ) -> Drawn:
        self._key, self._drawn = key, Drawn(image, text)
        return self._drawn


@lru_cache(maxsize=8)
def _storyboard(look: SeriesLook, song: int, seconds: float) -> tuple[SongShot, ...]:
    return draw_storyboard(look, song, seconds)


def _shot_at(episode: Episode, sample: int) -> tuple[Scene, Shot]:
    for part in episode.parts:
        if part.start <= sample < part.stop:
            scene = _holding(part.scenes, sample)
            return scene, _holding(scene.shots, sample)
    raise IndexError(f"sample {sample} is past the end of the episode, {episode.samples}")


def _holding(spans: Sequence[SpanT], sample: int) -> SpanT:
    return spans[bisect_right([span.start for span in spans], sample) - 1]


@lru_cache(maxsize=64)
def _shape(kind: str, size: int) -> NDArray[np.bool_]:
    match kind:
        case "disc":
            across = np.arange(size) - (size - 1) / 2
            disc: NDArray[np.bool_] = np.hypot(across[:, None], across) <= size / 2
            return disc
        case "square":
            return np.ones((size, size), np.bool_)
        case _:
            return np.ones((size * 3, max(size // 4, 1)), np.bool_)


def _overlap(
    image: Image8, shape: tuple[int, ...], corner: tuple[int, int]
) -> tuple[Image8, tuple[slice, slice]]:
    """The part of an image under something at (left, top), and the part of that."""
    (left, top), (high, wide) = corner, shape[:2]
    first_x, first_y = max(left, 0), max(top, 0)
    last_x, last_y = min(left + wide, image.shape[1]), min(top + high, image.shape[0])
    last_x, last_y = max(last_x, first_x), max(last_y, first_y)
    part = slice(first_y - top, last_y - top), slice(first_x - left, last_x - left)
    return image[first_y:last_y, first_x:last_x], part


def _paste(image: Image8, mask: NDArray[np.bool_], corner: tuple[int, int], colour: Colour) -> None:
    view, part = _overlap(image, mask.shape, corner)
    np.copyto(view, np.array(colour, np.uint8), where=mask[part][..., None])


def _blend(image: Image8, mask: Image8, corner: tuple[int, int], colour: Colour) -> Box | None:
    """Draw letters; return the box of what of them lies in the frame, if it is 2 pixels high."""
    view, part = _overlap(image, mask.shape, corner)
    height, width = view.shape[:2]
    if height < 2 or width < 2:
        return None
    opacity = mask[part].astype(np.uint16)[..., None]
    ink = np.array(colour, np.uint16)
    view[...] = ((view * (255 - opacity) + ink * opacity) // 255).astype(np.uint8)
    left, top = max(corner[0], 0), max(corner[1], 0)
    return float(left), float(top), float(left + width), float(top + height)

"""Plans what happens in the episodes of a season, from its seed and its habits."""

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np

from playhead.worlds.season.plan import (
    CLOCK,
    ENDING,
    EYECATCH,
    OPENINGS,
    PAL,
    Cut,
    Episode,
    Habits,
    Line,
    Part,
    PartKind,
    Scene,
    Seed,
    Shot,
    SongPlan,
    Voice,
)

__all__ = ["plan_episodes", "plan_songs"]

_LEAST_TALK = 5 * CLOCK  # over a song


def plan_songs(
    seed: Seed, habits: Habits, files: Sequence[tuple[Path, float]] = ()
) -> tuple[SongPlan, ...]:
    """Two openings, an ending and the jingle of the eyecatches.

    files: (path, seconds) of recorded songs long enough for `seconds`, at least 3, to use instead
    """
    rng = np.random.default_rng([*seed, 0])
    length = float(np.clip(habits.seconds * rng.uniform(0.11, 0.15), 8, 92))
    lengths = [length, length * rng.choice([1.0, rng.uniform(0.85, 1.1)])]
    lengths.append(float(np.clip(habits.seconds * rng.uniform(0.11, 0.15), 8, 92)))
    lengths.append(rng.uniform(2.0, 5.0))
    plans = [
        SongPlan((*seed, 1, index), round(seconds * CLOCK), jingle=index == EYECATCH)
        for index, seconds in enumerate(lengths)
    ]
    if files:
        chosen = rng.permutation(len(files))[:3]
        for index, number in enumerate(chosen):
            path, seconds = files[number]
            samples = min(plans[index].samples, int((seconds - 0.5) * CLOCK))
            offset = rng.uniform(0, max(seconds - 0.5 - samples / CLOCK, 0))
            plans[index] = replace(
                plans[index], samples=samples, file=path, offset=round(offset, 3)
            )
    return tuple(plans)


def plan_episodes(seed: Seed, songs: Sequence[SongPlan], habits: Habits) -> tuple[Episode, ...]:
    """The episodes of a season."""
    rng = np.random.default_rng([*seed, 2])
    voices = tuple(
        Voice(float(pitch), float(scale))
        for pitch, scale in zip(
            rng.permutation([92.0, 118.0, 150.0, 190.0, 225.0]) * rng.uniform(0.9, 1.1, 5),
            rng.uniform(0.95, 1.2, 5),
            strict=True,
        )
    )
    count = habits.episodes
    # What stays the same through the season.
    second = int(rng.integers(count // 2, max(count - 1, 1)) if count > 2 else 1)
    two_openings = rng.random() < habits.openings
    eyecatches = int(rng.random() < habits.eyecatches) * int(rng.integers(1, 3))
    recap_first = rng.random() < 0.6
    swapped = int(rng.integers(max(count - 2, 0), count)) if rng.random() < habits.swaps else -1
    swap_opening = rng.random() < 0.5
    pal = int(rng.integers(count)) if rng.random() < habits.pal else -1
    episodes: list[Episode] = []
    for number in range(count):
        part_rng = np.random.default_rng([*seed, 3, number])
        opening = OPENINGS[int(two_openings and number >= second)]
        ending = ENDING
        if number == swapped:
            opening, ending = (ENDING, ending) if swap_opening else (opening, opening)
        parts = _Parts(part_rng, (*seed, 4, number), voices, songs, habits)
        parts.plan(
            opening=opening,
            ending=ending,
            eyecatches=eyecatches,
            recap_first=bool(recap_first),
            previous=episodes[-1] if episodes else None,
        )
        speed = PAL if number == pal else Fraction(1)
        episodes.append(Episode(number, tuple(parts.done), speed, (*seed, 4, number)))
    return tuple(episodes)


class _Parts:
    """Plans the parts of one episode, in their order."""

    def __init__(
        self,
        rng: np.random.Generator,
        seed: Seed,
        voices: tuple[Voice, ...],
        songs: Sequence[SongPlan],
        habits: Habits,
    ) -> None:
        self.rng = rng
        self.seed = seed
        self.voices = voices
        self.songs = songs
        self.habits = habits
        self.done: list[Part] = []
        self.drawn = 0  # scenes and lines so far, which numbers their seeds

    def plan(
        self,
        *,
        opening: int,
        ending: int,
        eyecatches: int,
        recap_first: bool,
        previous: Episode | None,
    ) -> None:
        total = self.habits.seconds * self.rng.uniform(0.97, 1.03)
        with_opening, with_ending = self.rng.random(2) >= self.habits.missing
        self.begin(
            total,
            opening=opening if with_opening else None,
            recap_first=recap_first,
            previous=previous,
        )
        self.finish(total, ending=ending if with_ending else None, eyecatches=eyecatches)

    def begin(
        self, total: float, *, opening: int | None, recap_first: bool, previous: Episode | None
    ) -> None:
        """What comes before the story proper."""
        rng, habits = self.rng, self.habits
        with_recap = previous is not None and rng.random() < habits.recaps
        if rng.random() < 0.25:
            self.black(rng.uniform(0.1, 1.5))
        if with_recap and recap_first and previous is not None:
            self.recap(previous)
        if rng.random() < habits.cold_opens:
            self.story(max(total * rng.uniform(0.03, 0.12), 4.0))
            if rng.random() < 0.5:
                self.black(rng.uniform(0.1, 0.8))
        if opening is not None:
            self.song("opening", opening, dubbed=rng.random() < habits.dubbed)
        if with_recap and not recap_first and previous is not None:
            self.recap(previous)
        if rng.random() < 0.7:
            self.story(rng.uniform(2.0, 4.0), kind="title")

    def finish(self, total: float, *, ending: int | None, eyecatches: int) -> None:
        """The story with its eyecatches, the ending and what comes after it."""
        rng = self.rng
        # The story fills what the parts after it leave of the length.
        after_ending = 0.0
        if rng.random() < 0.35:
            after_ending = max(total * rng.uniform(0.02, 0.06), 3.0)
        tail = rng.uniform(0.2, 1.5) if rng.random() < 0.4 else 0.0
        roll = max(total * rng.uniform(0.05, 0.08), 5.0)
        last = self.songs[ending].samples / CLOCK if ending is not None else roll
        jingles = eyecatches * self.songs[EYECATCH].samples / CLOCK
        left = total - self.at / CLOCK - after_ending - tail - last - jingles
        left = max(left, 8.0)
        if eyecatches:
            share = rng.uniform(0.4, 0.6)
            self.story(left * share)
            self.song("eyecatch", EYECATCH)
            if eyecatches == 2:
                self.black(rng.uniform(0.1, 1.0))
                self.song("eyecatch", EYECATCH)
            self.story(left * (1 - share))
        else:
            self.story(left)
        if rng.random() < 0.4:
            self.black(rng.uniform(0.1, 0.8))
        if ending is not None:
            self.song("ending", ending)
        else:
            self.story(roll, kind="credits")
        if after_ending:
            self.story(after_ending)
        if tail:
            self.black(tail)

    @property
    def at(self) -> int:
        """Where the next part starts."""
        return self.done[-1].stop if self.done else 0

    def black(self, seconds: float) -> None:
        self.done.append(Part("black", self.at, self.at + round(seconds * CLOCK)))

    def song(self, kind: PartKind, song: int, *, dubbed: bool = False) -> None:
        rng, start = self.rng, self.at
        stop = start + self.songs[song].samples
        scenes: tuple[Scene, ...] = ()
        lines: tuple[Line, ...] = ()
        if dubbed:
            scenes = (self.scene(start, stop, shots=False),)
        elif kind != "eyecatch" and rng.random() < self.habits.dialogue:
            length = stop - start
            first = start + int(length * rng.uniform(0.0, 0.3))
            last = min(first + max(int(length * rng.uniform(0.2, 0.6)), _LEAST_TALK), stop)
            lines = self.talk(first, last, level=rng.uniform(0.8, 1.2))
        duck = float(rng.choice([1.0, 0.6]))
        self.done.append(Part(kind, start, stop, song, scenes=scenes, lines=lines, duck=duck))

    def recap(self, previous: Episode) -> None:
        """Short cuts of the story of the previous episode, in their order."""
        rng, start = self.rng, self.at
        scenes = [s for part in previous.parts if part.kind == "story" for s in part.scenes]
        length = float(np.clip(self.habits.seconds * rng.uniform(0.04, 0.08), 6, 40)) * CLOCK
        cuts: list[Cut] = []
        taken = 0
        for scene in (scenes[i] for i in np.sort(rng.permutation(len(scenes))[:12])):
            samples = min(round(rng.uniform(2.0, 6.0) * CLOCK), scene.stop - scene.start)
            cut = Cut(int(rng.integers(scene.start, scene.stop - samples + 1)), samples)
            cuts.append(cut)
            taken += samples
            if taken >= length:
                break
        stop = start + taken
        lines: tuple[Line, ...] = ()
        if rng.random() < 0.5:
            lines = self.talk(start, stop, level=1.1)
        self.done.append(
            Part("recap", start, stop, cuts=tuple(cuts), lines=lines, duck=0.5 if lines else 1.0)
        )

    def story(self, seconds: float, *, kind: PartKind = "story") -> None:
        """A part of scenes; titles and credits have no talk of their own."""
        rng, start = self.rng, self.at
        stop = start + round(seconds * CLOCK)
        scenes = []
        at = start
        while at < stop:
            end = at + round(rng.uniform(8.0, 30.0) * CLOCK)
            if stop - end < 4 * CLOCK:
                end = stop
            scenes.append(self.scene(at, end, talk=kind == "story"))
            at = end
        self.done.append(Part(kind, start, stop, scenes=tuple(scenes)))

    def scene(self, start: int, stop: int, *, talk: bool = True, shots: bool = True) -> Scene:
        rng = self.rng
        self.drawn += 1
        seed = (*self.seed, self.drawn)
        place = int(rng.integers(8))
        hum = float(rng.uniform(0.004, 0.03)) if rng.random() < 0.8 else 0.0
        bed = float(rng.uniform(0.3, 0.8)) if rng.random() < (0.45 if talk else 0.9) else 0.0
        lines = self.talk(start, stop) if talk and rng.random() < 0.9 else ()
        drawn = self.shots(start, stop, place, lines) if shots else ()
        return Scene(start, stop, place, hum, bed, lines, drawn, seed)

    def talk(self, start: int, stop: int, *, level: float = 1.0) -> tuple[Line, ...]:
        """Phrases of one to four seconds with pauses between, inside of a span."""
        rng = self.rng
        lines: list[Line] = []
        two = rng.permutation(len(self.voices))[:2]
        at = start + round(rng.uniform(0.0, 1.2) * CLOCK)
        while True:
            end = at + round(rng.uniform(0.9, 4.0) * CLOCK)
            if end > stop:
                return tuple(lines)
            self.drawn += 1
            who = int(rng.choice(two))
            loud = float(level * rng.uniform(0.8, 1.2))
            lines.append(Line(at, end, self.voices[who], who, loud, (*self.seed, self.drawn)))
            at = end + round(rng.exponential(0.9) * CLOCK + 0.15 * CLOCK)

    def shots(self, start: int, stop: int, place: int, lines: Sequence[Line]) -> tuple[Shot, ...]:
        rng = self.rng
        shots: list[Shot] = []
        there = sorted({line.who for line in lines})
        at = start
        while at < stop:
            end = at + round(rng.uniform(1.8, 7.0) * CLOCK)
            if stop - end < CLOCK:
                end = stop
            first = float(rng.random())
            last = float(rng.random()) if rng.random() < 0.35 else first
            shown = [who for who in there if rng.random() < 0.75]
            places = rng.uniform(0.15, 0.4), rng.uniform(0.6, 0.85)
            height = rng.uniform(0.55, 1.2)
            figures = tuple(
                (who, float(x), float(height)) for who, x in zip(shown, places, strict=False)
            )
            shots.append(Shot(at, end, place, (first, last), figures))
            at = end
        return tuple(shots)

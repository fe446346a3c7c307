"""Collisions: seeded plays of a ball game with helmets, seen by two calibrated cameras.

A play is simulated in metres and seconds before anything is drawn, so the same seed gives the same
truth at every frame size; boxes scale with the image. An impact is a contact of two helmets in
space at a closing speed above 2 m/s; it has one event for each of the two helmets in each view.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from playhead.events.formats import native
from playhead.events.formats.nfl import MARK
from playhead.events.formats.tracks import SUFFIX, TrackFile, write_tracks
from playhead.events.manifest import ManifestRow, write_manifest
from playhead.events.model import Event, Origin, Track, VideoEvents
from playhead.media.write import VideoWriter
from playhead.times import RateText
from playhead.worlds.collisions.frames import draw_frames, visible_shares
from playhead.worlds.collisions.look import PlayLook, draw_look
from playhead.worlds.collisions.physics import Impact, Motion, simulate
from playhead.worlds.collisions.pose import place_bodies, project
from playhead.worlds.collisions.script import draw_script
from playhead.worlds.collisions.views import VIEWS, View, draw_views
from playhead.worlds.processes import write_each
from playhead.worlds.settings import WorldSettings

__all__ = ["CLASSES", "CollisionsConfig", "Play", "draw_play", "generate_collisions", "render"]

CLASSES = (MARK,)
"""Named as in the labels of NFL impact detection."""
HELMET = "helmet"
INSIDE = 0.5  # share of a helmet's box that must lie in the image for it to be labelled
HIDDEN = 0.3  # a helmet of which less is visible at the contact is noted as hidden
Floats = NDArray[np.float64]


class CollisionsConfig(WorldSettings):
    """Length, size and content of the generated plays."""

    seconds: float = Field(3.0, ge=0.5, le=120.0, description="length of a play, seconds")
    width: int = Field(384, ge=96, le=3840, multiple_of=2, description="pixels")
    height: int = Field(216, ge=54, le=2160, multiple_of=2, description="pixels")
    rate: RateText = Field("60000/1001", description="frames a second, also as a fraction")
    players: int = Field(12, ge=2, le=22, description="in two teams")
    impacts: float = Field(
        7.0, ge=0.0, le=15.0, description="impacts of helmets in 3 seconds of play, on average"
    )
    distractors: float = Field(
        1.0, ge=0.0, le=3.0,
        description="hits without contact of helmets, stops, cuts and crossings, for each impact",
    )  # fmt: skip
    shake: float = Field(
        1.0, ge=0.0, le=4.0, description="strength of camera pan and shake; 0 for none"
    )
    crf: int = Field(20, ge=0, le=51, description="H.264 quality, lower is better and larger")


@dataclass(frozen=True, slots=True, eq=False)
class Play:
    """A play that is simulated but not drawn."""

    name: str
    times: Floats  # (frames,) seconds
    motion: Motion
    impacts: tuple[Impact, ...]
    views: tuple[View, ...]
    look: PlayLook
    config: CollisionsConfig

    def view(self, name: str) -> View:
        """A camera by its name."""
        return self.views[VIEWS.index(name)]

    def boxes(self, name: str) -> Floats:
        """The helmets' boxes (frames, players, 4) in a view, in pixels, also beyond the image."""
        view, size = self.view(name), self.config.size
        bodies = project(place_bodies(self.motion, self.times), view.camera(size))
        offset = view.offset(self.times) * size[0]
        boxes: Floats = bodies.boxes() + np.tile(offset, 2)[:, None]
        return boxes

    def tracks(self, name: str) -> tuple[Track, ...]:
        """One track a player: the boxes of the helmet, clipped, where half of it is in a view."""
        boxes = self.boxes(name)
        clipped, inside = _clip(boxes, self.config.size)
        tracks = []
        for player in range(boxes.shape[1]):
            frames = np.flatnonzero(inside[:, player])
            if len(frames):
                tracks.append(
                    Track(
                        id=player,
                        label=HELMET,
                        frames=frames.astype(np.int32),
                        boxes=clipped[frames, player].astype(np.float32),
                        scores=np.ones(len(frames), np.float32),
                        origin=np.full(len(frames), Origin.DRAWN, np.uint8),
                    )
                )
        return tuple(tracks)

    def events(self, name: str) -> tuple[Event, ...]:
        """An event for each helmet of each impact in a view, at the frame nearest to it."""
        view, (width, height) = self.view(name), self.config.size
        clipped, inside = _clip(self.boxes(name), self.config.size)
        events = []
        for impact in self.impacts:
            frame = int(np.argmin(np.abs(self.times - impact.time)))
            pair = list(impact.pair)
            time = float(self.times[frame])
            shares = visible_shares(self.motion, view, time, pair, height / width)
            for player, other, share in zip(pair, pair[::-1], shares, strict=True):
                if not inside[frame, player]:
                    continue
                x1, y1, x2, y2 = (round(side, 3) for side in clipped[frame, player].tolist())
                note = f"type=helmet; speed={impact.speed:.2f}; visible={share:.2f}"
                note += f"; contact={impact.time:.4f}"
                events.append(
                    Event(
                        label=CLASSES[0],
                        start=time,
                        frame=frame,
                        box=(x1, y1, x2, y2),
                        view=name,
                        track=player,
                        other=other,
                        note=f"hidden; {note}" if share < HIDDEN else note,
                    )
                )
        return tuple(sorted(events, key=lambda event: event.start))


def draw_play(seed: int, number: int, config: CollisionsConfig) -> Play:
    """Simulate play `number` of the world `seed`."""
    plot, bodies, cameras, colours = (
        np.random.default_rng([seed, number, part]) for part in range(4)
    )
    rate = Fraction(config.rate)
    count = max(int(Fraction(config.seconds) * rate), 1)
    script = draw_script(
        plot,
        seconds=config.seconds,
        players=config.players,
        impacts=config.impacts,
        distractors=config.distractors,
    )
    motion, impacts = simulate(bodies, script, config.seconds)
    times = np.array([float(index / rate) for index in range(count)])
    return Play(
        f"play-{number:03d}",
        times,
        motion,
        impacts,
        draw_views(cameras, shake=config.shake),
        draw_look(colours, script.teams),
        config,
    )


def render(
    play: Play,
    view: str,
    size: tuple[int, int] | None = None,
    frames: Sequence[int] | None = None,
) -> Iterator[NDArray[np.uint8]]:
    """Yield the RGB frames (H, W, 3) of one view of a play.

    size: (width, height), as configured by default; frames: indices in rising order, all by default
    """
    rows = slice(None) if frames is None else np.asarray(frames, dtype=np.int64)
    return draw_frames(
        play.motion,
        play.view(view),
        play.look,
        play.times[rows],
        size or play.config.size,
        spacing=float(1 / Fraction(play.config.rate)),
    )


def generate_collisions(
    out: Path,
    *,
    count: int,
    seed: int,
    config: CollisionsConfig | None = None,
    processes: int | None = None,
) -> Path:
    """Write both views of `count` plays into `out`; return the path of their manifest.

    Of play NNN and view V: `play-NNN_V.mp4`, `play-NNN_V.tracks.npz`, `play-NNN_V.events.json`.
    A play depends on (seed, its number, config) alone, not on count or processes.
    processes: at most two by default; more than one needs the caller's script to be importable
    (`if __name__ == "__main__":`), as all of Python's process pools do.
    """
    config = config or CollisionsConfig()
    write = partial(_write_play, out=out, seed=seed, config=config)
    write_each(write, count, processes=processes, task="Drawing plays")
    rows = [
        ManifestRow(
            video=out / f"play-{number:03d}_{view}.mp4",
            labels=out / f"play-{number:03d}_{view}.events.json",
            group=f"play-{number:03d}",
            view=view,
            split=config.split(number, count),
        )
        for number in range(count)
        for view in VIEWS
    ]
    manifest = out / "manifest.csv"
    write_manifest(rows, manifest)
    return manifest


def _write_play(number: int, *, out: Path, seed: int, config: CollisionsConfig) -> None:
    """Write the videos of one play with their ground truth."""
    play = draw_play(seed, number, config)
    for view in VIEWS:
        video = out / f"{play.name}_{view}.mp4"
        with VideoWriter(
            video, *config.size, Fraction(config.rate), crf=config.crf, preset="ultrafast"
        ) as writer:
            for frame in render(play, view):
                writer.write(frame)
        tracks = TrackFile(
            video=video.name,
            frames=len(play.times),
            width=config.width,
            height=config.height,
            classes=(HELMET,),
            tracks=play.tracks(view),
            settings={"world": "collisions", "seed": seed, "view": view} | config.model_dump(),
        )
        write_tracks(video.with_name(f"{video.stem}{SUFFIX}"), tracks)
        events = VideoEvents(
            video=video.name,
            classes=CLASSES,
            events=play.events(view),
            frames=len(play.times),
            rate=Fraction(config.rate),
        )
        native.write(events, video.with_name(f"{video.stem}.events.json"))


def _clip(boxes: Floats, size: tuple[int, int]) -> tuple[Floats, NDArray[np.bool_]]:
    """Boxes (..., 4) clipped to an image, and which of them lie in it by half or more."""
    clipped = np.clip(boxes, 0, np.array(size * 2))
    whole, part = ((b[..., 2] - b[..., 0]) * (b[..., 3] - b[..., 1]) for b in (boxes, clipped))
    return clipped, part >= INSIDE * whole

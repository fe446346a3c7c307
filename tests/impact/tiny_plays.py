"""Tiny plays: two squares, the helmets, cross the frame, meet once, and go back."""

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from playhead.config import validate
from playhead.events.formats import native
from playhead.events.formats.tracks import SUFFIX, TrackFile, write_tracks
from playhead.events.manifest import ManifestRow, write_manifest
from playhead.events.model import Event, Origin, Track, VideoEvents
from playhead.impact.config import ImpactConfig
from playhead.impact.data import HelmetVideo, ImpactVideos
from playhead.media.write import VideoWriter
from playhead.samples.grid import make_grid

WIDTH, HEIGHT, RATE, FRAMES, HELMET = 96, 64, 30, 24, 8

PLAIN = {"flip": 0, "move": 0, "light": 0, "focus": 0}
SIDE = 32  # of a patch

Boxes = NDArray[np.float32]


def boxes_of(play: int) -> tuple[Boxes, int]:
    """Boxes (2, FRAMES, 4) of a play, and the frame at which they meet."""
    rng = np.random.default_rng(play)
    meeting = int(rng.integers(9, 15))
    x, y = rng.uniform(36, 60), rng.uniform(24, 40)
    away = np.abs(np.arange(FRAMES) - meeting) * 2.5
    centres = [x - HELMET / 2 - away, x + HELMET / 2 + away]
    boxes = np.stack([np.column_stack([c, np.full(FRAMES, y)] * 2) for c in centres])
    return (boxes + np.array([-1, -1, 1, 1]) * HELMET / 2).astype(np.float32), meeting


def draw(boxes: Boxes, width: int = WIDTH, height: int = HEIGHT) -> NDArray[np.uint8]:
    """RGB frames (T, H, W, 3) with a bright square in each box (K, T, 4)."""
    frames = np.full((boxes.shape[1], height, width, 3), 60, np.uint8)
    for number, path in enumerate(boxes):
        for frame, (x1, y1, x2, y2) in zip(frames, np.rint(path).astype(int), strict=True):
            frame[max(y1, 0) : max(y2, 0), max(x1, 0) : max(x2, 0)] = (230, 200 - 60 * number, 170)
    return frames


def write_plays(folder: Path, count: int = 2, splits: tuple[str, ...] = ("train", "valid")) -> Path:
    """Write the plays as native labels with track files; returns the manifest."""
    rows = []
    for play in range(count):
        boxes, meeting = boxes_of(play)
        video = folder / f"play-{play}.mp4"
        folder.mkdir(parents=True, exist_ok=True)
        with VideoWriter(video, WIDTH, HEIGHT, RATE) as writer:
            for frame in draw(boxes):
                writer.write(frame)
        labels = write_labels(video, boxes, [(meeting, 0, None), (meeting, 1, None)])
        rows.append(
            ManifestRow(video=video, labels=labels, group=f"play {play}", split=splits[play])
        )
    write_manifest(rows, folder / "manifest.csv")
    return folder / "manifest.csv"


def write_labels(video: Path, boxes: Boxes, impacts: Sequence[tuple[int, int, str | None]]) -> Path:
    """Write X.tracks.npz and X.events.json; an impact is a frame, a track and a note."""
    frames = np.arange(boxes.shape[1], dtype=np.int32)
    ones, drawn = np.ones(len(frames), np.float32), np.full(len(frames), Origin.DRAWN, np.uint8)
    tracks = tuple(
        Track(number, "helmet", frames, path, ones, drawn) for number, path in enumerate(boxes)
    )
    stem = video.with_suffix("")
    file = TrackFile(
        video=video.name, frames=len(frames), width=WIDTH, height=HEIGHT, classes=("helmet",),
        tracks=tracks,
    )  # fmt: skip
    write_tracks(stem.with_name(stem.name + SUFFIX), file)
    events = []
    for frame, track, note in impacts:
        x1, y1, x2, y2 = boxes[track, frame].tolist()
        box = (x1, y1, x2, y2)
        start = frame / RATE
        events.append(
            Event(label="impact", start=start, frame=frame, box=box, track=track, note=note)
        )
    labels = stem.with_name(stem.name + ".events.json")
    native.write(
        VideoEvents(
            video=video.name, classes=("impact",), events=tuple(events), frames=len(frames),
            rate=Fraction(RATE),
        ),
        labels,
    )  # fmt: skip
    return labels


class Memory:
    """Frames of videos in memory; `damaged` ones cannot be read."""

    size = (WIDTH, HEIGHT)

    def __init__(self, videos: list[NDArray[np.uint8]], damaged: tuple[int, ...] = ()) -> None:
        self.frames, self.damaged = videos, list(damaged)

    def __len__(self) -> int:
        return len(self.frames)

    def readable(self, video: int) -> NDArray[np.bool_]:
        return ~np.isin(np.arange(len(self.frames[video])), self.damaged)

    def read(self, video: int, frames: NDArray[np.integer[Any]]) -> NDArray[np.uint8]:
        assert not np.isin(frames, self.damaged).any()
        chosen: NDArray[np.uint8] = self.frames[video][frames]
        return chosen


def plays(count: int = 2, *, damaged: tuple[int, ...] = ()) -> ImpactVideos:
    """Tiny plays in grey; the impact of both helmets is at the meeting alone."""
    images, videos = [], []
    for play in range(count):
        boxes, meeting = boxes_of(play)
        images.append(draw(boxes)[..., 0])
        points = np.repeat(np.arange(FRAMES, dtype=np.int32), 2)
        flat = boxes.swapaxes(0, 1).reshape(-1, 4)
        grid = make_grid(np.arange(FRAMES) / RATE, FRAMES / RATE, "native")
        tracks = np.tile(np.arange(2), FRAMES)
        away = np.where(points == meeting, 0, -1).astype(np.int32)
        videos.append(HelmetVideo(f"play {play}", grid, points, flat, away, tracks))
    return ImpactVideos(Memory(images, damaged), tuple(videos))


def config(**changes: Any) -> ImpactConfig:
    values: dict[str, Any] = {
        "data": {"manifest": "m.csv", "size": [WIDTH, HEIGHT]},
        "network": {"frames": 4, "before": 2, "box_unit": 32},
        "patches": {"side": SIDE},
        "augmentation": PLAIN,
    }
    return validate(ImpactConfig, values | changes, source="test")

"""Two views of plays on disk: events, predictions and candidates at chosen frames."""

from fractions import Fraction
from pathlib import Path

import numpy as np

from playhead.events.formats import native
from playhead.events.manifest import ManifestRow, write_manifest
from playhead.events.model import Event, VideoEvents
from playhead.impact.candidates import Candidates, write_candidates
from playhead.media.write import VideoWriter

WIDTH, HEIGHT, FRAMES, RATE = 160, 96, 40, Fraction(30000, 1001)
SIDE = 16


def impact(
    frame: int,
    x: float = 40,
    *,
    score: float = 1.0,
    track: int | None = None,
    other: int | None = None,
    note: str | None = None,
) -> Event:
    """An impact whose box begins at (x, 40)."""
    return Event(
        label="impact",
        start=float(frame / RATE),
        frame=frame,
        box=(x, 40, x + SIDE, 40 + SIDE),
        score=score,
        track=track,
        other=other,
        note=note,
    )


def write_video(path: Path, *, rate: Fraction = RATE) -> Path:
    """A grey video whose brightness is 40 plus four times the number of the frame."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with VideoWriter(path, WIDTH, HEIGHT, rate, crf=4) as writer:
        for k in range(FRAMES):
            writer.write(np.full((HEIGHT, WIDTH, 3), 40 + 4 * k, np.uint8))
    return path


def write_events(path: Path, *events: Event, video: str | None = None) -> Path:
    name = video or path.name.replace(".events.json", ".mp4")
    native.write(
        VideoEvents(video=name, classes=("impact",), events=events, frames=FRAMES, rate=RATE), path
    )
    return path


def write_play(
    folder: Path, name: str, views: dict[str, tuple[Event, ...]], *, offset: float = 0.0
) -> list[ManifestRow]:
    """The videos and labels of a play; offset: of all views but the first."""
    rows = []
    for number, (view, events) in enumerate(views.items()):
        video = write_video(folder / f"{name}_{view}.mp4")
        labels = write_events(folder / f"{name}_{view}.events.json", *events)
        rows.append(ManifestRow(video, labels, name, view, "test", offset if number else 0.0))
    return rows


def write_set(folder: Path, rows: list[ManifestRow]) -> Path:
    write_manifest(rows, folder / "manifest.csv")
    return folder / "manifest.csv"


def write_candidates_of(path: Path, *events: Event, offset: float = 0.0, view: str = "") -> None:
    """Candidates that are the given impacts, with a helmet score of .9."""
    ordered = sorted(events, key=lambda event: event.frame or 0)
    write_candidates(
        Candidates(
            video=path.name.replace(".candidates.npz", ".mp4"),
            label="impact",
            size=(WIDTH, HEIGHT),
            times=np.arange(FRAMES) / float(RATE),
            frames=np.array([event.frame for event in ordered], np.int32),
            boxes=np.array([event.box for event in ordered], np.float32).reshape(-1, 4),
            helmet=np.full(len(ordered), 0.9, np.float32),
            impact=np.array([event.score for event in ordered], np.float32),
            play=path.name.split("_", maxsplit=1)[0],
            view=view or None,
            offset=offset,
            settings={"decisions": {"impact_threshold": 0.5, "two_views": False}},
        ),
        path,
    )

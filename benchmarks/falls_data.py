"""The recordings of UR Fall Detection, and the data sets that `real_falls.py` makes of them.

30 falls were filmed by two cameras, from the side (cam0) and from above (cam1), 40 activities from
the side only. Frames count from 0; labels exist for the side camera, and both cameras have as many
frames. A fall and an activity were never filmed in the same room.
"""

import csv
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from playhead.events.manifest import ManifestRow, write_manifest
from playhead.events.model import Event, VideoEvents
from playhead.files import write_text
from playhead.media import VideoWriter, open_video

CLASS = "lying"
RATE = 30
FOLDS = 6
SPLIT_SEED = 0
KINDS = ("fall", "hard", "plain")
LEAST_BEFORE = 24
"""Frames, .8 s, of the shortest clip from before a fall."""

Split = Literal["train", "valid", "test"]
Arm = Literal["side", "both", "room"]


@dataclass(frozen=True, slots=True)
class Recording:
    """One recording of one camera.

    name: of its sequence, which its other view shares
    kind: `fall`, `hard` (an activity in which someone lies down on purpose) or `plain`
    fall, lying: the first frames of falling and of lying; None in an activity
    """

    name: str
    camera: str
    file: Path
    frames: int
    kind: str
    fall: int | None = None
    lying: int | None = None


@dataclass(frozen=True, slots=True)
class Clip:
    """A video of a data set, with its event.

    group: the sequence, which is on one side of every split; path: below the folder of all clips
    lying: the frame of its event, None without one
    hard: whether someone lies down on purpose
    """

    group: str
    path: str
    frames: int
    lying: int | None
    hard: bool = False

    @property
    def truth(self) -> VideoEvents:
        """The ground truth, as a model's predictions are compared with it."""
        events = () if self.lying is None else (at_frame(self.lying),)
        return VideoEvents(video=self.path, classes=(CLASS,), events=events)


def at_frame(frame: int, score: float = 1.0) -> Event:
    """The onset of lying at a frame."""
    return Event(label=CLASS, start=frame / RATE, frame=frame, score=score)


def rows_of(path: Path) -> list[dict[str, str]]:
    """The rows of a CSV by column."""
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def read_recordings(data: Path) -> list[Recording]:
    """All recordings, in the order of clips.csv; both views of a fall have the labels of the side.

    ValueError if the views of a fall differ in their number of frames.
    """
    labels = {Path(row["path"]).stem: row for row in rows_of(data / "events.csv")}
    rows = rows_of(data / "clips.csv")
    frames = {row["sequence"]: row["frames"] for row in rows if row["camera"] == "cam0"}
    recordings = []
    for row in rows:
        if row["frames"] != frames[row["sequence"]]:
            raise ValueError(f"{row['path']}: {row['frames']} frames, not those of the side camera")
        label = labels.get(f"{row['sequence']}-cam0")
        hard = row["n_label_1"] != "0"
        recordings.append(
            Recording(
                name=row["sequence"],
                camera=row["camera"],
                file=data / row["path"],
                frames=int(row["frames"]),
                kind="fall" if row["kind"] == "fall" else "hard" if hard else "plain",
                fall=None if label is None else int(label["fall_start_frame"]),
                lying=None if label is None else int(label["lying_start_frame"]),
            )
        )
    return recordings


def folds_of(recordings: Sequence[Recording], *, seed: int = SPLIT_SEED) -> dict[str, int]:
    """The fold of every sequence: those of each kind shuffled, then dealt one after the other.

    Activities of the second kind are dealt on where those of the first ended.
    """
    folds: dict[str, int] = {}
    for number, kind in enumerate(KINDS):
        names = sorted({one.name for one in recordings if one.kind == kind})
        order = np.random.default_rng([seed, number]).permutation(len(names))
        start = len(folds)
        folds |= {names[at]: (start + place) % FOLDS for place, at in enumerate(order)}
    return folds


def split_of(fold: int, held_out: int) -> Split:
    """The side of a fold if another is held out for the test: the one after that validates."""
    if fold == held_out:
        return "test"
    return "valid" if fold == (held_out + 1) % FOLDS else "train"


def write_clips(recordings: Sequence[Recording], folder: Path) -> list[Clip]:
    """Write the clips of all arms and a CSV of labels beside each; what exists is kept.

    `side`, `above` and `activities` have whole recordings, `room` the parts of the falls from the
    side; see `parts_of`. Recordings are copied, since a manifest stands above its files; the parts
    are encoded again, with and without an event alike.
    """
    clips = []
    for one in recordings:
        view = "side" if one.camera == "cam0" else "above"
        home = view if one.kind == "fall" else "activities"
        path, hard = f"{home}/{one.name}", one.kind == "hard"
        clips.append(Clip(one.name, path, one.frames, one.lying, hard=hard))
        copy = folder / f"{clips[-1].path}.mp4"
        if not copy.exists():
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(one.file, copy)
        if home == "side":
            for name, start, stop in parts_of(one):
                lying = None if name == "before" else (one.lying or 0) - start
                clips.append(Clip(one.name, f"room/{name}-{one.name}", stop - start, lying))
                _cut(one.file, start, stop, folder / f"{clips[-1].path}.mp4")
    for clip in clips:
        labels = folder / f"{clip.path}.csv"
        event = ",," if clip.lying is None else f",{CLASS},{clip.lying}"
        write_text(labels, f"video,label,frame\n{labels.stem}.mp4{event}\n")
    return clips


def parts_of(fall: Recording) -> list[tuple[str, int, int]]:
    """Name and frames [start, stop) of the parts of a fall: `before` it, if long enough, and it.

    The cut is drawn between LEAST_BEFORE and the first frame of falling, so that neither the
    length of a part nor the place of the onset in it says much. Too short a time before the fall
    is left out, and the part with the fall is then the whole recording.
    """
    first = fall.fall or 0
    if first < LEAST_BEFORE:
        return [("fall", 0, fall.frames)]
    number = int(fall.name.rpartition("-")[2])
    cut = int(np.random.default_rng([SPLIT_SEED, number]).integers(LEAST_BEFORE, first + 1))
    return [("before", 0, cut), ("fall", cut, fall.frames)]


def _cut(source: Path, start: int, stop: int, out: Path) -> None:
    if out.exists():
        return
    out.parent.mkdir(parents=True, exist_ok=True)
    with (
        open_video(source) as video,
        VideoWriter(out, video.width, video.height, RATE, crf=12) as w,
    ):
        for _, image in video.stream(start, stop):
            w.write(image)


def of_arm(clips: Sequence[Clip], arm: Arm) -> list[Clip]:
    """The clips that an arm trains on, in all folds together."""
    homes = {
        "side": ("side", "activities"),
        "both": ("side", "above", "activities"),
        "room": ("room",),
    }[arm]
    return [clip for clip in clips if clip.path.startswith(homes)]


def write_split(
    clips: Sequence[Clip], folds: Mapping[str, int], held_out: int, folder: Path, manifest: Path
) -> None:
    """Write a manifest with the splits of one fold; folder: that of all clips."""
    rows = [
        ManifestRow(
            video=folder / f"{clip.path}.mp4",
            labels=folder / f"{clip.path}.csv",
            group=clip.group,
            split=split_of(folds[clip.group], held_out),
        )
        for clip in clips
    ]
    write_manifest(rows, manifest)

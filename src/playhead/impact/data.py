"""The data of impact: all helmets' boxes on the time grid, and which of them are in an impact.

A row of the manifest names the labels of its video: `X.events.json` with the helmets in
`X.tracks.npz` beside it, the `train_labels.csv` of NFL impact detection for many videos, or a table
of events with the helmets in `X.tracks.npz` or as MOTChallenge in `X.txt`, X being the name of the
video. Boxes in files are pixels of the video; here they are pixels of frames at `data.size`.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray

from playhead.decisions.boxes import iou
from playhead.errors import LabelError
from playhead.events.formats import nfl, read_row
from playhead.events.formats.box_rows import track_file
from playhead.events.formats.detect import detect
from playhead.events.formats.mot import mot_rows
from playhead.events.formats.raw import RawVideo, Reading, as_rate, resolve
from playhead.events.formats.tracks import SUFFIX, read_tracks
from playhead.events.manifest import ManifestRow
from playhead.events.model import Event, Track
from playhead.files import fingerprint
from playhead.impact.config import ImpactDataConfig
from playhead.media import Video, open_video
from playhead.samples.cache import CachedFrames, DecodedFrames, FrameSource
from playhead.samples.folds import split_manifest
from playhead.samples.grid import Grid, make_grid

__all__ = [
    "HelmetVideo",
    "ImpactVideos",
    "TrainingData",
    "check_boxes",
    "is_hidden",
    "label_rows",
    "labels_of_row",
    "load_training_data",
    "load_videos",
    "play_of",
    "split_rows",
]

SAME_HELMET = 0.5
"""The least IoU of the box of an impact with that of its helmet, if the label names no track."""

Size = tuple[int, int]


@dataclass(frozen=True, slots=True, eq=False)
class HelmetVideo:
    """The N boxes of one video on its time grid, by rising point; boxes are pixels at `data.size`.

    points: int32 (N,), the grid point of each box
    boxes: float32 (N, 4) as x1, y1, x2, y2, which may extend past the edges of the frame
    away: int32 (N,), the grid points to the nearest impact of its helmet; -1 if not labelled as one
    tracks: int64 (N,), the id of the helmet's track; -1 for an impact of a helmet without one
    events: the impacts as labelled, with boxes in pixels of the video
    """

    name: str
    grid: Grid
    points: NDArray[np.int32]
    boxes: NDArray[np.float32]
    away: NDArray[np.int32]
    tracks: NDArray[np.int64]
    events: tuple[Event, ...] = ()

    @property
    def impacts(self) -> NDArray[np.bool_]:
        """Whether each box is labelled as in an impact, (N,)."""
        return self.away >= 0

    def at(self, point: int) -> slice:
        """Which of the boxes are those of a grid point."""
        first, past = np.searchsorted(self.points, np.array([point, point + 1], np.int32)).tolist()
        return slice(first, past)

    def boxes_at(self, point: int) -> NDArray[np.float32]:
        """The boxes of a grid point, (M, 4)."""
        return self.boxes[self.at(point)]

    def strengths(self, rows: slice, falloff: float) -> NDArray[np.float32]:
        """The labels of boxes in [0, 1]: 1 in an impact, times `falloff` a grid point away."""
        away = self.away[rows]
        return np.where(away >= 0, falloff ** np.maximum(away, 0), 0).astype(np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class ImpactVideos:
    """Labelled videos and their frames; index v is the same video in both."""

    source: FrameSource
    videos: tuple[HelmetVideo, ...]

    def read(self, video: int, point: int, *, frames: int, before: int) -> NDArray[np.uint8]:
        """The clip of a grid point, (T, H, W) or (T, H, W, 3); the edge frames repeat."""
        grid = self.videos[video].grid
        points = np.arange(point - before, point - before + frames).clip(0, len(grid) - 1)
        return self.source.read(video, grid.frames[points])

    def usable(self, video: int, *, frames: int, before: int) -> NDArray[np.bool_]:
        """Bool (T,): whether all frames of the clip of a grid point can be decoded."""
        grid = self.videos[video].grid
        readable = self.source.readable(video)[grid.frames]
        points = np.arange(len(grid))[:, None] + np.arange(-before, frames - before)
        usable: NDArray[np.bool_] = readable[points.clip(0, len(grid) - 1)].all(1)
        return usable


def load_videos(
    rows: Sequence[ManifestRow],
    config: ImpactDataConfig,
    *,
    impact_frames: int = 0,
    need_impacts: bool = True,
) -> ImpactVideos:
    """The labelled videos on their time grids; frames come from the cache if enabled.

    impact_frames: grid points before and after an impact at which its helmet is labelled too
    need_impacts: False for what learns only from the boxes of helmets
    Raises LabelError if no video has an impact that is needed, or labels do not belong to their
    video.
    """
    videos = []
    for row in rows:
        with open_video(row.video) as video:
            grid = make_grid(video.times, video.duration, config.grid_rate)
            events, tracks = labels_of_row(row, video, label=config.label, rate=config.label_rate)
            scale = np.tile(np.divide(config.size, (video.width, video.height)), 2)
        placed = _on_grid(row.name, grid, events, tracks, impact_frames)
        boxes = (placed.boxes * scale).astype(np.float32)
        videos.append(replace(placed, boxes=boxes))
    if need_impacts and not any(video.impacts.any() for video in videos):
        names = ", ".join(row.name for row in rows[:4]) + (", ..." if len(rows) > 4 else "")
        raise LabelError(
            f"there is no {config.label} in {names}: training and validation need videos with "
            "impacts; check the split column and data.label"
        )
    paths = [row.video for row in rows]
    source: FrameSource
    if config.cached:
        source = CachedFrames.build(paths, config.size, pixels=config.pixels)
    else:
        source = DecodedFrames(paths, config.size, pixels=config.pixels)
    return ImpactVideos(source, tuple(videos))


@dataclass(frozen=True, slots=True, eq=False)
class TrainingData:
    """The labelled videos of both sides of a training, and their rows of the manifest."""

    train_rows: tuple[ManifestRow, ...]
    valid_rows: tuple[ManifestRow, ...]
    train: ImpactVideos
    valid: ImpactVideos

    @property
    def lines(self) -> dict[str, Iterator[str]]:
        """A line for each video of each side, which must be the same on resuming."""
        return {
            "train": label_rows(self.train_rows, self.train),
            "valid": label_rows(self.valid_rows, self.valid),
        }


def split_rows(config: ImpactDataConfig) -> tuple[list[ManifestRow], list[ManifestRow]]:
    """The rows to train on and those to validate on; both views of a play are on one side."""
    return split_manifest(config.manifest, folds=config.folds, fold=config.fold, group=play_of)


def load_training_data(
    rows: tuple[Sequence[ManifestRow], Sequence[ManifestRow]],
    config: ImpactDataConfig,
    *,
    impact_frames: int = 0,
    need_impacts: bool = True,
) -> TrainingData:
    """Both sides of `split_rows`; further arguments and errors: see `load_videos`."""
    train, valid = (
        load_videos(side, config, impact_frames=impact_frames, need_impacts=need_impacts)
        for side in rows
    )
    return TrainingData(tuple(rows[0]), tuple(rows[1]), train, valid)


def labels_of_row(
    row: ManifestRow, video: Video, *, label: str = nfl.MARK, rate: str | None = None
) -> tuple[tuple[Event, ...], tuple[Track, ...]]:
    """The scored impacts and all helmets of a row of a manifest, in pixels of its video.

    video: gives the times of the frames, and the size
    rate: frame rate of labels that only have frame numbers
    Raises LabelError if labels are missing, outside of the image, or past the end of the video.
    """
    if row.labels is None:
        raise LabelError(f"{row.name}: the manifest has no labels for it")
    times, size = video.times, (video.width, video.height)
    if detect(row.labels) == "nfl":
        labelled = _nfl_video(row, label)
        if labelled.rows is not None:
            labelled.rows.check(frames=len(times), width=size[0], height=size[1])
        raw = RawVideo(video=row.name, events=labelled.impacts)
        reading = Reading(rate=as_rate(rate), times={row.name: times}, offset=row.offset)
        events = resolve([raw], reading, (label,))[0].events
        tracks: Sequence[Track] = labelled.tracks
    else:
        events = read_row(
            row,
            times=times,
            duration=video.duration,
            rate=rate,
            classes=(label,),
            unnamed=nfl.MARK,
        ).events
        tracks = _helmets(row, len(times), size)
    events = tuple(event for event in events if not is_hidden(event))
    check_boxes(f"{row.labels}: {row.name}", events, size)
    return events, tuple(tracks)


def is_hidden(event: Event) -> bool:
    """Whether a label has the note `hidden`, alone or before others: it is not scored."""
    return "hidden" in (part.strip() for part in (event.note or "").split(";"))


def label_rows(rows: Sequence[ManifestRow], videos: ImpactVideos) -> Iterator[str]:
    """A line for each video: its name, its file's fingerprint, its impacts and all boxes."""
    for row, video in zip(rows, videos.videos, strict=True):
        events = [(event.start, event.box, event.track) for event in video.events]
        boxes = np.column_stack([video.points, video.tracks, video.impacts, video.boxes]).tolist()
        yield f"{row.name} {fingerprint(row.video)} {events} {boxes}"


def _on_grid(
    name: str, grid: Grid, events: Sequence[Event], tracks: Sequence[Track], around: int
) -> HelmetVideo:
    """The boxes of each grid point, in pixels of the video."""
    counts = [len(track.frames) for track in tracks]
    all_ids = np.repeat(np.array([track.id for track in tracks], np.int64), counts)
    all_frames = np.concatenate([np.zeros(0, np.int32), *(track.frames for track in tracks)])
    all_boxes = np.concatenate([np.zeros((0, 4), np.float32), *(track.boxes for track in tracks)])
    order = np.argsort(all_frames, kind="stable")
    first = np.searchsorted(all_frames[order], grid.frames)
    past = np.searchsorted(all_frames[order], grid.frames, side="right")
    rows = order[np.concatenate([np.zeros(0, int), *map(np.arange, first, past)])]
    points = np.repeat(np.arange(len(grid), dtype=np.int32), past - first)
    ids, boxes, far = all_ids[rows], all_boxes[rows], around + 1
    away = np.full(len(rows), far, np.int32)
    alone: list[tuple[int, Event]] = []
    for event in events:
        point = grid.index(event.start)
        low, first, past, high = np.searchsorted(
            points, np.array([point - around, point, point + 1, point + around + 1], np.int32)
        ).tolist()
        here = np.arange(first, past)
        track = event.track
        if event.box is not None and (track is None or track not in ids[here]):
            overlaps = iou(np.array([event.box]), boxes[here])[0]
            best = int(np.argmax(overlaps)) if len(here) else 0
            track = int(ids[here[best]]) if overlaps.max(initial=0) >= SAME_HELMET else None
        if track is not None:
            gaps = np.where(ids[low:high] == track, np.abs(points[low:high] - point), far)
            away[low:high] = np.minimum(away[low:high], gaps)
        if track is None or track not in ids[here]:
            alone.append((point, event))
    if alone:  # impacts of helmets without a box of their own at that point
        boxes_alone = [event.box for _, event in alone]
        if None in boxes_alone:
            event = alone[boxes_alone.index(None)][1]
            raise LabelError(
                f"{name}: {event.label} at {event.start:.3f} s has no box, and its track has none "
                "there; give its box, or the track of its helmet"
            )
        points = np.append(points, np.array([point for point, _ in alone], np.int32))
        boxes = np.concatenate([boxes, np.array(boxes_alone, np.float32)])
        away = np.append(away, np.zeros(len(alone), np.int32))
        ids = np.append(ids, np.full(len(alone), -1))
        order = np.argsort(points, kind="stable")
        points, boxes, away, ids = points[order], boxes[order], away[order], ids[order]
    away[away == far] = -1
    return HelmetVideo(name, grid, points, boxes, away, ids, tuple(events))


def play_of(row: ManifestRow) -> str:
    """The group of a video: that of the manifest, or else its play by its NFL name.

    So the views of a play stay on one side of a split.
    """
    if row.group != row.name:
        return row.group
    try:
        return nfl.play_and_view(row.video.name)[0]
    except LabelError:
        return row.group


def _nfl_video(row: ManifestRow, label: str) -> nfl.NflVideo:
    assert row.labels is not None
    videos = _read_nfl(row.labels, label, row.labels.stat().st_mtime_ns)
    for name in (row.video.name, row.video.stem):
        if name in videos:
            return videos[name]
    raise LabelError(
        f"{row.labels}: has no row of {row.video.name}; its videos are "
        f"{', '.join(list(videos)[:4])}{', ...' if len(videos) > 4 else ''}"
    )


@lru_cache(maxsize=2)
def _read_nfl(path: Path, label: str, _modified: int) -> dict[str, nfl.NflVideo]:
    return {PurePosixPath(video.video).name: video for video in nfl.read_labels(path, label=label)}


def _helmets(row: ManifestRow, frames: int, size: Size) -> Sequence[Track]:
    """The tracks of a row's helmets, from the file beside its labels or its video.

    Raises LabelError for a box that is not in the frames of this size.
    """
    width, height = size
    assert row.labels is not None
    stems = dict.fromkeys((row.labels.name.removesuffix(".events.json"), row.video.stem))
    folders = dict.fromkeys((row.labels.parent, row.video.parent))
    for folder in folders:
        for stem in stems:
            tracks, boxes = folder / f"{stem}{SUFFIX}", folder / f"{stem}.txt"
            if tracks.is_file():
                found = read_tracks(tracks).tracks
                file = track_file(str(tracks), found, frames=frames, width=width, height=height)
                return file.tracks
            if boxes.is_file():
                rows = mot_rows(boxes)
                rows = rows.chosen(rows.scores > 0)  # in gt.txt, others are to be ignored
                rows.check(frames=frames, width=width, height=height)
                return rows.tracks()
    raise LabelError(
        f"{row.name}: has no boxes of helmets: needs {row.video.stem}{SUFFIX}, or "
        f"{row.video.stem}.txt as MOTChallenge, beside {row.labels}"
    )


def check_boxes(where: str, events: Sequence[Event], size: Size) -> None:
    """Raise LabelError for an event whose box is completely outside of the image."""
    for event in events:
        if event.box is None:
            continue
        x1, y1, x2, y2 = event.box
        if x1 >= size[0] or y1 >= size[1] or x2 <= 0 or y2 <= 0:
            raise LabelError(
                f"{where}: {event.label} at {event.start:.3f} s: box {x1:g}, {y1:g}, {x2:g}, "
                f"{y2:g} is outside of the image of {size[0]}x{size[1]}; the boxes may belong to a "
                "video of another size"
            )

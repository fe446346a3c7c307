"""Evaluation of predicted impacts: F1 over all videos, by the matching with the most hits."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from playhead.errors import LabelError
from playhead.events.formats import native, nfl, read_events, read_row
from playhead.events.formats.detect import detect
from playhead.events.formats.raw import Reading, as_rate
from playhead.events.manifest import ManifestRow, read_manifest
from playhead.events.model import Event, VideoEvents
from playhead.events.pairing import pair_videos
from playhead.impact.data import check_boxes
from playhead.impact.predict import EVENTS
from playhead.impact.views import named_view
from playhead.media import open_video
from playhead.metrics.bootstrap import Interval
from playhead.metrics.box_events import BoxEventF1, Counts, box_event_f1, box_event_intervals

__all__ = [
    "HIDDEN",
    "ImpactEvaluation",
    "Truth",
    "evaluate_impacts",
    "evaluate_truth",
    "figures_of",
    "is_scored",
    "read_impacts",
    "read_predictions",
    "truth_of",
]

NFL_RATE = "60000/1001"
HIDDEN = "hidden"
"""An event whose note begins with this is not scored: its helmet cannot be seen."""


@dataclass(frozen=True, slots=True)
class Truth:
    """The ground truth of a set of videos.

    groups: the play of each video; excluded: videos of the set outside of the split
    offsets: seconds from the play's clock to the times of each video, as the manifest has them
    """

    videos: tuple[VideoEvents, ...]
    groups: Mapping[str, str]
    excluded: tuple[str, ...] = ()
    offsets: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ImpactEvaluation:
    """The counts over all videos, by view, and the intervals if they were asked for."""

    result: BoxEventF1
    intervals: Mapping[str, Interval] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """As a plain mapping: job, metrics, per_view."""
        intervals = {
            name: {"low": interval.low, "high": interval.high, "level": interval.level}
            for name, interval in self.intervals.items()
        }
        return {
            "job": "impact",
            "videos": len(self.result.videos),
            "metrics": figures_of(self.result.counts),
            "per_view": {view: figures_of(counts) for view, counts in self.result.views.items()},
            **({"intervals": intervals} if intervals else {}),
        }

    def rows(self) -> list[dict[str, Any]]:
        """A row for each view, and one for all, to print."""
        named = {**self.result.views, "all": self.result.counts}
        return [{"view": view, **figures_of(counts)} for view, counts in named.items()]


def evaluate_impacts(
    truth: Path, predictions: Path, *, split: str | None = None, intervals: bool = False
) -> ImpactEvaluation:
    """Evaluate predictions; all impacts of a video without predictions are missed.

    truth: a manifest (of which `split` selects videos), NFL labels, or label files
    predictions: a folder of `X.events.json`, or a submission
    intervals: also 95 % intervals over plays drawn with replacement
    Raises LabelError for predictions of a video that the truth does not have.
    """
    return evaluate_truth(read_impacts(truth, split=split), predictions, intervals=intervals)


def evaluate_truth(truth: Truth, predictions: Path, *, intervals: bool = False) -> ImpactEvaluation:
    """The same with ground truth that was read already."""
    predicted = paired(truth, read_predictions(predictions), predictions)
    result = box_event_f1(truth.videos, predicted, scored=is_scored)
    drawn = box_event_intervals(result, truth.groups) if intervals else {}
    return ImpactEvaluation(result, drawn)


def is_scored(event: Event) -> bool:
    """Whether an event of the ground truth counts."""
    return nfl.is_scored(event) and not (event.note or "").startswith(HIDDEN)


def read_impacts(path: Path, *, split: str | None = None) -> Truth:
    """Read ground truth: a manifest, NFL labels, a label file, or a folder of them.

    NFL labels without confidence or visibility are left out, as the competition does. The events of
    a manifest get the frames of their times, which are read from the videos.
    Raises LabelError for an event without a box, or a split of something else than a manifest.
    """
    if path.is_file() and detect(path) == "manifest":
        return _read_manifest(path, split)
    if split is not None:
        raise LabelError(f"{path}: --split needs a manifest with a split column")
    if path.is_file() and detect(path) == "nfl":
        videos = nfl.read(path, Reading(rate=as_rate(NFL_RATE)))
    else:
        videos = read_events(path)
    groups = {}
    for video in videos:
        name = named_view(video.video)
        groups[video.video] = video.video if name is None else name[0]
    return Truth(tuple(videos), groups)


def read_predictions(path: Path) -> list[VideoEvents]:
    """Read `X.events.json` below a folder, named by their relative paths, or a submission."""
    if path.is_file():
        if detect(path) == "nfl":
            return list(nfl.read(path, Reading(rate=as_rate(NFL_RATE))))
        return list(read_events(path))
    files = sorted(path.rglob(f"*{EVENTS}")) if path.is_dir() else []
    if not files:
        raise LabelError(
            f"{path}: has no {EVENTS} files; write them with `playhead impact predict`"
        )
    return [
        replace(native.read(file), video=file.relative_to(path).as_posix()[: -len(EVENTS)])
        for file in files
    ]


def paired(truth: Truth, predictions: Sequence[VideoEvents], source: Path) -> list[VideoEvents]:
    """Predictions with the names of their videos in the truth, without those of other splits.

    Raises LabelError for a video that the truth does not have, for an event past the last frame of
    its video, and if none is left.
    """
    names = [*(video.video for video in truth.videos), *truth.excluded]
    indices = pair_videos([video.video for video in predictions], names)
    named = []
    for video, index in zip(predictions, indices, strict=True):
        if index is None:
            raise LabelError(
                f"{video.video}: the ground truth does not have the video of these predictions; "
                "predict into another folder"
            )
        if index < len(truth.videos):
            _check_frames(video, truth.videos[index].frames)
            named.append(replace(video, video=names[index]))
    if not named:
        raise LabelError(f"{source}: has no predictions for the videos of the split")
    return named


def _check_frames(predictions: VideoEvents, frames: int | None) -> None:
    last = max((event.frame for event in predictions.events if event.frame is not None), default=-1)
    if frames is not None and last >= frames:
        raise LabelError(
            f"{predictions.video}: an event is predicted in frame {last}, but the last frame is "
            f"{frames - 1}. The predictions may belong to another cut: see `playhead info`."
        )


def _read_manifest(path: Path, split: str | None) -> Truth:
    rows = read_manifest(path)
    chosen = [row for row in rows if split is None or row.split == split]
    if not chosen:
        raise LabelError(f"{path}: no video has the split {split!r}; check the split column")
    excluded = tuple(row.video.as_posix() for row in rows if row not in chosen)
    return replace(truth_of(chosen), excluded=excluded)


def truth_of(rows: Sequence[ManifestRow]) -> Truth:
    """The ground truth of rows of a manifest; a row without labels has no impact."""
    videos = []
    for row in rows:
        name = row.video.as_posix()
        if row.labels is None:
            videos.append(VideoEvents(video=name, classes=()))
            continue
        with open_video(row.video) as video:
            labels = read_row(row, times=video.times, duration=video.duration, unnamed=nfl.MARK)
            size = (video.width, video.height)
        check_boxes(f"{row.labels}: {row.name}", [*filter(is_scored, labels.events)], size)
        events = tuple(replace(event, view=event.view or row.view) for event in labels.events)
        videos.append(replace(labels, video=name, events=events))
    classes = tuple(dict.fromkeys(label for video in videos for label in video.classes))
    return Truth(
        videos=tuple(replace(video, classes=classes) for video in videos),
        groups={row.video.as_posix(): row.group for row in rows},
        offsets={row.video.as_posix(): row.offset for row in rows},
    )


def figures_of(counts: Counts) -> dict[str, float | int]:
    """The figures of counts by their names: f1, precision, recall, tp, fp, fn."""
    return {
        "f1": counts.f1,
        "precision": counts.precision,
        "recall": counts.recall,
        "tp": counts.tp,
        "fp": counts.fp,
        "fn": counts.fn,
    }

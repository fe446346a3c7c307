"""Reading ground truth and predictions, in the forms in which users have them.

Ground truth is a manifest or a folder of SoccerNet games, a configuration or a run folder (which
name one), a label file, or a folder of label files. Predictions are the folder that `predict`
wrote, a run folder (its scores of the validation videos), or a file of events in any format.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray

from playhead.errors import LabelError
from playhead.events.formats import native, read_events, read_row
from playhead.events.formats.detect import detect
from playhead.events.formats.raw import TimesOf
from playhead.events.games import is_games, read_set
from playhead.events.manifest import ManifestRow, require_manifest
from playhead.events.model import VideoEvents
from playhead.events.names import half_of, is_whole_game
from playhead.events.pairing import pair_videos
from playhead.inference.scores import Scores, read_scores
from playhead.media import Video, open_video
from playhead.samples.folds import chosen_fold
from playhead.spotting.config import load_spotting_config

__all__ = [
    "EVENTS",
    "SCORES",
    "DataSet",
    "any_times",
    "is_run",
    "labels_of",
    "names_listed",
    "open_data_set",
    "pair_names",
    "pair_videos",
    "predictions_folder",
    "read_predictions",
    "read_scores_of",
    "read_truth",
    "truth_of",
]

EVENTS = ".events.json"
SCORES = ".scores.npz"

CONFIG = "config.yaml"
MANIFEST = "manifest.csv"
RESULTS = "results_*.json"


@dataclass(frozen=True, slots=True)
class DataSet:
    """The videos of a manifest or a folder of games, perhaps named by a configuration.

    Games without labels, as of a challenge, are no ground truth.

    classes, class_map, label_rate: those of the configuration; None without one
    folds: whether the configuration divides the videos into folds; `valid` then has the names of
        the videos of the validation fold, `train` those of the others
    """

    path: Path
    rows: tuple[ManifestRow, ...]
    configured: bool = False
    classes: tuple[str, ...] | None = None
    class_map: Mapping[str, str | None] | None = None
    label_rate: str | None = None
    folds: bool = False
    train: frozenset[str] = frozenset()
    valid: frozenset[str] = frozenset()

    def chosen(self, split: str | None) -> list[ManifestRow]:
        """The videos of a split, or all. Raises LabelError listing the splits if it has none."""
        rows = [row for row in self.rows if row.labels is not None or not self.path.is_dir()]
        if split is None:
            return rows
        if self.folds and split in ("train", "valid"):
            names = self.valid if split == "valid" else self.train
            return [row for row in rows if row.name in names]
        known = sorted({row.split for row in rows if row.split})
        rows = [row for row in rows if row.split == split]
        if not rows:
            known += [name for name in ("train", "valid") if self.folds and name not in known]
            listed = f"its splits are {', '.join(known)}" if known else "its split column is empty"
            raise LabelError(f"{self.path}: no video has the split {split!r}; {listed}")
        return rows


def is_run(path: Path) -> bool:
    """Whether a path is the folder of a training run with scores of its validation videos."""
    return (path / CONFIG).is_file() and (path / "scores").is_dir()


def open_data_set(path: Path) -> DataSet | None:
    """The videos that a manifest, a configuration, or the folder of one names; None for labels.

    Raises ConfigError or LabelError if the configuration or the manifest cannot be read.
    """
    if path.is_dir():
        inner = next((path / name for name in (CONFIG, MANIFEST) if (path / name).is_file()), None)
        if inner is None and is_games(path):
            return DataSet(path, read_set(path))
        return None if inner is None else open_data_set(inner)
    if path.is_file() and path.suffix.lower() in (".yaml", ".yml"):
        data = load_spotting_config(path).data
        require_manifest(data.manifest)
        rows = read_set(data.manifest, videos=data.videos, games=data.games)
        train: tuple[int, ...] = ()
        valid: tuple[int, ...] = ()
        if data.folds is not None:
            groups, splits = [row.group for row in rows], [row.split for row in rows]
            chosen = chosen_fold(groups, splits, folds=data.folds, fold=data.fold)
            train, valid = chosen.train, chosen.validation
        return DataSet(
            path=data.manifest,
            rows=rows,
            configured=True,
            classes=data.classes,
            class_map=data.class_map,
            label_rate=data.label_rate,
            folds=data.folds is not None,
            train=frozenset(rows[index].name for index in train),
            valid=frozenset(rows[index].name for index in valid),
        )
    if path.is_file() and detect(path) == "manifest":
        return DataSet(path, read_set(path))
    return None


def read_truth(
    path: Path, *, split: str | None = None, rate: str | None = None
) -> list[VideoEvents]:
    """The labels of the videos of a data set (of one split), of a label file, or of a folder.

    path: see this module; labels of a data set get the times of their frames, which are read from
        the videos
    Raises LabelError for a split that no video has, or without a data set.
    """
    data = open_data_set(path)
    if data is not None:
        return truth_of(data, split=split, rate=rate)
    if split is not None:
        raise LabelError(f"{path}: --split needs a manifest with a split column")
    return list(read_events(path, rate=rate))


def truth_of(
    data: DataSet, *, split: str | None = None, rate: str | None = None
) -> list[VideoEvents]:
    """The labels of the videos of a data set (of one split), as `read_truth`."""
    videos = []
    for row in data.chosen(split):
        with open_video(row.video) as video:
            labels = labels_of(
                row,
                video,
                classes=data.classes,
                class_map=data.class_map,
                rate=rate or data.label_rate,
            )
            videos.append(labels)
    # A class may occur in some of the videos only.
    classes = tuple(dict.fromkeys(label for video in videos for label in video.classes))
    return [replace(video, classes=classes) for video in videos]


def labels_of(
    row: ManifestRow,
    video: Video,
    *,
    classes: Sequence[str] | None,
    class_map: Mapping[str, str | None] | None = None,
    rate: str | None,
) -> VideoEvents:
    """The events of a manifest row on its video's frames; no events if the row has no labels.

    class_map: label → class, or None to leave the events of a label out
    """
    path = row.video.as_posix()
    if row.labels is None:
        return VideoEvents(video=path, classes=tuple(classes or ()), frames=video.frames)
    times, duration = video.times, video.duration
    labels = None if classes is None else (*classes, *(class_map or ()))
    read = read_row(row, times=times, duration=duration, rate=rate, classes=labels)
    if class_map:
        renamed = [(event, class_map.get(event.label, event.label)) for event in read.events]
        kept = tuple(replace(event, label=name) for event, name in renamed if name is not None)
        names = tuple(dict.fromkeys(class_map.get(label, label) for label in read.classes))
        classes_left = tuple(name for name in names if name is not None)
        read = replace(read, classes=classes_left, events=kept)
    return replace(read, video=path)


def predictions_folder(path: Path) -> Path:
    """The folder of scores and events: `scores` of a run folder, else the path itself."""
    return path / "scores" if is_run(path) else path


def read_predictions(
    path: Path, *, rate: str | None = None, times: TimesOf | None = None
) -> list[VideoEvents]:
    """Predicted events: of a folder that `predict` wrote, of a run, or of a file of any format.

    rate, times: for files with only frames or only times, as in `read_events`
    Videos of a folder are named by their relative paths. A folder without `X.events.json` may have
    SoccerNet's `results_spotting.json`, of any number of games.
    Raises LabelError if there are none.
    """
    if path.is_file():
        if path.name.endswith(EVENTS):
            name = f"{path.resolve().parent.name}/{path.name.removesuffix(EVENTS)}"
            return [replace(native.read(path), video=name)]
        return list(read_events(path, rate=rate, times=times))
    folder = predictions_folder(path)
    files = sorted(folder.rglob(f"*{EVENTS}"))
    if files:
        return [
            replace(native.read(file), video=str(file.relative_to(folder))[: -len(EVENTS)])
            for file in files
        ]
    games = [game for file in sorted(folder.rglob(RESULTS)) for game in _read_game(file, rate)]
    if games:
        classes = tuple(sorted({label for video in games for label in video.classes}))
        return [replace(video, classes=classes) for video in games]
    hint = " (this is a bundle)" if (path / "bundle.json").is_file() else ""
    missing = "" if path.exists() else " (there is no such folder or file)"
    raise LabelError(
        f"{path}: has no predictions{hint}{missing}; give the folder that `playhead spotting "
        f"predict` wrote ({EVENTS} files), a run folder, SoccerNet's results_spotting.json, or a "
        "CSV with video,label,time,score"
    )


@cache
def any_times() -> NDArray[np.float64]:
    """Times for labels by frame of videos that are not at hand, whose events are then left out."""
    return np.arange(2_000_000) / 25


def read_scores_of(folder: Path, truth: Sequence[VideoEvents]) -> dict[str, Scores]:
    """The saved scores in `folder` (or in a run), by the name of their video in the truth."""
    folder = predictions_folder(folder)
    files = sorted(folder.rglob(f"*{SCORES}"))
    names = [str(path.relative_to(folder))[: -len(SCORES)] for path in files]
    indices = pair_names(names, [video.video for video in truth])
    return {
        truth[index].video: read_scores(path)
        for path, index in zip(files, indices, strict=True)
        if index is not None
    }


def _read_game(file: Path, rate: str | None) -> list[VideoEvents]:
    """A SoccerNet game; one that does not say its name is named by its folder."""
    videos = read_events(file, rate=rate)
    game = file.resolve().parent.name
    return [
        video if "/" in video.video else replace(video, video=f"{game}/{video.video}")
        for video in videos
    ]


def pair_names(wanted: Sequence[str], offered: Sequence[str]) -> list[int | None]:
    """As `pair_videos`; halves of a game also match by their number: `1` is `1_720p.mkv`.

    SoccerNet's files name halves by number only; a whole game, `720p.mp4`, is its first half.
    """
    indices = pair_videos(wanted, offered)
    halves = [_by_half(name) for name in offered]
    return [
        pair_videos([_by_half(name)], halves, folders=True)[0]
        if index is None and _is_part(name)
        else index
        for name, index in zip(wanted, indices, strict=True)
    ]


def names_listed(names: Sequence[str], limit: int = 5) -> str:
    """Names as a list in a sentence, at most `limit` of them."""
    shown = ", ".join(names[:limit]) or "none"
    return f"{shown} and {len(names) - limit} more" if len(names) > limit else shown


def _is_part(name: str) -> bool:
    return half_of(name) is not None or is_whole_game(name)


def _by_half(name: str) -> str:
    path = PurePosixPath(name.replace("\\", "/"))
    half = 1 if is_whole_game(path.name) else half_of(path.name)
    return name if half is None else str(path.with_name(str(half)))

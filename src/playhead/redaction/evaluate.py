"""Evaluation of tracks against ground truth: detection metrics, and exposed objects.

An object is exposed if less than 95 % of its box is hidden. The hidden pixels come from the hider
itself, which paints the masks of the predicted tracks on an empty image.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from playhead.decisions.boxes import Boxes
from playhead.errors import LabelError
from playhead.events.formats.tracks import SUFFIX, TrackFile, by_frame, read_tracks
from playhead.media.planes import Planes
from playhead.media.table import Layout
from playhead.metrics.detection import DetectionResult, average_precision, detection_result
from playhead.metrics.exposure import HIDDEN, covered_share
from playhead.redaction.config import RedactionConfig
from playhead.redaction.hide import HideConfig, Hider
from playhead.redaction.regions import Masks
from playhead.redaction.resolved import recorded_redaction

__all__ = [
    "Evaluation",
    "evaluate_tracks",
    "exposed_track_frames",
]


@dataclass(frozen=True, slots=True)
class ClassResult:
    """The metrics of one class: its boxes, and its numbers of all and of exposed track-frames."""

    boxes: DetectionResult
    ap50_95: float
    track_frames: int
    exposed: int


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The metrics of predicted tracks, by class."""

    videos: int
    classes: dict[str, ClassResult]

    def to_json(self) -> dict[str, Any]:
        """As a plain mapping; undefined values are None."""
        results = self.classes.values()
        return {
            "job": "redaction",
            "videos": self.videos,
            "metrics": {
                "ap50": _mean([result.boxes.ap for result in results]),
                "ap50_95": _mean([result.ap50_95 for result in results]),
                "precision": _mean([result.boxes.precision for result in results]),
                "recall": _mean([result.boxes.recall for result in results]),
                "exposed_track_frames": sum(result.exposed for result in results),
                "track_frames": sum(result.track_frames for result in results),
            },
            "per_class": {label: _columns(result) for label, result in self.classes.items()},
        }

    def rows(self) -> list[dict[str, Any]]:
        """A row for each class."""
        return [{"class": label, **_columns(result)} for label, result in self.classes.items()]


def evaluate_tracks(truth: Path, predictions: Path) -> Evaluation:
    """Evaluate a track file against its ground truth, or folders of track files by their names.

    Evaluates the classes that both the predictions and the truth have. Raises LabelError for a
    ground truth file without predictions, tracks of another video, or no class in common.
    """
    pairs = [_read(*paths) for paths in _pairs(truth, predictions)]
    common = [{*true.classes} & {*predicted.classes} for true, predicted in pairs]
    shared = [label for label in pairs[0][1].classes if all(label in known for known in common)]
    if not shared:
        raise LabelError(
            f"{predictions}: has the classes {', '.join(pairs[0][1].classes)}, but {truth} has "
            f"{', '.join(pairs[0][0].classes)}; they need a class in common"
        )
    exposed = [exposed_track_frames(true, predicted) for true, predicted in pairs]
    return Evaluation(len(pairs), {label: _class_result(label, pairs, exposed) for label in shared})


def exposed_track_frames(
    truth: TrackFile, predictions: TrackFile, config: RedactionConfig | None = None
) -> dict[str, int]:
    """For each class of the truth, its track-frames that the masks of `predictions` leave exposed.

    Choices of a person to leave tracks visible are ignored.
    config: gives the masks; by default the configuration recorded in the track file
    """
    config = config or recorded_redaction(predictions, Path(predictions.video)).config
    everything = replace(predictions, shown=frozenset(), spans=np.zeros((0, 2)))
    masks = Masks(everything, np.zeros(predictions.frames), 0.0, config.mask, config.style.shape)
    hider = Hider(HideConfig(colour="#ffffff"))
    hidden = np.zeros((predictions.height, predictions.width), np.uint8)
    layout = Layout(predictions.width, predictions.height)
    image = Planes((hidden,), ((1, 1),), 8, "grey", True, 2, layout)
    boxes_at = by_frame(truth)
    exposed = dict.fromkeys(truth.classes, 0)
    for frame in range(truth.frames):
        true = boxes_at(frame)
        if not true or masks.whole(frame):
            continue
        hidden.fill(0)
        hider.hide(image, masks.regions(frame))
        for index, box in true:
            if covered_share(box, hidden > 0) < HIDDEN:
                exposed[truth.tracks[index].label] += 1
    return exposed


def _class_result(
    label: str,
    pairs: Sequence[tuple[TrackFile, TrackFile]],
    exposed: Sequence[dict[str, int]],
) -> ClassResult:
    true: list[NDArray[np.floating]] = []
    predicted: list[Boxes] = []
    for truth, predictions in pairs:
        true += [boxes.boxes for boxes in _boxes(truth, label)]
        predicted += _boxes(predictions, label)
    return ClassResult(
        boxes=detection_result(true, predicted),
        ap50_95=average_precision(true, predicted),
        track_frames=sum(map(len, true)),
        exposed=sum(counts[label] for counts in exposed),
    )


def _boxes(file: TrackFile, label: str) -> Iterator[Boxes]:
    """The boxes of one class in every frame of a video."""
    at, size = by_frame(file), (file.width, file.height)
    score = [
        dict(zip(track.frames.tolist(), track.scores.tolist(), strict=True))
        for track in file.tracks
    ]
    for frame in range(file.frames):
        rows = [(box, score[i][frame]) for i, box in at(frame) if file.tracks[i].label == label]
        boxes = np.array([box for box, _ in rows], np.float32).reshape(-1, 4)
        boxes = np.clip(boxes, 0, (*size, *size))  # predicted tracks may extend past the frame
        yield Boxes(boxes, np.array([score for _, score in rows], np.float32))


def _pairs(truth: Path, predictions: Path) -> list[tuple[Path, Path]]:
    """Track files of the same name below two folders, or the two files themselves."""
    if truth.is_file() and truth.name.endswith(SUFFIX):
        return [(truth, predictions)]
    true = sorted(truth.rglob(f"*{SUFFIX}")) if truth.is_dir() else []
    if not true:
        raise LabelError(
            f"{truth}: has no {SUFFIX} files; for labelled images use `playhead detection evaluate`"
        )
    pairs = [(path, predictions / path.relative_to(truth)) for path in true]
    missing = [str(other) for _, other in pairs if not other.is_file()]
    if missing:
        raise LabelError(
            f"{predictions}: {len(missing)} of {len(pairs)} track files are missing (first: "
            f"{missing[0]}); write them with `playhead redaction detect`"
        )
    return pairs


def _columns(result: ClassResult) -> dict[str, Any]:
    return {
        "ap50": _number(result.boxes.ap),
        "ap50_95": _number(result.ap50_95),
        "precision": _number(result.boxes.precision),
        "recall": _number(result.boxes.recall),
        "track_frames": result.track_frames,
        "exposed_track_frames": result.exposed,
    }


def _read(truth: Path, predictions: Path) -> tuple[TrackFile, TrackFile]:
    """A pair of track files of the same video."""
    pair = read_tracks(truth), read_tracks(predictions)
    expected, actual = (f"{file.frames} frames of {file.width}x{file.height}" for file in pair)
    if actual != expected:
        raise LabelError(
            f"{predictions}: has {actual}, but {truth} has {expected}; give the tracks of the same "
            "video"
        )
    return pair


def _mean(values: Sequence[float]) -> float | None:
    """The mean over the classes with a defined value."""
    known = [value for value in values if not np.isnan(value)]
    return _number(float(np.mean(known))) if known else None


def _number(value: float | np.floating[Any]) -> float | None:
    return None if np.isnan(value) else round(float(value), 4)

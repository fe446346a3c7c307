"""Measuring tracks: how well they agree with true ones, and who would be exposed by them.

Exposed is an object of which less than 95 % of its box is hidden. What is hidden is asked of the
hider itself: it paints the masks of the found tracks on an empty image.
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
    """How one class fared: its boxes, and its track-frames in all and exposed."""

    boxes: DetectionResult
    ap50_95: float
    track_frames: int
    exposed: int


@dataclass(frozen=True, slots=True)
class Evaluation:
    """How found tracks compare with the truth, by class."""

    videos: int
    classes: dict[str, ClassResult]

    def to_json(self) -> dict[str, Any]:
        """As a plain mapping; what cannot be said is null."""
        return {
            "job": "redaction",
            "videos": self.videos,
            "metrics": {
                "ap50": _mean([one.boxes.ap for one in self.classes.values()]),
                "ap50_95": _mean([one.ap50_95 for one in self.classes.values()]),
                "precision": _mean([one.boxes.precision for one in self.classes.values()]),
                "recall": _mean([one.boxes.recall for one in self.classes.values()]),
                "exposed_track_frames": sum(one.exposed for one in self.classes.values()),
                "track_frames": sum(one.track_frames for one in self.classes.values()),
            },
            "per_class": {label: _columns(one) for label, one in self.classes.items()},
        }

    def rows(self) -> list[dict[str, Any]]:
        """A row for each class."""
        return [{"class": label, **_columns(one)} for label, one in self.classes.items()]


def evaluate_tracks(truth: Path, predictions: Path) -> Evaluation:
    """Compare a found track file with the true one, or folders of them by their names.

    Classes are those that were looked for and that the truth knows. Raises LabelError for a true
    file without a found one, tracks of another video, or no class in common.
    """
    pairs = [_read(one, other) for one, other in _pairs(truth, predictions)]
    known = [{*true.classes} & {*found.classes} for true, found in pairs]
    shared = [label for label in pairs[0][1].classes if all(label in one for one in known)]
    if not shared:
        raise LabelError(
            f"{predictions}: knows {', '.join(pairs[0][1].classes)}, {truth} knows "
            f"{', '.join(pairs[0][0].classes)}; no class is in both"
        )
    exposed = [exposed_track_frames(true, found) for true, found in pairs]
    return Evaluation(len(pairs), {label: _class_result(label, pairs, exposed) for label in shared})


def exposed_track_frames(
    truth: TrackFile, found: TrackFile, config: RedactionConfig | None = None
) -> dict[str, int]:
    """For each class of the truth its track-frames that masks of `found` leave exposed.

    What a person chose to leave visible plays no part: it is measured what was found.
    config: gives the masks; None for the one that the tracks were found with
    """
    config = config or recorded_redaction(found, Path(found.video)).config
    everything = replace(found, shown=frozenset(), spans=np.zeros((0, 2)))
    masks = Masks(everything, np.zeros(found.frames), 0.0, config.mask, config.style.shape)
    hider = Hider(HideConfig(colour="#ffffff"))
    hidden = np.zeros((found.height, found.width), np.uint8)
    layout = Layout(found.width, found.height)
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
    found: list[Boxes] = []
    for one, other in pairs:
        true += [boxes.boxes for boxes in _boxes(one, label)]
        found += _boxes(other, label)
    return ClassResult(
        boxes=detection_result(true, found),
        ap50_95=average_precision(true, found),
        track_frames=sum(map(len, true)),
        exposed=sum(one[label] for one in exposed),
    )


def _boxes(file: TrackFile, label: str) -> Iterator[Boxes]:
    """The boxes of one class in every frame of a video."""
    at, size = by_frame(file), (file.width, file.height)
    score = [
        dict(zip(one.frames.tolist(), one.scores.tolist(), strict=True)) for one in file.tracks
    ]
    for frame in range(file.frames):
        rows = [(box, score[i][frame]) for i, box in at(frame) if file.tracks[i].label == label]
        boxes = np.array([box for box, _ in rows], np.float32).reshape(-1, 4)
        boxes = np.clip(boxes, 0, (*size, *size))  # a track reaches over the edges, no truth does
        yield Boxes(boxes, np.array([score for _, score in rows], np.float32))


def _pairs(truth: Path, predictions: Path) -> list[tuple[Path, Path]]:
    """Track files of the same name below two folders, or the two files themselves."""
    if truth.is_file() and truth.name.endswith(SUFFIX):
        return [(truth, predictions)]
    true = sorted(truth.rglob(f"*{SUFFIX}")) if truth.is_dir() else []
    if not true:
        raise LabelError(
            f"{truth}: holds no {SUFFIX} files; for labelled images use `playhead detection "
            "evaluate`"
        )
    pairs = [(path, predictions / path.relative_to(truth)) for path in true]
    missing = [str(other) for _, other in pairs if not other.is_file()]
    if missing:
        raise LabelError(
            f"{predictions}: {len(missing)} of {len(pairs)} track files are missing, the first is "
            f"{missing[0]}; `playhead redaction detect` writes them"
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


def _read(truth: Path, found: Path) -> tuple[TrackFile, TrackFile]:
    """A pair of track files of the same video."""
    one, other = read_tracks(truth), read_tracks(found)
    if (one.frames, one.width, one.height) != (other.frames, other.width, other.height):
        raise LabelError(
            f"{found}: is of {other.frames} frames of {other.width}x{other.height}, {truth} of "
            f"{one.frames} of {one.width}x{one.height}; they are of different videos"
        )
    return one, other


def _mean(values: Sequence[float]) -> float | None:
    """The mean over the classes of which something is known."""
    known = [value for value in values if not np.isnan(value)]
    return _number(float(np.mean(known))) if known else None


def _number(value: float | np.floating[Any]) -> float | None:
    return None if np.isnan(value) else round(float(value), 4)

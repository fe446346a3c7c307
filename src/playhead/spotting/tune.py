"""Tuning: smoothing, minimum height and distance of each class with the best F1 on saved scores.

The scores should be of videos that the model was not trained on. Few values of each are tried, and
of decisions that are about equally good those nearest to the given ones are kept, so that a few
events do not decide.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import yaml

from playhead.config import validate
from playhead.decisions.peaks import ClassPeaks, PeakConfig
from playhead.errors import LabelError, PlayheadError
from playhead.events.model import Event, VideoEvents
from playhead.files import write_text
from playhead.inference.bundle import load_bundle, note_in_bundle
from playhead.inference.scores import Scores, read_scores
from playhead.metrics.alignment import align
from playhead.metrics.headline import choose_headline
from playhead.metrics.matching import scored_hits
from playhead.metrics.thresholds import at_threshold
from playhead.output import counted
from playhead.spotting.config import SpottingConfig
from playhead.spotting.labelled import gaps_of
from playhead.spotting.predict import decide, write_decided
from playhead.spotting.truth import (
    SCORES,
    open_data_set,
    pair_names,
    pair_videos,
    read_truth,
    truth_of,
)

__all__ = [
    "Tuned",
    "TunedClass",
    "matching_tolerance",
    "note_tuned",
    "tune_decisions",
    "tune_folders",
    "tune_run",
]

HEIGHTS = (0.02, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.6, 0.7, 0.8, 0.9)
SMOOTHINGS = (0, 1, 2, 4, 8)
"""Grid points, as far as they are below a fourth of the spacing of events."""
DISTANCES = (0.0, 0.1, 0.2, 0.4, 0.8, 1.6)
"""Seconds, as far as they are below the spacing of events."""
LEAST_EVENTS = 5
"""Events of a class below which its decisions stay as they are."""
LEAST_GAIN = 0.02
"""F1 by which other decisions must be better at least."""
TUNED_ON = "tuned_on_videos"
FEW_VIDEOS = 5


@dataclass(frozen=True, slots=True)
class TunedClass:
    """The best F1 of one class, before and after, on the events that it was tuned on."""

    events: int
    before: float
    after: float


@dataclass(frozen=True, slots=True)
class Tuned:
    """Tuned decisions, and what they reach on the videos that they were tuned on.

    tolerance: width of the matching window in seconds
    """

    decisions: PeakConfig
    per_class: dict[str, TunedClass]
    videos: int
    tolerance: float

    @property
    def changed(self) -> bool:
        """Whether any class gets other decisions."""
        return any(result.after > result.before for result in self.per_class.values())

    @property
    def warning(self) -> str | None:
        """What to keep in mind; None with enough videos."""
        if self.videos >= FEW_VIDEOS:
            return None
        return (
            f"tuned on {self.videos} video{'' if self.videos == 1 else 's'}; with fewer than "
            f"{FEW_VIDEOS}, the decisions may fit only these: evaluate them on others"
        )

    def to_json(self) -> dict[str, Any]:
        """As a plain mapping."""
        return {
            "decisions": self.decisions.model_dump(mode="json"),
            "per_class": {
                label: {"events": result.events, "f1_before": result.before, "f1": result.after}
                for label, result in self.per_class.items()
            },
            "videos": self.videos,
            "tolerance": self.tolerance,
            "warning": self.warning,
        }

    def lines(self) -> tuple[str, ...]:
        """For which classes what was changed, and on what; nothing if all decisions stay."""
        if not self.changed:
            return ()
        changes = ", ".join(
            f"{label} F1 {result.before:.3f} -> {result.after:.3f}"
            for label, result in self.per_class.items()
            if result.after > result.before
        )
        few = f"; {self.warning}" if self.warning else ""
        return (
            f"decisions tuned on these {counted(self.videos, 'video')}, whose metrics are a little "
            f"too good for that: {changes}{few}",
        )

    def rows(self) -> list[dict[str, Any]]:
        """A row for each class, to print."""
        rows = []
        for label, result in self.per_class.items():
            own = self.decisions.of(label).model_dump(exclude={"per_class"})
            rows.append(
                {
                    "class": label,
                    "events": result.events,
                    "f1 before": result.before,
                    "f1": result.after,
                    **own,
                }
            )
        return rows


def tune_folders(
    folders: Sequence[Path],
    truth: Path,
    *,
    split: str | None = None,
    tolerance: float | None = None,
    bundle: Path | None = None,
    out: Path | None = None,
) -> Tuned:
    """Tune on folders of saved scores: of validation videos, or out-of-fold scores of all folds.

    tolerance: width of the matching window in seconds; by default that of `evaluate`
    bundle: note the decisions in it, as its defaults; out: also write them as YAML
    Raises LabelError for scores of a video that the truth does not have, and if no class has
    enough events; PlayheadError for a folder without scores.
    """
    data = open_data_set(truth)
    annotated = read_truth(truth, split=split) if data is None else truth_of(data, split=split)
    unlabelled = [] if data is None else [row.video.as_posix() for row in data.rows]
    scores: dict[str, Scores] = {}
    for folder in folders:
        found = _read_scores(folder, annotated)
        strange = [name for name in found.unknown if pair_names([name], unlabelled) == [None]]
        if split is None and strange:
            raise LabelError(
                f"{strange[0]}: the ground truth does not have the video of these scores"
            )
        scores |= found.scores
    annotated = [video for video in annotated if video.video in scores]
    if not annotated:
        raise LabelError(f"{truth}: has no video of these scores; name the labels of their videos")
    base = next(iter(scores.values())).decisions
    if bundle is not None:
        base = load_bundle(bundle).manifest.post_processing
    config = validate(PeakConfig, dict(base), source=str(bundle or folders[0]))
    if tolerance is None:
        tolerance = matching_tolerance(annotated, scores)
    tuned = tune_decisions(annotated, scores, config, tolerance=tolerance)
    if all(result.events < LEAST_EVENTS for result in tuned.per_class.values()):
        raise LabelError(
            f"no class has {LEAST_EVENTS} events in these videos, too few to tune on; label more, "
            "or give out-of-fold scores of several runs"
        )
    values = tuned.decisions.model_dump(mode="json")
    if out is not None:
        write_text(out, yaml.safe_dump({"decisions": values}, sort_keys=False))
    if bundle is not None:
        note_tuned(bundle, tuned)
    return tuned


def tune_run(
    bundle: Path, folder: Path, truth: Sequence[VideoEvents], config: SpottingConfig
) -> Tuned:
    """Tune the decisions of a new bundle on its scores of the validation videos, and decide again.

    folder: of the scores and events, which are written again with the decisions
    With `tune: false`, and in a bundle that has been tuned, the decisions stay as they are.
    """
    manifest = load_bundle(bundle, verify=False).manifest
    scores, files, _ = _read_scores(folder, truth)
    known = [video for video in truth if video.video in scores]
    tuned = tune_decisions(
        known,
        scores,
        validate(PeakConfig, dict(manifest.post_processing), source=str(bundle)),
        tolerance=matching_tolerance(known, scores),
        search=config.tune and TUNED_ON not in manifest.metrics,
    )
    if tuned.changed:
        note_tuned(bundle, tuned)
        for video, path in files.items():
            write_decided(scores[video], tuned.decisions, path)
    return tuned


class _Found(NamedTuple):
    """Saved scores and their files by the video's name in the truth; names of other videos."""

    scores: dict[str, Scores]
    files: dict[str, Path]
    unknown: list[str]


def _read_scores(folder: Path, truth: Sequence[VideoEvents]) -> _Found:
    files = sorted(folder.rglob(f"*{SCORES}")) if folder.is_dir() else []
    if not files:
        raise PlayheadError(
            f"{folder}: has no {SCORES} files; write them with `playhead spotting predict`"
        )
    names = [str(path.relative_to(folder))[: -len(SCORES)] for path in files]
    indices = pair_videos(names, [video.video for video in truth])
    found = _Found({}, {}, [])
    for name, path, index in zip(names, files, indices, strict=True):
        if index is None:
            found.unknown.append(name)
        else:
            video = truth[index].video
            found.scores[video], found.files[video] = read_scores(path), path
    return found


def note_tuned(bundle: Path, tuned: Tuned) -> None:
    """Write the decisions into a bundle, and on how many videos they were tuned."""
    note_in_bundle(
        bundle,
        post_processing=tuned.decisions.model_dump(mode="json"),
        metrics={TUNED_ON: tuned.videos},
    )


def matching_tolerance(truth: Sequence[VideoEvents], scores: Mapping[str, Scores]) -> float:
    """The width in seconds of the window of `evaluate`, at least two grid points."""
    return max(choose_headline(truth).width, 2 * max(map(_step, scores.values()), default=0.0))


def tune_decisions(
    truth: Sequence[VideoEvents],
    scores: Mapping[str, Scores],
    base: PeakConfig,
    *,
    tolerance: float,
    search: bool = True,
) -> Tuned:
    """The decisions with the best F1 of each class.

    truth: of each video; scores: by the video's name in the truth
    base: the decisions that are kept unless others are better by a standard error
    tolerance: width of the matching window in seconds
    search: False only measures the given decisions
    """
    classes = next(iter(scores.values())).classes if scores else ()
    chosen, results = {}, {}
    for label in classes:
        chosen[label], results[label] = _tune_class(
            label, truth, scores, base.of(label), tolerance, search=search
        )
    return Tuned(_joined(base, chosen), results, len(scores), tolerance)


def _tune_class(
    label: str,
    truth: Sequence[VideoEvents],
    scores: Mapping[str, Scores],
    base: PeakConfig,
    tolerance: float,
    *,
    search: bool,
) -> tuple[PeakConfig, TunedClass]:
    known = [
        replace(
            video,
            classes=(label,),
            events=tuple(event for event in video.events if event.label == label),
        )
        for video in truth
        if video.video in scores
    ]
    events = sum(len(video.events) for video in known)
    search = search and events >= LEAST_EVENTS
    tried: list[tuple[float, float, PeakConfig]] = []
    columns = [_column(scores[video.video], label) for video in known]
    for config in _combinations(known, columns, base) if search else (base,):
        heights = sorted({*HEIGHTS, base.min_height} if search else {base.min_height})
        lowest = config.model_copy(update={"min_height": heights[0]})
        found = [
            replace(video, events=decide(column, lowest).events)
            for video, column in zip(known, columns, strict=True)
        ]
        matched = scored_hits(align(known, found, (label,)), label, _start, tolerance / 2)
        for height in heights:
            changed = config.model_copy(update={"min_height": height})
            tried.append(
                (at_threshold(matched, height).f1, _distance(changed, base, columns), changed)
            )
    before = next((f1 for f1, _, config in tried if config == base), 0.0)
    best = max((f1 for f1, _, _ in tried), default=0.0)
    # A standard error, if half the events are hits: the best of many tries is better by chance.
    margin = max(LEAST_GAIN, 0.5 / max(events, 1) ** 0.5)
    if best < before + margin:
        return base, TunedClass(events, before, before)
    near = [entry for entry in tried if entry[0] >= best - margin / 2]
    f1, _, config = min(near, key=lambda entry: (entry[1], -entry[0]))
    return config, TunedClass(events, before, f1)


def _combinations(
    known: Sequence[VideoEvents], columns: Sequence[Scores], base: PeakConfig
) -> Iterator[PeakConfig]:
    """Smoothing and distance, the given ones first."""
    step = max(map(_step, columns), default=0.0)
    labels = {event.label for video in known for event in video.events}
    gaps = np.concatenate([np.empty(0), *(gaps_of(known, label) for label in labels)])
    least = float(np.quantile(gaps, 0.1)) if len(gaps) else float("inf")
    smoothings = [points * step for points in SMOOTHINGS if 4 * points * step <= least]
    distances = [seconds for seconds in DISTANCES if seconds <= 0.8 * least]
    for smoothing, distance in product(
        dict.fromkeys((base.smoothing_seconds, *(round(value, 4) for value in smoothings))),
        dict.fromkeys((base.distance_seconds, *distances)),
    ):
        yield base.model_copy(update={"smoothing_seconds": smoothing, "distance_seconds": distance})


def _distance(config: PeakConfig, base: PeakConfig, columns: Sequence[Scores]) -> float:
    """How far decisions are from the given ones, in doublings of their values."""
    step = max(map(_step, columns), default=0.0) or 1.0

    def octaves(value: float, given: float, least: float) -> float:
        return abs(float(np.log2((value + least) / (given + least))))

    return (
        octaves(config.smoothing_seconds, base.smoothing_seconds, step)
        + octaves(config.distance_seconds, base.distance_seconds, 0.1)
        + octaves(config.min_height, base.min_height, 0.05)
    )


def _joined(base: PeakConfig, chosen: Mapping[str, PeakConfig]) -> PeakConfig:
    """One configuration: what all classes share is common, the rest is of single classes."""
    fields = ("smoothing_seconds", "min_height", "distance_seconds")
    common: dict[str, float] = {}
    for name in fields:
        values = {getattr(config, name) for config in chosen.values()}
        common[name] = values.pop() if len(values) == 1 else getattr(base, name)
    own = {
        label: {name: value for name in fields if (value := getattr(config, name)) != common[name]}
        for label, config in chosen.items()
    }
    per_class = {label: ClassPeaks(**values) for label, values in own.items() if values}
    return PeakConfig(**common, per_class=per_class)


def _column(scores: Scores, label: str) -> Scores:
    number = scores.classes.index(label)
    return replace(scores, classes=(label,), values=scores.values[:, number : number + 1])


def _step(scores: Scores) -> float:
    return float(np.median(np.diff(scores.times))) if len(scores.times) > 1 else 0.0


def _start(event: Event) -> float:
    return event.start

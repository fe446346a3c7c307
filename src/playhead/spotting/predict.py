"""Prediction: raw scores, then events found in them; does not import torch on a CPU.

Outputs mirror the inputs' relative paths: `X.scores.npz` and `X.events.json`.
"""

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from playhead.config import override, validate
from playhead.decisions.peaks import PeakConfig, find_peaks
from playhead.errors import BundleError, PlayheadError
from playhead.events.formats import native
from playhead.events.games import game_videos, is_games
from playhead.events.model import VideoEvents
from playhead.execution.items import Item, find_items, output_path
from playhead.execution.outcomes import BatchResult, FileOutcome
from playhead.execution.outputs import check_folder
from playhead.execution.runner import SERIAL, Executor, Work, run_items
from playhead.inference.bundle import BundleManifest, InputPlan, load_bundle
from playhead.inference.dense import WindowPlan
from playhead.inference.ensemble import EnsemblePlan, members_of
from playhead.inference.precision import PrecisionChoice
from playhead.inference.runtime import open_backend
from playhead.inference.scores import Scores, write_scores
from playhead.inference.together import WindowModel
from playhead.learning.backends import cuda_factory
from playhead.learning.decoding import choose_decoder
from playhead.learning.settings import Decoder
from playhead.media import Damage, open_video
from playhead.output import counted
from playhead.progress import Progress
from playhead.spotting.config import PredictionConfig
from playhead.spotting.score import score_ensemble, unscored_spans
from playhead.spotting.truth import EVENTS, SCORES

__all__ = [
    "PredictOptions",
    "decide",
    "decisions_with",
    "predict_videos",
    "ranked_peaks",
    "summary",
    "write_decided",
]

LOWEST = 0.01
"""Score of the lowest peak that AP ranks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PredictOptions:
    """How a bundle is run; None uses the value of the bundle's configuration."""

    device: str = "auto"
    threads: int | None = None
    precision: PrecisionChoice | None = None
    every: int | None = None
    flip: bool | None = None
    compile: bool | None = None
    decoder: Decoder | None = None

    def over(self, manifest: BundleManifest) -> PredictionConfig:
        """These options over the bundle's configuration."""
        options = {
            "precision": self.precision,
            "every": self.every,
            "flip": self.flip,
            "compile": self.compile,
            "decoder": self.decoder,
        }
        changes = {name: value for name, value in options.items() if value is not None}
        values = {**manifest.training.get("prediction", {}), **changes}
        return validate(PredictionConfig, values, source="prediction")


def predict_videos(
    bundle_path: Path,
    videos: Sequence[Path],
    out: Path,
    options: PredictOptions,
    *,
    root: Path | None = None,
    resolution: str | None = None,
    executor: Executor = SERIAL,
) -> BatchResult:
    """Write scores and events of every video; a bad file never stops the batch.

    root: the folder whose structure the outputs mirror, by default the deepest common folder
    resolution: of a folder of SoccerNet games, whose halves are predicted once; by default the best
    A video with parts that could not be scored ends `partial`, with their times as the reason.
    """
    check_folder(out)
    items = _items(videos, root, resolution)
    threads = executor.threads(options.threads, len(items))
    work = SpottingWork(bundle_path, replace(options, threads=threads))
    return run_items(items, out, work, task="predicting", executor=executor)


@dataclass(frozen=True, slots=True)
class SpottingWork:
    """The settings of a worker as plain data; `open` loads the bundle in the worker."""

    bundle_path: Path
    options: PredictOptions

    def open(self) -> Work:
        """Load the bundle; BundleError if it is of another kind."""
        bundle, options = load_bundle(self.bundle_path), self.options
        if bundle.manifest.kind not in (WindowPlan.kind, EnsemblePlan.kind):
            raise BundleError(
                f"{self.bundle_path}: is a bundle of {bundle.manifest.job}; "
                f"use `playhead {bundle.manifest.job} predict`"
            )
        models = []
        for member, weight in members_of(bundle):
            config = options.over(member.manifest)
            backend = open_backend(
                member,
                device=options.device,
                threads=options.threads,
                precision=config.precision,
                cuda_factory=cuda_factory(_network, compile_parts=config.compile),
            )
            models.append(
                WindowModel(member.manifest, backend, weight, every=config.every, flip=config.flip)
            )
        decoder = options.over(models[0].manifest).decoder
        return _Predictor(bundle.manifest, tuple(models), decoder).predict


@dataclass(frozen=True, slots=True)
class _Predictor:
    """Predicts one video after another with one model, or with those of an ensemble."""

    manifest: BundleManifest
    models: tuple[WindowModel, ...]
    decoder: Decoder

    def predict(self, path: Path, target: Path, progress: Progress) -> FileOutcome:
        outputs = (output_path(target, SCORES), output_path(target, EVENTS))
        for stale in outputs:  # earlier outputs must not pass for those of a failed run
            stale.unlink(missing_ok=True)
        with open_video(path) as video:
            plans = [model.manifest.plan(WindowPlan) for model in self.models]
            decoding = choose_decoder(video, plans, self.models[0].backend, self.decoder)
            scores = score_ensemble(
                decoding.video, self.manifest, self.models, name=path.name, progress=progress
            )
            problem = _problem(video.damage, scores)
        write_scores(scores, outputs[0])
        native.write(decide(scores), outputs[1])
        notes = () if self.decoder == "pyav" else (decoding.describe(),)
        return FileOutcome(path, "partial" if problem else "ok", outputs, problem, notes)


def decide(scores: Scores, config: PeakConfig | None = None) -> VideoEvents:
    """The events in scores, each at the time of its frame.

    config: by default the post-processing that is recorded in the scores
    """
    config = config or decisions_with(scores.decisions, source=scores.video)
    peaks = find_peaks(scores.times, scores.values, scores.classes, config, scores.frames)
    frames = [event.frame for event in peaks if event.frame is not None]
    points = np.searchsorted(scores.frames, frames)
    starts = scores.frame_times[points].tolist()
    events = tuple(replace(event, start=start) for event, start in zip(peaks, starts, strict=True))
    return VideoEvents(video=scores.video, classes=scores.classes, events=events)


def decisions_with(
    recorded: Mapping[str, Any], settings: Sequence[str] = (), *, source: str
) -> PeakConfig:
    """Recorded decisions with `key=value` settings over them.

    settings: a common value is also for the classes with their own; `per_class.LABEL.key=value` for
        one class
    source: what recorded them, for the error message
    """
    values: dict[str, Any] = deepcopy(dict(recorded))
    for setting in settings:
        override(values, setting)
        own_values = values.get("per_class")
        for own in own_values.values() if isinstance(own_values, dict) else ():
            if isinstance(own, dict):  # a common value is for every class
                own.pop(setting.partition("=")[0].strip(), None)
    return validate(PeakConfig, values, source="the decisions" if settings else source)


def ranked_peaks(scores: Scores) -> VideoEvents:
    """Every peak of scores, also below the minimum height of the decisions: what AP ranks."""
    lowest = decisions_with(scores.decisions, [f"min_height={LOWEST}"], source=scores.video)
    return decide(scores, lowest)


def write_decided(scores: Scores, config: PeakConfig, path: Path) -> None:
    """Write scores with these decisions to X.scores.npz, and their events beside it."""
    decided = replace(scores, decisions=config.model_dump(mode="json"))
    write_scores(decided, path)
    native.write(decide(decided), path.with_name(path.name.removesuffix(SCORES) + EVENTS))


def summary(videos: int, outputs: Sequence[Path], out: Path) -> str:
    """The last line of a command: how many videos, the events found of each class, and where.

    videos: how many were given; outputs: files that were written, of which those of events count

    As in `3 videos (1 failed), 42 events in out: 30 pass, 12 drive, 0 shot; none in 1 video`.
    """
    found = [native.read(path) for path in outputs if path.name.endswith(EVENTS)]
    counts = Counter({label: 0 for video in found for label in video.classes})
    counts.update(event.label for video in found for event in video.events)
    failed = f" ({videos - len(found)} failed)" if len(found) < videos else ""
    line = f"{counted(videos, 'video')}{failed}, {counted(counts.total(), 'event')} in {out}"
    if counts:
        line += ": " + ", ".join(f"{count:,} {label}" for label, count in counts.items())
    empty = sum(not video.events for video in found)
    return line + (f"; none in {counted(empty, 'video')}" if empty else "")


def _items(videos: Sequence[Path], root: Path | None, resolution: str | None) -> list[Item]:
    """The videos to predict; of games, each half in one resolution, and those that are missing."""
    games = [path for path in videos if is_games(path)]
    if resolution is not None and not games:
        raise PlayheadError("--resolution is for folders of SoccerNet games; leave it out")
    if games and root is None:
        folders = [(path if path.is_dir() else path.parent).resolve() for path in videos]
        root = Path(os.path.commonpath(folders))
    files = [game_videos(path, resolution) if path in games else [path] for path in videos]
    return find_items([file for some in files for file in some], root)


def _problem(damage: Sequence[Damage], scores: Scores) -> str | None:
    """The parts of a video that could not be scored, in frames and seconds; None if all were."""
    spans = unscored_spans(scores)
    if not damage and not spans:
        return None
    frames = ", ".join(f"{span.start}-{span.stop - 1}" for span in damage)
    seconds = ", ".join(f"{start:.2f}-{stop:.2f} s" for start, stop in spans)
    lost = f"frames {frames} cannot be decoded; " if frames else ""
    return f"{lost}not scored: {seconds or 'nothing'}"


def _network(manifest: BundleManifest) -> tuple[Any, InputPlan]:
    from playhead.spotting.model import build_from_manifest

    return build_from_manifest(manifest)

"""Prediction: the label of each clip, or spans with labels in long videos; no torch on a CPU.

Outputs mirror the inputs' relative paths: `X.scores.npz`, `X.events.json`, and `X.keypoints.npz`
if they had to be extracted. `labels.csv` lists the answers to all clips.
"""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from playhead.config import validate
from playhead.errors import BundleError, PlayheadError
from playhead.events.formats import native
from playhead.events.formats.keypoints import (
    SUFFIX,
    KeypointFile,
    read_keypoints,
    write_keypoints,
)
from playhead.events.model import Event, VideoEvents
from playhead.execution.items import find_items, is_video, output_path
from playhead.execution.outcomes import BatchResult, FileOutcome
from playhead.execution.outputs import check_folder
from playhead.execution.runner import SERIAL, Executor, Work, run_items
from playhead.files import write_text
from playhead.inference.precision import PrecisionChoice
from playhead.inference.scores import Scores, write_scores
from playhead.media import open_video
from playhead.media.kinds import VIDEO_SUFFIXES
from playhead.progress import Progress
from playhead.recognition.answers import UNKNOWN
from playhead.recognition.networks import ClipNetworks, ClipSource, open_networks
from playhead.recognition.pose.extract import (
    ExtractOptions,
    earlier_keypoints,
    extract_keypoints,
    open_estimator,
)
from playhead.recognition.pose.protocol import PoseEstimator
from playhead.recognition.spans import label_spans, windows_of

__all__ = ["EVENTS", "LABELS", "SCORES", "PredictOptions", "predict_clips"]

EVENTS, SCORES, LABELS = ".events.json", ".scores.npz", "labels.csv"

DEEPEST = 4
"""Folders above a clip that are searched in a folder of keypoints."""

Windows = Literal["auto", "always", "never"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PredictOptions:
    """How a bundle is run.

    keypoints: a folder of keypoints that mirrors the inputs; None: beside them
    windows: `auto` predicts long videos by windows; `always` and `never` all or none
    everyone: answer about every person, not only about the chosen ones
    decisions: over those of the bundle
    """

    device: str = "auto"
    threads: int | None = None
    precision: PrecisionChoice = "fp32"
    keypoints: Path | None = None
    windows: Windows = "auto"
    everyone: bool = False
    decisions: tuple[tuple[str, Any], ...] = ()


def predict_clips(
    bundle: Path,
    clips: Sequence[Path],
    out: Path,
    options: PredictOptions | None = None,
    *,
    executor: Executor = SERIAL,
) -> BatchResult:
    """Write scores and events of every clip, and `labels.csv`; a bad file never stops the batch.

    clips: videos, files of keypoints, and folders of them
    A video in which nobody was found, though the network needs people, ends `failed`.
    Raises PlayheadError if the folder of keypoints is not there.
    """
    check_folder(out)
    options = options or PredictOptions()
    if options.keypoints is not None and not options.keypoints.is_dir():
        raise PlayheadError(f"--keypoints {options.keypoints}: is not a folder; check the name")
    items = find_items(clips, accept=_is_clip, wanted="video or X.keypoints.npz", key=_stem)
    threads = executor.threads(options.threads, len(items))
    work = RecognitionWork(bundle, replace(options, threads=threads))
    result = run_items(items, out, work, task="predicting", executor=executor)
    write_labels(result, out)
    return result


@dataclass(frozen=True, slots=True)
class RecognitionWork:
    """The settings of a worker as plain data; `open` loads the bundle in the worker."""

    bundle: Path
    options: PredictOptions

    def open(self) -> Work:
        """Load the bundle; BundleError if it is of another kind."""
        options = self.options
        networks = open_networks(
            self.bundle,
            device=options.device,
            threads=options.threads,
            precision=options.precision,
            decisions=dict(options.decisions),
        )
        if options.everyone and (not networks.needs_keypoints or networks.people > 1):
            raise BundleError(
                f"{self.bundle}: answers about "
                + ("two people together" if networks.people > 1 else "whole frames")
                + ", so that --everyone cannot tell people apart; leave it out"
            )
        return _Predictor(networks, options).predict


class _Predictor:
    """Predicts one clip after another; the pose estimator is opened when it is first needed."""

    def __init__(self, networks: ClipNetworks, options: PredictOptions) -> None:
        self.networks, self.options = networks, options
        self.extraction: ExtractOptions | None = None
        self.estimator: PoseEstimator | None = None

    def predict(self, path: Path, target: Path, progress: Progress) -> FileOutcome:
        """Write the outputs of one clip."""
        target = _stem(target.with_name(target.name + path.suffix))
        outputs = [output_path(target, SCORES), output_path(target, EVENTS)]
        for stale in outputs:  # earlier outputs must not pass for those of a failed run
            stale.unlink(missing_ok=True)
        if path.name.endswith(SUFFIX):
            file = read_keypoints(path)
            source = ClipSource(str(path), None, file)
            events, scores = self._answers(source, path.name, file.times, file.duration)
        else:
            with open_video(path) as video:
                needed = self.networks.needs_keypoints
                keypoints = self._keypoints(path, target) if needed else None
                extracted = output_path(target, SUFFIX)
                if keypoints is not None and extracted.exists():
                    outputs.append(extracted)
                source = ClipSource(str(path), video, keypoints)
                events, scores = self._answers(source, path.name, video.times, video.duration)
        write_scores(scores, outputs[0])
        native.write(events, outputs[1])
        progress.advance(1)
        return FileOutcome(path, "ok", tuple(outputs))

    def _answers(
        self, source: ClipSource, name: str, times: NDArray[np.float64], end: float
    ) -> tuple[VideoEvents, Scores]:
        networks, decisions = self.networks, self.networks.decisions
        events: list[Event] = []
        rows: list[tuple[float, float]] = []
        values: list[NDArray[np.float64]] = []
        for people, (first, last) in self._who(source, end):
            windows = [(first, last)]
            if self._by_windows(last - first):
                length = networks.seconds
                windows = windows_of(first, last, length, length * decisions.window_step)
            answers = [networks.probabilities(source, people, window) for window in windows]
            track = people[0] if people else None
            events += label_spans(
                windows, np.array(answers), networks.classes, decisions, track=track
            )
            if not rows:  # the scores of a video are those of its first answer
                rows, values = windows, answers
        middles = np.array([(first + last) / 2 for first, last in rows])
        frames = np.searchsorted(times, middles, side="right").clip(1) - 1
        scores = Scores(
            video=name,
            times=middles,
            frames=frames.astype(np.int32),
            frame_times=times[frames],
            classes=networks.classes,
            values=np.array(values, np.float32),
            decisions=decisions.model_dump(),
        )
        classes = (*networks.classes, UNKNOWN)
        return VideoEvents(video=name, classes=classes, events=tuple(events)), scores

    def _who(
        self, source: ClipSource, end: float
    ) -> list[tuple[tuple[int, ...], tuple[float, float]]]:
        """The people that are answered about, and the seconds in which they are seen."""
        file = source.keypoints
        if file is None:
            return [((), (0.0, end))]
        if not file.people:
            raise PlayheadError(f"{source.name}: no person was found in it")
        if self.options.everyone:
            frame = end / max(len(file.times), 1)
            return [
                (
                    (person.track,),
                    (
                        float(file.times[person.frames[0]]),
                        min(float(file.times[person.frames[-1]]) + frame, end),
                    ),
                )
                for person in file.people
                if len(person.frames) > 1
            ]
        chosen = file.chosen or (file.people[0].track,)
        return [(chosen[: self.networks.people], (0.0, end))]

    def _by_windows(self, seconds: float) -> bool:
        match self.options.windows:
            case "always":
                return True
            case "never":
                return False
            case "auto":
                decisions = self.networks.decisions
                return seconds > decisions.long_from * self.networks.seconds

    def _keypoints(self, path: Path, target: Path) -> KeypointFile:
        """Keypoints that are there already, else extracted as for training and written."""
        beside = path.with_name(path.stem + SUFFIX)
        places = [beside]
        if self.options.keypoints is not None:  # it mirrors the inputs, or the folder they are in
            parts = target.parts[-DEEPEST:]
            names = ["/".join(parts[k:]) + SUFFIX for k in range(len(parts))]
            places = [self.options.keypoints / name for name in names]
        for place in places:
            if place.is_file():
                return read_keypoints(place)
        if self.estimator is None:
            values = self.networks.estimator
            if not values:
                raise PlayheadError(
                    f"{path}: has no {beside.name}, and the network learnt from keypoints that "
                    "were made elsewhere; name their folder with --keypoints"
                )
            self.extraction = validate(ExtractOptions, values, source="the bundle's estimator")
            self.estimator = open_estimator(self.extraction, threads=self.options.threads)
        assert self.extraction is not None
        extracted = output_path(target, SUFFIX)
        file = earlier_keypoints(extracted, path, self.extraction)
        if file is None:
            file = extract_keypoints(path, self.extraction, self.estimator)
            write_keypoints(extracted, file)
        return file


def write_labels(result: BatchResult, out: Path) -> None:
    """Write `labels.csv`: a row for each answer, the most probable label and its probability."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("video", "person", "start", "end", "label", "score"))
    for outcome in result.files:
        events = next((path for path in outcome.outputs if path.name.endswith(EVENTS)), None)
        if events is None:
            continue
        name = events.relative_to(out).as_posix().removesuffix(EVENTS)
        for event in native.read(events).events:
            person = "" if event.track is None else event.track
            end = "" if event.end is None else f"{event.end:.3f}"
            row = (name, person, f"{event.start:.3f}", end, event.label, f"{event.score:.3f}")
            writer.writerow(row)
    write_text(out / LABELS, text.getvalue())


def _is_clip(path: Path) -> bool:
    """Whether a file is a video, or keypoints without one."""
    if not path.name.endswith(SUFFIX):
        return is_video(path)
    stem = path.name.removesuffix(SUFFIX)
    return not any(path.with_name(stem + suffix).exists() for suffix in VIDEO_SUFFIXES)


def _stem(path: Path) -> Path:
    """A clip without its suffix: `X` of `X.mp4` and of `X.keypoints.npz`."""
    return path.with_suffix("").with_name(path.stem.removesuffix(".keypoints"))

"""Prediction: the boundary in prepared clips; does not import torch on a CPU."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from playhead.episodes.features.contest import write_answers
from playhead.episodes.features.table import FEATURES, FeatureRow, Features, Part, read_features
from playhead.episodes.network.answers import (
    ANSWER,
    ANSWERS,
    PRESENT,
    BoundaryAnswer,
    read_answer,
    write_answer,
)
from playhead.episodes.network.clips import NAMES, clip_part, seen_part
from playhead.episodes.network.plan import OUTPUTS, BoundaryClipPlan
from playhead.episodes.network.score import score_boundaries
from playhead.errors import BundleError, PlayheadError
from playhead.execution.items import find_items, is_video, output_path, require_paths
from playhead.execution.outcomes import BatchResult, FileOutcome
from playhead.execution.outputs import check_folder
from playhead.execution.runner import SERIAL, Executor, Work, run_items
from playhead.inference.bundle import BundleManifest, InputPlan, load_bundle
from playhead.inference.precision import PrecisionChoice
from playhead.inference.runtime import Backend, open_backend
from playhead.learning.backends import cuda_factory
from playhead.progress import Progress

__all__ = [
    "BoundaryNetwork",
    "PredictOptions",
    "answers_of_rows",
    "measure",
    "open_boundary_network",
    "predict_clips",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class PredictOptions:
    """How a bundle is run."""

    device: str = "auto"
    threads: int | None = None
    precision: PrecisionChoice = "fp32"


@dataclass(frozen=True, slots=True, eq=False)
class BoundaryNetwork:
    """An opened bundle that answers one clip after the other.

    trust: of each kind of boundary the share of validation clips in which the answer was near; a
        half if the bundle does not say
    """

    plan: BoundaryClipPlan
    backend: Backend
    trust: Mapping[str, float]

    def answer(self, clip: Features, part: Part, name: str = "") -> BoundaryAnswer:
        """The answer to a prepared clip of any length; never outside of it.

        part: whether the start or the end is seen of a clip longer than the network's
        """
        arrays, start = seen_part(clip, self.plan, part)
        features: list[NDArray[np.float32]] = []
        for of, values in arrays.items():
            if of == "sound":
                features.append(self.backend.run(of, values[None])[0])
            else:
                features.append(self.backend.run(of, values))
        outputs = self.backend.run("answer", np.concatenate(features, 1)[None])[0]
        seconds, first, presence = outputs[: len(OUTPUTS)].tolist()
        return BoundaryAnswer(
            clip=name,
            seconds=min(start + seconds, clip.seconds),
            first=min(start + first, clip.seconds),
            presence=presence,
            start=start,
            moments=tuple(outputs[len(OUTPUTS) :].tolist()),
        )


def open_boundary_network(path: Path, options: PredictOptions | None = None) -> BoundaryNetwork:
    """Open a bundle. Raises BundleError if it is of another kind."""
    options = options or PredictOptions()
    bundle = load_bundle(path)
    if bundle.manifest.kind != BoundaryClipPlan.kind:
        raise BundleError(
            f"{path}: is a bundle of {bundle.manifest.job}; "
            f"use `playhead {bundle.manifest.job} predict`"
        )
    backend = open_backend(
        bundle,
        device=options.device,
        threads=options.threads,
        precision=options.precision,
        cuda_factory=cuda_factory(_network),
    )
    metrics = bundle.manifest.metrics
    trust = {kind: float(metrics.get(f"{kind}_near_share", 0.5)) for kind in NAMES.values()}
    return BoundaryNetwork(bundle.manifest.plan(BoundaryClipPlan), backend, trust)


def answers_of_rows(
    bundle: Path, rows: Sequence[FeatureRow], folder: Path, options: PredictOptions | None = None
) -> list[BoundaryAnswer]:
    """The answers to clips in `folder`, in their order. Raises LabelError for a broken clip."""
    network = open_boundary_network(bundle, options)
    return [
        network.answer(read_features(folder / row.file), clip_part(row.name), row.name)
        for row in rows
    ]


def measure(answers: Sequence[BoundaryAnswer], rows: Sequence[FeatureRow]) -> dict[str, float]:
    """The scores of answers to labelled clips, see `score_boundaries`, whether present or not.

    Where some clips have no boundary, `presence_accuracy` is the share of clips that are rightly
    said to have one or none.
    """
    labels = [row.label for row in rows]
    parts = [clip_part(row.name) for row in rows]
    metrics = score_boundaries([answer.seconds for answer in answers], labels, parts)
    if None in labels:
        pairs = zip(answers, labels, strict=True)
        right = [(answer.presence >= PRESENT) == (label is not None) for answer, label in pairs]
        metrics["presence_accuracy"] = sum(right) / len(right)
    return metrics


def predict_clips(
    bundle: Path,
    clips: Sequence[Path],
    out: Path,
    options: PredictOptions | None = None,
    *,
    executor: Executor = SERIAL,
) -> BatchResult:
    """Write `X.answer.json` of every prepared clip, and `answers.csv` of all that could be read.

    clips: NPZ files of `prepare`, and folders of them
    The answer is `none` where a network with `presence` says so. A bad file never stops the batch.
    """
    check_folder(out)
    require_paths(clips)
    for clip in clips:
        if is_video(clip):
            raise PlayheadError(
                f"{clip}: is a video; make its features with `playhead episodes prepare` first"
            )
    items = find_items(clips, accept=_is_prepared, wanted="prepared clip (.npz)")
    options = options or PredictOptions()
    threads = executor.threads(options.threads, len(items))
    work = BoundaryWork(bundle, out, replace(options, threads=threads))
    result = run_items(items, out, work, task="predicting", executor=executor)
    written = [path for file in result.files if file.status == "ok" for path in file.outputs]
    answers = [read_answer(path) for path in written]
    write_answers({answer.clip: answer.answer for answer in answers}, out / ANSWERS)
    return result


@dataclass(frozen=True, slots=True)
class BoundaryWork:
    """The settings of a worker as plain data; `open` loads the bundle in the worker."""

    bundle: Path
    out: Path
    options: PredictOptions

    def open(self) -> Work:
        """Load the bundle; BundleError if it is of another kind."""
        network = open_boundary_network(self.bundle, self.options)

        def predict(path: Path, target: Path, progress: Progress) -> FileOutcome:
            output = output_path(target, ANSWER)
            output.unlink(missing_ok=True)  # an earlier one must not pass for that of a failed run
            name = target.relative_to(self.out).as_posix()
            answer = network.answer(read_features(path), clip_part(name), name)
            write_answer(answer, output)
            progress.advance(1)
            return FileOutcome(path, "ok", (output,))

        return predict


def _is_prepared(file: Path) -> bool:
    return file.suffix.lower() == FEATURES


def _network(manifest: BundleManifest) -> tuple[Any, InputPlan]:
    from playhead.episodes.network.model import build_from_manifest

    return build_from_manifest(manifest)

"""Several trainings as one: networks and folds side by side, fused into one bundle.

A run of one network on one fold is a plain run folder. Otherwise every network and fold has a
folder of its own below it, and `bundle/` and `answers.npz` of the run are those of the fusion.
"""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from playhead.errors import LabelError
from playhead.inference.bundle import note_in_bundle
from playhead.learning.run import TrainResult
from playhead.recognition.answers import (
    ANSWERS,
    joined,
    read_answers,
    write_answers,
)
from playhead.recognition.clips import Clip
from playhead.recognition.config import RecognitionConfig
from playhead.recognition.data import load_clips
from playhead.recognition.evaluate import Evaluation, evaluate_answers
from playhead.recognition.fusion import (
    FusedBundle,
    aligned,
    cross_fitted,
    find_weights,
    fuse,
    write_fusion,
)
from playhead.recognition.train import train_recognition

__all__ = ["ModelResult", "RunsResult", "fuse_runs", "runs_by_name", "train_models"]


@dataclass(frozen=True, slots=True, eq=False)
class ModelResult:
    """A network, or the fusion, measured on clips that it was not trained on."""

    name: str
    evaluation: Evaluation
    weight: float | None = None

    def row(self) -> dict[str, Any]:
        """A row of the table."""
        evaluation = self.evaluation
        interval = evaluation.intervals.get("macro_f1")
        return {
            "model": self.name,
            "macro_f1": evaluation.result.macro_f1,
            "interval": "" if interval is None else f"{interval.low:.3f} to {interval.high:.3f}",
            "top1": evaluation.result.top1,
            "clips": len(evaluation.answers.clips),
            "weight": "" if self.weight is None else round(self.weight, 2),
        }


@dataclass(frozen=True, slots=True, eq=False)
class RunsResult:
    """The result of all trainings of a run.

    runs: the run folders, by network and fold
    clips: all clips, by name
    """

    run: Path
    bundle: Path
    models: tuple[ModelResult, ...]
    runs: Mapping[str, Path] = field(default_factory=dict)
    clips: Mapping[str, Clip] = field(default_factory=dict)
    seconds: float = 0.0

    @property
    def best(self) -> ModelResult | None:
        """The fusion if there is one, else the only network; None if all clips trained it."""
        return self.models[-1] if self.models else None

    def to_json(self) -> dict[str, Any]:
        """As a plain mapping."""
        document: dict[str, Any] = {"job": "recognition"}
        if self.best is not None:
            document = self.best.evaluation.to_json()
        models = {
            model.name: {**model.evaluation.metrics, "weight": model.weight}
            for model in self.models
        }
        return {
            **document,
            "run": str(self.run),
            "bundle": str(self.bundle),
            "models": models,
            "seconds": self.seconds,
        }


def train_models(
    configs: Mapping[str, RecognitionConfig],
    folder: Path,
    *,
    folds: Sequence[int],
    resume: bool = False,
    device: str = "auto",
) -> RunsResult:
    """Train each network on each fold, and fuse them if there are several.

    configs: by the name of the network, all of the same clips
    folds: validation folds; with more than one the answers of all are pooled
    Raises PlayheadError before training if clips, keypoints or weights cannot be used.
    """
    runs: dict[str, list[Path]] = {}
    seconds = 0.0
    single = len(configs) * len(folds) == 1
    on_all = any(config.data.train_on_all for config in configs.values())
    if on_all and not single:
        raise LabelError(
            "data.train_on_all leaves no clip on which several networks could be fused; train each "
            "alone"
        )
    data = load_clips(next(iter(configs.values())).data)
    for note in data.notes:
        print(f"playhead: {note}", file=sys.stderr)
    for name, config in configs.items():
        for fold in folds:
            path = folder
            if not single:
                path = folder / name / f"fold-{fold}" if len(folds) > 1 else folder / name
            of_fold = config.data.model_copy(update={"fold": fold})
            if not single:
                which = f", fold {fold + 1} of {len(folds)}" if len(folds) > 1 else ""
                print(f"playhead: training {name}{which}", file=sys.stderr)
            result: TrainResult = train_recognition(
                config.model_copy(update={"data": of_fold}),
                path,
                resume=resume and (path / "config.yaml").is_file(),
                device=device,
            )
            runs.setdefault(name, []).append(path)
            seconds += result.fitted.seconds
    models: tuple[ModelResult, ...]
    if on_all:
        models = ()
    elif single:
        [(name, [path])] = runs.items()
        models = (ModelResult(name, evaluate_answers(read_answers(path / ANSWERS))),)
    else:
        models = fuse_runs(runs, folder)
    named = {
        f"{name}, fold {k + 1}" if len(paths) > 1 else name: path
        for name, paths in runs.items()
        for k, path in enumerate(paths)
    }
    clips = {clip.name: clip for clip in data.clips}
    return RunsResult(folder, folder / "bundle", models, named, clips, seconds)


def runs_by_name(folders: Sequence[Path]) -> dict[str, list[Path]]:
    """The runs of each network: a run folder, or one with `fold-0`, `fold-1` and so on below.

    Raises LabelError for a folder that is neither, or two networks of one name.
    """
    runs: dict[str, list[Path]] = {}
    for folder in folders:
        folds = sorted(path for path in folder.glob("fold-*") if (path / ANSWERS).is_file())
        paths = folds or ([folder] if (folder / ANSWERS).is_file() else [])
        if not paths:
            raise LabelError(f"{folder}: is not a run folder of recognition; it has no {ANSWERS}")
        if folder.name in runs:
            raise LabelError(f"{folder}: two runs are named {folder.name}; rename one of them")
        runs[folder.name] = paths
    if len(runs) < 2:
        raise LabelError("a fusion needs at least two runs")
    return runs


def fuse_runs(runs: Mapping[str, Sequence[Path]], out: Path) -> tuple[ModelResult, ...]:
    """Fuse networks, write `bundle/` and `answers.npz` to `out`, and measure each and the fusion.

    runs: by name of the network the runs of its folds
    The fusion is measured with weights that were found on other groups.
    """
    parts = {
        name: joined([read_answers(path / ANSWERS) for path in paths])
        for name, paths in runs.items()
    }
    held = dict(zip(parts, aligned(list(parts.values())), strict=True))
    weights = np.ones(1) if len(held) == 1 else find_weights(list(held.values()))
    shares = dict(zip(held, (weights / weights.sum()).tolist(), strict=True))
    fused = fuse(list(held.values()), weights)
    members = [
        FusedBundle(f"{name}-{k + 1}" if len(paths) > 1 else name, path / "bundle", share)
        for name, paths in runs.items()
        for share in [shares[name] / len(paths)]
        for k, path in enumerate(paths)
    ]
    write_fusion(members, fused, out / "bundle")
    models = [
        ModelResult(name, evaluate_answers(answers), shares[name] if len(held) > 1 else None)
        for name, answers in held.items()
    ]
    if len(held) > 1:
        measured = cross_fitted(list(held.values()))
        write_answers(measured, out / ANSWERS)
        models.append(ModelResult("fusion", evaluate_answers(measured)))
    else:
        write_answers(fused, out / ANSWERS)
    note_in_bundle(out / "bundle", metrics=models[-1].evaluation.metrics)
    return tuple(models)

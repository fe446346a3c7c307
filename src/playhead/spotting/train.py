"""Training: from a configuration to a run folder with a bundle, validation scores and a report."""

import hashlib
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml
from numpy.typing import NDArray
from torch import Tensor, nn

from playhead.errors import PlayheadError
from playhead.events.manifest import ManifestRow
from playhead.events.model import VideoEvents
from playhead.execution.batch import FileOutcome
from playhead.files import write_text
from playhead.inference.bundle import note_in_bundle
from playhead.inference.dense import WindowPlan
from playhead.inference.scores import read_scores
from playhead.learning.checkpoint import checkpoint_path, prepare_folder
from playhead.learning.device import training_device
from playhead.learning.export import export_bundle
from playhead.learning.kept import kept_weights, logged_metrics
from playhead.learning.losses import classification_loss
from playhead.learning.state import load_weights
from playhead.learning.training import FitResult, fit
from playhead.metrics.window_map import window_map
from playhead.samples.dataset import LabelledVideos, TrainingWindows, ValidationWindows
from playhead.samples.loader import batches
from playhead.samples.transforms import Augmentation
from playhead.spotting.config import SpottingConfig, load_spotting_config
from playhead.spotting.data import label_rows, load_videos, split_rows
from playhead.spotting.evaluate import measure, pair_events
from playhead.spotting.model import build_model
from playhead.spotting.predict import PredictOptions, predict_videos
from playhead.spotting.reporting import read_scores_of, report_of
from playhead.spotting.truth import SCORES, pair_videos, read_predictions

__all__ = ["TrainResult", "export_run", "train_spotting"]

Batch = dict[str, Tensor]


@dataclass(frozen=True, slots=True)
class TrainResult:
    """What a training run left: where, and how good it is on the validation videos.

    files: how the closing prediction of each validation video ended.
    """

    run: Path
    bundle: Path
    report: Path
    metrics: dict[str, float]
    fitted: FitResult
    files: tuple[FileOutcome, ...]

    def to_json(self) -> dict[str, Any]:
        """As a plain mapping."""
        return {
            "job": "spotting",
            "run": str(self.run),
            "bundle": str(self.bundle),
            "report": str(self.report),
            "metrics": self.metrics,
            "best_epoch": self.fitted.best_epoch,
            "seconds": self.fitted.seconds,
            "files": [file.to_json() for file in self.files],
        }

    def describe(self) -> str:
        """A few lines for a person."""
        bad = [f"{one.path}: {one.status}: {one.reason}\n" for one in self.files if one.reason]
        return "".join(bad) + (
            f"validation mAP@1 {self.metrics['map@1']:.3f}, best epoch {self.fitted.best_epoch}, "
            f"{self.fitted.seconds:.0f} s of training\n"
            f"bundle  {self.bundle}\nreport  {self.report}"
        )


def train_spotting(
    config: SpottingConfig, run: Path, *, resume: bool = False, device: str = "auto"
) -> TrainResult:
    """Train, keep the best weights, export them, predict and report on the validation videos.

    Raises PlayheadError for labels, videos or weights that cannot be used, before any training.
    """
    if resume and not run.is_dir():
        raise PlayheadError(f"{run}: there is no run to resume; leave --resume out to begin one")
    prepare_folder(run, resume=resume)
    train_rows, valid_rows = split_rows(config.data)
    training, train_truth = load_videos(train_rows, config)
    validation, truth = load_videos(valid_rows, config)
    chosen = training_device(device)
    torch.manual_seed(config.training.seed)
    model = build_model(config.model, len(config.data.classes), config.window)
    begun = checkpoint_path(run).exists()  # a run that goes on has its weights in there
    start = None
    if config.start is not None and not begun:
        weights = config.start.weights
        report = load_weights(model, weights, strict=config.start.strict)
        print(f"playhead: {report.describe(weights)}", file=sys.stderr)
        start = report.to_json(weights)
    hard_scores = _hard_scores(train_rows, training, config.hard_scores)
    samples = TrainingWindows(
        training,
        length=config.samples_per_epoch,
        seed=config.training.seed,
        sampling=config.sampling,
        shift=config.shift,
        transform=Augmentation(config.augmentation),
        scores=hard_scores,
    )
    checks = ValidationWindows(validation)
    document = config.model_dump(mode="json")
    if not begun:  # else the run was begun with the one that is there
        write_text(run / "config.yaml", yaml.safe_dump(document, sort_keys=False))
    fitted = fit(
        model,
        samples,
        config.training,
        run,
        loss=_loss(config),
        validate=_validation(checks, config, chosen),
        resume=resume,
        device=chosen,
        identity=document,
        data={
            "train": label_rows(train_rows, train_truth),
            "valid": label_rows(valid_rows, truth),
            "hard_scores": (
                "" if one is None else hashlib.sha256(one.tobytes()).hexdigest()
                for one in hard_scores or ()
            ),
        },
        start=start,
    )
    _export(model, config, run / "bundle", {**fitted.metrics, "epoch": fitted.best_epoch})
    videos = [row.video for row in valid_rows]
    return _finish(run, fitted, videos, truth, PredictOptions(device=device))


def export_run(run: Path, out: Path, *, epoch: int | None = None) -> Path:
    """Make a bundle of a run's best weights, or of an epoch that was kept; its folder."""
    config = load_spotting_config(run / "config.yaml")
    model = build_model(config.model.without_start(), len(config.data.classes), config.window)
    load_weights(model, kept_weights(run, epoch))
    _export(model, config, out, logged_metrics(run, epoch))
    return out


def _finish(
    run: Path,
    fitted: FitResult,
    videos: Sequence[Path],
    truth: Sequence[VideoEvents],
    options: PredictOptions,
) -> TrainResult:
    """Predict the validation videos as a user would, measure, report.

    Scores keep the folder of their video, since matches are often all named 720p.mp4.
    """
    bundle, scores = run / "bundle", run / "scores"
    root = Path(os.path.commonpath([video.parent.parent for video in videos]))
    predicted = predict_videos(bundle, videos, scores, options, root=root)
    real, made = pair_events(truth, read_predictions(scores))
    result = measure(real, made)
    note_in_bundle(bundle, metrics=result.metrics)
    report = report_of(real, made, read_scores_of(scores, real), run / "report.html", run=run)
    return TrainResult(run, bundle, report, result.metrics, fitted, predicted.files)


def _export(
    model: nn.Module, config: SpottingConfig, folder: Path, metrics: dict[str, Any]
) -> None:
    plan = WindowPlan(window=config.window, rate=config.data.rate, size=config.data.size)
    export_bundle(
        model,
        folder,
        job="spotting",
        classes=config.data.classes,
        plan=plan,
        post_processing=config.decisions.model_dump(),
        metrics=metrics,
        training=_published(config),
    )


def _published(config: SpottingConfig) -> dict[str, Any]:
    """The configuration without the folders of the machine it was trained on."""
    document = config.model_dump(mode="json")
    if config.data.manifest is not None:
        document["data"]["manifest"] = config.data.manifest.name
    if config.start is not None:
        document["start"]["weights"] = config.start.weights.name
    if config.hard_scores is not None:
        document["hard_scores"] = config.hard_scores.name
    if config.model.weights is not None:
        document["model"]["weights"] = Path(config.model.weights).name
    return document


def _loss(config: SpottingConfig) -> Callable[[nn.Module, Batch], Tensor]:
    def loss(model: nn.Module, batch: Batch) -> Tensor:
        logits: Tensor = model(batch["luma"].float() / 255)
        return classification_loss(logits, batch["target"], config.loss)

    return loss


def _validation(
    checks: ValidationWindows, config: SpottingConfig, device: torch.device
) -> Callable[[nn.Module, int], dict[str, float]]:
    """Average precision over the validation windows, the mean of the classes that have any."""

    def validate(model: nn.Module, epoch: int) -> dict[str, float]:
        scores, truth = [], []
        loader = batches(
            checks, batch_size=config.training.batch_size, seed=0, epoch=epoch, workers=0
        )
        for batch in loader:
            logits = model(batch["luma"].to(device).float() / 255)
            scores.append(torch.sigmoid(logits).float().cpu().numpy())
            truth.append(batch["target"].numpy())
        return {"window_map": window_map(np.concatenate(scores), np.concatenate(truth))}

    return validate


def _hard_scores(
    rows: Sequence[ManifestRow], videos: LabelledVideos, folder: Path | None
) -> list[NDArray[np.float32] | None] | None:
    """Saved out-of-fold scores on each video's grid; a video that has none is drawn evenly.

    Raises PlayheadError for a folder without scores of any video, or scores on another grid.
    """
    if folder is None:
        return None
    files = sorted(folder.rglob(f"*{SCORES}"))
    names = [str(path.relative_to(folder))[: -len(SCORES)] for path in files]
    places = pair_videos([row.video.as_posix() for row in rows], names)
    if all(place is None for place in places):
        raise PlayheadError(
            f"{folder}: holds no {SCORES} of any training video; predict them first"
        )
    found = [None if place is None else read_scores(files[place]) for place in places]
    for scores, grid in zip(found, videos.grids, strict=True):
        if scores is not None and len(scores.times) != len(grid):
            raise PlayheadError(
                f"{folder}: scores of {scores.video} have {len(scores.times)} grid points, the "
                f"configuration's grid has {len(grid)}; predict them at the same rate"
            )
    return [None if scores is None else scores.values for scores in found]

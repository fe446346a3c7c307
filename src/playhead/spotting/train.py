"""Training of a spotting model: from a configuration to a run folder with bundle and report."""

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from playhead.inference.bundle import note_in_bundle
from playhead.inference.dense import WindowPlan
from playhead.learning.log import read_rows
from playhead.learning.losses import classification_loss
from playhead.learning.run import Rebuilt, TrainingRun, TrainResult
from playhead.learning.run import export_run as export_run_of
from playhead.learning.state import load_weights
from playhead.learning.training import FitResult
from playhead.metrics.window_map import window_map
from playhead.samples.dataset import TrainingWindows, ValidationWindows
from playhead.samples.folds import split_manifest
from playhead.samples.loader import batches
from playhead.samples.transforms import Augmentation
from playhead.spotting.advice import advise
from playhead.spotting.check import check_sides, refuse
from playhead.spotting.config import SpottingConfig, load_spotting_config
from playhead.spotting.data import hard_scores, label_rows, load_videos
from playhead.spotting.evaluate import evaluate_videos, pair_events
from playhead.spotting.findings import Finding
from playhead.spotting.labelled import Side, read_labels
from playhead.spotting.model import build_model
from playhead.spotting.predict import PredictOptions, predict_videos
from playhead.spotting.report import report_of
from playhead.spotting.stages.seen import refuse_seen, seen_of, write_seen
from playhead.spotting.truth import read_predictions, read_scores_of
from playhead.spotting.tune import tune_run

__all__ = ["export_run", "train_spotting"]


def train_spotting(
    config: SpottingConfig,
    folder: Path,
    *,
    resume: bool = False,
    device: str = "auto",
    skip_bad: bool = False,
) -> TrainResult:
    """Train, export the best weights, predict the validation videos and report on them.

    skip_bad: leave out videos that cannot be used, and list them
    Raises PlayheadError before training if labels, videos or weights cannot be used, or for what
    makes training pointless (see `check`).
    """
    run = TrainingRun(folder, config, resume=resume, device=device)
    data = config.data
    train_rows, valid_rows = split_manifest(
        data.manifest, folds=data.folds, fold=data.fold, videos=data.videos, games=data.games
    )
    train, valid = read_labels(train_rows, config), read_labels(valid_rows, config)
    findings = check_sides(config, train, valid, skip_bad=skip_bad)
    refuse(findings)
    for finding in findings:
        run.say(f"warning: {finding.describe()}")
    start_weights = None if config.start is None else config.start.weights
    seen = seen_of(train.rows, valid.rows, start_weights)
    refuse_seen(seen, start_weights)
    training, validation = load_videos(train, config), load_videos(valid, config)
    hard = hard_scores(train.rows, training, config.hard_scores)
    model = build_model(config.model, len(config.data.classes), config.window)
    start = None
    if config.start is not None and not run.begun:  # a resumed run has its own weights
        loaded = load_weights(model, config.start.weights, strict=config.start.strict)
        run.say(loaded.describe(config.start.weights))
        start = loaded.to_json(config.start.weights)
    if not run.begun:
        write_seen(seen, run.folder)
    samples = TrainingWindows(
        training,
        length=config.samples_per_epoch,
        seed=config.training.seed,
        sampling=config.sampling,
        shift=config.shift,
        transform=Augmentation(config.augmentation),
        scores=hard,
    )
    checks = ValidationWindows(validation, empty_seconds=config.target_seconds)
    batch_size = config.training.batch_size

    def loss(model: nn.Module, batch: dict[str, Tensor]) -> Tensor:
        logits: Tensor = model(batch["frames"].float() / 255)
        return classification_loss(logits, batch["target"], config.loss)

    def validate(model: nn.Module, epoch: int) -> dict[str, float]:
        """The mean AP over the validation windows, of the classes that have events."""
        scores, targets = [], []
        for batch in batches(checks, batch_size=batch_size, seed=0, epoch=epoch, workers=0):
            logits = model(batch["frames"].to(run.device).float() / 255)
            scores.append(torch.sigmoid(logits).float().cpu().numpy())
            targets.append(batch["target"].numpy())
        return {"window_map": window_map(np.concatenate(scores), np.concatenate(targets))}

    fitted = run.fit(
        model,
        samples,
        loss=loss,
        validate=validate,
        data={
            "train": label_rows(train.rows, train.truth),
            "valid": label_rows(valid.rows, valid.truth),
            "hard_scores": (
                "" if values is None else hashlib.sha256(values.tobytes()).hexdigest()
                for values in hard or ()
            ),
        },
        start=start,
    )
    run.export(model, _plan(config), config.data.classes, fitted)
    return _predict_validation(run, fitted, train, valid, findings, device=device)


def _predict_validation(
    run: TrainingRun[SpottingConfig],
    fitted: FitResult,
    train: Side,
    valid: Side,
    findings: Sequence[Finding],
    *,
    device: str,
) -> TrainResult:
    """Predict the validation videos as `spotting predict` does, tune, evaluate and report.

    Scores keep the folder of their video, since matches are often all named 720p.mp4.
    """
    folder, config = run.folder / "scores", run.config
    root = Path(os.path.commonpath([video.parent.parent for video in valid.paths]))
    predicted = predict_videos(
        run.bundle, valid.paths, folder, PredictOptions(device=device), root=root
    )
    tuned = tune_run(run.bundle, folder, valid.truth, config)
    truth, predictions = pair_events(valid.truth, read_predictions(folder))
    scores = read_scores_of(folder, truth)
    evaluation = evaluate_videos(truth, predictions, scores)
    note_in_bundle(run.bundle, metrics=evaluation.metrics)
    rows = read_rows(run.folder / "log.jsonl")
    advice = advise(config, truth, scores, rows, tuned=tuned, trained=train.counts())
    page = run.folder / "report.html"
    return TrainResult(
        job="spotting",
        run=run.folder,
        bundle=run.bundle,
        report=report_of(truth, predictions, scores, page, run=run.folder, evaluation=evaluation),
        metrics=evaluation.metrics,
        fitted=fitted,
        summary=evaluation.describe(),
        details={
            "chance": dict(evaluation.chance),
            "headline": evaluation.headline.to_json(),
            "files": [file.to_json() for file in predicted.files],
            "tuned": tuned.to_json(),
            "findings": [finding.to_json() for finding in findings],
            "advice": [finding.to_json() for finding in advice],
            "left_out": [
                {"path": str(video.row.video), "reason": video.reason}
                for video in (*train.bad, *valid.bad)
            ],
        },
        notes=(
            *(f"left out {video.row.name}: {video.reason}" for video in (*train.bad, *valid.bad)),
            *(f"{f.path}: {f.status}: {f.reason}" for f in predicted.files if f.reason),
            *tuned.lines(),
        ),
        files=predicted.files,
        advice=tuple(finding.describe() for finding in advice),
    )


def export_run(run: Path, out: Path, *, epoch: int | None = None, compact: bool = False) -> Path:
    """Export a bundle of a run's best weights, or of a kept epoch; returns its folder."""

    def rebuild(path: Path) -> Rebuilt:
        config = load_spotting_config(path)
        classes = config.data.classes
        model = build_model(config.model.without_start(), len(classes), config.window)
        return Rebuilt(model, config, _plan(config), classes)

    return export_run_of(run, out, epoch=epoch, compact=compact, rebuild=rebuild)


def _plan(config: SpottingConfig) -> WindowPlan:
    data = config.data
    return WindowPlan(
        window=config.window,
        rate=data.rate,
        size=data.size,
        fit=data.fit,
        pixels=config.model.pixels,
    )

"""Training of a collision network: from a configuration to a run folder with a bundle."""

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from playhead.errors import LabelError
from playhead.events.manifest import ManifestRow
from playhead.impact.config import ImpactConfig, load_impact_config, task_of
from playhead.impact.data import load_training_data, split_rows
from playhead.impact.evaluate import evaluate_truth, truth_of
from playhead.impact.helmets.train import rebuild_helmets
from playhead.impact.loss import collision_loss
from playhead.impact.mining import mine_hard_negatives
from playhead.impact.model import (
    CollisionNetwork,
    I3DCollisionNetwork,
    as_input,
    build_collision_network,
)
from playhead.impact.predict import PredictOptions, decide_again, plays_in, predict_plays
from playhead.impact.report import report_of
from playhead.impact.samples import TrainingFrames, TrainingPatches, ValidationFrames
from playhead.impact.tracked.train import rebuild_tracked
from playhead.impact.tune import QUICK, tune_truth
from playhead.impact.views import views_of_manifest
from playhead.inference.bundle import note_in_bundle
from playhead.learning.i3d_weights import load_i3d
from playhead.learning.run import Rebuilt, TrainingRun, TrainResult
from playhead.learning.run import export_run as export_run_of
from playhead.learning.state import load_weights
from playhead.learning.training import FitResult, Samples
from playhead.metrics.window_map import window_map
from playhead.samples.loader import batches

__all__ = ["export_run", "grid_metrics", "train_impact"]


def train_impact(
    config: ImpactConfig, folder: Path, *, resume: bool = False, device: str = "auto"
) -> TrainResult:
    """Train, export the best weights, and predict, tune and evaluate on the validation plays.

    Raises PlayheadError before training if labels, videos or weights cannot be used.
    """
    run = TrainingRun(folder, config, resume=resume, device=device)
    config = run.config
    rows = split_rows(config.data)
    try:  # what could not be predicted after the training
        views_of_manifest([row for side in rows for row in side])
    except LabelError as error:
        raise LabelError(f"{config.data.manifest}: {error}") from error
    data = load_training_data(rows, config.data, impact_frames=config.impact_frames)
    network = build_collision_network(config.network)
    # A resumed run has its own weights.
    start = None if run.begun else _load_initial_weights(run, network)
    samples: Samples
    match config.stage:
        case "patches":
            samples = TrainingPatches(data.train, config, mine=mine_hard_negatives)
        case "frames":
            samples = TrainingFrames(data.train, config)
    checks = ValidationFrames(data.valid, config)

    def loss(model: nn.Module, batch: dict[str, Tensor]) -> Tensor:
        target = batch["target"].flatten(0, -4)  # patches of several windows: B, K, 6, h, w
        return collision_loss(model(as_input(batch["clip"], network.colours)), target, config.loss)

    def validate(model: nn.Module, epoch: int) -> dict[str, float]:
        """The metrics of `grid_metrics` over whole frames, one at a time."""

        def grid(clips: Tensor) -> Tensor:
            pixels = as_input(clips.to(run.device), network.colours)
            return torch.sigmoid(model(pixels).float())

        return grid_metrics(
            (grid(batch["clip"]), batch["target"])
            for batch in batches(checks, batch_size=1, seed=0, epoch=epoch)
        )

    fitted = run.fit(
        network,
        samples,
        loss=loss,
        validate=validate,
        data=data.lines,
        start=start,
    )
    run.export(network, config.plan, (config.data.label,), fitted)
    return _predict_validation(run, fitted, data.valid_rows, device)


def _load_initial_weights(
    run: TrainingRun[ImpactConfig], model: CollisionNetwork
) -> dict[str, Any] | None:
    """Load `network.weights` and then `start`; returns what was loaded, for the log."""
    config, rows = run.config, []
    if config.network.weights is not None and isinstance(model, I3DCollisionNetwork):
        path = Path(config.network.weights)
        loaded = load_i3d(model.backbone, path, colours=model.colours)
        run.say(f"backbone: {loaded.describe(path)}")
        rows.append({"backbone": loaded.to_json(path)})
    if config.start is not None:
        path = config.start.file
        loaded = load_weights(model, path, strict=config.start.strict)
        run.say(loaded.describe(path))
        rows.append(loaded.to_json(path))
    return {name: value for row in rows for name, value in row.items()} or None


def _predict_validation(
    run: TrainingRun[ImpactConfig], fitted: FitResult, rows: Sequence[ManifestRow], device: str
) -> TrainResult:
    """Predict the validation plays, tune the decisions on them for the bundle, and report.

    The metrics are those of the plays that the decisions were tuned on.
    """
    folder = run.folder / "predictions"
    root = Path(os.path.commonpath([row.video.parent for row in rows]))
    threads = run.config.training.threads
    options = PredictOptions(device=device, threads=threads)
    predicted = predict_plays([run.bundle], plays_in(rows, root), folder, options)
    truth = truth_of(rows)
    warning, basis = None, "with the decisions tuned on the same plays"
    try:
        target = run.folder / "decisions.yaml"
        tuned = tune_truth(folder, truth, target, bundle=run.bundle, space=QUICK)
    except LabelError as error:  # too few plays or impacts to tune on: the configured ones stay
        warning, basis = f"the decisions were not tuned: {error}", "with the configured decisions"
    else:
        warning = tuned.warning
        decide_again(folder, folder, decisions=tuned.decisions)
    evaluation = evaluate_truth(truth, folder)
    report = report_of(
        truth, folder, run.folder / "report.html", title="Validation plays", run=run.folder
    )
    metrics = {name: float(value) for name, value in evaluation.to_json()["metrics"].items()}
    note_in_bundle(run.bundle, metrics=metrics)
    problems = (f"{file.path}: {file.status}: {file.reason}" for file in predicted.files)
    return TrainResult(
        job="impact",
        run=run.folder,
        bundle=run.bundle,
        report=report,
        metrics=metrics,
        fitted=fitted,
        summary=f"F1 {metrics['f1']:.3f} (precision {metrics['precision']:.3f}, recall "
        f"{metrics['recall']:.3f}), {basis}",
        details={
            "files": [file.to_json() for file in predicted.files],
        },
        notes=tuple(
            text for text, file in zip(problems, predicted.files, strict=True) if file.reason
        )
        + ((warning,) if warning else ()),
        files=predicted.files,
    )


def grid_metrics(grids: Iterable[tuple[Tensor, Tensor]]) -> dict[str, float]:
    """Average precisions of grids: of the impacts of true helmets, and of the centres of helmets.

    grids: pairs of probabilities and targets, (B, 6, h, w) each
    `impact_ap` ranks the cells that hold a helmet by their impact, so a missed helmet does not
    count; `centre_ap` ranks all cells. Each is 0 without a positive.
    """
    columns: dict[str, list[np.ndarray]] = {"impact": [], "is": [], "centre": [], "held": []}
    for scores, targets in grids:
        values, truth = scores.cpu().numpy(), targets.cpu().numpy()
        held = truth[:, 0] > 0
        columns["impact"].append(values[:, 5][held])
        columns["is"].append(truth[:, 5][held] == 1)  # not what is labelled beside an impact
        columns["centre"].append(values[:, 0].ravel())
        columns["held"].append(truth[:, 0].ravel())
    joined = {name: np.concatenate(parts)[:, None] for name, parts in columns.items()}
    return {
        "impact_ap": window_map(joined["impact"], joined["is"]),
        "centre_ap": window_map(joined["centre"], joined["held"]),
    }


def export_run(run: Path, out: Path, *, epoch: int | None = None, compact: bool = False) -> Path:
    """Export a bundle of a run's best weights, or of a kept epoch; returns its folder."""

    def rebuild(path: Path) -> Rebuilt:
        match task_of(path):
            case "helmets":
                return rebuild_helmets(path)
            case "tracks":
                return rebuild_tracked(path)
            case "collisions":
                config = load_impact_config(path)
                model = build_collision_network(config.network)
                return Rebuilt(model, config, config.plan, (config.data.label,))

    return export_run_of(run, out, epoch=epoch, compact=compact, rebuild=rebuild)

"""Training of a network of tracked helmets: from a configuration to a run folder with a bundle."""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from playhead.impact.data import load_training_data, split_rows
from playhead.impact.model import as_input
from playhead.impact.tracked.config import TrackedConfig, load_tracked_config
from playhead.impact.tracked.model import TrackedNetwork
from playhead.impact.tracked.samples import TrackedClips, ValidationClips
from playhead.learning.losses import classification_loss
from playhead.learning.run import Rebuilt, TrainingRun, TrainResult
from playhead.metrics.window_map import window_map
from playhead.samples.loader import batches

__all__ = ["rebuild_tracked", "train_tracked"]

VALIDATION_BATCH = 64


def train_tracked(
    config: TrackedConfig, folder: Path, *, resume: bool = False, device: str = "auto"
) -> TrainResult:
    """Train and export the best weights.

    The metric `impact_ap` is the average precision of the impact over the helmets of annotated
    tracks, each in every frame.
    Raises PlayheadError before training if labels or videos cannot be used.
    """
    run = TrainingRun(folder, config, resume=resume, device=device)
    config = run.config
    rows = split_rows(config.data)
    data = load_training_data(rows, config.data, impact_frames=config.impact_frames)
    samples, checks = TrackedClips(data.train, config), ValidationClips(data.valid, config)
    network = TrackedNetwork(config.network, config.plan)

    def logits(model: nn.Module, batch: dict[str, Tensor]) -> Tensor:
        crops = as_input(batch["crops"], config.plan.channels) if "crops" in batch else None
        found: Tensor = model(crops, batch.get("motion"))
        return found

    def loss(model: nn.Module, batch: dict[str, Tensor]) -> Tensor:
        return classification_loss(logits(model, batch), batch["impact"], config.loss)

    def validate(model: nn.Module, epoch: int) -> dict[str, float]:
        scores, truth = [], []
        for batch in batches(checks, batch_size=VALIDATION_BATCH, seed=0, epoch=epoch):
            on_device = {name: values.to(run.device) for name, values in batch.items()}
            scores.append(torch.sigmoid(logits(model, on_device).float()).cpu().numpy())
            truth.append(batch["impact"].numpy())
        return {"impact_ap": window_map(np.concatenate(scores), np.concatenate(truth))}

    fitted = run.fit(
        network,
        samples,
        loss=loss,
        validate=validate,
        data=data.lines,
    )
    run.export(network, config.plan, (config.data.label,), fitted)
    return TrainResult(
        job=config.job,
        run=run.folder,
        bundle=run.bundle,
        report=None,
        metrics=fitted.metrics,
        fitted=fitted,
        summary=f"average precision of impacts of tracked helmets "
        f"{fitted.metrics['impact_ap']:.3f}",
        details={"clips": {"train": len(samples), "valid": len(checks)}},
    )


def rebuild_tracked(path: Path) -> Rebuilt:
    """The network of a run's config.yaml with random weights, for its export."""
    config = load_tracked_config(path)
    network = TrackedNetwork(config.network, config.plan)
    return Rebuilt(network, config, config.plan, (config.data.label,))

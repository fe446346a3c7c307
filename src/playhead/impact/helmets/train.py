"""Training of a helmet network: from a configuration to a run folder with a bundle."""

from pathlib import Path

import torch
from torch import Tensor, nn

from playhead.impact.data import load_training_data, split_rows
from playhead.impact.helmets.config import HelmetConfig, load_helmet_config
from playhead.impact.helmets.model import build_helmet_network
from playhead.impact.helmets.peaks import centre_metrics
from playhead.impact.helmets.samples import HelmetSamples, ValidationImages
from playhead.impact.loss import helmet_loss
from playhead.impact.model import as_input
from playhead.learning.run import Rebuilt, TrainingRun, TrainResult

__all__ = ["CLASSES", "rebuild_helmets", "train_helmets"]

CLASSES = ("helmet",)


def train_helmets(
    config: HelmetConfig, folder: Path, *, resume: bool = False, device: str = "auto"
) -> TrainResult:
    """Train and export the best weights; the metrics are those of `centre_metrics`.

    Raises PlayheadError before training if labels, videos or weights cannot be used.
    """
    run = TrainingRun(folder, config, resume=resume, device=device)
    config = run.config
    data = load_training_data(split_rows(config.data), config.data, need_impacts=False)
    samples, checks = HelmetSamples(data.train, config), ValidationImages(data.valid, config)
    # A resumed run has its own weights.
    settings = config.network.without_start() if run.begun else config.network
    network = build_helmet_network(settings)

    def loss(model: nn.Module, batch: dict[str, Tensor]) -> Tensor:
        logits = model(as_input(batch["image"], network.colours))
        return helmet_loss(logits, batch["target"], positive_weight=config.network.positive_weight)

    def validate(model: nn.Module, epoch: int) -> dict[str, float]:
        def heat(image: Tensor) -> Tensor:
            pixels = as_input(image[None].to(run.device), network.colours)
            return torch.sigmoid(model(pixels).float())[0].cpu()

        return centre_metrics(
            (heat(torch.from_numpy(image)).numpy(), boxes)
            for image, boxes in (checks[index] for index in range(len(checks)))
        )

    fitted = run.fit(
        network,
        samples,
        loss=loss,
        validate=validate,
        data=data.lines,
    )
    run.export(network, config.plan, CLASSES, fitted)
    metrics = fitted.metrics
    return TrainResult(
        job=config.job,
        run=run.folder,
        bundle=run.bundle,
        report=None,
        metrics=metrics,
        fitted=fitted,
        summary=f"F1 of the centres of helmets {metrics['best_f1']:.3f} (precision "
        f"{metrics['precision']:.3f}, recall {metrics['recall']:.3f}) at the threshold "
        f"{metrics['threshold']:.2f}",
        details={"frames": {"train": len(samples.frames), "valid": len(checks)}},
    )


def rebuild_helmets(path: Path) -> Rebuilt:
    """The network of a run's config.yaml with random weights, for its export."""
    config = load_helmet_config(path)
    network = build_helmet_network(config.network.without_start())
    return Rebuilt(network, config, config.plan, CLASSES)

"""Training a detector: from a configuration to a run folder with a bundle and a report."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import yaml
from torch import Tensor, nn

from playhead.errors import PlayheadError, WeightsError
from playhead.events.pictures.model import PictureSet
from playhead.files import write_text
from playhead.inference.bundle import Bundle, PicturePlan, load_bundle
from playhead.learning.checkpoint import checkpoint_path, prepare_folder
from playhead.learning.device import training_device
from playhead.learning.export import export_bundle
from playhead.learning.state import read_tensors
from playhead.learning.training import FitResult, fit
from playhead.redaction.detector.config import DetectorConfig, ModelConfig
from playhead.redaction.detector.data import split_pictures, training_pictures
from playhead.redaction.detector.loss import detection_loss
from playhead.redaction.detector.model import Detector, build_detector
from playhead.redaction.detector.validation import Validation
from playhead.samples.picture_cache import PictureCache

__all__ = ["TrainResult", "train_detector"]

Batch = dict[str, Tensor]


@dataclass(frozen=True, slots=True)
class TrainResult:
    """What a training run left: where, and how good it is on the validation pictures."""

    run: Path
    bundle: Path
    fitted: FitResult
    train: PictureSet
    valid: PictureSet

    def to_json(self) -> dict[str, Any]:
        """As a plain mapping."""
        return {
            "job": "redaction",
            "run": str(self.run),
            "bundle": str(self.bundle),
            "metrics": self.fitted.metrics,
            "best_epoch": self.fitted.best_epoch,
            "seconds": self.fitted.seconds,
            "data_wait": self.fitted.data_wait,
            "pictures": {"train": len(self.train), "valid": len(self.valid)},
            "boxes": {"train": self.train.count(), "valid": self.valid.count()},
        }

    def describe(self) -> str:
        """A few lines for a person."""
        metrics = self.fitted.metrics
        return (
            f"validation mAP50 {metrics['map50']:.3f}, mAP50-95 {metrics['map50_95']:.3f}, best "
            f"epoch {self.fitted.best_epoch}, {self.fitted.seconds:.0f} s of training\n"
            f"bundle  {self.bundle}"
        )


def train_detector(
    config: DetectorConfig, run: Path, *, resume: bool = False, device: str = "auto"
) -> TrainResult:
    """Train, keep the best weights, export them as a bundle.

    Raises PlayheadError for labels, pictures or weights that cannot be used, before any training.
    """
    if resume and not run.is_dir():
        raise PlayheadError(f"{run}: there is no run to resume; leave --resume out to begin one")
    prepare_folder(run, resume=resume)
    sides = split_pictures(config.data)
    chosen = training_device(device)
    torch.manual_seed(config.training.seed)
    classes = sides.train.classes
    model = build_detector(_started(config), len(classes))
    if config.start is not None:
        go_on_from(model, classes, load_bundle(config.start.bundle))
    samples = training_pictures(sides.train, config)
    document = config.model_dump(mode="json")
    if not checkpoint_path(run).exists():  # else the run was begun with the one that is there
        write_text(run / "config.yaml", yaml.safe_dump(document, sort_keys=False))
    fitted = fit(
        model,
        samples,
        config.training,
        run,
        loss=_loss(config),
        validate=_validate(sides.valid, config, chosen),
        resume=resume,
        device=chosen,
        identity=document,
    )
    metrics = {**fitted.metrics, "epoch": fitted.best_epoch}
    _export(model, classes, config, run / "bundle", metrics)
    return TrainResult(run, run / "bundle", fitted, sides.train, sides.valid)


def go_on_from(model: Detector, classes: tuple[str, ...], bundle: Bundle) -> None:
    """Take over a bundle's weights; those of each class by its name, a new class begins anew.

    Raises WeightsError for a bundle of another network.
    """
    tensors, _ = read_tensors(bundle.weights)
    own = model.state_dict()
    known = bundle.manifest.classes
    rows = [(classes.index(label), known.index(label)) for label in classes if label in known]
    for name, tensor in own.items():
        old = tensors.get(name)
        last = name.startswith("heads.") and ".logits." in name
        fits = old is not None and (old.shape[1:] if last else old.shape) == (
            tensor.shape[1:] if last else tensor.shape
        )
        if not fits or old is None:
            raise WeightsError(
                f"{bundle.folder}: its {name} is not that of this network; start.bundle needs one "
                "trained with the same model section"
            )
        if not last:
            tensor.copy_(old)
            continue
        for mine, theirs in rows:
            tensor[mine] = old[theirs]


def _started(config: DetectorConfig) -> ModelConfig:
    """The network; going on from a bundle it needs no other start."""
    return config.model if config.start is None else config.model.without_start()


def _loss(config: DetectorConfig) -> Callable[[nn.Module, Batch], Tensor]:
    def loss(model: nn.Module, batch: Batch) -> Tensor:
        return detection_loss(model, batch, config.loss)

    return loss


def _validate(
    pictures: PictureSet, config: DetectorConfig, device: torch.device
) -> Callable[[nn.Module, int], dict[str, float]]:
    cache = PictureCache(
        [one.path for one in pictures.pictures],
        longest=max(config.data.size),
        limit=config.data.cache_megabytes * 1_000_000 // 4,
    )
    validation = Validation(
        pictures, cache, config.data.size, config.decisions, config.training.batch_size, device
    )
    return lambda model, _epoch: validation.measure(model)


def _export(
    model: Detector,
    classes: tuple[str, ...],
    config: DetectorConfig,
    folder: Path,
    metrics: dict[str, Any],
) -> None:
    export_bundle(
        model,
        folder,
        job="redaction",
        classes=classes,
        plan=PicturePlan(longest=max(config.data.size), strides=config.model.strides),
        post_processing=config.decisions.model_dump(),
        metrics=metrics,
        training=_published(config),
    )


def _published(config: DetectorConfig) -> dict[str, Any]:
    """The configuration without the folders of the machine it was trained on."""
    document = config.model_dump(mode="json")
    if config.data.manifest is not None:
        document["data"]["manifest"] = config.data.manifest.name
    if config.start is not None:
        document["start"]["bundle"] = config.start.bundle.name
    if Path(config.model.weights).suffix:
        document["model"]["weights"] = Path(config.model.weights).name
    return document

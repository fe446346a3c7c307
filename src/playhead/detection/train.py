"""Training a detector: from a configuration to a run folder with a bundle and a report."""

import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import yaml
from torch import Tensor, nn

from playhead.detection.config import (
    DetectorConfig,
    load_detector_config,
)
from playhead.detection.data import Sides, split_pictures, training_pictures
from playhead.detection.evaluate import measure_bundle
from playhead.detection.loss import detection_loss
from playhead.detection.predict import PredictOptions, predict_set
from playhead.detection.reporting import write_detector_report
from playhead.detection.sample_cache import PictureCache
from playhead.detection.synthesis.record import label_rows
from playhead.detection.thresholds import choose_thresholds, reached_thresholds
from playhead.detection.validation import Validation
from playhead.errors import ConfigError, PlayheadError, WeightsError
from playhead.events.images import PictureSet
from playhead.files import sha256, write_text
from playhead.inference.bundle import (
    WEIGHTS,
    Bundle,
    load_bundle,
    new_bundle_folder,
    note_in_bundle,
)
from playhead.inference.detectors.own import check_classes, open_bundle
from playhead.inference.detectors.plan import DetectorPlan
from playhead.learning.checkpoint import checkpoint_path, prepare_folder
from playhead.learning.device import training_device
from playhead.learning.export import export_bundle
from playhead.learning.kept import kept_weights, logged_metrics
from playhead.learning.nn.detector import DetectorNetwork, build_detector
from playhead.learning.settings import DetectorNetworkConfig
from playhead.learning.state import load_weights, read_tensors
from playhead.learning.training import FitResult, fit

__all__ = [
    "Learnt",
    "TrainResult",
    "export_run",
    "go_on_from",
    "learn",
    "train_detector",
    "write_bundle",
]

Batch = dict[str, Tensor]


@dataclass(frozen=True, slots=True)
class TrainResult:
    """What a training run left: where, and how good it is on the validation pictures.

    kept: the classes whose weights came from the bundle that it went on from, where there was one
    """

    run: Path
    bundle: Path
    report: Path
    metrics: dict[str, float]
    fitted: FitResult
    train: PictureSet
    valid: PictureSet
    kept: tuple[str, ...] | None = None

    def to_json(self) -> dict[str, Any]:
        """As a plain mapping."""
        return {
            "job": "detection",
            "run": str(self.run),
            "bundle": str(self.bundle),
            "report": str(self.report),
            "metrics": self.metrics,
            "best_epoch": self.fitted.best_epoch,
            "seconds": self.fitted.seconds,
            "data_wait": self.fitted.data_wait,
            "pictures": {"train": len(self.train), "valid": len(self.valid)},
            "boxes": {"train": self.train.count(), "valid": self.valid.count()},
            **({} if self.kept is None else {"kept_classes": list(self.kept)}),
        }

    def describe(self) -> str:
        """A few lines for a person."""
        new = [label for label in self.train.classes if label not in (self.kept or ())]
        start = (
            f"went on with {', '.join(self.kept) or 'no class'}; new: {', '.join(new) or 'none'}\n"
            if self.kept is not None
            else ""
        )
        return start + (
            f"validation mAP50 {self.metrics['ap50']:.3f}, mAP50-95 {self.metrics['ap50_95']:.3f}, "
            f"best epoch {self.fitted.best_epoch}, {self.fitted.seconds:.0f} s of training\n"
            f"bundle  {self.bundle}\nreport  {self.report}"
        )


@dataclass(frozen=True, slots=True)
class Learnt:
    """A detector with its best weights, how it came to them, and the pictures it has seen."""

    model: DetectorNetwork
    fitted: FitResult
    sides: Sides
    kept: tuple[str, ...] | None = None


def train_detector(
    config: DetectorConfig, run: Path, *, resume: bool = False, device: str = "auto"
) -> TrainResult:
    """Train, keep the best weights, export them, predict and report on the validation pictures.

    Raises PlayheadError for labels, pictures or weights that cannot be used, before any training.
    """
    learnt = learn(config, run, resume=resume, device=device)
    if not _is_bundled(run):  # else its thresholds may be a person's choice by now
        write_bundle(learnt, config, run / "bundle")
        _choose_thresholds(run / "bundle", learnt.sides.valid, config, device)
    return _finish(run, learnt, config, device)


def learn(
    config: DetectorConfig, run: Path, *, resume: bool = False, device: str = "auto"
) -> Learnt:
    """Only the training; the run folder holds its log, its checkpoint and its best weights."""
    if resume and not run.is_dir():
        raise PlayheadError(f"{run}: there is no run to resume; leave --resume out to begin one")
    prepare_folder(run, resume=resume)
    sides = split_pictures(config.data)
    classes = sides.train.classes
    check_classes(config.decisions, classes, source="decisions")
    chosen = training_device(device)
    torch.manual_seed(config.training.seed)
    model = build_detector(_started(config), len(classes))
    begun = checkpoint_path(run).exists()
    kept = start = None
    if config.start is not None:
        bundle = config.start.bundle
        kept = go_on_from(model, classes, open_bundle(bundle))
        new = [label for label in classes if label not in kept]
        start = {"weights": str(bundle), "kept_classes": list(kept), "new_classes": new}
        if not begun:
            print(
                f"playhead: loaded the weights of {bundle}; classes that go on: "
                f"{', '.join(kept) or 'none'}; classes that begin anew: {', '.join(new) or 'none'}",
                file=sys.stderr,
            )
    samples = training_pictures(sides.train, config)
    document = config.model_dump(mode="json")
    document["data"]["classes"] = list(classes)  # a bundle of this run is of these, come what may
    if not begun:  # else the run was begun with the one that is there
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
        data={"train": label_rows(sides.train), "valid": label_rows(sides.valid)},
        start=start,
    )
    return Learnt(model, fitted, sides, kept)


def write_bundle(learnt: Learnt, config: DetectorConfig, folder: Path) -> Path:
    """Export what was learnt; the folder of the bundle."""
    metrics = {**learnt.fitted.metrics, "epoch": learnt.fitted.best_epoch}
    _export(learnt.model, learnt.sides.train.classes, config, folder, metrics)
    return folder


def export_run(run: Path, out: Path, *, epoch: int | None = None) -> Path:
    """Make a bundle of a run's best weights, or of an epoch that was kept; its folder.

    The best weights take along the thresholds and figures of the run's own bundle.
    """
    if epoch is None and _is_bundled(run):
        with new_bundle_folder(out) as made:
            shutil.copytree(run / "bundle", made, dirs_exist_ok=True)
        return out
    config = load_detector_config(run / "config.yaml")
    classes = config.data.classes
    if classes is None:
        raise ConfigError(f"{run / 'config.yaml'}: names no data.classes; train again")
    model = build_detector(config.model.without_start(), len(classes))
    load_weights(model, kept_weights(run, epoch))
    _export(model, classes, config, out, logged_metrics(run, epoch))
    return out


def go_on_from(model: DetectorNetwork, classes: tuple[str, ...], bundle: Bundle) -> tuple[str, ...]:
    """Take over a bundle's weights; those of each class by its name, a new class begins anew.

    Returns the classes that went on. Raises WeightsError for a bundle of another network.
    """
    tensors, _ = read_tensors(bundle.weights)
    own = model.state_dict()
    further = sorted(tensors.keys() - own.keys())
    known = bundle.manifest.classes
    rows = [(classes.index(label), known.index(label)) for label in classes if label in known]
    for name, tensor in own.items():
        old = tensors.get(name)
        last = name.startswith("heads.") and ".logits." in name
        fits = old is not None and (old.shape[1:] if last else old.shape) == (
            tensor.shape[1:] if last else tensor.shape
        )
        if not fits or old is None or further:
            raise WeightsError(
                f"{bundle.folder}: its {name if not further else further[0]} is not that of this "
                "network; start.bundle needs one trained with the same model section"
            )
        if not last:
            tensor.copy_(old)
            continue
        for mine, theirs in rows:
            tensor[mine] = old[theirs]
    return tuple(label for label in classes if label in known)


def _finish(run: Path, learnt: Learnt, config: DetectorConfig, device: str) -> TrainResult:
    """Predict the validation pictures as a user would, measure, report."""
    sides = learnt.sides
    options = PredictOptions(device=device, threads=config.training.threads)
    bundle = load_bundle(run / "bundle")
    found, result = measure_bundle(bundle, sides.valid, options, source="validation images")
    bundle = note_in_bundle(bundle.folder, metrics=result.metrics())
    report = write_detector_report(
        sides.valid,
        found,
        run / "report.html",
        title=f"A detector of {', '.join(sides.valid.classes)}",
        run=run,
        result=result,
    )
    return TrainResult(
        run=run,
        bundle=bundle.folder,
        report=report,
        metrics=result.metrics(),
        fitted=learnt.fitted,
        train=sides.train,
        valid=sides.valid,
        kept=learnt.kept,
    )


def _choose_thresholds(
    bundle: Path, valid: PictureSet, config: DetectorConfig, device: str
) -> None:
    """Write where each class is believed: as the configuration says, else where its F1 is best."""
    said = config.decisions.thresholds
    options = PredictOptions(device=device, threads=config.training.threads, hierarchy=False)
    found = predict_set([bundle], valid, options)
    choices = choose_thresholds(valid, found, decisions=config.decisions, keep=said)
    thresholds = {**reached_thresholds(choices), **said}
    note_in_bundle(bundle, post_processing={"thresholds": thresholds})


def _is_bundled(run: Path) -> bool:
    """Whether the run's bundle holds its best weights."""
    best, bundled = run / "best.safetensors", run / "bundle" / WEIGHTS
    return best.is_file() and bundled.is_file() and sha256(best) == sha256(bundled)


def _started(config: DetectorConfig) -> DetectorNetworkConfig:
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
        limit=config.data.cache_megabytes * 250_000,
    )
    longest, enlarge = max(config.data.size), config.data.enlarge
    validation = Validation(pictures, cache, longest, enlarge, config.decisions, device)
    return lambda model, _epoch: validation.measure(model)


def _export(
    model: DetectorNetwork,
    classes: tuple[str, ...],
    config: DetectorConfig,
    folder: Path,
    metrics: dict[str, Any],
) -> None:
    export_bundle(
        model,
        folder,
        job="detection",
        classes=classes,
        plan=DetectorPlan(
            longest=max(config.data.size),
            enlarge=config.data.enlarge,
            strides=config.model.strides,
        ),
        post_processing=config.decisions.model_dump(),
        metrics=metrics,
        training=_published(config),
    )


def _published(config: DetectorConfig) -> dict[str, Any]:
    """The configuration without the folders of the machine it was trained on."""
    document = config.model_dump(mode="json")
    if config.data.manifest is not None:
        document["data"]["manifest"] = config.data.manifest.name
    document["data"]["more"] = [path.name for path in config.data.more]
    if config.start is not None:
        document["start"]["bundle"] = config.start.bundle.name
    document["model"]["weights"] = Path(config.model.weights).name
    return document

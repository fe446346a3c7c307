"""Training of a detector: from a configuration to a run folder with a bundle and a report."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor, nn

from playhead.detection.config import DetectorConfig, load_detector_config
from playhead.detection.data import Sides, count_boxes, split_images, training_images
from playhead.detection.evaluate import measure_bundle
from playhead.detection.loss import detection_loss
from playhead.detection.predict import PredictOptions, predict_set
from playhead.detection.report import write_detector_report
from playhead.detection.sample_cache import ImageCache
from playhead.detection.synthesis.record import label_rows
from playhead.detection.thresholds import choose_thresholds, reached_thresholds
from playhead.detection.validation import Validation
from playhead.errors import ConfigError
from playhead.events.images import ImageSet
from playhead.inference.bundle import load_bundle, note_in_bundle
from playhead.inference.detectors.custom import check_classes, open_bundle
from playhead.inference.detectors.plan import DetectorPlan
from playhead.learning.nn.detector import DetectorNetwork, build_detector, take_over_weights
from playhead.learning.run import Rebuilt, TrainingRun, TrainResult
from playhead.learning.run import export_run as export_run_of
from playhead.learning.training import FitResult
from playhead.metrics.detection import counted_boxes

__all__ = ["FittedDetector", "export_run", "fit_detector", "train_detector"]


@dataclass(frozen=True, slots=True)
class FittedDetector:
    """A detector with its best weights, and the images of its run.

    known: the classes whose weights were loaded from `start.bundle`, None without one
    """

    model: DetectorNetwork
    fitted: FitResult
    sides: Sides
    known: tuple[str, ...] | None = None


def train_detector(
    config: DetectorConfig, folder: Path, *, resume: bool = False, device: str = "auto"
) -> TrainResult:
    """Train, export the best weights, choose thresholds, and report on the validation images.

    Raises PlayheadError before training if labels, images or weights cannot be used.
    """
    run = TrainingRun(folder, config, resume=resume, device=device)
    trained = fit_detector(run)
    valid, classes = trained.sides.valid, trained.sides.train.classes
    ignore_below, sources = config.data.ignore_below, config.data.sources
    if run.export(trained.model, plan_of(config), classes, trained.fitted, sources=sources):
        choose = PredictOptions(device=device, threads=config.training.threads, hierarchy=False)
        scored = predict_set([run.bundle], valid, choose)
        fixed = config.decisions.thresholds
        choices = choose_thresholds(
            valid, scored, decisions=config.decisions, keep=fixed, ignore_below=ignore_below
        )
        thresholds = {**reached_thresholds(choices), **fixed}
        note_in_bundle(run.bundle, post_processing={"thresholds": thresholds})
    # Evaluated with the settings of `detection predict`.
    options = PredictOptions(device=device, threads=config.training.threads)
    predictions, result = measure_bundle(
        load_bundle(run.bundle),
        valid,
        options,
        source="validation images",
        ignore_below=ignore_below,
    )
    metrics = result.metrics()
    note_in_bundle(run.bundle, metrics=metrics)
    reported = valid, predictions
    if ignore_below:
        reported = counted_boxes(valid, predictions, min_width=ignore_below)
    report = write_detector_report(
        *reported,
        run.folder / "report.html",
        title=f"Detector of {', '.join(classes)}",
        run=run.folder,
        result=result,
    )
    known, train = trained.known, trained.sides.train
    return TrainResult(
        job="detection",
        run=run.folder,
        bundle=run.bundle,
        report=report,
        metrics=metrics,
        fitted=trained.fitted,
        summary=f"mAP50 {metrics['ap50']:.3f}, mAP50-95 {metrics['ap50_95']:.3f}",
        details={
            "images": {"train": len(train), "valid": len(valid)},
            "boxes": {
                "train": count_boxes(train),
                "valid": count_boxes(valid, min_width=ignore_below),
            },
            **({} if known is None else {"kept_classes": list(known)}),
        },
        notes=() if known is None else (_started_from(classes, known),),
    )


def fit_detector(run: TrainingRun[DetectorConfig]) -> FittedDetector:
    """Train only; writes the log, the checkpoint and the best weights to the run folder."""
    config = run.config
    sides = split_images(config.data)
    classes, valid = sides.train.classes, sides.valid
    check_classes(config.decisions, classes, source="decisions")
    network = config.model if config.start is None else config.model.without_start()
    model = build_detector(network, len(classes))
    known = start = None
    if config.start is not None:
        bundle = config.start.bundle
        known = take_over_weights(model, classes, open_bundle(bundle))
        new = [label for label in classes if label not in known]
        start = {"weights": str(bundle), "kept_classes": list(known), "new_classes": new}
        run.say(f"loaded the weights of {bundle}; {_started_from(classes, known)}")
    longest, enlarge = max(config.data.size), config.data.enlarge
    cache = ImageCache(
        [image.path for image in valid.images],
        longest=longest,
        limit=config.data.cache_megabytes * 250_000,
    )
    validation = Validation(
        valid, cache, longest, enlarge, config.decisions, run.device, config.data.ignore_below
    )

    def loss(model: nn.Module, batch: dict[str, Tensor]) -> Tensor:
        return detection_loss(model, batch, config.loss)

    fitted = run.fit(
        model,
        training_images(sides.train, config),
        loss=loss,
        validate=lambda model, epoch: validation.measure(model),
        data={"train": _data_rows(sides.train), "valid": _data_rows(valid)},
        start=start,
        # The run keeps its classes even if the data set changes later.
        config=config.with_classes(classes),
    )
    return FittedDetector(model, fitted, sides, known)


def export_run(run: Path, out: Path, *, epoch: int | None = None, compact: bool = False) -> Path:
    """Export a bundle of a run's best weights, or of a kept epoch; returns its folder."""

    def rebuild(path: Path) -> Rebuilt:
        config = load_detector_config(path)
        classes = config.data.classes
        if classes is None:
            raise ConfigError(f"{path}: has no data.classes, so the model is unknown; train again")
        model = build_detector(config.model.without_start(), len(classes))
        return Rebuilt(model, config, plan_of(config), classes, config.data.sources)

    return export_run_of(run, out, epoch=epoch, compact=compact, rebuild=rebuild)


def plan_of(config: DetectorConfig) -> DetectorPlan:
    """The input plan of a bundle of this configuration."""
    return DetectorPlan(
        longest=max(config.data.size), enlarge=config.data.enlarge, strides=config.model.strides
    )


def _data_rows(images: ImageSet) -> Iterator[str]:
    """The labels of a set, and which of them are ignored regions."""
    yield from label_rows(images)
    for number, image in enumerate(images.images):
        if (image.scores <= 0).any():
            yield f"ignored in {number}: {(image.scores <= 0).nonzero()[0].tolist()}"


def _started_from(classes: tuple[str, ...], known: tuple[str, ...]) -> str:
    new = ", ".join(label for label in classes if label not in known) or "none"
    return f"classes with loaded weights: {', '.join(known) or 'none'}; new classes: {new}"

"""Training of a network of clips: from a configuration to a run folder with a bundle."""

from pathlib import Path

from torch import Tensor, nn

from playhead.episodes.features.contest import write_answers
from playhead.episodes.features.table import read_table
from playhead.episodes.network.answers import ANSWERS
from playhead.episodes.network.clips import NAMES, clip_part, split_clips
from playhead.episodes.network.config import BoundaryConfig, load_boundary_config
from playhead.episodes.network.loss import boundary_loss
from playhead.episodes.network.model import Answer, AVTNet
from playhead.episodes.network.predict import PredictOptions, answers_of_rows, measure
from playhead.episodes.network.samples import ClipSamples, label_rows
from playhead.episodes.network.score import score_boundaries
from playhead.errors import LabelError
from playhead.inference.bundle import note_in_bundle
from playhead.learning.run import Rebuilt, TrainingRun, TrainResult
from playhead.learning.run import export_run as export_run_of
from playhead.samples.loader import batches

__all__ = ["export_run", "train_boundaries"]


def train_boundaries(
    config: BoundaryConfig, folder: Path, *, resume: bool = False, device: str = "auto"
) -> TrainResult:
    """Train, export the best weights, and answer the validation clips with them.

    The metric `score` is that of the last answer on the validation clips, `first_score` that of the
    first answer.
    Raises PlayheadError before training if the table, clips or weights cannot be used.
    """
    run = TrainingRun(folder, config.with_kept_epochs(), resume=resume, device=device)
    config = run.config
    data, plan = config.data, config.plan
    rows = [row for row in read_table(data.features) if clip_part(row.name) in data.parts]
    train_rows, valid_rows = split_clips(rows, folds=data.folds, fold=data.fold)
    if config.network.presence and all(row.label is not None for row in train_rows):
        raise LabelError(
            f"{data.features}: every training clip has a boundary, so that network.presence "
            "cannot be learnt; add clips with the label none, or set it to false"
        )
    root = data.features if data.features.is_dir() else data.features.parent
    samples = ClipSamples(
        train_rows,
        root,
        plan,
        seed=config.training.seed,
        shift=config.shift_seconds,
        repeats=config.repeats,
        cached=data.cached,
    )
    checks = ClipSamples(valid_rows, root, plan, cached=data.cached)
    # A resumed run has its own weights.
    start = config.network.without_start() if run.begun else config.network
    network = AVTNet(start, plan)

    def loss(model: nn.Module, batch: dict[str, Tensor]) -> Tensor:
        answer: Answer = model(batch)
        return boundary_loss(answer, batch["boundary"], batch["present"], config.loss)

    def validate(model: nn.Module, epoch: int) -> dict[str, float]:
        last: list[float] = []
        first: list[float] = []
        labels: list[float | None] = []
        for batch in batches(checks, batch_size=config.training.batch_size, seed=0, epoch=epoch):
            answer: Answer = model({name: values.to(run.device) for name, values in batch.items()})
            last += answer.seconds.tolist()
            first += answer.first.tolist()
            pairs = zip(batch["boundary"].tolist(), batch["present"].tolist(), strict=True)
            labels += [boundary if present else None for boundary, present in pairs]
        parts = [clip_part(row.name) for row in valid_rows]
        scores = score_boundaries(last, labels, parts)
        return {
            "score": scores["score"],
            "first_score": score_boundaries(first, labels, parts)["score"],
            "median_error": scores["median_error"],
        }

    fitted = run.fit(
        network,
        samples,
        loss=loss,
        validate=validate,
        data={"train": label_rows(train_rows), "valid": label_rows(valid_rows)},
    )
    run.export(network, plan, _classes(config), fitted)
    answers = answers_of_rows(run.bundle, valid_rows, root, PredictOptions(device=device))
    write_answers({answer.clip: answer.answer for answer in answers}, folder / ANSWERS)
    metrics = measure(answers, valid_rows)
    note_in_bundle(run.bundle, metrics=metrics)
    return TrainResult(
        job=config.job,
        run=run.folder,
        bundle=run.bundle,
        report=None,
        metrics=metrics,
        fitted=fitted,
        summary=f"score {metrics['score']:.2f} s (a constant: {metrics['constant']:.2f} s), median "
        f"error {metrics['median_error']:.2f} s",
        details={
            "answers": str(folder / ANSWERS),
            "clips": {"train": len(train_rows), "valid": len(valid_rows)},
        },
    )


def export_run(run: Path, out: Path, *, epoch: int | None = None, compact: bool = False) -> Path:
    """Export a bundle of a run's best weights, or of a kept epoch; returns its folder."""

    def rebuild(path: Path) -> Rebuilt:
        config = load_boundary_config(path)
        network = AVTNet(config.network.without_start(), config.plan)
        return Rebuilt(network, config, config.plan, _classes(config))

    return export_run_of(run, out, epoch=epoch, compact=compact, rebuild=rebuild)


def _classes(config: BoundaryConfig) -> tuple[str, ...]:
    return tuple(NAMES[part] for part in config.data.parts)

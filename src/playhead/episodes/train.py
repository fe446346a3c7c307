"""Training of a network of clips: from a configuration to a run folder with a bundle."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from torch import Tensor, nn

from playhead.episodes.answers import ANSWERS, BoundaryAnswer, write_answers
from playhead.episodes.clips import ClipRow, read_clips, split_clips
from playhead.episodes.config import BoundaryConfig, load_boundary_config
from playhead.episodes.loss import boundary_loss
from playhead.episodes.model import Answer, AVTNet
from playhead.episodes.predict import PredictOptions, answers_of_table
from playhead.episodes.samples import ClipSamples, label_rows
from playhead.episodes.score import score_boundaries
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
    rows = [row for row in read_clips(data.clips) if row.kind in data.kinds]
    train_rows, valid_rows = split_clips(rows, folds=data.folds, fold=data.fold)
    _refuse_unusable(train_rows, valid_rows, config)
    samples = ClipSamples(
        train_rows,
        plan,
        seed=config.training.seed,
        shift=config.shift_seconds,
        repeats=config.repeats,
        cached=data.cached,
    )
    checks = ClipSamples(valid_rows, plan, cached=data.cached)
    # A resumed run has its own weights.
    start = config.network.without_start() if run.begun else config.network
    network = AVTNet(start, plan)

    def loss(model: nn.Module, batch: dict[str, Tensor]) -> Tensor:
        answer: Answer = model(batch)
        return boundary_loss(answer, batch["boundary"], batch["present"], config.loss)

    def validate(model: nn.Module, epoch: int) -> dict[str, float]:
        last, first, truth = [], [], []
        for batch in batches(checks, batch_size=config.training.batch_size, seed=0, epoch=epoch):
            answer: Answer = model({name: values.to(run.device) for name, values in batch.items()})
            last += answer.seconds.tolist()
            first += answer.first.tolist()
            boundaries, present = batch["boundary"].tolist(), batch["present"].tolist()
            truth += [at if there else None for at, there in zip(boundaries, present, strict=True)]
        kinds = [row.kind for row in valid_rows]
        scores = score_boundaries(last, truth, kinds)
        return {
            "score": scores["all"].score,
            "first_score": score_boundaries(first, truth, kinds)["all"].score,
            "median_error": scores["all"].median_error,
        }

    fitted = run.fit(
        network,
        samples,
        loss=loss,
        validate=validate,
        data={"train": label_rows(train_rows), "valid": label_rows(valid_rows)},
    )
    run.export(network, plan, data.kinds, fitted)
    answers = answers_of_table(run.bundle, valid_rows, PredictOptions(device=device))
    write_answers(answers, folder / ANSWERS)
    metrics = metrics_of(answers, valid_rows)
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


def metrics_of(answers: Sequence[BoundaryAnswer], rows: Sequence[ClipRow]) -> dict[str, float]:
    """The scores of answers to `rows`: over all, as `score`, and of each kind, as `opening_score`.

    `presence_accuracy` is the share of clips of which it is right that there is a boundary, where
    some of them have none.
    """
    truth = [row.boundary for row in rows]
    scores = score_boundaries(
        [answer.seconds for answer in answers], truth, [row.kind for row in rows]
    )
    metrics = {}
    for kind, found in scores.items():
        prefix = "" if kind == "all" else f"{kind}_"
        for name in ("score", "constant", "median_error", "p90_error"):
            metrics[prefix + name] = float(getattr(found, name))
    if None in truth:
        right = [
            answer.present == (row.boundary is not None)
            for answer, row in zip(answers, rows, strict=True)
        ]
        metrics["presence_accuracy"] = float(np.mean(right))
    return metrics


def _refuse_unusable(
    train_rows: Sequence[ClipRow], valid_rows: Sequence[ClipRow], config: BoundaryConfig
) -> None:
    """Raise LabelError if a side has no boundary, or the presence cannot be learnt."""
    for side, rows in (("training", train_rows), ("validation", valid_rows)):
        if all(row.boundary is None for row in rows):
            raise LabelError(f"{config.data.clips}: none of the {side} clips has a boundary")
    if config.network.presence and all(row.boundary is not None for row in train_rows):
        raise LabelError(
            f"{config.data.clips}: every training clip has a boundary, so that network.presence "
            "cannot be learnt; add clips with an empty boundary, or set it to false"
        )


def export_run(run: Path, out: Path, *, epoch: int | None = None, compact: bool = False) -> Path:
    """Export a bundle of a run's best weights, or of a kept epoch; returns its folder."""

    def rebuild(path: Path) -> Rebuilt:
        config = load_boundary_config(path)
        network = AVTNet(config.network.without_start(), config.plan)
        return Rebuilt(network, config, config.plan, config.data.kinds)

    return export_run_of(run, out, epoch=epoch, compact=compact, rebuild=rebuild)

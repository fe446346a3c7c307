"""The runs of a recipe, trained wave by wave: those of a wave do not need each other.

On a CPU the trainings of a wave run side by side, each in a process with its share of the cores,
which is faster than one training on all of them. What has ended is not trained again on resuming.
"""

import json
import os
import shutil
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import torch
import yaml

from playhead.config import read_settings
from playhead.errors import PlayheadError
from playhead.events.manifest import ManifestRow
from playhead.files import write_text
from playhead.inference.bundle import new_bundle_folder, note_in_bundle
from playhead.inference.ensemble import write_ensemble
from playhead.inference.runtime import available_cores
from playhead.inference.scores import read_scores
from playhead.learning.checkpoint import checkpoint_path, refuse_differences
from playhead.learning.device import training_device
from playhead.learning.log import read_rows
from playhead.progress import progress
from playhead.samples.folds import split_manifest
from playhead.spotting.config import SpottingConfig
from playhead.spotting.evaluate import Evaluation, evaluate_videos, pair_events
from playhead.spotting.labelled import read_labels
from playhead.spotting.predict import write_decided
from playhead.spotting.report import report_of
from playhead.spotting.stages.plan import Plan, Stage, Training, document_text, waves
from playhead.spotting.stages.pool import Scored, gather_scores
from playhead.spotting.train import train_spotting
from playhead.spotting.truth import SCORES, read_predictions, read_scores_of
from playhead.spotting.tune import tune_run

__all__ = ["StageResult", "StagesResult", "train_plan"]

RECIPE = "recipe.yaml"
RESULT = "result.json"
OUTPUT = "output.log"

POLL_SECONDS = 5.0
"""Between two looks at the logs of trainings side by side."""
WITHOUT_PREDICTION = 0.8
"""Share of a run that its epochs are shown as; export and prediction follow."""


@dataclass(frozen=True, slots=True)
class StageResult:
    """One stage: the metrics on the validation videos of all its folds, and those of each run."""

    name: str
    folder: Path
    metrics: dict[str, float]
    chance: dict[str, float]
    runs: dict[str, dict[str, Any]]
    report: Path | None

    def to_json(self) -> dict[str, Any]:
        """As a plain mapping."""
        return {
            "folder": str(self.folder),
            "metrics": self.metrics,
            "chance": self.chance,
            "report": None if self.report is None else str(self.report),
            "runs": self.runs,
        }

    def row(self) -> dict[str, Any]:
        """A row of a table."""
        shown = {name: self.metrics[name] for name in ("map@1", "frame_map@2", "best_f1", "f1")}
        return {
            "stage": self.name or "all",
            "runs": len(self.runs),
            **shown,
            "chance map@1": self.chance.get("map@1"),
            "seconds": round(sum(run["seconds"] for run in self.runs.values())),
        }


@dataclass(frozen=True, slots=True)
class StagesResult:
    """What a recipe gave: every stage, and the bundle of the last one.

    bundle: of its one run, or the mean of its folds as an ensemble
    """

    run: Path
    bundle: Path
    stages: tuple[StageResult, ...]
    seconds: float

    @property
    def incomplete(self) -> tuple[str, ...]:
        """The validation videos that ended partial or failed, with the reason."""
        return tuple(
            f"{file['path']}: {file['status']}: {file['reason']}"
            for stage in self.stages
            for run in stage.runs.values()
            for file in run["files"]
            if file["status"] != "ok"
        )

    def to_json(self) -> dict[str, Any]:
        """As a plain mapping, with the metrics of the last stage."""
        last = self.stages[-1]
        return {
            "job": "spotting",
            "run": str(self.run),
            "bundle": str(self.bundle),
            "report": None if last.report is None else str(last.report),
            "metrics": last.metrics,
            "chance": last.chance,
            "stages": {stage.name or "all": stage.to_json() for stage in self.stages},
            "seconds": round(self.seconds, 1),
        }


def train_plan(
    plan: Plan,
    out: Path,
    *,
    fold: str | None = None,
    resume: bool = False,
    device: str = "auto",
    skip_bad: bool = False,
    side_by_side: int | None = None,
) -> StagesResult:
    """Train every stage of a recipe, each after those that it needs, and save the last as a bundle.

    fold: `all`, the number of one fold, or None for that of the configuration
    side_by_side: trainings at a time; by default one for each core, and one on a CUDA device
    Raises PlayheadError if `out` has another recipe, or has one and `resume` is False; LabelError
    if scores of a stage are from a model that has seen their video.
    """
    begun = time.monotonic()
    for stage in plan.stages:
        plan.folds_of(stage, fold)  # refused before anything is trained
    _begin(plan, out, resume=resume)
    runner = _Runner(device=device, skip_bad=skip_bad, side_by_side=side_by_side)
    results: dict[str, StageResult] = {}
    for wave in waves(plan):
        todo = [training for stage in wave for training in plan.trainings(stage, out, fold)]
        trained = runner.train(todo)
        for stage in wave:
            own = {t.name: (t, trained[t.name]) for t in todo if t.stage == stage.name}
            results[stage.name] = _stage_result(plan, stage, out, fold, own)
    return StagesResult(
        run=out,
        bundle=out / "bundle",
        stages=tuple(results[stage.name] for stage in plan.stages),
        seconds=time.monotonic() - begun,
    )


class _Runner:
    """Trains runs, several at a time, and leaves out those that have ended."""

    def __init__(self, *, device: str, skip_bad: bool, side_by_side: int | None) -> None:
        self.device, self.skip_bad = device, skip_bad
        self.cores = available_cores()
        on_cuda = training_device(device).type == "cuda"
        self.at_a_time = side_by_side or (1 if on_cuda else self.cores)

    def train(self, trainings: Sequence[Training]) -> dict[str, dict[str, Any]]:
        """The results of the trainings by their names."""
        results = {}
        waiting = []
        for training in trainings:
            path = training.folder / RESULT
            if path.is_file():
                results[training.name] = json.loads(path.read_text(encoding="utf-8"))
                say(f"{training.name}: trained already")
            else:
                waiting.append(training)
        workers = min(self.at_a_time, len(waiting))
        for training, result in self._each(waiting, workers):
            metrics = result["metrics"]
            say(
                f"{training.name}: mAP@1 {metrics['map@1']:.3f} "
                f"(chance {result['chance']['map@1']:.3f}), {result['seconds']:.0f} s of training"
            )
            results[training.name] = result
        return results

    def _each(
        self, waiting: Sequence[Training], workers: int
    ) -> Iterator[tuple[Training, dict[str, Any]]]:
        if workers <= 1:
            for training in waiting:
                say(f"{training.name}: training in {training.folder}")
                yield training, _train(training, self.device, self.skip_bad)
            return
        say(
            f"{len(waiting)} trainings, {workers} at a time: "
            f"{'; '.join(training.name for training in waiting)}"
        )
        threads = max(1, self.cores // workers)
        with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
            futures = {
                pool.submit(_train_apart, training, self.device, self.skip_bad, threads): training
                for training in waiting
            }
            try:
                with progress("training", len(futures)) as bar:
                    shown = 0.0
                    pending = set(futures)
                    while pending:
                        ended, pending = wait(pending, POLL_SECONDS, FIRST_COMPLETED)
                        done = (
                            len(futures)
                            - len(pending)
                            + sum(_share_done(futures[future]) for future in pending)
                        )
                        bar.advance(max(0.0, done - shown), f"{len(pending)} to go")
                        shown = max(shown, done)
                        for future in ended:
                            yield futures[future], future.result()
            except BaseException:  # also Ctrl-C: those that train save their state and end
                for future in futures:
                    future.cancel()
                raise


def _share_done(training: Training) -> float:
    """How much of a training is done, by the log that its process writes."""
    log = training.folder / "log.jsonl"
    rows = read_rows(log) if log.is_file() else []
    epochs = {row["epoch"] for row in rows if row["kind"] == "epoch"}
    return WITHOUT_PREDICTION * len(epochs) / training.config.training.epochs


def _train(training: Training, device: str, skip_bad: bool) -> dict[str, Any]:
    """Train one run, from where it stopped; its result, which is also noted in its folder."""
    begun = checkpoint_path(training.folder).exists()
    result = train_spotting(
        training.config, training.folder, resume=begun, device=device, skip_bad=skip_bad
    )
    document = result.to_json()
    write_text(training.folder / RESULT, json.dumps(document, indent=1) + "\n")
    return document


def _train_apart(training: Training, device: str, skip_bad: bool, threads: int) -> dict[str, Any]:
    """As `_train` in a process of its own, whose messages go to a file in the run folder."""
    torch.set_num_threads(threads)
    training.folder.mkdir(parents=True, exist_ok=True)
    with (training.folder / OUTPUT).open("a", encoding="utf-8") as file:
        for stream in (1, 2):
            os.dup2(file.fileno(), stream)
        return _train(training, device, skip_bad)


def _begin(plan: Plan, out: Path, *, resume: bool) -> None:
    """Write the recipe into a new folder, or compare it with that of the folder."""
    path = out / RECIPE
    if not path.is_file():
        if resume:
            raise PlayheadError(
                f"{out}: there is no recipe to resume; leave --resume out to begin one"
            )
        if out.is_dir() and any(out.iterdir()):
            raise PlayheadError(f"{out}: has other files; give another folder with --out")
        write_text(path, document_text(plan))
        return
    if not resume:
        raise PlayheadError(
            f"{out}: has the runs of a recipe already; resume them with --resume, or give another "
            "folder with --out"
        )
    refuse_differences(out, read_settings(path), dict(plan.document))


def _stage_result(
    plan: Plan,
    stage: Stage,
    out: Path,
    fold: str | None,
    runs: dict[str, tuple[Training, dict[str, Any]]],
) -> StageResult:
    """Gather the scores of the folds, also those that later stages need, and evaluate them."""
    folder = plan.folder(out, stage)
    single = {name: pair for name, pair in runs.items() if _is_single(pair[0])}
    for without in plan.nested_folds(stage, fold):
        pairs = [t for t, _ in runs.values() if t.folds is not None and without in t.folds[:2]]
        gather_scores(
            [Scored(t.folder, _groups(t, without)) for t in pairs if not _is_single(t)],
            plan.scores_folder(stage, out, without),
        )
    trainings = [training for training, _ in single.values()]
    last = stage is plan.stages[-1]
    if last:
        _save_bundle(plan, stage, out, trainings)
    documents = {name: document for name, (_, document) in runs.items()}
    if len(single) == 1:
        [(_, document)] = single.values()
        metrics, chance, report = (document[name] for name in ("metrics", "chance", "report"))
        return StageResult(stage.name, folder, metrics, chance, documents, Path(report))
    scores = plan.scores_folder(stage, out, None)
    gather_scores([Scored(training.folder) for training in trainings], scores)
    bundle = out / "bundle" if last else None
    of_stage = f", {stage.name}" if stage.name else ""
    title = f"Spotting{of_stage}: {len(trainings)} folds, each scored by the model without it"
    evaluation, report = _review(plan.base(stage), trainings, scores, bundle, title=title)
    return StageResult(
        stage.name, folder, evaluation.metrics, dict(evaluation.chance), documents, report
    )


def _save_bundle(plan: Plan, stage: Stage, out: Path, trainings: Sequence[Training]) -> None:
    """The bundle of the recipe: that of its one last run, or the mean of its folds."""
    bundles = [training.folder / "bundle" for training in trainings]
    target = out / "bundle"
    if len(bundles) > 1:
        write_ensemble(
            bundles, target, post_processing=plan.base(stage).decisions.model_dump(mode="json")
        )
    elif bundles[0] != target:
        with new_bundle_folder(target) as folder:
            shutil.copytree(bundles[0], folder, dirs_exist_ok=True)


def _review(
    config: SpottingConfig,
    trainings: Sequence[Training],
    folder: Path,
    bundle: Path | None,
    *,
    title: str,
) -> tuple[Evaluation, Path]:
    """Evaluate the scores of all folds as one set, and write their report.

    bundle: the mean of the folds, which gets decisions tuned on these scores
    Their folder also gets the configuration of a fold, validated on all of them, so that it is
    evaluated as that of a run.
    """
    values = trainings[0].config.model_dump(mode="json")
    values["data"]["fold"] = [fold for training in trainings for fold in training.folds or ()]
    write_text(folder.parent / "config.yaml", yaml.safe_dump(values, sort_keys=False))
    read = [read_labels(_validation(training), config) for training in trainings]
    truth = [video for side in read for video in side.truth]
    if bundle is not None:
        for path in sorted(folder.rglob(f"*{SCORES}")):
            write_decided(read_scores(path), config.decisions, path)
        tune_run(bundle, folder, truth, config)
    truth, predictions = pair_events(truth, read_predictions(folder))
    scores = read_scores_of(folder, truth)
    evaluation = evaluate_videos(truth, predictions, scores)
    if bundle is not None:
        note_in_bundle(bundle, metrics=evaluation.metrics)
    page = folder.parent / "report.html"
    report = report_of(truth, predictions, scores, page, title=title, evaluation=evaluation)
    return evaluation, report


def _validation(training: Training) -> list[ManifestRow]:
    """The validation videos of a run."""
    data = training.config.data
    _, rows = split_manifest(
        data.manifest, folds=data.folds, fold=data.fold, videos=data.videos, games=data.games
    )
    return rows


def _is_single(training: Training) -> bool:
    return training.folds is None or len(training.folds) == 1


def _groups(training: Training, without: int) -> frozenset[str]:
    """The groups of the other fold of a pair, whose scores come from a model without both."""
    assert training.folds is not None
    [other] = set(training.folds) - {without}
    data = training.config.data
    _, rows = split_manifest(
        data.manifest, folds=data.folds, fold=other, videos=data.videos, games=data.games
    )
    return frozenset(row.group for row in rows)


def say(text: str) -> None:
    """Print a line on standard error."""
    print(f"playhead: {text}", file=sys.stderr, flush=True)

"""A training run: one folder from the first step to the bundle, the same for every job.

A job's `train.py` provides the data, the network, the loss and the metric.
"""

import shutil
import sys
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, NamedTuple, Protocol, Self, TypeVar

import torch
import yaml
from torch import nn

from playhead.config import BAD_YAML, Settings, without_folders
from playhead.errors import PlayheadError
from playhead.execution.outcomes import FileOutcome
from playhead.files import sha256, write_text
from playhead.inference.bundle import WEIGHTS, DataSource, InputPlan, new_bundle_folder
from playhead.inference.precision import PrecisionChoice, parse_precision
from playhead.learning.checkpoint import checkpoint_path, prepare_folder
from playhead.learning.device import torch_precision, training_device
from playhead.learning.export import compact_bundle, export_bundle
from playhead.learning.log import read_rows
from playhead.learning.settings import TrainingConfig
from playhead.learning.state import load_weights
from playhead.learning.tensorboard import require_tensorboard
from playhead.learning.training import FitResult, Loss, Samples, Validate, fit

__all__ = ["Rebuilt", "TrainResult", "TrainingRun", "export_run"]


Config = TypeVar("Config", bound="RunConfig")


class RunConfig(Protocol):
    """The part of a job's configuration that a run uses."""

    @property
    def job(self) -> str: ...
    @property
    def training(self) -> TrainingConfig: ...
    @property
    def decisions(self) -> Settings: ...
    def model_dump(self, *, mode: str) -> dict[str, Any]: ...
    def model_copy(self, *, update: Mapping[str, Any]) -> Self: ...


@dataclass(frozen=True, slots=True)
class TrainResult:
    """The outputs of a training run, and its validation metrics.

    details: further fields of the JSON document
    summary: the metrics in words
    notes: lines printed first
    files: outcomes of the final prediction of each validation video
    advice: lines printed last, on what would make the result better
    """

    job: str
    run: Path
    bundle: Path
    report: Path | None
    metrics: dict[str, float]
    fitted: FitResult
    summary: str
    details: dict[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    files: tuple[FileOutcome, ...] = ()
    advice: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """As a plain mapping."""
        return {
            "job": self.job,
            "run": str(self.run),
            "bundle": str(self.bundle),
            "report": None if self.report is None else str(self.report),
            "metrics": self.metrics,
            "best_epoch": self.fitted.best_epoch,
            "seconds": self.fitted.seconds,
            "data_wait": self.fitted.data_wait,
            **self.details,
        }

    def describe(self) -> str:
        """The result as a few lines of text."""
        return "\n".join(
            (
                *self.notes,
                f"validation {self.summary}, best epoch {self.fitted.best_epoch}, "
                f"{self.fitted.seconds:.0f} s of training",
                f"bundle  {self.bundle}",
                *(() if self.report is None else (f"report  {self.report}",)),
                *(f"advice  {line}" for line in self.advice),
            )
        )


class TrainingRun(Generic[Config]):
    """A new or resumed run folder, in which one model is trained and exported.

    config: with `auto` replaced by the actual precision, which a resumed run keeps
    begun: whether an earlier process has written a checkpoint
    device: the device of the training
    Seeds torch's generator, so that the model built next has the random weights of the seed.
    Raises PlayheadError if the folder has a run and `resume` is False, or has none and it is True.
    """

    def __init__(
        self, folder: Path, config: Config, *, resume: bool = False, device: str = "auto"
    ) -> None:
        if resume and not folder.is_dir():
            raise PlayheadError(
                f"{folder}: there is no run to resume; leave --resume out to begin one"
            )
        if config.training.tensorboard:  # before videos are decoded
            require_tensorboard("training.tensorboard")
        prepare_folder(folder, resume=resume)
        self.folder, self.resume = folder, resume
        self.begun = checkpoint_path(folder).exists()
        self.device = training_device(device)
        precision: PrecisionChoice
        if self.begun and config.training.precision == "auto":
            precision = _begun_precision(folder)  # perhaps of another machine
        else:
            precision = torch_precision(config.training.precision, self.device)
        training = config.training.model_copy(update={"precision": precision})
        self.config = config.model_copy(update={"training": training})
        torch.manual_seed(config.training.seed)

    @property
    def bundle(self) -> Path:
        """The folder of the run's bundle."""
        return self.folder / "bundle"

    def say(self, text: str) -> None:
        """Print a line on standard error, unless the run is resumed."""
        if not self.begun:
            print(f"playhead: {text}", file=sys.stderr)

    def fit(
        self,
        model: nn.Module,
        samples: Samples,
        *,
        loss: Loss,
        validate: Validate | None,
        data: Mapping[str, Iterable[str]],
        start: Mapping[str, Any] | None = None,
        config: Config | None = None,
    ) -> FitResult:
        """Train `model` in place and leave it with its best weights; see `learning.training.fit`.

        data: for each side (train, valid) a line per file and its labels, which must be the same on
            resuming
        start: a row of the log about the initial weights
        config: the configuration completed from the data, for the run folder
        """
        document = (config or self.config).model_dump(mode="json")
        if not self.begun:  # else the folder has the configuration that the run was begun with
            write_text(self.folder / "config.yaml", yaml.safe_dump(document, sort_keys=False))
        return fit(
            model,
            samples,
            self.config.training,
            self.folder,
            loss=loss,
            validate=validate,
            resume=self.resume,
            device=self.device,
            identity=document,
            data=data,
            start=start,
        )

    def export(
        self,
        model: nn.Module,
        plan: InputPlan,
        classes: tuple[str, ...],
        fitted: FitResult,
        *,
        sources: Sequence[DataSource] = (),
    ) -> bool:
        """Write the bundle of the run; False if it has the best weights already.

        sources: the data sets that the model card names
        Its thresholds then stay, since the user may have changed them.
        """
        if _has_bundle(self.folder):
            return False
        metrics = {**fitted.metrics, "epoch": fitted.best_epoch}
        self.say("exporting the network")
        rebuilt = Rebuilt(model, self.config, plan, classes, tuple(sources))
        _export(rebuilt, self.bundle, metrics)
        return True


class Rebuilt(NamedTuple):
    """The inputs of a bundle export."""

    model: nn.Module
    config: RunConfig
    plan: InputPlan
    classes: tuple[str, ...]
    sources: tuple[DataSource, ...] = ()


def export_run(
    run: Path,
    out: Path,
    *,
    epoch: int | None,
    compact: bool = False,
    rebuild: Callable[[Path], Rebuilt],
) -> Path:
    """Export a run's best weights, or those of a kept epoch, as a bundle; return its folder.

    rebuild: reads config.yaml and builds the network with random weights
    compact: see `compact_bundle`
    A bundle of the best weights keeps the thresholds and metrics of the run's bundle.
    """
    if compact:
        with tempfile.TemporaryDirectory(prefix="playhead-") as folder:
            whole = export_run(run, Path(folder) / "bundle", epoch=epoch, rebuild=rebuild)
            compact_bundle(whole, out)
        return out
    if epoch is None and _has_bundle(run):
        with new_bundle_folder(out) as temporary:
            shutil.copytree(run / "bundle", temporary, dirs_exist_ok=True)
        return out
    path = run / ("best.safetensors" if epoch is None else f"epoch_{epoch}.safetensors")
    if not path.is_file():
        kept = ", ".join(sorted(file.name for file in run.glob("*.safetensors"))) or "none"
        raise PlayheadError(
            f"{path}: there is no such file; the run has {kept}. "
            "Set training.keep_epochs to keep epochs"
        )
    rebuilt = rebuild(run / "config.yaml")
    load_weights(rebuilt.model, path)
    _export(rebuilt, out, _logged_metrics(run, epoch))
    return out


def _export(rebuilt: Rebuilt, folder: Path, metrics: dict[str, Any]) -> None:
    model, config, plan, classes, sources = rebuilt
    export_bundle(
        model,
        folder,
        job=config.job,
        classes=classes,
        plan=plan,
        post_processing=config.decisions.model_dump(),
        metrics=metrics,
        training=without_folders(config),
        sources=sources,
    )


def _begun_precision(run: Path) -> PrecisionChoice:
    """The precision that a run was begun with, from its config.yaml."""
    path = run / "config.yaml"
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
        return parse_precision(str(document["training"]["precision"]))
    except (OSError, KeyError, TypeError, *BAD_YAML) as error:
        raise PlayheadError(f"{path}: has no training.precision; begin a new run") from error


def _has_bundle(run: Path) -> bool:
    best, bundled = run / "best.safetensors", run / "bundle" / WEIGHTS
    return best.is_file() and bundled.is_file() and sha256(best) == sha256(bundled)


def _logged_metrics(run: Path, epoch: int | None) -> dict[str, Any]:
    """The logged metrics of an epoch, or of the best one."""
    rows = [row for row in read_rows(run / "log.jsonl") if row["kind"] == "epoch"]
    chosen = [row for row in rows if row["best"]] if epoch is None else rows[epoch - 1 : epoch]
    if not chosen:
        return {}
    return {**(chosen[-1]["metrics"] or {}), "epoch": chosen[-1]["epoch"]}

"""Run folders: which there are, and what config.yaml, log.jsonl and the bundle of each say."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import yaml

from playhead.config import BAD_YAML
from playhead.errors import PlayheadError
from playhead.inference.bundle import load_bundle
from playhead.learning.log import read_rows

__all__ = ["Run", "RunSummary", "job_of", "list_runs", "read_runs"]

# Where a bundle's metrics come from, which stands among them.
_NO_METRICS = ("epoch", "tuned_on_")
_FIGURES = {"kind", "epoch", "step", "loss", "samples_per_second", "seconds"}


@dataclass(frozen=True, slots=True, eq=False)
class Run:
    """A training run as its folder has it: finished, stopped, or still training.

    epochs: those of the configuration
    select, direction: the metric that selects the epoch, None for the last, and `max` or `min`
    rows: of the log, without that about the start; see `learning.log`
    """

    folder: Path
    job: str
    config: Mapping[str, Any]
    epochs: int
    select: str | None
    direction: str
    rows: Sequence[Mapping[str, Any]]

    @property
    def epoch_rows(self) -> list[Mapping[str, Any]]:
        """The rows of finished epochs."""
        return [row for row in self.rows if row["kind"] == "epoch"]

    @property
    def kept(self) -> Mapping[str, Any] | None:
        """The row of the epoch whose weights are kept; None before the first epoch."""
        return next((row for row in reversed(self.epoch_rows) if row.get("best")), None)

    @property
    def loss(self) -> float | None:
        """The last training loss, of an epoch if one is finished."""
        rows = self.epoch_rows or self.rows
        loss: float | None = rows[-1]["loss"] if rows else None
        return loss

    @property
    def seconds(self) -> float:
        """The time of training so far."""
        return max((row["seconds"] for row in self.rows), default=0.0)

    @property
    def samples_per_second(self) -> float | None:
        """The mean speed of training, since every row of a kind is about as many samples."""
        speeds: list[float] = [row["samples_per_second"] for row in self.epoch_rows or self.rows]
        if not speeds or not all(speeds):
            return None
        return round(len(speeds) / sum(1 / speed for speed in speeds), 2)

    @property
    def has_bundle(self) -> bool:
        """Whether the run has been exported."""
        return (self.folder / "bundle" / "bundle.json").is_file()

    def final_metrics(self) -> dict[str, float]:
        """The metrics in the run's bundle; none without one. Raises BundleError if it is broken."""
        if not self.has_bundle:
            return {}
        metrics = load_bundle(self.folder, verify=False).manifest.metrics
        return {
            name: float(value)
            for name, value in metrics.items()
            if isinstance(value, int | float) and not name.startswith(_NO_METRICS)
        }


@dataclass(frozen=True, slots=True)
class RunSummary:
    """The progress and the best metric of a training run."""

    run: str
    job: str
    epoch: int | None
    epochs: int | None
    loss: float | None
    best: float | None
    bundle: bool

    def to_json(self) -> dict[str, Any]:
        """As a plain mapping."""
        return asdict(self)


def list_runs(folder: Path) -> list[RunSummary]:
    """Every run folder under `folder`, by name.

    Raises PlayheadError if the folder does not exist, or has files that are not those of a run.
    """
    return [_summary(_read(path), folder) for path in _find(folder)]


def _find(folder: Path) -> list[Path]:
    """Every run folder under `folder`, or itself: one with config.yaml, and a log or a checkpoint.

    Raises PlayheadError if the folder does not exist.
    """
    if not folder.is_dir():
        raise PlayheadError(
            f"{folder}: is not a folder; name one that holds the run folders of `train`"
        )
    return [path.parent for path in sorted(folder.rglob("config.yaml")) if _is_run(path.parent)]


def read_runs(paths: Sequence[Path]) -> list[Run]:
    """The runs in `paths`, each a run folder or one that holds several; every run once.

    Raises PlayheadError for a path without a run, or a folder that cannot be read as one.
    """
    folders: dict[Path, Path] = {}
    for path in paths:
        found = _find(path)
        if not found:
            raise PlayheadError(
                f"{path}: there is no training run in it; name folders that `train` wrote"
            )
        for folder in found:
            folders.setdefault(folder.resolve(), folder)
    return [_read(folder) for folder in folders.values()]


def _read(folder: Path) -> Run:
    """What the files of a run folder say.

    Raises PlayheadError if they are not those of a training run.
    """
    log = folder / "log.jsonl"
    rows = read_rows(log) if log.is_file() else []
    try:
        config = yaml.safe_load((folder / "config.yaml").read_text(encoding="utf-8"))
        training = config["training"]
        rows = [row for row in rows if row["kind"] != "start"]
        if any(not row.keys() >= _FIGURES for row in rows):
            raise ValueError(f"log.jsonl needs {', '.join(sorted(_FIGURES))} in every line")
        return Run(
            folder,
            job=config["job"],
            config=config,
            epochs=training["epochs"],
            select=training["select"],
            direction=training["direction"],
            rows=rows,
        )
    except (OSError, KeyError, TypeError, AttributeError, *BAD_YAML) as error:
        raise PlayheadError(
            f"{folder}: its config.yaml and log.jsonl are not those of a training run ({error!r}); "
            "move them elsewhere"
        ) from error


def job_of(run: Path) -> str:
    """The job of a run folder. Raises PlayheadError if it is not a run folder."""
    try:
        config = yaml.safe_load((run / "config.yaml").read_text(encoding="utf-8"))
        return str(config["job"])
    except (OSError, ValueError, KeyError, TypeError, yaml.YAMLError) as error:
        raise PlayheadError(
            f"{run}: is not a run folder: its config.yaml has no job; name one that `train` wrote"
        ) from error


def _is_run(folder: Path) -> bool:
    parts = ("log.jsonl", "checkpoint/state.safetensors")
    return any((folder / part).is_file() for part in parts)


def _summary(run: Run, root: Path) -> RunSummary:
    return RunSummary(
        run=str(run.folder.relative_to(root)),
        job=run.job,
        epoch=run.rows[-1]["epoch"] if run.rows else None,
        epochs=run.epochs,
        loss=run.rows[-1]["loss"] if run.rows else None,
        best=_best(run),
        bundle=run.has_bundle,
    )


def _best(run: Run) -> float | None:
    """The best value of the selecting metric; the log has null for one that is not finite."""
    logged = [(row.get("metrics") or {}).get(run.select) for row in run.epoch_rows]
    values = [float(value) for value in logged if value is not None]
    if not values:
        return None
    return max(values) if run.direction == "max" else min(values)

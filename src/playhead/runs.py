"""Summaries of training runs from their run folders."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import yaml

from playhead.errors import PlayheadError
from playhead.learning.log import read_rows

__all__ = ["RunSummary", "job_of", "list_runs"]


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
    """Every run folder under `folder` (one with config.yaml and log.jsonl), by name.

    Raises PlayheadError if the folder does not exist, or has files that are not those of a run.
    """
    if not folder.is_dir():
        raise PlayheadError(
            f"{folder}: is not a folder; name one that holds the run folders of `train`"
        )
    configs = sorted(folder.rglob("config.yaml"))
    return [_summary(path.parent, folder) for path in configs if _is_run(path.parent)]


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
    return (folder / "log.jsonl").is_file()


def _summary(run: Path, root: Path) -> RunSummary:
    rows = [row for row in read_rows(run / "log.jsonl") if row.get("kind") != "start"]
    try:
        config = yaml.safe_load((run / "config.yaml").read_text(encoding="utf-8"))
        training = config["training"]
        return RunSummary(
            run=str(run.relative_to(root)),
            job=config["job"],
            epoch=rows[-1]["epoch"] if rows else None,
            epochs=training["epochs"],
            loss=rows[-1]["loss"] if rows else None,
            best=_best(rows, training["select"], training["direction"]),
            bundle=(run / "bundle" / "bundle.json").is_file(),
        )
    except (OSError, ValueError, KeyError, TypeError, yaml.YAMLError) as error:
        raise PlayheadError(
            f"{run}: its config.yaml and log.jsonl are not those of a training run ({error!r}); "
            "move them elsewhere"
        ) from error


def _best(rows: Sequence[dict[str, Any]], metric: str | None, direction: str) -> float | None:
    """The best value of a metric in the log, which has null for non-finite values."""
    logged = [(row.get("metrics") or {}).get(metric) for row in rows]
    values = [float(value) for value in logged if value is not None]
    if not values:
        return None
    return max(values) if direction == "max" else min(values)

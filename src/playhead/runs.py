"""Runs: what the run folders under a folder say of themselves."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import yaml

from playhead.errors import PlayheadError
from playhead.learning.log import read_rows

__all__ = ["RunSummary", "list_runs"]


@dataclass(frozen=True, slots=True)
class RunSummary:
    """One training run: how far it came and how good it was."""

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
    """Every run folder under `folder` (one with config.yaml and log.jsonl), by name."""
    if not folder.is_dir():
        raise PlayheadError(
            f"{folder}: is no folder; runs are written by `playhead spotting train`"
        )
    configs = sorted(folder.rglob("config.yaml"))
    return [_summary(path.parent, folder) for path in configs if _is_run(path.parent)]


def _is_run(folder: Path) -> bool:
    return (folder / "log.jsonl").is_file()


def _summary(run: Path, root: Path) -> RunSummary:
    config = yaml.safe_load((run / "config.yaml").read_text(encoding="utf-8"))
    training = config["training"]
    rows = read_rows(run / "log.jsonl")
    chosen = training["select"]
    values = [row["metrics"][chosen] for row in rows if chosen in (row.get("metrics") or ())]
    better = max if training["direction"] == "max" else min
    return RunSummary(
        run=str(run.relative_to(root)),
        job=config["job"],
        epoch=rows[-1]["epoch"] if rows else None,
        epochs=training["epochs"],
        loss=rows[-1]["loss"] if rows else None,
        best=better(values) if values else None,
        bundle=(run / "bundle" / "bundle.json").is_file(),
    )

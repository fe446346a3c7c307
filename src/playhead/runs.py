"""Runs: what the run folders under a folder say of themselves."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import yaml

from playhead.errors import PlayheadError

__all__ = ["RunSummary", "list_runs", "read_log"]


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


def read_log(run: Path) -> list[dict[str, Any]]:
    """The rows of a run's log; a last line cut short by a crash is left out."""
    lines = (run / "log.jsonl").read_text(encoding="utf-8").splitlines(keepends=True)
    if lines and not lines[-1].endswith("\n"):
        lines.pop()
    return [json.loads(line) for line in lines]


def _is_run(folder: Path) -> bool:
    return (folder / "log.jsonl").is_file()


def _summary(run: Path, root: Path) -> RunSummary:
    config = yaml.safe_load((run / "config.yaml").read_text(encoding="utf-8"))
    rows = read_log(run)
    metric = config["training"]["select"]
    values = [row[metric] for row in rows if row.get(metric) is not None]
    losses = [row["loss"] for row in rows if row.get("loss") is not None]
    return RunSummary(
        run=str(run.relative_to(root)),
        job=config["job"],
        epoch=rows[-1]["epoch"] if rows else None,
        epochs=config["training"]["epochs"],
        loss=losses[-1] if losses else None,
        best=max(values) if values else None,
        bundle=(run / "bundle" / "bundle.json").is_file(),
    )

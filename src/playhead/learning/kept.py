"""What a run folder keeps: weights of its best epoch and of those that were asked for."""

from pathlib import Path
from typing import Any

from playhead.errors import PlayheadError
from playhead.learning.log import read_rows

__all__ = ["kept_weights", "logged_metrics"]


def kept_weights(run: Path, epoch: int | None) -> Path:
    """The best weights of a run, or those of an epoch; PlayheadError names what is there."""
    path = run / ("best.safetensors" if epoch is None else f"epoch_{epoch}.safetensors")
    if not path.is_file():
        kept = ", ".join(sorted(one.name for one in run.glob("*.safetensors"))) or "none"
        raise PlayheadError(
            f"{path}: is not there; weights of this run are {kept}. "
            "Name epochs to keep with training.keep_epochs"
        )
    return path


def logged_metrics(run: Path, epoch: int | None) -> dict[str, Any]:
    """What the log says of an epoch, or of the best one."""
    rows = [row for row in read_rows(run / "log.jsonl") if row["kind"] == "epoch"]
    chosen = [row for row in rows if row["best"]] if epoch is None else rows[epoch - 1 : epoch]
    if not chosen:
        return {}
    return {**(chosen[-1]["metrics"] or {}), "epoch": chosen[-1]["epoch"]}

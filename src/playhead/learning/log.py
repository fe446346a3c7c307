"""The log of a run: one JSON object per line, truncated to the checkpoint on resuming.

A line of kind `step` covers the steps since the last one, of kind `epoch` the whole epoch: epoch
(from 1), step (over the whole run), loss, rate, samples_per_second, data_wait (share of time spent
waiting for samples), seconds (of training, over the whole run). A step also has gradient (norm
before clipping, of the last step); an epoch has metrics, validation_seconds, best. A run that
started from other weights has a first line of kind `start` with what was loaded.
"""

import json
import math
import os
from pathlib import Path
from typing import Any

from playhead.errors import PlayheadError, StorageError
from playhead.files import write_text
from playhead.learning.tensorboard import EventFile, empty_events

__all__ = ["RunLog", "append_row", "cut_back", "joined_rows", "keep_curves", "read_rows"]

EARLIER = "earlier.jsonl"
"""The log of the run that a run goes on from."""


class RunLog:
    """log.jsonl of a run in progress, and its copy for TensorBoard if that is wanted.

    tensorboard: whether event files are written into `tensorboard/` of the run
    """

    def __init__(self, run: Path, *, tensorboard: bool = False) -> None:
        self.path, self.folder, self.tensorboard = (
            run / "log.jsonl",
            run / "tensorboard",
            tensorboard,
        )
        self.events: EventFile | None = None

    def begin(self, length: int) -> None:
        """Go on after `length` bytes of the log, and write the event file anew up to there."""
        cut_back(self.path, length)
        if self.tensorboard:
            self.events = EventFile(self.folder, read_rows(self.path) if length else [])
        else:  # they may hold points that the log was just cut back from
            empty_events(self.folder)

    def append(self, row: dict[str, Any]) -> int:
        """Append a row and return the length of the log in bytes."""
        length = append_row(self.path, row)
        if self.events is not None:
            self.events.write(row)
        return length

    def close(self) -> None:
        """Close the event file."""
        if self.events is not None:
            self.events.close()


def append_row(path: Path, row: dict[str, Any]) -> int:
    """Append one line and return the length of the file; non-finite numbers become null.

    Raises StorageError if writing fails.
    """
    line = json.dumps(_finite(row), allow_nan=False) + "\n"
    try:
        with path.open("ab") as file:
            file.write(line.encode())
            file.flush()
            return file.tell()
    except OSError as error:
        raise StorageError(f"{path}: writing failed: {error.strerror or error}") from error


def cut_back(path: Path, length: int) -> None:
    """Truncate to `length` bytes and to the last complete line."""
    if not path.exists():
        return
    content = path.read_bytes()
    whole = content.rfind(b"\n", 0, length) + 1
    if whole == len(content):
        return
    try:
        os.truncate(path, whole)
    except OSError as error:
        raise StorageError(f"{path}: cannot be truncated: {error.strerror or error}") from error


def read_rows(path: Path) -> list[dict[str, Any]]:
    """Every complete line of a log; an incomplete last line is still being written.

    Raises PlayheadError if the file is missing or not a log.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
        return [json.loads(line) for line in lines if line.endswith("\n")]
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise PlayheadError(
            f"{path}: cannot be read as the log of a training run: {reason}; name its run folder"
        ) from error


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(inner) for key, inner in value.items()}
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def keep_curves(earlier: Path, run: Path) -> None:
    """Keep the log of an earlier run, or of the run that a bundle is of, in the run that goes on.

    Without a log there is nothing to keep.
    """
    for folder in (earlier, earlier.parent):
        if (folder / "log.jsonl").is_file():
            rows = [json.dumps(row) for row in joined_rows(folder)]
            write_text(run / EARLIER, "".join(f"{row}\n" for row in rows))
            return


def joined_rows(run: Path) -> list[dict[str, Any]]:
    """The rows of a run after those of the runs that it goes on from; epochs and steps count on."""
    rows = read_rows(run / "log.jsonl")
    if not (run / EARLIER).is_file():
        return rows
    before = read_rows(run / EARLIER)
    counted = [row for row in before if row["kind"] != "start"]
    epochs = max((row["epoch"] for row in counted), default=0)
    steps = max((row["step"] for row in counted), default=0)
    return before + [
        row
        if row["kind"] == "start"
        else {**row, "epoch": row["epoch"] + epochs, "step": row["step"] + steps}
        for row in rows
    ]

"""TensorBoard: the rows of log.jsonl as scalars in event files.

The log is the truth and the event files are a copy, written anew from it whenever a run begins or
resumes: so they never hold a point that the log was cut back from. Steps count over the whole run
(tags `step/...`), epochs from 1 (`epoch/...` and `validation/...`). Values are float32. The time of
a point is that of training, without validation and without the time that a run was stopped.
"""

import math
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playhead.errors import StorageError, needs_extra

__all__ = ["EventFile", "empty_events", "require_tensorboard"]

_FIGURES = ("loss", "rate", "gradient", "samples_per_second", "data_wait", "validation_seconds")


def require_tensorboard(what: str) -> None:
    """Raise MissingExtraError, with the install line, if TensorBoard is not installed."""
    with needs_extra(what, "tensorboard"):
        import tensorboard.summary.writer.record_writer  # noqa: F401


def empty_events(folder: Path) -> None:
    """Empty the event files of a folder, which may be missing."""
    for path in folder.glob("events.out.tfevents.*.playhead"):
        if path.stat().st_size:
            # Not removed yet: a TensorBoard that is open would wait for the file for ever.
            os.truncate(path, 0)
        else:
            path.unlink()


class EventFile:
    """The event file of a folder, in place of those that were there.

    rows: of the log so far
    Raises StorageError if writing fails, MissingExtraError without TensorBoard.
    """

    def __init__(self, folder: Path, rows: Sequence[Mapping[str, Any]]) -> None:
        require_tensorboard("writing event files")
        from tensorboard.compat.proto.event_pb2 import Event, SessionLog
        from tensorboard.summary.writer.record_writer import RecordWriter

        now = time.time_ns()
        # TensorBoard reads files in the order of their names, and each name only once.
        self.path = folder / f"events.out.tfevents.{now}.playhead"
        self.begun = now / 1e9 - max((row.get("seconds", 0.0) for row in rows), default=0.0)
        with self._storing():
            folder.mkdir(parents=True, exist_ok=True)
            empty_events(folder)
            # No EventFileWriter, whose thread would hide errors and disturb forks of workers.
            self.records = RecordWriter(self.path.open("wb"))
            self._add(Event(wall_time=self.begun, file_version="brain.Event:2"))
            # A TensorBoard that is open forgets the points of the emptied files.
            start = SessionLog(status=SessionLog.START)
            self._add(Event(wall_time=self.begun, step=0, session_log=start))
        self.write(*rows)

    def write(self, *rows: Mapping[str, Any]) -> None:
        """Append rows of the log, without values that are not finite, and flush the file."""
        from tensorboard.compat.proto.event_pb2 import Event
        from tensorboard.compat.proto.summary_pb2 import Summary

        with self._storing():
            for row in rows:
                values = [Summary.Value(tag=tag, simple_value=y) for tag, y in _scalars(row)]
                if values:
                    when, step = self.begun + row["seconds"], row[row["kind"]]
                    self._add(Event(wall_time=when, step=step, summary=Summary(value=values)))
            self.records.flush()

    def close(self) -> None:
        """Close the file."""
        with self._storing():
            self.records.close()

    def _add(self, event: Any) -> None:
        self.records.write(event.SerializeToString())

    @contextmanager
    def _storing(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise StorageError(f"{self.path}: writing failed: {error.strerror or error}") from error


def _scalars(row: Mapping[str, Any]) -> Iterator[tuple[str, float]]:
    """The tags and finite values of a row; none of one about the start of a run."""
    kind = row["kind"]
    if kind not in {"step", "epoch"}:
        return
    tagged = {f"{kind}/{name}": row.get(name) for name in _FIGURES}
    tagged |= {f"validation/{name}": y for name, y in (row.get("metrics") or {}).items()}
    for tag, value in tagged.items():
        if value is not None and math.isfinite(value):
            yield tag, float(value)

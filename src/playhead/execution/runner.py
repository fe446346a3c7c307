"""The runner: process every file of a batch, in this process or in several.

Work is picklable data that opens its resources (networks, a backend) once per process. An exception
on a file makes only that file fail; the batch continues.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from playhead.errors import ConfigError, FileFailure
from playhead.execution.items import Item
from playhead.execution.outcomes import BatchResult, FileOutcome, peak_memory_bytes
from playhead.inference.runtime import available_cores
from playhead.progress import Progress, progress

__all__ = ["SERIAL", "Executor", "FileWork", "Share", "Work", "run_file", "run_items"]

Work = Callable[[Path, Path, Progress], FileOutcome]
"""Processes one file: its path, its output path without a suffix (see `output_path`), and its
progress from 0 to 1."""


class FileWork(Protocol):
    """Work on files: a frozen dataclass that can be pickled."""

    def open(self) -> Work:
        """Load the resources of the work; called once in every process."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Executor:
    """How a batch is run: `serial` in this process, `processes` in several workers.

    workers: by default one for every two cores, at least two
    Raises ConfigError if `workers` is given without `processes`.
    """

    kind: Literal["serial", "processes"] = "serial"
    workers: int | None = None

    def __post_init__(self) -> None:
        if self.workers is not None and self.kind == "serial":
            raise ConfigError("--workers counts worker processes; add --executor processes")

    def worker_count(self, files: int) -> int:
        """The number of workers for a number of files."""
        if self.kind == "serial":
            return 1
        return max(1, min(files, self.workers or max(2, available_cores() // 2)))

    def threads(self, asked: int | None, files: int) -> int | None:
        """The threads of each worker: `asked`, else an equal share of the cores.

        None means every core, for `serial`.
        """
        if asked is not None or self.kind == "serial":
            return asked
        return max(1, available_cores() // self.worker_count(files))


SERIAL = Executor()


def run_items(
    items: Sequence[Item],
    out: Path | None,
    work: FileWork,
    *,
    task: str = "files",
    executor: Executor = SERIAL,
) -> BatchResult:
    """Run `work` on every item; the outcomes are in the order of the items.

    out: the folder for outputs; None writes beside each input
    An interrupt ends the batch, as does MemoryError in this process. If a worker process dies, only
    its file fails. Raises what `work.open` raises.
    """
    started = time.monotonic()
    files = [(item.path, item.target(out)) for item in items]
    with progress(task, len(files)) as live:
        match executor.kind:
            case "processes":
                from playhead.execution.processes import run_in_processes

                count = executor.worker_count(len(files))
                outcomes, worker_peak = run_in_processes(files, work, count, live)
            case "serial":
                outcomes, worker_peak = [], 0
                process = work.open()
                for path, target in files:
                    live.advance(0, note=path.name)
                    share = Share(live)
                    outcomes.append(run_file(path, target, process, share))
                    share.finish()
    seconds = time.monotonic() - started
    return BatchResult(tuple(outcomes), seconds, peak_memory_bytes() + worker_peak)


def run_file(path: Path, target: Path, work: Work, share: Progress) -> FileOutcome:
    """Process one file; an exception other than an interrupt makes it fail."""
    with FileFailure(path) as failure:
        return work(path, target, share)
    return FileOutcome(path, "failed", reason=failure.reason)


class Share:
    """The progress of one file; a file that fails early is completed by `finish`."""

    def __init__(self, whole: Progress) -> None:
        self._whole = whole
        self._done = 0.0

    def advance(self, steps: float = 1, note: str = "") -> None:
        """Advance by a part of this file."""
        self._done += steps
        self._whole.advance(steps, note)

    def finish(self) -> None:
        """Advance to the end of this file."""
        self.advance(1 - self._done)

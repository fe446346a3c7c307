"""Progress on standard error: a bar in a terminal, else a line about every ten seconds."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from time import monotonic
from typing import Protocol

__all__ = ["INTERVAL", "Progress", "progress", "restart"]

INTERVAL = 10.0
"""Seconds between two lines if standard error is not a terminal; shorter tasks have none."""


class Progress(Protocol):
    """The progress of a long task."""

    def advance(self, steps: float = 1, note: str = "") -> None:
        """Advance by `steps`; a `note` (loss, rate, file name) replaces the last one."""


class _Pace:
    """When the next line is due, over all tasks: many short ones in a row count as one."""

    def __init__(self) -> None:
        self.restart()

    def restart(self) -> None:
        self.quiet_since = self.ended = -INTERVAL

    def begin(self) -> None:
        if monotonic() - self.ended >= INTERVAL:
            self.quiet_since = monotonic()

    def end(self) -> None:
        self.ended = monotonic()

    def is_due(self) -> bool:
        now = monotonic()
        if now - self.quiet_since < INTERVAL:
            return False
        self.quiet_since = now
        return True


_pace = _Pace()


def restart() -> None:
    """Start a new command; the time of earlier tasks does not count."""
    _pace.restart()


class _Lines:
    """A task with progress in plain lines, as in the log of a batch job."""

    def __init__(self, task: str, total: float | None) -> None:
        self._task, self._total = task, total
        self._done, self._note = 0.0, ""
        self._started = monotonic()
        self._first: tuple[float, float] | None = None

    def advance(self, steps: float = 1, note: str = "") -> None:
        self._done += steps
        self._note = note or self._note
        if self._first is None:  # a resumed task starts at its earlier progress
            self._first = (monotonic(), self._done)
        if _pace.is_due():
            with suppress(OSError):  # a closed pipe does not end the work
                sys.stderr.write(self._line() + "\n")

    def _line(self) -> str:
        now = monotonic()
        parts = [f"{_clock(now - self._started)} elapsed"]
        if self._total:
            parts.insert(0, f"{100 * min(1.0, self._done / self._total):.0f}%")
            began, before = self._first or (now, self._done)
            if self._done > before:
                left = (now - began) * (self._total - self._done) / (self._done - before)
                parts.append(f"{_clock(max(0.0, left))} left")
        elif self._done:
            parts.insert(0, f"{self._done:g}")
        return f"{self._task}: {', '.join([*parts, *filter(None, [self._note])])}"


def _clock(seconds: float) -> str:
    return str(timedelta(seconds=int(seconds)))


@contextmanager
def progress(task: str, total: float | None) -> Iterator[Progress]:
    """Show the progress and remaining time of one task; `total` None means unknown.

    Bars cannot be nested: open one at a time.
    """
    if not sys.stderr.isatty():
        _pace.begin()
        try:
            yield _Lines(task, total)
        finally:
            _pace.end()
        return
    from rich.console import Console
    from rich.progress import BarColumn, TaskID, TextColumn, TimeElapsedColumn, TimeRemainingColumn
    from rich.progress import Progress as Bars

    bars = Bars(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f}%", markup=False),
        TimeElapsedColumn(),
        TextColumn("left", markup=False),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}", markup=False),
        console=Console(stderr=True),
    )

    class Live:
        def __init__(self, identity: TaskID) -> None:
            self.identity = identity

        def advance(self, steps: float = 1, note: str = "") -> None:
            if note:
                bars.update(self.identity, note=note)
            bars.advance(self.identity, steps)

    with bars:
        yield Live(bars.add_task(task, total=total, note=""))

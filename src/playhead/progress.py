"""Progress: live on standard error, silent when that is no terminal."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

__all__ = ["Progress", "progress"]


class Progress(Protocol):
    """What a long task reports to."""

    def advance(self, steps: float = 1, note: str = "") -> None:
        """Move on by `steps`; a `note` (loss, rate, file name) replaces the last one."""


class _Silent:
    def advance(self, steps: float = 1, note: str = "") -> None:
        """Say nothing."""


@contextmanager
def progress(task: str, total: float | None) -> Iterator[Progress]:
    """Show one task with its time left; `total` None means the end is not known.

    Bars do not nest: open one at a time.
    """
    if not sys.stderr.isatty():
        yield _Silent()
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

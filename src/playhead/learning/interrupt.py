"""Ctrl-C handling that never interrupts a step or the start of a process.

There the first Ctrl-C is postponed to the end; elsewhere (waiting for data, validation) it takes
effect at once. A second Ctrl-C is never postponed.
"""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

__all__ = ["CtrlC"]


class CtrlC:
    """A context manager that handles SIGINT; `whole` is False within a step."""

    def __init__(self) -> None:
        self.whole = True
        self._asked = False
        self._postpone = False
        self._before: Any = None

    def __enter__(self) -> "CtrlC":
        # Only the main thread may set handlers; elsewhere Ctrl-C is unchanged.
        if threading.current_thread() is threading.main_thread():
            self._before = signal.signal(signal.SIGINT, self._on_signal)
        return self

    def __exit__(self, *_: object) -> None:
        self._restore()

    @contextmanager
    def postponed(self) -> Iterator[None]:
        """Postpone Ctrl-C to the end of the block.

        Python loses an exception that a handler raises during a fork, and a new process has this
        handler until it sets its own.
        """
        self._postpone = True
        try:
            yield
        finally:
            self._postpone = False
        if self._asked:
            raise KeyboardInterrupt

    @contextmanager
    def held(self) -> Iterator[None]:
        """Postpone Ctrl-C; if the block raises, `whole` stays False."""
        with self.postponed():
            self.whole = False
            yield
            self.whole = True

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        self._restore()
        self._asked = True
        if not self._postpone:
            raise KeyboardInterrupt

    def _restore(self) -> None:
        if self._before is not None:
            signal.signal(signal.SIGINT, self._before)
            self._before = None

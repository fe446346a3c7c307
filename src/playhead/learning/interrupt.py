"""Ctrl-C that never falls in the middle of a step, or of starting a process.

There the first Ctrl-C waits for the end; anywhere else (waiting for data, validating) it takes
effect at once. A second one is never held back.
"""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

__all__ = ["CtrlC"]


class CtrlC:
    """A context manager that owns SIGINT; `whole` says whether the state is between two steps."""

    def __init__(self) -> None:
        self.whole = True
        self._asked = False
        self._postpone = False
        self._before: Any = None

    def __enter__(self) -> "CtrlC":
        # Only the main thread may set handlers; elsewhere Ctrl-C keeps its meaning.
        if threading.current_thread() is threading.main_thread():
            self._before = signal.signal(signal.SIGINT, self._on_signal)
        return self

    def __exit__(self, *_: object) -> None:
        self._give_back()

    @contextmanager
    def postponed(self) -> Iterator[None]:
        """A stretch at whose end Ctrl-C takes effect.

        Python loses an exception that a handler raises while a process is being forked, and a
        new process has this handler until it sets its own.
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
        """A stretch that is done wholly or, on an error, leaves `whole` False."""
        with self.postponed():
            self.whole = False
            yield
            self.whole = True

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        self._give_back()
        self._asked = True
        if not self._postpone:
            raise KeyboardInterrupt

    def _give_back(self) -> None:
        if self._before is not None:
            signal.signal(signal.SIGINT, self._before)
            self._before = None

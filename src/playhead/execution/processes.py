"""The executor `processes`: worker processes that open the work once and process file by file.

Each worker has its own pipe: paths go in, progress and outcomes come back. If a worker dies (out of
memory, a crash in a library), its pipe closes, its file fails, and a new worker replaces it. On an
interrupt every worker is terminated and removes its partial outputs.
"""

import logging
import multiprocessing
import signal
import sys
import traceback
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from pathlib import Path
from time import monotonic

from playhead.errors import PlayheadError
from playhead.execution.outcomes import FileOutcome, peak_memory_bytes
from playhead.execution.runner import FileWork, Share, run_file
from playhead.progress import Progress

__all__ = ["run_in_processes"]

_END_SECONDS = 10.0
"""Seconds that a worker has to terminate before it is killed."""

_REPORT_SECONDS = 0.1
"""Seconds between two progress reports."""

_log = logging.getLogger("playhead")


def run_in_processes(
    files: Sequence[tuple[Path, Path]], work: FileWork, workers: int, live: Progress
) -> tuple[list[FileOutcome], int]:
    """The outcomes of files (path, target) in order, and the workers' peak memory in bytes.

    Raises PlayheadError if a worker cannot open the work, or dies while opening it.
    """
    pending = deque(range(len(files)))
    outcomes: dict[int, FileOutcome] = {}
    team = [_Worker(work) for _ in range(min(workers, len(files)))]
    try:
        while len(outcomes) < len(files):
            ready = wait([worker.connection for worker in team])
            for worker in (worker for worker in team if worker.connection in ready):
                number = worker.file
                outcome = worker.receive()
                if number is not None and outcome is not None:
                    outcomes[number] = outcome
                if worker.is_idle and pending:
                    worker.give(pending, files, live)
    finally:
        for worker in team:
            worker.process.terminate()
        ends = monotonic() + _END_SECONDS
        for worker in team:
            worker.end(max(0.0, ends - monotonic()))
    return [outcomes[number] for number in range(len(files))], sum(worker.peak for worker in team)


class _Worker:
    """The parent's handle of a worker process, which is restarted if it dies.

    file: the index of its current file; peak: peak memory in bytes
    """

    connection: Connection
    process: SpawnProcess

    def __init__(self, work: FileWork) -> None:
        self._work = work
        self.file: int | None = None
        self.peak = 0
        self._start()

    @property
    def is_idle(self) -> bool:
        """Whether it is ready for a file."""
        return self._opened and self.file is None

    def give(self, pending: deque[int], files: Sequence[tuple[Path, Path]], live: Progress) -> None:
        """Send it the next file."""
        number = pending.popleft()
        try:
            self.connection.send(files[number])
        except OSError:  # it died while idle; `receive` notices that next
            pending.appendleft(number)
            return
        self.file, self._path, self._share = number, files[number][0], Share(live)
        live.advance(0, note=self._path.name)

    def receive(self) -> FileOutcome | None:
        """Receive a message; return the outcome if its file is done.

        Raises the worker's error if it could not open the work.
        """
        try:
            kind, *content = self.connection.recv()
        except (EOFError, OSError):
            return self._died()
        match kind:
            case "opened":
                self._opened = True
            case "failed to open":
                raise content[0]
            case "progress":
                self._share.advance(*content)
            case "outcome":
                outcome, peak = content
                self.peak = max(self.peak, peak)
                return self._ended(outcome)
        return None

    def end(self, seconds: float) -> None:
        """Wait for its end, then kill it."""
        self.process.join(seconds)
        self.process.kill()
        self.process.join()
        self.connection.close()

    def _start(self) -> None:
        context = multiprocessing.get_context("spawn")
        self._opened = False
        self.connection, inner = context.Pipe()
        debug = _log.isEnabledFor(logging.DEBUG)
        self.process = context.Process(target=_serve, args=(inner, self._work, debug), daemon=True)
        with _interrupt_held_back():
            self.process.start()
        inner.close()

    def _ended(self, outcome: FileOutcome) -> FileOutcome:
        self._share.finish()
        self.file = None
        return outcome

    def _died(self) -> FileOutcome | None:
        self.process.join()
        self.connection.close()
        code = self.process.exitcode or 0
        death = f"the worker process ended with exit code {code}"
        if code < 0:
            names = {signal.SIGKILL: "killed, perhaps for lack of memory", signal.SIGSEGV: "crash"}
            name = names.get(signal.Signals(-code), signal.Signals(-code).name)
            death = f"the worker process died (signal {-code}: {name})"
        if not self._opened:
            raise PlayheadError(f"{death} while it loaded the models; use fewer --workers")
        self._start()
        if self.file is None:
            return None
        return self._ended(FileOutcome(self._path, "failed", reason=f"{self._path}: {death}"))


@contextmanager
def _interrupt_held_back() -> Iterator[None]:
    """Block SIGINT while starting processes, so that only the parent handles Ctrl-C."""
    resource_tracker.ensure_running()  # starting it would unblock the signal
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _serve(connection: Connection, work: FileWork, debug: bool) -> None:
    """Main function of a worker: open the work, then process the files it receives."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    if debug:
        _log.setLevel(logging.DEBUG)
        _log.addHandler(logging.StreamHandler(sys.stderr))
    try:
        process = work.open()
    except PlayheadError as error:
        connection.send(("failed to open", PlayheadError(str(error))))
        return
    except Exception:  # noqa: BLE001 - a bug, sent to the parent with its traceback
        connection.send(("failed to open", RuntimeError(traceback.format_exc())))
        return
    connection.send(("opened",))
    with suppress(EOFError, BrokenPipeError):  # the parent is gone
        while True:
            path, target = connection.recv()
            report = _Report(connection)
            try:
                outcome = run_file(path, target, process, report)
            except MemoryError:
                reason = f"{path}: not enough memory; use fewer --workers"
                outcome = FileOutcome(path, "failed", reason=reason)
            connection.send(("outcome", outcome, peak_memory_bytes()))


class _Report:
    """The progress of one file, sent to the parent at intervals."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._steps, self._sent = 0.0, monotonic()

    def advance(self, steps: float = 1, note: str = "") -> None:
        """Advance; the parent is informed at the next interval."""
        self._steps += steps
        if monotonic() - self._sent >= _REPORT_SECONDS:
            self._connection.send(("progress", self._steps, note))
            self._steps, self._sent = 0.0, monotonic()

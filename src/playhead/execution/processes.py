"""The executor `processes`: worker processes that each open the work once and take file by file.

Each worker has a pipe of its own: paths go in, progress and outcomes come back. A worker that dies
(killed for memory, a crash in a library) closes its pipe: its file fails, and a new worker takes
its place. Interrupted, every worker is asked to end, and removes what is half written.
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
"""A worker that was asked to end gets so long before it is killed."""

_REPORT_SECONDS = 0.1
"""Progress is reported this often."""

_log = logging.getLogger("playhead")


def run_in_processes(
    files: Sequence[tuple[Path, Path]], work: FileWork, workers: int, live: Progress
) -> tuple[list[FileOutcome], int]:
    """The outcomes of files (path, target) in their order, and the workers' peak memory in bytes.

    Raises PlayheadError if a worker cannot open the work, or dies while it does.
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
    return [outcomes[number] for number in range(len(files))], sum(one.peak for one in team)


class _Worker:
    """A worker process as its parent sees it, and the one that takes its place if it dies.

    file: the number of the file that it works on; peak: bytes of memory that it ever held
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
        """Whether it can be given a file."""
        return self._opened and self.file is None

    def give(self, pending: deque[int], files: Sequence[tuple[Path, Path]], live: Progress) -> None:
        """Hand it the next file."""
        number = pending.popleft()
        try:
            self.connection.send(files[number])
        except OSError:  # it died idle, which `receive` notices next
            pending.appendleft(number)
            return
        self.file, self._path, self._share = number, files[number][0], Share(live)
        live.advance(0, note=self._path.name)

    def receive(self) -> FileOutcome | None:
        """Take what it sent; the outcome if its file has ended.

        Raises what it could not open the work for.
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
        """Wait so long for its end, then kill it."""
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
    """Start processes that Ctrl-C does not reach: the parent ends them."""
    resource_tracker.ensure_running()  # its start would unblock the signal
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _serve(connection: Connection, work: FileWork, debug: bool) -> None:
    """The life of a worker: open the work, then process the files it is given."""
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
    except Exception:  # noqa: BLE001 - a defect, told to the parent with its traceback
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
    """The progress of one file, sent to the parent now and then."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._steps, self._sent = 0.0, monotonic()

    def advance(self, steps: float = 1, note: str = "") -> None:
        """Move on; the parent hears of it soon."""
        self._steps += steps
        if monotonic() - self._sent >= _REPORT_SECONDS:
            self._connection.send(("progress", self._steps, note))
            self._steps, self._sent = 0.0, monotonic()

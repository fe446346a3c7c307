"""Work on files that worker processes can open: what happens hangs on the name of the file."""

import os
import signal
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from playhead.errors import MediaError, WeightsError
from playhead.execution.items import find_items, output_path
from playhead.execution.outcomes import BatchResult, FileOutcome
from playhead.execution.runner import SERIAL, Executor, FileWork, Work, run_items
from playhead.files import atomic_path
from playhead.progress import Progress


def run_files(
    paths: Sequence[Path], out: Path, work: FileWork, *, executor: Executor = SERIAL
) -> BatchResult:
    return run_items(find_items(paths), out, work, executor=executor)


@dataclass(frozen=True)
class Opened:
    """Work in this process: a function as it is."""

    work: Work

    def open(self) -> Work:
        return self.work


@dataclass(frozen=True)
class Copying:
    """Copies files; `log` gets a line each time it is opened."""

    log: Path
    fail_to_open: str = ""

    def open(self) -> Work:
        if self.fail_to_open == "weights":
            raise WeightsError("weights centerface are not here yet")
        if self.fail_to_open == "defect":
            raise ZeroDivisionError
        if self.fail_to_open == "death":
            os.kill(os.getpid(), signal.SIGKILL)
        with self.log.open("a") as file:
            file.write(f"{os.getpid()}\n")
        return copy_file


def copy_file(path: Path, target: Path, progress: Progress) -> FileOutcome:
    output = output_path(target, ".copy")
    match path.stem:
        case "broken":
            raise MediaError(f"{path}: is not a video")
        case "defect":
            raise ZeroDivisionError
        case "memory":
            raise MemoryError
        case "gone":
            os._exit(7)
    with atomic_path(output) as temporary:
        temporary.write_bytes(path.read_bytes())
        progress.advance(0.25)
        if path.stem.startswith("killed"):
            os.kill(os.getpid(), signal.SIGKILL)
        if path.stem.startswith("slow"):
            time.sleep(60)
        time.sleep(0.15)
        progress.advance(0.5)
    return FileOutcome(path, "ok", (output,), notes=(f"{len(path.read_bytes())} bytes",))

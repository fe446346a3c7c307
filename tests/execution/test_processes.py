"""The executor `processes`: a file may fail, a worker may die, nothing else suffers."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from playhead.errors import ConfigError, PlayheadError
from playhead.execution.outcomes import BatchResult
from playhead.execution.runner import SERIAL, Executor
from playhead.files import is_temporary
from playhead.inference.runtime import available_cores
from tests.execution.file_work import Copying, run_files

ROOT = Path(__file__).parents[2]
TWO = Executor(kind="processes", workers=2)


def make(folder: Path, *names: str) -> list[Path]:
    folder.mkdir(exist_ok=True)
    paths = [folder / f"{name}.mp4" for name in names]
    for path in paths:
        path.write_text(path.stem)
    return paths


def run(tmp_path: Path, *names: str, executor: Executor = TWO, fail: str = "") -> BatchResult:
    paths = make(tmp_path / "in", *names)
    return run_files(paths, tmp_path / "out", Copying(tmp_path / "log", fail), executor=executor)


def statuses(result: BatchResult) -> dict[str, str]:
    return {file.path.stem: file.status for file in result.files}


@pytest.mark.slow
def test_workers_do_what_one_process_does_in_the_same_order(tmp_path: Path) -> None:
    names = ("e", "d", "broken", "c", "defect", "b", "a")
    serial, parallel = run(tmp_path, *names, executor=SERIAL), run(tmp_path, *names)
    assert parallel.files == serial.files
    assert [file.path.stem for file in parallel.files] == list(names)
    assert (tmp_path / "out" / "a.copy").read_text() == "a"


@pytest.mark.slow
def test_each_worker_opens_the_work_once_and_none_is_this_process(tmp_path: Path) -> None:
    run(tmp_path, *"abcdefgh")
    opened = (tmp_path / "log").read_text().split()
    assert len(opened) == len(set(opened)) == 2
    assert str(os.getpid()) not in opened


@pytest.mark.slow
def test_a_worker_that_is_killed_fails_its_own_file_and_a_new_one_takes_its_place(
    tmp_path: Path,
) -> None:
    result = run(tmp_path, "a", "killed", "b", "killed-too", "c", "d")
    assert statuses(result) == {
        "a": "ok",
        "killed": "failed",
        "b": "ok",
        "killed-too": "failed",
        "c": "ok",
        "d": "ok",
    }
    reason = result.files[1].reason or ""
    assert reason.startswith(f"{result.files[1].path}: the worker process died (signal 9: killed")
    assert not (tmp_path / "out" / "killed.copy").exists()
    assert len((tmp_path / "log").read_text().split()) >= 3


@pytest.mark.slow
def test_a_worker_that_ends_by_itself_fails_its_own_file(tmp_path: Path) -> None:
    result = run(tmp_path, "gone", "a", "b")
    assert statuses(result) == {"gone": "failed", "a": "ok", "b": "ok"}
    assert "ended with exit code 7" in (result.files[0].reason or "")


@pytest.mark.slow
def test_a_lack_of_memory_fails_its_own_file(tmp_path: Path) -> None:
    result = run(tmp_path, "memory", "a", "b")
    assert statuses(result) == {"memory": "failed", "a": "ok", "b": "ok"}
    assert "not enough memory; use fewer --workers" in (result.files[0].reason or "")


@pytest.mark.slow
def test_what_cannot_be_opened_is_one_error_of_the_batch(tmp_path: Path) -> None:
    with pytest.raises(PlayheadError, match="weights centerface are not here yet"):
        run(tmp_path, "a", "b", fail="weights")
    with pytest.raises(RuntimeError, match="ZeroDivisionError"):
        run(tmp_path, "a", "b", fail="defect")
    with pytest.raises(PlayheadError, match=r"died \(signal 9.*while it loaded the models"):
        run(tmp_path, "a", "b", fail="death")
    assert not list((tmp_path / "out").glob("*")) if (tmp_path / "out").exists() else True


class Steps:
    def __init__(self) -> None:
        self.total, self.notes = 0.0, list[str]()

    def advance(self, steps: float = 1, note: str = "") -> None:
        self.total += steps
        self.notes += [note] if note else []


@pytest.mark.slow
def test_the_progress_of_all_files_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = Steps()

    @contextmanager
    def fake(task: str, total: float) -> Iterator[Steps]:
        yield steps

    monkeypatch.setattr("playhead.execution.runner.progress", fake)
    run(tmp_path, "a", "killed", "b", "broken")
    assert steps.total == pytest.approx(4)
    assert set(steps.notes) == {"a.mp4", "killed.mp4", "b.mp4", "broken.mp4"}


@pytest.mark.slow
def test_the_memory_of_workers_counts(tmp_path: Path) -> None:
    serial, parallel = run(tmp_path, "a", "b", executor=SERIAL), run(tmp_path, "a", "b")
    assert parallel.peak_memory_bytes > serial.peak_memory_bytes + 2 * 20_000_000


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_no_worker_stays_and_nothing_half_written(
    tmp_path: Path, number: signal.Signals
) -> None:
    make(tmp_path / "in", "a", "slow", "slow-too")
    code = (
        "import signal, sys\n"
        "from pathlib import Path\n"
        "from playhead.execution.runner import Executor\n"
        "from tests.execution.file_work import Copying, run_files\n"
        "signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))\n"
        "folder = Path(sys.argv[1])\n"
        "run_files([folder / 'in'], folder / 'out', Copying(folder / 'log'),\n"
        "          executor=Executor(kind='processes', workers=2))\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)],
        cwd=ROOT,
        stderr=subprocess.PIPE,
        start_new_session=True,
        text=True,
    )
    deadline = time.monotonic() + 60
    out = tmp_path / "out"
    while time.monotonic() < deadline:  # until both slow files are being written
        if (out / "a.copy").exists() and sum(map(is_temporary, out.glob(".*"))) == 2:
            break
        time.sleep(0.05)
    workers = psutil.Process(process.pid).children(recursive=True)
    assert len(workers) >= 2
    if number == signal.SIGINT:
        os.killpg(process.pid, number)  # as the terminal does: to every process of the group
    else:
        process.send_signal(number)
    _, errors = process.communicate(timeout=30)
    assert process.returncode in {-signal.SIGINT, 130, 143}
    assert errors.count("Traceback") <= 1, errors  # of the parent alone
    _, alive = psutil.wait_procs(workers, timeout=20)
    assert not alive
    assert [path.name for path in out.iterdir()] == ["a.copy"]


def test_cores_are_shared_among_workers_unless_threads_are_given() -> None:
    cores = available_cores()
    assert SERIAL.threads(None, 8) is None
    assert SERIAL.threads(3, 8) == 3
    assert Executor(kind="processes", workers=1).threads(None, 8) == cores
    assert Executor(kind="processes", workers=cores).threads(None, 2 * cores) == 1
    assert Executor(kind="processes", workers=64).threads(None, 1) == cores
    assert Executor(kind="processes", workers=2).threads(7, 8) == 7


def test_workers_without_processes_are_refused() -> None:
    with pytest.raises(ConfigError, match="add --executor processes"):
        Executor(workers=2)

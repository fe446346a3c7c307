import os
import subprocess
import sys
from pathlib import Path

import pytest

from playhead.errors import DamagedError, MediaError, PlayheadError
from playhead.execution.items import find_items, output_path
from playhead.execution.outcomes import FileOutcome, exit_code, peak_memory_bytes
from playhead.progress import Progress
from tests.execution.file_work import Opened, run_files


def make(folder: Path, *names: str) -> list[Path]:
    paths = [folder / name for name in names]
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")
    return paths


def copy_text(path: Path, target: Path, progress: Progress) -> FileOutcome:
    """A stand-in for prediction whose outcome hangs on the file's name."""
    progress.advance(0.5)
    match path.stem:
        case "broken":
            raise MediaError(f"{path}: is no video")
        case "gone":
            path.read_bytes()
        case "defect":
            raise ZeroDivisionError
    output = output_path(target, ".events.json")
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text("{}")
    if path.stem == "damaged":
        return FileOutcome(path, "partial", (output,), "frames 0 to 9 are readable")
    return FileOutcome(path, "ok", (output,))


def test_a_bad_file_does_not_end_a_batch(tmp_path: Path) -> None:
    paths = make(tmp_path, "a.mp4", "broken.mp4", "damaged.mp4", "z.mp4")
    paths.insert(2, tmp_path / "gone.mp4")
    result = run_files(paths, tmp_path / "out", Opened(copy_text))
    statuses = {file.path.stem: file.status for file in result.files}
    assert statuses == {
        "a": "ok",
        "broken": "failed",
        "gone": "failed",
        "damaged": "partial",
        "z": "ok",
    }
    assert exit_code(result.files) == 3
    assert all(file.reason for file in result.files if file.status != "ok")
    assert result.files[-1].outputs == (tmp_path / "out" / "z.events.json",)


@pytest.mark.parametrize("name", ["broken.mp4", "damaged.mp4"])
def test_one_bad_file_alone_still_gives_code_3(tmp_path: Path, name: str) -> None:
    assert (
        exit_code(run_files(make(tmp_path, name), tmp_path / "out", Opened(copy_text)).files) == 3
    )


def test_good_files_give_code_0(tmp_path: Path) -> None:
    assert (
        exit_code(run_files(make(tmp_path, "a.mp4"), tmp_path / "out", Opened(copy_text)).files)
        == 0
    )


def test_an_error_that_nobody_foresaw_fails_its_file_alone(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    paths = make(tmp_path, "a.mp4", "defect.mp4", "z.mp4")
    with caplog.at_level("DEBUG", logger="playhead"):
        result = run_files(paths, tmp_path / "out", Opened(copy_text))
    assert [file.status for file in result.files] == ["ok", "failed", "ok"]
    reason = result.files[1].reason or ""
    assert "an unexpected error (ZeroDivisionError)" in reason
    assert "--debug shows where" in reason
    assert "Traceback" in caplog.text
    assert "raise ZeroDivisionError" in caplog.text
    assert exit_code(result.files) == 3


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, MemoryError])
def test_interruptions_and_a_lack_of_memory_end_the_batch(
    error: type[BaseException], tmp_path: Path
) -> None:
    def interrupt(path: Path, target: Path, progress: Progress) -> FileOutcome:
        raise error

    with pytest.raises(error):
        run_files(make(tmp_path, "a.mp4", "b.mp4"), tmp_path / "out", Opened(interrupt))


def test_outputs_mirror_the_inputs_below_their_common_folder(tmp_path: Path) -> None:
    make(tmp_path / "in", "a/one.mp4", "b/c/one.mp4", "notes.txt", "two.MKV")
    stems = [item.stem.as_posix() for item in find_items([tmp_path / "in"])]
    assert sorted(stems) == ["a/one", "b/c/one", "two"]
    run_files([tmp_path / "in"], tmp_path / "out", Opened(copy_text))
    assert (tmp_path / "out" / "b" / "c" / "one.events.json").exists()


def test_the_common_folder_is_the_deepest_of_what_was_named(tmp_path: Path) -> None:
    one, two = make(tmp_path, "season/a/one.mp4", "season/b/two.mp4")
    assert [item.stem.as_posix() for item in find_items([one])] == ["one"]
    assert [item.stem.as_posix() for item in find_items([one, two])] == ["a/one", "b/two"]
    named = [tmp_path / "season" / "a", two]
    assert [item.stem.as_posix() for item in find_items(named)] == ["a/one", "b/two"]


def test_a_folder_keeps_its_own_tree_even_when_all_videos_are_below_one(tmp_path: Path) -> None:
    make(tmp_path, "season/a/one.mp4")
    stems = [item.stem.as_posix() for item in find_items([tmp_path / "season"])]
    assert stems == ["a/one"]


def test_no_output_leaves_the_folder_for_a_path_with_dots(tmp_path: Path) -> None:
    make(tmp_path, "x/one.mp4", "y/two.mp4")
    crooked = [tmp_path / "x" / ".." / "y" / "two.mp4", tmp_path / "x" / "one.mp4"]
    assert [item.stem.as_posix() for item in find_items(crooked)] == ["y/two", "x/one"]


def test_relative_names_stay_as_the_user_gave_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(tmp_path, "über uns/spiel eins.mp4")
    monkeypatch.chdir(tmp_path)
    (item,) = find_items([Path("über uns/spiel eins.mp4")])
    assert item.path == Path("über uns/spiel eins.mp4")
    assert item.stem == Path("spiel eins")


def test_a_name_with_dots_keeps_all_but_its_suffix(tmp_path: Path) -> None:
    (item,) = find_items(make(tmp_path, "match.1.half.mp4"))
    name = output_path(tmp_path / item.stem, ".scores.npz").name
    assert name == "match.1.half.scores.npz"


def test_two_inputs_with_one_output_are_refused_before_any_work(tmp_path: Path) -> None:
    paths = make(tmp_path, "match.mp4", "match.mkv")
    with pytest.raises(PlayheadError, match=r"match\.mp4 and .*match\.mkv would write"):
        run_files(paths, tmp_path / "out", Opened(copy_text))
    assert not (tmp_path / "out").exists()


def test_a_file_named_twice_is_done_once(tmp_path: Path) -> None:
    (path,) = make(tmp_path, "in/a.mp4")
    assert len(find_items([path, path.parent, path])) == 1


def test_a_folder_without_videos_is_wrong_use(tmp_path: Path) -> None:
    make(tmp_path, "notes.txt")
    with pytest.raises(PlayheadError, match="has no video"):
        find_items([tmp_path])


def test_a_named_file_is_taken_whatever_its_suffix(tmp_path: Path) -> None:
    (path,) = make(tmp_path, "recording.dat")
    assert [item.path for item in find_items([path])] == [path]


def test_the_document_holds_what_the_design_promises(tmp_path: Path) -> None:
    result = run_files(make(tmp_path, "a.mp4", "broken.mp4"), tmp_path / "out", Opened(copy_text))
    document = result.to_json()
    assert document.keys() == {"files", "seconds", "peak_memory_bytes"}
    assert all(file.keys() == {"path", "status", "outputs", "reason"} for file in document["files"])
    assert result.describe().splitlines()[1].endswith("broken.mp4: failed: is no video")


def test_peak_memory_is_in_bytes() -> None:
    block = bytearray(os.urandom(1)) * 300_000_000
    assert 300_000_000 < peak_memory_bytes() < 100_000_000_000
    assert len(block) == 300_000_000


def test_peak_memory_does_not_count_what_the_parent_held() -> None:
    block = bytearray(os.urandom(1)) * 500_000_000
    code = "from playhead.execution.outcomes import peak_memory_bytes; print(peak_memory_bytes())"
    peak = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout
    assert int(peak) < len(block)


class Steps:
    def __init__(self) -> None:
        self.total = 0.0

    def advance(self, steps: float = 1, note: str = "") -> None:
        self.total += steps


def test_progress_reaches_the_end_even_when_files_fail(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from contextlib import contextmanager

    steps = Steps()

    @contextmanager
    def fake(task: str, total: float):
        yield steps

    monkeypatch.setattr("playhead.execution.runner.progress", fake)
    run_files(make(tmp_path, "a.mp4", "broken.mp4"), tmp_path / "out", Opened(copy_text))
    assert steps.total == pytest.approx(2)


def test_damage_that_stops_a_file_is_a_failure_with_its_reason(tmp_path: Path) -> None:
    def work(path: Path, target: Path, progress: Progress) -> FileOutcome:
        raise DamagedError("no frame can be decoded")

    (outcome,) = run_files(make(tmp_path, "a.mp4"), tmp_path / "out", Opened(work)).files
    assert (outcome.status, outcome.reason) == ("failed", "no frame can be decoded")

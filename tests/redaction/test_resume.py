"""A batch that was killed goes on, and nothing that a person made is replaced on the way."""

import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from playhead.errors import PlayheadError
from playhead.events.formats.tracks import read_tracks, write_tracks
from playhead.execution.items import find_items
from playhead.execution.outcomes import BatchResult
from playhead.files import is_temporary
from playhead.redaction.config import RedactionConfig
from playhead.redaction.run import redact_files
from tests.command import playhead, playhead_json
from tests.command import run as command
from tests.redaction.conftest import FRAMES, SquareDetector, use_detector, write

pytestmark = pytest.mark.usefixtures("networks")

FACES = RedactionConfig(hide=("face",), threads=1)
CLIPS = ("a", "b", "c")
ROOT = Path(__file__).parents[2]

# A batch that kills itself: argument 1 says when, the others are those of the command line.
KILLED = """
import os, signal, sys
from pathlib import Path
import playhead.redaction.run as run
from playhead.cli import main
from tests.redaction.conftest import FRAMES, SquareDetector

def end():
    os.kill(os.getpid(), signal.SIGKILL)

class Detector(SquareDetector):
    def detect(self, images):
        if when == "detecting" and self.batches == 4 or when == "at once":  # three batches a clip
            end()
        return super().detect(images)

def hide(self, image, regions):
    if when == "rendering" and next(hidden) == FRAMES * 3 // 2:
        end()
    hiding(self, image, regions)

def replace(self, target):
    named = Path(target).name
    if when == "before the names" and named == "b_redacted.mp4":
        end()
    renamed = renaming(self, target)
    if when == "between the names" and named == "b_redacted.mp4":
        end()
    if when == "after the names" and named == "b.tracks.npz":
        end()
    return renamed

when, hidden = sys.argv.pop(1), iter(range(1000))
hiding, renaming = run.Hider.hide, Path.replace
run.Hider.hide, Path.replace = hide, replace
run.require_weights = lambda names, group: None
run.RedactionDetector = lambda redaction, *, threads: Detector()
main()
"""


def clips(folder: Path) -> Path:
    for number, name in enumerate(CLIPS):
        write(folder / f"{name}.mp4", FRAMES - number)
    return folder


def go_on(folder: Path, **options: bool) -> BatchResult:
    return redact_files([folder], FACES, skip_existing=True, **options)


def done_anew(folder: Path) -> list[Path]:
    """The files that going on does not leave as an earlier run made them."""
    return [one.path for one in go_on(folder).files if one.notes != ("done by an earlier run",)]


def kill_batch(when: str, folder: Path, *options: str) -> None:
    settings = ["--hide", "face", "--threads", "1", *options]
    arguments = [sys.executable, "-c", KILLED, when, "redaction", "run", str(folder), *settings]
    ended = subprocess.run(arguments, capture_output=True, check=False, cwd=ROOT)
    assert ended.returncode == -signal.SIGKILL, ended.stderr


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The folder after a batch that nobody stopped."""
    folder = clips(tmp_path_factory.mktemp("whole"))
    with pytest.MonkeyPatch.context() as patch:
        use_detector(patch, SquareDetector)
        redact_files([folder], FACES)
    return contents(folder)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("when", "done"),
    [
        ("detecting", ["a"]),
        ("rendering", ["a"]),
        ("before the names", ["a"]),
        ("between the names", ["a"]),
        ("after the names", ["a", "b"]),
    ],
)
def test_a_batch_killed_in_its_second_clip_goes_on_to_what_it_would_have_written(
    tmp_path: Path, whole: dict[str, bytes], when: str, done: list[str]
) -> None:
    kill_batch(when, clips(tmp_path))
    assert (tmp_path / "b.tracks.npz").exists() == (done == ["a", "b"])
    before = {name: (tmp_path / f"{name}_redacted.mp4").stat().st_mtime_ns for name in done}
    result = playhead_json(
        "redaction", "run", tmp_path, "--hide", "face", "--threads", "1", "--skip-existing"
    )
    earlier = [
        Path(file["path"]).stem
        for file in result["files"]
        if file.get("notes") == ["done by an earlier run"]
    ]
    assert earlier == done
    assert sorted(Path(file["path"]).stem for file in result["files"]) == list(CLIPS)
    assert {file["status"] for file in result["files"]} == {"ok"}
    assert contents(tmp_path) == whole
    assert {name: (tmp_path / f"{name}_redacted.mp4").stat().st_mtime_ns for name in done} == before


@pytest.mark.slow
def test_a_batch_that_is_killed_again_and_again_still_comes_to_its_end(
    tmp_path: Path, whole: dict[str, bytes]
) -> None:
    kill_batch("between the names", clips(tmp_path))
    kill_batch("at once", tmp_path, "--skip-existing")
    assert not (tmp_path / "b_redacted.mp4").exists()
    assert {file.status for file in go_on(tmp_path).files} == {"ok"}
    assert contents(tmp_path) == whole


@pytest.mark.slow
def test_what_a_killed_run_has_half_written_is_no_input_of_the_next(tmp_path: Path) -> None:
    kill_batch("rendering", clips(tmp_path))
    left = [path for path in tmp_path.iterdir() if is_temporary(path)]
    assert {path.suffix for path in left} == {".mp4", ".npz"}
    found = [item.path.stem for item in find_items([tmp_path])]
    assert found == ["a", "a_redacted", "b", "c"]


@pytest.mark.slow
def test_outputs_that_exist_are_refused_before_any_work_and_the_way_on_is_named(
    tmp_path: Path,
) -> None:
    kill_batch("rendering", clips(tmp_path))
    finished = command("redaction", "run", tmp_path, "--hide", "face")
    assert finished.code == 2
    assert "a_redacted.mp4: exists already" in finished.err
    assert "--skip-existing to continue a stopped batch" in finished.err


@pytest.mark.slow
def test_tracks_that_wait_for_review_are_not_replaced_and_the_other_clips_go_on(
    tmp_path: Path,
) -> None:
    clips(tmp_path)
    playhead("redaction", "detect", tmp_path / "b.mp4", "--hide", "face")
    tracks = tmp_path / "b.tracks.npz"
    write_tracks(tracks, replace(read_tracks(tracks), shown=frozenset({0})))
    reviewed = tracks.read_bytes()
    result = {file.path.stem: file for file in go_on(tmp_path).files}
    assert {name: file.status for name, file in result.items()} == {
        "a": "ok",
        "b": "failed",
        "c": "ok",
    }
    assert "render these tracks with `playhead redaction apply`" in str(result["b"].reason)
    assert tracks.read_bytes() == reviewed
    assert not (tmp_path / "b_redacted.mp4").exists()
    playhead("redaction", "apply", tmp_path / "b.mp4")
    assert not done_anew(tmp_path)
    assert read_tracks(tracks).shown == {0}


def test_a_copy_without_its_tracks_is_not_replaced_unasked(tmp_path: Path) -> None:
    write(tmp_path / "a.mp4")
    (tmp_path / "a_redacted.mp4").write_bytes(b"mine")
    [file] = go_on(tmp_path).files
    assert file.status == "failed"
    assert "exists without a.tracks.npz; use --overwrite" in str(file.reason)
    assert (tmp_path / "a_redacted.mp4").read_bytes() == b"mine"
    assert [file.status for file in go_on(tmp_path, overwrite=True).files] == ["ok"]


@pytest.mark.slow
def test_outputs_that_do_not_belong_together_are_not_taken_for_done(tmp_path: Path) -> None:
    source = write(tmp_path / "a.mp4")
    playhead("redaction", "run", source, "--hide", "face")
    assert not done_anew(tmp_path)
    playhead("redaction", "detect", source, "--hide", "face", "--overwrite")
    [file] = go_on(tmp_path).files
    assert (file.status, "was not rendered from a.tracks.npz" in str(file.reason)) == (
        "failed",
        True,
    )
    playhead("redaction", "apply", source, "--overwrite")
    assert not done_anew(tmp_path)
    write(source, FRAMES - 5)
    [file] = go_on(tmp_path).files
    assert (file.status, "belongs to another file" in str(file.reason)) == ("failed", True)


def test_outputs_of_an_earlier_version_that_are_both_there_are_done(tmp_path: Path) -> None:
    source = write(tmp_path / "a.mp4")
    playhead("redaction", "run", source, "--hide", "face")
    tracks = read_tracks(tmp_path / "a.tracks.npz")
    settings = {key: value for key, value in tracks.settings.items() if key != "copy"}
    write_tracks(tmp_path / "a.tracks.npz", replace(tracks, settings=settings))
    assert not done_anew(tmp_path)


@pytest.mark.slow
def test_a_copy_cut_short_that_is_also_an_input_is_not_removed(tmp_path: Path) -> None:
    kill_batch("between the names", clips(tmp_path))
    copy = tmp_path / "b_redacted.mp4"
    with pytest.raises(PlayheadError, match="would replace this input"):
        redact_files([tmp_path, copy], FACES, skip_existing=True)
    assert copy.exists()


@pytest.mark.slow
@pytest.mark.parametrize("options", [(), ("--overwrite",)])
def test_ground_truth_beside_a_video_is_never_replaced(
    tmp_path: Path, options: tuple[str, ...]
) -> None:
    source = write(tmp_path / "a.mp4")
    playhead("redaction", "detect", source, "--hide", "face")
    truth = tmp_path / "a.tracks.npz"
    write_tracks(truth, replace(read_tracks(truth), settings={"world": "street"}))
    before = truth.read_bytes()
    finished = command("redaction", "run", source, "--hide", "face", *options)
    assert finished.code == 2
    assert "was not written by a redaction" in finished.err
    assert truth.read_bytes() == before
    playhead("redaction", "run", source, "--hide", "face", "--out", tmp_path / "out")

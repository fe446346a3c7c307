"""Redaction end to end, with networks that find a square; and every way to fail closed."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from playhead.errors import MediaError, PlayheadError, StorageError
from playhead.events.formats.tracks import read_tracks
from playhead.execution.outcomes import BatchResult
from playhead.media import VideoWriter, inspect, open_video, read_audio
from playhead.media.rewrite import Rewritten
from playhead.redaction.config import RedactionConfig
from playhead.redaction.run import redact_files, render
from tests.command import run as command
from tests.media.encode import sound_in_the_middle
from tests.redaction.conftest import FRAMES, HEIGHT, SIDE, WIDTH, brightest, draw, square_at, write

pytestmark = pytest.mark.usefixtures("networks")

FACES = RedactionConfig(hide=("face",), threads=1)
DARK = 90  # of the stripes; the square's luma is over 200


def run(*paths: Path, **options: object) -> BatchResult:
    return redact_files(paths, FACES, **options)  # type: ignore[arg-type]


def test_the_square_is_hidden_in_every_frame_and_nothing_else_is_lost(tmp_path: Path) -> None:
    source = write(tmp_path / "street.mp4", sound=True)
    [file] = run(source).files
    redacted = tmp_path / "street_redacted.mp4"
    assert (file.status, file.outputs) == ("ok", (redacted, tmp_path / "street.tracks.npz"))
    assert max(brightest(redacted)) < DARK
    with open_video(source) as before, open_video(redacted) as after:
        assert after.times.tolist() == before.times.tolist()
        far = np.abs(after.read([0])[0].astype(int) - before.read([0])[0])[:, 80:]
        assert far.mean() < 3
    assert np.array_equal(read_audio(redacted).samples, read_audio(source).samples)


def test_frames_between_looks_are_followed_not_looked_at(tmp_path: Path) -> None:
    run(write(tmp_path / "street.mp4"))
    [track] = read_tracks(tmp_path / "street.tracks.npz").tracks
    assert track.frames.tolist() == list(range(FRAMES))
    seen = track.frames[track.origin == 0].tolist()
    assert seen == [*range(0, FRAMES, 4), FRAMES - 1]  # 0.16 s at 25 frames a second
    for k, box in zip(track.frames.tolist(), track.boxes.tolist(), strict=True):
        x, y = square_at(k)
        assert max(box[0] - x, box[1] - y, x + SIDE - box[2], y + SIDE - box[3]) <= 1


def test_at_1000_frames_a_second_a_face_of_60_frames_is_hidden_in_all_of_them(
    tmp_path: Path,
) -> None:
    source = tmp_path / "fast.mp4"
    with VideoWriter(source, WIDTH, HEIGHT, 1000, gop=10) as writer:
        for k in range(100):
            writer.write(draw(k // 3, square=20 <= k < 80))
    assert sum(level > DARK for level in brightest(source)) == 60
    assert run(source).files[0].status == "ok"
    assert max(brightest(tmp_path / "fast_redacted.mp4")) < DARK


def test_a_network_that_fails_leaves_its_frames_hidden_whole(
    tmp_path: Path, networks: Callable[..., None]
) -> None:
    networks(lambda look: look == 2)  # looks at frames 16, 20, 24, 28
    [file] = run(write(tmp_path / "street.mp4")).files
    assert file.status == "partial"
    assert "frames 13-31 were not searched" in str(file.reason)
    assert "the planted fault" in str(file.reason)
    levels = brightest(tmp_path / "street_redacted.mp4")
    assert max(levels[13:32]) < 25  # black
    assert min(levels[:13] + levels[32:]) > 40  # stripes
    assert max(levels) < DARK
    assert read_tracks(tmp_path / "street.tracks.npz").unseen.tolist() == [[13, 32]]


def test_networks_that_always_fail_give_no_output(
    tmp_path: Path, networks: Callable[..., None]
) -> None:
    networks(lambda look: True)
    [file] = run(write(tmp_path / "street.mp4")).files
    assert file.status == "failed"
    assert "detection failed on every sampled frame" in str(file.reason)
    assert [path.name for path in tmp_path.iterdir()] == ["street.mp4"]


def test_an_error_of_writing_leaves_no_output_and_takes_away_the_old_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = write(tmp_path / "street.mp4")
    run(source)

    def broken(*_: object, **__: object) -> None:
        raise MediaError("the encoder refused")

    monkeypatch.setattr("playhead.redaction.run.rewrite", broken)
    [file] = run(source, overwrite=True).files
    assert (file.status, file.reason) == ("failed", "the encoder refused")
    assert [path.name for path in tmp_path.iterdir()] == ["street.mp4"]


def test_an_error_of_writing_tracks_leaves_no_output(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = write(tmp_path / "street.mp4")

    def full(*_: object) -> None:
        raise StorageError("no space is left")

    monkeypatch.setattr("playhead.redaction.run.pack_tracks", full)
    assert run(source).files[0].status == "failed"
    assert [path.name for path in tmp_path.iterdir()] == ["street.mp4"]


def test_a_file_that_breaks_off_is_partial(tmp_path: Path) -> None:
    source = write(tmp_path / "whole.mkv", 150, square=False)
    broken = tmp_path / "broken.mkv"
    data = source.read_bytes()
    broken.write_bytes(data[: len(data) * 6 // 10])
    [file] = run(broken).files
    assert file.status == "partial"
    assert "frames are missing from the file" in str(file.reason)
    assert max(brightest(tmp_path / "broken_redacted.mkv")) < DARK


def test_a_partial_file_that_an_earlier_run_made_never_passes_for_a_good_one(
    tmp_path: Path,
) -> None:
    whole = write(tmp_path / "whole.mkv", 150, square=False)
    data = whole.read_bytes()
    (tmp_path / "broken.mkv").write_bytes(data[: len(data) * 6 // 10])
    assert {file.status for file in run(tmp_path).files} == {"ok", "partial"}
    again = {file.path.stem: file.status for file in run(tmp_path, skip_existing=True).files}
    assert again == {"broken": "partial", "whole": "ok"}


def test_an_output_that_is_another_input_is_refused(tmp_path: Path) -> None:
    first, second = write(tmp_path / "a.mp4"), write(tmp_path / "a_redacted.mp4", 12)
    before = second.read_bytes()
    with pytest.raises(MediaError, match="would replace this input"):
        run(first, second, overwrite=True)
    assert second.read_bytes() == before


def test_tracks_alone_are_of_videos_only(tmp_path: Path) -> None:
    Image.fromarray(draw(3)).save(tmp_path / "a.png")
    with pytest.raises(PlayheadError, match="a still image has no tracks"):
        run(tmp_path / "a.png", only_tracks=True)
    write(tmp_path / "b.mp4")
    assert [file.path.name for file in run(tmp_path, only_tracks=True).files] == ["b.mp4"]


def test_a_defect_while_hiding_leaves_no_output(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = write(tmp_path / "street.mp4")

    def broken(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("playhead.redaction.hide.Hider.hide", broken)
    [file] = run(source).files
    assert file.status == "failed"
    assert "ZeroDivisionError" in (file.reason or "")
    assert [path.name for path in tmp_path.iterdir()] == ["street.mp4"]


def growing(path: Path) -> Callable[[int], bool]:
    """Networks that never fail; at their second look the file grows, as one being recorded."""

    def look(number: int) -> bool:
        if number == 2:
            more = path.read_bytes()
            with path.open("ab") as file:
                file.write(more)
        return False

    return look


@pytest.mark.slow
@pytest.mark.parametrize("only_tracks", [False, True])
def test_a_file_that_grows_while_it_is_looked_at_fails_alone_and_leaves_nothing(
    only_tracks: bool, tmp_path: Path, networks: Callable[..., None]
) -> None:
    paths = [write(tmp_path / f"{name}.ts") for name in "abc"]
    networks(growing(paths[0]))
    first, *others = run(*paths, only_tracks=only_tracks).files
    assert first.status == "failed"
    assert "a.ts: the file changed while it was read" in (first.reason or "")
    assert [file.status for file in others] == ["ok", "ok"]
    assert not [
        path for path in tmp_path.iterdir() if path.name.startswith(("a_", "a.tracks", "."))
    ]


def test_a_file_that_grows_between_looking_and_hiding_fails_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = write(tmp_path / "a.ts")

    def grow_and_render(*arguments: Any) -> Rewritten:
        growing(source)(2)
        return render(*arguments)

    monkeypatch.setattr("playhead.redaction.run.render", grow_and_render)
    [file] = run(source).files
    assert file.status == "failed"
    assert "the file changed while it was read" in (file.reason or "")
    assert [path.name for path in tmp_path.iterdir()] == ["a.ts"]


@pytest.mark.slow
def test_a_file_whose_sound_begins_in_its_middle_is_redacted_with_it(tmp_path: Path) -> None:
    """The other files are done as well, whatever the order."""
    joined = sound_in_the_middle(tmp_path / "joined.ts")
    files = run(write(tmp_path / "a.mp4"), joined, write(tmp_path / "b.mp4")).files
    assert [file.status for file in files] == ["ok", "partial", "ok"]
    sound = read_audio(tmp_path / "joined_redacted.mp4")
    assert sound.samples.shape[1] / sound.rate == pytest.approx(12, abs=0.1)


def test_frames_that_cannot_be_decoded_are_marked_and_no_face_is_beside_them(
    tmp_path: Path,
) -> None:
    source = write(tmp_path / "street.mp4")
    data = bytearray(source.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 300] = os.urandom(300)
    source.write_bytes(data)
    damage = inspect(source, threads=1).damage
    assert damage
    [file] = run(source).files
    assert file.status == "partial"
    assert "replaced by marked frames" in str(file.reason)
    levels = brightest(tmp_path / "street_redacted.mp4")
    assert len(levels) == FRAMES
    marked = [k for span in damage for k in range(span.start, span.stop)]
    assert max(level for k, level in enumerate(levels) if k not in marked) < DARK


@pytest.mark.parametrize("frames", [1, 2, 4])
def test_a_very_short_video_is_redacted(tmp_path: Path, frames: int) -> None:
    source = write(tmp_path / "short.mp4", frames)
    assert run(source).files[0].status == "ok"
    levels = brightest(tmp_path / "short_redacted.mp4")
    assert (len(levels), max(levels) < DARK) == (frames, True)


def test_a_video_without_faces_is_written_and_says_so(tmp_path: Path) -> None:
    [file] = run(write(tmp_path / "empty.mp4", square=False)).files
    assert (file.status, file.notes[0]) == ("ok", "hidden: 0 face")
    assert len(brightest(tmp_path / "empty_redacted.mp4")) == FRAMES


def test_an_output_that_exists_is_refused_before_any_work(tmp_path: Path) -> None:
    first, second = write(tmp_path / "a.mp4"), write(tmp_path / "b.mp4")
    (tmp_path / "b_redacted.mp4").write_bytes(b"mine")
    with pytest.raises(PlayheadError, match="b_redacted.mp4: exists already; use --overwrite"):
        run(first, second)
    assert not (tmp_path / "a_redacted.mp4").exists()
    assert (tmp_path / "b_redacted.mp4").read_bytes() == b"mine"
    assert {file.status for file in run(first, second, overwrite=True).files} == {"ok"}


def test_an_output_that_is_the_input_is_always_refused(tmp_path: Path) -> None:
    source = write(tmp_path / "a.mp4")
    (tmp_path / "a_redacted.mp4").hardlink_to(source)
    before = source.read_bytes()
    with pytest.raises(MediaError, match="would replace this input"):
        run(source, overwrite=True)
    assert source.read_bytes() == before


@pytest.mark.parametrize("name", ["-", "/dev/zero", "http://a/b.mp4", "rtsp://camera"])
def test_a_camera_or_a_pipe_is_refused_in_one_line_that_says_what_to_do(name: str) -> None:
    finished = command("redaction", "run", name)
    assert (finished.code, finished.err.count("\n")) == (2, 1)
    assert "save it to a file first" in finished.err


def test_a_named_pipe_is_refused_and_never_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.mp4")
    with pytest.raises(MediaError, match="file"):
        run(tmp_path / "pipe.mp4")


def test_a_file_for_out_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PlayheadError, match="names a file"):
        run(write(tmp_path / "a.mp4"), out=tmp_path / "b.mp4")


def test_a_folder_mirrors_into_out_without_what_was_redacted_before(tmp_path: Path) -> None:
    (tmp_path / "in" / "deep").mkdir(parents=True)
    write(tmp_path / "in" / "a.mp4")
    write(tmp_path / "in" / "a_redacted.mp4")
    Image.fromarray(draw(3)).save(tmp_path / "in" / "deep" / "a.png")
    Image.fromarray(draw(5)).save(tmp_path / "in" / "deep" / "a.bmp")
    (tmp_path / "in" / "notes.txt").write_text("x")
    result = run(tmp_path / "in", out=tmp_path / "out")
    assert {file.status for file in result.files} == {"ok"}
    written = sorted(str(p.relative_to(tmp_path / "out")) for p in (tmp_path / "out").rglob("*.*"))
    assert written == [
        "a.tracks.npz",
        "a_redacted.mp4",
        "deep/a_redacted.bmp",
        "deep/a_redacted.png",
    ]
    for name in ("a_redacted.png", "a_redacted.bmp"):
        with Image.open(tmp_path / "out" / "deep" / name) as image:
            assert np.asarray(image).max() < DARK


def test_a_file_that_is_no_video_fails_alone(tmp_path: Path) -> None:
    good, bad = write(tmp_path / "good.mp4"), tmp_path / "bad.mp4"
    bad.write_bytes(b"no video")
    files = run(bad, good).files
    assert [file.status for file in files] == ["failed", "ok"]
    assert not (tmp_path / "bad_redacted.mp4").exists()


def test_tracks_of_another_video_are_refused(tmp_path: Path) -> None:
    run(write(tmp_path / "long.mp4"))
    short = write(tmp_path / "short.mp4", 12)
    finished = command("redaction", "apply", short, "--tracks", tmp_path / "long.tracks.npz")
    assert finished.code == 2
    assert "give the tracks of this video" in finished.err
    assert not (tmp_path / "short_redacted.mp4").exists()


def test_a_stopped_batch_goes_on_where_it_stopped(tmp_path: Path) -> None:
    first, second = write(tmp_path / "a.mp4"), write(tmp_path / "b.mp4")
    run(first)
    before = (tmp_path / "a_redacted.mp4").stat().st_mtime_ns
    files = run(first, second, skip_existing=True).files
    assert [file.path.name for file in files] == ["a.mp4", "b.mp4"]
    assert [file.notes == ("done by an earlier run",) for file in files] == [True, False]
    assert (tmp_path / "a_redacted.mp4").stat().st_mtime_ns == before


def test_an_old_audit_does_not_stay_beside_a_new_copy(tmp_path: Path) -> None:
    source = write(tmp_path / "a.mp4")
    page = tmp_path / "a_redacted.audit.html"
    page.write_text("old")
    run(source)
    assert not page.exists()


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="signals are Unix's")
def test_asked_to_end_nothing_half_written_stays(tmp_path: Path) -> None:
    source = write(tmp_path / "a.mp4", 400)
    code = (
        "import os, signal, sys, playhead.redaction.run as run\n"
        "from playhead.cli import main\n"
        "from tests.redaction.conftest import SquareDetector\n"
        "run.require_weights = lambda names, group: None\n"
        "run.RedactionDetector = lambda redaction, *, threads: SquareDetector()\n"
        "hide, count = run.Hider.hide, iter(range(1000))\n"
        "def ending(*arguments):\n"
        "    if next(count) == 50: os.kill(os.getpid(), signal.SIGTERM)\n"
        "    hide(*arguments)\n"
        "run.Hider.hide = ending\n"
        "main()\n"
    )
    arguments = [sys.executable, "-c", code, "redaction", "run", str(source), "--hide", "face"]
    done = subprocess.run(
        arguments, capture_output=True, check=False, cwd=Path(__file__).parents[2]
    )
    assert done.returncode == 128 + 15, done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["a.mp4"]

"""When something goes wrong there is no output, and what cannot be read is marked, never shown."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest

from playhead.errors import MediaError, StorageError
from playhead.media import Planes, inspect, open_video
from playhead.media import rewrite as rewriting
from playhead.media.rewrite import RewriteOptions, rewrite
from playhead.media.rewrite_pixels import marked_frame
from tests.media.encode import encode, number_of
from tests.media.test_damage import NOTICED, overwritten

Made = Callable[[str], Path]
EXACT = RewriteOptions(crf=0, preset="ultrafast", threads=2)


def untouched(k: int, given: Planes) -> None:
    """A change that changes nothing."""


@pytest.mark.slow
@pytest.mark.parametrize("name", NOTICED)
@pytest.mark.parametrize("packet", [0, 60, 139])
@pytest.mark.parametrize("threads", [1, 3])
def test_exactly_the_damaged_frames_are_marked_at_their_times(
    name: str, packet: int, threads: int, made: Made, tmp_path: Path
) -> None:
    source = overwritten(made(name), tmp_path / f"a{Path(name).suffix}", packet)
    target = tmp_path / "b.mp4"
    changed = []
    options = RewriteOptions(crf=0, preset="ultrafast", threads=threads)
    done = rewrite(source, target, lambda k, _: changed.append(k), options)
    found = inspect(source, threads=1)
    assert done.marked == found.damage
    lost = {k for d in found.damage for k in range(d.start, d.stop)}
    assert lost
    assert changed == [k for k in range(150) if k not in lost]
    with open_video(source) as before, open_video(target) as after:
        np.testing.assert_allclose(after.times, before.times, rtol=0, atol=1e-9)
        shown = dict(after.stream(pixels="luma"))
        for k, luma in before.stream(pixels="luma"):
            assert np.array_equal(shown[k], luma)
        mark = next(iter(av.open(str(target)).decode(video=0)))
        marked = marked_frame(mark, after.table.layout)
        cross = np.frombuffer(marked.planes[0], np.uint8).reshape(96, -1)[:, :160]
        for k in lost:
            assert np.array_equal(shown[k], cross)
            assert number_of(shown[k]) == -1


def test_a_video_of_which_nothing_can_be_read_gives_nothing(made: Made, tmp_path: Path) -> None:
    source = tmp_path / "a.mp4"
    data = bytearray(made("all_intra.mp4").read_bytes())
    with av.open(str(made("all_intra.mp4"))) as given:
        for packet in given.demux(given.streams.video[0]):
            if packet.size:
                data[packet.pos + 4 : packet.pos + packet.size] = bytes(packet.size - 4)
    source.write_bytes(data)
    with pytest.raises(MediaError):
        rewrite(source, tmp_path / "b.mp4", untouched, EXACT)
    assert [path.name for path in tmp_path.iterdir()] == ["a.mp4"]


class PlantedError(Exception):
    """A fault that a test planted."""


@pytest.mark.slow
@pytest.mark.parametrize("at", [0, 1, 77, 149])
@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
@pytest.mark.parametrize("old", [None, b"the old file"])
def test_an_error_of_the_change_leaves_nothing_behind(
    at: int, suffix: str, old: bytes | None, made: Made, tmp_path: Path
) -> None:
    target = tmp_path / f"b{suffix}"
    if old is not None:
        target.write_bytes(old)

    def change(k: int, given: Planes) -> None:
        if k == at:
            raise PlantedError

    with pytest.raises(PlantedError):
        rewrite(made("gop12.mp4"), target, change, EXACT)
    assert (target.read_bytes() if target.exists() else None) == old
    assert [path.name for path in tmp_path.iterdir()] == ([target.name] if old else [])


def test_a_file_that_the_change_misses_is_not_called_a_full_disk(
    made: Made, tmp_path: Path
) -> None:
    def change(k: int, given: Planes) -> None:
        (tmp_path / "face.png").read_bytes()

    with pytest.raises(FileNotFoundError, match="face.png"):
        rewrite(made("gop12.mp4"), tmp_path / "b.mp4", change, EXACT)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["a b/ä ö.mp4", "12:30/c:d.mp4", "http:/x.mkv", "%03d/%d.mov"])
def test_any_name_that_the_system_takes_is_written(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = encode(tmp_path / "a.mp4", 5)
    monkeypatch.chdir(tmp_path)
    rewrite(source, Path(name), untouched, EXACT)
    with open_video(Path(name)) as video:
        assert video.frames == 5


def test_an_interruption_leaves_nothing_behind(made: Made, tmp_path: Path) -> None:
    def change(k: int, given: Planes) -> None:
        if k == 30:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        rewrite(made("gop12.mp4"), tmp_path / "b.mp4", change, EXACT)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("failing", ["encode", "mux"])
def test_an_error_of_encoder_or_muxer_leaves_nothing_behind(
    failing: str, made: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []
    inner = rewriting._Writing._mux

    def faulty(self: object, packets: list[object]) -> None:
        calls.append(len(packets))
        if failing == "encode" and len(calls) == 40:
            raise av.error.InvalidDataError(-1, "planted")
        if failing == "mux" and sum(calls) > 40:
            raise av.error.BrokenPipeError(-32, "planted")
        inner(self, packets)

    monkeypatch.setattr(rewriting._Writing, "_mux", faulty)
    wanted = MediaError if failing == "encode" else StorageError
    with pytest.raises(wanted, match="planted"):
        rewrite(made("gop12.mp4"), tmp_path / "b.mp4", untouched, EXACT)
    assert list(tmp_path.iterdir()) == []


def test_an_encoder_that_loses_a_frame_is_found_out(
    made: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inner = rewriting._Writing._mux
    lost = []

    def losing(self: object, packets: list[object]) -> None:
        if packets and not lost and self._written == 50:
            lost.append(packets.pop())
        inner(self, packets)

    monkeypatch.setattr(rewriting._Writing, "_mux", losing)
    with pytest.raises(MediaError, match="149 of 150"):
        rewrite(made("gop12.mp4"), tmp_path / "b.mp4", untouched, EXACT)
    assert list(tmp_path.iterdir()) == []


FULL_DISK = """
import resource, sys
from pathlib import Path
from playhead.errors import StorageError
from playhead.media import open_video
from playhead.media.rewrite import RewriteOptions, rewrite
source, target, room = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
open_video(source).close()
resource.setrlimit(resource.RLIMIT_FSIZE, (room, room))
try:
    options = RewriteOptions(crf=0, preset="ultrafast", threads=1)
    rewrite(source, target, lambda k, image: None, options)
except StorageError as error:
    print(error)
    sys.exit(7)
"""


@pytest.mark.slow
@pytest.mark.parametrize("room", [9_000, 60_000, 250_000])
@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_a_full_disk_is_said_and_the_old_file_stays(
    room: int, suffix: str, made: Made, tmp_path: Path
) -> None:
    target = tmp_path / f"b{suffix}"
    target.write_bytes(b"the old file")
    rewrite(made("gop12.mp4"), tmp_path / f"whole{suffix}", untouched, EXACT)
    assert (tmp_path / f"whole{suffix}").stat().st_size > 260_000
    (tmp_path / f"whole{suffix}").unlink()
    command = [sys.executable, "-c", FULL_DISK, str(made("gop12.mp4")), str(target), str(room)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 7, done.stderr
    assert target.name in done.stdout
    assert target.read_bytes() == b"the old file"
    assert [path.name for path in tmp_path.iterdir()] == [target.name]


@pytest.mark.parametrize("way", ["same", "spelling", "symlink", "hard link", "linked folder"])
def test_the_source_is_never_written_over(way: str, made: Made, tmp_path: Path) -> None:
    folder = tmp_path / "videos"
    folder.mkdir()
    source = encode(folder / "a.mp4", 5)
    data = source.read_bytes()
    target = {
        "same": source,
        "spelling": folder / ".." / "videos" / "a.mp4",
        "symlink": tmp_path / "link.mp4",
        "hard link": tmp_path / "hard.mp4",
        "linked folder": tmp_path / "other" / "a.mp4",
    }[way]
    match way:
        case "symlink":
            target.symlink_to(source)
        case "hard link":
            target.hardlink_to(source)
        case "linked folder":
            target.parent.symlink_to(folder, target_is_directory=True)
    with pytest.raises(MediaError, match="is the source itself"):
        rewrite(source, target, untouched, EXACT)
    assert source.read_bytes() == data
    assert target.exists()


@pytest.mark.parametrize(
    ("target", "words"),
    [("b.avi", "written as .mp4"), ("b", "written as .mp4"), ("folder.mp4", "is a folder")],
)
def test_a_target_that_cannot_be_is_refused_before_any_work(
    target: str, words: str, made: Made, tmp_path: Path
) -> None:
    (tmp_path / "folder.mp4").mkdir()

    def change(k: int, given: Planes) -> None:
        raise PlantedError

    with pytest.raises(MediaError, match=words):
        rewrite(made("gop12.mp4"), tmp_path / target, change, EXACT)
    assert [path.name for path in tmp_path.iterdir()] == ["folder.mp4"]


def test_a_preset_that_the_encoder_does_not_know_leaves_nothing(made: Made, tmp_path: Path) -> None:
    with pytest.raises(MediaError, match="b.mp4"):
        rewrite(made("gop12.mp4"), tmp_path / "b.mp4", untouched, RewriteOptions(preset="warp"))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("options", [{"crf": 52}, {"crf": -1}, {"codec": "vp9"}, {"audio": "mute"}])
def test_options_that_do_not_exist_are_refused(options: dict[str, object]) -> None:
    with pytest.raises(MediaError, match=next(iter(options))):
        RewriteOptions(**options)


def test_nothing_stands_under_the_name_before_the_end(made: Made, tmp_path: Path) -> None:
    target = tmp_path / "b.mp4"
    seen = []
    rewrite(made("gop12.mp4"), target, lambda k, _: seen.append(target.exists()), EXACT)
    assert not any(seen)
    assert target.exists()
    assert [path.name for path in tmp_path.iterdir()] == ["b.mp4"]

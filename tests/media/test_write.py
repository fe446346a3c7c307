"""Writing: what was written is read back, whole or not at all."""

import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from playhead.errors import MediaError, StorageError
from playhead.media import VideoWriter, open_video, read_audio
from tests.media.encode import image, number_of


def tone(channels: int, seconds: float, rate: int = 48000) -> np.ndarray:
    times = np.arange(int(seconds * rate)) / rate
    return np.stack([0.4 * np.sin(2 * np.pi * (300 + 200 * c) * times) for c in range(channels)])


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "b.webm", "c.avi"])
def test_a_constant_rate_is_written_frame_by_frame(name: str, tmp_path: Path) -> None:
    codec = {"b.webm": "vp9", "c.avi": "mpeg4"}.get(name, "h264")
    rate = Fraction(30000, 1001)
    with VideoWriter(tmp_path / name, 160, 96, rate, codec=codec) as writer:
        for k in range(60):
            writer.write(image(k))
    with open_video(tmp_path / name) as video:
        assert (video.frames, video.rate, video.variable_rate) == (60, rate, False)
        assert [number_of(y) for _, y in video.stream(pixels="luma")] == list(range(60))
    assert [path.name for path in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize("given", ["times", "time"])
@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_presentation_times_are_kept(tmp_path: Path, given: str, suffix: str) -> None:
    times = [Fraction(k * k + 3 * k, 500) for k in range(50)]
    path = tmp_path / f"a{suffix}"
    with VideoWriter(path, 160, 96, times=times if given == "times" else None) as writer:
        for k, time in enumerate(times):
            writer.write(image(k), time=time if given == "time" else None)
    with open_video(path) as video:
        assert video.variable_rate
        assert video.times == pytest.approx([float(t) for t in times], abs=0.001)
        assert [number_of(y) for _, y in video.stream(pixels="luma")] == list(range(50))


def test_colours_survive_to_a_few_levels(tmp_path: Path) -> None:
    rgb = np.zeros((64, 128, 3), np.uint8)
    rgb[:, :32], rgb[:, 32:64], rgb[:, 64:96] = (200, 30, 40), (30, 180, 60), (40, 50, 210)
    with VideoWriter(tmp_path / "a.mp4", 128, 64, 25, crf=4) as writer:
        for _ in range(3):
            writer.write(rgb)
    with open_video(tmp_path / "a.mp4") as video:
        (read,) = video.read([1])
        for x in (16, 48, 80, 112):
            assert np.abs(read[32, x].astype(int) - rgb[32, x]).max() <= 5


@pytest.mark.parametrize(("width", "height"), [(161, 97), (160, 97), (161, 96)])
def test_odd_sizes_are_written_whole(tmp_path: Path, width: int, height: int) -> None:
    with VideoWriter(tmp_path / "a.mp4", width, height, 25) as writer:
        for k in range(10):
            writer.write(image(k, width, height))
    with open_video(tmp_path / "a.mp4") as video:
        assert (video.width, video.height) == (width, height)
        assert [number_of(y) for _, y in video.stream(pixels="luma")] == list(range(10))


def test_the_key_frames_lie_where_they_were_asked_for(tmp_path: Path) -> None:
    with VideoWriter(tmp_path / "a.mp4", 160, 96, 25, gop=10) as writer:
        for k in range(60):
            writer.write(image(k))
    with open_video(tmp_path / "a.mp4") as video:
        assert np.max(np.diff(video._table.key_frames)) <= 10


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "codec"), [("a.mp4", "h264"), ("a.mkv", "h264"), ("a.webm", "vp9")]
)
@pytest.mark.parametrize("channels", [1, 2, 6])
def test_sound_is_written_beside_the_images(
    tmp_path: Path, name: str, codec: str, channels: int
) -> None:
    sound = tone(channels, 3.0).astype(np.float32)
    with VideoWriter(tmp_path / name, 160, 96, 25, codec=codec, audio=(sound, 48000)) as writer:
        for k in range(75):
            writer.write(image(k))
    read = read_audio(tmp_path / name)
    assert (read.rate, read.samples.dtype, len(read.samples)) == (48000, np.float32, channels)
    assert abs(read.start) < 0.05
    assert read.samples.shape[1] == pytest.approx(3 * 48000, abs=3000)


def test_nothing_stands_under_the_name_before_the_end(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    path.write_bytes(b"the old file")
    with pytest.raises(RuntimeError), VideoWriter(path, 160, 96, 25) as writer:
        for k in range(30):
            writer.write(image(k))
        assert path.read_bytes() == b"the old file"
        raise RuntimeError
    assert path.read_bytes() == b"the old file"
    assert [p.name for p in tmp_path.iterdir()] == ["a.mp4"]


FULL_DISK = """
import resource, sys
import numpy as np
from pathlib import Path
from playhead.errors import StorageError
from playhead.media import VideoWriter
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), int(sys.argv[2])))
noise = np.random.default_rng(0).integers(0, 256, (40, 96, 160), np.uint8)
try:
    with VideoWriter(Path(sys.argv[1]), 160, 96, 25, crf=1) as writer:
        for frame in noise:
            writer.write(frame)
except StorageError as error:
    print(error)
    sys.exit(7)
"""


@pytest.mark.slow
@pytest.mark.parametrize("room", [40_000, 300_000])
@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_a_full_disk_is_said_and_the_old_file_stays(tmp_path: Path, room: int, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    path.write_bytes(b"the old file")
    command = [sys.executable, "-c", FULL_DISK, str(path), str(room)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 7, done.stderr
    assert path.name in done.stdout
    assert path.read_bytes() == b"the old file"
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


def test_wrong_use_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    with pytest.raises(MediaError, match="choose from h264"):
        VideoWriter(path, 160, 96, 25, codec="realvideo")
    with pytest.raises(MediaError, match="give one of them"):
        VideoWriter(path, 160, 96, 25, times=[Fraction(0)])
    with pytest.raises(MediaError, match="above 0"):
        VideoWriter(path, 160, 96, 0)
    with pytest.raises(MediaError, match="channels"):
        VideoWriter(path, 160, 96, 25, audio=(np.zeros(9, np.float32), 8000))
    with (
        pytest.raises(MediaError, match="no video format"),
        VideoWriter(tmp_path / "a.xyz", 9, 9, 9),
    ):
        pass
    with pytest.raises(MediaError, match="not a single frame"), VideoWriter(path, 160, 96, 25):
        pass
    with (
        pytest.raises(MediaError, match="frame 0 is uint8"),
        VideoWriter(path, 160, 96, 25) as writer,
    ):
        writer.write(np.zeros((160, 96), np.uint8))
    with pytest.raises(MediaError, match="its time"), VideoWriter(path, 160, 96) as writer:
        writer.write(image(0))
    with pytest.raises(MediaError, match="times must rise"), VideoWriter(path, 160, 96) as writer:
        writer.write(image(0), time=1.0)
        writer.write(image(1), time=1.0)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_made_is_a_storage_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with (
        pytest.raises(StorageError, match="cannot write here"),
        VideoWriter(tmp_path / "file" / "a.mp4", 160, 96, 25),
    ):
        pass


@pytest.mark.slow
def test_the_same_images_give_the_same_bytes_every_time(tmp_path: Path) -> None:
    """Twelve files: x264's macroblock tree, left on, gave two to four different ones."""
    images = [image(k, 320, 192) for k in range(40)]
    files = set()
    for _ in range(12):
        with VideoWriter(tmp_path / "a.mp4", 320, 192, 25) as writer:
            for one in images:
                writer.write(one)
        files.add((tmp_path / "a.mp4").read_bytes())
    assert len(files) == 1

"""Files that are no video, and files past a limit: each has a defined answer."""

import wave
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from playhead.errors import LimitError, MediaError
from playhead.media import inspect, open_video
from playhead.media.export import frame_numbers, write_frames
from tests.media.encode import encode, number_of

Made = Callable[[str], Path]
PLAYLIST = b"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:4,\nreal.ts\n#EXT-X-ENDLIST\n"
NO_VIDEO = {
    "empty.mp4": b"",
    "text.txt": b"these are only words\n" * 90,
    "text.mp4": b"these are only words\n" * 90,
    "table.csv": b"video,labels\na.mp4,b.json\n",
    "noise.mkv": np.random.default_rng(0).bytes(20_000),
    "list.m3u8": PLAYLIST,
    "list.mp4": PLAYLIST,
    "list.ffconcat": b"ffconcat version 1.0\nfile 'real.ts'\n",
    "zeros.ts": bytes(50_000),
    "box.mp4": b"\0\0\0\x18ftypisom\0\0\0\0isommp42" + bytes(1000),
}


@pytest.mark.parametrize("name", NO_VIDEO)
def test_what_is_no_video_is_refused_with_its_name(name: str, made: Made, tmp_path: Path) -> None:
    (tmp_path / "real.ts").write_bytes(made("closed.ts").read_bytes())
    path = tmp_path / name
    path.write_bytes(NO_VIDEO[name])
    with pytest.raises(MediaError, match=name):
        open_video(path)
    assert inspect(path).status == "failed"
    assert name in inspect(path).reason


def test_a_folder_and_a_missing_file_are_refused(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match="is a folder"):
        open_video(tmp_path)
    with pytest.raises(MediaError, match="there is no such file"):
        open_video(tmp_path / "none.mp4")


def test_sound_alone_is_said_to_be_sound(tmp_path: Path) -> None:
    path = tmp_path / "sound.wav"
    with wave.open(str(path), "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(8000)
        sound.writeframes(bytes(16000))
    with pytest.raises(MediaError, match="holds only sound"):
        open_video(path)


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".avi", ".ts", ".h264"])
def test_one_frame_is_a_video(tmp_path: Path, suffix: str) -> None:
    with open_video(encode(tmp_path / f"one{suffix}", 1)) as video:
        assert (video.frames, video.times.tolist(), video.variable_rate) == (1, [0.0], False)
        assert video.duration == pytest.approx(0.04)
        assert number_of(video.read([0], pixels="luma")[0]) == 0
        assert video.nearest(np.array([-1.0, 0.0, 9.0])).tolist() == [0, 0, 0]


@pytest.mark.parametrize(
    "name", ["дерби матч.mp4", "パス 100%d.mp4", "a:b.mp4", "-dash.mp4", "file:x.mp4", "q?a#b.mp4"]
)
def test_any_name_that_a_file_can_have_is_opened(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a folder ü").mkdir()
    encode(tmp_path / "a.mp4", 20).rename(tmp_path / "a folder ü" / name)
    monkeypatch.chdir(tmp_path / "a folder ü")
    for path in (Path(name), tmp_path / "a folder ü" / name):
        with open_video(path) as video:
            assert number_of(video.read([13], pixels="luma")[0]) == 13


def test_images_past_the_limit_are_refused(made: Made) -> None:
    with pytest.raises(LimitError, match="160x96 exceed the limit of 15359 pixels"):
        open_video(made("gop12.mp4"), max_pixels=160 * 96 - 1)
    open_video(made("gop12.mp4"), max_pixels=160 * 96).close()


def test_time_past_the_limit_ends_every_kind_of_call(made: Made, tmp_path: Path) -> None:
    with pytest.raises(LimitError, match="longer than the limit of 0 s"):
        open_video(encode(tmp_path / "fresh.mp4", 20), max_seconds=0)
    open_video(made("gop12.mp4")).close()
    with open_video(made("gop12.mp4"), max_seconds=0) as video:
        with pytest.raises(LimitError):
            video.read([70])
        with pytest.raises(LimitError):
            next(video.stream())


def test_exported_frames_are_exactly_these(made: Made, tmp_path: Path) -> None:
    from PIL import Image

    paths = write_frames(made("bframes.mp4"), [7, 140, 7], tmp_path / "out", pixels="luma")
    assert [path.name for path in paths] == [
        "bframes_000007.png",
        "bframes_000140.png",
        "bframes_000007.png",
    ]
    assert [number_of(np.asarray(Image.open(path))) for path in paths] == [7, 140, 7]
    (colour,) = write_frames(made("bframes.mp4"), [3], tmp_path / "out")
    assert np.asarray(Image.open(colour)).shape == (96, 160, 3)


def test_frames_are_numbers_and_ranges():
    assert frame_numbers(["7", "264-268", "0-0"]) == [7, 264, 265, 266, 267, 268, 0]


@pytest.mark.parametrize(
    ("text", "reason"),
    [("x", "as 264-268"), ("-3", "as 264-268"), ("5-3", "write 3-5"), ("0-10000", "at once")],
)
def test_other_ranges_of_frames_are_refused(text, reason):
    with pytest.raises(MediaError, match=reason):
        frame_numbers([text])

"""What a file is: told by its first bytes whatever its name, by its name where they say nothing."""

import errno
import os
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from playhead.errors import MediaError
from playhead.media import open_video
from playhead.media.kinds import image_format, kind_of
from playhead.media.source import require_file
from playhead.media.stills import read_still, still_size
from tests.media.encode import encode

VIDEOS = {
    "mp4": "libx264",
    "mov": "libx264",
    "matroska": "libx264",
    "webm": "libvpx",
    "avi": "mpeg4",
    "mpegts": "libx264",
    "mpeg": "mpeg2video",
    "mpeg2video": "mpeg2video",
    "h264": "libx264",
    "hevc": "libx265",
    "flv": "flv",
    "asf": "mpeg4",
    "ogg": "libvpx",
    "ivf": "libvpx",
    "yuv4mpegpipe": "wrapped_avframe",
    "mxf": "mpeg2video",
    "nut": "mpeg4",
}
NAMES = ("file", "file.jpg", "file.heic", "file.dat", "file.m4a")


def sound(path: Path, container: str, codec: str) -> Path:
    """A second of sound alone."""
    with av.open(str(path), "w", format=container) as output:
        stream = output.add_stream(codec, rate=48000)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 48000), np.float32), "fltp", "mono")
        frame.sample_rate = 48000
        resampler = av.AudioResampler(stream.format.name, stream.layout.name, 48000, 960)
        for part in (*resampler.resample(frame), *resampler.resample(None)):
            output.mux(stream.encode(part))
        output.mux(stream.encode(None))
    return path


@pytest.mark.slow
@pytest.mark.parametrize("container", VIDEOS)
def test_a_video_is_one_under_any_name(container: str, tmp_path: Path) -> None:
    codec = VIDEOS[container]
    made = encode(tmp_path / "made", 30, codec=codec, format=container)
    for name in NAMES:
        path = made.rename(tmp_path / name)
        assert kind_of(path) == "video", name
        assert image_format(path) is None
        made = path


def test_a_transport_stream_with_times_in_its_packets_is_a_video(tmp_path: Path) -> None:
    options = {"mpegts_m2ts_mode": "1"}
    path = encode(tmp_path / "file", 30, format="mpegts", container=options)
    assert path.read_bytes()[4] == 0x47
    assert kind_of(path) == "video"


FORMATS = {"JPEG": {}, "PNG": {}, "WEBP": {}, "TIFF": {}, "BMP": {}, "GIF": {}, "AVIF": {}}


@pytest.mark.parametrize("name", [*NAMES, "file.mp4"])
@pytest.mark.parametrize("made", FORMATS)
def test_an_image_is_one_under_any_name(made: str, name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    Image.new("RGB", (40, 30), "red").save(path, made)
    assert kind_of(path) == "image"
    assert image_format(path) == made
    if made != "AVIF":
        assert still_size(path) == (40, 30)
        assert read_still(path).shape == (30, 40, 3)


BRANDS = {b"heic": "HEIC", b"mif1": "HEIC", b"avif": "AVIF", b"crx ": "camera raw"}


@pytest.mark.parametrize("brand", BRANDS)
def test_an_image_that_cannot_be_read_is_named_with_the_remedy(
    brand: bytes, tmp_path: Path
) -> None:
    path = tmp_path / "photo"
    path.write_bytes(b"\0\0\0\x18ftyp" + brand + bytes(12) + bytes(500))
    assert (kind_of(path), image_format(path)) == ("image", BRANDS[brand])
    with pytest.raises(MediaError, match=rf"\({BRANDS[brand]}\).*convert it to JPEG or PNG"):
        read_still(path)


@pytest.mark.parametrize("made", ["GIF", "PNG"])
def test_a_gif_and_a_png_that_move_are_videos(made: str, tmp_path: Path) -> None:
    frames = [Image.new("RGB", (40, 30), colour) for colour in ("red", "green", "blue")]
    path = tmp_path / "file"
    frames[0].save(path, made, save_all=True, append_images=frames[1:], duration=100)
    assert kind_of(path) == "video"
    with open_video(path) as video:
        assert video.times.tolist() == pytest.approx([0, 0.1, 0.2])


def test_jpegs_one_after_the_other_are_a_video_by_name(tmp_path: Path) -> None:
    path = tmp_path / "file.mjpeg"
    Image.new("RGB", (40, 30), "red").save(path, "JPEG")
    assert kind_of(path) == "video"
    assert kind_of(path.rename(tmp_path / "file.jpg")) == "image"


@pytest.mark.parametrize("suffix", [".nef", ".dng", ".ARW"])
def test_a_camera_raw_is_not_taken_for_its_preview(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"photo{suffix}"
    Image.new("RGB", (40, 30), "red").save(path, "TIFF")
    assert image_format(path) == "camera raw"
    Image.new("RGB", (40, 30), "red").save(tmp_path / "photo.tif", tiffinfo={0xFE: 1})
    with pytest.raises(MediaError, match="preview"):
        read_still(tmp_path / "photo.tif")


SOUND: list[tuple[str, str, str]] = [
    ("a.m4a", "ipod", "aac"),
    ("a.mka", "matroska", "libopus"),
    ("a.opus", "ogg", "libopus"),
    ("a.wma", "asf", "libmp3lame"),
    ("a.mp3", "mp3", "libmp3lame"),
    ("a.wav", "wav", "pcm_s16le"),
    ("a.aac", "adts", "aac"),
    ("a.flac", "flac", "flac"),
]


@pytest.mark.parametrize(("name", "container", "codec"), SOUND)
def test_sound_alone_is_neither_unless_it_is_named_as_a_video(
    name: str, container: str, codec: str, tmp_path: Path
) -> None:
    path = sound(tmp_path / name, container, codec)
    assert kind_of(path) is None
    assert kind_of(path.rename(tmp_path / "a.mp4")) == "video"


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("notes.txt", b"BMW free skip, Grand Prix\n" * 40),
        ("list.json", b'{"free": 1}'),
        ("tracks.npz", b"PK\x03\x04" + bytes(600)),
        ("page.html", b"<!doctype html>"),
        ("empty", b""),
        ("zeros", bytes(600)),
        ("._photo.jpg", b"\x00\x05\x16\x07\x00\x02\x00\x00Mac OS X        " + bytes(60)),
        ("icon.ico", b"\0\0\1\0\1\0\x20\x20" + bytes(600)),
        ("Use free", b"Use free software"),
    ],
)
def test_what_is_neither_is_neither(name: str, data: bytes, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(data)
    assert kind_of(tmp_path / name) is None


@pytest.mark.parametrize(
    ("name", "kind"), [("a.heic", "image"), ("a.JPG", "image"), ("a.mkv", "video"), ("a.x", None)]
)
def test_the_name_tells_where_the_bytes_do_not(name: str, kind: str | None, tmp_path: Path) -> None:
    path = tmp_path / name
    assert kind_of(path) == kind  # not there
    path.touch()
    assert kind_of(path) == kind
    path.write_bytes(b"neither this nor that")
    assert kind_of(path) == kind
    path.unlink()
    path.mkdir()
    assert kind_of(path) == kind
    path.rmdir()
    os.mkfifo(path)
    assert kind_of(path) == kind  # and nobody waits for it


@given(data=st.binary(max_size=80), start=st.sampled_from([b"", b"GIF89a", b"\x89PNG\r\n\x1a\n"]))
def test_any_bytes_have_an_answer(
    data: bytes, start: bytes, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("any") / "file"
    path.write_bytes(start + data)
    assert kind_of(path) in ("image", "video", None)


def test_permission_denied_is_said_of_stills_and_of_videos(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As nobody but the owner meets it: the files are there, and opening them is refused."""
    photo, clip = tmp_path / "photo.jpg", encode(tmp_path / "clip.mp4", 5)
    Image.new("RGB", (40, 30), "red").save(photo)

    def refuse(*_: object, **__: object) -> Any:
        raise PermissionError(errno.EACCES, "Permission denied")

    def refuse_video(*_: object, **__: object) -> Any:
        raise av.error.PermissionError(errno.EACCES, "Permission denied", "clip.mp4")

    monkeypatch.setattr(Path, "open", refuse)
    monkeypatch.setattr(Image, "open", refuse)
    monkeypatch.setattr(av, "open", refuse_video)
    assert (kind_of(photo), kind_of(clip)) == ("image", "video")
    for read, path in ((read_still, photo), (still_size, photo), (open_video, clip)):
        with pytest.raises(MediaError, match="Permission denied; give the user"):
            read(path)


def test_permission_denied_is_said_of_files_in_a_folder_that_may_not_be_entered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> Any:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(Path, "stat", refuse)
    assert kind_of(tmp_path / "clip.mp4") == "video"
    for read in (require_file, open_video, read_still):
        with pytest.raises(MediaError, match="Permission denied; give the user"):
            read(tmp_path / "clip.mp4")

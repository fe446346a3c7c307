"""Pixels: luma is the stored Y plane in limited range, RGB is right, any size works."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image

from playhead.errors import MediaError
from playhead.media import open_video
from tests.media.encode import encode, image, number_of

Made = Callable[[str], Path]
MATRICES = {"601": (0.299, 0.114), "709": (0.2126, 0.0722), "2020": (0.2627, 0.0593)}
COLOUR = (120, 90, 200)


def flat(
    path: Path, *, space: int, range_: int, pixel_format: str = "yuv420p", size: int = 64
) -> Path:
    """Three frames of one colour, YUV as in COLOUR at 8 bits, with these tags."""
    with av.open(str(path), "w") as output:
        stream = output.add_stream("libx264", rate=25)
        stream.width = stream.height = size
        stream.pix_fmt = pixel_format
        stream.codec_context.colorspace, stream.codec_context.color_range = space, range_
        stream.options = {"crf": "1"}
        for index in range(3):
            frame = av.VideoFrame(size, size, pixel_format)
            depth = frame.format.components[0].bits
            for value, plane in zip(COLOUR, frame.planes, strict=True):
                kind = np.uint8 if depth == 8 else np.uint16
                np.frombuffer(plane, kind)[:] = value << (depth - 8)
            frame.pts, frame.colorspace, frame.color_range = index, space, range_
            output.mux(stream.encode(frame))
        output.mux(stream.encode())
    return path


def rgb_of(matrix: str, *, full: bool) -> list[float]:
    kr, kb = MATRICES[matrix]
    y, u, v = COLOUR
    low, luma, chroma = (0, 255, 255) if full else (16, 219, 224)
    y, u, v = (y - low) / luma, (u - 128) / chroma, (v - 128) / chroma
    red, blue = y + 2 * (1 - kr) * v, y + 2 * (1 - kb) * u
    green = (y - kr * red - kb * blue) / (1 - kr - kb)
    return [255 * min(max(c, 0), 1) for c in (red, green, blue)]


@pytest.mark.slow
@pytest.mark.parametrize("pixel_format", ["yuv420p", "yuv444p", "yuv420p10le"])
@pytest.mark.parametrize("range_", [0, 1, 2])
@pytest.mark.parametrize(
    ("space", "matrix"), [(6, "601"), (5, "601"), (1, "709"), (2, "601"), (9, "2020")]
)
def test_rgb_is_converted_by_the_files_matrix_and_range(
    tmp_path: Path, pixel_format: str, range_: int, space: int, matrix: str
) -> None:
    path = flat(tmp_path / "a.mp4", space=space, range_=range_, pixel_format=pixel_format)
    with open_video(path) as video:
        for size in (None, (20, 12), (100, 90)):
            (rgb,) = video.read([1], size=size)
            assert rgb.reshape(-1, 3).mean(axis=0) == pytest.approx(
                rgb_of(matrix, full=range_ == 2), abs=3.5
            )


@pytest.mark.parametrize("pixel_format", ["yuv420p", "yuv444p", "yuv420p10le", "yuv422p10le"])
@pytest.mark.parametrize(
    ("range_", "level"), [(0, 120), (1, 120), (2, round(16 + 120 * 219 / 255))]
)
def test_luma_is_y_in_limited_range_and_unspecified_means_limited(
    tmp_path: Path, pixel_format: str, range_: int, level: int
) -> None:
    path = flat(tmp_path / "a.mp4", space=1, range_=range_, pixel_format=pixel_format)
    with open_video(path) as video:
        for size in (None, (20, 12), (100, 90)):
            assert np.all(video.read([1], pixels="luma", size=size) == level)


@pytest.mark.parametrize("level", [64, 65, 66, 67, 505, 506, 940, 1022, 1023])
def test_ten_bits_are_rounded_to_eight(tmp_path: Path, level: int) -> None:
    path = tmp_path / "a.mkv"
    with av.open(str(path), "w") as output:
        stream = output.add_stream("ffv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = 32, 32, "yuv420p10le"
        frame = av.VideoFrame(32, 32, "yuv420p10le")
        for plane in frame.planes:
            np.frombuffer(plane, np.uint16)[:] = level
        frame.pts = 0
        output.mux(stream.encode(frame))
        output.mux(stream.encode())
    with open_video(path) as video:
        assert np.all(video.read([0], pixels="luma") == min(255, (level + 2) // 4))


def test_full_range_is_mapped_to_the_ends_of_limited_range(tmp_path: Path) -> None:
    ramp = np.tile(np.arange(256, dtype=np.uint8), (32, 1))
    path = tmp_path / "a.mkv"
    with av.open(str(path), "w") as output:
        stream = output.add_stream("ffv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = 256, 32, "yuv420p"
        stream.codec_context.color_range = 2
        frame = av.VideoFrame(256, 32, "yuv420p")
        for plane, values in zip(frame.planes, (ramp, 128, 128), strict=True):
            np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)[:] = values
        frame.pts, frame.color_range = 0, 2
        output.mux(stream.encode(frame))
        output.mux(stream.encode())
    with open_video(path) as video:
        (luma,) = video.read([0], pixels="luma")
        assert np.array_equal(luma[5], np.rint(16 + np.arange(256) * 219 / 255))


def test_a_film_stored_as_rgb_has_luma_too(tmp_path: Path) -> None:
    path = tmp_path / "a.mkv"
    with av.open(str(path), "w") as output:
        stream = output.add_stream("ffv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = 32, 32, "bgr0"
        frame = av.VideoFrame.from_ndarray(np.full((32, 32, 3), 200, np.uint8), "rgb24")
        frame = frame.reformat(format="bgr0")
        frame.pts = 0
        output.mux(stream.encode(frame))
        output.mux(stream.encode())
    with open_video(path) as video:
        level = round(16 + 200 * 219 / 255)
        assert np.abs(video.read([0], pixels="luma").astype(int) - level).max() <= 1
        assert np.abs(video.read([0]).astype(int) - 200).max() <= 1


@pytest.mark.parametrize("degrees", [90, 180, 270])
@pytest.mark.parametrize(("across", "down"), [(False, False), (True, False), (False, True)])
def test_turned_and_mirrored_images_are_displayed_upright(
    tmp_path: Path, degrees: int, across: bool, down: bool
) -> None:
    path = tmp_path / "a.mp4"
    with av.open(str(path), "w") as output:
        stream = output.add_stream("libx264", rate=25)
        stream.width, stream.height = 160, 96
        stream.set_display_rotation(degrees, hflip=across, vflip=down)
        for index in range(3):
            rgb = np.repeat(image(index)[:, :, None], 3, axis=2)
            frame = av.VideoFrame.from_ndarray(rgb, "rgb24")
            output.mux(stream.encode(frame))
        output.mux(stream.encode())
    with open_video(path) as video:
        assert (video.width, video.height) == ((96, 160) if degrees % 180 else (160, 96))
        (shown,) = video.read([2], pixels="luma")
        # Undo the display: mirror back, then turn back clockwise.
        stored = shown[:: -1 if down else 1, :: -1 if across else 1]
        assert number_of(np.rot90(stored, -degrees // 90)) == 2
        (rgb,) = video.read([2], size=(video.width // 2, video.height // 2))
        large = np.asarray(Image.fromarray(rgb).resize((video.width, video.height)))[:, :, 1]
        stored = large[:: -1 if down else 1, :: -1 if across else 1]
        assert number_of(np.rot90(stored, -degrees // 90)) == 2


@pytest.mark.parametrize(("width", "height"), [(161, 97), (175, 96), (160, 99)])
def test_odd_sizes_are_read_whole(tmp_path: Path, width: int, height: int) -> None:
    path = encode(tmp_path / "a.mp4", 20, pixel_format="yuv444p", width=width, height=height)
    with open_video(path) as video:
        assert (video.width, video.height) == (width, height)
        assert [number_of(y) for y in video.read([3, 19], pixels="luma")] == [3, 19]
        assert video.read([3]).shape == (1, height, width, 3)


def test_a_smaller_image_is_the_mean_of_what_it_covers(made: Made) -> None:
    with open_video(made("gop12.mp4")) as video:
        (whole,) = video.read([40], pixels="luma")
        (small,) = video.read([40], pixels="luma", size=(40, 24))
        means = whole.reshape(24, 4, 40, 4).mean(axis=(1, 3))
        assert np.abs(small - means).max() <= 2
        (whole,) = video.read([40])
        (small,) = video.read([40], size=(40, 24))
        assert np.abs(small - whole.reshape(24, 4, 40, 4, 3).mean(axis=(1, 3))).max() <= 6


def test_a_larger_image_still_carries_its_number(made: Made) -> None:
    with open_video(made("gop12.mp4")) as video:
        (large,) = video.read([77], pixels="luma", size=(640, 384))
        assert number_of(large[::4, ::4]) == 77


@pytest.mark.parametrize("pixels", ["rgb", "luma"])
def test_frames_are_written_into_the_callers_buffer(made: Made, pixels: str) -> None:
    shape = (3, 96, 160, 3) if pixels == "rgb" else (3, 96, 160)
    buffer = np.zeros((2, *shape), np.uint8)
    with open_video(made("gop12.mp4")) as video:
        out = video.read([5, 9, 5], pixels=pixels, out=buffer[1])
        assert out is not None
        assert np.shares_memory(out, buffer)
        assert np.array_equal(buffer[1], video.read([5, 9, 5], pixels=pixels))
        assert not buffer[0].any()
        with pytest.raises(MediaError, match="uint8"):
            video.read([5], pixels=pixels, out=buffer[1])


def test_wrong_use_is_named(made: Made) -> None:
    with open_video(made("gop12.mp4")) as video:
        with pytest.raises(MediaError, match='"rgb" or "luma"'):
            video.read([0], pixels="gray")  # type: ignore[arg-type]
        with pytest.raises(MediaError, match="size is"):
            video.read([0], size=(0, 20))
        with pytest.raises(MediaError, match=r"frame 150 is past the last frame \(149\)"):
            video.read([0, 150])
        with pytest.raises(MediaError, match="frames count from 0"):
            video.read([-1])
        with pytest.raises(MediaError, match="whole numbers"):
            video.read([0.5])  # type: ignore[list-item]
        with pytest.raises(MediaError, match="rising"):
            list(video.stream(wanted=np.array([3, 1])))
        assert video.read([]).shape == (0, 96, 160, 3)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["gop12.mp4", "ten_bit.mp4", "full_range.mp4"])
@pytest.mark.parametrize("size", [None, (160, 97), (176, 33), (64, 40), (320, 200)])
def test_the_direct_way_to_rgb_equals_the_copy_and_keeps_to_its_rows(
    made: Made, name: str, size: tuple[int, int] | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    from playhead.media import pixels

    width, height = size or (160, 96)
    guarded = np.full((height + 2, width, 3), 77, np.uint8)
    with open_video(made(name)) as video:
        video.read([31], size=size, out=guarded[None, 1:-1])
        monkeypatch.setattr(pixels, "direct_scaler", lambda *_, **__: None)
    with open_video(made(name)) as video:
        (copied,) = video.read([31], size=size)
    assert np.all(guarded[[0, -1]] == 77)
    assert np.abs(guarded[1:-1].astype(int) - copied).max() <= 1


def test_a_buffer_with_a_stride_is_filled_too(made: Made) -> None:
    wide = np.zeros((2, 96, 200, 3), np.uint8)
    with open_video(made("gop12.mp4")) as video:
        video.read([31, 4], out=wide[:, :, 20:180])
        assert np.array_equal(wide[:, :, 20:180], video.read([31, 4]))
        assert not wide[:, :, :20].any()
        assert not wide[:, :, 180:].any()
        mirrored = np.zeros((1, 96, 160, 3), np.uint8)[:, :, ::-1]
        video.read([4], out=mirrored)
        assert np.array_equal(mirrored, video.read([4]))


@pytest.mark.parametrize("pixels", ["luma", "rgb"])
@pytest.mark.parametrize("size", [(30, 12), (12, 30)])
def test_a_letterboxed_frame_is_the_scaled_one_in_the_middle_of_black(
    made: Made, pixels: Any, size: tuple[int, int]
) -> None:
    black = {"luma": 16, "rgb": 0}[pixels]
    with open_video(made("turned.mp4")) as video:
        scale = min(size[0] / video.width, size[1] / video.height)
        inner = round(video.width * scale), round(video.height * scale)
        (plain,) = video.read([1], pixels=pixels, size=inner)
        (boxed,) = video.read([1], pixels=pixels, size=size, fit="letterbox")
        (_, streamed), *_ = video.stream(1, pixels=pixels, size=size, fit="letterbox")
    left, top = (size[0] - inner[0]) // 2, (size[1] - inner[1]) // 2
    expected = np.full_like(boxed, black)
    expected[top : top + inner[1], left : left + inner[0]] = plain
    np.testing.assert_array_equal(boxed, expected)
    np.testing.assert_array_equal(streamed, expected)
    assert (boxed == black).mean() > 0.1

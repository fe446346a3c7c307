"""What a video says of its images is kept, and what must be converted is converted exactly."""

import io
import struct
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from av.video.format import VideoFormat
from numpy.typing import NDArray
from PIL import Image

from playhead.errors import MediaError
from playhead.media import Planes, open_video
from playhead.media.rewrite import RewriteOptions, rewrite
from playhead.media.rewrite_pixels import Fitter, marked_frame
from playhead.media.table import Layout
from tests.media.encode import encode, image, number_of, yuv_frame

EXACT = RewriteOptions(crf=0, preset="ultrafast", threads=2)


def untouched(k: int, given: Planes) -> None:
    """A change that changes nothing."""


def first_frame(path: Path) -> av.VideoFrame:
    with av.open(str(path)) as given:
        return next(given.decode(video=0))


def plane(frame: av.VideoFrame, index: int) -> NDArray[np.uint16]:
    stored = frame.planes[index]
    kind = np.uint8 if frame.format.components[0].bits == 8 else np.uint16
    return (
        np.frombuffer(stored, kind).reshape(stored.height, -1)[:, : stored.width].astype(np.uint16)
    )


def coloured(path: Path, pixel_format: str, width: int, height: int, **context: object) -> Path:
    """Five lossless frames of smooth colours whose every plane has its own pattern."""
    with av.open(str(path), "w") as output:
        stream = output.add_stream("ffv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = width, height, pixel_format
        for name, value in context.items():
            setattr(stream.codec_context, name, value)
        for k in range(5):
            frame = av.VideoFrame(width, height, pixel_format)
            depth = frame.format.components[0].bits
            kind = np.dtype(np.uint8 if depth == 8 else np.uint16)
            for index, stored in enumerate(frame.planes):
                values = np.frombuffer(stored, kind).reshape(stored.height, -1)
                y, x = np.mgrid[0 : stored.height, 0 : values.shape[1]]
                values[:] = (y * 3 + x * (5 + index) + 31 * index + 7 * k) % (1 << depth)
            output.mux(stream.encode(frame))
        output.mux(stream.encode())
    return path


@pytest.mark.slow
@pytest.mark.parametrize(
    "pixel_format",
    [
        *("yuv420p", "yuv422p", "yuv444p", "yuv420p10le", "yuv422p10le", "yuv444p10le"),
        *("yuva420p", "yuva444p", "gray", "gray10le", "yuv411p", "yuv410p", "yuv440p"),
    ],
)
@pytest.mark.parametrize("size", [(64, 48), (35, 27), (36, 27), (35, 28)])
def test_every_sample_is_there_again(
    pixel_format: str, size: tuple[int, int], tmp_path: Path
) -> None:
    source = coloured(tmp_path / "a.mkv", pixel_format, *size)
    rewrite(source, tmp_path / "b.mp4", untouched, EXACT)
    before, after = first_frame(source), first_frame(tmp_path / "b.mp4")
    assert (after.width, after.height) == size
    np.testing.assert_array_equal(plane(after, 0), plane(before, 0))
    if len(before.format.components) < 3:
        assert np.all(plane(after, 1) == 1 << (after.format.components[0].bits - 1))
        return
    for index in (1, 2):
        old, new = plane(before, index), plane(after, index)
        times_y, times_x = -(-new.shape[0] // old.shape[0]), -(-new.shape[1] // old.shape[1])
        repeated = old.repeat(times_y, axis=0).repeat(times_x, axis=1)
        np.testing.assert_array_equal(new, repeated[: new.shape[0], : new.shape[1]])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("pixel_format", "size", "word"),
    [
        ("yuv420p", (64, 48), None),
        ("yuv422p", (64, 47), None),
        ("yuv444p", (35, 27), None),
        ("yuv420p", (35, 28), "35x28 is odd"),
        ("yuv422p", (35, 28), "35x28 is odd"),
        ("yuv420p", (64, 47), "64x47 is odd"),
        ("yuva420p", (64, 48), "transparency"),
        ("gray", (64, 48), "grey"),
        ("yuv411p", (64, 48), "4:2:2"),
        ("yuv410p", (64, 48), "4:2:0"),
        ("yuv440p", (64, 48), "4:4:4"),
    ],
)
def test_every_conversion_is_said_and_no_other(
    pixel_format: str, size: tuple[int, int], word: str | None, tmp_path: Path
) -> None:
    source = coloured(tmp_path / "a.mkv", pixel_format, *size)
    done = rewrite(source, tmp_path / "b.mp4", untouched, EXACT)
    assert len(done.notes) == (word is not None)
    assert word is None or word in done.notes[0]


@pytest.mark.parametrize("pixel_format", ["nv12", "nv16", "nv24", "p010le", "yuyv422", "uyvy422"])
@pytest.mark.parametrize("size", [(64, 48), (36, 28)])
def test_interleaved_samples_are_taken_apart_exactly(
    pixel_format: str, size: tuple[int, int]
) -> None:
    """Each picked out of the bytes by hand."""
    width, height = size
    frame = av.VideoFrame(width, height, pixel_format)
    noise = np.random.default_rng(1)
    for stored in frame.planes:
        values = np.frombuffer(stored, np.uint8)
        values[:] = noise.integers(0, 256, values.size)
        if pixel_format == "p010le":
            values.view(np.uint16)[:] = noise.integers(0, 1024, values.size // 2) << 6
    fitted = Fitter(frame).fit(frame)
    if pixel_format in {"yuyv422", "uyvy422"}:
        packed = np.frombuffer(frame.planes[0], np.uint8).reshape(height, -1)[:, : 2 * width]
        first = pixel_format == "uyvy422"
        expected = [
            packed[:, int(first) :: 2],
            packed[:, 1 - first :: 4],
            packed[:, 3 - first :: 4],
        ]
    else:
        kind, down = (np.uint16, 6) if pixel_format == "p010le" else (np.uint8, 0)
        luma, chroma = (
            np.frombuffer(stored, kind).reshape(stored.height, -1) >> down
            for stored in frame.planes
        )
        columns = frame.planes[1].width * 2
        expected = [luma[:, :width], chroma[:, 0:columns:2], chroma[:, 1:columns:2]]
    for index, values in enumerate(expected):
        np.testing.assert_array_equal(plane(fitted, index), values)


def test_more_than_ten_bits_become_ten_and_it_is_said(tmp_path: Path) -> None:
    source = coloured(tmp_path / "a.mkv", "yuv422p12le", 64, 48)
    done = rewrite(source, tmp_path / "b.mp4", untouched, EXACT)
    before, after = first_frame(source), first_frame(tmp_path / "b.mp4")
    assert after.format.name == "yuv422p10le"
    assert np.abs(plane(after, 0) - plane(before, 0) / 4).max() <= 1
    assert any("12 bits" in note for note in done.notes)


@pytest.mark.parametrize(
    ("codec", "pixel_format"), [("png", "rgb24"), ("ffv1", "bgr0"), ("utvideo", "gbrp")]
)
def test_rgb_becomes_yuv_of_full_resolution_and_shows_the_same_colours(
    codec: str, pixel_format: str, tmp_path: Path
) -> None:
    colours = np.array([[255, 0, 0], [0, 255, 0], [0, 0, 255], [250, 200, 40]], np.uint8)
    rgb = np.tile(colours.repeat(9, axis=0)[None, :35], (27, 1, 1))
    with av.open(str(tmp_path / "a.avi"), "w") as output:
        stream = output.add_stream(codec, rate=25)
        stream.width, stream.height, stream.pix_fmt = 35, 27, pixel_format
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(rgb)).reformat(format=pixel_format)
        output.mux(stream.encode(frame))
        output.mux(stream.encode())
    done = rewrite(tmp_path / "a.avi", tmp_path / "b.mp4", untouched, EXACT)
    after = first_frame(tmp_path / "b.mp4")
    assert after.format.name == "yuv444p"
    assert (after.colorspace, after.color_range) == (1, 1)
    assert any("RGB" in note for note in done.notes)
    with open_video(tmp_path / "b.mp4") as video:
        shown = video.read([0])[0]
    assert np.abs(shown.astype(int) - rgb).max() <= 3


def test_the_last_row_and_column_of_an_odd_image_are_there_and_can_be_hidden(
    tmp_path: Path,
) -> None:
    source = coloured(tmp_path / "a.mkv", "yuv420p", 35, 27)

    def hide(k: int, given: Planes) -> None:
        for stored, step, value in zip(
            given.planes, given.steps, given.values((0, 0, 0)), strict=True
        ):
            assert step == (1, 1)
            stored[26:, :] = value
            stored[:, 34:] = value

    rewrite(source, tmp_path / "b.mp4", hide, EXACT)
    before, after = first_frame(source), first_frame(tmp_path / "b.mp4")
    luma = plane(after, 0)
    assert np.all(luma[26] == 16)
    assert np.all(luma[:, 34] == 16)
    np.testing.assert_array_equal(luma[:26, :34], plane(before, 0)[:26, :34])
    assert np.all(plane(after, 1)[26] == 128)


@pytest.mark.slow
@pytest.mark.parametrize("codec", ["h264", "hevc"])
@pytest.mark.parametrize("pixel_format", ["yuv420p", "yuvj420p", "yuv420p10le", "yuv444p"])
def test_colour_tags_and_range_are_kept(codec: str, pixel_format: str, tmp_path: Path) -> None:
    tags = {"color_primaries": 9, "color_trc": 14, "colorspace": 9, "color_range": 1}
    if pixel_format == "yuvj420p":
        tags = {"color_primaries": 5, "color_trc": 6, "colorspace": 5, "color_range": 2}
    source = encode(tmp_path / "plain.mp4", 3, pixel_format=pixel_format)
    tagged(source, tmp_path / "a.mp4", pixel_format, tags)
    before = first_frame(tmp_path / "a.mp4")
    assert before.color_primaries == tags["color_primaries"]
    options = RewriteOptions(codec=codec, threads=2)
    rewrite(tmp_path / "a.mp4", tmp_path / "b.mp4", untouched, options)
    after = first_frame(tmp_path / "b.mp4")
    for name, value in tags.items():
        assert getattr(after, name) == value, name
    assert after.format.name == before.format.name


def tagged(source: Path, target: Path, pixel_format: str, tags: dict[str, int]) -> None:
    with av.open(str(target), "w") as output:
        stream = output.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 160, 96, pixel_format
        for name, value in tags.items():
            setattr(stream.codec_context, name, value)
        for k, frame in enumerate(av.open(str(source)).decode(video=0)):
            frame.pict_type, frame.pts = 0, k
            frame.time_base = Fraction(1, 25)
            output.mux(stream.encode(frame))
        output.mux(stream.encode())


def test_full_range_stays_full_range(tmp_path: Path) -> None:
    source = encode(tmp_path / "a.avi", 3, codec="mjpeg", pixel_format="yuvj420p")
    seen = []
    rewrite(source, tmp_path / "b.mp4", lambda k, given: seen.append(given.full_range), EXACT)
    after = first_frame(tmp_path / "b.mp4")
    assert (after.color_range, seen) == (2, [True] * 3)
    np.testing.assert_array_equal(plane(after, 0), plane(first_frame(source), 0))


@pytest.mark.parametrize("codec", ["h264", "hevc"])
def test_static_hdr_data_is_kept(codec: str, tmp_path: Path) -> None:
    display = "G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(10000000,1)"
    options = {"x264-params": f"mastering-display={display}:cll=1000,400"}
    source = encode(tmp_path / "a.mp4", 4, pixel_format="yuv420p10le", options=options)
    before = first_frame(source).side_data
    rewrite(source, tmp_path / "b.mp4", untouched, RewriteOptions(codec=codec, threads=2))
    after = first_frame(tmp_path / "b.mp4").side_data

    def numbers(data: object) -> list[Fraction]:
        parts = struct.unpack("=20i2i", bytes(data))
        return [Fraction(*parts[i : i + 2]) for i in range(0, 20, 2)]

    kind = "MASTERING_DISPLAY_METADATA"
    assert numbers(before[kind])[-1] == 1000
    assert numbers(after[kind]) == numbers(before[kind])
    assert bytes(after["CONTENT_LIGHT_LEVEL"]) == struct.pack("=2I", 1000, 400)


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv"])
@pytest.mark.parametrize("rotation", [90, 180, 270])
def test_rotation_is_kept(suffix: str, rotation: int, tmp_path: Path) -> None:
    source = encode(tmp_path / "a.mp4", 3, rotation=-rotation)
    rewrite(source, tmp_path / f"b{suffix}", untouched, EXACT)
    with open_video(source) as before, open_video(tmp_path / f"b{suffix}") as after:
        assert before.rotation == after.rotation == rotation
        assert (after.width, after.height) == (before.width, before.height)
        np.testing.assert_array_equal(
            before.read([1], pixels="luma"), after.read([1], pixels="luma")
        )


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
@pytest.mark.parametrize("degrees", [0, 90, 180, 270])
def test_mirrored_images_stay_mirrored(degrees: int, suffix: str, tmp_path: Path) -> None:
    source = mirrored(tmp_path / "a.mp4", degrees)
    target = tmp_path / f"b{suffix}"
    rewrite(source, target, untouched, EXACT)
    with open_video(source) as before, open_video(target) as after:
        assert after.table.layout == before.table.layout
        assert before.table.layout != Layout(160, 96)
        np.testing.assert_array_equal(before.read([1]), after.read([1]))


def mirrored(path: Path, degrees: int) -> Path:
    with av.open(str(path), "w") as output:
        stream = output.add_stream("libx264", rate=25)
        stream.width, stream.height = 160, 96
        stream.set_display_rotation(degrees, hflip=True)
        for k in range(3):
            output.mux(stream.encode(yuv_frame(image(k))))
        output.mux(stream.encode())
    return path


@pytest.mark.parametrize(("orientation", "rotation"), [(1, 0), (3, 180), (6, 90), (8, 270)])
def test_motion_jpeg_with_exif_is_turned_as_it_says_and_loses_it(
    orientation: int, rotation: int, tmp_path: Path
) -> None:
    exif, buffer = Image.Exif(), io.BytesIO()
    exif[0x0112], exif[0x010E] = orientation, "Secret-Place"
    Image.new("RGB", (64, 48), (9, 99, 9)).save(buffer, "JPEG", exif=exif)
    with av.open(str(tmp_path / "a.mov"), "w") as output:
        stream = output.add_mux_stream("mjpeg", width=64, height=48, rate=25)
        stream.time_base = Fraction(1, 25)
        for k in range(3):
            packet = av.Packet(buffer.getvalue())
            packet.pts = packet.dts = k
            packet.duration, packet.time_base, packet.stream = 1, Fraction(1, 25), stream
            packet.is_keyframe = True
            output.mux(packet)
    assert b"Secret-Place" in (tmp_path / "a.mov").read_bytes()
    rewrite(tmp_path / "a.mov", tmp_path / "b.mov", untouched, EXACT)
    with open_video(tmp_path / "b.mov") as after:
        assert (after.frames, after.rotation) == (3, rotation)
    assert b"Secret-Place" not in (tmp_path / "b.mov").read_bytes()


@pytest.mark.parametrize(
    ("codec", "size"),
    [
        *(("h264", size) for size in [(16, 16), (35, 27), (2, 2), (1, 1), (200, 18)]),
        *(("hevc", size) for size in [(16, 16), (35, 27), (200, 18)]),
    ],
)
def test_very_small_images_are_written(codec: str, size: tuple[int, int], tmp_path: Path) -> None:
    source = coloured(tmp_path / "a.mkv", "yuv444p" if size == (1, 1) else "yuv420p", *size)
    options = RewriteOptions(codec=codec, crf=0, threads=1)
    rewrite(source, tmp_path / "b.mp4", untouched, options)
    before, after = first_frame(source), first_frame(tmp_path / "b.mp4")
    np.testing.assert_array_equal(plane(after, 0), plane(before, 0))


def test_an_image_too_small_for_the_encoder_is_refused(tmp_path: Path) -> None:
    source = coloured(tmp_path / "a.mkv", "yuv420p", 2, 2)
    with pytest.raises(MediaError, match="try another codec"):
        rewrite(source, tmp_path / "b.mp4", untouched, RewriteOptions(codec="hevc"))
    assert not (tmp_path / "b.mp4").exists()


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_the_shape_of_a_pixel_is_kept(suffix: str, tmp_path: Path) -> None:
    with av.open(str(tmp_path / "a.mp4"), "w") as output:
        stream = output.add_stream("libx264", rate=25)
        stream.width, stream.height = 160, 96
        stream.codec_context.sample_aspect_ratio = Fraction(64, 45)
        for k in range(3):
            output.mux(stream.encode(yuv_frame(image(k))))
        output.mux(stream.encode())
    rewrite(tmp_path / "a.mp4", tmp_path / f"b{suffix}", untouched, EXACT)
    with av.open(str(tmp_path / f"b{suffix}")) as given:
        assert given.streams.video[0].sample_aspect_ratio == Fraction(64, 45)


@pytest.mark.parametrize("first", ["tff", "bff"])
@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv"])
def test_interlaced_stays_interlaced_with_the_same_field_first(
    first: str, suffix: str, tmp_path: Path
) -> None:
    options = {"x264-params": f"{first}=1", "flags": "+ildct+ilme"}
    source, target = encode(tmp_path / "a.mp4", 6, options=options), tmp_path / f"b{suffix}"
    with av.open(str(source)) as given:
        order = given.streams.video[0].codec_context.field_order
    rewrite(source, target, untouched, EXACT)
    with av.open(str(target)) as given:
        assert given.streams.video[0].codec_context.field_order == order
        frames = list(given.decode(video=0))
    assert all(frame.interlaced_frame for frame in frames)
    assert [number_of(plane(frame, 0)) for frame in frames] == list(range(6))
    if suffix == ".mkv":  # which says it as well: interlaced, and in which order
        at = target.read_bytes().find(b"\x9a\x81\x01\x9d\x81")
        assert target.read_bytes()[at + 5] == {"tff": 1, "bff": 6}[first]


@pytest.mark.parametrize(("codec", "height"), [("hevc", 96), ("h264", 94)])
def test_fields_that_cannot_be_kept_are_said(codec: str, height: int, tmp_path: Path) -> None:
    options = {"flags": "+ildct+ilme"}
    kind = "mpeg2video" if height % 4 else "libx264"
    source = encode(tmp_path / "a.mkv", 6, codec=kind, height=height, options=options)
    assert first_frame(source).interlaced_frame
    done = rewrite(source, tmp_path / "b.mp4", untouched, RewriteOptions(codec=codec, threads=1))
    assert any("interlaced images are written as progressive" in note for note in done.notes)
    with av.open(str(tmp_path / "b.mp4")) as given:
        assert [number_of(plane(frame, 0)) for frame in given.decode(video=0)] == list(range(6))


def test_images_that_change_their_size_are_scaled_to_the_first(tmp_path: Path) -> None:
    parts = [
        encode(tmp_path / f"{size}.h264", 12, width=size, height=96, gop=12) for size in (160, 320)
    ]
    source = tmp_path / "both.h264"
    source.write_bytes(b"".join(part.read_bytes() for part in parts))
    shapes = set()
    done = rewrite(
        source, tmp_path / "b.mp4", lambda k, given: shapes.add(given.planes[0].shape), EXACT
    )
    assert shapes == {(96, 160)}
    assert any("images of another size are scaled" in note for note in done.notes)
    with open_video(source) as before, open_video(tmp_path / "b.mp4") as after:
        assert after.frames == before.frames == 24


@pytest.mark.parametrize("pixel_format", ["yuv420p", "yuv422p10le", "yuvj444p"])
def test_a_marked_frame_is_grey_with_a_cross_in_every_format(pixel_format: str) -> None:
    like = yuv_frame(np.full((90, 160), 50, np.uint16), pixel_format)
    marked = marked_frame(like, Layout(160, 90))
    assert marked.format.name == pixel_format
    rgb = marked.reformat(format="rgb24", src_color_range=2 if "j" in pixel_format else 1)
    shown = rgb.to_ndarray().astype(int)
    assert np.abs(shown[45, 80] - 235).max() <= 3, "the middle of the cross"
    assert np.abs(shown[1, 1] - 235).max() <= 3, "its corner"
    assert np.abs(shown[45, 10] - 128).max() <= 3, "the ground"
    light = np.mean(shown[..., 0] > 180)
    assert 0.05 < light < 0.3
    assert VideoFormat(pixel_format).components[0].bits in {8, 10}

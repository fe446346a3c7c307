"""Still images: the pixels as they are shown, and nothing else of the file but its profile."""

import io
import os
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image, ImageCms, JpegImagePlugin, PngImagePlugin, TiffImagePlugin

from playhead.errors import ConfigError, LimitError, MediaError, PlayheadError, StorageError
from playhead.media.source import Limits
from playhead.redaction.hide import HideConfig, Hider, Region, hide_image
from playhead.redaction.images import read_image, write_image

SUFFIXES = {"JPEG": ".jpg", "PNG": ".png", "WEBP": ".webp", "TIFF": ".tif", "BMP": ".bmp"}
LOSSLESS: dict[str, dict[str, Any]] = {"PNG": {}, "WEBP": {"lossless": True}, "TIFF": {}, "BMP": {}}
SECRETS = [f"SECRET-{n:02d}-OF-THE-HOLDER".encode() for n in range(12)]
PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
ORIENTATION = 0x112


def noise(height: int = 22, width: int = 31, channels: int = 3) -> NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, 256, (height, width, channels), dtype=np.uint8)


def smooth(height: int = 48, width: int = 64) -> NDArray[np.uint8]:
    """An image that JPEG keeps well."""
    y, x = np.mgrid[:height, :width]
    return np.stack([x * 3, y * 4, 255 - x - y], axis=2).astype(np.uint8)


def saved(path: Path, image: Image.Image, **options: Any) -> Path:
    image.save(path, **options)
    return path


def copy_of(path: Path) -> Path:
    """Read and written again, nothing hidden."""
    pixels, info = read_image(path)
    out = path.parent / "out" / path.name
    write_image(out, pixels, info)
    return out


def secret_exif() -> bytes:
    """EXIF with a place, a maker note, and a thumbnail after it."""
    exif = Image.Exif()
    exif[0x10E] = SECRETS[0].decode()  # description
    exif[0x13B] = SECRETS[1].decode()  # artist
    exif.get_ifd(0x8769)[0x927C] = SECRETS[2]  # maker note
    exif.get_ifd(0x8825)[0x1B] = SECRETS[3]  # how the place was found
    thumbnail = io.BytesIO()
    Image.new("RGB", (16, 12), "red").save(thumbnail, "JPEG", comment=SECRETS[4])
    return exif.tobytes() + thumbnail.getvalue()


def xmp(secret: bytes) -> bytes:
    return b'<x:xmpmeta xmlns:x="adobe:ns:meta/">' + secret + b"</x:xmpmeta>"


def iptc(secret: bytes) -> bytes:
    """A caption in a Photoshop resource block."""
    record = b"\x1c\x02\x78" + struct.pack(">H", len(secret)) + secret
    return (
        b"8BIM\x04\x04\x00\x00" + struct.pack(">I", len(record)) + record + bytes(len(record) % 2)
    )


def secret_jpeg(path: Path) -> list[bytes]:
    image = Image.fromarray(smooth())
    options = {"exif": secret_exif(), "comment": SECRETS[5], "xmp": xmp(SECRETS[6])}
    image.save(path, icc_profile=PROFILE, **options)
    segment = b"Photoshop 3.0\0" + iptc(SECRETS[7])
    data = path.read_bytes()
    marked = b"\xff\xed" + struct.pack(">H", len(segment) + 2) + segment
    path.write_bytes(data[:2] + marked + data[2:] + SECRETS[8])
    return SECRETS[:9]


def secret_png(path: Path) -> list[bytes]:
    text = PngImagePlugin.PngInfo()
    text.add_text("Comment", SECRETS[5].decode())
    text.add_itxt("XML:com.adobe.xmp", xmp(SECRETS[6]).decode())
    text.add(b"prVt", SECRETS[7])
    image = Image.fromarray(smooth())
    image.save(path, pnginfo=text, exif=secret_exif(), icc_profile=PROFILE)
    path.write_bytes(path.read_bytes() + SECRETS[8])
    return SECRETS[:9]


def secret_webp(path: Path) -> list[bytes]:
    image = Image.fromarray(smooth())
    image.save(path, exif=secret_exif(), xmp=xmp(SECRETS[5]), icc_profile=PROFILE)
    return SECRETS[:6]


def secret_tiff(path: Path) -> list[bytes]:
    tags = TiffImagePlugin.ImageFileDirectory_v2()
    tags[0x10E], tags[0x13B] = SECRETS[0].decode(), SECRETS[1].decode()
    tags[700], tags.tagtype[700] = xmp(SECRETS[2]), 1
    tags[33723], tags.tagtype[33723] = iptc(SECRETS[3]), 7
    tags[34377], tags.tagtype[34377] = iptc(SECRETS[4]), 7
    tags[65000], tags.tagtype[65000] = SECRETS[5], 7
    Image.fromarray(smooth()).save(path, tiffinfo=tags, icc_profile=PROFILE)
    path.write_bytes(path.read_bytes() + SECRETS[6])
    return SECRETS[:7]


def secret_bmp(path: Path) -> list[bytes]:
    """Bytes between the header and the pixels, and after them."""
    Image.fromarray(smooth()).save(path)
    data = path.read_bytes()
    start = struct.unpack("<I", data[10:14])[0]
    moved = struct.pack("<I", start + len(SECRETS[0]))
    data = data[:10] + moved + data[14:start] + SECRETS[0] + data[start:] + SECRETS[1]
    path.write_bytes(data)
    return SECRETS[:2]


PLANTED: dict[str, Callable[[Path], list[bytes]]] = {
    "JPEG": secret_jpeg,
    "PNG": secret_png,
    "WEBP": secret_webp,
    "TIFF": secret_tiff,
    "BMP": secret_bmp,
}


@pytest.mark.parametrize("name", SUFFIXES)
def test_nothing_that_was_embedded_is_in_the_written_file(name: str, tmp_path: Path) -> None:
    path = tmp_path / f"secret{SUFFIXES[name]}"
    planted = PLANTED[name](path)
    assert all(secret in path.read_bytes() for secret in planted)
    written = copy_of(path)
    data = written.read_bytes()
    assert b"SECRET" not in data
    with Image.open(written) as image:
        assert image.format == name
        named = {"exif", "xmp", "photoshop", "comment", "Comment", "XML:com.adobe.xmp", "mp"}
        assert not named & set(image.info)
        assert not {0x10E, 0x13B, 700, 33723, 34377, 0x8769, 0x8825} & set(image.getexif())


@pytest.mark.parametrize("name", [name for name in SUFFIXES if name != "BMP"])
def test_the_colour_profile_is_kept(name: str, tmp_path: Path) -> None:
    path = tmp_path / f"image{SUFFIXES[name]}"
    saved(path, Image.fromarray(smooth()), icc_profile=PROFILE)
    with Image.open(copy_of(path)) as image:
        assert image.info["icc_profile"] == PROFILE


def test_a_further_image_inside_a_jpeg_is_left_out_and_said_so(tmp_path: Path) -> None:
    path = tmp_path / "phone.jpg"
    second = Image.new("RGB", (40, 30), "blue")
    Image.fromarray(smooth()).save(path, "MPO", save_all=True, append_images=[second])
    pixels, info = read_image(path)
    assert pixels.shape == (48, 64, 3)
    assert info.notes == ("1 further image(s) in the file were dropped",)
    with Image.open(copy_of(path)) as image:
        assert (image.format, getattr(image, "n_frames", 1)) == ("JPEG", 1)


STORED: dict[int, Callable[[NDArray[np.uint8]], NDArray[np.uint8]]] = {
    1: lambda upright: upright,
    2: lambda upright: upright[:, ::-1],
    3: lambda upright: upright[::-1, ::-1],
    4: lambda upright: upright[::-1],
    5: lambda upright: upright.swapaxes(0, 1),
    6: lambda upright: np.rot90(upright, 1),
    7: lambda upright: upright[::-1, ::-1].swapaxes(0, 1),
    8: lambda upright: np.rot90(upright, -1),
}
"""How a camera stores an upright image of each EXIF orientation."""


@pytest.mark.parametrize("orientation", STORED)
@pytest.mark.parametrize("name", ["PNG", "WEBP", "TIFF"])
def test_pixels_come_upright_and_are_written_upright(
    name: str, orientation: int, tmp_path: Path
) -> None:
    upright = noise()
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    path = tmp_path / f"turned{SUFFIXES[name]}"
    stored = np.ascontiguousarray(STORED[orientation](upright))
    saved(path, Image.fromarray(stored), exif=exif, **LOSSLESS[name])
    assert np.array_equal(read_image(path)[0], upright)
    with Image.open(copy_of(path)) as written:
        assert written.getexif().get(ORIENTATION, 1) == 1
        assert np.array_equal(np.asarray(written), upright)


@pytest.mark.parametrize("orientation", STORED)
def test_a_turned_jpeg_comes_upright(orientation: int, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    stored = np.ascontiguousarray(STORED[orientation](smooth()))
    path = saved(tmp_path / "turned.jpg", Image.fromarray(stored), exif=exif, quality=95)
    pixels = read_image(copy_of(path))[0]
    assert pixels.shape == (48, 64, 3)
    assert np.abs(pixels.astype(int) - smooth()).mean() < 3


@pytest.mark.parametrize("name", LOSSLESS)
def test_a_lossless_format_keeps_every_pixel(name: str, tmp_path: Path) -> None:
    path = saved(tmp_path / f"p{SUFFIXES[name]}", Image.fromarray(noise()), **LOSSLESS[name])
    assert np.array_equal(read_image(copy_of(path))[0], noise())


@pytest.mark.parametrize("sampling", [0, 1, 2])
def test_a_jpeg_keeps_its_subsampling(sampling: int, tmp_path: Path) -> None:
    path = saved(tmp_path / "p.jpg", Image.fromarray(smooth()), subsampling=sampling)
    with Image.open(copy_of(path)) as written:
        assert JpegImagePlugin.get_sampling(written) == sampling


def test_a_grey_image_stays_grey_until_it_is_hidden_in_colour(tmp_path: Path) -> None:
    path = saved(tmp_path / "p.png", Image.fromarray(noise(channels=1)[..., 0]))
    with Image.open(copy_of(path)) as written:
        assert written.mode == "L"
    pixels, info = read_image(path)
    hide_image(Hider(HideConfig(colour="red")), pixels, info, [Region((2, 2, 9, 9))])
    write_image(tmp_path / "red.png", pixels, info)
    with Image.open(tmp_path / "red.png") as written:
        assert written.mode == "RGB"


@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_sixteen_bits_in_grey_are_written_as_they_were(suffix: str, tmp_path: Path) -> None:
    deep = np.random.default_rng(1).integers(0, 65536, (9, 11), dtype=np.uint16)
    path = saved(tmp_path / f"deep{suffix}", Image.fromarray(deep))
    pixels, info = read_image(path)
    assert info.notes == ()
    assert np.array_equal(pixels[..., 1], deep >> 8)
    with Image.open(copy_of(path)) as written:
        assert written.mode == "I;16"
        assert np.array_equal(np.asarray(written), deep)


def png(width: int, height: int, *, depth: int = 8, pixels: bytes = b"") -> bytes:
    """An RGB PNG of these rows, written by hand."""

    def chunk(name: bytes, data: bytes) -> bytes:
        check = zlib.crc32(name + data)
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", check)

    head = struct.pack(">IIBBBBB", width, height, depth, 2, 0, 0, 0)
    body = chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(pixels)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def test_sixteen_bits_of_colour_become_eight_with_a_note(tmp_path: Path) -> None:
    (tmp_path / "deep.png").write_bytes(png(1, 1, depth=16, pixels=b"\0\x12\x00\x34\x00\x56\x00"))
    pixels, info = read_image(tmp_path / "deep.png")
    assert pixels.tolist() == [[[0x12, 0x34, 0x56]]]
    assert info.notes == ("16 bits a sample became 8",)


@pytest.mark.parametrize(
    ("mode", "suffix", "written_mode", "note"),
    [
        ("P", ".png", "RGB", "the palette became full colour"),
        ("P", ".bmp", "RGB", "the palette became full colour"),
        ("1", ".png", "L", "1 bit a pixel became 8-bit grey"),
        ("CMYK", ".jpg", "RGB", "CMYK became RGB, without the colour profile"),
        ("CMYK", ".tif", "RGB", "CMYK became RGB, without the colour profile"),
    ],
)
def test_what_cannot_be_kept_is_converted_and_said(
    mode: str, suffix: str, written_mode: str, note: str, tmp_path: Path
) -> None:
    image = Image.fromarray(smooth()).convert(mode)
    path = saved(tmp_path / f"p{suffix}", image)
    pixels, info = read_image(path)
    assert info.notes == (note,)
    assert np.abs(pixels.astype(int) - np.asarray(image.convert("RGB"))).mean() < 4
    with Image.open(copy_of(path)) as written:
        assert written.mode == written_mode


def test_samples_that_have_no_agreed_range_are_refused(tmp_path: Path) -> None:
    path = saved(tmp_path / "p.tif", Image.fromarray(np.ones((4, 4), np.float32)))
    with pytest.raises(MediaError, match="8 or 16 bits"):
        read_image(path)


@pytest.mark.parametrize("suffix", [".png", ".webp", ".tif"])
def test_transparency_is_kept_and_what_is_hidden_becomes_opaque(
    suffix: str, tmp_path: Path
) -> None:
    pixels = noise(channels=4)
    options = {"lossless": True, "exact": True} if suffix == ".webp" else {}
    path = saved(tmp_path / f"p{suffix}", Image.fromarray(pixels), **options)
    read, info = read_image(path)
    hide_image(Hider(HideConfig()), read, info, [Region((3, 4, 9, 8), "box")])
    write_image(tmp_path / "out" / path.name, read, info)
    with Image.open(tmp_path / "out" / path.name) as written:
        alpha = np.asarray(written)[..., 3]
    expected = pixels[..., 3].copy()
    expected[4:8, 3:9] = 255
    assert np.array_equal(alpha, expected)


def test_a_transparent_colour_of_a_palette_is_transparency(tmp_path: Path) -> None:
    image = Image.fromarray(np.arange(12, dtype=np.uint8).reshape(3, 4), "P")
    image.putpalette(bytes(range(36)))
    path = saved(tmp_path / "p.png", image, transparency=5)
    _, info = read_image(path)
    assert info.alpha is not None
    assert np.argwhere(info.alpha == 0).tolist() == [[1, 1]]


def test_without_regions_to_name_the_whole_image_is_hidden(tmp_path: Path) -> None:
    path = saved(tmp_path / "p.png", Image.fromarray(noise(channels=4)))
    pixels, info = read_image(path)
    hide_image(Hider(HideConfig()), pixels, info, None)
    assert info.alpha is not None
    assert not pixels.any()
    assert np.all(info.alpha == 255)


@pytest.mark.parametrize("name", SUFFIXES)
@pytest.mark.parametrize("part", [0.1, 0.5, 0.9])
def test_an_image_that_is_cut_off_is_an_error(name: str, part: float, tmp_path: Path) -> None:
    path = saved(tmp_path / f"p{SUFFIXES[name]}", Image.fromarray(noise(80, 90)))
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * part)])
    with pytest.raises(MediaError, match="p\\."):
        read_image(path)


@pytest.mark.parametrize("side", [8193, 60_000, 2**31 - 1])
def test_a_decompression_bomb_is_refused_before_it_is_decoded(side: int, tmp_path: Path) -> None:
    (tmp_path / "bomb.png").write_bytes(png(side, 8193))
    with pytest.raises(LimitError, match="limit is 67108864"):
        read_image(tmp_path / "bomb.png")


def test_the_limit_is_the_callers(tmp_path: Path) -> None:
    path = saved(tmp_path / "p.png", Image.fromarray(noise(10, 10)))
    assert read_image(path, limits=Limits(max_pixels=100))[0].shape == (10, 10, 3)
    with pytest.raises(LimitError, match="10x10"):
        read_image(path, limits=Limits(max_pixels=99))


@pytest.mark.parametrize("suffix", [".gif", ".webp", ".png", ".tif"])
def test_a_moving_image_is_refused_with_the_remedy(suffix: str, tmp_path: Path) -> None:
    first, second = Image.new("RGB", (9, 9), "red"), Image.new("RGB", (9, 9), "blue")
    path = saved(tmp_path / f"p{suffix}", first, save_all=True, append_images=[second])
    with pytest.raises(MediaError, match=r"save (it|each) as"):
        read_image(path)


def test_a_file_that_is_no_image_is_a_media_error(tmp_path: Path) -> None:
    (tmp_path / "text.jpg").write_text("not an image")
    (tmp_path / "empty.jpg").touch()
    for name in ("text.jpg", "empty.jpg", "none.jpg", "."):
        with pytest.raises(MediaError):
            read_image(tmp_path / name)


@given(data=st.data())
def test_damaged_bytes_give_an_image_or_an_error_of_ours(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    name = data.draw(st.sampled_from(sorted(SUFFIXES)))
    path = tmp_path_factory.mktemp("damaged") / f"p{SUFFIXES[name]}"
    PLANTED[name](path)
    content = bytearray(path.read_bytes())
    places = st.integers(0, min(len(content), 600) - 1)
    for place, byte in data.draw(st.lists(st.tuples(places, st.integers(0, 255)), max_size=5)):
        content[place] = byte
    path.write_bytes(content)
    try:
        pixels, _ = read_image(path)
    except PlayheadError:
        return
    assert pixels.dtype == np.uint8
    assert pixels.shape[2:] == (3,)


def test_the_source_is_never_written_over(tmp_path: Path) -> None:
    path = saved(tmp_path / "p.png", Image.fromarray(noise()))
    (tmp_path / "link.png").symlink_to(path)
    os.link(path, tmp_path / "hard.png")
    pixels, info = read_image(path)
    for name in ("p.png", "link.png", "hard.png"):
        with pytest.raises(ConfigError, match="is the source image"):
            write_image(tmp_path / name, pixels, info)


def test_another_suffix_is_refused(tmp_path: Path) -> None:
    pixels, info = read_image(saved(tmp_path / "p.png", Image.fromarray(noise())))
    with pytest.raises(ConfigError, match="keeps the format"):
        write_image(tmp_path / "p.jpg", pixels, info)


def test_when_writing_fails_what_was_there_still_stands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pixels, info = read_image(saved(tmp_path / "p.png", Image.fromarray(noise())))
    out = tmp_path / "out" / "p.png"
    out.parent.mkdir()
    out.write_bytes(b"from before")

    def full_disk(_: Image.Image, path: Path, **__: object) -> None:
        Path(path).write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Image.Image, "save", full_disk)
    with pytest.raises(StorageError, match="No space left"):
        write_image(out, pixels, info)
    assert [path.read_bytes() for path in out.parent.iterdir()] == [b"from before"]


@pytest.mark.parametrize("name", SUFFIXES)
def test_what_is_hidden_does_not_change_the_written_file(name: str, tmp_path: Path) -> None:
    written = []
    for number, colour in enumerate(("white", "green")):
        image = Image.fromarray(smooth())
        image.paste(colour, (10, 10, 30, 30))
        path = tmp_path / str(number) / f"p{SUFFIXES[name]}"
        path.parent.mkdir()
        # Lossless or nearly: a lossy source carries what is hidden into pixels beside it.
        options = {"JPEG": {"quality": 100, "subsampling": 0}, **LOSSLESS}[name]
        pixels, info = read_image(saved(path, image, **options))
        hide_image(Hider(HideConfig(shape="box")), pixels, info, [Region((8, 8, 32, 32), "box")])
        out = path.with_name(f"out{path.suffix}")
        write_image(out, pixels, info)
        written.append(out.read_bytes())
    assert written[0] == written[1]

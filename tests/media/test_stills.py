"""Stills: pixels and sizes of image files as they are displayed."""

import zlib
from pathlib import Path
from struct import pack
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from playhead.errors import LimitError, MediaError
from playhead.media.source import Limits
from playhead.media.stills import IMAGE_SUFFIXES, read_still, still_size

LOSSLESS: dict[str, dict[str, Any]] = {".png": {}, ".webp": {"lossless": True}, ".tif": {}}
ORIENTATION = 0x112


def noise(height: int, width: int, channels: int = 3) -> NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, 256, (height, width, channels), dtype=np.uint8)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", sorted(IMAGE_SUFFIXES - {".bmp"}))
def test_the_size_is_that_of_the_pixels_read(suffix: str, orientation: int, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    path = tmp_path / f"turned{suffix}"
    Image.fromarray(noise(12, 19)).save(path, exif=exif)
    height, width = read_still(path).shape[:2]
    assert still_size(path) == (width, height)
    assert (width, height) == ((19, 12) if orientation < 5 else (12, 19))


@pytest.mark.parametrize("suffix", LOSSLESS)
def test_pixels_are_read_upright_and_exactly(suffix: str, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    stored = np.ascontiguousarray(np.rot90(noise(9, 14)))
    Image.fromarray(stored).save(tmp_path / f"p{suffix}", exif=exif, **LOSSLESS[suffix])
    assert np.array_equal(read_still(tmp_path / f"p{suffix}"), noise(9, 14))


def chunk(name: bytes, data: bytes) -> bytes:
    return pack(">I", len(data)) + name + data + pack(">I", zlib.crc32(name + data))


def test_an_orientation_behind_the_pixels_of_a_png_is_found(tmp_path: Path) -> None:
    path = tmp_path / "late.png"
    Image.fromarray(noise(4, 9)).save(path)
    exif = Image.Exif()
    exif[ORIENTATION] = 8
    data = path.read_bytes()
    end = data.rindex(b"IEND") - 4
    late = chunk(b"eXIf", exif.tobytes().removeprefix(b"Exif\0\0"))
    path.write_bytes(data[:end] + late + data[end:])
    assert still_size(path) == (4, 9)
    assert read_still(path).shape == (9, 4, 3)


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".bmp"])
def test_a_size_needs_no_pixels(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"p{suffix}"
    Image.fromarray(noise(80, 90)).save(path)
    if suffix == ".webp":  # its header says how long the file is
        assert still_size(path) == (90, 80)
        return
    path.write_bytes(path.read_bytes()[:2000])
    assert still_size(path) == (90, 80)
    with pytest.raises(MediaError, match="cannot be read to its end"):
        read_still(path)


def test_transparency_and_grey_become_three_opaque_channels(tmp_path: Path) -> None:
    pixels = noise(5, 6, 4)
    Image.fromarray(pixels).save(tmp_path / "alpha.png")
    assert np.array_equal(read_still(tmp_path / "alpha.png"), pixels[..., :3])
    Image.fromarray(pixels[..., 0]).save(tmp_path / "grey.png")
    grey = np.repeat(pixels[..., :1], 3, axis=2)
    assert np.array_equal(read_still(tmp_path / "grey.png"), grey)


def test_what_is_read_may_be_written_to(tmp_path: Path) -> None:
    Image.fromarray(noise(5, 6)).save(tmp_path / "p.png")
    assert read_still(tmp_path / "p.png").flags.writeable


def test_what_is_no_image_or_too_large_is_refused(tmp_path: Path) -> None:
    (tmp_path / "text.jpg").write_text("not an image")
    (tmp_path / "empty.jpg").touch()
    for name in ("text.jpg", "empty.jpg", "none.jpg", "."):
        for read in (read_still, still_size):
            with pytest.raises(MediaError, match=r"is not an image|is empty|no such|is a folder"):
                read(tmp_path / name)
    Image.fromarray(noise(10, 10)).save(tmp_path / "p.png")
    with pytest.raises(LimitError, match="10x10"):
        still_size(tmp_path / "p.png", limits=Limits(max_pixels=99))

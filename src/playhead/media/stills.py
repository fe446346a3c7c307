"""Stills: image files, read upright; damaged, animated and too large ones are refused.

Reads JPEG, PNG, WebP, TIFF, BMP and GIF by content, whatever the file name. Pixels and sizes are
those of the displayed image: the EXIF orientation is applied.

16-bit grey becomes 8-bit over the whole range, or over the range that the image uses if that is
less than a quarter of it: 10 bits stored in 16 would be black otherwise.
"""

import os
import struct
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError
from PIL.PngImagePlugin import PngImageFile
from PIL.TiffImagePlugin import TiffImageFile

from playhead.errors import LimitError, MediaError
from playhead.media.kinds import image_format
from playhead.media.source import DEFAULT_LIMITS, Limits, check_file, denied

__all__ = [
    "COLOUR",
    "GREY",
    "IMAGE_SUFFIXES",
    "OTHER_COLOUR",
    "WHOLE_RANGE",
    "deep_grey",
    "is_deep",
    "opened_still",
    "read_still",
    "rgb_and_alpha",
    "still_size",
    "tone_ranges",
    "toned",
    "upright",
]

IMAGE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff", ".bmp"})
GREY = frozenset({"1", "L", "LA", "I;16", "I;16B"})
COLOUR = frozenset({"P", "PA", "RGB", "RGBA", "RGBX", "RGBa"})
OTHER_COLOUR = frozenset({"CMYK", "YCbCr"})

_FORMATS = ("JPEG", "PNG", "WEBP", "TIFF", "BMP", "GIF")
_ORIENTATION = 0x112
_SUBFILE, _PREVIEW = 0xFE, 1
"""A TIFF tag, and its bit for a reduced version of another image."""
WHOLE_RANGE = (0, 65535)
_NARROW = 4
"""A range is narrow if it is at most one part in this many of another."""
_ON_ITS_SIDE = frozenset({5, 6, 7, 8})
# What Pillow raises for truncated or corrupt files and decompression bombs.
_UNREADABLE = (
    *(OSError, SyntaxError, ValueError, EOFError, KeyError, TypeError, IndexError),
    *(struct.error, OverflowError, AttributeError, ZeroDivisionError),
)


def read_still(path: Path, *, limits: Limits = DEFAULT_LIMITS) -> NDArray[np.uint8]:
    """The pixels of an image as displayed, uint8 (H, W, 3) RGB; transparency is dropped.

    Raises MediaError if the file is not a readable image, is truncated or animated; LimitError,
    before decoding, if it has more pixels than `limits` allow.
    """
    with opened_still(path, limits=limits) as opened:
        return rgb_and_alpha(upright(opened))[0]


def still_size(path: Path, *, limits: Limits = DEFAULT_LIMITS) -> tuple[int, int]:
    """The (width, height) of an image as displayed, without decoding its pixels.

    A file that is truncated after its header still has a size. Raises as `read_still` does.
    """
    with opened_still(path, limits=limits) as opened:
        width, height = opened.size
        # Pillow already gives the displayed size of a TIFF.
        turned = opened.format != "TIFF" and _orientation(opened, path) in _ON_ITS_SIDE
        return (height, width) if turned else (width, height)


@contextmanager
def opened_still(path: Path, *, limits: Limits = DEFAULT_LIMITS) -> Iterator[Image.Image]:
    """A still image, opened and checked but not yet decoded.

    Errors inside the block, as in decoding, are raised as MediaError or LimitError.
    """
    check_file(path, "image")
    with _reading(path, limits), Image.open(path, formats=_FORMATS) as opened:
        _check_size(path, opened.size, limits)
        _check_still(path, opened)
        _check_mode(path, opened)
        yield opened


def upright(opened: Image.Image) -> Image.Image:
    """The image as it is displayed, decoded."""
    return ImageOps.exif_transpose(opened)


def rgb_and_alpha(image: Image.Image) -> tuple[NDArray[np.uint8], NDArray[np.uint8] | None]:
    """RGB uint8 (H, W, 3), writable, and alpha uint8 (H, W) where the image has any."""
    deep = deep_grey(image)
    if deep is not None:
        return toned(deep, tone_ranges(deep)[0]), None
    if not image.has_transparency_data:
        return np.array(image.convert("RGB")), None
    pixels = np.array(image.convert("RGBA"))
    return pixels[..., :3].copy(), pixels[..., 3].copy()


def deep_grey(image: Image.Image) -> NDArray[np.uint16] | None:
    """The samples of a 16-bit grey image, (H, W), writable; None for any other image."""
    return np.array(image, np.uint16) if image.mode.startswith("I;16") else None


def tone_ranges(deep: NDArray[np.uint16]) -> tuple[tuple[int, int], ...]:
    """The ranges (black, white) in which to show 16-bit samples, so that nothing stays dark.

    The first includes every sample: all 16 bits, or minimum to maximum if that is narrow. If the
    0.1 % to 99.9 % percentiles are narrow compared with the first, they are a second range, so that
    a few bright pixels do not keep a dark image dark.
    """
    least, greatest = int(deep.min()), int(deep.max())
    first = (least, greatest) if _is_narrow((least, greatest), WHOLE_RANGE) else WHOLE_RANGE
    low, high = np.percentile(deep, (0.1, 99.9), method="nearest").tolist()
    return (first, (low, high)) if _is_narrow((low, high), first) else (first,)


def toned(deep: NDArray[np.uint16], span: tuple[int, int]) -> NDArray[np.uint8]:
    """RGB uint8 (H, W, 3) of 16-bit grey samples, the two ends of `span` black and white."""
    black, white = span
    levels = (deep.clip(black, white).astype(np.uint32) - black) * 256 // (white - black + 1)
    return np.repeat(levels.astype(np.uint8)[..., None], 3, axis=2)


def _is_narrow(span: tuple[int, int], other: tuple[int, int]) -> bool:
    return (span[1] - span[0] + 1) * _NARROW <= other[1] - other[0] + 1


def is_deep(opened: Image.Image) -> bool:
    """Whether an image that is not yet decoded has 16 bits a sample."""
    return any(";16" in str(tile) for tile in getattr(opened, "tile", ()))


def _orientation(opened: Image.Image, path: Path) -> int:
    if isinstance(opened, PngImageFile) and not _has_metadata_after_pixels(path):
        # Pillow's PNG class would decode every pixel to find EXIF after them.
        return int(Image.Image.getexif(opened).get(_ORIENTATION, 1))
    return int(opened.getexif().get(_ORIENTATION, 1))


def _has_metadata_after_pixels(path: Path) -> bool:
    """Whether a PNG has EXIF or text chunks after its pixels."""
    seen_pixels = False
    with path.open("rb") as file:
        file.seek(8)
        while len(head := file.read(8)) == 8:
            name = head[4:]
            seen_pixels = seen_pixels or name == b"IDAT"
            if seen_pixels and name in {b"eXIf", b"tEXt", b"zTXt", b"iTXt"}:
                return True
            file.seek(int.from_bytes(head[:4], "big") + 4, os.SEEK_CUR)
    return False


@contextmanager
def _reading(path: Path, limits: Limits) -> Iterator[None]:
    """Turn Pillow's exceptions into MediaError or LimitError.

    Its warnings are ignored: they are about its own pixel limit and damaged metadata.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except Image.DecompressionBombError as error:
        raise _too_large(path, "too many pixels", limits) from error
    except PermissionError as error:
        raise denied(path) from error
    except UnidentifiedImageError as error:
        known = image_format(path)
        what = (
            "is not an image" if known in (None, *_FORMATS) else f"is an image ({known}), not one"
        )
        raise MediaError(
            f"{path}: {what} that can be read here; convert it to JPEG or PNG (WebP, TIFF, BMP and "
            "GIF are read too)"
        ) from error
    except _UNREADABLE as error:
        raise MediaError(
            f"{path}: cannot be read to its end ({' '.join(str(error).split())}); "
            "it may not have been copied completely"
        ) from error


def _check_size(path: Path, size: tuple[int, int], limits: Limits) -> None:
    if size[0] * size[1] > limits.max_pixels:
        raise _too_large(path, f"{size[0]}x{size[1]} pixels", limits)


def _too_large(path: Path, got: str, limits: Limits) -> LimitError:
    return LimitError(
        f"{path}: has {got}, the limit is {limits.max_pixels} in all; make it smaller first"
    )


def _check_still(path: Path, opened: Image.Image) -> None:
    if isinstance(opened, TiffImageFile) and opened.tag_v2.get(_SUBFILE, 0) & _PREVIEW:
        raise MediaError(
            f"{path}: begins with a preview, as camera raw files do, which cannot be read "
            "here; convert it to JPEG or PNG"
        )
    frames = getattr(opened, "n_frames", 1)
    if frames == 1 or opened.format == "MPO":
        return
    if opened.format == "TIFF":
        raise MediaError(f"{path}: has {frames} pages; save each as a TIFF of its own")
    raise MediaError(
        f"{path}: is animated ({frames} frames); save it as a video (MP4), or each frame as a PNG"
    )


def _check_mode(path: Path, opened: Image.Image) -> None:
    """Refuse samples of 12 or 32 bits and the like, which have no agreed black and white."""
    shallow = opened.mode.startswith("I;16") and not is_deep(opened)
    if shallow or opened.mode not in GREY | COLOUR | OTHER_COLOUR:
        raise MediaError(
            f"{path}: its samples ({opened.mode}) are not of 8 or 16 bits in grey, RGB or CMYK; "
            "save it as a PNG of 8 bits"
        )

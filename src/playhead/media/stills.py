"""Stills: image files, read upright and refused where they are damaged, moving or too large.

Read are JPEG, PNG, WebP, TIFF, BMP and GIF, told by their content, whatever their name. Pixels and
sizes are those of the displayed image: the orientation that EXIF asks for is applied.

Samples of 16 bits in grey become 8 bits over the whole range, or over the range that the image
uses where that is less than a quarter of it: 10 bits stored in 16 would be black otherwise.
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
"""A tag of TIFF, and its bit that says that this image is a smaller one of another."""
WHOLE_RANGE = (0, 65535)
_NARROW = 4
"""A range of samples is narrow where it is less than one part in so many of another."""
_ON_ITS_SIDE = frozenset({5, 6, 7, 8})
# What Pillow raises for a file that is cut off, contradicts itself, or inflates without end.
_UNREADABLE = (
    *(OSError, SyntaxError, ValueError, EOFError, KeyError, TypeError, IndexError),
    *(struct.error, OverflowError, AttributeError, ZeroDivisionError),
)


def read_still(path: Path, *, limits: Limits = DEFAULT_LIMITS) -> NDArray[np.uint8]:
    """The pixels of an image as displayed, uint8 (H, W, 3) RGB; transparency is left out.

    Raises MediaError for a file that is no such image, is cut off or moves; LimitError for one
    with more pixels than `limits` allow, before any is decoded.
    """
    with opened_still(path, limits=limits) as opened:
        return rgb_and_alpha(upright(opened))[0]


def still_size(path: Path, *, limits: Limits = DEFAULT_LIMITS) -> tuple[int, int]:
    """The (width, height) of an image as displayed, without decoding its pixels.

    A file that is cut off after its header has a size all the same. Raises as `read_still` does.
    """
    with opened_still(path, limits=limits) as opened:
        width, height = opened.size
        # Of a TIFF the size is that of the displayed image from the start.
        turned = opened.format != "TIFF" and _orientation(opened, path) in _ON_ITS_SIDE
        return (height, width) if turned else (width, height)


@contextmanager
def opened_still(path: Path, *, limits: Limits = DEFAULT_LIMITS) -> Iterator[Image.Image]:
    """The image in a file, opened and not yet decoded, which holds one image of known samples.

    What goes wrong inside the block, as in decoding, is raised as MediaError or LimitError.
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
    """The samples of an image of 16 bits in grey, (H, W), writable; None where it is no such."""
    return np.array(image, np.uint16) if image.mode.startswith("I;16") else None


def tone_ranges(deep: NDArray[np.uint16]) -> tuple[tuple[int, int], ...]:
    """The ranges (black, white) at which 16-bit samples are looked at, so that nothing stays dark.

    The first holds every sample: all 16 bits, or from the least to the greatest sample where that
    is narrow. A second leaves out one sample in a thousand at each end, where that is narrow beside
    the first: few bright pixels do not keep a dark image dark.
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
    if isinstance(opened, PngImageFile) and not _says_more_after_pixels(path):
        # Of a PNG the method of its own class decodes every pixel, to reach what may stand behind.
        return int(Image.Image.getexif(opened).get(_ORIENTATION, 1))
    return int(opened.getexif().get(_ORIENTATION, 1))


def _says_more_after_pixels(path: Path) -> bool:
    """Whether a PNG has EXIF or text behind its pixels, found by stepping from chunk to chunk."""
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
    """Turn what Pillow raises into errors of this project.

    Its warnings are of its own limit, and of damage to metadata, all of which is left out.
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
        what = "is no image" if known in (None, *_FORMATS) else f"is an image ({known}), not one"
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
            f"{path}: begins with a preview, as a camera's raw file does, which cannot be read "
            "here; convert it to JPEG or PNG"
        )
    frames = getattr(opened, "n_frames", 1)
    if frames == 1 or opened.format == "MPO":
        return
    if opened.format == "TIFF":
        raise MediaError(f"{path}: has {frames} pages; save each as a TIFF of its own")
    raise MediaError(
        f"{path}: moves ({frames} frames); save it as a video (MP4), or each frame as a PNG"
    )


def _check_mode(path: Path, opened: Image.Image) -> None:
    """Before decoding: samples of 12 or 32 bits and the like have no agreed black and white."""
    shallow = opened.mode.startswith("I;16") and not is_deep(opened)
    if shallow or opened.mode not in GREY | COLOUR | OTHER_COLOUR:
        raise MediaError(
            f"{path}: its samples ({opened.mode}) are not of 8 or 16 bits in grey, RGB or CMYK; "
            "save it as a PNG of 8 bits"
        )

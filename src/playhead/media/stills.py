"""Stills: picture files, read upright and refused where they are damaged, moving or too large.

Read are JPEG, PNG, WebP, TIFF and BMP. Pixels and sizes are those of the displayed picture: the
orientation that EXIF asks for is applied.
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

from playhead.errors import LimitError, MediaError
from playhead.media.source import DEFAULT_LIMITS, Limits

__all__ = [
    "COLOUR",
    "GREY",
    "IMAGE_SUFFIXES",
    "OTHER_COLOUR",
    "is_deep",
    "opened_still",
    "read_still",
    "rgb_and_alpha",
    "still_size",
    "upright",
]

IMAGE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff", ".bmp"})
GREY = frozenset({"1", "L", "LA", "I;16", "I;16B"})
COLOUR = frozenset({"P", "PA", "RGB", "RGBA", "RGBX", "RGBa"})
OTHER_COLOUR = frozenset({"CMYK", "YCbCr"})

# GIF is opened only to say what to do with it.
_FORMATS = ("JPEG", "PNG", "WEBP", "TIFF", "BMP", "GIF")
_ORIENTATION = 0x112
_ON_ITS_SIDE = frozenset({5, 6, 7, 8})
# What Pillow raises for a file that is cut off, contradicts itself, or inflates without end.
_UNREADABLE = (
    *(OSError, SyntaxError, ValueError, EOFError, KeyError, TypeError, IndexError),
    *(struct.error, OverflowError, AttributeError, ZeroDivisionError),
)


def read_still(path: Path, *, limits: Limits = DEFAULT_LIMITS) -> NDArray[np.uint8]:
    """The pixels of a picture as displayed, uint8 (H, W, 3) RGB; transparency is left out.

    Raises MediaError for a file that is no such picture, is cut off or moves; LimitError for one
    with more pixels than `limits` allow, before any is decoded.
    """
    with opened_still(path, limits=limits) as opened:
        return rgb_and_alpha(upright(opened))[0]


def still_size(path: Path, *, limits: Limits = DEFAULT_LIMITS) -> tuple[int, int]:
    """The (width, height) of a picture as displayed, without decoding its pixels.

    A file that is cut off after its header has a size all the same. Raises as `read_still` does.
    """
    with opened_still(path, limits=limits) as opened:
        width, height = opened.size
        # Of a TIFF the size is that of the displayed picture from the start.
        turned = opened.format != "TIFF" and _orientation(opened, path) in _ON_ITS_SIDE
        return (height, width) if turned else (width, height)


@contextmanager
def opened_still(path: Path, *, limits: Limits = DEFAULT_LIMITS) -> Iterator[Image.Image]:
    """The picture in a file, opened and not yet decoded, which holds one picture of known samples.

    What goes wrong inside the block, as in decoding, is raised as MediaError or LimitError.
    """
    _check_file(path)
    with _reading(path, limits), Image.open(path, formats=_FORMATS) as opened:
        _check_size(path, opened.size, limits)
        _check_still(path, opened)
        _check_mode(path, opened)
        yield opened


def upright(opened: Image.Image) -> Image.Image:
    """The picture as it is displayed, decoded."""
    return ImageOps.exif_transpose(opened)


def rgb_and_alpha(picture: Image.Image) -> tuple[NDArray[np.uint8], NDArray[np.uint8] | None]:
    """RGB uint8 (H, W, 3), writable, and alpha uint8 (H, W) where the picture has any."""
    if picture.mode.startswith("I;16"):
        grey = (np.asarray(picture) >> 8).astype(np.uint8)
        return np.repeat(grey[..., None], 3, axis=2), None
    if not picture.has_transparency_data:
        return np.array(picture.convert("RGB")), None
    pixels = np.array(picture.convert("RGBA"))
    return pixels[..., :3].copy(), pixels[..., 3].copy()


def is_deep(opened: Image.Image) -> bool:
    """Whether a picture that is not yet decoded has 16 bits a sample."""
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


def _check_file(path: Path) -> None:
    if path.is_dir():
        raise MediaError(f"{path}: is a folder; name a picture file")
    if not path.exists():
        raise MediaError(f"{path}: there is no such file")
    if path.stat().st_size == 0:
        raise MediaError(f"{path}: is empty (0 bytes); it may not have been copied completely")


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
    except UnidentifiedImageError as error:
        raise MediaError(
            f"{path}: is no picture that can be read here; JPEG, PNG, WebP, TIFF and BMP can"
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
    if opened.format == "GIF":
        raise MediaError(f"{path}: is a GIF; save it as a PNG, or as a video (MP4) where it moves")
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

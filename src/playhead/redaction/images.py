"""Still pictures: pixels in, pixels out, and nothing else that the file carried.

Read and written are JPEG, PNG, WebP, TIFF and BMP, in their own format. The pixels come upright
(EXIF orientation applied). Of what is embedded only the colour profile is written again: EXIF with
its place and thumbnail, XMP, IPTC, comments, text, further pictures and maker notes are left out.

JPEG and lossy WebP are written at quality 95, JPEG with the chroma subsampling of the source; the
others are lossless. What has no equal in 8-bit grey or RGB is converted, and a note says so.
"""

import os
import struct
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, JpegImagePlugin, UnidentifiedImageError

from playhead.errors import ConfigError, LimitError, MediaError
from playhead.files import atomic_path
from playhead.media.planes import Picture
from playhead.media.source import DEFAULT_LIMITS, Limits
from playhead.redaction.hide_masks import Region, cover_of

if TYPE_CHECKING:
    from playhead.redaction.hide import Hider

__all__ = ["IMAGE_SUFFIXES", "ImageInfo", "hide_image", "read_image", "write_image"]

IMAGE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff", ".bmp"})

_QUALITY = 95
_FULL_CHROMA = 0
# GIF is opened only to say what to do with it.
_FORMATS = ("JPEG", "PNG", "WEBP", "TIFF", "BMP", "GIF")
_GREY = frozenset({"1", "L", "LA", "I;16", "I;16B"})
_COLOUR = frozenset({"P", "PA", "RGB", "RGBA", "RGBX", "RGBa"})
_OTHER_COLOUR = frozenset({"CMYK", "YCbCr"})
# What Pillow raises for a file that is cut off, contradicts itself, or inflates without end.
_UNREADABLE = (
    *(OSError, SyntaxError, ValueError, EOFError, KeyError, TypeError, IndexError),
    *(struct.error, OverflowError, AttributeError, ZeroDivisionError),
)


@dataclass(frozen=True, kw_only=True, eq=False)
class ImageInfo:
    """What the redacted copy of a picture file keeps, besides its pixels.

    format: as Pillow names it; grey: whether it had no colour; profile: the ICC colour profile
    alpha: uint8 (H, W) in displayed orientation, writable; None where everything is opaque
    options: of the encoder; notes: what the copy cannot keep, a sentence each
    """

    path: Path
    format: str
    grey: bool
    alpha: NDArray[np.uint8] | None
    profile: bytes | None
    options: dict[str, Any]
    notes: tuple[str, ...]


def read_image(
    path: Path, *, limits: Limits = DEFAULT_LIMITS
) -> tuple[NDArray[np.uint8], ImageInfo]:
    """The pixels of a picture as displayed, uint8 (H, W, 3) RGB, and what its copy keeps.

    Raises MediaError for a file that is no such picture, is cut off or moves; LimitError for one
    with more pixels than `limits` allow, before any is decoded.
    """
    _check_file(path)
    with _reading(path, limits), Image.open(path, formats=_FORMATS) as opened:
        _check_size(path, opened.size, limits)
        _check_still(path, opened)
        _check_mode(path, opened)
        notes, options = _notes(opened), _options(path, opened)
        upright = ImageOps.exif_transpose(opened)
        pixels, alpha = _converted(upright)
        if alpha is not None and opened.format == "BMP":
            alpha, notes = None, (*notes, "the transparency was left out, which BMP does not keep")
        info = ImageInfo(
            path=path,
            format="JPEG" if opened.format == "MPO" else str(opened.format),
            grey=upright.mode in _GREY,
            alpha=alpha,
            # The profile of an ink is no profile of the RGB that it became.
            profile=None if upright.mode in _OTHER_COLOUR else opened.info.get("icc_profile"),
            options=options,
            notes=notes,
        )
    return pixels, info


def hide_image(
    hider: "Hider", pixels: NDArray[np.uint8], info: ImageInfo, regions: Sequence[Region] | None
) -> None:
    """Hide `regions` in the pixels that `read_image` gave, in place; None hides everything.

    Hidden pixels become opaque: the edge of a cut-out would show whom it was cut out of.
    """
    picture = Picture.of_rgb(pixels)
    if regions is None:
        hider.hide_whole(picture)
        regions = [Region((0, 0, pixels.shape[1], pixels.shape[0]), "box")]
    else:
        hider.hide(picture, regions)
    covers = [cover_of(picture, region) for region in regions]
    for cover in covers:
        if info.alpha is not None and cover is not None:
            part, hidden = cover.on(info.alpha, (1, 1))
            part[hidden] = 255


def write_image(path: Path, pixels: NDArray[np.uint8], like: ImageInfo) -> None:
    """Write uint8 (H, W, 3) RGB in the format of the file that `like` is of, whole or not at all.

    Raises ConfigError where `path` is that file or has another suffix, StorageError where the disk
    refuses.
    """
    _check_target(path, like.path)
    grey = like.grey and bool((pixels == pixels[..., :1]).all())
    planes = [pixels[..., 0]] if grey else [pixels[..., channel] for channel in range(3)]
    mode = "L" if grey else "RGB"
    if like.alpha is not None:
        planes, mode = [*planes, like.alpha], f"{mode}A"
    image = Image.merge(mode, [Image.fromarray(np.ascontiguousarray(one)) for one in planes])
    with atomic_path(path) as temporary:
        image.save(temporary, format=like.format, icc_profile=like.profile, **like.options)


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
    shallow = opened.mode.startswith("I;16") and not _is_deep(opened)
    if shallow or opened.mode not in _GREY | _COLOUR | _OTHER_COLOUR:
        raise MediaError(
            f"{path}: its samples ({opened.mode}) are not of 8 or 16 bits in grey, RGB or CMYK; "
            "save it as a PNG of 8 bits"
        )


def _notes(opened: Image.Image) -> tuple[str, ...]:
    """What the copy cannot keep, of a picture that is not yet decoded."""
    notes = []
    if opened.format == "MPO":
        count = getattr(opened, "n_frames", 1) - 1
        notes.append(f"{count} further picture(s) inside the file were left out")
    if _is_deep(opened):
        notes.append("16 bits a sample became 8")
    if opened.mode == "1":
        notes.append("1 bit a pixel became 8-bit grey")
    if opened.mode in {"P", "PA"}:
        notes.append("the palette became full colour")
    if opened.mode in _OTHER_COLOUR:
        notes.append(f"{opened.mode} became RGB, without the colour profile")
    return tuple(notes)


def _is_deep(opened: Image.Image) -> bool:
    return any(";16" in str(tile) for tile in getattr(opened, "tile", ()))


def _options(path: Path, opened: Image.Image) -> dict[str, Any]:
    """How the encoder is to write the copy."""
    match opened.format:
        case "JPEG" | "MPO":
            sampling = JpegImagePlugin.get_sampling(opened)
            known = sampling if sampling >= 0 else _FULL_CHROMA
            return {"quality": _QUALITY, "subsampling": known}
        case "WEBP":
            return {"lossless": True} if _is_lossless_webp(path) else {"quality": _QUALITY}
        case "TIFF":
            return {"compression": "tiff_adobe_deflate"}
        case _:
            return {}


def _is_lossless_webp(path: Path) -> bool:
    """Whether the chunk that holds the pixels is a lossless one."""
    with path.open("rb") as file:
        file.seek(12)
        while len(head := file.read(8)) == 8:
            if head[:3] == b"VP8" and head[3:4] in b"L ":
                return head[3:4] == b"L"
            size = int.from_bytes(head[4:], "little")
            file.seek(size + size % 2, os.SEEK_CUR)
    return False


def _converted(upright: Image.Image) -> tuple[NDArray[np.uint8], NDArray[np.uint8] | None]:
    """RGB (H, W, 3), and alpha (H, W) where the picture has any."""
    if upright.mode.startswith("I;16"):
        grey = (np.asarray(upright) >> 8).astype(np.uint8)
        return np.repeat(grey[..., None], 3, axis=2), None
    if not upright.has_transparency_data:
        return np.array(upright.convert("RGB")), None
    pixels = np.array(upright.convert("RGBA"))
    return pixels[..., :3].copy(), pixels[..., 3].copy()


def _check_target(path: Path, source: Path) -> None:
    if path.resolve() == source.resolve() or (path.exists() and path.samefile(source)):
        raise ConfigError(f"{path}: is the picture that was read; name another file to write")
    if path.suffix.lower() != source.suffix.lower():
        raise ConfigError(
            f"{path}: ends in {path.suffix!r}; a redacted picture keeps the format and the suffix "
            f"of its source, {source.suffix!r}"
        )

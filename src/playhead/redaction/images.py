"""Still pictures: pixels in, pixels out, and nothing else that the file carried.

Read and written are JPEG, PNG, WebP, TIFF and BMP, in their own format. The pixels come upright
(EXIF orientation applied). Of what is embedded only the colour profile is written again: EXIF with
its place and thumbnail, XMP, IPTC, comments, text, further pictures and maker notes are left out.

JPEG and lossy WebP are written at quality 95, JPEG with the chroma subsampling of the source; the
others are lossless. What has no equal in 8-bit grey or RGB is converted, and a note says so.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, JpegImagePlugin

from playhead.errors import ConfigError
from playhead.files import atomic_path
from playhead.media.planes import Picture
from playhead.media.source import DEFAULT_LIMITS, Limits
from playhead.media.stills import (
    GREY,
    IMAGE_SUFFIXES,
    OTHER_COLOUR,
    is_deep,
    opened_still,
    rgb_and_alpha,
    upright,
)
from playhead.redaction.hide_masks import Region, cover_of

if TYPE_CHECKING:
    from playhead.redaction.hide import Hider

__all__ = ["IMAGE_SUFFIXES", "ImageInfo", "hide_image", "read_image", "write_image"]

_QUALITY = 95
_FULL_CHROMA = 0


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
    with opened_still(path, limits=limits) as opened:
        notes, options = _notes(opened), _options(path, opened)
        displayed = upright(opened)
        pixels, alpha = rgb_and_alpha(displayed)
        if alpha is not None and opened.format == "BMP":
            alpha, notes = None, (*notes, "the transparency was left out, which BMP does not keep")
        info = ImageInfo(
            path=path,
            format="JPEG" if opened.format == "MPO" else str(opened.format),
            grey=displayed.mode in GREY,
            alpha=alpha,
            # The profile of an ink is no profile of the RGB that it became.
            profile=None if displayed.mode in OTHER_COLOUR else opened.info.get("icc_profile"),
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


def _notes(opened: Image.Image) -> tuple[str, ...]:
    """What the copy cannot keep, of a picture that is not yet decoded."""
    notes = []
    if opened.format == "MPO":
        count = getattr(opened, "n_frames", 1) - 1
        notes.append(f"{count} further picture(s) inside the file were left out")
    if is_deep(opened):
        notes.append("16 bits a sample became 8")
    if opened.mode == "1":
        notes.append("1 bit a pixel became 8-bit grey")
    if opened.mode in {"P", "PA"}:
        notes.append("the palette became full colour")
    if opened.mode in OTHER_COLOUR:
        notes.append(f"{opened.mode} became RGB, without the colour profile")
    return tuple(notes)


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


def _check_target(path: Path, source: Path) -> None:
    if path.resolve() == source.resolve() or (path.exists() and path.samefile(source)):
        raise ConfigError(f"{path}: is the picture that was read; name another file to write")
    if path.suffix.lower() != source.suffix.lower():
        raise ConfigError(
            f"{path}: ends in {path.suffix!r}; a redacted picture keeps the format and the suffix "
            f"of its source, {source.suffix!r}"
        )

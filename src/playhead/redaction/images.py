"""Still images: pixels in, pixels out, and nothing else that the file carried.

JPEG, PNG, WebP, TIFF and BMP are read and written in their own format, which the content tells; a
GIF that does not move is written as PNG. The pixels come upright (EXIF orientation applied). Of
what is embedded only the colour profile is written again: EXIF with its place and thumbnail, XMP,
IPTC, comments, text, further images and maker notes are left out.

JPEG and lossy WebP are written at quality 95, JPEG with the chroma subsampling of the source; the
others are lossless, 16 bits in grey included. What else has no equal in 8-bit grey or RGB is
converted, and a note says so.

What can be seen of an image is more than its colours: see `views_of`.
"""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, JpegImagePlugin

from playhead.errors import ConfigError, MediaError
from playhead.files import atomic_path
from playhead.media.kinds import image_format
from playhead.media.source import DEFAULT_LIMITS, Limits
from playhead.media.stills import (
    GREY,
    OTHER_COLOUR,
    WHOLE_RANGE,
    deep_grey,
    is_deep,
    opened_still,
    rgb_and_alpha,
    tone_ranges,
    toned,
    upright,
)

__all__ = [
    "ImageInfo",
    "copy_suffix",
    "paired_views",
    "read_image",
    "views_of",
    "write_image",
]

_QUALITY = 95
_FULL_CHROMA = 0
_LEAST_LEVELS = 16
"""Levels of 256 over which 16-bit colour must reach: fewer show what no network would find."""

_WRITTEN_AS = {"MPO": "JPEG", "GIF": "PNG"}
_SUFFIXES = {
    "JPEG": (".jpg", ".jpeg", ".jfif", ".jpe"),
    "PNG": (".png",),
    "WEBP": (".webp",),
    "TIFF": (".tif", ".tiff"),
    "BMP": (".bmp", ".dib"),
}

RGB = NDArray[np.uint8]
Pair = tuple[RGB, RGB]


@dataclass(frozen=True, kw_only=True, eq=False)
class ImageInfo:
    """What the redacted copy of an image file keeps, besides its pixels.

    format: of the copy, as Pillow names it; grey: whether the image had no colour; profile: the ICC
    colour profile
    alpha: uint8 (H, W) in displayed orientation, writable; None where everything is opaque
    deep: uint16 (H, W), writable, of 16-bit grey, which the copy keeps; ranges: of its samples, at
    which it is detected, as `tone_ranges` says; empty if it is not deep
    options: of the encoder; notes: what the copy cannot keep, a sentence each
    """

    path: Path
    format: str
    grey: bool
    alpha: NDArray[np.uint8] | None
    deep: NDArray[np.uint16] | None
    ranges: tuple[tuple[int, int], ...]
    profile: bytes | None
    options: dict[str, Any]
    notes: tuple[str, ...]


def copy_suffix(path: Path) -> str:
    """The suffix of the redacted copy of an image: its own where that fits what the file holds."""
    held = image_format(path)
    fitting = _SUFFIXES.get(_WRITTEN_AS.get(held, held)) if held is not None else None
    return path.suffix if fitting is None or path.suffix.lower() in fitting else fitting[0]


def read_image(path: Path, *, limits: Limits = DEFAULT_LIMITS) -> tuple[RGB, ImageInfo]:
    """The pixels of an image as displayed, uint8 (H, W, 3) RGB, and what its copy keeps.

    Of 16-bit grey the pixels are those of the first of `ImageInfo.ranges`.
    Raises MediaError for a file that is not such an image, is cut off or moves, or is of 16 bits in
    colour and all but black; LimitError for one with more pixels than `limits` allow, before any is
    decoded.
    """
    with opened_still(path, limits=limits) as opened:
        was_deep, notes, options = is_deep(opened), _notes(opened), _options(path, opened)
        displayed = upright(opened)
        deep = deep_grey(displayed)
        pixels, alpha = rgb_and_alpha(displayed)
        if was_deep and deep is None:
            notes += ("16 bits a sample became 8",)
            if 0 < np.ptp(pixels) < _LEAST_LEVELS:
                raise MediaError(
                    f"{path}: its 16-bit samples in colour use less than a sixteenth of their "
                    "range, which nothing can be found in; save it with 8 bits a sample"
                )
        ranges = () if deep is None else tone_ranges(deep)
        if ranges not in ((), (WHOLE_RANGE,)):
            notes += (
                f"most of its 16-bit samples lie between {ranges[-1][0]} and {ranges[-1][1]}: they "
                "were brightened for detection, and are written unchanged",
            )
        if alpha is not None and opened.format == "BMP":
            alpha, notes = None, (*notes, "the transparency was left out, which BMP does not keep")
        info = ImageInfo(
            path=path,
            format=_WRITTEN_AS.get(str(opened.format), str(opened.format)),
            grey=displayed.mode in GREY,
            alpha=alpha,
            deep=deep,
            ranges=ranges,
            # A profile of inks does not fit the RGB that the pixels became.
            profile=None if displayed.mode in OTHER_COLOUR else opened.info.get("icc_profile"),
            options=options,
            notes=notes,
        )
    return pixels, info


def views_of(pixels: RGB, info: ImageInfo) -> Iterator[RGB]:
    """Images, RGB uint8 (H, W, 3), in which together everything is seen that an image holds.

    Of an opaque one of 8 bits it is `pixels` alone. A face may as well lie in the transparency:
    then the colours are seen by themselves, on white, on black, and the transparency by itself.
    16-bit grey is seen at each of its ranges.
    """
    return _views(pixels, info, info.ranges, see_through=_is_see_through(info))


def paired_views(
    before: tuple[RGB, ImageInfo], after: tuple[RGB, ImageInfo]
) -> Iterator[tuple[Pair, Pair]]:
    """The views of an original and of its copy, both seen in the same way, pair by pair.

    With each pair the two as they are to be compared: as they are seen, or as RGBA (H, W, 4) where
    either has transparency.
    Raises MediaError where the original is of 16 bits, of which 8 in the copy keep next to nothing.
    """
    copy = after[1]
    if before[1].ranges not in ((), (WHOLE_RANGE,)) and copy.deep is None:
        raise MediaError(
            f"{copy.path}: has 8 bits a sample, and the 16 of {before[1].path} are dark; it is "
            "not a copy that can be compared with it: redact the original again"
        )
    ranges, see_through = before[1].ranges, any(_is_see_through(one[1]) for one in (before, after))
    first, second = (
        _views(*one, ranges=ranges, see_through=see_through) for one in (before, after)
    )
    whole = (_rgba(*before), _rgba(*after)) if see_through else None
    for pair in zip(first, second, strict=True):
        yield pair, whole or pair


def _views(
    pixels: RGB, info: ImageInfo, ranges: Sequence[tuple[int, int]], *, see_through: bool
) -> Iterator[RGB]:
    if ranges:
        # A copy may have lost its depth: 255 is 65535.
        deep = info.deep if info.deep is not None else pixels[..., 0].astype(np.uint16) * 257
        yield from (toned(deep, one) for one in ranges)
        return
    yield pixels
    if see_through:
        alpha = _rgba(pixels, info)[..., 3:]
        weights = alpha.astype(np.uint16)
        for ground in (255, 0):
            yield ((pixels * weights + ground * (255 - weights) + 127) // 255).astype(np.uint8)
        yield np.repeat(alpha, 3, axis=2)


def _rgba(pixels: RGB, info: ImageInfo) -> RGB:
    opaque = np.full(pixels.shape[:2], 255, np.uint8)
    return np.dstack([pixels, opaque if info.alpha is None else info.alpha])


def _is_see_through(info: ImageInfo) -> bool:
    return info.alpha is not None and bool((info.alpha < 255).any())


def write_image(path: Path, pixels: RGB, like: ImageInfo) -> None:
    """Write uint8 (H, W, 3) RGB in the format of the file that `like` is of, whole or not at all.

    Of 16-bit grey `like.deep` is what is written.
    Raises ConfigError where `path` is that file or its suffix is of another format, StorageError
    where the disk refuses.
    """
    _check_target(path, like)
    if like.deep is not None:
        image = Image.fromarray(like.deep)
    else:
        grey = like.grey and bool((pixels == pixels[..., :1]).all())
        planes = [pixels[..., 0]] if grey else [pixels[..., channel] for channel in range(3)]
        mode = "L" if grey else "RGB"
        if like.alpha is not None:
            planes, mode = [*planes, like.alpha], f"{mode}A"
        image = Image.merge(mode, [Image.fromarray(np.ascontiguousarray(one)) for one in planes])
    with atomic_path(path) as temporary:
        image.save(temporary, format=like.format, icc_profile=like.profile, **like.options)


def _notes(opened: Image.Image) -> tuple[str, ...]:
    """What the copy cannot keep, of an image that is not yet decoded."""
    notes = []
    if opened.format == "MPO":
        count = getattr(opened, "n_frames", 1) - 1
        notes.append(f"{count} further image(s) inside the file were left out")
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


def _check_target(path: Path, like: ImageInfo) -> None:
    source = like.path
    if path.resolve() == source.resolve() or (path.exists() and path.samefile(source)):
        raise ConfigError(f"{path}: is the image that was read; name another file to write")
    fitting = _SUFFIXES[like.format]
    if path.suffix.lower() not in fitting:
        raise ConfigError(
            f"{path}: ends in {path.suffix!r}; the redacted copy of {source.name} keeps the format "
            f"{like.format} and ends in {' or '.join(fitting)}"
        )

"""Reading and writing still images: only pixels and the colour profile are kept.

JPEG, PNG, WebP, TIFF and BMP are written in their own format, detected by content; a still GIF is
written as PNG. Pixels are upright (EXIF orientation applied). Embedded data other than the colour
profile is dropped: EXIF with location and thumbnail, XMP, IPTC, comments, text, further images and
maker notes.

JPEG and lossy WebP are written at quality 95, JPEG with the chroma subsampling of the source; the
others are lossless, including 16-bit grey. Other pixel formats are converted to 8-bit grey or RGB,
with a note.

Transparency and 16-bit grey can show more than the displayed colours: see `views_of`.
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
"""Minimum range of 16-bit colour, in levels of 256: a network detects nothing in less."""

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
    """The properties of an image file that its redacted copy keeps, besides its pixels.

    format: of the copy, as in Pillow; grey: whether the image has no colour; profile: ICC profile
    alpha: uint8 (H, W) in displayed orientation, writable; None if the image is opaque
    deep: uint16 (H, W), writable, of 16-bit grey, which the copy keeps; ranges: of its samples, for
    detection (see `tone_ranges`); empty if it is not 16-bit grey
    options: of the encoder; notes: sentences on what the copy does not keep
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
    """The suffix of the redacted copy of an image: its own if it fits the file's content."""
    actual = image_format(path)
    fitting = _SUFFIXES.get(_WRITTEN_AS.get(actual, actual)) if actual is not None else None
    return path.suffix if fitting is None or path.suffix.lower() in fitting else fitting[0]


def read_image(path: Path, *, limits: Limits = DEFAULT_LIMITS) -> tuple[RGB, ImageInfo]:
    """The pixels of an image as displayed, uint8 (H, W, 3) RGB, and its other properties.

    For 16-bit grey, the pixels show the first of `ImageInfo.ranges`.
    Raises MediaError for a file that is not such an image, is truncated or animated, or has 16-bit
    colour that is nearly black; LimitError, before decoding, for more pixels than `limits` allow.
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
                    f"{path}: its 16-bit colour uses less than a sixteenth of the range, so "
                    "nothing can be detected; save it with 8 bits a sample"
                )
        ranges = () if deep is None else tone_ranges(deep)
        if ranges not in ((), (WHOLE_RANGE,)):
            notes += (
                f"most of its 16-bit samples are between {ranges[-1][0]} and {ranges[-1][1]}: they "
                "were brightened for detection only",
            )
        if alpha is not None and opened.format == "BMP":
            alpha, notes = None, (*notes, "the transparency was dropped, since BMP has none")
        info = ImageInfo(
            path=path,
            format=_WRITTEN_AS.get(str(opened.format), str(opened.format)),
            grey=displayed.mode in GREY,
            alpha=alpha,
            deep=deep,
            ranges=ranges,
            # A CMYK profile does not apply to the converted RGB pixels.
            profile=None if displayed.mode in OTHER_COLOUR else opened.info.get("icc_profile"),
            options=options,
            notes=notes,
        )
    return pixels, info


def views_of(pixels: RGB, info: ImageInfo) -> Iterator[RGB]:
    """Views, RGB uint8 (H, W, 3), that together show everything in an image.

    For an opaque 8-bit image this is `pixels` alone. With transparency, in which a face can be
    visible too: the colours alone, on white, on black, and the transparency alone. 16-bit grey is
    shown at each of its ranges.
    """
    return _views(pixels, info, info.ranges, see_through=_is_see_through(info))


def paired_views(
    before: tuple[RGB, ImageInfo], after: tuple[RGB, ImageInfo]
) -> Iterator[tuple[Pair, Pair]]:
    """The views of an original and of its copy, pair by pair, with the same settings.

    Each pair comes with the images to compare: the views, or RGBA (H, W, 4) if either image has
    transparency.
    Raises MediaError if the original is dark 16-bit grey and the copy has only 8 bits.
    """
    copy = after[1]
    if before[1].ranges not in ((), (WHOLE_RANGE,)) and copy.deep is None:
        raise MediaError(
            f"{copy.path}: has 8 bits a sample, too few to compare with the dark 16-bit samples of "
            f"{before[1].path}; redact the original again"
        )
    ranges, see_through = before[1].ranges, _is_see_through(before[1]) or _is_see_through(after[1])
    first, second = (
        _views(*image, ranges=ranges, see_through=see_through) for image in (before, after)
    )
    whole = (_rgba(*before), _rgba(*after)) if see_through else None
    for pair in zip(first, second, strict=True):
        yield pair, whole or pair


def _views(
    pixels: RGB, info: ImageInfo, ranges: Sequence[tuple[int, int]], *, see_through: bool
) -> Iterator[RGB]:
    if ranges:
        # A copy may be 8-bit: 255 corresponds to 65535.
        deep = info.deep if info.deep is not None else pixels[..., 0].astype(np.uint16) * 257
        yield from (toned(deep, tones) for tones in ranges)
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
    """Write uint8 (H, W, 3) RGB in the format of the file of `like`, whole or not at all.

    For 16-bit grey, `like.deep` is written.
    Raises ConfigError if `path` is that file or its suffix is of another format, StorageError if
    writing fails.
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
        image = Image.merge(mode, [Image.fromarray(np.ascontiguousarray(p)) for p in planes])
    with atomic_path(path) as temporary:
        image.save(temporary, format=like.format, icc_profile=like.profile, **like.options)


def _notes(opened: Image.Image) -> tuple[str, ...]:
    """Notes on what the copy does not keep, for an image that is not decoded yet."""
    notes = []
    if opened.format == "MPO":
        count = getattr(opened, "n_frames", 1) - 1
        notes.append(f"{count} further image(s) in the file were dropped")
    if opened.mode == "1":
        notes.append("1 bit a pixel became 8-bit grey")
    if opened.mode in {"P", "PA"}:
        notes.append("the palette became full colour")
    if opened.mode in OTHER_COLOUR:
        notes.append(f"{opened.mode} became RGB, without the colour profile")
    return tuple(notes)


def _options(path: Path, opened: Image.Image) -> dict[str, Any]:
    """The encoder options of the copy."""
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
    """Whether the chunk with the pixels is lossless."""
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
        raise ConfigError(f"{path}: is the source image; choose another output file")
    fitting = _SUFFIXES[like.format]
    if path.suffix.lower() not in fitting:
        raise ConfigError(
            f"{path}: has the suffix {path.suffix!r}, but the redacted copy of {source.name} keeps "
            f"the format {like.format}; use {' or '.join(fitting)}"
        )

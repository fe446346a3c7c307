"""Checks of an audit besides the pixels: same frames and sound, no metadata."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from playhead.errors import MediaError
from playhead.media import Video
from playhead.media.late import count_sound
from playhead.media.source import open_container
from playhead.redaction.audit_report import Check
from playhead.redaction.config import WriteConfig

__all__ = ["check_image", "check_same", "check_video"]

# fmt: off
# Metadata of the file format, which says nothing about who filmed what where.
_HARMLESS = frozenset({
    "major_brand", "minor_version", "compatible_brands", "encoder", "handler_name", "vendor_id",
    "language", "duration",
})
_IMAGE_HARMLESS = frozenset({
    "jfif", "jfif_version", "jfif_unit", "jfif_density", "dpi", "icc_profile", "gamma", "srgb",
    "transparency", "compression", "resolution", "interlace", "background", "loop", "timestamp",
    "progressive", "progression", "adobe", "adobe_transform", "aspect", "chromaticity",
})
# TIFF tags that describe how pixels are stored, from ImageWidth to the colour profile.
_TIFF_STRUCTURE = frozenset({
    254, 255, 256, 257, 258, 259, 262, 263, 266, 273, 274, 277, 278, 279, 280, 281, 282, 283, 284,
    292, 293, 296, 317, 318, 319, 320, 322, 323, 324, 325, 338, 339, 530, 531, 532, 34675,
})
# fmt: on
_SAME_TIME = 0.001
"""Tolerance in seconds: containers round times, Matroska to milliseconds."""


def check_same(original: Video, redacted: Video) -> None:
    """Raise MediaError if `redacted` cannot be compared with `original` frame by frame."""
    expected = f"{original.frames} frames of {original.width}x{original.height}"
    actual = f"{redacted.frames} frames of {redacted.width}x{redacted.height}"
    if actual != expected:
        raise MediaError(
            f"{redacted.path}: has {actual}, but {original.path} has {expected}; give the redacted "
            "copy of this video"
        )


def check_video(original: Video, redacted: Video, write: WriteConfig) -> list[Check]:
    """Check times, sound, further streams and metadata of a copy, except what `write` keeps."""
    apart = float(np.abs(original.times - redacted.times).max())
    return [
        Check(
            name="frame times",
            ok=apart <= _SAME_TIME,
            detail=f"at most {apart * 1000:.2f} ms apart",
        ),
        *_check_streams(original.path, redacted.path, write),
    ]


def check_image(redacted: Path) -> list[Check]:
    """Check that a redacted image has only its pixels and its colour profile."""
    with Image.open(redacted) as opened:
        described = set(opened.getexif()) - (_TIFF_STRUCTURE if opened.format == "TIFF" else set())
        carried = set(opened.info) | ({"exif"} if described else set())
    return [_check_words("metadata", {str(name) for name in carried} - _IMAGE_HARMLESS)]


def _check_streams(original: Path, redacted: Path, write: WriteConfig) -> Iterator[Check]:
    wanted = count_sound(original) if write.audio == "keep" else 0
    with open_container(redacted) as after:
        got = len(after.streams.audio)
        others = {str(stream.type) for stream in after.streams} - {"video", "audio"}
        words = set(after.metadata).union(*(stream.metadata for stream in after.streams))
    yield Check(name="sound tracks", ok=got == wanted, detail=f"{got}, {wanted} expected")
    if not write.keep_subtitles:
        yield _check_words("further streams", others)
    if not write.keep_metadata:
        yield _check_words("metadata", {word.lower() for word in words} - _HARMLESS)


def _check_words(name: str, left: set[str]) -> Check:
    return Check(name=name, ok=not left, detail=", ".join(sorted(left)) or "none")

"""File kinds: whether a file is an image or a video, by its first bytes.

The suffix counts only if the bytes are inconclusive (an empty, damaged or unreadable file, a raw
stream that starts anywhere). Nothing is decoded, and 512 bytes of most files are read.
"""

import os
from pathlib import Path
from typing import BinaryIO, Literal

from av.stream import Disposition

from playhead.errors import MediaError
from playhead.media.source import open_container

__all__ = ["VIDEO_SUFFIXES", "Kind", "image_format", "is_image", "kind_of"]

Kind = Literal["image", "video"]

# fmt: off
VIDEO_SUFFIXES = frozenset({
    ".mp4", ".mkv", ".webm", ".avi", ".mov", ".m4v", ".ts", ".mts", ".m2ts", ".mpg", ".mpeg",
    ".wmv", ".flv", ".ogv", ".3gp", ".mxf", ".vob", ".h264", ".264", ".h265", ".hevc", ".ivf",
    ".y4m", ".3g2", ".asf", ".dv", ".f4v", ".m1v", ".m2t", ".m2v", ".mjpeg", ".mjpg", ".mpe",
    ".qt", ".rm", ".rmvb", ".wtv",
})
_RAW_SUFFIXES = frozenset({
    ".3fr", ".arw", ".cr2", ".cr3", ".crw", ".dcr", ".dng", ".erf", ".iiq", ".kdc", ".mrw", ".nef",
    ".nrw", ".orf", ".pef", ".raf", ".rw2", ".rwl", ".sr2", ".srf", ".srw", ".x3f",
})
_IMAGE_SUFFIXES = _RAW_SUFFIXES | {
    ".apng", ".avif", ".bmp", ".dib", ".exr", ".gif", ".heic", ".heif", ".hif", ".j2k", ".jfif",
    ".jp2", ".jpe", ".jpeg", ".jpf", ".jpg", ".jpx", ".jxl", ".mpo", ".pbm", ".pgm", ".png", ".pnm",
    ".ppm", ".psd", ".tga", ".tif", ".tiff", ".webp",
}
# fmt: on
_JPEG_STREAM_SUFFIXES = frozenset({".mjpeg", ".mjpg"})
"""Concatenated JPEGs, which begin as a single JPEG does."""

_HEAD = 512

_IMAGES = {
    b"\xff\xd8\xff": "JPEG",
    b"\x89PNG\r\n\x1a\n": "PNG",
    b"GIF87a": "GIF",
    b"GIF89a": "GIF",
    b"II*\0": "TIFF",
    b"MM\0*": "TIFF",
    b"II+\0": "TIFF",
    b"MM\0+": "TIFF",
    b"8BPS": "Photoshop",
    b"\0\0\0\x0cJXL \r\n\x87\n": "JPEG XL",
    b"\0\0\0\x0cjP  \r\n\x87\n": "JPEG 2000",
    b"\xff\x4f\xff\x51": "JPEG 2000",
}
_BRANDS = {
    **dict.fromkeys((b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1"), "HEIC"),
    **dict.fromkeys((b"msf1", b"heif"), "HEIC"),
    **dict.fromkeys((b"avif", b"avis"), "AVIF"),
    b"crx ": "camera raw",
}
"""Images in an MP4 (ISO base media) container, by its major brand."""

_VIDEOS = (
    b"FLV\x01",
    b"DKIF",
    b"YUV4MPEG2 ",
    b"\x06\x0e\x2b\x34\x02\x05\x01\x01\x0d\x01",  # MXF
    b".RMF",
    b"nut/multimedia container\0",
    b"\xb7\xd8\x00\x20\x37\x49\xda\x11\xa6\x4e\x00\x07\xe9\x5e\xad\x8d",  # WTV
    b"\0\0\x01\xba",  # MPEG programme stream
    b"\0\0\x01\xb3",  # MPEG-1 and MPEG-2 video
)
_CONTAINERS = (
    b"\x1a\x45\xdf\xa3",  # Matroska and WebM
    b"OggS",
    b"\x30\x26\xb2\x75\x8e\x66\xcf\x11",  # ASF, as in WMV
)
"""Containers of videos, and of files with only sound."""

_BOXES = frozenset({b"ftyp", b"moov", b"mdat", b"moof", b"styp", b"wide", b"free", b"skip"})
_BMP_HEADERS = frozenset({12, 16, 40, 52, 56, 64, 108, 124})
_APPLE_DOUBLE = b"\x00\x05\x16\x07"
"""Metadata that macOS stores beside `photo.jpg` as `._photo.jpg`; it is not an image."""


def kind_of(path: Path) -> Kind | None:
    """Whether a file is an image or a video; None if neither its bytes nor its suffix tell.

    Animated GIFs and PNGs are videos. Formats that cannot be read here have a kind too: the error
    comes when they are read. Never raises, not even for a damaged or missing file.
    """
    suffix = path.suffix.lower()
    match _content(path):
        case "video":
            return "video"
        case "other":
            return None
        case "JPEG" if suffix in _JPEG_STREAM_SUFFIXES:
            return "video"
        case None if suffix in VIDEO_SUFFIXES:
            return "video"
        case None if suffix not in _IMAGE_SUFFIXES:
            return None
        case _:
            return "image"


def is_image(path: Path) -> bool:
    """Whether a file is a still image, by its content."""
    return kind_of(path) == "image"


def image_format(path: Path) -> str | None:
    """The format of an image by its bytes: Pillow's name, or plain words for other formats.

    None if the bytes are not those of a known image format.
    """
    content = _content(path)
    return None if content in ("video", "other") else content


def _content(path: Path) -> str | None:
    """The format of an image, `video`, `other` for neither of them, None if unknown."""
    try:
        if not path.is_file():  # opening a pipe would block until something is written
            return None
        with path.open("rb") as file:
            head = file.read(_HEAD)
            image = _image(path, head)
            if (image == "GIF" and _gif_moves(file)) or (image == "PNG" and _png_moves(file)):
                return "video"
    except OSError:  # reading it later raises the error with its reason
        return None
    if image is not None:
        return image
    if head.startswith(_APPLE_DOUBLE):
        return "other"
    if head.startswith(_CONTAINERS) or _is_mp4(head):
        named = path.suffix.lower() in VIDEO_SUFFIXES
        return "video" if named or _holds_video(path) else None
    return "video" if head.startswith(_VIDEOS) or _is_video_stream(head) else None


def _image(path: Path, head: bytes) -> str | None:
    known = next((name for magic, name in _IMAGES.items() if head.startswith(magic)), None)
    if known == "TIFF" and (path.suffix.lower() in _RAW_SUFFIXES or head[8:10] == b"CR"):
        return "camera raw"
    if known is not None:
        return known
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "WEBP"
    if head[4:8] == b"ftyp":
        return _BRANDS.get(head[8:12])
    header = int.from_bytes(head[14:18], "little")
    return "BMP" if head[:2] == b"BM" and header in _BMP_HEADERS else None


def _is_mp4(head: bytes) -> bool:
    """A box begins with its size, whose first byte is 0 unless the box is huge."""
    return head[4:8] in _BOXES and (head[:1] == b"\0" or head[4:8] == b"mdat")


def _is_video_stream(head: bytes) -> bool:
    """AVI, MPEG transport streams (with packets of 188 or 192 bytes), raw H.264 and H.265."""
    if head[:4] == b"RIFF" and head[8:12] == b"AVI ":
        return True
    if head[::188][:3] == b"GGG" or head[4::192][:3] == b"GGG":
        return True
    start = head.find(b"\0\0\x01", 0, 4)
    if start not in (0, 1) or head[:start].strip(b"\0"):
        return False
    unit = head[start + 3 : start + 5]
    sequence = unit[:1] in (b"\x67", b"\x27", b"\x47")
    delimiter = unit[:1] == b"\x09" and len(unit) > 1 and unit[1] & 0x1F == 0x10
    return sequence or delimiter or unit in (b"\x40\x01", b"\x42\x01", b"\x46\x01")


def _holds_video(path: Path) -> bool:
    """Whether a container has video other than cover art; True if it cannot be opened."""
    try:
        with open_container(path, probe=False) as container:
            return any(
                not Disposition(stream.disposition) & Disposition.attached_pic
                for stream in container.streams.video
            )
    except MediaError:
        return True


def _png_moves(file: BinaryIO) -> bool:
    """Whether a PNG is animated: an acTL chunk comes before the pixels."""
    file.seek(8)
    while len(head := file.read(8)) == 8 and head[4:] != b"IDAT":
        if head[4:] == b"acTL":
            return int.from_bytes(file.read(4), "big") > 1
        file.seek(int.from_bytes(head[:4], "big") + 4, os.SEEK_CUR)
    return False


def _gif_moves(file: BinaryIO) -> bool:
    """Whether a GIF has a second image, found by stepping from block to block."""
    file.seek(0)
    head = file.read(13)
    _skip_palette(file, head[10:11])
    images = 0
    while (block := file.read(1)) in (b"!", b","):
        if block == b"!":
            file.seek(1, os.SEEK_CUR)
        else:
            images += 1
            _skip_palette(file, file.read(9)[8:9])
            file.seek(1, os.SEEK_CUR)
        if images > 1:
            return True
        while size := file.read(1)[:1].strip(b"\0"):
            file.seek(size[0], os.SEEK_CUR)
    return False


def _skip_palette(file: BinaryIO, flags: bytes) -> None:
    if flags and flags[0] & 0x80:
        file.seek(3 << (flags[0] & 7) + 1, os.SEEK_CUR)

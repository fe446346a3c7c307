"""The encoder of a rewritten video, with the source's colour, HDR and display properties.

x264 writes its version and settings into the first packet; they are removed.
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal, cast

import av
from av.codec.context import Flags
from av.container import OutputContainer
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from playhead.media.sidedata import DISPLAY_MATRIX

__all__ = ["ImageProperties", "add_video", "without_settings"]

_ENCODERS = {"h264": "libx264", "hevc": "libx265"}
_SMALL = 320 * 240
_SETTINGS = bytes.fromhex("dc45e9bde6d948b7962cd820d923eeef")
"""UUID of the SEI message in which x264 writes its version and settings."""
_START = re.compile(rb"\x00?\x00\x00\x01")
_SEI, _UNREGISTERED = 6, 5
_KEY_SECONDS, _LEAST, _MOST = 4, 12, 600
"""Seconds between key frames, and bounds on the frames between them."""
_BOTTOM_FIRST = {3, 4}
"""FFmpeg's field orders in which the bottom field is shown first."""
_LOST = {"DYNAMIC_HDR_PLUS": "HDR10+", "DOVI_METADATA": "Dolby Vision"}


@dataclass(frozen=True)
class ImageProperties:
    """How images are to be displayed: all that a file stores beside their pixels.

    side_data: side data of the first image, by its kind
    aspect: width of a pixel over its height; None if the file does not say
    field_order: as FFmpeg numbers it, 0 for unknown and 1 for progressive
    """

    codec: Literal["h264", "hevc"]
    frame: VideoFrame
    side_data: dict[str, bytes]
    aspect: Fraction | None
    field_order: int

    @property
    def interlaced(self) -> bool:
        """Whether images are interlaced and the encoder can keep them so."""
        fits = self.codec == "h264" and self.frame.height % 4 == 0
        return self.frame.interlaced_frame and fits

    def matrix(self) -> list[int] | None:
        """The display matrix, nine numbers, if the image is to be rotated or mirrored."""
        stored = self.side_data.get(DISPLAY_MATRIX)
        return None if stored is None else list(struct.unpack("=9i", stored))

    def mastering(self) -> str | None:
        """The mastering display in the syntax of x264 and x265."""
        stored = self.side_data.get("MASTERING_DISPLAY_METADATA")
        if stored is None:
            return None
        parts = struct.unpack("=20i2i", stored)
        if not (parts[20] and parts[21]):
            return None
        values = [Fraction(*parts[i : i + 2]) for i in range(0, 20, 2)]
        red, green, blue, white = (
            "({},{})".format(*(round(value * 50000) for value in values[i : i + 2]))
            for i in range(0, 8, 2)
        )
        darkest, brightest = (round(value * 10000) for value in values[8:])
        return f"G{green}B{blue}R{red}WP{white}L({brightest},{darkest})"

    def light_level(self) -> str | None:
        """MaxCLL and MaxFALL: the brightest pixel and the brightest image mean, in cd/m²."""
        stored = self.side_data.get("CONTENT_LIGHT_LEVEL")
        return None if stored is None else "{},{}".format(*struct.unpack("=2I", stored))

    def lost(self) -> list[str]:
        """Properties that cannot be kept, in words."""
        names = {word for kind, word in _LOST.items() if kind in self.side_data}
        notes = [f"{name} brightness that changes with the scene is left out" for name in names]
        if self.frame.interlaced_frame and not self.interlaced:
            notes.append("interlaced images are written as progressive")
        return sorted(notes)


def add_video(
    container: OutputContainer,
    properties: ImageProperties,
    *,
    crf: int,
    preset: str,
    rate: Fraction,
    tick: Fraction,
    threads: int,
    captions: bool,
) -> VideoStream:
    """An opened encoder for images like `properties.frame`; its time base is one frame."""
    codec, frame = properties.codec, properties.frame
    stream = cast(VideoStream, container.add_stream(_ENCODERS[codec], rate=rate))
    context = stream.codec_context
    context.width, context.height, context.pix_fmt = frame.width, frame.height, frame.format.name
    context.time_base = 1 / rate
    stream.time_base = tick
    context.colorspace, context.color_range = frame.colorspace, frame.color_range
    context.color_primaries, context.color_trc = frame.color_primaries, frame.color_trc
    if properties.aspect:
        context.sample_aspect_ratio = properties.aspect
    context.gop_size = min(_MOST, max(_LEAST, round(_KEY_SECONDS * rate)))
    context.thread_count = 1 if frame.width * frame.height <= _SMALL else threads
    context.thread_type = "FRAME"
    context.flags |= Flags.bitexact
    if properties.interlaced:
        context.flags |= Flags.interlaced_dct | Flags.interlaced_me
        context.field_order = properties.field_order
    if codec == "hevc" and container.format.name != "matroska":
        context.codec_tag = "hvc1"
    if (matrix := properties.matrix()) is not None:
        stream.set_display_matrix(matrix)
    # With 10 bits, crf 0 is not lossless: the scale begins below 0.
    quality = {"qp": "0"} if codec == "h264" and not crf else {"crf": str(crf)}
    context.options = quality | {"preset": preset, "a53cc": str(int(captions))}
    context.options |= _library_options(properties, context.thread_count, lossless=not crf)
    context.open()
    return stream


def _library_options(
    properties: ImageProperties, threads: int, *, lossless: bool
) -> dict[str, str]:
    mastering, light = properties.mastering(), properties.light_level()
    match properties.codec:
        case "h264":
            names = {"mastering-display": mastering, "cll": light}
            if properties.interlaced:
                names["bff" if properties.field_order in _BOTTOM_FIRST else "tff"] = "1"
            return _joined("x264-params", names)
        case "hevc":
            names = {"log-level": "none", "info": "0", "pools": str(threads)}
            names |= {"lossless": "1"} if lossless else {}
            small = min(properties.frame.width, properties.frame.height) < 64
            names |= {"ctu": "16", "min-cu-size": "8"} if small else {}
            return _joined("x265-params", names | {"master-display": mastering, "max-cll": light})


def _joined(name: str, values: dict[str, str | None]) -> dict[str, str]:
    text = ":".join(f"{key}={value}" for key, value in values.items() if value is not None)
    return {name: text} if text else {}


def without_settings(packet: Packet[VideoStream]) -> Packet[VideoStream]:
    """The packet without the SEI unit in which x264 writes its version and settings."""
    data = bytes(packet)
    if _SETTINGS not in data:
        return packet
    starts = [match.start() for match in _START.finditer(data)]
    units = [data[i:j] for i, j in zip(starts, [*starts[1:], len(data)], strict=True)]
    result = cast(
        "Packet[VideoStream]", av.Packet(b"".join(u for u in units if not _is_settings(u)))
    )
    result.pts, result.dts, result.is_keyframe = packet.pts, packet.dts, packet.is_keyframe
    result.time_base, result.stream = packet.time_base, packet.stream
    return result


def _is_settings(unit: bytes) -> bool:
    body = _START.sub(b"", unit, count=1)
    return body[0] & 31 == _SEI and body[1] == _UNREGISTERED and _SETTINGS in body[:24]

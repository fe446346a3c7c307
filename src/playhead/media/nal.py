"""NAL units: H.264 and HEVC packets without an image.

Some cameras end a video with a packet of a few bytes: a delimiter, supplemental information, or a
unit that was cut after its header. The decoder outputs no image for it, so it is not a frame and
does not count as damage. (For packets of other kinds see `tail.py`.)
"""

from __future__ import annotations

from dataclasses import dataclass

from av.packet import Packet
from av.video.stream import VideoStream

__all__ = ["ends_sequence", "holds_no_image"]

_LONGEST = 1024
"""Bytes: packets without an image are shorter; longer packets are not parsed."""
_HEVC_END_OF_SEQUENCE = 36


@dataclass(frozen=True)
class _Syntax:
    """Header size of a unit in bytes, and the types of units that belong to no image by themselves.

    others: access unit delimiter, end of sequence, end of stream, filler, supplemental information,
        and types that are unspecified; not parameter sets, which later images need
    length_offset: byte of the extradata that says how long the length field of a unit is
    """

    header: int
    others: frozenset[int]
    length_offset: int


_SYNTAX = {
    "h264": _Syntax(1, frozenset({6, 9, 10, 11, 12, *range(24, 32)}), 4),
    "hevc": _Syntax(2, frozenset({35, 36, 37, 38, 39, 40, *range(48, 64)}), 21),
}


def holds_no_image(packet: Packet[VideoStream]) -> bool:
    """Whether an H.264 or HEVC packet has no image data: only empty units, delimiters, information.

    False for other codecs, and for a packet marked corrupt: its image is lost.
    """
    name = packet.stream.codec_context.name
    syntax = _SYNTAX.get(name)
    if syntax is None or packet.size > _LONGEST or packet.is_corrupt:
        return False
    if packet.size <= _length_size(packet, syntax) + syntax.header:
        return True
    units = _units(packet, syntax)
    return bool(units) and all(
        len(unit) <= syntax.header or _type(name, unit) in syntax.others for unit in units
    )


def ends_sequence(packet: Packet[VideoStream]) -> bool:
    """Whether an HEVC packet without an image has an end-of-sequence unit."""
    name = packet.stream.codec_context.name
    return name == "hevc" and any(
        _type(name, unit) == _HEVC_END_OF_SEQUENCE for unit in _units(packet, _SYNTAX[name])
    )


def _length_size(packet: Packet[VideoStream], syntax: _Syntax) -> int:
    """Bytes of the length field before each unit; 0 if units have start codes (Annex B)."""
    extradata = packet.stream.codec_context.extradata or b""
    if len(extradata) <= syntax.length_offset or extradata[0] != 1:
        return 0
    return (extradata[syntax.length_offset] & 3) + 1


def _units(packet: Packet[VideoStream], syntax: _Syntax) -> list[bytes]:
    """The units of a packet; none if it is malformed."""
    data, prefix = bytes(packet), _length_size(packet, syntax)
    if not prefix:
        before, *parts = data.split(b"\0\0\1")
        parts = [part.rstrip(b"\0") for part in parts]
        return parts if all(parts) and not before.strip(b"\0") else []
    units, offset = [], 0
    while offset < len(data):
        start = offset + prefix
        length = int.from_bytes(data[offset:start])
        if not length or start + length > len(data):
            return []
        units.append(data[start : start + length])
        offset = start + length
    return units


def _type(codec: str, unit: bytes) -> int:
    return unit[0] & 0x1F if codec == "h264" else unit[0] >> 1 & 0x3F

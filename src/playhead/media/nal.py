"""NAL units: packets of H.264 and HEVC that hold no image.

Some cameras end a video with a packet of a few bytes: a delimiter, or a unit that was cut after its
header. A decoder gives out no image for it, so it is no frame, and its absence is no damage.
"""

from __future__ import annotations

from dataclasses import dataclass

from av.packet import Packet
from av.video.stream import VideoStream

__all__ = ["ends_sequence", "holds_no_image"]

_LONGEST = 64
"""Bytes: packets of delimiters are shorter, so longer packets are not parsed."""
_HEVC_END_OF_SEQUENCE = 36


@dataclass(frozen=True)
class _Syntax:
    """The header of a unit in bytes, and the types of units that only separate images.

    delimiters: access unit delimiter, end of sequence, end of stream, filler
    """

    header: int
    delimiters: frozenset[int]
    length_place: int


_SYNTAX = {
    "h264": _Syntax(1, frozenset({9, 10, 11, 12}), 4),
    "hevc": _Syntax(2, frozenset({35, 36, 37, 38}), 21),
}


def holds_no_image(packet: Packet[VideoStream]) -> bool:
    """Whether a packet of H.264 or HEVC holds only delimiters, or units with nothing in them.

    False for other codecs, and for a packet that the container holds incomplete: its image is lost.
    """
    name = packet.stream.codec_context.name
    syntax = _SYNTAX.get(name)
    if syntax is None or packet.size > _LONGEST or packet.is_corrupt:
        return False
    if packet.size <= _length_size(packet, syntax) + syntax.header:
        return True
    units = _units(packet, syntax)
    return bool(units) and all(
        len(unit) <= syntax.header or _type(name, unit) in syntax.delimiters for unit in units
    )


def ends_sequence(packet: Packet[VideoStream]) -> bool:
    """Whether a packet without an image tells an HEVC decoder to start anew after it."""
    name = packet.stream.codec_context.name
    return name == "hevc" and any(
        _type(name, unit) == _HEVC_END_OF_SEQUENCE for unit in _units(packet, _SYNTAX[name])
    )


def _length_size(packet: Packet[VideoStream], syntax: _Syntax) -> int:
    """Bytes of the length in front of each unit; 0 where start codes (Annex B) separate them."""
    extradata = packet.stream.codec_context.extradata or b""
    if len(extradata) <= syntax.length_place or extradata[0] != 1:
        return 0
    return (extradata[syntax.length_place] & 3) + 1


def _units(packet: Packet[VideoStream], syntax: _Syntax) -> list[bytes]:
    """The units of a packet; none where it is not well formed."""
    data, prefix = bytes(packet), _length_size(packet, syntax)
    if not prefix:
        before, *parts = data.split(b"\0\0\1")
        parts = [part.rstrip(b"\0") for part in parts]
        return parts if all(parts) and not before.strip(b"\0") else []
    units, place = [], 0
    while place < len(data):
        start = place + prefix
        length = int.from_bytes(data[place:start])
        if not length or start + length > len(data):
            return []
        units.append(data[start : start + length])
        place = start + length
    return units


def _type(codec: str, unit: bytes) -> int:
    return unit[0] & 0x1F if codec == "h264" else unit[0] >> 1 & 0x3F

"""Building the frame table: packets are read once, and the start is decoded to verify them.

The packets tell which frames exist. If the decoder's first frames contradict them, or the container
has no true presentation times, the whole video is decoded once instead.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Literal

import av
import numpy as np
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from numpy.typing import NDArray

from playhead.errors import MediaError
from playhead.media.nal import holds_no_image
from playhead.media.sidedata import DISPLAY_MATRIX, side_data
from playhead.media.source import Clock, Identity, Limits, Source
from playhead.media.table import FrameTable, Layout, load_table, save_table
from playhead.media.tail import count_empty, gives_no_image

__all__ = ["file_state", "first_time", "scan", "table_of"]

_COMPLETE_HEADERS = {"mov,mp4,m4a,3gp,3g2,mj2", "matroska,webm"}

_SLACK = 1.0
"""Seconds by which a header's duration may exceed the end of every stream: writers round."""

HEAD = 24
"""Frames that are decoded to verify the packets: more than any decoder reorders."""

_SMALL = 1024
"""Bytes: a last packet of at most this size may be no image; its group is decoded to know."""


@dataclass
class _Packets:
    """The packets of a stream in decoding order."""

    keys: list[int] = field(default_factory=list)
    points: list[int] = field(default_factory=list)
    durations: list[int] = field(default_factory=list)
    random_access: list[bool] = field(default_factory=list)
    after_gap: list[int] = field(default_factory=list)
    last_size: int = 0
    total: int = 0


@dataclass
class _Decoded:
    """Output of the decoder: identities in order, and those of packets that it refused."""

    keys: list[int | None] = field(default_factory=list)
    refused: list[int] = field(default_factory=list)
    troubled: bool = False
    first: VideoFrame | None = None
    reorder: int = 0


def table_of(path: Path, limits: Limits, clock: Clock) -> FrameTable:
    """The frame table of a file, from the cache if it is there."""
    table = load_table(path) if path.is_file() else None
    if table is None:
        before = file_state(path)
        table = scan(path, limits, clock)
        if file_state(path) == before:  # not while the file is still being copied
            save_table(path, table)
    return table


def first_time(path: Path, limits: Limits, clock: Clock) -> float:
    """The container's time of the first frame in seconds: `start` of the frame table.

    Only the first frames are decoded, unless they are damaged or the format needs all packets.
    Raises MediaError if no frame can be decoded.
    """
    table = load_table(path) if path.is_file() else None
    if table is None:
        source = Source(path, "pts", limits=limits)
        try:
            identity, ordered = _identity(source)
            tick = Fraction(source.stream.time_base or 1)
        finally:
            source.close()
        if identity == "pos":
            return 0.0
        head = _decode(path, identity, limits, clock, HEAD) if ordered else _Decoded(troubled=True)
        if not head.troubled and head.keys and head.keys[0] is not None:
            return float(head.keys[0] * tick)
        table = table_of(path, limits, clock)
    return table.start


def file_state(path: Path) -> tuple[int, int] | None:
    """Size and modification time, to notice changes; None if there is no such file."""
    if not path.is_file():
        return None
    status = path.stat()
    return status.st_size, status.st_mtime_ns


def scan(path: Path, limits: Limits, clock: Clock) -> FrameTable:
    """Read a file's packets and build its table. Raises MediaError if no frame can be decoded."""
    source = Source(path, "pts", limits=limits, every_stream=True)
    try:
        identity, ordered = _identity(source)
        source.identity = identity
        packets = _read_packets(source, clock)
        if identity == "pts" and not packets.keys:
            source.close()
            source = Source(path, "dts", limits=limits, every_stream=True)
            ordered = False
            packets = _read_packets(source, clock)
        if not packets.total:
            raise MediaError(f"{path}: has a video stream without a single image")
        return _table(source, packets, ordered, limits, clock)
    finally:
        source.close()


def _identity(source: Source) -> tuple[Identity, bool]:
    """What identifies packets in this format, and whether it sorts in presentation order."""
    if source.synthesised:
        return "pos", False
    if source.container.format.name == "avi":
        # AVI counts packets. Without B-frames the count is the presentation order too.
        return "dts", not source.stream.codec_context.has_b_frames
    return "pts", True


def _read_packets(source: Source, clock: Clock) -> _Packets:
    packets = _Packets()
    by_decoding = source.identity == "pts" and "matroska" not in source.container.format.name
    for packet, gap in source.packets_after_gaps():
        clock.check()
        packets.total += 1
        if packet.pts is None or packet.is_discard or _shows_nothing(packet):
            continue
        packets.keys.append(packet.pts)
        # Matroska seeks by presentation time, the others by decoding time.
        use_dts = by_decoding and packet.dts is not None
        packets.points.append(packet.dts if use_dts and packet.dts is not None else packet.pts)
        packets.durations.append(packet.duration or 0)
        packets.random_access.append(packet.is_keyframe)
        packets.last_size = packet.size
        if gap:
            packets.after_gap.append(packet.pts)
    return packets


def _shows_nothing(packet: Packet[VideoStream]) -> bool:
    """Whether a packet gives no frame, as a VP8 packet whose show_frame bit is 0."""
    hidden = packet.stream.codec_context.name == "vp8" and not memoryview(packet)[0] & 0x10
    return hidden or holds_no_image(packet)


def _table(
    source: Source, packets: _Packets, ordered: bool, limits: Limits, clock: Clock
) -> FrameTable:
    """Verify the packets against the decoder's first frames, or order them by decoding all."""
    head = _decode(source.path, source.identity, limits, clock, HEAD if ordered else None)
    keys = np.array(packets.keys, np.int64)
    shown = np.sort(keys) if ordered else None
    if shown is not None:
        shown = _verified(_without_tail(source, packets, shown, limits, clock), head)
    if shown is None:
        if ordered:
            head = _decode(source.path, source.identity, limits, clock, None)
        shown = _in_order_of_decoder(keys, head)
    if head.first is None or not len(shown):
        raise MediaError(
            f"{source.path}: none of the {packets.total} images can be decoded; "
            "the file is damaged or its format is not supported"
        )
    return _assembled(source, packets, shown, head)


def _without_tail(
    source: Source, packets: _Packets, shown: NDArray[np.int64], limits: Limits, clock: Clock
) -> NDArray[np.int64]:
    """The sorted packets less the last one to decode, if the decoder has no image for it."""
    last = packets.keys[-1] if packets.keys else None
    starts = [index for index, start in enumerate(packets.random_access[:-1]) if start]
    if last is None or not starts or packets.last_size > _SMALL or packets.keys.count(last) > 1:
        return shown
    key, point = packets.keys[starts[-1]], packets.points[starts[-1]]
    without = gives_no_image(source, limits, clock, key=key, point=point, last=last)
    return shown[shown != last] if without else shown


def _decode(
    path: Path, identity: Identity, limits: Limits, clock: Clock, count: int | None
) -> _Decoded:
    """Decode from the start, up to `count` frames."""
    source = Source(path, identity, limits=limits)
    result = _Decoded()
    try:
        for packet in _flushed(source.packets()):
            clock.check()
            result.troubled |= packet is not None and packet.is_corrupt
            try:
                frames = source.stream.codec_context.decode(packet)
            except av.error.FFmpegError:
                result.troubled = True
                if packet is not None and packet.pts is not None and not packet.is_discard:
                    result.refused.append(packet.pts)
                continue
            if frames and result.first is None:
                result.first = frames[0]
            result.troubled |= any(frame.is_corrupt for frame in frames)
            result.keys.extend(frame.pts for frame in frames)
            if count is not None and len(result.keys) >= count:
                break
        result.reorder = source.stream.codec_context.reorder_depth
    finally:
        source.close()
    return result


def _flushed(packets: Iterator[Packet[VideoStream]]) -> Iterator[Packet[VideoStream] | None]:
    yield from packets
    yield None


def _verified(shown: NDArray[np.int64], head: _Decoded) -> NDArray[np.int64] | None:
    """The sorted packets without undecodable leading ones; None if the decoder disagrees."""
    if head.troubled:
        return shown
    if not head.keys or head.keys[0] is None:
        return None
    shown = shown[np.searchsorted(shown, head.keys[0]) :]
    same = shown[: len(head.keys)].tolist() == head.keys
    return shown if same else None


def _in_order_of_decoder(packets: NDArray[np.int64], decoded: _Decoded) -> NDArray[np.int64]:
    """Identities in output order, with refused packets inserted by their decoding order."""
    output = [key for key in decoded.keys if key is not None]
    if len(output) < len(decoded.keys) or len(set(output)) < len(output):
        # Frames without unique identities are only counted.
        return np.arange(len(decoded.keys), dtype=np.int64)
    rank = {int(key): turn for turn, key in enumerate(packets)}
    lost = sorted((rank[key], key) for key in set(decoded.refused) - set(output) if key in rank)
    if lost:
        turns = np.maximum.accumulate([rank.get(key, 0) for key in output] or [0])
        for turn, key in reversed(lost):
            output.insert(int(np.searchsorted(turns, turn)), key)
    return np.array(output, np.int64)


def _assembled(
    source: Source, packets: _Packets, shown: NDArray[np.int64], head: _Decoded
) -> FrameTable:
    assert head.first is not None
    stream = source.stream
    container = source.identity == "pts" or (source.identity == "dts" and _rising(shown))
    timestamps: Literal["container", "synthesised"] = "container"
    tick = Fraction(stream.time_base or 1)
    nominal = stream.guessed_rate or stream.average_rate or Fraction(25)
    if container and _rising(shown):
        times = (shown - shown[0]) * float(tick)
        rate, variable = _rate(times, [nominal, stream.average_rate, stream.base_rate], tick)
    else:
        timestamps, rate, variable = "synthesised", nominal, False
        times = np.arange(len(shown)) / float(nominal)
    position = {key: index for index, key in enumerate(packets.keys)}
    ranks = np.array([position.get(int(key), index) for index, key in enumerate(shown)], np.int32)
    key_frames, points = _access(packets, shown)
    last = packets.durations[position[int(shown[-1])]] if int(shown[-1]) in position else 0
    missing = max(0, _missing(source, packets), _cut_off(source, rate))
    if source.container.format.name == "avi" and not missing and int(shown[-1]) in position:
        last = source.stream.frames - max(packets.keys)  # until the last tick of the header
    known = timestamps == "container" and last > 0
    return FrameTable(
        keys=shown,
        times=times,
        rank=ranks,
        key_frames=key_frames,
        seek_points=points,
        holes=_holes(source, packets, shown),
        identity=source.identity,
        timestamps=timestamps,
        duration=float(times[-1]) + (last * float(tick) if known else 1 / float(rate)),
        rate=rate,
        variable_rate=variable,
        layout=_layout(head.first),
        has_audio=bool(source.container.streams.audio),
        start=0.0 if source.identity == "pos" else float(shown[0] * tick),
        reorder=_reorder(source, head),
        missing=missing,
    )


def _reorder(source: Source, head: _Decoded) -> int | None:
    """The decoder's reorder delay, for formats whose headers tell everything else."""
    if source.container.format.name not in _COMPLETE_HEADERS:
        return None
    return max(head.reorder, source.stream.codec_context.reorder_depth)


def _missing(source: Source, packets: _Packets) -> int:
    """How many packets the container's header promises beyond those in the file.

    The index of an MP4 file includes packets that edit lists hide. AVI counts ticks of its clock,
    some of which may be empty.
    """
    match source.container.format.name:
        case "mov,mp4,m4a,3gp,3g2,mj2":
            entries = source.stream.index_entries
            return len(entries) - count_empty(entries) - packets.total
        case "avi" if packets.keys:
            step = float(np.median(np.diff(packets.keys))) if len(packets.keys) > 1 else 1.0
            return int((source.stream.frames - 1 - max(packets.keys)) // max(step, 1.0))
        case _:
            return 0


def _cut_off(source: Source, rate: Fraction) -> int:
    """About how many frames are missing at the end of a Matroska file, by its header's duration.

    Every stream must end early, since sound may last longer than the images.
    """
    promised = source.container.duration
    if "matroska" not in source.container.format.name or promised is None:
        return 0
    short = promised / av.time_base - source.ends
    return round(short * rate) if short > _SLACK else 0


def _rising(keys: NDArray[np.int64]) -> bool:
    return bool(np.all(np.diff(keys) >= 0))


def _access(
    packets: _Packets, shown: NDArray[np.int64]
) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """Frames where decoding can start, and their seek points; only those of unique identity."""
    keys, counts = np.unique(shown, return_counts=True)
    unique = set(keys[counts == 1].tolist())
    point = {
        key: point
        for key, point, start in zip(
            packets.keys, packets.points, packets.random_access, strict=True
        )
        if start and key in unique
    }
    starts = [(index, point[key]) for index, key in enumerate(shown.tolist()) if key in point]
    frames, points = zip(*starts, strict=True) if starts else ((), ())
    return np.array(frames, np.int32), np.array(points, np.int64)


def _holes(source: Source, packets: _Packets, shown: NDArray[np.int64]) -> NDArray[np.int32]:
    """Frames whose packet follows a gap both in the bytes of the file and in its even times."""
    resynchronises = {"mpegts", "mpeg", "matroska,webm"}
    if not packets.after_gap or source.container.format.name not in resynchronises:
        return np.empty(0, np.int32)
    steps = np.diff(shown)
    late = np.flatnonzero(steps > 1.5 * np.median(steps))
    if not 0 < len(late) <= max(3, len(steps) // 100):
        return np.empty(0, np.int32)
    frames = np.searchsorted(shown, np.array(packets.after_gap))
    near = [frame for frame in frames.tolist() if np.min(np.abs(late + 1 - frame)) <= HEAD]
    return np.unique(np.array(near, np.int32))


def _rate(
    times: NDArray[np.float64], candidates: list[Fraction | None], tick: Fraction
) -> tuple[Fraction, bool]:
    """(rate, variable): the constant rate that fits every time within a tick, else the mean."""
    count = len(times)
    if count < 2 or times[-1] <= 0:
        return next((rate for rate in candidates if rate), Fraction(25)), False
    mean = Fraction((count - 1) / float(times[-1])).limit_denominator(1001)
    steps = np.arange(count)
    for rate in [*candidates, mean]:
        if rate and np.max(np.abs(times - steps / float(rate))) <= 1.5 * float(tick):
            return rate, False
    typical = statistics.median(np.diff(times).tolist())
    steady = typical > 0 and np.max(np.abs(np.diff(times) - typical)) <= 1.01 * float(tick)
    return mean, not steady


def _layout(frame: VideoFrame) -> Layout:
    """The image's size and, from the display matrix, its rotation and mirroring."""
    matrix = side_data(frame).get(DISPLAY_MATRIX)
    if matrix is None:
        return Layout(frame.width, frame.height)
    a, b, _, c, d, *_ = np.frombuffer(matrix, np.int32).tolist()
    transpose = abs(b) + abs(c) > abs(a) + abs(d)
    x, y = (c, b) if transpose else (a, d)
    return Layout(frame.width, frame.height, transpose, flip_x=x < 0, flip_y=y < 0)

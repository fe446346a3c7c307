"""Files that are whole, however their containers count: none of them may be called damaged."""

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import av.bitstream
import numpy as np
import pytest

from playhead.media import inspect, open_video
from tests.media.encode import encode, number_of, reference

Made = Callable[[str], Path]
FRAMES = 100

# What cameras leave behind the last image: a unit cut after its header, and mere delimiters.
H264_TAILS = {
    "a slice cut after its header": b"\0\0\0\1\x41",
    "a slice longer than its packet": b"\0\0\x12\x34\x41",
    "end of sequence": b"\0\0\0\1\x0a",
    "end of stream": b"\0\0\0\1\x0b",
    "a delimiter and filler": b"\0\0\0\2\x09\xf0\0\0\0\3\x0c\xff\x80",
    "information": b"\0\0\0\x68\x06\x05\x64" + bytes(range(1, 101)) + b"\x80",
}
HEVC_TAILS = {
    "a slice cut after its header": b"\0\0\0\2\x02\x01",
    "end of sequence": b"\0\0\0\2\x48\x01",
    "half a header": b"\0\0\0\1\x02",
    "information": b"\0\0\0\x14\x4e\x01\x05\x10" + bytes(range(16)),
    "a slice that continues no image": b"\0\0\0\x28\x02\x01" + bytes(38),
}


def with_packet(source: Path, target: Path, data: bytes, after: int | None = None) -> Path:
    """A copy with one more packet: behind packet `after`, or as the last one."""
    with av.open(str(source)) as given, av.open(str(target), "w") as output:
        stream = given.streams.video[0]
        copy = output.add_stream_from_template(stream)
        packets = [packet for packet in given.demux(stream) if packet.size]
        step = packets[0].duration
        place = len(packets) - 1 if after is None else after
        extra = av.Packet(data)
        extra.time_base, extra.duration = stream.time_base, step
        extra.dts = packets[place].dts + step
        extra.pts = max(packet.pts for packet in packets[: place + 1]) + step
        for packet in packets[place + 1 :]:
            packet.pts, packet.dts = packet.pts + step, packet.dts + step
        for packet in [*packets[: place + 1], extra, *packets[place + 1 :]]:
            packet.stream = copy
            output.mux(packet)
    return target


def numbers(path: Path) -> list[int]:
    with open_video(path) as video:
        return [number_of(luma) for _, luma in video.stream(pixels="luma")]


@pytest.mark.slow
@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".mov"])
@pytest.mark.parametrize("tail", H264_TAILS)
def test_a_last_packet_without_an_image_is_no_frame_and_no_damage(
    tail: str, suffix: str, tmp_path: Path
) -> None:
    source = encode(tmp_path / "whole.mp4", FRAMES, bframes=2)
    path = with_packet(source, tmp_path / f"a{suffix}", H264_TAILS[tail])
    for threads in (1, 3):
        found = inspect(path, threads=threads)
        assert (found.status, found.frames, found.damage) == ("ok", FRAMES, ())
    assert numbers(path) == list(range(FRAMES))
    with open_video(path) as video:
        assert [number_of(luma) for luma in video.read([99, 0, 50], pixels="luma")] == [99, 0, 50]


@pytest.mark.slow
@pytest.mark.parametrize("tail", HEVC_TAILS)
def test_an_hevc_video_that_ends_in_a_packet_without_an_image_is_whole(
    tail: str, tmp_path: Path
) -> None:
    source = encode(tmp_path / "whole.mp4", FRAMES, codec="libx265", bframes=2)
    path = with_packet(source, tmp_path / "a.mp4", HEVC_TAILS[tail])
    assert (inspect(path).status, inspect(path).frames) == ("ok", FRAMES)
    assert numbers(path) == list(range(FRAMES))


def test_a_packet_without_an_image_between_two_frames_moves_no_number(tmp_path: Path) -> None:
    source = encode(tmp_path / "whole.mp4", FRAMES)
    path = with_packet(source, tmp_path / "a.mp4", b"\0\0\0\1\x41", after=40)
    found = inspect(path, threads=3)
    assert (found.status, found.frames) == ("ok", FRAMES)
    assert numbers(path) == list(range(FRAMES))
    with open_video(path) as video:
        assert [number_of(luma) for luma in video.read([41, 99], pixels="luma")] == [41, 99]


def test_a_last_packet_that_the_decoder_passes_over_in_silence_is_no_frame(tmp_path: Path) -> None:
    source = encode(tmp_path / "whole.mkv", FRAMES, codec="mpeg2video")
    path = with_packet(source, tmp_path / "a.mkv", bytes(20))
    for threads in (1, 3):
        found = inspect(path, threads=threads)
        assert (found.status, found.frames, found.damage) == ("ok", FRAMES, ())
    assert numbers(path) == list(range(FRAMES))


def test_an_image_that_the_decoder_passes_over_inside_a_video_is_damage(tmp_path: Path) -> None:
    source = encode(tmp_path / "whole.mkv", FRAMES, codec="mpeg2video")
    path = with_packet(source, tmp_path / "a.mkv", bytes(20), after=40)
    found = inspect(path, threads=1)
    assert (found.status, found.frames, found.damage[0].start) == ("partial", FRAMES + 1, 41)


def without_data(source: Path, target: Path, packet: int) -> Path:
    """A copy of an MP4 file whose index gives a packet no bytes."""
    data = bytearray(source.read_bytes())
    sizes = data.index(b"stsz") + 16
    data[sizes + 4 * packet : sizes + 4 * packet + 4] = bytes(4)
    target.write_bytes(data)
    return target


@pytest.mark.parametrize("bframes", [0, 2])
def test_an_index_that_ends_in_an_empty_packet_promises_no_frame(
    bframes: int, tmp_path: Path
) -> None:
    """Phones give the last image its duration by an empty packet behind it."""
    source = encode(tmp_path / "whole.mp4", FRAMES, bframes=bframes)
    longer = with_packet(source, tmp_path / "longer.mp4", bytes(4))
    path = without_data(longer, tmp_path / "a.mp4", FRAMES)
    assert (inspect(path).status, inspect(path).frames) == ("ok", FRAMES)
    assert numbers(path) == list(range(FRAMES))
    inside = without_data(source, tmp_path / "b.mp4", 40)
    assert inspect(inside).status == "partial"


@pytest.mark.slow
@pytest.mark.parametrize("codec", ["libx264", "libx265"])
def test_a_last_packet_of_which_the_image_is_lost_is_damage(codec: str, tmp_path: Path) -> None:
    """Zeros, and a slice of noise, stand where an image was, and the decoder reports an error."""
    source = encode(tmp_path / "whole.mp4", FRAMES, codec=codec)
    noise = [b"\0\0\0\x28\x41" + bytes(39)] if codec == "libx264" else []
    for data in (bytes(40), *noise):
        path = with_packet(source, tmp_path / "a.mp4", data)
        found = inspect(path, threads=1)
        assert (found.status, found.frames) == ("partial", FRAMES + 1)
        assert [(d.start, d.stop) for d in found.damage] == [(FRAMES, FRAMES + 1)]


def stream_copied(source: Path, target: Path, tick: Fraction) -> Path:
    """H.264 in an AVI whose clock counts `tick` seconds, as a converter copies it."""
    with av.open(str(source)) as given, av.open(str(target), "w") as output:
        stream = given.streams.video[0]
        copy = output.add_stream_from_template(stream)
        copy.time_base = tick
        filtered = av.bitstream.BitStreamFilterContext("h264_mp4toannexb", stream)
        for packet in given.demux(stream):
            if packet.size:
                for ready in filtered.filter(packet):
                    ready.stream = copy
                    output.mux(ready)
    return target


@pytest.mark.slow
@pytest.mark.parametrize("bframes", [0, 2, 3])
@pytest.mark.parametrize("rate", [Fraction(25), Fraction(30000, 1001)])
def test_an_avi_copied_from_another_file_is_whole(
    bframes: int, rate: Fraction, tmp_path: Path
) -> None:
    """Copies count half frames, as fields, so half of the ticks of their clock hold nothing."""
    source = encode(tmp_path / "whole.mp4", FRAMES, bframes=bframes, rate=rate)
    path = stream_copied(source, tmp_path / "a.avi", 1 / (2 * rate))
    assert [number_of(luma) for luma in reference(path)] == list(range(FRAMES))
    found = inspect(path)
    assert (found.status, found.frames, found.rate) == ("ok", FRAMES, rate)
    assert found.duration == pytest.approx(FRAMES / rate)
    assert numbers(path) == list(range(FRAMES))
    with open_video(path) as video:
        assert np.allclose(video.times, np.arange(FRAMES) / float(rate))
        assert [number_of(luma) for luma in video.read([99, 3, 50], pixels="luma")] == [99, 3, 50]


@pytest.mark.parametrize("bframes", [0, 2])
def test_a_copied_avi_that_breaks_off_is_still_partial(bframes: int, tmp_path: Path) -> None:
    source = encode(tmp_path / "whole.mp4", FRAMES, bframes=bframes)
    whole = stream_copied(source, tmp_path / "whole.avi", Fraction(1, 50))
    path = tmp_path / "a.avi"
    path.write_bytes(whole.read_bytes()[: int(whole.stat().st_size * 0.6)])
    found = inspect(path)
    assert found.status == "partial"
    assert found.damage[-1].stop == pytest.approx(FRAMES, abs=1)
    assert 50 < found.frames < FRAMES - 20

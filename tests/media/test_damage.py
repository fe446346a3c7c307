"""Damage: it never ends a read, never passes for a good frame, and is reported in frames."""

from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest

from playhead.errors import DamagedError
from playhead.media import inspect, open_video
from tests.media.encode import number_of, remux

Made = Callable[[str], Path]

# Kinds whose decoder notices data that was overwritten. HEVC and VP9 decode noise without a word.
NOTICED = [
    *("gop12.mp4", "bframes.mp4", "fragmented.mp4", "bframes.mkv", "open.ts", "closed.ts"),
    *("mpeg4.avi", "h264_bframes.avi", "mpeg2.ts", "raw.h264"),
]


def packets(path: Path) -> list[tuple[int, int]]:
    with av.open(str(path)) as given:
        stream = given.streams.video[0]
        return [(p.pos, p.size) for p in given.demux(stream) if p.size and p.pos is not None]


def overwritten(source: Path, target: Path, packet: int) -> Path:
    """The file with a stretch of one packet's data set to zero, nothing else touched."""
    data = bytearray(source.read_bytes())
    position, size = packets(source)[packet]
    begin, stop = position + int(size * 0.3), position + size - 4
    if source.suffix == ".ts":
        begin, stop = _inside_transport_packet(
            data, *next(p for p in packets(source)[packet:] if p[1] > 400)
        )
    data[begin:stop] = bytes(stop - begin)
    target.write_bytes(data)
    return target


def _inside_transport_packet(data: bytearray, position: int, size: int) -> tuple[int, int]:
    """The payload of a transport packet of the same stream, half-way through the image."""
    stream = data[position + 1] & 0x1F, data[position + 2]
    at = position + 188 * max(1, size // 368)
    while (data[at + 1], data[at + 2]) != stream:
        at += 188
    return at + 20, at + 188


def images(path: Path) -> dict[int, np.ndarray]:
    with open_video(path) as video:
        return dict(video.stream(pixels="luma"))


@pytest.mark.slow
@pytest.mark.parametrize("name", NOTICED)
@pytest.mark.parametrize("packet", [0, 47, 60, 139])
def test_what_is_readable_beside_damage_is_right(
    name: str, packet: int, made: Made, tmp_path: Path
) -> None:
    whole = images(made(name))
    path = overwritten(made(name), tmp_path / f"a{Path(name).suffix}", packet)
    with open_video(path) as video:
        seen = dict(video.stream(pixels="luma"))
        damage = video.damage
        assert video.frames == 150
    assert damage
    lost = {k for d in damage for k in range(d.start, d.stop)}
    assert set(seen) == set(range(150)) - lost
    assert len(lost) <= 16
    assert all(np.array_equal(seen[k], whole[k]) for k in seen)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["bframes.mp4", "open.ts", "h264_bframes.avi", "raw.h264"])
def test_random_reads_know_the_same_damage_as_a_stream(
    name: str, made: Made, tmp_path: Path
) -> None:
    path = overwritten(made(name), tmp_path / f"a{Path(name).suffix}", 60)
    whole, streamed = images(made(name)), set(images(path))
    for seed in range(4):
        readable = set()
        with open_video(path) as video:
            for k in np.random.default_rng(seed).permutation(150).tolist():
                try:
                    (luma,) = video.read([k], pixels="luma")
                except DamagedError:
                    continue
                assert np.array_equal(luma, whole[k])
                readable.add(k)
        assert readable == streamed


def test_an_unreadable_frame_is_named_with_its_range(made: Made, tmp_path: Path) -> None:
    path = overwritten(made("gop12.mp4"), tmp_path / "a.mp4", 62)
    with open_video(path) as video:
        with pytest.raises(DamagedError, match=r"frame 65 cannot be read \(frames 62 to 71:"):
            video.read([65])
        assert number_of(video.read([61], pixels="luma")[0]) == 61
        assert number_of(video.read([72], pixels="luma")[0]) == 72


@pytest.mark.parametrize("threads", [1, 3])
def test_inspection_finds_all_damage_and_calls_the_file_partial(
    made: Made, tmp_path: Path, threads: int
) -> None:
    path = overwritten(made("gop12.mp4"), tmp_path / "a.mp4", 62)
    path = overwritten(path, tmp_path / "b.mp4", 140)
    found = inspect(path, threads=threads)
    assert found.status == "partial"
    assert [(d.start, d.stop) for d in found.damage] == [(62, 72), (140, 144)]
    assert found.to_json()["damage"][0]["start"] == 62
    assert "frames 62 to 71" in found.describe()


@pytest.mark.slow
@pytest.mark.parametrize("name", ["gop12.mp4", "bframes.mkv", "open.ts", "mpeg4.avi", "raw.h264"])
def test_a_truncated_file_keeps_what_it_holds(name: str, made: Made, tmp_path: Path) -> None:
    source = made(name)
    if name.endswith(".mp4"):  # its index must stand in front to outlive the cut
        source = remux(source, tmp_path / "front.mp4", movflags="faststart")
    whole = images(source)
    path = tmp_path / f"a{source.suffix}"
    end = int(source.stat().st_size * 0.6)
    if name.endswith(".ts"):  # nothing in a transport stream tells that its last image is cut
        end = next(position for position, _ in packets(source) if position > end)
    path.write_bytes(source.read_bytes()[:end])
    with open_video(path) as video:
        # A cut between a reference and those shown before it leaves a gap, so times are compared.
        places = np.rint(video.times * 25).astype(int)
        seen = {int(places[k]): luma for k, luma in video.stream(pixels="luma")}
        assert 60 < video.frames < 120
    assert set(range(60)) <= set(seen)
    assert all(np.array_equal(luma, whole[k]) for k, luma in seen.items())
    if name.endswith((".mp4", ".avi", ".mkv")):
        assert inspect(source).status == "ok"
        assert inspect(path).status == "partial"
        # Matroska promises seconds, the others a number of frames.
        assert abs(inspect(path).damage[-1].stop - 150) <= (1 if name.endswith(".mkv") else 0)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["open.ts", "closed.ts", "mpeg2.ts", "bframes.mkv", "vp9.webm"])
def test_a_hole_in_the_file_shifts_no_time(name: str, made: Made, tmp_path: Path) -> None:
    """A stretch of zeros that swallows whole packets: what is left keeps its own time."""
    whole = images(made(name))
    data = bytearray(made(name).read_bytes())
    position, _ = packets(made(name))[62]
    data[position + 60 : position + 6000] = bytes(5940)
    path = tmp_path / f"a{Path(name).suffix}"
    path.write_bytes(data)
    with open_video(path) as video:
        times = np.rint(video.times * 25).astype(int)
        seen = {int(times[k]): luma for k, luma in video.stream(pixels="luma")}
        assert video.damage
    assert 40 < len(seen) < 150
    assert all(np.array_equal(luma, whole[k]) for k, luma in seen.items())

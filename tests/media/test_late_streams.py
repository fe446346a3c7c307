"""Streams that appear after a file was opened: nothing ends with them, and sound is taken over."""

from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest

from playhead.errors import MediaError
from playhead.media import inspect, open_video, read_audio
from playhead.media.late import count_sound
from playhead.media.rewrite import RewriteOptions, rewrite
from playhead.media.source import open_container, packets_of
from tests.media.encode import encode, late_sound, number_of, sound_in_the_middle
from tests.media.test_rewrite_tracks import untouched, with_sound

FAST = RewriteOptions(preset="ultrafast", threads=2)
Made = Callable[[str], Path]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """Files whose sound begins late; the announced track is listed from the first packet on."""
    folder = tmp_path_factory.mktemp("late")

    def get(name: str) -> Path:
        path = folder / name
        if path.exists():
            return path
        match name:
            case "joined.ts":
                return sound_in_the_middle(path)
            case "announced.ts":
                how = {"format": "mpegts", "silent": 30, "frames": 45, "stop": 40}
                return late_sound(path, "libx264", "aac", **how)  # type: ignore[arg-type]
            case _:
                how = {"format": "vob", "silent": 70, "frames": 100, "stop": 90}
                return late_sound(path, "mpeg2video", "mp2", **how)  # type: ignore[arg-type]

    return get


LATE = {"joined.ts": 300 * 0.04, "announced.ts": 10 * 0.04, "late.mpg": 20 * 0.04}
"""Seconds of sound in each."""


@pytest.mark.slow
def test_the_files_are_what_they_are_made_for(made: Made) -> None:
    """FFmpeg learns nothing of the sound, or too little, when it opens them."""
    for name, known in (("joined.ts", 0), ("announced.ts", 1), ("late.mpg", 0)):
        with av.open(str(made(name))) as given:
            assert [s.codec_context.sample_rate for s in given.streams.audio] == [0] * known
    assert made("announced.ts").stat().st_size > 5_000_000


@pytest.mark.slow
@pytest.mark.parametrize("name", LATE)
def test_every_frame_is_read_around_a_stream_that_appears_late(name: str, made: Made) -> None:
    expected = [number_of(luma) for luma in reference_of(made(name))]
    assert expected == list(range(len(expected)))
    with open_video(made(name)) as video:
        seen = {k: number_of(luma) for k, luma in video.stream(pixels="luma")}
        assert video.frames == len(expected)
        assert all(k == number for k, number in seen.items())
        assert number_of(video.read([20], pixels="luma")[0]) == 20
    found = inspect(made(name))
    # Where recordings were joined the container calls the last packet of each incomplete.
    assert found.status == ("partial" if name == "joined.ts" else "ok")
    assert len(seen) >= len(expected) - 4


def reference_of(path: Path) -> list[np.ndarray]:
    """The decoder's frames, whose end PyAV may not reach."""
    frames: list[np.ndarray] = []
    with av.open(str(path)) as given:
        stream = given.streams.video[0]
        stream.thread_type = "NONE"
        for packet in packets_of(given, [stream]):
            frames += [frame.to_ndarray(format="gray") for frame in stream.decode(packet)]
        frames += [frame.to_ndarray(format="gray") for frame in stream.decode(None)]
    return frames


def test_reading_ends_well_after_an_index_error_of_the_demuxer(tmp_path: Path) -> None:
    """PyAV raises one after the last packet where its memory happens to hold a certain byte."""
    path = encode(tmp_path / "a.mp4", 20)

    class Ending:
        def __init__(self) -> None:
            self.given = open_container(path)
            self.streams = self.given.streams

        def demux(self, *streams: object):
            yield from self.given.demux(*streams)
            raise IndexError("list index out of range")

    container = Ending()
    stream = container.streams.video[0]
    assert len(list(packets_of(container, [stream]))) == 20  # type: ignore[arg-type]


@pytest.mark.slow
@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
@pytest.mark.parametrize("name", LATE)
def test_sound_that_begins_late_is_copied_in_time(
    name: str, suffix: str, made: Made, tmp_path: Path
) -> None:
    target = tmp_path / f"b{suffix}"
    done = rewrite(made(name), target, untouched, FAST)
    assert not any("sound" in note for note in done.notes)
    begin = {"joined.ts": 12.0, "announced.ts": 1.2, "late.mpg": 2.8}[name]
    audio = read_audio(target)
    # Coders add silence of a packet or two in front of and behind what they were given.
    assert audio.start == pytest.approx(begin, abs=0.06)
    assert audio.samples.shape[1] / audio.rate == pytest.approx(LATE[name], abs=0.06)
    loud = np.flatnonzero(np.abs(audio.samples[0]) > 0.2) / audio.rate + audio.start
    assert loud[0] == pytest.approx(begin, abs=0.03)
    assert loud[-1] == pytest.approx(begin + LATE[name], abs=0.03)


@pytest.mark.slow
@pytest.mark.parametrize("name", LATE)
def test_sound_that_begins_late_is_read(name: str, made: Made) -> None:
    audio = read_audio(made(name))
    assert audio.samples.shape[1] / audio.rate == pytest.approx(LATE[name], abs=0.06)
    assert inspect(made(name)).audio


@pytest.mark.slow
@pytest.mark.parametrize("name", LATE)
def test_sound_that_begins_late_is_counted(name: str, made: Made, tmp_path: Path) -> None:
    assert count_sound(made(name)) == 1
    rewrite(made(name), tmp_path / "b.mp4", untouched, FAST)
    assert count_sound(tmp_path / "b.mp4") == 1


def test_a_track_that_is_announced_and_never_comes_is_left_out_and_it_is_said(
    tmp_path: Path,
) -> None:
    source = tmp_path / "a.ts"
    late_sound(
        source, "libx264", "aac", format="mpegts", silent=48, stop=49, frames=50, noise=False
    )
    data = bytearray(source.read_bytes())
    for at in range(0, len(data), 188):  # the packets of track 257 become padding
        if (data[at + 1] & 0x1F, data[at + 2]) == (1, 1):
            data[at + 1 : at + 3] = b"\x1f\xff"
    source.write_bytes(data)
    done = rewrite(source, tmp_path / "b.mp4", untouched, FAST)
    assert done.notes == ("sound track 1 is left out: it cannot be decoded",)
    assert inspect(tmp_path / "b.mp4").status == "ok"
    assert count_sound(source) == 0


@pytest.mark.slow
@pytest.mark.parametrize("suffix", [".mov", ".mp4"])
def test_sound_that_changes_its_format_on_the_way_is_read_and_encoded(
    suffix: str, tmp_path: Path
) -> None:
    """Two recordings joined, of which the second has another rate of samples."""
    first = with_sound(tmp_path / "a.ts", ["mp2"], seconds=2)
    second = with_rate(tmp_path / "b.ts", 32000, first=2)
    joined = tmp_path / "joined.ts"
    joined.write_bytes(first.read_bytes() + second.read_bytes())
    assert read_audio(joined).samples.shape[1] / 48000 == pytest.approx(4, abs=0.2)
    rewrite(joined, tmp_path / f"c{suffix}", untouched, FAST)
    audio = read_audio(tmp_path / f"c{suffix}")
    assert audio.samples.shape[1] / audio.rate == pytest.approx(4, abs=0.2)


def with_rate(path: Path, rate: int, *, first: int) -> Path:
    """Two seconds of images and of a tone, from second `first` on."""
    import tests.media.test_rewrite_tracks as made

    before, made.RATE = made.RATE, rate
    try:
        return with_sound(path, ["mp2"], seconds=2, first=first, late=first)
    finally:
        made.RATE = before


@pytest.mark.parametrize("name", ["a.ts", "a.mp4"])
def test_a_file_that_changes_while_it_is_rewritten_gives_no_output(
    name: str, tmp_path: Path
) -> None:
    """What follows an MP4 is not looked at; all frames of it are still the same."""
    source = encode(tmp_path / name, 60)
    more = source.read_bytes()

    def grow(k: int, given: object) -> None:
        if k == 30:
            with source.open("ab") as file:
                file.write(more)

    with pytest.raises(MediaError, match=f"{name}: the file changed while it was read"):
        rewrite(source, tmp_path / "b.mp4", grow, FAST)
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_a_file_that_changed_since_it_was_opened_is_not_rewritten(tmp_path: Path) -> None:
    source = encode(tmp_path / "a.ts", 60)
    with open_video(source) as video:
        with source.open("ab") as file:
            file.write(source.read_bytes())
        with pytest.raises(MediaError, match="the file changed while it was read"):
            rewrite(source, tmp_path / "b.mp4", untouched, FAST, opened=video)
    assert [path.name for path in tmp_path.iterdir()] == ["a.ts"]

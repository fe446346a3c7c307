"""Sound: its channels, its samples, its place on the clock of the images."""

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from av.stream import Disposition

from playhead.errors import LimitError, MediaError
from playhead.media import VideoWriter, read_audio, stream_audio
from playhead.media.scan import first_time, scan
from playhead.media.source import DEFAULT_LIMITS, Clock
from tests.media.encode import image, yuv_frame

RATE = 48000


def clicks(seconds: float, every: float = 0.5) -> np.ndarray:
    """Silence on the right; on the left a click of a millisecond at every half second."""
    samples = np.zeros((2, int(seconds * RATE)), np.float32)
    for start in np.arange(every, seconds, every):
        samples[0, int(start * RATE) : int(start * RATE) + 48] = 0.8
    return samples


@pytest.fixture(scope="module")
def clicking(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("sound") / "clicks.mkv"
    with VideoWriter(path, 160, 96, 25, audio=(clicks(4), RATE)) as writer:
        for k in range(100):
            writer.write(image(k))
    return path


def pcm(path: Path, samples: np.ndarray, *, offset: float = 0.0) -> Path:
    """Images from time 1, and 16-bit sound without loss from time 1 + offset."""
    with av.open(str(path), "w") as output:
        video = output.add_stream("libx264", rate=25)
        video.width, video.height = 160, 96
        sound = output.add_stream("pcm_s16le", rate=RATE)
        sound.codec_context.layout = "stereo" if len(samples) == 2 else "mono"
        for k in range(50):
            frame = yuv_frame(image(k))
            frame.pts, frame.time_base = k + 25, Fraction(1, 25)
            output.mux(video.encode(frame))
        output.mux(video.encode())
        for start in range(0, samples.shape[1], 4800):
            block = np.rint(samples[:, start : start + 4800] * 32768).astype(np.int16)
            packed = np.ascontiguousarray(block.T.reshape(1, -1))
            part = av.AudioFrame.from_ndarray(packed, "s16", sound.codec_context.layout.name)
            part.sample_rate, part.time_base = RATE, Fraction(1, RATE)
            part.pts = start + int((1 + offset) * RATE)
            output.mux(sound.encode(part))
        output.mux(sound.encode())
    return path


@pytest.mark.parametrize("channels", [1, 2])
def test_sound_without_loss_is_read_sample_by_sample(tmp_path: Path, channels: int) -> None:
    given = np.random.default_rng(1).integers(-32768, 32767, (channels, 2 * RATE)) / 32768
    read = read_audio(pcm(tmp_path / "a.mkv", given))
    assert read.samples.dtype == np.float32
    assert np.array_equal(read.samples, given.astype(np.float32))
    assert read.missing == ()


@pytest.mark.parametrize("offset", [-0.4, 0.0, 0.25])
def test_the_start_says_where_sound_lies_beside_the_first_frame(
    tmp_path: Path, offset: float
) -> None:
    given = np.zeros((1, RATE))
    assert read_audio(pcm(tmp_path / "a.mkv", given, offset=offset)).start == pytest.approx(
        offset, abs=0.0015
    )


def test_clicks_are_where_they_were_written(clicking: Path) -> None:
    read = read_audio(clicking)
    loud = np.flatnonzero(np.abs(read.samples[0]) > 0.3) / read.rate + read.start
    heard = sorted({round(float(t) * 2) / 2 for t in loud})
    assert heard == [0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 3.5]
    assert np.abs(loud - np.rint(loud * 2) / 2).max() < 0.004
    assert np.abs(read.samples[1]).max() < 0.05


@pytest.mark.parametrize("seconds", [0.01, 0.3, 1.0, 60.0])
def test_blocks_joined_are_the_whole(clicking: Path, seconds: float) -> None:
    whole = read_audio(clicking)
    blocks = list(stream_audio(clicking, seconds=seconds))
    assert np.array_equal(np.concatenate([b.samples for b in blocks], axis=1), whole.samples)
    assert {b.samples.shape[1] for b in blocks[:-1]} <= {round(seconds * RATE)}
    starts = np.cumsum([0, *(b.samples.shape[1] for b in blocks[:-1])]) / RATE + whole.start
    assert [b.start for b in blocks] == pytest.approx(starts.tolist())


def test_another_rate_is_resampled(clicking: Path) -> None:
    read = read_audio(clicking, rate=16000)
    assert read.rate == 16000
    assert read.samples.shape[1] == pytest.approx(4 * 16000, abs=500)


def test_lost_sound_leaves_silence_of_its_length(tmp_path: Path) -> None:
    given = np.full((1, 2 * RATE), 0.5)
    source = pcm(tmp_path / "a.mkv", given)
    path = tmp_path / "b.mkv"
    with av.open(str(source)) as whole, av.open(str(path), "w") as output:
        copies = {s.index: output.add_stream_from_template(s) for s in whole.streams}
        for packet in whole.demux():
            at = None if packet.pts is None else float(packet.pts * packet.time_base) - 1
            sound = packet.stream.type == "audio"
            if packet.size and not (sound and at is not None and 0.65 < at < 1.05):
                packet.stream = copies[packet.stream.index]
                output.mux(packet)
    read = read_audio(path)
    assert read.samples.shape == (1, 2 * RATE)
    ((start, end),) = read.missing
    assert (start, end) == pytest.approx((0.7, 1.1), abs=0.002)
    silent = np.flatnonzero(read.samples[0] == 0) / RATE
    assert (silent.min(), silent.max()) == pytest.approx((start, end), abs=0.002)
    assert np.all(read.samples[0][: int(0.69 * RATE)] == 0.5)
    assert np.all(read.samples[0][int(1.11 * RATE) :] == 0.5)


def test_a_file_without_sound_is_named(made: Callable[[str], Path]) -> None:
    with pytest.raises(MediaError, match="has no sound"):
        read_audio(made("gop12.mp4"))


def test_time_past_the_limit_ends_it(clicking: Path) -> None:
    with pytest.raises(LimitError):
        read_audio(clicking, max_seconds=0)


def test_a_jump_of_hours_is_a_broken_time_stamp_and_no_silence(
    clicking: Path, tmp_path: Path
) -> None:
    source, path = clicking, tmp_path / "jump.mkv"
    with av.open(str(source)) as whole, av.open(str(path), "w") as output:
        stream = output.add_stream_from_template(whole.streams.audio[0])
        for number, packet in enumerate(whole.demux(whole.streams.audio[0])):
            if packet.pts is None:
                continue
            jump = int(4 * 3600 / packet.time_base) if number > 5 else 0
            packet.pts, packet.dts = packet.pts + jump, packet.dts + jump
            packet.stream = stream
            output.mux(packet)
    with pytest.raises(MediaError, match=r"jump.mkv: the sound jumps by 14\d\d\d s"):
        read_audio(path)


def two_tracks(path: Path, *, default: int) -> Path:
    """Sound of two tracks, a constant .25 and a constant .5."""
    with av.open(str(path), "w") as output:
        for number in range(2):
            track = output.add_stream("pcm_s16le", rate=RATE)
            track.codec_context.layout = "mono"
            track.disposition = Disposition.default if number == default else Disposition(0)
        for number, track in enumerate(output.streams.audio):
            samples = np.full((1, RATE), 8192 * (number + 1), np.int16)
            part = av.AudioFrame.from_ndarray(samples, "s16", "mono")
            part.sample_rate, part.time_base, part.pts = RATE, Fraction(1, RATE), 0
            output.mux([*track.encode(part), *track.encode(None)])
    return path


@pytest.mark.parametrize(
    ("default", "track", "value"), [(0, None, 0.25), (1, None, 0.5), (1, 0, 0.25), (0, 1, 0.5)]
)
def test_the_default_track_is_read_or_the_one_asked_for(
    tmp_path: Path, default: int, track: int | None, value: float
) -> None:
    path = two_tracks(tmp_path / "two.mkv", default=default)
    blocks = list(stream_audio(path, track=track))
    assert np.all(np.concatenate([block.samples for block in blocks], axis=1) == value)


@pytest.mark.parametrize("track", [-1, 2])
def test_a_track_that_is_not_there_is_refused(tmp_path: Path, track: int) -> None:
    path = two_tracks(tmp_path / "two.mkv", default=0)
    with pytest.raises(MediaError, match=f"two.mkv: has no sound track {track}; .* are 0 to 1"):
        next(stream_audio(path, track=track))


def test_mono_is_the_mean_of_two_channels(tmp_path: Path) -> None:
    given = np.random.default_rng(1).integers(-32768, 32767, (2, RATE)) / 32768
    (block,) = stream_audio(pcm(tmp_path / "a.mkv", given), mono=True)
    assert block.samples.shape == (1, RATE)
    assert block.samples[0] == pytest.approx(given.mean(axis=0), abs=1e-4)


@pytest.mark.parametrize("suffix", [".mkv", ".mp4"])
def test_sound_that_the_header_promises_beyond_the_end_is_reported(
    tmp_path: Path, suffix: str
) -> None:
    whole, cut = tmp_path / f"whole{suffix}", tmp_path / f"cut{suffix}"
    with VideoWriter(whole, 160, 96, 25, audio=(clicks(8), RATE)) as writer:
        for k in range(200):
            writer.write(image(k))
    if suffix == ".mp4":
        index_first = tmp_path / "index_first.mp4"
        with (
            av.open(str(whole)) as given,
            av.open(str(index_first), "w", options={"movflags": "faststart"}) as output,
        ):
            copies = [output.add_stream_from_template(stream) for stream in given.streams]
            for packet in given.demux():
                if packet.dts is not None:
                    packet.stream = copies[packet.stream.index]
                    output.mux(packet)
        whole = index_first
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    assert list(stream_audio(whole))[-1].cut_off == 0
    blocks = list(stream_audio(cut, seconds=1))
    assert [block.cut_off for block in blocks[:-1]] == [0] * (len(blocks) - 1)
    end = blocks[-1].start + blocks[-1].samples.shape[1] / RATE
    assert 1 < end < 7
    assert end + blocks[-1].cut_off == pytest.approx(8, abs=0.1)


@pytest.mark.parametrize(
    "name",
    ["gop12.mp4", "late_start.mkv", "open.ts", "cut_open.ts", "mpeg4_bframes.avi", "raw.h264"],
)
def test_the_time_of_the_first_frame_is_the_start_of_the_table(
    made: Callable[[str], Path], name: str
) -> None:
    path = made(name)
    clock = Clock(path, 100)
    assert first_time(path, DEFAULT_LIMITS, clock) == scan(path, DEFAULT_LIMITS, clock).start

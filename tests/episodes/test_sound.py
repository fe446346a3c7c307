"""The sound of an episode: any container, read once, timed from the first frame."""

import wave
from pathlib import Path

import numpy as np
import pytest

from playhead.episodes.sound import reading as sound
from playhead.episodes.sound.fingerprint import RATE, fingerprint
from playhead.episodes.sound.reading import read_sound
from playhead.errors import MediaError
from playhead.media import VideoWriter
from tests.episodes.sounds import int16, melody
from tests.episodes.test_fingerprint import needs_fpcalc, words_of

NATIVE = 48000


def episode(path: Path, *, channels: int = 2, seconds: float = 12, codec: str = "h264") -> Path:
    song = melody(seconds, NATIVE)
    audio = (np.stack([song] * channels), NATIVE) if channels else None
    with VideoWriter(path, 64, 48, 10, codec=codec, audio=audio) as writer:
        for k in range(round(seconds * 10)):
            writer.write(np.full((48, 64), 16 + k, np.uint8))
    return path


def waves(path: Path, rate: int, channels: int) -> Path:
    song = int16(melody(40, rate, seed=5))
    with wave.open(str(path), "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(np.repeat(song, channels).tobytes())
    return path


@pytest.mark.parametrize(
    ("name", "channels", "codec"),
    [
        ("aac.mp4", 2, "h264"),
        ("aac.mkv", 6, "h264"),
        ("opus.webm", 1, "vp9"),
        ("mp3.avi", 2, "mpeg4"),
    ],
)
def test_the_same_song_gives_nearly_the_same_words_from_every_container(
    tmp_path: Path, name: str, channels: int, codec: str
) -> None:
    read = read_sound(episode(tmp_path / name, channels=channels, codec=codec), folder=tmp_path)
    assert read.samples.dtype == np.int16
    assert len(read.samples) == pytest.approx(12 * RATE, abs=0.1 * RATE)
    assert abs(read.start) < 0.1
    assert read.missing == ()
    # From the first frame on, as the song was written.
    begin = max(0, round(-read.start * RATE))
    given, found = int16(melody(12, RATE)), read.samples[begin:]
    pad = max(0, round(read.start * RATE))
    words, expected = fingerprint(found), fingerprint(given[pad:])
    count = min(len(words), len(expected))
    assert np.bitwise_count(words[:count] ^ expected[:count]).mean() < 4
    assert np.array_equal(read.words, fingerprint(np.array(read.samples)))


@needs_fpcalc
@pytest.mark.parametrize(("rate", "channels"), [(8000, 1), (22050, 2), (44100, 2), (48000, 1)])
def test_99_percent_of_the_bits_are_those_of_fpcalc_after_resampling(
    tmp_path: Path, rate: int, channels: int
) -> None:
    path = waves(tmp_path / "song.wav", rate, channels)
    words, expected = read_sound(path, folder=tmp_path).words, words_of(path)
    assert len(words) == len(expected)
    assert np.bitwise_count(words ^ expected).sum() <= 0.01 * 32 * len(words)


def test_a_second_run_reads_the_store_and_not_the_media(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = episode(tmp_path / "a.mkv")
    first = read_sound(path, folder=tmp_path / "store")
    monkeypatch.setattr(sound, "stream_audio", None)
    second = read_sound(path, folder=tmp_path / "store")
    assert np.array_equal(first.words, second.words)
    assert np.array_equal(first.samples, second.samples)
    assert (first.start, first.missing) == (second.start, second.missing)


def test_a_damaged_entry_is_made_again(tmp_path: Path) -> None:
    path = episode(tmp_path / "a.mkv")
    first = read_sound(path, folder=tmp_path / "store")
    words = first.words.copy()
    (stored,) = (tmp_path / "store").rglob("words.npy")
    stored.write_bytes(b"no array")
    assert np.array_equal(read_sound(path, folder=tmp_path / "store").words, words)


def test_a_truncated_file_keeps_what_can_be_read_and_tells_the_rest(tmp_path: Path) -> None:
    path = episode(tmp_path / "a.mkv")
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    read = read_sound(path, folder=tmp_path / "store")
    ((start, end),) = read.missing
    assert start == pytest.approx(read.start + len(read.samples) / RATE)
    assert 2 < start < 10
    assert end == pytest.approx(12, abs=0.2)


def test_a_file_without_sound_is_an_error_that_says_so(tmp_path: Path) -> None:
    path = episode(tmp_path / "a.mkv", channels=0)
    with pytest.raises(MediaError, match="a.mkv: has no sound"):
        read_sound(path, folder=tmp_path / "store")
    assert not list((tmp_path / "store").rglob("*.npy"))


def test_tracks_are_stored_apart(tmp_path: Path) -> None:
    path = episode(tmp_path / "a.mkv")
    default, first = read_sound(path, folder=tmp_path), read_sound(path, audio=0, folder=tmp_path)
    assert np.array_equal(default.words, first.words)
    with pytest.raises(MediaError, match="has no sound track 1"):
        read_sound(path, audio=1, folder=tmp_path)
    assert len(list(tmp_path.rglob("words.npy"))) == 2


def test_sound_shorter_than_a_word_has_samples_and_no_words(tmp_path: Path) -> None:
    short = read_sound(episode(tmp_path / "short.mkv", seconds=1), folder=tmp_path)
    assert len(short.words) == 0
    assert len(short.samples) > 0

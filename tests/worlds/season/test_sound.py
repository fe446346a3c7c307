from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from playhead.errors import ConfigError
from playhead.worlds.season import PAL, Season, SeasonConfig, draw_season, episode_sound
from playhead.worlds.season.plan import CLOCK, SongPlan
from playhead.worlds.season.song import song_sound
from playhead.worlds.season.sound import clock_sound, file_sound

PLAIN = SeasonConfig(
    seconds=60, episodes=3, missing=0, dialogue=0, pal=0, recaps=1, swaps=0, openings=0
)


@pytest.fixture(scope="module")
def season() -> Season:
    return draw_season(4, 1, PLAIN)


def _part(season: Season, number: int, kind: str) -> NDArray[np.float32]:
    part = next(part for part in season.episodes[number].parts if part.kind == kind)
    return clock_sound(season.episodes, season.songs, number, part.start, part.stop)


def _likeness(first: NDArray[np.float32], second: NDArray[np.float32]) -> float:
    """The largest normalised cross-correlation at any shift."""
    size = len(first) + len(second)
    product = np.fft.rfft(first, size) * np.conj(np.fft.rfft(second, size))
    norm = float(np.linalg.norm(first) * np.linalg.norm(second))
    return float(np.abs(np.fft.irfft(product, size)).max()) / norm


def test_a_song_sounds_the_same_in_every_episode(season: Season) -> None:
    openings = [_part(season, number, "opening") for number in range(3)]
    assert np.array_equal(openings[0], openings[1])
    assert np.array_equal(openings[0], openings[2])
    assert 0.1 < openings[0].std() < 0.2


def test_songs_of_a_season_and_of_series_differ(season: Season) -> None:
    other = draw_season(4, 2, PLAIN)
    songs = [song_sound(plan)[: 8 * CLOCK] for plan in (*season.songs[:3], *other.songs[:3])]
    for first in range(6):
        for second in range(first):
            assert _likeness(songs[first], songs[second]) < 0.5


def test_a_verse_returns_exactly_within_its_song() -> None:
    song = song_sound(SongPlan((1, 2, 3), 40 * CLOCK))
    size = 2 * len(song)
    spectrum = np.fft.rfft(song, size)
    own = np.fft.irfft(spectrum * np.conj(spectrum), size)
    assert own[2 * CLOCK : 30 * CLOCK].max() > 0.4 * own[0]


def test_a_recap_repeats_the_samples_of_the_episode_before(season: Season) -> None:
    part = next(part for part in season.episodes[1].parts if part.kind == "recap")
    silent = replace(part, lines=(), duck=1.0)
    episodes = list(season.episodes)
    episodes[1] = replace(
        episodes[1], parts=tuple(silent if p is part else p for p in episodes[1].parts)
    )
    at = part.start
    for cut in part.cuts:
        heard = clock_sound(episodes, season.songs, 1, at, at + cut.samples)
        before = clock_sound(episodes, season.songs, 0, cut.start, cut.start + cut.samples)
        assert np.array_equal(heard, before)
        at += cut.samples
    assert at == part.stop


def test_the_story_does_not_repeat(season: Season) -> None:
    stories = [_part(season, number, "story")[: 6 * CLOCK] for number in range(3)]
    assert max(_likeness(stories[0], stories[1]), _likeness(stories[1], stories[2])) < 0.5


def test_any_stretch_of_sound_is_the_same_as_in_the_whole(season: Season) -> None:
    whole = clock_sound(season.episodes, season.songs, 1, 0, season.episodes[1].samples)
    for start in (0, 12_345, 30 * CLOCK):
        stretch = clock_sound(season.episodes, season.songs, 1, start, start + 3 * CLOCK)
        assert np.allclose(stretch, whole[start : start + 3 * CLOCK], atol=1e-6)


@pytest.mark.parametrize("rate", [11_025, 32_000])
def test_resampled_blocks_join_without_a_seam(season: Season, rate: int) -> None:
    blocks = list(file_sound(season.episodes, season.songs, 0, rate))
    assert [len(block) for block in blocks[:-1]] == [20 * rate] * (len(blocks) - 1)
    jumps = np.abs(np.diff(np.concatenate(blocks)))
    seams = np.cumsum([len(block) for block in blocks])[:-1] - 1
    assert jumps[seams].max() <= np.quantile(jumps, 0.999)
    assert sum(map(len, blocks)) == pytest.approx(season.duration(0) * rate, abs=1)


def test_sound_at_pal_speed_is_the_same_sound_played_faster() -> None:
    config = PLAIN.model_copy(update={"pal": 1.0})
    season = draw_season(4, 1, config)
    number = next(k for k, episode in enumerate(season.episodes) if episode.speed == PAL)
    sound = episode_sound(season, number) / season.sources[number].gain
    start, end = next(
        (event.start, event.end) for event in season.events(number) if event.label == "ending"
    )
    assert end is not None
    times = np.arange(5 * CLOCK) / CLOCK + 1.0
    fast = np.interp(start + times / float(PAL), np.arange(len(sound)) / CLOCK, sound)
    song = song_sound(season.songs[2])[CLOCK : 6 * CLOCK]
    assert np.corrcoef(fast, song)[0, 1] > 0.97
    late = np.interp(start + 0.002 + times / float(PAL), np.arange(len(sound)) / CLOCK, sound)
    assert np.corrcoef(late, song)[0, 1] < 0.97


def test_the_same_seed_gives_the_same_sound_and_loudness_follows_the_source(season: Season) -> None:
    again = draw_season(4, 1, PLAIN)
    first, second = episode_sound(season, 2, rate=11_025), episode_sound(again, 2, rate=11_025)
    assert first.dtype == np.float32
    assert np.array_equal(first, second)
    quiet = replace(season, sources=tuple(replace(s, gain=s.gain / 2) for s in season.sources))
    assert np.allclose(episode_sound(quiet, 2, rate=11_025), first / 2, atol=1e-6)


def test_recorded_songs_take_the_place_of_composed_ones(tmp_path: Path) -> None:
    for index in range(3):
        _write_noise(tmp_path / f"song {index}.flac", seed=index)
    config = PLAIN.model_copy(update={"songs": tmp_path})
    season = draw_season(1, 0, config)
    files = {plan.file for plan in season.songs[:3]}
    assert len(files) == 3
    assert files == set(tmp_path.iterdir())
    plan = season.songs[0]
    assert plan.file is not None
    seed = int(plan.file.stem.rsplit(" ", 1)[1])
    noise = np.random.default_rng(seed).standard_normal(16 * CLOCK).astype(np.float32)
    first = round(plan.offset * CLOCK)
    heard = _part(season, 0, "opening")[: 3 * CLOCK]
    assert np.corrcoef(heard, noise[first : first + 3 * CLOCK])[0, 1] > 0.95


def test_a_folder_with_too_few_songs_is_refused(tmp_path: Path) -> None:
    _write_noise(tmp_path / "one.flac", seed=0)
    with pytest.raises(ConfigError, match="has 1 sound files of 15 seconds or more; at least 3"):
        draw_season(1, 0, PLAIN.model_copy(update={"songs": tmp_path}))
    with pytest.raises(ConfigError, match="is not a folder"):
        draw_season(1, 0, PLAIN.model_copy(update={"songs": tmp_path / "none"}))


def _write_noise(path: Path, *, seed: int) -> None:
    noise = np.random.default_rng(seed).standard_normal(16 * CLOCK).astype(np.float32) * 0.1
    with av.open(str(path), "w") as container:
        stream = container.add_stream("flac", rate=CLOCK)
        stream.codec_context.layout = "mono"
        samples = (noise[None] * 32767).clip(-32768, 32767).astype(np.int16)
        frame = av.AudioFrame.from_ndarray(samples, "s16", "mono")
        frame.sample_rate = CLOCK
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))

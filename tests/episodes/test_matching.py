"""Pairs of episodes: what they share is found, verified on the waveform, and bounded exactly."""

import numpy as np
import pytest

from playhead.episodes.matching.boundaries import Alignment, refine_end, refine_start
from playhead.episodes.matching.index import find_diagonals
from playhead.episodes.matching.pairs import find_shared
from playhead.episodes.sound.fingerprint import RATE
from tests.episodes.made_sounds import Part, as_sound, episode, song, story

OPENING, ENDING = song(1, 20), song(2, 12)


def test_two_songs_of_two_episodes_are_found_at_their_lags() -> None:
    a = episode(1, 60, [Part(OPENING, 3.2), Part(ENDING, 44.0)])
    b = episode(2, 60, [Part(OPENING, 10.75), Part(ENDING, 41.3)], gain=0.4)
    first, second = find_shared(a, b)
    assert first.lag == pytest.approx(7.55 * RATE, abs=1)
    assert (first.start / RATE, first.end / RATE) == pytest.approx((3.2, 23.2), abs=1.5)
    assert second.lag == pytest.approx(-2.7 * RATE, abs=1)
    assert (second.start / RATE, second.end / RATE) == pytest.approx((44.0, 56.0), abs=1.5)


def test_episodes_without_common_sound_share_nothing() -> None:
    assert find_shared(episode(1, 60, [Part(OPENING, 3)]), episode(2, 60)) == ()


def test_silence_and_steady_noise_are_not_shared_sound() -> None:
    rng = np.random.default_rng(1)
    silence = np.zeros(8 * RATE, np.float32)
    hum = np.sin(np.arange(8 * RATE) * 2 * np.pi * 50 / RATE).astype(np.float32)
    for still in (lambda: silence, lambda: rng.normal(0, 0.1, 8 * RATE) + hum * 0.2):
        a = episode(1, 40, [Part(still(), 10)])
        b = episode(2, 40, [Part(still(), 20)])
        assert find_shared(a, b) == ()


def test_a_song_with_a_repeated_verse_is_aligned_as_a_whole() -> None:
    verse = song(5, 8)
    whole = np.concatenate([verse, song(6, 5), verse, song(7, 4)])
    (run,) = find_shared(episode(1, 50, [Part(whole, 4)]), episode(2, 50, [Part(whole, 16)]))
    assert run.lag == pytest.approx(12 * RATE, abs=1)
    assert run.end - run.start == pytest.approx(25 * RATE, abs=1.5 * RATE)


def test_a_jingle_heard_twice_in_both_episodes_is_found_each_time() -> None:
    jingle = song(8, 4)
    a = episode(1, 50, [Part(jingle, 10), Part(jingle, 30)])
    b = episode(2, 50, [Part(jingle, 15), Part(jingle, 33)])
    runs = find_shared(a, b)
    middles = [(run.start + run.end) / 2 / RATE for run in runs]
    partners = [(run.start + run.end) / 2 / RATE + run.lag / RATE for run in runs]
    for at_a, at_b in ((10, 15), (30, 33)):
        assert any(middle == pytest.approx(at_a + 2, abs=2) for middle in middles)
        assert any(middle == pytest.approx(at_b + 2, abs=2) for middle in partners)


def test_a_song_under_speech_is_one_run() -> None:
    spoken = OPENING.copy()
    spoken[5 * RATE : 15 * RATE] += 3 * story(20, 10)
    (run,) = find_shared(episode(1, 60, [Part(OPENING, 5)]), episode(2, 60, [Part(spoken, 12)]))
    assert run.end - run.start == pytest.approx(20 * RATE, abs=1.5 * RATE)


def test_boundaries_are_refined_to_30_ms() -> None:
    a, b = episode(1, 60, [Part(OPENING, 13.37)]), episode(2, 60, [Part(OPENING, 20.0)])
    aligned = Alignment(a.samples, b.samples, round(20 * RATE) - round(13.37 * RATE))
    for off in (-3.0, 0.6, 9.0):
        start = refine_start(aligned, round((13.37 + off) * RATE), round(28 * RATE))
        end = refine_end(aligned, round(19 * RATE), round((33.37 - off) * RATE))
        assert start / RATE == pytest.approx(13.37, abs=0.03)
        assert end / RATE == pytest.approx(33.37, abs=0.03)


def test_speech_over_the_start_does_not_move_it() -> None:
    spoken = OPENING.copy()
    spoken[: 6 * RATE] += 2 * story(20, 6)
    a, b = episode(1, 60, [Part(OPENING, 13)]), episode(2, 60, [Part(spoken, 20)])
    aligned = Alignment(a.samples, b.samples, 7 * RATE)
    start = refine_start(aligned, 18 * RATE, 26 * RATE)
    assert start / RATE == pytest.approx(13, abs=0.05)


def test_a_run_from_the_first_sample_on_starts_there() -> None:
    a, b = episode(1, 40, [Part(OPENING, 0)]), episode(2, 40, [Part(OPENING, 8)])
    aligned = Alignment(a.samples, b.samples, 8 * RATE)
    assert refine_start(aligned, RATE, 20 * RATE) == 0


def test_the_index_finds_words_with_a_wrong_bit_but_drops_a_word_that_never_ends() -> None:
    rng = np.random.default_rng(3)
    common = rng.integers(0, 2**32, 50, dtype=np.uint32)
    other = rng.integers(0, 2**32, 300, dtype=np.uint32)
    a, b = np.r_[other, common], np.r_[common ^ np.uint32(1 << 13), other[::-1]]
    a[100:200:2] = b[150:250:2] = 627964279
    found = find_diagonals([a, b], np.array([[0, 1]]), votes=20)
    assert found.lag.tolist() == [-300]
    assert found.votes.tolist() == [50]


def test_very_short_and_silent_sounds_share_nothing() -> None:
    nothing = as_sound(np.zeros(0, np.float32))
    silence = as_sound(np.zeros(30 * RATE, np.float32))
    for a in (nothing, silence):
        for b in (nothing, silence, episode(1, 30)):
            assert find_shared(a, b) == ()

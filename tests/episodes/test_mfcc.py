"""MFCC: equal to librosa's with its defaults, whole or block by block."""

import numpy as np
import pytest

from playhead.episodes.features.mfcc import (
    COEFFICIENTS,
    HOP,
    RATE,
    mel_filters,
    mfcc,
    mfcc_of_blocks,
)

librosa = pytest.importorskip("librosa", reason="librosa is the reference")


def sounds():
    random = np.random.default_rng(0)
    seconds = np.arange(int(7.3 * RATE)) / RATE
    tones = sum(np.sin(2 * np.pi * f * seconds) for f in (110, 440, 3520)) * 0.2
    fading = random.normal(size=len(seconds)) * np.exp(-3 * seconds)
    gap = tones.copy()
    gap[20000:90000] = 0
    click = np.zeros(len(seconds))
    click[77777] = 1.0
    return {
        "tones": tones,
        "noise": random.normal(size=len(seconds)) * 0.3,
        "fading": fading,
        "silence between tones": gap,
        "one click": click,
        "silence": np.zeros(len(seconds)),
        "shorter than a window": tones[:700],
    }


@pytest.mark.slow
@pytest.mark.parametrize("name", sounds())
def test_mfcc_equal_those_of_librosa(name):
    samples = sounds()[name].astype(np.float32)
    with np.errstate(all="ignore"):
        expected = librosa.feature.mfcc(y=samples, sr=RATE)
    ours = mfcc(samples)
    assert ours.dtype == np.float32
    assert ours.shape == expected.shape == (COEFFICIENTS, 1 + len(samples) // HOP)
    np.testing.assert_allclose(ours, expected, rtol=0, atol=1e-3)


@pytest.mark.slow
def test_the_mel_filters_equal_those_of_librosa():
    expected = librosa.filters.mel(sr=RATE, n_fft=2048, n_mels=128)
    np.testing.assert_allclose(mel_filters(), expected, rtol=0, atol=1e-8)


def test_the_sound_of_200_s_has_8614_columns():
    assert mfcc(np.zeros(200 * RATE, np.float32)).shape == (20, 8614)


@pytest.mark.parametrize("size", [1, 511, 512, 2048, 5000, 30000])
def test_blocks_of_any_size_give_the_same_as_the_whole(size):
    samples = np.random.default_rng(1).normal(size=30000 if size > 1 else 3000).astype(np.float32)
    blocks = (samples[k : k + size] for k in range(0, len(samples), size))
    np.testing.assert_array_equal(mfcc_of_blocks(blocks), mfcc(samples))


def test_no_sound_is_one_column_of_silence():
    np.testing.assert_array_equal(mfcc_of_blocks([]), mfcc(np.zeros(1, np.float32)))

"""Fingerprints equal chromaprint's own, and do not depend on how the sound is cut into parts."""

import shutil
import subprocess
import wave
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from playhead.episodes.sound.fingerprint import HOP, RATE, SPAN, Fingerprinter, fingerprint
from tests.episodes.sounds import int16, melody

# `fpcalc -raw -length 0` 1.5.1 of melody(7, RATE) as a WAV file.
GOLDEN = (
    3605843245,
    3622631461,
    4251494405,
    2099947525,
    2083163141,
    2099872807,
    2133381351,
    2134597767,
    2134532231,
    2138964407,
    2104885990,
    2087978726,
    4233113190,
    4241500694,
    3700517383,
    3700881927,
    3700805143,
    3700751873,
    3704940032,
    3712455168,
    3741745504,
    3591160288,
    3591131300,
    3725467781,
    3729679493,
    3738060183,
    3739094438,
    3621523374,
    3613142954,
    3579588554,
    3571216203,
    3571375643,
    3571437115,
    3562864159,
    3562857998,
)

needs_fpcalc = pytest.mark.skipif(
    shutil.which("fpcalc") is None, reason="needs fpcalc: apt-get install libchromaprint-tools"
)


def fpcalc(samples: NDArray[np.int16], path: Path) -> NDArray[np.uint32]:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(samples.tobytes())
    return words_of(path)


def words_of(path: Path) -> NDArray[np.uint32]:
    command = ["fpcalc", "-raw", "-length", "0", str(path)]
    # It exits with 3 at the end of a WAV file, after all words.
    printed = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    (line,) = (line for line in printed.splitlines() if line.startswith("FINGERPRINT="))
    return np.array([int(word) for word in line[12:].split(",")], np.uint32)


def test_words_equal_those_that_chromaprint_gave_for_this_sound() -> None:
    assert fingerprint(int16(melody(7, RATE))).tolist() == list(GOLDEN)


@needs_fpcalc
@pytest.mark.parametrize("kind", ["melody", "noise", "silence in the middle", "clipped"])
def test_words_equal_those_of_fpcalc(kind: str, tmp_path: Path) -> None:
    samples = int16(melody(60, RATE, seed=3))
    match kind:
        case "noise":
            random = np.random.default_rng(0)
            samples = random.integers(-9000, 9000, len(samples)).astype(np.int16)
        case "silence in the middle":
            samples[20 * RATE : 35 * RATE] = 0
        case "clipped":
            samples = np.where(samples < 0, np.int16(-32768), np.int16(32767))
    assert np.array_equal(fingerprint(samples), fpcalc(samples, tmp_path / "sound.wav"))


@pytest.mark.parametrize("size", [100, HOP, 7777, 50_000])
def test_sound_in_parts_gives_the_same_words(size: int) -> None:
    samples = int16(melody(20, RATE))
    fingerprinter = Fingerprinter()
    parts = [fingerprinter.add(samples[at : at + size]) for at in range(0, len(samples), size)]
    assert np.array_equal(np.concatenate(parts), fingerprint(samples))


@pytest.mark.parametrize(
    ("length", "words"), [(0, 0), (1, 0), (SPAN - 1, 0), (SPAN, 1), (SPAN + HOP, 2)]
)
def test_the_number_of_words_follows_from_the_length(length: int, words: int) -> None:
    assert len(fingerprint(np.ones(length, np.int16))) == words


def test_loudness_changes_few_bits() -> None:
    loud, quiet = (fingerprint(int16(melody(20, RATE, loudness=x))) for x in (0.5, 0.05))
    assert np.bitwise_count(loud ^ quiet).mean() < 1

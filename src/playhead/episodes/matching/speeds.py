"""Episodes that play faster or slower than the rest of their season, as PAL releases do.

A change of 4 % also changes the pitch by that much, and so nearly all words. The sound of an
episode that shares nothing with its season is therefore played at other speeds until it does.
"""

from collections.abc import Sequence
from fractions import Fraction

import numpy as np
from scipy.signal import resample_poly

from playhead.episodes.matching.index import find_diagonals
from playhead.episodes.matching.runs import CoarseRun, find_runs
from playhead.episodes.matching.verify import LEAST_PEAK, Window, correlate
from playhead.episodes.sound.fingerprint import RATE, fingerprint
from playhead.episodes.sound.reading import Sound

__all__ = ["find_speed", "slowed"]

_PAL, _NTSC = Fraction(25, 24), Fraction(1001, 1000)
_KNOWN = tuple(
    float(speed) for ratio in (_PAL * _NTSC, _PAL, _NTSC) for speed in (ratio, 1 / ratio)
)
_GRID = tuple(1 + sign * step / 1000 for step in range(5, 46, 5) for sign in (1, -1))
"""Any other speed up to 4.5 % off; words bear a quarter of a percent."""
_FINE = np.arange(-30, 31) * 1e-4
_EVIDENCE = 150.0
"""Bits, of a run that is worth a closer look."""
_ENDS = 300
"""Seconds at either end of an episode whose speed is sought."""
_PIECE = 2**14
"""Samples: short enough that a speed 0.005 % off does not matter within."""


def find_speed(sound: Sound, references: Sequence[Sound]) -> float | None:
    """How much faster `sound` plays than the references, within 4.5 %; None if nothing matches.

    The answer is exact to about 0.001 %, by the lags at both ends of the longest common stretch.
    """
    ends = _ENDS * RATE
    if len(sound.samples) > 2 * ends:  # songs lie near the ends
        samples = np.concatenate([sound.samples[:ends], sound.samples[-ends:]])
        sound = Sound(words=fingerprint(samples), samples=samples, start=0.0, missing=())
    for speed in (1.0, *_KNOWN, *_GRID):
        tried = slowed(sound, speed)
        words = [tried.words, *(reference.words for reference in references)]
        pairs = np.array([[0, other] for other in range(1, len(words))])
        runs = find_runs(words, pairs, find_diagonals(words, pairs))
        for run in sorted(runs, key=lambda run: -run.evidence)[:2]:
            if run.evidence >= _EVIDENCE:
                fine = _fine_speed(tried, references[run.pair], run)
                if fine is not None:
                    return speed * fine
    return None


def slowed(sound: Sound, speed: float) -> Sound:
    """The sound played `speed` times slower; words and samples are new, `start` is not."""
    if speed == 1:
        return sound
    ratio = Fraction(speed).limit_denominator(2000)
    samples = resample_poly(sound.samples.astype(np.float32), ratio.numerator, ratio.denominator)
    whole = np.clip(np.rint(samples), -32768, 32767).astype(np.int16)
    return Sound(words=fingerprint(whole), samples=whole, start=sound.start, missing=())


def _fine_speed(sound: Sound, reference: Sound, run: CoarseRun) -> float | None:
    """The remaining factor between the speeds of two sounds whose words agree along a run."""
    # A short piece is compared at all fine speeds; the right one makes a peak.
    middle = run.best
    low = middle - _PIECE
    if low < 0 or middle + _PIECE > len(sound.samples):
        return None
    piece = sound.samples[low : middle + _PIECE].astype(np.float32)
    steps = np.arange(_PIECE) - _PIECE / 2
    windows = [
        Window(
            np.interp(_PIECE + steps * (1 + fine), np.arange(len(piece)), piece).astype(np.int16),
            reference.samples,
            0,
            middle + run.lag - _PIECE // 2,
        )
        for fine in _FINE.tolist()
    ]
    shifts, peaks = correlate(windows, _PIECE)
    best = int(np.argmax(peaks))
    if peaks[best] < LEAST_PEAK / 2:
        return None
    step, lag = 1 + float(_FINE[best]), run.lag + float(shifts[best])  # step: 1 / speed
    # Where pieces all along the run lie in the reference tells the speed far better.
    at = np.arange(run.start, run.end - _PIECE, _PIECE) + _PIECE // 2
    if len(at) < 3:
        return None
    guesses = np.round(middle + (at - middle) / step + lag).astype(np.int64)
    windows = []
    for centre, guess in zip(at.tolist(), guesses.tolist(), strict=True):
        low = max(centre - _PIECE, 0)
        part = sound.samples[low : centre + _PIECE].astype(np.float32)
        places = centre - low + steps * step
        moved = np.interp(places, np.arange(len(part)), part).astype(np.int16)
        windows.append(Window(moved, reference.samples, 0, guess - _PIECE // 2))
    shifts, peaks = correlate(windows, _PIECE, reach=RATE // 20)
    # The first answer is right to one step, which bounds how far a piece can be moved.
    bound = 20 + float(_FINE[1] - _FINE[0]) * np.abs(at - middle)
    good = (peaks >= LEAST_PEAK / 2) & (np.abs(shifts) <= bound)
    if good.sum() < max(3, len(at) / 2) or peaks[good].max() < LEAST_PEAK:
        return None
    slope = np.polyfit(at[good], guesses[good] + shifts[good], 1, w=peaks[good])[0]
    return float(slope)

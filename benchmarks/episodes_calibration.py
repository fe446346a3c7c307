"""Fit the confidence of matched segments, and say how well it holds on other seasons.

Candidates of generated seasons with music that returns under the story are right or wrong by the
truth (same kind, IoU of at least .5). A logistic function of their features is fitted on the first
seeds and measured on the last: a reliability table, and false skips by threshold.

    python benchmarks/episodes_calibration.py [--work build/seasons] [--fit 12] [--test 8]
"""

import argparse
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from environment import describe
from episodes_seasons import HeardSeason, kept, with_library_music
from playhead.episodes.decide import FEATURES, candidates
from playhead.episodes.match import match_season
from playhead.episodes.sound.fingerprint import RATE
from playhead.worlds.season import SeasonConfig

RIDGE = 0.05
FIRST_SEED = 100


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, default=Path("build/seasons"), help="kept sound")
    parser.add_argument("--fit", type=int, default=12)
    parser.add_argument("--test", type=int, default=8)
    arguments = parser.parse_args()
    print(describe("numpy", "scipy"))
    seeds = range(FIRST_SEED, FIRST_SEED + arguments.fit + arguments.test)
    parts = [examples(kept(arguments.work, seed, SeasonConfig()), seed) for seed in seeds]
    features, right, seconds = (np.concatenate(column) for column in zip(*parts, strict=True))
    season = np.repeat(np.arange(len(parts)), [len(part[1]) for part in parts])
    fitted = season < arguments.fit
    weights = fit(features[fitted], right[fitted])
    print("_WEIGHTS = np.array(" + np.array2string(weights, precision=2, separator=", ") + ")")
    for name, weight in zip(FEATURES, weights, strict=True):
        print(f"{weight:8.2f}  {name}")
    trust = 1 / (1 + np.exp(-features @ weights))
    for title, rows in (("fitted", fitted), ("other seasons", ~fitted)):
        report(title, trust[rows], right[rows], seconds[rows])


def examples(
    heard: HeardSeason, seed: int
) -> tuple[NDArray[np.float64], NDArray[np.bool_], NDArray[np.float64]]:
    """Features (N, F), whether each candidate is right (N,), and its seconds (N,)."""
    features, right, seconds = [], [], []
    for season in (heard, with_library_music(heard, seed)):
        for sounds in (season.sounds, season.sounds[:2]):
            match = match_season(sounds)
            lengths = [
                round(len(sound.samples) * speed)
                for sound, speed in zip(sounds, match.speeds, strict=True)
            ]
            for candidate in candidates(match.clusters, lengths):
                item = candidate.occurrence
                scale = RATE * match.speeds[item.episode]
                start = sounds[item.episode].start + item.start / scale
                end = sounds[item.episode].start + item.end / scale
                features.append(candidate.features)
                seconds.append(end - start)
                right.append(
                    any(
                        event.label == candidate.kind
                        and overlap(start, end, event.start, event.end or event.start) >= 0.5
                        for event in season.truth[item.episode]
                    )
                )
    return np.array(features), np.array(right, bool), np.array(seconds)


def overlap(start: float, end: float, other_start: float, other_end: float) -> float:
    common = max(min(end, other_end) - max(start, other_start), 0.0)
    return common / (max(end, other_end) - min(start, other_start))


def fit(features: NDArray[np.float64], right: NDArray[np.bool_]) -> NDArray[np.float64]:
    sign = np.where(right, 1.0, -1.0)

    def loss(weights: NDArray[np.float64]) -> float:
        likelihood = np.logaddexp(0, -sign * (features @ weights)).sum()
        return float(likelihood + RIDGE * (weights[1:] ** 2).sum())

    # More evidence never makes a segment less certain; the kinds may differ either way.
    free = {"constant", "recap", "eyecatch"}
    bounds = [(None, None) if name in free else (0, None) for name in FEATURES]
    weights: NDArray[np.float64] = minimize(loss, np.zeros(len(bounds)), bounds=bounds).x
    return weights


def report(
    title: str, trust: NDArray[np.float64], right: NDArray[np.bool_], seconds: NDArray[np.float64]
) -> None:
    print(f"\n{title}: {len(right)} candidates, {right.sum()} right")
    for low, high in ((0, 0.1), (0.1, 0.3), (0.3, 0.5), (0.5, 0.7), (0.7, 0.9), (0.9, 1.01)):
        rows = (trust >= low) & (trust < high)
        if rows.any():
            print(
                f"  confidence {low:.1f} to {min(high, 1):.1f}: {rows.sum():4} candidates, "
                f"mean confidence {trust[rows].mean():.3f}, right {right[rows].mean():.3f}"
            )
    for threshold in (0.3, 0.5, 0.7, 0.9):
        used = trust >= threshold
        false = used & ~right
        print(
            f"  threshold {threshold}: {used.sum()} used, {false.sum()} false "
            f"({seconds[false].sum():.0f} s), {(right & ~used).sum()} right ones rejected"
        )


if __name__ == "__main__":
    main()

"""Is our SoccerNet mAP the public evaluator's, and how much faster is it?

Runs both on the same random cases (ties, empty classes, empty predictions, duplicates, shared
frames, scores outside [0, 1], events past two hours) and on one match with thousands of
predictions. Prints the greatest difference and the ratio of times, measured in turn in one run.

    python benchmarks/metric_agreement.py [--cases 1000] [--seed 0]
"""

import argparse
import sys
import time
from pathlib import Path

import numpy as np

from environment import describe
from playhead.events.model import Event, VideoEvents
from playhead.metrics.soccernet_map import LOOSE, TIGHT, soccernet_map

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.metrics.soccernet_reference import public_map, random_case

AGREEMENT = 1e-9
CASES = ([1], [2], [1, 2, 3, 4, 5], [5, 30, 60])


def main() -> None:
    parser = argparse.ArgumentParser(description="Compare our SoccerNet mAP with the public one.")
    parser.add_argument("--cases", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    print(describe("SoccerNet", "numpy"))

    worst, ratio = random_agreement(given.cases, given.seed)
    print(f"{given.cases} random cases: greatest difference {worst:.1e} (bar {AGREEMENT:.0e})")
    print(f"{given.cases} random cases: public / ours, time {ratio:.0f}")
    large, ratio = large_agreement(given.seed)
    print(f"a match of 4,000 predictions, 17 tolerances: difference {large:.1e}")
    print(f"a match of 4,000 predictions, 17 tolerances: public / ours, time {ratio:.0f}")
    if max(worst, large) > AGREEMENT:
        sys.exit("the metrics differ")


def random_agreement(cases: int, seed: int) -> tuple[float, float]:
    """The greatest difference over the cases, and the ratio of the times they took."""
    worst = public = ours = 0.0
    for number in range(cases):
        truth, predictions, classes, rate = random_case(np.random.default_rng([seed, number]))
        tolerances = CASES[number % len(CASES)]
        difference, theirs, own = compare(truth, predictions, classes, rate, [tolerances])
        worst, public, ours = max(worst, difference), public + theirs, ours + own
        if sys.stderr.isatty():
            print(f"\r{number + 1}/{cases}", end="", file=sys.stderr)
    return worst, public / ours


def large_agreement(seed: int) -> tuple[float, float]:
    """Difference and ratio on 90 minutes with 2,000 events and 4,000 predictions of two classes."""
    rng = np.random.default_rng([seed, 1])
    classes = ("pass", "drive")
    starts, labels = rng.uniform(0, 5400, 2000), rng.choice(classes, 2000)
    real = [Event(label=str(name), start=float(t)) for name, t in zip(labels, starts, strict=True)]
    made = [
        Event(label=event.label, start=max(0.0, event.start + rng.normal()), score=rng.random())
        for event in [*real, *real]
    ]
    truth = [VideoEvents(video="match", classes=classes, events=tuple(real))]
    predictions = [VideoEvents(video="match", classes=classes, events=tuple(made))]
    ranges = [[int(t) for t in TIGHT], [int(t) for t in LOOSE]]
    difference, public, ours = compare(truth, predictions, classes, 25, ranges)
    return difference, public / ours


def compare(
    truth: list[VideoEvents],
    predictions: list[VideoEvents],
    classes: tuple[str, ...],
    rate: int,
    ranges: list[list[int]],
) -> tuple[float, float, float]:
    """The greatest difference in a mean or a class, and seconds of the public and our metric."""
    worst = public = ours = 0.0
    for tolerances in ranges:
        begin = time.perf_counter()
        mean, per_class = public_map(truth, predictions, classes, rate, tolerances)
        middle = time.perf_counter()
        result = soccernet_map(
            truth, predictions, rate=rate, tolerances=tolerances, classes=classes
        )
        end = time.perf_counter()
        own = np.array(list(result.average_per_class().values()))
        worst = max(worst, abs(result.average() - mean), float(np.abs(own - per_class).max()))
        public, ours = public + middle - begin, ours + end - middle
    return worst, public, ours


if __name__ == "__main__":
    main()

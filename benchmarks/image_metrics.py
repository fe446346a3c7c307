"""Are our figures of labelled images those of pycocotools, and how much faster do they come?

Measures both on the same random cases (every kind of mistake, crowds, all sizes) and on one large
set: 5,000 images of five classes. Prints the greatest difference of any average precision, of any
class, size and overlap, and the ratio of times, measured in one run.

    python benchmarks/image_metrics.py [--cases 200] [--images 5000] [--seed 0]
"""

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from environment import describe
from playhead.detection.intervals import image_intervals
from playhead.events.images import ImageSet
from playhead.metrics.confusion import confusion_matrix
from playhead.metrics.detection import measure_classes
from playhead.metrics.mistakes import find_mistakes

sys.path.insert(0, str(Path(__file__).parents[1]))
from tests.metrics.coco_reference import coco_ap, random_case

AGREEMENT = 1e-6


def main() -> None:
    parser = argparse.ArgumentParser(description="Compare our average precision with pycocotools.")
    parser.add_argument("--cases", type=int, default=200)
    parser.add_argument("--images", type=int, default=5000)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    print(describe("pycocotools", "numpy"))

    worst = max(difference(random_case(given.seed * 10_000 + n))[0] for n in range(given.cases))
    print(f"{given.cases} random cases: greatest difference {worst:.1e} (bar {AGREEMENT:.0e})")

    case = random_case(given.seed, given.images, classes=5, most=24)
    boxes = [sum(len(one.labels) for one in images.images) for images in case]
    print(f"{given.images} images, 5 classes, {boxes[0]} true and {boxes[1]} found boxes")
    large, own, theirs = difference(case)
    print(f"  greatest difference {large:.1e}; ours {own:.2f} s, pycocotools {theirs:.1f} s")
    print(f"  pycocotools / ours, time {theirs / own:.0f}")
    print(f"  confusion matrix {seconds(lambda: confusion_matrix(*case, thresholds=0.5)):.2f} s")
    print(f"  every mistake {seconds(lambda: find_mistakes(*case, thresholds=0.5)):.2f} s")
    print(f"  1,000 resamples {seconds(lambda: image_intervals(*case)):.1f} s")
    if max(worst, large) > AGREEMENT:
        sys.exit("the metrics differ")


def difference(case: tuple[ImageSet, ImageSet]) -> tuple[float, float, float]:
    """The greatest difference of any average precision, and seconds of ours and pycocotools."""
    begin = time.perf_counter()
    own = np.array([one.ap for one in measure_classes(*case).values()])
    middle = time.perf_counter()
    theirs = coco_ap(*case)
    end = time.perf_counter()
    if not np.array_equal(np.isnan(own), np.isnan(theirs)):
        return float("inf"), middle - begin, end - middle
    return float(np.nanmax(np.abs(own - theirs), initial=0)), middle - begin, end - middle


def seconds(work: Callable[[], object]) -> float:
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


if __name__ == "__main__":
    main()

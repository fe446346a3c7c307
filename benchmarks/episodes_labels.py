"""Where do real openings and endings lie, and what is wrong with how they were labelled?

Two published sets of times, without media: the contest's clips of 200 s, and spans of whole
episodes of series. Prints how boundaries and lengths spread, and what the checker of labels finds.

    PLAYHEAD_DATA=DATA python benchmarks/episodes_labels.py
"""

import os
import sys
from collections import Counter
from pathlib import Path

from environment import describe
from playhead.episodes.features.contest import read_labels
from playhead.episodes.features.intro_labels import (
    Prior,
    check_intros,
    contest_priors,
    intro_priors,
    read_intros,
)


def main() -> None:
    if "PLAYHEAD_DATA" not in os.environ:
        sys.exit("set PLAYHEAD_DATA to the folder of the data sets")
    folder = Path(os.environ["PLAYHEAD_DATA"]) / "intro_labels"
    print(describe("numpy"))
    print("the contest's clips of 200 s: seconds at 5 %, 50 %, 95 %; the score of the median")
    for split in ("train", "val"):
        priors = contest_priors(read_labels(folder / "video_position" / f"{split}.txt"))
        line(f"{split}: an opening ends at", priors["start"])
        line(f"{split}: an ending starts at", priors["end"])
    labels = [
        label
        for split in ("train", "test")
        for label in read_intros(folder / "vk_series_intro" / f"{split}_labels.json")
    ]
    print(f"openings of {len(labels)} episodes of series")
    priors = intro_priors(labels)
    line("start", priors["start"])
    line("length", priors["length"])
    findings = check_intros(labels)
    counts = Counter(finding.problem for finding in findings)
    print("the checker finds: " + ", ".join(f"{n} {problem}" for problem, n in counts.items()))
    for finding in [f for f in findings if f.problem != "repeated"][:3]:
        print(f"  row {finding.row} {finding.detail}")


def line(name: str, prior: Prior) -> None:
    print(
        f"  {name:28} {prior.count:5}  {prior.low:6.1f} {prior.median:6.1f} {prior.high:6.1f}  "
        f"score {prior.constant:5.1f}"
    )


if __name__ == "__main__":
    main()

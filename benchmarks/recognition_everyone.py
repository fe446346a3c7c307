"""Is the central person of a clip a better example than everyone in it?

Generated people gesture among bystanders, who gesture too. The TCN learns from the keypoints of the
central person, or from those of everyone; then a clip is answered by the mean over its people. The
last epoch is taken, so the clips of people who are left out choose nothing.

    python benchmarks/recognition_everyone.py [--work FOLDER] [--seeds 1 2 3]
"""

import argparse
import shutil
import tempfile
from pathlib import Path

import numpy as np

from environment import describe
from playhead.demos.recognition import disturb
from playhead.metrics.bootstrap import Interval
from playhead.metrics.classification import chance, group_interval, macro_f1
from playhead.recognition.answers import ANSWERS, Answers, read_answers
from playhead.recognition.clips import read_clips
from playhead.recognition.config import find_config, load_recognition_config
from playhead.recognition.train import train_recognition
from playhead.worlds.kept import WorldConfig, world_manifest

WORLD = WorldConfig(
    name="gestures", count=44, seed=2, settings=("takes=1", "train=0.75", "valid=0.25")
)
SETTINGS = ("training.epochs=40", "training.select=null", "training.validate_every=1000")


def main() -> None:
    parser = argparse.ArgumentParser(description="Compare the central person with everyone.")
    parser.add_argument("--work", type=Path, help="a folder for the runs, kept and used again")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    given = parser.parse_args()
    print(describe("torch", "numpy", "av"))
    with tempfile.TemporaryDirectory() as temporary:
        work = given.work or Path(temporary)
        index = world_manifest(WORLD)
        disturb(read_clips(index).clips, work / "keypoints")
        found = {
            everyone: [train(index, work, everyone, seed) for seed in given.seeds]
            for everyone in (False, True)
        }
    first = found[False][0]
    people = len(set(first.groups))
    print(f"\n{len(first.clips)} clips of {people} people; seeds {given.seeds}; macro F1\n")
    print("| learnt from | mean | each seed |\n|---|---|---|")
    for everyone, runs in found.items():
        scores = [macro_f1(answers.targets, answers.probabilities) for answers in runs]
        each = ", ".join(f"{score:.3f}" for score in scores)
        name = "everyone" if everyone else "the central person"
        print(f"| {name} | {np.mean(scores):.3f} | {each} |")
    print(f"| chance | {chance(first.targets, len(first.classes)):.3f} | |")
    gain = difference(found[False], found[True])
    print(f"\ndifference {gain.value:.3f}, 95 % over people {gain.low:.3f} to {gain.high:.3f}")


def train(index: Path, work: Path, everyone: bool, seed: int) -> Answers:
    """The answers of the last epoch to clips of people that were left out."""
    run = work / f"{'everyone' if everyone else 'central'}-{seed}"
    if not (run / ANSWERS).is_file():
        shutil.rmtree(run, ignore_errors=True)
        settings = (
            f"data.clips={index}",
            f"data.keypoints={work / 'keypoints'}",
            f"data.everyone={str(everyone).lower()}",
            "training.threads=1",
            f"training.seed={seed}",
            *SETTINGS,
        )
        train_recognition(load_recognition_config(find_config("tcn"), settings), run)
    return read_answers(run / ANSWERS)


def difference(first: list[Answers], second: list[Answers]) -> Interval:
    """Top-1 of the first less the second, mean of the seeds, with its interval over groups."""
    held = first[0]
    hits = [
        np.mean([answers.log_probabilities.argmax(1) == held.targets for answers in runs], axis=0)
        for runs in (first, second)
    ]
    gain = (hits[0] - hits[1])[:, None]
    return group_interval(lambda _, values: float(values.mean()), held.targets, gain, held.groups)


if __name__ == "__main__":
    main()

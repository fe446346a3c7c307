"""Which interaction do two people have? Frames, keypoints, 3D convolutions and their fusion.

UT-Interaction, segmented sets 1 and 2, from pixels: each set by itself, leave one sequence out (10
folds). Keypoints are those of the two people that MoveNet finds. Epochs are fixed and the last is
taken, so nothing is chosen by the sequence that is left out. The weights of the fusion come from
the answers to the other set, whose clips no network of this set has seen.

    playhead weights get movenet-graph movenet-values mobilenet-v2
    PLAYHEAD_DATA=data python benchmarks/recognition_interactions.py --keep interactions

A second run goes on from what --keep holds: keypoints are used as they are, and folds that have
answers are not trained again; other settings need another folder.
"""

import argparse
import csv
import os
import shutil
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from environment import describe
from playhead.files import write_text
from playhead.metrics.bootstrap import Interval
from playhead.metrics.classification import group_interval
from playhead.recognition.answers import ANSWERS, Answers, joined, read_answers
from playhead.recognition.config import find_config, load_recognition_config
from playhead.recognition.fusion import aligned, cross_fitted, find_weights, fuse
from playhead.recognition.pose.extract import ExtractOptions, extract_videos
from playhead.recognition.train import train_recognition

SETS = ("set1", "set2")
PUBLISHED = 93.3
"""Best figure found for set 1 (Raptis and Sigal, 2013), in per cent."""

NAMES = {
    "tcn": "keypoints, TCN",
    "lstm": "keypoints, LSTM",
    "frames": "single frames",
    "clip": "3D convolutions",
}
BARS = {"set1": 90.0, "set2": 85.0}
FOLDS = 10
KEYPOINTS = (
    "data.people=2",
    "network.length=32",
    "network.width=64",
    "network.inputs=[positions, motion, distances, between]",
    "network.average_views=true",
    "network.dropout=0.1",
    "network.last_dropout=0.3",
    "keypoint_augmentation.swap_people=0.5",
    "keypoint_augmentation.noise=0.01",
    "keypoint_augmentation.drop_joints=0.03",
    "training.batch_size=16",
    "training.epochs=60",
    "training.ema=0.98",
    "training.validate_every=1000",
)
SETTINGS: Mapping[str, Sequence[str]] = {
    "tcn": KEYPOINTS,
    "lstm": KEYPOINTS,
    "frames": (
        "data.people=2",
        "network.size=[128, 128]",
        "network.crop=people",
        "network.freeze_encoder=true",
        "training.epochs=12",
        "training.rate=1.0e-2",
        "training.validate_every=1000",
    ),
    "clip": (
        "data.people=2",
        "network.size=[48, 48]",
        "network.frames=12",
        "network.crop=people",
        "network.widths=[16, 32, 64]",
        "training.epochs=25",
        "training.validate_every=1000",
    ),
}


def main() -> None:
    given = arguments()
    begin = time.perf_counter()
    settings = {name: [*SETTINGS[name], *given.settings] for name in given.models}
    print(f"{describe('torch', 'openvino', 'numpy', 'av')}\n", flush=True)
    for name in given.models:
        print(f"{NAMES[name]}: {', '.join(settings[name])}")
    answers: dict[str, dict[str, list[Answers]]] = {}
    for which in given.sets:
        prepare(data_folder(), given.keep, which)
        for name in given.models:
            answers.setdefault(which, {})[name] = [
                left_out(given.keep, which, name, seed, settings[name])
                for seed in (given.seeds if name in ("tcn", "lstm") else given.seeds[:1])
            ]
    fusions = fused(answers)
    print_table(answers, fusions)
    print_classes(fusions or {which: answers[which][given.models[0]] for which in given.sets})
    print(f"\nwall time of this run: {(time.perf_counter() - begin) / 60:.0f} minutes")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Recognise interactions of two people.")
    parser.add_argument("--keep", type=Path, required=True, help="the folder of all that is made")
    parser.add_argument("--sets", nargs="+", default=SETS, choices=SETS)
    parser.add_argument("--models", nargs="+", default=list(NAMES), choices=NAMES)
    parser.add_argument("--seeds", nargs="+", type=int, default=[1, 2, 3], help="of keypoints")
    parser.add_argument("--set", action="append", default=[], dest="settings")
    return parser.parse_args()


def data_folder() -> Path:
    """The folder of UT-Interaction in the one that PLAYHEAD_DATA names."""
    named = os.environ.get("PLAYHEAD_DATA")
    if not named or not (Path(named) / "ut_interaction" / "clips.csv").is_file():
        sys.exit("set PLAYHEAD_DATA to the folder that holds ut_interaction/clips.csv")
    return Path(named) / "ut_interaction"


def prepare(data: Path, keep: Path, which: str) -> None:
    """The clips of a set with an index, as a user would have them, and their keypoints."""
    folder, keypoints = keep / "clips" / which, keep / "keypoints" / which
    folder.mkdir(parents=True, exist_ok=True)
    with (data / "clips.csv").open(newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["path"].startswith(f"{which}/")]
    lines = ["video,label,group"]
    missing = []
    for row in rows:
        video = folder / Path(row["path"]).name
        if not video.exists():
            shutil.copy2(data / row["path"], video)
        if not (keypoints / f"{video.stem}.keypoints.npz").exists():
            missing.append(video)
        lines.append(f"{video.name},{row['class_name']},{row['sequence']}")
    write_text(folder / "index.csv", "\n".join(lines) + "\n")
    if missing:
        options = ExtractOptions(estimator="movenet", people=2)
        extract_videos(missing, keypoints, options, root=folder, threads=1)


def left_out(keep: Path, which: str, name: str, seed: int, settings: Sequence[str]) -> Answers:
    """The answers to each clip of a set by the network that was trained on the other sequences."""
    runs = keep / "runs" / which / f"{name}-{seed}"
    common = [
        f"data.clips={keep / 'clips' / which}",
        f"data.keypoints={keep / 'keypoints' / which}",
        f"data.folds={FOLDS}",
        "training.select=null",
        "training.threads=1",
        f"training.seed={seed}",
    ]
    parts = []
    for fold in range(FOLDS):
        run = runs / f"fold-{fold}"
        if not (run / ANSWERS).is_file():
            shutil.rmtree(run, ignore_errors=True)
            values = [*common, f"data.fold={fold}", *settings]
            config = load_recognition_config(find_config(name), values)
            train_recognition(config, run, export=False)
        part = read_answers(run / ANSWERS)
        assert len(set(part.groups)) == 1, "a fold is one sequence"
        parts.append(part)
    answers = joined(parts)
    right = (answers.log_probabilities.argmax(1) == answers.targets).mean()
    print(f"{which}, {NAMES[name]}, seed {seed}: {right:.3f}", file=sys.stderr, flush=True)
    return answers


def fused(answers: Mapping[str, Mapping[str, list[Answers]]]) -> dict[str, list[Answers]]:
    """The fusion of all networks on each set, with the weights found on the other set, by seed.

    Empty without a second network or without the other set.
    """
    if len(answers) < len(SETS) or len(answers[SETS[0]]) < 2:
        return {}
    members: dict[str, list[list[Answers]]] = {}
    for which in SETS:
        seeds = max(map(len, answers[which].values()))
        members[which] = [
            aligned([runs[min(k, len(runs) - 1)] for runs in answers[which].values()])
            for k in range(seeds)
        ]
    fusions: dict[str, list[Answers]] = {}
    for which, other in zip(SETS, SETS[::-1], strict=True):
        weights = [find_weights(parts) for parts in members[other]]
        shares = np.mean([found / found.sum() for found in weights], axis=0)
        named = zip(answers[which], shares.tolist(), strict=True)
        told = ", ".join(f"{NAMES[name]} {share:.2f}" for name, share in named)
        print(f"weights for {which}, from the answers to {other}: {told}")
        fusions[which] = [
            fuse(parts, found) for parts, found in zip(members[which], weights, strict=True)
        ]
        inner = [top1(cross_fitted(parts)) for parts in members[which]]
        print(f"with weights from other sequences of {which} instead: {100 * np.mean(inner):.1f}")
    return fusions


def top1(answers: Answers) -> float:
    return float((answers.log_probabilities.argmax(1) == answers.targets).mean())


def accuracy(runs: Sequence[Answers], others: Sequence[Answers] = ()) -> Interval:
    """Top-1 in per cent, mean of the seeds, and its interval over sequences.

    others: of another network, whose top-1 on the same clips is subtracted
    """
    parts = aligned([*runs, *others])
    first = parts[0]
    hits = np.stack([part.log_probabilities.argmax(1) == first.targets for part in parts]) * 100.0
    right: NDArray[np.float64] = hits[: len(runs)].mean(0)
    if others:
        right -= hits[len(runs) :].mean(0)
    return group_interval(
        lambda _, hit: float(hit.mean()), first.targets, right[:, None], first.groups
    )


def print_table(
    answers: Mapping[str, Mapping[str, list[Answers]]], fusions: Mapping[str, list[Answers]]
) -> None:
    """A row for each network and set: accuracy in per cent, interval, and each seed."""
    print(
        "\n| set | model | accuracy, % | 95 % over sequences | each seed |\n|---|---|---|---|---|"
    )
    for which, networks in answers.items():
        rows = {NAMES[name]: runs for name, runs in networks.items()}
        if fusions:
            rows["fusion"] = fusions[which]
        for name, runs in rows.items():
            found = accuracy(runs)
            interval = f"{found.low:.1f} to {found.high:.1f}"
            print(f"| {which} | {name} | {found.value:.1f} | {interval} | {spread(runs)} |")
        if which == "set1":
            print(f"| {which} | best published figure found | {PUBLISHED} | | |")
        print(f"| {which} | chance | 16.7 | | |")
    print()
    for which, networks in answers.items():
        if "tcn" in networks:
            verdict = "reached" if accuracy(networks["tcn"]).value >= BARS[which] else "missed"
            print(f"{NAMES['tcn']}, {which}: the bar of {BARS[which]:.0f} % is {verdict}")
    for which, networks in answers.items():
        if "tcn" not in networks:
            continue
        for name, runs in networks.items():
            if name != "tcn":
                difference = accuracy(networks["tcn"], runs)
                print(f"{which}, {NAMES['tcn']} minus {NAMES[name]}: {in_points(difference)}")
        if fusions:
            difference = accuracy(fusions[which], networks["tcn"])
            print(f"{which}, fusion minus {NAMES['tcn']}: {in_points(difference)}")


def in_points(difference: Interval) -> str:
    """A difference in percentage points, with its interval."""
    return f"{difference.value:+.1f} points ({difference.low:+.1f} to {difference.high:+.1f})"


def spread(runs: Sequence[Answers]) -> str:
    return ", ".join(f"{100 * top1(answers):.1f}" for answers in runs)


def print_classes(runs: Mapping[str, Sequence[Answers]]) -> None:
    """What is taken for what, by the fusion or else the first network."""
    for which in runs:
        classes = runs[which][0].classes
        matrix = np.zeros((len(classes), len(classes)), int)
        for answers in runs[which]:
            np.add.at(matrix, (answers.targets, answers.log_probabilities.argmax(1)), 1)
        print(f"\n{which}, rows the truth, all seeds together:\n")
        print(f"| | {' | '.join(classes)} |\n|---|{'---|' * len(classes)}")
        for label, row in zip(classes, matrix.tolist(), strict=True):
            print(f"| {label} | {' | '.join(map(str, row))} |")


if __name__ == "__main__":
    main()

"""Recognition from true joints and from sensors: the keypoint networks on two public data sets.

JHMDB-14 (14 actions, 15 joints annotated in two dimensions, 3 splits) and NATOPS (6 gestures, 8
sensors in three dimensions, official parts). Every network learns from a whole training part, with
settings that were chosen on folds of it, and answers the test part through its bundle once.
`--validate` trains on three folds of each training part and tests on the fourth, which is how the
settings were chosen.

    PLAYHEAD_DATA=data python benchmarks/recognition_keypoints.py [--seeds 1 2 3]
        [--sets jhmdb natops] [--networks tcn lstm] [--work FOLDER] [--validate]
        [--set KEY=VALUE ...]

Finished trainings are kept in --work and not repeated.
"""

import argparse
import hashlib
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file

from environment import describe
from playhead.events.formats.keypoint_formats import convert_keypoints
from playhead.events.formats.keypoints import SUFFIX, KeypointFile, read_keypoints, write_keypoints
from playhead.events.keypoints import Keypoints, Skeleton
from playhead.inference.bundle import WEIGHTS
from playhead.metrics.classification import group_interval, macro_f1, top_k
from playhead.recognition.clips import INDEX, Clip, read_index, write_index
from playhead.recognition.config import find_config, load_recognition_config
from playhead.recognition.data import split_clips
from playhead.recognition.networks import ClipSource, open_networks
from playhead.recognition.train import train_recognition

Metric = Callable[[NDArray[np.intp], NDArray[np.float64]], float]

FOLDS = 4
SPLITS = {"jhmdb": (1, 2, 3), "natops": (1,)}
PUBLISHED = {
    "jhmdb": "DD-Net, mean of the 3 splits: 77.2, after its errors were corrected 82-83",
    "natops": "none found",
}
BASE = (
    "network.last_dropout=0.5",
    "keypoint_augmentation.noise=0.02",
    "keypoint_augmentation.drop_joints=0.1",
    "training.ema=null",
)
"""Settings of the TCN that were packaged when these data sets were measured."""

SETTINGS = {
    "jhmdb": (
        *BASE,
        "network.length=32",
        "network.average_views=true",
        "network.inputs=[positions,motion,distances,bones]",
        "network.dropout=0",
    ),
    "natops": (
        *BASE,
        "network.dropout=0.3",
        "network.inputs=[positions,motion,distances]",
        "keypoint_augmentation.flip=0",
    ),
}
JHMDB = Skeleton(
    name="jhmdb",
    joints=(
        "neck", "belly", "face", "right_shoulder", "left_shoulder", "right_hip", "left_hip",
        "right_elbow", "left_elbow", "right_knee", "left_knee", "right_wrist", "left_wrist",
        "right_ankle", "left_ankle",
    ),
    edges=(
        ("face", "neck"), ("neck", "belly"), ("neck", "right_shoulder"), ("neck", "left_shoulder"),
        ("right_shoulder", "right_elbow"), ("right_elbow", "right_wrist"),
        ("left_shoulder", "left_elbow"), ("left_elbow", "left_wrist"),
        ("belly", "right_hip"), ("belly", "left_hip"), ("right_hip", "right_knee"),
        ("right_knee", "right_ankle"), ("left_hip", "left_knee"), ("left_knee", "left_ankle"),
    ),
    mirrored=tuple(
        (f"left_{joint}", f"right_{joint}")
        for joint in ("shoulder", "elbow", "wrist", "hip", "knee", "ankle")
    ),
    root=("left_hip", "right_hip"),
    torso=(("left_shoulder", "right_shoulder"), ("left_hip", "right_hip")),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Training:
    """One network to train on a split of a data set."""

    data: str
    split: int
    network: str
    seed: int
    settings: tuple[str, ...]
    validate: bool

    def run(self, work: Path) -> "Result":
        """Train and answer the test clips, or read what an earlier run kept."""
        key = hashlib.sha1(repr(self.settings).encode()).hexdigest()[:8]
        fold = "-fold" * self.validate
        folder = work / f"{self.data}{self.split}-{self.network}-{self.seed}-{key}{fold}"
        kept = folder / "result.json"
        if kept.is_file():
            return Result(**json.loads(kept.read_text()))
        clips = work / f"{self.data}{self.split}"
        config = load_recognition_config(
            find_config(self.network),
            (
                f"data.clips={json.dumps(str(clips))}",
                f"data.folds={FOLDS}",
                f"data.train_on_all={str(not self.validate).lower()}",
                "training.select=null",
                f"training.validate_every={10**6}",
                "training.threads=1",
                f"training.seed={self.seed}",
                *self.settings,
            ),
        )
        started = time.monotonic()
        trained = train_recognition(config, folder / "run", device="cpu")
        seconds = time.monotonic() - started

        listed = read_index(clips / INDEX)
        if self.validate:
            tested = [listed[k] for k in split_clips(listed, config.data).validation]
        else:
            tested = [clip for clip in listed if clip.split == "test"]
        networks = open_networks(trained.bundle, device="cpu", threads=1)
        files = [read_keypoints(clip.path) for clip in tested]
        answers = [
            networks.probabilities(ClipSource(file.video, None, file), (0,), span(file))
            for file in files
        ]
        result = Result(
            seconds=seconds,
            parameters=parameters(trained.bundle),
            clips=[clip.path.name.removesuffix(SUFFIX) for clip in tested],
            truth=[networks.classes.index(clip.label) for clip in tested],
            answers=np.round(answers, 6).tolist(),
        )
        kept.write_text(json.dumps(result.__dict__))
        return result


@dataclass(frozen=True)
class Result:
    """What a network answers to the clips it is tested on.

    answers: the probabilities of the classes of each clip
    """

    seconds: float
    parameters: int
    clips: list[str]
    truth: list[int]
    answers: list[list[float]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3], help="of the trainings")
    parser.add_argument("--sets", nargs="+", default=list(SPLITS), choices=list(SPLITS))
    parser.add_argument("--splits", type=int, nargs="+", default=[1, 2, 3], help="of JHMDB")
    parser.add_argument("--networks", nargs="+", default=["tcn", "lstm"], choices=["tcn", "lstm"])
    parser.add_argument("--work", type=Path, help="a folder to keep and to continue")
    parser.add_argument("--validate", action="store_true", help="test on a fold of training clips")
    parser.add_argument("--set", nargs="+", default=[], metavar="KEY=VALUE", dest="settings")
    arguments = parser.parse_args()
    print(describe())
    with tempfile.TemporaryDirectory() as temporary:
        work = (arguments.work or Path(temporary)).resolve()
        for data in arguments.sets:
            splits = [split for split in SPLITS[data] if split in arguments.splits]
            for split in splits:
                if not (work / f"{data}{split}" / INDEX).is_file():
                    convert(data, split, work / f"{data}{split}")
            table(data, splits, work, arguments)


def convert(data: str, split: int, out: Path) -> None:
    """Write a data set as a folder of class folders with keypoints and an index of its parts."""
    named = os.environ.get("PLAYHEAD_DATA")
    source = Path(named) if named else sys.exit("PLAYHEAD_DATA names no folder of real data sets")
    clips: list[Clip] = []
    match data:
        case "jhmdb":
            classes = json.loads((source / "jhmdb14" / "classes.json").read_text())
            with np.load(source / "jhmdb14" / f"split{split}.npz") as arrays:
                for part in ("train", "test"):
                    joints, offsets, labels = (
                        arrays[f"{part}_{name}"] for name in ("joints", "offsets", "labels")
                    )
                    pieces = np.split(joints, offsets[1:-1])
                    for piece, label in zip(pieces, labels, strict=True):
                        clips.append(joints_clip(piece, classes[label], part, out))
        case "natops":
            for part in ("train", "test"):
                series = source / "natops" / f"NATOPS_{part.upper()}.ts"
                convert_keypoints(series, out / part, rate=25)
                clips += [
                    Clip(path=path, label=path.parent.name, group="", split=part)
                    for path in sorted((out / part).glob(f"*/*{SUFFIX}"))
                ]
        case _:
            raise ValueError(data)
    # Neighbours of a class may be of one source: in folds they stay together.
    blocks: dict[tuple[str | None, str], list[int]] = {}
    for k, clip in enumerate(clips):
        blocks.setdefault((clip.split, clip.label), []).append(k)
    groups = {
        k: f"{label}-{part}-{place * FOLDS // len(rows)}"
        for (part, label), rows in blocks.items()
        for place, k in enumerate(rows)
    }
    write_index(
        [
            Clip(path=clip.path, label=clip.label, group=groups[k], split=clip.split)
            for k, clip in enumerate(clips)
        ],
        out / INDEX,
    )


def joints_clip(joints: NDArray[np.float32], label: str, part: str, out: Path) -> Clip:
    """Write joints (T, 15, 2); the same clip has the same name in every split."""
    name = hashlib.sha1(joints.tobytes()).hexdigest()[:12]
    path = out / label / f"{name}{SUFFIX}"
    path.parent.mkdir(parents=True, exist_ok=True)
    points = np.concatenate([joints, np.ones_like(joints[..., :1])], 2)
    frames = np.arange(len(joints), dtype=np.int32)
    file = KeypointFile(
        video=name,
        times=frames / 25,
        size=None,
        skeleton=JHMDB,
        people=(Keypoints(0, JHMDB, frames, points),),
        chosen=(0,),
    )
    write_keypoints(path, file)
    return Clip(path=path, label=label, group="", split=part)


def table(data: str, splits: Sequence[int], work: Path, arguments: argparse.Namespace) -> None:
    """Run the trainings of a data set and print what each network reaches."""
    seeds = arguments.seeds
    part = f"fold 1 of {FOLDS} of the training part" if arguments.validate else "test part"
    print(f"\n{data}, {part}: accuracy in %, mean of {len(splits)} split(s)")
    print(f"published: {PUBLISHED[data]}\n")
    head = " | ".join(f"seed {seed}" for seed in seeds)
    print(f"| network | {head} | mean | 95 % | macro F1 | by split | parameters | seconds |")
    print("|---|" + "---|" * (len(seeds) + 6))
    settings = (*SETTINGS[data], *arguments.settings)
    for network in arguments.networks:
        results = {
            (split, seed): Training(data, split, network, seed, settings, arguments.validate).run(
                work
            )
            for seed in seeds
            for split in splits
        }
        top = {key: score(top_1, [result]) for key, result in results.items()}
        by_seed = [float(np.mean([top[split, seed] for split in splits])) for seed in seeds]
        by_split = [float(np.mean([top[split, seed] for seed in seeds])) for split in splits]
        every = list(results.values())
        f1 = float(np.mean([score(macro_f1, [result]) for result in every]))
        interval = group_interval(
            top_1, *joined(every), [name for result in every for name in result.clips]
        )
        cells = [
            *(f"{100 * value:.1f}" for value in by_seed),
            f"**{100 * float(np.mean(by_seed)):.1f}**",
            f"{100 * interval.low:.1f} to {100 * interval.high:.1f}",
            f"{f1:.3f}",
            ", ".join(f"{100 * value:.1f}" for value in by_split),
            f"{every[0].parameters:,}",
            f"{np.mean([result.seconds for result in every]):.0f}",
        ]
        print(f"| {network} | {' | '.join(cells)} |", flush=True)
    print(f"\nsettings beside the packaged ones: {' '.join(settings)}")


def joined(results: Sequence[Result]) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    truth = np.array([label for result in results for label in result.truth], np.intp)
    return truth, np.concatenate([np.array(result.answers) for result in results])


def score(metric: Metric, results: Sequence[Result]) -> float:
    return metric(*joined(results))


def top_1(truth: NDArray[np.intp], probabilities: NDArray[np.float64]) -> float:
    return top_k(truth, probabilities, 1)


def span(file: KeypointFile) -> tuple[float, float]:
    """From the first frame to the end of the last one."""
    return 0.0, float(file.times[-1] + np.median(np.diff(file.times)))


def parameters(bundle: Path) -> int:
    weights = load_file(bundle / WEIGHTS)
    return sum(value.size for name, value in weights.items() if ".running_" not in name)


if __name__ == "__main__":
    main()

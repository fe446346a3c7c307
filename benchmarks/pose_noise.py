"""How wrong are keypoints of BlazePose? From them come the errors of the gestures world.

UT-Interaction, both sets, at 15 frames a second. No true joints are known, so errors are estimated:

jitter: standard deviation of the error that changes from frame to frame, by second differences
    (white noise of s has differences of s * sqrt(6)), in the slower half of each joint's frames
offset: standard deviation, over people, of the mean difference to MoveNet's joint, divided by
    sqrt(2) since both err
unsure: share of joints with a confidence below .2; and the error of these in single frames, as the
    offset
swapped: share of frames in which a left and a right joint change places
missed: share of frames inside a track without the person
runs: mean number of frames for which a joint stays unsure

Jitter and offset are in lengths of the torso.

    playhead weights get pose
    PLAYHEAD_DATA=data python benchmarks/pose_noise.py [--keep FOLDER]
"""

import argparse
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from environment import data_folder, describe
from playhead.events.formats.keypoints import SUFFIX, KeypointFile, read_keypoints
from playhead.events.keypoints import COCO_17, Keypoints
from playhead.recognition.pose.extract import ExtractOptions, extract_videos

KINDS = ("head", "shoulder", "elbow", "wrist", "hip", "knee", "ankle")
UNSURE = 0.2
SURE_MOVENET = 0.3
LEAST = 20
"""Frames of a track that is measured."""

Floats = NDArray[np.float64]


def main() -> None:
    parser = argparse.ArgumentParser(description="Estimate the errors of BlazePose's keypoints.")
    parser.add_argument("--keep", type=Path, help="a folder for keypoints, used again if there")
    given = parser.parse_args()
    data = data_folder("ut_interaction")
    print(describe("openvino", "numpy", "av"))
    with tempfile.TemporaryDirectory() as temporary:
        keep = given.keep or Path(temporary)
        files = {
            name: dict(keypoint_files(data, keep / name, name)) for name in ("blazepose", "movenet")
        }
        report(files["blazepose"], files["movenet"])


def keypoint_files(data: Path, folder: Path, name: str) -> Iterator[tuple[str, KeypointFile]]:
    """The keypoints of every clip by one estimator, extracted if they are not there yet."""
    videos = sorted(data.glob("set*/*.avi"))
    missing = [
        video
        for video in videos
        if not (folder / video.parent.name / f"{video.stem}{SUFFIX}").is_file()
    ]
    if missing:
        options = ExtractOptions(estimator=name, people=2, rate=15)
        extract_videos(missing, folder, options, root=data, threads=1)
    for video in videos:
        clip = f"{video.parent.name}/{video.stem}"
        yield clip, read_keypoints(folder / f"{clip}{SUFFIX}")


def report(found: dict[str, KeypointFile], other: dict[str, KeypointFile]) -> None:
    """Print a row for each kind of joint, and what concerns whole people."""
    jitter: dict[str, list[float]] = defaultdict(list)
    unsure: dict[str, list[bool]] = defaultdict(list)
    offsets: dict[str, list[Floats]] = defaultdict(list)
    doubtful: dict[str, list[float]] = defaultdict(list)
    swapped: list[bool] = []
    missed: list[float] = []
    runs: list[int] = []
    people = 0
    for clip, file in found.items():
        for person in file.people:
            if len(person.frames) < LEAST:
                continue
            people += 1
            places, confidence, torso = in_torsos(person)
            step = np.diff(person.frames)
            missed.append(
                1 - len(person.frames) * np.median(step) / (np.ptp(person.frames) + step[-1])
            )
            for joint, name in enumerate(COCO_17.joints):
                kind = kind_of(name)
                jitter[kind] += still_errors(places[:, joint], step)
                low = confidence[:, joint] < UNSURE
                unsure[kind] += low.tolist()
                runs += run_lengths(low)
            swapped += swaps(places, step)
            apart, sure = nearest(person, other[clip], torso)
            for joint, name in enumerate(COCO_17.joints):
                told = np.isfinite(apart[:, joint]).all(1)
                if (told & sure[:, joint]).sum() >= LEAST // 2:
                    offsets[kind_of(name)].append(apart[told & sure[:, joint], joint].mean(0))
                doubtful[kind_of(name)] += apart[told & ~sure[:, joint], joint].ravel().tolist()
    print(f"\n{people} people of {len(found)} clips\n")
    print("| joints | jitter | offset | unsure | error of these |\n|---|---|---|---|---|")
    for kind in KINDS:
        apart = deviation(np.concatenate(offsets[kind])) / np.sqrt(2)
        wrong = deviation(doubtful[kind]) / np.sqrt(2)
        print(
            f"| {kind} | {deviation(jitter[kind]):.4f} | {apart:.3f} | {np.mean(unsure[kind]):.3f} "
            f"| {wrong:.3f} |"
        )
    print(
        f"\nswapped {np.mean(swapped):.4f}, missed {np.mean(missed):.3f}, "
        f"frames of an unsure joint {np.mean(runs):.1f}"
    )


def deviation(errors: Sequence[float] | Floats) -> float:
    """A standard deviation that outliers do not change, of errors whose mean is 0."""
    return float(np.median(np.abs(errors)) / 0.6745)


def kind_of(joint: str) -> str:
    kind = joint.rsplit("_", maxsplit=1)[-1]
    return kind if kind in KINDS else "head"


def in_torsos(person: Keypoints) -> tuple[Floats, Floats, float]:
    """Places (N, 17, 2) in torsos around the hips, confidences (N, 17), and a torso in pixels."""
    points = person.points[:, person.skeleton.indices(COCO_17.joints)].astype(np.float64)
    upper, lower = (
        points[:, COCO_17.indices(names), :2].mean(1, keepdims=True) for names in COCO_17.torso
    )
    torso = float(np.median(np.linalg.norm(upper - lower, axis=-1)))
    return (points[..., :2] - lower) / torso, points[..., 2], torso


def still_errors(places: Floats, step: NDArray[np.int32]) -> list[float]:
    """Second differences of (N, 2), as a deviation, where the joint moves least."""
    even = step[1:] == step[:-1]
    speed = np.linalg.norm(places[2:] - places[:-2], axis=1)
    slow = even & (speed <= np.median(speed))
    second = places[2:] - 2 * places[1:-1] + places[:-2]
    values: list[float] = (second[slow] / np.sqrt(6)).ravel().tolist()
    return values


def swaps(places: Floats, step: NDArray[np.int32]) -> list[bool]:
    """Whether limbs change places, for each pair of neighbouring frames in which they are apart."""
    found: list[bool] = []
    even = step == np.median(step)
    for kind in ("elbow", "wrist", "knee", "ankle"):
        left, right = (
            places[:, COCO_17.joints.index(f"{side}_{kind}")] for side in ("left", "right")
        )
        stays = _apart(left[1:], left[:-1]) + _apart(right[1:], right[:-1])
        changes = _apart(right[1:], left[:-1]) + _apart(left[1:], right[:-1])
        told = even & (_apart(left[1:], right[1:]) > 0.15)
        found += (changes < stays / 2)[told].tolist()
    return found


def nearest(
    person: Keypoints, file: KeypointFile, torso: float
) -> tuple[Floats, NDArray[np.bool_]]:
    """Differences (N, 17, 2) in torsos to the person of MoveNet who is the same, nan if not told.

    With them whether BlazePose is sure of a joint, (N, 17); N is 0 if nobody is the same.
    """
    ours = person.points[:, person.skeleton.indices(COCO_17.joints)]
    best = (0.2, np.zeros((0, 17, 2)), np.zeros((0, 17), bool))
    for other in file.people:
        _, rows, columns = np.intersect1d(person.frames, other.frames, return_indices=True)
        if len(rows) < LEAST:
            continue
        theirs = other.points[columns][:, other.skeleton.indices(COCO_17.joints)]
        apart = (ours[rows] - theirs)[..., :2] / torso
        distance = float(np.median(np.abs(apart)))
        if distance < best[0]:
            told = theirs[..., 2] >= SURE_MOVENET
            best = (distance, np.where(told[..., None], apart, np.nan), ours[rows, :, 2] >= UNSURE)
    return best[1:]


def run_lengths(states: NDArray[np.bool_]) -> list[int]:
    edges = np.diff(np.concatenate([[0], states.astype(int), [0]]))
    lengths: list[int] = (np.flatnonzero(edges == -1) - np.flatnonzero(edges == 1)).tolist()
    return lengths


def _apart(first: Floats, second: Floats) -> Floats:
    distances: Floats = np.linalg.norm(first - second, axis=-1)
    return distances


if __name__ == "__main__":
    main()

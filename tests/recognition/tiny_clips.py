"""Tiny clips: a body whose hands move sideways or up, as keypoints, or a square as video."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from playhead.events.formats.keypoints import SUFFIX, KeypointFile, write_keypoints
from playhead.events.keypoints import COCO_17, Keypoints
from playhead.media import VideoWriter

CLASSES = ("across", "up")
RATE, FRAMES = 10, 12
WIDTH, HEIGHT = 64, 48


def pose(frame: float, label: str, rng: np.random.Generator) -> NDArray[np.float32]:
    """(J, 3): a body that stands, with hands that move by its label."""
    points = np.ones((17, 3), np.float32)
    points[:, :2] = (32, 24)
    for names, place in (
        (("left_shoulder", "right_shoulder"), (32, 14)),
        (("left_hip", "right_hip"), (32, 24)),
        (("left_knee", "right_knee"), (32, 32)),
        (("left_ankle", "right_ankle"), (32, 40)),
    ):
        points[COCO_17.indices(names), :2] = place
        points[COCO_17.indices(names), 0] += (3, -3)
    swing = 12 * np.sin(2 * np.pi * frame / FRAMES)
    hands = COCO_17.indices(("left_wrist", "right_wrist"))
    points[hands, :2] = (32, 20)
    points[hands, 0 if label == "across" else 1] += swing
    points[:, :2] += rng.normal(0, 0.3, (17, 2))
    return points


def recording(label: str, seed: int, *, frames: int = FRAMES, others: int = 0) -> KeypointFile:
    """The central person does what the label says, others stand at the edge."""
    rng = np.random.default_rng(seed)
    at = np.arange(frames, dtype=np.int32)
    phase = rng.uniform(0, FRAMES)
    people = [Keypoints(7, COCO_17, at, np.stack([pose(k + phase, label, rng) for k in at]))]
    for number in range(others):
        points = np.stack([pose(0, label, rng) for _ in at])
        points[..., 0] += 25
        people.append(Keypoints(number, COCO_17, at, points))
    return KeypointFile(
        video="clip.mp4",
        times=at / RATE,
        size=(WIDTH, HEIGHT),
        skeleton=COCO_17,
        people=tuple(people),
        chosen=(7,),
    )


def write_recordings(folder: Path, *, groups: int = 6, takes: int = 2) -> Path:
    """Class folders of keypoints without videos; the name tells the group."""
    for number, label in enumerate(CLASSES):
        for group in range(groups):
            for take in range(takes):
                seed = 100 * group + 10 * take + number
                name = f"{label}_g{group:02}_c{take:02}{SUFFIX}"
                write_keypoints(folder / label / name, recording(label, seed))
    return folder


def write_video(path: Path, label: str, seed: int, *, frames: int = FRAMES) -> None:
    """A bright square that moves across or up, over noise."""
    rng = np.random.default_rng(seed)
    left, top = rng.integers(4, 20, 2).tolist()
    path.parent.mkdir(parents=True, exist_ok=True)
    with VideoWriter(path, WIDTH, HEIGHT, rate=RATE) as writer:
        for k in range(frames):
            image = rng.integers(0, 60, (HEIGHT, WIDTH, 3)).astype(np.uint8)
            x, y = (left + 2 * k, top) if label == "across" else (left, top + 2 * k)
            colour = (230, 40, 40) if label == "across" else (40, 40, 230)
            image[y : y + 8, x : x + 8] = colour
            writer.write(image)


def write_videos(folder: Path, *, groups: int = 5) -> Path:
    """Class folders of videos, with keypoints beside them."""
    for number, label in enumerate(CLASSES):
        for group in range(groups):
            path = folder / label / f"{label}_g{group:02}_c00.mp4"
            write_video(path, label, 10 * group + number)
            write_keypoints(path.with_name(path.stem + SUFFIX), recording(label, 10 * group))
    return folder

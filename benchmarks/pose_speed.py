"""Frames a second of the pose estimators on one core at 640x360, decoding apart.

    PLAYHEAD_DATA=... [PLAYHEAD_MEDIAPIPE=ENVIRONMENT/bin/python] python benchmarks/pose_speed.py

One person and three are cut out of a clip of UT-Interaction and set beside each other. Printed are
frames per second of wall time and of processor time: on a busy machine only the second one says
what the program costs. MediaPipe runs in its own environment, with the same frames and one core.
"""

import os
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from environment import describe
from playhead.media import open_video
from playhead.media.scaling import resize
from playhead.recognition.pose.blazepose import BlazePose
from playhead.recognition.pose.movenet import MoveNet
from playhead.recognition.pose.protocol import Pose, PoseEstimator
from pose_agreement import original

CLIP = "ut_interaction/set1/0_1_4.avi"
LEFT, RIGHT = 20, 180  # columns of the clip with the left person alone
FRAMES, WARM = 60, 10
SIZE = (640, 360)

Images = list[NDArray[np.uint8]]


def scenes(data: Path, people: int) -> Images:
    """Frames in which the same person stands several times, each a little later in time."""
    with open_video(data / CLIP) as video:
        source = video.read(np.arange(FRAMES + 10 * (people - 1)))[:, :, LEFT:RIGHT]
    width = round(source.shape[2] * SIZE[1] / source.shape[1])
    cut = [resize(image, (width, SIZE[1])) for image in source]
    images = []
    for k in range(FRAMES):
        image = np.full((SIZE[1], SIZE[0], 3), 128, np.uint8)
        for n in range(people):
            left = round((n + 0.5) * SIZE[0] / people - width / 2)
            image[:, left : left + width] = cut[k + 10 * n]
        images.append(image)
    return images


def measure(run: Callable[[NDArray[np.uint8]], list[Pose]], images: Images) -> str:
    """Frames a second, and how many people were found in a frame."""
    for image in images[:WARM]:
        run(image)
    wall, cpu, found = [], [], []
    for image in images[WARM:]:
        started, cpu_started = time.perf_counter(), time.process_time()
        found.append(len(run(image)))
        wall.append(time.perf_counter() - started)
        cpu.append(time.process_time() - cpu_started)
    return _figures(np.array(wall), np.array(cpu), float(np.mean(found)))


def _figures(wall: NDArray[np.float64], cpu: NDArray[np.float64], people: float) -> str:
    return (
        f"{1 / wall.mean():5.1f} frames/s by the clock, {1 / cpu.mean():5.1f} by processor time "
        f"(median {1e3 * np.median(cpu):.1f} ms), {people:.2f} people a frame"
    )


def main() -> None:
    """Print the speeds."""
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    data = Path(os.environ["PLAYHEAD_DATA"])
    print(describe("openvino", "numpy", "av"))
    for count in (1, 3):
        images = scenes(data, count)
        estimators: list[PoseEstimator] = [
            BlazePose(threads=1, max_people=count),
            MoveNet(threads=1),
        ]
        for estimator in estimators:
            print(f"{estimator.name}, {count} in the frame: {measure(estimator.people, images)}")
        if count == 1 and os.environ.get("PLAYHEAD_MEDIAPIPE"):
            theirs = original(images, "video")
            found = float((~np.isnan(theirs["landmarks"][WARM:, 0, 0])).mean())
            figures = _figures(theirs["seconds"][WARM:], theirs["cpu_seconds"][WARM:], found)
            print(f"mediapipe, 1 in the frame: {figures}")


if __name__ == "__main__":
    main()

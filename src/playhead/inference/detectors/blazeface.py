"""BlazeFace, full range: faces within about five metres, on the whole image at 192 pixels.

Anchors, letterbox and decoding are those of MediaPipe's published graph
`face_detection_full_range`: one anchor of side 1 in the middle of every cell of a 48 x 48 grid.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from playhead.decisions.boxes import Boxes
from playhead.inference.detectors.common import select, sigmoid
from playhead.inference.detectors.graph import Graph, Preparation, check_images
from playhead.inference.precision import Precision
from playhead.media.scaling import letterbox

__all__ = ["BlazeFace", "blazeface_anchors", "decode_blazeface"]

SIDE = 192
STRIDE = 4
OVERLAP = 0.3
_PREPARATION = Preparation(
    axes="NHWC", outputs=("Identity", "Identity_1"), mean=(127.5, 127.5, 127.5), scale=127.5
)


class BlazeFace:
    """Fast face detector, for faces of at least about 1/20 of the image's longer side."""

    name = "blazeface"
    labels: tuple[str, ...] = ("face",)

    def __init__(self, *, threads: int | None = None, precision: Precision = "fp32") -> None:
        self._graph = Graph(self.name, _PREPARATION, threads=threads, precision=precision)

    def detect(
        self, images: Sequence[NDArray[np.uint8]], *, threshold: float
    ) -> list[dict[str, Boxes]]:
        """Faces in each RGB image (H, W, 3), in its pixels; boxes may extend past its edges."""
        check_images(images)
        letterboxed = [letterbox(image, (SIDE, SIDE)) for image in images]
        outputs = self._graph.run([image for image, _ in letterboxed])
        results = []
        for (raw, logits), image, (_, box) in zip(outputs, images, letterboxed, strict=True):
            boxes = decode_blazeface(raw, logits, threshold)
            boxes = boxes.scaled(1 / box.sx, 1 / box.sy, -box.dx / box.sx, -box.dy / box.sy)
            results.append({"face": select(self.name, boxes, image.shape, OVERLAP)})
        return results


def blazeface_anchors() -> NDArray[np.float32]:
    """Centres (2304, 2) of the anchors, x and y in pixels of the 192 x 192 input, row by row."""
    cells = SIDE // STRIDE
    y, x = np.divmod(np.arange(cells * cells), cells)
    return ((np.stack([x, y], axis=1) + 0.5) * STRIDE).astype(np.float32)


def decode_blazeface(
    raw: NDArray[np.float32], logits: NDArray[np.float32], threshold: float
) -> Boxes:
    """Raw boxes (2304, 16: x, y, width, height, six points) and logits (2304, 1) → candidates.

    In pixels of the 192 x 192 input.
    """
    scores = sigmoid(logits[:, 0])
    chosen = scores >= threshold
    centre = blazeface_anchors()[chosen] + raw[chosen, :2]
    half = raw[chosen, 2:4] / 2
    return Boxes(np.concatenate([centre - half, centre + half], axis=1), scores[chosen])

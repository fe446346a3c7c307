"""The interface of detectors: images in, boxes of each label out."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from playhead.decisions.boxes import Boxes

__all__ = ["Detector"]


class Detector(Protocol):
    """Detects its labels in RGB images; `name` is that of its weights."""

    name: str
    labels: tuple[str, ...]

    def detect(
        self, images: Sequence[NDArray[np.uint8]], *, threshold: float
    ) -> list[dict[str, Boxes]]:
        """For each image (H, W, 3), of any sizes: the boxes of every label, by descending score.

        threshold: minimum score of a box. Raises PlayheadError for another shape or type of image,
        WeightsError if the output of the network is not finite.
        """

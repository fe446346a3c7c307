"""Validation during training: the averaged weights on the images that do not train.

An image is seen as a bundle's detector sees it, see `inference.detectors.custom`.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from playhead.decisions.detection import decide
from playhead.decisions.detection_config import DetectionDecisions
from playhead.detection.sample_cache import ImageCache
from playhead.events.images import ImageSet, LabelledImage
from playhead.inference.detectors.custom import View, cells, view_of
from playhead.learning.nn.detector import DetectorNetwork
from playhead.metrics.detection import measure_classes

__all__ = ["LEAST", "Validation"]

LEAST = 0.01
"""The least score of a box that is measured."""


@dataclass(frozen=True, slots=True)
class Validation:
    """Measures a model on images, one at a time.

    longest: pixels that the longer side of an image is brought to; enlarge: of smaller ones too
    """

    images: ImageSet
    cache: ImageCache
    longest: int
    enlarge: bool
    decisions: DetectionDecisions
    device: torch.device

    def measure(self, model: nn.Module) -> dict[str, float]:
        """`ap50` and `ap50_95`, the means over the classes that have any true box."""
        found = ImageSet(self.images.classes, tuple(self._found(model)))
        classes = measure_classes(self.images, found).values()
        known = [one for one in classes if one.boxes]
        return {
            "ap50": float(np.mean([one.ap50 for one in known])),
            "ap50_95": float(np.mean([one.ap50_95 for one in known])),
        }

    def _found(self, model: nn.Module) -> Iterator[LabelledImage]:
        assert isinstance(model, DetectorNetwork)
        network = model.for_images()
        for number, one in enumerate(self.images.images):
            image = self.cache.read(number)
            longest = self.longest if self.enlarge else min(self.longest, max(one.size))
            view = view_of(image, longest, model.strides[-1], enlarge=True)
            pixels = torch.from_numpy(view.pixels[None]).to(self.device)
            answers = network(pixels)[0].float().cpu().numpy()
            yield self._decided(one, view, answers, model.strides)

    def _decided(
        self,
        one: LabelledImage,
        view: View,
        answers: NDArray[np.float32],
        strides: tuple[int, ...],
    ) -> LabelledImage:
        """answers: (N, 4 + C) of the graph → what was found, in the image's own pixels."""
        height, width = view.pixels.shape[:2]
        middles = cells(height, width, strides)[0]
        corners = np.concatenate([middles - answers[:, :2], middles + answers[:, 2:4]], 1)
        scale = np.tile(np.divide(one.size, view.size), 2)
        boxes = np.clip(corners * scale, 0, np.tile(one.size, 2))
        classes = self.images.classes
        found = decide(boxes, answers[:, 4:], classes, self.decisions, LEAST)
        counts = [len(found[label]) for label in classes]
        return replace(
            one,
            boxes=np.concatenate([found[label].boxes for label in classes]).astype(np.float64),
            labels=np.repeat(np.arange(len(classes), dtype=np.int32), counts),
            scores=np.concatenate([found[label].scores for label in classes]),
        )

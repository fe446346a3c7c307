"""Validation during training: AP of the averaged weights on the validation images.

Images are preprocessed as in prediction, see `inference.detectors.custom`.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import nn

from playhead.decisions.detection import decide
from playhead.decisions.detection_config import DetectionDecisions
from playhead.detection.sample_cache import ImageCache
from playhead.events.images import ImageSet, LabelledImage
from playhead.inference.detectors.custom import cells, view_of
from playhead.learning.nn.detector import DetectorNetwork
from playhead.metrics.detection import measure_classes

__all__ = ["MIN_SCORE", "Validation"]

MIN_SCORE = 0.01
"""Minimum score of an evaluated box."""


@dataclass(frozen=True, slots=True)
class Validation:
    """Evaluates a model on images, one at a time.

    longest: longer side, in pixels, that images are resized to; enlarge: also smaller images
    ignore_below: narrower boxes are ignored, in pixels of the image
    """

    images: ImageSet
    cache: ImageCache
    longest: int
    enlarge: bool
    decisions: DetectionDecisions
    device: torch.device
    ignore_below: float = 0

    def measure(self, model: nn.Module) -> dict[str, float]:
        """`ap50` and `ap50_95`, the means over the classes that have true boxes."""
        predictions = ImageSet(self.images.classes, tuple(self._predictions(model)))
        classes = measure_classes(self.images, predictions, min_width=self.ignore_below)
        known = [measured for measured in classes.values() if measured.boxes]
        return {
            "ap50": float(np.mean([measured.ap50 for measured in known])),
            "ap50_95": float(np.mean([measured.ap50_95 for measured in known])),
        }

    def _predictions(self, model: nn.Module) -> Iterator[LabelledImage]:
        assert isinstance(model, DetectorNetwork)
        network, strides, classes = model.for_images(), model.strides, self.images.classes
        for number, image in enumerate(self.images.images):
            longest = self.longest if self.enlarge else min(self.longest, max(image.size))
            view = view_of(self.cache.read(number), longest, strides[-1], enlarge=True)
            pixels = torch.from_numpy(view.pixels[None]).to(self.device)
            outputs = network(pixels)[0].float().cpu().numpy()  # N, 4 + C
            height, width = view.pixels.shape[:2]
            centres = cells(height, width, strides)[0]
            corners = np.concatenate([centres - outputs[:, :2], centres + outputs[:, 2:4]], 1)
            scale = np.tile(np.divide(image.size, view.size), 2)
            boxes = np.clip(corners * scale, 0, np.tile(image.size, 2))
            kept = decide(boxes, outputs[:, 4:], classes, self.decisions, MIN_SCORE)
            counts = [len(kept[label]) for label in classes]
            yield replace(
                image,
                boxes=np.concatenate([kept[label].boxes for label in classes]).astype(np.float64),
                labels=np.repeat(np.arange(len(classes), dtype=np.int32), counts),
                scores=np.concatenate([kept[label].scores for label in classes]),
            )

"""Validation during training: the averaged weights on the pictures that do not train."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from playhead.decisions.detection import decide
from playhead.decisions.detection_config import DetectionDecisions
from playhead.events.pictures.model import LabelledPicture, PictureSet
from playhead.metrics.detection import measure_classes
from playhead.redaction.detector.model import Detector, cells_of
from playhead.samples.picture_cache import PictureCache
from playhead.samples.pictures import fit_into

__all__ = ["LEAST", "Validation"]

LEAST = 0.01
"""The least score of a box that is measured."""


@dataclass(frozen=True, slots=True)
class Validation:
    """Measures a model on pictures brought to the size that it trains at.

    size: width and height
    """

    pictures: PictureSet
    cache: PictureCache
    size: tuple[int, int]
    decisions: DetectionDecisions
    batch_size: int
    device: torch.device

    def measure(self, model: nn.Module) -> dict[str, float]:
        """`ap50` and `ap50_95`, the means over the classes that have any true box."""
        found = PictureSet(self.pictures.classes, tuple(self._found(model)))
        classes = measure_classes(self.pictures, found).values()
        known = [one for one in classes if one.boxes]
        return {
            "ap50": float(np.mean([one.ap50 for one in known])),
            "ap50_95": float(np.mean([one.ap50_95 for one in known])),
        }

    def _found(self, model: nn.Module) -> Iterator[LabelledPicture]:
        assert isinstance(model, Detector)
        width, height = self.size
        middles = cells_of(height, width, model.strides)[0].numpy()
        for start in range(0, len(self.pictures), self.batch_size):
            numbers = range(start, min(start + self.batch_size, len(self.pictures)))
            canvases = [fit_into(self.cache.read(number), self.size)[0] for number in numbers]
            batch = torch.from_numpy(np.stack(canvases)).to(self.device)
            for number, answers in zip(numbers, model.for_bundle()(batch), strict=True):
                one = self.pictures.pictures[number]
                yield self._decided(one, middles, answers.float().cpu().numpy())

    def _decided(
        self, one: LabelledPicture, middles: NDArray[np.float32], answers: NDArray[np.float32]
    ) -> LabelledPicture:
        """answers: (N, 4 + C) of the graph → what was found, in the picture's own pixels."""
        boxes = np.concatenate([middles - answers[:, :2], middles + answers[:, 2:4]], 1)
        scale = max(one.size[0] / self.size[0], one.size[1] / self.size[1])
        classes = self.pictures.classes
        found = decide(boxes * scale, answers[:, 4:], classes, self.decisions, LEAST)
        limits = np.tile(one.size, 2)
        return replace(
            one,
            boxes=np.clip(np.concatenate([found[label].boxes for label in classes]), 0, limits),
            labels=np.repeat(
                np.arange(len(classes)), [len(found[label]) for label in classes]
            ).astype(np.int32),
            scores=np.concatenate([found[label].scores for label in classes]),
        )
